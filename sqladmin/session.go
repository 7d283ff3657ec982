package sqladmin

import (
	"context"
	"strings"
	"sync"
	"time"
)

// session is one client's state. The fields above mu are the connection
// goroutine's own; those below are read by others too.
type session struct {
	variables map[string]any // what SET changed, by lower-case name
	user      map[string]any // user variables
	cipher    string         // of TLS, "" without
	warnings  []Warning      // of the last statement that was not SHOW WARNINGS
	held      *holding       // what the three take

	lastOperation uint64 // id of the last statement that changed something: LAST_INSERT_ID()
	rowCount      int64  // objects that the last statement changed; -1 after rows or an error: ROW_COUNT()
	foundRows     int64  // rows of the last SELECT: FOUND_ROWS()

	mu sync.Mutex
	Session
	command string // as in SHOW PROCESSLIST
	since   time.Time
	cancel  context.CancelCauseFunc // of the running command, or nil
	close   context.CancelCauseFunc // of the whole connection
}

// view returns a copy for the Controller.
func (s *session) view() *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.Session
	return &c
}

func (s *session) setSchema(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Schema = name
}

// setSQL records the text of the running statement, redacted.
func (s *session) setSQL(redacted string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.SQL = redacted
}

// begin marks a command as running and returns its context.
func (s *session) begin(ctx context.Context, command string) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.command, s.since, s.cancel = command, time.Now(), cancel
	return ctx
}

// end marks the session as idle.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel(nil)
	}
	s.command, s.since, s.cancel, s.SQL = "Sleep", time.Now(), nil, ""
}

// reset forgets everything but who is connected, as COM_RESET_CONNECTION asks.
func (s *session) reset() {
	s.variables, s.user, s.warnings = map[string]any{}, map[string]any{}, nil
	s.held.drop()
	s.lastOperation, s.rowCount, s.foundRows = 0, -1, 0
}

// keptBytes is about how much memory the session takes while it is idle.
func (s *session) keptBytes() int {
	n := variableBytes(s.variables) + variableBytes(s.user)
	for _, w := range s.warnings {
		n += warningBytes + len(w.Message) + len(w.Remedy)
	}
	return n
}

const warningBytes = 64 // of a warning without its texts

// setWarnings keeps the warnings of a statement for SHOW WARNINGS: the first
// maxWarnings, each text cut to maxWarningBytes. When the node has no memory for
// them, only the first one is kept, and its texts are short.
func (s *session) setWarnings(list []Warning) {
	list = list[:min(len(list), maxWarnings)]
	s.warnings = nil
	for _, w := range list {
		w.Message, w.Remedy = cut(w.Message, maxWarningBytes), cut(w.Remedy, maxWarningBytes)
		s.warnings = append(s.warnings, w)
	}
	if err := s.held.set(s.keptBytes()); err != nil && len(s.warnings) > 0 {
		first := s.warnings[0]
		first.Message, first.Remedy = strings.Clone(cut(first.Message, 512)), strings.Clone(cut(first.Remedy, 512))
		s.warnings = []Warning{first} // within freeKeptBytes of most sessions
		s.held.set(s.keptBytes())     //nolint:errcheck // 1 KiB above what is counted at most
	}
}

// setCharset is SET NAMES: how the client sends text and gets it.
func (s *session) setCharset(cs *charset) {
	for _, name := range []string{"character_set_client", "character_set_connection", "character_set_results"} {
		s.variables[name] = cs.name
	}
	s.variables["collation_connection"] = cs.collation
}

// charset returns the character set that a variable names. NULL, which
// character_set_results can be, asks for text as it is.
func (s *session) charset(variable string) *charset {
	if v, ok := s.variables[variable]; ok {
		if cs, err := findCharset(asString(v)); err == nil {
			return cs
		}
	}
	return defaultCharset
}

// remember keeps what ROW_COUNT(), LAST_INSERT_ID() and FOUND_ROWS() return after
// a statement; nil is one that failed.
func (s *session) remember(res *Result) {
	s.rowCount = -1
	switch {
	case res == nil:
	case res.Columns != nil:
		if s.foundRows = int64(len(res.Rows)); res.found > s.foundRows {
			s.foundRows = res.found
		}
	default:
		s.rowCount = int64(res.Affected)
		if res.OperationID > 0 {
			s.lastOperation = res.OperationID
		}
	}
}

// longest returns how long a SELECT may take, 0 for as long as it does.
func (s *session) longest() time.Duration {
	if v := asFloat(s.variables["max_execution_time"]); v > 0 {
		return time.Duration(v * float64(time.Millisecond))
	}
	return time.Duration(asFloat(s.variables["max_statement_time"]) * float64(time.Second))
}

// mode returns how the session's sql_mode makes text read.
func (s *session) mode() lexMode {
	v, ok := s.variables["sql_mode"]
	if !ok {
		return lexMode{}
	}
	words := "," + strings.ToUpper(asString(v)) + ","
	return lexMode{
		pipesConcat:        strings.Contains(words, ",PIPES_AS_CONCAT,") || strings.Contains(words, ",ANSI,"),
		ansiQuotes:         strings.Contains(words, ",ANSI_QUOTES,") || strings.Contains(words, ",ANSI,"),
		noBackslashEscapes: strings.Contains(words, ",NO_BACKSLASH_ESCAPES,"),
	}
}

func (s *session) userVariable(name string) any { return s.user[strings.ToLower(name)] }

// SessionInfo is one client connection, for another node's process list.
type SessionInfo struct {
	Session
	Command string
	Since   time.Time
}

// row returns the session as a row of SHOW PROCESSLIST.
func (i *SessionInfo) row() []any {
	var schema, info, state any = nil, nil, ""
	if i.Schema != "" {
		schema = i.Schema
	}
	if i.SQL != "" {
		info, state = i.SQL, "executing"
	}
	return []any{uint64(i.ID), i.User, i.Host, schema, i.Command, int64(time.Since(i.Since).Seconds()), state, info}
}
