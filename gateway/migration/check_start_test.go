package migration

import (
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// Where a channel is to begin is looked at before START.
func TestCheckStartAt(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
			sdb, tdb := openDB(t, src), openDB(t, dst)
			mustExec(t, sdb, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)")
			mustExec(t, tdb, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)")
			var file string
			var size uint64
			rows, err := sdb.Query("SHOW BINARY LOGS")
			if err != nil {
				t.Fatal(err)
			}
			columns, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				dest := []any{&file, &size, new(string)}[:len(columns)]
				if err := rows.Scan(dest...); err != nil {
					t.Fatal(err)
				}
			}
			rows.Close()
			wrong := map[servers.Kind]string{servers.MySQL: "0-1-5", servers.MariaDB: "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"}[kind]
			for _, x := range []struct {
				name  string
				start Start
				want  string
			}{
				{"the end of the newest file", Start{Kind: StartFile, At: replica.Coordinates{File: file, Pos: size}}, ""},
				{"beyond it", Start{Kind: StartFile, At: replica.Coordinates{File: file, Pos: size + 1000}}, "is beyond the end of " + file},
				{"no such file", Start{Kind: StartFile, At: replica.Coordinates{File: "other.000009", Pos: 4}}, "has no binlog file 'other.000009'"},
				{"the other product's GTIDs", Start{Kind: StartGTID, GTIDs: wrong}, "no GTID set of a"},
				{"now", Start{Kind: StartCurrent}, ""},
			} {
				cfg := config(t, src, dst, "at/s", ruleset.Spec{DoDB: []string{"a"}})
				cfg.Start = x.start
				ids, _ := blocked(t, cfg)
				if x.want == "" && ids != nil || x.want != "" && !strings.Contains(strings.Join(ids, "\n"), x.want) {
					t.Errorf("%s: blocked by %v, want %q", x.name, ids, x.want)
				}
			}
		})
	}
}
