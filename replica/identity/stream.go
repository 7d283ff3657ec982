package identity

import (
	"context"
	"fmt"

	"sluice/replica"
)

// Stream compares a dump with what a channel has followed. It belongs to one
// connection, and to the goroutine that reads it.
//
//	dump from    Begin: a little before the channel's position where that is
//	             possible, so that the dump begins with the channel's mark
//	File         each format description: the file of the known name must be
//	             the known file
//	Mark         the mark's own transaction: it must be the known one
//
// Transactions of the dump that the channel has already are told by Known.
type Stream struct {
	past   Past
	server *Server
	done   replica.Position // the channel's
	mark   Mark             // that the dump will send; zero: none
	learn  bool             // the mark's time is not known yet
	met    bool             // the mark has come
}

// Begin verifies the server behind a connection that will dump, and returns the
// position from which it is to dump.
func Begin(ctx context.Context, ask Ask, past Past, done Done) (*Stream, replica.Position, error) {
	s, err := Verify(ctx, ask, past, done)
	if err != nil {
		return nil, replica.Position{}, err
	}
	x := &Stream{past: past, server: s, done: done.Position}
	mark := past.Mark
	if mark.IsZero() || !done.Position.Contains(mark.ID) {
		mark, x.learn = newest(done.Position, s), true
	}
	if mark.IsZero() {
		return x, done.Position, x.uncertain()
	}
	there, err := x.sends(ctx, ask, mark)
	if err != nil {
		return nil, replica.Position{}, err
	}
	if !there {
		return x, done.Position, x.uncertain()
	}
	x.mark = mark
	return x, done.Position.Before(mark.ID, mark.Before, mark.Start), nil
}

// uncertain refuses a MariaDB server of the known server_id and another
// server_uid, when no transaction can be compared: two servers that were set up by
// one script have the same GTIDs, files and times. server_uid alone is no proof
// either way, as it changes with the machine's network address and port.
func (x *Stream) uncertain() error {
	p, s := x.past, x.server
	if p.Product != MariaDB || p.ServerUUID == "" || s.UUID == "" || p.ServerUUID == s.UUID || p.ServerID != s.ID {
		return nil
	}
	return wrong(fmt.Sprintf("the source has the server_id of the server that this channel follows, and another server_uid than it (%s), and it has no transaction by which to tell whether it is the same", p.ServerUUID), s)
}

// newest is a transaction of a GTID set that a server certainly has in its
// newest files, for a channel that has seen none yet: the server's own last one.
// It is no mark before its time is known. Other kinds of position do not say
// what comes before their last transaction: the first that arrives is the mark.
func newest(p replica.Position, s *Server) Mark {
	if p.Mode() != replica.ModeGTID || s.UUID == "" {
		return Mark{}
	}
	var m Mark
	p.Set().Each(func(source string, r replica.Interval) {
		if source == s.UUID {
			m.ID = replica.TxnID{Source: source, Seq: r.Hi}
		}
	})
	return m
}

// sends says whether the server can still send the mark's transaction. A
// replica that was made from a backup may have its GTID and not the transaction.
func (x *Stream) sends(ctx context.Context, ask Ask, m Mark) (bool, error) {
	switch x.done.Mode() {
	case replica.ModeGTID:
		return !x.server.Purged.Contains(m.ID), nil
	case replica.ModeFile:
		list, err := files(ctx, ask)
		for _, f := range list {
			if f.File == m.Start.File {
				return f.Pos >= m.End.Pos, err
			}
		}
		return false, err
	}
	if m.Before.Seq == 0 || x.server.State[m.Before.Source] < m.Before.Seq {
		return false, nil
	}
	list, err := files(ctx, ask)
	if err != nil || len(list) == 0 {
		return false, err
	}
	first, err := one(ctx, ask, "SELECT BINLOG_GTID_POS("+literal(list[0].File)+", 4)", 1)
	if err != nil {
		return false, err
	}
	oldest, err := replica.GTIDPosition(replica.ModeMariaDB, first[0])
	return err == nil && !oldest.Contains(m.ID), err
}

// literal quotes a file name.
func literal(s string) string {
	out := []byte{'\''}
	for i := range len(s) {
		if s[i] == '\'' || s[i] == '\\' {
			out = append(out, s[i])
		}
		out = append(out, s[i])
	}
	return string(append(out, '\''))
}

// Compared says that nothing is left to compare before the first transaction
// that the channel does not have.
func (x *Stream) Compared() bool { return x.met || x.mark.IsZero() && x.past.File.Name == "" }

// Passed says, once the dump has sent something that the channel does not have or
// a heartbeat, that nothing is left to compare: before it a wrong server may still
// be found out, and nothing of it may be remembered.
func (x *Stream) Passed() bool { return x.met || x.mark.IsZero() }

// Server is the server of the connection.
func (x *Stream) Server() *Server { return x.server }

// File compares a binlog file that the dump comes to.
func (x *Stream) File(f FileStamp) error {
	known := x.past.File
	if known.Name == "" || known.Name != f.Name || x.done.Mode() != replica.ModeFile && !x.past.same(x.server) {
		return nil
	}
	if known.Written == f.Written && known.ServerID == f.ServerID {
		return nil
	}
	return wrong(fmt.Sprintf("the source's binlog file %s is another one than the file of this name that this channel has read: the binlog was reset, or it is another server's", f.Name), x.server)
}

// Known says whether the channel has a transaction of the dump already. begin
// is where it begins.
func (x *Stream) Known(id replica.TxnID, begin replica.Coordinates) bool {
	if x.mark.IsZero() {
		return false
	}
	switch x.done.Mode() {
	case replica.ModeGTID:
		return id == x.mark.ID
	case replica.ModeFile:
		return begin.Before(x.done.At())
	}
	return x.done.Contains(id)
}

// Below says whether a transaction that the channel does not have begins before
// a place before which it has all. A MariaDB server looks for a GTID, and finds an
// older place where two transactions have one name.
func (x *Stream) Below(begin replica.Coordinates) bool {
	return x.done.Mode() == replica.ModeMariaDB && x.past.Floor.File != "" && x.past.same(x.server) && begin.Before(x.past.Floor)
}

// Met compares the transactions of the dump that the channel has already. It is
// called at the end of each.
func (x *Stream) Met(got Mark) error {
	want := x.mark
	if x.done.Mode() == replica.ModeFile {
		if got.Start != want.Start {
			return nil
		}
		if got.End != want.End {
			return wrong(fmt.Sprintf("the transaction at %s ends at %s in the source's binlog, and at %s in the one that this channel has read", want.Start, got.End, want.End), x.server)
		}
	} else if got.ID != want.ID {
		return nil
	}
	x.met = true
	if x.learn {
		return nil
	}
	if x.past.same(x.server) && want.Sum != 0 && got.Sum != 0 && (got.Sum != want.Sum || got.Start != want.Start || got.End != want.End) {
		return wrong(fmt.Sprintf("the source's transaction %s at %s is another one than the transaction of this name at %s that this channel has applied: the histories differ",
			want.ID, got.Start, want.Start), x.server)
	}
	if want.Micros == 0 || got.Micros == 0 || got.Micros == want.Micros {
		return nil
	}
	return wrong(fmt.Sprintf("the source's transaction %s was committed at %s, and the one of this name that this channel has applied at %s: the histories differ",
		want.ID, got.time(), want.time()), x.server)
}
