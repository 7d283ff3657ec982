package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/grants"
)

// noSuchTable is a name that a lock is tried on: rights are looked at before tables,
// so that the answer says whether the account has them and nothing is locked.
const noSuchTable = "sluice_right_to_lock"

// checkLockRights finds out whether the account may take the locks that a copy
// needs for an instant:
//
//	tables without a key       on MySQL, and on MariaDB once XA was used:
//	                           LOCK TABLES on their schemas
//	a position without GTIDs   RELOAD, or LOCK TABLES on the schemas of all tables
func checkLockRights(ctx context.Context, c *checker) error {
	conn, err := c.src.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer Discard(conn)
	may := map[string]bool{} // LOCK TABLES, by schema
	try := func(schema string) (bool, error) {
		ok, known := may[schema]
		if known {
			return ok, nil
		}
		ok, err := mayLock(ctx, conn, schema)
		may[schema] = ok
		return ok, err
	}
	if c.facts.Flavor == FlavorMySQL && !c.facts.GTIDMode {
		if err := c.checkPositionLock(ctx, conn, try); err != nil {
			return err
		}
	}
	locks := c.facts.Flavor == FlavorMySQL
	if !locks && len(c.keyless) > 0 {
		if locks, err = UsesXA(ctx, c.src.db); err != nil {
			return err
		}
	}
	for _, t := range c.keyless {
		if !locks {
			break
		}
		ok, err := try(t.Schema)
		if err != nil {
			return err
		}
		if !ok {
			c.addFor(t, t.object(), "right_lock_tables", Error,
				"the table has no key, so that a copy needs a lock on it for an instant, and the account may not take it",
				"grant LOCK TABLES on the schema, or give the table a primary key", c.grantLock(ctx, t.Schema))
			c.findings[len(c.findings)-1].copies = true
		}
	}
	c.fine("right_lock_tables", "the account may take the locks that a copy needs")
	return nil
}

// checkPositionLock looks at the lock that a start position without GTIDs needs.
func (c *checker) checkPositionLock(ctx context.Context, conn *sql.Conn, try func(string) (bool, error)) error {
	ok, err := mayFlush(ctx, conn)
	if err != nil || ok {
		return err
	}
	account := c.account(ctx)
	finding := "without GTIDs a copy needs a lock for an instant to know its position, and the account may not take it"
	add := func(t TableInfo, object, remedy, grant string) {
		c.addFor(t, object, "right_reload", Error, finding, remedy, grant)
		c.findings[len(c.findings)-1].copies = true
	}
	if len(c.tables) == 0 {
		add(TableInfo{}, c.src.cfg.Name, "grant RELOAD (or, where tables exist, LOCK TABLES on their schemas), or turn GTIDs on", "GRANT RELOAD ON *.* TO "+account)
		return nil
	}
	seen := map[string]bool{}
	for _, t := range c.tables {
		if seen[t.Schema] {
			continue
		}
		seen[t.Schema] = true
		ok, err := try(t.Schema)
		if err != nil {
			return err
		}
		if !ok {
			add(TableInfo{Schema: t.Schema}, t.Schema, "grant RELOAD, or LOCK TABLES on the schema, or turn GTIDs on", "GRANT RELOAD ON *.* TO "+account)
		}
	}
	return nil
}

// grantLock returns the statement that grants LOCK TABLES on the schema.
func (c *checker) grantLock(ctx context.Context, schema string) string {
	return "GRANT LOCK TABLES ON " + grants.Pattern(schema) + ".* TO " + c.account(ctx)
}

// mayLock reports whether the account may take LOCK TABLES .. READ in the schema.
func mayLock(ctx context.Context, conn *sql.Conn, schema string) (bool, error) {
	_, err := conn.ExecContext(ctx, "LOCK TABLES "+replica.QuoteTable(schema, noSuchTable)+" READ")
	var e *mysql.MySQLError
	switch {
	case err == nil: // somebody has such a table
		_, err = conn.ExecContext(ctx, "UNLOCK TABLES")
		return true, err
	case isNoTable(err):
		return true, nil
	case errors.As(err, &e) && e.Number == 1142:
		return true, nil // SELECT on single tables, which checkTableRights looks at
	case isDenied(err):
		return false, nil
	}
	return false, fmt.Errorf("try the right to lock tables of %s: %w", schema, err)
}

// mayFlush reports whether the account may take FLUSH TABLES WITH READ LOCK.
func mayFlush(ctx context.Context, conn *sql.Conn) (bool, error) {
	_, err := conn.ExecContext(ctx, "FLUSH LOCAL TABLES "+replica.QuoteTable("mysql", noSuchTable))
	if err == nil || isNoTable(err) {
		return true, nil
	}
	if isDenied(err) {
		return false, nil
	}
	return false, fmt.Errorf("try the right to flush tables: %w", err)
}

// UsesXA reports whether an XA transaction was prepared since the server started.
func UsesXA(ctx context.Context, db *sql.DB) (bool, error) {
	var name string
	var count uint64
	err := db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Com_xa_prepare'").Scan(&name, &count)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return count > 0, err
}
