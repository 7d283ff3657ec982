package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
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
// several goroutines.
type Splitter struct {
	db  *sql.DB
	key *key

	mu     sync.Mutex
	gaps   []gap // still to be read, in key order
	nextNo int
	size   sizer
	forced bool // the key can be named in FORCE INDEX
}

// gap is a range without chunks: above lo, up to hi.
type gap struct{ lo, hi Bound }

// NewSplitter returns the splitter of a table that has a RowKey; ErrKeyless
// for one that has none. db is source.Source.DB. It does no I/O.
func NewSplitter(db *sql.DB, t *replica.Table) (*Splitter, error) {
	k, err := newKey(t)
	if err != nil {
		return nil, err
	}
	return &Splitter{db: db, key: k, gaps: []gap{{}}, nextNo: 1, forced: true}, nil
}

// Next returns the next chunk, or false when the whole table has been given
// out. It runs one query. The last chunk's upper bound is open, so that rows
// that are added meanwhile are in it or come with the stream.
func (s *Splitter) Next(ctx context.Context) (Chunk, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gaps) == 0 {
		return Chunk{}, false, nil
	}
	g := &s.gaps[0]
	end, err := s.boundary(ctx, g.lo, g.hi, s.size.rows())
	if err != nil {
		return Chunk{}, false, source.Classify(fmt.Errorf("split %s: %w", s.key.table, err))
	}
	c := Chunk{Table: s.key.table, No: s.nextNo, Lo: g.lo, Hi: end}
	switch {
	case end == nil || end.equal(g.hi):
		c.Hi = g.hi
		s.gaps = s.gaps[1:]
	case end.equal(g.lo):
		return Chunk{}, false, noProgress(s.key.table)
	default:
		g.lo = end
	}
	s.nextNo++
	return c, true, nil
}

// Cut divides a chunk of this splitter that was not read: first has its lower
// rows, as many as said, and rest all others, under a number of its own. It
// runs one query. When the chunk has no more rows than that, ok is false and
// first is the whole chunk.
func (s *Splitter) Cut(ctx context.Context, c Chunk, rows int) (first, rest Chunk, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, err := s.boundary(ctx, c.Lo, c.Hi, max(rows, 1))
	if err != nil {
		return c, rest, false, source.Classify(fmt.Errorf("cut %s: %w", c, err))
	}
	switch {
	case end == nil || end.equal(c.Hi):
		return c, rest, false, nil
	case end.equal(c.Lo):
		return c, rest, false, noProgress(s.key.table)
	}
	rest = Chunk{Table: c.Table, No: s.nextNo, Lo: end, Hi: c.Hi}
	s.nextNo++
	c.Hi = end
	return c, rest, true, nil
}

// Observe tells what reading and writing a chunk took, so that the next chunks
// have a good size: bytes are those of memory.
func (s *Splitter) Observe(rows, bytes int64, elapsed time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size.observe(rows, bytes, elapsed)
}

// boundary returns the key of the nth row above lo, or nil when there are
// fewer up to hi.
func (s *Splitter) boundary(ctx context.Context, lo, hi Bound, n int) (Bound, error) {
	query := func(forced bool) string {
		return fmt.Sprintf("SELECT %s%s%s ORDER BY %s LIMIT 1 OFFSET %d",
			s.key.selectList(), s.key.from(forced), s.key.where(lo, hi), s.key.orderBy(), n-1)
	}
	b, err := s.oneKey(ctx, query(s.forced))
	if s.forced && isNoKey(err) {
		// An index that the server ignores (MariaDB's IGNORED) cannot be
		// forced. The answer is right without it.
		s.forced = false
		b, err = s.oneKey(ctx, query(false))
	}
	return b, err
}

// oneKey runs a query that returns at most one key.
func (s *Splitter) oneKey(ctx context.Context, query string) (Bound, error) {
	rows, err := s.db.QueryContext(ctx, query)
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
	return b, rows.Err()
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
