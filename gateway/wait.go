package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
	"sluice/replica/source"
	"sluice/sqladmin"
)

// waitEvery is how often a WAIT FOR looks at the store.
const waitEvery = 100 * time.Millisecond

// waiter is one WAIT FOR.
type waiter struct {
	*sqladmin.WaitFor
	began time.Time
	// ends are where each source was when a CAUGHT_UP began to wait: what is
	// executed there by then has to be applied.
	ends map[string]replica.Position
}

// waitFor waits until the condition holds, cannot hold any more, or the time is
// over.
func (c *controller) waitFor(ctx context.Context, x *sqladmin.WaitFor) (*sqladmin.Result, error) {
	w := &waiter{WaitFor: x, began: time.Now()}
	if x.Condition.AfterGTIDs != "" {
		if err := checkGTIDs("SQL_AFTER_GTIDS", x.Condition.AfterGTIDs); err != nil {
			return nil, err
		}
	}
	if x.Condition.CaughtUp {
		if err := c.readEnds(ctx, w); err != nil {
			return nil, err
		}
	}
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	for {
		snap, err := c.lookAtOne(ctx, x.Migration)
		if err != nil {
			return nil, err
		}
		channels, err := waitedChannels(snap, x)
		if err != nil {
			return nil, err
		}
		sum := summarize(channels)
		if w.holds(channels, &sum) {
			return w.result(&sum, true), nil
		}
		if why := w.impossible(channels, &sum); why != "" {
			return nil, sqladmin.Errorf(sqladmin.CodeWaitImpossible, "condition %s cannot be reached: %s", x.Condition, why).
				WithRemedy("%s", waitRemedy(x.Migration, &sum))
		}
		if x.Timeout >= 0 && time.Since(w.began) >= x.Timeout {
			if x.ReturnOnTimeout {
				return w.result(&sum, false), nil
			}
			return nil, sqladmin.Errorf(sqladmin.CodeWaitTimeout, "condition %s not reached within %s (now: phase %s, status %s, %s behind)",
				x.Condition, x.Timeout, sum.phase, sum.status, lagText(sum.behind)).WithRemedy("%s", timeoutRemedy(sum.status))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func waitRemedy(name string, sum *summary) string {
	if sum.status == migration.StatusError {
		return "SHOW MIGRATION ERRORS FOR MIGRATION " + backquote(name)
	}
	return "START MIGRATION " + backquote(name)
}

func timeoutRemedy(status string) string {
	if status == statusWaiting {
		return "no node takes the channel: SHOW NODES, then UNDRAIN NODE, or start a node"
	}
	return "wait again, with a longer TIMEOUT"
}

// reason returns an error's text without its remedy, short enough that clients
// that cut a message at 512 bytes show what follows it.
func reason(text string) string {
	const most = 200
	text, _, _ = strings.Cut(text, ". Remedy: ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + ".."
}

func lagText(seconds *int64) string {
	if seconds == nil {
		return "an unknown time"
	}
	return fmt.Sprintf("%d s", *seconds)
}

// waitedChannels returns the migration's channels, or the one that was named.
func waitedChannels(snap *snapshot, x *sqladmin.WaitFor) ([]*channelView, error) {
	m, err := snap.find(x.Migration)
	if err != nil {
		return nil, err
	}
	channels := snap.channels[m.ID]
	if x.Channel == "" {
		return channels, nil
	}
	for _, ch := range channels {
		if ch.Name == x.Channel {
			return []*channelView{ch}, nil
		}
	}
	return nil, sqladmin.Errorf(sqladmin.CodeUnknownChannel, "migration '%s' has no channel '%s'", m.Name, x.Channel).
		WithRemedy("SHOW MIGRATION CHANNELS lists the channels")
}

// readEnds asks each source how far it is.
func (c *controller) readEnds(ctx context.Context, w *waiter) error {
	snap, err := c.lookAtOne(ctx, w.Migration)
	if err != nil {
		return err
	}
	channels, err := waitedChannels(snap, w.WaitFor)
	if err != nil {
		return err
	}
	w.ends = map[string]replica.Position{}
	for _, ch := range channels {
		def, err := c.catalog.Source(ctx, ch.Source)
		if err != nil {
			return err
		}
		if w.ends[ch.Channel], err = c.sourceEnd(ctx, def); err != nil {
			return err
		}
	}
	return nil
}

// sourceEnd returns what a source has executed.
func (c *controller) sourceEnd(ctx context.Context, def *catalog.Source) (end replica.Position, err error) {
	what := fmt.Sprintf("ask source '%s' how far it is", def.Name)
	cfg, err := c.sourceConfig(ctx, def)
	if err != nil {
		return end, err
	}
	bounded, cancel := context.WithTimeout(ctx, targetPatience)
	defer cancel()
	src, err := source.Open(bounded, cfg)
	if err != nil {
		return end, c.serverError(ctx, bounded, err, what)
	}
	defer src.Close()
	facts := src.Facts()
	if !facts.GTIDMode {
		at, err := src.BinlogEnd(bounded)
		if err != nil {
			return end, c.serverError(ctx, bounded, err, what)
		}
		return replica.FilePosition(at), nil
	}
	text, err := src.ExecutedGTIDs(bounded)
	if err != nil {
		return end, c.serverError(ctx, bounded, err, what)
	}
	mode := replica.ModeGTID
	if facts.Flavor == source.FlavorMariaDB {
		mode = replica.ModeMariaDB
	}
	if end, err = replica.GTIDPosition(mode, text); err != nil {
		return end, fmt.Errorf("%s: %w", what, err)
	}
	return end, nil
}

// holds says whether the condition is true now.
func (w *waiter) holds(channels []*channelView, sum *summary) bool {
	cond := &w.Condition
	switch {
	case cond.Phase != "":
		return phaseIndex(sum.phase) >= phaseIndex(cond.Phase)
	case cond.Status != "":
		return sum.status == cond.Status
	case cond.CaughtUp:
		return all(channels, func(ch *channelView) bool {
			return !copying(ch.phase) && applied(&ch.st, w.ends[ch.Channel])
		})
	case cond.HasLag:
		return all(channels, func(ch *channelView) bool {
			b := ch.behind()
			return !copying(ch.phase) && b != nil && time.Duration(*b)*time.Second < cond.Lag
		})
	}
	return hasGTIDs(channels, cond.AfterGTIDs)
}

func all(channels []*channelView, holds func(*channelView) bool) bool {
	return len(channels) > 0 && !slices.ContainsFunc(channels, func(ch *channelView) bool { return !holds(ch) })
}

// applied says whether a channel has applied everything up to end.
func applied(st *migration.Status, end replica.Position) bool {
	switch end.Mode() {
	case replica.ModeGTID, replica.ModeMariaDB:
		has, err := replica.GTIDPosition(end.Mode(), st.Executed)
		return err == nil && has.Covers(end)
	case replica.ModeFile:
		return !replica.Coordinates{File: st.ExecFile, Pos: st.ExecPos}.Before(end.At())
	}
	return true
}

// hasGTIDs says whether all of a set is applied, by the channels together.
func hasGTIDs(channels []*channelView, set string) bool {
	for _, mode := range []replica.Mode{replica.ModeGTID, replica.ModeMariaDB} {
		want, err := replica.GTIDPosition(mode, set)
		if err != nil {
			continue
		}
		var sets []string
		for _, ch := range channels {
			if has, err := replica.GTIDPosition(mode, ch.st.Executed); err == nil && !has.IsZero() && ch.st.Executed != "" {
				if has.Covers(want) {
					return true
				}
				sets = append(sets, ch.st.Executed)
			}
		}
		together, err := replica.GTIDPosition(mode, strings.Join(sets, ","))
		if err == nil && together.Covers(want) {
			return true
		}
	}
	return false
}

// impossible says why the condition cannot come true without an operator, or
// "". It is asked only when the condition does not hold.
func (w *waiter) impossible(channels []*channelView, sum *summary) string {
	for _, ch := range channels {
		if w.Condition.Status == migration.StatusError {
			break
		}
		if ch.status == migration.StatusError {
			return fmt.Sprintf("channel '%s' stopped by error %d: %s", ch.Name, lastErrno(&ch.st), reason(lastError(&ch.st)))
		}
	}
	stopping := w.Condition.Status == migration.StatusStopped || w.Condition.Status == migration.StatusDone && sum.status == migration.StatusStopping
	for _, ch := range channels {
		if ch.Desired != cluster.DesiredRunning && !stopping && (ch.Owner == "" || ch.silent) {
			if ch.status == migration.StatusDone {
				return fmt.Sprintf("channel '%s' is done", ch.Name)
			}
			return fmt.Sprintf("channel '%s' is stopped", ch.Name)
		}
	}
	return ""
}

func lastErrno(st *migration.Status) int {
	if st.SQLErrno != 0 && !st.SQLErrorAt.Before(st.IOErrorAt) {
		return st.SQLErrno
	}
	return st.IOErrno
}

func lastError(st *migration.Status) string {
	if st.SQLErrno != 0 && !st.SQLErrorAt.Before(st.IOErrorAt) {
		return st.SQLError
	}
	return st.IOError
}

func (w *waiter) result(sum *summary, reached bool) *sqladmin.Result {
	object := w.Migration
	if w.Channel != "" {
		object = w.Channel
	}
	message := "reached"
	if !reached {
		message = "not reached within " + w.Timeout.String()
	}
	return &sqladmin.Result{Rows: [][]any{{object, w.Condition.String(), reached, time.Since(w.began).Milliseconds(), sum.phase, sum.status,
		nullable(sum.behind), message}}}
}

// nullable is a number that may be unknown.
func nullable[T any](n *T) any {
	if n == nil {
		return nil
	}
	return *n
}
