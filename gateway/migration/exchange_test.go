package migration

import (
	"testing"

	"sluice/replica"
	"sluice/replica/schema"
)

// TestExchangeWhileCopied: an exchange of rows between the start of the channel
// and the end of a table's copy may be in that copy, or not.
func TestExchangeWhileCopied(t *testing.T) {
	const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	pos := func(set string) replica.Position {
		p, err := replica.GTIDPosition(replica.ModeGTID, uuid+":"+set)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	at := func(n uint64) replica.Coordinates { return replica.Coordinates{File: "b.000001", Pos: n} }
	table := &replica.Table{Schema: "a", Name: "p"}
	change := schema.Change{Kind: schema.AlterTable, Schema: "a", Table: "p", Before: table, After: table, Exchanged: [2]string{"a", "t"}}
	txn := &replica.Transaction{ID: replica.TxnID{Source: uuid, Seq: 10}, Start: at(100)}
	done := func(start string, high uint64) *tableState {
		return &tableState{state: stateDone, start: pos(start), high: at(high)}
	}
	for _, c := range []struct {
		name    string
		p, t    *tableState // nil: made in the stream
		covered bool
		stops   bool
	}{
		{"before it, both copies ended", done("1-5", 50), done("1-5", 60), false, false},
		{"within the copy of the other table", done("1-5", 50), done("1-5", 200), false, true},
		{"within the copy of its own table", done("1-5", 200), done("1-5", 50), false, true},
		{"one copy began after it", done("1-20", 300), done("1-5", 50), false, true},
		{"both copies began after it", done("1-20", 300), done("1-20", 300), true, false},
		{"the other was made in the stream", done("1-5", 50), nil, false, false},
		{"the other was made in the stream, and the copy began after it", done("1-20", 300), nil, false, true},
	} {
		x := &run{tables: map[string]*tableState{}}
		if c.p != nil {
			x.tables[tableKey("a", "p")] = c.p
		}
		if c.t != nil {
			x.tables[tableKey("a", "t")] = c.t
		}
		covered, err := x.copiedBehind(change, txn)
		if covered != c.covered || (err != nil) != c.stops {
			t.Errorf("%s: %v, %v", c.name, covered, err)
		}
	}
}
