package schema

import (
	"errors"
	"fmt"

	"sluice/replica"
)

// CodeDDL is the error code of a statement or definition that cannot be
// carried over. Its Class is DDL.
const CodeDDL = 61053

func ddlError(err error, remedy, format string, args ...any) *replica.Error {
	return &replica.Error{Code: CodeDDL, Class: "DDL", Message: fmt.Sprintf(format, args...), Remedy: remedy, Err: err}
}

// ParseCreate reads what SHOW CREATE TABLE prints, or what was stored in
// Table.Create. The result's Create is the statement in canonical form, with
// charsets and collations written out; reading that again gives an equal
// Table, whatever the defaults. Errors are *replica.Error with CodeDDL.
func ParseCreate(schemaName, createSQL string, defaults Defaults) (*replica.Table, error) {
	d, err := parseDefinition(createSQL, defaults)
	if err == nil {
		var t *replica.Table
		if t, err = d.build(schemaName); err == nil {
			return t, nil
		}
	}
	return nil, ddlError(err, "leave the table out with REPLICATE_IGNORE_TABLE, or report its definition as a bug",
		"read the definition of a table in schema %s", schemaName)
}

func parseDefinition(createSQL string, defaults Defaults) (*definition, error) {
	tokens, err := tokenize(createSQL, 0)
	if err != nil {
		return nil, err
	}
	r := &reader{tokens: tokens, d: defaults}
	st := r.createTable("")
	if r.err != nil {
		return nil, r.err
	}
	if st == nil || st.def == nil || st.temporary {
		return nil, errors.New("not the definition of a table")
	}
	return st.def, nil
}

// createTableStmt is a CREATE TABLE statement.
type createTableStmt struct {
	schema, name string
	temporary    bool
	replace      bool
	ifNotExists  bool
	def          *definition // nil for LIKE
	like         [2]string
}

// createTable reads a CREATE TABLE statement; schema is the session's. It
// returns nil, without an error, when the statement is not one.
func (r *reader) createTable(schema string) *createTableStmt {
	st := &createTableStmt{}
	if !r.accept("CREATE") {
		return nil
	}
	st.replace = r.accept("OR", "REPLACE")
	st.temporary = r.accept("TEMPORARY")
	if !r.accept("TABLE") {
		return nil
	}
	st.ifNotExists = r.ifNotExists()
	st.schema, st.name = r.tableName(schema)
	if st.temporary {
		return st
	}
	if r.likeClause(st, schema) {
		return st
	}
	d := &definition{name: st.name}
	if r.peek().punct("(") {
		r.createItems(d)
	}
	for r.err == nil && r.tableOption(d) {
		r.acceptPunct(",")
	}
	if r.peek().is("PARTITION") {
		d.partition = r.partitionClause()
	}
	r.accept("START", "TRANSACTION") // MySQL 8's atomic CREATE TABLE .. SELECT in row format
	if r.err == nil && r.peek().isAny("SELECT", "AS", "IGNORE", "REPLACE", "WITH") || r.peek().punct("(") {
		r.fail("CREATE TABLE .. SELECT was logged as a statement")
	}
	if r.err == nil && !r.end() {
		r.unexpected("end of CREATE TABLE")
	}
	if r.err == nil {
		if r.ddl {
			for _, k := range d.keys {
				if k.origin == originUnsure {
					k.origin = originStatement
				}
			}
			r.dropRedundant(d)
		}
		r.complete(d)
	}
	if r.err == nil && !r.ddl {
		d.settleOrigins()
	}
	st.def = d
	return st
}

func (r *reader) likeClause(st *createTableStmt, schema string) bool {
	paren := r.peek().punct("(") && r.peekAt(1).is("LIKE")
	if paren {
		r.next()
	}
	if !r.accept("LIKE") {
		return false
	}
	st.like[0], st.like[1] = r.tableName(schema)
	if paren {
		r.expectPunct(")")
	}
	if r.err == nil && !r.end() {
		r.unexpected("end of CREATE TABLE")
	}
	return true
}
