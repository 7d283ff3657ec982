package schema

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/replica"
)

// columnTypes maps canonical base names to column types. MariaDB's UUID and
// INET types are stored as BINARY; SQLType tells them apart.
var columnTypes = map[string]replica.ColumnType{
	"tinyint": replica.TypeTinyInt, "smallint": replica.TypeSmallInt, "mediumint": replica.TypeMediumInt,
	"int": replica.TypeInt, "bigint": replica.TypeBigInt, "float": replica.TypeFloat, "double": replica.TypeDouble,
	"decimal": replica.TypeDecimal, "bit": replica.TypeBit, "date": replica.TypeDate, "time": replica.TypeTime,
	"datetime": replica.TypeDateTime, "timestamp": replica.TypeTimestamp, "year": replica.TypeYear,
	"char": replica.TypeChar, "varchar": replica.TypeVarchar,
	"tinytext": replica.TypeText, "text": replica.TypeText, "mediumtext": replica.TypeText, "longtext": replica.TypeText,
	"binary": replica.TypeBinary, "varbinary": replica.TypeVarbinary,
	"tinyblob": replica.TypeBlob, "blob": replica.TypeBlob, "mediumblob": replica.TypeBlob, "longblob": replica.TypeBlob,
	"enum": replica.TypeEnum, "set": replica.TypeSet, "json": replica.TypeJSON, "vector": replica.TypeVector,
	"geometry": replica.TypeGeometry, "point": replica.TypeGeometry, "linestring": replica.TypeGeometry,
	"polygon": replica.TypeGeometry, "multipoint": replica.TypeGeometry, "multilinestring": replica.TypeGeometry,
	"multipolygon": replica.TypeGeometry, "geomcollection": replica.TypeGeometry,
	"uuid": replica.TypeBinary, "inet4": replica.TypeBinary, "inet6": replica.TypeBinary,
}

var fixedBytes = map[string]int{"uuid": 16, "inet6": 16, "inet4": 4}

// build makes the table that a complete definition describes.
func (d *definition) build(schema string) (*replica.Table, error) {
	t := &replica.Table{Schema: schema, Name: d.name, Create: d.sql()}
	seen := map[string]bool{}
	for _, c := range d.columns {
		if seen[strings.ToLower(c.name)] {
			return nil, fmt.Errorf("column %s is there twice", c.name)
		}
		seen[strings.ToLower(c.name)] = true
		t.Columns = append(t.Columns, c.build())
	}
	if len(t.Columns) == 0 {
		return nil, fmt.Errorf("table %s has no columns", d.name)
	}
	for _, k := range d.keys {
		if k.kind != keyPrimary && k.kind != keyUnique {
			continue
		}
		ix := d.buildIndex(k, t)
		if k.kind == keyPrimary {
			t.Primary = &ix
		} else {
			t.Unique = append(t.Unique, ix)
		}
	}
	return t, nil
}

func (d *definition) buildIndex(k *keyDef, t *replica.Table) replica.Index {
	ix := replica.Index{Name: k.name}
	for _, p := range k.parts {
		if p.expr != "" {
			ix.Expression = true
			continue
		}
		n := t.Column(p.column)
		ix.Columns = append(ix.Columns, n)
		ix.Prefix = append(ix.Prefix, p.prefix)
		ix.Nullable = ix.Nullable || t.Columns[n].Nullable
	}
	return ix
}

func (c *columnDef) build() replica.Column {
	t := &c.typ
	out := replica.Column{
		Name: c.name, Type: columnTypes[t.base], SQLType: t.sql(), Unsigned: t.unsigned,
		Nullable: c.nullable(), Charset: t.charset, Collation: t.collation,
		Elements:  t.elements,
		Generated: c.generated != "" || c.rowStart || c.rowEnd,
		Virtual:   c.generated != "" && !c.stored,
		Invisible: c.invisible, AutoInc: c.autoInc,
	}
	switch out.Type {
	case replica.TypeChar, replica.TypeVarchar, replica.TypeBinary, replica.TypeVarbinary, replica.TypeBit, replica.TypeDecimal:
		out.Length = t.length
	}
	if n := fixedBytes[t.base]; n > 0 {
		out.Length = n
	}
	switch out.Type {
	case replica.TypeDecimal, replica.TypeTime, replica.TypeDateTime, replica.TypeTimestamp:
		out.Scale = max(t.scale, 0)
	}
	return out
}

// sql returns the type in the form of columns.column_type.
func (t *typeDef) sql() string {
	var b strings.Builder
	b.WriteString(t.base)
	switch {
	case t.base == "enum" || t.base == "set":
		b.WriteByte('(')
		for i, e := range t.elements {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quoteString(e))
		}
		b.WriteByte(')')
	case t.base == "time" || t.base == "datetime" || t.base == "timestamp":
		if t.scale > 0 {
			b.WriteString("(" + strconv.Itoa(t.scale) + ")")
		}
	case t.length >= 0 && t.scale >= 0:
		b.WriteString("(" + strconv.Itoa(t.length) + "," + strconv.Itoa(t.scale) + ")")
	case t.length >= 0:
		b.WriteString("(" + strconv.Itoa(t.length) + ")")
	}
	if t.unsigned {
		b.WriteString(" unsigned")
	}
	if t.zerofill {
		b.WriteString(" zerofill")
	}
	return b.String()
}
