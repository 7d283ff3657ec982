package main

import (
	"context"
	"time"

	"sluice/perf/measure"
	"sluice/perf/scenario"
)

const (
	// settleEvery is how long TiDB is looked at, and settleCalm how often in a row
	// it has to take less than settleShare of a core meanwhile.
	settleEvery = 300 * time.Millisecond
	settleCalm  = 4
	settleShare = 0.2
	// settleLimit bounds the wait: what goes on for longer belongs to the machine.
	settleLimit = 2 * time.Minute
)

// settle waits until TiDB has done with what was done to it before: dropping the
// tables of the last measurement keeps it busy for up to half a minute, which
// would count for whatever is measured next. Nobody looks at the figures of scale
// small.
func (r *rig) settle(ctx context.Context) error {
	if r.scale == scenario.Small {
		return nil
	}
	began := time.Now()
	last, err := measure.CPU(r.target.PID())
	if err != nil {
		return err
	}
	for calm := 0; calm < settleCalm && time.Since(began) < settleLimit; {
		if err := until(ctx, time.Now().Add(settleEvery)); err != nil {
			return err
		}
		now, err := measure.CPU(r.target.PID())
		if err != nil {
			return err
		}
		calm++
		if (now - last).Seconds() > settleShare*settleEvery.Seconds() {
			calm = 0
		}
		last = now
	}
	if d := time.Since(began); d > 5*time.Second {
		r.log("TiDB settled after %.1f s", d.Seconds())
	}
	return nil
}
