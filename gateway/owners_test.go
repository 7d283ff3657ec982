package gateway

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sluice/gateway/apply"
	"sluice/itest/lab/servers"
)

// internalID is what a channel is called inside: no message may have it.
var internalID = regexp.MustCompile(`\b[0-9a-f]{12}\b`)

func noIDs(t *testing.T, text string) {
	t.Helper()
	if id := internalID.FindString(text); id != "" {
		t.Errorf("the internal id %s is in: %s", id, text)
	}
}

// TestTableComesBack leaves a table out of a migration and has another one replicate
// it: who writes a target table follows the rules in force.
func TestTableComesBack(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "CREATE TABLE shop.b (id INT PRIMARY KEY)",
		"INSERT INTO shop.a VALUES (1)", "INSERT INTO shop.b VALUES (1)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION most FROM SOURCE src REPLICATE_DO_DB=(shop)")
	c.ok("START MIGRATION most")
	c.one("WAIT FOR MIGRATION most UNTIL CAUGHT_UP TIMEOUT 60")
	c.ok("CREATE MIGRATION rest FROM SOURCE src REPLICATE_DO_TABLE=(shop.b)")
	text := c.fails(61010, "START MIGRATION rest")
	noIDs(t, text)
	if !strings.Contains(text, "channel 'most' writes this target table") {
		t.Errorf("a table of another migration: %s", text)
	}

	c.ok("STOP MIGRATION most")
	c.one("WAIT FOR MIGRATION most UNTIL STATUS='STOPPED' TIMEOUT 30")
	c.ok("ALTER MIGRATION most REPLICATE_IGNORE_TABLE=(shop.b)")
	exec(t, store, "DELETE FROM shop.b")
	exec(t, src, "INSERT INTO shop.b VALUES (2)", "INSERT INTO shop.a VALUES (2)")
	c.ok("START MIGRATION rest") // while the other one stands
	c.one("WAIT FOR MIGRATION rest UNTIL CAUGHT_UP TIMEOUT 60")
	c.ok("START MIGRATION most")
	c.one("WAIT FOR MIGRATION most UNTIL CAUGHT_UP TIMEOUT 60")
	exec(t, src, "INSERT INTO shop.b VALUES (3)", "INSERT INTO shop.a VALUES (3)")
	for _, m := range []string{"rest", "most"} {
		c.one("WAIT FOR MIGRATION " + m + " UNTIL CAUGHT_UP TIMEOUT 60")
	}
	for _, table := range []string{"a", "b"} {
		if got := rowsOf(t, store, "SELECT COUNT(*) FROM shop."+table); got != "3" {
			t.Errorf("%s has %s rows, want 3", table, got)
		}
	}
	// It cannot go back while the other one has it.
	for _, m := range []string{"most", "rest"} {
		c.ok("STOP MIGRATION " + m)
		c.one("WAIT FOR MIGRATION " + m + " UNTIL STATUS='STOPPED' TIMEOUT 30")
	}
	c.ok("RESET MIGRATION most")
	c.ok("ALTER MIGRATION most REPLICATE_IGNORE_TABLE=()")
	exec(t, store, "DELETE FROM shop.a")
	text = c.fails(61010, "START MIGRATION most")
	if noIDs(t, text); !strings.Contains(text, "channel 'rest' writes this target table") {
		t.Errorf("a table that another migration took over: %s", text)
	}
	// Nor can DROP DATABASE be carried out over it, and the message says whose it is.
	c.ok("ALTER MIGRATION most REPLICATE_IGNORE_TABLE=(shop.b)")
	c.ok("DROP MIGRATION rest")
	exec(t, store, "DELETE FROM shop.b")
	c.ok("ALTER MIGRATION most REPLICATE_IGNORE_TABLE=()")
	c.ok("START MIGRATION most")
	c.one("WAIT FOR MIGRATION most UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM shop.b"); got != "3" {
		t.Errorf("b, taken back, has %s rows, want 3", got)
	}
}

// TestRecordsOfTheDropped: what a dropped migration left in a target that was away is
// no reason to refuse another one.
func TestRecordsOfTheDropped(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "INSERT INTO shop.a VALUES (1)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION old FROM SOURCE src REPLICATE_DO_DB=(shop)")
	c.ok("START MIGRATION old")
	c.one("WAIT FOR MIGRATION old UNTIL CAUGHT_UP TIMEOUT 60")
	c.ok("STOP MIGRATION old")
	c.one("WAIT FOR MIGRATION old UNTIL STATUS='STOPPED' TIMEOUT 30")
	exec(t, store, "CREATE TABLE sluice_meta.kept LIKE sluice_meta.target_tables", "INSERT INTO sluice_meta.kept SELECT * FROM sluice_meta.target_tables")
	c.ok("DROP MIGRATION old")
	exec(t, store, "INSERT INTO sluice_meta.target_tables SELECT * FROM sluice_meta.kept", "DROP TABLE sluice_meta.kept", "DELETE FROM shop.a")
	c.ok("CREATE MIGRATION new FROM SOURCE src REPLICATE_DO_DB=(shop)")
	for _, f := range c.rows("CHECK MIGRATION new") {
		noIDs(t, f["Finding"]+f["Remedy"])
	}
	c.ok("START MIGRATION new")
	c.one("WAIT FOR MIGRATION new UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM shop.a"); got != "1" {
		t.Errorf("the target has %s rows, want 1", got)
	}
}

// TestRecordsOfAnotherCluster: a channel that this store never knew may be that of another
// cluster with the same target.
func TestRecordsOfAnotherCluster(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "INSERT INTO shop.a VALUES (1)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("src", src))
	db, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := apply.EnsureMeta(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	exec(t, store, "INSERT INTO sluice_meta.target_tables VALUES ('shop','a','aaaaaaaaaaaa/src')",
		"INSERT INTO sluice_meta.lanes VALUES ('aaaaaaaaaaaa/src',0,7,1,'','')")
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(shop)")
	text := c.fails(61010, "START MIGRATION m")
	noIDs(t, text)
	if !strings.Contains(text, "(not of this cluster)") {
		t.Errorf("a table of another cluster: %s", text)
	}
	if got := rowsOf(t, store, "SELECT epoch FROM sluice_meta.lanes"); got != "7" {
		t.Errorf("the other cluster's lane has the epoch %s", got)
	}
	for _, f := range c.rows("CHECK MIGRATION m") {
		if _, sql, ok := strings.Cut(f["Remedy"], "say in the target: "); ok && f["Check_Id"] == "target.shared" {
			exec(t, store, sql)
		}
	}
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
}

// TestOneTableOfTwoSources: two sources of one migration into one table, and two
// migrations that are started together, are found before anything runs.
func TestOneTableOfTwoSources(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)", "CREATE DATABASE other", "CREATE TABLE other.x (id INT PRIMARY KEY)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("s1", src))
	c.ok(sourceSQL("s2", src))
	c.ok("CREATE MIGRATION both FROM SOURCE s1, SOURCE s2 REPLICATE_DO_DB=(shop)")
	var shared []row
	for _, f := range c.rows("CHECK MIGRATION both") {
		if f["Check_Id"] == "target.shared" {
			shared = append(shared, f)
		}
	}
	if len(shared) != 1 || shared[0]["Severity"] != "ERROR" || !strings.Contains(shared[0]["Finding"], "channel 'both/s1'") {
		t.Errorf("two sources into one table: %v", shared)
	}
	c.fails(61010, "START MIGRATION both")

	// ALL starts those that can: of two that would share a table, the first.
	c.ok("CREATE MIGRATION first FROM SOURCE s1 REPLICATE_DO_DB=(shop, other)")
	c.ok("CREATE MIGRATION second FROM SOURCE s2 REPLICATE_DO_DB=(other)")
	c.ok("CREATE SOURCE away SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
	c.ok("CREATE MIGRATION far FROM SOURCE away REPLICATE_DO_DB=(third)")
	c.db.SetMaxOpenConns(1)
	if got := c.ok("START MIGRATION ALL"); got != 1 {
		t.Errorf("START MIGRATION ALL started %d, want 1", got)
	}
	said := map[string]string{}
	for _, w := range c.rows("SHOW WARNINGS") {
		noIDs(t, w["Message"])
		for _, m := range []string{"both", "first", "second", "far"} {
			if strings.HasPrefix(w["Message"], "migration '"+m+"'") && w["Level"] == "Warning" {
				said[m] = w["Message"]
			}
		}
	}
	if len(said) != 3 || !strings.Contains(said["second"], "channel 'first'") || !strings.Contains(said["far"], "source.connect") || said["both"] == "" {
		t.Errorf("START MIGRATION ALL warned of %v", said)
	}
	c.one("WAIT FOR MIGRATION first UNTIL CAUGHT_UP TIMEOUT 60")
	// Nothing more can start: that is an error, which names the first.
	text := c.fails(61010, "START MIGRATION ALL")
	if !strings.Contains(text, "0 of 3 migrations were set running") || !strings.Contains(text, "'both'") {
		t.Errorf("START MIGRATION ALL that starts nothing: %s", text)
	}
	said = map[string]string{}
	for _, w := range c.rows("SHOW WARNINGS") {
		if w["Level"] == "Warning" {
			said[strings.SplitN(w["Message"], "'", 3)[1]] = w["Message"]
		}
	}
	if len(said) != 3 || !strings.Contains(said["far"], "source.connect") || said["both"] == "" || said["second"] == "" {
		t.Errorf("START MIGRATION ALL that starts nothing warned of %v", said)
	}
	// Names are all or nothing.
	c.ok("CREATE MIGRATION fine FROM SOURCE s1 REPLICATE_DO_DB=(elsewhere) REPLICATE_REWRITE_DB=((shop, elsewhere))")
	c.fails(61010, "START MIGRATION fine, far")
	if got := c.one("SHOW MIGRATIONS WHERE Migration='fine'")["Desired"]; got != "STOPPED" {
		t.Errorf("a named START that failed left 'fine' %s", got)
	}
}

// TestKeyIsGiven follows what CHECK advises for a table without a key: before the start
// by its statement, and while the migration runs by the way that the remedy names.
func TestKeyIsGiven(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.log (v INT)", "CREATE TABLE shop.more (v INT)", "INSERT INTO shop.log VALUES (1),(1),(2)",
		"INSERT INTO shop.more VALUES (7),(7)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(shop)")
	noKey := func() map[string]row {
		out := map[string]row{}
		for _, f := range c.rows("CHECK MIGRATION m") {
			if f["Check_Id"] == "source.no_key" && f["Severity"] == "WARNING" {
				out[f["Object"]] = f
			}
		}
		return out
	}
	before := noKey()
	if len(before) != 2 {
		t.Fatalf("tables without a key: %v", before)
	}
	exec(t, src, before["shop.log"]["Remedy_SQL"])
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	if got := rowsOf(t, store, "SELECT id, v FROM shop.log ORDER BY id"); got != "1 1,2 1,3 2" {
		t.Errorf("after the ALTER before the start the target has %s", got)
	}
	after := noKey()
	if len(after) != 1 || after["shop.more"]["Remedy_SQL"] != "" || !strings.Contains(after["shop.more"]["Remedy"], "REPLICATE_IGNORE_TABLE") {
		t.Errorf("while it runs CHECK advises %v", after)
	}
	// The way that the remedy names.
	c.ok("STOP MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='STOPPED' TIMEOUT 30")
	c.ok("ALTER MIGRATION m REPLICATE_IGNORE_TABLE=(shop.more)")
	c.ok("START MIGRATION m")
	exec(t, src, before["shop.more"]["Remedy_SQL"], "INSERT INTO shop.more (v) VALUES (8)", "INSERT INTO shop.log (v) VALUES (9)")
	exec(t, store, "DROP TABLE shop.more")
	c.ok("CREATE MIGRATION more FROM SOURCE src REPLICATE_DO_TABLE=(shop.more)")
	c.ok("START MIGRATION more")
	for _, m := range []string{"m", "more"} {
		c.one("WAIT FOR MIGRATION " + m + " UNTIL CAUGHT_UP TIMEOUT 60")
	}
	if got := rowsOf(t, store, "SELECT id, v FROM shop.more ORDER BY id"); got != "1 7,2 7,3 8" {
		t.Errorf("the table with its new key has %s", got)
	}
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM shop.log"); got != "4" {
		t.Errorf("the other table has %s rows, want 4", got)
	}
}

// TestAdvisedStatementsAreFollowed runs what CHECK advises while a migration runs, at the
// source: none of it may stop the migration.
func TestAdvisedStatementsAreFollowed(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, kind)
			exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.p (id INT PRIMARY KEY, v INT)", "CREATE TABLE shop.log (v INT)",
				"CREATE TABLE shop.m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM", "INSERT INTO shop.p VALUES (1,1)", "INSERT INTO shop.m VALUES (1,1)",
				"INSERT INTO shop.log VALUES (1),(1)")
			c := start(t, testConfig(t, store, "n1")).admin(t)
			c.ok(sourceSQL("src", src))
			c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(shop)")
			c.ok("START MIGRATION m")
			c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
			cascade := " ON DELETE CASCADE"
			if kind == servers.MariaDB {
				cascade = "" // its rows are not in the binlog, and the statement is refused
			}
			exec(t, src, "CREATE TABLE shop.c (id INT PRIMARY KEY, p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES shop.p (id)"+cascade+")",
				"INSERT INTO shop.c VALUES (1,1)")
			c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
			advised := 0
			for _, f := range c.rows("CHECK MIGRATION m") {
				if f["Remedy_SQL"] == "" || f["Scope"] != "SOURCE" {
					continue
				}
				advised++
				for stmt := range strings.SplitSeq(f["Remedy_SQL"], "; ") {
					exec(t, src, stmt)
				}
				exec(t, src, "UPDATE shop.m SET v=v+1", "INSERT INTO shop.c VALUES ("+strconv.Itoa(advised+1)+",1)", "INSERT INTO shop.log VALUES (2)")
				if _, err := c.query("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60"); err != nil {
					t.Fatalf("after %s, which CHECK advises for %s: %v", f["Remedy_SQL"], f["Check_Id"], err)
				}
			}
			if advised < 1 {
				t.Error("CHECK advised nothing")
			}
			t.Logf("%d statements were advised", advised)
			for _, table := range []string{"c", "m", "log"} {
				query := "SELECT * FROM shop." + table + " ORDER BY 1"
				if a, b := rowsOf(t, src, query), rowsOf(t, store, query); a != b {
					t.Errorf("%s has %s at the source and %s in the target", table, a, b)
				}
			}
		})
	}
}

// TestGeometryByHand has the statement that CHECK advises make the table, so that
// START succeeds and every byte is carried.
func TestGeometryByHand(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.geo (id INT PRIMARY KEY, name VARCHAR(20) UNIQUE, g POINT NOT NULL SRID 4326, l LINESTRING, h INT(6) ZEROFILL, SPATIAL KEY (g)) DEFAULT CHARSET=utf8mb4",
		"INSERT INTO shop.geo VALUES (1,'a',ST_GeomFromText('POINT(1 2)',4326),NULL,1),(2,'B',ST_GeomFromText('POINT(3 4)',4326),ST_GeomFromText('LINESTRING(0 0,1 1)'),2)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(shop)")
	advised := ""
	for _, f := range c.rows("CHECK MIGRATION m") {
		if f["Check_Id"] == "target.create" {
			advised = f["Remedy_SQL"]
		}
	}
	if !strings.Contains(advised, "longblob") {
		t.Fatalf("CHECK advises %q", advised)
	}
	exec(t, store, strings.Split(advised, "; ")...)
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	exec(t, src, "INSERT INTO shop.geo VALUES (3,'c',ST_GeomFromText('POINT(5 6)',4326),NULL,3)", "UPDATE shop.geo SET l=ST_GeomFromText('LINESTRING(0 0,2 2)')")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	source := rowsOf(t, src, "SELECT id, name, HEX(CAST(g AS BINARY)), HEX(CAST(l AS BINARY)) FROM shop.geo ORDER BY 1")
	if target := rowsOf(t, store, "SELECT id, name, HEX(g), HEX(l) FROM shop.geo ORDER BY 1"); target != source || target == "" {
		t.Errorf("the source has %s, the target %s", source, target)
	}
}
