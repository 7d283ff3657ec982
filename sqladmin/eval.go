package sqladmin

import (
	"strings"
	"time"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"sluice/internal/tidbsql"
)

// relation is what a SELECT reads: rows under columns. alias, or schema and
// name, may qualify a column.
type relation struct {
	schema, name, alias string
	columns             []Column
	rows                [][]any
}

// scope is where an expression is evaluated: a row, or a group of rows.
type scope struct {
	x       *executor
	rel     *relation
	row     []any
	group   [][]any // not nil when aggregates may be used
	aliases map[string]any
	now     time.Time
}

// eval returns an expression's value. The bytes of each text are counted as
// steps, since what gets it reads it: folds, scans or copies it.
func (s *scope) eval(e ast.ExprNode) (any, error) {
	v, err := s.evaluate(e)
	if err != nil {
		return nil, err
	}
	return v, s.x.stop.step(1 + weight(v))
}

func (s *scope) evaluate(e ast.ExprNode) (any, error) {
	switch e := e.(type) {
	case *tidbsql.Literal:
		return literal(e), nil
	case *ast.ColumnNameExpr:
		return s.column(e)
	case *ast.VariableExpr:
		return s.x.variable(e)
	case *ast.ParenthesesExpr:
		return s.eval(e.Expr)
	case *ast.SetCollationExpr:
		return s.eval(e.Expr)
	case *ast.BinaryOperationExpr:
		return s.binary(e)
	case *ast.UnaryOperationExpr:
		return s.unary(e)
	case *ast.PatternLikeOrIlikeExpr:
		return s.like(e)
	case *ast.PatternRegexpExpr:
		return s.regexp(e)
	case *ast.PatternInExpr:
		return s.in(e)
	case *ast.BetweenExpr:
		return s.between(e)
	case *ast.IsNullExpr:
		v, err := s.eval(e.Expr)
		return int64(btoi((v == nil) != e.Not)), err
	case *ast.IsTruthExpr:
		v, err := s.eval(e.Expr)
		return int64(btoi((v != nil && isTrue(inNumbers(e.Expr, v)) == (e.True != 0)) != e.Not)), err
	case *ast.CaseExpr:
		return s.caseWhen(e)
	case *ast.FuncCallExpr:
		return s.call(e)
	case *ast.FuncCastExpr:
		return s.cast(e)
	case *ast.AggregateFuncExpr:
		return s.aggregate(e)
	case *ast.SubqueryExpr, *ast.ExistsSubqueryExpr, *ast.CompareSubqueryExpr:
		return nil, NotSupported("a subquery in an expression")
	}
	return nil, NotSupported("this kind of expression")
}

// literal returns a literal's value.
func literal(e *tidbsql.Literal) any {
	switch v := e.Value().(type) {
	case tidbsql.Decimal:
		return leadingNumber(string(v))
	case tidbsql.Hex:
		return string(v)
	case tidbsql.Bits:
		return string(v)
	default:
		return v
	}
}

func (s *scope) column(e *ast.ColumnNameExpr) (any, error) {
	name := e.Name.Name.O
	if e.Name.Table.O == "" {
		if v, ok := s.aliases[fold(name)]; ok {
			return v, nil
		}
	}
	i, err := s.rel.find(e.Name, fieldList)
	if err != nil || i >= len(s.row) {
		return nil, err
	}
	return s.row[i], nil
}

// find returns the index of a column that stands in a clause; an unknown one is
// error 1054.
func (r *relation) find(n *ast.ColumnName, clause string) (int, error) {
	if t := n.Table.O; t == "" || strings.EqualFold(t, r.alias) || r.alias == "" && strings.EqualFold(t, r.name) {
		if i := columnIndex(r.columns, n.Name.O); i >= 0 {
			return i, nil
		}
	}
	e := unknownColumn(n.String(), clause)
	var names []string
	for _, c := range r.columns {
		names = append(names, fold(c.Name))
	}
	if near := nearest(n.Name.O, names); near != "" {
		e = e.WithRemedy("did you mean '%s'?", near)
	}
	return 0, e
}

func (s *scope) pair(a, b ast.ExprNode) (x, y any, err error) {
	if x, err = s.eval(a); err == nil {
		y, err = s.eval(b)
	}
	return x, y, err
}

func (s *scope) binary(e *ast.BinaryOperationExpr) (any, error) {
	switch e.Op {
	case opcode.LogicAnd, opcode.LogicOr, opcode.LogicXor:
		return s.logic(e)
	}
	a, b, err := s.pair(e.L, e.R)
	if err != nil {
		return nil, err
	}
	if e.Op == opcode.NullEQ {
		a, b = comparands(e.L, e.R, a, b)
		return int64(btoi(a == nil && b == nil || a != nil && b != nil && compare(a, b) == 0)), nil
	}
	if a == nil || b == nil {
		return nil, nil
	}
	if isComparison(e.Op) {
		a, b = comparands(e.L, e.R, a, b)
	} else {
		a, b = inNumbers(e.L, a), inNumbers(e.R, b)
	}
	switch e.Op {
	case opcode.EQ:
		return int64(btoi(compare(a, b) == 0)), nil
	case opcode.NE:
		return int64(btoi(compare(a, b) != 0)), nil
	case opcode.LT:
		return int64(btoi(compare(a, b) < 0)), nil
	case opcode.LE:
		return int64(btoi(compare(a, b) <= 0)), nil
	case opcode.GT:
		return int64(btoi(compare(a, b) > 0)), nil
	case opcode.GE:
		return int64(btoi(compare(a, b) >= 0)), nil
	}
	return arithmetic(e.Op, a, b)
}

func isComparison(op opcode.Op) bool {
	return op == opcode.EQ || op == opcode.NE || op == opcode.LT || op == opcode.LE || op == opcode.GT || op == opcode.GE
}

// logic is AND, OR and XOR with NULL as unknown.
func (s *scope) logic(e *ast.BinaryOperationExpr) (any, error) {
	a, err := s.eval(e.L)
	if err != nil {
		return nil, err
	}
	a = inNumbers(e.L, a)
	if e.Op == opcode.LogicAnd && a != nil && !isTrue(a) {
		return int64(0), nil
	}
	if e.Op == opcode.LogicOr && isTrue(a) {
		return int64(1), nil
	}
	b, err := s.eval(e.R)
	b = inNumbers(e.R, b)
	switch {
	case err != nil:
		return nil, err
	case e.Op == opcode.LogicAnd && b != nil && !isTrue(b):
		return int64(0), nil
	case e.Op == opcode.LogicOr && isTrue(b):
		return int64(1), nil
	case a == nil || b == nil:
		return nil, nil
	case e.Op == opcode.LogicXor:
		return int64(btoi(isTrue(a) != isTrue(b))), nil
	}
	return int64(btoi(e.Op == opcode.LogicAnd)), nil
}

func (s *scope) unary(e *ast.UnaryOperationExpr) (any, error) {
	v, err := s.eval(e.V)
	if err != nil || v == nil {
		return nil, err
	}
	if e.Op != opcode.Plus {
		v = inNumbers(e.V, v)
	}
	switch e.Op {
	case opcode.Minus:
		return negative(v)
	case opcode.Plus:
		return v, nil
	case opcode.Not, opcode.Not2:
		return int64(btoi(!isTrue(v))), nil
	case opcode.BitNeg:
		return ^bits(v), nil
	}
	return nil, NotSupported("operator " + e.Op.String())
}

func (s *scope) like(e *ast.PatternLikeOrIlikeExpr) (any, error) {
	text, pattern, err := s.pair(e.Expr, e.Pattern)
	if err != nil || text == nil || pattern == nil {
		return nil, err
	}
	fits, err := s.x.stop.like(asString(text), asString(pattern), rune(e.Escape))
	return int64(btoi(fits != e.Not)), err
}

func (s *scope) regexp(e *ast.PatternRegexpExpr) (any, error) {
	text, pattern, err := s.pair(e.Expr, e.Pattern)
	if err != nil || text == nil || pattern == nil {
		return nil, err
	}
	re, err := s.x.pattern(asString(pattern))
	if err != nil {
		return nil, err
	}
	found, err := s.x.stop.match(re, asString(text))
	return int64(btoi(found != e.Not)), err
}

func (s *scope) in(e *ast.PatternInExpr) (any, error) {
	if e.Sel != nil {
		return nil, NotSupported("a subquery in IN")
	}
	v, err := s.eval(e.Expr)
	if err != nil || v == nil {
		return nil, err
	}
	null, wanted := false, &operand{value: v}
	for _, item := range e.List {
		w, err := s.eval(item)
		if err != nil {
			return nil, err
		}
		same := wanted
		if v, other := comparands(e.Expr, item, wanted.value, w); v != wanted.value || other != w {
			same, w = &operand{value: v}, other
		}
		if found, err := s.x.stop.equals(same, w); found || err != nil {
			return int64(btoi(!e.Not)), err
		}
		null = null || w == nil
	}
	if null {
		return nil, nil
	}
	return int64(btoi(e.Not)), nil
}

func (s *scope) between(e *ast.BetweenExpr) (any, error) {
	v, err := s.eval(e.Expr)
	if err != nil {
		return nil, err
	}
	low, high, err := s.pair(e.Left, e.Right)
	if err != nil || v == nil || low == nil || high == nil {
		return nil, err
	}
	below, least := comparands(e.Expr, e.Left, v, low)
	above, most := comparands(e.Expr, e.Right, v, high)
	return int64(btoi((compare(below, least) >= 0 && compare(above, most) <= 0) != e.Not)), nil
}

func (s *scope) caseWhen(e *ast.CaseExpr) (any, error) {
	var subject any
	var err error
	if e.Value != nil {
		if subject, err = s.eval(e.Value); err != nil {
			return nil, err
		}
	}
	wanted := &operand{value: subject}
	for _, when := range e.WhenClauses {
		v, err := s.eval(when.Expr)
		if err != nil {
			return nil, err
		}
		found := e.Value == nil && isTrue(inNumbers(when.Expr, v))
		if e.Value != nil {
			if found, err = s.x.stop.equals(wanted, v); err != nil {
				return nil, err
			}
		}
		if found {
			return s.eval(when.Result)
		}
	}
	if e.ElseClause == nil {
		return nil, nil
	}
	return s.eval(e.ElseClause)
}

func (s *scope) cast(e *ast.FuncCastExpr) (any, error) {
	v, err := s.eval(e.Expr)
	if err != nil || v == nil {
		return nil, err
	}
	switch castType(e) {
	case Int, Uint, Double:
		v = inNumbers(e.Expr, v)
	}
	switch castType(e) {
	case Int:
		if u, ok := v.(uint64); ok {
			return int64(u), nil
		}
		if text, ok := v.(string); ok {
			return int64(leadingInteger(text)), nil
		}
		return asInt(v), nil
	case Uint:
		return bits(v), nil
	case Double:
		return asFloat(v), nil
	case DateTime:
		if t, ok := asTime(v); ok {
			return t, nil
		}
		return nil, nil
	}
	text := asString(v)
	if length := e.Tp.GetFlen(); length >= 0 && e.FunctionType != ast.CastBinaryOperator {
		text = firstRunes(text, length)
	}
	return s.computed("cast", text)
}

// firstRunes returns the first n characters of a text. It copies nothing.
func firstRunes(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}
