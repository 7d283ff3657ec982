package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// heard keeps a channel's events.
type heard struct {
	logReport
	mu     sync.Mutex
	events []string
}

func (h *heard) Event(kind, message string) {
	h.logReport.Event(kind, message)
	h.mu.Lock()
	h.events = append(h.events, kind+" "+message)
	h.mu.Unlock()
}

func (h *heard) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if strings.Contains(e, text) {
			return true
		}
	}
	return false
}

func (h *heard) Error(e *replica.Error, table, pos string) { h.logReport.Error(e, table, pos) }

// A copy waits while the source is busy, says so, and goes on by itself.
func TestCopyWaitsForBusySource(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	fillBig(t, sdb, 150)
	cfg := config(t, src, dst, "m5/s", ruleset.Spec{DoDB: []string{"d"}})
	events := &heard{logReport: logReport{t}}
	cfg.CopyThreads, cfg.Report = 1, events
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	busy, idle := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer load.Wait()
	defer idle()
	// The source becomes busy behind the look at what it usually runs and before
	// the first chunk, so that no machine is fast enough to copy all before.
	r.before = &baseline{}
	for range 30 {
		load.Go(func() {
			var n int
			_ = sdb.QueryRowContext(busy, "SELECT SLEEP(600)").Scan(&n)
		})
	}
	for n := 0; n < 31; {
		var name string
		if err := sdb.QueryRow("SHOW GLOBAL STATUS LIKE 'Threads_running'").Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	until(t, r, "the copy waits", func(st Status) bool {
		return st.Phase == PhaseCopy && strings.HasPrefix(st.ReceiverState, "Waiting for the source: it runs 3")
	})
	if !events.has("SOURCE the copy waits for the source: it runs 3") {
		t.Errorf("no event says that the copy waits")
	}
	// What is in flight ends; then nothing moves for as long as the source is
	// busy.
	last, since := r.Status().ChunksDone, time.Now()
	until(t, r, "nothing is copied for 3 s", func(st Status) bool {
		if st.ChunksDone != last {
			last, since = st.ChunksDone, time.Now()
		}
		return time.Since(since) > 3*time.Second
	})
	if st := r.Status(); st.Phase != PhaseCopy || st.RowsCopied >= 150_000 {
		t.Fatalf("phase %s, %d rows copied beside a busy source", st.Phase, st.RowsCopied)
	}
	idle()
	load.Wait()
	// The driver closes its side; the server ends the statements a little later.
	killSleepers(t, sdb)
	until(t, r, "caught up", caughtUp)
	if !events.has("SOURCE the copy goes on") {
		t.Errorf("no event says that the copy goes on")
	}
	same(t, sdb, dst)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// killSleepers ends the statements that sleep.
func killSleepers(t *testing.T, db *sql.DB) {
	t.Helper()
	rows, err := db.Query("SELECT id FROM information_schema.processlist WHERE info='SELECT SLEEP(600)'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []uint64
	for rows.Next() {
		var id uint64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		_, err := db.Exec(fmt.Sprintf("KILL %d", id))
		var gone *mysql.MySQLError
		if err != nil && !(errors.As(err, &gone) && gone.Number == 1094) { // it ended by itself meanwhile
			t.Fatal(err)
		}
	}
}

// Rows of very different widths, several readers, and rows without a key: all
// arrive once, though chunks are cut.
func TestCopyOfWideRows(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	fillBig(t, sdb, 5)
	mustExec(t, sdb, "CREATE TABLE d.wide (id INT PRIMARY KEY, v LONGTEXT)", "CREATE TABLE d.loose (id INT, v LONGTEXT)",
		"INSERT INTO d.wide SELECT id, IF(id % 1000 BETWEEN 400 AND 430, REPEAT('w', 300000), 'narrow') FROM d.big",
		"INSERT INTO d.loose SELECT id, IF(id % 1000 BETWEEN 400 AND 410, REPEAT('w', 300000), 'narrow') FROM d.big")
	cfg := config(t, src, dst, "m6/s", ruleset.Spec{DoDB: []string{"d"}})
	cfg.CopyThreads, cfg.Mode = 3, ModeFull
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var chunks, rows, most int
	if err := cfg.Target.QueryRow("SELECT COUNT(*), SUM(row_count), MAX(byte_count) FROM sluice_meta.chunks").Scan(&chunks, &rows, &most); err != nil {
		t.Fatal(err)
	}
	// 210 rows of 300 KB are 60 MiB.
	if rows != 15_000 || chunks < 10 || most > chunkMemory {
		t.Errorf("%d chunks of %d rows, the largest has %d bytes", chunks, rows, most)
	}
	same(t, sdb, dst)
}
