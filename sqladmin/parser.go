package sqladmin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parser reads the tokens of one statement of this package's own grammar. The
// first error sticks: after it every method returns a zero value and atEnd is
// true, so that callers need not look.
type parser struct {
	sql    string
	tokens []token
	pos    int
	mode   lexMode
	held   *holding // what the statement's tree takes; nil counts nothing
	err    *Error

	regexps int // in ROUTE so far
}

var endToken = token{}

func (p *parser) peek() *token {
	if p.pos < len(p.tokens) {
		return &p.tokens[p.pos]
	}
	return &endToken
}

func (p *parser) atEnd() bool { return p.err != nil || p.pos >= len(p.tokens) }

func (p *parser) fail(err *Error) {
	if p.err == nil {
		p.err = err
	}
}

// rest shows what follows from token i on, for a message.
func (p *parser) rest(i int) (near string, line int) {
	if i >= len(p.tokens) {
		return "", 1 + strings.Count(p.sql, "\n")
	}
	line = 1 + strings.Count(p.sql[:p.tokens[i].pos], "\n")
	return joinTokens(p.sql, p.tokens[i:], 80), line
}

// syntaxError says what is wrong at token i, in MySQL's form: clients look for
// "near '..' at line n".
func (p *parser) syntaxError(i int, what string) *Error {
	near, line := p.rest(i)
	return Errorf(CodeParse, "You have an error in your SQL syntax; %s near '%s' at line %d", what, near, line)
}

// expected fails with the words that could stand here and, if the word that
// does is near one of them, that one.
func (p *parser) expected(words ...string) {
	if p.err != nil {
		return
	}
	what := "expected " + orList(words)
	if t := p.peek(); t.kind == tokWord && !t.secret {
		if near := nearest(t.value, firstWords(words)); near != "" {
			what = "did you mean '" + near + "'? Expected " + orList(words)
		}
	}
	p.fail(p.syntaxError(p.pos, what))
}

func firstWords(words []string) []string {
	var l []string
	for _, w := range words {
		first, _, _ := strings.Cut(w, " ")
		l = append(l, first)
	}
	return l
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// expectedClause is expected with error 61004 in place of 1064 when the word
// is near a clause's name, since it is then a misspelt option.
func (p *parser) expectedClause(names []string) {
	t := p.peek()
	if t.kind == tokWord && !t.secret && p.err == nil && p.pos+1 < len(p.tokens) && p.tokens[p.pos+1].is("=") {
		p.fail(badOption(t.raw, "unknown", names))
	}
	p.expected(names...)
}

// badOption is error 61004.
func badOption(name, why string, allowed []string) *Error {
	msg := fmt.Sprintf("Option %s: %s", name, why)
	if near := nearest(name, allowed); near != "" {
		msg += fmt.Sprintf(" (did you mean '%s'?)", near)
	}
	return Errorf(CodeBadOption, "%s; allowed: %s", msg, strings.Join(allowed, ", "))
}

// words takes the given keywords if all of them stand here.
func (p *parser) words(list string) bool {
	if p.err != nil {
		return false
	}
	n := matchWords(p.tokens[p.pos:], list)
	p.pos += n
	return n > 0
}

// matchWords returns how many tokens the keywords take at the start, 0 if they
// do not stand there. A word may list alternatives: a|b.
func matchWords(tokens []token, list string) int {
	n := 0
	for _, w := range strings.Fields(list) {
		have := word(tokens, n)
		if have == "" {
			return 0
		}
		ok := false
		for _, alternative := range strings.Split(w, "|") {
			ok = ok || have == alternative
		}
		if !ok {
			return 0
		}
		n++
	}
	return n
}

func (p *parser) expectWords(list string) {
	if !p.words(list) {
		p.expected(list)
	}
}

// symbols takes a symbol if it stands here.
func (p *parser) symbols(s string) bool {
	if p.atEnd() || !p.peek().is(s) {
		return false
	}
	p.pos++
	return true
}

func (p *parser) comma() bool { return p.symbols(",") }
func (p *parser) back()       { p.pos-- }
func (p *parser) equals() bool {
	return p.symbols("=")
}

func (p *parser) expectSymbol(s string) {
	if !p.symbols(s) {
		p.expected("'" + s + "'")
	}
}

// atName says whether an identifier stands here.
func (p *parser) atName() bool {
	k := p.peek().kind
	return p.err == nil && (k == tokWord || k == tokName)
}

// name reads an identifier.
func (p *parser) name(what string) string {
	if p.err != nil {
		return ""
	}
	t := p.peek()
	if t.kind != tokWord && t.kind != tokName {
		p.expected("the name of a " + what)
		return ""
	}
	p.pos++
	if t.kind == tokWord {
		return t.raw
	}
	return t.value
}

// objectName reads the name of an object that is made, changed or dropped: 1
// to 64 characters without / and control characters.
func (p *parser) objectName(kind string) string {
	at := p.pos
	name := p.name(kind)
	if p.err != nil {
		return ""
	}
	if n := len([]rune(name)); n < 1 || n > 64 || strings.ContainsAny(name, "/\x00\r\n\t") || strings.TrimSpace(name) != name {
		p.fail(p.syntaxError(at, "a name has 1 to 64 characters, no '/' and no outer blanks"))
	}
	p.refuseSecret("The name of a "+kind, name, secretRemedy)
	return name
}

// nameOrString reads an identifier or a string.
func (p *parser) nameOrString(what string) string {
	if p.peek().kind == tokString {
		return p.str(what)
	}
	return p.name(what)
}

func (p *parser) channelName() string { return p.nameOrString("channel") }

// tableName reads schema.table.
func (p *parser) tableName() TableName {
	t := TableName{Schema: p.nameOrString("schema")}
	if p.err == nil && !p.symbols(".") {
		p.fail(p.syntaxError(p.pos, "expected '.'").WithRemedy("write a table with its schema: schema.table"))
	}
	t.Name = p.nameOrString("table")
	return t
}

// str reads a string literal.
func (p *parser) str(what string) string {
	if p.err != nil {
		return ""
	}
	t := p.peek()
	if t.kind != tokString {
		p.expected(what + " in quotes")
		return ""
	}
	p.pos++
	return t.value
}

func (p *parser) nonEmpty(what string) string {
	s := p.str(what)
	if p.err == nil && strings.TrimSpace(s) == "" {
		p.fail(Errorf(CodeBadOption, "Option %s: must not be empty", what).WithRemedy("write a value, or leave the option out if it is not needed"))
	}
	return s
}

// value reads one word, string or number.
func (p *parser) value(what string) string {
	if p.err != nil {
		return ""
	}
	t := p.peek()
	switch t.kind {
	case tokString, tokName:
		p.pos++
		return t.value
	case tokWord, tokNumber:
		p.pos++
		return t.raw
	}
	if t.is("-") && p.pos+1 < len(p.tokens) && p.tokens[p.pos+1].kind == tokNumber {
		p.pos += 2
		return "-" + p.tokens[p.pos-1].raw
	}
	p.expected("a value of " + what)
	return ""
}

// number reads an integer within bounds, quoted or not.
func (p *parser) number(what string, least, most uint64) uint64 {
	text := p.value(what)
	if p.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < least || n > most {
		p.fail(Errorf(CodeBadOption, "Option %s: '%s' is not allowed; allowed: an integer from %d to %d", what, cut(text, 40), least, most))
		return 0
	}
	return n
}

// decimal reads a number from 0 to most.
func (p *parser) decimal(what string, most float64) float64 {
	text := p.value(what)
	if p.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > most {
		p.fail(Errorf(CodeBadOption, "Option %s: '%s' is not allowed; allowed: a number from 0 to %g", what, cut(text, 40), most))
		return 0
	}
	return f
}

// enum reads one of a few words, quoted or not, and returns it as listed.
func (p *parser) enum(what string, allowed []string) string {
	text := p.value(what)
	if p.err != nil {
		return ""
	}
	for _, a := range allowed {
		if strings.EqualFold(a, text) {
			return a
		}
	}
	p.fail(badValue(what, text, allowed))
	return ""
}

// badValue is error 61004 for a value that is not one of a few words.
func badValue(what, text string, allowed []string) *Error {
	msg := fmt.Sprintf("Option %s: '%s' is not allowed", what, cut(text, 40))
	if near := nearest(text, allowed); near != "" {
		msg += fmt.Sprintf(" (did you mean '%s'?)", near)
	}
	return Errorf(CodeBadOption, "%s; allowed: %s", msg, strings.Join(allowed, ", "))
}

// list reads ( item, item .. ); () is an empty list.
func (p *parser) list(item func()) {
	p.expectSymbol("(")
	if p.symbols(")") {
		return
	}
	for p.err == nil {
		item()
		if !p.comma() {
			break
		}
	}
	p.expectSymbol(")")
}

// strings reads a list of string literals, or a single one. It is never empty.
func (p *parser) strings(what string) []string {
	l := []string{}
	if p.peek().kind == tokString {
		l = append(l, p.nonEmpty(what))
	} else {
		p.list(func() { l = append(l, p.nonEmpty(what)) })
	}
	return l
}

// password reads 'literal' or SECRET name.
func (p *parser) password(what string) *Password {
	if p.words("SECRET") {
		return &Password{Secret: p.name("secret")}
	}
	return NewPassword(p.str(what))
}

// objectOption is one option of a source or a target.
type objectOption[T any] struct {
	name string
	read func(p *parser, o *T)
	// later marks an option that the engine cannot carry out yet: it is not
	// offered.
	later bool
}

func optionNames[T any](options []objectOption[T]) []string {
	var names []string
	for _, o := range options {
		if !o.later {
			names = append(names, o.name)
		}
	}
	return names
}

// parseOptions reads name = value [, name = value].. to the end.
func parseOptions[T any](p *parser, options []objectOption[T], into *T) {
	seen := map[string]bool{}
	for first := true; first || !p.atEnd(); first = false {
		t := p.peek()
		if t.kind != tokWord {
			p.expected(optionNames(options)...)
			return
		}
		i := 0
		for i < len(options) && options[i].name != t.value {
			i++
		}
		if i == len(options) {
			if t.secret {
				p.expected(optionNames(options)...)
			}
			p.fail(badOption(t.raw, "unknown", optionNames(options)))
			return
		}
		if seen[t.value] {
			p.fail(Errorf(CodeWrongUsage, "Option %s is written twice", t.value).WithRemedy("write it once"))
		}
		seen[t.value] = true
		p.pos++
		p.equals()
		options[i].read(p, into)
		if p.comma() && p.atEnd() {
			p.expected(optionNames(options)...)
		}
	}
}
