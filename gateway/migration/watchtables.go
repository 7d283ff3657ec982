package migration

import (
	"context"
	"errors"
	"time"

	"sluice/gateway/apply"
)

// The target's tables are looked for once the channel has caught up, and now and then after that: one that somebody dropped,
// and that the source does not write, would be missed by nobody before a cutover.
const (
	tablesEvery   = 5 * time.Minute
	tablesTimeout = 15 * time.Second
)

// watchTables looks for the target's tables until ctx ends.
func (x *run) watchTables(ctx context.Context, a *apply.Applier) error {
	tick := time.NewTicker(monitorEvery)
	defer tick.Stop()
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		x.mu.Lock()
		caughtUp := x.live.connected && x.live.caughtUp
		x.mu.Unlock()
		if !caughtUp || time.Now().Before(next) {
			continue
		}
		next = time.Now().Add(tablesEvery)
		if err := x.lookForTables(ctx, a); err != nil {
			return err
		}
	}
}

// lookForTables makes the channel not ready for a cutover if a table is gone. Only a newer owner ends the run: what could
// not be looked at is looked at again.
func (x *run) lookForTables(ctx context.Context, a *apply.Applier) error {
	lctx, cancel := context.WithTimeout(ctx, tablesTimeout)
	defer cancel()
	gone, err := a.RecordMissing(lctx, x.cfg.Target)
	if errors.Is(err, apply.ErrFenced) {
		return err
	}
	if err != nil {
		x.cfg.Log.Debug("look for the target's tables", "error", err.Error())
		return nil
	}
	x.mu.Lock()
	x.live.diverged += uint64(len(gone))
	x.mu.Unlock()
	for _, table := range gone {
		x.r.event("CONFLICT", "the target has no table "+table+" any more: somebody dropped it, with its rows; the migration is not ready for a cutover until all is copied again")
	}
	return nil
}
