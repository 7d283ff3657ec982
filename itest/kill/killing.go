package main

import (
	"context"
	"fmt"
	"time"

	"sluice/itest/node"
)

// deed is one way to disturb the nodes.
type deed struct {
	name   string
	weight int
	// before readies a moment that is worth a kill; nil is any moment.
	before func(*run, context.Context) error
	do     func(*run, context.Context, *node.Node) error
	// owner says that the owner is hit, and not any node.
	owner bool
}

// deeds is the one table of what can happen. The weights make two thirds of
// them a plain kill of the owner.
var deeds = []deed{
	{name: "kill -9 the owner", weight: 12, do: (*run).kill, owner: true},
	{name: "kill -9 any node", weight: 3, do: (*run).kill},
	{name: "kill -9 the owner during a DDL", weight: 3, before: (*run).alter, do: (*run).kill, owner: true},
	{name: "SIGTERM the owner", weight: 2, do: (*run).terminate, owner: true},
	{name: "SIGSTOP the owner, then SIGCONT", weight: 2, do: (*run).freeze, owner: true},
}

// freezeLeast and freezeMost bound how long a node hangs. Its channel is
// another's after 2.5 s to 10 s, so that most wake as zombies.
const (
	freezeLeast = 3 * time.Second
	freezeMost  = 13 * time.Second
	// termLimit is what a node may take to end in order.
	termLimit = 12 * time.Second
	// restartMost bounds how long a killed node stays away.
	restartMost = 4 * time.Second
)

// killing disturbs the nodes until it has done so often enough: at first
// during the copy, and then while it replicates.
func (r *run) killing(ctx context.Context) error {
	copyKills := max(2, r.Kills/10)
	bigAt := max(copyKills, r.Kills/3)
	for r.kills < r.Kills {
		wait := killStepLeast + time.Duration(r.rand.Int64N(int64(killStepMost-killStepLeast)))
		switch {
		case r.kills < copyKills:
			wait /= 2 // the first ones come quickly, during the copy
		case r.kills == copyKills:
			if err := r.watch.replicates(ctx); err != nil {
				return err
			}
			r.load.ddl.streaming.Store(true)
		}
		if !sleep(ctx, wait) {
			return context.Cause(ctx)
		}
		d := r.pick()
		if r.kills >= bigAt && !r.load.bigStarted.Load() {
			// A kill while the one huge transaction is applied, and as its
			// application lasts the next ones too.
			d = deeds[0]
			r.load.big()
			r.say("  a transaction of %d rows is being written", r.BigRows)
		}
		if err := r.disturb(ctx, d); err != nil {
			return err
		}
	}
	// A run of few kills ends before the huge transaction was committed.
	select {
	case <-r.load.bigDone:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sleep waits and says whether ctx still lasts.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// pick chooses a deed by weight.
func (r *run) pick() deed {
	total := 0
	for _, d := range deeds {
		total += d.weight
	}
	n := r.rand.IntN(total)
	for _, d := range deeds {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	return deeds[0]
}

// disturb does one deed and brings the node back.
func (r *run) disturb(ctx context.Context, d deed) error {
	if d.before != nil {
		if err := d.before(r, ctx); err != nil {
			return err
		}
	}
	victim, phase := r.victim(d.owner)
	r.kills++
	r.say("%3d/%d  %s: %s, in %s", r.kills, r.Kills, d.name, victim.Name, phase)
	r.watch.disturbed(victim.Name)
	return d.do(r, ctx, victim)
}

// victim chooses the owner as it was last seen, or any node.
func (r *run) victim(owner bool) (*node.Node, string) {
	name, phase := r.watch.owner()
	if n := r.nodes.Named(name); owner && n != nil && n.Running() {
		return n, phase
	}
	return r.nodes[r.rand.IntN(len(r.nodes))], phase
}

func (r *run) kill(ctx context.Context, victim *node.Node) error {
	if err := victim.Kill(); err != nil {
		return err
	}
	return r.restart(ctx, victim)
}

func (r *run) restart(ctx context.Context, victim *node.Node) error {
	if !sleep(ctx, time.Duration(r.rand.Int64N(int64(restartMost)))) {
		return context.Cause(ctx)
	}
	return victim.Restart(ctx)
}

func (r *run) terminate(ctx context.Context, victim *node.Node) error {
	if err := victim.Stop(termLimit); err != nil {
		return fmt.Errorf("a node that was told to end: %w", err)
	}
	return r.restart(ctx, victim)
}

func (r *run) freeze(ctx context.Context, victim *node.Node) error {
	if err := victim.Pause(); err != nil {
		return err
	}
	hang := freezeLeast + time.Duration(r.rand.Int64N(int64(freezeMost-freezeLeast)))
	sleep(ctx, hang)
	r.say("         %s wakes after %.1f s", victim.Name, hang.Seconds())
	return victim.Continue()
}

// alter has a DDL begin at the source and waits a moment, so that the nodes
// are at it.
func (r *run) alter(ctx context.Context) error {
	if err := r.load.index(ctx); err != nil {
		return err
	}
	sleep(ctx, time.Duration(r.rand.Int64N(int64(800*time.Millisecond))))
	return nil
}
