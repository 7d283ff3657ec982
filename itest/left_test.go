package itest

import (
	"strings"
	"testing"

	"sluice/itest/compare"
)

// TestTableLeaves: a table that is renamed to a name outside the rules leaves its name
// in the target, too, and the next table of that name is followed. Events name
// where its rows are.
func TestTableLeaves(t *testing.T) {
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := r.newStreamOf(t, r.sources[kind], "leaves_"+string(kind), "leaves",
				"CREATE DATABASE leaves_archive",
				"CREATE TABLE log (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO log VALUES (1, 'a'), (2, 'b')",
				"CREATE TABLE swapped (id INT PRIMARY KEY)", "INSERT INTO swapped VALUES (1), (2), (3)")
			s.databases = append(s.databases, "leaves_archive")
			s.define("REPLICATE_DO_DB=(leaves)")
			s.start()
			target := open(t, r.target, "leaves")
			s.exec("RENAME TABLE log TO leaves_archive.log1",
				"CREATE TABLE log (x VARCHAR(5) PRIMARY KEY)", "INSERT INTO log VALUES ('x')",
				"ALTER TABLE log ADD COLUMN y INT, RENAME TO leaves_archive.log2",
				"INSERT INTO leaves_archive.log2 VALUES ('there', 1)",
				"CREATE TABLE log (id INT PRIMARY KEY, z INT)", "INSERT INTO log VALUES (1, 1)",
				"CREATE TABLE swapped_new LIKE swapped", "RENAME TABLE swapped TO leaves_archive.swapped, swapped_new TO swapped",
				"INSERT INTO swapped VALUES (7)", "DROP TABLE leaves_archive.log1")
			s.caughtUp()
			s.same([]compare.Table{{SourceSchema: "leaves", SourceTable: "log", TargetSchema: "leaves", TargetTable: "log"},
				{SourceSchema: "leaves", SourceTable: "swapped", TargetSchema: "leaves", TargetTable: "swapped"}})

			events, err := r.nodes.Query(t.Context(), "SHOW MIGRATION EVENTS FOR MIGRATION "+s.name)
			must(t, err)
			rows, err := target.QueryContext(t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema='leaves' AND table_name LIKE '%\\_sluice\\_left\\_%' ORDER BY 1")
			must(t, err)
			defer rows.Close()
			counts := map[string]int{}
			for rows.Next() {
				var name string
				must(t, rows.Scan(&name))
				named := false
				for _, e := range events {
					for _, v := range e {
						named = named || strings.Contains(v, "leaves."+name+" now")
					}
				}
				if !named {
					t.Errorf("no event names %s: %v", name, events)
				}
				var n int
				must(t, target.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM `"+name+"`").Scan(&n))
				former, _, _ := strings.Cut(name, "_sluice_left_")
				counts[former] = counts[former]*10 + n
			}
			must(t, rows.Err())
			if c := counts["log"]; c != 12 && c != 21 || counts["swapped"] != 3 {
				t.Errorf("the tables that left have these numbers of rows: %v", counts)
			}
			// Rows that were never copied do not appear from nowhere.
			s.exec("RENAME TABLE leaves_archive.swapped TO back")
			s.stopped("leaves_archive.swapped, which is not replicated, was renamed to leaves.back, which is: its rows are not in the target")
		})
	}
}
