package schema

import (
	"fmt"
	"strings"

	"sluice/replica"
)

// redefined returns the definition of a column that an ALTER TABLE adds, modifies or
// changes, and adds the conditions under which the rows that exist have the source's
// values after it:
//
//   - a plain column stays plain: see converted;
//   - a generated column that is added: TiDB computes a proved one. A plain one would
//     have NULL, so that it is filled, see fill, or the table must have no rows;
//   - a generated column with another expression or type, or that was plain: the
//     source computes it again. TiDB changes no expression and says so; a plain one
//     would keep its old values, so that the table must have no rows;
//   - a STORED column that becomes plain keeps its values.
//
// The target's column must be generated, or not, as this translation presumes. An
// older version or an operator may have made it otherwise.
func (x *alterTranslator) redefined(verb string, c *columnDef, old string) (string, error) {
	now, err := x.after.generatedAs(c)
	if err != nil {
		return "", err
	}
	if verb == "ADD COLUMN" {
		if now.generated && c.stored {
			// TiDB adds no STORED column to a table that exists.
			c = c.clone()
			c.stored = false
			x.after.note("generated column %s is VIRTUAL in the target, as TiDB does not add a STORED one to a table", c.name)
		}
		if c.generated != "" && !now.generated && !x.fill(c) {
			x.refuseRows("", remedyGeneratedRows(c), "the source computed the new generated column %s of %s for the rows that exist, and TiDB may compute other values",
				c.name, x.c.Before)
		}
		return x.after.column(c)
	}
	if old == "" {
		old = c.name
	}
	was := x.before.d.column(old)
	if was == nil {
		return x.after.column(c)
	}
	before, err := x.before.generatedAs(was)
	if err != nil {
		return "", err
	}
	same := sameExpression(was.generated, c.generated) && was.typ.sql() == c.typ.sql() && was.typ.charset == c.typ.charset
	switch {
	case was.generated == "" && c.generated == "":
		x.converted(was, c)
	case c.generated == "":
		x.presume(was, before.generated)
		if !before.generated {
			x.converted(was, c)
		} else if was.typ.sql() != c.typ.sql() {
			x.refuseRows("", remedyConversion, "column %s of %s is generated no more and has another type", was.name, x.c.Before)
		}
	case was.generated != "" && same && before.generated == now.generated:
		x.presume(was, now.generated)
	case before.generated && now.generated && was.stored && sameExpression(was.generated, c.generated):
		// TiDB converts the stored values, where the source computes them again: an
		// older type may have cut them.
		a, b := families[was.typ.base], families[c.typ.base]
		wider := a == b && (a == familyInt && conversionOf(&was.typ, &c.typ).how == howAlways || a == familyText && holdsText(&was.typ, &c.typ))
		if !wider || x.c.ddl.SQLMode&strictModes == 0 || x.c.ignore {
			x.refuseRows("", remedyStored(c), "the source computed column %s of %s again for its new type %s, where TiDB would convert the old values",
				was.name, x.c.Before, typeText(&c.typ))
		}
	case !now.generated:
		x.presume(was, false)
		x.refuseRows("", remedyGeneratedRows(c), "the source computed column %s of %s again for the rows that exist, and TiDB may compute other values", was.name, x.c.Before)
	}
	return x.after.column(c)
}

// convertedTo adds the conditions of CONVERT TO CHARACTER SET for a column.
func (x *alterTranslator) convertedTo(was, now *columnDef) error {
	if now.generated == "" {
		x.converted(was, now)
		return nil
	}
	as, err := x.after.generatedAs(now)
	if err != nil {
		return err
	}
	if !as.generated && was.typ.charset != now.typ.charset {
		x.refuseRows("", remedyGeneratedRows(now), "the source computed column %s of %s again in another character set", now.name, x.c.Before)
	}
	return nil
}

func remedyStored(c *columnDef) string {
	return fmt.Sprintf("in the target, drop the column %s and add it with its new definition as a VIRTUAL column, then START MIGRATION again", c.name)
}

// recomputed refuses rows whose plain columns carry the values of generated ones
// that the source computed again, since a column that they depend on has another
// type or character set now: LENGTH(s) is another number in UTF-8.
func (x *alterTranslator) recomputed() {
	changed := map[string]bool{}
	for _, was := range x.before.d.columns {
		if now := x.becomes(was); now != nil && was.generated == "" &&
			(was.typ.sql() != now.typ.sql() || was.typ.charset != now.typ.charset || was.typ.collation != now.typ.collation) {
			changed[strings.ToLower(was.name)] = true
		}
	}
	if len(changed) == 0 {
		return
	}
	for range x.before.d.columns { // generated columns depend on each other
		for _, was := range x.before.d.columns {
			if was.generated != "" && mentions(was.generated, changed) {
				changed[strings.ToLower(was.name)] = true
			}
		}
	}
	for _, was := range x.before.d.columns {
		now := x.becomes(was)
		if was.generated == "" || now == nil || now.generated == "" || !changed[strings.ToLower(was.name)] {
			continue
		}
		x.refuseRows(x.plainInTarget(was),
			remedyGeneratedRows(now), "the source computed column %s of %s again, as a column that it depends on has another type, and TiDB may compute other values",
			was.name, x.c.Before)
	}
}

// ofKey returns true for the actions that come before those on columns.
func (a *action) ofKey() bool {
	return a.kind == dropKey || a.kind == dropPrimary || a.kind == renameKey || a.kind == keyVisible
}

// generatedFirst drops generated columns before others are changed: TiDB changes and drops
// no column that a generated one depends on, in the same statement neither.
func (x *alterTranslator) generatedFirst() {
	for i := range x.before.d.columns { // the last ones may depend on the first ones
		c := x.before.d.columns[len(x.before.d.columns)-1-i]
		if c.generated == "" {
			continue
		}
		if now := x.becomes(c); now != nil && !x.laidDown(c, now) {
			continue
		}
		x.add("DROP COLUMN "+replica.Quote(c.name), append([]string{useColumn(c.name)}, x.usesOf(c)...)...)
	}
}

// laidDown returns true for a proved generated column that stays as it is while the
// statement changes a column that it depends on: it is dropped first and added
// again after all else, as a VIRTUAL one. One that is in a key stays, and TiDB
// refuses the statement.
func (x *alterTranslator) laidDown(was, now *columnDef) bool {
	before, err1 := x.before.generatedAs(was)
	after, err2 := x.after.generatedAs(now)
	if err1 != nil || err2 != nil || !before.generated || !after.generated || !sameExpression(was.generated, now.generated) || was.name != now.name {
		return false
	}
	changes := false
	for _, a := range x.c.actions {
		changes = changes || a.kind == changeColumn && mentions(was.generated, map[string]bool{strings.ToLower(a.old): true})
		if (a.kind == changeColumn || a.kind == renameColumn) && strings.EqualFold(a.old, was.name) {
			return false
		}
	}
	for _, d := range []*definition{x.before.d, x.after.d} {
		for _, k := range d.keys {
			for _, p := range k.parts {
				if strings.EqualFold(p.column, was.name) || mentions(p.expr, map[string]bool{strings.ToLower(was.name): true}) {
					return false
				}
			}
		}
	}
	if !changes {
		return false
	}
	c := now.clone()
	c.stored = false
	def, err := x.after.column(c)
	if err != nil {
		return false
	}
	x.presume(was, true)
	if was.stored {
		x.after.note("generated column %s is VIRTUAL in the target, as TiDB does not add a STORED one to a table", was.name)
	}
	x.last = append(x.last, targetItem{sql: "ADD COLUMN " + def, uses: lower(append([]string{useColumn(was.name)}, x.usesOf(was)...))})
	return true
}

// usesOf names the columns that a generated column depends on: TiDB adds, changes and
// drops none of them in the same statement.
func (x *alterTranslator) usesOf(c *columnDef) (uses []string) {
	if c.generated == "" {
		return nil
	}
	for _, d := range []*definition{x.before.d, x.after.d} {
		for _, other := range d.columns {
			if !strings.EqualFold(other.name, c.name) && mentions(c.generated, map[string]bool{strings.ToLower(other.name): true}) {
				uses = append(uses, useColumn(other.name))
			}
		}
	}
	return uses
}

// becomes returns what the statement makes of a column, nil if it is dropped.
func (x *alterTranslator) becomes(was *columnDef) *columnDef {
	name := was.name
	for _, a := range x.c.actions {
		if !strings.EqualFold(a.old, was.name) {
			continue
		}
		switch a.kind {
		case dropColumn:
			return nil
		case changeColumn, renameColumn:
			name = a.new
		}
	}
	return x.after.d.column(name)
}

func remedyGeneratedRows(c *columnDef) string {
	return fmt.Sprintf("in the target, add or change %s as a plain column by hand and give its rows the values that they have at the source"+remedyComment+", then START MIGRATION again; "+
		"or STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again", c.name)
}

// presume adds the condition that the target's column is generated, or that it is
// not.
func (x *alterTranslator) presume(c *columnDef, generated bool) {
	is, word := "<>", "plain"
	if !generated {
		is, word = "=", "generated"
	}
	query := fmt.Sprintf("SELECT 1 FROM information_schema.columns WHERE %s AND NOT (COALESCE(generation_expression, '') %s '')", x.inTarget(c.name), is)
	x.conditions = append(x.conditions, Condition{Query: query, Failed: &replica.Error{Code: CodeDDL, Class: "DDL", Table: x.c.Before.String(),
		Message: fmt.Sprintf("the target's column %s is %s, and a DDL of the source on %s needs it otherwise", c.name, word, x.c.Before),
		Remedy:  remedyConversion}})
}

// inTarget is a condition on information_schema.columns for a column of the target's
// table.
func (x *alterTranslator) inTarget(column string) string {
	ts, tt := x.rules.Target(x.c.Schema, x.c.Table)
	return fmt.Sprintf("table_schema=%s AND table_name=%s AND column_name=%s", quoteString(ts), quoteString(tt), quoteString(column))
}

// sameExpression compares expressions without regard to white space, parentheses
// around all of it, and the quotes of names.
func sameExpression(a, b string) bool { return bareExpression(a) == bareExpression(b) }

func bareExpression(s string) string {
	tokens, err := tokenize(s, 0)
	if err != nil {
		return s
	}
	tokens = tokens[:len(tokens)-1]
	for len(tokens) > 2 && tokens[0].punct("(") && closes(tokens) {
		tokens = tokens[1 : len(tokens)-1]
	}
	var parts []string
	for _, t := range tokens {
		text := t.text
		if t.kind == tokWord || t.kind == tokIdent {
			text = strings.ToLower(text)
		}
		if t.kind == tokString {
			text = quoteString(text)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}
