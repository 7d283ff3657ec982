package itest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// TestNotKnownIsNull: a stopped migration does not say that nothing is missing.
func TestNotKnownIsNull(t *testing.T) {
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := r.newStream(t, r.sources[kind], "unknown_"+string(kind), "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
			s.replicate()
			s.caughtUp()
			s.until(caughtLimit, "nothing is missing", func(row node.Row) bool { return row["Gtid_Missing_Count"] == "0" })
			must(t, r.nodes.Exec(t.Context(), "STOP MIGRATION "+s.name))
			s.until(caughtLimit, "it stands", func(row node.Row) bool { return row["Status"] == "STOPPED" })
			s.exec("INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3)")
			row := s.until(caughtLimit, "it stands", func(row node.Row) bool { return row["Status"] == "STOPPED" })
			channel, err := r.nodes.Channel(t.Context(), s.name)
			must(t, err)
			for _, column := range []string{"Gtid_Missing_Count", "Source_Gtid_Set", "Seconds_Behind_Source"} {
				if v, ok := row[column]; ok {
					t.Errorf("%s is %q", column, v)
				}
			}
			for _, column := range []string{"Lag_Bytes", "Binlog_Expires_In", "Seconds_Behind_Source"} {
				if v, ok := channel[column]; ok {
					t.Errorf("%s of the channel is %q", column, v)
				}
			}
			if row["Executed_Gtid_Set"] == "" {
				t.Errorf("what is applied is known: %v", row)
			}
			s.start()
			s.equal()
		})
	}
}

// TestNotReadyAfterAConflict: rows of the target were not what they must be. The
// migration is not ready from then on, whatever is restarted, until all is copied
// again.
func TestNotReadyAfterAConflict(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "conflicting", "CREATE TABLE t (a INT, b VARCHAR(10), v VARCHAR(20), PRIMARY KEY (a, b))",
		"INSERT INTO t VALUES (1,'x','v'),(2,'y','v')")
	s.replicate()
	s.caughtUp()
	ready := func(want string) {
		t.Helper()
		s.until(caughtLimit, "Ready_For_Cutover is "+want, func(row node.Row) bool {
			return row["Ready_For_Cutover"] == want && row["Status"] == "RUNNING" && row["Phase"] == "REPLICATE" && row["Seconds_Behind_Source"] != ""
		})
	}
	stop := func() {
		t.Helper()
		must(t, r.nodes.Exec(t.Context(), "STOP MIGRATION "+s.name))
		s.until(caughtLimit, "it stands", func(row node.Row) bool { return row["Status"] == "STOPPED" })
	}
	ready("Yes")
	_, err := s.to.ExecContext(t.Context(), "INSERT INTO conflicting.t VALUES (9,'only','secret value')")
	must(t, err)
	s.exec("INSERT INTO t VALUES (9,'only','right')")
	row := s.until(caughtLimit, "it stops", func(row node.Row) bool { return row["Status"] == "ERROR" })
	if row["Last_Errno"] != "61052" || !strings.Contains(row["Remedy"], "(`a`, `b`)") || !strings.Contains(row["Remedy"], "only the target has") {
		t.Errorf("%s %s", row["Last_Errno"], row["Remedy"])
	}
	if text := row["Last_Error"] + row["Remedy"]; strings.Contains(text, "secret") {
		t.Errorf("a value is named: %s", text)
	}
	// The row is repaired by hand: nothing says that others do not differ.
	_, err = s.to.ExecContext(t.Context(), "DELETE FROM conflicting.t WHERE a=9")
	must(t, err)
	must(t, r.nodes.Exec(t.Context(), "START MIGRATION "+s.name))
	s.caughtUp()
	ready("No")
	checks, err := r.nodes.Query(t.Context(), "CHECK MIGRATION "+s.name)
	must(t, err)
	said := false
	for _, c := range checks {
		said = said || c["Check_Id"] == "target.diverged" && c["Severity"] == "WARNING" && c["Object"] == "conflicting.t"
	}
	if !said {
		t.Errorf("CHECK does not say it: %v", checks)
	}
	// With REPLACE it goes on by itself, and is as little ready, under another owner too.
	stop()
	must(t, r.nodes.Exec(t.Context(), "RESET MIGRATION "+s.name))
	_, err = s.to.ExecContext(t.Context(), "DROP TABLE conflicting.t")
	must(t, err)
	must(t, r.nodes.Exec(t.Context(), "ALTER MIGRATION "+s.name+" SET on_conflict=REPLACE"))
	s.start()
	s.caughtUp()
	ready("Yes")
	_, err = s.to.ExecContext(t.Context(), "DELETE FROM conflicting.t WHERE a=1")
	must(t, err)
	s.exec("UPDATE t SET v='new' WHERE a=1")
	s.caughtUp()
	ready("No")
	owner := s.owner()
	must(t, owner.Kill())
	s.until(time.Minute, "another node owns it", func(row node.Row) bool { return row["Status"] == "RUNNING" && row["Phase"] == "REPLICATE" })
	ready("No")
	must(t, owner.Restart(t.Context()))
	s.equal()
	stop()
	s.start()
	ready("No")
}

// TestDroppedTable: a target table that somebody drops or alters, and makes again without its rows, leaves the migration not
// ready for a cutover.
func TestDroppedTable(t *testing.T) {
	r := theRig(t)
	for name, c := range map[string]struct{ gone, again, code string }{
		"dropped":        {"DROP TABLE dropped.t", "CREATE TABLE dropped.t (id INT PRIMARY KEY, v INT)", "1146"},
		"altered":        {"ALTER TABLE altered.t DROP COLUMN v", "ALTER TABLE altered.t ADD COLUMN v INT", "1054"},
		"dropped_before": {"DROP TABLE dropped_before.t", "CREATE TABLE dropped_before.t (id INT PRIMARY KEY, v INT)", "61093"},
	} {
		t.Run(name, func(t *testing.T) {
			s := r.newStream(t, r.sources[servers.MySQL], name, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 1)")
			s.replicate()
			s.exec("INSERT INTO t VALUES (2, 2)")
			s.caughtUp()
			if c.code == "61093" {
				must(t, r.nodes.Exec(t.Context(), "STOP MIGRATION "+s.name))
				s.until(caughtLimit, "it stands", func(row node.Row) bool { return row["Status"] == "STOPPED" })
			}
			_, err := s.to.ExecContext(t.Context(), c.gone)
			must(t, err)
			s.exec("INSERT INTO t VALUES (3, 3)")
			if c.code == "61093" {
				checks, err := r.nodes.Query(t.Context(), "CHECK MIGRATION "+s.name)
				must(t, err)
				if !slices.ContainsFunc(checks, func(c node.Row) bool { return c["Check_Id"] == "target.missing" && c["Object"] == s.name+".t" }) {
					t.Errorf("CHECK does not say that the table is gone: %v", checks)
				}
				must(t, r.nodes.Exec(t.Context(), "START MIGRATION "+s.name))
			}
			row := s.until(caughtLimit, "it stops", func(row node.Row) bool { return row["Status"] == "ERROR" })
			if row["Last_Errno"] != c.code {
				t.Errorf("error %s %s", row["Last_Errno"], row["Last_Error"])
			}
			_, err = s.to.ExecContext(t.Context(), c.again)
			must(t, err)
			must(t, r.nodes.Exec(t.Context(), "START MIGRATION "+s.name))
			s.caughtUp()
			s.until(caughtLimit, "it is not ready", func(row node.Row) bool { return row["Status"] == "RUNNING" && row["Ready_For_Cutover"] == "No" })
		})
	}
}

// TestTableThatNobodyWrites: a target table that was dropped, and that the source does not write, makes the migration not
// ready, too. One that the source dropped does not.
func TestTableThatNobodyWrites(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "unwritten", "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)",
		"CREATE TABLE v (id INT PRIMARY KEY)", "INSERT INTO u VALUES (1)")
	s.replicate()
	s.exec("DROP TABLE v", "INSERT INTO t VALUES (1)")
	s.caughtUp()
	s.until(caughtLimit, "it is ready", func(row node.Row) bool { return row["Ready_For_Cutover"] == "Yes" })
	must(t, r.nodes.Exec(t.Context(), "STOP MIGRATION "+s.name))
	s.until(caughtLimit, "it stands", func(row node.Row) bool { return row["Status"] == "STOPPED" })
	_, err := s.to.ExecContext(t.Context(), "DROP TABLE unwritten.u")
	must(t, err)
	must(t, r.nodes.Exec(t.Context(), "START MIGRATION "+s.name))
	s.until(caughtLimit, "it is not ready", func(row node.Row) bool {
		return row["Status"] == "RUNNING" && row["Ready_For_Cutover"] == "No" && strings.Contains(row["Next_Step"], "CHECK MIGRATION")
	})
	events, err := r.nodes.Query(t.Context(), "SHOW MIGRATION EVENTS FOR MIGRATION "+s.name)
	must(t, err)
	said := 0
	for _, e := range events {
		if e["Kind"] == "CONFLICT" {
			said++
			if !strings.Contains(e["Message"], "unwritten.u") {
				t.Errorf("an event about another table: %v", e)
			}
		}
	}
	if said != 1 {
		t.Errorf("%d events say that the table is gone", said)
	}
	_, err = s.to.ExecContext(t.Context(), "CREATE TABLE unwritten.u (id INT PRIMARY KEY)")
	must(t, err)
	s.exec("INSERT INTO t VALUES (2)")
	s.caughtUp()
	s.until(caughtLimit, "it stays so", func(row node.Row) bool { return row["Ready_For_Cutover"] == "No" })
}
