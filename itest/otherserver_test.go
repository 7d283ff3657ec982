package itest

import (
	"fmt"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// TestAnotherServer: ALTER SOURCE names another server by mistake. CHECK and START
// say so, nothing of it is applied, and the former server goes on.
func TestAnotherServer(t *testing.T) {
	r := theRig(t)
	other := servers.ForTest(t, servers.MySQL)
	must(t, run(t.Context(), other, "CREATE USER repl@'%' IDENTIFIED BY '"+sourcePassword+"'",
		"GRANT SELECT, RELOAD, LOCK TABLES, SHOW VIEW, REPLICATION SLAVE, REPLICATION CLIENT, XA_RECOVER_ADMIN ON *.* TO repl@'%'",
		"CREATE DATABASE mistaken", "CREATE TABLE mistaken.t (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO mistaken.t VALUES (1,'right')"))
	for i := range 20 {
		must(t, run(t.Context(), other, fmt.Sprintf("UPDATE mistaken.t SET v='WRONG %d'", i)))
	}
	s := r.newStream(t, r.sources[servers.MySQL], "mistaken", "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO t VALUES (1,'right')")
	s.replicate()
	s.exec("INSERT INTO t VALUES (2,'right')")
	s.caughtUp()
	stop := func() {
		t.Helper()
		must(t, r.nodes.Exec(t.Context(), "STOP MIGRATION "+s.name))
		s.until(caughtLimit, "it stands", func(row node.Row) bool { return row["Status"] == "STOPPED" })
	}
	stop()
	must(t, r.nodes.Exec(t.Context(), fmt.Sprintf("ALTER SOURCE mistaken SOURCE_PORT=%d", other.Port)))
	checks, err := r.nodes.Query(t.Context(), "CHECK MIGRATION "+s.name)
	must(t, err)
	said := ""
	for _, c := range checks {
		if c["Check_Id"] == "source.history" && c["Severity"] == "ERROR" && c["Blocks"] == "START" {
			said = c["Finding"]
		}
	}
	if !strings.Contains(said, "lacks transactions that this channel has applied: ") {
		t.Errorf("CHECK says %q", said)
	}
	if err := r.nodes.Exec(t.Context(), "START MIGRATION "+s.name); err == nil || !strings.Contains(err.Error(), "source.history") {
		t.Errorf("START: %v", err)
	}
	must(t, r.nodes.Exec(t.Context(), fmt.Sprintf("ALTER SOURCE mistaken SOURCE_PORT=%d", s.server.Port)))
	s.exec("INSERT INTO t VALUES (3,'right')")
	s.start()
	s.equal()
}
