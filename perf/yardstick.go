package main

import (
	"context"
	"fmt"
	"time"

	"sluice/perf/load"
	"sluice/perf/measure"
	"sluice/perf/scenario"
)

// yard is one measurement of a yardstick.
type yard struct {
	rows int
	took time.Duration
	// targetCPU is TiDB's.
	targetCPU time.Duration
}

func (y yard) perSecond() float64 { return float64(y.rows) / y.took.Seconds() }

// with adds up two measurements.
func (y yard) with(z yard) yard {
	return yard{rows: y.rows + z.rows, took: y.took + z.took, targetCPU: y.targetCPU + z.targetCPU}
}

// The yardsticks by name.
func yardName(s *scenario.Scenario, target scenario.Target) string {
	switch {
	case target == scenario.Blackhole:
		return "go-mysql merely parsing the same binlog"
	case s.Upsert:
		return fmt.Sprintf("a plain client's prepared %d-row upserts, %d connections", load.YardstickRows, load.YardstickConnections)
	}
	return fmt.Sprintf("a plain client's prepared %d-row inserts, %d connections", load.YardstickRows, load.YardstickConnections)
}

// yardstick measures what a run against the target is compared with.
func (r *rig) yardstick(ctx context.Context, s *scenario.Scenario, scale scenario.Scale, target scenario.Target, rec *recorded) (yard, error) {
	if target == scenario.Blackhole {
		return r.parser(ctx, s, rec)
	}
	return r.plainClient(ctx, s, scale)
}

// plainTables is how many tables the plain client writes at most.
const plainTables = 33

// plainClient measures the plain client on new tables of the scenario's shape.
func (r *rig) plainClient(ctx context.Context, s *scenario.Scenario, scale scenario.Scale) (y yard, err error) {
	tables := s.Tables[:min(len(s.Tables), plainTables)]
	if err := load.Make(ctx, r.to, yardSchema, tables); err != nil {
		return y, err
	}
	p := load.Plain{Schema: yardSchema, Seed: seed, Tables: tables, First: 1, Rows: s.Rows(scale), Upsert: s.Upsert}
	if s.Upsert {
		if err := load.Fill(ctx, r.to, yardSchema, seed, s.Tables, int64(s.Initial[scale])); err != nil {
			return y, err
		}
		// The rows are there under these ids, and get other values.
		p.Seed++
	}
	if err := r.settle(ctx); err != nil {
		return y, err
	}
	before, err := measure.CPU(r.target.PID())
	if err != nil {
		return y, err
	}
	y.rows = p.Rows
	if y.took, err = p.Measure(ctx, r.plain); err != nil {
		return y, err
	}
	after, err := measure.CPU(r.target.PID())
	if err != nil {
		return y, err
	}
	y.targetCPU = after - before
	r.log("%s: yardstick: plain client %.0f rows/s (%.1f s, %.0f us of TiDB's CPU a row)", s.Name, y.perSecond(), y.took.Seconds(),
		y.targetCPU.Seconds()*1e6/float64(y.rows))
	if _, err := r.to.ExecContext(ctx, "DROP DATABASE `"+yardSchema+"`"); err != nil {
		return y, fmt.Errorf("drop the plain client's tables: %w", err)
	}
	return y, nil
}

// parser measures go-mysql's parser on the load.
func (r *rig) parser(ctx context.Context, s *scenario.Scenario, rec *recorded) (yard, error) {
	b, err := measure.Parse(ctx, rec.files)
	if err != nil {
		return yard{}, err
	}
	y := yard{rows: b.Rows, took: b.Took}
	r.log("%s: yardstick: go-mysql parses %.0f rows/s, %.1f allocations a row", s.Name, y.perSecond(), b.AllocsPerRow)
	return y, nil
}
