package sqladmin

// AlterMigration is ALTER MIGRATION. What was not written is nil or zero; all
// that was written happens together or not at all.
type AlterMigration struct {
	Name       string
	IfExists   bool
	Change     MigrationSpec // each clause that is not nil replaces the old; each Option is set
	AddSources []string
	AddTables  []TableName // appended to REPLICATE_DO_TABLE
	RenameTo   string
}

// Verb implements Statement.
func (*AlterMigration) Verb() string { return "ALTER MIGRATION" }

func parseAlterMigration(p *parser) Statement {
	a := &AlterMigration{IfExists: p.words("IF EXISTS")}
	a.Name = p.objectName("migration")
	for first := true; first || !p.atEnd(); first = false {
		switch {
		case p.words("SET"):
			a.Change.Options = append(a.Change.Options, p.option())
			for p.comma() {
				if !p.atName() || p.pos+1 >= len(p.tokens) || !p.tokens[p.pos+1].is("=") {
					p.back()
					break
				}
				a.Change.Options = append(a.Change.Options, p.option())
			}
		case p.words("ADD SOURCE"):
			a.AddSources = append(a.AddSources, p.name("source"))
		case p.words("ADD TABLE"):
			a.AddTables = append(a.AddTables, p.tableName())
		case p.words("RENAME TO"):
			a.RenameTo = p.objectName("migration")
		default:
			if p.migrationClause(&a.Change) == "" {
				p.expectedClause(append([]string{"SET", "ADD SOURCE", "ADD TABLE", "RENAME TO"}, migrationClauseNames()...))
				return a
			}
		}
		p.comma()
	}
	return a
}
