package blackhole

import (
	"bytes"
	"encoding/hex"
	"strconv"
)

// unchanged says whether an UPDATE .. LIMIT 1 of a table without a key sets
// every column to what its condition says it is: a target then reports no row.
// set is the list of assignments, where the condition with its LIMIT. The
// forms are those of apply.appendMatch.
func unchanged(set, where []byte) bool {
	s := scanner{b: set}
	for {
		name, ok := s.name()
		if !ok || !s.next('=') {
			return false
		}
		s.space()
		at := s.i
		if !s.value() {
			return false
		}
		if !matched(where, name, bytes.TrimRight(set[at:s.i], " ")) {
			return false
		}
		if !s.next(',') {
			return s.space() && s.i >= len(set)
		}
	}
}

// value passes over a literal, up to a comma or the end.
func (s *scanner) value() bool {
	at := s.i
	for s.i < len(s.b) && s.b[s.i] != ',' {
		next := s.i + 1
		if s.b[s.i] == '(' {
			next, _ = group(s.b, next)
		} else {
			next = pass(s.b, s.i)
		}
		if next < 0 {
			return false
		}
		s.i = next
	}
	return s.i > at
}

// matched says whether the condition has name equal to the literal.
func matched(where, name, literal []byte) bool {
	if isWord(literal, "NULL") {
		return hasTerm(where, name, " IS NULL")
	}
	text := string(literal)
	if hasTerm(where, name, "="+text) || hasTerm(where, name, "+0="+text) {
		return true
	}
	if literal[0] != '\'' {
		return sameFloat(where, name, text)
	}
	if hasTerm(where, name, "=CAST("+text+" AS JSON)") {
		return true
	}
	value := "x'" + hex.EncodeToString(plainText(literal)) + "'"
	if len(literal) == 2 {
		value = "''"
	}
	return hasTerm(where, append([]byte("CAST(CONVERT("), name...), " USING utf8mb4) AS BINARY)="+value)
}

// hasTerm says whether begin and rest are one of the AND-ed terms.
func hasTerm(where, begin []byte, rest string) bool {
	term := append(append([]byte(nil), begin...), rest...)
	for i := 0; ; i++ {
		n := bytes.Index(where[i:], term)
		if n < 0 {
			return false
		}
		i += n
		end := where[i+len(term):]
		if (i == 0 || where[i-1] == ' ') && (bytes.HasPrefix(end, []byte(" AND ")) || bytes.HasPrefix(end, []byte(" LIMIT "))) {
			return true
		}
	}
}

// sameFloat compares as FLOAT does: it is written with 32 bits' digits and
// matched with 64 bits'.
func sameFloat(where, name []byte, literal string) bool {
	term := append(append([]byte(nil), name...), '=')
	i := bytes.Index(where, term)
	if i < 0 {
		return false
	}
	end := bytes.IndexByte(where[i+len(term):], ' ')
	if end < 0 {
		return false
	}
	x, err1 := strconv.ParseFloat(literal, 32)
	y, err2 := strconv.ParseFloat(string(where[i+len(term):i+len(term)+end]), 64)
	return err1 == nil && err2 == nil && bytes.ContainsAny([]byte(literal), "e") && float32(x) == float32(y)
}

// plainText undoes the escapes of a quoted text.
func plainText(literal []byte) []byte {
	in := literal[1 : len(literal)-1]
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c == '\\' && i+1 < len(in) {
			i++
			switch c = in[i]; c {
			case '0':
				c = 0
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 'Z':
				c = 0x1a
			}
		}
		out = append(out, c)
	}
	return out
}
