package cluster

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Schema is the schema of the store that holds every table.
const Schema = "sluice_meta"

// The states that an operator wants a channel in.
const (
	DesiredRunning = "RUNNING"
	DesiredStopped = "STOPPED"
)

// A node's status: whether it takes channels.
const (
	StatusUp       = "UP"       // takes channels
	StatusDraining = "DRAINING" // takes none and hands its channels over
	StatusDrained  = "DRAINED"  // takes none and has none
)

const createNodes = `CREATE TABLE IF NOT EXISTS sluice_meta.nodes (
  node        VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  incarnation BIGINT UNSIGNED NOT NULL,             -- +1 at each start of the node
  gossip_addr VARCHAR(255)    NOT NULL DEFAULT '',
  admin_addr  VARCHAR(255)    NOT NULL DEFAULT '',
  http_addr   VARCHAR(255)    NOT NULL DEFAULT '',
  version     VARCHAR(64)     NOT NULL DEFAULT '',
  status      VARCHAR(16)     NOT NULL DEFAULT 'UP',
  weight      INT UNSIGNED    NOT NULL DEFAULT 1,   -- share of channels, relative to other nodes
  channels    INT UNSIGNED    NOT NULL DEFAULT 0,   -- held, as the node last said
  stats       MEDIUMTEXT      NULL,                 -- JSON, see Stats
  key_check   VARCHAR(64)     NOT NULL DEFAULT '',  -- tells two cluster keys apart, says nothing about them
  started_at  DATETIME(6)     NOT NULL,
  heartbeat   DATETIME(6)     NOT NULL,             -- UTC, the store's clock
  left_at     DATETIME(6)     NULL,                 -- set when this incarnation ended in order
  PRIMARY KEY (node) CLUSTERED)`

const createChannels = `CREATE TABLE IF NOT EXISTS sluice_meta.channels (
  channel           VARBINARY(200)  NOT NULL,       -- <migration id>/<source>
  name              VARCHAR(200)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '', -- for people
  migration_id      VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  migration         VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  source            VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  owner             VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '', -- '' = released
  owner_incarnation BIGINT UNSIGNED NOT NULL DEFAULT 0,
  epoch             BIGINT UNSIGNED NOT NULL DEFAULT 0,
  desired           VARCHAR(16)     NOT NULL DEFAULT 'STOPPED',
  phase             VARCHAR(16)     NOT NULL DEFAULT 'NEW',
  status            VARCHAR(16)     NOT NULL DEFAULT 'STOPPED',
  pinned            VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '', -- node preferred by the next claim
  not_before        DATETIME(6)     NULL,           -- nobody claims before
  claimed_at        DATETIME(6)     NULL,
  created_at        DATETIME(6)     NOT NULL,
  PRIMARY KEY (channel) CLUSTERED,
  KEY owner (owner, desired),
  KEY migration_id (migration_id),
  KEY source (source))`

// Tables returns the statements that create this package's tables; each may be
// run again and on several nodes at once. The schema must exist.
func Tables() []string { return []string{createNodes, createChannels, createRuns} }

// CreateTables creates the schema and this package's tables where they do not
// exist. The catalog does it for a whole node; tests of this package call it.
func CreateTables(ctx context.Context, db *sql.DB) error {
	stmts := append([]string{"CREATE DATABASE IF NOT EXISTS " + Schema}, Tables()...)
	for _, s := range stmts {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("create cluster tables: %w", err)
		}
	}
	return nil
}

// micros is an SQL expression for a DATETIME column as microseconds since 1970,
// 0 for NULL: it reads the same whatever the connection's time settings.
func micros(column string) string {
	return "COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', " + column + "), 0)"
}

// age is an SQL expression for the microseconds since a DATETIME column, by the
// store's clock.
func age(column string) string {
	return "COALESCE(TIMESTAMPDIFF(MICROSECOND, " + column + ", UTC_TIMESTAMP(6)), 0)"
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
