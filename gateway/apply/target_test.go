package apply

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply/wire"
	"sluice/itest/lab/servers"
	"sluice/replica"
)

// testTarget is a real server with Sluice's tables and a schema a.
type testTarget struct {
	t      *testing.T
	db     *sql.DB
	server *servers.Server
	epoch  uint64
}

func newTarget(t *testing.T, kind servers.Kind) *testTarget {
	s := servers.ForTest(t, kind)
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := EnsureMeta(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	tt := &testTarget{t: t, db: db, server: s}
	tt.exec("CREATE DATABASE a")
	return tt
}

func (tt *testTarget) exec(q string) {
	tt.t.Helper()
	if _, err := tt.db.ExecContext(tt.t.Context(), q); err != nil {
		tt.t.Fatalf("%s: %v", q, err)
	}
}

// one returns the first column of the first row.
func (tt *testTarget) one(q string) string {
	tt.t.Helper()
	var v sql.NullString
	if err := tt.db.QueryRowContext(tt.t.Context(), q).Scan(&v); err != nil {
		tt.t.Fatalf("%s: %v", q, err)
	}
	if !v.Valid {
		return "NULL"
	}
	return v.String
}

// connector connects to addr as Config.Connector must.
func (tt *testTarget) connector(addr string) Connector {
	tt.t.Helper()
	cfg, err := mysql.ParseDSN(tt.server.DSN(""))
	if err != nil {
		tt.t.Fatal(err)
	}
	cfg.Net, cfg.Addr = "tcp", addr
	c, err := NewConnector(cfg, nil)
	if err != nil {
		tt.t.Fatal(err)
	}
	return c
}

func (tt *testTarget) config(addr string) Config {
	return Config{Connector: tt.connector(addr), Lanes: 2, Log: slog.New(slog.DiscardHandler)}
}

// claim claims channel ch with the next epoch.
func (tt *testTarget) claim() *Claimed {
	tt.t.Helper()
	tt.epoch++
	c, err := Claim(tt.t.Context(), tt.db, "ch", tt.epoch, 2)
	if err != nil {
		tt.t.Fatal(err)
	}
	return c
}

// slot returns lane 1 of a claimed channel, connected through addr.
func (tt *testTarget) slot(c *Claimed, addr string) *slot {
	s := (&Applier{cfg: tt.config(addr)}).slot(c, 1)
	tt.t.Cleanup(s.drop)
	return s
}

func insertInto(table string, n int) []statement {
	return []statement{{sql: []byte("INSERT INTO " + table + " VALUES (" + strconv.Itoa(n) + ")"), want: 1, binding: &Binding{Schema: "a", Name: table}, op: replica.Insert}}
}

func startPosition(t *testing.T) replica.Position {
	p, err := replica.GTIDPosition(replica.ModeGTID, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestClaimRace: of two owners that claim at once the newer one has the channel,
// whatever comes first, and the older one learns it at the latest when it writes.
func TestClaimRace(t *testing.T) {
	for _, kind := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			tt := newTarget(t, kind)
			tt.exec("CREATE TABLE a.k (n INT)")
			for round := range 15 {
				older, newer := tt.epoch+1, tt.epoch+2
				tt.epoch += 2
				type result struct {
					c   *Claimed
					err error
				}
				got := make(chan result, 1)
				go func() {
					c, err := Claim(t.Context(), tt.db, "ch", older, 2+round%3)
					got <- result{c, err}
				}()
				c, err := Claim(t.Context(), tt.db, "ch", newer, 2)
				if err != nil {
					t.Fatal(err)
				}
				old := <-got
				if old.err != nil && !errors.Is(old.err, ErrFenced) {
					t.Fatal(old.err)
				}
				if old.c != nil {
					if err := tt.slot(old.c, tt.server.Addr()).commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", -1)); !errors.Is(err, ErrFenced) {
						t.Fatalf("the older owner's commit: %v", err)
					}
				}
				if err := tt.slot(c, tt.server.Addr()).commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", round)); err != nil {
					t.Fatalf("the newer owner's commit: %v", err)
				}
				if _, err := Claim(t.Context(), tt.db, "ch", older, 2); !errors.Is(err, ErrFenced) {
					t.Fatalf("an old epoch claims: %v", err)
				}
			}
			if got := tt.one("SELECT CONCAT(COUNT(*),' ',MIN(n)) FROM a.k"); got != "15 0" {
				t.Error(got)
			}
		})
	}
}

// TestCommitAnswerLost: the COMMIT is done and its answer is lost. The rows are
// there once and the lane goes on, for keyed and keyless tables, on a server
// that shows duplicates at COMMIT and on one that shows them at once.
func TestCommitAnswerLost(t *testing.T) {
	for _, kind := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			tt := newTarget(t, kind)
			tt.exec("CREATE TABLE a.k (n INT)")
			tt.exec("CREATE TABLE a.p (n INT PRIMARY KEY)")
			p := newProxy(t, tt.server.Addr())
			s := tt.slot(tt.claim(), p.addr)
			for i := range 3 {
				p.rule(once("COMMIT", dropAnswer))
				if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, append(insertInto("a.k", i), insertInto("a.p", i)...)); err != nil {
					t.Fatal(err)
				}
			}
			if got := tt.one("SELECT CONCAT((SELECT COUNT(*) FROM a.k),' ',(SELECT COUNT(*) FROM a.p))"); got != "3 3" {
				t.Error(got)
			}
		})
	}
}

// TestCommitHeldBack: the COMMIT is on its way when the connection breaks; it
// arrives after the same transaction was tried again. It is done once.
func TestCommitHeldBack(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.k (n INT)")
	p := newProxy(t, tt.server.Addr())
	s := tt.slot(tt.claim(), p.addr)
	p.rule(once("COMMIT", holdBack))
	if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", 1)); err != nil {
		t.Fatal(err)
	}
	close(p.release)
	<-p.sent
	if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", 2)); err != nil {
		t.Fatal(err)
	}
	if got := tt.one("SELECT GROUP_CONCAT(n ORDER BY n) FROM a.k"); got != "1,2" {
		t.Error(got)
	}
}

// TestZombieCommit: an owner's COMMIT is held back while another one claims.
// Nothing of it is done, and the old owner is told.
func TestZombieCommit(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.k (n INT)")
	p := newProxy(t, tt.server.Addr())
	s := tt.slot(tt.claim(), p.addr)
	p.rule(once("COMMIT", holdBack))
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- s.commit(ctx, "", replica.NewTxnSet(), nil, insertInto("a.k", 1)) }()
	<-p.held
	cancel()
	if err := <-first; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.drop()
	done := tt.one("SELECT COUNT(*) FROM a.k") // the second try may have been faster than the cancel
	c := tt.claim()
	close(p.release)
	<-p.sent
	if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", 2)); !errors.Is(err, ErrFenced) {
		t.Fatal(err)
	}
	if err := tt.slot(c, tt.server.Addr()).commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", 3)); err != nil {
		t.Fatal(err)
	}
	if got, want := tt.one("SELECT GROUP_CONCAT(n ORDER BY n) FROM a.k"), map[string]string{"0": "3", "1": "1,3"}[done]; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}

// TestFencedBeforeRefused: an owner that lost the channel hears that, and not
// what its statements meet in a target that has moved on.
func TestFencedBeforeRefused(t *testing.T) {
	for _, kind := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			tt := newTarget(t, kind)
			tt.exec("CREATE TABLE a.p (n INT PRIMARY KEY)")
			tt.exec("INSERT INTO a.p VALUES (1)")
			s := tt.slot(tt.claim(), tt.server.Addr())
			tt.claim()
			if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.p", 1)); !errors.Is(err, ErrFenced) {
				t.Errorf("a duplicate: %v", err)
			}
			if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.gone", 1)); !errors.Is(err, ErrFenced) {
				t.Errorf("a missing table: %v", err)
			}
		})
	}
}

// TestFencedBeforePrepared: an owner that was overtaken learns that, and not
// that the target has no such table any more, from rows that want a prepared
// statement.
func TestFencedBeforePrepared(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.w (x INT, y INT)")
	b, err := Bind(&replica.Table{Schema: "a", Name: "w", Columns: simColumns("x", "y")}, "a", "w", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	s := tt.slot(tt.claim(), tt.server.Addr())
	s.forms.rows = 1
	insert := func() []statement {
		return appendInserts(nil, &s.forms, b, "INSERT INTO ", [][]replica.Value{{simInt64(1), simInt64(2)}}, 1)
	}
	for range formAfter {
		if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, insert()); err != nil {
			t.Fatal(err)
		}
	}
	tt.claim()
	tt.exec("DROP TABLE a.w")
	stmts := insert()
	if stmts[0].form == nil {
		t.Fatal("no form is used")
	}
	if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, stmts); !errors.Is(err, ErrFenced) {
		t.Errorf("the table is gone: %v", err)
	}
	if s.forms.off {
		t.Error("forms are given up")
	}
}

// TestIdleLaneRests: what a lane has prepared in the target is given back when
// it has nothing to do, and the connection unless it is kept.
func TestIdleLaneRests(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.r (x INT, y INT)")
	b, err := Bind(&replica.Table{Schema: "a", Name: "r", Columns: simColumns("x", "y")}, "a", "r", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	s := tt.slot(tt.claim(), tt.server.Addr())
	s.forms.rows = 1
	write := func() uint32 {
		t.Helper()
		var id uint32
		for range formAfter + 1 {
			stmts := appendInserts(nil, &s.forms, b, "INSERT INTO ", [][]replica.Value{{simInt64(1), simInt64(2)}}, 1)
			if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, stmts); err != nil {
				t.Fatal(err)
			}
			if stmts[0].form != nil {
				id = stmts[0].form.id
			}
		}
		if id == 0 {
			t.Fatal("nothing was prepared")
		}
		return id
	}
	form := func(id uint32) []byte {
		return wire.AppendNumber(wire.AppendNumber(wire.BeginExecute(nil, id, 2, []wire.Type{wire.Int}), 1), 2)
	}
	id := write()
	s.rest(true)
	if s.sess == nil {
		t.Fatal("the connection is closed")
	}
	if _, err := s.sess.conn.Exec(t.Context(), form(id)); !wire.UnknownStatement(err) {
		t.Errorf("an execution after the rest: %v", err)
	}
	write()
	s.rest(false)
	if s.sess != nil {
		t.Error("the connection is kept")
	}
	write()
}

// TestReclaimSameEpoch: an owner that claims again under its own epoch fences
// what it sent before.
func TestReclaimSameEpoch(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.k (n INT)")
	s := tt.slot(tt.claim(), tt.server.Addr())
	tt.epoch--
	c := tt.claim()
	if err := s.commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", 1)); !errors.Is(err, ErrFenced) {
		t.Fatal(err)
	}
	if err := tt.slot(c, tt.server.Addr()).commit(t.Context(), "", replica.NewTxnSet(), nil, insertInto("a.k", 2)); err != nil {
		t.Fatal(err)
	}
	if got := tt.one("SELECT GROUP_CONCAT(n) FROM a.k"); got != "2" {
		t.Error(got)
	}
}

// TestWriteChunk: a chunk and its record are one; a second owner's chunk of the
// same number is refused whole.
func TestWriteChunk(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.l (x INT, y INT)")
	b, err := Bind(&replica.Table{Schema: "a", Name: "l", Columns: simColumns("x", "y")}, "a", "l", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, tt.server.Addr())
	cp := NewCopier(tt.config(p.addr), tt.claim())
	defer cp.Close()
	rows := [][]replica.Value{{simInt64(1), {}}, {simInt64(1), {}}}
	rec := Chunk{Schema: "a", Table: "l", No: 7, Lo: "lo", Hi: "hi", Rows: 2, Bytes: 9}
	p.rule(once("COMMIT", dropAnswer))
	if err := cp.WriteChunk(t.Context(), 1, b, rows, rec); err != nil {
		t.Fatal(err)
	}
	if err := cp.WriteChunk(t.Context(), 2, b, rows, rec); err == nil || errors.Is(err, ErrFenced) {
		t.Fatalf("the same chunk again: %v", err)
	}
	tt.claim()
	rec.No = 8
	if err := cp.WriteChunk(t.Context(), 1, b, rows, rec); !errors.Is(err, ErrFenced) {
		t.Fatalf("a chunk of an old owner: %v", err)
	}
	if got := tt.one("SELECT CONCAT((SELECT COUNT(*) FROM a.l),' ',(SELECT COUNT(*) FROM sluice_meta.chunks),' ',(SELECT SUM(row_count) FROM sluice_meta.chunks))"); got != "2 1 2" {
		t.Error(got)
	}
}

// TestChunkMeetsOthersRows: a row that is in a chunk's way is not replaced, unless
// that is wanted; then it is reported.
func TestChunkMeetsOthersRows(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.c (k VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)")
	tt.exec("INSERT INTO a.c VALUES ('b',7)")
	table := &replica.Table{Schema: "a", Name: "c", Columns: []replica.Column{{Name: "k", Type: replica.TypeVarchar, SQLType: "varchar(9)", Length: 9, Charset: "utf8mb4"},
		simColumns("v")[0]}, Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}}}
	b, err := Bind(table, "a", "c", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	row := func(k string) []replica.Value {
		return []replica.Value{{Kind: replica.KindString, Bytes: []byte(k)}, simInt64(1)}
	}
	reported := 0
	cfg := tt.config(tt.server.Addr())
	cfg.Report = func(*replica.Error) { reported++ }
	for _, c := range []struct {
		conflict Conflict
		rows     [][]replica.Value
		err      bool
		want     string
	}{
		{ConflictStop, [][]replica.Value{row("a"), row("b")}, true, "b7 0"}, // somebody else's row
		{ConflictStop, [][]replica.Value{row("c"), row("C")}, true, "b7 0"}, // two that the target holds equal
		{ConflictReplace, [][]replica.Value{row("a"), row("b")}, false, "a1,b1 1"},
	} {
		cfg.OnConflict = c.conflict
		cp := NewCopier(cfg, tt.claim())
		err := cp.WriteChunk(t.Context(), 1, b, c.rows, Chunk{Schema: "a", Table: "c", No: 1, Lo: "lo", Hi: "hi", Rows: 2})
		cp.Close()
		var e *replica.Error
		if c.err && (!errors.As(err, &e) || e.Code != 61052 || e.Table != "a.c") || !c.err && err != nil {
			t.Errorf("the chunk ended with %v", err)
		}
		if got := tt.one("SELECT CONCAT((SELECT GROUP_CONCAT(CONCAT(k,v) ORDER BY k) FROM a.c),' ',(SELECT COUNT(*) FROM sluice_meta.chunks))"); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if reported != 1 {
		t.Errorf("%d reports of a replaced row", reported)
	}
	// Under a key of a column's first characters two chunks may have it.
	tt.exec("CREATE TABLE a.p (k VARCHAR(9) NOT NULL, v INT, PRIMARY KEY (k(4)))")
	table = &replica.Table{Schema: "a", Name: "p", Columns: table.Columns, Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{4}}}
	if b, err = Bind(table, "a", "p", func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	cfg.OnConflict = ConflictStop
	cp := NewCopier(cfg, tt.claim())
	defer cp.Close()
	for no, k := range []string{"aaaa1", "aaaa2"} {
		if err := cp.WriteChunk(t.Context(), 1, b, [][]replica.Value{row(k)}, Chunk{Schema: "a", Table: "p", No: no, Lo: "lo", Hi: "hi", Rows: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if got := tt.one("SELECT GROUP_CONCAT(k) FROM a.p"); got != "aaaa2" {
		t.Errorf("%s under a prefix key", got)
	}
}

// TestStatementsOfATransaction: a batch of rows without a key has a statement
// for each, more than TiDB's stmt-count-limit, which is for sessions that retry
// by themselves.
func TestStatementsOfATransaction(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	s := &slot{connector: tt.connector(tt.server.Addr())}
	if err := s.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.drop()
	tt.exec("CREATE TABLE a.many (id INT)")
	if _, err := s.sess.exec(t.Context(), []byte("BEGIN /*T! OPTIMISTIC */"+strings.Repeat(";INSERT INTO a.many VALUES (1)", 6_000))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sess.exec(t.Context(), []byte("COMMIT")); err != nil {
		t.Fatal(err)
	}
	if n := tt.one("SELECT COUNT(*) FROM a.many"); n != "6000" {
		t.Errorf("%s rows", n)
	}
}
