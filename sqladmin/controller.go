package sqladmin

import "context"

// Controller does what statements say. Its methods are called from one
// goroutine per client connection, so from many at a time. The context ends
// when the client goes away, on KILL QUERY and when the server shuts down; a
// method that waits must then return at once.
type Controller interface {
	// Read returns the rows of a virtual table of schema sluice, in the order
	// of the table's Columns in tables.go. A value is nil (NULL), int64,
	// uint64, float64, string, bool (1 or 0) or time.Time (sent in UTC); other
	// Go integers are taken too. The server reads every table of tables.go
	// here except those that have rows of their own (variables, warnings ..).
	// To `processlist` and `status` the server adds its own sessions' rows;
	// Read returns the others (workers, other nodes' sessions).
	Read(ctx context.Context, table string, s *Session) (rows [][]any, warnings []Warning, err error)

	// Execute carries out one statement: any type of ast.go. When it returns
	// nil the change is durable and in force on every node.
	Execute(ctx context.Context, stmt Statement, s *Session) (*Result, error)
}

// Session says who sent a statement. It is a copy: a Controller may keep it.
type Session struct {
	ID     uint32 // connection id, unique in the cluster when Config.NodeID is
	User   string
	Host   string // the client's address, without the port
	Schema string // the current schema, "" for none
	// SQL is the statement's text with all secrets redacted: for the audit
	// (`operations`) and the process list. It is cut at 64 KiB.
	SQL string
}

// Warning is one row of SHOW WARNINGS.
type Warning struct {
	Level   string // Note, Warning or Error
	Code    uint16
	Message string
	Remedy  string
}

// Note makes a Warning of level Note.
func Note(code uint16, message string) Warning {
	return Warning{Level: "Note", Code: code, Message: message}
}

// Result is a statement's outcome. With Columns or Rows it is a result set,
// else an OK packet.
type Result struct {
	Affected uint64 // objects that changed; 0 when there was nothing to do
	// OperationID is sent as last_insert_id.
	OperationID uint64
	Info        string // one sentence, shown by the client after "Query OK"
	Warnings    []Warning
	// Columns may be nil when Rows follow the statement's own columns:
	// table migration_checks for Check, WaitColumns for WaitFor,
	// ShowCreateColumns for ShowCreate.
	Columns []Column
	Rows    [][]any

	found int64 // rows without LIMIT, with SQL_CALC_FOUND_ROWS
}

// WaitColumns are the columns of WAIT FOR: one row.
var WaitColumns = columns("Object Condition Reached:i Waited_Ms:i Phase Status Seconds_Behind_Source:i Message:t")

// ShowCreateColumns returns the columns of SHOW CREATE kind: one row.
func ShowCreateColumns(kind string) []Column {
	return columns(title(kind) + " Create_" + title(kind) + ":t")
}
