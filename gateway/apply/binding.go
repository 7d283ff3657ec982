package apply

import (
	"fmt"
	"hash/fnv"
	"strings"

	"sluice/replica"
)

// Binding ties one version of a source table to its target table: which
// columns are written and what identifies a row. It is immutable.
type Binding struct {
	Source *replica.Table
	Schema string // of the target table
	Name   string

	quoted  string   // `schema`.`name`
	columns []int    // written columns, as indexes into Source.Columns
	names   []string // their quoted names, in the same order
	list    string   // "(`a`,`b`)"
	key     *replica.Index
	keyCols []string // the key's quoted names
	indexes []boundIndex
	hash    uint64
	// updatable says that a multi-row upsert may stand for updates: the row's
	// key is the only unique key, so that no other row can be hit.
	updatable bool
	// upserts says that it also may: TiDB turns the bytes of a wide BIT around
	// in ON DUPLICATE KEY UPDATE b=VALUES(b).
	upserts    bool
	enums      []int  // the ENUM columns: see enum.go
	upsertTail string // see upsertOf
	keyList    string // the key's column, or its columns in parentheses
	// listed says that keys can stand in an IN list; cases, that they can stand
	// in a CASE too.
	listed, cases bool
	// carried lists the columns that the source generates and the target does
	// not: see incomplete.
	carried []int
	// auto is the AUTO_INCREMENT column, -1 for none; autoOutside says that it is
	// outside the key: see autoid.go.
	auto        int
	autoOutside bool
}

// boundIndex is one unique key as the scheduler needs it.
type boundIndex struct {
	columns []int
	prefix  []int
	hash    uint64
	// folding says, per column, that the target may hold values equal that
	// differ in their bytes: a collation that is not binary.
	folding []bool
	opaque  bool // values cannot be computed: every row may conflict
}

// Bind prepares rows of source for the target table. The source's generated
// columns are not written, but for those that are Carried (Table.Carrying).
// binary says whether a
// target column's collation compares bytes (trailing spaces aside); unknown
// columns count as not binary, which costs parallelism and never correctness.
func Bind(source *replica.Table, schema, name string, binary func(column string) bool) (*Binding, error) {
	b := &Binding{Source: source, Schema: schema, Name: name, quoted: replica.QuoteTable(schema, name)}
	b.hash = hashString(strings.ToLower(schema) + "\x00" + strings.ToLower(name))
	for i := range source.Columns {
		c := &source.Columns[i]
		if c.Generated {
			continue
		}
		if !carried(c) {
			return nil, &replica.Error{Code: 61133, Class: "DATA", Table: source.String(),
				Message: fmt.Sprintf("column %q of %s has the type %s, which cannot be carried yet", c.Name, source, c.SQLType),
				Remedy:  "leave the table out with REPLICATE_IGNORE_TABLE, or change the column on the source"}
		}
		if c.Carried {
			b.carried = append(b.carried, i)
		}
		b.columns = append(b.columns, i)
		b.names = append(b.names, replica.Quote(c.Name))
	}
	if strings.Contains(strings.ToUpper(source.Create), "WITH SYSTEM VERSIONING") {
		return nil, &replica.Error{Code: 61133, Class: "DATA", Table: source.String(),
			Message: fmt.Sprintf("%s is a system-versioned table, whose history rows cannot be carried yet", source),
			Remedy:  "leave the table out with REPLICATE_IGNORE_TABLE, or drop its system versioning on the source"}
	}
	b.list = "(" + strings.Join(b.names, ",") + ")"
	if k := source.RowKey(); k != nil && !hasGenerated(source, k) {
		b.key = k
		for _, i := range k.Columns {
			b.keyCols = append(b.keyCols, replica.Quote(source.Columns[i].Name))
		}
	}
	b.bindKeyList()
	b.auto, b.autoOutside = autoColumn(source, b.key)
	others := 0
	if source.Primary != nil {
		b.indexes = append(b.indexes, bindIndex(source, source.Primary, b.hash, binary))
		if source.Primary != b.key {
			others++
		}
	}
	for i := range source.Unique {
		b.indexes = append(b.indexes, bindIndex(source, &source.Unique[i], b.hash, binary))
		if &source.Unique[i] != b.key {
			others++
		}
	}
	b.updatable = b.key != nil && others == 0
	b.upserts = b.updatable
	for i := range source.Columns {
		if source.Columns[i].Type == replica.TypeEnum {
			b.enums = append(b.enums, i)
		}
		b.upserts = b.upserts && source.Columns[i].Type != replica.TypeBit
	}
	if b.upserts {
		b.upsertTail = upsertOf(b)
	}
	return b, nil
}

// bindKeyList finds out how several rows' keys are written. A FLOAT needs all
// digits of its value, ENUM and SET are compared by number: they take a
// condition each (appendKeyMatch). So do, in keys of several columns, types
// whose literals are texts of another type, and in a CASE all but integers.
func (b *Binding) bindKeyList() {
	if b.key == nil {
		return
	}
	b.keyList = strings.Join(b.keyCols, ",")
	several := len(b.keyCols) > 1
	if several {
		b.keyList = "(" + b.keyList + ")"
	}
	b.listed, b.cases = true, !several
	for _, i := range b.key.Columns {
		switch b.Source.Columns[i].Type {
		case replica.TypeTinyInt, replica.TypeSmallInt, replica.TypeMediumInt, replica.TypeInt, replica.TypeBigInt:
		case replica.TypeChar, replica.TypeVarchar, replica.TypeBinary, replica.TypeVarbinary:
			b.cases = false
		case replica.TypeFloat, replica.TypeEnum, replica.TypeSet:
			b.listed, b.cases = false, false
		default:
			b.listed, b.cases = b.listed && !several, false
		}
	}
}

// carried returns true if a column's values can be written. A GEOMETRY is written
// as the bytes that MySQL stores, an SRID and a WKB, into the BLOB that the target's
// table must have for it. MariaDB's UUID and INET types have a stored form of their
// own in row images.
func carried(c *replica.Column) bool {
	switch c.Type {
	case replica.TypeVector, replica.TypeUnknown:
		return false
	}
	switch c.SQLType {
	case "uuid", "inet4", "inet6":
		return false
	}
	return true
}

// hasGenerated says whether a key column's values are not in the row image.
func hasGenerated(t *replica.Table, k *replica.Index) bool {
	for _, i := range k.Columns {
		if t.Columns[i].Generated {
			return true
		}
	}
	return false
}

func bindIndex(t *replica.Table, x *replica.Index, table uint64, binary func(string) bool) boundIndex {
	// By columns, not by name: a merged table's shards may name keys otherwise.
	h := table
	bi := boundIndex{columns: x.Columns, prefix: x.Prefix, opaque: x.Expression || hasGenerated(t, x)}
	for _, i := range x.Columns {
		c := &t.Columns[i]
		h = mix(h, hashString(strings.ToLower(c.Name)))
		bi.folding = append(bi.folding, c.IsText() && !binary(c.Name))
	}
	bi.hash = h
	return bi
}

func hashString(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

func mix(a, b uint64) uint64 {
	a ^= b + 0x9e3779b97f4a7c15 + a<<6 + a>>2
	a ^= a >> 31
	a *= 0xbf58476d1ce4e5b9
	return a ^ a>>29
}

// Keyless says whether no key identifies the table's rows.
func (b *Binding) Keyless() bool { return b.key == nil }
