package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Remove forgets a node that left, or whose heartbeat is older than deadAfter: its row,
// what it owned, and wishes to move channels to it. It returns ErrUnknownNode, and
// ErrNodeLives for any other node. A process of that node that is only cut off ends
// with ErrReplaced when it reaches the store again; what it owned is fenced by the
// next owner's claim, so that freeing it here is as safe as a claim is.
func (c *Cluster) Remove(ctx context.Context, node string) error {
	err := inTx(ctx, c.cfg.DB, func(tx *sql.Conn) error {
		var left bool
		var us int64
		err := tx.QueryRowContext(ctx, `SELECT left_at IS NOT NULL, `+age("heartbeat")+` FROM sluice_meta.nodes WHERE node = ? FOR UPDATE`,
			node).Scan(&left, &us)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrUnknownNode
		case err != nil:
			return fmt.Errorf("read node row: %w", err)
		case !left && time.Duration(us)*time.Microsecond <= deadAfter:
			return ErrNodeLives
		}
		for _, stmt := range []string{
			`UPDATE sluice_meta.channels SET owner = '' WHERE owner = ?`,
			`UPDATE sluice_meta.channels SET pinned = '' WHERE pinned = ?`,
			`DELETE FROM sluice_meta.nodes WHERE node = ?`,
		} {
			if _, err := tx.ExecContext(ctx, stmt, node); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove node %s: %w", node, err)
	}
	c.Notify()
	return nil
}
