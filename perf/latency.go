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
	markEvery = 15 * time.Millisecond
	// lookEvery is how often the target is asked for the newest one: the grain
	// of the lag. Without a pause the looks would take a core from TiDB.
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
	m := &markers{schema: x.schemas[0], committed: map[int64]time.Time{}}
	began := time.Now()
	ends := began.Add(time.Duration(seconds) * time.Second)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return load.Run(groupCtx, x.r.from, x.schemas[0], seed, load.Connections, nil, func(ctx context.Context, s *load.Session) error {
			return x.paced(ctx, s, pace, ends, &written)
		})
	})
	group.Go(func() error { return m.write(groupCtx, x.r.from, ends) })
	group.Go(func() error { return m.watch(groupCtx, x.r.plain) })
	if err := group.Wait(); err != nil {
		return err
	}
	x.wall = ends.Sub(began)
	x.rows = int(written.Load()) + len(m.lags)
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

// paced commits single rows at a session's part of the pace. One that fell
// behind its schedule does not wait.
func (x *run) paced(ctx context.Context, s *load.Session, pace int, ends time.Time, written *atomic.Int64) error {
	every := time.Second * time.Duration(s.Workers) / time.Duration(pace)
	tables := x.scenario.Tables
	next := time.Now().Add(every * time.Duration(s.Worker) / time.Duration(s.Workers))
	for n := 0; ; n++ {
		if err := until(ctx, next); err != nil {
			return err
		}
		if !time.Now().Before(ends) {
			return nil
		}
		next = next.Add(every)
		id := int64(n*s.Workers+s.Worker) + 1
		if err := s.Insert(ctx, &tables[n%len(tables)], id, id+1); err != nil {
			return err
		}
		if err := s.Flush(ctx); err != nil {
			return err
		}
		written.Add(1)
	}
}

// markers are rows whose commit and appearance are timed.
type markers struct {
	schema string
	lags   []time.Duration // watch's

	mu        sync.Mutex
	committed map[int64]time.Time
	last      int64
	ended     bool
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
		m.committed[id], m.last = now, id
		m.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	return nil
}

// errLate is returned when the last marker did not come.
var errLate = errors.New("the markers did not all become visible in the target")

// watch looks in the target for the markers until it has seen all.
func (m *markers) watch(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect the marker's watcher: %w", err)
	}
	defer conn.Close()
	look, err := conn.PrepareContext(ctx, fmt.Sprintf("SELECT id FROM `%s`.perf_marker WHERE id>=? ORDER BY id", m.schema))
	if err != nil {
		return fmt.Errorf("prepare the look for markers: %w", err)
	}
	defer look.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	// Markers may become visible out of order: seen are those at and after low.
	low, seen := int64(1), map[int64]bool{}
	var last time.Time
	for {
		ids, err := m.ids(ctx, look, low)
		if err != nil {
			return err
		}
		now := time.Now()
		m.mu.Lock()
		for _, id := range ids {
			// One that the target shows before its commit was answered is timed
			// at the next look.
			if at, ok := m.committed[id]; ok && !seen[id] {
				seen[id] = true
				m.lags = append(m.lags, now.Sub(at))
				last = now
			}
		}
		for seen[low] {
			delete(seen, low)
			low++
		}
		all, late := m.ended && low > m.last, m.ended && now.Sub(last) > markLimit
		m.mu.Unlock()
		switch {
		case all:
			return nil
		case late:
			return errLate
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (m *markers) ids(ctx context.Context, look *sql.Stmt, low int64) ([]int64, error) {
	rows, err := look.QueryContext(ctx, low)
	if err != nil {
		return nil, fmt.Errorf("look for markers: %w", err)
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("look for markers: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
