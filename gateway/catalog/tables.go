package catalog

// storeVersion is the version of the store's tables that this binary knows: 2
// has channel_tables, 3 has channel_runs. What is raised with it has to be in prepare, which makes
// missing tables; nodes of an older release that run go on, and do not start again.
const storeVersion = 3

const createVersion = `CREATE TABLE IF NOT EXISTS sluice_meta.schema_version (
  component  VARCHAR(64)  NOT NULL,
  version    INT UNSIGNED NOT NULL,
  updated_at DATETIME(6)  NOT NULL,
  PRIMARY KEY (component) CLUSTERED)`

// settings holds single values of the store: the check of the secrets' key.
const createSettings = `CREATE TABLE IF NOT EXISTS sluice_meta.settings (
  name  VARCHAR(64)  NOT NULL,
  value VARCHAR(255) NOT NULL,
  PRIMARY KEY (name) CLUSTERED)`

// definitionTable is the shape of every table of named definitions.
func definitionTable(table, columns, keys string) string {
	return `CREATE TABLE IF NOT EXISTS sluice_meta.` + table + ` (` + columns + `
  name       VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  spec       MEDIUMTEXT      NOT NULL,           -- JSON
  version    BIGINT UNSIGNED NOT NULL,           -- +1 at each change: compare-and-set
  created_by VARCHAR(255)    NOT NULL,
  updated_by VARCHAR(255)    NOT NULL,
  created_at DATETIME(6)     NOT NULL,
  updated_at DATETIME(6)     NOT NULL,
  ` + keys + `)`
}

const createOperations = `CREATE TABLE IF NOT EXISTS sluice_meta.operations (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  statement   MEDIUMTEXT      NOT NULL,          -- redacted
  user        VARCHAR(255)    NOT NULL,
  host        VARCHAR(255)    NOT NULL,
  node        VARCHAR(64)     NOT NULL,
  state       VARCHAR(16)     NOT NULL,
  started_at  DATETIME(6)     NOT NULL,
  finished_at DATETIME(6)     NULL,
  affected    BIGINT UNSIGNED NOT NULL DEFAULT 0,
  errno       INT UNSIGNED    NOT NULL DEFAULT 0,
  message     TEXT            NULL,
  PRIMARY KEY (id) CLUSTERED,
  KEY started_at (started_at))`

const createEvents = `CREATE TABLE IF NOT EXISTS sluice_meta.events (
  id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  at           DATETIME(6)     NOT NULL,
  migration_id VARCHAR(64)     NOT NULL DEFAULT '',
  migration    VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  channel      VARCHAR(200)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  node         VARCHAR(64)     NOT NULL DEFAULT '',
  user         VARCHAR(255)    NOT NULL DEFAULT '',
  kind         VARCHAR(32)     NOT NULL,
  message      TEXT            NOT NULL,
  PRIMARY KEY (id) CLUSTERED,
  KEY at (at),
  KEY migration_id (migration_id, at))`

// In errors, open_key is NULL once an error is resolved: the next one like it
// is a new row.
const createErrors = `CREATE TABLE IF NOT EXISTS sluice_meta.errors (
  id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  open_key     VARCHAR(64)     NULL,
  first_at     DATETIME(6)     NOT NULL,
  at           DATETIME(6)     NOT NULL,         -- of the newest
  migration_id VARCHAR(64)     NOT NULL DEFAULT '',
  migration    VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  channel      VARCHAR(200)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  table_name   VARCHAR(200)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  node         VARCHAR(64)     NOT NULL DEFAULT '',
  errno        INT UNSIGNED    NOT NULL,
  state        VARCHAR(5)      NOT NULL DEFAULT 'HY000',
  class        VARCHAR(16)     NOT NULL DEFAULT '',
  transient    TINYINT         NOT NULL DEFAULT 0,
  count        BIGINT UNSIGNED NOT NULL DEFAULT 1,
  message      TEXT            NOT NULL,
  remedy       TEXT            NOT NULL,
  position     TEXT            NOT NULL,
  resolved_at  DATETIME(6)     NULL,
  PRIMARY KEY (id) CLUSTERED,
  UNIQUE KEY open_key (open_key),
  KEY migration_id (migration_id, channel),
  KEY at (at))`

const createChannelStatus = `CREATE TABLE IF NOT EXISTS sluice_meta.channel_status (
  channel    VARBINARY(200)  NOT NULL,
  node       VARCHAR(64)     NOT NULL,
  epoch      BIGINT UNSIGNED NOT NULL,           -- a row of a lower epoch never replaces one of a higher
  status     MEDIUMTEXT      NOT NULL,           -- JSON
  updated_at DATETIME(6)     NOT NULL,
  PRIMARY KEY (channel) CLUSTERED)`

// channel_tables has what is said of the tables of a channel with many: a status
// row with thousands would soon be larger than TiDB takes.
const createChannelTables = `CREATE TABLE IF NOT EXISTS sluice_meta.channel_tables (
  channel VARBINARY(200)  NOT NULL,
  page    INT UNSIGNED    NOT NULL,
  epoch   BIGINT UNSIGNED NOT NULL,              -- as in channel_status
  tables  MEDIUMTEXT      NOT NULL,              -- JSON
  PRIMARY KEY (channel, page) CLUSTERED)`

// tables lists the statements that create the catalog's own tables.
func tables() []string {
	return []string{
		createSettings,
		definitionTable("secrets", "", "PRIMARY KEY (name) CLUSTERED"),
		definitionTable("sources", "", "PRIMARY KEY (name) CLUSTERED"),
		definitionTable("targets", "", "PRIMARY KEY (name) CLUSTERED"),
		definitionTable("migrations", `
  id         VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  desired    VARCHAR(16)     NOT NULL DEFAULT 'STOPPED',`, "PRIMARY KEY (id) CLUSTERED, UNIQUE KEY name (name)"),
		createOperations, createEvents, createErrors, createChannelStatus, createChannelTables,
		createChannelUntil, createChecks, createNodeIDs,
	}
}
