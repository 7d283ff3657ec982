package schema

import (
	"slices"
	"strings"
)

// alteration is one ALTER TABLE being applied. The order of things is that of
// MySQL's mysql_prepare_alter_table: actions refer to the columns of the table
// as it was, except AFTER, which refers to the new list.
type alteration struct {
	r       *reader
	old     *definition
	new     *definition
	actions []action
	added   additions
	keys    map[string]*keyDef        // of new.keys before alterKeys, by name in lower case
	columns map[*columnDef]*columnDef // of new.columns before: what became of each; nil when dropped
}

// alter returns the definition that the actions make of d, which stays as it is.
func (r *reader) alter(d *definition, actions []action) (*definition, additions) {
	a := &alteration{r: r, old: d, new: d.clone(), actions: actions, columns: map[*columnDef]*columnDef{}}
	for _, step := range []func(){a.tableOptions, a.alterColumns, a.fixKeys, a.alterKeys, a.alterChecks, a.addKeys, a.dropImplicit, a.partitions, a.versions} {
		if step(); r.err != nil {
			return nil, a.added
		}
	}
	r.complete(a.new)
	for i := range actions {
		if actions[i].kind == convertTo {
			a.convert(actions[i].also)
		}
	}
	if r.err == nil {
		r.completeKeys(a.new)
	}
	return a.new, a.added
}

// redefinedAdds returns the actions for MariaDB, which lets MODIFY define a column again
// that the same statement adds (ADD COLUMN IF NOT EXISTS c .., MODIFY c ..): the column is
// added as MODIFY has it, and where it has it. The name is that which CHANGE gives.
// A column that is dropped and added is no other case.
func (d *definition) redefinedAdds(actions []action) []action {
	exists := func(name string) bool {
		return d.column(name) != nil && !slices.ContainsFunc(actions, func(b action) bool { return b.kind == dropColumn && strings.EqualFold(b.old, name) })
	}
	var out []action
	for _, act := range actions {
		at := -1
		if act.kind == changeColumn && !act.ifExists && !exists(act.old) && !exists(act.new) {
			at = slices.IndexFunc(out, func(b action) bool { return b.kind == addColumn && strings.EqualFold(b.column.name, act.new) })
		}
		if at >= 0 && (len(out[at].also.keys)+len(out[at].also.checks)+len(out[at].also.foreign) == 0) {
			out = slices.Delete(out, at, at+1)
			act.kind, act.old, act.new = addColumn, "", ""
		}
		out = append(out, act)
	}
	return out
}

func (a *alteration) tableOptions() {
	for _, act := range a.actions {
		if act.kind != setOption {
			continue
		}
		if act.also.charset != "" || act.also.collation != "" {
			a.new.charset, a.new.collation = a.r.d.resolve(act.also.charset, act.also.collation, a.old.charset, a.old.collation)
		}
		for _, o := range act.also.options {
			a.new.setOption(o.name, o.value)
		}
	}
}

// missing reports an action on something that the definition does not have.
func (a *alteration) missing(what, name string, ifExists bool) {
	if !ifExists {
		a.r.fail("%s %s is not in the known definition of the table", what, name)
	}
}

func (a *alteration) alterColumns() {
	was := a.new.columns
	gone := map[*columnDef]bool{}
	remade := map[*columnDef]bool{}
	for _, c := range was {
		a.columns[c] = c
	}
	changes := map[*columnDef]*action{}
	for i := range a.actions {
		act := &a.actions[i]
		switch act.kind {
		case dropColumn, changeColumn, renameColumn, setDefault, dropDefault, setVisible:
		default:
			continue
		}
		c := findColumn(was, act.old)
		if c == nil {
			a.missing("column", act.old, act.ifExists)
			continue
		}
		if act.kind == dropColumn || act.kind == changeColumn || act.kind == renameColumn {
			if remade[c] {
				a.r.fail("the statement changes column %s twice", c.name)
				return
			}
			remade[c] = true
		}
		switch act.kind {
		case dropColumn:
			gone[c] = true
			a.columns[c] = nil
		case changeColumn:
			changes[c] = act
			a.columns[c] = act.column.clone()
		case renameColumn:
			n := c.clone()
			n.name = act.new
			a.columns[c] = n
		}
	}
	var list []*columnDef
	for _, c := range was {
		if !gone[c] {
			list = append(list, a.columns[c])
		}
	}
	a.new.columns = a.place(list, was, changes)
	a.attributes(was)
}

func findColumn(list []*columnDef, name string) *columnDef {
	d := definition{columns: list}
	return d.column(name)
}

// place puts the added and the moved columns where the statement says. As in the
// servers, list has every column that is not dropped, under its new name and in the
// table's order. FIRST and AFTER then apply one after the other. A column that has
// not been moved yet is in its old place.
func (a *alteration) place(list, was []*columnDef, changes map[*columnDef]*action) []*columnDef {
	for i := range a.actions {
		act := &a.actions[i]
		var c *columnDef
		switch act.kind {
		case addColumn:
			if act.ifNotExists && findColumn(was, act.column.name) != nil {
				continue
			}
			c = act.column.clone()
		case changeColumn:
			from := findColumn(was, act.old)
			if from == nil || changes[from] != act || !act.pos.given() {
				continue
			}
			c = a.columns[from]
			list = slices.DeleteFunc(list, func(x *columnDef) bool { return x == c })
		default:
			continue
		}
		at := len(list)
		if act.pos.first {
			at = 0
		} else if act.pos.after != "" {
			at = a.indexAfter(list, act.pos.after)
		}
		list = append(list[:at:at], append([]*columnDef{c}, list[at:]...)...)
	}
	if at := slices.IndexFunc(list, a.generatedKey); at > 0 {
		list = slices.Insert(slices.Delete(list, at, at+1), 0, a.columns[was[0]])
	}
	return list
}

// generatedKey returns true for the column of a generated invisible primary key (MySQL
// 8.0.30 and newer). If it was the first one and invisible, it is put before the others
// after all of them have their places: FIRST means after it, and AFTER it means after
// those that are FIRST. MySQL treats a user's own column of the same name and form alike.
func (a *alteration) generatedKey(c *columnDef) bool {
	return !a.r.d.MariaDB && a.old.generatedKey() && strings.EqualFold(c.name, generatedKeyName) && c.invisible && c.autoInc && c.typ.base == "bigint" && c.typ.unsigned
}

const generatedKeyName = "my_row_id"

// generatedKey returns true if the first column has the name of a generated invisible
// primary key, and is the primary key.
func (d *definition) generatedKey() bool {
	k := d.primary()
	return k != nil && len(k.parts) == 1 && strings.EqualFold(k.parts[0].column, generatedKeyName) && strings.EqualFold(d.columns[0].name, generatedKeyName)
}

// indexAfter returns the place after the column that AFTER names by its new name.
func (a *alteration) indexAfter(list []*columnDef, name string) int {
	for i, c := range list {
		if strings.EqualFold(c.name, name) {
			return i + 1
		}
	}
	a.missing("column", name, false)
	return len(list)
}

// attributes applies ALTER COLUMN.
func (a *alteration) attributes(was []*columnDef) {
	for _, act := range a.actions {
		c := a.columns[findColumn(was, act.old)]
		if c == nil {
			continue
		}
		switch act.kind {
		case setDefault:
			c.def, c.hasDefault, c.literals = act.value, true, act.literals
			a.r.literalDefault(c)
		case dropDefault:
			c.def, c.hasDefault = "", false
		case setVisible:
			c.invisible = !act.on
		}
	}
}

// fixKeys follows columns that were renamed or dropped in keys, foreign keys,
// checks and expressions.
func (a *alteration) fixKeys() {
	renames := map[string]string{}
	dropped := map[string]bool{}
	for c, n := range a.columns {
		key := strings.ToLower(c.name)
		switch {
		case n == nil:
			dropped[key] = true
		case n.name != c.name:
			renames[key] = n.name
		}
	}
	kept := a.new.keys[:0]
	for _, k := range a.new.keys {
		if a.follow(k, renames); len(k.parts) > 0 {
			kept = append(kept, k)
		}
	}
	a.new.keys = kept
	absent := a.new.absent[:0]
	for _, k := range a.new.absent {
		if a.follow(k, renames); len(k.parts) > 0 {
			absent = append(absent, k)
		}
	}
	a.new.absent = absent
	for _, f := range a.new.foreign {
		for i, c := range f.columns {
			if n := renames[strings.ToLower(c)]; n != "" {
				f.columns[i] = n
			}
		}
	}
	a.followExpressions(renames, dropped)
}

func (a *alteration) followExpressions(renames map[string]string, dropped map[string]bool) {
	replaced := map[string]bool{}
	for _, act := range a.actions {
		if act.kind == changeColumn {
			replaced[strings.ToLower(act.old)] = true
		}
	}
	checks := a.new.checks[:0]
	for _, c := range a.new.checks {
		if mentions(c.expr, dropped) || replaced[strings.ToLower(c.column)] && c.column != "" {
			continue
		}
		c.expr = renameInText(c.expr, renames)
		if n := renames[strings.ToLower(c.column)]; n != "" {
			c.column = n
		}
		checks = append(checks, c)
	}
	a.new.checks = checks
	if len(renames) == 0 {
		return
	}
	for _, c := range a.new.columns {
		c.generated = renameInText(c.generated, renames)
	}
	if p := a.new.partition; p != nil {
		a.new.partition = &partitioning{header: renameInText(p.header, renames), parts: p.parts}
	}
}

// convert applies CONVERT TO CHARACTER SET: every character column changes, and
// TEXT grows so that it still holds as many characters.
func (a *alteration) convert(to *definition) {
	charset, collation := a.r.d.database()
	charset, collation = a.r.d.resolve(to.charset, to.collation, charset, collation)
	if _, known := charsets[charset]; !known {
		a.r.fail("character set %q is not known", charset)
		return
	}
	a.new.charset, a.new.collation = charset, collation
	for _, c := range a.new.columns {
		t := &c.typ
		if !isText(t.base) {
			continue
		}
		from := charsets[t.charset].max
		t.charset, t.collation = charset, collation
		t.widen(from, charsets[charset].max)
		t.fold()
		t.fit()
	}
}

var textBytes = map[string]int{"tinytext": 1<<8 - 1, "text": 1<<16 - 1, "mediumtext": 1<<24 - 1}

// widen chooses the TEXT type that holds in the new charset as many characters
// as the old one did.
func (t *typeDef) widen(from, to int) {
	size, ok := textBytes[t.base]
	if !ok || from == 0 || to <= from {
		return
	}
	t.base = sizedType("text", size/from*to)
}
