package binlog

import (
	"encoding/binary"
	"fmt"
	"strings"

	"sluice/replica"
)

// Column type codes of table maps: include/field_types.h.
const (
	colTiny        = 1
	colShort       = 2
	colLong        = 3
	colFloat       = 4
	colDouble      = 5
	colNull        = 6
	colTimestamp   = 7
	colLongLong    = 8
	colInt24       = 9
	colDate        = 10
	colTime        = 11
	colDateTime    = 12
	colYear        = 13
	colNewDate     = 14
	colVarchar     = 15
	colBit         = 16
	colTimestamp2  = 17
	colDateTime2   = 18
	colTime2       = 19
	colTypedArray  = 20
	colMBlobZ      = 140 // MariaDB COMPRESSED
	colMVarcharZ   = 141
	colVector      = 242
	colJSON        = 245
	colNewDecimal  = 246
	colEnum        = 247
	colSet         = 248
	colTinyBlob    = 249
	colMediumBlob  = 250
	colLongBlob    = 251
	colBlob        = 252
	colVarString   = 253
	colString      = 254
	colGeometry    = 255
	metaSignedness = 1
	metaNames      = 4

	// Collations of the character columns, and of ENUM and SET columns: a default
	// and the exceptions from it, or one for each column.
	metaDefaultCharset     = 2
	metaColumnCharset      = 3
	metaEnumDefaultCharset = 10
	metaEnumColumnCharset  = 11
)

// maxColumns is above the servers' own limits: 4096, and 65535 bytes a row.
const maxColumns = 4 * 4096

// TableMap is what a table map event says about a table.
type TableMap struct {
	ID     uint64
	Schema string
	Name   string
	types  []byte
	meta   []uint16
	// names is nil unless the source logs them (binlog_row_metadata=FULL).
	names []string
	// unsigned has one entry per numeric column, in order; nil when unknown.
	unsigned []bool

	// collations has the number of each column's collation; 0 where the source
	// logs none, and nil where it logs no metadata.
	collations []uint16
	unsorted   bool // the collations are of other columns than those that are counted here

	table   *replica.Table // nil: unwanted
	decoder *rowDecoder
	known   bool // table was resolved
	raw     []byte
}

// Columns returns how many columns the table has on the source.
func (m *TableMap) Columns() int { return len(m.types) }

// Names returns the column names where the source logs them, else nil.
func (m *TableMap) Names() []string { return m.names }

// Collations returns the number of each column's collation, 0 where the source
// logs none; nil where it logs no metadata at all.
func (m *TableMap) Collations() []uint16 {
	if m.unsorted {
		return nil
	}
	return m.collations
}

func parseTableMap(body []byte) (*TableMap, error) {
	c := &cursor{b: body}
	m := &TableMap{ID: c.uint(6)}
	c.uint(2)
	m.Schema = string(c.take(int(c.uint(1))))
	c.take(1)
	m.Name = string(c.take(int(c.uint(1))))
	c.take(1)
	n := c.lenenc()
	if n == 0 || n > maxColumns {
		c.bad = true
	}
	if c.bad {
		return nil, corrupt("a table map is cut off")
	}
	m.types = append([]byte(nil), c.take(int(n))...)
	meta := &cursor{b: c.take(c.size())}
	m.meta = make([]uint16, len(m.types))
	for i, t := range m.types {
		m.meta[i] = columnMeta(meta, t)
	}
	c.take((len(m.types) + 7) / 8)
	for i := range m.types {
		meta.bad = meta.bad || !m.sound(i)
	}
	if c.bad || meta.bad {
		return nil, corrupt("a table map's columns are cut off")
	}
	m.optional(c)
	if c.bad {
		return nil, corrupt("a table map's optional metadata is cut off")
	}
	return m, nil
}

func columnMeta(c *cursor, t byte) uint16 {
	switch t {
	case colFloat, colDouble, colTinyBlob, colMediumBlob, colLongBlob, colBlob, colJSON, colGeometry, colVector,
		colTimestamp2, colDateTime2, colTime2, colMBlobZ:
		return uint16(c.uint(1))
	case colVarchar, colVarString, colMVarcharZ, colBit:
		return uint16(c.uint(2))
	case colString, colEnum, colSet, colNewDecimal:
		b := c.take(2)
		if len(b) < 2 {
			return 0
		}
		return binary.BigEndian.Uint16(b)
	case colTypedArray:
		// A multi-valued index's hidden column: never in a base table's map.
		c.bad = true
	}
	return 0
}

// sound says whether a column's metadata can be: what they say decides how
// many bytes are read later.
func (m *TableMap) sound(i int) bool {
	meta := int(m.meta[i])
	switch typ, size := m.realType(i); typ {
	case colTimestamp2, colDateTime2, colTime2:
		return meta <= 6
	case colNewDecimal:
		return soundDecimal(meta>>8, meta&0xff)
	case colBit:
		return meta>>8 <= 8 && meta&0xff <= 7
	case colEnum, colSet:
		return size >= 1 && size <= 8
	case colBlob, colTinyBlob, colMediumBlob, colLongBlob, colMBlobZ, colJSON, colGeometry, colVector:
		return size >= 1 && size <= 4
	}
	return true
}

// optional reads the type-length-value fields behind the null bitmap.
func (m *TableMap) optional(c *cursor) {
	for len(c.b) > 0 && !c.bad {
		typ := c.uint(1)
		field := &cursor{b: c.take(c.size())}
		switch typ {
		case metaSignedness:
			for _, t := range m.types {
				if !isNumeric(t) {
					continue
				}
				i := len(m.unsigned)
				if i/8 >= len(field.b) {
					c.bad = true
					return
				}
				m.unsigned = append(m.unsigned, field.b[i/8]&(0x80>>(i%8)) != 0)
			}
		case metaDefaultCharset, metaColumnCharset, metaEnumDefaultCharset, metaEnumColumnCharset:
			if !m.charsets(typ, field) {
				m.unsorted = true
			}
		case metaNames:
			for len(field.b) > 0 && !field.bad {
				m.names = append(m.names, string(field.take(field.size())))
			}
			c.bad = c.bad || field.bad
		}
	}
}

func isNumeric(t byte) bool {
	switch t {
	case colTiny, colShort, colInt24, colLong, colLongLong, colNewDecimal, colFloat, colDouble, colYear:
		return true
	}
	return false
}

// realType returns the type of a column with CHAR's three disguises taken off,
// and the byte length of a CHAR or BINARY.
func (m *TableMap) realType(i int) (byte, int) {
	t := m.types[i]
	if t != colString {
		return t, int(m.meta[i])
	}
	b0, b1 := byte(m.meta[i]>>8), int(m.meta[i]&0xff)
	if b0 == 0 {
		return colString, b1
	}
	if b0&0x30 != 0x30 {
		return b0 | 0x30, b1 | int((b0&0x30)^0x30)<<4
	}
	return b0, b1
}

// isCharacter returns true for the columns that the character set fields count:
// strings and BLOBs, or ENUM and SET.
func (m *TableMap) isCharacter(i int, enums bool) bool {
	switch t, _ := m.realType(i); t {
	case colEnum, colSet:
		return enums
	case colVarchar, colVarString, colString, colTinyBlob, colMediumBlob, colLongBlob, colBlob, colVector, colMVarcharZ, colMBlobZ:
		return !enums
	}
	return false
}

// charsets reads a character set field: Table_map_event::Optional_metadata_fields
// in rows_event.cpp. A default is followed by pairs of a column's number, among
// those that count, and its collation. It returns false for a field that counts
// other columns.
func (m *TableMap) charsets(typ uint64, field *cursor) bool {
	var columns []int
	for i := range m.types {
		if m.isCharacter(i, typ >= metaEnumDefaultCharset) {
			columns = append(columns, i)
		}
	}
	if m.collations == nil {
		m.collations = make([]uint16, len(m.types))
	}
	if typ == metaColumnCharset || typ == metaEnumColumnCharset {
		for _, i := range columns {
			m.collations[i] = collationNumber(field)
		}
	} else {
		def := collationNumber(field)
		for _, i := range columns {
			m.collations[i] = def
		}
		for len(field.b) > 0 && !field.bad {
			n := field.lenenc()
			id := collationNumber(field)
			if n >= uint64(len(columns)) {
				return false
			}
			m.collations[columns[n]] = id
		}
	}
	return !field.bad && len(field.b) == 0
}

func collationNumber(c *cursor) uint16 {
	n := c.lenenc()
	if n > 1<<16-1 {
		c.bad = true
	}
	return uint16(n)
}

// match checks the table map against the table's known definition: a
// difference means that the schema history is wrong, and is never guessed at.
func (m *TableMap) match(t *replica.Table) error {
	if len(t.Columns) != len(m.types) {
		if hash := len(m.types) > len(t.Columns); hash && m.hidden(len(t.Columns)) {
			return &replica.Error{Code: 61131, Class: "DATA", Table: t.String(),
				Message: fmt.Sprintf("the rows of %s in the binlog have a hidden column, as those of a MariaDB table with a UNIQUE key over a TEXT, a BLOB or long columns have", t),
				Remedy: "leave the table out with REPLICATE_IGNORE_TABLE; or at the source, drop that key or make it one of prefixes, " +
					"then RESET MIGRATION and start again"}
		}
		return Mismatch(t, fmt.Sprintf("the binlog has %d columns, the known definition has %d", len(m.types), len(t.Columns)))
	}
	if m.names != nil {
		for i, n := range m.names {
			if i < len(t.Columns) && !strings.EqualFold(n, t.Columns[i].Name) {
				return Mismatch(t, fmt.Sprintf("column %d is %q in the binlog and %q in the known definition", i+1, n, t.Columns[i].Name))
			}
		}
	}
	numeric := 0
	for i := range t.Columns {
		col := &t.Columns[i]
		real, _ := m.realType(i)
		if !fits(real, col) {
			return Mismatch(t, fmt.Sprintf("column %q has binlog type %d, which is not %s", col.Name, real, col.SQLType))
		}
		if col.Scale > 0 && (real == colTime || real == colDateTime || real == colTimestamp) {
			return &replica.Error{Code: 61133, Class: "DATA",
				Message: fmt.Sprintf("column %q of %s stores %s in MariaDB's old format, whose width the binlog does not tell", col.Name, t, col.SQLType),
				Remedy:  "set mysql56_temporal_format=ON on the source and ALTER TABLE .. FORCE, or leave the table out with REPLICATE_IGNORE_TABLE"}
		}
		if isNumeric(m.types[i]) {
			if m.unsigned != nil && col.Type != replica.TypeYear && m.unsigned[numeric] != col.Unsigned {
				return Mismatch(t, fmt.Sprintf("column %q has another sign than %s", col.Name, col.SQLType))
			}
			numeric++
		}
	}
	return nil
}

// typeCodes lists the binlog types in which a column's values may arrive.
var typeCodes = map[replica.ColumnType]string{
	replica.TypeTinyInt:   string([]byte{colTiny}),
	replica.TypeSmallInt:  string([]byte{colShort}),
	replica.TypeMediumInt: string([]byte{colInt24}),
	replica.TypeInt:       string([]byte{colLong}),
	replica.TypeBigInt:    string([]byte{colLongLong}),
	replica.TypeFloat:     string([]byte{colFloat}),
	replica.TypeDouble:    string([]byte{colDouble}),
	replica.TypeDecimal:   string([]byte{colNewDecimal}),
	replica.TypeBit:       string([]byte{colBit}),
	replica.TypeDate:      string([]byte{colDate, colNewDate}),
	replica.TypeTime:      string([]byte{colTime, colTime2}),
	replica.TypeDateTime:  string([]byte{colDateTime, colDateTime2}),
	replica.TypeTimestamp: string([]byte{colTimestamp, colTimestamp2}),
	replica.TypeYear:      string([]byte{colYear}),
	replica.TypeChar:      string([]byte{colString, colVarString, colVarchar}),
	replica.TypeVarchar:   string([]byte{colVarchar, colVarString, colMVarcharZ}),
	replica.TypeText:      string([]byte{colBlob, colTinyBlob, colMediumBlob, colLongBlob, colMBlobZ}),
	replica.TypeBinary:    string([]byte{colString, colVarString}),
	replica.TypeVarbinary: string([]byte{colVarchar, colVarString, colMVarcharZ}),
	replica.TypeBlob:      string([]byte{colBlob, colTinyBlob, colMediumBlob, colLongBlob, colMBlobZ}),
	replica.TypeEnum:      string([]byte{colEnum}),
	replica.TypeSet:       string([]byte{colSet}),
	replica.TypeJSON:      string([]byte{colJSON, colBlob, colLongBlob}),
	replica.TypeGeometry:  string([]byte{colGeometry}),
	replica.TypeVector:    string([]byte{colVector}),
}

func fits(real byte, col *replica.Column) bool {
	return strings.IndexByte(typeCodes[col.Type], real) >= 0
}

// Mismatch returns the error of a table whose known definition does not fit what
// the binlog says of its rows.
func Mismatch(t *replica.Table, what string) error {
	return &replica.Error{Code: 61131, Class: "DATA", Table: t.String(),
		Message: fmt.Sprintf("the definition of %s known at this position does not fit its rows: %s", t, what),
		Remedy: "the table was changed by a session with sql_log_bin=0, or its history is incomplete: " +
			"set binlog_row_metadata=FULL on the source, then RESET MIGRATION and start again"}
}

// hidden returns true if all columns from number n on, counted from 0, may be hashes of MariaDB's long unique keys, which
// no definition shows.
func (m *TableMap) hidden(n int) bool {
	for i, t := range m.types[n:] {
		if t != colLongLong || m.names != nil && !strings.HasPrefix(m.names[n+i], "DB_ROW_HASH_") {
			return false
		}
	}
	return true
}
