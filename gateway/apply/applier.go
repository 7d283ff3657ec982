package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/replica"
)

// Conflict says what happens when the target's rows are not what they must be.
type Conflict uint8

// The answers to a conflict.
const (
	ConflictStop    Conflict = iota // stop the channel
	ConflictReplace                 // make the rows as the source has them, and report
)

// CodeSplit is the code of the notice that a transaction was applied in parts.
const CodeSplit = 61120

// DefaultLanes is how many lanes a channel has unless it is told otherwise.
const DefaultLanes = 8

// Config says how an Applier writes.
type Config struct {
	// Connector connects to the target: several statements may be in a packet,
	// affected rows are changed rows, the character set is utf8mb4.
	Connector   Connector
	Lanes       int // 0: DefaultLanes
	ForeignKeys bool
	OnConflict  Conflict
	Limits      Limits
	Log         *slog.Logger
	// Report is told of conflicts that were settled, and of transactions that
	// were split; nil: nobody is. It must not block.
	Report func(*replica.Error)
	// Away is told when a lane cannot reach the target, or not commit there for
	// seconds, and with nil when that is over; nil: nobody is. It must not block.
	Away func(error)
	// Count is told how many rows of a table were inserted, updated and deleted
	// in a committed batch; nil: nobody is. It must not block.
	Count func(b *Binding, inserts, updates, deletes uint64)
	// Beside returns what is to be stored in the commit that stores a position,
	// which is pos or a later one; nil: nothing is. It is asked every second or so,
	// and with last at the end of the run. It must not block.
	Beside func(pos replica.Position, last bool) []Statement

	// IDs is what LoadAutoIDs read after the claim.
	IDs AutoIDs

	formRows int // rows of a form; 0: as many as a statement has
}

func (c *Config) complete() {
	if c.Lanes == 0 {
		c.Lanes = DefaultLanes
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.formRows == 0 {
		c.formRows = maxStatementRows
	}
}

// Router says where a table version's rows go. It is called by Apply, once per
// table and transaction.
type Router interface {
	// Route returns the binding of the rows of t in transaction txn; nil when
	// the target has them already or they are not wanted. upsert says that the
	// target may be ahead of the transaction.
	Route(ctx context.Context, t *replica.Table, txn *replica.Transaction) (b *Binding, upsert bool, err error)
}

// Applier writes one channel's transactions. Apply, Drain, SetBase, RunDDL and
// Chunks' use are for one goroutine; the rest may be called from any.
type Applier struct {
	cfg     Config
	router  Router
	sched   *scheduler
	control *slot
	// controlMu lets the idle checkpoint and the owner share the control lane.
	controlMu baton
	skip      *replica.TxnSet // applied before this owner came
	partial   *Partial
	stats     counters
	ids       *autoIDs

	group  *errgroup.Group
	cancel context.CancelFunc
}

// baton is a mutex that is held over network calls: for as long as the target is away, if a checkpoint waits for it.
type baton chan struct{}

// take locks, unless ctx ends before.
func (b baton) take(ctx context.Context) error {
	select {
	case b <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b baton) Lock()   { b <- struct{}{} }
func (b baton) Unlock() { <-b }

// counters are what Stats is made from.
type counters struct {
	inserts, updates, deletes  atomic.Uint64
	rows, bytes, txns, commits atomic.Uint64
	conflicts, split           atomic.Uint64
	commitNanos                atomic.Int64
	checkpointNanos            atomic.Int64 // when the position was last stored
}

// Stats are totals since Open.
type Stats struct {
	Inserts, Updates, Deletes uint64
	// Bytes are those of the source's binlog.
	Rows, Bytes, Transactions uint64
	Commits, Conflicts        uint64
	// CommitTime is the time that all lanes together spent in transactions.
	CommitTime time.Duration
	QueueRows  int
	QueueBytes int
	// Checkpoint is when the position was last stored; zero before.
	Checkpoint time.Time
}

func (s *counters) checkpoint() { s.checkpointNanos.Store(time.Now().UnixNano()) }

// Open starts the lanes of a claimed channel. They run until Close or until
// ctx ends; Close must be called in either case.
func Open(ctx context.Context, cfg Config, c *Claimed, router Router) (*Applier, error) {
	cfg.complete()
	if len(c.lanes) <= cfg.Lanes {
		return nil, fmt.Errorf("open the applier: %d lanes are wanted and %d were claimed", cfg.Lanes, len(c.lanes)-1)
	}
	a := &Applier{cfg: cfg, router: router, skip: c.Extra, partial: c.Partial, sched: newScheduler(c.Base, cfg.Limits),
		controlMu: make(baton, 1), ids: newAutoIDs(cfg.IDs)}
	a.control = a.slot(c, 0)
	a.control.partial = c.Partial
	for i := 1; i <= cfg.Lanes; i++ {
		a.sched.join(&lane{slot: *a.slot(c, i), a: a})
	}
	ctx, a.cancel = context.WithCancel(ctx)
	a.group, ctx = errgroup.WithContext(ctx)
	for _, l := range a.sched.lanes {
		a.group.Go(func() error { return a.safely(func() error { return l.run(ctx) }) })
	}
	a.group.Go(func() error { return a.safely(func() error { return a.checkpoints(ctx) }) })
	return a, nil
}

// safely runs a lane's work; a panic ends the applier as an error does.
func (a *Applier) safely(work func() error) error {
	err := replica.Safely(work)
	if err != nil {
		a.sched.fail(err)
	}
	return err
}

// slot returns the claimed lane row as a slot.
func (a *Applier) slot(c *Claimed, lane int) *slot {
	return &slot{connector: a.cfg.Connector, foreignKeys: a.cfg.ForeignKeys, log: a.cfg.Log, away: a.cfg.Away,
		forms: forms{rows: a.cfg.formRows}, channel: c.Channel, lane: lane, epoch: c.Epoch, seq: c.lanes[lane].seq, extra: c.lanes[lane].extra}
}

// Close stops the lanes at their transactions' boundaries and closes the
// connections. What is queued and not begun is dropped: it is read again by
// the next owner. It returns the first error of a lane, ErrFenced included.
func (a *Applier) Close() error {
	a.sched.close()
	err := a.stopLanes()
	a.controlMu.Lock()
	defer a.controlMu.Unlock()
	a.control.drop()
	return err
}

// stopLanes waits a while for transactions under way, then cuts them off.
func (a *Applier) stopLanes() error {
	done := make(chan error, 1)
	go func() { done <- a.group.Wait() }()
	t := time.NewTimer(stopPatience)
	defer t.Stop()
	select {
	case err := <-done:
		a.cancel()
		return err
	case <-t.C:
		a.cancel()
		return <-done
	}
}

// stopPatience is how long a transaction under way may take to end before its
// connection is cut. Cutting is safe: it leaves an unknown commit to the next
// claim. It is below the 10 s in which SIGTERM must be done.
const stopPatience = 6 * time.Second

// Err returns the error that stopped the lanes, or nil.
func (a *Applier) Err() error {
	a.sched.mu.Lock()
	defer a.sched.mu.Unlock()
	return a.sched.err
}

// Position returns the position below which everything is committed, and the
// source's commit time of the newest transaction there.
func (a *Applier) Position() (replica.Position, time.Time) {
	a.sched.mu.Lock()
	defer a.sched.mu.Unlock()
	return a.sched.base.Clone(), a.sched.newest
}

// CaughtUp says whether everything that was submitted is committed.
func (a *Applier) CaughtUp() bool {
	a.sched.mu.Lock()
	defer a.sched.mu.Unlock()
	return a.sched.head == len(a.sched.queue)
}

// Stats returns the totals so far.
func (a *Applier) Stats() Stats {
	s := &a.stats
	st := Stats{Inserts: s.inserts.Load(), Updates: s.updates.Load(), Deletes: s.deletes.Load(), Rows: s.rows.Load(),
		Bytes: s.bytes.Load(), Transactions: s.txns.Load(), Commits: s.commits.Load(), Conflicts: s.conflicts.Load(),
		CommitTime: time.Duration(s.commitNanos.Load())}
	a.sched.mu.Lock()
	defer a.sched.mu.Unlock()
	st.QueueRows, st.QueueBytes = a.sched.rows, a.sched.bytes
	if n := s.checkpointNanos.Load(); n != 0 {
		st.Checkpoint = time.Unix(0, n).UTC()
	}
	return st
}

func (a *Applier) count(batch []*unit, spans []span, rows int, d time.Duration) {
	s := &a.stats
	bytes := 0
	for _, u := range batch {
		bytes += u.logged
	}
	a.countOps(spans)
	s.bytes.Add(uint64(bytes))
	s.rows.Add(uint64(rows))
	s.txns.Add(uint64(len(batch)))
	s.commits.Add(1)
	s.commitNanos.Add(int64(d))
	s.checkpoint()
}

// countOps counts rows by what was done to them, spans of one table together.
func (a *Applier) countOps(spans []span) {
	for i := 0; i < len(spans); {
		var n [4]uint64
		b := spans[i].binding
		for ; i < len(spans) && spans[i].binding == b; i++ {
			for k := range spans[i].rows {
				n[spans[i].rows[k].Op]++
			}
		}
		a.stats.inserts.Add(n[replica.Insert])
		a.stats.updates.Add(n[replica.Update])
		a.stats.deletes.Add(n[replica.Delete])
		if a.cfg.Count != nil {
			a.cfg.Count(b, n[replica.Insert], n[replica.Update], n[replica.Delete])
		}
	}
}

// Apply queues a transaction; it blocks while the queue is full. A part of a
// large transaction is written before Apply returns. A DDL must be given to
// RunDDL instead. After an error the applier is of no use but for Close.
func (a *Applier) Apply(ctx context.Context, t *replica.Transaction) error {
	if t.Keepalive {
		return a.Err()
	}
	if a.skip.Contains(t.ID) {
		return a.sched.pass(ctx, t.ID, t.CommitTime)
	}
	if t.Part() || a.partial != nil && a.partial.ID == t.ID {
		return a.applyPart(ctx, t)
	}
	if len(t.Rows) == 0 {
		return a.sched.pass(ctx, t.ID, t.CommitTime)
	}
	u := &unit{id: t.ID, commit: t.CommitTime, logged: t.Bytes}
	if t.Start.File == t.End.File && t.Start.Pos < t.End.Pos {
		u.logged = int(t.End.Pos - t.Start.Pos)
	}
	var err error
	if u.spans, u.rows, err = a.spans(ctx, u.first[:0], t, t.Rows); err != nil {
		return err
	}
	if u.rows > 0 {
		u.keys = keysOf(u.spans)
		u.bytes = t.Bytes + unitBytes + keyBytes*len(u.keys)
	}
	return a.sched.submit(ctx, u)
}

// Backlog tells that the source has more at hand than was given to Apply, so
// that lanes may wait for it and write larger batches; or that it has not: then
// nothing waits. Until it is told, nothing is at hand.
func (a *Applier) Backlog(more bool) { a.sched.backlog(more) }

// unitBytes is about what a unit and its Transaction take beside the rows, and
// keyBytes a key with its place among the holders.
const (
	unitBytes = 600
	keyBytes  = 60
)

// spans binds rows to their targets, behind out; rows that are not wanted are
// left out. It returns how many there are.
func (a *Applier) spans(ctx context.Context, out []span, t *replica.Transaction, rows []replica.RowChange) ([]span, int, error) {
	n := 0
	for len(rows) > 0 {
		k := 1
		for k < len(rows) && rows[k].Table == rows[0].Table {
			k++
		}
		b, upsert, err := a.router.Route(ctx, rows[0].Table, t)
		if err != nil {
			return nil, 0, err
		}
		if b != nil {
			if err := b.incomplete(rows[:k]); err != nil {
				return nil, 0, err
			}
			out = append(out, span{binding: b, rows: rows[:k:k], upsert: upsert})
			n += k
		}
		rows = rows[k:]
	}
	return out, n, nil
}

func keysOf(spans []span) []keyHash {
	n := 0
	for i := range spans {
		s := &spans[i]
		per := len(s.binding.indexes)
		if s.binding.key == nil {
			per++
		}
		for k := range s.rows {
			n += per
			if s.rows[k].Op == replica.Update {
				n += per
			}
		}
	}
	keys := make([]keyHash, 0, n)
	for i := range spans {
		b := spans[i].binding
		for k := range spans[i].rows {
			r := &spans[i].rows[k]
			if r.Before != nil {
				keys = b.appendKeys(keys, r.Before)
			}
			if r.After != nil {
				keys = b.appendKeys(keys, r.After)
			}
		}
	}
	return keys
}

// applyPart writes one part of a transaction that is too large to hold. All
// lanes are empty then; the rows go in order through the control lane, each
// commit recording how many rows of the transaction are done. A crash between
// two commits leaves that record, and the next owner skips as many rows: a
// source sends the rows of a transaction in the same order every time.
func (a *Applier) applyPart(ctx context.Context, t *replica.Transaction) error {
	if err := a.Drain(ctx); err != nil {
		return err
	}
	if err := a.controlMu.take(ctx); err != nil {
		return err
	}
	defer a.controlMu.Unlock()
	done := uint64(0)
	if a.partial != nil && a.partial.ID == t.ID {
		done = a.partial.Rows
	} else if t.More && a.cfg.Report != nil {
		a.stats.split.Add(1)
		a.cfg.Report(&replica.Error{Code: CodeSplit, Class: "DATA", Transient: true,
			Message: fmt.Sprintf("transaction %s is larger than max_transaction_rows: it becomes visible in parts", t.ID)})
	}
	for at := 0; at < len(t.Rows) || at == 0; at += a.sched.limits.BatchRows {
		end := min(at+a.sched.limits.BatchRows, len(t.Rows))
		rows := t.Rows[at:end]
		last := end == len(t.Rows) && !t.More
		upTo := t.FirstRow + uint64(end)
		if upTo <= done && !last {
			continue
		}
		if first := t.FirstRow + uint64(at); first < done {
			rows = rows[min(int(done-first), len(rows)):]
		}
		if err := a.writePart(ctx, t, rows, upTo, last); err != nil {
			return err
		}
	}
	return nil
}

// writePart commits some rows of a large transaction and how far it is.
func (a *Applier) writePart(ctx context.Context, t *replica.Transaction, rows []replica.RowChange, upTo uint64, last bool) error {
	spans, n, err := a.spans(ctx, nil, t, rows)
	if err != nil {
		return err
	}
	if n == 0 && !last {
		return nil // the next commit records these rows too
	}
	base, _ := a.Position()
	partial := &Partial{ID: t.ID, Rows: upTo}
	if last {
		base.Advance(t.ID)
		partial = nil
	}
	extra := a.control.extra.Clone()
	base.Prune(extra)
	began := time.Now()
	stmts, ids := a.control.write(fold(spans), &a.control.forms, a.ids)
	err = a.control.commit(ctx, base.String(), extra, partial, stmts)
	if err != nil && classify(err) == outcomeConflict {
		err = a.conflict(ctx, a.control, base.String(), extra, partial, spans, t.ID, err)
	}
	if err != nil {
		return rowError(err, t.ID)
	}
	a.ids.note(ids)
	a.partial = partial
	a.countOps(spans)
	a.stats.rows.Add(uint64(n))
	a.stats.bytes.Add(uint64(t.Bytes * n / max(len(t.Rows), 1)))
	a.stats.commits.Add(1)
	a.stats.commitNanos.Add(int64(time.Since(began)))
	a.stats.checkpoint()
	if last {
		a.stats.txns.Add(1)
		a.moveBase(base, t.CommitTime)
	}
	return nil
}

// moveBase sets the base after a commit of the control lane, when no lane has
// anything in hand.
func (a *Applier) moveBase(base replica.Position, commit time.Time) {
	a.sched.mu.Lock()
	defer a.sched.mu.Unlock()
	a.sched.base, a.sched.baseText, a.sched.unwritten = base, "", false
	if !commit.IsZero() {
		a.sched.newest = commit
	}
}

// Drain waits until everything submitted is committed: a barrier.
func (a *Applier) Drain(ctx context.Context) error { return a.sched.drain(ctx) }

// SetBase records a channel's first position, in one fenced commit together
// with stmts.
func (a *Applier) SetBase(ctx context.Context, base replica.Position, stmts ...Statement) error {
	if err := a.controlMu.take(ctx); err != nil {
		return err
	}
	defer a.controlMu.Unlock()
	if err := a.control.commit(ctx, base.String(), replica.NewTxnSet(), nil, convert(stmts)); err != nil {
		return err
	}
	a.moveBase(base.Clone(), time.Time{})
	return nil
}

// checkpointEvery is how long a position that moved over irrelevant
// transactions may stay in memory only.
const checkpointEvery = time.Second

// checkpoints stores the base while no lane does.
func (a *Applier) checkpoints(ctx context.Context) error {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.sched.done:
			return nil
		case <-tick.C:
		}
		a.sched.rest(time.Now())
		a.sched.mu.Lock()
		stop, need := a.sched.closed || a.sched.err != nil, a.sched.unwritten
		a.sched.mu.Unlock()
		if stop {
			return nil
		}
		err := a.storeBase(ctx, need, false)
		if err == nil {
			err = a.raiseQuiet(ctx)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			a.sched.fail(err)
			return err
		}
	}
}

// Store stores the position and what is beside it now. The caller closes the
// Applier next.
func (a *Applier) Store(ctx context.Context) error {
	if err := a.Err(); err != nil {
		return err
	}
	return a.storeBase(ctx, false, true)
}

// storeBase stores the base and what is beside it through the control lane,
// unless neither is newer; it does nothing while the owner uses that lane, which
// stores the base itself.
func (a *Applier) storeBase(ctx context.Context, newer, last bool) error {
	select {
	case a.controlMu <- struct{}{}:
	default:
		return nil
	}
	defer a.controlMu.Unlock()
	var beside []Statement
	if a.cfg.Beside != nil {
		pos, _ := a.Position()
		beside = a.cfg.Beside(pos, last)
	}
	if !newer && len(beside) == 0 {
		return nil
	}
	base, extra := a.sched.checkpoint(a.control.extra, nil)
	if err := a.control.commit(ctx, base, extra, a.control.partial, convert(beside)); err != nil {
		return err
	}
	a.stats.checkpoint()
	return nil
}
