package schema

import (
	"fmt"
	"strings"

	"sluice/replica"
)

// tokenKind classifies a token of SQL text.
type tokenKind uint8

const (
	tokEOF    tokenKind = iota
	tokWord             // an unquoted name or keyword
	tokIdent            // a quoted name
	tokString           // 'text' or, without ANSI_QUOTES, "text"
	tokNumber           // 12, 1.5, 1e3, 0x1F, 0b01
	tokHexBit           // x'1F', b'01'
	tokVar              // @name, @@name
	tokPunct            // an operator or delimiter
)

// token is one token. text is decoded: without quotes and escapes.
type token struct {
	kind  tokenKind
	text  string
	space bool // white space or a comment came before it
	pos   int  // byte offset in the statement, for messages
	// charset is the character set of a string literal that is not ASCII, where
	// the source's bytes of it are not those of text.
	charset string
}

// The bits of sql_mode that change how text is read or what it means.
const (
	modeRealAsFloat        = 1 << 0
	modePipesAsConcat      = 1 << 1
	modeANSIQuotes         = 1 << 2
	modeNoBackslashEscapes = 1 << 20
	modeHighNot            = 1 << 29
)

// lexer splits a statement into tokens. The content of a version comment
// (/*!50100 .. */ and MariaDB's /*M! .. */) counts as text if the dialect's
// server executes it. In a printed definition it always does: a server prints
// only what it executes itself.
type lexer struct {
	dialect   *replica.Dialect // nil for printed definitions
	s         string
	i         int
	ansi      bool
	noEscapes bool
	depth     int // open version comments
	end       int // where the last token ended
	tokens    []token
}

// tokenize returns the tokens of a printed definition or a part of one, the
// last of kind tokEOF.
func tokenize(s string, mode uint64) ([]token, error) { return tokenizeFor(s, mode, nil) }

// tokenizeFor returns a statement's tokens as the dialect's server reads them.
func tokenizeFor(s string, mode uint64, dialect *replica.Dialect) ([]token, error) {
	l := &lexer{dialect: dialect, s: s, ansi: mode&modeANSIQuotes != 0, noEscapes: mode&modeNoBackslashEscapes != 0}
	for {
		space, err := l.skip()
		if err != nil {
			return nil, err
		}
		if l.i >= len(l.s) {
			l.tokens = append(l.tokens, token{kind: tokEOF, space: space, pos: l.i})
			return l.tokens, checkNesting(l.tokens)
		}
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		t.space = space
		l.end = l.i
		l.add(t)
	}
}

// add appends a token; a string right after a string continues it.
func (l *lexer) add(t token) {
	if n := len(l.tokens); t.kind == tokString && n > 0 && l.tokens[n-1].kind == tokString {
		l.tokens[n-1].text += t.text
		return
	}
	l.tokens = append(l.tokens, t)
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || isDigit(c) || (c|0x20) >= 'a' && (c|0x20) <= 'z'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) has(prefix string) bool { return strings.HasPrefix(l.s[l.i:], prefix) }

// skip passes white space and comments, and says whether there was any.
func (l *lexer) skip() (bool, error) {
	start := l.i
	for l.i < len(l.s) {
		c := l.s[l.i]
		switch {
		case isSpace(c) || c == 0:
			l.i++
		case c == '#':
			l.skipLine()
		case l.has("--") && (l.i+2 == len(l.s) || isSpace(l.s[l.i+2])):
			l.skipLine()
		case l.has("*/") && l.depth > 0:
			l.depth--
			l.i += 2
		case l.has("/*"):
			if err := l.comment(); err != nil {
				return false, err
			}
		default:
			return l.i > start, nil
		}
	}
	if l.depth > 0 {
		return false, l.fail("version comment is not closed")
	}
	return l.i > start, nil
}

// comment passes a comment, or the beginning of one whose content counts.
func (l *lexer) comment() error {
	size, runs := l.versionComment()
	if runs {
		l.depth++
		l.i += size
		return nil
	}
	rest, ok := replica.SkipComment(l.s[l.i+max(size, 2):], size > 0)
	if !ok {
		return l.fail("comment is not closed")
	}
	l.i = len(l.s) - len(rest)
	return nil
}

func (l *lexer) versionComment() (size int, runs bool) {
	if l.dialect != nil {
		return l.dialect.VersionComment(l.s[l.i:])
	}
	switch {
	case l.has("/*!"):
		size = 3
	case l.has("/*M!"):
		size = 4
	default:
		return 0, false
	}
	for digits := 0; l.i+size < len(l.s) && isDigit(l.s[l.i+size]) && digits < 6; digits++ {
		size++
	}
	return size, true
}

func (l *lexer) skipLine() {
	if n := strings.IndexByte(l.s[l.i:], '\n'); n >= 0 {
		l.i += n + 1
	} else {
		l.i = len(l.s)
	}
}

func (l *lexer) fail(what string) error { return fmt.Errorf("%s at byte %d", what, l.i) }

func (l *lexer) next() (token, error) {
	c, start := l.s[l.i], l.i
	switch {
	case c == '\'' || c == '"' && !l.ansi:
		text, err := l.quoted(c, !l.noEscapes)
		return token{kind: tokString, text: text, pos: start}, err
	case c == '`' || c == '"':
		text, err := l.quoted(c, false)
		return token{kind: tokIdent, text: text, pos: start}, err
	case (c|0x20 == 'x' || c|0x20 == 'b') && l.i+1 < len(l.s) && l.s[l.i+1] == '\'':
		l.i++
		text, err := l.quoted('\'', false)
		letter := strings.ToLower(string(c))
		if err == nil && text != "" && !isBased("0"+letter+text) {
			l.i = start
			err = l.fail("hexadecimal or bit literal has other digits")
		}
		return token{kind: tokHexBit, text: letter + "'" + text + "'", pos: start}, err
	case c|0x20 == 'n' && l.i+1 < len(l.s) && l.s[l.i+1] == '\'':
		l.i++
		text, err := l.quoted('\'', !l.noEscapes)
		return token{kind: tokString, text: text, pos: start}, err
	case c == '@':
		return l.variable()
	case isDigit(c) && !l.afterDot(), c == '.' && !l.afterName() && l.i+1 < len(l.s) && isDigit(l.s[l.i+1]):
		return l.number(), nil
	case isWordByte(c):
		for l.i < len(l.s) && isWordByte(l.s[l.i]) {
			l.i++
		}
		return token{kind: tokWord, text: l.s[start:l.i], pos: start}, nil
	}
	for _, op := range []string{"->>", "<=>", "->", "<<", ">>", "<=", ">=", "<>", "!=", "||", "&&", ":="} {
		if l.has(op) {
			l.i += len(op)
			return token{kind: tokPunct, text: op, pos: start}, nil
		}
	}
	l.i++
	return token{kind: tokPunct, text: l.s[start:l.i], pos: start}, nil
}

// afterDot says whether the text directly follows a name and a dot.
func (l *lexer) afterDot() bool {
	n := len(l.tokens)
	return n > 1 && l.i == l.end && l.tokens[n-1].text == "." && l.tokens[n-1].kind == tokPunct
}

// afterName says whether the text directly follows a name, so that a dot
// qualifies it.
func (l *lexer) afterName() bool {
	n := len(l.tokens)
	return n > 0 && l.i == l.end && (l.tokens[n-1].kind == tokIdent || l.tokens[n-1].kind == tokWord)
}

func (l *lexer) quoted(quote byte, escapes bool) (string, error) {
	var b strings.Builder
	open := l.i
	for l.i++; l.i < len(l.s); l.i++ {
		c := l.s[l.i]
		switch {
		case c == quote:
			l.i++
			if l.i < len(l.s) && l.s[l.i] == quote {
				b.WriteByte(quote)
				continue
			}
			return b.String(), nil
		case c == '\\' && escapes && l.i+1 < len(l.s):
			l.i++
			b.WriteString(unescape(l.s[l.i]))
		default:
			b.WriteByte(c)
		}
	}
	l.i = open
	return "", l.fail("quote is not closed")
}

// unescape returns what a backslash and c mean in a string (MySQL manual,
// "String Literals").
func unescape(c byte) string {
	switch c {
	case '0':
		return "\x00"
	case 'b':
		return "\b"
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case 'Z':
		return "\x1a"
	case '%', '_':
		return "\\" + string(rune(c))
	}
	return string([]byte{c})
}

func (l *lexer) variable() (token, error) {
	start := l.i
	for l.i < len(l.s) && l.s[l.i] == '@' {
		l.i++
	}
	if l.i < len(l.s) && (l.s[l.i] == '`' || l.s[l.i] == '\'' || l.s[l.i] == '"') {
		_, err := l.quoted(l.s[l.i], false)
		return token{kind: tokVar, text: l.s[start:l.i], pos: start}, err
	}
	for l.i < len(l.s) && (isWordByte(l.s[l.i]) || l.s[l.i] == '.') {
		l.i++
	}
	return token{kind: tokVar, text: l.s[start:l.i], pos: start}, nil
}

// number reads a number, or a name that begins with a digit.
func (l *lexer) number() token {
	start := l.i
	word := func() {
		for l.i < len(l.s) && isWordByte(l.s[l.i]) {
			l.i++
		}
	}
	digits := func() {
		for l.i < len(l.s) && isDigit(l.s[l.i]) {
			l.i++
		}
	}
	digits()
	if l.i < len(l.s) && l.s[l.i] != '.' && isWordByte(l.s[l.i]) {
		if n := exponent(l.s[l.i:]); n > 0 && (l.i+n == len(l.s) || !isWordByte(l.s[l.i+n])) {
			l.i += n
			return token{kind: tokNumber, text: l.s[start:l.i], pos: start}
		}
		word()
		text := l.s[start:l.i]
		if isBased(text) {
			return token{kind: tokNumber, text: text, pos: start}
		}
		return token{kind: tokWord, text: text, pos: start}
	}
	if l.i < len(l.s) && l.s[l.i] == '.' {
		l.i++
		digits()
		l.i += exponent(l.s[l.i:])
	}
	return token{kind: tokNumber, text: l.s[start:l.i], pos: start}
}

// exponent returns the length of an exponent that s begins with, or 0.
func exponent(s string) int {
	if len(s) < 2 || s[0]|0x20 != 'e' {
		return 0
	}
	i := 1
	if s[i] == '+' || s[i] == '-' {
		i++
	}
	start := i
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	if i == start {
		return 0
	}
	return i
}

// isBased says whether s is a hexadecimal (0x1F) or binary (0b01) number.
func isBased(s string) bool {
	if len(s) < 3 || s[0] != '0' || s[1] != 'x' && s[1] != 'b' {
		return false
	}
	for _, c := range s[2:] {
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if s[1] == 'x' && !hex || s[1] == 'b' && c != '0' && c != '1' {
			return false
		}
	}
	return true
}
