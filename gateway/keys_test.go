package gateway

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
)

// keyRig is a store, a source with a password, and nodes that are started again
// with other keys while a migration runs.
type keyRig struct {
	t          *testing.T
	store, src *servers.Server
	dirs       map[string]string
	nodes      map[string]*testNode
	rows       int
}

func newKeyRig(t *testing.T) *keyRig {
	r := &keyRig{t: t, store: servers.ForTest(t, servers.TiDB), src: servers.ForTest(t, servers.MariaDB), dirs: map[string]string{},
		nodes: map[string]*testNode{}}
	exec(t, r.src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)", "CREATE USER repl IDENTIFIED BY 'hush-hush'",
		"GRANT ALL ON *.* TO repl")
	return r
}

// config is a node's configuration, the same at each start but for what is stated.
func (r *keyRig) config(name string, stated map[string][]string) Config {
	r.t.Helper()
	if r.dirs[name] == "" {
		r.dirs[name] = r.t.TempDir()
	}
	all := map[string][]string{"name": {name}, "store": {r.store.DSN("")}, "data-dir": {r.dirs[name]}}
	for k, v := range stated {
		all[k] = v
	}
	return statedConfig(r.t, all)
}

// restart ends the node, if it runs, and starts it.
func (r *keyRig) restart(name string, stated map[string][]string) *client {
	r.t.Helper()
	if n := r.nodes[name]; n != nil {
		n.end(r.t)
	}
	r.nodes[name] = start(r.t, r.config(name, stated))
	return r.nodes[name].admin(r.t)
}

// refused starts a node that must not start.
func (r *keyRig) refused(name string, stated map[string][]string, says ...string) {
	r.t.Helper()
	cfg := r.config(name, stated)
	cfg.Log = slog.New(slog.DiscardHandler)
	n, err := Open(r.t.Context(), cfg)
	if err == nil {
		_ = n.close(r.t.Context()) // it failed already
		r.t.Fatalf("node %s starts with %v", name, stated)
	}
	if code := ErrorCode(err); code != 61080 && code != 61082 {
		r.t.Errorf("node %s ends with error %d: %v", name, code, err)
	}
	wantError(r.t, err, append(says, "Remedy: ")...)
	wantNone(r.t, err, "hush-hush")
}

// migrate states a source with its password as a literal, and runs a migration.
func (r *keyRig) migrate(c *client) {
	r.t.Helper()
	c.ok(fmt.Sprintf("CREATE SOURCE src SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='repl', SOURCE_PASSWORD='hush-hush'", r.src.Host, r.src.Port))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	r.flows(c)
}

// flows checks that the migration goes on, after new logins of the source's
// account.
func (r *keyRig) flows(c *client) {
	r.t.Helper()
	r.rows++
	exec(r.t, r.src, "KILL USER repl", fmt.Sprintf("INSERT INTO a.t VALUES (%d)", r.rows))
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(r.t, r.store, "SELECT COUNT(*) FROM a.t"); got != fmt.Sprint(r.rows) {
		r.t.Errorf("the target has %s rows, want %d", got, r.rows)
	}
	until(r.t, "the migration runs", 15*time.Second, func() bool { return c.one("SHOW MIGRATIONS")["Status"] == "RUNNING" })
}

func key(path string) map[string][]string { return map[string][]string{"cluster-key-file": {path}} }

func keys2(path, old string) map[string][]string {
	return map[string][]string{"cluster-key-file": {path}, "old-cluster-key-file": {old}}
}

// TestKeyOfASingleNode follows the documentation: a node makes its key, gets a
// cluster key, and another one; the migration runs on. Another node with a key of
// its own, a data folder that was lost, and a key that was lost are refused by
// name.
func TestKeyOfASingleNode(t *testing.T) {
	r := newKeyRig(t)
	first, second := write(t, "first", strings.Repeat("1a2b3c4d", 8)), write(t, "second", strings.Repeat("2b3c4d5e", 8))
	r.migrate(r.restart("n1", nil))
	r.flows(r.restart("n1", nil)) // the same key

	r.refused("n2", nil, "source 'src'", "--cluster-key-file")
	if got := rowsOf(t, r.store, "SELECT COUNT(*) FROM sluice_meta.nodes WHERE node = 'n2' AND left_at IS NULL"); got != "0" {
		t.Error("the refused node stays in the cluster")
	}
	kept := r.dirs["n1"]
	r.nodes["n1"].end(t)
	r.dirs["n1"] = t.TempDir()
	r.refused("n1", nil, "source 'src'", "data folder", "--unreadable-secrets restate")
	r.refused("n1", key(first), "source 'src'")

	r.dirs["n1"] = kept
	r.flows(r.restart("n1", key(first)))
	if err := os.Remove(filepath.Join(kept, ownKeyFile)); err != nil {
		t.Fatal(err)
	}
	r.flows(r.restart("n1", key(first))) // it is needed no longer
	r.flows(r.restart("n1", keys2(second, first)))
	r.flows(r.restart("n1", key(second)))
	r.refused("n2", nil, "cluster key", "--cluster-key-file")
	r.refused("n2", key(first), "key")

	// Back to no key, with the one before.
	r.flows(r.restart("n1", map[string][]string{"old-cluster-key-file": {second}}))
	c := r.restart("n1", nil)
	r.flows(c)

	// The key is lost.
	r.nodes["n1"].end(t)
	r.dirs["n1"] = t.TempDir()
	r.refused("n1", nil, "--unreadable-secrets restate")
	c = r.restart("n1", map[string][]string{"unreadable-secrets": {"restate"}})
	until(t, "the migration says what is wrong", 20*time.Second, func() bool {
		row := c.one("SHOW MIGRATION STATUS")
		return strings.Contains(fmt.Sprint(row), "cannot be decrypted")
	})
	c.ok("STOP MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='STOPPED' TIMEOUT 30")
	c.ok("ALTER SOURCE src SOURCE_PASSWORD='hush-hush'")
	c.ok("START MIGRATION m")
	r.flows(c)
	r.flows(r.restart("n1", nil))
}

// TestKeyOfTwoNodes gives two nodes another cluster key, one after the other,
// while a migration runs.
func TestKeyOfTwoNodes(t *testing.T) {
	r := newKeyRig(t)
	first, second := write(t, "first", strings.Repeat("1a2b3c4d", 8)), write(t, "second", strings.Repeat("2b3c4d5e", 8))
	c := r.restart("n1", key(first))
	r.restart("n2", key(first))
	r.migrate(c)
	r.flows(r.restart("n1", keys2(second, first)))
	c = r.nodes["n1"].admin(t)
	c.ok("CREATE SECRET meanwhile PASSWORD 'x'") // both can read it
	r.refused("n3", key(second), "key that this node does not have")
	r.flows(r.restart("n2", keys2(second, first)))
	for _, n := range r.nodes {
		until(t, "every node is alive", 15*time.Second, func() bool {
			rows := n.admin(t).rows("SHOW NODES")
			return len(rows) >= 2 && rows[0]["State"] == "alive" && rows[1]["State"] == "alive"
		})
	}
	r.flows(r.restart("n1", key(second)))
	r.flows(r.restart("n2", key(second)))
	r.refused("n3", key(first), "key")
	kinds := 0
	for _, e := range r.nodes["n2"].admin(t).rows("SHOW MIGRATION EVENTS") {
		if e["Kind"] == "KEY" {
			kinds++
		}
	}
	if kinds != 1 {
		t.Errorf("%d events say that passwords were encrypted again", kinds)
	}
}

// TestFirstKeyOfTwoNodes has two nodes without a cluster key: literals are refused
// until they have one, and a migration without a password runs on.
func TestFirstKeyOfTwoNodes(t *testing.T) {
	r := newKeyRig(t)
	first := write(t, "first", strings.Repeat("1a2b3c4d", 8))
	c := r.restart("n1", nil)
	r.restart("n2", nil)
	for _, statement := range []string{"CREATE SECRET s PASSWORD 'x'", "CREATE SOURCE x SOURCE_HOST='h', SOURCE_PASSWORD='x'",
		"CREATE TARGET x TARGET_HOSTS=('h:1'), TARGET_PASSWORD='x'"} {
		if message := c.fails(61240, statement); !strings.Contains(message, "node n2") || !strings.Contains(message, "FROM FILE") {
			t.Errorf("%s: %s", statement, message)
		}
	}
	exec(t, r.src, "SET PASSWORD FOR repl = ''")
	c.ok(fmt.Sprintf("CREATE SOURCE src SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='repl'", r.src.Host, r.src.Port))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	r.flows(c)
	r.nodes["n1"].end(t)
	r.refused("n1", key(first), "wrong cluster key")
	c = r.restart("n1", keys2(first, "none"))
	r.flows(c)
	c.fails(61240, "CREATE SECRET s PASSWORD 'x'")
	r.flows(r.restart("n2", keys2(first, "none")))
	c.ok("CREATE SECRET s PASSWORD 'x'")
	r.flows(r.restart("n1", key(first)))
	r.flows(r.restart("n2", key(first)))
	r.refused("n3", nil, "cluster key")
}

// TestStoreAccountChanges gives the store another account, and then another
// password, while a migration with a stored password runs into target DEFAULT.
func TestStoreAccountChanges(t *testing.T) {
	r := newKeyRig(t)
	exec(t, r.store, "CREATE USER one IDENTIFIED BY 'store-1'", "GRANT ALL ON *.* TO one")
	password := write(t, "password", "store-1\n")
	account := func(user string) map[string][]string {
		return map[string][]string{"store": {user + "@tcp(" + r.store.Addr() + ")/"}, "store-password-file": {password}}
	}
	r.migrate(r.restart("n1", account("one")))

	exec(t, r.store, "CREATE USER two IDENTIFIED BY 'store-2'", "GRANT ALL ON *.* TO two")
	if err := os.WriteFile(password, []byte("store-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.flows(r.restart("n1", account("two")))
	exec(t, r.store, "DROP USER one")
	r.flows(r.nodes["n1"].admin(t))

	// Another password, without a start of the node: the file first, then the
	// account, as the documentation says; after each, all connections are new.
	c := r.nodes["n1"].admin(t)
	renew := func() {
		t.Helper()
		r.endConnections("two")
		r.flows(c)
	}
	if err := os.WriteFile(password, []byte("store-3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	renew()
	exec(t, r.store, "ALTER USER two IDENTIFIED BY 'store-3'")
	renew()
	renew()
	if row := c.one("SHOW MIGRATION CHANNELS"); row["Epoch"] != "2" {
		t.Errorf("the channel was given up: %v", row)
	}

	// The wrong order: statements say what is wrong until the file is right.
	exec(t, r.store, "ALTER USER two IDENTIFIED BY 'store-4'")
	r.endConnections("two")
	var message string // the first statement may find that its connection was ended
	until(t, "a statement says that the account is refused", 15*time.Second, func() bool {
		message = c.fails(61021, "CREATE SOURCE later SOURCE_HOST='h'")
		return strings.Contains(message, "refuses this node's account")
	})
	if !strings.Contains(message, "--store-password-file") || strings.Contains(message, "store-3") {
		t.Error(message)
	}
	// The channel, which writes to the store, waits for the file, too.
	exec(t, r.src, fmt.Sprintf("INSERT INTO a.t VALUES (%d)", r.rows+1))
	r.rows++
	until(t, "the channel tries again", 30*time.Second, func() bool {
		for _, p := range scrape(t, r.nodes["n1"]) {
			if p.name == "sluice_gateway_channel_status" && p.labels["status"] == "RETRYING" && p.value == 1 {
				return true
			}
		}
		return false
	})
	if err := os.WriteFile(password, []byte("store-4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "statements work again", 15*time.Second, func() bool { _, err := c.query("SHOW SOURCES"); return err == nil })
	r.flows(c)
	if log := r.nodes["n1"].logs.String(); !strings.Contains(log, "refuses this node's account") || strings.Contains(log, "waits for START MIGRATION") {
		t.Error("the log does not say why the channel waited, or it did not go on by itself")
	}
	r.flows(r.restart("n1", account("two")))
}

// endConnections ends the connections of an account to the store.
func (r *keyRig) endConnections(user string) {
	r.t.Helper()
	db, err := r.store.Open("")
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	for _, row := range orderedRows(r.t, db, "SELECT id FROM information_schema.processlist WHERE user = '"+user+"'") {
		exec(r.t, r.store, "KILL "+row[0])
	}
}
