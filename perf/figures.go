package main

import (
	"context"
	"time"

	"sluice/perf/measure"
)

// figures are what one run showed.
type figures struct {
	rows  int
	bytes int64
	// wall is from the first commit, or from START for a copy, until all is
	// applied; startup is from START's OK to the first commit.
	wall, startup time.Duration
	// What the processes used from START until all was applied.
	nodeCPU, targetCPU, sourceCPU time.Duration
	mallocs, peakBytes            float64
	statements, commits           float64
	// p50 and p99 are the lag, 0 where it was not measured.
	p50, p99    time.Duration
	differences int
	samples     []sample
	note        string
}

// sample is how many rows were applied at a time after START.
type sample struct {
	at   time.Duration
	rows float64
}

// usage is what the processes have used at a moment.
type usage struct {
	node                       measure.Node
	target, source             time.Duration
	statements, swallowed      float64
	swallowedRows, holeCommits float64
}

// use reads all counters.
func (x *run) use(ctx context.Context) (u usage, err error) {
	if u.node, err = measure.FetchNode(ctx, x.node.HTTP); err != nil {
		return u, err
	}
	if u.target, err = measure.CPU(x.r.target.PID()); err != nil {
		return u, err
	}
	if u.source, err = measure.CPU(x.r.source.PID()); err != nil {
		return u, err
	}
	if u.statements, err = measure.Statements(ctx, x.r.statusAddr); err != nil {
		return u, err
	}
	c := x.r.hole.Counts()
	u.swallowed, u.swallowedRows, u.holeCommits = float64(c.Total.Statements), float64(c.Total.Rows()), float64(c.Commits)
	return u, nil
}

// spend puts the difference of two readings into the figures.
func (f *figures) spend(before, after usage) {
	f.nodeCPU = after.node.CPU - before.node.CPU
	f.targetCPU, f.sourceCPU = after.target-before.target, after.source-before.source
	f.mallocs, f.peakBytes = after.node.Mallocs-before.node.Mallocs, after.node.PeakBytes
	f.statements = after.statements - before.statements + after.swallowed - before.swallowed
}
