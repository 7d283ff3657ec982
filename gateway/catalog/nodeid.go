package catalog

import (
	"context"
	"database/sql"
	"fmt"
)

const createNodeIDs = `CREATE TABLE IF NOT EXISTS sluice_meta.node_ids (
  node VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  id   INT UNSIGNED NOT NULL,
  PRIMARY KEY (node) CLUSTERED,
  UNIQUE KEY id (id))`

// NodeID returns the node's number, which no other node has: 1 or more, the
// same at every start.
func (c *Catalog) NodeID(ctx context.Context, node string) (id uint32, err error) {
	for {
		ids, err := c.NodeIDs(ctx)
		if err != nil {
			return 0, err
		}
		highest := uint32(0)
		for n, name := range ids {
			if name == node {
				return n, nil
			}
			highest = max(highest, n)
		}
		_, err = c.db.ExecContext(ctx, `INSERT INTO sluice_meta.node_ids VALUES (?, ?)`, node, highest+1)
		if err != nil && !duplicate(err) && !rolledBack(err) { // another node took the number: look again
			return 0, fmt.Errorf("number node %s: %w", node, err)
		}
	}
}

// NodeIDs returns the names of all nodes by their number.
func (c *Catalog) NodeIDs(ctx context.Context) (map[uint32]string, error) {
	type row struct {
		id   uint32
		node string
	}
	rows, err := read(ctx, c.db, "node numbers", func(r *sql.Rows) (x row, err error) {
		err = r.Scan(&x.id, &x.node)
		return x, err
	}, `SELECT id, node FROM sluice_meta.node_ids`)
	if err != nil {
		return nil, err
	}
	m := make(map[uint32]string, len(rows))
	for _, r := range rows {
		m[r.id] = r.node
	}
	return m, nil
}
