package schema

import (
	"fmt"
	"strings"

	"sluice/replica"
)

// Differences compares a target table with the source's definition as it would
// be translated, as far as it matters to rows: columns, their types, keys. create
// is what SHOW CREATE TABLE of the target prints, "" if there is no such table; a
// want of nil means that there must be none. Column order, defaults, comments,
// display widths and table options are not compared. The result has one text for
// each difference.
func Differences(want *replica.Table, create string) []string {
	switch {
	case want == nil && create == "":
		return nil
	case want == nil:
		return []string{"the table must not exist"}
	case create == "":
		return []string{"the table does not exist"}
	}
	src, err := parseDefinition(want.Create, Defaults{})
	if err != nil {
		return []string{"the source's definition cannot be read"}
	}
	have, err := parseDefinition(create, Defaults{})
	if err != nil {
		return []string{"the target's definition cannot be read: " + err.Error()}
	}
	x := &differ{want: Target{}.translator(src), have: have}
	x.columns()
	x.keys()
	return x.out
}

// differ collects the differences of two definitions.
type differ struct {
	want *translator
	have *definition
	out  []string
}

func (x *differ) add(format string, args ...any) { x.out = append(x.out, fmt.Sprintf(format, args...)) }

func (x *differ) columns() {
	known := map[string]bool{}
	for _, c := range x.want.d.columns {
		if c.implicit || c.rowStart || c.rowEnd {
			continue
		}
		known[strings.ToLower(c.name)] = true
		have := x.have.column(c.name)
		if have == nil {
			x.add("column %s is missing", c.name)
			continue
		}
		x.column(c, have)
	}
	for _, c := range x.have.columns {
		if !known[strings.ToLower(c.name)] {
			x.add("column %s is not in the source's table", c.name)
		}
	}
}

func (x *differ) column(c, have *columnDef) {
	t, err := x.want.typ(c)
	if err != nil { // a type that TiDB does not have: bytes hold its values
		if !strings.HasSuffix(have.typ.base, "blob") {
			x.add("column %s is %s, where a BLOB holds the source's %s", c.name, have.typ.sql(), c.typ.sql())
		}
	} else if got, need := comparable(have.typ), comparable(t); got != need {
		x.add("column %s is %s instead of %s", c.name, got, need)
	} else if has := have.typ.collation; x.inKey(c.name) && !tellsApart(has, t) {
		x.add("column %s is in a key and has the collation %s instead of %s", c.name, has, t.collation)
	}
	if have.nullable() != c.nullable() && !(c.generated != "" && have.nullable()) {
		word := map[bool]string{true: "NULL", false: "NOT NULL"}
		x.add("column %s is %s instead of %s", c.name, word[have.nullable()], word[c.nullable()])
	}
	if c.autoInc && !have.autoInc {
		x.add("column %s is not AUTO_INCREMENT", c.name)
	}
	if have.generated != "" && c.generated == "" {
		x.add("column %s is generated, and is not in the source's table", c.name)
	}
}

// comparable returns a type's text without what rows do not depend on.
func comparable(t typeDef) string {
	switch t.base {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		t.length = -1
		t.zerofill = false
	case "bit":
		t.length = max(t.length, 1)
	case "float", "double":
		t.zerofill = false
	case "decimal":
		t.zerofill = false
		t.scale = max(t.scale, 0)
	case "datetime", "timestamp", "time":
		t.scale = max(t.scale, 0)
	}
	return t.sql()
}

// inKey returns true for the columns of the source's primary and unique keys.
func (x *differ) inKey(column string) bool {
	for _, k := range x.want.d.keys {
		for _, p := range k.parts {
			if (k.kind == keyPrimary || k.kind == keyUnique) && strings.EqualFold(p.column, column) {
				return true
			}
		}
	}
	return false
}

// tellsApart returns true if a target column with the collation holds all values
// apart that the wanted type does.
func tellsApart(has string, want typeDef) bool {
	if want.charset == "" || has == want.collation || strings.HasSuffix(has, "_0900_bin") {
		return true
	}
	spaces := strings.Contains(want.collation, "_0900_") && want.base != "char" // trailing ones count
	return strings.HasSuffix(has, "_bin") && !spaces
}

// keys compares the primary key and the unique keys by what they hold unique,
// and other indexes by their name and columns.
func (x *differ) keys() {
	wanted := map[string]bool{}
	for _, k := range x.want.d.keys {
		if _, ok := x.want.carried(k); !ok {
			continue
		}
		wanted[keyText(k)] = true
		if !x.has(k) {
			x.add("%s is missing", keyText(k))
		}
	}
	for _, k := range x.have.keys {
		if (k.kind == keyPrimary || k.kind == keyUnique) && !wanted[keyText(k)] && !x.same(k) {
			x.add("%s is not in the source's table", keyText(k))
		}
	}
}

// has returns true if the target has the key. An index that is not unique may
// have another prefix or more columns there.
func (x *differ) has(k *keyDef) bool {
	for _, h := range x.have.keys {
		if h.kind == k.kind && partsText(h, true) == partsText(k, true) {
			return true
		}
		if k.kind == keyPlain && strings.EqualFold(h.name, k.name) && strings.HasPrefix(partsText(h, false), partsText(k, false)) {
			return true
		}
	}
	return false
}

// same returns true if the source has a key with the parts of the target's k.
func (x *differ) same(k *keyDef) bool {
	for _, w := range x.want.d.keys {
		if (w.kind == keyPrimary || w.kind == keyUnique) && partsText(w, true) == partsText(k, true) {
			return true
		}
	}
	return false
}

func keyText(k *keyDef) string {
	switch k.kind {
	case keyPrimary:
		return "PRIMARY KEY (" + partsText(k, true) + ")"
	case keyUnique:
		return "unique key (" + partsText(k, true) + ")"
	}
	return "index " + k.name + " (" + partsText(k, true) + ")"
}

func partsText(k *keyDef, prefixes bool) string {
	var parts []string
	for _, p := range k.parts {
		s := strings.ToLower(p.column)
		if p.expr != "" {
			s = strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(p.expr, "`", ""), " ", ""))
		}
		if prefixes && p.prefix > 0 {
			s += fmt.Sprintf("(%d)", p.prefix)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}
