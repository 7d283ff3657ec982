package apply

import (
	"encoding/json"
	"math"
	"reflect"

	"sluice/replica"
)

// change is one row change bound to its target.
type change struct {
	binding *Binding
	op      replica.Op
	before  []replica.Value
	after   []replica.Value
	// upsert: the table is between its copy's start and high-water, so that
	// the row may already be as it will be, or as it was not yet.
	upsert bool
}

// batchPlan is a batch's net effect, in the order in which it is written:
// everything in order, then all deletes, updates and inserts.
//
// Deletes come first so that a unique value that moves from row to row is free
// when it is taken. That is right because every other holder of a value in
// this batch either is in this batch, and deleted or left before, or was
// committed before: the scheduler orders transactions that share a value.
type batchPlan struct {
	ordered []change // keyless tables, as they came
	tables  []*tablePlan
	byTable map[*Binding]*tablePlan
}

// tablePlan is the net effect on one table version.
type tablePlan struct {
	binding *Binding
	upsert  bool
	deletes [][]replica.Value
	updates []rowUpdate
	inserts [][]replica.Value

	order []string
	rows  map[string]*netRow
}

type rowUpdate struct{ before, after []replica.Value }

// netRow is what became of one row within the batch.
type netRow struct {
	first []replica.Value // the image before the batch; nil: it was not there
	last  []replica.Value // the image after it; nil: it is gone
	key   []replica.Value // an image that has the row's key
	was   bool
}

// fold computes the net effect of changes, which are in stream order.
//
// Per key: absent and then present is an INSERT of the last image; present and
// then absent a DELETE; present at both ends an UPDATE from the first image to
// the last, or a DELETE and an INSERT when a unique value changed, or nothing
// when nothing did; absent at both ends nothing. While a table is caught up,
// what was there before is not known: a key that ends present is replaced, one
// that ends absent is deleted.
func fold(changes []change) *batchPlan {
	p := &batchPlan{byTable: map[*Binding]*tablePlan{}}
	for i := range changes {
		c := &changes[i]
		if c.binding.key == nil {
			p.ordered = append(p.ordered, *c)
			continue
		}
		t := p.byTable[c.binding]
		if t == nil {
			t = &tablePlan{binding: c.binding, rows: map[string]*netRow{}}
			p.byTable[c.binding] = t
			p.tables = append(p.tables, t)
		}
		t.upsert = t.upsert || c.upsert
		t.add(c)
	}
	for _, t := range p.tables {
		t.settle()
	}
	return p
}

func (t *tablePlan) add(c *change) {
	switch c.op {
	case replica.Insert:
		t.row(c.after, nil, false).set(c.after)
	case replica.Delete:
		t.row(c.before, c.before, true).set(nil)
	case replica.Update:
		was := t.row(c.before, c.before, true)
		if t.binding.identity(c.before) == t.binding.identity(c.after) {
			was.set(c.after)
			return
		}
		was.set(nil)
		t.row(c.after, nil, false).set(c.after)
	}
}

func (r *netRow) set(image []replica.Value) { r.last = image }

// row finds the row with image's key; first and was tell what a row that the
// batch meets for the first time was before.
func (t *tablePlan) row(image, first []replica.Value, was bool) *netRow {
	id := t.binding.identity(image)
	r := t.rows[id]
	if r == nil {
		r = &netRow{first: first, key: image, was: was}
		t.rows[id] = r
		t.order = append(t.order, id)
	}
	return r
}

func (t *tablePlan) settle() {
	for _, id := range t.order {
		r := t.rows[id]
		switch {
		case t.upsert:
			t.settleUpsert(r)
		case !r.was && r.last != nil:
			t.inserts = append(t.inserts, r.last)
		case r.was && r.last == nil:
			t.deletes = append(t.deletes, r.first)
		case r.was && r.last != nil:
			t.settleUpdate(r)
		}
	}
	t.rows, t.order = nil, nil
}

// settleUpsert replaces what ends present and deletes what ends absent. A key
// that was not there before the batch and is not there after it is deleted all
// the same: the copy may have seen it in between.
func (t *tablePlan) settleUpsert(r *netRow) {
	if r.last == nil {
		t.deletes = append(t.deletes, r.key)
		return
	}
	t.inserts = append(t.inserts, r.last)
}

func (t *tablePlan) settleUpdate(r *netRow) {
	if sameImage(t.binding, r.first, r.last) {
		return
	}
	if t.binding.uniqueChanged(r.first, r.last) || t.binding.unseen(r.first, r.last) {
		t.deletes = append(t.deletes, r.first)
		t.inserts = append(t.inserts, r.last)
		return
	}
	t.updates = append(t.updates, rowUpdate{r.first, r.last})
}

func sameImage(b *Binding, x, y []replica.Value) bool {
	for _, i := range b.columns {
		if !sameValue(x[i], y[i]) {
			return false
		}
	}
	return true
}

// sameValue says whether two values are the same to a target: in every byte,
// but for a zero's sign, which TiDB does not keep.
func sameValue(x, y replica.Value) bool {
	if x.Equal(y) {
		return true
	}
	float := x.Kind == replica.KindFloat || x.Kind == replica.KindDouble
	return float && x.Kind == y.Kind && math.Float64frombits(x.Num) == 0 && math.Float64frombits(y.Num) == 0
}

// unseen says whether the images differ only in JSON documents that TiDB holds
// equal (1 and 1.0): an UPDATE would change nothing there, and count nothing.
func (b *Binding) unseen(x, y []replica.Value) bool {
	for _, i := range b.columns {
		if sameValue(x[i], y[i]) {
			continue
		}
		if x[i].Kind != replica.KindJSON || y[i].Kind != replica.KindJSON || !equalJSON(x[i].Bytes, y[i].Bytes) {
			return false
		}
	}
	return true
}

// equalJSON says whether two documents are equal when numbers are compared as
// numbers.
func equalJSON(x, y []byte) bool {
	var a, b any
	return json.Unmarshal(x, &a) == nil && json.Unmarshal(y, &b) == nil && reflect.DeepEqual(a, b)
}

// uniqueChanged says whether any unique value differs between the images. An
// index whose values cannot be computed counts as changed.
func (b *Binding) uniqueChanged(x, y []replica.Value) bool {
	for i := range b.indexes {
		if b.indexes[i].opaque {
			return true
		}
		for _, col := range b.indexes[i].columns {
			if !x[col].Equal(y[col]) {
				return true
			}
		}
	}
	return false
}

// identity returns the row key's exact bytes. Keys that only the target holds
// equal have different identities; they are then a DELETE and an INSERT, which
// is right in either case.
func (b *Binding) identity(row []replica.Value) string {
	buf := make([]byte, 0, 32)
	for _, col := range b.key.Columns {
		v := row[col]
		buf = append(buf, byte(v.Kind))
		n := v.Num
		if v.Bytes != nil {
			n = uint64(len(v.Bytes))
		}
		buf = append(buf, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
		buf = append(buf, v.Bytes...)
	}
	return string(buf)
}
