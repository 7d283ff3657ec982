package schema

import (
	"strings"
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

// TestLostRows: statements that change rows without row events are refused for
// good where they touch a migrated table, and stop nothing elsewhere.
func TestLostRows(t *testing.T) {
	const made = "CREATE TABLE %s (a INT PRIMARY KEY, b INT, c VARCHAR(5)) ENGINE=InnoDB"
	const parts = " PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))"
	for _, c := range []struct {
		stmt string
		lost string // a part of the message; "" when the statement is followed
	}{
		{"ALTER TABLE t DISCARD TABLESPACE", "DISCARD TABLESPACE"},
		{"ALTER TABLE t IMPORT TABLESPACE", "IMPORT TABLESPACE"},
		{"ALTER TABLE p DISCARD PARTITION p0, p1 TABLESPACE", "DISCARD PARTITION .. TABLESPACE"},
		{"ALTER TABLE p IMPORT PARTITION ALL TABLESPACE", "IMPORT PARTITION .. TABLESPACE"},
		{"ALTER TABLE skip_me IMPORT TABLESPACE", ""},
		{"ALTER TABLE other.t IMPORT TABLESPACE", ""},
		{"ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t", "a column was added to app.t"},                    // if the target says so
		{"ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t WITHOUT VALIDATION", "a column was added to app.t"}, // if the target says so
		{"ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE skip_me", "EXCHANGE PARTITION with a table that is not replicated"},
		{"ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE other.unseen", "EXCHANGE PARTITION with a table that is not replicated"},
		{"ALTER TABLE skip_me EXCHANGE PARTITION p0 WITH TABLE t", "ALTER TABLE app.skip_me .. EXCHANGE PARTITION"},
		{"ALTER TABLE other.unseen EXCHANGE PARTITION p0 WITH TABLE t", "ALTER TABLE other.unseen .. EXCHANGE PARTITION"},
		{"ALTER TABLE other.unseen EXCHANGE PARTITION p0 WITH TABLE unseen", "ALTER TABLE other.unseen .. EXCHANGE PARTITION"},
		{"ALTER TABLE other.unseen EXCHANGE PARTITION p0 WITH TABLE skip_me", ""},
		{"ALTER TABLE p CONVERT PARTITION p0 TO TABLE fresh", "CONVERT PARTITION"},
		{"ALTER TABLE p CONVERT TABLE t TO PARTITION p2 VALUES LESS THAN (30) WITH VALIDATION", "CONVERT TABLE"},
		{"ALTER TABLE other.unseen CONVERT PARTITION p0 TO TABLE fresh", "ALTER TABLE other.unseen .. CONVERT PARTITION"},
		{"ALTER TABLE other.unseen CONVERT TABLE t TO PARTITION p2 VALUES LESS THAN (30)", "ALTER TABLE other.unseen .. CONVERT TABLE"},
		{"ALTER IGNORE TABLE t ADD UNIQUE (b)", "ALTER IGNORE TABLE"},
		{"ALTER IGNORE TABLE t ADD d INT UNIQUE", "ALTER IGNORE TABLE"},
		{"ALTER IGNORE TABLE t MODIFY c VARCHAR(2)", "ALTER IGNORE TABLE"},
		{"ALTER ONLINE IGNORE TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b)", "ALTER IGNORE TABLE"},
		{"ALTER IGNORE TABLE t ADD d INT, ADD KEY (b), COMMENT 'x'", ""},
		{"ALTER IGNORE TABLE skip_me ADD UNIQUE (b)", ""},
		{"ALTER TABLE t ENGINE=BLACKHOLE", "ENGINE=BLACKHOLE"},
		{"ALTER TABLE t ENGINE=`Connect` TABLE_TYPE=CSV", "ENGINE=CONNECT"},
		{"ALTER TABLE t ENGINE=MyISAM", ""},
		{"ALTER TABLE t SEQUENCE=1", "SEQUENCE"},
		{"CREATE TABLE fresh (a INT) ENGINE=MERGE UNION=(t)", "engine MERGE"},
		{"CREATE TABLE fresh (a INT) ENGINE=Aria", ""},
		{"CREATE TABLE other.fresh (a INT) ENGINE=FEDERATED", ""},
		{"REPAIR TABLE t", ""},
		{"REPAIR NO_WRITE_TO_BINLOG TABLE m, t USE_FRM", "REPAIR TABLE of engine MYISAM"},
		{"REPAIR TABLE other.m", ""},
		{"REPAIR VIEW v", ""},
		{"ALTER TABLE p REPAIR PARTITION p0", ""},
		{"ALTER TABLE p OPTIMIZE PARTITION ALL", ""},
	} {
		tr := NewTracker(compile(t, onlyApp), Defaults{MariaDB: true})
		var got []string
		follow := func(s string) {
			changes, err := tr.Apply(replica.DDL{Schema: "app", Text: s})
			if err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			got = nil
			for _, ch := range changes {
				translated, err := TargetDDL(ch, tr.rules)
				if err != nil {
					t.Fatalf("%s: %v", s, err)
				}
				for _, x := range translated.Conditions {
					if !x.Values {
						t.Errorf("%s: a repair by hand would make up for it", s)
					}
					got = append(got, x.Failed.Message)
				}
			}
		}
		for _, s := range []string{"t", "other.t"} {
			follow(strings.Replace(made, "%s", s, 1))
		}
		follow(strings.Replace(made, "%s", "p", 1) + parts)
		follow(strings.Replace(made, "%s", "skip_me", 1) + parts)
		follow("CREATE TABLE m (a INT) ENGINE=MyISAM")
		follow("CREATE TABLE other.m (a INT) ENGINE=MyISAM")
		follow(c.stmt)
		all := strings.Join(got, "; ")
		if c.lost == "" && all != "" || !strings.Contains(all, c.lost) {
			t.Errorf("%s: %q, want %q", c.stmt, all, c.lost)
		}
	}
}

// TestLostRowsOfPartitions: the target's table has no partitions, so that what
// happens to the source's cannot be done there.
func TestLostRowsOfPartitions(t *testing.T) {
	const create = "CREATE TABLE t (a INT, b TIMESTAMP(6) GENERATED ALWAYS AS ROW START, c TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME(b, c)) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION pn CURRENT)"
	for stmt, lost := range map[string]bool{"ALTER TABLE t DROP PARTITION p0": true, "ALTER TABLE t TRUNCATE PARTITION p0": true,
		"ALTER TABLE t ADD PARTITION (PARTITION p1 HISTORY)": false, "ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE u": true} {
		tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{MariaDB: true})
		var conditions []Condition
		for _, s := range []string{create, stmt} {
			changes, err := tr.Apply(replica.DDL{Schema: "app", Text: s})
			if err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			translated, err := TargetDDL(changes[0], tr.rules)
			if err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			conditions = translated.Conditions
		}
		if (len(conditions) > 0) != lost {
			t.Errorf("%s: %v", stmt, conditions)
		}
	}
}
