package gateway

import (
	"fmt"
	"testing"
	"time"

	"sluice/gateway/catalog"
	"sluice/itest/lab/servers"
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
	began = time.Now()
	if got := c.ok("START MIGRATION ALL"); got != count {
		t.Errorf("START MIGRATION ALL set %d running, want %d", got, count)
	}
	took := time.Since(began)
	t.Logf("START MIGRATION ALL took %s", took.Round(time.Millisecond))
	if took > limit {
		t.Errorf("START MIGRATION ALL took %s, want %s at most", took, limit)
	}
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM sluice_meta.channels WHERE desired='RUNNING'"); got != fmt.Sprint(count) {
		t.Errorf("%s channels are to run, want %d", got, count)
	}
}
