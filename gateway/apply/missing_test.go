package apply

import (
	"errors"
	"slices"
	"testing"

	"sluice/itest/lab/servers"
)

// TestRecordMissing: a table that is gone is recorded once; one that the channel writes no more is none, nothing is looked
// for while a DDL has the control lane, and a former owner records nothing.
func TestRecordMissing(t *testing.T) {
	tt := newTarget(t, servers.TiDB)
	for _, q := range []string{"CREATE TABLE a.there (n INT)", "CREATE TABLE a.Gone (n INT)", "CREATE TABLE a.left_out (n INT)"} {
		tt.exec(q)
	}
	a, err := Open(t.Context(), tt.config(tt.server.Addr()), tt.claim(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var own []Statement
	for _, table := range []string{"there", "Gone", "left_out"} {
		own = append(own, OwnTable("ch", Definition{TargetSchema: "a", TargetTable: table, Create: "CREATE TABLE"}))
	}
	if err := a.SetBase(t.Context(), startPosition(t), own...); err != nil {
		t.Fatal(err)
	}
	look := func(what string, want ...string) {
		t.Helper()
		if got, err := a.RecordMissing(t.Context(), tt.db); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	look("all are there")
	tt.exec("DROP TABLE a.gone, a.left_out")
	a.controlMu.Lock()
	look("while a DDL is under way")
	a.controlMu.Unlock()
	if err := a.SetBase(t.Context(), startPosition(t), OwnTable("ch", Definition{TargetSchema: "a", TargetTable: "left_out"})); err != nil {
		t.Fatal(err)
	}
	look("one is gone", "a.gone")
	look("it is recorded")
	if times, tables, err := Divergences(t.Context(), tt.db, "ch"); err != nil || times != 1 || !slices.Equal(tables, []string{"a.gone"}) {
		t.Errorf("divergences: %d of %v, %v", times, tables, err)
	}
	tt.claim()
	tt.exec("DROP TABLE a.there")
	if got, err := a.RecordMissing(t.Context(), tt.db); !errors.Is(err, ErrFenced) {
		t.Errorf("a former owner: %v, %v", got, err)
	}
	if got := tt.one("SELECT COUNT(*) FROM " + MetaSchema + ".divergences"); got != "1" {
		t.Errorf("%s records", got)
	}
}
