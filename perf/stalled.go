package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// stallAfter is how long the target applies rows before it is frozen.
const stallAfter = time.Second

// stalled freezes TiDB in the middle of the load and waits for the end. The
// wall time is without the standstill.
func (x *run) stalled(ctx context.Context, began time.Time) error {
	still := time.Duration(x.scenario.Count[x.scale]) * time.Millisecond
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return x.untilApplied(groupCtx, began) })
	group.Go(func() error {
		first, err := x.firstCommit(groupCtx)
		if err != nil {
			return err
		}
		// A small load is over before.
		if err := until(groupCtx, first.Add(min(stallAfter, still/20))); err != nil {
			return err
		}
		pid := x.r.target.PID()
		if pid <= 0 { // a signal for 0 is one for this process
			return errGone
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return fmt.Errorf("freeze the target: %w", err)
		}
		waited := until(groupCtx, time.Now().Add(still))
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return fmt.Errorf("wake the target: %w", err)
		}
		return waited
	})
	if err := group.Wait(); err != nil {
		return err
	}
	x.note = fmt.Sprintf("the target stood still for %v, which rows/s leaves out", still)
	if x.wall > still {
		x.wall -= still
	}
	return nil
}

// errGone is returned when the target has ended by itself.
var errGone = errors.New("the target is gone")

// until waits for a moment.
func until(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
