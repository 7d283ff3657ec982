package snapshot

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sluice/replica"
)

// key builds the SQL that reads and compares a table's RowKey. Of a primary key
// over column prefixes the whole columns are used: that order is a finer one,
// so every range is right, but the index does not give it and the server sorts.
type key struct {
	table   *replica.Table
	index   *replica.Index
	columns []keyColumn
	// hint is how the index is named to the server.
	hint string
}

// keyColumn is one part of a key.
type keyColumn struct {
	column *replica.Column
	name   string // quoted
	read   string // the expression that a Bound's value is read with
	kind   replica.Kind
}

// newKey returns the key of t, or an error when t has none or one of a type
// that cannot be a key.
func newKey(t *replica.Table) (*key, error) {
	index := t.RowKey()
	if index == nil {
		return nil, fmt.Errorf("%s: %w", t, ErrKeyless)
	}
	k := &key{table: t, index: index, hint: "FORCE"}
	for i, c := range index.Columns {
		column := &t.Columns[c]
		if i < len(index.Prefix) && index.Prefix[i] > 0 && column.IsText() && !strings.HasSuffix(column.Collation, "_bin") {
			// A collation may ignore or expand characters, so that two texts
			// compare otherwise than their prefixes do; MySQL's range over the
			// prefixes then misses rows.
			k.hint = "IGNORE"
		}
		kc, err := newKeyColumn(column)
		if err != nil {
			return nil, unsupported(t, column)
		}
		k.columns = append(k.columns, kc)
	}
	return k, nil
}

func newKeyColumn(c *replica.Column) (keyColumn, error) {
	k := keyColumn{column: c, name: replica.Quote(c.Name)}
	k.read = k.name
	switch c.Type {
	case replica.TypeTinyInt, replica.TypeSmallInt, replica.TypeMediumInt, replica.TypeInt, replica.TypeBigInt:
		k.kind = replica.KindInt
		if c.Unsigned {
			k.kind = replica.KindUint
		}
	case replica.TypeBit, replica.TypeEnum, replica.TypeSet, replica.TypeYear:
		k.kind, k.read = replica.KindUint, "CAST("+k.name+" AS UNSIGNED)"
	case replica.TypeFloat, replica.TypeDouble:
		k.kind, k.read = replica.KindDouble, k.name+"*1e0"
	case replica.TypeDecimal:
		k.kind, k.read = replica.KindDecimal, k.name+"+0" // + 0 removes ZEROFILL's zeros
	case replica.TypeDate, replica.TypeTime, replica.TypeDateTime, replica.TypeTimestamp:
		k.kind = replica.KindTime
	case replica.TypeChar, replica.TypeVarchar, replica.TypeText, replica.TypeBinary, replica.TypeVarbinary, replica.TypeBlob:
		k.kind = replica.KindBytes
		value := k.name
		if c.IsText() && c.Charset == "" {
			value = "CONVERT(" + value + " USING utf8mb4)"
		}
		k.read = "HEX(" + value + ")"
	default:
		return k, errUnsupportedType
	}
	return k, nil
}

// value converts what the read expression returned.
func (k keyColumn) value(text []byte) (replica.Value, error) {
	v := replica.Value{Kind: k.kind}
	switch k.kind {
	case replica.KindInt:
		n, err := strconv.ParseInt(string(text), 10, 64)
		v.Num = uint64(n)
		return v, err
	case replica.KindUint:
		n, err := strconv.ParseUint(string(text), 10, 64)
		v.Num = n
		return v, err
	case replica.KindDouble:
		f, err := strconv.ParseFloat(string(text), 64)
		v.Num = math.Float64bits(f)
		return v, err
	case replica.KindBytes:
		raw, err := hex.DecodeString(string(text))
		v.Bytes = raw
		return v, err
	default:
		v.Bytes = append([]byte(nil), text...)
		return v, nil
	}
}

// literal returns v as SQL that compares with the column by the column's own
// rules: a text literal has the column's character set and, being a literal,
// takes the column's collation.
func (k keyColumn) literal(v replica.Value) string {
	switch v.Kind {
	case replica.KindInt:
		return strconv.FormatInt(int64(v.Num), 10)
	case replica.KindUint:
		if k.column.Type == replica.TypeYear {
			// A number below 100 would be taken for a year of two digits.
			return fmt.Sprintf("'%04d'", v.Num)
		}
		return strconv.FormatUint(v.Num, 10)
	case replica.KindDouble:
		s := strconv.FormatFloat(math.Float64frombits(v.Num), 'e', -1, 64)
		return s
	case replica.KindDecimal:
		return string(v.Bytes)
	case replica.KindTime:
		return "'" + string(v.Bytes) + "'"
	default:
		return k.introducer() + "X'" + hex.EncodeToString(v.Bytes) + "'"
	}
}

func (k keyColumn) introducer() string {
	if !k.column.IsText() {
		return ""
	}
	if k.column.Charset == "" {
		return "_utf8mb4 "
	}
	return "_" + k.column.Charset + " "
}

// sortLiteral returns v as SQL that sorts like the column where no column is
// near to lend its type.
func (k keyColumn) sortLiteral(v replica.Value) string {
	l := k.literal(v)
	scale := fmt.Sprintf("(%d)", k.column.Scale)
	switch k.column.Type {
	case replica.TypeDate:
		return "CAST(" + l + " AS DATE)"
	case replica.TypeTime:
		return "CAST(" + l + " AS TIME" + scale + ")"
	case replica.TypeDateTime, replica.TypeTimestamp:
		return "CAST(" + l + " AS DATETIME" + scale + ")"
	}
	if k.column.IsText() && k.column.Collation != "" {
		return l + " COLLATE " + k.column.Collation
	}
	return l
}

// check says whether b can be a bound of this key.
func (k *key) check(b Bound) error {
	if b == nil {
		return nil
	}
	if len(b) != len(k.columns) {
		return fmt.Errorf("%s: a recorded chunk has %d key columns, the key has %d", k.table, len(b), len(k.columns))
	}
	for i := range b {
		if b[i].Kind != k.columns[i].kind {
			return fmt.Errorf("%s: a recorded chunk was made for another type of key column %s", k.table, k.columns[i].name)
		}
	}
	return nil
}

// selectList returns the expressions that a Bound is read with.
func (k *key) selectList() string {
	parts := make([]string, len(k.columns))
	for i, c := range k.columns {
		parts[i] = c.read
	}
	return strings.Join(parts, ", ")
}

// orderBy returns the key's columns.
func (k *key) orderBy() string {
	parts := make([]string, len(k.columns))
	for i, c := range k.columns {
		parts[i] = c.name
	}
	return strings.Join(parts, ", ")
}

// where returns the condition "above lo, up to hi", with the leading WHERE, or
// "" when both are open.
//
// MySQL makes no index range from (a,b) > (x,y). From
// a >= x AND (a > x OR (a = x AND b > y)) it does.
func (k *key) where(lo, hi Bound) string {
	var parts []string
	if lo != nil {
		parts = append(parts, k.compare(lo, ">", ">"))
	}
	if hi != nil {
		parts = append(parts, k.compare(hi, "<", "<="))
	}
	if len(parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

// compare returns key op b, where last is the operator of the last column and
// strict the same operator without "or equal".
func (k *key) compare(b Bound, strict, last string) string {
	n := len(k.columns) - 1
	sql := fmt.Sprintf("%s %s %s", k.columns[n].name, last, k.columns[n].literal(b[n]))
	for i := n - 1; i >= 0; i-- {
		c, l := k.columns[i].name, k.columns[i].literal(b[i])
		sql = fmt.Sprintf("%[1]s %[2]s= %[3]s AND (%[1]s %[2]s %[3]s OR (%[1]s = %[3]s AND %[4]s))", c, strict, l, sql)
	}
	return sql
}

// from returns the FROM clause, which with hinted holds the server to the key.
func (k *key) from(hinted bool) string {
	from := " FROM " + replica.QuoteTable(k.table.Schema, k.table.Name)
	if hinted {
		from += " " + k.hint + " INDEX (" + replica.Quote(k.index.Name) + ")"
	}
	return from
}
