package sqladmin

import (
	"context"
	"strings"
)

// schemas lists the virtual schemas in the order of SHOW DATABASES.
var schemas = []string{"information_schema", "mysql", "performance_schema", "sluice"}

// schemaName returns the schema with that name in any case, or "".
func schemaName(name string) string {
	for _, s := range schemas {
		if strings.EqualFold(s, name) {
			return s
		}
	}
	return ""
}

// systemTable is a table of a schema other than sluice. Without rows it is
// empty.
type systemTable struct {
	schema, name string
	columns      []Column
	rows         func(ctx context.Context, x *executor) ([][]any, error)
}

var systemTables []systemTable

func init() {
	systemTables = []systemTable{
		{"information_schema", "SCHEMATA", columns("CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME SQL_PATH DEFAULT_ENCRYPTION"), schemataRows},
		{"information_schema", "TABLES", columns(`TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION:u ROW_FORMAT TABLE_ROWS:u
			AVG_ROW_LENGTH:u DATA_LENGTH:u MAX_DATA_LENGTH:u INDEX_LENGTH:u DATA_FREE:u AUTO_INCREMENT:u CREATE_TIME:d UPDATE_TIME:d
			CHECK_TIME:d TABLE_COLLATION CHECKSUM:u CREATE_OPTIONS TABLE_COMMENT`), tablesRows},
		{"information_schema", "COLUMNS", columns(`TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:u COLUMN_DEFAULT IS_NULLABLE
			DATA_TYPE CHARACTER_MAXIMUM_LENGTH:u CHARACTER_OCTET_LENGTH:u NUMERIC_PRECISION:u NUMERIC_SCALE:u DATETIME_PRECISION:u
			CHARACTER_SET_NAME COLLATION_NAME COLUMN_TYPE COLUMN_KEY EXTRA PRIVILEGES COLUMN_COMMENT GENERATION_EXPRESSION SRS_ID:u`), columnsRows},
		{"information_schema", "ENGINES", columns("ENGINE SUPPORT COMMENT TRANSACTIONS XA SAVEPOINTS"), fixedRows("ENGINES")},
		{"information_schema", "CHARACTER_SETS", columns("CHARACTER_SET_NAME DEFAULT_COLLATE_NAME DESCRIPTION MAXLEN:u"), charsetRows},
		{"information_schema", "COLLATIONS", columns("COLLATION_NAME CHARACTER_SET_NAME ID:u IS_DEFAULT IS_COMPILED SORTLEN:u PAD_ATTRIBUTE"), fixedRows("COLLATION")},
		{"information_schema", "COLLATION_CHARACTER_SET_APPLICABILITY", columns("COLLATION_NAME CHARACTER_SET_NAME"), fixedRows("COLLATION")},
		{"information_schema", "PROCESSLIST", columns("ID:u USER HOST DB COMMAND TIME:i STATE INFO:t"), ownRows("processlist")},
		{"information_schema", "PLUGINS", columns("PLUGIN_NAME PLUGIN_VERSION PLUGIN_STATUS PLUGIN_TYPE PLUGIN_LIBRARY PLUGIN_LICENSE"), nil},
		{"information_schema", "STATISTICS", columns("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME NON_UNIQUE:i INDEX_SCHEMA INDEX_NAME SEQ_IN_INDEX:u COLUMN_NAME COLLATION CARDINALITY:u SUB_PART:u PACKED NULLABLE INDEX_TYPE COMMENT INDEX_COMMENT"), nil},
		{"information_schema", "KEY_COLUMN_USAGE", columns("CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:u POSITION_IN_UNIQUE_CONSTRAINT:u REFERENCED_TABLE_SCHEMA REFERENCED_TABLE_NAME REFERENCED_COLUMN_NAME"), nil},
		{"information_schema", "TABLE_CONSTRAINTS", columns("CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME CONSTRAINT_TYPE ENFORCED"), nil},
		{"information_schema", "REFERENTIAL_CONSTRAINTS", columns("CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_SCHEMA UNIQUE_CONSTRAINT_NAME MATCH_OPTION UPDATE_RULE DELETE_RULE TABLE_NAME REFERENCED_TABLE_NAME"), nil},
		{"information_schema", "VIEWS", columns("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION:t CHECK_OPTION IS_UPDATABLE DEFINER SECURITY_TYPE CHARACTER_SET_CLIENT COLLATION_CONNECTION"), nil},
		{"information_schema", "ROUTINES", columns("SPECIFIC_NAME ROUTINE_CATALOG ROUTINE_SCHEMA ROUTINE_NAME ROUTINE_TYPE DATA_TYPE ROUTINE_DEFINITION:t CREATED:d LAST_ALTERED:d ROUTINE_COMMENT:t DEFINER"), nil},
		{"information_schema", "PARAMETERS", columns("SPECIFIC_CATALOG SPECIFIC_SCHEMA SPECIFIC_NAME ORDINAL_POSITION:u PARAMETER_MODE PARAMETER_NAME DATA_TYPE ROUTINE_TYPE"), nil},
		{"information_schema", "TRIGGERS", columns("TRIGGER_CATALOG TRIGGER_SCHEMA TRIGGER_NAME EVENT_MANIPULATION EVENT_OBJECT_SCHEMA EVENT_OBJECT_TABLE ACTION_STATEMENT:t ACTION_TIMING"), nil},
		{"information_schema", "EVENTS", columns("EVENT_CATALOG EVENT_SCHEMA EVENT_NAME DEFINER EVENT_DEFINITION:t EVENT_TYPE STATUS"), nil},
		{"information_schema", "FILES", columns("FILE_ID:u FILE_NAME FILE_TYPE TABLESPACE_NAME LOGFILE_GROUP_NAME ENGINE INITIAL_SIZE:u EXTENT_SIZE:u TOTAL_EXTENTS:u EXTRA"), nil},
		{"information_schema", "PARTITIONS", columns("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME PARTITION_NAME PARTITION_ORDINAL_POSITION:u"), nil},
		{"information_schema", "USER_PRIVILEGES", columns("GRANTEE TABLE_CATALOG PRIVILEGE_TYPE IS_GRANTABLE"), nil},
		{"information_schema", "SCHEMA_PRIVILEGES", columns("GRANTEE TABLE_CATALOG TABLE_SCHEMA PRIVILEGE_TYPE IS_GRANTABLE"), nil},
		{"information_schema", "TABLE_PRIVILEGES", columns("GRANTEE TABLE_CATALOG TABLE_SCHEMA TABLE_NAME PRIVILEGE_TYPE IS_GRANTABLE"), nil},
		{"information_schema", "COLUMN_PRIVILEGES", columns("GRANTEE TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME PRIVILEGE_TYPE IS_GRANTABLE"), nil},
		{"information_schema", "COLUMN_STATISTICS", columns("SCHEMA_NAME TABLE_NAME COLUMN_NAME HISTOGRAM:t"), nil},
		{"mysql", "user", columns("User Host plugin"), userRows},
		{"performance_schema", "processlist", columns("ID:u USER HOST DB COMMAND TIME:i STATE INFO:t"), ownRows("processlist")},
		{"performance_schema", "global_variables", columns("VARIABLE_NAME VARIABLE_VALUE:t"), ownRows("variables")},
		{"performance_schema", "session_variables", columns("VARIABLE_NAME VARIABLE_VALUE:t"), ownRows("variables")},
		{"performance_schema", "global_status", columns("VARIABLE_NAME VARIABLE_VALUE:t"), ownRows("status")},
		{"performance_schema", "session_status", columns("VARIABLE_NAME VARIABLE_VALUE:t"), ownRows("status")},
	}
}

// openSystem reads a table of a schema other than sluice.
func (x *executor) openSystem(ctx context.Context, schema, name string) (*relation, error) {
	for _, t := range systemTables {
		if t.schema != schema || !strings.EqualFold(t.name, name) {
			continue
		}
		rel := &relation{schema: schema, name: t.name, columns: t.columns}
		if t.rows == nil {
			return rel, nil
		}
		rows, err := t.rows(ctx, x)
		if err != nil {
			return nil, err
		}
		rel.rows = normalRows(rows, len(t.columns))
		return rel, nil
	}
	return nil, Errorf(CodeUnknownTable, "Table '%s.%s' doesn't exist", schema, name)
}

// tableDef is a virtual table of any schema.
type tableDef struct {
	schema, name string
	columns      []Column
}

// allTables lists the virtual tables of all schemas.
func allTables() []tableDef {
	var l []tableDef
	for _, t := range systemTables {
		l = append(l, tableDef{t.schema, t.name, t.columns})
	}
	for _, name := range tableNames() {
		t := LookupTable(name)
		d := tableDef{schema: "sluice", name: name}
		for _, c := range t.Columns {
			d.columns = append(d.columns, Column{Name: fold(c.Name), Type: c.Type})
		}
		l = append(l, d)
	}
	return l
}

func ownRows(name string) func(context.Context, *executor) ([][]any, error) {
	return func(ctx context.Context, x *executor) ([][]any, error) { return x.readTable(ctx, LookupTable(name)) }
}

func fixedRows(name string) func(context.Context, *executor) ([][]any, error) {
	return func(context.Context, *executor) ([][]any, error) { return fixedTables[name].rows, nil }
}

func charsetRows(context.Context, *executor) ([][]any, error) {
	var rows [][]any
	for _, r := range fixedTables["CHARSET"].rows { // SHOW has the description second
		rows = append(rows, []any{r[0], r[2], r[1], r[3]})
	}
	return rows, nil
}

func schemataRows(context.Context, *executor) ([][]any, error) {
	var rows [][]any
	for _, s := range schemas {
		rows = append(rows, []any{"def", s, "utf8mb4", "utf8mb4_general_ci", nil, "NO"})
	}
	return rows, nil
}

func userRows(_ context.Context, x *executor) ([][]any, error) {
	return [][]any{{x.server.cfg.User, "%", "caching_sha2_password"}}, nil
}

// tablesRows are the rows of information_schema.TABLES. The tables of sluice
// are BASE TABLE: pickers hide what they take for a system view.
func tablesRows(context.Context, *executor) ([][]any, error) {
	var rows [][]any
	for _, t := range allTables() {
		kind := "BASE TABLE"
		if t.schema == "information_schema" {
			kind = "SYSTEM VIEW"
		}
		rows = append(rows, []any{"def", t.schema, t.name, kind, "VIRTUAL", uint64(10), "Dynamic", nil, nil, nil, nil, nil, nil, nil,
			nil, nil, nil, "utf8mb4_general_ci", nil, "", ""})
	}
	return rows, nil
}

func columnsRows(context.Context, *executor) ([][]any, error) {
	var rows [][]any
	for _, t := range allTables() {
		for i, c := range t.columns {
			d := sqlTypes[c.Type]
			var length, octets, precision, scale, fraction, charset, collation any
			switch {
			case d.length > 0:
				length, octets, charset, collation = d.length, min(d.length*4, 1<<32-1), "utf8mb4", "utf8mb4_general_ci"
			case d.precision > 0:
				precision, scale = d.precision, uint64(0)
			default:
				fraction = uint64(3)
			}
			rows = append(rows, []any{"def", t.schema, t.name, c.Name, uint64(i + 1), nil, "YES", d.data, length, octets, precision, scale,
				fraction, charset, collation, d.column, "", "", "select", "", "", nil})
		}
	}
	return rows, nil
}

// sqlTypes says how each Type is called in SQL.
var sqlTypes = map[Type]struct {
	data, column      string
	length, precision uint64
}{
	String:   {"varchar", "varchar(255)", 255, 0},
	Text:     {"longtext", "longtext", 1<<32 - 1, 0},
	Int:      {"bigint", "bigint", 0, 19},
	Uint:     {"bigint", "bigint unsigned", 0, 20},
	Double:   {"double", "double", 0, 22},
	DateTime: {"datetime", "datetime(3)", 0, 0},
}
