package blackhole

import "bytes"

// What a byte is to the scanner; everything else is passed over.
const (
	plainByte byte = iota
	quoteByte      // ' " `
	openByte
	closeByte
	commaByte
	semiByte
	slashByte // perhaps a comment
	dashByte  // perhaps a comment
	hashByte  // a comment
)

var classes = func() (t [256]byte) {
	t['\''], t['"'], t['`'] = quoteByte, quoteByte, quoteByte
	t['('], t[')'], t[','], t[';'] = openByte, closeByte, commaByte, semiByte
	t['/'], t['-'], t['#'] = slashByte, dashByte, hashByte
	return t
}()

// wordBytes are those of an unquoted name, a keyword or a number.
var wordBytes = func() (t [256]bool) {
	for i := range t {
		c := byte(i)
		t[i] = c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c >= 0x80
	}
	return t
}()

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// pass returns the index behind the quoted text or the comment at b[i], or
// i+1 when b[i] begins neither; -1 when it has no end, or is a comment to the
// end of a line, which nobody sends.
func pass(b []byte, i int) int {
	switch classes[b[i]] {
	case quoteByte:
		return quoted(b, i)
	case slashByte:
		if i+1 < len(b) && b[i+1] == '*' {
			n := bytes.Index(b[i+2:], []byte("*/"))
			if n < 0 {
				return -1
			}
			return i + 2 + n + 2
		}
	case dashByte:
		if i+1 < len(b) && b[i+1] == '-' {
			return -1
		}
	case hashByte:
		return -1
	}
	return i + 1
}

// quoted returns the index behind the text in quotes at b[i], -1 when it has
// no end. A quote ends it unless an odd number of backslashes is before it; a
// doubled quote is two texts that touch. In backquotes a backslash is itself.
func quoted(b []byte, i int) int {
	quote := b[i]
	start := i + 1
	for i = start; ; {
		n := bytes.IndexByte(b[i:], quote)
		if n < 0 {
			return -1
		}
		i += n + 1
		if b[i-2] != '\\' || quote == '`' {
			return i
		}
		k := i - 1
		for k > start && b[k-1] == '\\' {
			k--
		}
		if (i-1-k)&1 == 0 {
			return i
		}
	}
}

// group passes over what is in parentheses; i is behind the open one. It
// returns the index behind the closing one and the number of commas directly
// inside; -1 when it does not end within the statement.
func group(b []byte, i int) (next, commas int) {
	depth := 1
	for i < len(b) {
		switch classes[b[i]] {
		case plainByte:
			i++
			continue
		case commaByte:
			if depth == 1 {
				commas++
			}
			i++
		case openByte:
			depth++
			i++
		case closeByte:
			i++
			if depth--; depth == 0 {
				return i, commas
			}
		case semiByte:
			return -1, 0
		default:
			if i = pass(b, i); i < 0 {
				return -1, 0
			}
		}
	}
	return -1, 0
}

// scanner splits a packet's text into statements.
type scanner struct {
	b []byte
	i int
}

// space passes over white space and comments; false when a comment has no end.
func (s *scanner) space() bool {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case isSpace(c):
			s.i++
		case c == '/' && s.i+1 < len(s.b) && s.b[s.i+1] == '*':
			next := pass(s.b, s.i)
			if next < 0 {
				return false
			}
			s.i = next
		default:
			return true
		}
	}
	return true
}

// done says whether there is no statement any more.
func (s *scanner) done() bool {
	at := scanner{s.b, s.i}
	for {
		at.space()
		if at.i >= len(s.b) {
			return true
		}
		if s.b[at.i] != ';' {
			return false
		}
		at.i++
	}
}

// word passes over a keyword; false when another comes.
func (s *scanner) word(w string) bool {
	s.space()
	end := s.i + len(w)
	if end > len(s.b) || !isWord(s.b[s.i:end], w) || end < len(s.b) && wordBytes[s.b[end]] {
		return false
	}
	s.i = end
	return true
}

// words passes over several keywords or none of them.
func (s *scanner) words(ws ...string) bool {
	at := s.i
	for _, w := range ws {
		if !s.word(w) {
			s.i = at
			return false
		}
	}
	return true
}

// isWord compares with a keyword in capitals.
func isWord(b []byte, w string) bool {
	if len(b) != len(w) {
		return false
	}
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != w[i] {
			return false
		}
	}
	return true
}

// next passes over one byte; false when another comes.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// run returns the unquoted word at i, which may be empty.
func (s *scanner) run() []byte {
	at := s.i
	for s.i < len(s.b) && wordBytes[s.b[s.i]] {
		s.i++
	}
	return s.b[at:s.i]
}

// name passes over a table's name with or without its schema and returns it as
// it is written.
func (s *scanner) name() ([]byte, bool) {
	s.space()
	at := s.i
	for {
		if s.i < len(s.b) && s.b[s.i] == '`' {
			for s.i < len(s.b) && s.b[s.i] == '`' { // doubled inside
				if s.i = quoted(s.b, s.i); s.i < 0 {
					s.i = len(s.b)
					return nil, false
				}
			}
		} else if len(s.run()) == 0 {
			return nil, false
		}
		if s.i >= len(s.b) || s.b[s.i] != '.' {
			return s.b[at:s.i], true
		}
		s.i++
	}
}
