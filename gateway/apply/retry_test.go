package apply

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// TestRetriesInPlace: a transaction that meets somebody else's write, or a change
// of its table's definition, at its COMMIT is done again with what is at hand,
// and takes effect once. It goes through the applier once: nothing is read again.
func TestRetriesInPlace(t *testing.T) {
	for _, c := range []struct {
		name, meddle, want string
	}{
		{"a foreign write", "UPDATE a.m SET other=other+5 WHERE id=1", "1 20 105,2 7 100,3 8 0"},
		{"a change of the definition", "ALTER TABLE a.m ADD COLUMN extra INT NOT NULL DEFAULT 3", "1 20 100,2 7 100,3 8 0"},
		{"a new index", "ALTER TABLE a.m ADD INDEX (v)", "1 20 100,2 7 100,3 8 0"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			tt := newTarget(t, servers.TiDB)
			// With metadata locks the DDL waits for the transaction instead.
			tt.exec("SET GLOBAL tidb_enable_metadata_lock=OFF")
			tt.exec("CREATE TABLE a.m (id INT PRIMARY KEY, v INT, other INT NOT NULL DEFAULT 0)")
			tt.exec("INSERT INTO a.m VALUES (1,10,100),(2,7,100)")
			table := &replica.Table{Schema: "a", Name: "m", Columns: simColumns("id", "v"), Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}}}
			b, err := Bind(table, "a", "m", func(string) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			p := newProxy(t, tt.server.Addr())
			a := tt.open(tt.claim(), p.addr, routes{table: b})
			var commits atomic.Int32
			p.rule(func(q string) fate {
				if q == "COMMIT" && commits.Add(1) == 1 {
					tt.exec(c.meddle)
				}
				return pass
			})
			txn := &replica.Transaction{ID: replica.TxnID{Source: simUUID, Seq: 1}, Rows: []replica.RowChange{
				{Table: table, Op: replica.Update, Before: []replica.Value{simInt64(1), simInt64(10)}, After: []replica.Value{simInt64(1), simInt64(20)}},
				{Table: table, Op: replica.Insert, After: []replica.Value{simInt64(3), simInt64(8)}},
			}}
			if err := a.Apply(t.Context(), txn); err != nil {
				t.Fatal(err)
			}
			if err := a.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if n := commits.Load(); n < 2 {
				t.Errorf("%d COMMITs: nothing was tried again", n)
			}
			if got := tt.one("SELECT GROUP_CONCAT(CONCAT_WS(' ',id,v,other) ORDER BY id) FROM a.m"); got != c.want {
				t.Errorf("%s instead of %s", got, c.want)
			}
		})
	}
}

// TestUnsettledCommitIsTold: sessions can be had, but no COMMIT gets through. That
// is tried again without end, and the owner of the applier is told; what was held
// back on the way cannot be committed behind the one that succeeds.
func TestUnsettledCommitIsTold(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	tt.exec("CREATE TABLE a.m (id INT PRIMARY KEY, v INT)")
	table := &replica.Table{Schema: "a", Name: "m", Columns: simColumns("id", "v"), Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}}}
	b, err := Bind(table, "a", "m", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, tt.server.Addr())
	told, over := make(chan error, 1), make(chan struct{}, 1)
	cfg := tt.config(p.addr)
	cfg.Away = func(err error) {
		if err != nil {
			told <- err
		} else {
			over <- struct{}{}
		}
	}
	cp := NewCopier(cfg, tt.claim())
	defer cp.Close()
	before := tt.one("SELECT seq FROM sluice_meta.lanes WHERE lane=1")
	p.rule(func(q string) fate {
		if q == "COMMIT" {
			return holdBack
		}
		return pass
	})
	ends := make(chan struct{})
	counted := make(chan int, 1)
	go func() {
		held := 0
		for {
			select {
			case <-p.held:
				held++
			case <-ends:
				counted <- held
				return
			}
		}
	}()
	done := make(chan error, 1)
	go func() {
		rows := [][]replica.Value{{simInt64(1), simInt64(2)}}
		done <- cp.WriteChunk(t.Context(), 1, b, rows, Chunk{Schema: "a", Table: "m", No: 1, Lo: "lo", Hi: "hi", Rows: 1})
	}()
	var e *replica.Error
	if err := <-told; !errors.As(err, &e) || e.Class != "TARGET" || e.Remedy == "" {
		t.Errorf("told %v", err)
	}
	if got := tt.one("SELECT COUNT(*) FROM a.m"); got != "0" {
		t.Errorf("%s rows are committed", got)
	}
	p.rule(nil)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	<-over
	close(ends)
	held := <-counted
	close(p.release)
	for range held {
		<-p.sent
	}
	if got := tt.one("SELECT CONCAT((SELECT COUNT(*) FROM a.m),' ',(SELECT COUNT(*) FROM sluice_meta.chunks),' ',(SELECT seq-" + before + " FROM sluice_meta.lanes WHERE lane=1))"); got != "1 1 1" {
		t.Errorf("%s: rows, chunks and commits of the lane", got)
	}
}

// TestUnsettledErrorHasNoValues: TiDB's text of a write conflict names keys.
func TestUnsettledErrorHasNoValues(t *testing.T) {
	e := unsettledError(fmt.Errorf("commit: %w", &mysql.MySQLError{Number: 9007, Message: "Write conflict, key={handle=4711}"}))
	if text := e.Error(); strings.Contains(text, "4711") || !strings.Contains(text, "9007") || !e.Transient {
		t.Error(text)
	}
}
