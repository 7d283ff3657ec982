package apply

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// routes is a Router over fixed bindings.
type routes map[*replica.Table]*Binding

func (r routes) Route(_ context.Context, t *replica.Table, _ *replica.Transaction) (*Binding, bool, error) {
	return r[t], false, nil
}

// open starts an applier for a claimed channel.
func (tt *testTarget) open(c *Claimed, addr string, r routes) *Applier {
	tt.t.Helper()
	a, err := Open(tt.t.Context(), tt.config(addr), c, r)
	if err != nil {
		tt.t.Fatal(err)
	}
	if c.Base.IsZero() {
		if err := a.SetBase(tt.t.Context(), startPosition(tt.t)); err != nil {
			tt.t.Fatal(err)
		}
	}
	return a
}

func ddlPlan(seq uint64, sql string) *DDLPlan {
	return &DDLPlan{Txn: &replica.Transaction{ID: replica.TxnID{Source: simUUID, Seq: seq}, DDL: &replica.DDL{Text: sql}}, SourceTable: "a.d",
		Steps: []Step{{SQL: sql, Tables: [][2]string{{"a", "d"}}}}}
}

// interrupted is an owner that recorded a DDL's intent and got no further.
type interrupted struct {
	runner *slot
	sql    []byte
}

func (tt *testTarget) interrupt(a *Applier, p *DDLPlan) *interrupted {
	tt.t.Helper()
	ctx, d := tt.t.Context(), a.ddl()
	r := &slot{connector: a.cfg.Connector, log: a.cfg.Log}
	if err := r.ready(ctx); err != nil {
		tt.t.Fatal(err)
	}
	tt.t.Cleanup(r.drop)
	fp, err := d.fingerprint(ctx, p.Steps[0].Tables, p.Steps[0].Schema)
	if err != nil {
		tt.t.Fatal(err)
	}
	tag := newTag()
	if err := d.openStep(ctx, p, 0, tag, fp, r.sess.id); err != nil {
		tt.t.Fatal(err)
	}
	return &interrupted{r, []byte(tagged(p.Steps[0].SQL, tag))}
}

// TestDDLAfterACrash: an owner dies between a DDL's intent and its end. The next
// one leaves the DDL done once, and the old connection can do no more.
func TestDDLAfterACrash(t *testing.T) {
	for _, kind := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			tt := newTarget(t, kind)
			seq := uint64(0)
			for _, sql := range []string{"ALTER TABLE a.d ADD COLUMN w INT", "TRUNCATE TABLE a.d"} {
				for _, ran := range []bool{false, true} {
					seq++
					tt.crashedDDL(ddlPlan(seq, sql), ran)
				}
			}
		})
	}
}

// crashedDDL lets an owner die after p's intent, or after its statement, and
// another one finish it.
func (tt *testTarget) crashedDDL(p *DDLPlan, ran bool) {
	t, sql := tt.t, p.Steps[0].SQL
	tt.exec("DROP TABLE IF EXISTS a.d")
	tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY, v INT)")
	tt.exec("INSERT INTO a.d VALUES (1,1)")
	old := tt.open(tt.claim(), tt.server.Addr(), nil)
	defer func() { _ = old.Close() }()
	dead := tt.interrupt(old, p)
	if ran {
		if _, err := dead.runner.sess.exec(t.Context(), dead.sql); err != nil {
			t.Fatal(err)
		}
	}
	a := tt.open(tt.claim(), tt.server.Addr(), nil)
	if err := a.RunDDL(t.Context(), p); err != nil {
		t.Fatalf("%s, ran %v: %v", sql, ran, err)
	}
	tt.exec("INSERT INTO a.d (id) VALUES (9)")
	if _, err := dead.runner.sess.exec(t.Context(), dead.sql); err == nil {
		t.Errorf("%s, ran %v: the old owner's connection still works", sql, ran)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[byte]string{'A': "1,9 columns 3", 'T': "9 columns 2"}[sql[0]]
	if got := tt.one("SELECT CONCAT(GROUP_CONCAT(id ORDER BY id),' columns ',(SELECT COUNT(*) FROM information_schema.columns " +
		"WHERE table_schema='a' AND table_name='d')) FROM a.d"); got != want {
		t.Errorf("%s, ran %v: %s instead of %s", sql, ran, got, want)
	}
	if got := tt.one("SELECT state FROM sluice_meta.ddl_log WHERE txn='" + p.Txn.ID.String() + "'"); got != "done" {
		t.Errorf("%s, ran %v: the record says %s", sql, ran, got)
	}
	if c := tt.claim(); !c.Base.Contains(p.Txn.ID) {
		t.Errorf("%s, ran %v: the position is %s", sql, ran, c.Base)
	}
}

// TestDDLStillRunning: the older owner's statement is at work when the next
// owner comes, and waits for a transaction of somebody else.
func TestDDLStillRunning(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY, v INT)")
	p := ddlPlan(1, "ALTER TABLE a.d ADD COLUMN w INT")
	old := tt.open(tt.claim(), tt.server.Addr(), nil)
	defer func() { _ = old.Close() }()
	dead := tt.interrupt(old, p)

	blocker, err := tt.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blocker.ExecContext(t.Context(), "INSERT INTO a.d VALUES (1,1)"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := dead.runner.sess.exec(t.Context(), dead.sql)
		ended <- err
	}()
	jobs := "SELECT COUNT(*) FROM information_schema.ddl_jobs WHERE query LIKE '%sluice:%'"
	until(t, "the job is there", func() bool { return tt.one(jobs) == "1" })
	killed := make(chan struct{})
	proxy := newProxy(t, tt.server.Addr())
	proxy.rule(func(query string) fate {
		if strings.HasPrefix(query, "KILL ") {
			select {
			case <-killed:
			default:
				close(killed)
			}
		}
		return pass
	})
	a := tt.open(tt.claim(), proxy.addr, nil)
	done := make(chan error, 1)
	go func() { done <- a.RunDDL(t.Context(), p) }()
	<-killed
	if err := blocker.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("the old owner's statement ended with: %v", <-ended)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := tt.one("SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema='a' AND table_name='d'"); got != "id,v,w" {
		t.Error(got)
	}
	if got := tt.one("SELECT GROUP_CONCAT(state) FROM sluice_meta.ddl_log"); got != "done" {
		t.Error(got)
	}
}

// TestDDLOfAFencedOwner: an owner that lost the channel neither runs a DDL nor
// ends the connection of its successor's.
func TestDDLOfAFencedOwner(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY, v INT)")
	p := ddlPlan(1, "ALTER TABLE a.d ADD COLUMN w INT")
	old := tt.open(tt.claim(), tt.server.Addr(), nil)
	defer func() { _ = old.Close() }()
	newer := tt.open(tt.claim(), tt.server.Addr(), nil)
	at := tt.interrupt(newer, p)
	if err := old.RunDDL(t.Context(), p); err != ErrFenced {
		t.Errorf("the fenced owner's DDL: %v", err)
	}
	if _, err := at.runner.sess.exec(t.Context(), at.sql); err != nil {
		t.Errorf("the newer owner's connection: %v", err)
	}
	if err := newer.RunDDL(t.Context(), p); err != nil {
		t.Error(err)
	}
	if err := newer.Close(); err != nil {
		t.Error(err)
	}
}

// TestTagged: the tag is in every form of statement, and the statement is what
// it was.
func TestTagged(t *testing.T) {
	for _, sql := range []string{"ALTER TABLE t ADD c INT", "  TRUNCATE TABLE t", "ALTER\nTABLE t ADD c INT", "CREATE\nTABLE\nt(a\nint)"} {
		got := tagged(sql, "x1")
		if !strings.Contains(got, "/*sluice:x1*/") || strings.Join(strings.Fields(strings.Replace(got, "/*sluice:x1*/", "", 1)), " ") != strings.Join(strings.Fields(sql), " ") {
			t.Errorf("%q became %q", sql, got)
		}
	}
}

// TestLargeTransactionResumes: an owner dies in the middle of a transaction that
// is applied in parts; the next one goes on behind the rows that are recorded.
func TestLargeTransactionResumes(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.l (x INT, y INT)")
	table := &replica.Table{Schema: "a", Name: "l", Columns: simColumns("x", "y")}
	b, err := Bind(table, "a", "l", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	id := replica.TxnID{Source: simUUID, Seq: 1}
	var rows []replica.RowChange
	for i := range 25 {
		rows = append(rows, replica.RowChange{Table: table, Op: replica.Insert, After: []replica.Value{simInt64(i % 2), simInt64(1)}})
	}
	feed := func(a *Applier, cuts ...int) error {
		from := 0
		for i, cut := range cuts {
			if err := a.Apply(t.Context(), &replica.Transaction{ID: id, Rows: rows[from:cut], FirstRow: uint64(from), More: i < len(cuts)-1 || cut < len(rows)}); err != nil {
				return err
			}
			from = cut
		}
		return nil
	}
	open := func(addr string) (*Applier, *Claimed) {
		c := tt.claim()
		cfg := tt.config(addr)
		cfg.Limits.BatchRows = 4
		a, err := Open(t.Context(), cfg, c, routes{table: b})
		if err != nil {
			t.Fatal(err)
		}
		if c.Base.IsZero() {
			if err := a.SetBase(t.Context(), startPosition(t)); err != nil {
				t.Fatal(err)
			}
		}
		return a, c
	}
	a, _ := open(tt.server.Addr())
	if err := feed(a, 10, 14); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	// The next owner's source cuts the parts elsewhere, and its COMMIT's answer
	// is lost once.
	p := newProxy(t, tt.server.Addr())
	a, c := open(p.addr)
	if c.Partial == nil || c.Partial.Rows != 14 || c.Partial.ID != id {
		t.Fatalf("partial %+v", c.Partial)
	}
	p.rule(once("COMMIT", dropAnswer))
	if err := feed(a, 6, 17); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	// The last owner gets it whole.
	a, c = open(tt.server.Addr())
	if c.Partial == nil || c.Partial.Rows != 17 {
		t.Fatalf("partial %+v", c.Partial)
	}
	if err := feed(a, 25); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := tt.one("SELECT CONCAT(COUNT(*),' ',SUM(x)) FROM a.l"); got != "25 12" {
		t.Error(got)
	}
	if c := tt.claim(); c.Partial != nil || !c.Base.Contains(id) {
		t.Errorf("base %s, partial %v", c.Base, c.Partial)
	}
}

// TestDDLLooksAtNewJobs: a DDL that runs reads the newest jobs only, and still
// knows its own. Recovery alone reads the whole history.
func TestDDLLooksAtNewJobs(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY, v INT)")
	proxy := newProxy(t, tt.server.Addr())
	var history atomic.Int64
	proxy.rule(func(query string) fate {
		if strings.Contains(query, "ddl_jobs") {
			history.Add(1)
		}
		return pass
	})
	a := tt.open(tt.claim(), proxy.addr, nil)
	defer func() { _ = a.Close() }()
	p := ddlPlan(1, "ALTER TABLE a.d ADD COLUMN w INT")
	if err := a.RunDDL(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if n := history.Load(); n != 0 {
		t.Errorf("the history of DDL jobs was read %d times", n)
	}
	job := tt.one("SELECT job_id FROM sluice_meta.ddl_log")
	if want := tt.one("SELECT MAX(job_id) FROM information_schema.ddl_jobs WHERE job_type='add column'"); job != want {
		t.Errorf("the record names job %s instead of %s", job, want)
	}
	// An intent without an end is looked up in all of it.
	q := ddlPlan(2, "ALTER TABLE a.d ADD COLUMN x INT")
	tt.interrupt(a, q)
	if err := a.RunDDL(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if history.Load() == 0 {
		t.Error("recovery did not look the statement up")
	}
}

// TestBatchAfterACrash: an owner dies after the intent of a BATCH, which leaves
// no trace among the target's DDL jobs, before or after it ran. It runs again,
// and writes the same rows.
func TestBatchAfterACrash(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	for seq, ran := range []bool{false, true} {
		tt.exec("DROP TABLE IF EXISTS a.d, a.n")
		tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY, v INT)")
		tt.exec("INSERT INTO a.d VALUES (1,10),(2,20),(3,30)")
		tt.exec("CREATE TABLE a.n (id INT, v INT PRIMARY KEY)")
		p := ddlPlan(uint64(seq)+1, "BATCH ON a.d.id LIMIT 1 REPLACE INTO a.n (id,v) SELECT id,v FROM a.d")
		old := tt.open(tt.claim(), tt.server.Addr(), nil)
		dead := tt.interrupt(old, p)
		if ran {
			if err := dead.runner.sess.execStep(t.Context(), string(dead.sql)); err != nil {
				t.Fatal(err)
			}
		}
		a := tt.open(tt.claim(), tt.server.Addr(), nil)
		if err := a.RunDDL(t.Context(), p); err != nil {
			t.Fatalf("ran %v: %v", ran, err)
		}
		if err := dead.runner.sess.execStep(t.Context(), string(dead.sql)); err == nil {
			t.Errorf("ran %v: the old owner's connection still works", ran)
		}
		if got := tt.one("SELECT GROUP_CONCAT(id,'=',v ORDER BY id) FROM a.n"); got != "1=10,2=20,3=30" {
			t.Errorf("ran %v: %s", ran, got)
		}
		if got := tt.one("SELECT state FROM sluice_meta.ddl_log WHERE txn='" + p.Txn.ID.String() + "'"); got != "done" {
			t.Errorf("ran %v: the record says %s", ran, got)
		}
		_ = old.Close()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDDLThatLeavesTheDefinition: where a statement leads to the definition that
// was there, a change by hand does not make up for a refusal; elsewhere it does.
func TestDDLThatLeavesTheDefinition(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	a := tt.open(tt.claim(), tt.server.Addr(), nil)
	defer func() { _ = a.Close() }()
	for i, silent := range []bool{true, false} {
		tt.exec("DROP TABLE IF EXISTS a.d")
		tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY, v INT)")
		p := ddlPlan(uint64(i+1), "ALTER TABLE a.d RENAME COLUMN nowhere TO w")
		p.Expected = []Expected{{Table: [2]string{"a", "d"}, Silent: silent, Differs: func(string) []string { return nil }}}
		var refused *replica.Error
		if err := a.RunDDL(t.Context(), p); !errors.As(err, &refused) {
			t.Fatalf("a statement that the target refuses: %v", err)
		}
		if strings.Contains(refused.Remedy, "by hand") == silent || !strings.Contains(refused.Remedy, "RESET MIGRATION") {
			t.Errorf("silent %v: the remedy is %s", silent, refused.Remedy)
		}
		tt.exec("ALTER TABLE a.d COMMENT 'by hand'")
		if err := a.RunDDL(t.Context(), p); (err != nil) != silent {
			t.Errorf("silent %v, changed by hand: %v", silent, err)
		}
	}
}

// TestRemovedByHand: what somebody removed so that the target takes a statement has to be
// there again, where only the statement itself leaves no trace in the definition. Another
// owner asks for it, too.
func TestRemovedByHand(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY, s VARCHAR(20) COLLATE utf8mb4_general_ci, KEY (s))")
	p := ddlPlan(1, "ALTER TABLE a.d MODIFY s VARCHAR(20) COLLATE utf8mb4_unicode_ci")
	p.Expected = []Expected{{Table: [2]string{"a", "d"}, Silent: true, Differs: func(create string) []string {
		if !strings.Contains(create, "KEY `s`") {
			return []string{"index s (s) is missing"}
		}
		return nil
	}}}
	attempt := func() error {
		a := tt.open(tt.claim(), tt.server.Addr(), nil)
		defer func() { _ = a.Close() }()
		return a.RunDDL(t.Context(), p)
	}
	if err := attempt(); err == nil || !strings.Contains(err.Error(), "the target refused") {
		t.Fatalf("another collation of an indexed column: %v", err)
	}
	tt.exec("ALTER TABLE a.d DROP INDEX s")
	for range 2 {
		if err := attempt(); err == nil || !strings.Contains(err.Error(), "index s (s) is missing") {
			t.Errorf("after the index was removed: %v", err)
		}
		if c := tt.claim(); c.Base.Contains(p.Txn.ID) {
			t.Error("the position is after the statement")
		}
	}
	tt.exec("ALTER TABLE a.d ADD INDEX s (s)")
	if err := attempt(); err != nil {
		t.Errorf("with the index: %v", err)
	}
	if got := tt.one("SELECT GROUP_CONCAT(idx,' ',state ORDER BY idx) FROM sluice_meta.ddl_log"); got != "0 done,1 done" {
		t.Errorf("the records are %s", got)
	}
}

// TestNoteOfARefusedDDL: the record of a DDL without a translation has the cause.
func TestNoteOfARefusedDDL(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	a := tt.open(tt.claim(), tt.server.Addr(), nil)
	defer func() { _ = a.Close() }()
	tt.exec("CREATE TABLE a.d (id INT PRIMARY KEY)")
	p := ddlPlan(1, "ALTER TABLE a.d ADD COLUMN g POINT")
	p.Steps, p.Expected = nil, []Expected{{Table: [2]string{"a", "d"}, Differs: func(string) []string { return []string{"no column g"} }}}
	p.Refused = &replica.Error{Code: 61053, Class: "DDL", Message: "translate a change of table a.d", Remedy: "add the column by hand",
		Err: errors.New("column g: TiDB has no type point")}
	if err := a.RunDDL(t.Context(), p); !errors.Is(err, p.Refused) {
		t.Fatalf("a statement without a translation: %v", err)
	}
	var note string
	if err := tt.db.QueryRowContext(t.Context(), "SELECT note FROM sluice_meta.ddl_log").Scan(&note); err != nil {
		t.Fatal(err)
	}
	if note != "not executed: translate a change of table a.d: column g: TiDB has no type point" {
		t.Errorf("the note is %q", note)
	}
}
