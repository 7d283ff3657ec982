package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"sluice/gateway/apply"
	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// A DDL while a table is copied begins that table's copy again; rows written
// around it are neither lost nor doubled.
func TestDDLDuringCopy(t *testing.T) {
	c := newCopyRun(t, "m2/s")
	fillBig(t, c.sdb, 60)
	mustExec(t, c.sdb, "CREATE TABLE d.other (id INT PRIMARY KEY, v INT)", "INSERT INTO d.other VALUES (1,1),(2,2)")
	c.cfg.CopyThreads = 2
	c.start()
	c.midway(60)
	mustExec(t, c.sdb, "UPDATE d.big SET n=2 WHERE id%7=0", "ALTER TABLE d.big ADD COLUMN extra INT NOT NULL DEFAULT 5, DROP COLUMN n",
		"UPDATE d.big SET extra=6 WHERE id%11=0", "DELETE FROM d.big WHERE id%13=0", "INSERT INTO d.big (v) VALUES ('new')")
	until(t, c.r, "caught up", caughtUp)
	mustExec(t, c.sdb, "UPDATE d.big SET extra=7 WHERE id%17=0", "ALTER TABLE d.big ADD INDEX (extra)", "INSERT INTO d.other VALUES (3,3)")
	c.applied()
	same(t, c.sdb, c.dst)
	c.stop()
}

// TestKeyChangeDuringCopy: a table gets another key while it is copied, and rows
// that were equal under the old one: a chunk cannot be written, which is for the
// change and not for somebody else's rows.
func TestKeyChangeDuringCopy(t *testing.T) {
	c := newCopyRun(t, "m6/s")
	fillBig(t, c.sdb, 40)
	c.start()
	c.midway(40)
	// The target stands still meanwhile, so that the copy does not end before.
	if err := syscall.Kill(c.dst.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err1 := c.sdb.Exec("ALTER TABLE d.big DROP PRIMARY KEY, ADD PRIMARY KEY (id, n)")
	_, err2 := c.sdb.Exec("INSERT INTO d.big SELECT id, 'again', 2 FROM d.big WHERE id%100=0")
	if err := errors.Join(err1, err2, syscall.Kill(c.dst.PID(), syscall.SIGCONT)); err != nil {
		t.Fatal(err)
	}
	c.applied()
	same(t, c.sdb, c.dst)
	c.stop()
}

// TestRefusedWhileACopyBeginsAgain: the target refuses an altered table's new
// definition. The state says that the copy begins again; once the table is made by
// hand it goes on.
func TestRefusedWhileACopyBeginsAgain(t *testing.T) {
	c := newCopyRun(t, "m7/s")
	fillBig(t, c.sdb, 40)
	c.start()
	c.midway(40)
	mustExec(t, c.sdb, "ALTER TABLE d.big ADD COLUMN extra VECTOR(2) AS (STRING_TO_VECTOR('[1,2]')) VIRTUAL")
	c.ends(61053)
	var state string
	if err := c.tdb.QueryRow("SELECT CONCAT(state,' ',(SELECT COUNT(*) FROM sluice_meta.chunks)) FROM sluice_meta.tables").Scan(&state); err != nil || state != "again 0" {
		t.Errorf("state and chunks %q, %v", state, err)
	}
	mustExec(t, c.tdb, "CREATE TABLE d.big (id INT PRIMARY KEY, v VARCHAR(300), n INT NOT NULL)")
	c.start()
	c.applied()
	var sums [2]string
	for i, db := range []*sql.DB{c.sdb, c.tdb} {
		if err := db.QueryRow("SELECT CONCAT_WS(' ', COUNT(*), SUM(id), SUM(CRC32(v)), SUM(n)) FROM d.big").Scan(&sums[i]); err != nil {
			t.Fatal(err)
		}
	}
	if sums[0] != sums[1] || !strings.HasPrefix(sums[0], "40000 ") {
		t.Errorf("rows and sums %q in the source, %q in the target", sums[0], sums[1])
	}
	c.stop()
}

// TestCrashWhileACopyBeginsAgain: the process dies when a table's copy is about to
// begin again, with rows of the old copy in the target or without the table.
// Nothing of the old copy is taken for the new one's.
func TestCrashWhileACopyBeginsAgain(t *testing.T) {
	for name, crash := range map[string]string{"rows of the old copy": "SELECT 1", "no table": "DROP TABLE d.big"} {
		t.Run(name, func(t *testing.T) {
			c := newCopyRun(t, "m5/s")
			fillBig(t, c.sdb, 40)
			c.start()
			c.midway(40)
			c.stop()
			// The table is changed and changed back: its definition tells nothing.
			mustExec(t, c.sdb, "DELETE FROM d.big WHERE id%3=0", "ALTER TABLE d.big ADD COLUMN extra INT", "ALTER TABLE d.big DROP COLUMN extra")
			mustExec(t, c.tdb, "UPDATE sluice_meta.tables SET state='again'", "DELETE FROM sluice_meta.chunks", crash)
			c.start()
			c.applied()
			same(t, c.sdb, c.dst)
			c.stop()
		})
	}
}

// TestEndOfACopyThatWasCutOff: a table's end is cut off before it is committed, as
// another table's DDL does it. The copy does not take it for done, which the target
// would not know.
func TestEndOfACopyThatWasCutOff(t *testing.T) {
	c := newCopyRun(t, "m8/s")
	r, err := New(c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := apply.EnsureMeta(t.Context(), c.tdb); err != nil {
		t.Fatal(err)
	}
	claimed, err := apply.Claim(t.Context(), r.cfg.Target, r.cfg.Channel, r.cfg.Epoch+1, r.cfg.Lanes)
	if err != nil {
		t.Fatal(err)
	}
	x := newRun(r, nil, claimed)
	x.openCopier()
	defer x.copier.Close()
	end := &copying{state: &tableState{schema: "d", table: "t", state: stateCopy}, table: &replica.Table{Schema: "d", Name: "t"}}
	done := *end.state
	done.state, done.high = stateDone, replica.Coordinates{File: "binlog.000007", Pos: 4}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.recordCopied(cut, end, done); err == nil || end.state.state != stateCopy || end.state.high.File != "" {
		t.Errorf("cut off: state %s up to %s, %v", end.state.state, end.state.high, err)
	}
	if err := x.recordCopied(t.Context(), end, done); err != nil || end.state.state != stateDone || end.state.high != done.high {
		t.Errorf("committed: state %s up to %s, %v", end.state.state, end.state.high, err)
	}
	var state string
	if err := c.tdb.QueryRow("SELECT CONCAT(state,' ',high_file) FROM sluice_meta.tables").Scan(&state); err != nil || state != "done binlog.000007" {
		t.Errorf("the target has %q, %v", state, err)
	}
}

// A keyless table is copied at a position of its own: DDL before it is in the
// copy already, and must not run again on what was copied.
func TestTruncateBeforeExactCopy(t *testing.T) {
	c := newCopyRun(t, "m3/s")
	fillBig(t, c.sdb, 40)
	mustExec(t, c.sdb, "CREATE TABLE d.kl (a INT, b VARCHAR(9))", "INSERT INTO d.kl VALUES (1,'old'),(2,'old')")
	c.start()
	c.midway(40)
	mustExec(t, c.sdb, "TRUNCATE TABLE d.kl", "INSERT INTO d.kl VALUES (7,'new'),(7,'new'),(8,NULL)")
	until(t, c.r, "caught up", caughtUp)
	mustExec(t, c.sdb, "INSERT INTO d.kl VALUES (9,'last')")
	c.applied()
	same(t, c.sdb, c.dst)
	c.stop()
}

// A table that is swapped for another one of the same shape while it is copied
// is copied in part under either name: the channel stops.
func TestRenameSwapDuringCopy(t *testing.T) {
	c := newCopyRun(t, "m4/s")
	fillBig(t, c.sdb, 40)
	c.start()
	c.midway(40)
	mustExec(t, c.sdb, "CREATE TABLE d.nb LIKE d.big", "INSERT INTO d.nb (v) VALUES ('x')", "RENAME TABLE d.big TO d.big_old, d.nb TO d.big")
	e := c.ends(61096)
	if st := c.r.Status(); e.Table != "d.big" || st.TablesFailed != 1 || st.Status != StatusError {
		t.Errorf("table %q, %d failed tables, status %s", e.Table, st.TablesFailed, st.Status)
	}
}

// copyRun is a channel of the schema d between servers of its own.
type copyRun struct {
	t        *testing.T
	dst      *servers.Server
	sdb, tdb *sql.DB
	cfg      Config
	r        *Runner
	cancel   context.CancelFunc
	done     chan error
}

func newCopyRun(t *testing.T, channel string) *copyRun {
	t.Helper()
	return newCopyRunOf(t, servers.MySQL, channel)
}

func newCopyRunOf(t *testing.T, kind servers.Kind, channel string) *copyRun {
	t.Helper()
	src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
	c := &copyRun{t: t, dst: dst, cfg: config(t, src, dst, channel, ruleset.Spec{DoDB: []string{"d"}}), done: make(chan error, 1)}
	c.cfg.CopyThreads = 1
	for _, x := range []struct {
		server *servers.Server
		db     **sql.DB
	}{{src, &c.sdb}, {dst, &c.tdb}} {
		db, err := x.server.Open("")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		*x.db = db
	}
	return c
}

// start runs the channel under the next epoch.
func (c *copyRun) start() {
	c.t.Helper()
	var err error
	if c.r, err = New(c.cfg); err != nil {
		c.t.Fatal(err)
	}
	c.cfg.Epoch++
	ctx, cancel := context.WithCancel(c.t.Context())
	c.t.Cleanup(cancel)
	c.cancel = cancel
	r := c.r
	go func() { c.done <- r.Run(ctx) }()
}

// stop ends the channel as STOP does.
func (c *copyRun) stop() {
	c.t.Helper()
	c.cancel()
	if err := <-c.done; err != nil {
		c.t.Fatal(err)
	}
}

// ends waits for the error that ends the channel.
func (c *copyRun) ends(code uint16) *replica.Error {
	c.t.Helper()
	until(c.t, c.r, fmt.Sprintf("error %d", code), func(st Status) bool { return st.Status == StatusError })
	var e *replica.Error
	if err := <-c.done; !errors.As(err, &e) || e.Code != code {
		c.t.Fatalf("the channel ended with %v, not with error %d", err, code)
	}
	return e
}

// midway waits until some of so many thousand rows are copied.
func (c *copyRun) midway(thousands uint64) {
	c.t.Helper()
	until(c.t, c.r, "some rows are copied", func(st Status) bool { return st.ChunksDone > 0 && st.RowsCopied < thousands*1000 })
}

// applied waits until the target has all that the source has now.
func (c *copyRun) applied() {
	c.t.Helper()
	end := gtid(c.t, c.sdb)
	until(c.t, c.r, "all applied", func(st Status) bool { return caughtUp(st) && st.SourceExecuted == end })
}

// fillBig makes d.big with some thousand rows.
func fillBig(t *testing.T, db *sql.DB, thousands int) {
	t.Helper()
	mustExec(t, db, "CREATE DATABASE d", "CREATE TABLE d.big (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(300), n INT NOT NULL DEFAULT 1)")
	for range thousands {
		mustExec(t, db, "INSERT INTO d.big (v) VALUES "+strings.TrimSuffix(strings.Repeat("('"+strings.Repeat("x", 250)+"'),", 1000), ","))
	}
}

// same compares schema d on both sides.
func same(t *testing.T, sdb *sql.DB, dst *servers.Server) {
	t.Helper()
	tdb, err := dst.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer tdb.Close()
	list, err := compare.List(t.Context(), sdb, "d")
	if err != nil {
		t.Fatal(err)
	}
	res, err := compare.Tables(t.Context(), sdb, tdb, list)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range res {
		if x.Differences != 0 || x.TargetRows == 0 {
			t.Errorf("%s: %d rows, %d differences %v", x.SourceTable, x.TargetRows, x.Differences, x.Sample)
		}
	}
}

// TestAddedDefaultExpression: rows that exist get the value of an added column's
// default, which is not in the binlog. What TiDB does not compute stops the channel,
// and goes on when the column was made by hand.
func TestAddedDefaultExpression(t *testing.T) {
	c := newCopyRun(t, "m8/s")
	mustExec(t, c.sdb, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1),(2)")
	for _, x := range []struct{ column, hand, update string }{
		{"v INT DEFAULT (1 + 1)", "v INT", "v=2"},
		{"w INT NOT NULL DEFAULT (LENGTH('abc') * 3)", "w INT NOT NULL", "w=9"},
		{"j JSON DEFAULT (JSON_ARRAY(1))", "j JSON", "j='[1]'"},
		{"x TEXT DEFAULT (CONCAT('a', 'bc'))", "x TEXT", "x='abc'"},
	} {
		c.start()
		until(t, c.r, "caught up", caughtUp)
		mustExec(t, c.sdb, "ALTER TABLE d.t ADD COLUMN "+x.column)
		c.ends(61053)
		mustExec(t, c.tdb, "ALTER TABLE d.t ADD COLUMN "+x.hand, "UPDATE d.t SET "+x.update)
	}
	c.start()
	mustExec(t, c.sdb, "INSERT INTO d.t (id) VALUES (3)")
	c.applied()
	same(t, c.sdb, c.dst)
	c.stop()
}
