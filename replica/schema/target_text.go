package schema

import (
	"fmt"
	"strings"
	"time"

	"sluice/replica"
)

// translator turns one definition into TiDB's dialect and collects notes.
type translator struct {
	d     *definition
	notes []string
	seen  map[string]bool
	// keep3 keeps utf8mb3 columns in utf8: under utf8mb4 an index would be
	// longer than TiDB allows.
	keep3 bool
	// zone is the time zone of the session that executes the statement, in which
	// it reads the defaults of TIMESTAMP columns; nil means UTC.
	zone *time.Location
	opts Target
}

func (o Target) translator(d *definition) *translator {
	x := &translator{d: d, opts: o}
	for _, k := range d.keys {
		if x.keyBytes(k) > maxIndexBytes {
			x.keep3 = true
		}
	}
	return x
}

// note adds a note, once.
func (x *translator) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if x.seen == nil {
		x.seen = map[string]bool{}
	}
	if !x.seen[text] {
		x.seen[text] = true
		x.notes = append(x.notes, text)
	}
}

// sameSuffix lists the collations (without their charset) that utf8mb4 has in
// TiDB under the same rules, whichever Unicode charset the source uses.
var sameSuffix = map[string]bool{"bin": true, "general_ci": true, "unicode_ci": true}

// TargetCollation returns the collation that a column of a table made by
// TargetCreate has, but for utf8 where that keeps an index short enough.
func TargetCollation(charset, collation string) string {
	_, to := (&translator{}).text("", charset, collation)
	return to
}

// text returns the charset and collation at the target of character data. Sluice
// writes UTF-8, so every charset but ascii and binary becomes utf8mb4. A
// collation that TiDB does not have becomes a binary one: it tells more values
// apart, and so never refuses two rows that the source accepted. NO PAD
// collations become utf8mb4_0900_bin, as utf8mb4_bin ignores trailing spaces.
func (x *translator) text(what, charset, collation string) (string, string) {
	suffix := strings.TrimPrefix(collation, charset+"_")
	nopad := strings.HasPrefix(suffix, "0900_") || strings.Contains(suffix, "nopad") || strings.Contains(suffix, "_0900_")
	switch charset {
	case "binary":
		return "binary", "binary"
	case "ascii":
		switch suffix {
		case "bin":
			return "ascii", "ascii_bin"
		case "general_ci":
			return "utf8mb4", "utf8mb4_general_ci"
		}
	case "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32":
		if charset == "utf8mb3" && x.keep3 && sameSuffix[suffix] {
			return "utf8", "utf8_" + suffix
		}
		if sameSuffix[suffix] || charset == "utf8mb4" && (suffix == "0900_bin" || suffix == "0900_ai_ci") {
			return "utf8mb4", "utf8mb4_" + suffix
		}
	default:
		if suffix == "bin" {
			return "utf8mb4", "utf8mb4_bin"
		}
	}
	to := "utf8mb4_bin"
	if nopad {
		to = "utf8mb4_0900_bin"
	}
	if suffix != "nopad_bin" {
		x.note("%s: collation %s becomes %s, which tells more values apart", what, collation, to)
	}
	return "utf8mb4", to
}

// larger maps a TEXT type to the next one.
var larger = map[string]string{"tinytext": "text", "text": "mediumtext", "mediumtext": "longtext"}

// maxVarchar is the longest VARCHAR of TiDB, in characters of a charset.
var maxVarchar = map[string]int{"utf8mb4": 16383, "utf8": 21844, "ascii": 65535, "binary": 65535}

// typ returns a column's type at the target.
func (x *translator) typ(c *columnDef) (typeDef, error) {
	t := c.typ
	if columnTypes[t.base] == replica.TypeGeometry {
		if x.opts.GeometryBytes {
			x.note("column %s: %s becomes LONGBLOB with the bytes that MySQL stores (SRID and WKB)", c.name, t.base)
			return typeDef{base: "longblob", length: -1, scale: -1, charset: "binary", collation: "binary"}, nil
		}
		return t, fmt.Errorf("column %s: TiDB has no type %s: make the target's table by hand with a LONGBLOB in its place, which gets the bytes that MySQL stores (SRID and WKB)", c.name, t.base)
	}
	switch t.base {
	case "uuid":
		return typeDef{base: "char", length: 36, scale: -1, charset: "ascii", collation: "ascii_bin"}, nil
	case "inet6":
		return typeDef{base: "varchar", length: 45, scale: -1, charset: "ascii", collation: "ascii_bin"}, nil
	case "inet4":
		return typeDef{base: "varchar", length: 15, scale: -1, charset: "ascii", collation: "ascii_bin"}, nil
	case "vector":
		x.note("column %s: VECTOR without a dimension, as the source's length is an upper bound", c.name)
		t.length = -1
		return t, nil
	}
	if t.charset == "" {
		return t, nil
	}
	grow := charsets[t.charset].grow
	t.charset, t.collation = x.text("column "+c.name, t.charset, t.collation)
	if n := larger[t.base]; grow > 1 && n != "" {
		x.note("column %s: %s becomes %s, as its text is longer in UTF-8", c.name, t.base, n)
		t.base = n
	}
	if t.base == "varchar" && t.length > maxVarchar[t.charset] {
		x.note("column %s: %s becomes mediumtext, as TiDB's VARCHAR is shorter", c.name, t.sql())
		t.base, t.length = "mediumtext", -1
	}
	return t, nil
}
