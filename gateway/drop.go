package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
	"sluice/replica/protocol"
	"sluice/sqladmin"
)

// targetPatience bounds what a statement asks of a target, so that one that
// does not answer is an error and no hang.
const targetPatience = 20 * time.Second

func (c *controller) drop(ctx context.Context, x *sqladmin.DropObject) (*sqladmin.Result, error) {
	var (
		changed bool
		err     error
	)
	switch x.Kind {
	case "SECRET":
		changed, err = c.catalog.DropSecret(ctx, x.Name, x.IfExists)
	case "SOURCE":
		changed, err = c.catalog.DropSource(ctx, x.Name, x.IfExists)
	case "TARGET":
		changed, err = c.catalog.DropTarget(ctx, x.Name, x.IfExists)
	case "MIGRATION":
		return c.dropMigration(ctx, x)
	default:
		return nil, sqladmin.NotSupported(x.Verb())
	}
	if err != nil {
		return nil, err
	}
	return dropped(kindWord(x.Kind), x.Name, changed), nil
}

func kindWord(kind string) string {
	return map[string]string{"SECRET": "secret", "SOURCE": "source", "TARGET": "target", "MIGRATION": "migration"}[kind]
}

// dropMigration removes the migration, and then what its channels left in the
// target. The order is safe: its ID is never used again, so that whatever stays
// behind is never taken for another migration's.
func (c *controller) dropMigration(ctx context.Context, x *sqladmin.DropObject) (*sqladmin.Result, error) {
	if x.DropData {
		return nil, sqladmin.NotSupported("DROP DATA").
			WithRemedy("DROP MIGRATION %s, then drop the target's tables there; SHOW MIGRATION TABLES lists them before", backquote(x.Name))
	}
	epochs := map[string]uint64{}
	if old, err := c.catalog.Migration(ctx, x.Name); err == nil {
		states, err := c.catalog.Channels(ctx, old.ID)
		if err != nil {
			return nil, err
		}
		for _, ch := range states {
			epochs[ch.Channel] = ch.Epoch
		}
	}
	m, err := c.catalog.DropMigration(ctx, x.Name, x.IfExists)
	if err != nil {
		return nil, err
	}
	res := dropped("migration", x.Name, m != nil)
	if m == nil {
		return res, nil
	}
	c.cluster.Notify()
	if err := c.forget(ctx, m, epochs); err != nil {
		var e *sqladmin.Error
		text := err.Error()
		if errors.As(adminError(err), &e) {
			text = e.Error()
		}
		res.Warnings = append(res.Warnings, sqladmin.Warning{Level: "Warning", Code: sqladmin.CodeStoreUnreachable,
			Message: "the migration is dropped, but its state in the target's schema sluice_meta could not be removed: " + text,
			Remedy:  "none: a migration that writes the same tables takes them over"})
	}
	return res, nil
}

// forget removes the channels' state from the target. Channels that never ran
// have none.
func (c *controller) forget(ctx context.Context, m *catalog.Migration, epochs map[string]uint64) error {
	for _, src := range m.Spec.Sources {
		key := m.ChannelKey(src)
		if epochs[key] == 0 {
			continue
		}
		err := c.withTarget(ctx, m, func(ctx context.Context, tg *target) error { return migration.Forget(ctx, tg.db, key) })
		if err != nil {
			return fmt.Errorf("channel %s: %w", m.ChannelName(src), err)
		}
	}
	return nil
}

// withTarget calls fn with the migration's target, for at most targetPatience.
func (c *controller) withTarget(ctx context.Context, m *catalog.Migration, fn func(context.Context, *target) error) error {
	return c.withTargetNamed(ctx, m.Spec.Target, fn)
}

func (c *controller) withTargetNamed(ctx context.Context, name string, fn func(context.Context, *target) error) error {
	def, err := c.catalog.Target(ctx, name)
	if err != nil {
		return err
	}
	tg, done, err := c.targets.use(ctx, def)
	if err != nil {
		return err
	}
	defer done()
	bounded, cancel := context.WithTimeout(ctx, targetPatience)
	defer cancel()
	if !def.IsDefault() { // the store has its guard already
		heart := startPulse(bounded, tg.db)
		defer heart.close()
		patience := changePatience
		if c.reading != nil {
			patience = readPatience
		}
		var release func()
		bounded, release = heart.guard(bounded, patience)
		defer release()
	}
	err = fn(bounded, tg)
	if err == nil || ctx.Err() != nil {
		return err
	}
	var me *mysql.MySQLError
	switch {
	case wentSilent(bounded):
		return sqladmin.Errorf(sqladmin.CodeStoreUnreachable, "target '%s' cannot be reached: it does not answer", def.Name).
			WithRemedy("check TARGET_HOSTS: each has to be host and port of a TiDB; see whether it is up, and whether node %s reaches it", c.cfg.Name)
	case protocol.Named(err, "target", "TARGET") != nil:
		e := protocol.Named(err, "target", "TARGET")
		e.Message = fmt.Sprintf("target '%s': %s", def.Name, e.Message)
		var named *replica.Error
		if errors.As(e.Err, &named) { // it says so already
			e.Err = named.Err
		}
		return e
	case unreachable(err) || bounded.Err() != nil:
		return sqladmin.Errorf(sqladmin.CodeStoreUnreachable, "target '%s' cannot be reached: %s", def.Name, protocol.Plain(err).Error()).
			WithRemedy("check TARGET_HOSTS: each has to be host and port of a TiDB; see whether it is up, and whether node %s reaches it", c.cfg.Name)
	case errors.As(err, &me):
		return sqladmin.Errorf(me.Number, "target '%s' refuses: %s", def.Name, me.Message).
			WithRemedy("correct the account of the target, or its rights, then repeat the statement")
	}
	return err
}
