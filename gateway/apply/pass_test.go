package apply

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/replica"
)

// TestPass: transactions without changes move the position exactly as far as
// one by one they would, whatever finishes when; and many of them behind an
// unfinished one take the room of one.
func TestPass(t *testing.T) {
	for mode, start := range map[replica.Mode]string{replica.ModeGTID: "gtid=", replica.ModeMariaDB: "mariadb=", replica.ModeFile: "file=binlog.000001:4"} {
		rapid.Check(t, func(rt *rapid.T) {
			base, err := replica.ParsePosition(start)
			if err != nil {
				rt.Fatal(err)
			}
			s := testScheduler(t, 2, Limits{})
			s.base = base.Clone()
			var open []*unit
			seq := uint64(10)
			log := []replica.TxnID{}
			finished := map[replica.TxnID]bool{}
			check := func() {
				want := base.Clone()
				for _, id := range log {
					if !finished[id] {
						break
					}
					want.Advance(id)
				}
				if got := s.base.String(); got != want.String() {
					rt.Fatalf("%v: the base is %s instead of %s", mode, got, want.String())
				}
			}
			for range rapid.IntRange(1, 40).Draw(rt, "transactions") {
				seq += uint64(rapid.SampledFrom([]int{1, 1, 1, 2, 7}).Draw(rt, "step"))
				id := replica.TxnID{Source: source(mode, rapid.IntRange(0, 5).Draw(rt, "source") == 0), Seq: seq}
				log = append(log, id)
				if rapid.Bool().Draw(rt, "relevant") {
					u := &unit{id: id, rows: 1, bytes: 1}
					if err := s.submit(t.Context(), u); err != nil {
						rt.Fatal(err)
					}
					open = append(open, u)
				} else {
					if err := s.pass(t.Context(), id, time.Time{}); err != nil {
						rt.Fatal(err)
					}
					finished[id] = true
				}
				check()
				if len(open) > 0 && rapid.Bool().Draw(rt, "complete") {
					n := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
					u := open[n]
					open = append(open[:n], open[n+1:]...)
					finished[u.id] = true
					s.complete([]*unit{u}, 0)
					check()
				}
			}
		})
	}
	s := testScheduler(t, 1, Limits{})
	if err := s.submit(t.Context(), testUnit(1)); err != nil {
		t.Fatal(err)
	}
	for seq := uint64(2); seq < 1_000_000; seq++ {
		if err := s.pass(t.Context(), replica.TxnID{Source: simUUID, Seq: seq}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.queue) != 2 {
		t.Errorf("%d units wait", len(s.queue))
	}
}

// source names one of two sources of transactions.
func source(mode replica.Mode, other bool) string {
	switch mode {
	case replica.ModeMariaDB:
		return map[bool]string{false: "0-1", true: "1-1"}[other]
	case replica.ModeFile:
		return "binlog.000001"
	}
	return map[bool]string{false: simUUID, true: "00000000-0000-0000-0000-00000000000b"}[other]
}
