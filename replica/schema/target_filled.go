package schema

import (
	"fmt"
	"slices"
	"strings"

	"sluice/replica"
)

// A generated column that is plain in the target only because a session without
// strict mode clips a value that does not fit, or because one with NO_ZERO_DATE makes
// NULL of a date of zeros, can be added to a table with rows: where no row has such a
// value, TiDB computes those of the source.
//
//	condition: no row's value is out of the type's bounds, or comes from a date of zeros
//	ALTER TABLE table ADD COLUMN g ..
//	BATCH ON key LIMIT n UPDATE table SET g = (expression), times = times
//
// Row images have the values of all later rows. What if the process dies within the
// last statement: BATCH is no DDL and leaves no trace, so that it runs again from its
// beginning. The step is executed at the statement's barrier, where nothing writes the
// table, and the expression does not depend on the column, so that each repetition
// writes the same values.

// fill returns true if an added column that is plain in the target gets its values
// for the rows that exist by the expression.
func (x *alterTranslator) fill(c *columnDef) bool {
	bounds, ok := x.after.outOfBounds(c)
	if !ok || x.asUnique(c) {
		return false
	}
	for _, a := range x.c.actions {
		switch a.kind {
		case addColumn:
			if a.column != nil && mentions(c.generated, map[string]bool{strings.ToLower(a.column.name): true}) {
				return false // the condition cannot read it
			}
		case changeColumn, renameColumn, dropColumn, convertTo, dropPrimary:
			return false
		}
	}
	x.refuseRows(bounds, remedyGeneratedRows(c), "the source computed the new generated column %s of %s, and a row's value does not fit %s, or comes from a date of zeros",
		c.name, x.c.Before, typeText(&c.typ))
	x.fills = append(x.fills, x.batch(replica.Quote(c.name)+"="+translateExpression(c.generated), c))
	return true
}

// asUnique returns true if a primary or unique key has the column.
func (x *alterTranslator) asUnique(c *columnDef) bool {
	_, unique := x.after.keyed(c)
	return unique
}

// outOfBounds returns a condition for the rows whose value of a generated column does
// not fit its type. ok is false if the expression is not proved otherwise, or if the
// type has other bounds than a least and a greatest integer, or a number of characters.
func (x *translator) outOfBounds(c *columnDef) (where string, ok bool) {
	why, but := provedForMost(x.d, c, x.usedDiffers(maxNesting))
	expr := translateExpression(c.generated)
	if why != "" || !tidbParses("CREATE TABLE t (c INT AS "+expr+")") || slices.Contains([]string{"vector", "uuid"}, c.typ.base) {
		return "", false
	}
	switch bits := integerBits[c.typ.base]; {
	case but.dates:
		if !but.fits {
			return "", false
		}
		return x.oddDates(c), true
	case but.fits:
		return "1=0", true
	case bits > 0:
		t := integerOf(&c.typ)
		return fmt.Sprintf("%s < %s OR %s > %s", expr, t.lo, expr, t.hi), true
	case c.typ.base == "varchar":
		return fmt.Sprintf("CHAR_LENGTH%s > %d", expr, c.typ.length), true
	}
	return "", false
}

// oddDates returns a condition for the rows with a date of zeros, or with a day that
// its month does not have, in a column that the expression uses.
func (x *translator) oddDates(c *columnDef) string {
	var list []string
	for _, used := range x.d.columns {
		if families[used.typ.base] != familyDate && families[used.typ.base] != familyDateTime || !mentions(c.generated, map[string]bool{strings.ToLower(used.name): true}) {
			continue
		}
		name := replica.Quote(used.name)
		list = append(list, fmt.Sprintf("%[1]s IS NOT NULL AND (LAST_DAY(%[1]s) IS NULL OR DAY(%[1]s) > DAY(LAST_DAY(%[1]s)))", name))
	}
	return strings.Join(append(list, "1=0"), " OR ")
}
