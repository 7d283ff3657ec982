package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/snapshot"
	"sluice/replica/source"
)

// writers insert numbered rows into d.log until stop; each row is its own
// transaction.
func (l *lab) writers(t *testing.T, n int) (stop func() int64) {
	var stopping atomic.Bool
	var next atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for !stopping.Load() {
				if _, err := l.db.ExecContext(t.Context(), "INSERT INTO d.log VALUES (?)", next.Add(1)); err != nil {
					t.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	return func() int64 {
		stopping.Store(true)
		wg.Wait()
		return next.Load()
	}
}

// count returns the rows of d.log.
func (l *lab) count(t *testing.T) (n int64) {
	t.Helper()
	if err := l.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM d.log").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestExactIsExact opens exact reads while several sessions write. On MySQL
// every transaction changes the table, so the number of GTIDs in the position
// tells how many rows the read must have; on MariaDB the sequence number does.
func TestExactIsExact(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		l.exec(t, "CREATE TABLE d.log (n BIGINT)")
		m := l.table(t, "log")
		before := transactions(t, l, executed(t, l))
		stop := l.writers(t, 4)
		defer stop()
		for range 20 {
			e, err := snapshot.OpenExact(t.Context(), l.src, []*replica.Table{m})
			if err != nil {
				t.Fatal(err)
			}
			rows, _, err := e.Read(t.Context(), m, func([][]replica.Value) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if want := transactions(t, l, e.GTIDs) - before; rows != want {
				t.Errorf("position %s has %d transactions, the read %d rows", e.GTIDs, want, rows)
			}
			if e.At.File == "" || e.At.Pos < 4 {
				t.Errorf("coordinates %v", e.At)
			}
			e.Close()
		}
		if n := stop(); n < 100 {
			t.Errorf("only %d rows were written meanwhile", n)
		}
	})
}

func executed(t *testing.T, l *lab) string {
	t.Helper()
	set, err := l.src.ExecutedGTIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// transactions counts those of a GTID position with one server.
func transactions(t *testing.T, l *lab, set string) int64 {
	t.Helper()
	var n int64
	if l.src.Facts().Flavor == source.FlavorMariaDB {
		if set == "" {
			return 0
		}
		if _, err := fmt.Sscanf(set[strings.LastIndex(set, "-")+1:], "%d", &n); err != nil {
			t.Fatalf("position %q: %v", set, err)
		}
		return n
	}
	for interval := range strings.SplitSeq(set[strings.Index(set, ":")+1:], ":") {
		var from, to int64
		if k, _ := fmt.Sscanf(interval, "%d-%d", &from, &to); k == 1 {
			to = from
		}
		n += to - from + 1
	}
	return n
}

// TestStartPositionIsVisible: every transaction of a start position can be seen
// by a read that begins after it.
func TestStartPositionIsVisible(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		l.exec(t, "CREATE TABLE d.log (n BIGINT)")
		before := transactions(t, l, executed(t, l))
		stop := l.writers(t, 4)
		defer stop()
		for range 50 {
			gtids, at, err := snapshot.StartPosition(t.Context(), l.src)
			if err != nil {
				t.Fatal(err)
			}
			if seen, in := l.count(t), transactions(t, l, gtids)-before; in > seen {
				t.Errorf("the position has %d transactions, a later read sees %d", in, seen)
			}
			if at.File == "" {
				t.Error("no coordinates")
			}
		}
		if n := stop(); n < 100 {
			t.Errorf("only %d rows were written meanwhile", n)
		}
		if gtids, _, err := snapshot.StartPosition(t.Context(), l.src); err != nil || transactions(t, l, gtids)-before != l.count(t) {
			t.Errorf("at rest the position is %s, with %d rows, %v", gtids, l.count(t), err)
		}
	})
}

// TestStartPositionWithoutGTIDs: the coordinates are the binlog's end at rest,
// and a missing right is named.
func TestStartPositionWithoutGTIDs(t *testing.T) {
	l := newLab(t, servers.MySQL, "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
	l.exec(t, "CREATE TABLE d.log (n BIGINT)")
	m := l.table(t, "log")
	end, err := l.src.BinlogEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gtids, at, err := snapshot.StartPosition(t.Context(), l.src)
	if err != nil || gtids != "" || at != end {
		t.Errorf("position %q %v, want %v; %v", gtids, at, end, err)
	}
	l.exec(t, "CREATE USER r IDENTIFIED BY 'x'")
	l.exec(t, "GRANT REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO r")
	l.exec(t, "GRANT SELECT ON d.* TO r")
	src, err := source.Open(t.Context(), source.Config{Name: "r", Host: l.Host, Port: l.Port, User: "r", Password: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	_, _, err = snapshot.StartPosition(t.Context(), src, m)
	wantCode(t, err, 61201, "GRANT RELOAD")
	_, err = snapshot.OpenExact(t.Context(), src, []*replica.Table{m})
	wantCode(t, err, 61201, "LOCK TABLES")
	l.exec(t, "GRANT LOCK TABLES ON d.* TO r")
	if _, at, err := snapshot.StartPosition(t.Context(), src, m); err != nil || at.Pos <= end.Pos {
		t.Errorf("with LOCK TABLES: %v, %v", at, err)
	}
	e, err := snapshot.OpenExact(t.Context(), src, []*replica.Table{m})
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	// Neither left a lock behind.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := l.db.ExecContext(ctx, "INSERT INTO d.log VALUES (1)"); err != nil {
		t.Errorf("write after the locks: %v", err)
	}
}

func wantCode(t *testing.T, err error, code uint16, remedy string) {
	t.Helper()
	var e *replica.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Remedy, remedy) {
		t.Errorf("error %v, want code %d and a remedy with %s", err, code, remedy)
	}
}

// TestExactGivesUpOnBusyTable: a table with an unfinished transaction is not
// waited for for ever, and its writers get through meanwhile.
func TestExactGivesUpOnBusyTable(t *testing.T) {
	t.Parallel()
	l := newLab(t, servers.MySQL)
	l.exec(t, "CREATE TABLE d.log (n BIGINT)")
	m := l.table(t, "log")
	tx, err := l.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO d.log VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		e, err := snapshot.OpenExact(t.Context(), l.src, []*replica.Table{m})
		if err == nil {
			e.Close()
		}
		result <- err
	}()
	// Another writer gets through between two tries.
	if _, err := l.db.ExecContext(t.Context(), "INSERT INTO d.log VALUES (2)"); err != nil {
		t.Errorf("a writer beside the waiting lock: %v", err)
	}
	err = <-result
	wantCode(t, err, 61202, "long transaction")
	var e *replica.Error
	if errors.As(err, &e) && !e.Transient {
		t.Error("the error is not transient")
	}
}

// TestPreparedXA: a prepared XA transaction is in the binlog and cannot be
// seen, so no position may be taken over it.
func TestPreparedXA(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, l *lab) {
		t.Parallel()
		l.exec(t, "CREATE TABLE d.log (n BIGINT)")
		conn, err := l.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, q := range []string{"XA START 'x'", "INSERT INTO d.log VALUES (1)", "XA END 'x'", "XA PREPARE 'x'"} {
			if _, err := conn.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = snapshot.StartPosition(t.Context(), l.src)
		wantCode(t, err, 61205, "XA RECOVER")
		m := l.table(t, "log")
		result := make(chan int64, 1)
		go func() {
			defer close(result)
			e, err := snapshot.OpenExact(t.Context(), l.src, []*replica.Table{m})
			if err != nil {
				t.Error(err)
				return
			}
			defer e.Close()
			rows, _, err := e.Read(t.Context(), m, func([][]replica.Value) error { return nil })
			if err != nil {
				t.Error(err)
			}
			result <- rows
		}()
		l.waitForLockWait(t)
		if _, err := conn.ExecContext(t.Context(), "XA COMMIT 'x'"); err != nil {
			t.Fatal(err)
		}
		if rows := <-result; rows != 1 {
			t.Errorf("an exact read beside a prepared transaction has %d rows, want its row", rows)
		}
		if _, _, err = snapshot.StartPosition(t.Context(), l.src); err != nil {
			t.Error(err)
		}
	})
}

// waitForLockWait returns when a session waits for a table's lock.
func (l *lab) waitForLockWait(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var n int
		if err := l.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no session waits for a lock")
		}
	}
}

// TestExactAfterDDL: a table that was changed under an open read is an error,
// never another table's rows.
func TestExactAfterDDL(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		l.exec(t, "CREATE TABLE d.log (n BIGINT)")
		l.exec(t, "INSERT INTO d.log VALUES (1)")
		m := l.table(t, "log")
		e, err := snapshot.OpenExact(t.Context(), l.src, []*replica.Table{m})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		l.exec(t, "TRUNCATE TABLE d.log")
		_, _, err = e.Read(t.Context(), m, func([][]replica.Value) error { return nil })
		var re *replica.Error
		if !errors.As(err, &re) || re.Class != "DDL" {
			t.Errorf("read after TRUNCATE: %v", err)
		}
	})
}
