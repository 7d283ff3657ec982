package gateway

import (
	"context"
	"errors"

	"sluice/gateway/apply"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/sqladmin"
)

// takeOver removes the records of channels whose rules have left target tables that
// the migration's channels write; see migration.TakeOver. The rules are read again
// after the other channel's epoch: they can only grow with a RESET, which raises it.
func (c *controller) takeOver(ctx context.Context, k *candidate) error {
	stale := map[string][]migration.Written{}
	for _, ch := range k.channels {
		for _, w := range ch.found.Stale {
			stale[w.Channel] = append(stale[w.Channel], w)
		}
	}
	for channel, tables := range stale {
		if err := c.takeOverFrom(ctx, k.m, channel, tables); err != nil {
			return err
		}
	}
	return nil
}

func (c *controller) takeOverFrom(ctx context.Context, m *catalog.Migration, channel string, tables []migration.Written) error {
	fence, err := c.catalog.FenceChannel(ctx, channel)
	if err != nil {
		return err
	}
	if !fence.Exists { // of a migration that was dropped: its id is never used again
		return c.withTarget(ctx, m, func(ctx context.Context, tg *target) error { return migration.Forget(ctx, tg.db, channel) })
	}
	cfg, done, err := (&definitions{services: c.services, directory: &directory{catalog: c.catalog}}).config(ctx, m, m.Spec.Sources[0])
	if err != nil {
		return err
	}
	defer done()
	still, err := migration.StillWrites(ctx, cfg, tables)
	if err != nil {
		return err
	}
	if len(still) > 0 {
		return refusal(m, []migration.Finding{migration.SharedTarget(still[0].Schema, still[0].Table, still[0].Name)})
	}
	err = c.withTarget(ctx, m, func(ctx context.Context, tg *target) error {
		return migration.TakeOver(ctx, tg.db, channel, fence.Epoch, tables)
	})
	if errors.Is(err, apply.ErrFenced) {
		return sqladmin.Errorf(sqladmin.CodeConcurrentChange, "channel '%s', which wrote table %s.%s, was started or reset meanwhile",
			tables[0].Name, tables[0].Schema, tables[0].Table).WithRemedy("repeat the statement")
	}
	if err == nil {
		c.log.Info("took over target tables that another channel has left", "migration", m.Name, "from", tables[0].Name, "tables", len(tables))
	}
	return err
}
