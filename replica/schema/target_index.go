package schema

import (
	"strings"

	"sluice/replica"
)

// trimmed makes the indexes that exist follow the definition after the statement. TiDB drops
// an index with its only column and refuses to drop a column of a longer one, while the source
// drops the column's part, or puts an added column of the same name in its place. Such an
// index is dropped before all else and added after all else, as it is then. So is one over a
// column that gets another collation, which TiDB refuses, and one that the target could not
// carry and now can, or no longer can, for the type of a column.
//
// Nothing of this channel is applied in between. If another channel writes rows that a unique
// one forbids, its ADD INDEX fails.
func (x *alterTranslator) trimmed() {
	explicit, recollated := x.explicitDrops(), x.recollated()
	for _, k := range x.before.d.keys {
		if explicit[strings.ToLower(k.name)] || k.kind == keyPrimary {
			continue
		}
		n := x.after.d.key(x.keyName(k.name))
		if n != nil && x.isAdded(n) {
			n = nil
		}
		_, had := x.before.carried(k)
		has := false
		if n != nil {
			_, has = x.after.carried(n)
		}
		switch {
		case had && (x.loses(k, n, recollated) || n != nil && !has && n.plainColumns()):
			x.trimmedKeys[strings.ToLower(k.name)] = true
			x.add("DROP INDEX "+replica.Quote(k.name), keyUses(k)...)
		case !had && has && k.plainColumns():
			x.trimmedKeys[strings.ToLower(k.name)] = true
		default:
			continue
		}
		if n == nil {
			continue
		}
		if s := x.after.key(n); s != "" { // a note says why not
			x.last = append(x.last, targetItem{sql: "ADD " + s, uses: lower(keyUses(n))})
		}
	}
}

// loses returns true if the target refuses the statement for the index or loses it: a column
// of it is dropped or gets another collation, or the index has other columns after the statement
// than those that its columns become. n is the index then, nil if the source has none.
func (x *alterTranslator) loses(k, n *keyDef, recollated map[string]bool) bool {
	for i, p := range k.parts {
		c := x.before.d.column(p.column)
		if p.expr != "" || c == nil {
			continue
		}
		now := x.becomes(c)
		if x.drops(c) || recollated[strings.ToLower(c.name)] || n != nil && (now == nil || len(n.parts) != len(k.parts) || !strings.EqualFold(now.name, n.parts[i].column)) {
			return true
		}
	}
	return false
}

// drops returns true if the statement drops the column.
func (x *alterTranslator) drops(c *columnDef) bool {
	for _, a := range x.c.actions {
		if a.kind == dropColumn && strings.EqualFold(a.old, c.name) {
			return true
		}
	}
	return false
}

// keyName returns the name that an index has after the statement.
func (x *alterTranslator) keyName(name string) string {
	for _, a := range x.c.actions {
		if a.kind == renameKey && strings.EqualFold(a.old, name) {
			return a.new
		}
	}
	return name
}

// plainColumns returns true if no part of the key is an expression.
func (k *keyDef) plainColumns() bool {
	for _, p := range k.parts {
		if p.expr != "" {
			return false
		}
	}
	return true
}
