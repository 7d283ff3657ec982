package gateway

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"sluice/itest/lab/servers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// logs is a log that a test can read while it is written.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// count returns how many lines hold the text.
func (l *logs) count(text string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// testNode is a node of a test.
type testNode struct {
	*Node
	logs *logs
	stop context.CancelFunc
	done chan struct{}
	err  error // how Run ended; after done
}

// testConfig is a node's configuration on free ports.
func testConfig(t testing.TB, store *servers.Server, name string) Config {
	t.Helper()
	return statedConfig(t, map[string][]string{"name": {name}, "store": {store.DSN("")}, "data-dir": {filepath.Join(t.TempDir(), "data")}})
}

func statedConfig(t testing.TB, stated map[string][]string) Config {
	t.Helper()
	for _, o := range []string{"admin-addr", "gossip-addr", "http-addr"} {
		if stated[o] == nil {
			stated[o] = []string{"127.0.0.1:0"}
		}
	}
	cfg, err := Load("", stated)
	if err != nil {
		t.Fatalf("configuration: %v", err)
	}
	return cfg
}

// start opens and runs a node until the test ends.
func start(t testing.TB, cfg Config) *testNode {
	t.Helper()
	n := &testNode{logs: &logs{}, done: make(chan struct{})}
	cfg.Log = slog.New(slog.NewTextHandler(n.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	node, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open node %s: %v\n%s", cfg.Name, err, n.logs)
	}
	n.Node = node
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	n.stop = stop
	go func() {
		defer close(n.done)
		n.err = node.Run(ctx)
	}()
	t.Cleanup(func() {
		n.end(t)
		if t.Failed() {
			t.Logf("log of node %s:\n%s", cfg.Name, n.logs)
		}
	})
	return n
}

// end stops the node in order, as SIGTERM does, and returns how long it took.
func (n *testNode) end(t testing.TB) time.Duration {
	t.Helper()
	began := time.Now()
	n.stop()
	select {
	case <-n.done:
	case <-time.After(15 * time.Second):
		stacks := make([]byte, 1<<20)
		t.Fatalf("the node did not stop:\n%s\n%s", n.logs, stacks[:runtime.Stack(stacks, true)])
	}
	return time.Since(began)
}

// admin returns a client of the node's admin port.
func (n *testNode) admin(t testing.TB) *client {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr = "root", "tcp", n.AdminAddr()
	cfg.Logger = silent{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return &client{t: t, db: db}
}

// client says statements to an admin port.
type client struct {
	t  testing.TB
	db *sql.DB
}

// ok says a statement and returns the affected rows.
func (c *client) ok(statement string) int64 {
	c.t.Helper()
	res, err := c.db.ExecContext(c.t.Context(), statement)
	if err != nil {
		c.t.Fatalf("%s: %v", statement, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		c.t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// fails says a statement that must be refused with the code, and returns the
// message.
func (c *client) fails(code uint16, statement string) string {
	c.t.Helper()
	rows, err := c.db.QueryContext(c.t.Context(), statement)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		_ = rows.Close()
	}
	var me *mysql.MySQLError
	if !errors.As(err, &me) || me.Number != code {
		c.t.Fatalf("%s: got %v, want error %d", statement, err, code)
	}
	return me.Message
}

// row is one row of a result by column name; NULL is "NULL".
type row map[string]string

// rows says a statement that returns rows.
func (c *client) rows(statement string) []row {
	c.t.Helper()
	list, err := c.query(statement)
	if err != nil {
		c.t.Fatalf("%s: %v", statement, err)
	}
	return list
}

func (c *client) query(statement string) ([]row, error) {
	rows, err := c.db.QueryContext(c.t.Context(), statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var list []row
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		r := row{}
		for i, name := range names {
			r[name] = "NULL"
			if values[i].Valid {
				r[name] = values[i].String
			}
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// one says a statement that must return one row.
func (c *client) one(statement string) row {
	c.t.Helper()
	list := c.rows(statement)
	if len(list) != 1 {
		c.t.Fatalf("%s: %d rows, want one: %v", statement, len(list), list)
	}
	return list[0]
}

// until waits for a condition.
func until(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// get reads one of a node's pages.
func get(t testing.TB, addr, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatalf("get %s: %v", path, err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatalf("get %s: %v", path, err)
	}
	return res.StatusCode, b.String()
}

// write makes a file and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exec runs statements on a server.
func exec(t testing.TB, s *servers.Server, statements ...string) {
	t.Helper()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, stmt := range statements {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
	}
}

// sourceSQL is a CREATE SOURCE for a server.
func sourceSQL(name string, s *servers.Server) string {
	return fmt.Sprintf("CREATE SOURCE %s SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='%s'", name, s.Host, s.Port, s.User)
}

// orderedRows returns a query's rows as text.
func orderedRows(t testing.TB, db *sql.DB, query string) [][]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(names))
		for i, v := range values {
			row[i] = v.String
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
