package migration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// before is a connector whose connections call f before each statement.
type before struct {
	driver.Connector
	f func(sql string)
}

func (b before) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := b.Connector.Connect(ctx)
	return beforeConn{c, b.f}, err
}

type beforeConn struct {
	driver.Conn
	f func(sql string)
}

func (c beforeConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	c.f(q)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, q, args)
}

func (c beforeConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, q, args)
}

// targetBefore is a pool of connections to a server that calls f before each
// statement.
func targetBefore(t *testing.T, server *servers.Server, f func(sql string)) *sql.DB {
	t.Helper()
	mc, err := mysql.ParseDSN(server.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(mc)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(before{Connector: connector, f: f})
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestTablesMadeLate: a CREATE TABLE of an earlier attempt that takes effect
// between this attempt's look and its own CREATE is no error.
func TestTablesMadeLate(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	fillBig(t, sdb, 1)
	mustExec(t, sdb, "CREATE TABLE d.other (id INT PRIMARY KEY, v INT)", "INSERT INTO d.other VALUES (1,1),(2,2)")
	cfg := config(t, src, dst, "m8/s", ruleset.Spec{DoDB: []string{"d"}})
	cfg.Mode = ModeFull
	early := cfg.Target
	var late atomic.Int32
	cfg.Target = targetBefore(t, dst, func(q string) {
		if strings.HasPrefix(q, "CREATE TABLE `d`.") {
			late.Add(1)
			if _, err := early.Exec(q); err != nil {
				t.Errorf("%s: %v", q, err)
			}
		}
	})
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := late.Load(); n < 2 {
		t.Errorf("%d tables were made late", n)
	}
	same(t, sdb, dst)
}

// TestTablesOfOthersMadeLate: a table that somebody else makes meanwhile is not
// dropped, though it cannot hold the rows, now or at the next attempt.
func TestTablesOfOthersMadeLate(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	mustExec(t, sdb, "CREATE DATABASE d", "CREATE TABLE d.other (id INT PRIMARY KEY, v INT)", "INSERT INTO d.other VALUES (1,1),(2,2)")
	cfg := config(t, src, dst, "m10/s", ruleset.Spec{DoDB: []string{"d"}})
	cfg.Mode = ModeFull
	early := cfg.Target
	cfg.Target = targetBefore(t, dst, func(q string) {
		if strings.HasPrefix(q, "CREATE TABLE `d`.") {
			if _, err := early.Exec("CREATE TABLE IF NOT EXISTS d.other (mine INT)"); err != nil {
				t.Error(err)
			}
		}
	})
	for attempt := range 2 {
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = r.Run(t.Context())
		var e *replica.Error
		if !errors.As(err, &e) || e.Code != 61095 {
			t.Errorf("attempt %d: %v", attempt, err)
		}
		cfg.Epoch++
	}
	var name string
	if err := early.QueryRow("SELECT column_name FROM information_schema.columns WHERE table_schema='d' AND table_name='other'").Scan(&name); err != nil || name != "mine" {
		t.Errorf("the table has the column %q: %v", name, err)
	}
}
