package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const createChecks = `CREATE TABLE IF NOT EXISTS sluice_meta.migration_checks (
  migration_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  findings     MEDIUMTEXT  NOT NULL,             -- JSON, of who wrote it
  checked_at   DATETIME(6) NOT NULL,
  PRIMARY KEY (migration_id) CLUSTERED)`

// Checks is what the newest check of a migration found.
type Checks struct {
	Findings json.RawMessage // of who wrote it
	At       time.Time       // by the store's clock
}

// checksBatch bounds the rows of one statement.
const checksBatch = 100

// WriteChecks keeps what checks of migrations (by ID) found, in place of what those
// before them did.
func (c *Catalog) WriteChecks(ctx context.Context, findings map[string]json.RawMessage) error {
	ids := slices.Sorted(maps.Keys(findings))
	for batch := range slices.Chunk(ids, checksBatch) {
		args := make([]any, 0, 2*len(batch))
		for _, id := range batch {
			args = append(args, id, string(findings[id]))
		}
		_, err := c.db.ExecContext(ctx, `REPLACE INTO sluice_meta.migration_checks VALUES (?, ?, UTC_TIMESTAMP(6))`+
			strings.Repeat(`, (?, ?, UTC_TIMESTAMP(6))`, len(batch)-1), args...)
		if err != nil {
			return fmt.Errorf("record checks: %w", err)
		}
	}
	return nil
}

// LastChecks reads what the newest checks found, by migration ID.
func (c *Catalog) LastChecks(ctx context.Context) (map[string]Checks, error) {
	type row struct {
		id string
		Checks
	}
	rows, err := read(ctx, c.db, "checks", func(r *sql.Rows) (x row, err error) {
		var b []byte
		err = r.Scan(&x.id, &b, stamp{&x.At})
		x.Findings = b
		return x, err
	}, `SELECT migration_id, findings, `+micros("checked_at")+` FROM sluice_meta.migration_checks`)
	if err != nil {
		return nil, err
	}
	m := make(map[string]Checks, len(rows))
	for _, r := range rows {
		m[r.id] = r.Checks
	}
	return m, nil
}
