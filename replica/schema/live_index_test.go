package schema

import (
	"fmt"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// columnsAgain are tables and statements that drop a column and give its name to another one.
// A source refuses some of them.
var columnsAgain = [][2]string{
	{"a INT, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a INT DEFAULT 7"},
	{"a INT, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(10) DEFAULT 'new' AFTER id"},
	{"a INT, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(4)"},
	{"a INT, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a TEXT"},
	{"a INT, KEY ka (a)", "DROP COLUMN a, ADD COLUMN A VARBINARY(20), RENAME KEY ka TO kz"},
	{"a INT, KEY ka (a) COMMENT 'x'", "DROP COLUMN a, ADD COLUMN a DECIMAL(8,2), ADD KEY k2 (a)"},
	{"a VARCHAR(20), KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a VARCHAR(4), KEY ka (a)", "DROP COLUMN a, ADD COLUMN a INT"},
	{"a VARCHAR(20) CHARACTER SET latin1, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30) CHARACTER SET utf8mb4"},
	{"a VARCHAR(20), KEY ka (a(5))", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a TEXT, KEY ka (a(5))", "DROP COLUMN a, ADD COLUMN a BLOB"},
	{"a BINARY(16), UNIQUE KEY ua (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(36)"},
	{"a ENUM('a','b') CHARACTER SET latin1, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(5)"},
	{"a ENUM('a','b') CHARACTER SET utf8mb4, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(5)"},
	{"a SET('1','2','3','4','5','6','7','8','9') CHARACTER SET latin1, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a DECIMAL(20,6), KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a DATETIME(3), KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a TIMESTAMP(6) NULL, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a TIME(2), KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a BIT(12), KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(30)"},
	{"a YEAR, b DATE, KEY ka (a, b)", "DROP COLUMN a, DROP COLUMN b, ADD COLUMN a VARCHAR(30), ADD COLUMN b VARCHAR(30)"},
	{"a UUID, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(36)"},
	{"a INT, b INT, UNIQUE KEY ab (b, a)", "DROP COLUMN a, ADD COLUMN a VARCHAR(20)"},
	{"a INT, b INT, KEY ab (a, b), KEY b (b)", "DROP COLUMN a, DROP COLUMN b, ADD COLUMN b INT"},
	{"a INT, b INT, KEY ab (a, b)", "DROP COLUMN a, RENAME COLUMN b TO a"},
	{"a INT, b INT, KEY ka (a)", "DROP COLUMN a, CHANGE COLUMN b a INT"},
	{"a INT, b INT, KEY ka (a)", "RENAME COLUMN a TO z, ADD COLUMN a INT"},
	{"a INT, b INT, KEY ka (a)", "RENAME COLUMN a TO z, ADD COLUMN a INT FIRST"},
	{"a INT, b INT, UNIQUE KEY ab (a, b)", "CHANGE COLUMN a z INT, ADD COLUMN a VARCHAR(20) FIRST"},
	{"a INT, KEY ka (a)", "DROP COLUMN a, DROP KEY ka, ADD COLUMN a INT"},
	{"a INT, KEY ka (a)", "DROP COLUMN a, ADD KEY ka (x)"},
	{"a INT, b INT, KEY ka (a)", "DROP COLUMN a, ADD COLUMN a INT AS (b + 1) VIRTUAL"},
	{"b INT, g BIGINT AS (b + 1) STORED, KEY kg (g), KEY kb (b, g)", "DROP COLUMN g, ADD COLUMN g BIGINT AS (b + 2) STORED"},
	{"t TEXT, FULLTEXT KEY f (t)", "DROP COLUMN t, ADD COLUMN t VARCHAR(30)"},
	{"a INT, CONSTRAINT f FOREIGN KEY (a) REFERENCES p (pa)", "DROP COLUMN a, DROP FOREIGN KEY f, ADD COLUMN a INT"},
	{"a TEXT, UNIQUE KEY ua (a)", "MODIFY a VARCHAR(36)"},
	{"a VARCHAR(36), UNIQUE KEY ua (a)", "MODIFY a TEXT"},
	{"a VARCHAR(36), UNIQUE KEY ua (a)", "DROP COLUMN a, ADD a TEXT"},
	{"a INT, b INT, c INT, KEY ka (a), KEY kb (b)", "RENAME KEY ka TO kb, RENAME KEY kb TO ka"},
	{"a INT, b INT, c INT, KEY ka (a), KEY kb (b), UNIQUE KEY kc (c), KEY kd (a, b)", "RENAME KEY kb TO kc, RENAME KEY ka TO kb, RENAME KEY kc TO ka, RENAME KEY kd TO ke"},
	{"a INT, b INT, KEY ka (a), KEY kb (b)", "DROP COLUMN a, ADD COLUMN a INT, RENAME KEY ka TO kb, RENAME KEY kb TO ka"},
	{"a INT", "DROP COLUMN id, ADD COLUMN id INT FIRST"},
	{"a INT", "DROP COLUMN id, ADD COLUMN id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, DROP PRIMARY KEY"},
	{"a INT", "RENAME COLUMN id TO old, ADD COLUMN id INT NOT NULL DEFAULT 5 FIRST"},
}

// TestIndexesOfColumnsAgain compares the indexes that the Tracker and the target have after
// such statements with those of real servers.
func TestIndexesOfColumnsAgain(t *testing.T) {
	target := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			l := newLive(t, servers.ForTest(t, kind), target)
			l.prepareParent()
			accepted := 0
			for i, c := range columnsAgain {
				history := []string{fmt.Sprintf("CREATE TABLE t%d (id INT PRIMARY KEY, x INT, %s)", i, c[0]), fmt.Sprintf("ALTER TABLE t%d %s", i, c[1])}
				if exec(t.Context(), l.source, history[0]) != nil {
					continue
				}
				if exec(t.Context(), l.source, history[1]) != nil {
					l.must(exec(t.Context(), l.source, fmt.Sprintf("DROP TABLE t%d", i)))
					continue
				}
				accepted++
				for _, stmt := range history {
					changes, err := l.tracker.Apply(replica.DDL{Schema: "live", Text: stmt})
					if err != nil {
						t.Fatalf("%s: %v", strings.Join(history, ";\n"), err)
					}
					l.toTarget(changes, history)
				}
				l.compareIndexes(history)
				l.compareTargetIndexes(history)
				l.must(exec(t.Context(), l.source, fmt.Sprintf("DROP TABLE t%d", i)))
				_, err := l.tracker.Apply(replica.DDL{Schema: "live", Text: fmt.Sprintf("DROP TABLE t%d", i)})
				l.must(err)
			}
			if t.Logf("%d statements were accepted", accepted); accepted < 30 {
				t.Error("the test tests too little")
			}
		})
	}
}

// toTarget executes the translation of changes at TiDB.
func (l *live) toTarget(changes []Change, history []string) {
	l.t.Helper()
	for _, c := range changes {
		to, err := TargetDDL(c, l.rules)
		l.must(err)
		for _, s := range to.Statements {
			if err := exec(l.t.Context(), l.target, s); err != nil {
				l.t.Fatalf("after\n%s\n%v\n%s", strings.Join(history, ";\n"), err, strings.Join(to.Statements, "\n"))
			}
		}
	}
}

// compareTargetIndexes compares the indexes in the target with those of new tables of the
// same definition.
func (l *live) compareTargetIndexes(history []string) {
	l.t.Helper()
	for _, table := range l.tracker.Tables() {
		ts, tt := l.rules.Target(table.Schema, table.Name)
		create, _, err := TargetCreate(table, ts, "fresh")
		l.must(err)
		l.must(exec(l.t.Context(), l.target, create))
		want, err := parseDefinition(l.show(l.target, ts, "fresh"), Defaults{})
		l.must(err)
		have, err := parseDefinition(l.show(l.target, ts, tt), Defaults{})
		l.must(err)
		l.must(exec(l.t.Context(), l.target, "DROP TABLE "+replica.QuoteTable(ts, "fresh")))
		if a, b := indexes(want), indexes(have); a != b {
			l.t.Errorf("after\n%s\nthe target should have %s\nit has               %s", strings.Join(history, ";\n"), a, b)
		}
	}
}
