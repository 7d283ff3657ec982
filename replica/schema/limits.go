package schema

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"sluice/replica"
)

// Limits are those of a target's tables that its configuration sets.
type Limits struct {
	IndexBytes int // max-index-length
	Columns    int // table-column-count-limit
	Indexes    int // index-limit
}

// DefaultLimits are those of a TiDB whose configuration says nothing.
var DefaultLimits = Limits{IndexBytes: maxIndexBytes, Columns: 1017, Indexes: 64}

// maxNameChars is TiDB's limit for names of schemas, tables, columns and indexes.
const maxNameChars = 64

// OverLimits lists the limits of TiDB that keep the table from being made there under
// that name; nil when there are none. It looks at the table's translation, so that
// an index that is not carried over counts for nothing.
func OverLimits(t *replica.Table, targetSchema, targetTable string, limits Limits) ([]string, error) {
	d, err := parseDefinition(t.Create, Defaults{})
	if err != nil {
		return nil, ddlError(err, remedyStatement, "translate table %s", t)
	}
	x := Target{}.translator(d)
	var over []string
	add := func(format string, args ...any) { over = append(over, fmt.Sprintf(format, args...)) }
	name := func(what, s string) {
		if n := utf8.RuneCountInString(s); n > maxNameChars {
			add("the name of %s has %d characters, and TiDB takes %d", what, n, maxNameChars)
		}
	}
	name("the schema", targetSchema)
	name("the table", targetTable)
	columns := 0
	for _, c := range d.columns {
		if c.implicit || c.rowStart || c.rowEnd {
			continue
		}
		columns++
		name("column "+c.name, c.name)
	}
	if columns > limits.Columns {
		add("it has %d columns, and TiDB takes %d (table-column-count-limit)", columns, limits.Columns)
	}
	indexes := 0
	for _, k := range d.keys {
		if _, ok := x.carried(k); !ok {
			continue
		}
		indexes++
		name("index "+k.name, k.name)
		n := k.clone()
		x.shorten(n, "")
		if bytes := x.keyBytes(n); bytes > limits.IndexBytes {
			add("%s takes up to %d bytes in TiDB's character set, and TiDB takes %d (max-index-length)", keyTitle(k), bytes, limits.IndexBytes)
		}
	}
	if indexes > limits.Indexes {
		add("it has %d indexes, and TiDB takes %d (index-limit)", indexes, limits.Indexes)
	}
	if p := d.partition; p != nil && x.partition(p) != "" && partitionCount(p) > maxPartitions {
		add("it has more than %d partitions", maxPartitions)
	}
	return over, nil
}

func keyTitle(k *keyDef) string {
	if k.kind == keyPrimary {
		return "the primary key"
	}
	return "index " + k.name
}

var partitionsClause = regexp.MustCompile(`(?i)\bPARTITIONS\s+(\d+)`)

func partitionCount(p *partitioning) int {
	n := len(p.parts)
	if m := partitionsClause.FindStringSubmatch(p.header); m != nil {
		_, _ = fmt.Sscan(m[1], &n)
	}
	return n
}

// Trial returns a statement that makes a table like the target's which only the
// session sees: TiDB applies its limits to it and stores nothing. Partitions are left
// out, as such a table cannot have them.
func (tg Target) Trial(t *replica.Table, targetSchema, targetTable string) (string, error) {
	d, err := parseDefinition(t.Create, Defaults{})
	if err != nil {
		return "", ddlError(err, remedyStatement, "translate table %s", t)
	}
	d.partition = nil
	x := tg.translator(d)
	sql, err := x.createTable(replica.QuoteTable(targetSchema, targetTable))
	if err != nil {
		return "", err
	}
	return strings.Replace(sql, "CREATE TABLE ", "CREATE TEMPORARY TABLE ", 1), nil
}
