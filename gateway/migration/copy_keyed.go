package migration

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"sluice/gateway/apply"
	"sluice/replica/snapshot"
	"sluice/replica/source"
)

// copyKeyed copies tables chunk by chunk.
func (x *run) copyKeyed(ctx context.Context, t *throttle, list []*copying) error {
	if len(list) == 0 {
		return nil
	}
	w := &copyWork{x: x, throttle: t, waiting: list}
	w.cond = sync.NewCond(&w.mu)
	return x.pipe(ctx, x.cfg.CopyThreads, w.read)
}

// copyWork hands chunks to the readers.
//
// A chunk that is taken counts in its table's inFlight until it is committed. A
// chunk that is cut leaves a second one, which counts from that moment on, so
// that no table can be finished while a part of it is still to be read.
type copyWork struct {
	x        *run
	throttle *throttle
	mu       sync.Mutex
	// cond is signalled when a table is opened, a chunk is cut, and when a
	// reader has done with its chunk.
	cond    *sync.Cond
	waiting []*copying
	active  []*copying
	pieces  []piece // left of chunks that were cut
	opening int
	reading int // chunks that are taken and may still be cut
}

// piece is a chunk in a reader's hand; a zero chunk number means that it is
// still to be asked of the splitter.
type piece struct {
	copy  *copying
	chunk snapshot.Chunk
}

// read is a reader: it has a connection to the source, reads chunks whole and
// puts them into the pipe until there are none left.
func (w *copyWork) read(ctx context.Context, p *pipe) error {
	defer context.AfterFunc(ctx, func() { w.mu.Lock(); w.cond.Broadcast(); w.mu.Unlock() })()
	conn := &readConn{src: w.x.src}
	defer conn.close()
	for {
		if err := w.throttle.enter(ctx); err != nil {
			return err
		}
		more, err := w.readOne(ctx, p, conn)
		if err != nil || !more {
			return err
		}
	}
}

// readOne reads the next chunk. It gives back the place in the throttle before
// it waits for a writer.
func (w *copyWork) readOne(ctx context.Context, p *pipe, conn *readConn) (more bool, err error) {
	inside := true
	leave := func() {
		if inside {
			inside = false
			w.throttle.leave()
		}
	}
	defer leave()
	at, ok, err := w.next(ctx, conn)
	if err != nil || !ok {
		return false, err
	}
	w.mu.Lock()
	widest := at.copy.widest
	w.mu.Unlock()
	reserved, err := p.reserve(ctx, widest)
	if err != nil {
		return false, err
	}
	began := time.Now()
	rows, err := w.load(ctx, conn, &at)
	if err != nil {
		return false, err
	}
	took := time.Since(began)
	leave()
	w.mu.Lock()
	w.reading--
	at.copy.widest = max(at.copy.widest, rows.Widest)
	w.cond.Broadcast()
	w.mu.Unlock()
	rec, err := record(at, rows)
	if err != nil {
		return false, err
	}
	n := int64(len(rows.Rows))
	return true, p.put(ctx, &loaded{copy: at.copy, record: rec, rows: rows.Rows, committed: func(ctx context.Context, wrote time.Duration) error {
		at.copy.splitter.Observe(n, rows.Memory, took+wrote)
		return w.done(ctx, at.copy)
	}}, reserved, rows.Memory)
}

// load reads a chunk whole. One that takes too much memory is cut where it
// does: its rest is left to whoever is free.
func (w *copyWork) load(ctx context.Context, conn *readConn, at *piece) (snapshot.Rows, error) {
	for {
		c, err := conn.get(ctx)
		if err != nil {
			return snapshot.Rows{}, err
		}
		w.throttle.own.Add(1)
		rows, err := snapshot.ReadWhole(ctx, c, at.chunk, chunkMemory)
		w.throttle.own.Add(-1)
		var large *snapshot.TooLargeError
		switch {
		case err == nil:
			return rows, nil
		case !errors.As(err, &large):
			return snapshot.Rows{}, w.x.blame(ctx, at.copy, err)
		}
		conn.discard()
		at.copy.splitter.Observe(int64(large.Rows), large.Memory, 0)
		if c, err = conn.get(ctx); err != nil {
			return snapshot.Rows{}, err
		}
		first, rest, ok, err := at.copy.splitter.Cut(ctx, counted{c, w.throttle}, at.chunk, large.Rows)
		if err != nil {
			return snapshot.Rows{}, w.x.blame(ctx, at.copy, err)
		}
		at.chunk = first
		if ok {
			w.mu.Lock()
			at.copy.inFlight++
			w.pieces = append(w.pieces, piece{at.copy, rest})
			w.cond.Broadcast()
			w.mu.Unlock()
		}
	}
}

// record returns the record of a chunk's rows.
func record(at piece, rows snapshot.Rows) (apply.Chunk, error) {
	lo, err := at.chunk.Lo.MarshalText()
	if err != nil {
		return apply.Chunk{}, err
	}
	hi, err := at.chunk.Hi.MarshalText()
	if err != nil {
		return apply.Chunk{}, err
	}
	return apply.Chunk{Schema: at.copy.state.schema, Table: at.copy.state.table, No: at.chunk.No, Lo: string(lo), Hi: string(hi),
		Rows: uint64(len(rows.Rows)), Bytes: uint64(rows.Bytes)}, nil
}

// next returns the next chunk, which then counts as being read; false: all
// chunks are read, though not all may be committed.
func (w *copyWork) next(ctx context.Context, conn *readConn) (piece, bool, error) {
	for {
		at, ok, err := w.pick(ctx)
		if err != nil || !ok || at.chunk.No > 0 {
			return at, ok, err
		}
		c, err := conn.get(ctx)
		if err != nil {
			return at, false, err
		}
		at.chunk, ok, err = at.copy.splitter.Next(ctx, counted{c, w.throttle})
		if err != nil {
			return at, false, w.x.blame(ctx, at.copy, err)
		}
		w.showSpread(at.copy)
		if ok {
			return at, true, nil
		}
		w.mu.Lock()
		w.reading--
		at.copy.ended = true
		for i, a := range w.active {
			if a == at.copy {
				w.active = append(w.active[:i], w.active[i+1:]...)
				break
			}
		}
		w.cond.Broadcast()
		w.mu.Unlock()
		if err := w.done(ctx, at.copy); err != nil {
			return at, false, err
		}
	}
}

// pick reserves the rest of a cut chunk, or a table to take a chunk from: a
// new table while fewer are active than there are readers.
func (w *copyWork) pick(ctx context.Context) (piece, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if ctx.Err() != nil {
			return piece{}, false, context.Cause(ctx)
		}
		if n := len(w.pieces); n > 0 {
			at := w.pieces[n-1]
			w.pieces = w.pieces[:n-1]
			w.reading++
			return at, true, nil
		}
		if len(w.waiting) > 0 && len(w.active)+w.opening < w.x.cfg.CopyThreads {
			if err := w.open(ctx); err != nil {
				return piece{}, false, err
			}
		}
		if len(w.active) > 0 {
			best := w.leastBusy()
			best.inFlight++
			w.reading++
			return piece{copy: best}, true, nil
		}
		if w.opening == 0 && w.reading == 0 && len(w.waiting) == 0 && len(w.pieces) == 0 {
			return piece{}, false, nil
		}
		w.cond.Wait()
	}
}

// open makes the next waiting table active. w.mu is held, and let go meanwhile.
func (w *copyWork) open(ctx context.Context) error {
	c := w.waiting[0]
	w.waiting = w.waiting[1:]
	w.opening++
	w.mu.Unlock()
	err := w.x.openSplitter(ctx, c)
	w.mu.Lock()
	w.opening--
	if err == nil {
		w.active = append(w.active, c)
	}
	w.cond.Broadcast()
	return err
}

// leastBusy returns the active table with the fewest chunks in flight, so
// that all keep moving.
func (w *copyWork) leastBusy() *copying {
	best := w.active[0]
	for _, c := range w.active[1:] {
		if c.inFlight < best.inFlight {
			best = c
		}
	}
	return best
}

// done ends a reservation; the last one of an ended table finishes it.
func (w *copyWork) done(ctx context.Context, c *copying) error {
	defer w.showSpread(c)
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

// showSpread shows how far a table's copy is.
func (w *copyWork) showSpread(c *copying) {
	w.mu.Lock()
	n := c.inFlight
	w.mu.Unlock()
	part, known := c.splitter.Given()
	w.x.progress.spread(c.state.key(), spread{part: part, known: known, inHand: n})
}

// counted is a connection whose statements count as the copy's own.
type counted struct {
	snapshot.Conn
	throttle *throttle
}

// QueryContext is that of snapshot.Conn. The splitter's queries have one row.
func (c counted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.throttle.own.Add(1)
	defer c.throttle.own.Add(-1)
	return c.Conn.QueryContext(ctx, query, args...)
}

// readConn is a reader's connection to the source.
type readConn struct {
	src  *source.Source
	conn *sql.Conn
}

// get returns the connection; it connects when there is none.
func (r *readConn) get(ctx context.Context) (*sql.Conn, error) {
	if r.conn == nil {
		conn, err := r.src.DB().Conn(ctx)
		if err != nil {
			return nil, source.Classify(err)
		}
		r.conn = conn
	}
	return r.conn, nil
}

func (r *readConn) close() {
	if r.conn != nil {
		_ = r.conn.Close()
		r.conn = nil
	}
}

// discard drops a connection on which a read was cut off.
func (r *readConn) discard() {
	if r.conn != nil {
		source.Discard(r.conn)
		r.conn = nil
	}
}
