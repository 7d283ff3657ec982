package apply

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/gateway/apply/wire"
	"sluice/replica"
)

// history is a source with a table of two unique keys, one whose key folds, one
// with a key of two columns beside a unique text, and a keyless one; draw makes
// its transactions.
type history struct {
	two, fold, pair, less *replica.Table
	rows                  map[string][]replica.Value // by table and key
	keyless               [][]replica.Value
}

func newHistory() *history {
	pk := &replica.Index{Name: "PRIMARY", Columns: []int{0}}
	return &history{rows: map[string][]replica.Value{},
		two: &replica.Table{Schema: "a", Name: "two", Columns: simColumns("id", "u", "w", "v"), Primary: pk,
			Unique: []replica.Index{{Name: "u", Columns: []int{1}, Nullable: true}, {Name: "w", Columns: []int{2}, Nullable: true}}},
		fold: &replica.Table{Schema: "a", Name: "fold", Columns: simColumns("k", "v"), Primary: pk},
		pair: &replica.Table{Schema: "a", Name: "pair", Columns: simColumns("p", "q", "k", "v"), Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0, 1}},
			Unique: []replica.Index{{Name: "kv", Columns: []int{2, 3}, Nullable: true}}},
		less: &replica.Table{Schema: "a", Name: "less", Columns: simColumns("x", "y")}}
}

func (h *history) tables() []*replica.Table { return []*replica.Table{h.two, h.fold, h.pair, h.less} }

// id names a row of a keyed table.
func (h *history) id(t *replica.Table, image []replica.Value) string {
	id := t.Name + "|"
	for _, i := range t.Primary.Columns {
		id += simDump(image[i]) + "|"
	}
	return id
}

// of returns the table of a row's name.
func (h *history) of(id string) *replica.Table {
	name, _, _ := strings.Cut(id, "|")
	for _, t := range h.tables() {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// target makes the tables in a simulated target, empty.
func (h *history) target() *simDB {
	db := &simDB{tables: map[string]*simTable{}, kv: map[string][]simVal{}, version: map[string]uint64{}, locks: map[string]*simConn{}}
	db.check = func() {}
	for _, t := range h.tables() {
		st := &simTable{name: "a." + t.Name, folds: map[string]bool{"k": true}}
		for _, c := range t.Columns {
			st.cols = append(st.cols, c.Name)
		}
		names := func(x replica.Index) (out []string) {
			for _, i := range x.Columns {
				out = append(out, st.cols[i])
			}
			return out
		}
		if t.Primary != nil {
			st.pk = names(*t.Primary)
		}
		for _, u := range t.Unique {
			st.uniques = append(st.uniques, names(u))
		}
		db.tables[st.name] = st
	}
	return db
}

func (h *history) bindings(t *rapid.T) map[*replica.Table]*Binding {
	out := map[*replica.Table]*Binding{}
	for _, tab := range h.tables() {
		b, err := Bind(tab, "a", tab.Name, func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		out[tab] = b
	}
	return out
}

// set makes a row of a keyed table what image says, which may be its key alone;
// gone deletes it.
func (h *history) set(t *replica.Table, image []replica.Value, gone bool) []replica.RowChange {
	id := h.id(t, image)
	if gone {
		image = nil
	}
	before := h.rows[id]
	switch {
	case before == nil && image == nil:
		return nil
	case image == nil:
		delete(h.rows, id)
		return []replica.RowChange{{Table: t, Op: replica.Delete, Before: before}}
	case before == nil:
		h.rows[id] = image
		return []replica.RowChange{{Table: t, Op: replica.Insert, After: image}}
	}
	h.rows[id] = image
	return []replica.RowChange{{Table: t, Op: replica.Update, Before: before, After: image}}
}

// taken says whether another row of table two has the value in the column.
func (h *history) taken(col int, v replica.Value, id string) bool {
	for k, row := range h.rows {
		if k != id && h.of(k) == h.two && !v.IsNull() && row[col].Equal(v) {
			return true
		}
	}
	return false
}

func (h *history) unique(t *rapid.T, col int, id string) replica.Value {
	v := simInt64(rapid.IntRange(0, 3).Draw(t, "unique"))
	if v.Num == 0 || h.taken(col, v, id) {
		return replica.Value{}
	}
	return v
}

// draw returns one transaction.
func (h *history) draw(t *rapid.T) []replica.RowChange {
	var out []replica.RowChange
	for range rapid.IntRange(1, 3).Draw(t, "changes") {
		switch rapid.IntRange(0, 11).Draw(t, "kind") {
		case 0, 1, 2: // a row of table two
			key := simInt64(rapid.IntRange(0, 3).Draw(t, "id"))
			id := h.id(h.two, []replica.Value{key})
			image := []replica.Value{key, {}, {}, simInt64(rapid.IntRange(0, 2).Draw(t, "v"))}
			for col := 1; col <= 2; col++ {
				if old := h.rows[id]; old != nil && rapid.Bool().Draw(t, "keep") {
					image[col] = old[col]
				} else {
					image[col] = h.unique(t, col, id)
				}
			}
			out = append(out, h.set(h.two, image, rapid.IntRange(0, 3).Draw(t, "delete") == 0)...)
		case 3: // a row's key changes
			from, to := simInt64(rapid.IntRange(0, 3).Draw(t, "from")), simInt64(rapid.IntRange(0, 3).Draw(t, "to"))
			fromID, toID := h.id(h.two, []replica.Value{from}), h.id(h.two, []replica.Value{to})
			row := h.rows[fromID]
			if row == nil || h.rows[toID] != nil {
				continue
			}
			image := append([]replica.Value{to}, row[1:]...)
			delete(h.rows, fromID)
			h.rows[toID] = image
			out = append(out, replica.RowChange{Table: h.two, Op: replica.Update, Before: row, After: image})
		case 4, 5, 9, 10, 11: // a text that others equal in the target
			key := simText(rapid.SampledFrom([]string{"e", "é", "E", "e ", "f", "g", "h"}).Draw(t, "k"))
			for _, o := range []string{"e", "é", "E", "e ", "f"} {
				if o != string(key.Bytes) && simFold(o) == simFold(string(key.Bytes)) {
					out = append(out, h.set(h.fold, []replica.Value{simText(o)}, true)...)
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "put") != 0 {
				out = append(out, h.set(h.fold, []replica.Value{key, simInt64(rapid.IntRange(0, 2).Draw(t, "v"))}, false)...)
			}
		case 7, 8: // a key of two columns, and a unique text that others equal
			out = append(out, h.drawPair(t)...)
		case 6: // the keyless table
			out = append(out, h.drawKeyless(t))
		}
	}
	return out
}

// drawPair changes a row of table pair: a unique value that another row has, or
// one that the target holds equal, goes there first.
func (h *history) drawPair(t *rapid.T) (out []replica.RowChange) {
	small := func(name string) replica.Value { return simInt64(rapid.IntRange(0, 1).Draw(t, name)) }
	image := []replica.Value{small("p"), small("q"), {}, small("v")}
	if k := rapid.SampledFrom([]string{"", "e", "é", "E", "f"}).Draw(t, "text"); k != "" {
		image[2] = simText(k)
	}
	id := h.id(h.pair, image)
	if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
		return h.set(h.pair, image, true)
	}
	for _, k := range slices.Sorted(maps.Keys(h.rows)) {
		row := h.rows[k]
		if k != id && h.of(k) == h.pair && !image[2].IsNull() && !row[2].IsNull() && row[3].Equal(image[3]) && simFold(string(row[2].Bytes)) == simFold(string(image[2].Bytes)) {
			out = append(out, h.set(h.pair, []replica.Value{row[0], row[1], {}, row[3]}, false)...)
		}
	}
	return append(out, h.set(h.pair, image, false)...)
}

func (h *history) drawKeyless(t *rapid.T) replica.RowChange {
	image := []replica.Value{simInt64(rapid.IntRange(0, 1).Draw(t, "x")), {}}
	if rapid.Bool().Draw(t, "y") {
		image[1] = simInt64(1)
	}
	n := len(h.keyless)
	op := rapid.IntRange(0, 2).Draw(t, "op")
	if n == 0 || op == 0 {
		h.keyless = append(h.keyless, image)
		return replica.RowChange{Table: h.less, Op: replica.Insert, After: image}
	}
	i := rapid.IntRange(0, n-1).Draw(t, "row")
	before := h.keyless[i]
	if op == 1 {
		h.keyless = slices.Delete(slices.Clone(h.keyless), i, i+1)
		return replica.RowChange{Table: h.less, Op: replica.Delete, Before: before}
	}
	h.keyless = slices.Clone(h.keyless)
	h.keyless[i] = image
	return replica.RowChange{Table: h.less, Op: replica.Update, Before: before, After: image}
}

// holds compares the target with the source.
func (h *history) holds(t *rapid.T, db *simDB, what string) {
	want := map[string][]string{}
	for k, row := range h.rows {
		name := "a." + h.of(k).Name
		want[name] = append(want[name], simRowText(row))
	}
	for _, row := range h.keyless {
		want["a.less"] = append(want["a.less"], simRowText(row))
	}
	for name, st := range db.tables {
		slices.Sort(want[name])
		if have := db.dump(st); !slices.Equal(have, want[name]) {
			t.Fatalf("%s: %s has %v instead of %v", what, name, have, want[name])
		}
	}
}

func simRowText(row []replica.Value) string {
	var out []string
	for _, v := range row {
		out = append(out, simDump(v))
	}
	return fmt.Sprint(out)
}

// statementForms are marks of the forms of statements that a batch is written in.
var statementForms = []string{"=CASE ", "ON DUPLICATE KEY", " IN (", "REPLACE INTO", "LIMIT 1", " OR "}

// runBatch writes changes as a lane does, inside x, and checks every count.
func runBatch(t *rapid.T, db *simDB, x *simTxn, spans []span) {
	db.forms.rows = 2
	plan := fold(spans)
	plan.several = rapid.IntRange(1, 3).Draw(t, "several")
	for _, s := range plan.statements(&db.forms) {
		sql := string(s.sql)
		if s.form != nil {
			db.executed++
			lane := simLane{prepared: map[uint32]*simPrepared{0: {parts: strings.Split(s.form.text(s.verb, s.tail), "?")}}}
			sql = lane.execution(append(s.form.begin(nil), s.sql...)[wire.HeaderBytes+1:])
		}
		for _, form := range statementForms {
			if db.seen != nil && strings.Contains(sql, form) {
				db.seen[form]++
			}
		}
		n, _, err := db.statement(nil, &x, sql)
		if err != nil {
			t.Fatalf("%s: %v", s.sql, err)
		}
		if s.want >= 0 && n != s.want {
			t.Fatalf("%s affected %d instead of %d", s.sql, n, s.want)
		}
	}
}

func bindChanges(rows []replica.RowChange, b map[*replica.Table]*Binding, upsert bool) []span {
	var out []span
	for _, r := range rows {
		out = append(out, span{binding: b[r.Table], rows: []replica.RowChange{r}, upsert: upsert && r.Table.Primary != nil})
	}
	return out
}

// TestFoldEqualsReplay: whatever batches a history is cut into, the statements
// of the folded batches leave what the history left, and every count is right.
func TestFoldEqualsReplay(t *testing.T) {
	seen := map[string]int{}
	unseen := func() (forms []string) {
		for _, form := range []string{"=CASE ", "ON DUPLICATE KEY", " IN (", "LIMIT 1"} {
			if seen[form] == 0 {
				forms = append(forms, form)
			}
		}
		return forms
	}
	// A hundred histories have each form some ten times; more are drawn only if
	// chance left one out.
	for round := 0; round < 5 && (round == 0 || len(unseen()) > 0); round++ {
		rapid.Check(t, func(t *rapid.T) {
			h := newHistory()
			db, b := h.target(), h.bindings(t)
			db.seen = seen
			for range rapid.IntRange(1, 6).Draw(t, "batches") {
				var spans []span
				for range rapid.IntRange(1, 5).Draw(t, "transactions") {
					spans = append(spans, bindChanges(h.draw(t), b, false)...)
				}
				x := db.begin(false)
				runBatch(t, db, x, spans)
				if err := db.commit(nil, x); err != nil {
					t.Fatalf("commit: %v", err)
				}
				h.holds(t, db, "after a batch")
			}
		})
	}
	if forms := unseen(); forms != nil {
		t.Errorf("no statement had one of the forms %q", forms)
	}
}

// TestUpsertsCatchUp: a copy has read every row at a moment of its own between
// start and high-water; the stream between them, as upserts, repairs it.
func TestUpsertsCatchUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		db, b := h.target(), h.bindings(t)
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			h.draw(t)
		}
		stream, states := h.meanwhile(t, 8)
		h.copyRows(t, db, b, states)
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "batch")
			var spans []span
			for _, rows := range stream[:n] {
				spans = append(spans, bindChanges(rows, b, true)...)
			}
			stream = stream[n:]
			x := db.begin(false)
			runBatch(t, db, x, spans)
			if err := db.commit(nil, x); err != nil {
				t.Fatalf("commit: %v", err)
			}
		}
		h.keyless = nil
		h.holds(t, db, "after catch-up")
	})
}

// meanwhile draws transactions on the tables with keys, and the states before,
// between and after them.
func (h *history) meanwhile(t *rapid.T, most int) (stream [][]replica.RowChange, states []map[string][]replica.Value) {
	states = append(states, maps.Clone(h.rows))
	for range rapid.IntRange(1, most).Draw(t, "meanwhile") {
		var rows []replica.RowChange
		for _, r := range h.draw(t) {
			if r.Table.Primary != nil {
				rows = append(rows, r)
			}
		}
		stream = append(stream, rows)
		states = append(states, maps.Clone(h.rows))
	}
	return stream, states
}

// copyRows writes each key's row as it was at a moment drawn for it, with
// REPLACE, as WriteChunk does.
func (h *history) copyRows(t *rapid.T, db *simDB, b map[*replica.Table]*Binding, states []map[string][]replica.Value) {
	keys := map[string]bool{}
	for _, s := range states {
		for k := range s {
			keys[k] = true
		}
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		row := states[rapid.IntRange(0, len(states)-1).Draw(t, "moment")][k]
		if row == nil {
			continue
		}
		tab := h.of(k)
		x := db.begin(false)
		for _, s := range appendInserts(nil, nil, b[tab], "REPLACE INTO ", [][]replica.Value{row}, -1) {
			if _, _, err := db.statement(nil, &x, string(s.sql)); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.commit(nil, x); err != nil {
			t.Fatal(err)
		}
	}
}

// flight is a batch that a lane has begun and not committed.
type flight struct {
	units []*unit
	spans []span
	txn   *simTxn
	again bool // its COMMIT failed once: the next duplicate counts
}

// interleaving schedules transactions to lanes that take and commit batches in
// an order drawn for them.
type interleaving struct {
	db *simDB
	s  *scheduler
	// conflicts allows a COMMIT to meet another lane's: the batch then runs
	// again, as in slot.commit.
	conflicts bool

	seq       uint64
	flying    map[*lane]*flight
	committed map[uint64]bool
}

func newInterleaving(t *rapid.T, db *simDB) *interleaving {
	base, err := replica.GTIDPosition(replica.ModeGTID, "")
	if err != nil {
		t.Fatal(err)
	}
	s := newScheduler(base, Limits{BatchRows: rapid.IntRange(1, 6).Draw(t, "batch")})
	s.compact = rapid.IntRange(1, 4).Draw(t, "compact")
	for range rapid.IntRange(1, 4).Draw(t, "lanes") {
		s.join(&lane{})
	}
	return &interleaving{db: db, s: s, flying: map[*lane]*flight{}, committed: map[uint64]bool{}}
}

// run schedules as many transactions as said, each of which next returns.
func (x *interleaving) run(t *rapid.T, left int, next func() []span) {
	s := x.s
	for left > 0 || s.head < len(s.queue) {
		var can []func()
		if left > 0 {
			can = append(can, func() {
				left--
				x.seq++
				u := &unit{id: replica.TxnID{Source: simUUID, Seq: x.seq}, spans: next()}
				u.rows, u.keys = len(u.spans), keysOf(u.spans)
				x.committed[x.seq] = u.rows == 0
				if err := s.submit(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			})
		}
		for _, l := range s.lanes {
			if f := x.flying[l]; f != nil {
				can = append(can, func() { x.commit(t, l, f) })
			} else if len(l.queue) > 0 && l.queue[0].waits == 0 {
				can = append(can, func() { x.flying[l] = x.take(t, l) })
			}
		}
		if len(can) == 0 {
			t.Fatal("no lane can go on")
		}
		can[rapid.IntRange(0, len(can)-1).Draw(t, "next")]()
		s.spread.active = rapid.IntRange(1, s.spread.most).Draw(t, "active")
		for n := uint64(1); n <= x.seq; n++ {
			prefix := true
			for m := uint64(1); m <= n; m++ {
				prefix = prefix && x.committed[m]
			}
			if s.base.Contains(replica.TxnID{Source: simUUID, Seq: n}) != prefix {
				t.Fatalf("base %s, committed %v", s.base, x.committed)
			}
		}
	}
	if s.last.sweep(s.isUnfinished); s.last.n != 0 || len(s.wild) != 0 || s.rows != 0 || s.bytes != 0 {
		t.Fatalf("%d keys, %d wild indexes, %d rows, %d bytes are left over", s.last.n, len(s.wild), s.rows, s.bytes)
	}
}

func (x *interleaving) take(t *rapid.T, l *lane) *flight {
	f := &flight{units: takes(x.s, l)}
	for _, u := range f.units {
		f.spans = append(f.spans, u.spans...)
	}
	f.txn = x.db.begin(false)
	runBatch(t, x.db, f.txn, f.spans)
	return f
}

func (x *interleaving) commit(t *rapid.T, l *lane, f *flight) {
	if err := x.db.commit(nil, f.txn); err != nil {
		if !x.conflicts || f.again && classify(err) == outcomeConflict {
			t.Fatalf("commit: %v", err)
		}
		f.again = true
		f.txn = x.db.begin(false)
		runBatch(t, x.db, f.txn, f.spans)
		return
	}
	delete(x.flying, l)
	for _, u := range f.units {
		x.committed[u.id.Seq] = true
	}
	x.s.complete(f.units, time.Millisecond)
}

// TestScheduleEqualsReplay: whichever lane takes and commits first, the target
// ends as the history did; no two lanes' transactions conflict; a lane can
// always go on; base is the finished prefix.
func TestScheduleEqualsReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		db, b := h.target(), h.bindings(t)
		x := newInterleaving(t, db)
		x.run(t, rapid.IntRange(1, 14).Draw(t, "transactions"), func() []span { return bindChanges(h.draw(t), b, false) })
		h.holds(t, db, "at the end")
	})
}

// TestScheduledUpsertsCatchUp: as TestUpsertsCatchUp, with lanes that take and
// commit in any order. An upsert may remove a row that the copy has seen later
// and that the change knows nothing of, so that lanes may meet each other.
func TestScheduledUpsertsCatchUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		db, b := h.target(), h.bindings(t)
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			h.draw(t)
		}
		stream, states := h.meanwhile(t, 12)
		h.copyRows(t, db, b, states)
		x := newInterleaving(t, db)
		x.conflicts = true
		x.run(t, len(stream), func() []span {
			rows := stream[0]
			stream = stream[1:]
			return bindChanges(rows, b, true)
		})
		h.keyless = nil
		h.holds(t, db, "after catch-up")
	})
}

// TestExtraRoundTrip: what a lane stores is what a claim reads.
func TestExtraRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := replica.NewTxnSet()
		for range rapid.IntRange(0, 8).Draw(t, "members") {
			set.Add(drawID(t))
		}
		var partial *Partial
		if rapid.Bool().Draw(t, "partial") {
			partial = &Partial{ID: drawID(t), Rows: rapid.Uint64().Draw(t, "rows")}
		}
		got, p, err := parseExtra(formatExtra(set, partial))
		if err != nil || got.String() != set.String() || (p == nil) != (partial == nil) || p != nil && *p != *partial {
			t.Fatalf("%q: %v %v %v", formatExtra(set, partial), got, p, err)
		}
	})
}

func drawID(t *rapid.T) replica.TxnID {
	source := rapid.SampledFrom([]string{simUUID, simUUID + ":tag_1", "0-1", "7-12", "binlog.000001", "mysql-bin.000042"}).Draw(t, "source")
	return replica.TxnID{Source: source, Seq: rapid.Uint64Range(1, 1<<62).Draw(t, "seq")}
}

// TestParseExtraRefuses: a text that no lane wrote is an error, never a guess.
func TestParseExtraRefuses(t *testing.T) {
	for _, text := range []string{"|", "a:1|b", "a:1|b|c|d", "a:1|b|1|d", "a:1|b|1|2|3", "nonsense", "a:0"} {
		if set, p, err := parseExtra(text); err == nil {
			t.Errorf("%q: %v %v", text, set, p)
		}
	}
}

// TestLongTextsShareAHash: texts that differ only in the case of letters, in
// trailing spaces and behind a prefix have equal hashes, however long they are.
func TestLongTextsShareAHash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]byte("cChHaBz 9~")), 0, 400).Draw(t, "text")
		other := slices.Clone(letters)
		for i, c := range other {
			if c != ' ' && c >= 'A' && rapid.Bool().Draw(t, "swap") && c != '~' {
				other[i] = c ^ 0x20
			}
		}
		a, okA := hashText(letters, true, 0)
		b, okB := hashText(append(other, "   "...), true, 0)
		if !okA || !okB || a != b {
			t.Fatalf("%q and %q: %x %v, %x %v", letters, other, a, okA, b, okB)
		}
		n := rapid.IntRange(1, len(letters)+1).Draw(t, "prefix")
		a, _ = hashText(letters[:min(n, len(letters))], true, 0)
		if b, okB = hashText(append(letters[:min(n, len(letters)):min(n, len(letters))], "é"...), true, n); n <= len(letters) && (!okB || a != b) {
			t.Fatalf("the first %d of %q: %x, %x %v", n, letters, a, b, okB)
		}
		if len(letters) > 0 && letters[0] != ' ' {
			changed := slices.Clone(letters)
			changed[0] = 'q'
			a, _ = hashText(letters, true, 0)
			if b, _ = hashText(changed, true, 0); a == b {
				t.Fatalf("%q and %q have the same hash", letters, changed)
			}
		}
	})
}

// TestEqualValuesShareAHash lists values that some MySQL collation or type holds
// equal: their hashes are equal, or one is wild.
func TestEqualValuesShareAHash(t *testing.T) {
	str := func(s string) replica.Value { return simText(s) }
	dec := func(s string) replica.Value { return replica.Value{Kind: replica.KindDecimal, Bytes: []byte(s)} }
	tim := func(s string) replica.Value { return replica.Value{Kind: replica.KindTime, Bytes: []byte(s)} }
	flo := func(n uint64) replica.Value { return replica.Value{Kind: replica.KindDouble, Num: n} }
	for i, p := range []struct {
		a, b    replica.Value
		folding bool
		prefix  int
	}{
		{str("e"), str("é"), true, 0}, {str("e"), str("E"), true, 0}, {str("ss"), str("ß"), true, 0}, {str("a"), str("a "), true, 0},
		{str("a"), str("a\u0001"), true, 0}, {str("a"), str("a\u00ad"), true, 0}, {str("A"), str("Ａ"), true, 0}, {str("ae"), str("æ"), true, 0},
		{str("aa"), str("å"), true, 0}, {str("i"), str("ı"), true, 0}, {str("I"), str("j"), true, 0}, {str("U"), str("v"), true, 0},
		{str("y"), str("i"), true, 0}, {str("ch"), str("c"), true, 0}, {str("か"), str("カ"), true, 0}, {str("\U0001F363"), str("\U0001F37A"), true, 0},
		{str("e\u0301"), str("é"), true, 0}, {str(""), str(" "), true, 0}, {str(""), str("\u0000"), true, 0},
		{str("a"), str("a  "), false, 0}, {str("abc"), str("abd"), false, 2}, {str("éab"), str("éac"), false, 2}, {str("ABc"), str("abd"), true, 2}, {str("a b"), str("a c"), false, 2},
		{flo(0), flo(1 << 63), false, 0}, {dec("1.50"), dec("1.5"), false, 0}, {dec("0.00"), dec("-0.00"), false, 0}, {dec("007"), dec("7"), false, 0}, {dec("-.5"), dec("-0.50"), false, 0},
		{tim("2020-01-01 00:00:00"), tim("2020-01-01 00:00:00.000"), false, 0}, {tim("00:00:01.5"), tim("00:00:01.500"), false, 0},
		{simInt64(7), replica.Value{Kind: replica.KindUint, Num: 7}, false, 0},
	} {
		a, okA := hashValue(p.a, p.folding, p.prefix)
		b, okB := hashValue(p.b, p.folding, p.prefix)
		if okA && okB && a != b {
			t.Errorf("pair %s: %q and %q have different hashes", strconv.Itoa(i), p.a.Bytes, p.b.Bytes)
		}
	}
	for _, s := range []string{"a", "Z", "hello world", "~"} {
		if _, ok := hashValue(str(s), true, 0); !ok {
			t.Errorf("%q is wild: no two transactions would ever run at the same time", s)
		}
	}
	if a, _ := hashValue(str("a"), true, 0); a == func() uint64 { b, _ := hashValue(str("b"), true, 0); return b }() {
		t.Error("different texts have one hash")
	}
}
