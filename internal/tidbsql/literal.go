package tidbsql

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/charset"
	"github.com/pingcap/tidb/pkg/parser/format"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/types"
)

// TiDB's parser leaves literals to a driver, which sets these functions. The
// one that comes with the parser is for its tests: it panics on values that it
// does not expect.
func init() {
	ast.NewValueExpr = newLiteral
	ast.NewParamMarkerExpr = func(offset int) ast.ParamMarkerExpr { return &Param{Offset: offset} }
	ast.NewDecimal = func(text string) (any, error) { return Decimal(text), nil }
	ast.NewHexLiteral = parseHex
	ast.NewBitLiteral = parseBits
}

// Decimal is a number as it was written, of any length.
type Decimal string

// Hex is the value of x'..' or 0x...
type Hex string

// Bits is the value of b'..' or 0b.., most significant byte first.
type Bits string

// ToString implements the interface by which the parser takes binary literals.
func (h Hex) ToString() string { return string(h) }

// ToString implements the interface by which the parser takes binary literals.
func (b Bits) ToString() string { return string(b) }

// Literal is a value that was written in SQL text.
type Literal struct {
	ast.TexprNode
	value  any
	offset int // for TiDB's planner; unused
}

// Param is a question mark. It has no value.
type Param struct {
	Literal
	Offset int
	Order  int
}

var (
	_ ast.ValueExpr       = (*Literal)(nil)
	_ ast.ParamMarkerExpr = (*Param)(nil)
)

func newLiteral(value any, charset, collation string) ast.ValueExpr {
	if l, ok := value.(*Literal); ok {
		return l
	}
	l := &Literal{offset: -1}
	l.SetValue(value)
	l.setType(charset, collation)
	if b, ok := value.(bool); ok {
		l.value = int64(0)
		if b {
			l.value = int64(1)
		}
		l.Type.AddFlag(mysql.IsBooleanFlag)
	}
	return l
}

// setType gives the literal the type that MySQL gives such a literal.
func (l *Literal) setType(charsetName, collation string) {
	tp := &l.Type
	tp.SetFlen(types.UnspecifiedLength)
	tp.SetDecimal(types.UnspecifiedLength)
	tp.SetCharset(charset.CharsetBin)
	tp.SetCollate(charset.CollationBin)
	switch v := l.value.(type) {
	case nil:
		tp.SetType(mysql.TypeNull)
	case uint64:
		tp.SetType(mysql.TypeLonglong)
		tp.AddFlag(mysql.UnsignedFlag)
	case int64, bool:
		tp.SetType(mysql.TypeLonglong)
	case float64:
		tp.SetType(mysql.TypeDouble)
	case Decimal:
		tp.SetType(mysql.TypeNewDecimal)
	case Hex, Bits:
		tp.SetType(mysql.TypeVarString)
	default:
		tp.SetType(mysql.TypeVarString)
		tp.SetFlen(len(fmt.Sprint(v)))
		tp.SetCharset(charsetName)
		tp.SetCollate(collation)
	}
}

// Value returns nil, int64, uint64, float64, string, Decimal, Hex or Bits.
func (l *Literal) Value() any { return l.value }

// SetValue implements ast.ValueExpr.
func (l *Literal) SetValue(v any) {
	switch v := v.(type) {
	case int:
		l.value = int64(v)
	case []byte:
		l.value = string(v)
	case nil, bool, int64, uint64, float64, string, Decimal, Hex, Bits:
		l.value = v
	default:
		l.value = fmt.Sprint(v)
	}
}

// GetValue implements ast.ValueExpr.
func (l *Literal) GetValue() any { return l.value }

// GetString implements ast.ValueExpr: the text of a string or binary literal,
// "" for all others.
func (l *Literal) GetString() string {
	switch v := l.value.(type) {
	case string:
		return v
	case Hex:
		return string(v)
	case Bits:
		return string(v)
	}
	return ""
}

// GetDatumString implements ast.ValueExpr.
func (l *Literal) GetDatumString() string { return l.GetString() }

// GetProjectionOffset implements ast.ValueExpr.
func (l *Literal) GetProjectionOffset() int { return l.offset }

// SetProjectionOffset implements ast.ValueExpr.
func (l *Literal) SetProjectionOffset(offset int) { l.offset = offset }

// plain returns the literal as it is written, and false for a string.
func (l *Literal) plain() (string, bool) {
	switch v := l.value.(type) {
	case nil:
		return "NULL", true
	case int64:
		if l.Type.GetFlag()&mysql.IsBooleanFlag != 0 {
			return strings.ToUpper(strconv.FormatBool(v != 0)), true
		}
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'e', -1, 64), true
	case Decimal:
		return string(v), true
	case Hex:
		return "x'" + hex.EncodeToString([]byte(v)) + "'", true
	case Bits:
		var b strings.Builder
		for _, c := range []byte(v) {
			fmt.Fprintf(&b, "%08b", c)
		}
		return "b'" + b.String() + "'", true
	}
	return "", false
}

// Restore implements ast.Node.
func (l *Literal) Restore(ctx *format.RestoreCtx) error {
	if text, ok := l.plain(); ok {
		ctx.WritePlain(text)
		return nil
	}
	if name := l.Type.GetCharset(); name != "" && !ctx.Flags.HasStringWithoutCharset() &&
		(!ctx.Flags.HasStringWithoutDefaultCharset() || name != mysql.DefaultCharset) {
		ctx.WritePlain("_")
		ctx.WriteKeyWord(name)
	}
	ctx.WriteString(l.GetString())
	return nil
}

// Format implements ast.ExprNode.
func (l *Literal) Format(w io.Writer) {
	text, ok := l.plain()
	if !ok {
		text = strconv.Quote(l.GetString())
	}
	io.WriteString(w, text) //nolint:errcheck // the interface has no error
}

// Accept implements ast.Node.
func (l *Literal) Accept(v ast.Visitor) (ast.Node, bool) {
	n, _ := v.Enter(l)
	return v.Leave(n)
}

// SetOrder implements ast.ParamMarkerExpr.
func (p *Param) SetOrder(order int) { p.Order = order }

// Restore implements ast.Node.
func (*Param) Restore(ctx *format.RestoreCtx) error {
	ctx.WritePlain("?")
	return nil
}

// Format implements ast.ExprNode.
func (*Param) Format(w io.Writer) { io.WriteString(w, "?") } //nolint:errcheck // the interface has no error

// Accept implements ast.Node.
func (p *Param) Accept(v ast.Visitor) (ast.Node, bool) {
	n, _ := v.Enter(p)
	return v.Leave(n)
}

// parseHex reads x'..' and 0x.. (MySQL manual, "Hexadecimal Literals").
func parseHex(text string) (any, error) {
	digits, quoted := literalDigits(text, "x", "0x")
	if quoted && len(digits)%2 != 0 {
		return nil, errors.New("a hexadecimal literal in quotes has an even number of digits")
	}
	if len(digits)%2 != 0 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, errors.New("a hexadecimal literal has other characters than 0 to 9 and A to F")
	}
	return Hex(b), nil
}

// parseBits reads b'..' and 0b.. (MySQL manual, "Bit-Value Literals").
func parseBits(text string) (any, error) {
	digits, _ := literalDigits(text, "b", "0b")
	b := make([]byte, (len(digits)+7)/8)
	for i := range digits {
		switch digits[len(digits)-1-i] {
		case '0':
		case '1':
			b[len(b)-1-i/8] |= 1 << (i % 8)
		default:
			return nil, errors.New("a bit literal has other characters than 0 and 1")
		}
	}
	return Bits(b), nil
}

// literalDigits returns what stands between the quotes or after the prefix.
func literalDigits(text, letter, prefix string) (digits string, quoted bool) {
	if len(text) >= 1 && strings.EqualFold(text[:1], letter) {
		return strings.Trim(text[1:], "'"), true
	}
	return strings.TrimPrefix(text, prefix), false
}
