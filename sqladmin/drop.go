package sqladmin

import "strings"

// DropObject is DROP SECRET, DROP SOURCE, DROP TARGET and DROP MIGRATION.
type DropObject struct {
	Kind     string // SECRET, SOURCE, TARGET or MIGRATION
	Name     string
	IfExists bool
	DropData bool // DROP MIGRATION .. DROP DATA: the target's tables go too
}

// Verb implements Statement.
func (d *DropObject) Verb() string { return "DROP " + d.Kind }

// parseDrop reads what follows DROP kind.
func parseDrop(kind string) func(*parser) Statement {
	return func(p *parser) Statement {
		d := &DropObject{Kind: kind, IfExists: p.words("IF EXISTS")}
		d.Name = p.objectName(strings.ToLower(kind))
		if kind == "MIGRATION" && !p.words("KEEP DATA") {
			d.DropData = p.words("DROP DATA")
		}
		return d
	}
}
