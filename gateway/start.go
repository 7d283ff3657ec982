package gateway

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/sqladmin"
)

// codeUntilIgnored is MySQL's ER_UNTIL_COND_IGNORED: a note when a replica that
// runs already is told where to stop.
const codeUntilIgnored = 1279

// startAtOnce is how many migrations one START checks, or sets running, side by
// side: enough to hide the servers' latencies, too few to be felt by a source.
const startAtOnce = 16

// candidate is one migration that is checked, and may be set running.
type candidate struct {
	m        *catalog.Migration
	sources  []string // of the channels that are checked: those that do not run
	channels []checked
	findings []migration.Finding
	past     error // UNTIL names a phase that it has left
	err      error // why it cannot be checked, or cannot start
	set      bool  // it was set running
}

// startMigration checks the selected migrations, then sets running those that no
// check refuses. It does not wait for them. Of migrations that are named, none is
// started unless all can be; ALL and FAILED start those that can, report the others
// as warnings, and fail only when nothing could be started.
func (c *controller) startMigration(ctx context.Context, x *sqladmin.StartMigration, s *sqladmin.Session) (*sqladmin.Result, error) {
	until, err := untilOf(x.Until)
	if err != nil {
		return nil, err
	}
	snap, chosen, err := c.choose(ctx, &x.Selection)
	if err != nil {
		return nil, err
	}
	res := &sqladmin.Result{}
	var list []*candidate
	for _, m := range chosen {
		idle, err := toStart(m, snap.channels[m.ID], x.Channel)
		if err != nil {
			return nil, err
		}
		if len(idle) == 0 {
			c.alreadyRunning(res, m, x)
			continue
		}
		k := &candidate{m: m, past: pastUntil(idle, until.Phase)}
		for _, ch := range idle {
			k.sources = append(k.sources, ch.Source)
		}
		list = append(list, k)
	}
	all := x.All || x.Failed
	if err := c.checkCandidates(ctx, list); err != nil {
		return nil, err
	}
	if err := refused(list, all); err != nil {
		return nil, err
	}
	if err := c.startCandidates(ctx, list, x, until, by(s)); err != nil {
		return nil, err
	}
	for _, k := range list {
		switch {
		case k.err != nil:
			res.Warnings = append(res.Warnings, startWarning(k))
		case k.set:
			res.Affected++
			c.note(k.m, x.Channel, s, "START", "START said")
		default:
			c.alreadyRunning(res, k.m, x)
		}
	}
	c.cluster.Notify()
	if err := refused(list, all); err != nil {
		return nil, err
	}
	res.Info = fmt.Sprintf("%d migration(s) set running", res.Affected)
	return res, nil
}

// checkCandidates checks migrations together, and takes over for those that can start
// the target tables that other channels have left. The error is one that concerns all
// of them; each one's own is in it.
func (c *controller) checkCandidates(ctx context.Context, list []*candidate) error {
	if err := c.checkTogether(ctx, list); err != nil {
		return err
	}
	return eachCandidate(ctx, list, func(ctx context.Context, k *candidate) error {
		if k.past != nil {
			return k.past
		}
		if k.err != nil {
			return k.err
		}
		if err := refusal(k.m, k.findings); err != nil {
			return err
		}
		return c.takeOver(ctx, k)
	})
}

// startCandidates sets those running that can be.
func (c *controller) startCandidates(ctx context.Context, list []*candidate, x *sqladmin.StartMigration, until catalog.Until, by string) error {
	return eachCandidate(ctx, list, func(ctx context.Context, k *candidate) error {
		if k.err != nil {
			return k.err
		}
		n, err := c.catalog.Start(ctx, k.m.Name, x.Channel, until, by)
		k.set = n > 0
		return err
	})
}

// eachCandidate calls do for all of them, startAtOnce at a time, and keeps its
// errors. It returns an error when ctx ended.
func eachCandidate(ctx context.Context, list []*candidate, do func(context.Context, *candidate) error) error {
	var g errgroup.Group
	g.SetLimit(startAtOnce)
	for _, k := range list {
		g.Go(func() error {
			if ctx.Err() == nil {
				k.err = do(ctx, k)
			}
			return nil
		})
	}
	_ = g.Wait() // do's errors are kept
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// refused returns the error of a START that can start nothing, or, unless ALL or
// FAILED selected them, not everything; nil when it may go on.
func refused(list []*candidate, all bool) error {
	var first *candidate
	failed, set := 0, 0
	for _, k := range list {
		if k.set {
			set++
		}
		if k.err == nil {
			continue
		}
		failed++
		if first == nil {
			first = k
		}
	}
	if failed == 0 || all && failed < len(list) {
		return nil
	}
	var e *sqladmin.Error
	if len(list) == 1 || !errors.As(adminError(first.err), &e) {
		return first.err
	}
	remedy := e.Remedy
	if failed > 1 {
		remedy = "SHOW WARNINGS has the reason of each, and CHECK MIGRATION all that is wrong with one; first: " + remedy
	}
	e = sqladmin.Errorf(e.Code, "%d of %d migrations were set running; '%s' cannot be: %s", set, len(list), first.m.Name, e.Message).
		WithRemedy("%s", remedy)
	for _, k := range list {
		if k.err != nil {
			e.Others = append(e.Others, startWarning(k))
		}
	}
	return e
}

func startWarning(k *candidate) sqladmin.Warning {
	w := sqladmin.Warning{Level: "Warning", Code: sqladmin.CodeCheckFailed, Message: fmt.Sprintf("migration '%s' was not started: %s", k.m.Name, k.err)}
	var e *sqladmin.Error
	if errors.As(adminError(k.err), &e) {
		w.Code, w.Remedy = e.Code, named(e.Remedy, k.m.Name)
		w.Message = fmt.Sprintf("migration '%s' was not started: %s", k.m.Name, e.Message)
	}
	return w
}

func (c *controller) alreadyRunning(res *sqladmin.Result, m *catalog.Migration, x *sqladmin.StartMigration) {
	if x.Until != nil {
		res.Warnings = append(res.Warnings, sqladmin.Note(codeUntilIgnored,
			fmt.Sprintf("UNTIL is ignored because migration '%s' is already running: STOP MIGRATION first", m.Name)))
	}
	if !x.IfNotRunning {
		res.Warnings = append(res.Warnings, sqladmin.Note(sqladmin.CodeAlready, fmt.Sprintf("migration '%s' is already running", m.Name)))
	}
}

// untilOf translates UNTIL; what a channel cannot stop at is an error.
func untilOf(u *sqladmin.Until) (catalog.Until, error) {
	switch {
	case u == nil:
		return catalog.Until{}, nil
	case u.AfterGTIDs != "":
		return catalog.Until{AfterGTIDs: u.AfterGTIDs}, checkGTIDs("SQL_AFTER_GTIDS", u.AfterGTIDs)
	case u.Phase == "":
		return catalog.Until{}, sqladmin.NotSupported("UNTIL " + u.String()).WithRemedy("use UNTIL SQL_AFTER_GTIDS or UNTIL PHASE")
	case u.Phase != migration.PhaseCatchup && u.Phase != migration.PhaseReplicate:
		return catalog.Until{}, sqladmin.NotSupported("UNTIL " + u.String()).
			WithRemedy("use UNTIL PHASE='CATCHUP', when all is copied, or PHASE='REPLICATE', when the copy is as of one moment")
	}
	return catalog.Until{Phase: u.Phase}, nil
}

// pastUntil returns an error when a channel has left the phase at which it is to stop: it would never stop there.
func pastUntil(idle []*channelView, phase string) error {
	for _, ch := range idle {
		if phase != "" && phaseIndex(ch.phase) > phaseIndex(phase) {
			return sqladmin.Errorf(sqladmin.CodeWaitImpossible, "UNTIL PHASE='%s' cannot be reached: channel '%s' is in phase %s already",
				phase, ch.Name, ch.phase).WithRemedy("START without UNTIL, or with UNTIL SQL_AFTER_GTIDS")
		}
	}
	return nil
}

// toStart returns the channels that a START sets running: those of the name, or
// all, that do not run yet.
func toStart(m *catalog.Migration, channels []*channelView, name string) ([]*channelView, error) {
	var idle []*channelView
	known := false
	for _, ch := range channels {
		if name != "" && ch.Name != name {
			continue
		}
		known = true
		if ch.Desired != cluster.DesiredRunning || ch.status == migration.StatusError {
			idle = append(idle, ch)
		}
	}
	if !known {
		return nil, sqladmin.Errorf(sqladmin.CodeUnknownChannel, "migration '%s' has no channel '%s'", m.Name, name).
			WithRemedy("SHOW MIGRATION CHANNELS lists the channels")
	}
	return idle, nil
}
