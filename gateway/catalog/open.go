package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"sluice/cluster"
)

// Catalog is the store's definitions. Its methods may be called from any
// goroutine; each reads or writes the store and nothing is cached.
type Catalog struct {
	db               *sql.DB
	node             string
	keys             keyring // none: literals are refused
	acceptUnreadable bool
	scanned          atomic.Bool // Reseal has looked at every value since Open
	secretsDir       string
	log              *slog.Logger
}

// Config is what a Catalog needs of its node.
type Config struct {
	// Node is the node's name.
	Node string
	// Keys, from outside the store, encrypt and decrypt secrets, those to encrypt
	// with first. Without any, secrets that would have to be stored are refused.
	Keys []Key
	// AcceptUnreadable opens a store although some of its secrets cannot be
	// decrypted.
	AcceptUnreadable bool
	// SecretsDir is the absolute folder of secrets FROM FILE; "" means that there
	// are none.
	SecretsDir string
	Logger     *slog.Logger // nil discards
}

// Open creates the store's schema and tables where they are missing, which any
// number of nodes may do at once, and checks their version and the keys. db stays
// open and belongs to the caller. A store of a newer version is CodeNewerStore, one whose secrets were
// encrypted with another key CodeWrongKey.
func Open(ctx context.Context, db *sql.DB, cfg Config) (*Catalog, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	keys, err := newKeyring(cfg.Keys)
	if err != nil {
		return nil, err
	}
	c := &Catalog{db: db, node: cfg.Node, keys: keys, acceptUnreadable: cfg.AcceptUnreadable, secretsDir: cfg.SecretsDir, log: cfg.Logger}
	if err := c.prepare(ctx); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return c, nil
}

// isTiDB returns true if a server says that it is TiDB, or has TiDB's own function:
// server-version and version-comment are settings of TiDB's.
func (c *Catalog) isTiDB(ctx context.Context, says string) (bool, error) {
	if strings.Contains(says, "TiDB") {
		return true, nil
	}
	var me *mysql.MySQLError
	err := c.db.QueryRowContext(ctx, "SELECT TIDB_VERSION()").Scan(&says)
	if errors.As(err, &me) {
		return false, nil
	}
	return err == nil, err
}

// prepare creates what is missing. The version is checked before any other
// table is touched.
func (c *Catalog) prepare(ctx context.Context) error {
	var version, comment string
	if err := c.db.QueryRowContext(ctx, "SELECT VERSION(), @@version_comment").Scan(&version, &comment); err != nil {
		return err
	}
	is, err := c.isTiDB(ctx, version+comment)
	if err != nil {
		return err
	}
	if !is {
		return &Error{Code: CodeNotTiDB, State: "HY000", Message: "the store is no TiDB: it says that it is " + version,
			Remedy: "name a TiDB with --store; sources are stated later, with CREATE SOURCE"}
	}
	if err := c.execAll(ctx, "CREATE DATABASE IF NOT EXISTS "+cluster.Schema, createVersion); err != nil {
		return err
	}
	has, err := c.version(ctx)
	if err != nil {
		return err
	}
	if has > storeVersion {
		return fail(CodeNewerStore, "start a node of the newer release",
			"the store's tables are of version %d, this release knows up to %d", has, storeVersion)
	}
	if has < storeVersion {
		if err := c.execAll(ctx, append(cluster.Tables(), tables()...)...); err != nil {
			return err
		}
		// GREATEST: a newer node may have upgraded the store meanwhile.
		_, err := c.db.ExecContext(ctx, `INSERT INTO sluice_meta.schema_version VALUES ('store', ?, UTC_TIMESTAMP(6))
  ON DUPLICATE KEY UPDATE version = GREATEST(version, VALUES(version)), updated_at = UTC_TIMESTAMP(6)`, storeVersion)
		if err != nil {
			return fmt.Errorf("write schema version: %w", err)
		}
	}
	return c.prepareKeys(ctx)
}

func (c *Catalog) execAll(ctx context.Context, stmts ...string) error {
	for _, s := range stmts {
		if err := retry(ctx, func() error { _, err := c.db.ExecContext(ctx, s); return err }); err != nil {
			return fmt.Errorf("create tables: %w", err)
		}
	}
	return nil
}

// version returns the version of the store's tables, 0 when there are none.
func (c *Catalog) version(ctx context.Context) (v int, err error) {
	err = c.db.QueryRowContext(ctx, `SELECT version FROM sluice_meta.schema_version WHERE component = 'store'`).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return v, nil
}
