package sqladmin

import (
	"context"
	"maps"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// Set is SET of session variables, user variables, NAMES, and the session's
// transaction characteristics.
type Set struct{ node *ast.SetStmt }

// Verb implements Statement.
func (*Set) Verb() string { return "SET" }

func parseSet(p *parser) Statement {
	switch word(p.tokens, 1) {
	case "PASSWORD":
		return parseNotYet("SET PASSWORD")(p)
	case "PERSIST", "PERSIST_ONLY":
		return parseNotYet("SET PERSIST")(p)
	case "LOCAL": // TiDB's parser takes SESSION in its place only
		if word(p.tokens, 2) == "TRANSACTION" {
			node, _ := p.tidb("SET SESSION " + p.sql[p.tokens[2].pos:]).(*ast.SetStmt)
			p.pos = len(p.tokens)
			return &Set{node: node}
		}
	case "NAMES", "CHARACTER", "CHARSET":
		if s := parseSetNames(p); s != nil {
			return s
		}
	}
	node := p.tidb(p.sql)
	p.pos = len(p.tokens)
	set, ok := node.(*ast.SetStmt)
	if p.err == nil && !ok {
		p.fail(NotSupported("this SET"))
	}
	return &Set{node: set}
}

// run sets all variables or, on an error, none.
func (s *Set) run(_ context.Context, x *executor) (*Result, error) {
	before, beforeUser := maps.Clone(x.session.variables), maps.Clone(x.session.user)
	for _, a := range s.node.Variables {
		if err := x.assign(a); err != nil {
			x.session.variables, x.session.user = before, beforeUser
			return nil, err
		}
	}
	if variableBytes(x.session.variables)+variableBytes(x.session.user) > maxVariableBytes {
		x.session.variables, x.session.user = before, beforeUser
		return nil, limitError("the session's variables hold more than %d bytes", maxVariableBytes)
	}
	if err := x.session.held.set(x.session.keptBytes()); err != nil {
		x.session.variables, x.session.user = before, beforeUser
		return nil, err
	}
	return &Result{}, nil
}

// variableBytes is about how much memory variables take.
func variableBytes(m map[string]any) int {
	n := 0
	for name, v := range m {
		n += 100 + len(name)
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	return n
}

func (x *executor) assign(a *ast.VariableAssignment) error {
	switch {
	case a.Name == ast.SetNames, a.Name == ast.SetCharset:
		return x.setNames(a)
	case a.Name == "tx_isolation_one_shot": // SET TRANSACTION: of the next one, and there is none
		return nil
	case a.IsGlobal:
		if lookupVariable(a.Name) == nil {
			_, err := x.systemVariable(a.Name)
			return err
		}
		return NotSupported("SET GLOBAL").WithRemedy("the variables of the admin port exist per session; a migration's options are set by ALTER MIGRATION")
	}
	value, err := x.setValue(a.Value)
	if err != nil {
		return err
	}
	if s, ok := value.(string); ok {
		value = strings.Clone(s) // a part of the statement's text would keep all of it
	}
	if !a.IsSystem {
		x.session.user[strings.Clone(strings.ToLower(a.Name))] = value
		return nil
	}
	if _, ok := a.Value.(*ast.DefaultExpr); ok {
		delete(x.session.variables, strings.ToLower(a.Name))
		return nil
	}
	return x.setVariable(a.Name, value)
}

// setValue evaluates the right side of an assignment, where a bare word stands
// for itself.
func (x *executor) setValue(e ast.ExprNode) (any, error) {
	switch e := e.(type) {
	case *ast.ColumnNameExpr:
		return e.Name.Name.O, nil
	case *ast.DefaultExpr:
		return nil, nil
	}
	return x.scope(&relation{}).eval(e)
}

// setNames is SET NAMES among other assignments.
func (x *executor) setNames(a *ast.VariableAssignment) error {
	value, err := x.setValue(a.Value)
	if err != nil {
		return err
	}
	names := SetNames{charset: asString(value)}
	if a.ExtendValue != nil {
		if value, err = x.setValue(a.ExtendValue); err != nil {
			return err
		}
		names.collation = asString(value)
	}
	return names.apply(x.session)
}
