package sqladmin

import "strings"

// Check is CHECK MIGRATION, CHECK SOURCE and CHECK TARGET. Its Result has rows
// in the columns of table migration_checks.
type Check struct {
	Kind string // MIGRATION, SOURCE or TARGET
	Name string
}

// Verb implements Statement.
func (c *Check) Verb() string { return "CHECK " + c.Kind }

func (c *Check) columns() []Column { return LookupTable("migration_checks").Columns }

func parseCheck(kind string) func(*parser) Statement {
	return func(p *parser) Statement { return &Check{Kind: kind, Name: p.name(strings.ToLower(kind))} }
}
