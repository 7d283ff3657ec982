package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
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

// WriteChecks keeps what a check of a migration (by ID) found, in place of what
// the one before it did.
func (c *Catalog) WriteChecks(ctx context.Context, migrationID string, findings json.RawMessage) error {
	_, err := c.db.ExecContext(ctx, `REPLACE INTO sluice_meta.migration_checks VALUES (?, ?, UTC_TIMESTAMP(6))`,
		migrationID, string(findings))
	if err != nil {
		return fmt.Errorf("record checks: %w", err)
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
