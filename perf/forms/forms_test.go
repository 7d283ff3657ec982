package forms

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/itest/lab/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTiny runs every form once with one transaction: the figures mean
// nothing, but counts and rows have to be right, and each form has its line.
func TestTiny(t *testing.T) {
	s := servers.ForTest(t, servers.TiDB)
	var out bytes.Buffer
	o := Options{Duration: time.Minute, Rounds: 1, Rows: 4000, Blocks: 1, Status: t.Logf}
	if err := Run(t.Context(), s.DSN(""), s.PID(), o, &out); err != nil {
		t.Fatal(err)
	}
	for _, f := range append(inserts(), others(currentRows)...) {
		if !strings.Contains(out.String(), f.name) {
			t.Errorf("the table has no line of %s: %s", f.question, f.name)
		}
	}
	for _, q := range []question{askInsert, askSize, askUpdate, askDelete, askDelete2, askPackets1, askPackets2, askLanes, askSettings, askPrepared} {
		if !strings.Contains(out.String(), "\n"+string(q)+": best is ") {
			t.Errorf("no answer to %s", q)
		}
	}
}

// TestWrongFormIsFound runs forms that do not what they say.
func TestWrongFormIsFound(t *testing.T) {
	s := servers.ForTest(t, servers.TiDB)
	b, err := open(t.Context(), s.DSN(""), s.PID(), Options{Duration: time.Minute, Rounds: 1, Rows: 400, Blocks: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer b.db.Close()
	wrong := map[string]struct {
		stmt statement
		want string
	}{
		"counts": {upsertAll(), "a statement affected"},
		"rows":   {updateSingle(), "the table has"},
	}
	for name, w := range wrong {
		t.Run(name, func(t *testing.T) {
			f := form{stmt: w.stmt, perStmt: 1, perTxn: 20, lanes: 2}
			if name == "counts" {
				f.stmt.each = 1
			} else {
				text := f.stmt.text
				f.stmt.text = func(b []byte, s *rowSource, from, to int64, version int) []byte {
					return text(b, s, from, to, version+1)
				}
			}
			_, err := b.once(t.Context(), &f)
			if err == nil || !strings.Contains(err.Error(), w.want) {
				t.Errorf("the error is %v, and should have %q", err, w.want)
			}
		})
	}
}

// TestFeedKeepsLanesApart: no two lanes update the same rows, versions of a
// row follow each other, and rows are deleted once.
func TestFeedKeepsLanesApart(t *testing.T) {
	f := &feed{change: updating, rows: 1000, perTxn: 100, lanes: 3, deadline: time.Now().Add(time.Minute)}
	owner, version := map[int64]int64{}, map[int64]int{}
	for lane := range int64(3) {
		for n := range int64(10) {
			b, ok := f.take(lane, n)
			if !ok || b.to > 1001 || b.from < 1 {
				t.Fatalf("block %d of lane %d is %v, %v", n, lane, b, ok)
			}
			if o, seen := owner[b.from]; seen && o != lane {
				t.Fatalf("lanes %d and %d both have rows from %d", o, lane, b.from)
			}
			owner[b.from] = lane
			if b.version != version[b.from]+1 {
				t.Fatalf("rows from %d go from version %d to %d", b.from, version[b.from], b.version)
			}
			version[b.from] = b.version
		}
	}
	f = &feed{change: deleting, rows: 250, perTxn: 100, lanes: 3, deadline: time.Now().Add(time.Minute)}
	var got []int64
	for b, ok := f.take(0, 0); ok; b, ok = f.take(0, 0) {
		got = append(got, b.from, b.to)
	}
	if len(got) != 4 || got[0] != 1 || got[1] != 101 || got[2] != 101 || got[3] != 201 {
		t.Fatalf("blocks to delete: %v", got)
	}
}

// TestRoundMedian: of two rounds the mean, of three the middle one.
func TestRoundMedian(t *testing.T) {
	r := &result{}
	for _, rows := range []int64{10, 40, 20} {
		r.rounds = append(r.rounds, round{done: tally{rows: rows}, took: time.Second})
	}
	if got := r.median(round.rate); got != 20 {
		t.Errorf("of three %v", got)
	}
	r.rounds = r.rounds[:2]
	if got := r.median(round.rate); got != 25 {
		t.Errorf("of two %v", got)
	}
}

// TestBestRows: the gateway's own size unless another is clearly better.
func TestBestRows(t *testing.T) {
	of := func(perStmt int, micros time.Duration) *result {
		return &result{form: form{question: askInsert, stmt: insertText(), perStmt: perStmt},
			rounds: []round{{done: tally{rows: 1}, took: time.Second, server: micros * time.Microsecond}}}
	}
	for name, c := range map[string]struct {
		results []*result
		want    int
	}{
		"nothing measured": {nil, currentRows},
		"hardly better":    {[]*result{of(100, 95), of(currentRows, 100)}, currentRows},
		"clearly better":   {[]*result{of(100, 80), of(currentRows, 100)}, 100},
	} {
		if got := (&bench{results: c.results}).bestRows(); got != c.want {
			t.Errorf("%s: %d rows and not %d", name, got, c.want)
		}
	}
}
