package schema

import (
	"math/big"
	"slices"
)

// This file bounds the values of expressions. A source without strict mode clips a
// value that does not fit its column, TiDB refuses the row. The sessions of a source
// also decide whether a difference of UNSIGNED numbers may be negative. A generated
// column is proved if neither can happen for any values of its columns.

// integerBits is the size of the integer types.
var integerBits = map[string]uint{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}

var (
	minSigned   = new(big.Int).Neg(power(63))
	maxSigned   = below(power(63))
	maxUnsigned = below(power(64))
)

func power(bits uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), bits) }

func below(n *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }

func between(lo, hi int64) term {
	return term{class: classInt, lo: big.NewInt(lo), hi: big.NewInt(hi)}
}

func truth() term { return between(0, 1) }

// count is a number of at most most from a function, which a server may take for
// UNSIGNED.
func count(most int) term {
	t := between(0, int64(most))
	t.unsigned = true
	return t
}

// integerOf returns what an integer column holds.
func integerOf(t *typeDef) term {
	bits := integerBits[t.base]
	if t.unsigned || t.zerofill {
		return term{class: classInt, padded: t.zerofill, unsigned: true, lo: new(big.Int), hi: below(power(bits))}
	}
	return term{class: classInt, lo: new(big.Int).Neg(power(bits - 1)), hi: below(power(bits - 1))}
}

// computed returns the term of a generated column's expression, whose bounds are
// narrower than those of its type. Its class is classOther if it is not proved.
func (p *prover) computed(c *columnDef) term {
	if c.generated == "" || p.values == nil {
		return term{}
	}
	if t, ok := p.values[c.name]; ok {
		return t
	}
	var t term
	if tokens, err := tokenize(c.generated, 0); err == nil {
		q := &prover{d: p.d, tokens: tokens, generated: p.generated, charsets: map[string]bool{}}
		if t = q.expression(0); q.why != "" || q.peek().kind != tokEOF {
			t = term{}
		}
	}
	p.values[c.name] = t
	return t
}

// textSize returns how many bytes a TEXT type holds.
func textSize(base string) (int, bool) {
	if base == "longtext" {
		return 1<<32 - 1, true
	}
	n, ok := textBytes[base]
	return n, ok
}

// textOf returns what a text column holds.
func textOf(t *typeDef) term {
	v := term{class: classText, utf8: t.charset != "latin1", ascii: t.charset == "ascii"}
	perChar := map[string]int{"utf8mb4": 4, "utf8mb3": 3, "latin1": 3, "ascii": 1}[t.charset] // in UTF-8
	if most, ok := textSize(t.base); ok {
		v.chars, v.bytes = most, most
		if t.charset == "latin1" {
			v.bytes = most * perChar
		}
		return v
	}
	v.chars, v.bytes = t.length, t.length*perChar
	return v
}

// fits returns true if every value of the term fits the type.
func (t term) fits(into *typeDef) bool {
	switch into.base {
	case "decimal":
		whole := into.length - max(into.scale, 0)
		if (into.unsigned || into.zerofill) && t.mayBeNegative() {
			return false
		}
		if t.class == classDecimal && t.scale > max(into.scale, 0) {
			return t.precision-t.scale < whole // it is rounded, to one more digit perhaps
		}
		digits, _ := t.digits()
		return digits <= whole
	case "varchar":
		return t.chars <= into.length
	case "date":
		return true
	}
	if most, ok := textSize(into.base); ok {
		if into.charset == "latin1" || into.charset == "ascii" {
			return t.chars <= most
		}
		return t.bytes <= most
	}
	column := integerOf(into)
	return t.lo.Cmp(column.lo) >= 0 && t.hi.Cmp(column.hi) <= 0
}

func (t term) mayBeNegative() bool {
	return t.class == classInt && t.lo.Sign() < 0 || t.class == classDecimal && t.negative
}

// most returns the largest absolute value of an integer.
func (t term) most() *big.Int {
	lo, hi := new(big.Int).Abs(t.lo), new(big.Int).Abs(t.hi)
	if lo.Cmp(hi) > 0 {
		return lo
	}
	return hi
}

// withZero returns bounds within which 0 is, too.
func (t term) withZero() (lo, hi *big.Int) {
	lo, hi = t.lo, t.hi
	if lo.Sign() > 0 {
		lo = new(big.Int)
	}
	if hi.Sign() < 0 {
		hi = new(big.Int)
	}
	return lo, hi
}

// digits returns how many digits a number has before and after the point.
func (t term) digits() (whole, fraction int) {
	if t.class == classDecimal {
		return t.precision - t.scale, t.scale
	}
	return len(t.most().String()), 0
}

// printed returns how many characters a value has as text.
func (t term) printed() int {
	switch t.class {
	case classText:
		return t.chars
	case classInt:
		return max(len(t.lo.String()), len(t.hi.String()))
	}
	return t.precision + len("-0.")
}

// sized returns how many bytes in UTF-8 a value has as text.
func (t term) sized() int {
	if t.class == classText {
		return t.bytes
	}
	return t.printed()
}

// signs fails if an UNSIGNED number meets one that may be negative: the products
// compare and mix them by rules of their own.
func (p *prover) signs(list ...term) {
	if slices.ContainsFunc(list, func(t term) bool { return t.unsigned }) && slices.ContainsFunc(list, term.mayBeNegative) {
		p.fail("its expression mixes UNSIGNED numbers with numbers that may be negative")
	}
}

// truths fails unless all terms are integers: MariaDB makes an integer of a decimal
// number that XOR takes, and 0.4 becomes false.
func (p *prover) truths(list ...term) {
	for _, t := range list {
		if t.class != classInt && t.class != classNull {
			p.fail("its expression takes values that are not integers as truth values")
		}
	}
}

// ranged returns a number within the bounds of the type that it is computed in. All
// servers refuse a row whose value is out of them (1690), in every sql_mode.
func (p *prover) ranged(t term) term {
	if t.class == classInt {
		top := maxSigned
		if t.unsigned {
			top = maxUnsigned
		}
		if t.lo.Cmp(minSigned) < 0 {
			t.lo = minSigned
		}
		if t.hi.Cmp(top) > 0 {
			t.hi = top
		}
	}
	return t
}

// negated returns the term of -v.
func (p *prover) negated(v term) term {
	switch {
	case v.unsigned:
		return p.fail("its expression negates an UNSIGNED number")
	case v.class == classInt:
		v.lo, v.hi = new(big.Int).Neg(v.hi), new(big.Int).Neg(v.lo)
	case v.class == classDecimal:
		v.negative = true
	}
	return p.ranged(v)
}

// integers returns the term of left op right for integers.
func (p *prover) integers(op string, left, right term) term {
	t := term{class: classInt, unsigned: left.unsigned || right.unsigned, lo: new(big.Int), hi: new(big.Int)}
	switch op {
	case "+":
		t.lo.Add(left.lo, right.lo)
		t.hi.Add(left.hi, right.hi)
	case "-":
		t.lo.Sub(left.lo, right.hi)
		t.hi.Sub(left.hi, right.lo)
	case "*":
		for i, a := range []*big.Int{left.lo, left.lo, left.hi, left.hi} {
			b := []*big.Int{right.lo, right.hi}[i%2]
			v := new(big.Int).Mul(a, b)
			if i == 0 || v.Cmp(t.lo) < 0 {
				t.lo = v
			}
			if i == 0 || v.Cmp(t.hi) > 0 {
				t.hi = v
			}
		}
	case "DIV": // a quotient is not larger than what is divided
		t.lo, t.hi = left.withZero()
		switch {
		case right.lo.Sign() > 0:
			t.lo, t.hi = new(big.Int).Quo(t.lo, right.lo), new(big.Int).Quo(t.hi, right.lo)
		case right.lo.Sign() < 0:
			t.lo, t.hi = new(big.Int).Neg(left.most()), left.most()
		}
	default: // a remainder is smaller than the divisor and has the sign of what is divided
		t.lo, t.hi = left.withZero()
		most := right.most()
		if most.Sign() > 0 {
			most = below(most)
		}
		if most.Cmp(t.hi) < 0 {
			t.hi = most
		}
		if least := new(big.Int).Neg(most); least.Cmp(t.lo) > 0 {
			t.lo = least
		}
	}
	return p.ranged(t)
}

// resultOf returns the term of a function in provedFunctions with its arguments.
func (p *prover) resultOf(name string, f signature, args []term) term {
	switch f.result {
	case classOther:
		if name != "abs" {
			return p.common(args)
		}
		t := args[0]
		t.literal, t.unsigned, t.negative = false, true, false
		if t.class == classInt {
			t.lo, t.hi = new(big.Int), t.most()
			if t.hi.Cmp(maxSigned) > 0 && !args[0].unsigned {
				t.hi = maxSigned // ABS of the least number is out of range
			}
		}
		return t
	case classInt:
		return p.countOf(name, args)
	case classText:
		t := p.bytesOf(args)
		t.class = classText
		t.chars, t.bytes = lengthOf(name, args)
		return t
	}
	return term{class: f.result}
}

// countOf returns the term of a function whose value is an integer.
func (p *prover) countOf(name string, args []term) term {
	switch name {
	case "sign":
		return between(-1, 1)
	case "isnull":
		return truth()
	case "mod":
		return p.operate("MOD", args[0], args[1])
	case "greatest", "least":
		return p.common(args)
	case "char_length", "character_length":
		return count(args[0].chars)
	case "length", "octet_length":
		return count(args[0].bytes)
	case "crc32":
		return count(1<<32 - 1)
	case "year":
		return count(9999)
	case "hour":
		return count(838)
	}
	return count(59) // the other parts of dates and times
}

// digestLength is how many hexadecimal digits a hash has; SHA2 has 128 at most.
var digestLength = map[string]int{"md5": 32, "sha": 40, "sha1": 40, "sha2": 128}

// lengthOf returns how many characters and bytes a function's text has at most.
func lengthOf(name string, args []term) (chars, bytes int) {
	if n := digestLength[name]; n > 0 {
		if name == "sha2" && args[1].hi.IsInt64() && slices.Contains([]int64{224, 256, 384, 512}, args[1].hi.Int64()) {
			n = int(args[1].hi.Int64()) / 4
		}
		return n, n
	}
	switch name {
	case "hex":
		return 2 * args[0].bytes, 2 * args[0].bytes
	case "concat", "concat_ws":
		for i, a := range args {
			times := 1
			if name == "concat_ws" && i == 0 {
				times = len(args) - 2
			}
			chars, bytes = chars+times*a.printed(), bytes+times*a.sized()
		}
		return chars, bytes
	}
	chars, bytes = args[0].chars, args[0].bytes
	if n := args[len(args)-1]; (name == "left" || name == "right" || len(args) == 3) && n.hi.Cmp(big.NewInt(int64(chars))) < 0 {
		chars = int(max(n.hi.Int64(), 0))
		bytes = min(bytes, 4*chars)
	}
	return chars, bytes
}
