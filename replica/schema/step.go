package schema

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"sluice/replica"
	"sluice/ruleset"
)

// step is one statement being applied to a Tracker: what it sets lies over the
// Tracker's tables until commit.
type step struct {
	t       *Tracker
	source  Source
	ddl     replica.DDL
	session Defaults                             // the tracker's, as the statement's session changes them
	set     map[ruleset.TableName]*replica.Table // nil: dropped
	objects objects                              // what became of views and sequences
	changes []Change
}

func (s *step) table(schema, name string) *replica.Table {
	k := s.t.key(schema, name)
	if table, ok := s.set[k]; ok {
		return table
	}
	return s.t.tables[k]
}

func (s *step) put(table *replica.Table) { s.set[s.t.key(table.Schema, table.Name)] = table }
func (s *step) drop(schema, name string) { s.set[s.t.key(schema, name)] = nil }
func (s *step) wanted(n [2]string) bool  { return s.t.rules.Wanted(n[0], n[1]) }
func (s *step) add(c Change) {
	c.ddl, c.session = s.ddl, s.session
	s.changes = append(s.changes, c)
}

// relevant returns true if the step changes a wanted table or schema.
func (s *step) relevant() bool {
	for _, c := range s.changes {
		switch c.Kind {
		case Other:
		case CreateDatabase, DropDatabase, AlterDatabase:
			if s.t.rules.WantedSchema(c.Schema) {
				return true
			}
		default:
			if s.t.rules.Wanted(c.Schema, c.Table) || c.After != nil && s.t.rules.Wanted(c.After.Schema, c.After.Name) {
				return true
			}
		}
	}
	return false
}

func (s *step) unknown(n [2]string) error {
	return fmt.Errorf("%s.%s: %w", n[0], n[1], errUnknownTable)
}

// reader returns a reader without text, for the rules of completing a table.
func (s *step) reader(schema string) *reader {
	return &reader{tokens: []token{{kind: tokEOF}}, ddl: true, mode: s.ddl.SQLMode, d: s.t.with(s.session, schema)}
}

func (s *step) definition(table *replica.Table) (*definition, error) {
	return parseDefinition(table.Create, s.t.in(table.Schema))
}

func (s *step) apply(st any) error {
	s.canonical(st)
	switch st := st.(type) {
	case *createTableStmt:
		return s.createTable(st)
	case *dropTableStmt:
		for _, n := range st.names {
			s.dropTable(n)
		}
		return nil
	case *renameStmt:
		for _, p := range st.pairs {
			if err := s.rename(p[0], p[1], st.ifExists); err != nil {
				return err
			}
		}
		return nil
	case *truncateStmt:
		return s.truncate(st)
	case *alterStmt:
		return s.alter(st)
	case *databaseStmt:
		return s.database(st)
	case *repairStmt:
		return s.repair(st)
	case *viewStmt:
		s.viewsOrSequences(st.names, View, st.drop)
	case *sequenceStmt:
		s.viewsOrSequences(st.names, Sequence, st.drop)
	}
	return nil
}

// dropTable drops a table or, on MariaDB, a sequence. A view stays.
func (s *step) dropTable(n [2]string) {
	switch s.object(n) {
	case Sequence:
		s.setObject(n, None)
	case View:
	default:
		if before := s.table(n[0], n[1]); before != nil || s.wanted(n) {
			s.add(Change{Kind: DropTable, Schema: n[0], Table: n[1], Before: before})
		}
		s.drop(n[0], n[1])
	}
}

// commit makes the step's result the Tracker's.
func (s *step) commit() {
	for k, table := range s.set {
		if table == nil {
			delete(s.t.tables, k)
		} else {
			s.t.tables[k] = table
		}
	}
	if changed := s.commitObjects(); len(changed) > 0 {
		s.add(Change{Kind: Other, Objects: changed})
	}
	for _, c := range s.changes {
		switch k := s.t.key(c.Schema, "").Schema; c.Kind {
		case CreateDatabase, AlterDatabase:
			s.t.schemas[k] = database{c.Schema, c.Charset, c.Collation}
		case DropDatabase:
			delete(s.t.schemas, k)
		}
	}
	if len(s.changes) == 0 {
		s.add(Change{Kind: Other})
	}
}

func (s *step) createTable(st *createTableStmt) error {
	before := s.table(st.schema, st.name)
	name := [2]string{st.schema, st.name}
	if s.isSequence(st) {
		s.setObject(name, Sequence)
		return nil
	}
	if s.object(name) != None && st.ifNotExists && !st.replace {
		return nil // the name is a view's or a sequence's
	}
	c := Change{Kind: CreateTable, Schema: st.schema, Table: st.name, Before: before, replaced: st.replace}
	if before != nil && st.ifNotExists && !st.replace {
		c.After = before
		s.add(c)
		return nil
	}
	def := st.def
	if def == nil {
		var err error
		if def, err = s.likeOf(st); err != nil {
			return err
		}
		def.likeFor(st.name, s.t.defaults.MariaDB)
	} else if !strings.EqualFold(st.schema, s.ddl.Schema) {
		// The statement was read with the defaults of the session's schema.
		again, _, err := parse(s.ddl, s.t.with(s.session, st.schema))
		if err != nil {
			return err
		}
		def = again.(*createTableStmt).def
		def.name = st.name
	}
	if err := s.findEngine(name, def); err != nil {
		return err
	}
	after, err := def.build(st.schema)
	if err != nil {
		return err
	}
	c.After = after
	s.setObject(name, None)
	s.put(after)
	s.add(c)
	return nil
}

// likeOf returns the definition of the table that LIKE names. One outside the
// rules is read from the source, if it is as it was then.
func (s *step) likeOf(st *createTableStmt) (*definition, error) {
	if base := s.table(st.like[0], st.like[1]); base != nil {
		return s.definition(base)
	}
	if s.source != nil && s.wanted([2]string{st.schema, st.name}) {
		create, err := s.source.ShowCreateThen(st.like[0], st.like[1])
		if err != nil {
			return nil, err
		}
		if create != "" {
			return parseDefinition(create, s.t.in(st.like[0]))
		}
	}
	return nil, fmt.Errorf("%s.%s is made LIKE %s.%s: %w", st.schema, st.name, st.like[0], st.like[1], errUnknownLike)
}

// likeFor makes of a table's definition that of a CREATE TABLE .. LIKE.
// MySQL renames every check, in the order of their names; MariaDB none.
func (d *definition) likeFor(name string, mariadb bool) {
	if !mariadb {
		sort.Slice(d.checks, func(i, j int) bool {
			return strings.ToLower(d.checks[i].name) < strings.ToLower(d.checks[j].name)
		})
		for i, c := range d.checks {
			c.name = name + "_chk_" + strconv.Itoa(i+1)
		}
	}
	d.name = name
	d.foreign = nil
	for _, o := range []string{"AUTO_INCREMENT", "DATA DIRECTORY", "INDEX DIRECTORY"} {
		d.removeOption(o)
	}
}

// renameConstraints renames the constraints that carry the table's name.
func (d *definition) renameConstraints(name string) {
	renamed := func(old, infix string) string {
		prefix := d.name + infix
		if len(old) > len(prefix) && strings.EqualFold(old[:len(prefix)], prefix) {
			if _, err := strconv.Atoi(old[len(prefix):]); err == nil {
				return name + infix + old[len(prefix):]
			}
		}
		return old
	}
	for _, f := range d.foreign {
		f.name = renamed(f.name, "_ibfk_")
	}
	for _, c := range d.checks {
		c.name = renamed(c.name, "_chk_")
	}
}

func (s *step) rename(from, to [2]string, ifExists bool) error {
	if s.t.rules.CaseInsensitive() {
		if from[0], from[1] = s.nameOf(from[0], from[1]); s.same(from, to) {
			return nil
		}
	}
	before := s.table(from[0], from[1])
	if before == nil {
		if done, err := s.renameObject(from, to, ifExists); done || err != nil {
			return err
		}
		return s.unknown(from)
	}
	def, err := s.definition(before)
	if err != nil {
		return err
	}
	def.renameConstraints(to[1])
	def.name = to[1]
	after, err := def.build(to[0])
	if err != nil {
		return err
	}
	s.drop(from[0], from[1])
	s.put(after)
	s.add(Change{Kind: RenameTable, Schema: from[0], Table: from[1], Before: before, After: after})
	return nil
}

func (s *step) truncate(st *truncateStmt) error {
	before := s.table(st.name[0], st.name[1])
	if before == nil {
		if s.wanted(st.name) {
			return s.unknown(st.name)
		}
		return nil
	}
	s.add(Change{Kind: TruncateTable, Schema: st.name[0], Table: st.name[1], Before: before, After: before})
	return nil
}

func (s *step) alter(st *alterStmt) error {
	n := st.name
	s.movesWanted(st)
	before := s.table(n[0], n[1])
	if before == nil && s.object(n) != None {
		for _, a := range st.actions {
			if a.kind == renameTo {
				_, err := s.renameObject(n, a.name, false)
				return err
			}
		}
		return nil
	}
	if before == nil {
		if !st.ifExists && (s.wanted(n) || renamesToWanted(st, s.t.rules)) {
			return s.unknown(n)
		}
		return nil
	}
	def, err := s.definition(before)
	if err != nil {
		return err
	}
	to := n
	for _, a := range st.actions {
		if a.kind == renameTo {
			to = a.name
		}
	}
	r := s.reader(n[0])
	r.d.Charset, r.d.Collation = s.t.Database(n[0])
	r.shown = s.shown(to)
	actions := st.actions
	if s.session.MariaDB {
		actions = def.redefinedAdds(actions)
	}
	def, added := r.alter(def, actions)
	if r.err != nil {
		return r.err
	}
	if to != n {
		def.renameConstraints(to[1])
	}
	def.name = to[1]
	after, err := def.build(to[0])
	if err != nil {
		return err
	}
	if to != n {
		s.drop(n[0], n[1])
	}
	s.put(after)
	c := Change{Kind: st.kind, Schema: n[0], Table: n[1], Before: before, After: after, actions: actions, added: added, ignore: st.ignore}
	for _, a := range st.actions {
		if a.kind == partitionOther && a.name[1] != "" && s.wanted(n) && s.wanted(a.name) {
			c.Exchanged = a.name
		}
	}
	s.add(c)
	return nil
}

// shown returns the function that reads a wanted table's present definition at
// the source, once; nil when it cannot be asked or does not matter.
func (s *step) shown(name [2]string) func() (*definition, error) {
	if s.source == nil || !s.wanted(name) {
		return nil
	}
	var def *definition
	asked := false
	return func() (*definition, error) {
		if asked {
			return def, nil
		}
		create, err := s.source.ShowCreate(name[0], name[1])
		if err != nil {
			return nil, err
		}
		asked = true
		if create != "" {
			def, err = parseDefinition(create, s.t.in(name[0]))
		}
		return def, err
	}
}

func (s *step) database(st *databaseStmt) error {
	c := Change{Kind: st.kind, Schema: st.name}
	switch st.kind {
	case CreateDatabase:
		charset, collation := s.session.database()
		if id := s.ddl.ServerCollationID; id != 0 {
			var err error
			if charset, collation, err = s.session.collation(id); err != nil {
				return err
			}
		}
		c.Charset, c.Collation = s.session.resolve(st.charset, st.collation, charset, collation)
		if _, known := s.t.schemas[s.t.key(st.name, "").Schema]; known && !st.replace {
			c.Charset, c.Collation = s.t.Database(st.name) // IF NOT EXISTS
		}
	case AlterDatabase:
		charset, collation := s.t.Database(st.name)
		c.Charset, c.Collation = s.session.resolve(st.charset, st.collation, charset, collation)
	}
	if _, ok := charsets[c.Charset]; !ok && st.kind != DropDatabase {
		return fmt.Errorf("character set %q is not known", c.Charset)
	}
	if st.kind == DropDatabase || st.replace {
		s.dropObjects(st.name)
		key := s.t.key(st.name, "").Schema
		for _, table := range s.t.Tables() {
			if s.t.key(table.Schema, "").Schema == key {
				c.Dropped = append(c.Dropped, table)
				s.drop(table.Schema, table.Name)
			}
		}
	}
	s.add(c)
	return nil
}
