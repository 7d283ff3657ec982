package migration

import (
	"context"
	"time"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/snapshot"
)

// copyExact copies keyless tables: one consistent read, whose position becomes
// the tables' start. An interrupted copy begins again from nothing, since no
// key says which of its rows are there; so its parts may be committed in any
// order.
//
// A busy source is waited for before the read is opened, and not within it: the
// source keeps old row versions for as long as it is open.
func (x *run) copyExact(ctx context.Context, t *throttle, list []*copying) error {
	if len(list) == 0 {
		return nil
	}
	tables := make([]*replica.Table, len(list))
	for i, c := range list {
		tables[i] = c.binding.Source
		if err := x.copier.Empty(ctx, c.binding, c.state.forgetChunks(x.cfg.Channel)); err != nil {
			return err
		}
		x.progress.restart(c.state.key())
	}
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.leave()
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
		err := x.pipe(ctx, 1, func(ctx context.Context, p *pipe) error { return x.readExact(ctx, p, t, ex, c) })
		if err != nil {
			return err
		}
		if err := x.unchanged(ctx, c); err != nil {
			return err
		}
		done := *c.state
		done.state, done.start, done.high = stateExact, pos, ex.At
		if err := x.recordCopied(ctx, c, done); err != nil {
			return err
		}
	}
	return nil
}

// readExact puts a table's rows into the pipe, a batch of the read as a chunk.
// The room for a batch is reserved before it is read.
func (x *run) readExact(ctx context.Context, p *pipe, t *throttle, ex *snapshot.Exact, c *copying) error {
	reserved, err := p.reserve(ctx, 0)
	if err != nil {
		return err
	}
	no := 0
	t.own.Add(1)
	defer t.own.Add(-1)
	_, _, err = ex.Read(ctx, c.binding.Source, func(batch [][]replica.Value) error {
		no++
		bytes, memory := snapshot.SizeOf(batch)
		rec := apply.Chunk{Schema: c.state.schema, Table: c.state.table, No: no, Rows: uint64(len(batch)), Bytes: uint64(bytes)}
		err := p.put(ctx, &loaded{copy: c, record: rec, rows: batch, committed: func(context.Context, time.Duration) error { return nil }}, reserved, memory)
		if err != nil {
			return err
		}
		reserved, err = p.reserve(ctx, memory)
		return err
	})
	if err != nil {
		return x.blame(ctx, c, err)
	}
	return nil
}
