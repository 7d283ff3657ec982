package snapshot

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"sluice/replica"
	"sluice/replica/source"
)

// Bounds of a batch. A keyless table's batch is one transaction on the target.
const (
	batchBytes = ChunkBytes // of memory
	batchRows  = maxRows
)

// Batch receives rows. Each has one Value per column of the table; generated
// columns are NULL. The callee keeps what it is given. Its error ends the
// read.
type Batch func(rows [][]replica.Value) error

// Read reads a chunk's rows in key order and hands them on in batches of about
// ChunkBytes of memory; memory does not grow with the chunk. The connection is one of
// source.Source.DB's and is busy until Read returns; after an error it may be
// closed. It takes no lock, and sees all that was committed before it began.
// It returns the rows and bytes that were handed on. Its errors are
// *replica.Error, except those of fn, which are returned as they are, and the
// cause of a context that ended.
func Read(ctx context.Context, conn *sql.Conn, c Chunk, fn Batch) (rows, bytes int64, err error) {
	r := &reader{fn: fn}
	err = r.chunk(ctx, conn, c)
	return r.rows, r.bytes, err
}

// chunk reads a chunk's rows in key order.
func (r *reader) chunk(ctx context.Context, conn *sql.Conn, c Chunk) error {
	k, err := newKey(c.Table)
	if err != nil {
		return err
	}
	for _, b := range []Bound{c.Lo, c.Hi} {
		if err := k.check(b); err != nil {
			return damaged(c.Table, err)
		}
	}
	if r.projection, err = newProjection(c.Table); err != nil {
		return err
	}
	query := func(forced bool) string {
		return "SELECT " + r.list + k.from(forced) + k.where(c.Lo, c.Hi) + " ORDER BY " + k.orderBy()
	}
	err = r.run(ctx, conn, query(true))
	if isNoKey(err) { // nothing was read: the statement did not run
		err = r.run(ctx, conn, query(false))
	}
	return r.wrap(err, c.String())
}

// reader turns one result into batches.
type reader struct {
	*projection
	fn          Batch
	most        int // memory of a read that is one batch; 0: batches
	rows, bytes int64
	fnErr       error // the callee's error
	cause       error // why the context ended

	batch  [][]replica.Value
	values []replica.Value // room for the rows of the batch
	slab   []byte          // room for the bytes of the batch
	size   int             // bytes of the batch
	memory int             // what the batch takes
	widest int             // memory of the read's widest row
}

// valueBytes is what a value takes besides its bytes.
const valueBytes = int(unsafe.Sizeof(replica.Value{}))

// run streams the query's rows. It goes below database/sql because the driver
// has the values ready: numbers as numbers, the rest in its buffer.
func (r *reader) run(ctx context.Context, conn *sql.Conn, query string) error {
	err := conn.Raw(func(c any) error {
		q, ok := c.(driver.QueryerContext)
		if !ok {
			return errors.New("the connection cannot run queries")
		}
		running, cancel := context.WithCancel(ctx)
		defer cancel()
		rows, err := q.QueryContext(running, query, nil)
		if err != nil {
			return err
		}
		if err := r.stream(ctx, rows); err != nil {
			// Close would read the rest of the result: cut it off instead.
			cancel()
			_ = rows.Close()
			return err
		}
		return rows.Close()
	})
	if err != nil && ctx.Err() != nil {
		r.cause = context.Cause(ctx)
	}
	return err
}

// wrap makes an error of run one for operators, unless it is the callee's or
// the context's.
func (r *reader) wrap(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case r.fnErr != nil:
		return r.fnErr
	case r.cause != nil:
		return fmt.Errorf("read %s: %w", what, r.cause)
	}
	return source.Classify(fmt.Errorf("read %s: %w", what, err))
}

func (r *reader) stream(ctx context.Context, rows driver.Rows) error {
	into := make([]driver.Value, len(r.selected))
	if n := len(rows.Columns()); n != len(into) {
		return fmt.Errorf("the source answers with %d columns where %d were asked for", n, len(into))
	}
	for {
		err := rows.Next(into)
		if err == io.EOF {
			return r.flush()
		}
		if err != nil {
			return err
		}
		if err := r.add(into); err != nil {
			return err
		}
		if r.most > 0 {
			if r.memory > r.most && len(r.batch) > 1 {
				r.fnErr = &TooLargeError{Rows: len(r.batch) - 1, Memory: int64(r.memory)}
				return r.fnErr
			}
			continue
		}
		if r.memory >= batchBytes || len(r.batch) >= batchRows {
			if err := r.flush(); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
}

func (r *reader) add(from []driver.Value) error {
	n := len(r.table.Columns)
	if len(r.values)+n > cap(r.values) {
		r.values = make([]replica.Value, 0, max(n, min((len(r.batch)+64)*n, slabValues)))
	}
	start := len(r.values)
	r.values = r.values[:start+n]
	row := r.values[start : start+n : start+n]
	for _, i := range r.absent {
		row[i].Kind = replica.KindAbsent
	}
	memory := n*valueBytes + rowBytes
	for i, v := range from {
		s := &r.selected[i]
		value, err := s.convert(r, v)
		if err != nil {
			return badValue(r.table, s.column)
		}
		row[s.index] = value
		if n := len(value.Bytes); n > 0 {
			r.size += n
			memory += n
		} else {
			r.size += 8
		}
	}
	r.batch = append(r.batch, row)
	r.memory += memory
	r.widest = max(r.widest, memory)
	return nil
}

// rowBytes is what a row takes besides its values.
const rowBytes = int(unsafe.Sizeof([]replica.Value{}))

// slabValues is how much room is taken at once for values, at most.
const slabValues = 8_000

// slabBytes is how much room is taken at once for values' bytes. A large value
// gets room of its own, so that it does not keep a slab alive.
const slabBytes = 64 << 10

// keep copies b, which is the driver's, to room of the batch's own.
func (r *reader) keep(b []byte) []byte {
	if len(b) > slabBytes/4 {
		return append([]byte(nil), b...)
	}
	if len(r.slab)+len(b) > cap(r.slab) {
		r.slab = make([]byte, 0, slabBytes)
	}
	start := len(r.slab)
	r.slab = append(r.slab, b...)
	return r.slab[start:len(r.slab):len(r.slab)]
}

// flush hands the batch on and begins a new one; slabs with room left are used
// on, since what was handed on is never written again.
func (r *reader) flush() error {
	if len(r.batch) == 0 {
		return nil
	}
	if err := r.fn(r.batch); err != nil {
		r.fnErr = err
		return err
	}
	r.rows += int64(len(r.batch))
	r.bytes += int64(r.size)
	r.batch, r.size, r.memory = nil, 0, 0
	return nil
}
