package migration

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
)

// TestNumbersOutOfOrder: MariaDB with gtid_strict_mode=0 logs what a session names
// a transaction. A number that does not grow stops the channel, at each start
// again, and nothing is applied twice; all that is in order is applied once.
func TestNumbersOutOfOrder(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MariaDB, "--gtid-strict-mode=OFF"), servers.ForTest(t, servers.TiDB)
	db := open(t, src)
	for i, x := range []struct {
		name, set string
		again     uint16 // the error of the next start
	}{
		{"lower", "SET SESSION server_id=77, gtid_seq_no=7", 61302},
		// The source itself takes this number for its newest then.
		{"lower, the same server", "SET SESSION gtid_seq_no=7", 61051},
		{"twice", "SET SESSION server_id=78, gtid_seq_no={last}", 61302},
		{"in another domain", "SET SESSION gtid_domain_id=9, gtid_seq_no=1", 61302},
	} {
		t.Run(x.name, func(t *testing.T) {
			schema := fmt.Sprintf("order_%d", i)
			f := follow(t, src, dst, schema)
			session, err := f.sdb.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			run := func(stmts ...string) {
				t.Helper()
				for _, s := range stmts {
					if _, err := session.ExecContext(t.Context(), s); err != nil {
						t.Fatalf("%s: %v", s, err)
					}
				}
			}
			// Several servers of one domain, and another domain, are no trouble.
			run("SET SESSION server_id=5", "INSERT INTO "+schema+".k VALUES ('a')", "SET SESSION server_id=6", "INSERT INTO "+schema+".k VALUES ('a')",
				"SET SESSION gtid_domain_id=9, server_id=5", "INSERT INTO "+schema+".k VALUES ('a')", "INSERT INTO "+schema+".k VALUES ('a')",
				"SET SESSION gtid_domain_id=0, server_id=DEFAULT", "INSERT INTO "+schema+".k VALUES ('a')")
			f.appliedRow("a", 5)
			f.stop()
			f.start()
			f.caughtUp()
			f.appliedRow("a", 5)
			var last int
			if err := f.sdb.QueryRow("SELECT SUBSTRING_INDEX(SUBSTRING_INDEX(@@GLOBAL.gtid_binlog_pos, ',', 1), '-', -1)").Scan(&last); err != nil {
				t.Fatal(err)
			}
			run(strings.ReplaceAll(x.set, "{last}", strconv.Itoa(last)), "INSERT INTO "+schema+".k VALUES ('odd')")
			f.ends(61302)
			for range 2 { // a STOP and START, or another owner
				f.start()
				e := f.ends(x.again)
				if e.Remedy == "" || e.Transient {
					t.Errorf("%+v", e)
				}
			}
			var n int
			if err := f.tdb.QueryRow("SELECT COUNT(*) FROM " + schema + ".k").Scan(&n); err != nil || n != 5 {
				t.Errorf("%d rows, %v", n, err)
			}
			// The remedy.
			mustExec(t, db, "SET GLOBAL gtid_strict_mode=1")
			defer mustExec(t, db, "SET GLOBAL gtid_strict_mode=0")
			f.write("UPDATE {d}.t SET v='last' WHERE id=1")
			f.cfg.Epoch++
			if err := Reset(t.Context(), f.tdb, f.cfg.Channel, f.cfg.Epoch); err != nil {
				t.Fatal(err)
			}
			f.cfg.Epoch++
			mustExec(t, f.tdb, "DROP TABLE "+schema+".k, "+schema+".t")
			f.start()
			f.caughtUp()
			f.appliedRow("odd", 1)
			f.appliedRow("a", 5)
			f.write("INSERT INTO {d}.k VALUES ('after')")
			f.appliedRow("after", 1)
			f.stop()
			f.start()
			f.caughtUp()
			f.appliedRow("after", 1)
			f.stop()
		})
	}
}
