package sqladmin

// ShowCreate is SHOW CREATE MIGRATION, SOURCE and TARGET. Its Result has one
// row, in ShowCreateColumns: the name and the statement (see the SQL methods).
type ShowCreate struct {
	Kind string // MIGRATION, SOURCE or TARGET
	Name string
}

// Verb implements Statement.
func (s *ShowCreate) Verb() string { return "SHOW CREATE " + s.Kind }

func (s *ShowCreate) columns() []Column { return ShowCreateColumns(s.Kind) }
