package migration

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
)

// nextID asks TiDB for a table's next id.
func nextID(t *testing.T, db *sql.DB, table string) uint64 {
	t.Helper()
	rows, err := db.Query("SHOW TABLE " + table + " NEXT_ROW_ID")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var next uint64
	for rows.Next() {
		var schema, name, column, kind string
		var id uint64
		if err := rows.Scan(&schema, &name, &column, &id, &kind); err != nil {
			t.Fatal(err)
		}
		next = max(next, id)
	}
	return next
}

// TestIDsThatTheTargetNeverSaw: ids that are used and deleted within one batch
// are not given out again by the target.
func TestIDsThatTheTargetNeverSaw(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	f := follow(t, src, dst, "ids")
	table := func(name, rest string) {
		f.write("CREATE TABLE {d}."+name+" (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT "+rest+")", "INSERT INTO {d}."+name+" (v) VALUES (1)")
	}
	for _, name := range []string{"a", "b", "c", "e", "g"} {
		table(name, "")
	}
	f.write("CREATE TABLE {d}.tiny (id TINYINT AUTO_INCREMENT PRIMARY KEY, v INT)",
		"CREATE TABLE {d}.natural_key (k VARCHAR(9) PRIMARY KEY, id INT AUTO_INCREMENT, KEY (id))")
	burn := func(table string, id int) []string {
		return []string{fmt.Sprintf("INSERT INTO {d}.%s (id, v) VALUES (%d, 1)", table, id), fmt.Sprintf("DELETE FROM {d}.%s WHERE id=%d", table, id)}
	}
	together := func(stmts ...string) {
		t.Helper()
		tx, err := f.sdb.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range stmts {
			if _, err := tx.Exec(strings.ReplaceAll(s, "{d}", "ids")); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	above := func(table string, id uint64) {
		t.Helper()
		end := time.Now().Add(30 * time.Second)
		for nextID(t, f.tdb, "ids."+table) <= id {
			if time.Now().After(end) {
				t.Fatalf("the next id of %s is %d, not above %d", table, nextID(t, f.tdb, "ids."+table), id)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	together(burn("a", 1_000_000)...)
	together(burn("tiny", 127)...)
	together("INSERT INTO {d}.natural_key VALUES ('x', 700000)", "UPDATE {d}.natural_key SET id=5 WHERE k='x'")
	together(burn("g", 9_000_000)...)
	f.write("TRUNCATE TABLE {d}.g")
	// While it runs, once the tables are quiet.
	above("a", 1_000_000)
	above("natural_key", 700_000)
	above("tiny", 126)
	mustExec(t, f.tdb, "INSERT INTO ids.tiny (v) VALUES (1)")
	mustExec(t, f.tdb, "DELETE FROM ids.tiny")
	if n := nextID(t, f.tdb, "ids.g"); n >= 9_000_000 {
		t.Errorf("the next id of a truncated table is %d, and the source's begins anew", n)
	}
	// When it is renamed.
	together(burn("c", 4_000_000)...)
	f.write("RENAME TABLE {d}.c TO {d}.c2", "INSERT INTO {d}.k VALUES ('renamed')")
	f.appliedRow("renamed", 1)
	above("c2", 4_000_000)
	// When it stops.
	together(append(burn("b", 2_000_000), "INSERT INTO {d}.k VALUES ('b')")...)
	f.appliedRow("b", 1)
	f.stop()
	if n := nextID(t, f.tdb, "ids.b"); n <= 2_000_000 {
		t.Errorf("the next id of b is %d after the stop", n)
	}
	// The owner is replaced before it can.
	f.start()
	f.caughtUp()
	together(append(burn("e", 3_000_000), "INSERT INTO {d}.k VALUES ('e')")...)
	f.appliedRow("e", 1)
	f.start()
	<-f.done // the one before was fenced
	above("e", 3_000_000)
	f.caughtUp()
	var left int
	end := time.Now().Add(30 * time.Second)
	for left = -1; left != 0 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := f.tdb.QueryRow("SELECT COUNT(*) FROM sluice_meta.auto_ids").Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	if left != 0 {
		t.Errorf("%d records are left", left)
	}
	f.stop()
}
