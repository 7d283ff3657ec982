package sqladmin

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

// double is a Controller with fixed tables that notes what it is told.
type double struct {
	mu       sync.Mutex
	tables   map[string][][]any
	executed []Statement
	texts    []string // Session.SQL of each
	result   *Result
	err      error
	readErr  error
	warn     []Warning
	waiting  chan struct{} // gets a value when a WaitFor begins to wait
	ended    chan error    // gets why it ended
}

var doubleTime = time.Date(2026, 5, 4, 3, 2, 1, 123e6, time.UTC)

func newDouble() *double {
	migration := func(name, status string, pct float64, lag any) []any {
		return []any{name, "DEFAULT", "src_" + name, "REPLICATE", status, "RUNNING", pct, nil, lag, uint64(10), 9, uint64(0), uint64(0),
			uint64(2), "No", "WAIT", "root", doubleTime, doubleTime}
	}
	channel := func(name, migration, source string) []any {
		row := make([]any, len(LookupTable("migration_channels").Columns))
		row[0], row[1], row[2], row[3] = name, migration, source, "10.0.0.5"
		return row
	}
	replica := make([]any, len(LookupTable("replica_status").Columns))
	replica[LookupTable("replica_status").Column("Channel_Name")] = "shop"
	replica[0] = "Waiting for source to send event"
	return &double{
		waiting: make(chan struct{}, 10), ended: make(chan error, 10),
		tables: map[string][][]any{
			"migrations":         {migration("shop", "RUNNING", 12.5, int64(3)), migration("crm", "ERROR", 99, nil), migration("blog", "RUNNING", 50, int64(0))},
			"migration_channels": {channel("shop", "shop", "src_shop"), channel("crm/a", "crm", "src_a"), channel("crm/b", "crm", "src_b")},
			"migration_tables":   {{"shop", "shop", "s", "t1"}, {"crm", "crm/a", "c", "t2"}},
			"migration_ddl":      {{"shop", "1-1-1", nil, nil, nil, nil, nil, nil, nil, nil, "shop"}, {"crm/a", "1-1-2", nil, nil, nil, nil, nil, nil, nil, nil, "crm"}},
			"nodes":              {{"n1", "127.0.0.1:7946", "", "", "alive", "UP", uint64(1), int64(20), uint64(2), "v1", doubleTime, doubleTime}},
			"secrets":            {{"pw", "STORE", "src_shop", doubleTime, nil}},
			"replica_status":     {replica},
			"processlist":        {{uint64(9), "system user", "", nil, "Connect", int64(5), "Waiting for source to send event", nil}},
		},
	}
}

func (d *double) Read(_ context.Context, table string, _ *Session) ([][]any, []Warning, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tables[table], d.warn, d.readErr
}

func (d *double) Execute(ctx context.Context, stmt Statement, s *Session) (*Result, error) {
	d.mu.Lock()
	d.executed = append(d.executed, stmt)
	d.texts = append(d.texts, s.SQL)
	res, err := d.result, d.err
	d.mu.Unlock()
	switch stmt := stmt.(type) {
	case *WaitFor:
		if stmt.Migration != "never" {
			return &Result{Rows: [][]any{{stmt.Migration, stmt.Condition.String(), true, 5, "REPLICATE", "RUNNING", 0, "reached"}}}, nil
		}
		d.waiting <- struct{}{}
		<-ctx.Done()
		d.ended <- context.Cause(ctx)
		return nil, fmt.Errorf("wait: %w", ctx.Err())
	case *Check:
		return &Result{Rows: [][]any{{"S01", "OK", "SOURCE", stmt.Name, "reachable", "", "", "-", doubleTime, stmt.Name}}}, nil
	case *ShowCreate:
		return &Result{Rows: [][]any{{stmt.Name, (&CreateSource{Name: stmt.Name}).SQL()}}}, nil
	case *Kill:
		return nil, Errorf(CodeUnknownThread, "Unknown thread id: %d", stmt.ID)
	}
	return res, err
}

// last returns the statement that was executed last, and its audit text.
func (d *double) last(t *testing.T) (Statement, string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.executed) == 0 {
		t.Fatal("nothing was executed")
	}
	return d.executed[len(d.executed)-1], d.texts[len(d.texts)-1]
}

const testPassword = "open sesame"

// open starts a server on a free loopback port.
func open(t *testing.T, d *double, change ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{Addr: "127.0.0.1:0", Controller: d, Password: testPassword, NodeID: 3, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&cfg)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// dial connects go-sql-driver; params are its DSN's.
func dial(t *testing.T, s *Server, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", "root:"+testPassword+"@tcp("+s.Addr().String()+")/sluice?"+params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
