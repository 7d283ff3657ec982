package sqladmin

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"sluice/internal/tidbsql"
)

// arithmetic works on integers exactly, on all else as doubles. A result out of the
// range of BIGINT, BIGINT UNSIGNED or DOUBLE is error 1690, as MySQL has it. A
// difference of UNSIGNED numbers may be negative, as with NO_UNSIGNED_SUBTRACTION.
func arithmetic(op opcode.Op, a, b any) (any, error) {
	switch op {
	case opcode.And:
		return bits(a) & bits(b), nil
	case opcode.Or:
		return bits(a) | bits(b), nil
	case opcode.Xor:
		return bits(a) ^ bits(b), nil
	case opcode.LeftShift:
		return bits(a) << min(bits(b), 64), nil
	case opcode.RightShift:
		return bits(a) >> min(bits(b), 64), nil
	}
	x, y := asFloat(a), asFloat(b)
	if y == 0 && (op == opcode.Div || op == opcode.IntDiv || op == opcode.Mod) {
		return nil, nil
	}
	m, n := integer(a), integer(b)
	whole := m != nil && n != nil
	if whole && op != opcode.Div {
		return exact(op, m, n, isUint(a) || isUint(b))
	}
	var f float64
	switch op {
	case opcode.Plus:
		f = x + y
	case opcode.Minus:
		f = x - y
	case opcode.Mul:
		f = x * y
	case opcode.Div:
		if f = x / y; whole {
			f = decimals(f)
		}
	case opcode.IntDiv:
		return divide(op, a, b)
	case opcode.Mod:
		if !isNumber(a) || !isNumber(b) { // a text is a double
			return unsignedZero(math.Mod(x, y)), nil
		}
		return divide(op, a, b)
	default:
		return nil, NotSupported("operator " + op.String())
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, outOfRange("DOUBLE", operation(op, asString(a), asString(b)))
	}
	return unsignedZero(f), nil
}

// unsignedZero returns f, and 0 for -0, which no DECIMAL has.
func unsignedZero(f float64) float64 { return f + 0 }

// divide is DIV and % when an operand is no integer: exact for the decimal
// numbers that the operands print as, so that 0.3 % 0.1 is 0. The divisor is
// not 0.
func divide(op opcode.Op, a, b any) (any, error) {
	x, y := rational(a), rational(b)
	// x/y is m/n with integers.
	m, n := new(big.Int).Mul(x.Num(), y.Denom()), new(big.Int).Mul(x.Denom(), y.Num())
	quotient := m.Quo(m, n)
	if op == opcode.IntDiv {
		unsigned, expression := isUint(a) || isUint(b), func() string { return operation(op, asString(a), asString(b)) }
		if unsigned && quotient.Sign() < 0 {
			return nil, outOfRange("BIGINT UNSIGNED", expression())
		}
		return fitting(quotient, unsigned, expression)
	}
	f, _ := x.Sub(x, y.Mul(y, new(big.Rat).SetInt(quotient))).Float64()
	return unsignedZero(f), nil
}

// rational returns the number that a value prints as.
func rational(v any) *big.Rat {
	if n := integer(v); n != nil {
		return new(big.Rat).SetInt(n)
	}
	if r, ok := new(big.Rat).SetString(formatFloat(asFloat(v))); ok {
		return r
	}
	return new(big.Rat) // formatFloat prints nothing that is no number
}

// exact computes with integers of any size.
func exact(op opcode.Op, m, n *big.Int, unsigned bool) (any, error) {
	r := new(big.Int)
	switch op {
	case opcode.Plus:
		r.Add(m, n)
	case opcode.Minus:
		r.Sub(m, n)
	case opcode.Mul:
		r.Mul(m, n)
	case opcode.IntDiv:
		r.Quo(m, n)
	case opcode.Mod:
		r.Rem(m, n)
	default:
		return nil, NotSupported("operator " + op.String())
	}
	if unsigned && r.Sign() < 0 && (op == opcode.Plus || op == opcode.Mul || op == opcode.IntDiv) {
		return nil, outOfRange("BIGINT UNSIGNED", operation(op, m.String(), n.String()))
	}
	return fitting(r, unsigned, func() string { return operation(op, m.String(), n.String()) })
}

// fitting returns r as a BIGINT, or when unsigned as a BIGINT UNSIGNED unless it
// is negative.
func fitting(r *big.Int, unsigned bool, expression func() string) (any, error) {
	switch {
	case unsigned && r.IsUint64():
		return r.Uint64(), nil
	case r.IsInt64():
		return r.Int64(), nil
	case unsigned:
		return nil, outOfRange("BIGINT UNSIGNED", expression())
	}
	return nil, outOfRange("BIGINT", expression())
}

// maxShown bounds an operand in a message.
const maxShown = 40

// operation prints what could not be computed.
func operation(op opcode.Op, a, b string) string {
	name := map[opcode.Op]string{opcode.Plus: "+", opcode.Minus: "-", opcode.Mul: "*", opcode.Div: "/", opcode.IntDiv: "DIV", opcode.Mod: "%"}[op]
	return fmt.Sprintf("(%.*s %s %.*s)", maxShown, a, name, maxShown, b)
}

func outOfRange(typ, expression string) error {
	return Errorf(CodeOutOfRange, "%s value is out of range in '%s'", typ, expression).
		WithRemedy("compute with smaller numbers, or with doubles: 1e0 * x")
}

// integer returns nil for what is no integer.
func integer(v any) *big.Int {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v)
	case uint64:
		return new(big.Int).SetUint64(v)
	}
	return nil
}

func isUint(v any) bool { _, ok := v.(uint64); return ok }

// bits returns what the bit operators and CAST AS UNSIGNED take.
func bits(v any) uint64 {
	switch v := v.(type) {
	case uint64:
		return v
	case string:
		return leadingInteger(v)
	}
	return uint64(asInt(v)) // a double above BIGINT is its greatest value
}

// leadingInteger reads the integer that a text begins with, without a fraction
// or an exponent, as MySQL does. One out of range is the greatest, or the least
// BIGINT.
func leadingInteger(s string) uint64 {
	s = strings.TrimLeft(s, " \t\r\n")
	sign := signLength(s)
	word := s[:sign+digits(s[sign:])]
	if strings.HasPrefix(word, "-") {
		n, _ := strconv.ParseInt(word, 10, 64) // 0 when there is no digit
		return uint64(n)
	}
	n, _ := strconv.ParseUint(strings.TrimPrefix(word, "+"), 10, 64)
	return n
}

// inNumbers returns the value of an expression where a number is wanted. The
// literals 0x.. and x'..' are BIGINT UNSIGNED there, and b'..' is an integer;
// elsewhere they are texts.
func inNumbers(e ast.ExprNode, v any) any {
	for {
		p, ok := e.(*ast.ParenthesesExpr)
		if !ok {
			break
		}
		e = p.Expr
	}
	l, ok := e.(*tidbsql.Literal)
	if !ok {
		return v
	}
	switch b := l.Value().(type) {
	case tidbsql.Hex:
		return number(string(b))
	case tidbsql.Bits:
		if n := number(string(b)); n > math.MaxInt64 {
			return n
		} else {
			return int64(n)
		}
	}
	return v
}

// number is the number of a binary literal, 0 for one that no BIGINT UNSIGNED
// holds, as in MySQL 9.
func number(b string) uint64 {
	b = strings.TrimLeft(b, "\x00")
	if len(b) > 8 {
		return 0
	}
	n := uint64(0)
	for i := range len(b) {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// comparands returns two values as they are compared: a binary literal beside a
// number is a number.
func comparands(l, r ast.ExprNode, a, b any) (any, any) {
	x, y := a, b
	if isNumber(b) {
		x = inNumbers(l, a)
	}
	if isNumber(a) {
		y = inNumbers(r, b)
	}
	return x, y
}

// negative returns -v.
func negative(v any) (any, error) {
	n := integer(v)
	if n == nil {
		return unsignedZero(-asFloat(v)), nil
	}
	if r := new(big.Int).Neg(n); r.IsInt64() {
		return r.Int64(), nil
	}
	return nil, outOfRange("BIGINT", "-("+n.String()+")")
}

// decimals rounds to four decimals, as many as MySQL gives a quotient of
// integers (div_precision_increment).
func decimals(f float64) float64 {
	if math.Abs(f) > 1e11 {
		return f
	}
	return math.Round(f*1e4) / 1e4
}
