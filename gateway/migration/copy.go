package migration

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/snapshot"
)

// copying is one table's copy under way.
type copying struct {
	state    *tableState
	table    *replica.Table // the source's definition; binding.Source is what is read of it
	binding  *apply.Binding
	splitter *snapshot.Splitter

	// Guarded by copyWork.mu.
	inFlight int   // chunks that are taken and not committed
	widest   int64 // memory of the widest row that was read
	ended    bool  // the splitter has no more chunks
	finished bool
}

// copyTables copies every table whose copy is not done: keyed tables in
// parallel chunks, then keyless ones exactly. What an earlier owner has copied
// is not read again.
//
// Why no row is lost or doubled, whatever dies and whenever:
//
//   - A table's chunks partition its key space: what is not yet a chunk is in the
//     hand of one reader at a time, and each cut leaves two parts that share the
//     new bound, as does that of a chunk which is too wide for memory. So all rows
//     are in exactly one chunk.
//   - A chunk's rows and its record commit in one fenced transaction
//     (apply.Copier.WriteChunk). What is read and not committed when the process
//     dies has no record: a resumed copy reads it again, and nothing else.
//   - Rows wait between their read and their commit. What changes in the source
//     meanwhile comes with the stream, which begins at a position that was taken
//     before the first read and is applied after the last commit, as upserts up
//     to the table's high-water.
//   - The high-water is taken once every chunk of the table is committed, and so
//     after its last read.
//   - The definition is compared at that moment too: a DDL that came between two
//     reads is seen there, if no read failed for it before.
//
// A DDL on a table being copied restarts that table's copy: all readers and
// writers have ended before (pipe returns after them), and a new claim fences
// what they may have left behind.
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
		if ts.state != stateCopy && ts.state != stateAgain || !x.cfg.Rules.Wanted(ts.schema, ts.table) {
			continue
		}
		if ts.state == stateAgain {
			t, err := x.definitionOf(ts)
			if err != nil {
				return err
			}
			return &alteredError{&copying{state: ts, table: t}}
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
	sort.SliceStable(keyed, func(i, j int) bool { return keyed[i].state.bytesEstimated > keyed[j].state.bytesEstimated })
	return x.throttled(ctx, func(ctx context.Context, t *throttle) error {
		if err := x.copyKeyed(ctx, t, keyed); err != nil {
			return err
		}
		return x.copyExact(ctx, t, keyless)
	})
}

// definitionOf returns a table's definition as it is or was copied.
func (x *run) definitionOf(ts *tableState) (*replica.Table, error) {
	if ts.definition != "" {
		return x.parse(ts.schema, ts.definition)
	}
	if t := x.tracker.Table(ts.schema, ts.table); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("copy %s.%s: no definition is recorded", ts.schema, ts.table)
}

// openCopy prepares a table's copy from its recorded definition.
func (x *run) openCopy(ctx context.Context, ts *tableState) (*copying, error) {
	t, err := x.definitionOf(ts)
	if err != nil {
		return nil, err
	}
	target := x.progress.table(ts.key())
	have, err := targetColumns(ctx, x.cfg.Target, target.TargetSchema, target.TargetTable)
	if err != nil {
		return nil, err
	}
	if have == nil {
		return nil, missingTable(target.TargetSchema, target.TargetTable)
	}
	b, err := bindTo(t, target.TargetSchema, target.TargetTable, have)
	if err != nil {
		return nil, err
	}
	return &copying{state: ts, table: t, binding: b}, nil
}

// openSplitter continues where the recorded chunks end.
func (x *run) openSplitter(ctx context.Context, c *copying) error {
	sp, err := snapshot.NewSplitter(x.src.DB(), c.binding.Source)
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
		done = append(done, snapshot.Chunk{Table: c.binding.Source, No: rec.no, Lo: lo, Hi: hi})
	}
	if len(done) > 0 {
		if err := sp.Resume(ctx, done); err != nil {
			return err
		}
	}
	if err := sp.Measure(ctx, x.src.DB()); err != nil {
		return x.blame(ctx, c, err)
	}
	c.splitter = sp
	x.progress.start(c.state.key())
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
	done := *c.state
	done.state, done.high = stateDone, high
	return x.recordCopied(ctx, c, done)
}

// recordCopied commits what a table's copy ended with. In memory it counts from
// then on: a commit that is cut off because another table was altered is made
// again, since copyTables goes on with the same states.
func (x *run) recordCopied(ctx context.Context, c *copying, done tableState) error {
	x.controlMu.Lock()
	defer x.controlMu.Unlock()
	if err := x.copier.Control(ctx, done.insert(x.cfg.Channel)); err != nil {
		return err
	}
	*c.state = done
	x.progress.copied(c.state.key())
	x.copies()
	x.r.event("TABLE", fmt.Sprintf("%s copied", c.table))
	return nil
}
