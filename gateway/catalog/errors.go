package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// The codes of Error.
const (
	CodeExists           = 61001 // the object exists already
	CodeUnknown          = 61002 // no such object
	CodeExistsDifferent  = 61003 // it exists with another definition
	CodeBadOption        = 61004 // a field of a definition cannot be
	CodeInUse            = 61006 // another object uses it
	CodeConcurrentChange = 61007 // somebody changed it since it was read
	CodeMustStopFirst    = 1198  // not while the migration runs
	CodeUnknownChannel   = 3074  // no such channel
	CodeSecretUnreadable = 61060 // a secret's value cannot be had on this node
	CodeWrongKey         = 61080 // the store's secrets were encrypted with a key that this node does not have
	CodeNewerStore       = 61081 // the store's tables are of a newer version
	CodeNotTiDB          = 61085 // the store is another kind of server
	CodeNoSharedKey      = 61240 // a literal is not stored, because not every node could decrypt it
)

// Error is an error that an operator reads: what happened, why, and what to do
// about it. It never holds a secret.
type Error struct {
	Code    uint16 // 61000 to 61999, or MySQL's own code
	State   string // SQLSTATE
	Message string
	Remedy  string
	Err     error // the cause; may be nil
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

// HasCode says whether err is, or wraps, an *Error with the code.
func HasCode(err error, code uint16) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

func fail(code uint16, remedy, format string, args ...any) *Error {
	state := "HY000"
	switch code {
	case CodeUnknown:
		state = "42S02"
	case CodeBadOption, CodeSecretUnreadable:
		state = "42000"
	}
	return &Error{Code: code, State: state, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

func exists(k *kind, name string) *Error {
	return fail(CodeExists, fmt.Sprintf("choose another name, or DROP %s `%s` first", k.word(), name),
		"%s '%s' already exists", k.noun, name)
}

func unknown(k *kind, name string, names []string) *Error {
	if best := nearest(name, names); best != "" {
		return fail(CodeUnknown, "SHOW "+k.plural()+" lists them", "unknown %s '%s' (did you mean '%s'?)", k.noun, name, best)
	}
	return fail(CodeUnknown, "SHOW "+k.plural()+" lists them", "unknown %s '%s'", k.noun, name)
}

func inUse(k *kind, name string, users []string) *Error {
	remedy := "drop those first: DROP MIGRATION keeps the data, and their sources and target cannot be changed to others"
	if k == secretKind {
		remedy = "drop or change those first"
	}
	shown := users
	more := ""
	if len(shown) > 5 {
		shown, more = shown[:5], fmt.Sprintf(" and %d more", len(users)-5)
	}
	return fail(CodeInUse, remedy, "%s '%s' is used by %s%s", k.noun, name, strings.Join(shown, ", "), more)
}

func concurrent(k *kind, name, by string, had, has uint64) *Error {
	return fail(CodeConcurrentChange, "read it again, then repeat the statement",
		"%s '%s' was changed meanwhile by %s (version %d to %d)", k.noun, name, by, had, has)
}

// nearest returns the name that is most like the wanted one, or "" when none is
// near: at most a third of its letters differ, case apart.
func nearest(wanted string, names []string) string {
	if len([]rune(wanted)) <= 3 {
		return "" // m4 is no misspelt m1, and DROP would take the wrong one
	}
	best, least := "", max(2, len([]rune(wanted))/3)+1
	for _, n := range names {
		if withoutDigits(n) == withoutDigits(wanted) && !strings.EqualFold(n, wanted) {
			continue
		}
		if d := distance(strings.ToLower(wanted), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// distance is the number of letters to insert, delete or change (Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(y)]
}
