package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sluice/perf/report"
	"sluice/perf/scenario"
)

// plan says what of a scenario is run.
type plan struct {
	scale   scenario.Scale
	targets []scenario.Target // those that a scenario does not support are left out
	runs    int
}

// bench runs a scenario by a plan and returns a result for each target. What
// was measured before an error is returned with it.
func (r *rig) bench(ctx context.Context, s *scenario.Scenario, p plan) (results []report.Result, err error) {
	at := s.At(p.scale)
	s = &at
	schemas := schemasOf(s, p.scale)
	if err := r.freshTarget(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if ctx.Err() == nil {
			err = errors.Join(err, r.reset(ctx, schemas...))
		}
	}()
	var rec *recorded
	switch s.Kind {
	case scenario.Copy:
		err = r.fillSource(ctx, s, p.scale)
	case scenario.Replay, scenario.Many, scenario.Stalled:
		rec, err = r.record(ctx, s, p.scale, schemas)
	}
	if err != nil {
		return nil, err
	}
	for _, target := range p.targets {
		if !s.Supports(target) {
			continue
		}
		runs, err := r.runs(ctx, s, p, target, rec)
		if len(runs) > 0 {
			res := report.Summarise(s.Name, string(target), runs)
			res.Wanted, res.Most = s.Wanted[target].Least, most(s, target)
			if res.Runs < leastRuns && p.scale != scenario.Small {
				res.Note = strings.Join(append(compact(res.Note), fmt.Sprintf("%d runs only: a figure has %d", res.Runs, leastRuns)), "; ")
			}
			results = append(results, res)
		}
		if err != nil {
			return results, fmt.Errorf("%s, target %s: %w", s.Name, target, err)
		}
	}
	return results, nil
}

// leastRuns is how many runs a figure is the median of.
const leastRuns = 3

// memoryLimit is the most that a channel may make of a node, in 2^20 bytes.
const memoryLimit = 256

// most are the bounds of a scenario's figures, by their names in JSON.
func most(s *scenario.Scenario, target scenario.Target) map[string]float64 {
	out := map[string]float64{}
	w := s.Wanted[target]
	if w.P99 > 0 {
		out["p99_lag_ms"] = float64(w.P99.Milliseconds())
	}
	if w.Allocs > 0 {
		out["allocs_per_row"] = w.Allocs
	}
	if s.Kind != scenario.Many {
		out["peak_rss_mb"] = memoryLimit
	}
	return out
}

// compact returns a list of the text, without one that is empty.
func compact(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// runs measures the yardstick, then a run and the yardstick again, as often as
// the plan says. Each run is compared with the measurements around it. At scale
// large each run has a fresh target, and two measurements of its own.
func (r *rig) runs(ctx context.Context, s *scenario.Scenario, p plan, target scenario.Target, rec *recorded) ([]report.Run, error) {
	measured := s.Kind != scenario.Latency
	begin := func() (y yard, err error) {
		if !measured {
			return y, nil
		}
		if err := r.warmUp(ctx); err != nil {
			return y, err
		}
		return r.yardstick(ctx, s, p.scale, target, rec)
	}
	var (
		out    []report.Run
		before yard
		err    error
	)
	for i := range p.runs {
		if p.scale == scenario.Large {
			if err := r.freshTarget(ctx); err != nil {
				return out, err
			}
		}
		r.used = true
		if i == 0 || p.scale == scenario.Large {
			if before, err = begin(); err != nil {
				return out, err
			}
		}
		x := &run{r: r, scenario: s, scale: p.scale, target: target, schemas: schemasOf(s, p.scale), rec: rec}
		if err := x.do(ctx); err != nil {
			return out, err
		}
		result := x.report()
		r.log("%s, target %s: %.0f rows/s (%d rows in %.2f s after %.2f s), %d differences", s.Name, target,
			float64(x.rows)/x.wall.Seconds(), x.rows, x.wall.Seconds(), x.startup.Seconds(), x.differences)
		if measured {
			after, err := r.yardstick(ctx, s, p.scale, target, rec)
			if err != nil {
				return out, err
			}
			both := before.with(after)
			result.Yardstick = yardName(s, target)
			result.YardstickRows, result.YardstickDuration, result.YardstickTargetCPU = uint64(both.rows), both.took, both.targetCPU
			before = after
		}
		out = append(out, result)
	}
	return out, nil
}

// warmUp makes TiDB write some rows once, as the first ones that a fresh
// server writes take twice as long.
func (r *rig) warmUp(ctx context.Context) error {
	if r.warm {
		return nil
	}
	r.warm = true
	s, _ := scenario.Find("insert1")
	if _, err := r.plainClient(ctx, &s, r.scale); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	return nil
}

// do is one run.
func (x *run) do(ctx context.Context) error {
	switch x.scenario.Kind {
	case scenario.Copy:
		return x.copy(ctx)
	case scenario.Latency:
		return x.latency(ctx)
	}
	return x.replay(ctx)
}

// report returns the run's figures in the report's form.
func (x *run) report() report.Run {
	d := uint64(x.differences)
	out := report.Run{
		Rows: uint64(x.rows), Duration: x.wall, BinlogBytes: uint64(x.bytes),
		GatewayCPU: x.nodeCPU, TargetCPU: x.targetCPU, Allocs: uint64(x.mallocs), PeakRSSBytes: uint64(x.peakBytes),
		Statements: uint64(x.statements), Commits: uint64(x.commits), Differences: &d, Note: x.note,
	}
	if x.target == scenario.Blackhole {
		out.TargetCPU = 0 // that of a TiDB that is given no rows
	}
	if x.p99 > 0 {
		out.Lag = &report.Lag{P50: x.p50, P99: x.p99}
	}
	for i := 1; i < len(x.samples); i++ {
		was, is := x.samples[i-1], x.samples[i]
		out.Rate = append(out.Rate, report.Point{is.at.Seconds(), (is.rows - was.rows) / (is.at - was.at).Seconds()})
	}
	return out
}

// supportedBy returns the targets of a plan that any of the scenarios has.
func supportedBy(list []scenario.Scenario, targets []scenario.Target) bool {
	return slices.ContainsFunc(list, func(s scenario.Scenario) bool { return slices.ContainsFunc(targets, s.Supports) })
}
