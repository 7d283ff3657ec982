package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/perf/load"
)

const (
	// markEvery is how often a marker row is committed, beside the load.
	markEvery = 40 * time.Millisecond
	// warmUp is for how long markers do not count: the figure is that of a
	// steady pace, not of the first use of everything.
	warmUp = 5 * time.Second
	// lookEvery is how often the target is asked while a marker is on its way:
	// the grain of the lag. Looks all the time, or without a pause, would take
	// half a core and more from what is measured.
	lookEvery = time.Millisecond
	// markLimit is how long the last marker may take.
	markLimit = time.Minute
)

// marker is the table of the marker rows.
func marker() load.Table {
	return load.Table{Name: "perf_marker", Columns: []string{"id"}, Define: "id BIGINT NOT NULL, PRIMARY KEY (id)"}
}

// latency is a run at a steady pace, live: from each marker's commit on the
// source to its visibility in the target.
func (x *run) latency(ctx context.Context) (err error) {
	ctx, cancel := x.limited(ctx)
	defer cancel()
	schema := x.schemas[0]
	tables := append(slices.Clone(x.scenario.Tables), marker())
	for _, db := range []*sql.DB{x.r.from, x.r.to} {
		if err := load.Make(ctx, db, schema, tables); err != nil {
			return err
		}
	}
	if x.node, err = x.r.startNode(ctx, x.target); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.endNode(ctx, err == nil)) }()
	err = x.node.Exec(ctx, fmt.Sprintf("CREATE MIGRATION %s FROM SOURCE %s REPLICATE_DO_DB=(%s) START AT CURRENT WITH (mode=INCREMENTAL)",
		migrationName(0), sourceName, schema))
	if err != nil {
		return err
	}
	return x.measured(ctx, x.atPace)
}

// atPace writes the load and measures the lag.
func (x *run) atPace(ctx context.Context, _ time.Time) error {
	if err := x.node.Exec(ctx, "WAIT FOR MIGRATION "+migrationName(0)+" UNTIL CAUGHT_UP TIMEOUT 60"); err != nil {
		return err
	}
	pace, seconds := x.scenario.Size[x.scale], x.scenario.Count[x.scale]
	var written atomic.Int64
	m := &markers{schema: x.schemas[0], committed: map[int64]time.Time{}, one: make(chan struct{}, 1)}
	began := time.Now()
	ends := began.Add(time.Duration(seconds) * time.Second)
	m.counts = began.Add(min(warmUp, ends.Sub(began)/2))
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return load.Run(groupCtx, x.r.from, x.schemas[0], seed, paceSessions, nil, func(ctx context.Context, s *load.Session) error {
			return x.paced(ctx, s, pace, ends, &written)
		})
	})
	group.Go(func() error { return m.write(groupCtx, x.r.from, ends) })
	group.Go(func() error { return m.watch(groupCtx, x.r.plain) })
	if err := group.Wait(); err != nil {
		return err
	}
	x.wall = ends.Sub(began)
	x.rows = int(written.Load()) + len(m.lags) + m.early
	x.note = fmt.Sprintf("%.0f transactions/s were made of %d wanted; %d markers", float64(x.rows)/x.wall.Seconds(), pace, len(m.lags))
	slices.Sort(m.lags)
	if len(m.lags) > 0 {
		x.p50, x.p99 = m.lags[len(m.lags)/2], m.lags[len(m.lags)*99/100]
	}
	if err := load.End(ctx, x.r.from, x.schemas[0]); err != nil {
		return err
	}
	return x.untilEnded(ctx)
}

// untilEnded waits until the end of the load is applied.
func (x *run) untilEnded(ctx context.Context) error {
	tick := time.NewTicker(endPoll)
	defer tick.Stop()
	for {
		if ended, err := load.Ended(ctx, x.r.plain, x.schemas[0]); ended || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// paceSessions and pacePacket are how many sessions write the load, and how many
// transactions one sends at once: with eight sessions and one a packet the load
// alone takes more than half of the machine that it shares with what is measured.
// The sessions take turns, so that a packet comes every other millisecond.
const (
	paceSessions = 2
	pacePacket   = 4
)

// paced commits single rows at a session's part of the pace. One that fell
// behind its schedule does not wait.
func (x *run) paced(ctx context.Context, s *load.Session, pace int, ends time.Time, written *atomic.Int64) error {
	every := pacePacket * time.Second * time.Duration(s.Workers) / time.Duration(pace)
	tables := x.scenario.Tables
	next := time.Now().Add(every * time.Duration(s.Worker) / time.Duration(s.Workers))
	for n := 0; ; {
		if err := until(ctx, next); err != nil {
			return err
		}
		if !time.Now().Before(ends) {
			return nil
		}
		next = next.Add(every)
		for range pacePacket {
			id := int64(n*s.Workers+s.Worker) + 1
			if err := s.Insert(ctx, &tables[n%len(tables)], id, id+1); err != nil {
				return err
			}
			n++
		}
		if err := s.Flush(ctx); err != nil {
			return err
		}
		written.Add(pacePacket)
	}
}

// markers are rows whose commit and appearance are timed.
type markers struct {
	schema string
	counts time.Time       // markers that are committed later do
	lags   []time.Duration // watch's
	early  int             // watch's: markers before that

	mu        sync.Mutex
	committed map[int64]time.Time
	ended     bool
	// one is told of a new marker.
	one chan struct{}
}

// write commits markers on the source until the end.
func (m *markers) write(ctx context.Context, db *sql.DB, ends time.Time) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect the marker's writer: %w", err)
	}
	defer conn.Close()
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	for id := int64(1); time.Now().Before(ends); id++ {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("INSERT INTO `%s`.perf_marker VALUES (%d)", m.schema, id)); err != nil {
			return fmt.Errorf("write a marker: %w", err)
		}
		now := time.Now()
		m.mu.Lock()
		m.committed[id] = now
		m.mu.Unlock()
		m.tell()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	m.tell()
	return nil
}

// tell wakes watch.
func (m *markers) tell() {
	select {
	case m.one <- struct{}{}:
	default:
	}
}

// errLate is returned when the last marker did not come.
var errLate = errors.New("the markers did not all become visible in the target")

// watch looks in the target for the markers until it has seen all. It asks for
// the oldest that it has not seen: one that becomes visible before an older one
// is timed with that.
func (m *markers) watch(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect the marker's watcher: %w", err)
	}
	defer conn.Close()
	look, err := conn.PrepareContext(ctx, fmt.Sprintf("SELECT id FROM `%s`.perf_marker WHERE id=?", m.schema))
	if err != nil {
		return fmt.Errorf("prepare the look for markers: %w", err)
	}
	defer look.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := time.Now()
	for id := int64(1); ; id++ {
		at, ok, err := m.committedAt(ctx, id)
		if err != nil || !ok {
			return err
		}
		for {
			now := time.Now()
			seen, err := visible(ctx, look, id)
			if err != nil {
				return err
			}
			if seen {
				last = time.Now()
				break
			}
			if now.Sub(last) > markLimit {
				return errLate
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-tick.C:
			}
		}
		if at.After(m.counts) {
			m.lags = append(m.lags, last.Sub(at))
		} else {
			m.early++
		}
	}
}

// committedAt waits until a marker is committed; false when there are no more.
func (m *markers) committedAt(ctx context.Context, id int64) (time.Time, bool, error) {
	for {
		m.mu.Lock()
		at, ok := m.committed[id]
		delete(m.committed, id)
		ended := m.ended
		m.mu.Unlock()
		if ok || ended {
			return at, ok, nil
		}
		select {
		case <-ctx.Done():
			return at, false, context.Cause(ctx)
		case <-m.one:
		}
	}
}

func visible(ctx context.Context, look *sql.Stmt, id int64) (bool, error) {
	err := look.QueryRowContext(ctx, id).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for markers: %w", err)
	}
	return true, nil
}
