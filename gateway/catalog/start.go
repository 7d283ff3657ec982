package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/cluster"
)

// Until is where a channel stops by itself, as the START that set it running
// said; the zero Until is never.
type Until struct {
	Phase      string `json:"phase,omitempty"`       // when this phase is reached
	AfterGTIDs string `json:"after_gtids,omitempty"` // when all of this set is applied
}

const createChannelUntil = `CREATE TABLE IF NOT EXISTS sluice_meta.channel_until (
  channel VARBINARY(200) NOT NULL,
  spec    MEDIUMTEXT     NOT NULL,               -- JSON, see Until
  PRIMARY KEY (channel) CLUSTERED)`

// Start wants a migration's channels running: all, or the one of that name. A
// channel that stopped by an error, or that is done, starts again too. It
// returns how many there were; those that run already keep their Until.
func (c *Catalog) Start(ctx context.Context, name, channel string, until Until, by string) (changed int, err error) {
	spec, err := json.Marshal(until)
	if err != nil {
		return 0, fmt.Errorf("start migration %s: %w", name, err)
	}
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		changed = 0
		m, rows, err := c.lockNamed(ctx, tx, name, channel)
		if err != nil {
			return err
		}
		for _, r := range rows {
			res, err := tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET desired = 'RUNNING', not_before = NULL, status = 'STARTING'
  WHERE channel = ? AND (desired <> 'RUNNING' OR owner = '' AND status = 'ERROR')`, r.key)
			if err != nil {
				return fmt.Errorf("start channel %s: %w", r.name, err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return fmt.Errorf("start channel %s: %w", r.name, err)
			}
			if n == 0 {
				continue
			}
			changed++
			if err := cluster.ForgetCrashes(ctx, tx, r.key); err != nil {
				return err
			}
			if err := setUntil(ctx, tx, r.key, until, string(spec)); err != nil {
				return err
			}
			if err := resolve(ctx, tx, m.ID, r.name); err != nil {
				return err
			}
		}
		return touch(ctx, tx, m, by, changed)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

func setUntil(ctx context.Context, tx *sql.Conn, channel string, until Until, spec string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM sluice_meta.channel_until WHERE channel = ?`, channel)
	if err == nil && until != (Until{}) {
		_, err = tx.ExecContext(ctx, `INSERT INTO sluice_meta.channel_until VALUES (?, ?)`, channel, spec)
	}
	if err != nil {
		return fmt.Errorf("record where channel %s stops: %w", channel, err)
	}
	return nil
}

// touch makes the migration's desired state follow its channels'. It leaves
// the version: that guards the definition.
func touch(ctx context.Context, tx *sql.Conn, m *Migration, by string, changed int) error {
	if changed == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE sluice_meta.migrations SET updated_by = ?, updated_at = UTC_TIMESTAMP(6),
  desired = IF(EXISTS (SELECT 1 FROM sluice_meta.channels WHERE migration_id = ? AND desired = 'RUNNING'), 'RUNNING', 'STOPPED')
  WHERE id = ?`, by, m.ID, m.ID)
	if err != nil {
		return fmt.Errorf("change migration %s: %w", m.Name, err)
	}
	return nil
}

// ChannelUntil reads where a channel stops by itself.
func (c *Catalog) ChannelUntil(ctx context.Context, channel string) (Until, error) {
	var (
		spec []byte
		u    Until
	)
	err := c.db.QueryRowContext(ctx, `SELECT spec FROM sluice_meta.channel_until WHERE channel = ?`, channel).Scan(&spec)
	if errors.Is(err, sql.ErrNoRows) {
		return u, nil
	}
	if err == nil {
		err = json.Unmarshal(spec, &u)
	}
	if err != nil {
		return u, fmt.Errorf("read where channel %s stops: %w", channel, err)
	}
	return u, nil
}

// Finish records that a channel, owned at that epoch, reached its end: it is
// DONE and to stand. It returns false when another epoch owns it.
func (c *Catalog) Finish(ctx context.Context, ch cluster.ChannelState, epoch uint64, phase string) (bool, error) {
	var owned bool
	err := c.inTx(ctx, func(tx *sql.Conn) error {
		owned = false
		var has uint64
		err := tx.QueryRowContext(ctx, `SELECT epoch FROM sluice_meta.channels WHERE channel = ? FOR UPDATE`, ch.Channel).Scan(&has)
		if errors.Is(err, sql.ErrNoRows) || err == nil && has != epoch {
			return nil
		}
		if err != nil {
			return fmt.Errorf("finish channel %s: %w", ch.Name, err)
		}
		owned = true
		_, err = tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET desired = 'STOPPED', status = 'DONE', phase = ? WHERE channel = ?`,
			phase, ch.Channel)
		if err != nil {
			return fmt.Errorf("finish channel %s: %w", ch.Name, err)
		}
		if err := setUntil(ctx, tx, ch.Channel, Until{}, ""); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE sluice_meta.migrations SET
  desired = IF(EXISTS (SELECT 1 FROM sluice_meta.channels WHERE migration_id = ? AND desired = 'RUNNING'), 'RUNNING', 'STOPPED')
  WHERE id = ?`, ch.MigrationID, ch.MigrationID)
		if err != nil {
			return fmt.Errorf("finish channel %s: %w", ch.Name, err)
		}
		return nil
	})
	return owned && err == nil, err
}
