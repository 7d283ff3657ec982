package schema

import (
	"fmt"
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

// keyRenames are the names of indexes while they are renamed, in lower case.
type keyRenames struct {
	free  map[string]bool   // names that the items so far have taken from an index
	aside map[string]string // by the new name of an index: its name until the new one is free
}

// renameKey renames an index. If its new name belongs to another index that the statement
// renames later, as when two indexes swap their names, it has a third name until then.
func (x *alterTranslator) renameKey(from, to string) {
	if x.renames.free == nil {
		x.renames = keyRenames{free: map[string]bool{}, aside: map[string]string{}}
	}
	if x.takenKey(from, to) {
		aside := x.freeIndexName()
		x.renames.aside[strings.ToLower(to)] = aside
		x.addRename(from, aside)
	} else {
		x.addRename(from, to)
	}
	old := strings.ToLower(from)
	x.renames.free[old] = true
	if aside := x.renames.aside[old]; aside != "" {
		x.addRename(aside, from)
	}
}

func (x *alterTranslator) addRename(from, to string) {
	x.add("RENAME INDEX "+replica.Quote(from)+" TO "+replica.Quote(to), useKey(from), useKey(to))
}

// takenKey returns true if the target has an index of the new name that is renamed later.
func (x *alterTranslator) takenKey(from, to string) bool {
	name := strings.ToLower(to)
	k := x.before.d.key(to)
	if k == nil || strings.EqualFold(from, to) || x.renames.free[name] || x.trimmedKeys[name] || strings.EqualFold(x.keyName(to), to) {
		return false
	}
	_, carried := x.before.carried(k)
	return carried
}

func (x *alterTranslator) freeIndexName() string {
	for n := len(x.renames.aside) + 1; ; n++ {
		free := fmt.Sprintf("_sluice_index_%d", n)
		if x.before.d.key(free) == nil && x.after.d.key(free) == nil {
			return free
		}
	}
}
