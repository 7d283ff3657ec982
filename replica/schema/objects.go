package schema

import (
	"strings"

	"sluice/ruleset"
)

// ObjectKind is what a name of a schema stands for at the source, as
// information_schema.tables writes it.
type ObjectKind string

// The kinds of objects. None is a name that nothing has.
const (
	None      ObjectKind = ""
	BaseTable ObjectKind = "BASE TABLE"
	View      ObjectKind = "VIEW"
	Sequence  ObjectKind = "SEQUENCE" // MariaDB: its values are row events of a table of its name
)

// Object is a view or sequence of the source. They share their names with
// tables; the Tracker knows them so that a statement or row event on one is not
// taken for one on an unknown table.
type Object struct {
	Schema, Name string
	Kind         ObjectKind // None when it is gone
}

// PutObject makes a view or sequence known. It does nothing if a table of that
// name is known.
func (t *Tracker) PutObject(o Object) {
	k := t.key(o.Schema, o.Name)
	switch {
	case t.tables[k] != nil:
	case o.Kind == View || o.Kind == Sequence:
		t.objects[k] = o
	default:
		delete(t.objects, k)
	}
}

// Sequence says whether the name is that of a known MariaDB sequence: its row
// events carry no table's rows.
func (t *Tracker) Sequence(schema, name string) bool {
	return t.objects[t.key(schema, name)].Kind == Sequence
}

// viewStmt is CREATE VIEW or DROP VIEW.
type viewStmt struct {
	names [][2]string
	drop  bool
}

// viewStatement reads the names of CREATE VIEW and DROP VIEW. Other statements,
// and those that it cannot read, are no views to it: they matter to no row.
func (r *reader) viewStatement(schema string) any {
	v := &reader{tokens: r.tokens, i: r.i, mode: r.mode, d: r.d}
	st := &viewStmt{drop: v.next().is("DROP")}
	for !v.end() && !(v.peek().is("VIEW") && v.peekAt(1).kind != tokVar) {
		if v.peek().isAny("AS", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "USER", "ROLE") {
			return otherStmt{}
		}
		v.next()
	}
	if !v.accept("VIEW") {
		return otherStmt{}
	}
	v.ifExists()
	v.ifNotExists()
	for v.err == nil {
		s, n := v.tableName(schema)
		st.names = append(st.names, [2]string{s, n})
		if !st.drop || !v.acceptPunct(",") {
			break
		}
	}
	if v.err != nil {
		return otherStmt{}
	}
	return st
}

// object returns the view or sequence of that name, as of this statement.
func (s *step) object(name [2]string) ObjectKind {
	k := s.t.key(name[0], name[1])
	if o, ok := s.objects[k]; ok {
		return o.Kind
	}
	return s.t.objects[k].Kind
}

// setObject makes or removes a view or sequence. A wanted one whose kind changes
// is reported, so that it can be recorded.
func (s *step) setObject(name [2]string, kind ObjectKind) {
	if s.object(name) != kind {
		s.objects[s.t.key(name[0], name[1])] = Object{Schema: name[0], Name: name[1], Kind: kind}
	}
}

func (s *step) viewsOrSequences(names [][2]string, kind ObjectKind, drop bool) {
	for _, n := range names {
		switch {
		case !drop:
			s.setObject(n, kind)
		case s.object(n) == kind:
			s.setObject(n, None)
		}
	}
}

// renameObject handles the rename of what is not a known table; done is false
// if it may be an unknown one.
func (s *step) renameObject(from, to [2]string, ifExists bool) (done bool, err error) {
	kind := s.object(from)
	if kind == None && (s.wanted(from) || s.wanted(to)) {
		if s.source == nil {
			return false, nil
		}
		now, err := s.source.Kind(to[0], to[1])
		if err != nil {
			return false, err
		}
		switch {
		case now == View || now == Sequence:
			kind = now
		case ifExists && (now == None || s.table(to[0], to[1]) != nil):
			// Nothing had the old name: it would have the new one now, and it
			// could not have got the name of a table that is there.
			return true, nil
		default:
			return false, nil
		}
	}
	if kind != None {
		s.setObject(from, None)
		s.setObject(to, kind)
	}
	return true, nil
}

// dropObjects forgets the views and sequences of a schema.
func (s *step) dropObjects(schema string) {
	for _, o := range s.t.objects {
		if s.t.key(o.Schema, "") == s.t.key(schema, "") {
			s.setObject([2]string{o.Schema, o.Name}, None)
		}
	}
}

// commitObjects makes the statement's views and sequences the Tracker's, and
// returns the wanted ones among those that changed. One whose name a table took
// is not among them: the table's record takes the place of its own. The
// statement's tables must be the Tracker's already.
func (s *step) commitObjects() []Object {
	var out []Object
	for k, o := range s.objects {
		if s.t.objects[k].Kind == o.Kind {
			continue
		}
		if o.Kind == None {
			delete(s.t.objects, k)
		} else {
			s.t.objects[k] = o
		}
		if s.wanted([2]string{o.Schema, o.Name}) && s.t.tables[k] == nil {
			out = append(out, o)
		}
	}
	return out
}

// isSequence returns true if the statement makes a sequence in the form of a
// table, as SHOW CREATE TABLE prints it.
func (s *step) isSequence(st *createTableStmt) bool {
	if st.def == nil {
		return s.object(st.like) == Sequence
	}
	for _, o := range st.def.options {
		if o.name == "SEQUENCE" {
			return strings.Trim(o.value, "'\"") == "1"
		}
	}
	return false
}

type objects map[ruleset.TableName]Object
