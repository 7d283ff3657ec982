package schema

import (
	"math/big"
	"strconv"
	"strings"
)

// This file decides which expressions TiDB computes to the same bytes as every
// supported source. An expression is proved if its grammar, its functions and
// the types of its columns are all listed here; TestProvedExpressions compares
// everything that is listed on real servers, over edge values. What is not
// listed is not proved: JSON, floating point, collations, the case of letters
// outside ASCII, and whatever depends on a time zone or on ZEROFILL differ.

// class is the class of types that an expression's value belongs to.
type class uint8

const (
	classOther class = iota // not proved
	classNull               // the literal NULL: fits everywhere
	classInt                // integers and truth values
	classDecimal
	classText
	classDate     // DATE
	classDateTime // DATETIME
	classTime     // TIME
)

// term is what is known of a part of an expression.
type term struct {
	class class
	// literal is true for a number or text that is written in the expression.
	literal bool
	// utf8 is true for a text whose bytes are the same in UTF-8, so that LENGTH
	// and MD5 agree; ascii for one without other characters at all.
	utf8, ascii bool
	// padded is true for a number of a ZEROFILL column: as text it has zeros that
	// TiDB does not print.
	padded bool
	// uneven is true for a decimal number that is one of several with different
	// scales: as text it has the chosen one's digits on MySQL, and those of the
	// largest scale on MariaDB and TiDB.
	uneven           bool
	precision, scale int // of classDecimal
	// negative is true for a value of classDecimal that may be less than 0.
	negative bool
	// unsigned is true for a number that a server may take for an UNSIGNED one.
	unsigned     bool
	lo, hi       *big.Int // the bounds of a value of classInt
	chars, bytes int      // the most that a text has; its bytes are those in UTF-8
}

// prover reads an expression. Its first problem stays in why.
type prover struct {
	d      *definition
	tokens []token
	i      int
	why    string
	depth  int
	// generated returns why a generated column that the expression uses has
	// another value in the target; "" when it has not.
	generated func(c *columnDef) string
	charsets  map[string]bool // of the text columns that it uses
	// values has the terms of the generated columns that it uses; nil for a prover
	// of such a one, so that each is read once.
	values map[string]term
	dates  bool // it takes the date of a value
}

// maxNesting bounds the depth of an expression that is looked at.
const maxNesting = 64

// unproved returns why TiDB may compute a generated column to another value than
// the source, "" when it is proved that it does not.
func unproved(d *definition, c *columnDef, generated func(*columnDef) string) string {
	why, most := provedForMost(d, c, generated)
	switch {
	case why != "":
		return why
	case most.dates:
		return "its expression's value is a DATE, which may be one of zeros"
	case !most.fits:
		return "its expression's value may not fit " + c.typ.sql()
	}
	return ""
}

// exceptions are the rows for which an expression is not proved that is proved for
// all others.
type exceptions struct {
	fits bool // false: those whose value does not fit the column
	// dates: those with a date of zeros, or with one that is none. The date of such a
	// value is NULL or not by a session's sql_mode, and TiDB cannot read it from a VIRTUAL
	// column in a session that does not allow it; it adds no other column to a table.
	dates bool
}

// provedForMost is unproved for all rows but the exceptions.
func provedForMost(d *definition, c *columnDef, generated func(*columnDef) string) (why string, but exceptions) {
	tokens, err := tokenize(c.generated, 0)
	if err != nil {
		return "its expression cannot be read", but
	}
	p := &prover{d: d, tokens: tokens, generated: generated, charsets: map[string]bool{}, values: map[string]term{}}
	t := p.expression(0)
	if p.why == "" && p.peek().kind != tokEOF {
		p.unknown()
	}
	if p.why != "" {
		return p.why, but
	}
	return p.stored(t, &c.typ), exceptions{fits: t.fits(&c.typ), dates: p.dates || t.class == classDate}
}

// stored returns why a value of an expression that fits the type may be stored
// otherwise in a column of it.
func (p *prover) stored(t term, into *typeDef) string {
	ok := false
	switch into.base {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		ok = t.class == classInt
	case "decimal":
		ok = t.class == classInt || t.class == classDecimal
	case "varchar", "tinytext", "text", "mediumtext", "longtext":
		ok = t.class == classText
		for cs := range p.charsets {
			ok = ok && (into.charset == "utf8mb4" || into.charset == cs)
		}
	case "date":
		ok = t.class == classDate
	}
	if !ok {
		return "its expression's value is converted to " + into.sql()
	}
	return ""
}

func (p *prover) peek() token { return p.tokens[p.i] }

func (p *prover) at(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

func (p *prover) next() token {
	t := p.tokens[p.i]
	if p.i < len(p.tokens)-1 {
		p.i++
	}
	return t
}

func (p *prover) accept(text string) bool {
	if p.peek().is(text) || p.peek().punct(text) {
		p.next()
		return true
	}
	return false
}

func (p *prover) fail(why string) term {
	if p.why == "" {
		p.why = why
	}
	p.i = len(p.tokens) - 1
	return term{}
}

// unknown fails without naming what was written: it may be a value.
func (p *prover) unknown() term {
	t := p.peek()
	if t.kind == tokWord || t.kind == tokPunct {
		return p.fail("its expression uses " + strings.ToUpper(t.text))
	}
	return p.fail("the form of its expression is not known")
}

func (p *prover) expect(text string) {
	if !p.accept(text) {
		p.unknown()
	}
}

// binaryOperators lists the operators by how tightly they bind (MySQL manual, "Operator
// Precedence"). || is left out: it is OR or CONCAT, by sql_mode.
var binaryOperators = map[string]int{"OR": 1, "XOR": 2, "AND": 3, "&&": 3,
	"=": 5, "<=>": 5, ">=": 5, ">": 5, "<=": 5, "<": 5, "<>": 5, "!=": 5,
	"+": 7, "-": 7, "*": 8, "%": 8, "DIV": 8, "MOD": 8}

const (
	levelBetween    = 4
	levelComparison = 5
	levelUnary      = 9
)

// expression reads operators that bind at least as tightly as level.
func (p *prover) expression(level int) term {
	if p.depth++; p.depth > maxNesting {
		return p.fail("its expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	left := p.unary()
	for p.why == "" {
		t := p.peek()
		op := strings.ToUpper(t.text)
		if t.kind != tokPunct && t.kind != tokWord {
			break
		}
		if known := p.predicate(level, &left); known {
			continue
		}
		n, known := binaryOperators[op]
		if !known || n < level || n == 0 {
			break
		}
		p.next()
		left = p.operate(op, left, p.expression(n+1))
	}
	return left
}

// predicate reads what may follow an operand: COLLATE, IS [NOT] NULL, [NOT] BETWEEN
// and [NOT] IN. It returns false when none of them does.
func (p *prover) predicate(level int, left *term) bool {
	not := 0
	if p.peek().is("NOT") {
		not = 1
	}
	switch {
	case p.peek().is("COLLATE") && left.class == classText:
		// A collation has no effect on bytes, and texts are not compared here.
		p.next()
		p.next()
		return true
	case p.peek().is("IS") && level <= levelComparison:
		p.next()
		p.accept("NOT")
		if p.peek().isAny("TRUE", "FALSE") {
			p.truths(*left)
			p.next()
		} else {
			p.expect("NULL")
		}
	case p.at(not).is("BETWEEN") && level <= levelBetween:
		p.accept("NOT")
		p.next()
		low := p.expression(levelComparison + 1)
		p.expect("AND")
		p.compared(*left, low, p.expression(levelComparison+1))
	case p.at(not).is("IN") && level <= levelComparison:
		p.accept("NOT")
		p.next()
		p.expect("(")
		p.compared(append(p.arguments(), *left)...)
	default:
		return false
	}
	*left = truth()
	return true
}

// numbers fails unless all terms are numbers: they are compared, and texts are
// compared by collations.
func (p *prover) numbers(list ...term) {
	for _, t := range list {
		if t.class != classInt && t.class != classDecimal && t.class != classNull {
			p.fail("its expression compares or computes with values that are not exact numbers")
		}
	}
}

// compared fails unless the terms are numbers that every server compares alike.
func (p *prover) compared(list ...term) {
	p.numbers(list...)
	p.signs(list...)
}

// operate returns the term of left op right.
func (p *prover) operate(op string, left, right term) term {
	if p.why != "" {
		return term{}
	}
	switch op {
	case "AND", "&&", "OR", "XOR":
		p.truths(left, right)
		return truth()
	}
	p.compared(left, right)
	if p.why != "" {
		return term{}
	}
	for _, t := range []*term{&left, &right} {
		if t.class == classNull {
			*t = between(0, 0)
		}
	}
	whole := left.class != classDecimal && right.class != classDecimal
	switch op {
	case "+", "-", "*":
		if op == "-" && (left.unsigned || right.unsigned) {
			return p.fail("its expression subtracts UNSIGNED numbers")
		}
		if !whole {
			return p.decimal(op, left, right)
		}
		return p.integers(op, left, right)
	case "%", "MOD", "DIV":
		if !whole {
			return p.fail("its expression divides decimal numbers")
		}
		return p.integers(op, left, right)
	}
	return truth()
}

// Bounds of DECIMAL. Beyond them the servers round.
const (
	maxPrecision = 65
	maxScale     = 30
)

// decimal returns the term of an exact sum or product.
func (p *prover) decimal(op string, left, right term) term {
	li, ls := left.digits()
	ri, rs := right.digits()
	t := term{class: classDecimal, scale: max(ls, rs), uneven: left.uneven || right.uneven, unsigned: left.unsigned || right.unsigned,
		negative: op == "-" || left.mayBeNegative() || right.mayBeNegative()}
	t.precision = max(li, ri) + t.scale + 1
	if op == "*" {
		t.scale = ls + rs
		t.precision = li + ri + t.scale
	}
	if t.precision > maxPrecision || t.scale > maxScale {
		return p.fail("its expression's value may have more digits than DECIMAL")
	}
	return t
}

func (p *prover) unary() term {
	t := p.peek()
	switch {
	case t.punct("-"), t.punct("+"):
		p.next()
		v := p.expression(levelUnary)
		p.numbers(v)
		v.padded = false
		if t.text == "-" && p.why == "" {
			return p.negated(v)
		}
		return v
	case t.is("NOT") && p.at(1).punct("("):
		p.next()
		p.truths(p.expression(levelUnary))
		return truth()
	case p.accept("("):
		v := p.expression(0)
		p.expect(")")
		return v
	case t.kind == tokNumber:
		return p.number(p.next().text)
	case t.kind == tokString:
		return p.text(p.next().text)
	case t.kind == tokWord && isIntroducer(t.text) && p.at(1).kind == tokString:
		p.next()
		return p.text(p.next().text)
	case t.isAny("TRUE", "FALSE"):
		p.next()
		v := truth()
		v.literal = true
		return v
	case t.is("NULL"):
		p.next()
		return term{class: classNull}
	case t.is("CASE"):
		return p.caseOf()
	case t.kind == tokWord && p.at(1).punct("("):
		return p.call(strings.ToLower(t.text))
	case t.kind == tokIdent, t.kind == tokWord:
		return p.column(p.next().text)
	}
	return p.unknown()
}

func (p *prover) number(text string) term {
	whole, fraction, _ := strings.Cut(text, ".")
	if strings.ContainsAny(text, "eExXbB") {
		return p.fail("its expression has a number that is no plain decimal")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		t := between(n, n)
		t.literal = true
		return t
	}
	return term{class: classDecimal, literal: true, unsigned: fraction == "", precision: len(whole) + len(fraction), scale: len(fraction)}
}

func (p *prover) text(s string) term {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return p.fail("its expression has a text with characters that are not printable ASCII")
		}
		if s[i] == '\\' {
			return p.fail("its expression has a text with a backslash, which MySQL reads by the sql_mode of each session")
		}
	}
	return term{class: classText, literal: true, utf8: true, ascii: true, chars: len(s), bytes: len(s)}
}

func (p *prover) column(name string) term {
	c := p.d.column(name)
	if c == nil {
		return p.fail("its expression uses a name that is no column")
	}
	if c.generated != "" {
		if why := p.generated(c); why != "" {
			return p.fail("it depends on the generated column " + c.name)
		}
	}
	t := &c.typ
	switch t.base {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		v := integerOf(t)
		if e := p.computed(c); e.class == classInt && e.fits(t) {
			v.lo, v.hi = e.lo, e.hi
		}
		return v
	case "decimal":
		unsigned := t.unsigned || t.zerofill
		return term{class: classDecimal, padded: t.zerofill, precision: t.length, scale: max(t.scale, 0), unsigned: unsigned, negative: !unsigned}
	case "char":
		return p.fail("its expression uses a CHAR, which has trailing blanks in sessions with PAD_CHAR_TO_FULL_LENGTH")
	case "varchar", "tinytext", "text", "mediumtext", "longtext":
		switch t.charset {
		case "utf8mb4", "utf8mb3", "ascii", "latin1":
			p.charsets[t.charset] = true
			return textOf(t)
		}
		return p.fail("its expression uses a text in " + t.charset)
	case "date":
		return term{class: classDate}
	case "datetime":
		return term{class: classDateTime}
	case "time":
		return term{class: classTime}
	}
	return p.fail("its expression uses a column of the type " + t.base)
}

// caseOf reads CASE [x] WHEN .. THEN .. [ELSE ..] END.
func (p *prover) caseOf() term {
	p.next()
	var compared, results []term
	if !p.peek().is("WHEN") {
		compared = append(compared, p.expression(0))
	}
	for p.accept("WHEN") {
		when := p.expression(0)
		if compared == nil {
			p.truths(when)
		} else {
			compared = append(compared, when)
		}
		p.expect("THEN")
		results = append(results, p.expression(0))
	}
	if p.accept("ELSE") {
		results = append(results, p.expression(0))
	}
	p.expect("END")
	p.compared(compared...)
	return p.common(results)
}

// common returns the term of a value that is one of several.
func (p *prover) common(list []term) term {
	if p.why != "" {
		return term{}
	}
	p.signs(list...)
	out := term{class: classNull, utf8: true, ascii: true}
	whole, scaled := 0, false
	for _, t := range list {
		switch {
		case t.class == classNull:
			continue
		case out.class == classNull:
			out.class, out.lo, out.hi = t.class, t.lo, t.hi
		case out.class != t.class:
			return p.fail("its expression has results of different types")
		}
		out.utf8, out.ascii, out.padded = out.utf8 && t.utf8, out.ascii && t.ascii, out.padded || t.padded
		out.uneven = out.uneven || t.uneven || t.class == classDecimal && scaled && t.scale != out.scale
		scaled = true
		out.unsigned, out.negative = out.unsigned || t.unsigned, out.negative || t.negative
		out.chars, out.bytes = max(out.chars, t.chars), max(out.bytes, t.bytes)
		whole, out.scale = max(whole, t.precision-t.scale), max(out.scale, t.scale)
		if t.class == classInt {
			if t.lo.Cmp(out.lo) < 0 {
				out.lo = t.lo
			}
			if t.hi.Cmp(out.hi) > 0 {
				out.hi = t.hi
			}
		}
	}
	out.precision = whole + out.scale
	return out
}
