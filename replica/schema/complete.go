package schema

import (
	"strconv"
	"strings"
	"time"
)

// complete resolves what a definition's text leaves to rules and defaults, as
// the source does when it executes the statement.
func (r *reader) complete(d *definition) {
	charset, collation := r.d.database()
	d.charset, d.collation = r.d.resolve(d.charset, d.collation, charset, collation)
	if _, known := charsets[d.charset]; !known {
		r.fail("character set %q is not known", d.charset)
		return
	}
	for _, c := range d.columns {
		r.completeText(d, c)
		if c.rowStart || c.rowEnd {
			d.versioning = d.versioning || r.d.MariaDB && len(d.period) > 0
		}
	}
	if pk := d.primary(); pk != nil {
		for _, p := range pk.parts {
			if c := d.column(p.column); c != nil {
				c.null = nullNo
				if c.hasDefault && strings.EqualFold(c.def, "NULL") { // of the column that it was
					c.def, c.hasDefault = "", false
				}
			}
		}
	}
	r.completeNulls(d)
	r.completeVersioning(d)
	r.completeKeys(d)
	d.nameConstraints(r.d.MariaDB)
}

// completeText gives a character column its charset and collation, and its
// final type.
func (r *reader) completeText(d *definition, c *columnDef) {
	t := &c.typ
	if isText(t.base) {
		if t.collation == "*bin" {
			if t.charset == "" {
				t.charset = d.charset
			}
			t.collation = binaryCollation(t.charset)
		}
		t.charset, t.collation = r.d.resolve(t.charset, t.collation, d.charset, d.collation)
		if _, known := charsets[t.charset]; !known {
			r.fail("column %s: character set %q is not known", c.name, t.charset)
		}
		t.fold()
	} else {
		t.charset, t.collation = "", ""
	}
	t.fit()
	r.fitLiterals(c)
}

// fold turns a character type of charset binary into its binary type.
func (t *typeDef) fold() {
	if t.charset != "binary" {
		return
	}
	switch t.base {
	case "char", "varchar":
		t.base = strings.Replace(t.base, "char", "binary", 1)
	case "tinytext", "text", "mediumtext", "longtext":
		t.base = strings.Replace(t.base, "text", "blob", 1)
	default:
		return
	}
	t.charset, t.collation = "", ""
}

// fit chooses the size of TEXT(n) and BLOB(n), and makes a TEXT or BLOB of a
// CHAR or BINARY that is too long, as a source that is not strict does.
func (t *typeDef) fit() {
	unit := 1
	if f, ok := charsets[t.charset]; ok {
		unit = f.max
	}
	family := "blob"
	if t.charset != "" {
		family = "text"
	}
	switch t.base {
	case "text", "blob":
		if t.length <= 0 {
			t.length = -1
			return
		}
	case "char", "binary":
		if t.length <= 255 {
			return
		}
	case "varchar", "varbinary":
		if t.length*unit <= 65535 {
			return
		}
	default:
		return
	}
	t.base, t.length = sizedType(family, t.length*unit), -1
}

// sizedType returns the smallest TEXT or BLOB type for so many bytes.
func sizedType(family string, bytes int) string {
	switch {
	case bytes < 1<<8:
		return "tiny" + family
	case bytes < 1<<16:
		return family
	case bytes < 1<<24:
		return "medium" + family
	}
	return "long" + family
}

// completeNulls settles every column's nullability, and the implicit defaults
// of TIMESTAMP under explicit_defaults_for_timestamp=OFF.
func (r *reader) completeNulls(d *definition) {
	first := true
	for _, c := range d.columns {
		implicit := !c.settled && r.ddl && r.d.ImplicitTimestamp && c.typ.base == "timestamp" && c.generated == ""
		if implicit && c.null == nullDefault {
			c.null = nullNo
		}
		if implicit && c.null == nullNo && !c.hasDefault && c.onUpdate == "" {
			c.hasDefault = true
			digits := ""
			zero := "0000-00-00 00:00:00"
			if c.typ.scale > 0 {
				digits = strconv.Itoa(c.typ.scale)
				zero += "." + strings.Repeat("0", c.typ.scale)
			}
			if first {
				c.def = currentTimestamp(digits)
				c.onUpdate = c.def
			} else {
				c.def = quoteString(zero)
			}
		}
		if c.typ.base == "timestamp" {
			first = false
		}
		if c.null == nullDefault {
			c.null = nullYes
		}
		if !c.settled && r.ddl {
			r.literalDefault(c)
		}
		c.settled = true
	}
}

// completeVersioning adds the columns that WITH SYSTEM VERSIONING has when the
// statement does not name them: they are part of the table's row images.
func (r *reader) completeVersioning(d *definition) {
	if !d.versioning {
		return
	}
	for _, c := range d.columns {
		if c.rowStart || c.rowEnd {
			return
		}
	}
	stamp := typeDef{base: "timestamp", length: -1, scale: 6}
	d.columns = append(d.columns,
		&columnDef{name: "row_start", typ: stamp, null: nullNo, rowStart: true, invisible: true, implicit: true},
		&columnDef{name: "row_end", typ: stamp, null: nullNo, rowEnd: true, invisible: true, implicit: true})
}

// completeKeys names the keys that have no name and drops prefix lengths that
// cover the whole column.
func (r *reader) completeKeys(d *definition) {
	primary := d.primary()
	for i, k := range d.keys {
		if k.kind == keyPrimary && k != primary {
			r.fail("the table has two primary keys")
			return
		}
		for j := range k.parts {
			p := &k.parts[j]
			if p.expr != "" {
				continue
			}
			c := d.column(p.column)
			if c == nil {
				r.fail("key column %s does not exist", p.column)
				return
			}
			p.column = c.name
			p.prefix = c.typ.prefix(p.prefix)
		}
		if k.name == "" && len(k.parts) > 0 {
			base := k.parts[0].column
			if base == "" {
				base = "functional_index"
			}
			k.name = freeKeyName(d.keys[:i], base)
		}
	}
}

func freeKeyName(taken []*keyDef, base string) string {
	used := func(name string) bool {
		for _, k := range taken {
			if strings.EqualFold(k.name, name) {
				return true
			}
		}
		return strings.EqualFold(name, "PRIMARY")
	}
	name := base
	for n := 2; used(name); n++ {
		name = base + "_" + strconv.Itoa(n)
	}
	return name
}

// prefix returns the prefix length that a key part of length n over the type
// has: 0 when it covers every value whole.
func (t *typeDef) prefix(n int) int {
	switch t.base {
	case "char", "varchar", "binary", "varbinary":
		if n >= t.length {
			return 0
		}
		return n
	case "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob",
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geomcollection":
		return n
	}
	return 0
}

// nameConstraints gives unnamed foreign keys and checks the names that the
// source gives them.
func (d *definition) nameConstraints(mariadb bool) {
	for _, f := range d.foreign {
		if f.name == "" {
			f.name = d.name + "_ibfk_" + strconv.Itoa(d.highest(d.name+"_ibfk_")+1)
		}
	}
	prefix := d.name + "_chk_"
	if mariadb {
		prefix = "CONSTRAINT_"
	}
	for _, c := range d.checks {
		if c.name == "" && c.column == "" {
			c.name = prefix + strconv.Itoa(d.highest(prefix)+1)
		}
	}
}

// highest returns the highest number that follows the prefix in the name of a
// constraint.
func (d *definition) highest(prefix string) int {
	top := 0
	look := func(name string) {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			if n, err := strconv.Atoi(name[len(prefix):]); err == nil {
				top = max(top, n)
			}
		}
	}
	for _, f := range d.foreign {
		look(f.name)
	}
	for _, c := range d.checks {
		look(c.name)
	}
	return top
}

// literalDefault gives a literal default the form in which every server takes it
// for the same value.
func (r *reader) literalDefault(c *columnDef) {
	if !c.hasDefault {
		return
	}
	r.cutFraction(c)
	if c.typ.base == "year" && strings.Trim(c.def, "0") == "" && c.def != "" {
		c.def = "'0000'" // the number 0; the text '0' is the year 2000
	}
	r.withoutOffset(c)
	r.timestampToUTC(c)
}

// withoutOffset moves the literal default of a DATETIME or DATE column that names
// an offset, which MySQL 8.0.19 and newer read, to the session's time zone.
func (r *reader) withoutOffset(c *columnDef) {
	if c.typ.base != "datetime" && c.typ.base != "date" || r.d.MariaDB {
		return
	}
	tokens, ok := defaultTokens(c.def)
	if !ok || tokens[len(tokens)-1].kind != tokString || !hasOffset(tokens[len(tokens)-1].text) {
		return
	}
	zone, _, err := r.d.location()
	if err != nil {
		r.fail("column %s: %v", c.name, err)
		return
	}
	t, ok := parseTimestamp(tokens[len(tokens)-1].text, zone)
	if !ok {
		r.fail("column %s: the form of its default is not read", c.name)
		return
	}
	c.def = quoteString(t.In(zone).Format(dateTimeLayout))
}

// Modes that decide what becomes of more fractional digits than a type has: MySQL
// rounds unless TIME_TRUNCATE_FRACTIONAL is set, MariaDB cuts them off unless
// TIME_ROUND_FRACTIONAL is.
const (
	modeTimeTruncate = 1 << 32
	modeTimeRound    = 1 << 34
)

// cutFraction cuts fractional digits off the literal default of a temporal
// column where the source does. The target rounds, as MySQL does by default.
func (r *reader) cutFraction(c *columnDef) {
	switch c.typ.base {
	case "date", "time", "datetime", "timestamp":
	default:
		return
	}
	cuts := r.mode&modeTimeTruncate != 0
	if r.d.MariaDB {
		cuts = r.mode&modeTimeRound == 0
	}
	tokens, ok := defaultTokens(c.def)
	if !cuts || !ok || len(tokens) != 1 || tokens[0].kind != tokString && tokens[0].kind != tokNumber {
		return
	}
	whole, fraction, found := strings.Cut(tokens[0].text, ".")
	scale := max(c.typ.scale, 0)
	if !found || len(fraction) <= scale || strings.Trim(fraction, "0123456789") != "" {
		return
	}
	if tokens[0].text = whole; scale > 0 {
		tokens[0].text += "." + fraction[:scale]
	}
	c.def = joinTokens(tokens)
}

// timestampToUTC moves the literal default of a TIMESTAMP column that a
// statement defines from its session's time zone to UTC, in which definitions
// are kept: SHOW CREATE TABLE prints it so to Sluice's own sessions.
func (r *reader) timestampToUTC(c *columnDef) {
	if c.typ.base != "timestamp" || !c.hasDefault || r.d.zone == "" {
		return
	}
	from, _, err := r.d.location()
	if err != nil {
		r.fail("column %s: %v", c.name, err)
		return
	}
	moved, ok := moveTimestamp(c.def, from, time.UTC)
	if !ok {
		r.fail("column %s: the form of its default is not read", c.name)
		return
	}
	c.def = moved
}
