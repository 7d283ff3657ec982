package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
)

// TestShowCreateRoundTrip says what SHOW CREATE prints, and compares.
func TestShowCreateRoundTrip(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok("CREATE SECRET pw PASSWORD 'not-to-be-seen'")
	c.ok("CREATE SOURCE s1 SOURCE_HOST='h1'")
	c.ok("CREATE SOURCE s2 SOURCE_HOST='h2'")
	c.ok("CREATE TARGET other TARGET_HOSTS=('t:4000')")
	cases := []struct{ kind, name, create string }{
		{"SOURCE", "a", "CREATE SOURCE a SOURCE_HOST='h'"},
		{"SOURCE", "a b", "CREATE SOURCE `a b` SOURCE_HOST='h3.example', SOURCE_PORT=3307, SOURCE_USER='it''s', SOURCE_PASSWORD=SECRET pw, " +
			"SOURCE_SSL_MODE=VERIFY_CA, SOURCE_SSL_CA='/ca.pem', SOURCE_SSL_CERT='/c.pem', SOURCE_SSL_KEY=SECRET pw, SERVER_ID=77, " +
			"FLAVOR=MARIADB, SOURCE_CONNECT_RETRY=3, SOURCE_HEARTBEAT_PERIOD=0.5"},
		{"TARGET", "t", "CREATE TARGET t TARGET_HOSTS=('a:4000','b:4001'), TARGET_USER='u', TARGET_PASSWORD=SECRET pw, " +
			"TARGET_SSL_MODE=REQUIRED, TARGET_SSL_CA='/ca.pem', MAX_CONNECTIONS=9"},
		{"MIGRATION", "m", "CREATE MIGRATION m FROM SOURCE s1"},
		{"MIGRATION", "m`x", "CREATE MIGRATION `m``x` FROM SOURCE s1, SOURCE s2 TO TARGET other REPLICATE_DO_DB=(a, `b c`) " +
			"REPLICATE_DO_TABLE=(a.t, `b c`.`t``u`) REPLICATE_IGNORE_TABLE=(a.u) REPLICATE_WILD_DO_TABLE=('a.x%') " +
			"ROUTE (a.'x\\_%' TO a.`into`) START AT SOURCE_LOG_FILE='bin.000007', SOURCE_LOG_POS=4 " +
			"WITH (mode=ALL, copy_threads=3, max_lanes=5, on_conflict=REPLACE, foreign_key_checks=OFF, max_transaction_rows=1000) COMMENT 'it''s'"},
		{"MIGRATION", "g", "CREATE MIGRATION g FROM SOURCE s1 REPLICATE_REWRITE_DB=((a, b), (c, d)) " +
			"START AT SOURCE_AUTO_POSITION '0-1-5,1-2-9' WITH (mode=INCREMENTAL)"},
		{"MIGRATION", "i", "CREATE MIGRATION i FROM SOURCE s1 REPLICATE_IGNORE_DB=(a) REPLICATE_WILD_IGNORE_TABLE=('b\\_.x%') START AT CURRENT"},
	}
	for _, x := range cases {
		t.Run(x.create[:min(40, len(x.create))], func(t *testing.T) {
			c := &client{t: t, db: c.db}
			show := "SHOW CREATE " + x.kind + " " + backquote(x.name)
			column := "Create_" + x.kind[:1] + strings.ToLower(x.kind[1:])
			c.ok(x.create)
			first := c.one(show)[column]
			if first == "" || strings.Contains(first, "not-to-be-seen") {
				t.Fatalf("%s: %s", show, first)
			}
			c.ok("DROP " + x.kind + " " + backquote(x.name))
			c.ok(first)
			if second := c.one(show)[column]; second != first {
				t.Errorf("said again it is another:\n%s\n%s", first, second)
			}
			// The original statement is the same definition too.
			if c.ok(strings.Replace(x.create, x.kind+" ", x.kind+" IF NOT EXISTS ", 1)) != 0 {
				t.Error("IF NOT EXISTS changed something")
			}
			c.ok("DROP " + x.kind + " " + backquote(x.name))
		})
	}
	if got := c.one("SHOW CREATE TARGET default")["Create_Target"]; !strings.HasPrefix(got, "/*") {
		t.Errorf("SHOW CREATE TARGET default: %s", got)
	}
}

// TestRefusals says what must not be done, and checks each code.
func TestRefusals(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok("CREATE SECRET pw PASSWORD 'x'")
	c.ok("CREATE SOURCE s SOURCE_HOST='h', SOURCE_PASSWORD=SECRET pw")
	c.ok("CREATE SOURCE numbered SOURCE_HOST='h', SERVER_ID=5")
	c.ok("CREATE TARGET other TARGET_HOSTS=('t:4000')")
	c.ok("CREATE MIGRATION m FROM SOURCE s, SOURCE numbered REPLICATE_DO_TABLE=(a.t)")
	cases := []struct {
		code      uint16
		statement string
		says      string
	}{
		{61001, "CREATE SECRET pw PASSWORD 'y'", "already exists"},
		{61001, "CREATE SOURCE s SOURCE_HOST='h'", "already exists"},
		{61001, "CREATE TARGET default TARGET_HOSTS=('h:1')", "already exists"},
		{61001, "CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(x)", "already exists"},
		{61003, "CREATE SOURCE IF NOT EXISTS s SOURCE_HOST='other'", "host"},
		{61003, "CREATE MIGRATION IF NOT EXISTS m FROM SOURCE s REPLICATE_DO_DB=(x)", ""},
		{61002, "CREATE SOURCE x SOURCE_HOST='h', SOURCE_PASSWORD=SECRET pv", "unknown secret 'pv'. Remedy: SHOW SECRETS lists"},
		{61002, "CREATE MIGRATION x FROM SOURCE nowhere REPLICATE_DO_DB=(x)", "nowhere"},
		{61002, "CREATE MIGRATION x FROM SOURCE s TO TARGET nowhere REPLICATE_DO_DB=(x)", "nowhere"},
		{61004, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_DB=(mysql)", "system schema"},
		{61004, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_TABLE=(a.z) REPLICATE_IGNORE_TABLE=(a.z)", "a.z"},
		{61004, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_DB=(x) START AT SOURCE_AUTO_POSITION 'nonsense'", "no GTID set"},
		{61004, "CREATE TARGET x TARGET_HOSTS=('noport')", "host with a port"},
		{61006, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_TABLE=(A.T)", "is written by migration 'm'"},
		{61006, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_TABLE=(b.t) ROUTE (b.t TO a.t)", "is written by migration 'm'"},
		{61006, "CREATE MIGRATION x FROM SOURCE numbered REPLICATE_DO_DB=(x)", "SERVER_ID 5"},
		{61006, "DROP SECRET pw", "used by source 's'"},
		{61006, "DROP SOURCE s", "used by migration 'm'"},
		{61006, "DROP TARGET default", "cannot be changed or dropped"},
		{61006, "ALTER TARGET default TARGET_USER='x'", "cannot be changed or dropped"},
		{1235, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_DB=(x) WITH (verify=CONTINUOUS)", "verify"},
		{1235, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_DB=(x) WITH (merge=OPTIMISTIC)", "merge"},
		{1235, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_DB=(x) WITH (on_conflict=IGNORE)", "on_conflict"},
		{1235, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_DB=(x) WITH (rate_limit='1MiB')", "rate_limit"},
		{1235, "CREATE MIGRATION x FROM SOURCE s REPLICATE_DO_DB=(x) ROUTE ('~a(.)'.'~t' TO b.'t$1')", "regular expression"},
		{1235, "CREATE SOURCE x SOURCE_HOST='h', REPLICA_HOSTS=('a:1')", "REPLICA_HOSTS"},
		{1235, "CREATE SOURCE x SOURCE_HOST='h', SOURCE_DELAY=5", "SOURCE_DELAY"},
		{1235, "DROP MIGRATION m DROP DATA", "DROP DATA"},
		{61002, "START MIGRATION nowhere", "nowhere"},
		{61002, "START MIGRATION n", "Unknown migration 'n'. Remedy: SHOW MIGRATIONS lists"},
		{3074, "START MIGRATION m FOR CHANNEL 'm/x'", "no channel 'm/x'"},
		{3074, "STOP MIGRATION m FOR CHANNEL 'm/x'", "no channel 'm/x'"},
		{3074, "MOVE CHANNEL 'm/x' TO NODE n1", "no channel 'm/x'"},
		{3074, "WAIT FOR MIGRATION m FOR CHANNEL 'm/x' UNTIL CAUGHT_UP", "m/x"},
		{61002, "MOVE CHANNEL 'm/s' TO NODE n2", "Unknown node 'n2'"},
		{61002, "DRAIN NODE n2", "Unknown node 'n2'"},
		{1054, "SELECT Node FROM sluice.nodes WHERE statuss='x'", "Unknown column 'statuss' in 'where clause'. Remedy: did you mean 'status'"},
		{1054, "SELECT statuss FROM sluice.nodes", "in 'field list'"},
		{61002, "WAIT FOR MIGRATION nowhere UNTIL CAUGHT_UP", "nowhere"},
		{61002, "CHECK SOURCE nowhere", "nowhere"},
		{61002, "CHECK TARGET nowhere", "nowhere"},
		{61002, "CHECK MIGRATION nowhere", "nowhere"},
		{61002, "SHOW CREATE MIGRATION nowhere", "nowhere"},
		{61002, "ALTER SOURCE nowhere SOURCE_PORT=1", "nowhere"},
		{61002, "RESET MIGRATION nowhere", "nowhere"},
		{61002, "DROP MIGRATION nowhere", "nowhere"},
		{61004, "WAIT FOR MIGRATION m UNTIL SQL_AFTER_GTIDS='nonsense'", "no GTID set"},
		{61031, "WAIT FOR MIGRATION m UNTIL PHASE='COPY'", "is stopped"},
		{61031, "WAIT FOR MIGRATION m UNTIL STATUS='DONE'", "is stopped"},
		{61021, "CHECK TARGET other", "cannot be reached"},
		{1094, "KILL 4294967295", "Unknown thread id"},
		{1094, "KILL 2", "Unknown thread id"},
	}
	for _, x := range cases {
		t.Run(x.statement, func(t *testing.T) {
			message := (&client{t: t, db: c.db}).fails(x.code, x.statement)
			if !strings.Contains(message, x.says) {
				t.Errorf("the message %q has no %q", message, x.says)
			}
			if x.code >= 61000 && x.code != 61003 && !strings.Contains(message, "Remedy: ") {
				t.Errorf("the message %q has no remedy", message)
			}
		})
	}
	if rows := c.rows("SHOW MIGRATIONS"); len(rows) != 1 {
		t.Errorf("a refused statement left something: %v", rows)
	}
	for _, o := range c.rows("SHOW OPERATIONS") {
		if o["State"] == "RUNNING" {
			t.Errorf("an operation has no end: %v", o)
		}
	}
}

// TestNothingToDo says statements that find nothing to do: no error, no
// affected row, and a note.
func TestNothingToDo(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok("CREATE SECRET pw PASSWORD 'x'")
	c.ok("CREATE SOURCE s SOURCE_HOST='h'")
	c.ok("CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(a)")
	c.db.SetMaxOpenConns(1) // SHOW WARNINGS is about the same session
	for statement, code := range map[string]string{
		"CREATE SECRET IF NOT EXISTS pw PASSWORD 'x'":                        "61001",
		"CREATE SOURCE IF NOT EXISTS s SOURCE_HOST='h'":                      "61001",
		"CREATE MIGRATION IF NOT EXISTS m FROM SOURCE s REPLICATE_DO_DB=(a)": "61001",
		"ALTER SOURCE s SOURCE_HOST='h'":                                     "61011",
		"ALTER MIGRATION m REPLICATE_DO_DB=(a)":                              "61011",
		"ALTER SOURCE IF EXISTS none SOURCE_PORT=1":                          "61002",
		"ALTER SECRET pw PASSWORD 'x'":                                       "61011",
		"DROP MIGRATION IF EXISTS none":                                      "61002",
		"DROP SECRET IF EXISTS none":                                         "61002",
		"STOP MIGRATION m":                                                   "61011",
		"UNDRAIN NODE n1":                                                    "61011",
	} {
		if n := c.ok(statement); n != 0 {
			t.Errorf("%s: %d rows affected", statement, n)
		}
		if w := c.rows("SHOW WARNINGS"); len(w) != 1 || w[0]["Code"] != code || w[0]["Level"] != "Note" {
			t.Errorf("%s: warnings %v", statement, w)
		}
	}
	if c.ok("STOP MIGRATION IF RUNNING m") != 0 || len(c.rows("SHOW WARNINGS")) != 0 {
		t.Error("STOP .. IF RUNNING leaves a note")
	}
	if c.ok("START MIGRATION FAILED") != 0 || c.ok("STOP MIGRATION ALL") != 0 {
		t.Error("nothing was there to do")
	}
}

// TestSecretsStaySecret looks for passwords wherever the node shows or keeps
// text.
func TestSecretsStaySecret(t *testing.T) {
	const first, second = "first-Secret-1", "second-Secret-2"
	store := servers.ForTest(t, servers.TiDB)
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok("CREATE SECRET pw PASSWORD '" + first + "'")
	c.ok("CREATE SOURCE a SOURCE_HOST='127.0.0.1', SOURCE_PORT=1, SOURCE_PASSWORD='" + second + "'")
	c.ok("CREATE SOURCE b SOURCE_HOST='127.0.0.1', SOURCE_PORT=1, SOURCE_PASSWORD=SECRET pw")
	c.ok("CREATE TARGET t TARGET_HOSTS=('127.0.0.1:1'), TARGET_PASSWORD='" + second + "'")
	c.ok("CREATE MIGRATION m FROM SOURCE a, SOURCE b TO TARGET t REPLICATE_DO_DB=(x)")
	c.fails(61010, "START MIGRATION m")
	c.fails(61021, "CHECK TARGET t")
	var shown strings.Builder
	for _, q := range []string{"SHOW SECRETS", "SHOW SOURCES", "SHOW TARGETS", "SHOW OPERATIONS", "SHOW MIGRATION EVENTS", "SHOW MIGRATION ERRORS",
		"SHOW MIGRATION CHECKS", "SHOW CREATE SOURCE a", "SHOW CREATE SOURCE b", "SHOW CREATE TARGET t", "SHOW PROCESSLIST"} {
		fmt.Fprintln(&shown, c.rows(q))
	}
	for _, table := range []string{"secrets", "sources", "targets", "migrations", "operations", "settings", "events", "errors"} {
		fmt.Fprintln(&shown, rowsOf(t, store, "SELECT * FROM sluice_meta."+table))
	}
	_, metrics := get(t, n.HTTPAddr(), "/metrics")
	shown.WriteString(metrics)
	shown.WriteString(n.logs.String())
	for _, secret := range []string{first, second} {
		if at := strings.Index(shown.String(), secret); at >= 0 {
			t.Errorf("a password shows: ..%s..", shown.String()[max(0, at-200):at+40])
		}
	}
}

// TestSecretsFromFiles states secrets whose values are on the node.
func TestSecretsFromFiles(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	cfg := testConfig(t, store, "n1")
	cfg.SecretsDir = t.TempDir()
	c := start(t, cfg).admin(t)
	c.db.SetMaxOpenConns(1) // SHOW WARNINGS is about the same session
	c.fails(61004, "CREATE SECRET x FROM FILE '/etc/shadow'")
	c.fails(61004, "CREATE SECRET x FROM FILE '../x'")
	c.fails(61004, "CREATE SECRET x FROM ENV 'PATH'")
	c.ok("CREATE SECRET f FROM FILE 'later'")
	if w := c.rows("SHOW WARNINGS"); len(w) != 1 || w[0]["Code"] != "61060" || !strings.Contains(w[0]["Message"], "no such file") {
		t.Errorf("a file that is not there yet: %v", w)
	}
	c.ok("CREATE SOURCE s SOURCE_HOST='127.0.0.1', SOURCE_PORT=1, SOURCE_PASSWORD=SECRET f")
	c.fails(61060, "CHECK SOURCE s")
	if err := os.WriteFile(filepath.Join(cfg.SecretsDir, "later"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.query("CHECK SOURCE s"); err == nil || strings.Contains(err.Error(), "61060") || !strings.Contains(err.Error(), "refuses connections") {
		t.Errorf("a file that is there by now: %v", err)
	}
	later := filepath.Join(cfg.SecretsDir, "later")
	if err := os.Chmod(later, 0o666); err != nil {
		t.Fatal(err)
	}
	if message := c.fails(61060, "CHECK SOURCE s"); !strings.Contains(message, "'f'") || !strings.Contains(message, "0666") ||
		!strings.Contains(message, "chmod 640 "+later) {
		t.Errorf("a file that all may write: %s", message)
	}
	c.ok("ALTER SECRET f FROM FILE 'later'")
	if w := c.rows("SHOW WARNINGS"); len(w) != 2 || w[1]["Code"] != "61060" || !strings.Contains(w[1]["Message"], "0666") {
		t.Errorf("a file that all may write: %v", w)
	}
	if err := os.Chmod(later, 0o640); err != nil {
		t.Fatal(err)
	}
	c.ok("ALTER SECRET f FROM FILE '" + filepath.Join(cfg.SecretsDir, "later") + "'")
	if w := c.rows("SHOW WARNINGS"); len(w) != 0 {
		t.Errorf("a file that is there: %v", w)
	}
}
