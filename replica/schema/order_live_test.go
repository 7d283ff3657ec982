package schema

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// ordersWanted is how many statements of several actions each product must accept.
const ordersWanted = 60

// TestOrderOfColumns has the sources execute random ALTER TABLE statements that add,
// drop, move and rename several columns, by each other's names, too. The known
// definition and the target's table must have the source's order and values. It stops
// at ordersWanted accepted statements; a source refuses many.
func TestOrderOfColumns(t *testing.T) {
	target := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		for _, generated := range []bool{false, true} {
			if generated && kind != servers.MySQL {
				continue // MariaDB has no generated invisible primary keys
			}
			t.Run(fmt.Sprintf("%s/generated_key=%v", kind, generated), func(t *testing.T) {
				o := order{live: newLive(t, servers.ForTest(t, kind), target), r: rand.New(rand.NewPCG(11, 6))}
				o.create(generated)
				accepted, tried := 0, 0
				for ; accepted < ordersWanted && tried < 30*ordersWanted && !t.Failed(); tried++ {
					if o.alter(o.draw(generated && tried%4 == 0)) {
						accepted++
					}
				}
				if t.Logf("%d of %d statements were accepted", accepted, tried); accepted < ordersWanted && !t.Failed() {
					t.Errorf("only %d statements were accepted", accepted)
				}
			})
		}
	}
}

type order struct {
	*live
	r       *rand.Rand
	columns []string // of the source, in its order
	added   int
}

func (o *order) create(generated bool) {
	key := "id INT PRIMARY KEY, "
	if generated {
		o.must(exec(o.t.Context(), o.source, "SET SESSION sql_generate_invisible_primary_key = ON, SESSION show_gipk_in_create_table_and_information_schema = ON"))
		key = ""
	}
	o.must(exec(o.t.Context(), o.source, "CREATE TABLE t ("+key+"a INT, b INT, c INT, d INT, e INT)"))
	if generated {
		// What the binlog has: the statement with the key in it.
		key = "my_row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, "
	}
	o.follow("CREATE TABLE t (" + key + "a INT, b INT, c INT, d INT, e INT)")
	o.columns = o.names(o.source, "live")
	rows := "INSERT INTO %s.t (" + strings.Join(o.columns, ",") + ") VALUES (1, 11, 12, 13, 14, 15), (2, 21, 22, 23, 24, 25)"
	o.must(exec(o.t.Context(), o.source, fmt.Sprintf(rows, "live")))
	o.must(exec(o.t.Context(), o.target, fmt.Sprintf(rows, "live_target")))
}

// draw returns an ALTER TABLE of two to five actions. Names are drawn from those that
// the table has and a few others.
func (o *order) draw(visible bool) string {
	pool := append([]string{"a", "b", "c", "d", "e", "f"}, o.columns...)
	name := func() string { return pool[o.r.IntN(len(pool))] }
	where := func() string {
		switch o.r.IntN(5) {
		case 0:
			return ""
		case 1:
			return " FIRST"
		}
		return " AFTER " + name()
	}
	var actions []string
	for range 2 + o.r.IntN(4) {
		o.added++
		n := name()
		switch o.r.IntN(6) {
		case 0, 1:
			actions = append(actions, fmt.Sprintf("ADD COLUMN %s INT DEFAULT %d%s", n, 100+o.added, where()))
		case 2:
			actions = append(actions, "MODIFY "+n+" INT"+where())
		case 3:
			actions = append(actions, "CHANGE "+n+" "+name()+" INT"+where())
		case 4:
			actions = append(actions, "RENAME COLUMN "+n+" TO "+name())
		case 5:
			if len(o.columns) > 4 {
				actions = append(actions, "DROP COLUMN "+n)
			}
		}
	}
	if visible {
		actions = append(actions, "ALTER COLUMN my_row_id SET "+[]string{"VISIBLE", "INVISIBLE"}[o.r.IntN(2)])
	}
	o.r.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
	return "ALTER TABLE t " + strings.Join(actions, ", ")
}

// touchesKey returns true for actions on the column of the primary key, which stays as
// it is.
func touchesKey(stmt string) bool {
	for _, verb := range []string{"MODIFY", "CHANGE", "RENAME COLUMN", "DROP COLUMN", "ADD COLUMN"} {
		for _, key := range []string{"id", "my_row_id"} {
			if strings.Contains(stmt, verb+" "+key+" ") || strings.Contains(stmt, verb+" "+key+",") || strings.HasSuffix(stmt, verb+" "+key) {
				return true
			}
		}
	}
	return false
}

// alter returns false if the source refuses the statement.
func (o *order) alter(stmt string) bool {
	if touchesKey(stmt) || exec(o.t.Context(), o.source, stmt) != nil {
		return false
	}
	before := o.columns
	o.follow(stmt)
	o.columns = o.names(o.source, "live")
	table := o.tracker.Table("live", "t")
	var known []string
	for _, c := range table.Columns {
		known = append(known, c.Name)
	}
	there := o.names(o.target, "live_target")
	if fmt.Sprint(known) != fmt.Sprint(o.columns) || fmt.Sprint(there) != fmt.Sprint(o.columns) {
		o.t.Errorf("%s of %v:\nsource %v\nknown  %v\ntarget %v", stmt, before, o.columns, known, there)
		return true
	}
	sorted := slices.Sorted(slices.Values(o.columns))
	slices.SortFunc(sorted, func(a, b string) int { // the key orders the rows
		return map[bool]int{true: 1}[isKey(b)] - map[bool]int{true: 1}[isKey(a)]
	})
	if a, b := fmt.Sprint(o.values(o.source, "live.t", sorted)), fmt.Sprint(o.values(o.target, "live_target.t", sorted)); a != b {
		o.t.Errorf("%s of %v: %v\nsource %s\ntarget %s", stmt, before, sorted, a, b)
	}
	return true
}

func isKey(column string) bool { return column == "id" || column == "my_row_id" }

// follow applies a statement to the known definition and to the target.
func (o *order) follow(stmt string) {
	o.t.Helper()
	changes, err := o.tracker.Apply(replica.DDL{Schema: "live", Text: stmt})
	if err != nil {
		o.t.Fatalf("%s of %v: %v", stmt, o.columns, err)
	}
	for _, c := range changes {
		tr, err := TargetDDL(c, o.rules)
		if err != nil {
			o.t.Fatalf("%s: %v", stmt, err)
		}
		for _, s := range tr.Statements {
			if err := exec(o.t.Context(), o.target, s); err != nil {
				o.t.Fatalf("%s of %v: target: %v\n%s", stmt, o.columns, err, strings.Join(tr.Statements, "\n"))
			}
		}
	}
}

func (o *order) names(c rowQuerier, schema string) []string {
	o.t.Helper()
	rows, err := c.QueryContext(o.t.Context(), "SELECT column_name FROM information_schema.columns WHERE table_schema='"+schema+"' AND table_name='t' ORDER BY ordinal_position")
	o.must(err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var n string
		o.must(rows.Scan(&n))
		out = append(out, n)
	}
	o.must(rows.Err())
	return out
}
