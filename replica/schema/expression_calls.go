package schema

import "strings"

// This file lists the functions and casts that are proved, see expression.go.

// arguments reads expressions up to the closing parenthesis.
func (p *prover) arguments() []term {
	if p.accept(")") {
		return nil
	}
	var out []term
	for p.why == "" {
		out = append(out, p.expression(0))
		if p.accept(")") {
			return out
		}
		p.expect(",")
	}
	return out
}

// signature is how a function may be called: a letter for each argument, and the
// class of its value; classOther is that of the arguments. The letters:
//
//	i  integer          n  integer or decimal     l  integer literal of 31 bits
//	t  text             u  text in UTF-8          a  ASCII text
//	x  text, or a number whose text is its digits
//	d  DATE or DATETIME                           h  DATETIME or TIME
//	v  any proved value
//
// A plus sign repeats the last letter.
type signature struct {
	args   []string
	result class
}

var provedFunctions = map[string]signature{
	"concat": {[]string{"x+"}, classText}, "concat_ws": {[]string{"tx+"}, classText},
	"left": {[]string{"tl"}, classText}, "right": {[]string{"tl"}, classText},
	"substr": {[]string{"tl", "tll"}, classText}, "substring": {[]string{"tl", "tll"}, classText}, "mid": {[]string{"tll"}, classText},
	"trim": {[]string{"t"}, classText}, "ltrim": {[]string{"t"}, classText}, "rtrim": {[]string{"t"}, classText},
	"reverse": {[]string{"t"}, classText}, "lower": {[]string{"a"}, classText}, "upper": {[]string{"a"}, classText},
	"lcase": {[]string{"a"}, classText}, "ucase": {[]string{"a"}, classText},
	"char_length": {[]string{"t"}, classInt}, "character_length": {[]string{"t"}, classInt},
	"length": {[]string{"u"}, classInt}, "octet_length": {[]string{"u"}, classInt},
	"md5": {[]string{"u"}, classText}, "sha": {[]string{"u"}, classText}, "sha1": {[]string{"u"}, classText},
	"sha2": {[]string{"ul"}, classText}, "hex": {[]string{"u"}, classText}, "crc32": {[]string{"u"}, classInt},
	"abs": {[]string{"n"}, classOther}, "sign": {[]string{"n"}, classInt}, "mod": {[]string{"ii"}, classInt},
	"greatest": {[]string{"ii+"}, classInt}, "least": {[]string{"ii+"}, classInt},
	"coalesce": {[]string{"v+"}, classOther}, "ifnull": {[]string{"vv"}, classOther},
	"isnull": {[]string{"v"}, classInt},
	"year":   {[]string{"d"}, classInt}, "month": {[]string{"d"}, classInt}, "day": {[]string{"d"}, classInt},
	"dayofmonth": {[]string{"d"}, classInt}, "quarter": {[]string{"d"}, classInt},
	"hour": {[]string{"h"}, classInt}, "minute": {[]string{"h"}, classInt}, "second": {[]string{"h"}, classInt},
}

// call reads a function's arguments.
func (p *prover) call(name string) term {
	p.next()
	p.next()
	switch name {
	case "cast":
		return p.cast()
	case "convert":
		v := p.expression(0)
		p.expect("USING")
		if !p.accept("utf8mb4") || v.class != classText {
			return p.fail("its expression uses CONVERT")
		}
		p.expect(")")
		return term{class: classText, utf8: true, ascii: v.ascii, chars: v.chars, bytes: v.bytes}
	}
	if name == "date" {
		args := p.arguments()
		if len(args) != 1 {
			return p.fail("its expression uses DATE")
		}
		return p.date(args[0])
	}
	if name == "if" {
		args := p.arguments()
		if p.why != "" || len(args) != 3 {
			return p.fail("its expression uses IF")
		}
		p.truths(args[0])
		return p.common(args[1:])
	}
	f, known := provedFunctions[name]
	if !known {
		return p.fail("its expression uses " + strings.ToUpper(name))
	}
	args := p.arguments()
	if p.why != "" {
		return term{}
	}
	for _, letters := range f.args {
		if takes(letters, args) {
			return p.resultOf(name, f, args)
		}
	}
	return p.fail("its expression uses " + strings.ToUpper(name) + " of values of other types")
}

// date returns the term of a value's date.
func (p *prover) date(v term) term {
	if p.why == "" && v.class != classDate && v.class != classDateTime {
		return p.fail("its expression uses DATE of values of other types")
	}
	p.dates = true
	return term{class: classDate}
}

// cast reads CAST(x AS DATE) and CAST(x AS CHAR), as MySQL prints DATE(x) and
// conversions of numbers.
func (p *prover) cast() term {
	v := p.expression(0)
	p.expect("AS")
	switch {
	case p.accept("DATE"):
		p.expect(")")
		return p.date(v)
	case p.accept("CHAR"):
		// Without a character set it is the connection's, which may lack characters.
		all := false
		if p.accept("CHARSET") || p.accept("CHARACTER") && p.accept("SET") {
			all = p.peek().is("utf8mb4")
			if !all && !p.peek().isAny("utf8mb3", "utf8") {
				return p.fail("its expression uses CAST to another character set")
			}
			p.next()
		}
		p.expect(")")
		if v.class == classText && !v.ascii && !all {
			return p.fail("its expression uses CAST to a character set that may lack characters")
		}
		if allows('x', v) {
			return term{class: classText, utf8: v.class != classText || v.utf8, ascii: v.class != classText || v.ascii, chars: v.printed(), bytes: v.sized()}
		}
	}
	return p.fail("its expression uses CAST of values of other types")
}

// bytesOf returns which bytes a text that is made of several values has.
func (p *prover) bytesOf(list []term) term {
	out := term{utf8: true, ascii: true}
	for _, t := range list {
		if t.class == classText {
			out.utf8, out.ascii = out.utf8 && t.utf8, out.ascii && t.ascii
		}
	}
	return out
}

// takes returns true if the letters of a signature allow the arguments.
func takes(letters string, args []term) bool {
	for i, t := range args {
		at := i
		if n := len(letters) - 1; letters[n] == '+' && i >= n {
			at = n - 1
		} else if i >= len(letters) {
			return false
		}
		if !allows(letters[at], t) {
			return false
		}
	}
	return len(args) >= len(strings.TrimSuffix(letters, "+"))
}

// maxArgument bounds the literals of functions: TiDB adds SUBSTR's position and
// length, and the sum of large ones overflows.
const maxArgument = 1<<31 - 1

func allows(letter byte, t term) bool {
	switch letter {
	case 'i':
		return t.class == classInt
	case 'l':
		return t.class == classInt && t.literal && t.most().IsInt64() && t.most().Int64() <= maxArgument
	case 'n':
		return t.class == classInt || t.class == classDecimal
	case 't':
		return t.class == classText
	case 'u':
		return t.class == classText && t.utf8
	case 'a':
		return t.class == classText && t.ascii
	case 'x':
		return t.class == classText || (t.class == classInt || t.class == classDecimal) && !t.padded && !t.uneven
	case 'd':
		return t.class == classDate || t.class == classDateTime
	case 'h':
		return t.class == classDateTime || t.class == classTime
	case 'v':
		return true
	}
	return false
}
