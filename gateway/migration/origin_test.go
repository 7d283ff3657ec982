package migration

import (
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// followed is a channel of one schema, whose source can be another server at
// each start.
type followed struct {
	copyRun
	schema string
}

func open(t *testing.T, s *servers.Server) *sql.DB {
	t.Helper()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// follow copies a schema with two rows from src, and runs until it replicates.
func follow(t *testing.T, src, dst *servers.Server, schema string) *followed {
	t.Helper()
	f := &followed{schema: schema, copyRun: copyRun{t: t, dst: dst, sdb: open(t, src), tdb: open(t, dst), done: make(chan error, 1),
		cfg: config(t, src, dst, schema+"/s", ruleset.Spec{DoDB: []string{schema}})}}
	mustExec(t, f.sdb, "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".k (v VARCHAR(20))",
		"CREATE TABLE "+schema+".t (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO "+schema+".t VALUES (1,'right'),(2,'right')")
	f.start()
	f.caughtUp()
	return f
}

// from makes another server the source.
func (f *followed) from(s *servers.Server) {
	f.cfg.Source.Host, f.cfg.Source.Port = s.Host, s.Port
	f.sdb = open(f.t, s)
}

// write runs statements in the schema, on the server that is the source now.
func (f *followed) write(stmts ...string) {
	f.t.Helper()
	for _, s := range stmts {
		mustExec(f.t, f.sdb, strings.ReplaceAll(s, "{d}", f.schema))
	}
}

func (f *followed) caughtUp() {
	f.t.Helper()
	until(f.t, f.r, "caught up", caughtUp)
}

// appliedRow waits until the target has so many rows in k with the value.
func (f *followed) appliedRow(v string, want int) {
	f.t.Helper()
	end := time.Now().Add(60 * time.Second)
	n := -1
	for n < want {
		if err := f.tdb.QueryRow("SELECT COUNT(*) FROM "+f.schema+".k WHERE v=?", v).Scan(&n); err != nil {
			f.t.Fatal(err)
		}
		if st := f.r.Status(); time.Now().After(end) || st.Status == StatusError {
			f.t.Fatalf("%d rows %q instead of %d; %s %s %s", n, v, want, st.Status, st.IOError, st.SQLError)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n != want {
		f.t.Errorf("%d rows %q instead of %d", n, v, want)
	}
}

// refused starts the channel, which must end with an error that names what is
// missing or differs, before anything is applied; CHECK says so first.
func (f *followed) refused(code uint16, names ...string) *replica.Error {
	f.t.Helper()
	found, err := Check(f.t.Context(), f.cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	said := false
	for _, x := range found {
		said = said || x.Severity == "ERROR" && x.ID == "source.history" && x.Blocks == "START"
	}
	if !said {
		f.t.Errorf("CHECK does not say it: %v", found)
	}
	f.start()
	e := f.ends(code)
	for _, n := range names {
		if !strings.Contains(e.Error(), n) {
			f.t.Errorf("the error does not name %q: %v", n, e)
		}
	}
	f.nothingWrong()
	return e
}

// nothingWrong looks for rows of another history in the target.
func (f *followed) nothingWrong() {
	f.t.Helper()
	var wrong int
	if err := f.tdb.QueryRow("SELECT (SELECT COUNT(*) FROM " + f.schema + ".t WHERE v='WRONG') + (SELECT COUNT(*) FROM " + f.schema + ".k WHERE v='WRONG')").Scan(&wrong); err != nil {
		f.t.Fatal(err)
	}
	if wrong != 0 {
		f.t.Errorf("%d rows of another history were applied", wrong)
	}
}

// another makes the same schema on another server, with other rows under the
// same keys, and more transactions than the channel has seen.
func another(t *testing.T, db *sql.DB, schema string) {
	t.Helper()
	mustExec(t, db, "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".k (v VARCHAR(20))",
		"CREATE TABLE "+schema+".t (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO "+schema+".t VALUES (1,'right'),(2,'right')")
	for range 30 {
		mustExec(t, db, "INSERT INTO "+schema+".k VALUES ('WRONG')", "UPDATE "+schema+".t SET v='other' WHERE id=1", "UPDATE "+schema+".t SET v='WRONG' WHERE id=1")
	}
}

func replicate(t *testing.T, from *servers.Server, to *sql.DB) {
	t.Helper()
	if from.Kind == servers.MySQL {
		mustExec(t, to, fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='root', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1", from.Host, from.Port),
			"START REPLICA")
		return
	}
	mustExec(t, to, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%d, MASTER_USER='root', MASTER_USE_GTID=slave_pos", from.Host, from.Port), "START SLAVE")
}

// replicated waits until the replica has what its source has now.
func replicated(t *testing.T, kind servers.Kind, from, to *sql.DB) {
	t.Helper()
	var set string
	var n int
	ask, wait := "SELECT @@GLOBAL.gtid_executed", "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 60)"
	if kind != servers.MySQL {
		ask, wait = "SELECT @@GLOBAL.gtid_binlog_pos", "SELECT MASTER_GTID_WAIT(?, 60)"
	}
	if err := from.QueryRow(ask).Scan(&set); err != nil {
		t.Fatal(err)
	}
	if err := to.QueryRow(wait, set).Scan(&n); err != nil || n != 0 {
		t.Fatalf("the replica does not catch up: %d, %v", n, err)
	}
}

// promote ends a replica's replication.
func promote(t *testing.T, kind servers.Kind, db *sql.DB) {
	t.Helper()
	if kind == servers.MySQL {
		mustExec(t, db, "STOP REPLICA", "RESET REPLICA ALL")
		return
	}
	mustExec(t, db, "STOP SLAVE", "RESET SLAVE ALL")
}

// TestOtherHistory: a channel's source becomes a server that does not have the
// history that the channel has followed, and one that has it.
func TestOtherHistory(t *testing.T) {
	dst := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) { otherHistory(t, kind, dst) })
	}
}

func otherHistory(t *testing.T, kind servers.Kind, dst *servers.Server) {
	args := []string{"--server-id=7"} // the same for both, as servers have by default
	if kind != servers.MySQL {
		args = append(args, "--gtid-strict-mode=OFF")
	}
	a, b := servers.ForTest(t, kind, args...), servers.ForTest(t, kind, args...)
	p := string(kind)
	t.Run("another server", func(t *testing.T) {
		f := follow(t, a, dst, p+"_other")
		f.write("INSERT INTO {d}.k VALUES ('a')")
		f.appliedRow("a", 1)
		f.stop()
		another(t, open(t, b), f.schema)
		f.from(b)
		f.refused(61051)
		f.from(a)
		f.write("INSERT INTO {d}.k VALUES ('b')")
		f.start()
		f.appliedRow("b", 1)
		f.stop()
	})
	t.Run("another server, nothing applied since the copy", func(t *testing.T) {
		f := follow(t, a, dst, p+"_idle")
		f.stop()
		another(t, open(t, b), f.schema)
		f.from(b)
		f.refused(61051)
	})
	if kind == servers.MySQL {
		t.Run("another server before the tables are caught up", func(t *testing.T) {
			f := follow(t, a, dst, p+"_midcopy")
			f.stop()
			// As it is while the stream has not reached where the copy ended.
			mustExec(t, f.tdb, "UPDATE sluice_meta.tables SET high_file='binlog.000099', high_pos=4 WHERE channel='"+f.cfg.Channel+"'")
			another(t, open(t, b), f.schema)
			f.from(b)
			f.refused(61301)
		})
	}
	t.Run("the binlog is reset while it runs", func(t *testing.T) {
		f := follow(t, b, dst, p+"_reset_running")
		f.write("INSERT INTO {d}.k VALUES ('a')")
		f.appliedRow("a", 1)
		if kind == servers.MySQL {
			mustExec(t, f.sdb, "RESET BINARY LOGS AND GTIDS")
		} else {
			mustExec(t, f.sdb, "RESET MASTER")
		}
		f.ends(61051)
		f.nothingWrong()
	})
	t.Run("the binlog is reset", func(t *testing.T) {
		f := follow(t, a, dst, p+"_reset")
		f.write("INSERT INTO {d}.k VALUES ('a')")
		f.appliedRow("a", 1)
		f.stop()
		reset := "RESET BINARY LOGS AND GTIDS"
		if kind != servers.MySQL {
			reset = "RESET MASTER"
		}
		mustExec(t, f.sdb, reset)
		f.refused(61051)
		for range 200 { // the numbers are above the channel's again
			f.write("UPDATE {d}.t SET v='other' WHERE id=1", "UPDATE {d}.t SET v='WRONG' WHERE id=1")
		}
		f.refused(61051)
	})
	t.Run("promoted", func(t *testing.T) { promoted(t, kind, dst) })
}

// promoted: the source fails over to a replica that lacks a transaction, and
// that has all of them later.
func promoted(t *testing.T, kind servers.Kind, dst *servers.Server) {
	args := []string{"--log-slave-updates"}
	if kind == servers.MySQL {
		args = nil
	}
	a, b := servers.ForTest(t, kind, args...), servers.ForTest(t, kind, args...)
	adb, bdb := open(t, a), open(t, b)
	replicate(t, a, bdb)
	f := follow(t, a, dst, string(kind)+"_promoted")
	f.write("INSERT INTO {d}.k VALUES ('a')")
	replicated(t, kind, adb, bdb)
	stop, again := "STOP REPLICA", "START REPLICA"
	if kind != servers.MySQL {
		stop, again = "STOP SLAVE", "START SLAVE"
	}
	mustExec(t, bdb, stop)
	f.write("INSERT INTO {d}.k VALUES ('late')")
	f.appliedRow("late", 1)
	f.stop()
	var last string
	ask := "SELECT CONCAT(@@server_uuid, ':', SUBSTRING_INDEX(@@GLOBAL.gtid_executed, '-', -1))"
	if kind != servers.MySQL {
		ask = "SELECT @@GLOBAL.gtid_binlog_pos"
	}
	if err := adb.QueryRow(ask).Scan(&last); err != nil {
		t.Fatal(err)
	}
	f.from(b)
	f.refused(61051, last)
	mustExec(t, bdb, again)
	replicated(t, kind, adb, bdb)
	promote(t, kind, bdb)
	f.write("INSERT INTO {d}.k VALUES ('new')")
	f.start()
	f.caughtUp()
	f.appliedRow("new", 1)
	f.appliedRow("a", 1)
	f.appliedRow("late", 1)
	f.stop()
	// And back to the former source, which lacks the new one's transactions.
	f.from(a)
	f.refused(61051)
}

// TestOtherHistoryWithoutGTIDs: positions in files of one name on two servers.
func TestOtherHistoryWithoutGTIDs(t *testing.T) {
	dst := servers.ForTest(t, servers.TiDB)
	args := []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--server-id=7"}
	a, b := servers.ForTest(t, servers.MySQL, args...), servers.ForTest(t, servers.MySQL, args...)
	for _, idle := range []bool{true, false} {
		t.Run(fmt.Sprintf("another server, idle %v", idle), func(t *testing.T) {
			f := follow(t, a, dst, fmt.Sprintf("files_%v", idle))
			if !idle {
				f.write("INSERT INTO {d}.k VALUES ('a')")
				f.appliedRow("a", 1)
			}
			f.stop()
			another(t, open(t, b), f.schema)
			f.from(b)
			f.refused(61051)
			f.from(a)
			f.write("INSERT INTO {d}.k VALUES ('b')")
			f.start()
			f.appliedRow("b", 1)
			f.stop()
		})
	}
	t.Run("the binlog is reset", func(t *testing.T) {
		f := follow(t, a, dst, "files_reset")
		f.write("INSERT INTO {d}.k VALUES ('a')")
		f.appliedRow("a", 1)
		f.stop()
		mustExec(t, f.sdb, "RESET BINARY LOGS AND GTIDS")
		f.refused(61051)
		for range 300 {
			f.write("UPDATE {d}.t SET v='other' WHERE id=1", "UPDATE {d}.t SET v='WRONG' WHERE id=1")
		}
		f.refused(61051)
	})
}

// TestRestoredBackup: a copy of the source's data folder goes on by itself: the
// same server_uuid, the same names for other transactions. Then the source gets
// another UUID and keeps its history, which is no reason to stop.
func TestRestoredBackup(t *testing.T) {
	dst, a := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	f := follow(t, a, dst, "backup")
	f.write("INSERT INTO {d}.k VALUES ('a')")
	f.appliedRow("a", 1)
	f.stop()
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("cp", "-a", a.Dir+"/data", dir+"/data").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := a.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.from(a)
	f.write("INSERT INTO {d}.k VALUES ('b')")
	f.start()
	f.appliedRow("b", 1)
	f.stop()
	b, err := servers.Start(t.Context(), servers.MySQL, servers.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop() })
	f.from(b)
	f.refused(61051) // it lacks b's transaction
	for range 3 {
		f.write("INSERT INTO {d}.k VALUES ('WRONG')")
	}
	f.refused(61051)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(a.Dir + "/data/auto.cnf"); err != nil {
		t.Fatal(err)
	}
	if err := a.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.from(a)
	f.write("INSERT INTO {d}.k VALUES ('c')")
	f.start()
	f.appliedRow("c", 1)
	f.appliedRow("b", 1)
	f.stop()
}

// switched is a proxy in front of two servers: what a virtual address is.
type switched struct {
	addr string
	to   atomic.Pointer[string]
	mu   sync.Mutex
	open []net.Conn
}

func newSwitched(t *testing.T, to string) *switched {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &switched{addr: l.Addr().String()}
	s.to.Store(&to)
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); s.cut(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", *s.to.Load())
			if err != nil {
				_ = c.Close()
				continue
			}
			s.mu.Lock()
			s.open = append(s.open, c, up)
			s.mu.Unlock()
			for _, pair := range [][2]net.Conn{{c, up}, {up, c}} {
				wg.Go(func() {
					_, _ = io.Copy(pair[0], pair[1])
					_ = pair[0].Close()
				})
			}
		}
	})
	return s
}

// cut ends all connections.
func (s *switched) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		_ = c.Close()
	}
	s.open = nil
}

// TestOtherServerBehindAnAddress: the connections break while a channel runs, and
// the address leads to another server then.
func TestOtherServerBehindAnAddress(t *testing.T) {
	dst, a, b := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.MySQL)
	adb := open(t, a)
	proxy := newSwitched(t, a.Addr())
	f := &followed{schema: "vip", copyRun: copyRun{t: t, dst: dst, sdb: adb, tdb: open(t, dst), done: make(chan error, 1),
		cfg: config(t, a, dst, "vip/s", ruleset.Spec{DoDB: []string{"vip"}})}}
	host, port, err := net.SplitHostPort(proxy.addr)
	if err != nil {
		t.Fatal(err)
	}
	f.cfg.Source.Host = host
	if _, err := fmt.Sscan(port, &f.cfg.Source.Port); err != nil {
		t.Fatal(err)
	}
	f.write("CREATE DATABASE vip", "CREATE TABLE vip.k (v VARCHAR(20))", "CREATE TABLE vip.t (id INT PRIMARY KEY, v VARCHAR(20))")
	f.start()
	f.caughtUp()
	another(t, open(t, b), "vip")
	// A break alone is none of its business.
	proxy.cut()
	f.write("INSERT INTO {d}.k VALUES ('a')")
	f.appliedRow("a", 1)
	to := b.Addr()
	proxy.to.Store(&to)
	proxy.cut()
	f.ends(61051)
	f.nothingWrong()
	back := a.Addr()
	proxy.to.Store(&back)
	f.write("INSERT INTO {d}.k VALUES ('b')")
	f.start()
	f.appliedRow("b", 1)
	f.stop()
}
