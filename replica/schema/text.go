package schema

import (
	"strings"

	"sluice/replica"
)

// quoteString returns s as a literal that every sql_mode without
// NO_BACKSLASH_ESCAPES reads back.
func quoteString(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'':
			b.WriteString("''")
		case '\\':
			b.WriteString(`\\`)
		case 0:
			b.WriteString(`\0`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case 0x1a:
			b.WriteString(`\Z`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// sql returns the token as SQL text.
func (t token) sql() string {
	switch t.kind {
	case tokIdent:
		return replica.Quote(t.text)
	case tokString:
		return quoteString(t.text)
	}
	return t.text
}

// joinTokens returns tokens as SQL text with single spaces where there was
// white space or a comment.
func joinTokens(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if t.kind == tokEOF {
			break
		}
		if i > 0 && (t.space || glues(tokens[i-1], t)) {
			b.WriteByte(' ')
		}
		b.WriteString(t.sql())
	}
	return b.String()
}

// glues says whether two tokens would read as one, or as a comment, without a
// space between them.
func glues(a, b token) bool {
	word := func(t token) bool {
		return t.kind == tokWord || t.kind == tokNumber || t.kind == tokVar || t.kind == tokHexBit
	}
	switch {
	case word(a) && (word(b) || b.kind == tokString || b.kind == tokIdent && a.kind == tokVar):
		return true
	case a.kind == tokString || a.kind == tokHexBit || a.kind == tokIdent:
		return b.kind == tokString || b.kind == tokHexBit || b.kind == tokIdent || b.kind == tokVar || b.kind == tokWord
	case a.kind == tokPunct && b.kind == tokPunct:
		return strings.ContainsAny(a.text, "-/*<>!|&:=") && strings.ContainsAny(b.text, "-/*<>!|&:=")
	case a.kind == tokPunct && a.text == "." && b.kind == tokNumber:
		return true
	}
	return false
}
