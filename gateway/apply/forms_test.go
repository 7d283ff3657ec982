package apply

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"sluice/replica"
)

// TestFormsOfWideRows: wide rows go as forms of fewer rows, those that are too
// wide for any as text.
func TestFormsOfWideRows(t *testing.T) {
	tab := &replica.Table{Schema: "a", Name: "t", Columns: simColumns("id", "v"), Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}}}
	b, err := Bind(tab, "a", "t", func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		width, rows int
		forms       map[int]int // how many of so many rows
	}{
		{width: 20, rows: 600, forms: map[int]int{256: 2}},
		{width: 1_900, rows: 600, forms: map[int]int{256: 2, 64: 1}},
		{width: 2_200, rows: 90, forms: map[int]int{64: 1, 16: 1, 4: 2}},
		{width: 4_200, rows: 600, forms: map[int]int{64: 9, 16: 1, 4: 2}},
		{width: 500, rows: 340, forms: map[int]int{256: 1}},
		{width: 30_000, rows: 41, forms: map[int]int{16: 2, 4: 2}},
		{width: 100_000, rows: 10, forms: map[int]int{4: 2}},
		{width: 400_000, rows: 10, forms: map[int]int{}},
	} {
		rows := make([][]replica.Value, c.rows)
		for i := range rows {
			rows[i] = []replica.Value{simInt64(i), {Kind: replica.KindString, Bytes: bytes.Repeat([]byte{'x'}, c.width)}}
		}
		f := &forms{rows: maxStatementRows}
		for range 3 * formAfter { // until it is worth preparing
			appendInserts(nil, f, b, "INSERT INTO ", rows, 1)
		}
		forms, written := map[int]int{}, 0
		for _, st := range appendInserts(nil, f, b, "INSERT INTO ", rows, 1) {
			if len(st.sql) > maxStatementBytes+c.width+1024 {
				t.Errorf("rows of %d bytes: a statement of %d", c.width, len(st.sql))
			}
			written += int(st.want)
			if st.form != nil {
				forms[st.form.rows]++
			}
		}
		if !maps.Equal(forms, c.forms) || written != c.rows {
			t.Errorf("rows of %d bytes: forms %v instead of %v, %d rows of %d", c.width, forms, c.forms, written, c.rows)
		}
	}
}

// TestRestFormsLeavePlaces: the smaller forms of many tables leave places for
// the main forms of others.
func TestRestFormsLeavePlaces(t *testing.T) {
	f := &forms{rows: maxStatementRows}
	rows := make([][]replica.Value, maxStatementRows+64)
	for i := range rows {
		rows[i] = []replica.Value{simInt64(i), {Kind: replica.KindString, Bytes: bytes.Repeat([]byte{'x'}, 1_900)}}
	}
	for n := range maxForms - 2 {
		tab := &replica.Table{Schema: "a", Name: fmt.Sprint("t", n), Columns: simColumns("id", "v"), Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}}}
		b, err := Bind(tab, "a", tab.Name, func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		var main bool
		for range formAfter + 1 {
			for _, st := range appendInserts(nil, f, b, "INSERT INTO ", rows, 1) {
				main = main || st.form != nil && st.form.rows == maxStatementRows
			}
		}
		if !main {
			t.Errorf("table %d has no form of %d rows", n, maxStatementRows)
		}
	}
}
