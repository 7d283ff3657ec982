package schema

import (
	"strconv"
	"strings"

	"sluice/replica"
)

// A source makes an index for each foreign key, unless another key covers its
// columns, and drops that index in the first ALTER TABLE after which another
// key does. The rules are those of mysql_prepare_create_table (sql_table.cc of
// both products); the server keeps its mark of such an index over LIKE, renames of the table,
// DROP FOREIGN KEY and restarts, and never shows it.

// keyOrigin is how an index came to be.
type keyOrigin uint8

const (
	// originUnsure is an index that SHOW CREATE TABLE printed: it was written
	// in a statement, or was made for a foreign key.
	originUnsure keyOrigin = iota
	// originStatement is an index that a statement asked for.
	originStatement
	// originForeign is an index that the source made for a foreign key.
	originForeign
	// originAbsent marks an index of definition.absent in the rendered text.
	originAbsent
)

// originOption is a key option of rendered definitions only. The space in its
// name keeps it apart from the options that MariaDB's engines define.
const originOption = "sluice origin"

var originNames = map[keyOrigin]string{originStatement: "statement", originForeign: "foreign_key", originAbsent: "absent"}

func markOf(o keyOrigin) string { return " " + replica.Quote(originOption) + "=" + originNames[o] }

// originMark returns the option that keeps a key's origin where the definition
// itself does not show it, "" elsewhere.
func (d *definition) originMark(k *keyDef) string {
	if k.origin == originForeign || k.origin == originStatement && k.generable() && !d.covered(k, false) {
		return markOf(k.origin)
	}
	return ""
}

// originMark reads the option.
func (r *reader) originMark(k *keyDef) bool {
	if t := r.peek(); t.kind != tokIdent || t.text != originOption || !r.peekAt(1).punct("=") {
		return false
	}
	r.next()
	r.next()
	word := r.next().text
	for o, name := range originNames {
		if word == name {
			k.origin = o
		}
	}
	return true
}

// generable returns true if the index looks like one that a source makes for a
// foreign key: nothing but whole columns.
func (k *keyDef) generable() bool {
	if k.kind != keyPlain || k.comment != "" || k.hash || len(k.extra) > 0 {
		return false
	}
	for _, p := range k.parts {
		if p.expr != "" || p.desc || p.prefix > 0 {
			return false
		}
	}
	return true
}

// settleOrigins completes what a printed definition says about its indexes. An
// index that another one covers was asked for by a statement: the source would
// have dropped it otherwise.
func (d *definition) settleOrigins() {
	kept := d.keys[:0:0]
	for _, k := range d.keys {
		if k.origin == originAbsent {
			d.absent = append(d.absent, k)
			continue
		}
		kept = append(kept, k)
	}
	d.keys = kept
	for _, k := range d.keys {
		if k.origin == originUnsure && (!k.generable() || d.covered(k, false)) {
			k.origin = originStatement
		}
	}
	d.unrecorded()
}

// covered returns true if another key begins with the key's columns.
func (d *definition) covered(k *keyDef, desc bool) bool {
	for _, other := range d.keys {
		if other != k && other.kind != keyFulltext && other.kind != keySpatial && k.prefixOf(other, desc) {
			return true
		}
	}
	return false
}

// unrecorded finds the foreign keys for which the definition has no index.
// Versions of this program that did not know the source's rules recorded such
// definitions, and made the target's tables from them.
func (d *definition) unrecorded() {
	for _, f := range d.foreign {
		k := &keyDef{kind: keyPlain, name: f.name, origin: originForeign}
		for _, c := range f.columns {
			k.parts = append(k.parts, keyPart{column: c})
		}
		if d.covered(k, true) {
			continue
		}
		if n, ok := strings.CutPrefix(strings.ToLower(f.name), strings.ToLower(d.name)+"_ibfk_"); ok {
			if _, err := strconv.Atoi(n); err == nil {
				k.name = freeKeyName(d.keys, f.columns[0])
			}
		}
		if d.absentKey(k.name) == nil {
			d.absent = append(d.absent, k)
		}
	}
}

func (d *definition) absentKey(name string) *keyDef {
	for _, k := range d.absent {
		if strings.EqualFold(k.name, name) {
			return k
		}
	}
	return nil
}

// addForeign adds a foreign key and, where a statement is read, the index that
// the source makes for it, at the same place in the list of keys.
func (r *reader) addForeign(d *definition, f *foreignDef, index string) {
	d.foreign = append(d.foreign, f)
	if !r.ddl {
		return
	}
	k := &keyDef{kind: keyPlain, name: index, origin: originForeign}
	for _, c := range f.columns {
		k.parts = append(k.parts, keyPart{column: c})
	}
	d.keys = append(d.keys, k)
}

// prefixOf returns true if the key's columns are the first ones of the other.
// MySQL's index in descending order serves no foreign key, MariaDB's does.
func (k *keyDef) prefixOf(other *keyDef, desc bool) bool {
	if len(k.parts) > len(other.parts) {
		return false
	}
	for i, p := range k.parts {
		q := other.parts[i]
		if p.expr != "" || q.expr != "" || !strings.EqualFold(p.column, q.column) || p.prefix != q.prefix || !desc && p.desc != q.desc {
			return false
		}
	}
	return true
}

// dropRedundant removes the indexes for foreign keys that another key of the
// definition makes needless, and returns them. An index of unknown origin
// counts as one for a foreign key.
//
// Of two such indexes the longer one stays, of two equal ones the later.
func (r *reader) dropRedundant(d *definition) []*keyDef {
	redundant := map[*keyDef]bool{}
	for i, k := range d.keys {
		for _, earlier := range d.keys[:i] {
			if redundant[earlier] || !r.redundantPair(d, k, earlier) {
				continue
			}
			if earlier.origin == originStatement || k.origin != originStatement && len(k.parts) < len(earlier.parts) {
				redundant[k] = true
			} else {
				redundant[earlier] = true
			}
			break
		}
	}
	var gone []*keyDef
	kept := d.keys[:0:0]
	for _, k := range d.keys {
		if redundant[k] {
			gone = append(gone, k)
		} else {
			kept = append(kept, k)
		}
	}
	d.keys = kept
	return gone
}

// redundantPair returns true if one of the two keys was made for a foreign key
// and is needless beside the other.
func (r *reader) redundantPair(d *definition, k, earlier *keyDef) bool {
	if !r.d.MariaDB && (earlier.kind == keyFulltext || earlier.kind == keySpatial) {
		return false
	}
	made, other := k, earlier
	switch {
	case made.origin == originStatement && other.origin == originStatement:
		return false
	case made.origin == originStatement, other.origin != originStatement && len(made.parts) > len(other.parts):
		made, other = other, made
	}
	if r.d.MariaDB { // its prefix of a whole column is none at once, MySQL's only in the next ALTER TABLE
		made, other = d.wholeParts(made), d.wholeParts(other)
	}
	return made.prefixOf(other, r.d.MariaDB)
}

// wholeParts returns the key without the prefix lengths that cover a column.
func (d *definition) wholeParts(k *keyDef) *keyDef {
	n := k.clone()
	for i := range n.parts {
		if c := d.column(n.parts[i].column); c != nil && n.parts[i].expr == "" {
			n.parts[i].prefix = c.typ.prefix(n.parts[i].prefix)
		}
	}
	return n
}

// dropImplicit removes the indexes for foreign keys that the statement makes
// needless. Where it matters whether an index was made for a foreign key and
// nothing shows it, the source's present definition decides.
//
// That definition may be newer than the statement. An index that a later
// statement drops is then taken for gone too early, and is remembered as
// absent: that statement finds nothing to do. An index that a later statement
// adds again is taken for one that stayed: that statement then replaces it.
func (a *alteration) dropImplicit() {
	if onlyRenames(a.actions) { // the server then copies no definition
		return
	}
	d := a.new
	before := d.keys
	var guessed []*keyDef
	for {
		gone := a.r.dropRedundant(d)
		k := firstUnsure(gone)
		if k == nil {
			a.finishImplicit(gone)
			break
		}
		d.keys = before
		there, asked := a.indexNow(k)
		switch {
		case a.r.err != nil:
			return
		case !asked:
			guessed = append(guessed, k)
			k.origin = originStatement
		case there:
			k.origin = originStatement
		default:
			k.origin = originForeign
			absent := k.clone()
			absent.origin = originAbsent
			d.absent = append(d.absent, absent)
		}
	}
	for _, k := range guessed {
		k.origin = originUnsure
	}
}

func firstUnsure(keys []*keyDef) *keyDef {
	for _, k := range keys {
		if k.origin == originUnsure {
			return k
		}
	}
	return nil
}

// indexNow asks the source for an index of the table. asked is false when it
// cannot be asked, or no longer has the table. Another index may have got the name since.
func (a *alteration) indexNow(k *keyDef) (there, asked bool) {
	if a.r.shown == nil {
		return false, false
	}
	now, err := a.r.shown()
	if err != nil {
		a.r.err = err
		return false, false
	}
	if now == nil {
		return false, false
	}
	n := now.key(k.name)
	return n != nil && !k.replacedBy(n, now), true
}

// replacedBy returns true if n, an index of a later definition with the key's name, is another
// one. An index gets no more parts, and loses one with its column only.
func (k *keyDef) replacedBy(n *keyDef, now *definition) bool {
	if n.kind != k.kind || len(n.parts) > len(k.parts) {
		return true
	}
	for i, p := range n.parts {
		if p.expr != "" || p.desc {
			return true
		}
		was := k.parts[i].column // of a key that may be one for a foreign key: no expression
		if len(n.parts) == len(k.parts) && now.column(was) != nil && !strings.EqualFold(was, p.column) {
			return true
		}
	}
	return false
}

// finishImplicit records what went. An index that has the name of one that the
// statement adds went as well: the source would have refused the name.
func (a *alteration) finishImplicit(gone []*keyDef) {
	d := a.new
	for i, k := range d.keys {
		for _, earlier := range d.keys[:i] {
			if k.name != "" && earlier.kind == keyPlain && a.isNew(k) && strings.EqualFold(earlier.name, k.name) {
				gone = append(gone, earlier)
			}
		}
	}
	for _, k := range gone {
		d.keys = without(d.keys, k)
		if !a.isNew(k) {
			a.added.dropped = append(a.added.dropped, k)
		}
	}
	kept := a.added.keys[:0:0]
	for _, k := range a.added.keys {
		for _, x := range d.keys {
			if x == k {
				kept = append(kept, k)
			}
		}
	}
	a.added.keys = kept
	for _, k := range kept {
		d.absent = without(d.absent, d.absentKey(k.name))
	}
}

func (a *alteration) isNew(k *keyDef) bool {
	for _, n := range a.added.keys {
		if n == k {
			return true
		}
	}
	return false
}

func onlyRenames(actions []action) bool {
	for _, act := range actions {
		if act.kind != renameTo {
			return false
		}
	}
	return true
}
