package sqladmin

import (
	"context"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// executor carries out one statement of one session.
type executor struct {
	server     *Server
	controller Controller
	session    *session
	warnings   []Warning // what reading tables has to say
	now        time.Time
	// keepWarnings says that the statement read the warnings of the one before.
	keepWarnings bool

	stop     *stopper // ends the statement's loops
	held     *holding // the statement's text and tree, and the rows that it reads
	computed *holding // what its functions return
	patterns patternCache
	compiled *holding // what they take
}

// patternCache holds the regular expressions of one statement. With one of each
// row, it is dropped when it is full.
type patternCache map[string]*regexp.Regexp

// pattern compiles a regular expression, or returns it compiled.
func (x *executor) pattern(text string) (*regexp.Regexp, error) {
	if re := x.patterns[text]; re != nil {
		return re, nil
	}
	if len(x.patterns) >= 16 {
		x.forgetPatterns()
	}
	re, size, err := compilePattern(text)
	if err == nil {
		err = x.compiled.add(size)
	}
	if err != nil {
		return nil, err
	}
	if x.patterns == nil {
		x.patterns = patternCache{}
	}
	x.patterns[text] = re
	return re, nil
}

// forgetPatterns drops the compiled patterns: the rows that they made do not need them.
func (x *executor) forgetPatterns() {
	x.patterns = nil
	x.compiled.drop()
}

// drop gives back what the statement held.
func (x *executor) drop() {
	x.held.drop()
	x.computed.drop()
	x.compiled.drop()
}

// runner is a Statement that this package carries out itself.
type runner interface {
	run(ctx context.Context, x *executor) (*Result, error)
}

// shaped is a Statement whose result set has columns of its own.
type shaped interface{ columns() []Column }

// execute carries out a statement and returns a result whose columns and
// values the encoder can take as they are.
func (x *executor) execute(ctx context.Context, stmt Statement) (*Result, error) {
	var res *Result
	var err error
	if r, ok := stmt.(runner); ok {
		res, err = r.run(ctx, x)
	} else {
		res, err = x.controller.Execute(ctx, stmt, x.session.view())
	}
	if err != nil {
		return nil, err
	}
	out := Result{}
	if res != nil {
		out = *res
	}
	out.Warnings = append(append([]Warning(nil), x.warnings...), out.Warnings...)
	if s, ok := stmt.(shaped); ok && out.Columns == nil {
		out.Columns = s.columns()
	}
	if out.Columns != nil {
		if _, ok := stmt.(runner); !ok {
			out.Rows = normalRows(out.Rows, len(out.Columns))
			if err := x.held.add(rowsBytes(out.Rows)); err != nil {
				return nil, err
			}
			out.Columns = fit(out.Columns, out.Rows)
		}
	}
	return &out, nil
}

func (x *executor) scope(rel *relation) *scope {
	return &scope{x: x, rel: rel, now: x.now}
}

// normalRows returns rows of exactly n normal values.
func normalRows(rows [][]any, n int) [][]any {
	out := make([][]any, len(rows))
	for i, row := range rows {
		out[i] = make([]any, n)
		for j := 0; j < n && j < len(row); j++ {
			out[i][j] = normal(row[j])
		}
	}
	return out
}

// open reads a virtual table for SELECT: headings in lower case in schema
// sluice, as MySQL has them in the others.
func (x *executor) open(ctx context.Context, schema, name string) (*relation, error) {
	if schema == "" {
		schema = x.session.view().Schema
	}
	if schema == "" && strings.EqualFold(name, "dual") {
		return &relation{rows: [][]any{{}}}, nil
	}
	if schema == "" {
		schema = "sluice"
	}
	switch s := schemaName(schema); s {
	case "":
		return nil, unknownSchema(schema)
	case "sluice":
		rel, err := x.openShown(ctx, name)
		if err != nil {
			return nil, err
		}
		cols := make([]Column, len(rel.columns))
		for i, c := range rel.columns {
			cols[i] = Column{Name: fold(c.Name), Type: c.Type}
		}
		rel.columns = cols
		return rel, nil
	default:
		return x.openSystem(ctx, s, name)
	}
}

// openShown reads a table of schema sluice with the headings of SHOW.
func (x *executor) openShown(ctx context.Context, name string) (*relation, error) {
	t := LookupTable(name)
	if t == nil {
		for _, later := range laterTables {
			if strings.EqualFold(later, name) {
				return nil, NotSupported("Table sluice." + later)
			}
		}
		e := Errorf(CodeUnknownTable, "Table 'sluice.%s' doesn't exist", name)
		if near := nearest(name, tableNames()); near != "" {
			return nil, e.WithRemedy("did you mean '%s'?", near)
		}
		return nil, e.WithRemedy("SHOW TABLES FROM sluice")
	}
	rows, err := x.readTable(ctx, t)
	if err != nil {
		return nil, err
	}
	rows = normalRows(rows, len(t.Columns))
	roundFigures(t.Columns, rows)
	return &relation{schema: "sluice", name: t.Name, columns: t.Columns, rows: rows}, nil
}

// roundFigures rounds percentages, rates and seconds to three decimals: more say
// nothing, and print with fifteen digits.
func roundFigures(cols []Column, rows [][]any) {
	for i, c := range cols {
		if c.Type != Double {
			continue
		}
		for _, row := range rows {
			if f, ok := row[i].(float64); ok {
				row[i] = math.Round(f*1000) / 1000
			}
		}
	}
}

// readTable returns a table's rows: this package's own, the Controller's, or
// both.
func (x *executor) readTable(ctx context.Context, t *Table) ([][]any, error) {
	var own [][]any
	switch t.Name {
	case "variables":
		return x.variableRows(), nil
	case "warnings":
		x.keepWarnings = true
		for _, w := range x.session.warnings {
			own = append(own, []any{w.Level, uint64(w.Code), w.Message, w.Remedy})
		}
		return own, nil
	case "error_codes":
		return errorCodeRows(), nil
	case "processlist":
		own = x.server.processRows()
	case "status":
		own = x.statusRows()
	}
	rows, warnings, err := x.controller.Read(ctx, t.Name, x.session.view())
	if err != nil {
		return nil, err
	}
	x.warnings = append(x.warnings, warnings...)
	rows = append(own, rows...)
	return rows, x.held.add(rowsBytes(rows))
}

// rowsBytes returns about how much memory rows take.
func rowsBytes(rows [][]any) int {
	n := 0
	for _, row := range rows {
		n += rowBytes + valueBytes*len(row)
		for _, v := range row {
			if s, ok := v.(string); ok {
				n += len(s)
			}
		}
	}
	return n
}

const (
	rowBytes   = 48 // of a row without its values
	valueBytes = 32 // of a value without its text
)

// variable returns @@x or @x.
func (x *executor) variable(e *ast.VariableExpr) (any, error) {
	if e.Value != nil {
		return nil, NotSupported("an assignment within an expression").WithRemedy("use SET @%s = ..", cut(e.Name, 64))
	}
	if !e.IsSystem {
		return x.session.userVariable(e.Name), nil
	}
	return x.systemVariable(e.Name)
}

func (x *executor) variableType(e *ast.VariableExpr) Type {
	if v := lookupVariable(e.Name); v != nil && e.IsSystem {
		return v.kind
	}
	return Text
}
