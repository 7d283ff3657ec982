package schema

import (
	"strings"
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

// shownNow is a source that has one table, or none.
type shownNow string

func (s shownNow) ShowCreate(string, string) (string, error) { return string(s), nil }
func (s shownNow) ShowCreateThen(string, string) (string, error) {
	return string(s), nil
}
func (s shownNow) Kind(string, string) (ObjectKind, error) { return BaseTable, nil }

// TestForeignKeyIndexOfUnknownOrigin: a table was copied, so that nothing shows
// which of its indexes the source made for foreign keys.
func TestForeignKeyIndexOfUnknownOrigin(t *testing.T) {
	const copied = "CREATE TABLE `c` (`id` int NOT NULL, `a` int DEFAULT NULL, `b` int DEFAULT NULL, PRIMARY KEY (`id`), KEY `fk` (`a`), CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `p` (`a`))"
	const withFK, without = "CREATE TABLE `c` (`id` int NOT NULL, `a` int, `b` int, KEY `fk` (`a`), KEY `k` (`a`,`b`))", "CREATE TABLE `c` (`id` int NOT NULL, `a` int, `b` int, KEY `k` (`a`,`b`))"
	for _, c := range []struct {
		name   string
		source Source
		stmts  []string
		keys   string // of the tracker in the end
		target string // of the last statement
	}{
		{"the source dropped it", shownNow(without), []string{"ALTER TABLE c ADD KEY k (a, b)"}, "k",
			"ALTER TABLE `d`.`c` ADD KEY `k` (`a`,`b`); ALTER TABLE `d`.`c` DROP INDEX `fk`"},
		{"the source kept it", shownNow(withFK), []string{"ALTER TABLE c ADD KEY k (a, b)"}, "fk k", "ALTER TABLE `d`.`c` ADD KEY `k` (`a`,`b`)"},
		{"the source kept it, and is asked once", shownNow(withFK), []string{"ALTER TABLE c ADD KEY k (a, b)", "ALTER TABLE c COMMENT 'x'"}, "fk k", "ALTER TABLE `d`.`c` COMMENT='x'"},
		{"the table is gone", shownNow(""), []string{"ALTER TABLE c ADD KEY k (a, b)"}, "fk k", "ALTER TABLE `d`.`c` ADD KEY `k` (`a`,`b`)"},
		{"nobody to ask", nil, []string{"ALTER TABLE c ADD KEY k (a, b)"}, "fk k", "ALTER TABLE `d`.`c` ADD KEY `k` (`a`,`b`)"},
		{"taken for gone, and dropped by a later statement", shownNow(without), []string{"ALTER TABLE c ADD KEY k (a, b)", "ALTER TABLE c DROP INDEX fk"}, "k", ""},
		{"taken for gone, and renamed by a later statement", shownNow(without), []string{"ALTER TABLE c ADD KEY k (a, b)", "ALTER TABLE c RENAME INDEX fk TO fk2"}, "k fk2",
			"ALTER TABLE `d`.`c` ADD KEY `fk2` (`a`)"},
		{"taken for kept, and added by a later statement", shownNow(withFK), []string{"ALTER TABLE c ADD KEY k (a, b)", "ALTER TABLE c ADD KEY fk (a)"}, "k fk", ""},
		{"taken for kept, and added otherwise", shownNow(withFK), []string{"ALTER TABLE c ADD KEY k (a, b)", "ALTER TABLE c ADD KEY fk (b)"}, "k fk",
			"ALTER TABLE `d`.`c` DROP INDEX `fk`; ALTER TABLE `d`.`c` ADD KEY `fk` (`b`)"},
		{"another foreign key takes its place", shownNow(strings.ReplaceAll(without, "KEY `k` (`a`,`b`)", "KEY `fk2` (`a`)")), []string{"ALTER TABLE c ADD CONSTRAINT fk2 FOREIGN KEY (a) REFERENCES p (b)"}, "fk2",
			"ALTER TABLE `d`.`c` ADD KEY `fk2` (`a`); ALTER TABLE `d`.`c` DROP INDEX `fk`"},
		{"another foreign key uses it", shownNow(withFK), []string{"ALTER TABLE c ADD CONSTRAINT fk2 FOREIGN KEY (a) REFERENCES p (b)"}, "fk", ""},
		{"the foreign key goes first", shownNow(""), []string{"ALTER TABLE c DROP FOREIGN KEY fk", "ALTER TABLE c DROP INDEX fk"}, "", "ALTER TABLE `d`.`c` DROP INDEX `fk`"},
		{"an unknown foreign key", shownNow(""), []string{"ALTER TABLE c DROP FOREIGN KEY c_ibfk_9"}, "fk", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := compile(t, ruleset.Spec{})
			tr := NewTracker(rules, Defaults{})
			if _, err := tr.Load("d", copied); err != nil {
				t.Fatal(err)
			}
			checkFollowed(t, tr, c.source, c.stmts, c.keys, c.target)
		})
	}
}

// checkFollowed follows statements on d.c and compares the names of its plain
// keys, and what the last statement is at the target.
func checkFollowed(t *testing.T, tr *Tracker, source Source, stmts []string, keys, target string) {
	t.Helper()
	var made []string
	for _, s := range stmts {
		made = nil
		changes, err := tr.ApplyAt(replica.DDL{Schema: "d", Text: s}, source)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		for _, ch := range changes {
			to, err := TargetDDL(ch, tr.rules)
			if err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			made = append(made, to.Statements...)
		}
		roundTrip(t, tr.Table("d", "c"))
	}
	d, err := parseDefinition(tr.Table("d", "c").Create, Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, k := range d.keys {
		if k.kind == keyPlain {
			names = append(names, k.name)
		}
	}
	if got := strings.Join(names, " "); got != keys {
		t.Errorf("keys %q, want %q: %s", got, keys, tr.Table("d", "c").Create)
	}
	if got := strings.Join(made, "; "); got != target {
		t.Errorf("target %s\nwant   %s", got, target)
	}
}

// TestForeignKeyOfAnOlderRecord: a version that did not know of these indexes
// recorded the definition and made the target's table.
func TestForeignKeyOfAnOlderRecord(t *testing.T) {
	const recorded = "CREATE TABLE `c` (\n  `id` int NOT NULL,\n  `a` int NULL,\n  `b` int NULL,\n  PRIMARY KEY (`id`),\n  CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES p (a),\n  CONSTRAINT `c_ibfk_1` FOREIGN KEY (`b`) REFERENCES p (a)\n) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
	for _, c := range []struct{ stmt, keys, target string }{
		{"ALTER TABLE c DROP FOREIGN KEY fk, DROP INDEX fk", "", ""},
		{"ALTER TABLE c DROP FOREIGN KEY c_ibfk_1, DROP KEY b", "", ""},
		{"ALTER TABLE c RENAME KEY b TO bb", "bb", "ALTER TABLE `d`.`c` ADD KEY `bb` (`b`)"},
		{"ALTER TABLE c ADD KEY fk (a)", "fk", "ALTER TABLE `d`.`c` ADD KEY `fk` (`a`)"},
	} {
		tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
		if _, err := tr.Load("d", recorded); err != nil {
			t.Fatal(err)
		}
		checkFollowed(t, tr, nil, []string{c.stmt}, c.keys, c.target)
	}
	tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
	if _, err := tr.Load("d", recorded); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Apply(replica.DDL{Schema: "d", Text: "ALTER TABLE c DROP KEY nothing"}); err == nil {
		t.Error("an index that nobody knows was dropped")
	}
}

// TestForeignKeyNames: who names the index and the constraint.
func TestForeignKeyNames(t *testing.T) {
	const create = "CREATE TABLE c (a INT, b INT REFERENCES p (b), FOREIGN KEY nm (a) REFERENCES p (a))"
	for _, c := range []struct {
		d          Defaults
		keys, sets string
	}{
		{Defaults{}, "b nm", "c_ibfk_1 c_ibfk_2"},
		{Defaults{Version: 80036}, "nm", "c_ibfk_1"},
		{Defaults{MariaDB: true}, "b nm", "c_ibfk_1 nm"},
	} {
		tr := NewTracker(compile(t, ruleset.Spec{}), c.d)
		if _, err := tr.Apply(replica.DDL{Schema: "d", Text: create}); err != nil {
			t.Fatal(err)
		}
		d, err := parseDefinition(tr.Table("d", "c").Create, c.d)
		if err != nil {
			t.Fatal(err)
		}
		var keys, sets []string
		for _, k := range d.keys {
			keys = append(keys, k.name)
		}
		for _, f := range d.foreign {
			sets = append(sets, f.name)
		}
		if k, s := strings.Join(keys, " "), strings.Join(sets, " "); k != c.keys || s != c.sets {
			t.Errorf("%+v: indexes %q, constraints %q", c.d, k, s)
		}
	}
}

// TestLikeOutside: the definition of a table outside the rules comes from the
// source, or the statement is refused by name.
func TestLikeOutside(t *testing.T) {
	tr := NewTracker(compile(t, onlyApp), Defaults{})
	const like = "CREATE TABLE t LIKE other.x"
	_, err := tr.ApplyAt(replica.DDL{Schema: "app", Text: like}, shownNow(""))
	checkError(t, err, "app.t is made LIKE other.x")
	source := shownNow("CREATE TABLE `x` (\n  `a` int NOT NULL,\n  `b` varchar(5) DEFAULT NULL,\n  PRIMARY KEY (`a`),\n  KEY `b` (`b`)\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=latin1")
	if _, err := tr.ApplyAt(replica.DDL{Schema: "app", Text: like}, source); err != nil {
		t.Fatal(err)
	}
	if got := describe(tr.Table("app", "t")); got != "a int notnull; b varchar(5) latin1_swedish_ci | PRIMARY(a)" {
		t.Error(got)
	}
	if strings.Contains(tr.Table("app", "t").Create, "AUTO_INCREMENT=7") {
		t.Error(tr.Table("app", "t").Create)
	}
	if _, err := tr.ApplyAt(replica.DDL{Schema: "app", Text: "CREATE TABLE skip1 LIKE other.y"}, shownNow("")); err != nil {
		t.Error(err)
	}
}

// TestForeignKeyIndexNameAgain: the source dropped the index of a foreign key for a longer one,
// which has got its name by the time that the source is asked.
func TestForeignKeyIndexNameAgain(t *testing.T) {
	const head, tail = "CREATE TABLE `c` (`id` int NOT NULL, `a` int, `b` int, PRIMARY KEY (`id`), KEY `ab` (`a`,`b`), ", ", CONSTRAINT `f2` FOREIGN KEY (`b`, `a`) REFERENCES `p2` (`x`, `y`))"
	for now, kept := range map[string]bool{
		"KEY `f2` (`b`,`a`,`id`)":                      false,
		"KEY `f2` (`b`,`id`)":                          false,
		"UNIQUE KEY `f2` (`b`,`a`)":                    false,
		"KEY `big` (`b`,`a`,`id`)":                     false,
		"KEY `big` (`b`,`a`,`id`), KEY `f2` (`b`,`a`)": true,
		"KEY `big` (`b`,`a`,`id`), KEY `f2` (`b`)":     true, // a was dropped and added again
	} {
		tracker := NewTracker(compile(t, ruleset.Spec{}), Defaults{MariaDB: true, Charset: "utf8mb4"})
		_, err := tracker.Load("d", head+"KEY `f2` (`b`,`a`)"+tail)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tracker.ApplyAt(replica.DDL{Schema: "d", Text: "ALTER TABLE c ADD KEY big (b,a,id)"}, shownNow(head+now+tail)); err != nil {
			t.Fatal(err)
		}
		d, err := parseDefinition(tracker.Table("d", "c").Create, Defaults{})
		if err != nil {
			t.Fatal(err)
		}
		if (d.key("f2") != nil) != kept {
			t.Errorf("the source has %s now: known are %s", now, indexes(d))
		}
	}
}
