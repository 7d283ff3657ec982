package migration

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/snapshot"
)

// Bounds of the memory that the rows of a copy take between their read and
// their commit.
const (
	// copyMemory is for all of them: chunks that are written, eight of them with
	// the default lanes, and those that readers have in hand or wait to hand over.
	copyMemory = 48 << 20
	// chunkMemory is the most that a chunk of several rows takes; it is room
	// for rows that are three times as wide as those before them. A chunk that
	// takes more is cut.
	chunkMemory = 3 * snapshot.ChunkBytes
	// copyQueue is how many chunks may be read and not yet taken by a writer:
	// enough that a writer never waits while a reader is in the middle of one.
	copyQueue = 4
)

// pipe connects the readers of a copy with its writers. A chunk goes from a
// reader, through the queue, to whichever writer is free. What bounds it: the
// queue, and the memory of all chunks between reading and commit; a reader
// waits for either, so that a slow target slows the reading down.
//
// Only rows of which a single one is wider than chunkMemory can exceed the
// memory, and only until the first of them was seen: from then on a chunk of
// that table waits until there is room for such a row.
type pipe struct {
	x      *run
	memory *semaphore.Weighted
	queue  chan *loaded
	read   chan struct{} // closed with it
	crew   *crew
}

// loaded is a chunk that was read.
type loaded struct {
	copy   *copying
	record apply.Chunk
	rows   [][]replica.Value
	held   int64 // of pipe.memory
	// committed is called by the writer once the chunk is committed; took is
	// how long that was.
	committed func(ctx context.Context, took time.Duration) error
}

// pipe runs readers, and at most as many writers as there are lanes, until the
// readers have ended and all that they put is committed. The first error ends
// all of them, as does the end of ctx; pipe returns after the last has ended.
func (x *run) pipe(ctx context.Context, readers int, read func(ctx context.Context, p *pipe) error) error {
	p := &pipe{x: x, memory: semaphore.NewWeighted(copyMemory), queue: make(chan *loaded, copyQueue), read: make(chan struct{}),
		crew: newCrew(x.copier.Lanes(), time.Now)}
	g, ctx := errgroup.WithContext(ctx)
	var reading sync.WaitGroup
	for range readers {
		reading.Add(1)
		g.Go(func() error {
			defer reading.Done()
			return replica.Safely(func() error { return read(ctx, p) })
		})
	}
	g.Go(func() error {
		reading.Wait()
		close(p.queue)
		close(p.read)
		return nil
	})
	for lane := 1; lane <= x.copier.Lanes(); lane++ {
		g.Go(func() error { return replica.Safely(func() error { return p.write(ctx, lane) }) })
	}
	return g.Wait()
}

// reserve waits for room for a chunk whose widest row may take widest bytes,
// and returns how much was reserved.
func (p *pipe) reserve(ctx context.Context, widest int64) (int64, error) {
	n := min(max(chunkMemory, widest), copyMemory)
	if err := p.memory.Acquire(ctx, n); err != nil {
		return 0, context.Cause(ctx)
	}
	return n, nil
}

// put hands a chunk to the writers. Of the reserved memory it keeps what the
// rows take.
func (p *pipe) put(ctx context.Context, l *loaded, reserved, takes int64) error {
	l.held = min(takes, reserved)
	p.memory.Release(reserved - l.held)
	select {
	case p.queue <- l:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// write commits chunks under a lane.
func (p *pipe) write(ctx context.Context, lane int) error {
	for p.crew.join(ctx, lane, p.read) {
		var l *loaded
		var more bool
		free := time.Now()
		select {
		case l, more = <-p.queue:
			if !more {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		began := time.Now()
		if err := p.x.copier.WriteChunk(ctx, lane, l.copy.binding, l.rows, l.record); err != nil {
			return p.x.blameWrite(ctx, l.copy, err)
		}
		p.crew.wrote(len(l.rows), began.Sub(free))
		l.rows = nil
		p.memory.Release(l.held)
		p.x.progress.chunk(l.copy.state.key(), l.record.Rows, l.record.Bytes)
		p.x.copies()
		if err := l.committed(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
