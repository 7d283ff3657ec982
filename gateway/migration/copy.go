package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/snapshot"
	"sluice/replica/source"
)

// copying is one table's copy under way.
type copying struct {
	state    *tableState
	table    *replica.Table
	binding  *apply.Binding
	splitter *snapshot.Splitter

	// Guarded by copyWork.mu.
	inFlight int
	ended    bool // the splitter has no more chunks
	finished bool
}

// copyTables copies every table whose copy is not done: keyed tables in
// parallel chunks, then keyless ones exactly. What an earlier owner has copied
// is not read again.
//
// A DDL on a table being copied restarts that table's copy.
func (x *run) copyTables(ctx context.Context) error {
	for {
		err := x.copyOnce(ctx)
		var altered *alteredError
		if !errors.As(err, &altered) {
			return err
		}
		// The other workers were cut off: what became of their last commits is
		// not known. A new claim under the same epoch fences them.
		x.copier.Close()
		if x.claimed, err = apply.Claim(ctx, x.cfg.Target, x.cfg.Channel, x.cfg.Epoch, x.cfg.Lanes); err != nil {
			return err
		}
		x.openCopier()
		if err := x.restart(ctx, altered.c); err != nil {
			return err
		}
	}
}

func (x *run) copyOnce(ctx context.Context) error {
	var keyed, keyless []*copying
	for _, ts := range x.tables {
		if ts.state != stateCopy || !x.cfg.Rules.Wanted(ts.schema, ts.table) {
			continue
		}
		c, err := x.openCopy(ctx, ts)
		if err != nil {
			return err
		}
		if c.binding.Keyless() {
			keyless = append(keyless, c)
		} else {
			keyed = append(keyed, c)
		}
	}
	if len(keyed)+len(keyless) == 0 {
		return nil
	}
	x.r.enter(PhaseCopy)
	x.r.recovered()
	sort.SliceStable(keyed, func(i, j int) bool { return keyed[i].state.bytesEstimated > keyed[j].state.bytesEstimated })
	if err := x.copyKeyed(ctx, keyed); err != nil {
		return err
	}
	return x.copyExact(ctx, keyless)
}

// openCopy prepares a table's copy from its recorded definition.
func (x *run) openCopy(ctx context.Context, ts *tableState) (*copying, error) {
	t := x.tracker.Table(ts.schema, ts.table)
	if ts.definition != "" {
		var err error
		if t, err = x.parse(ts.schema, ts.definition); err != nil {
			return nil, err
		}
	}
	if t == nil {
		return nil, fmt.Errorf("copy %s.%s: no definition is recorded", ts.schema, ts.table)
	}
	target := x.progress.table(ts.key())
	have, err := targetColumns(ctx, x.cfg.Target, target.TargetSchema, target.TargetTable)
	if err != nil {
		return nil, err
	}
	if have == nil {
		return nil, missingTable(target.TargetSchema, target.TargetTable)
	}
	if err := holds(t, target.TargetSchema, target.TargetTable, have); err != nil {
		return nil, err
	}
	b, err := apply.Bind(t, target.TargetSchema, target.TargetTable, func(col string) bool { return have[strings.ToLower(col)] })
	if err != nil {
		return nil, err
	}
	return &copying{state: ts, table: t, binding: b}, nil
}

// copyKeyed runs the workers: each has a connection to the source and a lane
// of the target.
func (x *run) copyKeyed(ctx context.Context, list []*copying) error {
	if len(list) == 0 {
		return nil
	}
	w := &copyWork{x: x, waiting: list}
	w.cond = sync.NewCond(&w.mu)
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { w.mu.Lock(); w.cond.Broadcast(); w.mu.Unlock() })
	defer stop()
	for lane := 1; lane <= x.cfg.CopyThreads; lane++ {
		g.Go(func() error { return w.worker(ctx, lane) })
	}
	return g.Wait()
}

// copyWork hands chunks to the workers.
type copyWork struct {
	x  *run
	mu sync.Mutex
	// cond is signalled when a table is opened or a chunk ends.
	cond    *sync.Cond
	waiting []*copying
	active  []*copying
	opening int
}

func (w *copyWork) worker(ctx context.Context, lane int) error {
	conn, err := w.x.src.DB().Conn(ctx)
	if err != nil {
		return source.Classify(err)
	}
	defer conn.Close()
	for {
		c, chunk, err := w.next(ctx)
		if err != nil || c == nil {
			return err
		}
		err = w.x.copyChunk(ctx, lane, conn, c, chunk)
		if err != nil {
			return err
		}
		if err := w.done(ctx, c); err != nil {
			return err
		}
	}
}

// next returns the next chunk: of a new table while fewer tables are active
// than there are workers, else of an active one. nil: all chunks are handed
// out and done.
func (w *copyWork) next(ctx context.Context) (*copying, snapshot.Chunk, error) {
	for {
		c, err := w.pick(ctx)
		if err != nil || c == nil {
			return nil, snapshot.Chunk{}, err
		}
		chunk, ok, err := c.splitter.Next(ctx)
		if err != nil {
			return nil, snapshot.Chunk{}, w.x.blame(ctx, c, err)
		}
		if ok {
			return c, chunk, nil
		}
		w.mu.Lock()
		c.ended = true
		for i, a := range w.active {
			if a == c {
				w.active = append(w.active[:i], w.active[i+1:]...)
				break
			}
		}
		w.mu.Unlock()
		if err := w.done(ctx, c); err != nil {
			return nil, snapshot.Chunk{}, err
		}
	}
}

// pick reserves a table to take a chunk from.
func (w *copyWork) pick(ctx context.Context) (*copying, error) {
	w.mu.Lock()
	for {
		if ctx.Err() != nil {
			w.mu.Unlock()
			return nil, context.Cause(ctx)
		}
		if len(w.waiting) > 0 && len(w.active)+w.opening < w.x.cfg.CopyThreads {
			c := w.waiting[0]
			w.waiting = w.waiting[1:]
			w.opening++
			w.mu.Unlock()
			err := w.x.openSplitter(ctx, c)
			w.mu.Lock()
			w.opening--
			if err != nil {
				w.mu.Unlock()
				return nil, err
			}
			w.active = append(w.active, c)
			w.cond.Broadcast()
		}
		if len(w.active) > 0 {
			// The table with the fewest chunks in flight, so that all keep busy.
			best := w.active[0]
			for _, c := range w.active[1:] {
				if c.inFlight < best.inFlight {
					best = c
				}
			}
			best.inFlight++
			w.mu.Unlock()
			return best, nil
		}
		if w.opening == 0 {
			w.mu.Unlock()
			return nil, nil
		}
		w.cond.Wait()
	}
}

// done ends a reservation; the last one of an ended table finishes it.
func (w *copyWork) done(ctx context.Context, c *copying) error {
	w.mu.Lock()
	c.inFlight--
	last := c.ended && c.inFlight == 0 && !c.finished
	if last {
		c.finished = true
	}
	w.mu.Unlock()
	if !last {
		return nil
	}
	return w.x.finishCopy(ctx, c)
}

// openSplitter continues where the recorded chunks end.
func (x *run) openSplitter(ctx context.Context, c *copying) error {
	sp, err := snapshot.NewSplitter(x.src.DB(), c.table)
	if err != nil {
		return err
	}
	recs, err := loadChunks(ctx, x.cfg.Target, x.cfg.Channel, c.state)
	if err != nil {
		return x.targetError(err, "read the chunks")
	}
	var done []snapshot.Chunk
	for _, rec := range recs {
		lo, err := snapshot.ParseBound(rec.lo)
		if err != nil {
			return fmt.Errorf("read chunk %d of %s: %w", rec.no, c.table, err)
		}
		hi, err := snapshot.ParseBound(rec.hi)
		if err != nil {
			return fmt.Errorf("read chunk %d of %s: %w", rec.no, c.table, err)
		}
		done = append(done, snapshot.Chunk{Table: c.table, No: rec.no, Lo: lo, Hi: hi})
	}
	if len(done) > 0 {
		if err := sp.Resume(ctx, done); err != nil {
			return err
		}
	}
	c.splitter = sp
	x.progress.start(c.state.key())
	return nil
}

// copyChunk reads one chunk and writes it with its record.
func (x *run) copyChunk(ctx context.Context, lane int, conn *sql.Conn, c *copying, chunk snapshot.Chunk) error {
	began := time.Now()
	var rows [][]replica.Value
	n, bytes, err := snapshot.Read(ctx, conn, chunk, func(batch [][]replica.Value) error {
		rows = append(rows, batch...)
		return nil
	})
	if err != nil {
		return x.blame(ctx, c, err)
	}
	lo, err := chunk.Lo.MarshalText()
	if err != nil {
		return err
	}
	hi, err := chunk.Hi.MarshalText()
	if err != nil {
		return err
	}
	rec := apply.Chunk{Schema: c.state.schema, Table: c.state.table, No: chunk.No, Lo: string(lo), Hi: string(hi), Rows: uint64(n), Bytes: uint64(bytes)}
	if err := x.copier.WriteChunk(ctx, lane, c.binding, rows, rec); err != nil {
		return err
	}
	c.splitter.Observe(n, bytes, time.Since(began))
	x.progress.chunk(c.state.key(), uint64(n), uint64(bytes))
	return nil
}

// finishCopy records the table's high-water: the source's end after the last
// read. A definition that changed meanwhile means that the rows may be of two
// shapes: the copy cannot be used.
func (x *run) finishCopy(ctx context.Context, c *copying) error {
	high, err := x.src.BinlogEnd(ctx)
	if err != nil {
		return err
	}
	if err := x.unchanged(ctx, c); err != nil {
		return err
	}
	c.state.state, c.state.high = stateDone, high
	return x.recordCopied(ctx, c)
}

func (x *run) recordCopied(ctx context.Context, c *copying) error {
	x.controlMu.Lock()
	defer x.controlMu.Unlock()
	if err := x.copier.Control(ctx, c.state.insert(x.cfg.Channel)); err != nil {
		return err
	}
	x.progress.copied(c.state.key())
	x.r.event("TABLE", fmt.Sprintf("%s copied", c.table))
	return nil
}

// exactBatchRows and exactBatchBytes bound one transaction of a keyless
// table's copy.
const (
	exactBatchRows  = 5_000
	exactBatchBytes = 8 << 20
)

// copyExact copies keyless tables: one consistent read, whose position becomes
// the tables' start. An interrupted copy begins again from nothing, since no
// key says which of its rows are there.
func (x *run) copyExact(ctx context.Context, list []*copying) error {
	if len(list) == 0 {
		return nil
	}
	tables := make([]*replica.Table, len(list))
	for i, c := range list {
		tables[i] = c.table
		if err := x.copier.Empty(ctx, c.binding, c.state.forgetChunks(x.cfg.Channel)); err != nil {
			return err
		}
		x.progress.restart(c.state.key())
	}
	ex, err := snapshot.OpenExact(ctx, x.src, tables)
	if err != nil {
		return err
	}
	defer ex.Close()
	pos, err := x.position(ex.GTIDs, ex.At)
	if err != nil {
		return err
	}
	for _, c := range list {
		x.progress.start(c.state.key())
		if err := x.copyExactTable(ctx, ex, c); err != nil {
			return err
		}
		if err := x.unchanged(ctx, c); err != nil {
			return err
		}
		c.state.state, c.state.start, c.state.high = stateExact, pos, ex.At
		if err := x.recordCopied(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (x *run) copyExactTable(ctx context.Context, ex *snapshot.Exact, c *copying) error {
	var rows [][]replica.Value
	no, size := 0, 0
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		no++
		rec := apply.Chunk{Schema: c.state.schema, Table: c.state.table, No: no, Rows: uint64(len(rows)), Bytes: uint64(size)}
		if err := x.copier.WriteChunk(ctx, 1, c.binding, rows, rec); err != nil {
			return err
		}
		x.progress.chunk(c.state.key(), uint64(len(rows)), uint64(size))
		rows, size = nil, 0
		return nil
	}
	_, _, err := ex.Read(ctx, c.table, func(batch [][]replica.Value) error {
		for _, r := range batch {
			rows = append(rows, r)
			for i := range r {
				size += 8 + len(r[i].Bytes)
			}
			if len(rows) >= exactBatchRows || size >= exactBatchBytes {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return x.blame(ctx, c, err)
	}
	return flush()
}
