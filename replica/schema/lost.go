package schema

import (
	"fmt"
	"strings"

	"sluice/replica"
)

// Some statements replace, move or drop rows without a row event: tablespaces
// that are imported, partitions that are exchanged, duplicates that IGNORE
// drops, engines whose rows are kept elsewhere. What the rows are afterwards is
// in no binlog, so that only another copy brings them.

const remedyLost = "STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again; " +
	"or leave the table out with REPLICATE_IGNORE_TABLE"

// lostRows returns the condition that refuses such a statement for good.
func lostRows(table, what string) Condition {
	return never(ddlError(nil, remedyLost, "table %s: %s changes rows of the source without a row event", table, what))
}

// engine returns the definition's storage engine in upper case, "" when it names
// none.
func (d *definition) engine() string {
	for _, o := range d.options {
		if o.name == "ENGINE" {
			return strings.ToUpper(strings.Trim(o.value, "`'\""))
		}
	}
	return ""
}

// findEngine finds out whether a new table that names no engine got one that keeps no rows: it is the session's
// default_storage_engine, which is not in the binlog. Only a table that is still there shows it.
func (s *step) findEngine(name [2]string, d *definition) error {
	shown := s.shown(name)
	if d.engine() != "" || shown == nil {
		return nil
	}
	now, err := shown()
	if err != nil || now == nil {
		return err
	}
	if e := now.engine(); e != "" && !replica.KeepsRows(e) {
		d.setOption("ENGINE", e)
	}
	return nil
}

// lostByCreate refuses a new table whose rows are not its own.
func (d *definition) lostByCreate(table *replica.Table) []Condition {
	if e := d.engine(); e != "" && !replica.KeepsRows(e) {
		return []Condition{lostRows(table.String(), "a table of engine "+e+", which keeps no rows of its own,")}
	}
	return nil
}

// lost refuses an ALTER TABLE that changes rows without row events.
func (x *alterTranslator) lost() {
	refuse := func(what string) { x.conditions = append(x.conditions, lostRows(x.c.Before.String(), what)) }
	if e := x.after.d.engine(); e != x.before.d.engine() && e != "" && !replica.KeepsRows(e) {
		refuse("ALTER TABLE .. ENGINE=" + e)
	}
	for i := range x.c.actions {
		a := &x.c.actions[i]
		switch {
		case a.kind == replaceRows:
			refuse("ALTER TABLE .. " + a.value)
		case a.kind == setOption && a.also.option("SEQUENCE") != "":
			refuse("ALTER TABLE .. SEQUENCE")
		case x.c.ignore && a.mayDropRows():
			refuse("ALTER IGNORE TABLE")
			return
		}
	}
}

// mayDropRows returns true if the action can drop or cut values that exist when
// IGNORE tells the source not to mind.
func (a *action) mayDropRows() bool {
	switch a.kind {
	case changeColumn, convertTo, partitionBy, addPartition, dropPartition, reorganizePartition, removePartitioning, partitionOther, setVersioning, addPeriod:
		return true
	case addKey, addColumn:
		for _, k := range a.also.keys {
			if k.kind == keyPrimary || k.kind == keyUnique {
				return true
			}
		}
		return len(a.also.checks) > 0
	}
	return false
}

func (d *definition) option(name string) string {
	for _, o := range d.options {
		if o.name == name {
			return o.value
		}
	}
	return ""
}

// movesWanted returns a change for each wanted table whose rows an ALTER TABLE
// of an unwanted one exchanges, takes or makes.
func (s *step) movesWanted(st *alterStmt) {
	if s.wanted(st.name) {
		return
	}
	for _, a := range st.actions {
		if a.kind != renameTo && a.name[1] != "" && s.wanted(a.name) {
			table := s.table(a.name[0], a.name[1])
			s.add(Change{Kind: AlterTable, Schema: a.name[0], Table: a.name[1], Before: table, After: table,
				lost: fmt.Sprintf("ALTER TABLE %s.%s .. %s, of a table that is not replicated,", st.name[0], st.name[1], a.words())})
		}
	}
}

// words returns the statement's words for an action on another table.
func (a *action) words() string {
	if a.kind == partitionOther {
		return "EXCHANGE PARTITION"
	}
	return a.value
}

// repairStmt is REPAIR TABLE.
type repairStmt struct{ names [][2]string }

// repairStatement reads the tables of REPAIR TABLE. What it cannot read stays a
// statement that may change anything.
func (r *reader) repairStatement(schema string) any {
	st := &repairStmt{}
	r.next()
	r.acceptAny("NO_WRITE_TO_BINLOG", "LOCAL")
	if r.accept("VIEW") {
		return otherStmt{}
	}
	if !r.acceptAny("TABLE", "TABLES") {
		return dataStmt{}
	}
	for r.err == nil {
		s, n := r.tableName(schema)
		st.names = append(st.names, [2]string{s, n})
		if !r.acceptPunct(",") {
			break
		}
	}
	return st
}

// repair refuses REPAIR TABLE of wanted tables whose engine drops the rows that
// it cannot read. InnoDB does nothing.
func (s *step) repair(st *repairStmt) error {
	for _, n := range st.names {
		table := s.table(n[0], n[1])
		if table == nil || !s.wanted(n) {
			continue
		}
		d, err := s.definition(table)
		if err != nil {
			return err
		}
		if e := d.engine(); e == "MYISAM" || e == "ARIA" || e == "MARIA" || e == "ARCHIVE" || e == "CSV" {
			s.add(Change{Kind: AlterTable, Schema: n[0], Table: n[1], Before: table, After: table, lost: "REPAIR TABLE of engine " + e})
		}
	}
	return nil
}
