package migration

import (
	"context"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/ruleset"
)

// TestObjectsAcrossRestarts: sequences and views that the source has dropped
// while the channel stood still are known by what the channel recorded.
func TestObjectsAcrossRestarts(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MariaDB), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	mustExec(t, sdb, "CREATE DATABASE shop", "CREATE TABLE shop.t (id BIGINT PRIMARY KEY)", "CREATE SEQUENCE shop.early CACHE 1", "CREATE VIEW shop.v AS SELECT 1 AS a",
		"CREATE TABLE shop.swapped (id INT PRIMARY KEY)", "CREATE VIEW shop.swap AS SELECT 1 AS a")
	run := func(epoch uint64) {
		t.Helper()
		cfg := config(t, src, dst, "m1/s", ruleset.Spec{DoDB: []string{"shop"}})
		cfg.Epoch = epoch
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		until(t, r, "caught up", caughtUp)
		if epoch == 1 {
			mustExec(t, sdb, "CREATE SEQUENCE shop.late CACHE 1", "RENAME TABLE shop.early TO shop.early2",
				"RENAME TABLE shop.swap TO shop.between, shop.swapped TO shop.swap, shop.between TO shop.swapped", "CREATE OR REPLACE TABLE shop.late_table (id INT PRIMARY KEY)",
				"CREATE SEQUENCE shop.replaced", "CREATE OR REPLACE TABLE shop.replaced (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (NEXTVAL(shop.late))")
			until(t, r, "caught up again", func(st Status) bool { return caughtUp(st) && st.Transactions >= 7 })
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	run(1)
	mustExec(t, sdb, "INSERT INTO shop.t VALUES (NEXTVAL(shop.late) + 10), (NEXTVAL(shop.early2) + 100)", "RENAME TABLE shop.v TO shop.w",
		"INSERT INTO shop.swap VALUES (1)", "INSERT INTO shop.replaced VALUES (1)", "DROP SEQUENCE shop.late, shop.early2", "DROP VIEW shop.w", "INSERT INTO shop.t VALUES (1000)")
	run(2)
	// A channel of an older version recorded none: the source is asked.
	tdb, err := dst.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer tdb.Close()
	mustExec(t, sdb, "CREATE SEQUENCE shop.unrecorded CACHE 1")
	run(3)
	mustExec(t, tdb, "DELETE FROM sluice_meta.schema_history WHERE definition IN ('SEQUENCE','VIEW')")
	mustExec(t, sdb, "INSERT INTO shop.t VALUES (NEXTVAL(shop.unrecorded) + 10000)")
	run(4)
	var rows int
	if err := tdb.QueryRow("SELECT COUNT(*) FROM shop.t").Scan(&rows); err != nil || rows != 5 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
