package replica

import "strings"

// ColumnType is a column's type family as the server's data dictionary names
// it: one value per way a value is stored in a row image.
type ColumnType uint8

// The column types that MySQL 5.7 to 9.x and MariaDB 10.5 to 11.8 store.
const (
	TypeUnknown ColumnType = iota
	TypeTinyInt
	TypeSmallInt
	TypeMediumInt
	TypeInt
	TypeBigInt
	TypeFloat
	TypeDouble
	TypeDecimal
	TypeBit
	TypeDate
	TypeTime
	TypeDateTime
	TypeTimestamp
	TypeYear
	TypeChar
	TypeVarchar
	TypeText // all four sizes
	TypeBinary
	TypeVarbinary
	TypeBlob // all four sizes
	TypeEnum
	TypeSet
	TypeJSON
	TypeGeometry
	TypeVector
)

// Column is one column of a table version.
type Column struct {
	Name      string
	Type      ColumnType
	SQLType   string // as in information_schema.columns.column_type, lower case
	Unsigned  bool
	Nullable  bool
	Charset   string   // of CHAR, VARCHAR, TEXT, ENUM, SET; "" otherwise
	Collation string   // likewise
	Length    int      // characters (CHAR, VARCHAR), bytes (BINARY, VARBINARY), bits (BIT), digits (DECIMAL); 0 otherwise
	Scale     int      // DECIMAL digits after the point; fractional-second digits of TIME, DATETIME, TIMESTAMP
	Elements  []string // ENUM and SET members, in order
	Generated bool     // VIRTUAL or STORED: not written to the target, which computes it
	Virtual   bool     // VIRTUAL
	Carried   bool     // VIRTUAL or STORED, but a plain column in the target: see Table.Carrying
	Invisible bool
	AutoInc   bool
}

// IsText says whether values are character strings in Charset.
func (c *Column) IsText() bool {
	return c.Type == TypeChar || c.Type == TypeVarchar || c.Type == TypeText
}

// Index is a primary or unique key of a table version.
type Index struct {
	Name     string
	Columns  []int // into Table.Columns, in key order
	Prefix   []int // per key column: prefix length in characters (bytes for binary), 0 for the whole value
	Nullable bool  // a key column may be NULL
	// Expression says that a key part is an expression: its values cannot be
	// computed from a row image, so every row may conflict with every other.
	Expression bool
}

// Table is one version of one table's definition. It is immutable: a DDL makes
// a new one. Values of a row image are in the order of Columns.
type Table struct {
	Schema  string
	Name    string
	Columns []Column
	// Primary is nil when there is none.
	Primary *Index
	// Unique lists the unique keys other than the primary key.
	Unique []Index
	// Create is the statement that makes this version on the source, as SHOW
	// CREATE TABLE prints it or as restored from the schema history.
	Create string
}

// String returns schema.name, unquoted, for messages.
func (t *Table) String() string { return t.Schema + "." + t.Name }

// Column returns the index of the named column (case does not matter), or -1.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, name) {
			return i
		}
	}
	return -1
}

// Carrying returns the table as its rows are written to a target in which the
// generated columns that plain names are plain columns: they carry the source's
// value. It returns t itself when there are none.
func (t *Table) Carrying(plain func(c *Column) bool) *Table {
	var out *Table
	for i := range t.Columns {
		if !t.Columns[i].Generated || !plain(&t.Columns[i]) {
			continue
		}
		if out == nil {
			n := *t
			n.Columns = append([]Column(nil), t.Columns...)
			out = &n
		}
		c := &out.Columns[i]
		c.Generated, c.Virtual, c.Carried = false, false, true
	}
	if out == nil {
		return t
	}
	return out
}

// RowKey returns the key that identifies a row: the primary key, else the
// first unique key over whole NOT NULL columns, else nil: a keyless table.
func (t *Table) RowKey() *Index {
	if t.Primary != nil && !t.Primary.Expression {
		return t.Primary
	}
	for i := range t.Unique {
		u := &t.Unique[i]
		if u.Nullable || u.Expression {
			continue
		}
		whole := true
		for _, n := range u.Prefix {
			whole = whole && n == 0
		}
		if whole {
			return u
		}
	}
	return nil
}

// Quote returns an identifier in back quotes.
func Quote(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// QuoteTable returns `schema`.`table`.
func QuoteTable(schema, table string) string { return Quote(schema) + "." + Quote(table) }
