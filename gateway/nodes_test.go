package gateway

import (
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
)

// TestChannelsMove takes a channel from node to node: by MOVE, by DRAIN, and by
// the end of its node. Every row has to arrive.
func TestChannelsMove(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)")
	n1 := start(t, testConfig(t, store, "n1"))
	n2 := start(t, testConfig(t, store, "n2"))
	c := n1.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL PHASE='REPLICATE' TIMEOUT 60")

	from := c.one("SHOW MIGRATION CHANNELS")["Node"]
	nodes := map[string]*testNode{"n1": n1, "n2": n2}
	to := map[string]string{"n1": "n2", "n2": "n1"}[from]
	insert := func(id string) {
		t.Helper()
		exec(t, src, "INSERT INTO a.t VALUES ("+id+")")
		c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 30")
	}
	on := func(node string) {
		t.Helper()
		until(t, "the channel runs on "+node, 15*time.Second, func() bool {
			return c.one("SHOW MIGRATION CHANNELS")["Node"] == node && c.one("SHOW MIGRATIONS")["Status"] == "RUNNING"
		})
	}
	insert("1")
	if c.ok("MOVE CHANNEL 'm' TO NODE "+to) != 1 {
		t.Error("MOVE changed nothing")
	}
	on(to)
	insert("2")
	if c.ok("DRAIN NODE "+to) != 1 {
		t.Error("DRAIN changed nothing")
	}
	on(from)
	insert("3")
	until(t, "the node is drained", 10*time.Second, func() bool {
		return c.one("SHOW NODES WHERE Node = '" + to + "'")["Status"] == "DRAINED"
	})
	if w := c.one("SHOW WORKERS WHERE Node = '" + to + "'"); w["Role"] != "DRAINING" {
		t.Errorf("SHOW WORKERS: %v", w)
	}
	c.ok("UNDRAIN NODE " + to)

	// Answers are the same on every node.
	a, b := n1.admin(t), n2.admin(t)
	for _, q := range []string{"SHOW CREATE MIGRATION m", "SELECT migration, phase, status, desired, sources FROM sluice.migrations", "SHOW SOURCES"} {
		if x, y := a.rows(q), b.rows(q); len(x) != 1 || len(y) != 1 || !sameRow(x[0], y[0]) {
			t.Errorf("%s: %v on n1, %v on n2", q, x, y)
		}
	}
	// KILL of another node's connection says where to go.
	other := n2.admin(t).one("SELECT CONNECTION_ID() AS id")["id"]
	if message := n1.admin(t).fails(1235, "KILL "+other); !strings.Contains(message, n2.AdminAddr()) {
		t.Errorf("KILL: %s", message)
	}

	// The node that runs the channel ends in order: the other one takes over.
	c = nodes[to].admin(t)
	if took := nodes[from].end(t); took > 10*time.Second || nodes[from].err != nil {
		t.Errorf("the node took %s to stop: %v", took, nodes[from].err)
	}
	on(to)
	insert("4")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM a.t"); got != "4" {
		t.Errorf("the target has %s rows", got)
	}
	if got := c.one("SHOW NODES WHERE Node = '" + from + "'")["State"]; got != "left" {
		t.Errorf("the node that ended is %s", got)
	}
	kinds := map[string]int{}
	for _, e := range c.rows("SHOW MIGRATION EVENTS") {
		kinds[e["Kind"]]++
	}
	if kinds["CLAIMED"] != 4 || kinds["RELEASED"] != 3 {
		t.Errorf("events: %v", kinds)
	}
}

func sameRow(a, b row) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// TestSilentNode checks what is shown of a node that is not heard of any more.
func TestSilentNode(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok("CREATE SOURCE s SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
	c.ok("CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(a)")
	// A node that claimed the channel and then was cut off a moment ago: its
	// heartbeat is old, and not yet old enough to claim.
	exec(t, store, `INSERT INTO sluice_meta.nodes (node, incarnation, started_at, heartbeat)
  VALUES ('ghost', 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL 4 SECOND)`,
		"UPDATE sluice_meta.channels SET owner = 'ghost', owner_incarnation = 1, epoch = 1, desired = 'RUNNING', status = 'RUNNING', phase = 'COPY'")
	c.db.SetMaxOpenConns(1)
	until(t, "the channel of the silent node is RETRYING", 5*time.Second, func() bool {
		return c.one("SHOW MIGRATIONS")["Status"] == "RETRYING"
	})
	w := c.rows("SHOW WARNINGS")
	if len(w) != 1 || w[0]["Code"] != "61020" || !strings.Contains(w[0]["Message"], "node ghost") {
		t.Errorf("SHOW WARNINGS: %v", w)
	}
}

// TestDrainedClusterWaits checks that a channel says so when no node takes it.
func TestDrainedClusterWaits(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("DRAIN NODE n1")
	if w := c.rows("SHOW WARNINGS"); len(w) != 1 || w[0]["Level"] != "Warning" || !strings.Contains(w[0]["Message"], "all migrations wait") {
		t.Errorf("after the last node was drained: %v", w)
	}
	until(t, "the node is drained", 5*time.Second, func() bool { return c.one("SHOW NODES")["Status"] != "UP" })
	c.ok("START MIGRATION m")
	if row := c.one("SHOW MIGRATIONS"); row["Status"] != "WAITING" || row["Next_Step"] != "SHOW NODES" {
		t.Errorf("with no node that takes channels: %v", row)
	}
	if text := c.fails(61030, "WAIT FOR MIGRATION m UNTIL PHASE='REPLICATE' TIMEOUT 1"); !strings.Contains(text, "UNDRAIN NODE") {
		t.Errorf("the remedy of a wait for a channel that no node takes: %s", text)
	}
	if r := c.one("WAIT FOR MIGRATION m UNTIL PHASE='REPLICATE' TIMEOUT 0 ON TIMEOUT RETURN"); r["Reached"] != "0" {
		t.Errorf("WAIT FOR .. ON TIMEOUT RETURN: %v", r)
	}
	c.ok("UNDRAIN NODE n1")
	c.one("WAIT FOR MIGRATION m UNTIL PHASE='REPLICATE' TIMEOUT 30")
}

// TestNodesAreForgotten takes a node that left and one that died through what is shown
// of them, what may be asked of them, and REMOVE NODE.
func TestNodesAreForgotten(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	n1, n2 := start(t, testConfig(t, store, "n1")), start(t, testConfig(t, store, "n2"))
	c := n1.admin(t)
	c.ok("CREATE SOURCE s SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
	c.ok("CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(a)")
	until(t, "both nodes are alive", 10*time.Second, func() bool { return len(c.rows("SHOW NODES WHERE State='alive' AND Status='UP'")) == 2 })
	if text := c.fails(61006, "REMOVE NODE n2"); !strings.Contains(text, "n2 is alive") {
		t.Errorf("REMOVE NODE of a live node: %s", text)
	}
	c.fails(61002, "REMOVE NODE n3")
	n2.end(t)
	// One that died: nobody hears of it, and its heartbeat is old.
	exec(t, store, `INSERT INTO sluice_meta.nodes (node, incarnation, gossip_addr, started_at, heartbeat)
  VALUES ('dead', 3, '127.0.0.1:1', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL 20 SECOND)`,
		"UPDATE sluice_meta.channels SET pinned='dead'")
	until(t, "both are shown as down", 10*time.Second, func() bool {
		left, dead := c.rows("SHOW NODES WHERE Node='n2'"), c.rows("SHOW NODES WHERE Node='dead'")
		return len(left) == 1 && len(dead) == 1 && left[0]["State"] == "left" && dead[0]["State"] == "dead" &&
			left[0]["Status"] == "DOWN" && dead[0]["Status"] == "DOWN"
	})
	for _, node := range []string{"n2", "dead"} {
		for _, stmt := range []string{"DRAIN NODE " + node, "MOVE CHANNEL 'm' TO NODE " + node} {
			if text := c.fails(61022, stmt); !strings.Contains(text, "REMOVE NODE `"+node+"`") {
				t.Errorf("%s: %s", stmt, text)
			}
		}
		if c.ok("REMOVE NODE "+node) != 1 {
			t.Errorf("REMOVE NODE %s changed nothing", node)
		}
		until(t, node+" is forgotten", 5*time.Second, func() bool { return len(c.rows("SHOW NODES WHERE Node='"+node+"'")) == 0 })
		c.fails(61002, "REMOVE NODE "+node)
	}
	if got := rowsOf(t, store, "SELECT pinned FROM sluice_meta.channels"); got != "" {
		t.Errorf("the channel is still to move to %q", got)
	}
	// A drained node that stops is still drained when it comes back.
	n3 := start(t, testConfig(t, store, "n3"))
	until(t, "the third node is alive", 10*time.Second, func() bool { return len(c.rows("SHOW NODES WHERE Node='n3' AND State='alive'")) == 1 })
	c.ok("DRAIN NODE n3")
	until(t, "it is drained", 10*time.Second, func() bool { return len(c.rows("SHOW NODES WHERE Node='n3' AND Status='DRAINED'")) == 1 })
	n3.end(t)
	until(t, "it left, drained", 10*time.Second, func() bool {
		return len(c.rows("SHOW NODES WHERE Node='n3' AND State='left' AND Status='DRAINED'")) == 1
	})
	c.ok("UNDRAIN NODE n3")
	until(t, "it is down", 5*time.Second, func() bool { return len(c.rows("SHOW NODES WHERE Node='n3' AND Status='DOWN'")) == 1 })
	// A process whose row was removed ends.
	n4 := start(t, testConfig(t, store, "n4"))
	until(t, "the fourth node is alive", 10*time.Second, func() bool { return len(c.rows("SHOW NODES WHERE Node='n4' AND State='alive'")) == 1 })
	exec(t, store, "DELETE FROM sluice_meta.nodes WHERE node='n4'")
	select {
	case <-n4.done:
	case <-time.After(20 * time.Second):
		t.Error("a node whose row is gone goes on")
	}
}
