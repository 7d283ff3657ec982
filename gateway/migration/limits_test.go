package migration

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply"
	"sluice/itest/lab/servers"
	"sluice/replica/grants"
	"sluice/replica/schema"
	"sluice/ruleset"
)

func many(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(parts, ",")
}

// limitCases are tables at TiDB's limits and just above them.
var limitCases = []struct {
	name, columns string
	fits          bool
}{
	{"bytes_fit", "s VARCHAR(768) CHARACTER SET latin1, UNIQUE (s)", true},
	{"bytes_over", "s VARCHAR(769) CHARACTER SET latin1, UNIQUE (s)", false},
	{"primary_over", "s VARCHAR(1000) CHARACTER SET latin1 NOT NULL, PRIMARY KEY (s)", false},
	{"sum_fits", "a VARCHAR(767) CHARACTER SET latin1, b INT, UNIQUE (a, b)", true},
	{"sum_over", "a VARCHAR(767) CHARACTER SET latin1, b BIGINT, UNIQUE (a, b)", false},
	{"sum_decimal", "a VARCHAR(767) CHARACTER SET latin1, b DECIMAL(9,2), UNIQUE (a, b)", true},
	{"prefix_over", "a TEXT CHARACTER SET latin1, UNIQUE (a(800))", false},
	{"plain_shortened", "a VARCHAR(1000) CHARACTER SET latin1, b INT, KEY (a, b)", true},
	{"binary_fits", "a VARBINARY(3072), UNIQUE (a)", true},
	{"keys_fit", "id INT PRIMARY KEY, " + many(60, "c%d INT") + "," + many(60, "KEY k%d (c%[1]d)"), true},
	{"columns_fit", "id INT PRIMARY KEY, " + many(1016, "c%d INT"), true},
	{"columns_over", "id INT PRIMARY KEY, " + many(1017, "c%d INT"), false},
	{"long_text", "id INT PRIMARY KEY, s VARCHAR(60000) CHARACTER SET latin1", true},
}

// CHECK refuses a table if, and only if, TiDB cannot have it: START would find out a
// second later.
func TestCheckFindsLimits(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL, "--disabled-storage-engines="), servers.ForTest(t, servers.TiDB)
	sdb, tdb := openDB(t, src), openDB(t, dst)
	mustExec(t, sdb, "CREATE DATABASE lim DEFAULT CHARACTER SET latin1")
	mustExec(t, tdb, "CREATE DATABASE real_lim")
	for _, c := range limitCases {
		engine := ""
		if strings.HasPrefix(c.name, "columns_") {
			engine = " ENGINE=MyISAM" // which has more columns than InnoDB
		}
		mustExec(t, sdb, "CREATE TABLE lim."+c.name+" ("+c.columns+")"+engine)
	}
	mustExec(t, tdb, "CREATE USER plain IDENTIFIED BY 'p'", "GRANT SELECT,INSERT,UPDATE,DELETE,CREATE,DROP,ALTER,INDEX ON *.* TO plain")
	check := func(t *testing.T, cfg Config) {
		found, err := Check(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		refused := map[string]string{}
		for _, f := range found {
			if f.Blocks == "START" {
				refused[strings.TrimPrefix(f.Object, "lim.")] += f.ID + ": " + f.Finding + f.Remedy
			}
		}
		for _, c := range limitCases {
			var name, create string
			if err := sdb.QueryRow("SHOW CREATE TABLE lim."+c.name).Scan(&name, &create); err != nil {
				t.Fatal(err)
			}
			if made := realCreate(t, tdb, create); made != c.fits {
				t.Errorf("%s: TiDB makes the table: %v, want %v", c.name, made, c.fits)
			}
			if (refused[c.name] == "") != c.fits {
				t.Errorf("%s: refused by %q, want refused: %v", c.name, refused[c.name], !c.fits)
			}
		}
	}
	t.Run("an account that may try", func(t *testing.T) {
		check(t, config(t, src, dst, "l1/s", ruleset.Spec{DoDB: []string{"lim"}}))
	})
	t.Run("an account that may not", func(t *testing.T) {
		cfg := config(t, src, dst, "l2/s", ruleset.Spec{DoDB: []string{"lim"}})
		cfg.Target = openAs(t, dst, "plain", "p")
		check(t, cfg)
	})
	t.Run("names", func(t *testing.T) {
		long := strings.Repeat("x", 65)
		cfg := config(t, src, dst, "l3/s", ruleset.Spec{DoTable: []ruleset.TableName{{Schema: "lim", Table: "bytes_fit"}},
			Routes: []ruleset.Route{{SchemaPattern: "lim", TablePattern: `bytes\_fit`, TargetSchema: long, TargetTable: long}}})
		ids, _ := blocked(t, cfg)
		if len(ids) != 1 || strings.Count(ids[0], "65 characters") != 2 {
			t.Errorf("names that are too long: %v", ids)
		}
	})
}

func openAs(t *testing.T, s *servers.Server, user, password string) *sql.DB {
	t.Helper()
	cfg, err := mysql.ParseDSN(s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	cfg.User, cfg.Passwd = user, password
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// realCreate has TiDB make the table as START does, and drops it.
func realCreate(t *testing.T, db *sql.DB, create string) bool {
	t.Helper()
	table, err := schema.ParseCreate("lim", create, schema.Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	stmt, _, err := schema.TargetCreate(table, "real_lim", "x")
	if err != nil {
		return false
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), createMode); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), stmt); err != nil {
		return false
	}
	mustExec(t, db, "DROP TABLE real_lim.x")
	return true
}

// The target's account needs rights on the schemas of the migration: CHECK names those
// that it lacks, and its statement grants them.
func TestCheckFindsTargetRights(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, tdb := openDB(t, src), openDB(t, dst)
	mustExec(t, sdb, "CREATE DATABASE my_shop", "CREATE TABLE my_shop.t (id INT PRIMARY KEY)", "INSERT INTO my_shop.t VALUES (1)")
	mustExec(t, tdb, "CREATE USER mover IDENTIFIED BY 'p'", "GRANT SELECT, INSERT ON `my\\_shop`.* TO mover", "CREATE ROLE writes",
		"GRANT UPDATE, DELETE ON `my\\_shop`.* TO writes", "GRANT writes TO mover", "SET DEFAULT ROLE ALL TO mover")
	cfg := config(t, src, dst, "r1/s", ruleset.Spec{DoDB: []string{"my_shop"}})
	root := cfg.Target
	cfg.Target = openAs(t, dst, "mover", "p")
	mc, err := mysql.ParseDSN(dst.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	mc.User, mc.Passwd = "mover", "p"
	if cfg.Connector, err = apply.NewConnector(mc, nil); err != nil {
		t.Fatal(err)
	}
	found, err := Check(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"my_shop": "ALTER, CREATE, DROP, INDEX", apply.MetaSchema: "CREATE, DELETE, INSERT, SELECT, UPDATE"}
	for _, f := range found {
		if f.ID != "target.rights" {
			continue
		}
		if f.Blocks != "START" || !strings.Contains(f.Finding, "lacks "+want[f.Object]+" on") {
			t.Errorf("%+v, want %s", f, want[f.Object])
		}
		delete(want, f.Object)
		mustExec(t, root, f.RemedySQL)
	}
	if len(want) > 0 {
		t.Errorf("CHECK does not name the rights %v", want)
	}
	cfg.Target = openAs(t, dst, "mover", "p") // rights of new sessions
	if ids, _ := blocked(t, cfg); ids != nil {
		t.Errorf("after the remedies the start is refused by %v", ids)
	}
	runUntil(t, cfg, "caught up with the rights that CHECK asks for", caughtUp)
	mustExec(t, sdb, "ALTER TABLE my_shop.t ADD COLUMN v INT, ADD KEY (v)", "CREATE TABLE my_shop.u (id INT PRIMARY KEY)", "RENAME TABLE my_shop.u TO my_shop.w",
		"TRUNCATE TABLE my_shop.w", "DROP TABLE my_shop.w", "INSERT INTO my_shop.t VALUES (2,3)", "UPDATE my_shop.t SET v=4", "DELETE FROM my_shop.t WHERE id=1")
	cfg.Epoch++
	runUntil(t, cfg, "DDL and rows with these rights", func(st Status) bool { return caughtUp(st) && st.Deletes >= 1 })
}

func TestGrantsAreRead(t *testing.T) {
	for _, x := range []struct {
		line, schema, table, right string
		want                       bool
	}{
		{"GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION", "a", "t", "DROP", true},
		{"GRANT SELECT,INSERT ON *.* TO 'u'@'%'", "a", "t", "INSERT", true},
		{"GRANT SELECT,INSERT ON *.* TO 'u'@'%'", "a", "t", "UPDATE", false},
		{"GRANT SELECT ON `shop\\_%`.* TO 'u'@'%'", "shop_1", "t", "SELECT", true},
		{"GRANT SELECT ON `shop\\_%`.* TO 'u'@'%'", "shopx1", "t", "SELECT", false},
		{"GRANT SELECT ON `Shop`.`Orders` TO 'u'@'%'", "shop", "orders", "SELECT", true},
		{"GRANT SELECT ON `Shop`.`Orders` TO 'u'@'%'", "shop", "*", "SELECT", false},
		{"GRANT SELECT ON `a``b`.* TO `u`@`%`", "a`b", "t", "SELECT", true},
		{"GRANT SELECT ON `%a%a%a%`.* TO `u`@`%`", strings.Repeat("b", 64), "t", "SELECT", false},
		{"GRANT 'r'@'%' TO 'u'@'%'", "a", "t", "SELECT", false},
	} {
		g, ok := grants.Parse(x.line)
		if got := ok && (grants.List{g}).Has(x.schema, x.table, x.right, true); got != x.want {
			t.Errorf("%s: %s on %s.%s is %v", x.line, x.right, x.schema, x.table, got)
		}
	}
}
