package gateway

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/itest/lab/servers"
)

func TestNodeLife(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	n := start(t, testConfig(t, store, "n1"))

	ready := ""
	for line := range strings.Lines(n.logs.String()) {
		if strings.Contains(line, `msg="node ready"`) {
			ready = line
		}
	}
	for _, attr := range []string{"name=n1", "admin=" + n.AdminAddr(), "gossip=" + n.GossipAddr(), "http=" + n.HTTPAddr()} {
		if !strings.Contains(ready, attr) {
			t.Errorf("the line 'node ready' has no %s: %q", attr, ready)
		}
	}
	if strings.Contains(n.AdminAddr(), ":0") && strings.HasSuffix(n.AdminAddr(), ":0") {
		t.Errorf("port 0 was not replaced: %s", n.AdminAddr())
	}
	for _, page := range []string{"/healthz", "/readyz"} {
		if code, body := get(t, n.HTTPAddr(), page); code != 200 {
			t.Errorf("%s: %d %s", page, code, body)
		}
	}
	until(t, "metrics name the node alive", 5*time.Second, func() bool {
		_, body := get(t, n.HTTPAddr(), "/metrics")
		return strings.Contains(body, `sluice_gateway_nodes{state="alive"} 1`) && strings.Contains(body, "sluice_gateway_store_up 1") &&
			strings.Contains(body, "go_goroutines")
	})
	c := n.admin(t)
	row := c.one("SHOW NODES")
	if row["Node"] != "n1" || row["Admin_Address"] != n.AdminAddr() || row["Http_Address"] != n.HTTPAddr() || row["Address"] != n.GossipAddr() ||
		row["State"] != "alive" || row["Status"] != "UP" {
		t.Errorf("SHOW NODES: %v", row)
	}
	worker := c.one("SHOW WORKERS")
	if worker["Role"] != "STANDBY" || worker["Channels"] != "0" || worker["Worker_Id"] != "1" {
		t.Errorf("SHOW WORKERS: %v", worker)
	}
	if took := n.end(t); took > 5*time.Second {
		t.Errorf("an idle node took %s to stop", took)
	}
	if n.err != nil {
		t.Errorf("stop: %v", n.err)
	}
	if _, err := net.DialTimeout("tcp", n.AdminAddr(), time.Second); err == nil {
		t.Error("the admin port still answers")
	}
}

func TestStopInterruptsAWaitingStatement(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok("CREATE SOURCE s SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
	c.ok("CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(a)")
	// The channel is wanted without the checks of START, so that the wait can
	// come true and goes on.
	if _, err := n.services.catalog.Start(t.Context(), "m", "", catalog.Until{}, "test"); err != nil {
		t.Fatal(err)
	}
	n.services.cluster.Notify()
	failed := make(chan error, 1)
	go func() {
		_, err := c.query("WAIT FOR MIGRATION m UNTIL PHASE='REPLICATE' TIMEOUT 600")
		failed <- err
	}()
	until(t, "the statement is in the process list", 5*time.Second, func() bool {
		for _, r := range n.admin(t).rows("SHOW PROCESSLIST") {
			if strings.HasPrefix(r["Info"], "WAIT FOR") {
				return true
			}
		}
		return false
	})
	if took := n.end(t); took > 10*time.Second || n.err != nil {
		t.Errorf("the node took %s to stop: %v", took, n.err)
	}
	if err := <-failed; err == nil {
		t.Error("the statement ended without an error")
	}
}

func TestWaitsForTheStore(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	if err := store.Stop(); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t, store, "n1")
	cfg.AdminAddr, cfg.HTTPAddr = freeAddr(t), freeAddr(t)
	l := &logs{}
	cfg.Log = slog.New(slog.NewTextHandler(l, nil))
	type result struct {
		n   *Node
		err error
	}
	opened := make(chan result, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		n, err := Open(ctx, cfg)
		opened <- result{n, err}
	}()
	until(t, "the node says that it waits", 5*time.Second, func() bool { return l.count("waiting for it") == 1 })
	waits(t, cfg, "connection refused")
	if err := store.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := <-opened
	if r.err != nil {
		t.Fatal(r.err)
	}
	if l.count("waiting for it") != 1 || l.count("the store is there") != 1 {
		t.Errorf("want one line about the waiting and one about its end:\n%s", l)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := r.n.Run(stopped); err != nil {
		t.Error(err)
	}
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waits checks what a node that waits for its store says: to a client at once,
// whether or not the password is right, and on its pages.
func waits(t *testing.T, cfg Config, why string) {
	t.Helper()
	login := func(user string) (code uint16, message string) {
		c := mysql.NewConfig()
		c.User, c.Net, c.Addr, c.Logger = user, "tcp", cfg.AdminAddr, silent{}
		connector, err := mysql.NewConnector(c)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		defer db.Close()
		began := time.Now()
		var me *mysql.MySQLError
		if err := db.PingContext(t.Context()); !errors.As(err, &me) {
			t.Fatalf("login while the store is waited for: %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the login is answered after %s", took)
		}
		return me.Number, me.Message
	}
	if code, message := login("root"); code != 61021 || !strings.Contains(message, cfg.storeAddr()) || !strings.Contains(message, why) ||
		!strings.Contains(message, "Remedy: ") {
		t.Errorf("login while the store is waited for: %d %s", code, message)
	}
	if code, message := login("nobody"); code != 1045 || strings.Contains(message, cfg.storeAddr()) {
		t.Errorf("a stranger's login while the store is waited for: %d %s", code, message)
	}
	if code, body := get(t, cfg.HTTPAddr, "/readyz"); code != 503 || !strings.Contains(body, cfg.storeAddr()) || !strings.Contains(body, why) {
		t.Errorf("/readyz while the store is waited for: %d %s", code, body)
	}
	if _, body := get(t, cfg.HTTPAddr, "/metrics"); !strings.Contains(body, "\nsluice_gateway_store_up 0\n") {
		t.Errorf("/metrics while the store is waited for: %s", body)
	}
	if code, _ := get(t, cfg.HTTPAddr, "/healthz"); code != 200 {
		t.Errorf("/healthz while the store is waited for: %d", code)
	}
}

// storeAddr is the store's address.
func (c *Config) storeAddr() string {
	store, err := c.storeConfig()
	if err != nil {
		return err.Error()
	}
	return store.Addr
}

// TestSilentStore starts a node on a store that accepts connections and never
// answers, as one behind a broken balancer does.
func TestSilentStore(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := statedConfig(t, map[string][]string{"name": {"n1"}, "store": {"root@tcp(" + l.Addr().String() + ")/"}, "data-dir": {t.TempDir()},
		"admin-addr": {freeAddr(t)}, "http-addr": {freeAddr(t)}})
	lines := &logs{}
	cfg.Log = slog.New(slog.NewTextHandler(lines, nil))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := Open(ctx, cfg); ended <- err }()
	until(t, "the admin port is open", 5*time.Second, func() bool { return lines.count("admin port open") == 1 })
	waits(t, cfg, "it does not answer")
	until(t, "the log says so", storeSilence+5*time.Second, func() bool { return lines.count("waiting for it") == 1 })
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Open does not end with its context")
	}
}

// TestWaitingIsLogged counts the lines about a store that comes after 100 s.
func TestWaitingIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &logs{}
		s := startStarting(t.Context(), "tidb:4000", slog.New(slog.NewTextHandler(l, nil)))
		for range 50 {
			s.failed(errors.New("connection refused"))
			time.Sleep(2 * time.Second)
		}
		synctest.Wait()
		if n := l.count("waiting for it"); n != 4 { // at once, then after 30, 60 and 90 s
			t.Errorf("%d lines in 100 s:\n%s", n, l)
		}
		if e := s.problem(); !strings.Contains(e.Message, "tidb:4000, for 1m40s now: connection refused") {
			t.Error(e)
		}
		s.found()
		if e := s.problem(); !strings.Contains(e.Message, "joins the cluster") {
			t.Error(e)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n, found := l.count("waiting for it"), l.count("the store is there"); n != 4 || found != 1 {
			t.Errorf("%d lines about the waiting, %d about its end:\n%s", n, found, l)
		}
		s.end()
	})
}

func TestStopWhileWaitingForTheStore(t *testing.T) {
	cfg := statedConfig(t, map[string][]string{"name": {"n1"}, "store": {"root@tcp(127.0.0.1:1)/"}, "data-dir": {t.TempDir()}})
	ctx, cancel := context.WithCancel(t.Context())
	l := &logs{}
	cfg.Log = slog.New(slog.NewTextHandler(l, nil))
	failed := make(chan error, 1)
	go func() { _, err := Open(ctx, cfg); failed <- err }()
	until(t, "the node says that it waits", 5*time.Second, func() bool { return l.count("waiting for it") == 1 })
	cancel()
	select {
	case err := <-failed:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Open does not end with its context")
	}
}

// TestFatal checks what a node refuses to start with, and that the refusal says
// what to do and no secret.
func TestFatal(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	const password = "s3cret-of-nobody"
	exec(t, store, "CREATE USER low IDENTIFIED BY '"+password+"'")
	key := write(t, "key", "0123456789abcdef0123456789abcdef\n")
	other := write(t, "other", "another key, another key, another")
	open := func(stated map[string][]string) error {
		t.Helper()
		stated["data-dir"] = []string{t.TempDir()}
		cfg := statedConfig(t, stated)
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
		n, err := Open(t.Context(), cfg)
		if err == nil {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = n.Run(ctx)
		}
		return err
	}
	root := store.DSN("")
	keyed := start(t, statedConfig(t, map[string][]string{"name": {"n1"}, "store": {root}, "cluster-key-file": {key}, "data-dir": {t.TempDir()}}))

	t.Run("wrong password", func(t *testing.T) {
		err := open(map[string][]string{"name": {"n2"}, "store": {"low:" + password + "x@tcp(" + store.Addr() + ")/"}})
		wantError(t, err, "refuses", "Remedy: correct the user and the password")
		wantNone(t, err, password)
	})
	t.Run("no rights", func(t *testing.T) {
		err := open(map[string][]string{"name": {"n2"}, "store": {"low@tcp(" + store.Addr() + ")/"},
			"store-password-file": {write(t, "pw", password+"\n")}})
		wantError(t, err, "refuses", "grant ALL ON sluice_meta.*")
		wantNone(t, err, password)
	})
	t.Run("no TiDB", func(t *testing.T) {
		source := servers.ForTest(t, servers.MariaDB)
		err := open(map[string][]string{"name": {"n2"}, "store": {source.DSN("")}})
		wantError(t, err, "no TiDB", "Remedy: name a TiDB")
		db, derr := source.Open("")
		if derr != nil {
			t.Fatal(derr)
		}
		defer db.Close()
		var left int
		if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name='sluice_meta'").Scan(&left); err != nil || left != 0 {
			t.Errorf("the schema was made all the same (%v)", err)
		}
	})
	t.Run("wrong cluster key", func(t *testing.T) {
		err := open(map[string][]string{"name": {"n2"}, "store": {root}, "cluster-key-file": {other}})
		wantError(t, err, "node n1 of this cluster", "another one", "Remedy: if node n1 is stopped, start this node again in ", "give every node")
		if !catalog.HasCode(err, catalog.CodeWrongKey) && !errors.Is(err, cluster.ErrWrongKey) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("name taken", func(t *testing.T) {
		err := open(map[string][]string{"name": {"n1"}, "store": {root}, "cluster-key-file": {key}})
		wantError(t, err, "another live node has this node's name", "Remedy: give every node its own name")
	})
	t.Run("admin port in use", func(t *testing.T) {
		err := open(map[string][]string{"name": {"n2"}, "store": {root}, "cluster-key-file": {key}, "admin-addr": {keyed.AdminAddr()}})
		wantError(t, err, "--admin-addr", "address already in use", "Remedy: choose a free address")
	})
	t.Run("newer store", func(t *testing.T) {
		exec(t, store, "UPDATE sluice_meta.schema_version SET version = 9999")
		defer exec(t, store, "UPDATE sluice_meta.schema_version SET version = 1")
		err := open(map[string][]string{"name": {"n2"}, "store": {root}, "cluster-key-file": {key}})
		wantError(t, err, "version 9999", "Remedy: start a node of the newer release")
	})
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q has no %q", err, p)
		}
	}
}

func wantNone(t *testing.T, err error, secret string) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("error %q shows a secret", err)
	}
}

// TestReplaced checks that a node ends when another process takes its name.
func TestReplaced(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	n := start(t, testConfig(t, store, "n1"))
	exec(t, store, "UPDATE sluice_meta.nodes SET incarnation = incarnation + 1 WHERE node = 'n1'")
	select {
	case <-n.done:
	case <-time.After(10 * time.Second):
		t.Fatal("the node goes on under a name that is not its own")
	}
	if !errors.Is(n.err, cluster.ErrReplaced) {
		t.Errorf("got %v", n.err)
	}
}
