package gateway

import (
	"fmt"
	"testing"
	"time"

	"sluice/gateway/apply"
	"sluice/gateway/catalog"
	"sluice/itest/lab/servers"
	"sluice/replica"
)

// TestStartAllIsQuick starts 600 small migrations with one statement. The node takes
// no channels meanwhile: the statement is measured, and not what it sets going.
func TestStartAllIsQuick(t *testing.T) {
	const count, limit = 600, 15 * time.Second
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MySQL)
	db, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok("DRAIN NODE n1")
	c.ok(sourceSQL("src", src))
	began := time.Now()
	for i := range count {
		for _, stmt := range []string{"CREATE DATABASE s%d", "CREATE TABLE s%d.t (id INT PRIMARY KEY, v VARCHAR(20))"} {
			if _, err := db.ExecContext(t.Context(), fmt.Sprintf(stmt, i)); err != nil {
				t.Fatal(err)
			}
		}
		spec := catalog.Spec{Sources: []string{"src"}, DoDB: []string{fmt.Sprintf("s%d", i)}}
		if _, _, err := n.services.catalog.CreateMigration(t.Context(), fmt.Sprintf("m%d", i), spec, false, "test"); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d migrations made in %s", count, time.Since(began).Round(time.Millisecond))
	startAll(t, c, count, "new ones")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM sluice_meta.channels WHERE desired='RUNNING'"); got != fmt.Sprint(count) {
		t.Errorf("%s channels are to run, want %d", got, count)
	}

	// Again, as channels that have a position: their history is looked at, too.
	var executed string
	if err := db.QueryRowContext(t.Context(), "SELECT REPLACE(@@GLOBAL.gtid_executed, CHAR(10), '')").Scan(&executed); err != nil {
		t.Fatal(err)
	}
	pos, err := replica.GTIDPosition(replica.ModeGTID, executed)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.ok("STOP MIGRATION ALL"); got != count {
		t.Errorf("STOP MIGRATION ALL stopped %d, want %d", got, count)
	}
	tdb, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer tdb.Close()
	if err := apply.EnsureMeta(t.Context(), tdb); err != nil {
		t.Fatal(err)
	}
	if _, err := tdb.ExecContext(t.Context(), "INSERT INTO sluice_meta.lanes SELECT channel, 0, 0, 0, ?, '' FROM sluice_meta.channels", pos.String()); err != nil {
		t.Fatal(err)
	}
	startAll(t, c, count, "those that have a position")
}

// startAll starts all migrations. On a machine that is free it has 15 s for that. On one
// that is busy, whatever one START takes alone, all take a fifth of as many times that.
func startAll(t *testing.T, c *client, count int64, which string) {
	t.Helper()
	began := time.Now()
	const alone = 5
	for i := range alone {
		c.ok(fmt.Sprintf("START MIGRATION m%d", i))
	}
	limit := max(15*time.Second, time.Since(began)/alone*time.Duration(count)/5)
	began = time.Now()
	if got := c.ok("START MIGRATION ALL"); got != count-alone {
		t.Errorf("START MIGRATION ALL of %s set %d running, want %d", which, got, count-alone)
	}
	took := time.Since(began)
	t.Logf("START MIGRATION ALL of %s took %s, with a limit of %s", which, took.Round(time.Millisecond), limit.Round(time.Millisecond))
	if took > limit {
		t.Errorf("START MIGRATION ALL of %s took %s, want %s at most", which, took, limit)
	}
}
