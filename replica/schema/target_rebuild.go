package schema

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"sluice/replica"
)

// rebuildRows is how many rows a transaction of a rebuild copies.
const rebuildRows = 5000

// TiDB cannot drop or add the primary key that clusters a table, nor drop a
// column of it, nor give one another collation or type, nor make a column AUTO_INCREMENT.
// Such an ALTER TABLE becomes a new table that takes the rows and then the name:
//
//	DROP TABLE IF EXISTS new; CREATE TABLE new ..
//	BATCH ON key LIMIT n REPLACE INTO new (..) SELECT .. FROM table
//	RENAME TABLE table TO old, new TO table; DROP TABLE old; DROP TABLE IF EXISTS new
//
// Columns that the statement adds are added to the table first, so that its rows get
// the values of the source's rows. A column whose name is taken gets another one
// there.
//
// The steps run at the statement's barrier, where nothing writes the table. What
// if the process dies within one: the DDL is found by its tag, as ever. BATCH is
// no DDL and leaves no trace, so that it runs again from its beginning: REPLACE
// by the new primary key, which the source has proved to be unique, writes the
// same rows over those that are there. A table that has no primary key
// afterwards is therefore not rebuilt. Before the RENAME the table itself has its rows
// and columns as before, and the added ones.

// rebuild returns these statements, and false if the statement needs none or
// does more than they can: values that change, and columns that are generated, are
// TiDB's to alter.
func (x *alterTranslator) rebuild(targetSchema, to string) ([]string, bool) {
	old, now := x.before.d.primary(), x.after.d.primary()
	if now == nil || !x.clusters(x.after, now) {
		return nil, false
	}
	clustered := old != nil && x.clusters(x.before, old)
	if !x.numbers() && !(clustered && x.retyped(old)) && (!clustered || x.samePrimary(old, now)) {
		return nil, false
	}
	var into, from, add []string
	for i, c := range x.after.d.columns {
		if n := x.adds[strings.ToLower(c.name)]; n != nil {
			if c.generated != "" {
				return nil, false
			}
			if c.autoInc { // a condition holds that there are no rows
				continue
			}
			n = n.clone()
			if x.before.d.column(n.name) != nil {
				n.name = x.freeName(i)
			}
			def, err := x.after.column(n)
			if err != nil {
				return nil, false
			}
			add = append(add, "ALTER TABLE "+x.name+" ADD COLUMN "+def)
			into, from = append(into, replica.Quote(c.name)), append(from, replica.Quote(n.name))
			continue
		}
		was := x.before.d.column(x.oldName(c.name))
		if was == nil || c.generated != "" || was.generated != "" || c.rowStart || c.rowEnd || c.implicit || !x.moves(was, c) {
			return nil, false
		}
		into, from = append(into, replica.Quote(c.name)), append(from, replica.Quote(was.name))
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(x.name)) // a hash takes everything
	side := func(what string) string {
		return replica.QuoteTable(targetSchema, fmt.Sprintf("_sluice_%016x_%s", h.Sum64(), what))
	}
	create, err := x.after.createTable(side("new"))
	if err != nil {
		return nil, false
	}
	return append(add,
		"DROP TABLE IF EXISTS "+side("new"),
		create,
		fmt.Sprintf("%sREPLACE INTO %s (%s) SELECT %s FROM %s", x.inBatches(), side("new"), strings.Join(into, ","), strings.Join(from, ","), x.name),
		"RENAME TABLE "+x.name+" TO "+side("old")+", "+side("new")+" TO "+to,
		"DROP TABLE IF EXISTS "+side("old"),
		"DROP TABLE IF EXISTS "+side("new"), // after a repair by hand: see Translation.Tidy
	), true
}

// inBatches returns the beginning of a statement that moves rows: BATCH, dividing them by the first column of the primary
// key or of another index whose type it takes, or by TiDB's own row number. It is empty if there is no such column: then
// one transaction has to do.
func (x *alterTranslator) inBatches() string {
	k := x.before.d.primary()
	if k == nil || !x.clusters(x.before, k) {
		return fmt.Sprintf("BATCH LIMIT %d ", rebuildRows)
	}
	dropped := x.explicitDrops() // an UPDATE runs after that
	for _, k := range append([]*keyDef{k}, x.before.d.keys...) {
		c := x.before.d.column(k.parts[0].column)
		if _, carried := x.before.carried(k); c == nil || !carried || x.trimmedKeys[strings.ToLower(k.name)] || dropped[strings.ToLower(k.name)] || k.invisible || k.parts[0].prefix > 0 ||
			c.generated != "" || slices.Contains([]string{"enum", "set", "bit", "json"}, c.typ.base) {
			continue
		}
		return fmt.Sprintf("BATCH ON %s.%s LIMIT %d ", x.name, replica.Quote(c.name), rebuildRows)
	}
	return ""
}

// retyped returns true if a column of the primary key gets a type that TiDB does not give to it.
func (x *alterTranslator) retyped(k *keyDef) bool {
	recollated := x.recollated()
	return slices.ContainsFunc(k.parts, func(p keyPart) bool {
		was := x.before.d.column(p.column)
		now := x.becomes(was)
		return now != nil && (recollated[strings.ToLower(p.column)] || !widened(&was.typ, &now.typ))
	})
}

// widened returns true for a change of type that TiDB makes without writing rows, so that
// it takes it for a column of the primary key.
func widened(from, to *typeDef) bool {
	if from.sql() == to.sql() {
		return true
	}
	a, b := slices.Index(integers, from.base), slices.Index(integers, to.base)
	switch {
	case a >= 0 && b >= 0:
		return from.unsigned == to.unsigned && b >= a
	case from.base != to.base:
		return false
	}
	switch families[from.base] {
	case familyText:
		return to.length >= from.length
	case familyBinary:
		return to.length >= from.length && from.base != "binary"
	case familyDateTime, familyTimestamp, familyTime:
		return to.scale >= from.scale
	case familyEnum, familySet:
		return len(to.elements) >= len(from.elements) && slices.Equal(from.elements, to.elements[:len(from.elements)])
	}
	return false
}

// moves returns true if the new table's column takes the old one's values as the source
// converted them.
func (x *alterTranslator) moves(was, c *columnDef) bool {
	if c.typ.sql() == was.typ.sql() && c.typ.charset == was.typ.charset && c.typ.collation == was.typ.collation {
		return true
	}
	how := conversionOf(&was.typ, &c.typ).how
	return movable(&was.typ, &c.typ) && (how == howAlways || how == howStrict && x.c.ddl.SQLMode&strictModes != 0 && !x.c.ignore)
}

// movable returns true for types between which REPLACE .. SELECT converts as MODIFY does:
// TestConversions proves it. It runs in strict mode, and refuses what does not fit. Other
// types are TiDB's to convert.
func movable(from, to *typeDef) bool {
	a, b := families[from.base], families[to.base]
	switch {
	case a != b:
		return false
	case a == familyText:
		return from.base == to.base
	}
	return slices.Contains([]family{familyInt, familyDecimal, familyBinary, familyBit, familyDateTime, familyEnum, familySet}, a)
}

// numbers returns true if a column that exists becomes AUTO_INCREMENT. A condition
// holds that the source gave no row a new number.
func (x *alterTranslator) numbers() bool {
	for _, c := range x.after.d.columns {
		if was := x.before.d.column(x.oldName(c.name)); c.autoInc && was != nil && !was.autoInc && x.adds[strings.ToLower(c.name)] == nil {
			return true
		}
	}
	return false
}

// clusters returns true if the primary key clusters the target's table.
func (x *alterTranslator) clusters(t *translator, k *keyDef) bool {
	if _, ok := t.carried(k); !ok {
		return false
	}
	for _, p := range k.parts {
		if p.prefix > 0 || p.expr != "" {
			return false
		}
	}
	return true
}

// samePrimary returns true if the key has the same columns, under other names
// perhaps. A column that is dropped and added again is another one.
func (x *alterTranslator) samePrimary(old, now *keyDef) bool {
	if len(old.parts) != len(now.parts) {
		return false
	}
	for i := range old.parts {
		name := now.parts[i].column
		if x.adds[strings.ToLower(name)] != nil || !strings.EqualFold(old.parts[i].column, x.oldName(name)) {
			return false
		}
	}
	return true
}

// oldName returns the name that a column had before the statement.
func (x *alterTranslator) oldName(name string) string {
	for _, a := range x.c.actions {
		if (a.kind == changeColumn || a.kind == renameColumn) && strings.EqualFold(a.new, name) {
			return a.old
		}
	}
	return name
}
