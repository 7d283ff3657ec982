package schema

import (
	"strings"
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

// TestCascades: a foreign key whose actions no row event will show is refused
// where the source's engine carries them out.
func TestCascades(t *testing.T) {
	rules := compile(t, ruleset.Spec{})
	for _, native := range []bool{true, false} {
		for sql, want := range map[string]string{
			"CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES b (id) ON DELETE CASCADE)":                     "ON DELETE CASCADE",
			"ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES b (id) ON UPDATE SET NULL ON DELETE RESTRICT":              "ON UPDATE SET NULL",
			"ALTER TABLE a ADD FOREIGN KEY (p) REFERENCES b (id) ON DELETE NO ACTION":                                             "",
			"CREATE TABLE c (id INT PRIMARY KEY, p INT, on_delete INT, FOREIGN KEY (p) REFERENCES `b` (`id`) ON UPDATE RESTRICT)": "",
		} {
			tr := NewTracker(rules, Defaults{NativeForeignKeys: native})
			if _, err := tr.Apply(replica.DDL{Schema: "d", Text: "CREATE TABLE a (id INT PRIMARY KEY, p INT)"}); err != nil {
				t.Fatal(err)
			}
			changes, err := tr.Apply(replica.DDL{Schema: "d", Text: sql})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, c := range changes {
				to, err := TargetDDL(c, rules)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range to.Conditions {
					got += x.Failed.Message
				}
			}
			if !native {
				want = ""
			}
			if want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s, native %v: %q instead of %q", sql, native, got, want)
			}
		}
	}
}
