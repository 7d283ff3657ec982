package replica

// Error is an error that an operator reads: what happened, why, and what to do
// about it. It never holds a row's values or a secret.
type Error struct {
	Code      uint16 // MySQL's own code where it has one, else 61000 to 61999
	State     string // SQLSTATE; "" means HY000
	Class     string // SOURCE, TARGET, NETWORK, DATA, DDL, CONFIG or INTERNAL
	Message   string
	Remedy    string
	Transient bool  // trying again can help without anybody's action
	Err       error // the cause; may be nil
	// Server is "source", "target" or "store": the one whose connection failed, where Class does not say so; "" else.
	Server string
	// Table is the table that it is about, as schema.table; "" for none.
	Table string
}

// Error returns the message, the cause and the remedy as one line.
func (e *Error) Error() string {
	s := e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		s += ". Remedy: " + e.Remedy
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
