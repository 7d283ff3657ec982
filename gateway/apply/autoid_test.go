package apply

import (
	"testing"

	"sluice/replica"
)

// TestFoldedIDs: which ids of a batch the target does not see.
func TestFoldedIDs(t *testing.T) {
	table := func(key int) *replica.Table {
		return &replica.Table{Schema: "a", Name: "t", Columns: []replica.Column{{Name: "k", Type: replica.TypeInt}, {Name: "id", Type: replica.TypeTinyInt, AutoInc: true}},
			Primary: &replica.Index{Name: "PRIMARY", Columns: []int{key}}}
	}
	row := func(k, id int64) []replica.Value {
		return []replica.Value{{Kind: replica.KindInt, Num: uint64(k)}, {Kind: replica.KindInt, Num: uint64(id)}}
	}
	insert := func(k, id int64) replica.RowChange { return replica.RowChange{Op: replica.Insert, After: row(k, id)} }
	remove := func(k, id int64) replica.RowChange { return replica.RowChange{Op: replica.Delete, Before: row(k, id)} }
	update := func(k, id, to int64) replica.RowChange {
		return replica.RowChange{Op: replica.Update, Before: row(k, id), After: row(k, to)}
	}
	const byID, byOther = 1, 0
	for _, c := range []struct {
		name   string
		key    int
		upsert bool
		rows   []replica.RowChange
		known  uint64
		want   uint64
	}{
		{"made and removed", byID, false, []replica.RowChange{insert(1, 9), remove(1, 9)}, 0, 9},
		{"a higher one stays", byID, false, []replica.RowChange{insert(1, 9), remove(1, 9), insert(1, 10)}, 0, 0},
		{"recorded before", byID, false, []replica.RowChange{insert(1, 9), remove(1, 9)}, 9, 0},
		{"removed only", byID, false, []replica.RowChange{remove(1, 9)}, 0, 0},
		{"removed while the table is caught up: the copy may not have had it", byID, true, []replica.RowChange{remove(1, 9)}, 0, 9},
		{"changed to a lower one", byID, false, []replica.RowChange{insert(1, 9), update(1, 9, 3)}, 0, 9},
		{"changed outside the key", byOther, false, []replica.RowChange{insert(1, 9), update(1, 9, 3)}, 0, 9},
		{"changed twice outside the key", byOther, false, []replica.RowChange{update(1, 2, 9), update(1, 9, 3)}, 0, 9},
		{"negative", byID, false, []replica.RowChange{insert(1, -9), remove(1, -9)}, 0, 0},
		{"the type's highest", byID, false, []replica.RowChange{insert(1, 127), remove(1, 127)}, 0, 126},
	} {
		b, err := Bind(table(c.key), "a", "t", func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.rows {
			c.rows[i].Table = b.Source
		}
		known := newAutoIDs(AutoIDs{{"a", "t"}: c.known})
		s := &slot{channel: "m/s", lane: 3}
		ids, stmts := s.folded(fold([]span{{binding: b, rows: c.rows, upsert: c.upsert}}), known)
		var got uint64
		if len(ids) > 0 {
			got = ids[0].id
		}
		if got != c.want || len(ids) != len(stmts) {
			t.Errorf("%s: %d is recorded, want %d (%d statements)", c.name, got, c.want, len(stmts))
		}
	}
}
