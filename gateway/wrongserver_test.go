package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/rogue"
)

// portOf returns the port of an address.
func portOf(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// names checks that a refusal says what the server is and names the options to correct.
func (c *client) names(code uint16, statement string, parts ...string) {
	c.t.Helper()
	m := c.fails(code, statement)
	for _, p := range parts {
		if !strings.Contains(m, p) {
			c.t.Errorf("%s: %q is not in: %s", statement, p, m)
		}
	}
	for _, p := range []string{"that it has to be", "Remedy: "} {
		if strings.Count(m, p) > 1 {
			c.t.Errorf("%s: %q is there twice: %s", statement, p, m)
		}
	}
}

// TestWrongServers: a source, a target or a store that is another server is refused by name, with the options that
// are wrong.
func TestWrongServers(t *testing.T) {
	src, store := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	mysql, maria := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.MariaDB)
	node := start(t, testConfig(t, store, "n1"))
	c := node.admin(t)
	masked, err := rogue.New(store.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(masked.Close)
	m := rogue.GreetsAs("TiDB", "Mine")
	masked.Set(&m)
	web := httptest.NewServer(http.NotFoundHandler()) // it waits for a request for as long as Sluice waits for a greeting, and longer
	t.Cleanup(web.Close)
	const remedy = "check SOURCE_HOST and SOURCE_PORT"
	for name, s := range map[string]struct {
		addr string
		code uint16
		what string
	}{
		"tidb":   {store.Addr(), 61227, "the source is TiDB"},
		"masked": {masked.Addr(), 61227, "the source is TiDB"},
		"admin":  {node.AdminAddr(), 61227, "the source is a node of Sluice"},
		"gossip": {node.GossipAddr(), 61213, "no greeting"},
		"http":   {web.Listener.Addr().String(), 61212, "no greeting"},
	} {
		t.Run("source "+name, func(t *testing.T) {
			t.Parallel()
			c := node.admin(t)
			c.ok(fmt.Sprintf("CREATE SOURCE s_%s SOURCE_HOST='127.0.0.1', SOURCE_PORT=%s, SOURCE_USER='root'", name, portOf(t, s.addr)))
			c.names(s.code, "CHECK SOURCE s_"+name, s.what, remedy)
			c.ok(fmt.Sprintf("CREATE MIGRATION m_%s FROM SOURCE s_%s REPLICATE_DO_DB=(d)", name, name))
			c.names(61010, "START MIGRATION m_"+name, s.what, remedy)
		})
	}
	c.ok(fmt.Sprintf("CREATE SOURCE good SOURCE_HOST='127.0.0.1', SOURCE_PORT=%d, SOURCE_USER='root'", src.Port))
	t.Run("targets", func(t *testing.T) {
		for name, s := range map[string]struct {
			addr  string
			check uint16
			start uint16
			what  string
		}{
			"admin":   {node.AdminAddr(), 61227, 61227, "a node of Sluice"},
			"gossip":  {node.GossipAddr(), 61213, 61213, "TARGET_HOSTS"},
			"http":    {node.HTTPAddr(), 61021, 61213, "TARGET_HOSTS"},
			"source":  {src.Addr(), 61227, 61010, "is MySQL"},
			"mysql":   {mysql.Addr(), 61227, 61010, "target is MySQL, not the TiDB that it has to be"},
			"mariadb": {maria.Addr(), 61227, 61010, "target is MariaDB, not the TiDB that it has to be"},
		} {
			t.Run("target "+name, func(t *testing.T) {
				t.Parallel()
				c := node.admin(t)
				c.ok(fmt.Sprintf("CREATE TARGET t_%s TARGET_HOSTS=('%s'), TARGET_USER='root'", name, s.addr))
				c.names(s.check, "CHECK TARGET t_"+name, s.what, "TARGET_HOSTS")
				c.ok(fmt.Sprintf("CREATE MIGRATION n_%s FROM SOURCE good TO TARGET t_%s REPLICATE_DO_DB=(d)", name, name))
				what := s.what
				if name == "source" {
					what = "the target is the source itself"
				}
				c.names(s.start, "START MIGRATION n_"+name, what)
				if s.start != 61010 {
					return
				}
				found := false
				rows := c.rows("CHECK MIGRATION n_" + name)
				for _, row := range rows {
					if fmt.Sprint(row["Check_Id"]) == "target.version" {
						found = row["Severity"] == "ERROR" && row["Blocks"] == "START" && strings.Contains(row["Remedy"], "TARGET_HOSTS")
					}
				}
				if !found {
					t.Errorf("CHECK MIGRATION: %v", rows)
				}
			})
		}
	})
	for _, s := range []*servers.Server{src, mysql, maria} {
		if got := rowsOf(t, s, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name IN ('sluice_meta', 'd')"); got != "0" {
			t.Errorf("%s has %s schemas of Sluice's", s.Kind, got)
		}
	}
	t.Run("store", func(t *testing.T) {
		t.Parallel()
		cfg := statedConfig(t, map[string][]string{"name": {"n2"}, "store": {"root@tcp(" + node.AdminAddr() + ")/"}, "data-dir": {t.TempDir()}})
		if n, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "a node of Sluice") || !strings.Contains(err.Error(), "--store") {
			t.Errorf("a store that is a node: %v, %v", n, err)
		}
	})
}

// TestForeignErrors: an error of a server with one of Sluice's numbers is not shown as Sluice's.
func TestForeignErrors(t *testing.T) {
	src, store := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	c := start(t, testConfig(t, store, "n1")).admin(t)
	for what, s := range map[string]*servers.Server{"SOURCE": src, "TARGET": store} {
		proxy, err := rogue.New(s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(proxy.Close)
		options := fmt.Sprintf("SOURCE_HOST='127.0.0.1', SOURCE_PORT=%d, SOURCE_USER='root'", proxy.Port())
		if what == "TARGET" {
			options = "TARGET_HOSTS=('" + proxy.Addr() + "'), TARGET_USER='root'"
		}
		c.ok("CREATE " + what + " x " + options)
		for _, number := range []uint16{61051, 61221, 61002} {
			m := rogue.Refuses(number, "VERSION()")
			if what == "SOURCE" {
				m.Text = "SHOW GLOBAL VARIABLES"
			}
			proxy.Set(&m)
			c.names(61215, "CHECK "+what+" x", fmt.Sprintf("error %d", number), what+"_HOST")
		}
		m := rogue.Refuses(1815, "V")
		proxy.Set(&m)
		c.names(1815, "CHECK "+what+" x", "Remedy: ")
	}
	proxy, err := rogue.New(store.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	m := rogue.Refuses(61002, "VERSION()")
	proxy.Set(&m)
	cfg := statedConfig(t, map[string][]string{"name": {"n2"}, "store": {"root@tcp(" + proxy.Addr() + ")/"}, "data-dir": {t.TempDir()}})
	began := time.Now()
	if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(fmt.Sprint(err), "error 61002") || !strings.Contains(err.Error(), "--store") {
		t.Errorf("a store with Sluice's number: %v after %s", err, time.Since(began))
	}
}

// TestMaskedTiDB: a TiDB whose server-version and version-comment are those of another server is a TiDB, as store and as
// target.
func TestMaskedTiDB(t *testing.T) {
	src, store := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	masked, err := rogue.New(store.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(masked.Close)
	m := rogue.SaysInRows("VERSION(", "TiDB", "Mine")
	masked.Set(&m)
	cfg := statedConfig(t, map[string][]string{"name": {"n1"}, "store": {"root@tcp(" + masked.Addr() + ")/"}, "data-dir": {t.TempDir()}})
	c := start(t, cfg).admin(t)
	exec(t, src, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)")
	c.ok(sourceSQL("src", src))
	c.ok("CREATE TARGET masked TARGET_HOSTS=('" + masked.Addr() + "'), TARGET_USER='root'")
	c.rows("CHECK TARGET masked")
	c.ok("CREATE MIGRATION m FROM SOURCE src TO TARGET masked REPLICATE_DO_DB=(d)")
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM d.t"); got != "1" {
		t.Errorf("the target has %s rows", got)
	}
	if masked.Hits() == 0 {
		t.Error("no answer was changed")
	}
}
