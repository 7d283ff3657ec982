package binlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"sluice/replica"
)

// MariaDB's GTID event flags: sql/log_event.h Gtid_log_event.
const (
	mariaStandalone = 1
	mariaCommitID   = 2
	mariaPreparedXA = 64
	mariaCompleted  = 128
)

// MariaDB's extra GTID event flags (flags_extra): an ALTER TABLE in two phases,
// which binlog_alter_two_phase writes.
const (
	mariaMultiEngine   = 1
	mariaStartAlter    = 2
	mariaCommitAlter   = 4
	mariaRollbackAlter = 8
)

// beginMySQL handles GTID_LOG, ANONYMOUS_GTID_LOG and GTID_TAGGED_LOG.
func (r *Reader) beginMySQL(e *event) error {
	var id replica.TxnID
	var commit time.Time
	var first int64 // when it was committed first, in microseconds
	if e.typ == evGTIDTagged {
		g := &replication.GtidTaggedLogEvent{}
		if err := g.Decode(e.body); err != nil {
			return corrupt("a tagged GTID event does not decode")
		}
		id = replica.TxnID{Source: uuidText(g.SID), Seq: uint64(g.GNO)}
		if tag := g.Tag.String(); tag != "" {
			id.Source += ":" + tag
		}
		if g.ImmediateCommitTimestamp > 0 {
			commit = time.UnixMicro(int64(g.ImmediateCommitTimestamp))
			if first = commit.UnixMicro(); g.OriginalCommitTimestamp > 0 {
				first = int64(g.OriginalCommitTimestamp)
			}
		}
	} else {
		if len(e.body) < 25 {
			return corrupt("a GTID event is cut off")
		}
		if r.sourceText == "" || !bytes.Equal(r.sourceRaw[:], e.body[1:17]) {
			copy(r.sourceRaw[:], e.body[1:17])
			r.sourceText = uuidText(e.body[1:17])
		}
		id = replica.TxnID{Source: r.sourceText, Seq: binary.LittleEndian.Uint64(e.body[17:])}
		// Logical timestamps (2 x 8 bytes behind a type byte), then the 55-bit
		// immediate commit time in microseconds: MySQL 8.0.1+.
		if len(e.body) >= 49 && e.body[25] == 2 {
			var b [8]byte
			copy(b[:7], e.body[42:49])
			immediate := binary.LittleEndian.Uint64(b[:])
			commit = time.UnixMicro(int64(immediate &^ (1 << 55)))
			first = commit.UnixMicro()
			if immediate&(1<<55) != 0 && len(e.body) >= 56 { // a replica's: the original follows
				copy(b[:7], e.body[49:56])
				first = int64(binary.LittleEndian.Uint64(b[:]))
			}
		}
	}
	if e.typ == evAnonymousGTID {
		if r.mode == replica.ModeGTID {
			return &replica.Error{Code: 61110, Class: "SOURCE",
				Message: "the binlog has a transaction without a GTID, and this channel follows GTIDs",
				Remedy:  "set gtid_mode=ON on the source, then RESET MIGRATION and start again"}
		}
		id = replica.TxnID{}
	}
	if commit.IsZero() {
		commit = time.Unix(int64(e.time), 0)
		if r.mode == replica.ModeFile {
			first = commit.UnixMicro() // of the same file at the same place
		}
	}
	return r.start(id, e, commit, first)
}

func uuidText(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// beginMariaDB handles MariaDB's GTID event, which stands for BEGIN too.
func (r *Reader) beginMariaDB(e *event) error {
	if len(e.body) < 13 {
		return corrupt("a GTID event is cut off")
	}
	seq := binary.LittleEndian.Uint64(e.body)
	domain := binary.LittleEndian.Uint32(e.body[8:])
	flags := e.body[12]
	var raw [16]byte
	binary.LittleEndian.PutUint32(raw[:], domain)
	binary.LittleEndian.PutUint32(raw[4:], e.serverID)
	if r.sourceText == "" || raw != r.sourceRaw {
		r.sourceRaw, r.sourceText = raw, fmt.Sprintf("%d-%d", domain, e.serverID)
	}
	id := replica.TxnID{Source: r.sourceText, Seq: seq}
	if err := r.inOrder(domain, id); err != nil {
		return err
	}
	if err := r.start(id, e, time.Unix(int64(e.time), 0), int64(e.time)*1e6); err != nil {
		return err
	}
	r.grouped = flags&mariaStandalone == 0
	extra, ok := mariaExtraFlags(e.body)
	if !ok {
		return corrupt("a GTID event is cut off")
	}
	// The two phases name the statement twice: it has its effect at the second,
	// and only if that is a commit.
	r.noEffect = extra&(mariaStartAlter|mariaRollbackAlter) != 0
	r.prepared = flags&mariaPreparedXA != 0
	r.xaGroup = r.prepared
	return nil
}

// mariaExtraFlags returns the byte of flags that follows what the first byte of
// flags announces; 0 if there is none. Shorter events are padded with zeros. The
// format is that of Gtid_log_event in sql/log_event.cc.
func mariaExtraFlags(body []byte) (flags byte, ok bool) {
	c := &cursor{b: body}
	c.take(12)
	first := byte(c.uint(1))
	if first&mariaCommitID != 0 {
		c.take(8)
	}
	if first&(mariaPreparedXA|mariaCompleted) != 0 {
		c.take(4)
		global, branch := int(c.uint(1)), int(c.uint(1))
		c.take(global + branch)
	}
	if c.bad {
		return 0, false
	}
	if len(c.b) == 0 {
		return 0, true
	}
	return byte(c.uint(1)), true
}

// parseQuery reads a query event: Query_event in statement_events.h.
func parseQuery(e *event) (replica.DDL, error) {
	c := &cursor{b: e.body}
	c.take(8)
	schema := int(c.uint(1))
	c.take(2)
	vars := &cursor{b: c.take(int(c.uint(2)))}
	ddl := replica.DDL{Schema: string(c.take(schema)), At: time.Unix(int64(e.time), 0).UTC()}
	c.take(1)
	if c.bad {
		return ddl, corrupt("a query event is cut off")
	}
	text := c.b
	if e.typ == evMQueryZ {
		var err error
		if text, err = inflate(text); err != nil {
			return ddl, corrupt("a compressed query event does not decompress")
		}
	}
	if !statusVars(vars, &ddl) {
		return ddl, corrupt("the settings of a query event are cut off")
	}
	ddl.Text = string(text)
	return ddl, nil
}

// isBegin says whether a query event is a plain BEGIN, as nearly all are, by
// looking where its text must begin.
func isBegin(body []byte) bool {
	const fixed, begin = 13, "BEGIN"
	if len(body) < fixed {
		return false
	}
	at := fixed + int(binary.LittleEndian.Uint16(body[11:])) + int(body[8]) + 1
	return len(body) == at+len(begin) && string(body[at:]) == begin
}

// query handles BEGIN, COMMIT and their like, DDL, and writes logged as text.
func (r *Reader) query(e *event) error {
	if e.typ == evQuery && r.txn != nil && isBegin(e.body) {
		r.grouped = true
		return nil
	}
	q, err := parseQuery(e)
	if err != nil {
		return err
	}
	word, rest := r.dialect.keyword(q.Text)
	switch word {
	case "BEGIN":
		if r.txn == nil { // servers that log no GTID event
			if err := r.start(replica.TxnID{}, e, time.Unix(int64(e.time), 0), 0); err != nil {
				return err
			}
		}
		r.grouped = true
		return nil
	case "COMMIT":
		return r.commit(e)
	case "SAVEPOINT", "RELEASE":
		return nil
	case "ROLLBACK":
		return r.rollback(e, rest)
	case "XA":
		return r.xa(e, rest)
	}
	return r.statement(e, q, word, rest)
}

// rollback handles a group that was rolled back but had to be logged because
// it changed a table of an engine without transactions.
func (r *Reader) rollback(e *event, rest string) error {
	if r.txn != nil && r.rowsSeen > 0 {
		return &replica.Error{Code: 61111, Class: "SOURCE",
			Message: fmt.Sprintf("transaction %s was rolled back in part: it mixes engines with and without transactions", r.txn.ID),
			Remedy:  "convert the tables of this migration to InnoDB on the source, then RESET MIGRATION and start again"}
	}
	if w, _ := r.dialect.keyword(rest); w == "TO" {
		return nil
	}
	return r.commit(e)
}

func (r *Reader) xa(e *event, rest string) error {
	switch w, _ := r.dialect.keyword(rest); w {
	case "START", "BEGIN":
		if r.txn != nil {
			r.grouped, r.xaGroup = true, true
		}
		return nil
	case "END":
		return nil
	}
	// XA COMMIT or ROLLBACK of a prepared transaction: that one was refused
	// if it had rows of this migration.
	if r.txn == nil {
		if err := r.start(replica.TxnID{}, e, time.Unix(int64(e.time), 0), 0); err != nil {
			return err
		}
	}
	r.finish()
	return nil
}

func (r *Reader) statement(e *event, q replica.DDL, word, rest string) error {
	if r.dialect.isTemporary(word, rest) || word == "" && rest == "" {
		if r.txn != nil && !r.grouped {
			r.finish()
		}
		return nil
	}
	if r.txn == nil {
		if err := r.start(replica.TxnID{}, e, time.Unix(int64(e.time), 0), 0); err != nil {
			return err
		}
	}
	if r.noEffect {
		r.finish()
		return nil
	}
	if r.past.skipping {
		if !r.grouped {
			r.finish()
		}
		return nil
	}
	if r.dialect.isData(word, rest) {
		if err := r.resolver.Statement(q); err != nil {
			return err
		}
		if !r.grouped {
			r.finish()
		}
		return nil
	}
	r.dropTables()
	if !r.grouped {
		r.txn.DDL = &q
		r.finish()
		return nil
	}
	// CREATE TABLE .. SELECT: the table, then its rows, in one transaction.
	if r.rowsSeen > 0 {
		return &replica.Error{Code: 61114, Class: "SOURCE",
			Message: fmt.Sprintf("transaction %s has a DDL behind rows", r.txn.ID),
			Remedy:  "set binlog_format=ROW on the source for all sessions (SET GLOBAL, then reconnect them), then RESET MIGRATION and start again"}
	}
	r.txn.DDL = &q
	return r.part()
}
