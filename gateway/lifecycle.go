package gateway

import (
	"context"
	"fmt"
	"slices"

	"sluice/cluster"
	"sluice/gateway/apply"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/sqladmin"
)

// choose returns the migrations that a statement acts on.
func (c *controller) choose(ctx context.Context, sel *sqladmin.Selection) (*snapshot, []*catalog.Migration, error) {
	snap, err := c.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	if sel.All {
		return snap, snap.migrations, nil
	}
	if sel.Failed {
		failed := slices.DeleteFunc(slices.Clone(snap.migrations), func(m *catalog.Migration) bool {
			return summarize(snap.channels[m.ID]).status != migration.StatusError
		})
		return snap, failed, nil
	}
	var chosen []*catalog.Migration
	for _, name := range sel.Names {
		m, err := snap.find(name)
		if err != nil {
			return nil, nil, err
		}
		if !slices.Contains(chosen, m) {
			chosen = append(chosen, m)
		}
	}
	return snap, chosen, nil
}

// stopMigration says that channels are to stop; WAIT FOR MIGRATION .. UNTIL
// STATUS = 'STOPPED' waits for it.
func (c *controller) stopMigration(ctx context.Context, x *sqladmin.StopMigration, s *sqladmin.Session) (*sqladmin.Result, error) {
	_, chosen, err := c.choose(ctx, &x.Selection)
	if err != nil {
		return nil, err
	}
	res := &sqladmin.Result{}
	for _, m := range chosen {
		n, err := c.catalog.SetDesired(ctx, m.Name, x.Channel, cluster.DesiredStopped, by(s))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			res.Affected++
			c.note(m, x.Channel, s, "STOP", "STOP said")
		} else if !x.IfRunning {
			res.Warnings = append(res.Warnings, sqladmin.Note(sqladmin.CodeAlready, fmt.Sprintf("migration '%s' is already stopped", m.Name)))
		}
	}
	c.cluster.Notify()
	res.Info = fmt.Sprintf("%d migration(s) told to stop", res.Affected)
	return res, nil
}

// resetMigration makes channels new again, in the store and in the target. It
// can be said again when it failed half way.
func (c *controller) resetMigration(ctx context.Context, x *sqladmin.ResetMigration) (*sqladmin.Result, error) {
	m, err := c.catalog.Migration(ctx, x.Name)
	if err != nil {
		return nil, err
	}
	// Before anything changes: a target that is away would leave it half done.
	ran, err := c.anyRan(ctx, m)
	if err != nil {
		return nil, err
	}
	if ran {
		if err := c.withTarget(ctx, m, func(ctx context.Context, tg *target) error { return apply.EnsureMeta(ctx, tg.db) }); err != nil {
			return nil, err
		}
	}
	keys, err := c.catalog.ResetMigration(ctx, x.Name, x.Channel)
	if err != nil {
		return nil, err
	}
	states, err := c.catalog.Channels(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	for _, ch := range states {
		if !ran || !slices.Contains(keys, ch.Channel) {
			continue
		}
		err := c.withTarget(ctx, m, func(ctx context.Context, tg *target) error { return migration.Reset(ctx, tg.db, ch.Channel, ch.Epoch) })
		if err != nil {
			return nil, err
		}
	}
	c.cluster.Notify()
	return &sqladmin.Result{Affected: uint64(len(keys)), Info: fmt.Sprintf("%d channel(s) begin anew at the next START, which needs their target tables to be empty or gone", len(keys))}, nil
}

// anyRan says whether a node ever claimed one of the migration's channels.
func (c *controller) anyRan(ctx context.Context, m *catalog.Migration) (bool, error) {
	states, err := c.catalog.Channels(ctx, m.ID)
	return slices.ContainsFunc(states, func(ch cluster.ChannelState) bool { return ch.Epoch > 0 }), err
}

// note queues an event that an operator caused.
func (c *controller) note(m *catalog.Migration, channel string, s *sqladmin.Session, kind, message string) {
	e := catalog.Event{MigrationID: m.ID, Migration: m.Name, Channel: channel, Node: c.cfg.Name, User: by(s), Kind: kind, Message: message}
	c.records.add("event", func(ctx context.Context) error { return c.catalog.AddEvent(ctx, e) })
}

// kill answers for connections of other nodes: a node ends only its own.
func (c *controller) kill(ctx context.Context, x *sqladmin.Kill) (*sqladmin.Result, error) {
	unknown := sqladmin.Errorf(sqladmin.CodeUnknownThread, "Unknown thread id: %d", x.ID)
	ids, err := c.catalog.NodeIDs(ctx)
	if err != nil {
		return nil, err
	}
	node, ok := ids[sqladmin.NodeOf(x.ID)]
	if !ok || node == c.cfg.Name {
		return nil, unknown
	}
	for _, m := range c.cluster.Members() {
		if m.Node != node {
			continue
		}
		if m.State == cluster.Dead || m.State == cluster.Left {
			return nil, sqladmin.Errorf(sqladmin.CodeNodeDown, "id %d belongs to node %s, which is down", x.ID, node)
		}
		return nil, sqladmin.NotSupported(fmt.Sprintf("KILL of a connection of another node (%s)", node)).
			WithRemedy("connect to %s and repeat the statement there", m.AdminAddr)
	}
	return nil, unknown
}
