package schema

import (
	"fmt"
	"strings"

	"sluice/replica"
)

// setAside frees the names of columns that other columns get in the same
// statement: two that swap their names, one that is dropped and added again under
// another definition. The source does all at once, TiDB one thing after the other.
// Such a column is dropped at once, or has a third name until its own action.
func (x *alterTranslator) setAside() {
	x.aside, x.gone = map[string]string{}, map[string]bool{}
	taken := map[string]bool{}
	for i := range x.c.actions {
		switch a := &x.c.actions[i]; {
		case a.kind == addColumn && a.column != nil:
			taken[strings.ToLower(a.column.name)] = true
		case (a.kind == renameColumn || a.kind == changeColumn) && !strings.EqualFold(a.old, a.new):
			taken[strings.ToLower(a.new)] = true
		}
	}
	first := len(x.items)
	for i := range x.c.actions {
		a := &x.c.actions[i]
		old := strings.ToLower(a.old)
		if !taken[old] || x.before.d.column(a.old) == nil {
			continue
		}
		switch {
		case a.kind == dropColumn && x.before.d.column(a.old).generated == "":
			x.gone[old] = true
			x.add("DROP COLUMN "+replica.Quote(a.old), useColumn(a.old))
		case (a.kind == renameColumn || a.kind == changeColumn) && !strings.EqualFold(a.old, a.new):
			free := x.freeName(i)
			x.aside[old] = free
			x.add("RENAME COLUMN "+replica.Quote(a.old)+" TO "+replica.Quote(free), useColumn(a.old), useColumn(free))
		}
	}
	if n := len(x.items); n > first {
		x.items[n-1].last = true // everything else names the columns as they are then
	}
}

func (x *alterTranslator) freeName(i int) string {
	for n := 1; ; n++ {
		free := fmt.Sprintf("_sluice_column_%d_%d", i+1, n)
		if x.before.d.column(free) == nil && x.after.d.column(free) == nil {
			return free
		}
	}
}

// present returns the name that a column has while the statement runs.
func (x *alterTranslator) present(name string) string {
	if aside := x.aside[strings.ToLower(name)]; aside != "" {
		return aside
	}
	return name
}

// named records that the items so far give a column its new name.
func (x *alterTranslator) named(old, name string) {
	if old != "" {
		x.renamed[strings.ToLower(name)] = true
	}
}

// until returns the name that a column has in the target until the next item. AFTER has
// its new name, which an action that follows may give.
func (x *alterTranslator) until(name string) string {
	for _, a := range x.c.actions {
		if (a.kind == renameColumn || a.kind == changeColumn) && strings.EqualFold(a.new, name) && !x.renamed[strings.ToLower(name)] {
			return x.present(a.old)
		}
	}
	return name
}

// generatedKey returns true if FIRST means after MySQL's generated invisible primary
// key.
func (x *alterTranslator) generatedKey() bool {
	if x.c.session.MariaDB || !x.before.d.generatedKey() {
		return false
	}
	c := x.after.d.column(generatedKeyName)
	return c != nil && x.before.d.columns[0].invisible && strings.EqualFold(x.after.d.columns[0].name, c.name)
}

// afterKey returns true if an action puts a column after the generated invisible primary
// key, which means after those that are FIRST.
func (x *alterTranslator) afterKey() bool {
	for _, a := range x.c.actions {
		if strings.EqualFold(a.pos.after, generatedKeyName) {
			return true
		}
	}
	return false
}

// keyFirst puts the generated invisible primary key before the columns that were put
// FIRST, where defineColumn could not do without.
func (x *alterTranslator) keyFirst() error {
	first := false
	for _, a := range x.c.actions {
		first = first || a.pos.first
	}
	if !first || !x.afterKey() || !x.generatedKey() {
		return nil
	}
	def, err := x.after.column(x.after.d.column(generatedKeyName))
	if err != nil {
		return err
	}
	x.alone("MODIFY COLUMN " + def + " FIRST")
	return nil
}
