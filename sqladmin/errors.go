package sqladmin

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Error is what a client gets as an ERR packet: what happened and why, and what
// to do about it. A Controller returns it for everything an operator can act
// on; any other error reaches the client as code 1105. It never holds a secret.
type Error struct {
	Code    uint16 // MySQL's own code where it has one, else 61000 to 61999
	State   string // SQLSTATE; "" means the code's usual one, else HY000
	Message string
	Remedy  string
	Others  []Warning // of the same statement, for SHOW WARNINGS
}

// Error returns the message and the remedy as the client sees them.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Message
	}
	return e.Message + ". Remedy: " + e.Remedy
}

// The error codes of the admin port. Codes below 10000 are MySQL's own.
const (
	CodeConnCount        = 1040
	CodeHandshake        = 1043
	CodeAccessDenied     = 1045
	CodeUnknownCommand   = 1047
	CodeUnknownDatabase  = 1049
	CodeShutdown         = 1053
	CodeUnknownColumn    = 1054
	CodeParse            = 1064
	CodeEmptyQuery       = 1065
	CodeUnknownThread    = 1094
	CodeUnknown          = 1105
	CodeUnknownCharset   = 1115
	CodeHostBlocked      = 1129
	CodeWrongUsage       = 1111
	CodeUnknownTable     = 1146
	CodePacketTooLarge   = 1153
	CodeUnknownVariable  = 1193
	CodeMustStopFirst    = 1198
	CodeNotConfigured    = 1200
	CodePrivilege        = 1227
	CodeWrongValue       = 1231
	CodeNotSupported     = 1235
	CodeSourceLog        = 1236
	CodeReadOnlyVariable = 1238
	CodeUnknownStatement = 1243
	CodeReadOnlyTable    = 1036
	CodeInvalidText      = 1300
	CodeUnknownFunction  = 1305
	CodeInterrupted      = 1317
	CodeNoBinaryLog      = 1381
	CodeOutOfRange       = 1690
	CodeUnknownChannel   = 3074
	CodeCannotConvert    = 3854
	CodeExists           = 61001
	CodeUnknownObject    = 61002
	CodeExistsDifferent  = 61003
	CodeBadOption        = 61004
	CodeImmutable        = 61005
	CodeInUse            = 61006
	CodeConcurrentChange = 61007
	CodeCheckFailed      = 61010
	CodeAlready          = 61011
	CodeWrongPhase       = 61012
	CodeNodeSilent       = 61020
	CodeStoreUnreachable = 61021
	CodeNodeDown         = 61022
	CodeWaitTimeout      = 61030
	CodeWaitImpossible   = 61031
	CodePositionPurged   = 61050
	CodeSourceChanged    = 61051
	CodeConflict         = 61052
	CodeDDLUnsupported   = 61053
	CodeSecretUnreadable = 61060
	CodeLimit            = 61210
	CodeMemory           = 61211
	CodeUnreachable      = 61212
	CodeConnectionLost   = 61213
	CodeTLSFailed        = 61214
	CodeForeignError     = 61215
)

// states holds the SQLSTATE of each code that has one other than HY000.
var states = map[uint16]string{
	CodeConnCount: "08004", CodeHandshake: "08S01", CodeAccessDenied: "28000",
	CodeUnknownCommand: "08S01", CodeUnknownDatabase: "42000", CodeShutdown: "08S01",
	CodeUnknownColumn: "42S22", CodeParse: "42000", CodeEmptyQuery: "42000",
	CodeUnknownTable: "42S02", CodePacketTooLarge: "08S01", CodePrivilege: "42000",
	CodeWrongValue: "42000", CodeNotSupported: "42000", CodeInterrupted: "70100",
	CodeUnknownFunction: "42000", CodeOutOfRange: "22003",
	CodeUnknownObject: "42S02", CodeBadOption: "42000", CodeAlready: "01000",
	CodeUnreachable: "08S01", CodeConnectionLost: "08S01", CodeTLSFailed: "08S01", CodeLimit: "42000", CodeNodeSilent: "01000", CodeStoreUnreachable: "08S01", CodeSecretUnreadable: "42000",
}

// SQLState returns e.State, or the usual state of the code.
func (e *Error) SQLState() string {
	if len(e.State) == 5 {
		return e.State
	}
	if s, ok := states[e.Code]; ok {
		return s
	}
	return "HY000"
}

// Errorf makes an Error without a remedy; State is the code's usual one.
func Errorf(code uint16, format string, args ...any) *Error {
	return &Error{Code: code, State: (&Error{Code: code}).SQLState(), Message: fmt.Sprintf(format, args...)}
}

// WithRemedy returns a copy of e that says what to do.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	c := *e
	c.Remedy = fmt.Sprintf(format, args...)
	return &c
}

// NotSupported is the answer to what the grammar knows and the engine does not
// do yet.
func NotSupported(what string) *Error {
	return Errorf(CodeNotSupported, "%s is not supported yet", what).WithRemedy("docs/statements.md lists what is supported")
}

// Unknown is the answer to a name that no object has. known may be nil; the
// nearest of it is offered. kind is a word such as "migration".
func Unknown(kind, name string, known []string) *Error {
	e := Errorf(CodeUnknownObject, "Unknown %s '%s'", kind, name)
	if near := NearestName(name, known); near != "" {
		e.Message += fmt.Sprintf(" (did you mean '%s'?)", near)
	}
	return e
}

// asError turns any error into the one that the client gets. cause is why the
// command's context ended, if it did.
func asError(err error, cause error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if errors.As(cause, &own) {
			return own
		}
		return Errorf(CodeInterrupted, "Query execution was interrupted")
	}
	return Errorf(CodeUnknown, "%s", err.Error())
}

// NearestName is nearest for the names of objects. A name of three letters or
// fewer has none, nor has one that differs in digits alone from each: m4 is no
// misspelt m1, and DROP would take the wrong one.
func NearestName(name string, known []string) string {
	if len(name) <= 3 {
		return ""
	}
	var others []string
	for _, k := range known {
		if withoutDigits(k) != withoutDigits(name) || strings.EqualFold(k, name) {
			others = append(others, k)
		}
	}
	return nearest(name, others)
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, lower(s))
}

// longestNear is the longest name that is compared with others, and mostNear how many it is compared with.
const (
	longestNear = 64
	mostNear    = 1000
)

// nearest returns the known word that is most like word, or "" when none is
// near: at most a third of its letters, and never more than 3, may differ.
func nearest(word string, known []string) string {
	if len(word) > longestNear {
		return ""
	}
	best, bestDistance := "", min(3, max(1, len(word)/3))+1
	for _, k := range known[:min(len(known), mostNear)] {
		if len(k) > longestNear {
			continue
		}
		if d := distance(lower(word), lower(k), bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance with transpositions, or limit when it
// is no less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var before []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return min(prev[len(b)], limit)
}
