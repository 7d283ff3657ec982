package schema

import "strings"

// actionKind is one action of ALTER TABLE.
type actionKind uint8

const (
	noAction actionKind = iota // says nothing about definition or rows: ALGORITHM, FORCE, ENABLE KEYS, ..
	addColumn
	changeColumn // MODIFY too: old and column.name are then the same
	renameColumn
	dropColumn
	setDefault
	dropDefault
	setVisible // of a column
	addKey     // keys, foreign keys and checks in also
	dropKey
	dropPrimary
	dropForeign
	dropCheck
	dropConstraint
	renameKey
	keyVisible
	checkEnforced
	renameTo
	setOption // in also
	convertTo
	partitionBy
	addPartition
	dropPartition
	reorganizePartition
	removePartitioning
	partitionOther // TRUNCATE, EXCHANGE, COALESCE, ..: as text
	replaceRows    // the rows are others afterwards, without row events: value says how
	setVersioning
	addPeriod
	dropPeriod
)

// action is one action of ALTER TABLE; which fields are used depends on kind.
type action struct {
	kind                  actionKind
	ifExists, ifNotExists bool
	old, new              string
	on                    bool // setVisible, keyVisible, checkEnforced, setVersioning
	column                *columnDef
	pos                   position
	also                  *definition // keys and constraints; options; charset of convertTo
	name                  [2]string   // of renameTo; the other table of EXCHANGE PARTITION
	value                 string
	literals              string // columnDef's, of SET DEFAULT
	part                  *partitioning
	names                 []string // partitions
}

func (r *reader) alterTable(schema string) any {
	r.next()
	ignore := false
	for r.peek().isAny("ONLINE", "OFFLINE", "IGNORE") {
		ignore = r.next().is("IGNORE") || ignore
	}
	r.expect("TABLE")
	st := &alterStmt{kind: AlterTable, ignore: ignore, ifExists: r.ifExists()}
	st.name[0], st.name[1] = r.tableName(schema)
	r.wait()
	for r.err == nil && !r.end() {
		st.actions = append(st.actions, r.alterAction(schema, st.name[1])...)
		r.acceptPunct(",")
	}
	return st
}

func (r *reader) alterAction(schema, table string) []action {
	one := func(a action) []action { return []action{a} }
	switch {
	case r.accept("ADD"):
		return r.alterAdd(table)
	case r.accept("DROP"):
		return one(r.alterDrop())
	case r.accept("MODIFY"), r.accept("CHANGE"):
		return r.alterChange(table, r.tokens[r.i-1].is("CHANGE"))
	case r.accept("ALTER"):
		return one(r.alterAlter())
	case r.accept("RENAME"):
		return one(r.alterRename(schema))
	case r.peek().is("CONVERT") && r.peekAt(1).isAny("PARTITION", "TABLE"):
		return one(r.alterConvertPartition(schema))
	case r.peek().isAny("DISCARD", "IMPORT"):
		return one(r.alterTablespace())
	case r.accept("CONVERT", "TO"):
		return one(r.alterConvert())
	case r.accept("ORDER", "BY"):
		for !r.end() { // the list runs to the end: it is the last action
			r.next()
		}
		return nil
	case r.accept("FORCE"), r.accept("ENABLE", "KEYS"), r.accept("DISABLE", "KEYS"),
		r.accept("WITH", "VALIDATION"), r.accept("WITHOUT", "VALIDATION"),
		r.accept("SECONDARY_LOAD"), r.accept("SECONDARY_UNLOAD"):
		return nil
	case r.acceptAny("ALGORITHM", "LOCK"):
		r.acceptPunct("=")
		r.next()
		return nil
	}
	if a, ok := r.alterPartition(schema); ok {
		return a
	}
	return r.alterOptions()
}

func (r *reader) alterOptions() []action {
	a := action{kind: setOption, also: &definition{}}
	if !r.tableOption(a.also) {
		r.unexpected("ALTER TABLE")
		return nil
	}
	if a.also.versioning {
		return []action{{kind: setVersioning, on: true}}
	}
	for !r.end() && !r.peek().punct(",") && !r.peek().is("PARTITION") && !r.peek().is("REMOVE") && r.tableOption(a.also) {
	}
	return []action{a}
}

func (r *reader) alterAdd(table string) []action {
	switch {
	case r.accept("PARTITION"):
		a := action{kind: addPartition, ifNotExists: r.ifNotExists()}
		for r.acceptAny("NO_WRITE_TO_BINLOG", "LOCAL") {
		}
		if r.accept("PARTITIONS") {
			a.kind, a.value = partitionOther, "ADD PARTITION PARTITIONS "+r.peek().text
			r.integer("number of partitions")
			return []action{a}
		}
		a.part = &partitioning{parts: r.partitionList()}
		return []action{a}
	case r.accept("SYSTEM", "VERSIONING"):
		return []action{{kind: setVersioning, on: true}}
	case r.peek().is("PERIOD") && r.peekAt(1).is("FOR"):
		return []action{{kind: addPeriod, value: r.text(r.until())}}
	case r.startsKey():
		a := action{kind: addKey, also: &definition{name: table}}
		a.ifNotExists = r.keyOrConstraint(a.also)
		return []action{a}
	}
	r.accept("COLUMN")
	ifNotExists := r.ifNotExists()
	if !r.peek().punct("(") {
		return r.addedColumn(table, ifNotExists)
	}
	r.next()
	var out []action
	for r.err == nil {
		if r.startsKey() {
			a := action{kind: addKey, also: &definition{name: table}}
			a.ifNotExists = r.keyOrConstraint(a.also)
			out = append(out, a)
		} else {
			out = append(out, r.addedColumn(table, ifNotExists)...)
		}
		if !r.acceptPunct(",") {
			break
		}
	}
	r.expectPunct(")")
	return out
}

func (r *reader) addedColumn(table string, ifNotExists bool) []action {
	c, also := r.columnDefinition(table)
	return []action{{kind: addColumn, column: c, also: also, ifNotExists: ifNotExists, pos: r.position()}}
}

func (r *reader) position() position {
	if r.accept("FIRST") {
		return position{first: true}
	}
	if r.accept("AFTER") {
		return position{after: r.name("column name")}
	}
	return position{}
}

func (r *reader) alterChange(table string, rename bool) []action {
	r.accept("COLUMN")
	a := action{kind: changeColumn, ifExists: r.ifExists()}
	a.old = r.name("column name")
	a.new = a.old
	if rename {
		a.new = r.name("column name")
	}
	a.column = &columnDef{name: a.new}
	a.also = r.columnBody(a.column, table)
	a.pos = r.position()
	return []action{a}
}

func (r *reader) alterDrop() action {
	switch {
	case r.accept("PARTITION"):
		a := action{kind: dropPartition, ifExists: r.ifExists()}
		a.names = r.names("partition name")
		return a
	case r.accept("SYSTEM", "VERSIONING"):
		return action{kind: setVersioning}
	case r.accept("PERIOD", "FOR"):
		r.ifExists()
		return action{kind: dropPeriod, old: r.name("period")}
	case r.accept("PRIMARY", "KEY"):
		return action{kind: dropPrimary}
	case r.accept("FOREIGN", "KEY"):
		return action{kind: dropForeign, ifExists: r.ifExists(), old: r.name("foreign key name")}
	case r.acceptAny("INDEX", "KEY"):
		return action{kind: dropKey, ifExists: r.ifExists(), old: r.name("key name")}
	case r.accept("CHECK"):
		return action{kind: dropCheck, old: r.name("constraint name")}
	case r.accept("CONSTRAINT"):
		return action{kind: dropConstraint, ifExists: r.ifExists(), old: r.name("constraint name")}
	}
	r.accept("COLUMN")
	a := action{kind: dropColumn, ifExists: r.ifExists(), old: r.name("column name")}
	r.acceptAny("RESTRICT", "CASCADE")
	return a
}

func (r *reader) names(what string) []string {
	var out []string
	for r.err == nil {
		out = append(out, r.name(what))
		if !r.peek().punct(",") {
			break
		}
		r.next()
	}
	return out
}

func (r *reader) alterAlter() action {
	switch {
	case r.acceptAny("INDEX", "KEY"):
		a := action{kind: keyVisible, ifExists: r.ifExists(), old: r.name("key name")}
		switch {
		case r.accept("VISIBLE"), r.accept("NOT", "IGNORED"):
			a.on = true
		case r.accept("INVISIBLE"), r.accept("IGNORED"):
		default:
			r.unexpected("ALTER INDEX")
		}
		return a
	case r.acceptAny("CHECK", "CONSTRAINT"):
		a := action{kind: checkEnforced, old: r.name("constraint name")}
		a.on = !r.enforced()
		return a
	}
	r.accept("COLUMN")
	a := action{ifExists: r.ifExists(), old: r.name("column name")}
	switch {
	case r.accept("SET", "DEFAULT"):
		start := r.i
		a.kind, a.value = setDefault, r.defaultValue()
		a.literals = r.literalsFrom(start)
	case r.accept("DROP", "DEFAULT"):
		a.kind = dropDefault
	case r.accept("SET", "VISIBLE"):
		a.kind, a.on = setVisible, true
	case r.accept("SET", "INVISIBLE"):
		a.kind = setVisible
	default:
		r.unexpected("ALTER COLUMN")
	}
	return a
}

func (r *reader) alterRename(schema string) action {
	switch {
	case r.peek().is("COLUMN"):
		r.next()
		a := action{kind: renameColumn, ifExists: r.ifExists(), old: r.name("column name")}
		r.expect("TO")
		a.new = r.name("column name")
		return a
	case r.peek().isAny("INDEX", "KEY"):
		r.next()
		a := action{kind: renameKey, ifExists: r.ifExists(), old: r.name("key name")}
		r.expect("TO")
		a.new = r.name("key name")
		return a
	}
	if !r.acceptAny("TO", "AS") {
		r.acceptPunct("=")
	}
	a := action{kind: renameTo}
	a.name[0], a.name[1] = r.tableName(schema)
	return a
}

func (r *reader) alterConvert() action {
	a := action{kind: convertTo, also: &definition{}}
	if !r.charset() {
		r.unexpected("CONVERT TO")
		return a
	}
	r.acceptPunct("=")
	if cs := r.peek(); cs.is("DEFAULT") {
		r.next()
	} else {
		a.also.charset = canonicalCharset(r.charsetName())
	}
	if r.accept("COLLATE") {
		r.acceptPunct("=")
		a.also.collation = canonicalCollation(r.charsetName())
	}
	return a
}

// alterTablespace reads DISCARD and IMPORT TABLESPACE, also of partitions.
func (r *reader) alterTablespace() action {
	a := action{kind: replaceRows, value: r.next().text + " TABLESPACE"}
	if r.accept("PARTITION") {
		a.value = strings.Replace(a.value, " ", " PARTITION .. ", 1)
		if !r.accept("ALL") {
			r.names("partition name")
		}
	}
	r.expect("TABLESPACE")
	a.value = strings.ToUpper(a.value)
	return a
}

// alterConvertPartition reads MariaDB's CONVERT PARTITION p TO TABLE t and
// CONVERT TABLE t TO PARTITION p ..
func (r *reader) alterConvertPartition(schema string) action {
	r.next()
	a := action{kind: replaceRows, value: "CONVERT " + strings.ToUpper(r.peek().text)}
	if r.next().is("PARTITION") {
		a.old = r.name("partition name")
		r.expect("TO", "TABLE")
		a.name[0], a.name[1] = r.tableName(schema)
	} else {
		a.name[0], a.name[1] = r.tableName(schema)
		r.expect("TO", "PARTITION")
		a.old = r.name("partition name")
		r.until()
	}
	if !r.accept("WITH", "VALIDATION") {
		r.accept("WITHOUT", "VALIDATION")
	}
	return a
}

// alterPartition reads the actions on partitions.
func (r *reader) alterPartition(schema string) ([]action, bool) {
	start := r.i
	switch {
	case r.peek().is("PARTITION") && r.peekAt(1).is("BY"):
		return []action{{kind: partitionBy, part: r.partitionClause()}}, true
	case r.accept("REMOVE", "PARTITIONING"):
		return []action{{kind: removePartitioning}}, true
	case r.accept("REORGANIZE", "PARTITION"):
		r.acceptAny("NO_WRITE_TO_BINLOG", "LOCAL")
		if r.end() { // HASH and KEY: only where rows lie
			return nil, true
		}
		a := action{kind: reorganizePartition, names: r.names("partition name")}
		r.expect("INTO")
		a.part = &partitioning{parts: r.partitionList()}
		return []action{a}, true
	case r.acceptAny("ANALYZE", "CHECK", "OPTIMIZE", "REBUILD", "REPAIR"):
		for !r.end() && !(r.peek().punct(",") && r.peekAt(1).isAny("ADD", "DROP", "MODIFY", "CHANGE", "ALTER", "RENAME")) {
			r.next()
		}
		return nil, true
	case r.accept("COALESCE", "PARTITION"):
		r.acceptAny("NO_WRITE_TO_BINLOG", "LOCAL")
		n := r.peek().text
		r.integer("number of partitions")
		return []action{{kind: partitionOther, value: "COALESCE PARTITION " + n}}, true
	case r.accept("TRUNCATE", "PARTITION"):
		if r.accept("ALL") {
			return []action{{kind: partitionOther, value: "TRUNCATE PARTITION ALL"}}, true
		}
		names := r.names("partition name")
		return []action{{kind: partitionOther, names: names, value: r.text(r.tokens[start:r.i])}}, true
	case r.accept("EXCHANGE", "PARTITION"):
		a := action{kind: partitionOther, old: r.name("partition name")}
		r.expect("WITH", "TABLE")
		a.name[0], a.name[1] = r.tableName(schema)
		if !r.accept("WITH", "VALIDATION") {
			r.accept("WITHOUT", "VALIDATION")
		}
		return []action{a}, true
	}
	return nil, false
}
