package migration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/replica"
	"sluice/replica/protocol"
)

// Limits of a check, within which a client gets its answer. They do not bound what a migration that runs does.
const (
	// CheckAnswer is how long a source may take for the next piece of an answer to a check.
	CheckAnswer = 15 * time.Second
	// targetAnswer is how long one check may wait for the target. It is above CheckAnswer, so that a check which asks
	// both servers names the source if the source does not answer.
	targetAnswer = 17 * time.Second
)

// step runs one check that asks the target, for at most targetAnswer. An error of a connection has the name of the
// target and of the check.
func (r *Runner) step(ctx context.Context, check string, f func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, targetAnswer)
	defer cancel()
	err := f(bounded)
	if err == nil || ctx.Err() != nil {
		return err
	}
	where := fmt.Sprintf("(check %s of %s)", check, r.cfg.TargetName)
	var e *replica.Error
	if !errors.As(err, &e) {
		if bounded.Err() != nil && !protocol.IsMalformed(err) {
			err = &protocol.Silent{After: targetAnswer}
		}
		errors.As(targetError(err, "answer the checks"), &e)
	}
	if e == nil || e.Server == "source" || e.Class == "SOURCE" || e.Server == "" && e.Class != "TARGET" {
		return err
	}
	c := *e
	c.Message += " " + where
	return &c
}
