package apply

import (
	"encoding/json"
	"hash/maphash"
	"math"
	"reflect"

	"sluice/replica"
)

// span is row changes of one transaction that follow each other and go to one
// table.
type span struct {
	binding *Binding
	rows    []replica.RowChange
	// upsert: the table is between its copy's start and high-water, so that
	// the row may already be as it will be, or as it was not yet.
	upsert bool
}

// change is one row change bound to its target.
type change struct {
	binding *Binding
	op      replica.Op
	before  []replica.Value
	after   []replica.Value
}

// batchPlan is a batch's net effect, in the order in which it is written:
// everything in order, then all deletes, updates and inserts.
//
// Deletes come first so that a unique value that moves from row to row is free
// when it is taken. That is right because every other holder of a value in
// this batch either is in this batch, and deleted or left before, or was
// committed before: the scheduler orders transactions that share a value.
//
// A plan can be used for one batch after another; its statements are valid until
// the next. It is for one goroutine.
type batchPlan struct {
	ordered []change // keyless tables, as they came
	tables  []*tablePlan
	byTable map[*Binding]*tablePlan
	spare   []*tablePlan // of former batches
	text    sqlText

	out, prepared []statement
	several       int // see writer; 0: minUpsertRows
}

// tablePlan is the net effect on one table version.
type tablePlan struct {
	binding *Binding
	upsert  bool
	deletes [][]replica.Value
	updates []rowUpdate
	inserts [][]replica.Value

	lost uint64 // the highest AUTO_INCREMENT value that is folded away

	rows  []netRow // in the order in which they were met
	slots []int32  // hash table of rows: 1 + index; 0 is free
}

type rowUpdate struct{ before, after []replica.Value }

// netRow is what became of one row within the batch.
type netRow struct {
	hash  uint64
	first []replica.Value // the image before the batch; nil: it was not there
	last  []replica.Value // the image after it; nil: it is gone
	key   []replica.Value // an image that has the row's key
	was   bool
}

// fold computes the net effect of one batch.
func fold(spans []span) *batchPlan {
	p := &batchPlan{}
	p.fold(spans)
	return p
}

// fold computes the net effect of spans, which are in stream order.
//
// Per key: absent and then present is an INSERT of the last image; present and
// then absent a DELETE; present at both ends an UPDATE from the first image to
// the last, or a DELETE and an INSERT when a unique value changed, or nothing
// when nothing did; absent at both ends nothing. While a table is caught up,
// what was there before is not known: a key that ends present is replaced, one
// that ends absent is deleted.
func (p *batchPlan) fold(spans []span) {
	p.reset()
	var t *tablePlan
	for i := range spans {
		s := &spans[i]
		if s.binding.key == nil {
			for k := range s.rows {
				r := &s.rows[k]
				p.ordered = append(p.ordered, change{s.binding, r.Op, r.Before, r.After})
			}
			continue
		}
		if t == nil || t.binding != s.binding {
			t = p.table(s.binding)
		}
		t.upsert = t.upsert || s.upsert
		for k := range s.rows {
			t.add(&s.rows[k])
		}
	}
	for _, t := range p.tables {
		t.settle()
	}
}

// keepRows bounds what a plan keeps for its next batch.
const keepRows = 4096

// reset forgets the last batch, but not all of its memory.
func (p *batchPlan) reset() {
	clear(p.ordered)
	p.ordered = p.ordered[:0]
	for _, t := range p.tables {
		if cap(t.rows) > keepRows {
			continue
		}
		clear(t.rows)
		clear(t.deletes)
		clear(t.updates)
		clear(t.inserts)
		clear(t.slots)
		*t = tablePlan{deletes: t.deletes[:0], updates: t.updates[:0], inserts: t.inserts[:0], rows: t.rows[:0], slots: t.slots}
		p.spare = append(p.spare, t)
	}
	clear(p.tables)
	p.tables = p.tables[:0]
	clear(p.byTable)
	clear(p.out)
	clear(p.prepared)
	p.text.reset()
}

func (p *batchPlan) table(b *Binding) *tablePlan {
	if t := p.byTable[b]; t != nil {
		return t
	}
	t := &tablePlan{}
	if n := len(p.spare); n > 0 {
		t, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	t.binding = b
	if p.byTable == nil {
		p.byTable = map[*Binding]*tablePlan{}
	}
	p.byTable[b] = t
	p.tables = append(p.tables, t)
	return t
}

func (t *tablePlan) add(c *replica.RowChange) {
	switch c.Op {
	case replica.Insert:
		t.row(c.After, nil, false).last = c.After
	case replica.Delete:
		t.row(c.Before, c.Before, true).last = nil
	case replica.Update:
		was := t.row(c.Before, c.Before, true)
		if t.binding.sameKey(c.Before, c.After) {
			if t.binding.autoOutside {
				t.lose(was.last)
			}
			was.last = c.After
			return
		}
		was.last = nil
		t.row(c.After, nil, false).last = c.After
	}
}

// lose notes the id of an image that the target does not see.
func (t *tablePlan) lose(image []replica.Value) { t.lost = max(t.lost, idOf(image, t.binding.auto)) }

// row finds the row with image's key; first and was tell what a row that the
// batch meets for the first time was before. The result is valid until the
// next call.
func (t *tablePlan) row(image, first []replica.Value, was bool) *netRow {
	if 2*len(t.rows) >= len(t.slots) {
		t.grow()
	}
	h := t.binding.keyHash(image)
	mask := uint64(len(t.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		i := t.slots[at]
		if i == 0 {
			t.rows = append(t.rows, netRow{hash: h, first: first, key: image, was: was})
			t.slots[at] = int32(len(t.rows))
			return &t.rows[len(t.rows)-1]
		}
		if r := &t.rows[i-1]; r.hash == h && t.binding.sameKey(r.key, image) {
			return r
		}
	}
}

// grow doubles the hash table.
func (t *tablePlan) grow() {
	t.slots = make([]int32, max(64, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for i := range t.rows {
		at := t.rows[i].hash & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = int32(i + 1)
	}
}

func (t *tablePlan) settle() {
	for i := range t.rows {
		r := &t.rows[i]
		switch {
		case t.upsert:
			t.settleUpsert(r)
		case !r.was && r.last == nil:
			t.lose(r.key)
		case !r.was:
			t.inserts = append(t.inserts, r.last)
		case r.was && r.last == nil:
			t.deletes = append(t.deletes, r.first)
		case r.was && r.last != nil:
			t.settleUpdate(r)
		}
	}
}

// settleUpsert replaces what ends present and deletes what ends absent. A key
// that was not there before the batch and is not there after it is deleted all
// the same: the copy may have seen it in between.
func (t *tablePlan) settleUpsert(r *netRow) {
	if r.last == nil {
		t.lose(r.key)
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
// equal (1 and 1.0): an UPDATE would change nothing there, and count nothing. So
// it is with the two values of an ENUM that print as ”, whatever else changes.
func (b *Binding) unseen(x, y []replica.Value) bool {
	for _, i := range b.enums {
		if x[i].Num != y[i].Num && b.printsBlank(i, &x[i]) && b.printsBlank(i, &y[i]) {
			return true
		}
	}
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

// sameKey says whether two images have the same bytes in the row's key. Keys
// that only the target holds equal are different here; they are then a DELETE
// and an INSERT, which is right in either case.
func (b *Binding) sameKey(x, y []replica.Value) bool {
	for _, col := range b.key.Columns {
		if !x[col].Equal(y[col]) {
			return false
		}
	}
	return true
}

// keySeed is this process's: the hashes never leave it.
var keySeed = maphash.MakeSeed()

// keyHash hashes the bytes of the row's key.
func (b *Binding) keyHash(row []replica.Value) uint64 {
	h := uint64(0)
	for _, col := range b.key.Columns {
		v := &row[col]
		n := v.Num
		if len(v.Bytes) > 0 {
			n = maphash.Bytes(keySeed, v.Bytes)
		}
		h = mix(h, n)
	}
	return h
}
