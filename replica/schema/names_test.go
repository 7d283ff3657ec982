package schema

import (
	"strings"
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

// TestNamesWithoutCase: a source with lower_case_table_names 1 keeps lower case,
// one with 2 what was written first; both find a table under any case.
func TestNamesWithoutCase(t *testing.T) {
	stmts := []string{
		"CREATE DATABASE Shop",
		"CREATE TABLE Shop.Orders (id INT PRIMARY KEY)",
		"ALTER TABLE SHOP.ORDERS ADD v INT",
		"TRUNCATE TABLE shop.orders",
		"CREATE TABLE SHOP.Copy LIKE shop.ORDERS",
		"RENAME TABLE shop.COPY TO SHOP.Second",
		"RENAME TABLE shop.second TO shop.SECOND",
		"ALTER TABLE shop.SECOND RENAME TO SHOP.seconD",
		"CREATE INDEX k ON SHOP.SECOND (v)",
		"CREATE TABLE IF NOT EXISTS SHOP.orders (other INT)",
		"DROP TABLE SHOP.SECOND, Shop.ORDERS",
		"DROP DATABASE SHOP",
	}
	for mode, want := range map[int][]string{
		1: {"CREATE DATABASE shop.", "CREATE TABLE shop.orders", "ALTER TABLE shop.orders", "TRUNCATE TABLE shop.orders", "CREATE TABLE shop.copy",
			"RENAME TABLE shop.copy>shop.second", "OTHER", "ALTER TABLE shop.second", "CREATE INDEX shop.second", "CREATE TABLE shop.orders",
			"DROP TABLE shop.second, DROP TABLE shop.orders", "DROP DATABASE shop."},
		2: {"CREATE DATABASE Shop.", "CREATE TABLE Shop.Orders", "ALTER TABLE Shop.Orders", "TRUNCATE TABLE Shop.Orders", "CREATE TABLE Shop.Copy",
			"RENAME TABLE Shop.Copy>Shop.Second", "OTHER", "ALTER TABLE Shop.Second", "CREATE INDEX Shop.Second", "CREATE TABLE Shop.Orders",
			"DROP TABLE Shop.Second, DROP TABLE Shop.Orders", "DROP DATABASE Shop."},
	} {
		rules, err := compile(t, ruleset.Spec{DoDB: []string{"SHOP"}}).ForSource(mode)
		if err != nil {
			t.Fatal(err)
		}
		tr := NewTracker(rules, Defaults{LowerNames: mode == 1})
		for i, stmt := range stmts {
			changes, err := tr.Apply(replica.DDL{Text: stmt})
			if err != nil {
				t.Fatalf("mode %d: %s: %v", mode, stmt, err)
			}
			var got []string
			for _, c := range changes {
				if c.Kind == Other {
					got = append(got, "OTHER")
					continue
				}
				s := c.Kind.String() + " " + c.Schema + "." + c.Table
				if c.After != nil && (c.Before == nil || c.Before == c.After) && (c.After.Schema != c.Schema || c.After.Name != c.Table) {
					t.Errorf("mode %d: %s: the definition is of %s", mode, stmt, c.After)
				}
				if c.Before != nil && c.After != nil && c.Before.String() != c.After.String() {
					s += ">" + c.After.String()
				}
				got = append(got, s)
			}
			if s := strings.Join(got, ", "); s != want[i] {
				t.Errorf("mode %d: %s: %s, want %s", mode, stmt, s, want[i])
			}
		}
		if l := tr.Tables(); len(l) != 0 {
			t.Errorf("mode %d: %d tables are left", mode, len(l))
		}
	}
	if _, err := compile(t, ruleset.Spec{DoTable: []ruleset.TableName{{Schema: "a", Table: "t"}}, IgnoreTable: []ruleset.TableName{{Schema: "a", Table: "T"}}}).ForSource(1); err == nil {
		t.Error("a rule that contradicts another without case is taken")
	}
}
