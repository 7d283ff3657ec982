package schema

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// liveScripts are sequences of DDL that a source executes and the Tracker
// follows. They use the table or tables of schema live only.
var liveScripts = []struct {
	name  string
	on    string // "" for all, mysql, mariadb
	stmts []string
	// refused says that TiDB itself refuses one of the statements, so that the
	// rest of the script is for the Tracker only.
	refused bool
}{
	{name: "types", stmts: []string{
		"CREATE TABLE t (id INT(11) UNSIGNED ZEROFILL NOT NULL AUTO_INCREMENT PRIMARY KEY, a TINYINT(1), b BOOL, c SMALLINT(4) UNSIGNED, d MEDIUMINT, e BIGINT(20) ZEROFILL, f FLOAT(7,3), g DOUBLE, h DECIMAL(12,4), i NUMERIC, j BIT, k BIT(17), l DATE, m TIME(2), n DATETIME(6), o TIMESTAMP(3) NULL, p YEAR, q CHAR, r VARCHAR(30), s TINYTEXT, u TEXT(300), v MEDIUMTEXT, w LONGTEXT, x BINARY(3), y VARBINARY(9), z BLOB(70000), aa ENUM('x','y''z','é '), ab SET('1','2'), ac NATIONAL VARCHAR(3), ad FLOAT(30), ae DOUBLE PRECISION, af VARCHAR(10) CHARACTER SET latin1, ag CHAR(10) CHARACTER SET binary, ah TEXT CHARACTER SET ascii, ai VARCHAR(10) BINARY, aj LONG VARCHAR, ak REAL UNSIGNED) CHARSET=utf8mb4 COMMENT='it''s'",
	}},
	{name: "columns", stmts: []string{
		"CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(10) NOT NULL DEFAULT 'x', c INT)",
		"ALTER TABLE t ADD COLUMN d INT FIRST, ADD e VARCHAR(5) AFTER a, ADD COLUMN (f INT, g DATE)",
		"ALTER TABLE t ADD h INT AFTER d, ADD i INT AFTER h",
		"ALTER TABLE t DROP COLUMN c, DROP g",
		"ALTER TABLE t MODIFY b VARCHAR(20) NULL FIRST",
		"ALTER TABLE t CHANGE e e2 VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'c'",
		"ALTER TABLE t CHANGE COLUMN f ff BIGINT AFTER a, ALTER COLUMN i SET DEFAULT 5",
		"ALTER TABLE t RENAME COLUMN ff TO f, ALTER i DROP DEFAULT",
		"ALTER TABLE live.t COMMENT = 'new', ADD k INT NOT NULL DEFAULT -1",
	}},
	{name: "rename swap", refused: true, stmts: []string{
		"CREATE TABLE t (a INT PRIMARY KEY, b INT, UNIQUE (b), KEY (a, b))",
		"ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a",
		"ALTER TABLE t CHANGE a b INT, CHANGE b a INT",
		"ALTER TABLE t CHANGE a c INT NOT NULL, ADD a INT AFTER c",
	}},
	{name: "keys", stmts: []string{
		"CREATE TABLE t (a INT NOT NULL, b VARCHAR(20) NOT NULL, c VARCHAR(20), d TEXT, UNIQUE (a), UNIQUE (a, b), UNIQUE named (c), KEY (d(5)), INDEX i2 USING BTREE (b DESC))",
		"CREATE UNIQUE INDEX u3 ON t (b, c(3))",
		"ALTER TABLE t RENAME INDEX u3 TO u4, DROP INDEX a_2",
		"DROP INDEX named ON t",
		"CREATE INDEX x ON live.t (c) COMMENT 'c'",
		"ALTER TABLE t ADD UNIQUE (b), ADD CONSTRAINT cc UNIQUE KEY (c), ADD CONSTRAINT dd UNIQUE ee (c, a)",
		"ALTER TABLE t DROP KEY cc, DROP INDEX ee, ADD UNIQUE KEY cc (c, b)",
		"ALTER TABLE t MODIFY c VARCHAR(2)",
		"ALTER TABLE t DROP INDEX x, ADD INDEX x (a, c)",
	}},
	{name: "names of keys", stmts: []string{
		"CREATE TABLE t (a INT, b INT, c INT, KEY ka (a), KEY kb (b), UNIQUE KEY kc (c))",
		"ALTER TABLE t RENAME INDEX ka TO kd, RENAME INDEX kb TO ka",
		"ALTER TABLE t RENAME INDEX ka TO kc, DROP INDEX kc",
		"ALTER TABLE t RENAME INDEX kc TO k1, RENAME INDEX kd TO kc, ADD UNIQUE KEY kd (c)",
		"ALTER TABLE t DROP INDEX kc, ADD INDEX kc (b, c)",
	}},
	{name: "replaced keys", on: "mariadb", stmts: []string{
		"CREATE TABLE t (a INT, b INT, UNIQUE KEY u (a), KEY k (a))",
		"CREATE OR REPLACE UNIQUE INDEX u ON t (b)",
		"CREATE OR REPLACE INDEX k ON t (a, b)",
		"CREATE OR REPLACE INDEX fresh ON t (b)",
	}},
	{name: "swapped names of keys", refused: true, stmts: []string{
		"CREATE TABLE t (a INT, b INT, KEY ka (a), KEY kb (b))",
		"ALTER TABLE t RENAME INDEX ka TO kb, RENAME INDEX kb TO ka",
	}},
	{name: "primary keys", refused: true, stmts: []string{
		"CREATE TABLE t (a INT, b INT, c INT NOT NULL UNIQUE)",
		"ALTER TABLE t ADD PRIMARY KEY (a, b)",
		"ALTER TABLE t DROP PRIMARY KEY",
		"ALTER TABLE t MODIFY a INT NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST, ADD d INT UNIQUE KEY",
		"ALTER TABLE t MODIFY a INT, DROP PRIMARY KEY, ADD PRIMARY KEY (c)",
		"ALTER TABLE t ADD e SERIAL",
	}},
	{name: "trimmed keys", on: "mysql", stmts: []string{
		"CREATE TABLE t (a INT PRIMARY KEY, b INT, c INT, d INT, KEY k (b, c), UNIQUE KEY u (c, d), KEY s (d))",
		"ALTER TABLE t DROP COLUMN c",
		"ALTER TABLE t DROP COLUMN d, ADD COLUMN e INT, ADD KEY (e, b)",
	}},
	{name: "charsets", refused: true, stmts: []string{
		"CREATE TABLE t (a VARCHAR(10), b TEXT, c ENUM('a'), d VARCHAR(10) CHARACTER SET ascii, e INT, f TINYTEXT, g MEDIUMTEXT) DEFAULT CHARSET latin1",
		"ALTER TABLE t DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci, ADD h VARCHAR(5)",
		"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"ALTER TABLE t COLLATE utf8mb4_general_ci",
		"ALTER TABLE t ADD i VARCHAR(3) CHARACTER SET utf8mb4, ADD j CHAR(3) COLLATE latin1_bin, MODIFY a VARCHAR(12)",
		"CREATE TABLE t2 (a TEXT, b TINYTEXT) DEFAULT CHARSET=utf8mb3",
		"ALTER TABLE t2 CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"ALTER TABLE t2 CONVERT TO CHARACTER SET latin1",
		"ALTER TABLE t2 CONVERT TO CHARACTER SET binary",
	}},
	{name: "tables", stmts: []string{
		"CREATE TABLE a (x INT PRIMARY KEY, y INT, CONSTRAINT ck CHECK (y > 0), CHECK (x < 100))",
		"CREATE TABLE b LIKE a",
		"CREATE TABLE IF NOT EXISTS b (z INT)",
		"ALTER TABLE b ADD z VARCHAR(3)",
		"RENAME TABLE a TO c, b TO a, c TO b",
		"TRUNCATE a",
		"ALTER TABLE a RENAME TO d, ADD w INT",
		"ALTER TABLE d RENAME AS e",
		"DROP TABLE IF EXISTS nothing, b",
		"CREATE VIEW v AS SELECT 1",
		"DROP VIEW v",
		"ANALYZE TABLE e",
		"CREATE TABLE with_default (a INT, b DATETIME DEFAULT NOW() ON UPDATE CURRENT_TIMESTAMP(), c TIMESTAMP(2) NULL DEFAULT CURRENT_TIMESTAMP(2))",
		"DROP TABLE e, with_default",
	}},
	{name: "generated", stmts: []string{
		"CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(20), g INT AS (a + 1) VIRTUAL, h VARCHAR(50) GENERATED ALWAYS AS (concat(b, 'x''y', '-')) STORED, UNIQUE (g))",
		"ALTER TABLE t ADD i INT AS (a * 2) VIRTUAL AFTER a",
		"ALTER TABLE t DROP COLUMN i",
		"ALTER TABLE t MODIFY h VARCHAR(50) GENERATED ALWAYS AS (concat(b, 'x''y', '-')) STORED COMMENT 'new'",
		"ALTER TABLE t ADD c INT, ADD j INT AS (c + 1) VIRTUAL, ADD k INT AS (j * 2) VIRTUAL, ADD KEY (k)",
		"ALTER TABLE t DROP COLUMN c, DROP COLUMN j, DROP COLUMN k, ADD COLUMN c VARCHAR(9)",
		"CREATE TABLE u (a INT PRIMARY KEY, l VARCHAR(9) CHARACTER SET latin1, len INT AS (length(l)) STORED, v INT AS (length(l) + 1) VIRTUAL, KEY (len))",
		"ALTER TABLE u CHANGE len bytes BIGINT AS (length(l)) STORED, DROP COLUMN v, ADD COLUMN w INT AS (a - 1) VIRTUAL AFTER l",
	}},
	{name: "partitions", stmts: []string{
		"CREATE TABLE t (a INT NOT NULL, d DATE) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20) COMMENT 'x')",
		"ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (30), PARTITION p3 VALUES LESS THAN (40))",
		"ALTER TABLE t DROP PARTITION p0",
		"ALTER TABLE t REORGANIZE PARTITION p2, p3 INTO (PARTITION p23 VALUES LESS THAN (40))",
		"ALTER TABLE t TRUNCATE PARTITION p1",
		"CREATE TABLE h (a INT PRIMARY KEY) PARTITION BY HASH (a) PARTITIONS 4",
		"ALTER TABLE h ADD PARTITION PARTITIONS 2",
		"ALTER TABLE h COALESCE PARTITION 3",
		"ALTER TABLE t REMOVE PARTITIONING",
		"ALTER TABLE t PARTITION BY LIST (a) (PARTITION x VALUES IN (1,2,3), PARTITION y VALUES IN (4))",
	}},
	{name: "mysql only", on: "mysql", stmts: []string{
		"CREATE TABLE t (a INT PRIMARY KEY, b INT INVISIBLE, j JSON DEFAULT (JSON_ARRAY()), c VARCHAR(40) DEFAULT (UUID()), UNIQUE KEY ((a + b)), KEY ((LOWER(c))), d VARCHAR(10) DEFAULT ('x'), CHECK (a > 0), f INT CHECK (f > 1), FULLTEXT (d))",
		"ALTER TABLE t ALTER b SET VISIBLE, ADD e INT INVISIBLE, ALTER INDEX functional_index_2 INVISIBLE",
		"ALTER TABLE t DROP CHECK t_chk_1, ADD CONSTRAINT CHECK (b < 5)",
		"ALTER TABLE t DROP CONSTRAINT t_chk_2, ALTER CHECK t_chk_3 NOT ENFORCED",
		"ALTER TABLE t ADD g INT DEFAULT 2, ALGORITHM=DEFAULT, LOCK=DEFAULT",
		"ALTER TABLE t MODIFY g INT DEFAULT (1 + 1)",
		"ALTER TABLE t RENAME t9",
		"ALTER TABLE t9 ENGINE=InnoDB, ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=0, STATS_PERSISTENT=1",
		"/*!50003 ALTER TABLE t9 DROP COLUMN d */",
	}},
	{name: "mariadb only", on: "mariadb", stmts: []string{
		"CREATE OR REPLACE TABLE t (a INT PRIMARY KEY, j JSON, u UUID DEFAULT UUID(), i INET6, b TEXT DEFAULT 'abc', c INT CHECK (c > 1), d DATE DEFAULT CURRENT_DATE, CHECK (a > 0))",
		"ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT, ADD COLUMN IF NOT EXISTS e INT INVISIBLE, DROP COLUMN IF EXISTS zz, ADD INDEX IF NOT EXISTS ie (e)",
		"ALTER TABLE t MODIFY COLUMN IF EXISTS c BIGINT, ADD UNIQUE INDEX IF NOT EXISTS ie (c), DROP CONSTRAINT CONSTRAINT_1",
		"CREATE INDEX IF NOT EXISTS ie ON t (a)",
		"DROP INDEX IF EXISTS nothing ON t",
		"CREATE OR REPLACE TABLE t (a INT PRIMARY KEY, b INT) PAGE_CHECKSUM=1",
		"ALTER TABLE IF EXISTS nothing ADD x INT",
		"CREATE SEQUENCE s",
		"DROP SEQUENCE s",
		"RENAME TABLE t WAIT 5 TO t2",
	}},
	{name: "database", stmts: []string{
		"ALTER DATABASE live CHARACTER SET latin1",
		"CREATE TABLE t (a VARCHAR(10), b VARCHAR(10) CHARACTER SET utf8mb4)",
		"CREATE DATABASE live_other COLLATE utf8mb4_bin",
		"CREATE TABLE live_other.t (a VARCHAR(10) PRIMARY KEY)",
		"RENAME TABLE live_other.t TO live.moved",
		"CREATE TABLE live_other.t2 LIKE live.moved",
		"DROP DATABASE live_other",
	}},
}

func exec(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, stmt string) error {
	if _, err := db.ExecContext(ctx, stmt); err != nil {
		return fmt.Errorf("%s: %w", stmt, err)
	}
	return nil
}

// TestFollowLiveSource executes DDL at real sources and checks after each
// statement that the Tracker knows the tables as the source shows them, and
// that TiDB accepts the translation and ends up with what TargetCreate makes.
func TestFollowLiveSource(t *testing.T) {
	target := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) {
			source := servers.ForTest(t, kind)
			flavor := "mysql"
			if source.Kind != servers.MySQL {
				flavor = "mariadb"
			}
			for _, script := range liveScripts {
				if script.on != "" && script.on != flavor {
					continue
				}
				t.Run(script.name, func(t *testing.T) {
					l := newLive(t, source, target)
					for _, stmt := range script.stmts {
						l.step(stmt, script.refused)
					}
					if !script.refused {
						l.compareTargets()
					}
				})
			}
		})
	}
}

type live struct {
	t              *testing.T
	source, target *sql.Conn
	tracker        *Tracker
	rules          *ruleset.Rules
	behind         bool // TiDB refused a statement
}

func newLive(t *testing.T, source, target *servers.Server) *live {
	t.Helper()
	rules, err := ruleset.Compile(ruleset.Spec{RewriteDB: [][2]string{{"live", "live_target"}}})
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, source: conn(t, source), target: conn(t, target), rules: rules}
	defaults := SourceDefaults(source.Version)
	if err := l.source.QueryRowContext(t.Context(), "SELECT @@character_set_server, @@collation_server").Scan(&defaults.Charset, &defaults.Collation); err != nil {
		t.Fatal(err)
	}
	l.tracker = NewTracker(rules, defaults)
	for _, s := range []string{"DROP DATABASE IF EXISTS live", "DROP DATABASE IF EXISTS live_other"} {
		l.must(exec(t.Context(), l.source, s))
	}
	l.must(exec(t.Context(), l.target, "DROP DATABASE IF EXISTS live_target"))
	l.step("CREATE DATABASE live CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", false)
	l.must(exec(t.Context(), l.source, "USE live"))
	return l
}

func conn(t *testing.T, s *servers.Server) *sql.Conn {
	t.Helper()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (l *live) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *live) step(stmt string, mayRefuse bool) {
	l.t.Helper()
	l.must(exec(l.t.Context(), l.source, stmt))
	changes, err := l.tracker.Apply(replica.DDL{Schema: "live", Text: stmt})
	if err != nil {
		l.t.Fatalf("%s: %v", stmt, err)
	}
	for _, c := range changes {
		tr, err := TargetDDL(c, l.rules)
		stmts := tr.Statements
		if err != nil {
			l.t.Fatalf("%s: %v", stmt, err)
		}
		for _, s := range stmts {
			if l.behind {
				continue
			}
			if err := exec(l.t.Context(), l.target, s); err != nil {
				if l.behind = mayRefuse; !mayRefuse {
					l.t.Errorf("of %s: target: %v", stmt, err)
				} else {
					l.t.Logf("of %s: refused: %v", stmt, err)
				}
			}
		}
	}
	l.compareSource(stmt)
}

// compareSource checks every table of the source against the Tracker.
func (l *live) compareSource(stmt string) {
	l.t.Helper()
	rows, err := l.source.QueryContext(l.t.Context(), "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE 'live%' AND table_type LIKE '%TABLE%'")
	l.must(err)
	found := map[string]bool{}
	for rows.Next() {
		var s, n string
		l.must(rows.Scan(&s, &n))
		found[s+"."+n] = true
	}
	l.must(rows.Err())
	for _, table := range l.tracker.Tables() {
		if !found[table.String()] {
			l.t.Errorf("after %s: the source has no %s", stmt, table)
		}
		delete(found, table.String())
		shown, err := ParseCreate(table.Schema, l.show(l.source, table.Schema, table.Name), Defaults{})
		l.must(err)
		if diff := SameShape(shown, table); diff != "" {
			l.t.Errorf("after %s: %s\nshown  %s\nknown  %s", stmt, diff, shown.Create, table.Create)
		}
		if a, b := keyNames(shown), keyNames(table); a != b {
			l.t.Errorf("after %s: keys %s, known are %s", stmt, a, b)
		}
		roundTrip(l.t, table)
	}
	for name := range found {
		l.t.Errorf("after %s: %s is not known", stmt, name)
	}
}

func keyNames(t *replica.Table) string {
	d, err := parseDefinition(t.Create, Defaults{})
	if err != nil {
		return err.Error()
	}
	names := map[string]bool{}
	for _, k := range d.keys {
		parts := partsSQL(k.parts)
		if strings.Contains(parts, "((") || len(k.parts) > 0 && k.parts[0].expr != "" {
			parts = "(expression)" // servers print it in their own way
		}
		names[k.name+parts] = true
	}
	for _, c := range d.checks {
		names[c.name+"("+c.column] = true
	}
	return fmt.Sprint(names)
}

func (l *live) show(c *sql.Conn, schema, table string) string {
	l.t.Helper()
	var name, create string
	l.must(c.QueryRowContext(l.t.Context(), "SHOW CREATE TABLE "+replica.QuoteTable(schema, table)).Scan(&name, &create))
	return create
}

// compareTargets makes each table anew by TargetCreate and compares it with
// what the DDL made of it.
func (l *live) compareTargets() {
	l.t.Helper()
	for _, table := range l.tracker.Tables() {
		ts, tt := l.rules.Target(table.Schema, table.Name)
		create, _, err := TargetCreate(table, ts, "fresh")
		l.must(err)
		l.must(exec(l.t.Context(), l.target, create))
		fresh, altered := l.show(l.target, ts, "fresh"), l.show(l.target, ts, tt)
		l.must(exec(l.t.Context(), l.target, "DROP TABLE "+replica.QuoteTable(ts, "fresh")))
		a, err := ParseCreate(ts, fresh, Defaults{})
		l.must(err)
		b, err := ParseCreate(ts, altered, Defaults{})
		l.must(err)
		if diff := SameShape(a, b); diff != "" {
			l.t.Errorf("%s: %s\nfresh   %s\naltered %s", table, diff, fresh, altered)
		}
		if a, b := keyNames(a), keyNames(b); a != b && !strings.Contains(fresh, "CHECK") {
			l.t.Errorf("%s: fresh has %s, altered has %s", table, a, b)
		}
	}
}

// rowQuerier is one side's session.
type rowQuerier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// values reads columns as text, in the order of the first one; NULL is "(NULL)".
func (l *live) values(c rowQuerier, table string, columns []string) [][]string {
	l.t.Helper()
	rows, err := c.QueryContext(l.t.Context(), "SELECT "+strings.Join(columns, ", ")+" FROM "+table+" ORDER BY 1")
	l.must(err)
	defer rows.Close()
	var out [][]string
	for rows.Next() {
		row, dest := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		l.must(rows.Scan(dest...))
		texts := make([]string, len(columns))
		for i, v := range row {
			if texts[i] = v.String; !v.Valid {
				texts[i] = "(NULL)"
			}
		}
		out = append(out, texts)
	}
	l.must(rows.Err())
	return out
}
