package schema

import (
	"strings"

	"sluice/replica"
)

// TiDB makes no plain column of a VIRTUAL one, and a STORED column of the source is
// VIRTUAL in the target if it was added to a table that existed. A generated column
// that becomes plain at the source is replaced in the target, whichever it is there:
//
//	ALTER TABLE table ADD COLUMN other ..
//	BATCH ON key LIMIT n UPDATE table SET other = column, times = times
//	ALTER TABLE table DROP COLUMN column
//	ALTER TABLE table RENAME COLUMN other TO name
//
// What if the process dies: the DDL is found by its tag. BATCH runs again from its
// beginning and writes the same values, as the column is still there.

// nowPlain returns the column that is generated in the target, and that the statement
// makes a plain one; nil if there is none.
func (x *alterTranslator) nowPlain(verb string, c *columnDef, old string) *columnDef {
	if verb == "ADD COLUMN" || c.generated != "" {
		return nil
	}
	if old == "" {
		old = c.name
	}
	was := x.before.d.column(old)
	if was == nil || was.generated == "" {
		return nil
	}
	if as, err := x.before.generatedAs(was); err != nil || !as.generated {
		return nil
	}
	return was
}

// replaced adds these statements, and returns false if the statement does more than
// that, or if something else depends on the column.
func (x *alterTranslator) replaced(was, c *columnDef, pos position) bool {
	if len(x.c.actions) != 1 || c.autoInc || strings.Contains(c.def, "(") || readsClock(c.def) || x.dependedOn(was) {
		return false
	}
	n := c.clone()
	n.name = x.freeName(0)
	def, err := x.after.column(n)
	if err != nil {
		return false
	}
	switch {
	case pos.first:
		def += " FIRST"
	case pos.after != "":
		def += " AFTER " + replica.Quote(pos.after)
	default:
		def += " AFTER " + replica.Quote(was.name)
	}
	x.alone("ADD COLUMN " + def)
	x.items = append(x.items, targetItem{sql: x.batch(replica.Quote(n.name)+"="+replica.Quote(was.name), c), whole: true})
	x.alone("DROP COLUMN " + replica.Quote(was.name))
	x.alone("RENAME COLUMN " + replica.Quote(n.name) + " TO " + replica.Quote(c.name))
	x.note("column " + c.name + " is another one with the same values, as TiDB makes no plain column of a VIRTUAL one")
	return true
}

// dependedOn returns true if a key, a check, a partition or another generated column
// has the column.
func (x *alterTranslator) dependedOn(c *columnDef) bool {
	name := map[string]bool{strings.ToLower(c.name): true}
	for _, other := range x.before.d.columns {
		if other != c && mentions(other.generated, name) {
			return true
		}
	}
	for _, k := range x.before.d.keys {
		for _, p := range k.parts {
			if strings.EqualFold(p.column, c.name) || mentions(p.expr, name) {
				return true
			}
		}
	}
	for _, check := range x.before.d.checks {
		if mentions(check.expr, name) {
			return true
		}
	}
	return x.before.d.partition != nil
}

// batch returns the statement that updates all rows of the table in transactions of
// rebuildRows, at the end of the statement, for a column of it. It assigns the columns with ON UPDATE
// to themselves, those that the statement adds, too: TiDB would set them to the present time.
func (x *alterTranslator) batch(set string, of *columnDef) string {
	for _, c := range x.after.d.columns {
		if c.onUpdate != "" && c != of {
			set += ", " + replica.Quote(c.name) + "=" + replica.Quote(c.name)
		}
	}
	return x.inBatches() + "UPDATE " + x.name + " SET " + set
}
