package sqladmin

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// tokenKind says what a token is.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // an unquoted identifier or keyword
	tokName             // `x`, or "x" under ANSI_QUOTES
	tokString           // 'x' or "x"
	tokNumber
	tokSymbol
	tokParam // ?
	tokVar   // @x or @@x
)

// token is one lexical unit. secret is set by markSecrets: its text must not
// be shown.
type token struct {
	kind     tokenKind
	raw      string // as written
	value    string // unquoted; a word's upper case
	pos, end int
	secret   bool
}

// shown returns the token's text as it may appear in a message.
func (t *token) shown() string {
	if t.secret {
		return "'<secret>'"
	}
	return t.raw
}

func (t *token) is(symbol string) bool { return t.kind == tokSymbol && t.raw == symbol }

// lexMode holds the parts of sql_mode that change how text is read.
type lexMode struct {
	ansiQuotes         bool
	pipesConcat        bool // || joins texts
	noBackslashEscapes bool
}

var (
	errUnterminated   = errors.New("a quoted text has no end")
	errOpenComment    = errors.New("a comment has no end")
	versionedComments = "/*!"
)

// lexer cuts SQL text into tokens: MySQL's lexis, without charset introducers.
type lexer struct {
	sql    string
	mode   lexMode
	pos    int
	inside bool // within /*! .. */
	tokens []token
	held   *holding // what the tokens take; nil counts nothing
	err    error
}

// lex returns the tokens of sql without the end mark. Comments are dropped,
// the content of /*! .. */ is kept.
func lex(sql string, mode lexMode) ([]token, error) { return lexWithin(sql, mode, nil) }

// lexWithin is lex for text whose tokens count as held. An error that is an
// *Error is for the client as it is.
func lexWithin(sql string, mode lexMode, held *holding) ([]token, error) {
	l := &lexer{sql: sql, mode: mode, held: held}
	for {
		if err := l.skipSpace(); err != nil {
			return l.tokens, err
		}
		if l.pos >= len(l.sql) {
			return l.tokens, nil
		}
		if err := l.next(); err != nil {
			return l.tokens, err
		}
		if l.err != nil {
			return l.tokens, l.err
		}
	}
}

// skipSpace passes blanks and comments.
func (l *lexer) skipSpace() error {
	for l.pos < len(l.sql) {
		rest := l.sql[l.pos:]
		switch {
		case isSpace(rest[0]):
			l.pos++
		case rest[0] == '#', isDashComment(rest):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.pos += n
		case l.inside && strings.HasPrefix(rest, "*/"):
			l.inside = false
			l.pos += 2
		case !l.inside && strings.HasPrefix(rest, versionedComments):
			l.inside = true
			l.pos += 3
			for l.pos < len(l.sql) && isDigit(l.sql[l.pos]) {
				l.pos++
			}
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return errOpenComment
			}
			l.pos += n + 4
		default:
			return nil
		}
	}
	return nil
}

func isDashComment(s string) bool {
	return strings.HasPrefix(s, "--") && (len(s) == 2 || s[2] <= ' ')
}

// next reads one token at l.pos, which is not a blank.
func (l *lexer) next() error {
	start, c := l.pos, l.sql[l.pos]
	switch {
	case c == '`', c == '"' && l.mode.ansiQuotes:
		return l.quoted(tokName, c, false)
	case c == '\'', c == '"':
		return l.quoted(tokString, c, !l.mode.noBackslashEscapes)
	case c == '@':
		for l.pos < len(l.sql) && (l.sql[l.pos] == '@' || l.sql[l.pos] == '.' || isWordByte(l.sql[l.pos])) {
			l.pos++
		}
		kind := tokVar
		if l.pos == start+1 { // the @ of 'user'@'host'
			kind = tokSymbol
		}
		l.add(kind, start, l.sql[start:l.pos])
	case c == '?':
		l.pos++
		l.add(tokParam, start, "?")
	case isDigit(c), c == '.' && l.pos+1 < len(l.sql) && isDigit(l.sql[l.pos+1]) && !l.afterName():
		l.number()
	case isWordByte(c):
		for l.pos < len(l.sql) && isWordByte(l.sql[l.pos]) {
			l.pos++
		}
		l.addWord(tokWord, start)
	default:
		n := 1
		for _, s := range []string{"<=>", "<=", ">=", "<>", "!=", ":=", "||", "&&", "->>", "->"} {
			if strings.HasPrefix(l.sql[l.pos:], s) {
				n = len(s)
				break
			}
		}
		if c >= utf8.RuneSelf {
			_, n = utf8.DecodeRuneInString(l.sql[l.pos:])
		}
		l.pos += n
		l.add(tokSymbol, start, l.sql[start:l.pos])
	}
	return nil
}

// afterName says whether the last token ends just here and can be qualified.
func (l *lexer) afterName() bool {
	if len(l.tokens) == 0 {
		return false
	}
	t := &l.tokens[len(l.tokens)-1]
	return t.end == l.pos && (t.kind == tokWord || t.kind == tokName)
}

// number reads digits; what goes on with letters is a word, as in MySQL.
func (l *lexer) number() {
	start := l.pos
	digits := func() {
		for l.pos < len(l.sql) && isDigit(l.sql[l.pos]) {
			l.pos++
		}
	}
	digits()
	if l.pos < len(l.sql) && l.sql[l.pos] == '.' {
		l.pos++
		digits()
	}
	if l.pos+1 < len(l.sql) && l.sql[l.pos]|0x20 == 'e' {
		mark := l.pos
		l.pos++
		if l.sql[l.pos] == '+' || l.sql[l.pos] == '-' {
			l.pos++
		}
		before := l.pos
		if digits(); l.pos == before {
			l.pos = mark
		}
	}
	kind := tokNumber
	for l.pos < len(l.sql) && isWordByte(l.sql[l.pos]) {
		l.pos++
		kind = tokWord
	}
	l.addWord(kind, start)
}

// addWord adds what stands from start on, in capitals.
func (l *lexer) addWord(kind tokenKind, start int) {
	word := l.sql[start:l.pos]
	if len(word) <= maxValueBytes { // add refuses a longer one
		word = strings.ToUpper(word)
	}
	l.addCopy(kind, start, word, len(word))
}

// addCopy adds a token whose value is not a part of the text and takes size
// bytes.
func (l *lexer) addCopy(kind tokenKind, start int, value string, size int) {
	l.add(kind, start, value)
	if l.err == nil {
		l.err = l.held.add(size)
	}
}

// quoted reads a text in quotes; a doubled quote stands for one.
func (l *lexer) quoted(kind tokenKind, quote byte, escapes bool) error {
	start := l.pos
	if n := strings.IndexByte(l.sql[start+1:], quote); n >= 0 { // most texts have nothing to replace
		text, after := l.sql[start+1:start+1+n], start+n+2
		if !(escapes && strings.IndexByte(text, '\\') >= 0) && !(after < len(l.sql) && l.sql[after] == quote) {
			l.pos = after
			l.add(kind, start, text)
			return nil
		}
	}
	var b strings.Builder
	for l.pos++; l.pos < len(l.sql); l.pos++ {
		c := l.sql[l.pos]
		if b.Len() > maxValueBytes {
			l.add(kind, start, b.String()) // which refuses it
			return nil
		}
		switch {
		case c == quote && l.pos+1 < len(l.sql) && l.sql[l.pos+1] == quote:
			l.pos++
			b.WriteByte(c)
		case c == quote:
			l.pos++
			l.addCopy(kind, start, b.String(), b.Cap())
			return nil
		case c == '\\' && escapes && l.pos+1 < len(l.sql):
			l.pos++
			b.WriteString(unescape(l.sql[l.pos]))
		default:
			b.WriteByte(c)
		}
	}
	return errUnterminated
}

// unescape returns what \c stands for. \% and \_ stay as they are: LIKE reads
// them (MySQL manual, 11.1.1).
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
		return `\` + string(c)
	}
	return string([]byte{c})
}

const (
	// tokensAtATime is how many tokens are counted together. A token takes 80
	// bytes, and up to as many again while the list of tokens grows.
	tokensAtATime = 1024
	bytesAtATime  = 2 * 80 * tokensAtATime
)

func (l *lexer) add(kind tokenKind, start int, value string) {
	switch n := len(l.tokens); {
	case n >= maxTokens:
		l.err = limitError("the statement has more than %d words and symbols", maxTokens)
	case len(value) > maxValueBytes:
		l.err = limitError("a word or text of the statement has more than %d bytes", maxValueBytes)
	case n%tokensAtATime == 0 && n > 0:
		l.err = l.held.add(bytesAtATime)
	}
	l.tokens = append(l.tokens, token{kind: kind, raw: l.sql[start:l.pos], value: value, pos: start, end: l.pos})
}

func isSpace(c byte) bool { return c <= ' ' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isWordByte(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
}
