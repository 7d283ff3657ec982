package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
)

// TestStoreOutage stops the store under a node with a running channel: the node
// says so, stays, and goes on by itself.
func TestStoreOutage(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)", "INSERT INTO a.t VALUES (1)")
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	n.remembers(t)
	if err := store.Stop(); err != nil {
		t.Fatal(err)
	}
	c.db.SetMaxOpenConns(1) // SHOW WARNINGS is about the same session
	c.one("SHOW MIGRATIONS")
	if w := c.rows("SHOW WARNINGS"); len(w) == 0 || w[0]["Code"] != "61021" {
		t.Errorf("without a store SHOW MIGRATIONS warns of %v", w)
	}
	if text := c.fails(61021, "STOP MIGRATION m"); !strings.Contains(text, "nothing was changed") {
		t.Errorf("without a store STOP MIGRATION says: %s", text)
	}
	until(t, "the node is not ready", 10*time.Second, func() bool { code, _ := get(t, n.HTTPAddr(), "/readyz"); return code == 503 })
	if code, _ := get(t, n.HTTPAddr(), "/healthz"); code != 200 {
		t.Errorf("/healthz without a store: %d", code)
	}
	exec(t, src, "INSERT INTO a.t VALUES (2)")
	if err := store.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the store is read again", 10*time.Second, func() bool {
		_, err := c.query("SHOW MIGRATIONS")
		return err == nil && len(c.rows("SHOW WARNINGS")) == 0
	})
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM a.t"); got != "2" {
		t.Errorf("the target has %s rows", got)
	}
	until(t, "no error is open", 15*time.Second, func() bool {
		row := c.one("SHOW MIGRATIONS")
		return row["Errors"] == "0" && row["Status"] == "RUNNING"
	})

	// Told to stop while the store is away it still ends in time.
	if err := store.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := n.end(t); took > 10*time.Second {
		t.Errorf("without a store the node took %s to stop", took)
	}
	if err := store.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestRotation gives a running channel's account another password: the channel
// goes on with the secret's new value without a START.
func TestRotation(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)",
		"CREATE USER repl IDENTIFIED BY 'old-one'", "GRANT ALL ON *.* TO repl")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok("CREATE SECRET pw PASSWORD 'old-one'")
	c.ok(fmt.Sprintf("CREATE SOURCE src SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='repl', SOURCE_PASSWORD=SECRET pw", src.Host, src.Port))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	if c.ok("ALTER SECRET pw PASSWORD 'new-one'") != 1 {
		t.Error("ALTER SECRET changed nothing")
	}
	exec(t, src, "ALTER USER repl IDENTIFIED BY 'new-one'", "KILL USER repl", "INSERT INTO a.t VALUES (1)")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM a.t"); got != "1" {
		t.Errorf("the target has %s rows", got)
	}
	if epoch := c.one("SHOW MIGRATION CHANNELS")["Epoch"]; epoch != "1" {
		t.Errorf("the channel was given up: epoch %s", epoch)
	}
}

// TestStateIsYoungAfterAnOutage: what a node would show in the next outage is read again
// as soon as the store answers. A look that waited for the store once made it wait for
// fifty times as long.
func TestStateIsYoungAfterAnOutage(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok("CREATE SOURCE s SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
	n.remembers(t)
	if err := store.Stop(); err != nil {
		t.Fatal(err)
	}
	until(t, "the store has been silent for 5 s", 15*time.Second, func() bool { return n.services.pulse.silence() > 5*time.Second })
	if err := store.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the store answers", 15*time.Second, func() bool { return n.services.pulse.silence() == 0 })
	back := time.Now()
	read := func(what string) time.Time {
		k, _ := n.controller.memory.get(what)
		return k.at
	}
	until(t, "everything is read again", 6*time.Second, func() bool {
		return read("migrations").After(back) && read("channels").After(back) && read("sources").After(back) && read("operations").After(back)
	})
	for range 2 { // and again, at the usual pace
		last := read("operations")
		until(t, "it is read once more", 4*time.Second, func() bool { return read("operations").After(last) })
	}
}

func TestPaceOfLooks(t *testing.T) {
	for _, x := range []struct {
		name string
		took []time.Duration
		fail int // of them, the first ones
		want time.Duration
	}{
		{"a small store", []time.Duration{2 * time.Millisecond}, 0, knowLeast},
		{"a store that is away", []time.Duration{1200 * time.Millisecond, 1200 * time.Millisecond}, 2, knowLeast},
		{"one that was away", []time.Duration{5 * time.Millisecond, 1200 * time.Millisecond}, 0, knowLeast},
		{"one that is slow at first", []time.Duration{900 * time.Millisecond, 5 * time.Millisecond}, 0, knowLeast},
		{"a large one", []time.Duration{100 * time.Millisecond, 120 * time.Millisecond, 110 * time.Millisecond}, 0, 5 * time.Second},
		{"a huge one", []time.Duration{time.Second, time.Second, time.Second}, 0, knowMost},
	} {
		var p pace
		var got time.Duration
		for i, d := range x.took {
			got = p.after(d, i >= x.fail)
		}
		if got != x.want {
			t.Errorf("%s: the pause is %s, want %s", x.name, got, x.want)
		}
	}
}
