package itest

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// sourceKinds are the products that every test of a stream runs on.
var sourceKinds = []servers.Kind{servers.MySQL, servers.MariaDB}

// oneTable is a small table with rows to copy.
var oneTable = []string{
	"CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, s VARCHAR(30)) DEFAULT CHARSET=utf8mb4",
	"INSERT INTO t (v, s) VALUES (1, 'copied'), (2, NULL), (3, 'übrig')",
}

// writer inserts rows one by one until the test says stop: each is a
// transaction. A source that is away is tried again.
type writer struct {
	stop context.CancelFunc
	done chan struct{}
	rows atomic.Int64
	err  error
}

func (s *stream) write(table string) *writer {
	ctx, stop := context.WithCancel(s.t.Context())
	w := &writer{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			insert := fmt.Sprintf("INSERT INTO %s (v, s) VALUES (%d, 'streamed')", table, w.rows.Load())
			if _, err := s.from.ExecContext(context.WithoutCancel(ctx), insert); err != nil {
				w.err = err
				continue
			}
			w.rows.Add(1)
		}
	}()
	s.t.Cleanup(w.end)
	return w
}

// end stops the writer and waits for it.
func (w *writer) end() {
	w.stop()
	<-w.done
}

// more waits until n more rows are written.
func (w *writer) more(t *testing.T, n int64) {
	t.Helper()
	want := w.rows.Load() + n
	must(t, node.Until(t.Context(), 30*time.Second, fmt.Sprintf("%d more rows are written", n), func(context.Context) (bool, string) {
		return w.rows.Load() >= want, fmt.Sprintf("%d of %d, %v", w.rows.Load(), want, w.err)
	}))
}

// visible waits until the target shows a row that is written now.
func (s *stream) visible(table string, limit time.Duration) time.Duration {
	s.t.Helper()
	began := time.Now()
	mark := fmt.Sprintf("mark %d", began.UnixNano())
	s.exec(fmt.Sprintf("INSERT INTO %s (v, s) VALUES (0, '%s')", table, mark))
	s.until(limit, "a new row is at the target", func(node.Row) bool {
		var n int
		err := s.to.QueryRowContext(s.t.Context(), fmt.Sprintf("SELECT COUNT(*) FROM `%s`.`%s` WHERE s='%s'", s.name, table, mark)).Scan(&n)
		return err == nil && n == 1
	})
	return time.Since(began)
}

// TestFirstMigration is what a newcomer does, on each product.
func TestFirstMigration(t *testing.T) {
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := r.newStream(t, r.sources[kind], "first_"+string(kind), oneTable...)
			s.exec("CREATE TABLE keyless (a INT, b VARCHAR(10))", "INSERT INTO keyless VALUES (1,'x'),(1,'x'),(NULL,NULL)")
			s.replicate()
			s.exec("UPDATE t SET v=v+10", "DELETE FROM t WHERE id=2", "INSERT INTO t (v) VALUES (9)",
				"DELETE FROM keyless WHERE a=1 LIMIT 1", "ALTER TABLE t ADD COLUMN extra DATETIME(3) NOT NULL DEFAULT '2026-01-01'", "INSERT INTO t (v, extra) VALUES (4, '2026-02-02 02:02:02.123')")
			s.equal()
			for _, n := range r.nodes {
				rows, err := n.Query(t.Context(), "SHOW MIGRATIONS LIKE '"+s.name+"'")
				must(t, err)
				if len(rows) != 1 || rows[0]["Phase"] != "REPLICATE" || rows[0]["Status"] != "RUNNING" || rows[0]["Desired"] != "RUNNING" {
					t.Errorf("%s shows %v", n.Name, rows)
				}
			}
			row := s.until(10*time.Second, "nothing is behind", func(row node.Row) bool { return row["Seconds_Behind_Source"] == "0" })
			if row["Rows_Copied"] != "6" || row["Errors"] != "0" || row["Tables_Total"] != "2" || row["Tables_Done"] != "2" {
				t.Errorf("the status is %v", row)
			}
		})
	}
}

// TestFailover kills the owner with -9 while rows come in.
func TestFailover(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "failover", oneTable...)
	s.replicate()
	w := s.write("t")
	w.more(t, 100)
	owner := s.owner()
	epoch := s.epoch()
	must(t, owner.Kill())
	took := s.visible("t", failoverMost)
	t.Logf("rows arrive again %.1f s after the kill", took.Seconds())
	if next := s.owner(); next == owner {
		t.Errorf("the channel is still said to be %s's", owner.Name)
	}
	if now := s.epoch(); now <= epoch {
		t.Errorf("the epoch was %d and is %d", epoch, now)
	}
	must(t, owner.Restart(t.Context()))
	w.more(t, 50)
	w.end()
	s.equal()
}

func (s *stream) epoch() int {
	s.t.Helper()
	row, err := s.rig.nodes.Channel(s.t.Context(), s.name)
	must(s.t, err)
	n, err := strconv.Atoi(row["Epoch"])
	must(s.t, err)
	return n
}

// TestTermination ends the owner with SIGTERM: in time, at the end of a
// transaction, and the other goes on at once.
func TestTermination(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "termination", oneTable...)
	s.exec("CREATE TABLE a (id INT PRIMARY KEY, v INT)", "CREATE TABLE b (id INT PRIMARY KEY, v INT)", "INSERT INTO a VALUES (1, 100)", "INSERT INTO b VALUES (1, 100)")
	s.replicate()
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() { written <- transfers(ctx, s.from) }()
	w := s.write("t")
	w.more(t, 100)
	owner := s.owner()
	began := time.Now()
	must(t, owner.Stop(stopLimit))
	t.Logf("%s ended after %.1f s", owner.Name, time.Since(began).Seconds())
	var sum int
	must(t, s.to.QueryRowContext(t.Context(), "SELECT (SELECT v FROM termination.a)+(SELECT v FROM termination.b)").Scan(&sum))
	if sum != 200 {
		t.Errorf("the target shows half a transaction: the sum is %d, want 200", sum)
	}
	t.Logf("the other node applies %.1f s later", s.visible("t", failoverMost).Seconds())
	stop()
	must(t, <-written)
	w.end()
	must(t, owner.Restart(t.Context()))
	s.equal()
}

// TestSecondSignal freezes TiDB, so that an orderly end takes long, and sends
// SIGTERM twice: the second ends the process at once.
func TestSecondSignal(t *testing.T) {
	bin, err := node.Build(t.Context())
	must(t, err)
	tidb := servers.ForTest(t, servers.TiDB)
	from := servers.ForTest(t, servers.MariaDB)
	must(t, run(t.Context(), from, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)", "INSERT INTO a.t VALUES (1)"))
	cmd := exec.Command(bin, "node", "--name", "signals", "--store", tidb.DSN(""), "--admin-addr", "127.0.0.1:0", "--gossip-addr", "127.0.0.1:0",
		"--http-addr", "127.0.0.1:0", "--data-dir", t.TempDir(), "--log-format", "json")
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := make(chan string, 10_000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	var ready struct{ Admin string }
	must(t, json.Unmarshal([]byte(logged(t, lines, "node ready", 60*time.Second)), &ready))
	admin, err := sql.Open("mysql", "root@tcp("+ready.Admin+")/")
	must(t, err)
	defer admin.Close()
	for _, q := range []string{
		fmt.Sprintf("CREATE SOURCE s SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='%s'", from.Host, from.Port, from.User),
		"CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(a)", "START MIGRATION m", "WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60",
	} {
		_, err := node.Query(t.Context(), admin, q)
		must(t, err)
	}

	frozen := tidb.PID()
	must(t, syscall.Kill(frozen, syscall.SIGSTOP))
	t.Cleanup(func() { must(t, syscall.Kill(frozen, syscall.SIGCONT)) })
	must(t, run(t.Context(), from, "INSERT INTO a.t VALUES (2)"))
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	logged(t, lines, "the node stops", 5*time.Second)
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	began := time.Now()
	logged(t, lines, "sluice: a second signal: stopped at once", time.Second)
	err = cmd.Wait()
	if took := time.Since(began); took > time.Second {
		t.Errorf("the process ended %s after the second signal", took)
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("the process ended with code %d: %v", code, err)
	}
}

// logged waits for a line of a log that has the text, and returns it.
func logged(t *testing.T, lines <-chan string, text string, limit time.Duration) string {
	t.Helper()
	late := time.After(limit)
	var last string
	for {
		select {
		case line, ok := <-lines:
			if strings.Contains(line, text) {
				return line
			}
			if !ok {
				t.Fatalf("the log ended without %q; last: %s", text, last)
			}
			last = line
		case <-late:
			t.Fatalf("the log does not say %q within %v; last: %s", text, limit, last)
		}
	}
}

// transfers moves 1 from one table to another until ctx ends.
func transfers(ctx context.Context, db *sql.DB) error {
	for ctx.Err() == nil {
		tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
		if err != nil {
			return err
		}
		for _, q := range []string{"UPDATE a SET v=v-1", "UPDATE b SET v=v+1"} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// TestSourceRestart restarts the source while rows come in.
func TestSourceRestart(t *testing.T) {
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := r.newStream(t, r.sources[kind], "restart_"+string(kind), oneTable...)
			s.replicate()
			w := s.write("t")
			w.more(t, 50)
			must(t, s.server.Restart(t.Context()))
			w.more(t, 50)
			s.visible("t", 30*time.Second)
			w.end()
			s.equal()
		})
	}
}

// TestDumpKilled kills the connection that the source sends its binlog on.
func TestDumpKilled(t *testing.T) {
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := r.newStream(t, r.sources[kind], "dump_"+string(kind), oneTable...)
			s.replicate()
			w := s.write("t")
			w.more(t, 20)
			for range 3 {
				rows, err := node.Query(t.Context(), s.from, "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'")
				must(t, err)
				if len(rows) == 0 {
					t.Fatal("the source sends its binlog to nobody")
				}
				for _, row := range rows {
					s.exec("KILL " + row["ID"])
				}
				s.visible("t", 20*time.Second)
			}
			w.end()
			s.equal()
		})
	}
}

// TestRotation has the source begin new binlog files, also while none else
// happens.
func TestRotation(t *testing.T) {
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := r.newStream(t, r.sources[kind], "rotation_"+string(kind), oneTable...)
			s.replicate()
			before := s.logFile()
			w := s.write("t")
			for range 3 {
				w.more(t, 20)
				s.exec("FLUSH BINARY LOGS")
			}
			w.end()
			s.exec("FLUSH BINARY LOGS")
			s.visible("t", 20*time.Second)
			s.equal()
			if after := s.logFile(); after <= before {
				t.Errorf("the binlog file was %s and is %s after four rotations", before, after)
			}
		})
	}
}

func (s *stream) logFile() string {
	s.t.Helper()
	row, err := s.rig.nodes.Channel(s.t.Context(), s.name)
	must(s.t, err)
	return row["Source_Log_File"]
}

// TestStoreDown stops TiDB, which is store and target, and starts it again:
// the nodes wait, and go on by themselves.
func TestStoreDown(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "storedown", oneTable...)
	s.replicate()
	w := s.write("t")
	w.more(t, 50)
	must(t, r.target.Stop())
	w.more(t, 200)
	for _, n := range r.nodes {
		// It says so, and does not hang.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := n.Query(ctx, "SHOW MIGRATIONS")
		if ctx.Err() != nil {
			t.Errorf("%s does not answer while its store is away: %v", n.Name, err)
		}
		cancel()
		if !n.Running() {
			t.Errorf("%s ended with its store:\n%s", n.Name, n.LogTail(10))
		}
	}
	must(t, r.target.Restart(t.Context()))
	s.visible("t", 60*time.Second)
	for _, n := range r.nodes {
		// Its lanes may have the target back before it asks the store again.
		must(t, node.Until(t.Context(), 30*time.Second, n.Name+" has its store again", func(ctx context.Context) (bool, string) {
			_, err := n.Query(ctx, "WAIT FOR MIGRATION storedown UNTIL STATUS='RUNNING'")
			return err == nil, fmt.Sprint(err)
		}))
	}
	w.end()
	s.equal()
}

// TestWrongPassword looks for the error of a source that lets nobody in, and
// its remedy, in both places where an operator looks.
func TestWrongPassword(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "password", oneTable...)
	s.replicate()
	ctx := t.Context()
	must(t, r.nodes.Exec(ctx, "STOP MIGRATION password"))
	s.until(30*time.Second, "it is stopped", func(row node.Row) bool { return row["Status"] == "STOPPED" })
	must(t, r.nodes.Exec(ctx, "ALTER SOURCE password SOURCE_PASSWORD='"+wrongPassword+"'"))
	if err := r.nodes.Exec(ctx, "START MIGRATION password"); err != nil {
		// START may run into it itself; it must say what and how to mend it.
		checkNamed(t, "the answer of START", err.Error(), "password")
	} else {
		must(t, node.Until(ctx, 30*time.Second, "the error is shown", func(ctx context.Context) (bool, string) {
			rows, err := r.nodes.Query(ctx, "SHOW MIGRATION ERRORS FOR MIGRATION password")
			for _, row := range rows {
				if row["Errno"] == "1045" && row["Remedy"] != "" {
					return true, ""
				}
			}
			return false, fmt.Sprintf("%v, %v", rows, err)
		}))
		must(t, node.Until(ctx, 30*time.Second, "SHOW REPLICA STATUS has the error", func(ctx context.Context) (bool, string) {
			rows, err := r.nodes.Query(ctx, "SHOW REPLICA STATUS FOR CHANNEL 'password'")
			if err != nil || len(rows) != 1 {
				return false, fmt.Sprintf("%d rows, %v", len(rows), err)
			}
			row := rows[0]
			return row["Last_IO_Errno"] == "1045" && strings.Contains(row["Last_IO_Error"], "password"), fmt.Sprint(row)
		}))
	}
	// The remedy works.
	must(t, r.nodes.Exec(ctx, "ALTER SOURCE password SOURCE_PASSWORD='"+sourcePassword+"'", "START MIGRATION password"))
	s.visible("t", 60*time.Second)
	s.equal()
}

func checkNamed(t *testing.T, where, text, word string) {
	t.Helper()
	if !strings.Contains(text, word) {
		t.Errorf("%s does not say %q: %s", where, word, text)
	}
}
