package sqladmin

import "strings"

// parseExplain reads EXPLAIN, DESCRIBE and DESC: of a table, it is SHOW
// COLUMNS; of a statement, error 1235 for now.
func parseExplain(p *parser) Statement {
	if p.words("FORMAT") {
		p.expectSymbol("=")
		p.value("FORMAT")
	}
	p.words("ANALYZE")
	rest := p.tokens[min(p.pos, len(p.tokens)):]
	switch f := matchForm(rest); {
	case p.err != nil:
		return nil
	case f != nil && f.sql:
		p.fail(NotSupported("EXPLAIN " + word(rest, 0)).WithRemedy("the admin port reads each table once, in the node itself: there is no plan to show"))
		return nil
	case f != nil:
		inner, err := parseTokens(p.sql, rest, p.mode, p.held)
		switch {
		case err != nil:
			p.fail(err)
		case Changes(inner):
			p.fail(NotSupported("EXPLAIN " + inner.Verb()).WithRemedy("CHECK MIGRATION shows what would stand in the way of a START"))
		default:
			p.fail(NotSupported("EXPLAIN " + inner.Verb()).WithRemedy("the statement changes nothing: execute it"))
		}
		return nil
	}
	schema, table := p.qualified("table")
	like := ""
	if p.err == nil && !p.atEnd() {
		like = strings.ToLower(p.value("column"))
	}
	return &Show{source: sourceColumns(schema, table, false), like: like}
}

// qualified reads [schema.]name.
func (p *parser) qualified(what string) (schema, name string) {
	name = p.name(what)
	if p.symbols(".") {
		return name, p.name(what)
	}
	return "", name
}
