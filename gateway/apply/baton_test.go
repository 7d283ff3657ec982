package apply

import (
	"context"
	"errors"
	"testing"
	"time"

	"sluice/replica"
)

// TestStopWhileTheTargetIsAway: a DDL that waits for the control lane, which a checkpoint holds for as long as the target is
// away, ends with its context.
func TestStopWhileTheTargetIsAway(t *testing.T) {
	a := &Applier{controlMu: make(baton, 1), sched: newScheduler(replica.Position{}, Config{}.Limits), skip: replica.NewTxnSet(), ids: newAutoIDs(nil)}
	a.controlMu.Lock() // by the checkpoint
	stopped := errors.New("stopped")
	for name, work := range map[string]func(ctx context.Context) error{
		"DDL":  func(ctx context.Context) error { return a.RunDDL(ctx, &DDLPlan{Txn: &replica.Transaction{}}) },
		"base": func(ctx context.Context) error { return a.SetBase(ctx, replica.Position{}) },
		"part": func(ctx context.Context) error { return a.applyPart(ctx, &replica.Transaction{}) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- work(ctx) }()
		time.AfterFunc(10*time.Millisecond, func() { cancel(stopped) })
		select {
		case err := <-done:
			if !errors.Is(err, stopped) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s does not end", name)
		}
	}
}
