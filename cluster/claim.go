package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Claim makes this node the channel's owner and returns its new epoch, which is
// higher than any before. One transaction reads the channel's row for update,
// checks the claim rule and writes. The caller must then raise the epoch in the
// target before it writes there: that, not the claim, fences the old owner.
//
// It returns ErrNotAllowed, ErrGone, or the store's error. After the latter the
// claim may have happened: Unwanted lists the channel until a Release went through.
func (c *Cluster) Claim(ctx context.Context, channel string) (epoch uint64, err error) {
	alone := c.place.suspect(channel)
	err = inTx(ctx, c.cfg.DB, func(tx *sql.Conn) error {
		o, old, err := c.lockChannel(ctx, tx, channel)
		if err != nil {
			return err
		}
		if !mayClaim(o, c.cfg.Node, c.incarnation, c.place.holds(channel)) {
			return fmt.Errorf("owner %s: %w", o.Owner, ErrNotAllowed)
		}
		epoch = old + 1
		res, err := tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET owner = ?, owner_incarnation = ?, epoch = ?,
  pinned = '', claimed_at = UTC_TIMESTAMP(6) WHERE channel = ? AND epoch = ?`, c.cfg.Node, c.incarnation, epoch, channel, old)
		if err != nil {
			return fmt.Errorf("write owner: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("write owner: %w", err)
		} else if n != 1 {
			return fmt.Errorf("changed meanwhile: %w", ErrNotAllowed)
		}
		return c.recordRun(ctx, tx, channel, epoch, alone)
	})
	if err != nil {
		if epoch != 0 && !errors.Is(err, ErrNotAllowed) {
			// The row may name this node: nothing else would take it back if the
			// channel is to stop, or this node to drain.
			c.place.released(channel, epoch, true)
		}
		return 0, fmt.Errorf("claim channel %s: %w", channel, err)
	}
	c.place.won(channel, epoch)
	if alone {
		c.place.tryAlone(time.Now().Add(probation))
		c.log.Warn("a channel that was in several crashes of nodes is tried alone", "channel", channel, "epoch", epoch)
	}
	c.log.Info("channel claimed", "channel", channel, "epoch", epoch)
	return epoch, nil
}

// lockChannel reads and locks the channel's row, and the state of its owner as
// of after the lock was had.
func (c *Cluster) lockChannel(ctx context.Context, tx *sql.Conn, channel string) (o ownership, epoch uint64, err error) {
	var desired string
	err = tx.QueryRowContext(ctx, `SELECT owner, owner_incarnation, epoch, desired FROM sluice_meta.channels
  WHERE channel = ? FOR UPDATE`, channel).Scan(&o.Owner, &o.Incarnation, &epoch, &desired)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return o, 0, ErrGone
	case err != nil:
		return o, 0, fmt.Errorf("lock row: %w", err)
	case desired != DesiredRunning:
		return o, 0, fmt.Errorf("desired is %s: %w", desired, ErrNotAllowed)
	case o.Owner == "":
		return o, epoch, nil
	}
	var us int64
	err = tx.QueryRowContext(ctx, `SELECT incarnation, left_at IS NOT NULL, `+age("heartbeat")+` FROM sluice_meta.nodes
  WHERE node = ?`, o.Owner).Scan(&o.registered, &o.left, &us)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return o, 0, fmt.Errorf("read owner: %w", err)
	}
	o.age = time.Duration(us) * time.Microsecond
	o.gossip = c.gossip.state(o.Owner, o.Incarnation)
	return o, epoch, nil
}

// Release gives the channel up: call it when nothing of this node writes for
// the channel any more. The next in rank may claim at once. Whatever it
// returns, this node no longer counts the channel as its own. After an error of
// the store the row may still name it: Unwanted lists the channel until a Release
// went through, or Wanted does if it is to run.
// ErrLost says that there was nothing to release.
func (c *Cluster) Release(ctx context.Context, channel string, epoch uint64) error {
	c.place.lost(channel, epoch)
	err := c.release(ctx, channel, epoch)
	c.place.released(channel, epoch, err != nil && !errors.Is(err, ErrLost))
	return err
}

func (c *Cluster) release(ctx context.Context, channel string, epoch uint64) error {
	// First: after a process end between the two the run still has ended in order.
	if err := c.endRun(ctx, channel, epoch); err != nil {
		return fmt.Errorf("release channel %s: %w", channel, err)
	}
	res, err := c.cfg.DB.ExecContext(ctx, `UPDATE sluice_meta.channels SET owner = '' WHERE channel = ? AND epoch = ?
  AND owner = ? AND owner_incarnation = ?`, channel, epoch, c.cfg.Node, c.incarnation)
	if err != nil {
		return fmt.Errorf("release channel %s: %w", channel, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return fmt.Errorf("release channel %s: %w", channel, err)
	} else if n == 0 {
		return fmt.Errorf("release channel %s: %w", channel, ErrLost)
	}
	c.log.Info("channel released", "channel", channel, "epoch", epoch)
	c.gossip.announce()
	c.wake()
	return nil
}

// StillOwner says whether the store names this process as the channel's owner
// at that epoch. It is a hint to stop early; a write is guarded by its own
// check of the epoch in the target.
func (c *Cluster) StillOwner(ctx context.Context, channel string, epoch uint64) (bool, error) {
	var one int
	err := c.cfg.DB.QueryRowContext(ctx, `SELECT 1 FROM sluice_meta.channels WHERE channel = ? AND epoch = ?
  AND owner = ? AND owner_incarnation = ?`, channel, epoch, c.cfg.Node, c.incarnation).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read owner of channel %s: %w", channel, err)
	}
	return true, nil
}
