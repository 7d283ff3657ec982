package catalog

// Spec is a migration's definition as stated. Its JSON fields are the contract
// with what the store holds; nil lists were not stated.
type Spec struct {
	Sources         []string          `json:"sources"`
	Target          string            `json:"target"` // DEFAULT when not stated
	DoDB            []string          `json:"do_db,omitempty"`
	IgnoreDB        []string          `json:"ignore_db,omitempty"`
	DoTable         []TableName       `json:"do_table,omitempty"`
	IgnoreTable     []TableName       `json:"ignore_table,omitempty"`
	WildDoTable     []string          `json:"wild_do_table,omitempty"` // db.table with % and _
	WildIgnoreTable []string          `json:"wild_ignore_table,omitempty"`
	RewriteDB       []Rewrite         `json:"rewrite_db,omitempty"`
	Routes          []Route           `json:"routes,omitempty"`
	Filters         []Filter          `json:"filters,omitempty"`
	StartAt         StartAt           `json:"start_at"`
	Options         map[string]string `json:"options,omitempty"`
	Comment         string            `json:"comment,omitempty"`
}

// TableName is a table of a schema.
type TableName struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// Rewrite is one (from, to) of REPLICATE_REWRITE_DB.
type Rewrite struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Pattern matches names.
type Pattern struct {
	Kind string `json:"kind"` // LITERAL, LIKE or REGEXP
	Text string `json:"text"`
}

// Route sends the tables that match to another name, which may hold $1 to $9.
type Route struct {
	Schema   Pattern   `json:"schema"`
	Table    Pattern   `json:"table"`
	ToSchema string    `json:"to_schema"`
	ToTable  string    `json:"to_table"`
	Extract  []Extract `json:"extract,omitempty"`
}

// Extract writes a part of where a row comes from into a column.
type Extract struct {
	From   string `json:"from"` // SCHEMA, TABLE or SOURCE
	Column string `json:"column"`
	Regexp string `json:"regexp,omitempty"`
}

// Filter drops rows or operations of a table, or makes them an error.
type Filter struct {
	Table  TableName `json:"table"`
	Action string    `json:"action,omitempty"` // IGNORE or ERROR, with Ops
	Ops    []string  `json:"ops,omitempty"`
	Where  string    `json:"where,omitempty"` // rows that stay
}

// StartAt says where replication begins.
type StartAt struct {
	Kind    string `json:"kind"` // SNAPSHOT (default), CURRENT, GTID or FILE
	GTIDSet string `json:"gtid_set,omitempty"`
	File    string `json:"file,omitempty"`
	Pos     uint64 `json:"pos,omitempty"`
}
