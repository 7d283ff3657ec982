package schema

import "strings"

// canonical gives the tables and schemas that a statement names the names that
// they have. A source that compares names without case (lower_case_table_names 1
// or 2) finds a table however a statement writes it; a change of case alone is no
// change in the target, which compares them so as well.
func (s *step) canonical(st any) {
	if !s.t.rules.CaseInsensitive() {
		return
	}
	switch st := st.(type) {
	case *createTableStmt:
		st.schema, st.name = s.nameOf(st.schema, st.name)
		if st.def != nil {
			st.def.name = st.name
		}
		if st.like[1] != "" {
			st.like[0], st.like[1] = s.nameOf(st.like[0], st.like[1])
		}
	case *dropTableStmt:
		s.namesOf(st.names)
	case *renameStmt:
		for i := range st.pairs {
			for j := range st.pairs[i] {
				p := &st.pairs[i][j]
				p[0] = s.schemaName(p[0])
			}
		}
	case *truncateStmt:
		st.name[0], st.name[1] = s.nameOf(st.name[0], st.name[1])
	case *alterStmt:
		st.name[0], st.name[1] = s.nameOf(st.name[0], st.name[1])
		for i := range st.actions {
			a := &st.actions[i]
			switch {
			case a.name[1] == "":
			case a.kind == renameTo && s.same(a.name, st.name):
				a.name = st.name
			case a.kind == renameTo:
				a.name[0] = s.schemaName(a.name[0])
			default:
				a.name[0], a.name[1] = s.nameOf(a.name[0], a.name[1])
			}
		}
	case *databaseStmt:
		st.name = s.schemaName(st.name)
	case *viewStmt:
		s.namesOf(st.names)
	case *sequenceStmt:
		s.namesOf(st.names)
	}
}

func (s *step) namesOf(names [][2]string) {
	for i := range names {
		names[i][0], names[i][1] = s.nameOf(names[i][0], names[i][1])
	}
}

// nameOf returns the names of a table that is known, else those of its schema
// and the statement.
func (s *step) nameOf(schema, table string) (string, string) {
	if t := s.table(schema, table); t != nil {
		return t.Schema, t.Name
	}
	return s.schemaName(schema), table
}

func (s *step) schemaName(schema string) string {
	if db, ok := s.t.schemas[s.t.key(schema, "").Schema]; ok && db.name != "" {
		return db.name
	}
	return schema
}

// same says whether two names differ by case at most.
func (s *step) same(a, b [2]string) bool {
	return strings.EqualFold(a[0], b[0]) && strings.EqualFold(a[1], b[1])
}
