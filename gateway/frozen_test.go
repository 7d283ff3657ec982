package gateway

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
)

// How long a statement may take while the store is frozen, with room for a busy
// machine.
const (
	frozenRead   = 3 * time.Second
	frozenChange = 6 * time.Second
)

// freeze stops a server's process in its tracks until the returned function is
// called, or the test ends.
func freeze(t *testing.T, s *servers.Server) (thaw func()) {
	t.Helper()
	pid := s.PID()
	if pid == 0 {
		t.Fatalf("%s does not run", s.Kind)
	}
	signal := func(sig syscall.Signal) {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatalf("signal %s: %v", s.Kind, err)
		}
	}
	signal(syscall.SIGSTOP)
	thaw = func() { signal(syscall.SIGCONT) }
	t.Cleanup(thaw)
	return thaw
}

// remembers waits until the node has read by itself what is so now.
func (n *testNode) remembers(t *testing.T) {
	t.Helper()
	for range 2 { // a round that began before may not have seen all
		since := time.Now()
		until(t, "the node has read the state by itself", 30*time.Second, func() bool {
			k, ok := n.controller.memory.get("operations") // the last of a round
			return ok && k.at.After(since)
		})
	}
}

// refused says a statement that must fail because of the store, in time, and
// returns the error's text.
func (c *client) refused(statement string) string {
	c.t.Helper()
	began := time.Now()
	text := c.fails(61021, statement)
	if took := time.Since(began); took > frozenChange {
		c.t.Errorf("%s took %s to fail", statement, took)
	}
	if !strings.Contains(text, "Remedy: ") || !strings.Contains(text, "does not answer") {
		c.t.Errorf("%s: %s", statement, text)
	}
	return text
}

// running is a node with a migration m of one table a.t that has caught up.
func running(t *testing.T) (store, src *servers.Server, n *testNode, c *client) {
	store, src = servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)", "INSERT INTO a.t VALUES (1)")
	n = start(t, testConfig(t, store, "n1"))
	c = n.admin(t)
	c.db.SetMaxOpenConns(1) // SHOW WARNINGS is about the same session
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	return store, src, n, c
}

// TestFrozenStore freezes the store under a node that nobody asked anything
// before: it shows what it knew last, refuses changes in time, makes none of
// them when the store wakes, and goes on.
func TestFrozenStore(t *testing.T) {
	store, src, n, c := running(t)
	n.remembers(t)
	thaw := freeze(t, store)

	for _, q := range []string{"SHOW MIGRATIONS", "SHOW MIGRATION STATUS", "SHOW MIGRATION CHANNELS", "SHOW MIGRATION TABLES", "SHOW WORKERS",
		"SHOW NODES", "SHOW SOURCES", "SHOW TARGETS", "SHOW SECRETS", "SHOW MIGRATION CHECKS", "SHOW MIGRATION ERRORS", "SHOW MIGRATION EVENTS",
		"SHOW OPERATIONS", "SHOW REPLICA STATUS", "SHOW PROCESSLIST", "SHOW CREATE MIGRATION m", "SHOW CREATE SOURCE src",
		"SELECT migration, phase FROM sluice.migrations"} {
		began := time.Now()
		rows := c.rows(q)
		if took := time.Since(began); took > frozenRead {
			t.Errorf("%s took %s", q, took)
		}
		if len(rows) == 0 && q != "SHOW SECRETS" && q != "SHOW MIGRATION ERRORS" {
			t.Errorf("%s shows nothing", q)
		}
		w := c.rows("SHOW WARNINGS")
		if len(w) != 1 || w[0]["Code"] != "61021" || w[0]["Level"] != "Warning" || !strings.Contains(w[0]["Message"], "the store has not answered for ") ||
			q != "SHOW NODES" && !strings.Contains(w[0]["Message"], " s ago. Remedy: ") {
			t.Errorf("%s: the warnings are %v", q, w)
		}
	}
	if row := c.one("SHOW MIGRATIONS"); row["Migration"] != "m" || row["Phase"] != "REPLICATE" || row["Status"] != "RUNNING" || row["Ready_For_Cutover"] != "NULL" {
		t.Errorf("SHOW MIGRATIONS shows %v", row)
	}
	if row := c.one("SHOW WORKERS"); row["Channel_Names"] != "m" || row["State"] != "alive" {
		t.Errorf("SHOW WORKERS shows %v", row)
	}
	for _, q := range []string{"STOP MIGRATION m", "CREATE SOURCE other SOURCE_HOST='h'", "ALTER SOURCE src SOURCE_PORT=1", "DRAIN NODE n1",
		"CREATE SECRET kept PASSWORD 'x'", "RESET MIGRATION m", "DROP MIGRATION m", "START MIGRATION m"} {
		if text := c.refused(q); !strings.Contains(text, "nothing was changed") {
			t.Errorf("%s: %s", q, text)
		}
	}
	c.refused("CHECK MIGRATION m")
	c.refused("WAIT FOR MIGRATION m UNTIL STATUS='STOPPED' TIMEOUT 60")

	thaw()
	until(t, "the store is read again", 20*time.Second, func() bool {
		_, err := c.query("SHOW MIGRATIONS")
		return err == nil && len(c.rows("SHOW WARNINGS")) == 0
	})
	for _, o := range c.rows("SHOW OPERATIONS") {
		if o["Statement"] != "START MIGRATION m" && !strings.HasPrefix(o["Statement"], "CREATE MIGRATION") && !strings.HasPrefix(o["Statement"], "CREATE SOURCE src") {
			t.Errorf("what was refused is in the audit: %v", o)
		}
	}
	exec(t, src, "INSERT INTO a.t VALUES (2)")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM a.t"); got != "2" {
		t.Errorf("the target has %s rows", got)
	}
	if row := c.one("SHOW MIGRATIONS"); row["Desired"] != "RUNNING" {
		t.Errorf("the migration is %v", row)
	}
	if l := c.rows("SHOW SOURCES"); len(l) != 1 || l[0]["Port"] == "1" {
		t.Errorf("the sources are %v", l)
	}
	c.ok("STOP MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='STOPPED' TIMEOUT 30")
}

// TestFrozenMidway freezes the store while it carries out a change: the answer
// says that the outcome is not known, and the audit has the end of it once the
// store is back.
func TestFrozenMidway(t *testing.T) {
	store, _, n, c := running(t)
	db, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lock, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.ExecContext(t.Context(), "UPDATE sluice_meta.migrations SET version = version WHERE name = 'm'"); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := lock.QueryRowContext(t.Context(), "SELECT id FROM sluice_meta.migrations WHERE name = 'm' FOR UPDATE").Scan(&id); err != nil {
		t.Fatal(err)
	}
	outcome := make(chan error, 1)
	began := make(chan struct{})
	go func() {
		close(began)
		_, err := c.db.ExecContext(context.WithoutCancel(t.Context()), "STOP MIGRATION m")
		outcome <- err
	}()
	<-began
	until(t, "the statement waits for the lock", 10*time.Second, func() bool {
		return rowsOf(t, store, "SELECT state FROM sluice_meta.operations WHERE statement = 'STOP MIGRATION m'") == "RUNNING"
	})
	thaw := freeze(t, store)
	at := time.Now()
	var me *mysql.MySQLError
	if err := <-outcome; !errors.As(err, &me) || me.Number != 61021 || !strings.Contains(me.Message, "whether the statement took effect is not known") {
		t.Errorf("STOP MIGRATION says: %v", err)
	}
	if took := time.Since(at); took > frozenChange {
		t.Errorf("STOP MIGRATION took %s to fail", took)
	}
	thaw()
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	until(t, "the audit has the end", 20*time.Second, func() bool {
		return rowsOf(t, store, "SELECT state FROM sluice_meta.operations WHERE statement = 'STOP MIGRATION m'") == "FAILED"
	})
	c.ok("STOP MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='STOPPED' TIMEOUT 30")

	// Told to stop while the store is frozen the node still ends in time.
	freeze(t, store)
	if took := n.end(t); took > 10*time.Second {
		t.Errorf("with a frozen store the node took %s to stop", took)
	}
}

// TestDroppedMigration makes a migration of a dropped one's name: it has none of
// the errors, and the old events are told apart.
func TestDroppedMigration(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)",
		"CREATE USER repl IDENTIFIED BY 'right'", "GRANT ALL ON *.* TO repl")
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok(sourceSQL("src", src))
	create := "CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)"
	c.ok(create)
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	exec(t, src, "ALTER TABLE a.t ADD COLUMN g GEOMETRY")
	until(t, "an error shows", 60*time.Second, func() bool { return len(c.rows("SHOW MIGRATION ERRORS FOR MIGRATION m")) > 0 })
	id := rowsOf(t, store, "SELECT id FROM sluice_meta.migrations")
	if c.one("SHOW MIGRATIONS")["Desired"] == "RUNNING" {
		c.ok("STOP MIGRATION m")
	}
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='STOPPED' TIMEOUT 30")
	c.ok("DROP MIGRATION m")
	for _, table := range []string{"errors", "migration_checks"} {
		if n := rowsOf(t, store, "SELECT COUNT(*) FROM sluice_meta."+table+" WHERE migration_id = '"+id+"'"); n != "0" {
			t.Errorf("%s has %s rows of the dropped migration", table, n)
		}
	}
	c.ok(create)
	if l := c.rows("SHOW MIGRATION ERRORS"); len(l) != 0 {
		t.Errorf("the new migration has errors: %v", l)
	}
	if row := c.one("SHOW MIGRATIONS"); row["Errors"] != "0" || row["Warnings"] != "0" {
		t.Errorf("the new migration is %v", row)
	}
	if l := c.rows("SHOW MIGRATION EVENTS FOR MIGRATION m"); len(l) != 0 {
		t.Errorf("the new migration has events: %v", l)
	}
	// An error that is reported late is nobody's either.
	exec(t, store, "INSERT INTO sluice_meta.errors (first_at, at, migration_id, migration, channel, errno, message, remedy, position) VALUES (NOW(), NOW(), '"+id+"', 'm', 'm', 1, 'late', '', '')")
	if l := c.rows("SHOW MIGRATION ERRORS"); len(l) != 0 {
		t.Errorf("a late error shows: %v", l)
	}
	old := "m (dropped/" + id + ")"
	l := c.rows("SHOW MIGRATION EVENTS")
	if len(l) == 0 {
		t.Error("the old events are gone")
	}
	for _, e := range l {
		if e["Migration"] != old || e["Channel_Name"] != "" && e["Channel_Name"] != old {
			t.Errorf("an event of the dropped migration is %v", e)
		}
	}
	// A new name goes with a migration's history.
	exec(t, src, "ALTER TABLE a.t DROP COLUMN g")
	c.ok("START MIGRATION m")
	until(t, "the new one has events", 20*time.Second, func() bool { return len(c.rows("SHOW MIGRATION EVENTS FOR MIGRATION m")) > 0 })
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	c.ok("ALTER MIGRATION m RENAME TO other")
	for _, e := range c.rows("SHOW MIGRATION EVENTS") {
		if e["Migration"] != old && e["Migration"] != "other" {
			t.Errorf("after the renaming an event is %v", e)
		}
	}
	if l := c.rows("SHOW MIGRATION EVENTS FOR MIGRATION other"); len(l) == 0 || l[0]["Channel_Name"] != "other" && l[0]["Channel_Name"] != "" {
		t.Errorf("the new name has events %v", l)
	}
}
