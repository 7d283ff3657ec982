package catalog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sluice/cluster"
)

// Migration is one migration. Its ID is random and never used again, so that
// positions of a dropped migration are never taken for those of a new one with
// the same name.
type Migration struct {
	ID      string
	Name    string
	Spec    Spec
	Desired string // cluster.DesiredRunning or cluster.DesiredStopped
	Meta
}

// ChannelKey is the key of a source's channel.
func (m *Migration) ChannelKey(source string) string { return m.ID + "/" + source }

// ChannelName is what operators call a source's channel.
func (m *Migration) ChannelName(source string) string {
	if len(m.Spec.Sources) == 1 {
		return m.Name
	}
	return m.Name + "/" + source
}

func (s *Spec) check() error {
	if len(s.Sources) == 0 {
		return fail(CodeBadOption, "state FROM SOURCE ..", "a migration needs a source")
	}
	if len(slices.Compact(slices.Sorted(slices.Values(s.Sources)))) != len(s.Sources) {
		return fail(CodeBadOption, "name each source once", "a migration names a source twice")
	}
	if s.Target == "" || isDefault(s.Target) {
		s.Target = DefaultTarget
	}
	if s.StartAt.Kind == "" {
		s.StartAt.Kind = "SNAPSHOT"
	}
	return oneOf("START AT", &s.StartAt.Kind, "SNAPSHOT", "CURRENT", "GTID", "FILE")
}

func (s *Spec) credentials() map[string]*Credential { return nil }

// refer locks what the migration refers to, so that it stays.
func (s *Spec) refer(ctx context.Context, tx *sql.Conn) error {
	if err := lock(ctx, tx, sourceKind, s.Sources); err != nil {
		return err
	}
	if s.Target == DefaultTarget {
		return nil
	}
	return lock(ctx, tx, targetKind, []string{s.Target})
}

// CreateMigration stores a new migration, stopped, with its channels, and
// returns it as stored. changed is false when ifNotExists is set and the same
// migration exists. An unknown source or target is CodeUnknown.
func (c *Catalog) CreateMigration(ctx context.Context, name string, spec Spec, ifNotExists bool, by string) (m *Migration, changed bool, err error) {
	if err := checkName(migrationKind, name); err != nil {
		return nil, false, err
	}
	if err := spec.check(); err != nil {
		return nil, false, err
	}
	run := func() error {
		return c.inTx(ctx, func(tx *sql.Conn) error {
			changed = false
			old, err := one(ctx, tx, migrationKind, name, " FOR UPDATE")
			if err == nil {
				if !ifNotExists {
					return exists(migrationKind, name)
				}
				return c.mustEqual(ctx, tx, migrationKind, old, &spec)
			}
			if !HasCode(err, CodeUnknown) {
				return err
			}
			changed = true
			return c.insertMigration(ctx, tx, name, spec, by)
		})
	}
	if err = run(); duplicate(err) { // somebody created it since we looked
		err = run()
	}
	if err != nil {
		return nil, false, err
	}
	m, err = c.Migration(ctx, name)
	return m, changed, err
}

func (c *Catalog) insertMigration(ctx context.Context, tx *sql.Conn, name string, spec Spec, by string) error {
	if err := spec.refer(ctx, tx); err != nil {
		return err
	}
	var id [6]byte
	rand.Read(id[:]) // never fails
	m := &Migration{ID: hex.EncodeToString(id[:]), Name: name, Spec: spec, Desired: cluster.DesiredStopped}
	js, err := c.encode(ctx, tx, migrationKind, name, &spec)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO sluice_meta.migrations
  (id, name, spec, desired, version, created_by, updated_by, created_at, updated_at)
  VALUES (?, ?, ?, ?, 1, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))`, m.ID, name, string(js), m.Desired, by, by)
	if err != nil {
		return fmt.Errorf("create migration %s: %w", name, err)
	}
	return m.writeChannels(ctx, tx)
}

// writeChannels creates the missing channels and names them all.
func (m *Migration) writeChannels(ctx context.Context, tx *sql.Conn) error {
	for _, s := range m.Spec.Sources {
		_, err := tx.ExecContext(ctx, `INSERT INTO sluice_meta.channels
  (channel, name, migration_id, migration, source, desired, created_at) VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))
  ON DUPLICATE KEY UPDATE name = VALUES(name), migration = VALUES(migration)`,
			m.ChannelKey(s), m.ChannelName(s), m.ID, m.Name, s, m.Desired)
		if err != nil {
			return fmt.Errorf("write channel of source %s: %w", s, err)
		}
	}
	return nil
}

// UpdateMigration replaces the migration that was read as m (by its ID and
// Version): its name too. Channels of new sources are created, with the
// migration's desired state; those of removed sources must be stopped and go.
// It returns false when nothing is different.
func (c *Catalog) UpdateMigration(ctx context.Context, m Migration, by string) (changed bool, err error) {
	return c.updateMigration(ctx, m, by, false)
}

// UpdateStoppedMigration is UpdateMigration for changes that a running channel
// would not take: while one runs or is to run it is CodeMustStopFirst.
func (c *Catalog) UpdateStoppedMigration(ctx context.Context, m Migration, by string) (changed bool, err error) {
	return c.updateMigration(ctx, m, by, true)
}

func (c *Catalog) updateMigration(ctx context.Context, m Migration, by string, stopped bool) (changed bool, err error) {
	if err := checkName(migrationKind, m.Name); err != nil {
		return false, err
	}
	if err := m.Spec.check(); err != nil {
		return false, err
	}
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		changed = false
		old, err := lockMigration(ctx, tx, m)
		if err != nil {
			return err
		}
		diff, err := c.differences(ctx, migrationKind, old.record, &m.Spec)
		if err != nil || diff == "" && old.name == m.Name {
			return err
		}
		if stopped {
			rows, err := lockChannels(ctx, tx, m.ID)
			if err != nil {
				return err
			}
			if err := mustStand(old.name, rows); err != nil {
				return err
			}
		}
		m.Desired, changed = old.desired, true
		return c.replaceMigration(ctx, tx, m, by)
	})
	if duplicate(err) {
		return false, exists(migrationKind, m.Name)
	}
	return changed && err == nil, err
}

type migrationRecord struct {
	record
	desired string
}

// lockMigration locks the row of m.ID and checks that its version is m's.
func lockMigration(ctx context.Context, tx *sql.Conn, m Migration) (r migrationRecord, err error) {
	err = tx.QueryRowContext(ctx, `SELECT name, spec, version, updated_by, desired FROM sluice_meta.migrations
  WHERE id = ? FOR UPDATE`, m.ID).Scan(&r.name, &r.spec, &r.meta.Version, &r.meta.UpdatedBy, &r.desired)
	if errors.Is(err, sql.ErrNoRows) {
		return r, unknown(migrationKind, m.Name, nil)
	}
	if err != nil {
		return r, fmt.Errorf("read migration %s: %w", m.Name, err)
	}
	if r.meta.Version != m.Version {
		return r, concurrent(migrationKind, r.name, r.meta.UpdatedBy, m.Version, r.meta.Version)
	}
	return r, nil
}

func (c *Catalog) replaceMigration(ctx context.Context, tx *sql.Conn, m Migration, by string) error {
	if err := m.Spec.refer(ctx, tx); err != nil {
		return err
	}
	js, err := c.encode(ctx, tx, migrationKind, m.Name, &m.Spec)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE sluice_meta.migrations SET name = ?, spec = ?, version = version + 1,
  updated_by = ?, updated_at = UTC_TIMESTAMP(6) WHERE id = ?`, m.Name, string(js), by, m.ID)
	if err != nil {
		return fmt.Errorf("change migration %s: %w", m.Name, err)
	}
	gone, err := lockChannels(ctx, tx, m.ID)
	if err != nil {
		return err
	}
	for _, s := range m.Spec.Sources {
		delete(gone, s)
	}
	if err := deleteChannels(ctx, tx, &m, gone); err != nil {
		return err
	}
	return m.writeChannels(ctx, tx)
}

// channelRow is a channel's row, locked.
type channelRow struct {
	key     string
	name    string
	owner   string // "" when nobody runs it: released, or its owner is over
	desired string
	status  string
	epoch   uint64
}

// lockChannels locks a migration's channels and returns them by source. An
// owner whose process ended, or that was not heard of for 10 seconds, counts as
// none: it can write nothing any more that its fence would let through.
func lockChannels(ctx context.Context, tx *sql.Conn, migrationID string) (map[string]channelRow, error) {
	rows, err := tx.QueryContext(ctx, `SELECT c.source, CAST(c.channel AS CHAR), c.name, c.desired, c.status, c.epoch,
  IF(n.incarnation = c.owner_incarnation AND n.left_at IS NULL AND
    n.heartbeat > UTC_TIMESTAMP(6) - INTERVAL 10 SECOND, c.owner, '')
  FROM sluice_meta.channels c LEFT JOIN sluice_meta.nodes n ON n.node = c.owner
  WHERE c.migration_id = ? FOR UPDATE OF c`, migrationID)
	if err != nil {
		return nil, fmt.Errorf("lock channels: %w", err)
	}
	defer rows.Close()
	m := map[string]channelRow{}
	for rows.Next() {
		var (
			source string
			r      channelRow
		)
		if err := rows.Scan(&source, &r.key, &r.name, &r.desired, &r.status, &r.epoch, &r.owner); err != nil {
			return nil, fmt.Errorf("lock channels: %w", err)
		}
		m[source] = r
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("lock channels: %w", err)
	}
	return m, nil
}

// mustStand refuses while one of the channels runs or is to run.
func mustStand(m string, rows map[string]channelRow) error {
	for _, s := range slices.Sorted(maps.Keys(rows)) {
		r := rows[s]
		if r.desired == cluster.DesiredStopped && r.owner == "" {
			continue
		}
		message, remedy := MustStand(m, r.name, r.desired, r.status, r.owner)
		return fail(CodeMustStopFirst, remedy, "%s", message)
	}
	return nil
}

// MustStand says why a channel is in the way of a statement that needs it to stand, and
// what to do: owner is "" when no node runs it.
func MustStand(migration, channel, desired, status, owner string) (message, remedy string) {
	wait := fmt.Sprintf("WAIT FOR MIGRATION `%s` UNTIL STATUS='STOPPED', then repeat the statement", migration)
	stop := fmt.Sprintf("STOP MIGRATION `%s`, then %s", migration, wait)
	switch {
	case desired == cluster.DesiredStopped:
		return fmt.Sprintf("channel '%s' is still stopping on node %s", channel, owner), wait
	case owner == "" && status == "ERROR":
		return fmt.Sprintf("channel '%s' stands after an error (status ERROR), and is still to run", channel),
			fmt.Sprintf("STOP MIGRATION `%s`, then repeat the statement", migration)
	case owner == "":
		return fmt.Sprintf("channel '%s' is to run (status %s), though no node runs it now", channel, status), stop
	case status == "" || status == "RUNNING":
		return fmt.Sprintf("channel '%s' is running on node %s", channel, owner), stop
	}
	return fmt.Sprintf("channel '%s' is to run (status %s, on node %s)", channel, status, owner), stop
}

func deleteChannels(ctx context.Context, tx *sql.Conn, m *Migration, gone map[string]channelRow) error {
	if err := mustStand(m.Name, gone); err != nil {
		return err
	}
	for _, r := range gone {
		for _, t := range []string{"channels", "channel_status", "channel_tables", "channel_until", "channel_runs"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sluice_meta.`+t+` WHERE channel = ?`, r.key); err != nil {
				return fmt.Errorf("drop channel %s: %w", r.name, err)
			}
		}
		if err := resolve(ctx, tx, m.ID, r.name); err != nil {
			return err
		}
	}
	return nil
}

// DropMigration removes a stopped migration with its channels, their status, its
// errors and checks, and returns what it was, so that its state in the target
// can be removed; nil when ifExists is set and there is none. Its events stay,
// under its ID. While a channel runs it is CodeMustStopFirst.
func (c *Catalog) DropMigration(ctx context.Context, name string, ifExists bool) (m *Migration, err error) {
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		if m, err = lockedMigration(ctx, tx, name); err != nil {
			if ifExists && HasCode(err, CodeUnknown) {
				return nil
			}
			return err
		}
		rows, err := lockChannels(ctx, tx, m.ID)
		if err != nil {
			return err
		}
		if err := deleteChannels(ctx, tx, m, rows); err != nil {
			return err
		}
		for _, q := range []string{
			`DELETE FROM sluice_meta.migrations WHERE id = ?`,
			`DELETE FROM sluice_meta.migration_checks WHERE migration_id = ?`,
			`DELETE FROM sluice_meta.errors WHERE migration_id = ?`,
		} {
			if _, err := tx.ExecContext(ctx, q, m.ID); err != nil {
				return fmt.Errorf("drop migration %s: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}
