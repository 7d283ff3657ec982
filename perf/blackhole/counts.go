package blackhole

import (
	"maps"
	"sync"
	"sync/atomic"
)

// TableCounts is what committed lane transactions did to one table, in rows.
type TableCounts struct {
	Inserted   uint64 // INSERT
	Replaced   uint64 // REPLACE
	Upserted   uint64 // INSERT .. ON DUPLICATE KEY UPDATE
	Updated    uint64 // UPDATE; one that changes nothing counts too
	Deleted    uint64 // DELETE
	Statements uint64 // row statements of all kinds
}

// Rows is the number of rows written in any way.
func (t TableCounts) Rows() uint64 {
	return t.Inserted + t.Replaced + t.Upserted + t.Updated + t.Deleted
}

// Counts is what was swallowed since the start or the last Reset.
type Counts struct {
	// Tables by name as the statements write it: `schema`.`table`. Sluice's own
	// sluice_meta.chunks is one of them when a copy ran; sluice_meta.lanes never.
	Tables map[string]TableCounts
	// Total of all tables outside sluice_meta.
	Total TableCounts
	// Commits and Rollbacks of lane transactions.
	Commits, Rollbacks uint64
	// Refused is the number of statements answered with error 1064.
	Refused uint64
	// Bytes received in packets of lane transactions, their headers included.
	Bytes uint64
}

// table has its own counters by kind, added to at each commit.
type table struct {
	rows       [kinds]atomic.Uint64
	statements atomic.Uint64
	meta       bool // of sluice_meta
}

func (t *table) counts() TableCounts {
	return TableCounts{
		Inserted: t.rows[kindInsert].Load(), Replaced: t.rows[kindReplace].Load(), Upserted: t.rows[kindUpsert].Load(),
		Updated: t.rows[kindUpdate].Load(), Deleted: t.rows[kindDelete].Load(), Statements: t.statements.Load(),
	}
}

type counters struct {
	rows, commits, rollbacks, refused, bytes atomic.Uint64

	mu     sync.Mutex
	tables map[string]*table
	chunks []string
}

// table returns the counters of a name; they stay the same for good.
func (c *counters) table(name string) *table {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tables[name]
	if t == nil {
		t = &table{meta: inMeta([]byte(name))}
		c.tables[name] = t
	}
	return t
}

// Rows is Counts().Total.Rows(), cheap enough to be read in a loop.
func (c *counters) Rows() uint64 { return c.rows.Load() }

// Counts reads the counters. While transactions run, they are each exact but
// not of one moment.
func (c *counters) Counts() Counts {
	c.mu.Lock()
	tables := maps.Clone(c.tables)
	c.mu.Unlock()
	out := Counts{Tables: map[string]TableCounts{}, Commits: c.commits.Load(), Rollbacks: c.rollbacks.Load(),
		Refused: c.refused.Load(), Bytes: c.bytes.Load()}
	for name, t := range tables {
		n := t.counts()
		if n == (TableCounts{}) {
			continue
		}
		out.Tables[name] = n
		if t.meta {
			continue
		}
		out.Total.Inserted += n.Inserted
		out.Total.Replaced += n.Replaced
		out.Total.Upserted += n.Upserted
		out.Total.Updated += n.Updated
		out.Total.Deleted += n.Deleted
		out.Total.Statements += n.Statements
	}
	return out
}

// Chunks returns the statements that recorded a copy's chunks, in the order of
// their commits.
func (c *counters) Chunks() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.chunks...)
}

// Reset sets all counters to zero and forgets the chunks' records. What open
// transactions did so far counts when they commit.
func (c *counters) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tables {
		for i := range t.rows {
			t.rows[i].Store(0)
		}
		t.statements.Store(0)
	}
	c.chunks = nil
	for _, n := range []*atomic.Uint64{&c.rows, &c.commits, &c.rollbacks, &c.refused, &c.bytes} {
		n.Store(0)
	}
}
