package apply

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/replica"
)

// Statement is one statement of a fenced commit.
type Statement struct {
	SQL string
	// Want is the number of affected rows that it must report; -1: any.
	Want int64
}

// Literal returns a text as an SQL literal.
func Literal(s string) string { return string(appendQuoted(nil, []byte(s))) }

func convert(stmts []Statement) []statement {
	out := make([]statement, len(stmts))
	for i, s := range stmts {
		out[i] = statement{sql: []byte(s.SQL), want: s.Want, binding: &Binding{Schema: MetaSchema}}
	}
	return out
}

// Copier writes a channel's copy: chunks through the lanes' rows, everything
// else through the control lane. Nothing else may write for the channel
// meanwhile. Lane n is for one goroutine at a time.
type Copier struct {
	cfg     Config
	claimed *Claimed
	slots   []*slot
}

// Chunk is the record that is committed together with a chunk's rows.
type Chunk struct {
	Schema, Table string // of the source
	No            int
	Lo, Hi        string // the bounds as text
	Rows          uint64
	Bytes         uint64
}

// NewCopier prepares the copy of a claimed channel. Close gives the lanes back.
func NewCopier(cfg Config, c *Claimed) *Copier {
	cfg.complete()
	a := &Applier{cfg: cfg}
	cp := &Copier{cfg: cfg, claimed: c}
	for i := range c.lanes {
		cp.slots = append(cp.slots, a.slot(c, i))
	}
	cp.slots[0].partial = c.Partial
	return cp
}

// Lanes returns how many chunks may be written at the same time: lanes 1 to
// Lanes.
func (c *Copier) Lanes() int { return len(c.slots) - 1 }

// Close closes the connections and hands the lanes' state back to the Claimed.
func (c *Copier) Close() {
	for i, s := range c.slots {
		s.drop()
		c.claimed.lanes[i] = laneRow{seq: s.seq, extra: s.extra}
	}
	c.slots = nil
}

// Control commits statements through the control lane; the position stays.
//
// Dying before it leaves nothing of them, dying after it all of them; a
// channel with a newer owner gets ErrFenced and nothing.
func (c *Copier) Control(ctx context.Context, stmts ...Statement) error {
	s := c.slots[0]
	return s.commit(ctx, c.claimed.Base.String(), s.extra, s.partial, convert(stmts))
}

// Start records the channel's first position together with stmts.
func (c *Copier) Start(ctx context.Context, base replica.Position, stmts ...Statement) error {
	s := c.slots[0]
	if err := s.commit(ctx, base.String(), replica.NewTxnSet(), nil, convert(stmts)); err != nil {
		return err
	}
	c.claimed.Base, c.claimed.Extra, c.claimed.Partial = base, replica.NewTxnSet(), nil
	return nil
}

// WriteChunk writes a chunk's rows and its record in one fenced transaction: a
// chunk is in the target whole and with its record, or not at all, so that a
// resumed copy reads exactly the chunks that have no record. rows has one
// Value per column of the binding's source table.
//
// A table with several unique keys is written with REPLACE: chunks are read at
// different moments, so that two rows may be read with a unique value that
// moved between them; the change event of the row that lost it comes later and
// writes that row again. So is one whose key has only a column's first
// characters, as chunks are bounded by the whole column. Where the row's key is the
// only one, and whole, no row of another chunk can have it: a row that is in its
// way is somebody else's, or the target holds two keys equal that the source
// tells apart, or the source's key is another one by now. That is error 61052,
// unless on_conflict=REPLACE.
func (c *Copier) WriteChunk(ctx context.Context, lane int, b *Binding, rows [][]replica.Value, rec Chunk) error {
	if err := b.incompleteRows(rows); err != nil {
		return err
	}
	s := c.slots[lane]
	verb, want := "INSERT INTO ", int64(1)
	if CopiedByReplace(b.Source) {
		verb, want = "REPLACE INTO ", -1
	}
	record := statement{sql: []byte("INSERT INTO " + MetaSchema + ".chunks VALUES (" + strings.Join([]string{
		Literal(s.channel), Literal(rec.Schema), Literal(rec.Table), strconv.Itoa(rec.No), Literal(rec.Lo), Literal(rec.Hi),
		strconv.FormatUint(rec.Rows, 10), strconv.FormatUint(rec.Bytes, 10)}, ",") + ")"), want: 1, binding: b, op: replica.Insert}
	stmts := append(appendInserts(nil, &s.forms, b, verb, rows, want), record)
	err := s.commit(ctx, c.claimed.Base.String(), s.extra, s.partial, stmts)
	if err == nil || classify(err) == outcomeFenced {
		return err
	}
	if classify(err) != outcomeConflict {
		return copyError(err, b)
	}
	e := chunkConflict(err, b)
	if c.cfg.OnConflict != ConflictReplace || b.key == nil || want < 0 {
		if err := s.commit(ctx, c.claimed.Base.String(), s.extra, s.partial, []statement{s.diverged(e.Table)}); err != nil {
			return copyError(err, b)
		}
		return e
	}
	stmts = append(appendInserts(nil, nil, b, "REPLACE INTO ", rows, -1), record, s.diverged(e.Table))
	if err := s.commit(ctx, c.claimed.Base.String(), s.extra, s.partial, stmts); err != nil {
		return copyError(err, b)
	}
	if c.cfg.Report != nil {
		e.Remedy = ""
		c.cfg.Report(e)
	}
	return nil
}

// CopiedByReplace says whether the copy replaces rows of a table that are in the
// way of its own: see WriteChunk.
func CopiedByReplace(t *replica.Table) bool {
	k := t.RowKey()
	if k == nil || hasGenerated(t, k) {
		return false
	}
	if slices.ContainsFunc(k.Prefix, func(n int) bool { return n > 0 }) {
		return true
	}
	return t.Primary != nil && len(t.Unique) > 0 || len(t.Unique) > 1
}

// chunkConflict says that rows of a chunk met others.
func chunkConflict(err error, b *Binding) *replica.Error {
	e := conflictError(err, replica.TxnID{Source: "copy"}, []*Binding{b})
	e.Table = b.Schema + "." + b.Name
	e.Message = fmt.Sprintf("rows of the copy met others in %s: %s", e.Table, conflictOf(err))
	e.Remedy = "somebody else writes to the target's table, or the target holds keys equal that the source tells apart: compare their collations; then " +
		"RESET MIGRATION, drop or empty the target's tables and START MIGRATION again"
	return e
}

func copyError(err error, b *Binding) error {
	switch classify(err) {
	case outcomeFenced:
		return err
	case outcomeConflict:
		return chunkConflict(err, b)
	}
	return targetError(err, "copy rows into "+b.Schema+"."+b.Name)
}

// RunDDL executes a DDL of the copy's own making, recorded and fenced as
// Applier.RunDDL does; the position stays. p.Txn.ID is a name that is the same
// at every repetition; p.Txn.DDL holds the text for the log.
func (c *Copier) RunDDL(ctx context.Context, p *DDLPlan) error {
	s := c.slots[0]
	d := &ddlRunner{cfg: &c.cfg, control: s, checkpoint: func() (string, *replica.TxnSet) { return c.claimed.Base.String(), s.extra }}
	return d.run(ctx, p)
}

// Empty deletes a target table's rows in fenced transactions of some thousand
// rows each, together with after in the last one. It is used before a table is
// copied again.
func (c *Copier) Empty(ctx context.Context, b *Binding, after ...Statement) error {
	s := c.slots[0]
	for {
		n, err := s.deleteSome(ctx, c.claimed.Base.String(), b)
		if err != nil {
			return copyError(err, b)
		}
		if n == 0 {
			return c.Control(ctx, after...)
		}
	}
}

// deleteSome deletes up to 5,000 rows and returns how many there were. The
// count is read before, so that a repeated transaction is harmless.
func (s *slot) deleteSome(ctx context.Context, base string, b *Binding) (int, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	row, err := s.sess.queryRow(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+b.quoted+" LIMIT 5000) x")
	if err != nil {
		if classify(err) == outcomeLost {
			s.drop()
			return 1, nil
		}
		return 0, err
	}
	n, err := strconv.Atoi(row[0])
	if err != nil || n == 0 {
		return 0, err
	}
	del := statement{sql: []byte("DELETE FROM " + b.quoted + " LIMIT 5000"), want: -1, binding: b, op: replica.Delete}
	return n, s.commit(ctx, base, s.extra, s.partial, []statement{del})
}

// timestamp is now as the target's tables store it.
func timestamp() string {
	return "'" + time.Now().UTC().Format("2006-01-02 15:04:05.000000") + "'"
}
