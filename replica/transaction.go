package replica

import "time"

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

// DDL is a data definition statement as the source executed it.
type DDL struct {
	Schema  string // the session's default database; may be empty
	Text    string // the statement
	SQLMode uint64 // the session's sql_mode bits
	// CharsetID is the session's character_set_client as a collation number; 0
	// when unknown.
	CharsetID uint16
}

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
