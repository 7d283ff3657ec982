package sqladmin

import (
	"context"
	"strings"
)

func showDatabases(*parser) source {
	return func(context.Context, *executor) (*relation, error) {
		rel := &relation{columns: columns("Database")}
		for _, s := range schemas {
			rel.rows = append(rel.rows, []any{s})
		}
		return rel, nil
	}
}

// fromSchema reads [FROM|IN schema].
func (p *parser) fromSchema() string {
	if p.words("FROM|IN") {
		return p.name("schema")
	}
	return ""
}

// schemaOr returns the named schema or the current one; without either, error
// 1046.
func (x *executor) schemaOr(name string) (string, error) {
	if name == "" {
		name = x.session.view().Schema
	}
	if name == "" {
		return "", &Error{Code: 1046, State: "3D000", Message: "No database selected", Remedy: "USE sluice"}
	}
	if s := schemaName(name); s != "" {
		return s, nil
	}
	return "", unknownSchema(name)
}

func showTables(full bool) func(*parser) source {
	return func(p *parser) source {
		from := p.fromSchema()
		return func(_ context.Context, x *executor) (*relation, error) {
			schema, err := x.schemaOr(from)
			if err != nil {
				return nil, err
			}
			rel := &relation{columns: columns("Tables_in_" + schema)}
			if full {
				rel.columns = columns("Tables_in_" + schema + " Table_type")
			}
			for _, t := range allTables() {
				if t.schema == schema {
					kind := "BASE TABLE"
					if schema == "information_schema" {
						kind = "SYSTEM VIEW"
					}
					rel.rows = append(rel.rows, []any{t.name, kind}[:len(rel.columns)])
				}
			}
			return rel, nil
		}
	}
}

func showTableStatus(p *parser) source {
	from := p.fromSchema()
	return func(_ context.Context, x *executor) (*relation, error) {
		schema, err := x.schemaOr(from)
		if err != nil {
			return nil, err
		}
		rel := &relation{columns: columns(`Name Engine Version:u Row_format Rows:u Avg_row_length:u Data_length:u Max_data_length:u
			Index_length:u Data_free:u Auto_increment:u Create_time:d Update_time:d Check_time:d Collation Checksum:u Create_options Comment`)}
		for _, t := range allTables() {
			if t.schema == schema {
				rel.rows = append(rel.rows, []any{t.name, "VIRTUAL", uint64(10), "Dynamic", nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
					"utf8mb4_general_ci", nil, "", ""})
			}
		}
		return rel, nil
	}
}

// findTable returns a virtual table's definition, or error 1146.
func (x *executor) findTable(schema, name string) (*tableDef, error) {
	if schema == "" {
		schema = orDefault(x.session.view().Schema, "sluice")
	}
	s := schemaName(schema)
	if s == "" {
		return nil, unknownSchema(schema)
	}
	var names []string
	for _, t := range allTables() {
		if t.schema != s {
			continue
		}
		if strings.EqualFold(t.name, name) {
			return &t, nil
		}
		names = append(names, t.name)
	}
	e := Errorf(CodeUnknownTable, "Table '%s.%s' doesn't exist", s, name)
	if near := nearest(name, names); near != "" {
		return nil, e.WithRemedy("did you mean '%s'?", near)
	}
	return nil, e
}

// showColumns reads FROM t [FROM schema].
func showColumns(full bool) func(*parser) source {
	return func(p *parser) source {
		if !p.words("FROM|IN") {
			p.expected("FROM")
		}
		schema, name := p.qualified("table")
		if s := p.fromSchema(); s != "" {
			schema = s
		}
		return sourceColumns(schema, name, full)
	}
}

func sourceColumns(schema, name string, full bool) source {
	return func(_ context.Context, x *executor) (*relation, error) {
		t, err := x.findTable(schema, name)
		if err != nil {
			return nil, err
		}
		rel := &relation{columns: columns("Field Type Null Key Default Extra")}
		if full {
			rel.columns = columns("Field Type Collation Null Key Default Extra Privileges Comment")
		}
		for _, c := range t.columns {
			d := sqlTypes[c.Type]
			row := []any{c.Name, d.column, "YES", "", nil, ""}
			if full {
				var collation any
				if d.length > 0 {
					collation = "utf8mb4_general_ci"
				}
				row = []any{c.Name, d.column, collation, "YES", "", nil, "", "select", ""}
			}
			rel.rows = append(rel.rows, row)
		}
		return rel, nil
	}
}

// showIndex is empty: virtual tables have no index.
func showIndex(p *parser) source {
	if !p.words("FROM|IN") {
		p.expected("FROM")
	}
	schema, name := p.qualified("table")
	if s := p.fromSchema(); s != "" {
		schema = s
	}
	return func(_ context.Context, x *executor) (*relation, error) {
		if _, err := x.findTable(schema, name); err != nil {
			return nil, err
		}
		return &relation{columns: columns(`Table Non_unique:i Key_name Seq_in_index:u Column_name Collation Cardinality:u Sub_part:u
			Packed Null Index_type Comment Index_comment Visible Expression`)}, nil
	}
}

// showCreateTable prints a definition in MySQL's form, which clients parse.
func showCreateTable(p *parser) source {
	schema, name := p.qualified("table")
	return func(_ context.Context, x *executor) (*relation, error) {
		t, err := x.findTable(schema, name)
		if err != nil {
			return nil, err
		}
		var lines []string
		for _, c := range t.columns {
			lines = append(lines, "  "+quoteName(c.Name)+" "+sqlTypes[c.Type].column+" DEFAULT NULL")
		}
		text := "CREATE TABLE " + quoteName(t.name) + " (\n" + strings.Join(lines, ",\n") + "\n) ENGINE=VIRTUAL DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
		return &relation{
			columns: []Column{{"Table", String}, {"Create Table", Text}},
			rows:    [][]any{{t.name, text}},
		}, nil
	}
}

func showCreateDatabase(p *parser) source {
	p.words("IF NOT EXISTS")
	name := p.name("schema")
	return func(_ context.Context, x *executor) (*relation, error) {
		schema, err := x.schemaOr(name)
		if err != nil {
			return nil, err
		}
		return &relation{
			columns: []Column{{"Database", String}, {"Create Database", Text}},
			rows:    [][]any{{schema, "CREATE DATABASE " + quoteName(schema) + " /*!40100 DEFAULT CHARACTER SET utf8mb4 */"}},
		}, nil
	}
}

// showGrants shows the one account's rights: all.
func showGrants(p *parser) source {
	if p.words("FOR") {
		p.pos = len(p.tokens)
	}
	return func(_ context.Context, x *executor) (*relation, error) {
		user := "'" + strings.ReplaceAll(x.server.cfg.User, "'", "''") + "'@'%'"
		return &relation{
			columns: []Column{{"Grants for " + x.server.cfg.User + "@%", Text}},
			rows:    [][]any{{"GRANT ALL PRIVILEGES ON *.* TO " + user}},
		}, nil
	}
}

// fixed reads a table of fixedTables.
func fixed(name string) func(*parser) source {
	return func(*parser) source {
		return func(context.Context, *executor) (*relation, error) {
			t := fixedTables[name]
			return &relation{columns: t.columns, rows: t.rows}, nil
		}
	}
}

// charsetTable returns the rows of SHOW CHARACTER SET.
func charsetTable() [][]any {
	var rows [][]any
	for _, cs := range charsets {
		rows = append(rows, []any{cs.name, cs.about, cs.collation, uint64(cs.bytes)})
	}
	return rows
}

// fixedIn reads a schema's name, and a table of fixedTables for it: the schemas
// of the admin port do not differ in them.
func fixedIn(name string) func(*parser) source {
	return func(p *parser) source {
		from := p.name("schema")
		return func(ctx context.Context, x *executor) (*relation, error) {
			if _, err := x.schemaOr(from); err != nil {
				return nil, err
			}
			return fixed(name)(p)(ctx, x)
		}
	}
}

// fixedTables are the results of SHOW statements that are always the same.
var fixedTables = map[string]struct {
	columns []Column
	rows    [][]any
}{
	"ENGINES": {columns("Engine Support Comment Transactions XA Savepoints"),
		[][]any{{"VIRTUAL", "DEFAULT", "Tables of the admin port", "NO", "NO", "NO"}}},
	"PLUGINS":    {columns("Name Status Type Library License"), nil},
	"PRIVILEGES": {columns("Privilege Context Comment"), nil},
	"CHARSET": {[]Column{{"Charset", String}, {"Description", String}, {"Default collation", String}, {"Maxlen", Uint}},
		charsetTable()},
	"COLLATION": {columns("Collation Charset Id:u Default Compiled Sortlen:u Pad_attribute"),
		[][]any{{"ascii_general_ci", "ascii", uint64(11), "Yes", "Yes", uint64(1), "PAD SPACE"},
			{"binary", "binary", uint64(63), "Yes", "Yes", uint64(1), "NO PAD"},
			{"latin1_swedish_ci", "latin1", uint64(8), "Yes", "Yes", uint64(1), "PAD SPACE"},
			{"utf8mb3_general_ci", "utf8mb3", uint64(33), "Yes", "Yes", uint64(1), "PAD SPACE"},
			{"utf8mb4_bin", "utf8mb4", uint64(46), "", "Yes", uint64(1), "PAD SPACE"},
			{"utf8mb4_general_ci", "utf8mb4", uint64(45), "Yes", "Yes", uint64(1), "PAD SPACE"}}},
	"ROUTINES": {columns(`Db Name Type Language Definer Modified:d Created:d Security_type Comment character_set_client
		collation_connection Database_Collation`), nil},
	"TRIGGERS": {columns(`Trigger Event Table Statement:t Timing Created:d sql_mode Definer character_set_client
		collation_connection Database_Collation`), nil},
	"EVENTS": {columns(`Db Name Definer Time_zone Type Execute_at:d Interval_value Interval_field Starts:d Ends:d Status Originator:u
		character_set_client collation_connection Database_Collation`), nil},
	"OPEN TABLES": {columns("Database Table In_use:u Name_locked:u"), nil},
}
