package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"sluice/cluster"
)

// ResetMigration makes stopped channels new again: phase NEW, no status, no
// open errors. channel is a channel's name, or "" for all of the migration. It
// returns their keys: the caller removes their positions in the target.
func (c *Catalog) ResetMigration(ctx context.Context, name, channel string) (keys []string, err error) {
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		keys = nil
		m, rows, err := c.lockNamed(ctx, tx, name, channel)
		if err != nil {
			return err
		}
		if err := mustStand(name, rows); err != nil {
			return err
		}
		for _, r := range rows {
			keys = append(keys, r.key)
			_, err := tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET phase = 'NEW', status = 'STOPPED', owner = '',
  epoch = epoch + 1, pinned = '', not_before = NULL WHERE channel = ?`, r.key)
			if err != nil {
				return fmt.Errorf("reset channel %s: %w", r.name, err)
			}
			for _, t := range []string{"channel_status", "channel_tables", "channel_runs"} {
				if _, err := tx.ExecContext(ctx, `DELETE FROM sluice_meta.`+t+` WHERE channel = ?`, r.key); err != nil {
					return fmt.Errorf("reset channel %s: %w", r.name, err)
				}
			}
			if err := resolve(ctx, tx, m.ID, r.name); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(keys)
	return keys, err
}

// SetDesired says whether a migration's channels should run: all, or the one of
// that name. It returns how many channels were in the other state. The
// migration itself is to run while any of its channels is.
func (c *Catalog) SetDesired(ctx context.Context, name, channel, desired, by string) (changed int, err error) {
	if desired != cluster.DesiredRunning && desired != cluster.DesiredStopped {
		return 0, fail(CodeBadOption, "use RUNNING or STOPPED", "desired state '%s' is not known", desired)
	}
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		changed = 0
		m, rows, err := c.lockNamed(ctx, tx, name, channel)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.desired == desired {
				continue
			}
			changed++
			_, err := tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET desired = ?, not_before = NULL WHERE channel = ?`, desired, r.key)
			if err != nil {
				return fmt.Errorf("change channel %s: %w", r.name, err)
			}
		}
		return touch(ctx, tx, m, by, changed)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

func lockedMigration(ctx context.Context, tx *sql.Conn, name string) (*Migration, error) {
	r, err := one(ctx, tx, migrationKind, name, " FOR UPDATE")
	if err != nil {
		return nil, err
	}
	m, err := migrationOf(r)
	if err != nil {
		return nil, err
	}
	return m, m.readRest(ctx, tx)
}

// lockNamed locks a migration and its channels: all, or the one of that name.
func (c *Catalog) lockNamed(ctx context.Context, tx *sql.Conn, name, channel string) (*Migration, map[string]channelRow, error) {
	m, err := lockedMigration(ctx, tx, name)
	if err != nil {
		return nil, nil, err
	}
	rows, err := lockChannels(ctx, tx, m.ID)
	if err != nil || channel == "" {
		return m, rows, err
	}
	var names []string
	for s, r := range rows {
		names = append(names, r.name)
		if r.name != channel {
			delete(rows, s)
		}
	}
	if len(rows) == 0 {
		slices.Sort(names)
		return nil, nil, fail(CodeUnknownChannel, "its channels are "+strings.Join(names, ", "),
			"migration '%s' has no channel '%s'", name, channel)
	}
	return m, rows, nil
}
