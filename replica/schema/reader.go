package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// syntaxError is a statement that this package does not understand.
type syntaxError struct{ what string }

func (e *syntaxError) Error() string { return e.what }

// reader walks over the tokens of one statement. Its first error stays in err;
// after it every method returns zero values, so parse functions check once.
type reader struct {
	tokens []token
	i      int
	err    error
	mode   uint64
	ddl    bool // a statement of the binlog, not what SHOW CREATE TABLE printed
	d      Defaults
	// shown returns the table's definition as the source has it now, nil when it
	// has no such table. It is nil where nobody can ask the source.
	shown func() (*definition, error)
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &syntaxError{fmt.Sprintf(format, args...)}
	}
	r.i = len(r.tokens) - 1
}

// unexpected fails naming where, but not what was written there: it may be a
// value.
func (r *reader) unexpected(where string) {
	t := r.peek()
	switch t.kind {
	case tokEOF:
		r.fail("%s: the statement ends too early", where)
	case tokWord, tokPunct:
		r.fail("%s: unexpected %q at byte %d", where, t.text, t.pos)
	default:
		r.fail("%s: unexpected text at byte %d", where, t.pos)
	}
}

func (r *reader) peek() token { return r.tokens[r.i] }

func (r *reader) peekAt(n int) token {
	if r.i+n >= len(r.tokens) {
		return r.tokens[len(r.tokens)-1]
	}
	return r.tokens[r.i+n]
}

func (r *reader) next() token {
	t := r.tokens[r.i]
	if r.i < len(r.tokens)-1 {
		r.i++
	}
	return t
}

// is says whether the token is this keyword.
func (t token) is(word string) bool { return t.kind == tokWord && strings.EqualFold(t.text, word) }

// isAny says whether the token is one of these keywords.
func (t token) isAny(words ...string) bool {
	for _, w := range words {
		if t.is(w) {
			return true
		}
	}
	return false
}

func (t token) punct(p string) bool { return t.kind == tokPunct && t.text == p }

// end says whether the statement is over.
func (r *reader) end() bool {
	return r.peek().kind == tokEOF || r.peek().punct(";") && r.peekAt(1).kind == tokEOF
}

// accept passes the keywords if they come next, all of them.
func (r *reader) accept(words ...string) bool {
	for i, w := range words {
		if !r.peekAt(i).is(w) {
			return false
		}
	}
	for range words {
		r.next()
	}
	return true
}

func (r *reader) acceptAny(words ...string) bool {
	if r.peek().isAny(words...) {
		r.next()
		return true
	}
	return false
}

func (r *reader) acceptPunct(p string) bool {
	if r.peek().punct(p) {
		r.next()
		return true
	}
	return false
}

func (r *reader) expect(words ...string) {
	if !r.accept(words...) {
		r.unexpected("expected " + strings.Join(words, " "))
	}
}

func (r *reader) expectPunct(p string) {
	if !r.acceptPunct(p) {
		r.unexpected("expected " + p)
	}
}

// isName says whether the next token can be a name.
func (r *reader) isName() bool {
	k := r.peek().kind
	return k == tokWord || k == tokIdent
}

// name reads an identifier.
func (r *reader) name(what string) string {
	if !r.isName() {
		r.unexpected(what)
		return ""
	}
	return r.next().text
}

// tableName reads [schema.]table; schema is the default when there is none.
func (r *reader) tableName(schema string) (string, string) {
	if r.peek().punct(".") { // .table, which MySQL allows
		r.next()
	}
	n := r.name("table name")
	if r.acceptPunct(".") {
		return r.kept(n), r.kept(r.name("table name"))
	}
	return r.kept(schema), r.kept(n)
}

// kept returns the name of a schema or table as the source keeps it.
func (r *reader) kept(name string) string {
	if r.d.LowerNames {
		return strings.ToLower(name)
	}
	return name
}

func (r *reader) integer(what string) int {
	t := r.peek()
	if t.kind == tokNumber {
		if n, err := strconv.Atoi(t.text); err == nil {
			r.next()
			return n
		}
	}
	r.unexpected(what)
	return 0
}

func (r *reader) str(what string) string {
	if r.peek().kind != tokString {
		r.unexpected(what)
		return ""
	}
	return r.next().text
}

// parens reads a parenthesis with all that it holds and returns its tokens,
// parentheses included.
func (r *reader) parens(what string) []token {
	start := r.i
	if !r.peek().punct("(") {
		r.unexpected(what)
		return nil
	}
	for depth := 0; r.err == nil; {
		t := r.next()
		switch {
		case t.punct("("):
			depth++
		case t.punct(")"):
			if depth--; depth == 0 {
				return r.tokens[start:r.i]
			}
		case t.kind == tokEOF:
			r.fail("%s: a parenthesis is not closed", what)
		}
	}
	return nil
}

// expression reads a parenthesised expression as text.
func (r *reader) expression(what string) string { return r.text(r.parens(what)) }

// text renders tokens of an expression, whose meaning must not depend on a
// sql_mode that the reader of the text does not have.
func (r *reader) text(tokens []token) string {
	for _, t := range tokens {
		switch {
		case r.mode&modePipesAsConcat != 0 && t.punct("||"):
			r.fail("an expression uses || under sql_mode PIPES_AS_CONCAT")
		case r.mode&modeHighNot != 0 && t.is("NOT"):
			r.fail("an expression uses NOT under sql_mode HIGH_NOT_PRECEDENCE")
		default:
			continue
		}
		return ""
	}
	return joinTokens(tokens)
}

// until reads tokens up to a comma or closing parenthesis of this level, or
// the end.
func (r *reader) until(stop ...string) []token {
	start := r.i
	for depth := 0; ; {
		t := r.peek()
		if t.kind == tokEOF || r.end() {
			break
		}
		if depth == 0 && (t.punct(",") || t.punct(")") || t.isAny(stop...)) {
			break
		}
		if t.punct("(") {
			depth++
		} else if t.punct(")") {
			depth--
		}
		r.next()
	}
	return r.tokens[start:r.i]
}

// ifExists reads IF EXISTS; ifNotExists reads IF NOT EXISTS.
func (r *reader) ifExists() bool    { return r.accept("IF", "EXISTS") }
func (r *reader) ifNotExists() bool { return r.accept("IF", "NOT", "EXISTS") }

// wait reads MariaDB's [WAIT n | NOWAIT].
func (r *reader) wait() {
	if r.accept("NOWAIT") {
		return
	}
	if r.peek().is("WAIT") && r.peekAt(1).kind == tokNumber {
		r.next()
		r.next()
	}
}
