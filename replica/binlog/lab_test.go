package binlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/schema"
	"sluice/replica/snapshot"
	"sluice/replica/source"
)

// lab is a started server, a source open on it and a writing session.
type lab struct {
	*servers.Server
	src *source.Source
	db  *sql.DB
	// conn is one session: settings made on it last.
	conn *sql.Conn
}

func newLab(t *testing.T, kind servers.Kind, args ...string) *lab {
	t.Helper()
	l := &lab{Server: servers.ForTest(t, kind, args...)}
	l.connect(t)
	l.exec(t, "CREATE DATABASE IF NOT EXISTS d CHARACTER SET utf8mb4")
	l.exec(t, "USE d")
	l.exec(t, "CREATE TABLE mark (id INT AUTO_INCREMENT PRIMARY KEY)")
	return l
}

func (l *lab) connect(t *testing.T) {
	t.Helper()
	var err error
	if l.db, err = l.Open(""); err != nil {
		t.Fatal(err)
	}
	if l.conn, err = l.db.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.src, err = source.Open(t.Context(), source.Config{Name: "s", Host: l.Host, Port: l.Port, User: l.User, Password: l.Password})
	if err != nil {
		t.Fatal(err)
	}
	src, db, conn := l.src, l.db, l.conn
	t.Cleanup(func() {
		_ = conn.Close()
		_ = db.Close()
		_ = src.Close()
	})
}

func (l *lab) mariadb() bool { return l.src.Facts().Flavor == source.FlavorMariaDB }

// fresh opens another writing session.
func (l *lab) fresh(t *testing.T) *sql.Conn {
	t.Helper()
	c, err := l.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Discard(c) })
	runOn(t, c, "USE d")
	return c
}

func runOn(t *testing.T, c *sql.Conn, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := c.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.200s: %v", q, err)
		}
	}
}

func (l *lab) exec(t *testing.T, queries ...string) {
	t.Helper()
	runOn(t, l.conn, queries...)
}

func (l *lab) text(t *testing.T, query string) string {
	t.Helper()
	var s sql.NullString
	if err := l.conn.QueryRowContext(t.Context(), query).Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s.String
}

// here returns the source's position by GTID, or by file when it has none.
func (l *lab) here(t *testing.T) replica.Position {
	t.Helper()
	if !l.mariadb() && l.text(t, "SELECT @@GLOBAL.gtid_mode") != "ON" {
		return l.hereFile(t)
	}
	gtids, err := l.src.ExecutedGTIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mode := replica.ModeGTID
	if l.mariadb() {
		mode = replica.ModeMariaDB
	}
	p, err := replica.GTIDPosition(mode, gtids)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hereFile returns the source's position by file.
func (l *lab) hereFile(t *testing.T) replica.Position {
	t.Helper()
	at, err := l.src.BinlogEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return replica.FilePosition(at)
}

// logged counts the newest binlog file's events whose type begins with kind.
func (l *lab) logged(t *testing.T, kind string) int {
	t.Helper()
	rows, err := l.conn.QueryContext(t.Context(), "SHOW BINLOG EVENTS IN '"+l.hereFile(t).At().File+"'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var file, pos, typ, id, end, info string
		if err := rows.Scan(&file, &pos, &typ, &id, &end, &info); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(typ, kind) {
			n++
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// table reads a definition as the channel does.
func (l *lab) table(t *testing.T, name string) *replica.Table {
	t.Helper()
	create, err := l.src.ShowCreate(t.Context(), "d", name)
	if err != nil {
		t.Fatal(err)
	}
	table, err := schema.ParseCreate("d", create, schema.SourceDefaults(l.Version))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// tables is a Resolver that wants what it has.
type tables struct {
	known      map[string]*replica.Table
	asked      []string
	statements []string
	refuse     error // what Statement returns
}

var errStatement = &replica.Error{Code: 61105, Class: "SOURCE", Message: "a statement"}

func (l *lab) tables(t *testing.T, names ...string) *tables {
	t.Helper()
	x := &tables{known: map[string]*replica.Table{}, refuse: errStatement}
	for _, n := range append(names, "mark") {
		x.known[n] = l.table(t, n)
	}
	return x
}

func (x *tables) Table(m *TableMap) (*replica.Table, error) {
	x.asked = append(x.asked, m.Schema+"."+m.Name)
	if m.Schema != "d" {
		return nil, nil
	}
	return x.known[m.Name], nil
}

func (x *tables) Statement(stmt replica.DDL) error {
	x.statements = append(x.statements, stmt.Text)
	return x.refuse
}

var lastServerID atomic.Uint32

// config is a replica's own, unlike all others.
func (l *lab) config() Config {
	id := 900_000 + lastServerID.Add(1)
	return Config{Addr: l.Addr(), User: l.User, Password: l.Password, MariaDB: l.mariadb(), ServerID: id,
		UUID:       fmt.Sprintf("5151ce00-0000-0000-0000-%012d", id),
		ReportHost: fmt.Sprintf("reader-%d", id), ReportPort: 4000, Heartbeat: 200 * time.Millisecond}
}

func (l *lab) open(t *testing.T, from replica.Position, x Resolver, change ...func(*Config)) *Reader {
	t.Helper()
	cfg := l.config()
	for _, c := range change {
		c(&cfg)
	}
	rd, err := Open(t.Context(), cfg, from, x)
	if err != nil {
		t.Fatalf("open at %s: %v", from, err)
	}
	t.Cleanup(rd.Close)
	return rd
}

// patience bounds every wait of these tests: ten times what a busy machine needs.
const patience = 2 * time.Minute

// mark writes the row that ends a collect.
func (l *lab) mark(t *testing.T) uint64 {
	t.Helper()
	c := l.fresh(t)
	r, err := c.ExecContext(t.Context(), "INSERT INTO mark VALUES ()")
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.LastInsertId()
	if err != nil {
		t.Fatal(err)
	}
	return uint64(id)
}

// collect marks the end and returns the transactions up to it; keepalives and
// marks are left out.
func (l *lab) collect(t *testing.T, rd *Reader) []*replica.Transaction {
	t.Helper()
	txns, err := until(rd, l.mark(t))
	if err != nil {
		t.Fatal(err)
	}
	return txns
}

func until(rd *Reader, id uint64) ([]*replica.Transaction, error) {
	var out []*replica.Transaction
	for end := time.Now().Add(patience); time.Now().Before(end); {
		x, err := rd.Next()
		if err != nil {
			return out, err
		}
		if x.Keepalive {
			continue
		}
		if len(x.Rows) != 1 || x.Rows[0].Table.Name != "mark" {
			out = append(out, x)
		} else if x.Rows[0].After[0].Num == id {
			return out, nil
		}
	}
	return out, errors.New("the mark did not come")
}

// failure reads until an error and returns it as an operator's.
func failure(t *testing.T, rd *Reader) *replica.Error {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_, err := rd.Next()
		if err == nil {
			continue
		}
		var e *replica.Error
		if !errors.As(err, &e) {
			t.Fatalf("not an operator's error: %v", err)
		}
		return e
	}
	t.Fatal("no error came")
	return nil
}

func wantCode(t *testing.T, rd *Reader, code uint16) {
	t.Helper()
	if e := failure(t, rd); e.Code != code {
		t.Fatalf("error %d: %v; want %d", e.Code, e, code)
	}
}

// rowsOf joins the rows of the transactions.
func rowsOf(txns []*replica.Transaction) []replica.RowChange {
	var out []replica.RowChange
	for _, x := range txns {
		out = append(out, x.Rows...)
	}
	return out
}

// ids returns the first column of each row's newest image.
func ids(txns []*replica.Transaction) []uint64 {
	var out []uint64
	for _, r := range rowsOf(txns) {
		image := r.After
		if image == nil {
			image = r.Before
		}
		out = append(out, image[0].Num)
	}
	return out
}

// read returns a table's rows as a snapshot reads them, by the first column.
func (l *lab) read(t *testing.T, table *replica.Table) map[uint64][]replica.Value {
	t.Helper()
	c, err := l.src.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out := map[uint64][]replica.Value{}
	_, _, err = snapshot.Read(t.Context(), c, snapshot.Chunk{Table: table}, func(rows [][]replica.Value) error {
		for _, r := range rows {
			out[r[0].Num] = r
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func show(v replica.Value) string {
	if v.IsNull() {
		return "NULL"
	}
	if v.Bytes != nil {
		return fmt.Sprintf("%d:%.300q", v.Kind, v.Bytes)
	}
	return fmt.Sprintf("%d:%d", v.Kind, v.Num)
}

// eventually waits for a condition at the source.
func eventually(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}
