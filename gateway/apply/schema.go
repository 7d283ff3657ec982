package apply

import (
	"context"
	"database/sql"
	"fmt"

	"sluice/replica"
)

// MetaSchema is the schema that holds Sluice's own tables in a target.
const MetaSchema = "sluice_meta"

// metaVersion is the version of the target's tables that this binary writes.
const metaVersion = 1

// metaTables make the target's state. lanes is DESIGN.md 6; the other tables'
// writers are named beside them.
var metaTables = []string{
	`CREATE DATABASE IF NOT EXISTS ` + MetaSchema + ` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.target_version (
  id TINYINT NOT NULL PRIMARY KEY, version INT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.lanes (
  channel VARBINARY(200) NOT NULL, lane SMALLINT UNSIGNED NOT NULL, epoch BIGINT UNSIGNED NOT NULL,
  seq BIGINT UNSIGNED NOT NULL, base MEDIUMBLOB NOT NULL, extra MEDIUMBLOB NOT NULL,
  PRIMARY KEY (channel, lane) /*T![clustered_index] CLUSTERED */)`,
	// Copied tables: Copier.
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.tables (
  channel VARBINARY(200) NOT NULL, schema_name VARBINARY(256) NOT NULL, table_name VARBINARY(256) NOT NULL,
  state VARCHAR(16) NOT NULL, start_position MEDIUMBLOB NOT NULL, high_file VARBINARY(512) NOT NULL DEFAULT '',
  high_pos BIGINT UNSIGNED NOT NULL DEFAULT 0, rows_estimated BIGINT UNSIGNED NOT NULL DEFAULT 0,
  bytes_estimated BIGINT UNSIGNED NOT NULL DEFAULT 0, definition MEDIUMBLOB NOT NULL, note VARBINARY(2000) NOT NULL DEFAULT '',
  PRIMARY KEY (channel, schema_name, table_name) /*T![clustered_index] CLUSTERED */)`,
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.chunks (
  channel VARBINARY(200) NOT NULL, schema_name VARBINARY(256) NOT NULL, table_name VARBINARY(256) NOT NULL,
  chunk INT UNSIGNED NOT NULL, lo MEDIUMBLOB NOT NULL, hi MEDIUMBLOB NOT NULL, row_count BIGINT UNSIGNED NOT NULL, byte_count BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (channel, schema_name, table_name, chunk) /*T![clustered_index] CLUSTERED */)`,
	// DDL intents and outcomes: ddl.go.
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.ddl_log (
  channel VARBINARY(200) NOT NULL, txn VARBINARY(200) NOT NULL, idx SMALLINT UNSIGNED NOT NULL,
  tag CHAR(26) NOT NULL, state VARCHAR(16) NOT NULL, source_table VARBINARY(600) NOT NULL, source_sql MEDIUMBLOB NOT NULL, target_sql MEDIUMBLOB NOT NULL,
  fingerprint CHAR(64) NOT NULL, connection BIGINT UNSIGNED NOT NULL, job_id BIGINT NULL,
  started_at DATETIME(6) NOT NULL, finished_at DATETIME(6) NULL, note VARBINARY(2000) NOT NULL DEFAULT '',
  PRIMARY KEY (channel, txn, idx) /*T![clustered_index] CLUSTERED */)`,
	// Which channel writes a target table: no two may.
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.target_tables (
  target_schema VARBINARY(256) NOT NULL, target_table VARBINARY(256) NOT NULL, channel VARBINARY(200) NOT NULL,
  PRIMARY KEY (target_schema, target_table) /*T![clustered_index] CLUSTERED */, KEY (channel))`,
	// The definition of each source table as of the channel's position.
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.schema_history (
  channel VARBINARY(200) NOT NULL, schema_name VARBINARY(256) NOT NULL, table_name VARBINARY(256) NOT NULL,
  position MEDIUMBLOB NOT NULL, definition MEDIUMBLOB NOT NULL,
  target_schema VARBINARY(256) NOT NULL, target_table VARBINARY(256) NOT NULL,
  PRIMARY KEY (channel, schema_name, table_name) /*T![clustered_index] CLUSTERED */)`,
	// Ids that the target did not see: autoid.go.
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.auto_ids (
  channel VARBINARY(200) NOT NULL, lane SMALLINT UNSIGNED NOT NULL, target_schema VARBINARY(256) NOT NULL, target_table VARBINARY(256) NOT NULL,
  highest BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (channel, lane, target_schema, target_table) /*T![clustered_index] CLUSTERED */)`,
	// Rows that were not what they must be: diverged.go.
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.divergences (
  channel VARBINARY(200) NOT NULL, lane SMALLINT UNSIGNED NOT NULL, target_table VARBINARY(520) NOT NULL, kind VARCHAR(16) NOT NULL,
  times BIGINT UNSIGNED NOT NULL, first_at DATETIME(6) NOT NULL, last_at DATETIME(6) NOT NULL,
  PRIMARY KEY (channel, lane, target_table, kind) /*T![clustered_index] CLUSTERED */)`,
	// What is known of the source's history, as JSON: identity.Past.
	`CREATE TABLE IF NOT EXISTS ` + MetaSchema + `.source_past (
  channel VARBINARY(200) NOT NULL PRIMARY KEY /*T![clustered_index] CLUSTERED */, past MEDIUMBLOB NOT NULL)`,
}

// EnsureMeta makes the target's state tables where they are missing. It is safe
// on several nodes at once. A newer version than this binary knows is refused.
func EnsureMeta(ctx context.Context, db *sql.DB) error {
	for _, stmt := range append(metaTables[:len(metaTables):len(metaTables)], enumZeroTable...) {
		if _, err := db.ExecContext(ctx, stmt); err != nil {
			return targetError(err, "make Sluice's tables in the target")
		}
	}
	if _, err := db.ExecContext(ctx, `INSERT IGNORE INTO `+MetaSchema+`.target_version VALUES (1, ?)`, metaVersion); err != nil {
		return targetError(err, "record the version of Sluice's tables in the target")
	}
	var v int
	if err := db.QueryRowContext(ctx, `SELECT version FROM `+MetaSchema+`.target_version WHERE id=1`).Scan(&v); err != nil {
		return targetError(err, "read the version of Sluice's tables in the target")
	}
	if v > metaVersion {
		return &replica.Error{Code: 61081, Class: "CONFIG",
			Message: fmt.Sprintf("the target's Sluice tables have version %d, and this binary knows %d", v, metaVersion),
			Remedy:  "upgrade this node"}
	}
	return nil
}
