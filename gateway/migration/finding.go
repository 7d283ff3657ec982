package migration

// Finding is one result of a check: SHOW MIGRATION CHECKS.
type Finding struct {
	ID        string
	Severity  string // OK, INFO, WARNING or ERROR
	Scope     string // SOURCE, TARGET or TABLE
	Object    string
	Finding   string
	Remedy    string
	RemedySQL string
	Blocks    string // START or -
}
