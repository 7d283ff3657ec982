package node

import (
	"context"
	"fmt"
	"time"
)

// untilEvery is how often a condition is looked at.
const untilEvery = 50 * time.Millisecond

// Until waits for a condition. ok says whether it holds, and what the state
// is, which the error shows when the limit is over.
func Until(ctx context.Context, limit time.Duration, what string, ok func(context.Context) (bool, string)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not in %v", limit))
	defer cancel()
	tick := time.NewTicker(untilEvery)
	defer tick.Stop()
	last := "nothing was seen"
	for {
		done, state := ok(ctx)
		if done {
			return nil
		}
		if ctx.Err() == nil || state != "" && last == "" {
			last = state
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w; last: %s", what, context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}
