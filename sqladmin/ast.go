package sqladmin

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Statement is a parsed statement. A Controller gets these types:
//
//	*CreateSecret *AlterSecret *CreateSource *AlterSource *CreateTarget
//	*AlterTarget *CreateMigration *AlterMigration *DropObject
//	*StartMigration *StopMigration *ResetMigration
//	*MoveChannel *DrainNode *RemoveNode *Kill (only ids that this server has not)
//
// and, which change nothing: *Check *WaitFor *ShowCreate.
//
// Every other statement is answered in this package. The structs hold what was
// written, checked for form; whether the objects exist is the Controller's to
// say.
type Statement interface {
	// Verb is the statement's leading words, as in statements.go.
	Verb() string
}

// Changes says whether a statement changes something, so that it belongs into
// the audit.
func Changes(stmt Statement) bool {
	switch stmt.(type) {
	case *CreateSecret, *AlterSecret, *CreateSource, *AlterSource, *CreateTarget, *AlterTarget,
		*CreateMigration, *AlterMigration, *DropObject, *StartMigration, *StopMigration, *ResetMigration,
		*MoveChannel, *DrainNode, *RemoveNode, *Kill:
		return true
	}
	return false
}

// TableName is schema.table.
type TableName struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// String returns `schema`.`table`.
func (t TableName) String() string { return quoteName(t.Schema) + "." + quoteName(t.Name) }

// Password is a password as a statement gives it: the name of a SECRET, or a
// literal. The literal leaves it by Reveal only: it does not print, marshal or
// log.
type Password struct {
	Secret  string // the SECRET's name; "" for a literal
	literal string
}

// NewPassword returns a literal password.
func NewPassword(literal string) *Password { return &Password{literal: literal} }

// Reveal returns the literal; "" when Secret is set.
func (p *Password) Reveal() string { return p.literal }

// String returns SECRET `name`, or '<secret>' for a literal.
func (p Password) String() string {
	if p.Secret != "" {
		return "SECRET " + quoteName(p.Secret)
	}
	return "'<secret>'"
}

// GoString is String, so that %#v shows no secret.
func (p Password) GoString() string { return p.String() }

// LogValue is String for slog.
func (p Password) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON writes {"secret": name}; a literal is an error: it has to become
// a SECRET first.
func (p Password) MarshalJSON() ([]byte, error) {
	if p.Secret == "" {
		return nil, errors.New("a password literal cannot be stored: make it a secret first")
	}
	return json.Marshal(map[string]string{"secret": p.Secret})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Password) UnmarshalJSON(b []byte) error {
	var v struct{ Secret string }
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	p.Secret = v.Secret
	return nil
}

// Selection says which migrations START, STOP, PAUSE and RESUME act on: Names,
// or all, or those whose status is ERROR.
type Selection struct {
	Names  []string
	All    bool
	Failed bool
	// Channel limits the action to one channel, "" for all. It is written only
	// with exactly one name.
	Channel string
}

// Until is where a START stops by itself; nil for never.
type Until struct {
	Phase       string // "" or one of Phases
	AfterGTIDs  string // a GTID set: stop when all of it is applied
	BeforeGTIDs string // stop before the first of it
	File        string // stop at this place of the binlog
	Pos         uint64
}

// String returns what follows UNTIL.
func (u *Until) String() string {
	switch {
	case u.Phase != "":
		return "PHASE = " + quote(u.Phase)
	case u.AfterGTIDs != "":
		return "SQL_AFTER_GTIDS = " + quote(u.AfterGTIDs)
	case u.BeforeGTIDs != "":
		return "SQL_BEFORE_GTIDS = " + quote(u.BeforeGTIDs)
	}
	return "SOURCE_LOG_FILE = " + quote(u.File) + ", SOURCE_LOG_POS = " + strconv.FormatUint(u.Pos, 10)
}

// Phases lists a migration's phases in their order.
var Phases = []string{"NEW", "CHECK", "SCHEMA", "COPY", "CATCHUP", "REPLICATE", "CUTOVER", "SWITCHED", "FINISHED"}

// laterPhases are those that no migration of this version reaches.
var laterPhases = []string{"CUTOVER", "SWITCHED", "FINISHED"}

// Statuses lists what Status can be.
var Statuses = []string{"STOPPED", "STARTING", "RUNNING", "STOPPING", "WAITING", "RETRYING", "ERROR", "DONE"}

// Option is one name=value of WITH (..) or SET, checked and normalized: the
// name in lower case, an enumeration's word in upper case, a size in bytes and
// a number in digits. MigrationOptions lists the names.
type Option struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// quoteName returns an identifier in back quotes.
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// quote returns a string literal that reads the same with and without
// NO_BACKSLASH_ESCAPES unless it holds a backslash.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", `\0`).Replace(s) + "'"
}

// quoteAll returns ('a', 'b').
func quoteAll(list []string, q func(string) string) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = q(s)
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// durationWord prints a duration as the grammar takes it.
func durationWord(d time.Duration) string { return quote(d.String()) }
