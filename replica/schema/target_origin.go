package schema

import (
	"fmt"
	"slices"
	"strings"

	"sluice/replica"
)

// A column that was added with a default has its value in TiDB's definition of the table, and not in the rows that were
// there. Under strict mode TiDB narrows an integer or a text, and makes VARCHAR a CHAR, without writing the rows, and takes
// the new definition's default for the old one: BIGINT DEFAULT 5 to INT NULL makes NULLs of the fives (seen in v8.5 and
// later; no statement shows whether rows have a value). Without strict mode it writes the rows. So such a statement runs
// without it, and what strict mode would have refused is looked for before it.

// keepsValues makes a type change keep the values of rows that have them by the column's default.
func (x *alterTranslator) keepsValues(was, now *columnDef) {
	if x.c.ddl.SQLMode&strictModes == 0 || x.c.ignore {
		return // the target's session has no strict mode, and values are cut as at the source
	}
	beyond := narrowed(&was.typ, &now.typ)
	if beyond == "" {
		return
	}
	x.lenient = true
	if beyond != fitsAlways {
		x.refuseRows(fmt.Sprintf(beyond, replica.Quote(was.name)), remedyNarrowed(was.name), "column %s of %s became %s, and the target has values that do not fit it",
			was.name, x.c.Before, typeText(&now.typ))
	}
}

func remedyNarrowed(column string) string {
	return fmt.Sprintf("the source has no such values of %s: find what else writes to the target, give those rows the source's values, then START MIGRATION again; "+
		remedyCopy, column)
}

// fitsAlways is the answer of narrowed for a change that no value forbids.
const fitsAlways = "-"

// narrowed returns the condition, with one %[1]s for the column, for values that a type change which TiDB may carry out
// without writing the rows would cut; fitsAlways when there are none, "" for changes that leave the default alone.
func narrowed(from, to *typeDef) string {
	a, b := slices.Index(integers, from.base), slices.Index(integers, to.base)
	if a >= 0 && b >= 0 {
		return narrowedInteger(from, to, a, b)
	}
	if textKind(from) == 0 || textKind(from) != textKind(to) {
		return ""
	}
	was, most, size := capacity(from), capacity(to), "LENGTH"
	switch {
	case from.base == to.base && was <= most:
		return ""
	case was <= most:
		return fitsAlways
	}
	if textKind(to) == 1 && strings.HasSuffix(to.base, "char") {
		size, most = "CHAR_LENGTH", most/4
	}
	return fmt.Sprintf("%s(%%[1]s)>%d", size, most)
}

func narrowedInteger(from, to *typeDef, a, b int) string {
	bits := []int{8, 16, 24, 32, 64}[b]
	switch {
	case from.unsigned == to.unsigned && b >= a:
		return ""
	case from.unsigned && b > a:
		return fitsAlways
	case to.unsigned && from.unsigned:
		return fmt.Sprintf("%%[1]s>%d", uint64(1)<<bits-1)
	case to.unsigned:
		return fmt.Sprintf("%%[1]s<0 OR %%[1]s>%d", uint64(1)<<bits-1)
	}
	return fmt.Sprintf("%%[1]s<%d OR %%[1]s>%d", int64(-1)<<(bits-1), uint64(1)<<(bits-1)-1)
}

// capacity returns the bytes that a type of texts or bytes holds, of text in UTF-8.
func capacity(t *typeDef) int {
	switch {
	case strings.HasPrefix(t.base, "tiny"):
		return 1<<8 - 1
	case t.base == "text", t.base == "blob":
		return 1<<16 - 1
	case strings.HasPrefix(t.base, "medium"):
		return 1<<24 - 1
	case strings.HasPrefix(t.base, "long"):
		return 1<<32 - 1
	case textKind(t) == 1:
		return 4 * max(t.length, 1)
	}
	return max(t.length, 1)
}

var integers = []string{"tinyint", "smallint", "mediumint", "int", "bigint"}

// textKind returns 1 for a type of texts, 2 for one of bytes, and 0 for others.
func textKind(t *typeDef) int {
	switch {
	case strings.HasSuffix(t.base, "binary"), strings.HasSuffix(t.base, "blob"):
		return 2
	case t.base == "char", t.base == "varchar", strings.HasSuffix(t.base, "text"):
		return 1
	}
	return 0
}
