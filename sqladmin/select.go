package sqladmin

import (
	"context"
	"errors"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"sluice/internal/tidbsql"
)

// Select is a SELECT over virtual tables, or over none.
type Select struct{ node *ast.SelectStmt }

// Verb implements Statement.
func (*Select) Verb() string { return "SELECT" }

func parseSelect(p *parser) Statement {
	node := p.tidb(p.sql)
	p.pos = len(p.tokens)
	if p.err != nil {
		return nil
	}
	sel, ok := node.(*ast.SelectStmt)
	switch {
	case !ok:
		p.fail(NotSupported("A set operation (UNION, INTERSECT, EXCEPT)"))
	case sel.With != nil:
		p.fail(NotSupported("WITH"))
	case sel.SelectIntoOpt != nil:
		p.fail(NotSupported("SELECT .. INTO"))
	}
	return &Select{node: sel}
}

// Do is DO expr: the expressions are evaluated and dropped.
type Do struct{ node *ast.DoStmt }

// Verb implements Statement.
func (*Do) Verb() string { return "DO" }

func parseDo(p *parser) Statement {
	node, _ := p.tidb(p.sql).(*ast.DoStmt)
	p.pos = len(p.tokens)
	return &Do{node: node}
}

func (d *Do) run(_ context.Context, x *executor) (*Result, error) {
	s := x.scope(&relation{})
	for _, e := range d.node.Exprs {
		if _, err := s.eval(e); err != nil {
			return nil, err
		}
	}
	return &Result{}, nil
}

// run evaluates the SELECT within max_execution_time, and cuts its rows at
// sql_select_limit when it has no LIMIT.
func (s *Select) run(ctx context.Context, x *executor) (*Result, error) {
	if most := x.session.longest(); most > 0 {
		limited, cancel := context.WithTimeout(ctx, most)
		defer cancel()
		before := x.stop
		x.stop = newStopper(limited)
		defer func() { x.stop = before }()
		res, err := s.evaluate(limited, x)
		if err != nil && limited.Err() != nil && ctx.Err() == nil {
			return nil, &Error{Code: 3024, State: "HY000", Message: "Query execution was interrupted, maximum statement execution time exceeded", Remedy: "SET max_execution_time = 0"}
		}
		return res, err
	}
	return s.evaluate(ctx, x)
}

func (s *Select) evaluate(ctx context.Context, x *executor) (*Result, error) {
	rel, err := x.from(ctx, s.node.From)
	if err != nil {
		return nil, err
	}
	res, err := x.query(s.node, rel)
	if set, ok := x.session.variables["sql_select_limit"]; ok && err == nil && s.node.Limit == nil {
		if most, ok := set.(uint64); ok && most < uint64(len(res.Rows)) {
			res.Rows = res.Rows[:most]
		}
	}
	return res, err
}

// bytesPerNode is what TiDB's parser takes for one token, its stacks included.
const bytesPerNode = 1 << 10

// tidb parses one statement with TiDB's parser, within maxSQLBytes,
// maxSQLTokens and maxNesting.
func (p *parser) tidb(sql string) ast.StmtNode {
	if len(sql) > maxSQLBytes || len(p.tokens) > maxSQLTokens {
		p.fail(limitError("a SELECT, SET or DO has more than %d bytes or %d words and symbols", maxSQLBytes, maxSQLTokens))
		return nil
	}
	if err := p.held.add(len(p.tokens) * bytesPerNode); err != nil {
		p.fail(asError(err, nil))
		return nil
	}
	node, err := tidbsql.ParseOne(sql, tidbsql.Mode{ANSIQuotes: p.mode.ansiQuotes, NoBackslashEscapes: p.mode.noBackslashEscapes, PipesAsConcat: p.mode.pipesConcat})
	if err != nil {
		p.fail(p.tidbError(sql, err))
		return nil
	}
	depth := nesting{}
	if node.Accept(&depth); depth.exceeded {
		p.fail(limitError("the statement nests expressions more than %d deep", maxNesting))
		return nil
	}
	return node
}

// nesting is an ast.Visitor that measures how deep a tree is.
type nesting struct {
	depth    int
	exceeded bool
}

// Enter implements ast.Visitor.
func (n *nesting) Enter(in ast.Node) (ast.Node, bool) {
	n.depth++
	n.exceeded = n.exceeded || n.depth > maxNesting
	return in, n.exceeded
}

// Leave implements ast.Visitor.
func (n *nesting) Leave(in ast.Node) (ast.Node, bool) {
	n.depth--
	return in, true
}

// tidbError puts an error of TiDB's parser into MySQL's form. Its text quotes
// the rest of the statement from the place of the error on, secrets included,
// so that only the place is taken from it.
func (p *parser) tidbError(sql string, err error) *Error {
	var panicked *tidbsql.PanicError
	switch {
	case errors.As(err, &panicked):
		return Errorf(CodeUnknown, "Internal error: %s", panicked.Error()).WithRemedy("write the statement in another way, and report it")
	case errors.Is(err, tidbsql.ErrComments):
		return limitError("the statement has %s", err.Error())
	}
	_, near, found := strings.Cut(err.Error(), `near "`)
	end := strings.LastIndexByte(near, '"')
	if !found || end < 0 || !strings.HasSuffix(sql, near[:end]) || sql != p.sql {
		return p.syntaxError(p.pos, "check the syntax")
	}
	at := len(sql) - len(near[:end])
	i := 0
	for i < len(p.tokens) && p.tokens[i].pos < at {
		i++
	}
	return p.syntaxError(i, "check the syntax")
}

// from opens what a FROM clause names: one table, or a SELECT in parentheses.
func (x *executor) from(ctx context.Context, from *ast.TableRefsClause) (*relation, error) {
	if from == nil || from.TableRefs == nil {
		return &relation{rows: [][]any{{}}}, nil
	}
	if from.TableRefs.Right != nil {
		return nil, NotSupported("a join").WithRemedy("select from one table at a time")
	}
	source, ok := from.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return nil, NotSupported("this FROM clause")
	}
	var rel *relation
	var err error
	switch t := source.Source.(type) {
	case *ast.TableName:
		rel, err = x.open(ctx, t.Schema.O, t.Name.O)
	case *ast.SelectStmt:
		rel, err = x.derived(ctx, t)
	default:
		return nil, NotSupported("this FROM clause")
	}
	if err != nil {
		return nil, err
	}
	rel.alias = source.AsName.O
	return rel, nil
}

func (x *executor) derived(ctx context.Context, sel *ast.SelectStmt) (*relation, error) {
	rel, err := x.from(ctx, sel.From)
	if err != nil {
		return nil, err
	}
	res, err := x.query(sel, rel)
	if err != nil {
		return nil, err
	}
	return &relation{columns: res.Columns, rows: res.Rows}, nil
}

// describe returns the columns that a SELECT will have, without reading rows.
func (x *executor) describe(ctx context.Context, sel *ast.SelectStmt) ([]Column, error) {
	dry := *x
	dry.controller = noRows{}
	rel, err := dry.from(ctx, sel.From)
	if err != nil {
		return nil, err
	}
	if sel.From != nil {
		rel.rows = nil
	}
	res, err := dry.query(sel, rel)
	if err != nil {
		return nil, err
	}
	return res.Columns, nil
}

// noRows is a Controller whose tables are empty.
type noRows struct{}

func (noRows) Read(context.Context, string, *Session) ([][]any, []Warning, error) {
	return nil, nil, nil
}

func (noRows) Execute(_ context.Context, stmt Statement, _ *Session) (*Result, error) {
	return nil, NotSupported("describing " + stmt.Verb())
}
