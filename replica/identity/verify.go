package identity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sluice/replica"
)

// The codes of this package.
const (
	CodeHistory   = 61051 // the source does not have the history that the channel has followed
	CodeLowerCase = 61300 // the source's lower_case_table_names changed
	CodeMidCopy   = 61301 // the source is another server before the copy's tables are caught up
)

// Done is what a channel has applied, or handed on to be applied.
type Done struct {
	Position replica.Position
	// Beyond holds transactions behind the position that are applied too, one
	// that is applied in part included. It may be nil.
	Beyond *replica.TxnSet
	// Copying says that rows of the copy may hold transactions beyond the
	// position, which no GTID set lists.
	Copying bool
	// Wait is how long the server may take to have what it lacks: see CatchUp.
	Wait time.Duration
}

// CatchUp is how long a server may take to have a transaction in its GTID set
// that it has sent already: it sends one when it is in the binlog, and commits
// it after that.
const CatchUp = 10 * time.Second

// Verify compares the server that ask reaches with what a channel has followed
// and returns what the server says of itself. Its errors are *replica.Error
// where the server is a wrong one.
//
// It is called for each connection that a channel begins with, and over that
// connection: see Ask. What it cannot see, a history with the same names for
// other transactions, the Reader of the stream compares: see Mark.
func Verify(ctx context.Context, ask Ask, past Past, done Done) (*Server, error) {
	s, err := Read(ctx, ask)
	if err != nil {
		return nil, err
	}
	if err := past.compare(s, done); err != nil {
		return nil, err
	}
	switch done.Position.Mode() {
	case replica.ModeGTID, replica.ModeMariaDB:
		return s, waitFor(ctx, ask, s, done)
	case replica.ModeFile:
		return s, fileThere(ctx, ask, past, s, done.Position.At())
	}
	return s, nil
}

// compare checks what does not need the GTID sets.
func (p Past) compare(s *Server, done Done) error {
	mode := done.Position.Mode()
	if mode == replica.ModeMariaDB && s.Product != MariaDB || mode == replica.ModeGTID && s.Product != MySQL {
		return wrong(fmt.Sprintf("the source is a %s, and this channel's position is %q, of the other product", s.Product, clip(done.Position.Text())), s)
	}
	if mode == replica.ModeGTID && !s.GTIDMode {
		return &replica.Error{Code: 61110, Class: "SOURCE", Message: "the source's gtid_mode is not ON, and this channel follows GTIDs",
			Remedy: "set gtid_mode=ON on the source, step by step, then START MIGRATION; or RESET MIGRATION, drop or empty the target's tables, and START MIGRATION again"}
	}
	if p.LowerCase != nil && *p.LowerCase != s.LowerCase {
		return &replica.Error{Code: CodeLowerCase, Class: "SOURCE",
			Message: fmt.Sprintf("the source's lower_case_table_names is %d, and was %d when this channel began: names of tables mean other tables now", s.LowerCase, *p.LowerCase),
			Remedy:  fmt.Sprintf("set it back to %d, or RESET MIGRATION, drop the target's tables, and START MIGRATION again", *p.LowerCase)}
	}
	if p.ServerID == 0 && p.ServerUUID == "" {
		return nil
	}
	if !p.same(s) {
		if done.Copying {
			return &replica.Error{Code: CodeMidCopy, Class: "SOURCE",
				Message: fmt.Sprintf("the source is another server (%s) than the one that the tables were copied from (%s), and their copy is not caught up: "+
					"the rows that were read may hold transactions that this server does not have", s.name(), p.name()),
				Remedy: "let SOURCE_HOST and SOURCE_PORT name the former server until the phase is REPLICATE, or RESET MIGRATION, drop or empty the target's tables, and START MIGRATION again"}
		}
		return nil
	}
	return p.reset(s)
}

// reset notices a binlog that begins anew on the same server: the number of its
// newest file, or that file's size, went back.
func (p Past) reset(s *Server) error {
	if s.End.File == "" || p.At.File == "" || prefix(s.End.File) != prefix(p.At.File) || !s.End.Before(p.At) {
		return nil
	}
	return wrong(fmt.Sprintf("the source's binlog ends at %s, and this channel has read it up to %s: it was reset, or the server was restored from a backup",
		s.End, p.At), s)
}

func prefix(file string) string {
	if i := strings.LastIndexByte(file, '.'); i >= 0 {
		return file[:i]
	}
	return file
}

// waitFor returns nil once the server has all of done, and the error that names
// what it lacks when it still does after a while.
func waitFor(ctx context.Context, ask Ask, s *Server, done Done) error {
	began := time.Now()
	for {
		lacks := s.lacks(done)
		if lacks == "" {
			return nil
		}
		if time.Since(began) >= done.Wait {
			why := ""
			if s.loose {
				why = ", or a session logged a lower number after them, as gtid_strict_mode is OFF"
			}
			return wrong("the source lacks transactions that this channel has applied: "+clip(lacks)+why, s)
		}
		t := time.NewTimer(250 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-t.C:
		}
		if err := s.readHistory(ctx, ask); err != nil {
			return err
		}
	}
}

// lacks returns which of the transactions the server does not have, "" for none.
func (s *Server) lacks(done Done) string {
	if done.Position.Mode() == replica.ModeGTID {
		want := done.Position.Set().Clone()
		if done.Beyond != nil {
			want.AddSet(done.Beyond)
		}
		return want.Subtract(s.Executed).String()
	}
	var out []string
	need := func(id replica.TxnID) {
		if !s.hasMariaDB(id) {
			out = append(out, id.String())
		}
	}
	for _, id := range done.Position.GTIDs() {
		need(id)
	}
	if done.Beyond != nil {
		done.Beyond.Each(func(source string, r replica.Interval) { need(replica.TxnID{Source: source, Seq: r.Hi}) })
	}
	return strings.Join(out, ",")
}

// hasMariaDB says whether a MariaDB server has logged the transaction, or has
// applied it as a replica without logging it.
func (s *Server) hasMariaDB(id replica.TxnID) bool {
	return s.State[id.Source] >= id.Seq || s.SlavePos[id.Source] >= id.Seq
}

// fileThere checks a position that is only a place in a file. The names of
// binlog files are the same on most servers, so that the server has to be the
// same one too; whether the file is the same one, and what it has at that place,
// the Reader compares.
func fileThere(ctx context.Context, ask Ask, past Past, s *Server, at replica.Coordinates) error {
	known := past.ServerID != 0 || past.ServerUUID != ""
	if known && !past.same(s) && (past.ServerID != s.ID || past.File.Name == "") {
		return wrong(fmt.Sprintf("the source is another server (%s) than the one whose binlog position %s this channel has (%s), and without GTIDs a position means nothing on another server",
			s.name(), at, past.name()), s)
	}
	if at.File == "" {
		return nil
	}
	list, err := files(ctx, ask)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.File != at.File {
			continue
		}
		if f.Pos < at.Pos {
			return wrong(fmt.Sprintf("the source's binlog file %s has %d bytes, and this channel has read it up to %d: it is another file, or its end is lost", at.File, f.Pos, at.Pos), s)
		}
		return nil
	}
	if len(list) > 0 && (replica.Coordinates{File: list[len(list)-1].File}).Before(replica.Coordinates{File: at.File}) {
		return wrong(fmt.Sprintf("the source's newest binlog file is %s, and this channel is in %s: the binlog was reset, or it is another server's", list[len(list)-1].File, at.File), s)
	}
	return &replica.Error{Code: 1236, State: "HY000", Class: "SOURCE",
		Message: fmt.Sprintf("the source no longer has the binlog file %s, in which this channel is", at.File),
		Remedy: "copy the tables again (RESET MIGRATION, empty the target's tables, START MIGRATION), and make the source keep binlogs longer " +
			"(binlog_expire_logs_seconds) before starting again"}
}

func (s *Server) name() string { return serverName(s.ID, s.UUID) }

func (p Past) name() string { return serverName(p.ServerID, p.ServerUUID) }

func serverName(id uint32, uuid string) string {
	if uuid == "" {
		return fmt.Sprintf("server_id %d", id)
	}
	return fmt.Sprintf("server_id %d, UUID %s", id, uuid)
}

// remedyHistory works for each of the reasons, and loses nothing.
const remedyHistory = "if SOURCE_HOST or SOURCE_PORT name a wrong server: STOP MIGRATION, ALTER SOURCE, START MIGRATION; " +
	"after a failover wait until the new source has executed these transactions, then START MIGRATION; if the source has lost them: " +
	"RESET MIGRATION, drop or empty the target's tables, START MIGRATION copies all again"

// wrong is the error for a server with another history.
func wrong(message string, s *Server) *replica.Error {
	if s != nil {
		message += " (" + s.name() + ")"
	}
	return &replica.Error{Code: CodeHistory, Class: "SOURCE", Message: message, Remedy: remedyHistory}
}

// clip keeps a message readable.
func clip(s string) string {
	if len(s) > 400 {
		return s[:400] + ".."
	}
	return s
}
