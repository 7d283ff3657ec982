package schema

import "strings"

// position says where ALTER TABLE puts a column.
type position struct {
	first bool
	after string
}

func (p position) given() bool { return p.first || p.after != "" }

// columnDefinition reads a column's name and definition. What the definition
// says about keys and constraints goes into the returned definition.
func (r *reader) columnDefinition(table string) (*columnDef, *definition) {
	c := &columnDef{name: r.name("column name")}
	return c, r.columnBody(c, table)
}

// columnBody reads what follows a column's name.
func (r *reader) columnBody(c *columnDef, table string) *definition {
	start := r.i
	defer func() { c.literals = r.literalsFrom(start) }()
	also := &definition{name: table}
	if r.peek().is("GENERATED") || r.peek().is("AS") {
		r.fail("column without a data type")
	}
	if r.parseType(c) {
		also.keys = append(also.keys, uniqueOn(c.name))
	}
	for r.err == nil && r.columnAttribute(c, also) {
	}
	kept := c.extra[:0]
	for _, e := range c.extra {
		if e == jsonAlias {
			also.checks = append(also.checks, &checkDef{expr: "(json_valid(" + (token{kind: tokIdent, text: c.name}).sql() + "))", column: c.name})
			continue
		}
		kept = append(kept, e)
	}
	c.extra = kept
	if c.generated != "" && c.null == nullDefault {
		c.null = nullYes
	}
	return also
}

func uniqueOn(column string) *keyDef {
	return &keyDef{kind: keyUnique, parts: []keyPart{{column: column}}}
}

// columnAttribute reads one attribute; false means that the column is over.
func (r *reader) columnAttribute(c *columnDef, also *definition) bool {
	switch {
	case r.end(), r.peek().punct(","), r.peek().punct(")"), r.peek().isAny("FIRST", "AFTER"):
		return false
	case r.accept("NOT", "NULL"):
		c.null = nullNo
	case r.accept("NULL"):
		c.null = nullYes
	case r.accept("NOT", "SECONDARY"):
	case r.accept("SERIAL", "DEFAULT", "VALUE"):
		c.null, c.autoInc = nullNo, true
		also.keys = append(also.keys, uniqueOn(c.name))
	case r.accept("DEFAULT"):
		c.def, c.hasDefault = r.defaultValue(), true
	case r.accept("ON", "UPDATE"):
		c.onUpdate = r.defaultValue()
	case r.accept("AUTO_INCREMENT"):
		c.autoInc, c.null = true, nullNo
	case r.accept("UNIQUE"):
		r.acceptAny("KEY", "INDEX")
		also.keys = append(also.keys, uniqueOn(c.name))
	case r.accept("PRIMARY", "KEY"), r.accept("PRIMARY"), r.accept("KEY"):
		c.null = nullNo
		also.keys = append(also.keys, &keyDef{kind: keyPrimary, name: "PRIMARY", parts: []keyPart{{column: c.name}}})
	case r.accept("COMMENT"):
		c.comment = r.str("comment")
	case r.accept("COLLATE"):
		r.acceptPunct("=")
		c.typ.collation = canonicalCollation(r.charsetName())
	case r.charset():
		c.typ.charset = canonicalCharset(r.charsetName())
	case r.accept("INVISIBLE"):
		c.invisible = true
	case r.accept("VISIBLE"):
		c.invisible = false
	case r.accept("REFERENCES"):
		f := &foreignDef{columns: []string{c.name}, rest: r.references()}
		if !r.ddl || !r.d.mysqlBefore(90000) { // older ones read the clause and ignore it
			r.addForeign(also, f, "")
		}
	case r.peek().is("CONSTRAINT"), r.peek().is("CHECK"):
		r.columnCheck(c, also)
	default:
		return r.generatedAttribute(c) || r.otherAttribute(c)
	}
	return r.err == nil
}

func (r *reader) generatedAttribute(c *columnDef) bool {
	switch {
	case r.accept("GENERATED", "ALWAYS", "AS", "ROW", "START"), r.accept("AS", "ROW", "START"):
		c.rowStart, c.null = true, nullNo
	case r.accept("GENERATED", "ALWAYS", "AS", "ROW", "END"), r.accept("AS", "ROW", "END"):
		c.rowEnd, c.null = true, nullNo
	case r.accept("GENERATED", "ALWAYS", "AS"), r.accept("AS"):
		c.generated = r.expression("generated column")
	case r.acceptAny("VIRTUAL"):
		c.stored = false
	case r.acceptAny("STORED", "PERSISTENT"):
		c.stored = true
	default:
		return false
	}
	return true
}

func (r *reader) otherAttribute(c *columnDef) bool {
	start := r.i
	switch {
	case r.accept("COMPRESSED"):
		if r.acceptPunct("=") {
			r.optionValue()
		}
		c.compressed = true
		return true
	case r.accept("WITH", "SYSTEM", "VERSIONING"), r.accept("WITHOUT", "SYSTEM", "VERSIONING"):
	case r.accept("SRID"), r.accept("COLUMN_FORMAT"), r.accept("STORAGE"):
		r.optionValue()
	case r.isName() && r.peekAt(1).punct("="): // ENGINE_ATTRIBUTE, REF_SYSTEM_ID, engine-defined
		r.next()
		r.next()
		r.optionValue()
	case r.acceptAny("ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"):
		r.str("attribute")
	default:
		r.unexpected("column definition")
		return false
	}
	c.extra = append(c.extra, r.text(r.tokens[start:r.i]))
	return r.err == nil
}

func (r *reader) columnCheck(c *columnDef, also *definition) {
	k := &checkDef{}
	if r.accept("CONSTRAINT") && !r.peek().is("CHECK") {
		k.name = r.name("constraint name")
	}
	r.expect("CHECK")
	k.expr = r.expression("check constraint")
	k.notEnforced = r.enforced()
	if k.name == "" && (r.d.MariaDB || !r.ddl) {
		k.column = c.name
	}
	also.checks = append(also.checks, k)
}

// enforced reads [[NOT] ENFORCED] and says whether NOT was there.
func (r *reader) enforced() bool {
	if r.accept("NOT", "ENFORCED") {
		return true
	}
	r.accept("ENFORCED")
	return false
}

// references reads what follows REFERENCES and returns the clause.
func (r *reader) references() string {
	start := r.i
	r.tableName("")
	if r.peek().punct("(") {
		r.parens("referenced columns")
	}
	for r.err == nil {
		switch {
		case r.accept("MATCH"):
			r.name("foreign key")
		case r.accept("ON", "DELETE"), r.accept("ON", "UPDATE"):
			if !r.accept("SET", "NULL") && !r.accept("SET", "DEFAULT") && !r.accept("NO", "ACTION") && !r.acceptAny("RESTRICT", "CASCADE") {
				r.unexpected("foreign key")
			}
		default:
			return "REFERENCES " + r.text(r.tokens[start:r.i])
		}
	}
	return ""
}

// defaultValue reads the value of DEFAULT or ON UPDATE: a literal, a function
// call, or an expression in parentheses.
func (r *reader) defaultValue() string {
	start := r.i
	if r.peek().punct("(") {
		return r.expression("default")
	}
	for r.acceptPunct("-") || r.acceptPunct("+") {
	}
	if r.accept("NEXT", "VALUE", "FOR") || r.accept("PREVIOUS", "VALUE", "FOR") {
		r.tableName("")
		return r.text(r.tokens[start:r.i])
	}
	t := r.next()
	switch t.kind {
	case tokNumber, tokString, tokHexBit:
		return r.text(r.tokens[start:r.i])
	case tokWord, tokIdent:
	default:
		r.i = start
		r.unexpected("default")
		return ""
	}
	if isNow(t) {
		if n, ok := r.precision(); ok {
			return currentTimestamp(n)
		}
	}
	if k := r.peek().kind; (k == tokString || k == tokHexBit) && (strings.HasPrefix(t.text, "_") || t.isAny("DATE", "TIME", "TIMESTAMP", "X", "B", "N")) {
		r.next()
		return r.text(r.tokens[start:r.i])
	}
	for r.acceptPunct(".") {
		r.name("default")
	}
	if r.peek().punct("(") {
		r.parens("default")
	}
	return r.text(r.tokens[start:r.i])
}

func isNow(t token) bool {
	return t.isAny("NOW", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP")
}

// precision reads [( [n] )] after a name for the current time; ok is false
// when something else is in the parentheses.
func (r *reader) precision() (string, bool) {
	switch {
	case !r.peek().punct("("):
		return "", true
	case r.peekAt(1).punct(")"):
		r.next()
		r.next()
		return "", true
	case r.peekAt(1).kind == tokNumber && r.peekAt(2).punct(")"):
		n := r.peekAt(1).text
		r.next()
		r.next()
		r.next()
		return n, true
	}
	return "", false
}

func currentTimestamp(digits string) string {
	if digits == "" || digits == "0" {
		return "CURRENT_TIMESTAMP"
	}
	return "CURRENT_TIMESTAMP(" + digits + ")"
}
