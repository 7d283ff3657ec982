package source_test

import (
	"strings"
	"testing"

	"sluice/itest/lab/servers"
)

// TestCascadesInBinlog: what Facts says about foreign keys is what the server
// does. The child's row is deleted by a cascade; the binlog has an event of it
// or has none (MariaDB writes the child's table map all the same).
func TestCascadesInBinlog(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		src, db := open(t, config(s)), writer(t, s)
		exec(t, db, "CREATE DATABASE d", "CREATE TABLE d.p (id INT PRIMARY KEY)",
			"CREATE TABLE d.c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES d.p (id) ON DELETE CASCADE)",
			"INSERT INTO d.p VALUES (1)", "INSERT INTO d.c VALUES (1, 1)", "FLUSH BINARY LOGS", "DELETE FROM d.p")
		end, err := src.BinlogEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.QueryContext(t.Context(), "SHOW BINLOG EVENTS IN '"+end.File+"'")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		tables := map[string]string{} // by "table_id: n"
		deleted := map[string]bool{}
		for rows.Next() {
			var name, pos, kind, server, next, info string
			if err := rows.Scan(&name, &pos, &kind, &server, &next, &info); err != nil {
				t.Fatal(err)
			}
			id := strings.Join(strings.Fields(info)[:min(2, len(strings.Fields(info)))], " ")
			if kind == "Table_map" {
				tables[id] = info[strings.Index(info, "("):]
			} else if strings.HasPrefix(kind, "Delete_rows") {
				deleted[tables[id]] = true
			}
		}
		parent, child := deleted["(d.p)"], deleted["(d.c)"]
		if rows.Err() != nil || !parent || child == src.Facts().NativeForeignKeys {
			t.Errorf("parent %v and child %v are in the binlog, native foreign keys %v, %v", parent, child, src.Facts().NativeForeignKeys, rows.Err())
		}
	})
}
