package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// runUntil runs a channel until its status is as wanted, then stops it at a boundary.
func runUntil(t *testing.T, cfg Config, what string, ok func(Status) bool) {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the run ended with %v", err)
		}
	}()
	until(t, r, what, ok)
}

func openDB(t *testing.T, s *servers.Server) *sql.DB {
	t.Helper()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// blocked lists the findings of a check that refuse a start.
func blocked(t *testing.T, cfg Config) (ids []string, all map[string]Finding) {
	t.Helper()
	found, err := Check(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]Finding{}
	for _, f := range found {
		all[f.ID] = f
		if f.Blocks == "START" {
			ids = append(ids, f.ID+" "+f.Object+": "+f.Finding)
		}
	}
	return ids, all
}

// A channel may begin before its tables exist, and tables that are created then are
// replicated with the meaning that the schema's defaults give them.
func TestBeginsWithoutTables(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
			sdb, tdb := openDB(t, src), openDB(t, dst)
			mustExec(t, sdb, "CREATE DATABASE empty1 DEFAULT CHARACTER SET latin1")
			cfg := config(t, src, dst, "e1/s", ruleset.Spec{DoDB: []string{"empty1"}})
			ids, all := blocked(t, cfg)
			if ids != nil || all["source.tables"].Severity != "WARNING" || all["source.tables"].Remedy == "" {
				t.Errorf("a source without tables yet: blocked by %v, source.tables is %+v", ids, all["source.tables"])
			}
			runUntil(t, cfg, "replicate", func(st Status) bool { return st.Phase == PhaseReplicate })
			mustExec(t, sdb, "CREATE TABLE empty1.t (id INT PRIMARY KEY, s VARCHAR(20))", "INSERT INTO empty1.t VALUES (1, CONVERT(X'C3A9' USING utf8mb4))")
			cfg.Epoch++
			runUntil(t, cfg, "the new table's row", func(st Status) bool { return caughtUp(st) && st.Inserts >= 1 })
			var text string
			if err := tdb.QueryRow("SELECT HEX(CONVERT(s USING utf8mb4)) FROM empty1.t").Scan(&text); err != nil || text != "C3A9" {
				t.Errorf("the target has %q (%v), want C3A9", text, err)
			}
		})
	}
}

// Rules that match nothing on a source which has other schemas are more likely wrong.
func TestWrongNamesAreRefused(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	mustExec(t, openDB(t, src), "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)")
	cfg := config(t, src, dst, "e2/s", ruleset.Spec{DoDB: []string{"shpo"}})
	if ids, _ := blocked(t, cfg); len(ids) != 1 {
		t.Errorf("rules with a wrong name are blocked by %v", ids)
	}
	// A schema that is wanted and has none of the tables yet is enough.
	cfg = config(t, src, dst, "e3/s", ruleset.Spec{DoTable: []ruleset.TableName{{Schema: "shop", Table: "later"}}})
	if ids, _ := blocked(t, cfg); ids != nil {
		t.Errorf("a table that is still to come is blocked by %v", ids)
	}
}

// A channel with a position starts although its tables are gone: what was done to
// them before they were dropped is in the binlog.
func TestStartsWithItsTablesGone(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
			sdb, tdb := openDB(t, src), openDB(t, dst)
			mustExec(t, sdb, "CREATE DATABASE gone", "CREATE TABLE gone.t (id INT PRIMARY KEY)", "CREATE TABLE gone.log (id INT PRIMARY KEY)",
				"INSERT INTO gone.t VALUES (1)")
			cfg := config(t, src, dst, "g1/s", ruleset.Spec{DoDB: []string{"gone"}, RewriteDB: nil})
			runUntil(t, cfg, "caught up", caughtUp)
			mustExec(t, sdb, "INSERT INTO gone.t VALUES (2),(3)", "INSERT INTO gone.log SELECT * FROM gone.t", "RENAME TABLE gone.log TO gone.kept",
				"DROP TABLE gone.t", "CREATE DATABASE elsewhere", "RENAME TABLE gone.kept TO elsewhere.kept")
			ids, all := blocked(t, cfg)
			if ids != nil || all["source.tables"].Severity != "INFO" {
				t.Errorf("a channel whose tables are gone: blocked by %v, source.tables is %+v", ids, all["source.tables"])
			}
			cfg.Epoch++
			var rows int
			var left string // the name of a table that left the rules: the last thing that was done
			runUntil(t, cfg, "caught up after its tables were dropped", func(st Status) bool {
				err := tdb.QueryRow("SELECT table_name FROM information_schema.tables WHERE table_schema='gone' AND table_name LIKE 'kept\\_sluice\\_left\\_%'").Scan(&left)
				return caughtUp(st) && st.Inserts >= 5 && err == nil
			})
			if err := tdb.QueryRow("SELECT COUNT(*) FROM gone." + left).Scan(&rows); err != nil || rows != 3 {
				t.Errorf("the target's table has %d rows (%v), want the 3 that were pending", rows, err)
			}
			var me *mysql.MySQLError
			if err := tdb.QueryRow("SELECT COUNT(*) FROM gone.t").Scan(&rows); !errors.As(err, &me) || me.Number != 1146 {
				t.Errorf("the dropped table is still in the target: %v", err)
			}
		})
	}
}

// A target that refuses is no target without Sluice's tables, whatever its message
// contains: the name of an account may have the number in it.
func TestRefusalIsNotAbsence(t *testing.T) {
	for number, absent := range map[uint16]bool{1146: true, 1049: true, 1142: false, 1045: false, 1105: false} {
		err := error(&mysql.MySQLError{Number: number, Message: "SELECT command denied to user 'app1146'@'%' for table '1049'"})
		if got := absentIsNil(err) == nil; got != absent {
			t.Errorf("error %d counts as an absent table: %v", number, got)
		}
	}
	if err := absentIsNil(errors.New("dial tcp 10.0.0.1:1146: connection refused")); err == nil {
		t.Error("a refused connection counts as an absent table")
	}
}

// A statement that cannot be followed stops a channel with its transaction and text,
// once everything before it is applied.
func TestStopsBehindWhatItRead(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
			sdb, tdb := openDB(t, src), openDB(t, dst)
			mustExec(t, sdb, "CREATE DATABASE shop", "CREATE DATABASE other", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "CREATE TABLE other.w (id INT PRIMARY KEY)",
				"INSERT INTO shop.t VALUES (1)")
			cfg := config(t, src, dst, "b1/s", ruleset.Spec{DoDB: []string{"shop"}})
			runUntil(t, cfg, "caught up", caughtUp)
			for i := range 50 {
				mustExec(t, sdb, fmt.Sprintf("INSERT INTO shop.t VALUES (%d)", 100+i))
			}
			mustExec(t, sdb, "ALTER TABLE shop.t ADD COLUMN c INT DEFAULT 7", "INSERT INTO shop.t VALUES (1000, 1)", "RENAME TABLE other.w TO shop.w",
				"INSERT INTO shop.t VALUES (1001, 2)")
			for range 2 { // the same at each start
				cfg.Epoch++
				r, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				var e *replica.Error
				if err := r.Run(t.Context()); !errors.As(err, &e) || e.Code != 61053 || !strings.Contains(e.Message, "transaction ") || !strings.Contains(e.Message, "(RENAME TABLE other.w TO shop.w)") {
					t.Fatalf("the run ended with %v", err)
				}
				var rows string
				if err := tdb.QueryRow("SELECT CONCAT_WS(',', COUNT(*), MAX(id), SUM(c)) FROM shop.t").Scan(&rows); err != nil || rows != "52,1000,358" {
					t.Errorf("the target has %s (%v), want what comes before the statement", rows, err)
				}
			}
		})
	}
}
