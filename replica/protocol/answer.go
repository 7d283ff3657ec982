package protocol

import (
	"encoding/binary"
)

// Commands whose answers are known.
const (
	comQuit          = 0x01
	comInitDB        = 0x02
	comQuery         = 0x03
	comPing          = 0x0e
	comStmtPrepare   = 0x16
	comStmtExecute   = 0x17
	comStmtLongData  = 0x18
	comStmtClose     = 0x19
	comStmtReset     = 0x1a
	comResetSession  = 0x1f
	mostColumns      = 1<<16 - 1
	mostColumnBytes  = 64 << 10 // of one definition
	fixedColumnBytes = 1 + 12   // of a definition after its strings
)

// phase says what the next packet of an answer must be.
type phase uint8

const (
	idle       phase = iota // no answer is due
	onlyOK                  // OK or an error
	resultHead              // OK, an error, or a number of columns
	prepared                // the head of a prepared statement's description
	definition              // a column's
	separator               // the EOF packet after definitions
	row                     // a row, or the EOF packet after the last
)

// Answer follows the packets of a command's answer and checks each. It knows no connection: packets come whole.
type Answer struct {
	phase  phase
	binary bool // rows are those of a prepared statement
	// columns is how many definitions are still to come before the separator, then those of second.
	columns, second int
	types           []byte // of the result's columns
	results         int    // of the command so far
	most            int    // results of one command; 0: any number
	rows            bool   // after the separator come rows
}

// Begin expects the answer to a command.
func (a *Answer) Begin(command byte) error {
	*a = Answer{types: a.types[:0], most: a.most}
	switch command {
	case comQuit, comStmtClose, comStmtLongData:
		a.phase = idle
	case comInitDB, comPing, comStmtReset, comResetSession:
		a.phase = onlyOK
	case comQuery:
		a.phase = resultHead
	case comStmtExecute:
		a.phase, a.binary = resultHead, true
	case comStmtPrepare:
		a.phase = prepared
	default:
		return malformed("the command 0x%02x is not known here", command)
	}
	return nil
}

// whole returns true if the packets so far may be handed on: before that an error packet may still take their
// place, for a library that does not look for one among definitions.
func (a *Answer) whole() bool { return a.phase != definition && a.phase != separator }

// ended returns true after the last packet of an answer.
func (a *Answer) ended() bool { return a.phase == idle }

// Check takes the next packet, which is not empty. An error packet that is well formed is no error here.
func (a *Answer) Check(p []byte) error {
	if p[0] == errPacket && a.phase != definition && a.phase != separator {
		a.phase = idle
		return checkError(p)
	}
	switch a.phase {
	case onlyOK:
		a.phase = idle
		return CheckOK(p)
	case resultHead:
		return a.head(p)
	case prepared:
		return a.preparedHead(p)
	case definition:
		return a.definition(p)
	case separator:
		if !isEOF(p) {
			return malformed("a packet that begins with 0x%02x after the columns' definitions", p[0])
		}
		a.next()
		return nil
	case row:
		return a.row(p)
	}
	return malformed("a packet that begins with 0x%02x without a command", p[0])
}

// checkError checks an error packet by what go-sql-driver reads of one.
func checkError(p []byte) error {
	err := ParseError(p)
	if m, ok := err.(*Malformed); ok {
		return m
	}
	if len(p) < 4 {
		return malformed("an error packet without a message")
	}
	return nil
}

func isEOF(p []byte) bool { return p[0] == eofPacket && len(p) == 5 }

// head takes the first packet of a result.
func (a *Answer) head(p []byte) error {
	a.results++
	switch p[0] {
	case okPacket:
		status, err := okStatus(p)
		if err != nil {
			return err
		}
		return a.after(status)
	case nullValue:
		return malformed("a request for a file of this machine")
	}
	n, rest, ok := lenenc(p)
	if !ok || len(rest) != 0 || n == 0 || n > mostColumns {
		return malformed("a number of columns that cannot be")
	}
	a.columns, a.types, a.rows, a.phase = int(n), a.types[:0], true, definition
	return nil
}

// after decides what follows a result with this status. A library waits for the next result as soon as a server says
// that there is one, so that one too many is refused here, before it would have to come.
func (a *Answer) after(status uint16) error {
	a.phase = idle
	if status&statusMoreResults == 0 {
		return nil
	}
	if a.phase = resultHead; a.most > 0 && a.results >= a.most {
		return malformed("an answer of more than %d results", a.most)
	}
	return nil
}

func (a *Answer) preparedHead(p []byte) error {
	if p[0] != okPacket || len(p) < 12 {
		return malformed("an answer of %d bytes to the preparation of a statement", len(p))
	}
	a.second = int(binary.LittleEndian.Uint16(p[5:]))
	a.columns = int(binary.LittleEndian.Uint16(p[7:]))
	if a.columns == 0 {
		a.columns, a.second = a.second, 0
	}
	a.phase = idle
	if a.columns > 0 {
		a.phase = definition
	}
	return nil
}

func (a *Answer) definition(p []byte) error {
	if len(p) > mostColumnBytes {
		return malformed("a column's definition of %d bytes", len(p))
	}
	rest := p
	for range 6 { // catalog, schema, table and column, the latter two under their alias and their own name
		var ok bool
		if rest, ok = skipString(rest); !ok {
			return malformed("a column's definition that is cut off in its names")
		}
	}
	if len(rest) < fixedColumnBytes || rest[0] != fixedColumnBytes-1 {
		return malformed("a column's definition that is cut off")
	}
	if a.rows {
		a.types = append(a.types, rest[7])
	}
	if a.columns--; a.columns == 0 {
		a.phase = separator
	}
	return nil
}

// next goes on after a separator.
func (a *Answer) next() {
	switch {
	case a.rows:
		a.phase = row
	case a.second > 0:
		a.columns, a.second, a.phase = a.second, 0, definition
	default:
		a.phase = idle
	}
}

func (a *Answer) row(p []byte) error {
	switch {
	case isEOF(p):
		return a.after(binary.LittleEndian.Uint16(p[3:]))
	case a.binary:
		return a.binaryRow(p)
	case p[0] == eofPacket && len(p) <= fullPacket:
		return malformed("an EOF packet of %d bytes", len(p))
	}
	rest := p
	for range a.types {
		if len(rest) > 0 && rest[0] == nullValue {
			rest = rest[1:]
			continue
		}
		var ok bool
		if rest, ok = skipString(rest); !ok {
			return malformed("a row that is cut off")
		}
	}
	if len(rest) != 0 {
		return malformed("a row that is longer than its columns")
	}
	return nil
}
