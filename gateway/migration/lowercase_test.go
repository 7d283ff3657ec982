package migration

import (
	"strings"
	"testing"

	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/ruleset"
)

// TestLowerCaseTableNames: a source with lower_case_table_names=1 takes names in
// any case, in rules and in statements, of the copy and of the stream.
func TestLowerCaseTableNames(t *testing.T) {
	dst := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			src := servers.ForTest(t, kind, "--lower-case-table-names=1")
			schema := "shop" + string(kind)
			f := &followed{schema: schema, copyRun: copyRun{t: t, dst: dst, sdb: open(t, src), tdb: open(t, dst), done: make(chan error, 1),
				cfg: config(t, src, dst, schema+"/s", ruleset.Spec{DoDB: []string{strings.ToUpper(schema)},
					IgnoreTable: []ruleset.TableName{{Schema: strings.ToUpper(schema), Table: "SKIPPED"}},
					Routes:      []ruleset.Route{{SchemaPattern: "Shop%", TablePattern: "Routed", TargetTable: "elsewhere"}}})}}
			f.write("CREATE DATABASE {d}", "CREATE TABLE {d}.Orders (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO {d}.ORDERS VALUES (1,'a'),(2,'b')",
				"CREATE TABLE {d}.k (v VARCHAR(20))", "CREATE TABLE {d}.Skipped (v INT)", "CREATE TABLE {d}.Routed (id INT PRIMARY KEY)", "INSERT INTO {d}.routed VALUES (1)")
			f.start()
			f.caughtUp()
			upper := strings.ToUpper(schema)
			mustExec(t, f.sdb, "INSERT INTO "+upper+".Orders VALUES (3,'c')", "TRUNCATE TABLE "+upper+".ORDERS", "INSERT INTO "+upper+".ORDERS VALUES (4,'d')",
				"ALTER TABLE "+upper+".oRDERS ADD COLUMN n INT", "UPDATE "+upper+".Orders SET n=1", "CREATE TABLE "+upper+".Born (id INT PRIMARY KEY)",
				"INSERT INTO "+upper+".BORN VALUES (1)", "RENAME TABLE "+upper+".BORN TO "+upper+".Second", "INSERT INTO "+upper+".SECOND VALUES (2)",
				"CREATE TABLE "+upper+".Gone LIKE "+upper+".second", "DROP TABLE "+upper+".GONE", "CREATE INDEX i ON "+upper+".Orders (n)",
				"INSERT INTO "+upper+".Skipped VALUES (1)", "INSERT INTO "+upper+".ROUTED VALUES (2)", "ALTER TABLE "+upper+".routed ADD COLUMN w INT",
				"INSERT INTO "+upper+".K VALUES ('end')")
			f.appliedRow("end", 1)
			f.stop()
			f.start()
			f.caughtUp()
			mustExec(t, f.sdb, "DELETE FROM "+upper+".SECOND WHERE id=1", "INSERT INTO "+upper+".K VALUES ('restarted')")
			f.appliedRow("restarted", 1)
			list, err := compare.List(t.Context(), f.sdb, schema)
			if err != nil {
				t.Fatal(err)
			}
			var pairs []compare.Table
			for _, p := range list {
				switch p.SourceTable {
				case "skipped":
					continue
				case "routed":
					p.TargetTable = "elsewhere"
				}
				pairs = append(pairs, p)
			}
			res, err := compare.Tables(t.Context(), f.sdb, f.tdb, pairs)
			if err != nil || len(res) != 4 {
				t.Fatalf("%d tables, %v", len(res), err)
			}
			for _, x := range res {
				if x.Differences != 0 || x.TargetRows == 0 {
					t.Errorf("%s: %d rows, %d differences %v", x.SourceTable, x.TargetRows, x.Differences, x.Sample)
				}
			}
			var n int
			if err := f.tdb.QueryRow("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema=?", schema).Scan(&n); err != nil || n != 4 {
				t.Errorf("%d tables in the target, %v", n, err)
			}
			f.stop()
		})
	}
}

// TestLowerCaseTableNamesChange: the source is started with another setting.
func TestLowerCaseTableNamesChange(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MariaDB), servers.ForTest(t, servers.TiDB)
	f := follow(t, src, dst, "changing")
	if err := src.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := src.Restart(t.Context(), "--lower-case-table-names=1"); err != nil {
		t.Fatal(err)
	}
	e := f.ends(61300)
	if !strings.Contains(e.Message, "is 1, and was 0") {
		t.Errorf("%v", e)
	}
	f.from(src)
	f.refused(61300)
	if err := src.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := src.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.from(src)
	f.write("INSERT INTO {d}.k VALUES ('back')")
	f.start()
	f.appliedRow("back", 1)
	f.stop()
}
