package sqladmin

import (
	"fmt"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"sluice/internal/tidbsql"
)

// aggregates lists the aggregate functions with their result's type; Null
// means the argument's.
var aggregates = map[string]Type{"count": Int, "sum": Null, "avg": Double, "min": Null, "max": Null, "group_concat": Text}

func (s *scope) aggregate(e *ast.AggregateFuncExpr) (any, error) {
	name := fold(e.F)
	if _, ok := aggregates[name]; !ok {
		return nil, NotSupported("Function " + strings.ToUpper(name))
	}
	if s.group == nil {
		return nil, &Error{Code: CodeWrongUsage, State: "HY000", Message: "Invalid use of group function"}
	}
	values, err := s.arguments(e)
	if err != nil {
		return nil, err
	}
	switch name {
	case "count":
		return int64(len(values)), nil
	case "group_concat":
		v := groupConcat(e, values)
		return s.computed(name, v)
	}
	if len(values) == 0 {
		return nil, nil
	}
	switch name {
	case "min":
		return s.x.stop.extreme(-1, values)
	case "max":
		return s.x.stop.extreme(1, values)
	}
	return s.x.stop.total(name, values)
}

// arguments returns the aggregate's argument in each row where it is not NULL.
func (s *scope) arguments(e *ast.AggregateFuncExpr) ([]any, error) {
	n := len(e.Args)
	if fold(e.F) == "group_concat" {
		n-- // the last one is the separator
	}
	seen := map[string]bool{}
	var values []any
	for _, row := range s.group {
		inner := &scope{x: s.x, rel: s.rel, row: row, now: s.now}
		var value any
		var key strings.Builder
		for i := 0; i < n; i++ {
			v, err := inner.eval(e.Args[i])
			if err != nil {
				return nil, err
			}
			if v == nil {
				value = nil
				break
			}
			if name := fold(e.F); name == "sum" || name == "avg" {
				v = inNumbers(e.Args[i], v)
			}
			fmt.Fprintf(&key, "%s\x00", fold(asString(v)))
			if key.Len() > maxValueBytes+n {
				return nil, valueTooLong(e.F)
			}
			if value = v; n > 1 {
				value = key.String()
			}
		}
		if value == nil || e.Distinct && seen[key.String()] {
			continue
		}
		if e.Distinct {
			seen[key.String()] = true
		}
		if e.Distinct || n > 1 { // else the value is a column's or a variable's
			if err := s.x.computed.add(key.Len()); err != nil {
				return nil, err
			}
		}
		values = append(values, value)
	}
	return values, nil
}

func groupConcat(e *ast.AggregateFuncExpr, values []any) any {
	if len(values) == 0 {
		return nil
	}
	separator := ","
	if v, ok := e.Args[len(e.Args)-1].(*tidbsql.Literal); ok {
		separator = asString(literal(v))
	}
	parts := make([]any, len(values))
	for i, v := range values {
		parts[i] = strings.ReplaceAll(asString(v), "\x00", "")
	}
	return joinStrings("group_concat", parts, separator)
}

// total is SUM and AVG.
func (s *stopper) total(name string, values []any) (any, error) {
	total := any(int64(0))
	for _, v := range values {
		if err := s.step(1 + weight(v)); err != nil {
			return nil, err
		}
		if !isNumber(v) {
			v = asFloat(v)
		}
		next, err := arithmetic(opcode.Plus, total, v)
		if err != nil { // a sum of integers is a DECIMAL at MySQL
			if next, err = arithmetic(opcode.Plus, asFloat(total), asFloat(v)); err != nil {
				return nil, err
			}
		}
		total = next
	}
	if name == "avg" {
		return decimals(asFloat(total) / float64(len(values))), nil
	}
	return total, nil
}
