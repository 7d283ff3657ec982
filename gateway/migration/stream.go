package migration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/binlog"
	"sluice/replica/identity"
	"sluice/replica/source"
)

// item is a transaction on its way from the reader to the applier.
type item struct {
	txn  *replica.Transaction
	plan *apply.DDLPlan // nil unless the transaction is a DDL that matters
}

// items are transactions that were read without waiting in between: whatever
// costs a lock or a wake-up is paid once for all of them.
type items struct {
	list  []item
	bytes int64
	more  bool // the source is ahead
	// end is why nothing comes after the list; nil otherwise.
	end error
}

// Bounds of what waits between the reader and the applier.
const (
	pipeBatches = 64
	pipeBytes   = 8 << 20
	batchItems  = 128
	batchBytes  = 256 << 10
	partBytes   = 4 << 20
)

// stream follows the binlog until ctx ends or an error that trying again in
// place cannot mend.
func (x *run) stream(ctx context.Context) error {
	x.r.enter(PhaseCatchup)
	x.mu.Lock()
	for _, t := range x.tables {
		if x.live.highest.Before(t.high) {
			x.live.highest = t.high
		}
	}
	x.live.retrieved = x.claimed.Base.Clone()
	x.mu.Unlock()
	// The lanes outlive ctx for a moment, so that a stop finds them at a
	// transaction boundary.
	actx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ids, err := apply.LoadAutoIDs(ctx, x.cfg.Target, x.cfg.Channel)
	if err != nil {
		return x.targetError(err, "read the highest ids")
	}
	a, err := apply.Open(actx, apply.Config{IDs: ids, Connector: x.cfg.Connector, Lanes: x.cfg.Lanes, ForeignKeys: x.cfg.ForeignKeys,
		OnConflict: x.cfg.OnConflict, Log: x.cfg.Log, Report: x.settled, Count: x.count, Away: x.away,
		Beside: x.beside}, x.claimed, x)
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.applier = a
	x.mu.Unlock()
	g, gctx := errgroup.WithContext(ctx)
	pipe := make(chan items, pipeBatches)
	budget := semaphore.NewWeighted(pipeBytes)
	g.Go(func() error {
		defer close(pipe)
		return replica.Safely(func() error { return x.receive(gctx, pipe, budget) })
	})
	g.Go(func() error { return replica.Safely(func() error { return x.applyAll(gctx, a, pipe, budget) }) })
	g.Go(func() error { return replica.Safely(func() error { return x.watchLanes(gctx, a) }) })
	g.Go(func() error { return replica.Safely(func() error { return x.watchTables(gctx, a) }) })
	err = g.Wait()
	x.storeLast(actx, a)
	cerr := a.Close()
	if err == nil || ctx.Err() != nil || errors.Is(cerr, apply.ErrFenced) {
		if cerr != nil {
			return cerr
		}
	}
	return err
}

// lastStore bounds the commit at the end of a run.
const lastStore = 2 * time.Second

// storeLast stores what is known of the source as of now. When it cannot, the
// next run compares with what was stored before, which is true as well.
func (x *run) storeLast(ctx context.Context, a *apply.Applier) {
	ctx, cancel := context.WithTimeout(ctx, lastStore)
	defer cancel()
	if err := a.Store(ctx); err != nil && !errors.Is(err, apply.ErrFenced) {
		x.cfg.Log.Debug("store what is known of the source", "error", err.Error())
	}
	if err := a.RaiseIDs(ctx); err != nil && !errors.Is(err, apply.ErrFenced) {
		x.cfg.Log.Debug("raise the target's next ids", "error", err.Error())
	}
}

// settled reports what the applier settled by itself.
func (x *run) settled(e *replica.Error) {
	kind := "CONFLICT"
	if e.Code == apply.CodeSplit || e.Code == apply.CodeNextID {
		kind = "NOTICE"
	} else {
		x.mu.Lock()
		x.live.diverged++
		x.mu.Unlock()
	}
	x.r.event(kind, e.Error())
}

// away shows that lanes wait for the target, or that none does any more.
func (x *run) away(err error) {
	x.mu.Lock()
	if err == nil {
		x.waiting--
	} else {
		x.waiting++
	}
	first, last := err != nil && x.waiting == 1, err == nil && x.waiting == 0
	if first {
		x.commits = x.committed()
	}
	x.mu.Unlock()
	switch {
	case first:
		x.r.fail(x.r.name(err), false, true)
	case last:
		x.follows()
	}
}

// committed returns how many transactions of the target the applier has committed. x.mu
// must be held.
func (x *run) committed() uint64 {
	if x.applier == nil {
		return 0
	}
	return x.applier.Stats().Commits
}

// follows notes that the channel follows its source, if it does: the receiver has its
// stream, and no lane waits for the target. After a failure of the applier something has
// to be committed, unless there is nothing to apply: a target that accepts connections
// may be dead. It is called at each change of these, and once a second.
func (x *run) follows() {
	x.r.works(func(applied bool) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.applier != nil && x.live.connected && x.waiting == 0 &&
			(!applied || x.applier.CaughtUp() || x.committed() > x.commits)
	})
}

// copies notes that a chunk was copied.
func (x *run) copies() {
	x.r.works(func(bool) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.waiting == 0
	})
}

// count adds committed rows to their table's totals.
func (x *run) count(b *apply.Binding, inserts, updates, deletes uint64) {
	x.progress.count(tableKey(b.Source.Schema, b.Source.Name), inserts, updates, deletes)
}

// watchLanes ends the run when a lane fails while nothing arrives, and when
// the run's end is reached.
func (x *run) watchLanes(ctx context.Context, a *apply.Applier) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := a.Err(); err != nil {
			return err
		}
		x.reachStrict(a)
		if x.ended(a) {
			return errDone
		}
	}
}

// ended says whether Until is reached.
func (x *run) ended(a *apply.Applier) bool {
	x.mu.Lock()
	strict := x.live.strict
	x.mu.Unlock()
	if strict && (x.cfg.Until.Phase == PhaseReplicate || x.cfg.Mode == ModeFull) {
		return true
	}
	if x.cfg.Until.AfterGTIDs == "" {
		return false
	}
	want, err := replica.GTIDPosition(x.mode(), x.cfg.Until.AfterGTIDs)
	if err != nil {
		return false
	}
	pos, _ := a.Position()
	return pos.Covers(want)
}

// reachStrict notices that everything up to the highest high-water is applied.
func (x *run) reachStrict(a *apply.Applier) {
	x.mu.Lock()
	reached := !x.live.strict && x.live.connected && !x.applying.Before(x.live.highest) && a.CaughtUp()
	x.live.strict = x.live.strict || reached
	x.mu.Unlock()
	if !reached {
		return
	}
	for key := range x.tables {
		x.progress.strict(key)
	}
	x.r.enter(PhaseReplicate)
}

// receive reads the binlog; a connection that breaks is opened again behind
// what was handed on. An error that stays goes to the applier's goroutine, which
// returns it once everything before it is applied: else a channel that stops at the
// same place at each start might never get that far, and an operator would read of a
// later problem first.
func (x *run) receive(ctx context.Context, pipe chan<- items, budget *semaphore.Weighted) error {
	for attempt := 0; ; attempt++ {
		began := time.Now()
		err := x.receiveOnce(ctx, pipe, budget)
		x.setConnected(false)
		if ctx.Err() != nil {
			return nil
		}
		e := x.r.name(source.Classify(err))
		if e.Code == identity.CodeHistory {
			return e // what was read may be of another history
		}
		if !e.Transient {
			select {
			case pipe <- items{end: e}:
			case <-ctx.Done():
			}
			return nil
		}
		x.r.fail(e, true, true)
		if time.Since(began) > 30*time.Second {
			attempt = 0
		}
		if pauseFor(ctx, attempt, x.cfg.RetryEvery) != nil {
			return nil
		}
	}
}

func (x *run) setConnected(on bool) {
	x.mu.Lock()
	x.live.connected = on
	x.mu.Unlock()
}

// dumpConfig says how to open a channel's dump connection.
func dumpConfig(cfg *Config, src *source.Source) (binlog.Config, error) {
	tls, err := src.TLSConfig()
	if err != nil {
		return binlog.Config{}, err
	}
	sc := src.Config()
	return binlog.Config{Addr: net.JoinHostPort(sc.Host, strconv.Itoa(sc.Port)), User: sc.User, Password: sc.Password, TLS: tls,
		MariaDB: src.Facts().Flavor == source.FlavorMariaDB, ServerID: sc.ServerID, UUID: sc.UUID,
		ReportHost: cfg.ReportHost, ReportPort: cfg.ReportPort, Heartbeat: cfg.Heartbeat,
		MaxRows: cfg.MaxTransactionRows, MaxBytes: partBytes, SpoolDir: cfg.SpoolDir}, nil
}

func (x *run) receiveOnce(ctx context.Context, pipe chan<- items, budget *semaphore.Weighted) error {
	cfg, err := dumpConfig(x.cfg, x.src)
	if err != nil {
		return err
	}
	x.mu.Lock()
	from := x.live.retrieved.Clone()
	x.mu.Unlock()
	x.remembers(&cfg)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.mu.Lock()
	x.live.reconnect = cancel
	x.mu.Unlock()
	rd, err := binlog.Open(ctx, cfg, from, x)
	if err != nil {
		return err
	}
	defer rd.Close()
	for first := true; ; first = false {
		batch, err := x.readSome(ctx, rd)
		if len(batch.list) > 0 {
			if first {
				x.setConnected(true)
				x.follows()
			}
			if err := x.handOver(ctx, batch, pipe, budget); err != nil {
				return err
			}
			x.readUpTo(rd)
		}
		if err != nil {
			if cause := context.Cause(ctx); errors.Is(cause, errHistoryShrank) {
				return wentBack(cause)
			}
			return err
		}
	}
}

// readSome waits for a transaction, and takes those with it that are here
// already. An error is that of the transaction behind them.
func (x *run) readSome(ctx context.Context, rd *binlog.Reader) (items, error) {
	var b items
	t, err := rd.Next()
	for ; err == nil && t != nil; t, err = rd.Poll() {
		it := item{txn: t}
		if t.DDL != nil {
			if it.plan, err = x.plan(ctx, t); err != nil {
				break
			}
		}
		b.list = append(b.list, it)
		b.bytes = min(b.bytes+int64(t.Bytes)+200, pipeBytes)
		if len(b.list) == batchItems || b.bytes >= batchBytes {
			break
		}
	}
	b.more = rd.Behind()
	return b, err
}

// handOver gives transactions to the applier's goroutine; it blocks while too
// much waits there.
func (x *run) handOver(ctx context.Context, b items, pipe chan<- items, budget *semaphore.Weighted) error {
	if err := budget.Acquire(ctx, b.bytes); err != nil {
		return err
	}
	last := b.list[len(b.list)-1].txn
	select {
	case pipe <- b:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, it := range b.list {
		if t := it.txn; !t.More && !t.Keepalive {
			x.live.retrieved.Advance(t.ID)
		}
	}
	x.live.read = last.End
	return nil
}

// readUpTo notes where in the source's history what was handed on ends.
func (x *run) readUpTo(rd *binlog.Reader) {
	if !rd.Passed() {
		return
	}
	server, file, mark := rd.Origin()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.origin.follows(server)
	x.origin.past.File = file
	if x.live.read.File != "" {
		x.origin.past.At = x.live.read
	}
	if x.live.retrieved.Contains(mark.ID) {
		x.origin.add(mark)
	}
}

// applyAll feeds the applier.
func (x *run) applyAll(ctx context.Context, a *apply.Applier, pipe <-chan items, budget *semaphore.Weighted) error {
	for b := range pipe {
		if b.end != nil {
			if err := a.Drain(ctx); err != nil {
				if ctx.Err() != nil && !errors.Is(err, apply.ErrFenced) {
					return nil
				}
				return err
			}
			return b.end
		}
		a.Backlog(b.more)
		for i := range b.list {
			it := &b.list[i]
			if i == 0 || it.plan != nil {
				x.applyingNow(it.txn)
			}
			var err error
			if it.plan != nil {
				if err = x.nameShared(ctx, a.RunDDL(ctx, it.plan), planTables(it.plan)); err == nil {
					x.afterDDL(it.plan)
				}
			} else {
				err = a.Apply(ctx, it.txn)
			}
			if err != nil {
				if ctx.Err() != nil && !errors.Is(err, apply.ErrFenced) {
					return nil
				}
				return err
			}
		}
		budget.Release(b.bytes)
		x.mu.Lock()
		x.applying = b.list[len(b.list)-1].txn.End
		x.mu.Unlock()
	}
	return nil
}

// applyingNow notes the commit time from which the lag is told.
func (x *run) applyingNow(t *replica.Transaction) {
	if t.CommitTime.IsZero() {
		return
	}
	x.mu.Lock()
	x.live.current = t.CommitTime
	x.mu.Unlock()
}

// afterDDL forgets what the DDL changed.
func (x *run) afterDDL(p *apply.DDLPlan) {
	clear(x.routes)
	x.lastRoute = nil
	if len(p.Steps) == 0 {
		return
	}
	x.mu.Lock()
	x.live.lastDDL = clip(p.Txn.DDL.Text, 1000)
	x.mu.Unlock()
	what := fmt.Sprintf("transaction %s: %s", p.Txn.ID, p.SourceTable)
	if p.Note != "" {
		what += ": " + p.Note
	}
	x.r.event("DDL", what)
}

// Route implements apply.Router: where the rows of a table version go, and
// whether the target may be ahead of the transaction.
func (x *run) Route(ctx context.Context, t *replica.Table, txn *replica.Transaction) (*apply.Binding, bool, error) {
	r := x.lastRoute
	if r == nil || r.table != t {
		if r = x.routes[t]; r == nil {
			r = &route{table: t, state: x.tables[tableKey(t.Schema, t.Name)]}
			x.routes[t] = r
		}
		x.lastRoute = r
	}
	upsert := false
	if ts := r.state; ts != nil && ts.high.File != "" && txn.Start.Before(ts.high) {
		if ts.start.Contains(txn.ID) {
			return nil, false, nil
		}
		upsert = ts.state == stateDone
	}
	if r.binding == nil {
		var err error
		if r.binding, err = x.bind(ctx, t); err != nil {
			return nil, false, err
		}
	}
	return r.binding, upsert, nil
}

// route is where a table version's rows go.
type route struct {
	table   *replica.Table
	state   *tableState    // nil: the table was not copied
	binding *apply.Binding // nil until rows are to be written
}

// bind reads the target table's collations: they decide which keys are equal.
func (x *run) bind(ctx context.Context, t *replica.Table) (*apply.Binding, error) {
	ts, tt := x.cfg.Rules.Target(t.Schema, t.Name)
	have, err := targetColumns(ctx, x.cfg.Target, ts, tt)
	if err != nil {
		return nil, x.targetError(err, "read the target's columns")
	}
	if have == nil {
		// It was there, and its rows went with it: making it again does not bring them back. The record comes before the
		// error; without it the error comes again.
		if err := apply.RecordDivergence(ctx, x.cfg.Target, x.cfg.Channel, ts+"."+tt); err != nil {
			return nil, x.targetError(err, "record that its table "+ts+"."+tt+" is gone")
		}
		return nil, missingTable(ts, tt)
	}
	return bindTo(t, ts, tt, have)
}
