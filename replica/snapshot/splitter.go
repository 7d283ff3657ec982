package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/source"
)

// ChunkBytes is the memory that the rows of a chunk should take. A chunk is
// one transaction on the target, is held whole while it is read and written,
// and is what is lost when a node dies while it is copied; below some thousand
// rows the fixed costs of a transaction begin to show.
const ChunkBytes = 2 << 20

// What else bounds a chunk.
const (
	targetTime = time.Second
	maxRows    = 5_000
	firstRows  = 1_000 // of the chunks made before any was observed
	// maxGrowth bounds how much larger a chunk may be than any observed one:
	// rows further on may be wider.
	maxGrowth = 4
)

// Splitter yields the chunks of one table. Its methods may be called from
// several goroutines, whose queries run side by side.
type Splitter struct {
	db  *sql.DB
	key *key

	mu      sync.Mutex
	gaps    []gap         // that nobody cuts a chunk from
	cutting int           // gaps that somebody does
	waiting int           // callers of Next that found none
	changed chan struct{} // closed when a caller has done with its gap
	nextNo  int
	size    sizer
	extent  extent
	held    float64 // the width of the gaps that are cut now

	unforced atomic.Bool // the key cannot be named in FORCE INDEX
}

// gap is a range without chunks: above lo, up to hi. A narrow one had at most
// the rows of a stripe when it was cut, and is not cut in stripes again.
type gap struct {
	lo, hi Bound
	narrow bool
	held   float64 // its width, while it is cut
}

// Conn is what a query runs on: a *sql.Conn, or a *sql.DB.
type Conn interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// stripe is how many chunks' rows are cut off a gap at once when there are more
// readers than gaps. The bound of a chunk is a query, and the next chunk of its
// gap begins there: over a slow line one gap cannot keep several readers busy.
// Each reader then has a stripe of its own, for one look at the key's index
// more.
const stripe = 16

// NewSplitter returns the splitter of a table that has a RowKey; ErrKeyless
// for one that has none. db is source.Source.DB; Resume runs on it. It does no
// I/O.
func NewSplitter(db *sql.DB, t *replica.Table) (*Splitter, error) {
	k, err := newKey(t)
	if err != nil {
		return nil, err
	}
	return &Splitter{db: db, key: k, gaps: []gap{{}}, nextNo: 1, changed: make(chan struct{})}, nil
}

// Next returns the next chunk, or false when the whole table has been given
// out. It runs a query or two on conn, and waits for those of others if all
// that is left is in their hands. The chunk without an upper bound is the one of
// the highest keys: rows that are added meanwhile are in it or come with the
// stream. After an error the same rows are given out again.
func (s *Splitter) Next(ctx context.Context, conn Conn) (Chunk, bool, error) {
	g, rows, crowded, err := s.take(ctx)
	if err != nil || g == nil {
		return Chunk{}, false, err
	}
	// Whatever happens, what is left of the gap goes back.
	held := g.held
	defer func() { s.leave(g, held) }()
	if crowded && !g.narrow {
		end, err := s.cut(ctx, conn, g.lo, g.hi, stripe*rows)
		if err != nil {
			return Chunk{}, false, source.Classify(fmt.Errorf("split %s: %w", s.key.table, err))
		}
		if g.narrow = true; end != nil {
			s.add(gap{lo: end, hi: g.hi})
			g.hi = end
		}
	}
	end, err := s.cut(ctx, conn, g.lo, g.hi, rows)
	if err != nil {
		return Chunk{}, false, source.Classify(fmt.Errorf("split %s: %w", s.key.table, err))
	}
	c := Chunk{Table: s.key.table, No: s.number(), Lo: g.lo, Hi: g.hi}
	if end == nil {
		g = nil
		return c, true, nil
	}
	c.Hi, g.lo = end, end
	return c, true, nil
}

// Cut divides a chunk of this splitter that was not read: first has its lower
// rows, as many as said, and rest all others, under a number of its own. It
// runs one query on conn. When the chunk has no more rows than that, ok is
// false and first is the whole chunk.
func (s *Splitter) Cut(ctx context.Context, conn Conn, c Chunk, rows int) (first, rest Chunk, ok bool, err error) {
	end, err := s.cut(ctx, conn, c.Lo, c.Hi, max(rows, 1))
	if err != nil {
		return c, rest, false, source.Classify(fmt.Errorf("cut %s: %w", c, err))
	}
	if end == nil {
		return c, rest, false, nil
	}
	rest = Chunk{Table: c.Table, No: s.number(), Lo: end, Hi: c.Hi}
	c.Hi = end
	return c, rest, true, nil
}

// take waits for a gap and takes it out, with the rows that its next chunk
// should have; leave must follow. crowded says that more callers wait than
// there are gaps. A nil gap, after which no leave must follow, means that all is
// given out.
func (s *Splitter) take(ctx context.Context) (g *gap, rows int, crowded bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.gaps) == 0 {
		if s.cutting == 0 {
			return nil, 0, false, nil
		}
		changed := s.changed
		s.waiting++
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		s.mu.Lock()
		s.waiting--
		if err != nil {
			return nil, 0, false, err
		}
	}
	first := s.gaps[0]
	s.gaps = s.gaps[1:]
	s.cutting++
	first.held = s.width(&first)
	s.held += first.held
	return &first, s.size.rows(), s.waiting > len(s.gaps), nil
}

// leave puts back what is left of a gap; nil: nothing is. held is its width when it was
// taken.
func (s *Splitter) leave(g *gap, held float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutting--
	s.held -= held
	if g != nil {
		s.gaps = append(s.gaps, *g)
	}
	s.wake()
}

func (s *Splitter) add(g gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps = append(s.gaps, g)
	s.wake()
}

// wake lets all who wait look again; s.mu is held.
func (s *Splitter) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Splitter) number() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextNo++
	return s.nextNo - 1
}

// Observe tells what reading and writing a chunk took, so that the next chunks
// have a good size: bytes are those of memory.
func (s *Splitter) Observe(rows, bytes int64, elapsed time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size.observe(rows, bytes, elapsed)
}

// cut returns the key of the nth row above lo; nil: no row up to hi follows it
// that is known to be there.
func (s *Splitter) cut(ctx context.Context, conn Conn, lo, hi Bound, n int) (Bound, error) {
	end, err := s.boundary(ctx, conn, lo, hi, n)
	switch {
	case err != nil:
		return nil, err
	case end == nil || end.equal(hi):
		return nil, nil
	case end.equal(lo):
		return nil, noProgress(s.key.table)
	}
	return end, nil
}

// boundary returns the key of the nth row above lo, or nil when there are
// fewer up to hi.
func (s *Splitter) boundary(ctx context.Context, conn Conn, lo, hi Bound, n int) (Bound, error) {
	query := func(forced bool) string {
		return fmt.Sprintf("SELECT %s%s%s ORDER BY %s LIMIT 1 OFFSET %d",
			s.key.selectList(), s.key.from(forced), s.key.where(lo, hi), s.key.orderBy(), n-1)
	}
	forced := !s.unforced.Load()
	b, err := s.oneKey(ctx, conn, query(forced))
	if forced && isNoKey(err) {
		// An index that the server ignores (MariaDB's IGNORED) cannot be
		// forced. The answer is right without it.
		s.unforced.Store(true)
		b, err = s.oneKey(ctx, conn, query(false))
	}
	return b, err
}

// oneKey runs a query that returns at most one key.
func (s *Splitter) oneKey(ctx context.Context, conn Conn, query string) (Bound, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	texts := make([]sql.RawBytes, len(s.key.columns))
	into := make([]any, len(texts))
	for i := range texts {
		into[i] = &texts[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	b := make(Bound, len(texts))
	for i, text := range texts {
		if b[i], err = s.key.columns[i].value(text); err != nil {
			return nil, badValue(s.key.table, s.key.columns[i].column)
		}
	}
	return b, rows.Close() // reads the end of the answer, where an error can be
}

// isNoKey says whether err is MySQL's "key does not exist in table".
func isNoKey(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == 1176
}

func noProgress(t *replica.Table) *replica.Error {
	return &replica.Error{Code: codeNoProgress, State: "HY000", Class: "DATA",
		Message: fmt.Sprintf("a key of %s does not compare greater than itself's predecessor: the index is damaged or its collation changed", t),
		Remedy:  "run CHECK TABLE on the source"}
}

// sizer decides how many rows a chunk has.
type sizer struct {
	largest     int64 // rows of the largest observed chunk
	bytesPerRow float64
	timePerRow  float64 // seconds
}

// weight is that of the newest observation in the moving averages: high enough
// to follow a change of the rows within a few chunks.
const weight = 0.3

func (z *sizer) observe(rows, bytes int64, elapsed time.Duration) {
	if rows <= 0 {
		return
	}
	b, t := float64(bytes)/float64(rows), elapsed.Seconds()/float64(rows)
	if z.largest == 0 {
		z.bytesPerRow, z.timePerRow = b, t
	} else {
		z.bytesPerRow += weight * (b - z.bytesPerRow)
		z.timePerRow += weight * (t - z.timePerRow)
	}
	z.largest = max(z.largest, rows)
}

func (z *sizer) rows() int {
	if z.largest == 0 {
		return firstRows
	}
	n := float64(maxRows)
	if z.bytesPerRow > 0 {
		n = min(n, ChunkBytes/z.bytesPerRow)
	}
	if z.timePerRow > 0 {
		n = min(n, targetTime.Seconds()/z.timePerRow)
	}
	return max(1, int(min(n, float64(z.largest*maxGrowth))))
}
