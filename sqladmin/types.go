package sqladmin

import (
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"sluice/internal/tidbsql"
)

// typeOf returns an expression's type without evaluating it, so that a result
// without rows has the types it would have with some.
func (s *scope) typeOf(e ast.ExprNode) Type {
	switch e := e.(type) {
	case *tidbsql.Literal:
		return widen(Null, literal(e))
	case *ast.ColumnNameExpr:
		if i, err := s.rel.find(e.Name, fieldList); err == nil {
			return s.rel.columns[i].Type
		}
	case *ast.ParenthesesExpr:
		return s.typeOf(e.Expr)
	case *ast.SetCollationExpr:
		return s.typeOf(e.Expr)
	case *ast.VariableExpr:
		return s.x.variableType(e)
	case *ast.BinaryOperationExpr:
		return s.binaryType(e)
	case *ast.UnaryOperationExpr:
		if e.Op == opcode.Plus {
			return s.typeOf(e.V)
		}
		if t := s.numericType(e.V); e.Op == opcode.Minus && t != Uint {
			return t
		}
		return Int
	case *ast.PatternLikeOrIlikeExpr, *ast.PatternRegexpExpr, *ast.PatternInExpr, *ast.BetweenExpr, *ast.IsNullExpr, *ast.IsTruthExpr:
		return Int
	case *ast.CaseExpr:
		t := Null
		for _, w := range e.WhenClauses {
			t = merge(t, s.typeOf(w.Result))
		}
		if e.ElseClause != nil {
			t = merge(t, s.typeOf(e.ElseClause))
		}
		return t
	case *ast.FuncCastExpr:
		return castType(e)
	case *ast.FuncCallExpr:
		return s.functionType(e)
	case *ast.AggregateFuncExpr:
		return s.aggregateType(e)
	}
	return String
}

func (s *scope) binaryType(e *ast.BinaryOperationExpr) Type {
	switch e.Op {
	case opcode.Plus, opcode.Minus, opcode.Mul, opcode.Mod:
		l, r := s.numericType(e.L), s.numericType(e.R)
		if l == Double || r == Double {
			return Double
		}
		return Int
	case opcode.Div:
		return Double
	case opcode.And, opcode.Or, opcode.Xor, opcode.LeftShift, opcode.RightShift:
		return Uint
	}
	return Int
}

func (s *scope) functionType(e *ast.FuncCallExpr) Type {
	f, ok := functions[e.FnName.L]
	if !ok {
		return String
	}
	if f.result != Null {
		return f.result
	}
	args := e.Args
	if e.FnName.L == "round" && len(args) > 0 {
		return s.numericType(args[0])
	}
	if e.FnName.L == "if" && len(args) == 3 {
		args = args[1:]
	}
	t := Null
	for _, a := range args {
		t = merge(t, s.typeOf(a))
	}
	return t
}

func (s *scope) aggregateType(e *ast.AggregateFuncExpr) Type {
	t := aggregates[fold(e.F)]
	if t != Null || len(e.Args) == 0 {
		return t
	}
	t = s.typeOf(e.Args[0])
	if fold(e.F) == "sum" {
		return s.numericType(e.Args[0])
	}
	return t
}

// numericType is the type of an expression where a number is wanted.
func (s *scope) numericType(e ast.ExprNode) Type {
	if n := inNumbers(e, nil); n != nil {
		return widen(Null, n)
	}
	return numeric(s.typeOf(e))
}

// numeric returns the type that arithmetic on t has.
func numeric(t Type) Type {
	if t == Int || t == Uint {
		return t
	}
	return Double
}

// merge returns a type that holds values of both.
func merge(a, b Type) Type {
	switch {
	case a == Null:
		return b
	case b == Null || a == b:
		return a
	case a == Text || b == Text:
		return Text
	case numeric(a) == a && numeric(b) == b && a != Double && b != Double:
		return Int
	case numeric(a) == a && numeric(b) == b:
		return Double
	}
	return String
}

// castType returns the type of CAST(.. AS t).
func castType(e *ast.FuncCastExpr) Type {
	if e.Tp == nil {
		return Text
	}
	switch e.Tp.GetType() {
	case mysql.TypeLonglong:
		if mysql.HasUnsignedFlag(e.Tp.GetFlag()) {
			return Uint
		}
		return Int
	case mysql.TypeNewDecimal, mysql.TypeDouble, mysql.TypeFloat:
		return Double
	case mysql.TypeDatetime, mysql.TypeTimestamp:
		return DateTime
	}
	return Text
}
