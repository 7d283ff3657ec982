package sqladmin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// item is one column of a result.
type item struct {
	heading string
	expr    ast.ExprNode // nil for a column of the relation
	column  int
}

// resultRow is a row on its way through HAVING, ORDER BY and LIMIT.
type resultRow struct {
	values []any
	scope  *scope
	keys   []any
}

// query evaluates a SELECT over one relation.
func (x *executor) query(sel *ast.SelectStmt, rel *relation) (*Result, error) {
	s := x.scope(rel)
	items, err := s.items(sel)
	if err != nil {
		return nil, err
	}
	if err := s.checkColumns(sel, len(items)); err != nil {
		return nil, err
	}
	kept, err := s.filter(sel.Where)
	if err != nil {
		return nil, err
	}
	scopes, err := s.groups(sel, items, kept)
	if err != nil {
		return nil, err
	}
	rows, err := project(sel, items, scopes)
	if err != nil {
		return nil, err
	}
	if sel.Distinct {
		if rows, err = s.distinct(rows); err != nil {
			return nil, err
		}
	}
	if err := s.order(sel, items, rows); err != nil {
		return nil, err
	}
	found := int64(len(rows))
	if rows, err = limit(s, sel.Limit, rows); err != nil {
		return nil, err
	}
	if sel.SelectStmtOpts == nil || !sel.SelectStmtOpts.CalcFoundRows {
		found = 0
	}
	res := &Result{found: found, Columns: s.resultColumns(items), Rows: make([][]any, len(rows))}
	for i := range rows {
		res.Rows[i] = rows[i].values
	}
	res.Columns = fit(res.Columns, res.Rows)
	return res, nil
}

// maxColumns is MySQL's limit of a result's columns.
const maxColumns = 4096

// items expands the select list.
func (s *scope) items(sel *ast.SelectStmt) ([]item, error) {
	var items []item
	for _, f := range sel.Fields.Fields {
		if f.WildCard == nil {
			items = append(items, item{heading: heading(f), expr: f.Expr})
			continue
		}
		if t := f.WildCard.Table.O; len(s.rel.columns) == 0 || t != "" && !strings.EqualFold(t, s.rel.alias) && !strings.EqualFold(t, s.rel.name) {
			return nil, Errorf(CodeUnknownTable, "No table used in '*'")
		}
		for i, c := range s.rel.columns {
			items = append(items, item{heading: c.Name, column: i})
		}
		if len(items) > maxColumns {
			break
		}
	}
	if len(items) > maxColumns {
		return nil, &Error{Code: 1117, State: "HY000", Message: "Too many columns", Remedy: "select fewer than 4097"}
	}
	return items, nil
}

func heading(f *ast.SelectField) string {
	if f.AsName.O != "" {
		return f.AsName.O
	}
	if c, ok := f.Expr.(*ast.ColumnNameExpr); ok {
		return c.Name.Name.O
	}
	return strings.TrimSpace(f.Text())
}

func (s *scope) resultColumns(items []item) []Column {
	cols := make([]Column, len(items))
	for i, it := range items {
		cols[i] = Column{Name: it.heading}
		if it.expr == nil {
			cols[i].Type = s.rel.columns[it.column].Type
		} else {
			cols[i].Type = s.typeOf(it.expr)
		}
	}
	return cols
}

// The places of a column, in the words of MySQL's error 1054.
const (
	fieldList    = "field list"
	whereClause  = "where clause"
	groupClause  = "group statement"
	havingClause = "having clause"
	orderClause  = "order clause"
)

func unknownColumn(name, clause string) *Error {
	return Errorf(CodeUnknownColumn, "Unknown column '%s' in '%s'", name, cmp.Or(clause, fieldList))
}

// columnCheck looks for unknown columns, so that a query over no rows fails as
// it would over some; and for aggregates.
type columnCheck struct {
	rel       *relation
	aliases   map[string]bool
	aggregate bool
	clause    string // where the columns stand, in MySQL's words; "" is the field list
	items     int    // columns of the result, which a position names
	err       error
}

// Enter implements ast.Visitor.
func (c *columnCheck) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.ColumnNameExpr:
		if c.err != nil || n.Name.Table.O == "" && c.aliases[n.Name.Name.L] {
			break
		}
		_, c.err = c.rel.find(n.Name, c.clause)
	case *ast.PositionExpr:
		if c.err == nil && (n.N < 1 || n.N > c.items) {
			c.err = unknownColumn(strconv.Itoa(n.N), c.clause)
		}
	case *ast.AggregateFuncExpr:
		c.aggregate = true
	case *ast.FuncCallExpr:
		if _, ok := functions[n.FnName.L]; !ok && c.err == nil {
			c.err = unknownFunction(n.FnName.L)
		}
	case *ast.SubqueryExpr:
		return n, true
	}
	return n, false
}

// Leave implements ast.Visitor.
func (c *columnCheck) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (s *scope) checkColumns(sel *ast.SelectStmt, items int) error {
	c := &columnCheck{rel: s.rel, aliases: map[string]bool{}, items: items}
	for _, f := range sel.Fields.Fields {
		if f.Expr != nil {
			f.Expr.Accept(c)
		}
	}
	if sel.Where != nil {
		c.clause = whereClause
		sel.Where.Accept(c)
	}
	for _, f := range sel.Fields.Fields {
		c.aliases[f.AsName.L] = true
	}
	if sel.GroupBy != nil {
		c.clause = groupClause
		sel.GroupBy.Accept(c)
	}
	if sel.Having != nil {
		c.clause = havingClause
		sel.Having.Accept(c)
	}
	if sel.OrderBy != nil {
		c.clause = orderClause
		sel.OrderBy.Accept(c)
	}
	return c.err
}

// filter returns the rows for which where is true.
func (s *scope) filter(where ast.ExprNode) ([][]any, error) {
	if where == nil {
		return s.rel.rows, nil
	}
	var kept [][]any
	for _, row := range s.rel.rows {
		if err := s.x.stop.step(1); err != nil {
			return nil, err
		}
		s.row = row
		v, err := s.eval(where)
		if err != nil {
			return nil, err
		}
		if isTrue(inNumbers(where, v)) {
			kept = append(kept, row)
		}
	}
	return kept, nil
}

// scopeBytes is what a row takes on its way through a query, beside its values.
const scopeBytes = 200

// groups returns one scope per row, or per group when the query has GROUP BY
// or aggregates.
func (s *scope) groups(sel *ast.SelectStmt, items []item, rows [][]any) ([]*scope, error) {
	c := &columnCheck{rel: s.rel}
	sel.Fields.Accept(c)
	if sel.Having != nil {
		sel.Having.Accept(c)
	}
	if sel.OrderBy != nil {
		sel.OrderBy.Accept(c)
	}
	var scopes []*scope
	if sel.GroupBy == nil && !c.aggregate {
		for _, row := range rows {
			scopes = append(scopes, &scope{x: s.x, rel: s.rel, row: row, now: s.now})
		}
		return scopes, s.x.held.add(len(scopes) * scopeBytes)
	}
	if sel.GroupBy == nil {
		g := &scope{x: s.x, rel: s.rel, group: append([][]any{}, rows...), now: s.now}
		if len(rows) > 0 {
			g.row = rows[0]
		}
		return []*scope{g}, nil
	}
	if err := s.x.held.add(len(rows) * scopeBytes); err != nil {
		return nil, err
	}
	byKey := map[string]*scope{}
	for _, row := range rows {
		if err := s.x.stop.step(1); err != nil {
			return nil, err
		}
		one := &scope{x: s.x, rel: s.rel, row: row, now: s.now}
		key, err := one.groupKey(sel.GroupBy, items)
		if err != nil {
			return nil, err
		}
		g, ok := byKey[key]
		if !ok {
			if err := s.x.held.add(len(key)); err != nil {
				return nil, err
			}
			g = one
			byKey[key] = g
			scopes = append(scopes, g)
		}
		g.group = append(g.group, row)
	}
	return scopes, nil
}

func (s *scope) groupKey(by *ast.GroupByClause, items []item) (string, error) {
	var key strings.Builder
	for _, b := range by.Items {
		v, err := s.byItem(b.Expr, items)
		if err != nil {
			return "", err
		}
		if err := s.x.addToKey(&key, v); err != nil {
			return "", err
		}
	}
	return key.String(), nil
}

// addToKey appends a value to what tells the rows of GROUP BY and DISTINCT apart.
func (x *executor) addToKey(key *strings.Builder, v any) error {
	text := asString(v)
	if key.Len()+len(text) > maxValueBytes {
		return limitError("the values of a row that GROUP BY or DISTINCT compares have more than %d bytes", maxValueBytes)
	}
	if v == nil {
		key.WriteString("\x01")
	}
	key.WriteString(fold(text) + "\x00")
	return x.stop.step(1 + len(text)/16)
}

// byItem evaluates what GROUP BY or ORDER BY names: a position, an alias of
// the select list, or an expression.
func (s *scope) byItem(e ast.ExprNode, items []item) (any, error) {
	if p, ok := e.(*ast.PositionExpr); ok {
		if p.N < 1 || p.N > len(items) {
			return nil, unknownColumn(strconv.Itoa(p.N), orderClause) // checkColumns has found it before
		}
		return s.value(items[p.N-1])
	}
	if c, ok := e.(*ast.ColumnNameExpr); ok && c.Name.Table.O == "" {
		for _, it := range items {
			if it.expr != nil && strings.EqualFold(it.heading, c.Name.Name.O) {
				return s.value(it)
			}
		}
	}
	return s.eval(e)
}

// value evaluates one item of the select list.
func (s *scope) value(it item) (any, error) {
	if it.expr != nil {
		return s.eval(it.expr)
	}
	if it.column < len(s.row) {
		return s.row[it.column], nil
	}
	return nil, nil
}

// project evaluates the select list and drops what HAVING does not keep.
func project(sel *ast.SelectStmt, items []item, scopes []*scope) ([]resultRow, error) {
	var rows []resultRow
	for _, s := range scopes {
		if err := s.x.stop.step(1); err != nil {
			return nil, err
		}
		if err := s.x.held.add(rowBytes + 2*valueBytes*len(items)); err != nil {
			return nil, err
		}
		r := resultRow{values: make([]any, len(items)), scope: s}
		aliases := map[string]any{}
		for i, it := range items {
			v, err := s.value(it)
			if err != nil {
				return nil, err
			}
			r.values[i] = v
			if it.expr != nil {
				aliases[fold(it.heading)] = v
			}
		}
		if sel.Having != nil {
			s.aliases = aliases
			v, err := s.eval(sel.Having.Expr)
			s.aliases = nil
			if err != nil {
				return nil, err
			}
			if !isTrue(inNumbers(sel.Having.Expr, v)) {
				continue
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (s *scope) distinct(rows []resultRow) ([]resultRow, error) {
	seen := map[string]bool{}
	var err error
	return slices.DeleteFunc(rows, func(r resultRow) bool {
		if err != nil {
			return false
		}
		var key strings.Builder
		for _, v := range r.values {
			if err = s.x.addToKey(&key, v); err != nil {
				return false
			}
		}
		again := seen[key.String()]
		seen[key.String()] = true
		if err = s.x.stop.step(key.Len()); err == nil && !again {
			err = s.x.held.add(key.Len())
		}
		return again
	}), err
}

// order sorts by ORDER BY; rows that are equal keep their order.
func (s *scope) order(sel *ast.SelectStmt, items []item, rows []resultRow) error {
	if sel.OrderBy == nil {
		return nil
	}
	by := sel.OrderBy.Items
	if err := s.x.held.add(len(rows) * len(by) * valueBytes); err != nil {
		return err
	}
	var stopped error
	for i := range rows {
		for _, b := range by {
			v, err := rows[i].scope.byItem(b.Expr, items)
			if err != nil {
				return err
			}
			rows[i].keys = append(rows[i].keys, v)
		}
	}
	slices.SortStableFunc(rows, func(a, b resultRow) int {
		if stopped == nil {
			stopped = s.x.stop.step(1 + keyLength(a.keys)/16)
		}
		if stopped != nil {
			return 0
		}
		for i := range by {
			c := compareNull(a.keys[i], b.keys[i])
			if by[i].Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return stopped
}

// keyLength returns the bytes of the texts among sort keys.
func keyLength(keys []any) int {
	n := 0
	for _, k := range keys {
		if s, ok := k.(string); ok {
			n += len(s)
		}
	}
	return n
}

func limit(s *scope, l *ast.Limit, rows []resultRow) ([]resultRow, error) {
	if l == nil {
		return rows, nil
	}
	var bounds [2]uint64
	for i, e := range []ast.ExprNode{l.Offset, l.Count} {
		if e == nil {
			continue
		}
		v, err := s.eval(e)
		if err != nil {
			return nil, err
		}
		bounds[i] = uint64(max(asInt(v), 0))
	}
	from := min(bounds[0], uint64(len(rows)))
	return rows[from:min(from+min(bounds[1], uint64(len(rows))), uint64(len(rows)))], nil
}
