package catalog

import (
	"database/sql"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"sluice/cluster"
	"sluice/itest/lab/servers"
)

const by = "root@localhost on n1"

var key = []byte("0123456789abcdef0123456789abcdef")

func ownKey(key []byte) []Key { return []Key{{key, KeyOwn}} }

// lab is the one TiDB of this package's tests, started by the first that needs it.
var lab struct {
	once   sync.Once
	server *servers.Server
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if lab.server != nil {
		if err := lab.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// emptyStore returns a connection pool to a store without any table.
func emptyStore(t *testing.T) *sql.DB {
	t.Helper()
	lab.once.Do(func() { lab.server, lab.err = servers.Start(t.Context(), servers.TiDB, servers.Options{}) })
	if lab.err != nil {
		t.Fatalf("start TiDB: %v", lab.err)
	}
	ignore := goleak.IgnoreCurrent()
	db, err := lab.server.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		goleak.VerifyNone(t, ignore)
	})
	must(t, db, "DROP DATABASE IF EXISTS "+cluster.Schema)
	return db
}

func open(t *testing.T) (*Catalog, *sql.DB) {
	t.Helper()
	db := emptyStore(t)
	c, err := Open(t.Context(), db, Config{Node: "n1", Keys: ownKey(key)})
	if err != nil {
		t.Fatal(err)
	}
	return c, db
}

func must(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func count(t *testing.T, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// done checks a change's result.
func done(t *testing.T, changed bool, err error) {
	t.Helper()
	if err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
}

// nothing checks that a change had nothing to do.
func nothing(t *testing.T, changed bool, err error) {
	t.Helper()
	if err != nil || changed {
		t.Fatalf("changed %v, %v; want nothing done", changed, err)
	}
}

// refused checks that an error has the code and a remedy.
func refused(t *testing.T, err error, code uint16) {
	t.Helper()
	if !HasCode(err, code) {
		t.Fatalf("%v, want error %d", err, code)
	}
}

func source(t *testing.T, c *Catalog, names ...string) {
	t.Helper()
	for _, n := range names {
		changed, err := c.CreateSource(t.Context(), Source{Name: n, Host: "127.0.0.1"}, false, by)
		done(t, changed, err)
	}
}
