package replica

import (
	"strings"
	"time"
)

// Op is what a row change does.
type Op uint8

// The row operations of a binlog.
const (
	Insert Op = iota + 1
	Update
	Delete
)

// RowChange is one changed row. Before is nil for an Insert, After for a
// Delete; both hold one Value per column of Table otherwise.
type RowChange struct {
	Table  *Table
	Op     Op
	Before []Value
	After  []Value
}

// DDL is a data definition statement as the source executed it, with the
// session settings that decide what it means. A setting that the source did not
// log, because the statement did not depend on it, has its zero value.
type DDL struct {
	Schema  string // the session's default database; may be empty
	Text    string // the statement
	SQLMode uint64 // the session's sql_mode bits
	// CharsetID is the session's character_set_client as a collation number; 0
	// when unknown.
	CharsetID uint16
	// ConnectionID is the session's collation_connection as a number; 0 when
	// unknown. The source converts string literals to its character set.
	ConnectionID uint16
	// ServerCollationID is the number of the session's collation_server: the
	// default of CREATE DATABASE. 0 when unknown.
	ServerCollationID uint16
	// TimeZone is the session's time_zone as the source names it: an offset, a
	// zone's name, or SYSTEM. It is logged when the statement used it.
	TimeZone string
	// At is the time that CURRENT_TIMESTAMP has in the statement, with
	// microseconds where the statement used them. It may be set by the session.
	At time.Time
	// ExplicitTimestamp is the session's explicit_defaults_for_timestamp. A
	// MySQL source logs it with statements on TIMESTAMP columns; a MariaDB source
	// logs On, and leaves Off Unknown.
	ExplicitTimestamp Setting
	// Collations maps a character set's collation to the one that the session
	// takes as that character set's default, both as numbers: MySQL's
	// default_collation_for_utf8mb4, MariaDB's character_set_collations. nil means
	// that the source logged none; a character set that is not in it has the
	// collation that is built into the server.
	Collations map[uint16]uint16
	// Unread is the code of the first logged setting whose format is not
	// known; the settings after it are then missing. 0 means that all were read.
	Unread byte
}

// excerptBytes bounds what an error quotes of a statement.
const excerptBytes = 200

// Excerpt returns the beginning of the statement for an error message: on one
// line, as valid UTF-8, and without a statement that may hold a password.
func (d *DDL) Excerpt() string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(d.Text, "?")), " ")
	if upper := strings.ToUpper(text); strings.Contains(upper, "CONNECTION") || strings.Contains(upper, "PASSWORD") {
		text, _, _ = strings.Cut(text, "(")
	}
	if len(text) > excerptBytes {
		text = strings.ToValidUTF8(text[:excerptBytes], "") + " .."
	}
	return text
}

// Setting is a switch that may not be known.
type Setting uint8

// The states of a Setting.
const (
	Unknown Setting = iota
	Off
	On
)

// Coordinates say where in the source's binlog files something is: for people,
// for high-water marks and for sources without GTIDs.
type Coordinates struct {
	File string
	Pos  uint64
}

// Transaction is one source transaction, or one part of one that is too large
// to hold (see More). It is not changed after it was handed on.
type Transaction struct {
	ID TxnID
	// Start and End are where its first event begins and its last one ends.
	Start, End Coordinates
	// CommitTime is the source's commit time; microseconds where the source
	// logs them, else seconds.
	CommitTime time.Time
	Rows       []RowChange
	// DDL is not nil when the transaction is a DDL; it then has no rows.
	DDL *DDL
	// Bytes is about what the transaction occupies in memory.
	Bytes int
	// FirstRow counts the transaction's row changes in earlier parts; 0 in a
	// transaction that is whole.
	FirstRow uint64
	// More says that another part of the same transaction follows.
	More bool
	// Keepalive marks a pseudo transaction without an ID that only tells how
	// far the source has been read (End) while nothing relevant happens.
	Keepalive bool
}

// Part says whether t is one part of a transaction that was too large to hold.
func (t *Transaction) Part() bool { return t.More || t.FirstRow > 0 }
