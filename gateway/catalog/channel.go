package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/cluster"
)

// Channels reads the channels of one migration (by ID), or of all with "",
// ordered by name.
func (c *Catalog) Channels(ctx context.Context, migrationID string) ([]cluster.ChannelState, error) {
	return cluster.ReadChannels(ctx, c.db, migrationID)
}

// ChannelByName reads one channel by what operators call it. An unknown one is
// CodeUnknownChannel.
func (c *Catalog) ChannelByName(ctx context.Context, name string) (cluster.ChannelState, error) {
	all, err := c.Channels(ctx, "")
	if err != nil {
		return cluster.ChannelState{}, err
	}
	names := make([]string, len(all))
	for i, ch := range all {
		if ch.Name == name {
			return ch, nil
		}
		names[i] = ch.Name
	}
	if best := nearest(name, names); best != "" {
		return cluster.ChannelState{}, fail(CodeUnknownChannel, "SHOW MIGRATION CHANNELS lists them", "there is no channel '%s' (did you mean '%s'?)", name, best)
	}
	return cluster.ChannelState{}, fail(CodeUnknownChannel, "SHOW MIGRATION CHANNELS lists them", "there is no channel '%s'", name)
}

// SetChannelPhase records what a channel does, for its owner at that epoch. It
// returns false when another epoch owns the channel or it was dropped.
func (c *Catalog) SetChannelPhase(ctx context.Context, channel string, epoch uint64, phase, status string) (bool, error) {
	var owned bool
	err := retry(ctx, func() error {
		_, err := c.db.ExecContext(ctx, `UPDATE sluice_meta.channels SET phase = ?, status = ? WHERE channel = ? AND epoch = ?`,
			phase, status, channel, epoch)
		if err != nil {
			return err
		}
		// Affected rows do not tell: they may count changed rows only.
		return c.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sluice_meta.channels WHERE channel = ? AND epoch = ?)`,
			channel, epoch).Scan(&owned)
	})
	if err != nil {
		return false, fmt.Errorf("record phase of channel %s: %w", channel, err)
	}
	return owned, nil
}

// Fence is what FenceChannel did.
type Fence struct {
	Exists bool   // there is such a channel
	Epoch  uint64 // the channel's now
}

// FenceChannel raises the epoch of a channel without a live owner, so that one which
// slept can be fenced in the target too. A live owner keeps its epoch: the rules that
// are in force do not change while there is one.
func (c *Catalog) FenceChannel(ctx context.Context, channel string) (f Fence, err error) {
	err = c.inTx(ctx, func(tx *sql.Conn) error {
		f = Fence{}
		var migrationID string
		err := tx.QueryRowContext(ctx, `SELECT migration_id FROM sluice_meta.channels WHERE channel = ?`, channel).Scan(&migrationID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("fence channel %s: %w", channel, err)
		}
		rows, err := lockChannels(ctx, tx, migrationID)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.key != channel {
				continue
			}
			f = Fence{Exists: true, Epoch: r.epoch}
			if r.owner != "" {
				return nil
			}
			f.Epoch++
			_, err := tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET epoch = epoch + 1, owner = '' WHERE channel = ?`, channel)
			if err != nil {
				return fmt.Errorf("fence channel %s: %w", r.name, err)
			}
		}
		return nil
	})
	return f, err
}

// ChannelStatus is a channel's live status, as its owner wrote it last.
type ChannelStatus struct {
	Channel   string
	Node      string
	Epoch     uint64
	Status    json.RawMessage
	UpdatedAt time.Time     // by the store's clock
	Age       time.Duration // likewise
}

// statusBatch bounds the rows of one statement.
const statusBatch = 100

// WriteStatus stores the live status of channels that the node owns, many in
// one statement. A row of an older epoch is not stored.
func (c *Catalog) WriteStatus(ctx context.Context, node string, list []ChannelStatus) error {
	for len(list) > 0 {
		batch := list[:min(statusBatch, len(list))]
		list = list[len(batch):]
		args := make([]any, 0, 4*len(batch))
		for _, s := range batch {
			args = append(args, s.Channel, node, s.Epoch, string(s.Status))
		}
		// Assignments run in order: epoch is compared before it changes.
		_, err := c.db.ExecContext(ctx, `INSERT INTO sluice_meta.channel_status (channel, node, epoch, status, updated_at) VALUES `+
			strings.TrimPrefix(strings.Repeat(", (?, ?, ?, ?, UTC_TIMESTAMP(6))", len(batch)), ", ")+`
  ON DUPLICATE KEY UPDATE node = IF(VALUES(epoch) >= epoch, VALUES(node), node),
  status = IF(VALUES(epoch) >= epoch, VALUES(status), status),
  updated_at = IF(VALUES(epoch) >= epoch, VALUES(updated_at), updated_at),
  epoch = GREATEST(epoch, VALUES(epoch))`, args...)
		if err != nil {
			return fmt.Errorf("write channel status: %w", err)
		}
	}
	return nil
}

// Status reads the live status of one migration's channels (by ID), or of all
// with "", by channel key. Age tells how old each is.
func (c *Catalog) Status(ctx context.Context, migrationID string) (map[string]ChannelStatus, error) {
	rows, err := c.db.QueryContext(ctx, `SELECT CAST(channel AS CHAR), node, epoch, status, `+micros("updated_at")+`,
  TIMESTAMPDIFF(MICROSECOND, updated_at, UTC_TIMESTAMP(6)) FROM sluice_meta.channel_status
  WHERE ? = '' OR channel LIKE CONCAT(?, '/%')`, migrationID, migrationID)
	if err != nil {
		return nil, fmt.Errorf("read channel status: %w", err)
	}
	defer rows.Close()
	m := map[string]ChannelStatus{}
	for rows.Next() {
		var (
			s  ChannelStatus
			b  []byte
			us int64
		)
		if err := rows.Scan(&s.Channel, &s.Node, &s.Epoch, &b, stamp{&s.UpdatedAt}, &us); err != nil {
			return nil, fmt.Errorf("read channel status: %w", err)
		}
		s.Status, s.Age = b, max(0, time.Duration(us)*time.Microsecond)
		m[s.Channel] = s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read channel status: %w", err)
	}
	return m, nil
}
