package schema

import "sluice/replica"

// Kind is what a statement does to a table or schema.
type Kind uint8

// The kinds of changes.
const (
	Other Kind = iota // nothing that tables or rows depend on: views, accounts, ANALYZE, ..
	CreateTable
	DropTable
	AlterTable
	RenameTable
	TruncateTable
	CreateIndex
	DropIndex
	CreateDatabase
	DropDatabase
	AlterDatabase
)

var kindNames = [...]string{"OTHER", "CREATE TABLE", "DROP TABLE", "ALTER TABLE", "RENAME TABLE", "TRUNCATE TABLE",
	"CREATE INDEX", "DROP INDEX", "CREATE DATABASE", "DROP DATABASE", "ALTER DATABASE"}

// String returns the statement's leading keywords.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "OTHER"
}

// Change is what one statement did to one table or schema. A statement over
// several tables makes several changes, in the statement's order.
type Change struct {
	Kind Kind
	// Schema and Table name what is changed, as it was called before. Table is
	// "" for schemas; both are "" for Other.
	Schema, Table string
	// Before and After are the table's versions: Before is nil when it was not
	// known or did not exist, After when it is gone. They are the same version
	// when the statement changed nothing (CREATE TABLE IF NOT EXISTS).
	Before, After *replica.Table
	// Charset and Collation are a created or altered schema's defaults.
	Charset, Collation string
	// Dropped lists the known tables that went with a dropped schema.
	Dropped []*replica.Table
	// Objects lists the wanted views and sequences that were made or went. The
	// Kind is then Other.
	Objects []Object

	// Exchanged names the other table of EXCHANGE PARTITION, if it is wanted.
	Exchanged [2]string

	ddl     replica.DDL // the statement
	session Defaults    // and what holds in its session

	lost     string   // why its rows are others now, and no row event says so: see lost.go
	ignore   bool     // ALTER IGNORE TABLE
	replaced bool     // CREATE OR REPLACE TABLE: Before, if any, was dropped
	actions  []action // of ALTER TABLE, CREATE INDEX, DROP INDEX
	added    additions
}

// MovesRows returns false for a change that cannot have changed a row: of
// defaults, names of indexes, options, constraints.
func (c *Change) MovesRows() bool {
	if c.Kind == TruncateTable {
		return true
	}
	for _, a := range c.actions {
		switch a.kind {
		case setDefault, dropDefault, setVisible, keyVisible, renameKey, setOption, dropForeign, dropCheck, dropConstraint, checkEnforced, addKey, dropKey:
		default:
			return true
		}
	}
	return false
}

// additions are the keys and constraints that an ALTER TABLE added, with the
// names that they got.
type additions struct {
	keys    []*keyDef
	checks  []*checkDef
	foreign []*foreignDef
	dropped []*keyDef // indexes that went without being named: see foreign.go
}
