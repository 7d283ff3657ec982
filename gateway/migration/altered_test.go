package migration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/ruleset"
)

// A DDL while a table is copied begins that table's copy again; rows written
// around it are neither lost nor doubled.
func TestDDLDuringCopy(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	mustExec(t, sdb, "CREATE DATABASE d", "CREATE TABLE d.big (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(300), n INT NOT NULL DEFAULT 1)",
		"CREATE TABLE d.other (id INT PRIMARY KEY, v INT)", "INSERT INTO d.other VALUES (1,1),(2,2)")
	pad := strings.Repeat("x", 250)
	for i := 0; i < 60; i++ {
		mustExec(t, sdb, "INSERT INTO d.big (v) VALUES "+strings.TrimSuffix(strings.Repeat("('"+pad+"'),", 1000), ","))
	}
	cfg := config(t, src, dst, "m2/s", ruleset.Spec{DoDB: []string{"d"}})
	cfg.CopyThreads = 1
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	until(t, r, "some rows are copied", func(st Status) bool { return st.ChunksDone > 0 && st.RowsCopied < 60000 })
	mustExec(t, sdb, "UPDATE d.big SET n=2 WHERE id%7=0", "ALTER TABLE d.big ADD COLUMN extra INT NOT NULL DEFAULT 5, DROP COLUMN n",
		"UPDATE d.big SET extra=6 WHERE id%11=0", "DELETE FROM d.big WHERE id%13=0", "INSERT INTO d.big (v) VALUES ('new')")
	until(t, r, "caught up", caughtUp)
	mustExec(t, sdb, "UPDATE d.big SET extra=7 WHERE id%17=0", "ALTER TABLE d.big ADD INDEX (extra)", "INSERT INTO d.other VALUES (3,3)")
	end := fmt.Sprint(gtid(t, sdb))
	until(t, r, "all applied", func(st Status) bool { return caughtUp(st) && st.SourceExecuted == end })
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
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
