package sqladmin

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/opcode"
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
		if f = math.Trunc(x / y); f >= math.MaxInt64 || f < math.MinInt64 {
			return nil, outOfRange("BIGINT", operation(op, asString(a), asString(b)))
		}
		return int64(f), nil
	case opcode.Mod:
		f = math.Mod(x, y)
	default:
		return nil, NotSupported("operator " + op.String())
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, outOfRange("DOUBLE", operation(op, asString(a), asString(b)))
	}
	return f, nil
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
		if u, err := strconv.ParseUint(strings.TrimSpace(v), 10, 64); err == nil || errors.Is(err, strconv.ErrRange) { // the greatest one then
			return u
		}
	}
	return uint64(asInt(v)) // a double above BIGINT is its greatest value
}

// negative returns -v.
func negative(v any) (any, error) {
	n := integer(v)
	if n == nil {
		return -asFloat(v), nil
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
