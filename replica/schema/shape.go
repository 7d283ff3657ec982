package schema

import (
	"fmt"
	"strings"

	"sluice/replica"
)

// SameShape compares what row images and conflicts depend on: columns in order
// with their types, and keys. It returns "" when they agree, else the first
// difference in words. Schema, name and statement do not matter.
func SameShape(a, b *replica.Table) (diff string) {
	if len(a.Columns) != len(b.Columns) {
		return fmt.Sprintf("%d columns against %d", len(a.Columns), len(b.Columns))
	}
	for i := range a.Columns {
		if d := columnDiff(&a.Columns[i], &b.Columns[i]); d != "" {
			return fmt.Sprintf("column %d (%s): %s", i+1, a.Columns[i].Name, d)
		}
	}
	switch {
	case (a.Primary == nil) != (b.Primary == nil):
		return "one has a primary key, the other has not"
	case a.Primary != nil && !sameKey(a, b, a.Primary, b.Primary):
		return "primary key " + keyColumns(a, a.Primary) + " against " + keyColumns(b, b.Primary)
	case len(a.Unique) != len(b.Unique):
		return fmt.Sprintf("%d unique keys against %d", len(a.Unique), len(b.Unique))
	}
	for i := range a.Unique {
		if !hasKey(a, b, &a.Unique[i]) {
			return "unique key " + keyColumns(a, &a.Unique[i]) + " is missing"
		}
	}
	return ""
}

func columnDiff(a, b *replica.Column) string {
	switch {
	case !strings.EqualFold(a.Name, b.Name):
		return "name is " + b.Name
	case a.Type != b.Type || a.SQLType != b.SQLType:
		return "type " + a.SQLType + " against " + b.SQLType
	case a.Nullable != b.Nullable:
		return "nullable differs"
	case a.Charset != b.Charset || a.Collation != b.Collation:
		return "collation " + a.Collation + " against " + b.Collation
	case a.Generated != b.Generated || a.Virtual != b.Virtual:
		return "generated differs"
	case a.AutoInc != b.AutoInc:
		return "auto_increment differs"
	case a.Invisible != b.Invisible:
		return "visibility differs"
	}
	return ""
}

func hasKey(a, b *replica.Table, k *replica.Index) bool {
	for i := range b.Unique {
		if sameKey(a, b, k, &b.Unique[i]) {
			return true
		}
	}
	return false
}

func sameKey(a, b *replica.Table, k, l *replica.Index) bool {
	return keyColumns(a, k) == keyColumns(b, l) && k.Nullable == l.Nullable
}

// keyColumns writes a key's parts, as in (a,b(10)).
func keyColumns(t *replica.Table, k *replica.Index) string {
	var parts []string
	for i, c := range k.Columns {
		s := strings.ToLower(t.Columns[c].Name)
		if k.Prefix[i] > 0 {
			s += fmt.Sprintf("(%d)", k.Prefix[i])
		}
		parts = append(parts, s)
	}
	if k.Expression {
		parts = append(parts, "expression")
	}
	return "(" + strings.Join(parts, ",") + ")"
}
