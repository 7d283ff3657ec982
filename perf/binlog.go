package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
	"sluice/perf/load"
	"sluice/perf/measure"
	"sluice/perf/scenario"
)

// seed is that of all loads: the same rows in every invocation.
const seed = 20260901

// recorded is a load on the source, made once and replayed by every run.
type recorded struct {
	// before is the source's GTID set before the load.
	before string
	files  []string
	parsed measure.Binlog
	// keys is how many rows the load changes, each once; of loads that fold only.
	keys int
}

// schemasOf names a scenario's schemas, on both sides: one for each migration.
func schemasOf(s *scenario.Scenario, scale scenario.Scale) []string {
	if s.Kind != scenario.Many {
		return []string{"perf_" + s.Name}
	}
	var names []string
	for i := range s.Count[scale] {
		names = append(names, fmt.Sprintf("perf_%s_%d", s.Name, i+1))
	}
	return names
}

// yardSchema is where the plain client writes.
const yardSchema = "perf_plain"

// flush begins a new binlog file, so that a load has files of its own.
func (r *rig) flush(ctx context.Context) error {
	if _, err := r.from.ExecContext(ctx, "FLUSH BINARY LOGS"); err != nil {
		return fmt.Errorf("begin a new binlog: %w", err)
	}
	return nil
}

// reset forgets the source's binlogs and a schema of it.
func (r *rig) reset(ctx context.Context, schemas ...string) error {
	for _, s := range schemas {
		if _, err := r.from.ExecContext(ctx, "DROP DATABASE IF EXISTS `"+s+"`"); err != nil {
			return fmt.Errorf("drop a schema of the source: %w", err)
		}
	}
	if _, err := r.from.ExecContext(ctx, "RESET BINARY LOGS AND GTIDS"); err != nil {
		return fmt.Errorf("forget the source's binlogs: %w", err)
	}
	return nil
}

// record writes a scenario's load on the source. schemas are those of its
// migrations, which share the load.
func (r *rig) record(ctx context.Context, s *scenario.Scenario, scale scenario.Scale, schemas []string) (*recorded, error) {
	for _, schema := range schemas {
		if err := load.Make(ctx, r.from, schema, s.Tables); err != nil {
			return nil, err
		}
		if err := load.Fill(ctx, r.from, schema, seed, s.Tables, int64(s.Initial[scale])); err != nil {
			return nil, err
		}
	}
	rec := &recorded{}
	var err error
	if err := r.flush(ctx); err != nil {
		return nil, err
	}
	old, err := r.binlogs(ctx)
	if err != nil {
		return nil, err
	}
	if rec.before, err = node.Executed(ctx, r.from, servers.MySQL); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.write(ctx, s, scale, schemas); err != nil {
		return nil, err
	}
	if err := r.flush(ctx); err != nil {
		return nil, err
	}
	now, err := r.binlogs(ctx)
	if err != nil {
		return nil, err
	}
	// The last of the old ones is the one that the load began, the last of the
	// new ones is empty.
	for _, name := range now[slices.Index(now, old[len(old)-1]) : len(now)-1] {
		rec.files = append(rec.files, filepath.Join(r.source.Dir, "data", name))
	}
	if rec.parsed, err = measure.Parse(ctx, rec.files); err != nil {
		return nil, err
	}
	if s.Folds {
		if rec.keys, err = measure.Keys(ctx, rec.files); err != nil {
			return nil, err
		}
	}
	r.log("%s: load made in %.1f s: %d rows in %d transactions, %.1f MB of binlog", s.Name, time.Since(began).Seconds(),
		rec.parsed.Rows, rec.parsed.Transactions, float64(rec.parsed.Bytes)/1e6)
	return rec, nil
}

// write runs the scenario's writers on the source.
func (r *rig) write(ctx context.Context, s *scenario.Scenario, scale scenario.Scale, schemas []string) error {
	sessions := s.Sessions
	if sessions == 0 {
		sessions = load.Connections
	}
	l := scenario.Load{Schemas: schemas, Tables: s.Tables, Size: s.Size[scale], Initial: s.Initial[scale]}
	group, groupCtx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	group.Go(func() error {
		defer close(done)
		return load.Run(groupCtx, r.from, schemas[0], seed, sessions, s.Setup, func(ctx context.Context, session *load.Session) error {
			return s.Write(ctx, session, l)
		})
	})
	if s.Beside != nil {
		group.Go(func() error { return s.Beside(groupCtx, r.from, schemas[0], scale, done) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("write the load of %s: %w", s.Name, err)
	}
	for _, schema := range schemas {
		if err := load.End(ctx, r.from, schema); err != nil {
			return err
		}
	}
	return nil
}
