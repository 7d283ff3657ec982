package sqladmin

import "strings"

// parseExplain reads EXPLAIN, DESCRIBE and DESC: of a table, it is SHOW
// COLUMNS; of a changing statement, error 1235 for now; of another statement,
// error 1235 too.
func parseExplain(p *parser) Statement {
	if p.words("FORMAT") {
		p.expectSymbol("=")
		p.value("FORMAT")
	}
	if f := matchForm(p.tokens[min(p.pos, len(p.tokens)):]); f != nil {
		inner, err := parseTokens(p.sql, p.tokens[p.pos:], p.mode, p.held)
		switch {
		case err != nil:
			p.fail(err)
		case Changes(inner):
			p.fail(NotSupported("EXPLAIN " + inner.Verb()))
		default:
			p.fail(NotSupported("EXPLAIN of a statement that changes nothing"))
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
