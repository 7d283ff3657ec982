package load

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func allTables() []Table {
	return []Table{Sysbench(), Counters(), Uniques(), Wide(), Hundred(), Mixed(), Keyless()}
}

func TestRowsRepeat(t *testing.T) {
	for _, table := range allTables() {
		seen := map[string]bool{}
		for id := int64(1); id <= 200; id++ {
			row := table.Values(7, id)
			if len(row) != len(table.Columns) {
				t.Fatalf("%s: %d values for %d columns", table.Name, len(row), len(table.Columns))
			}
			if !reflect.DeepEqual(row, table.Values(7, id)) {
				t.Fatalf("%s: row %d is another one the second time", table.Name, id)
			}
			seen[fmt.Sprint(row...)] = true
		}
		if len(seen) != 200 {
			t.Errorf("%s: %d of 200 rows differ", table.Name, len(seen))
		}
		if table.Name != "counters" && reflect.DeepEqual(table.Values(7, 3), table.Values(8, 3)) {
			t.Errorf("%s: the seed changes nothing", table.Name)
		}
	}
}

func TestLiteral(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "NULL"}, {int64(-5), "-5"}, {1.5, "1.5"}, {[]byte{0, 255}, "x'00ff'"}, {"a", "'a'"}, {`it's "\"`, `'it\'s "\\"'`}, {"", "''"},
	} {
		if got := string(appendLiteral(nil, c.value)); got != c.want {
			t.Errorf("%v: %s, want %s", c.value, got, c.want)
		}
	}
}

func TestZipf(t *testing.T) {
	g := NewGen(1, 1)
	counts := make([]int, 1000)
	const draws = 100_000
	for range draws {
		counts[g.Zipf(1000)]++
	}
	// ln 2 / ln 1000 is 10 %; the rarest numbers have some 15 of 100,000.
	if counts[0] < draws*9/100 || counts[0] > draws*11/100 {
		t.Errorf("the first number came %d times of %d", counts[0], draws)
	}
	if counts[999] > 100 {
		t.Errorf("the last number came %d times of %d", counts[999], draws)
	}
}

func TestShares(t *testing.T) {
	for _, n := range []int64{0, 1, 7, 8, 1000, 1001} {
		next := int64(1)
		for w := range 8 {
			s := Session{Worker: w, Workers: 8}
			from, to := s.Share(n)
			if from != next || to < from {
				t.Fatalf("of %d, session %d has %d..%d, and %d is next", n, w, from, to, next)
			}
			next = to
		}
		if next != n+1 {
			t.Errorf("of %d, the last is %d", n, next-1)
		}
	}
}

// TestPlain looks that the plain client writes each row of each table once.
func TestPlain(t *testing.T) {
	p := Plain{Schema: "s", Seed: 1, Tables: Copies(Counters(), 3), First: 1, Rows: 1050}
	seen := map[string]bool{}
	for _, b := range p.batches(200) {
		width := len(p.Tables[b.table].Columns)
		if len(b.args) != b.rows*width {
			t.Fatalf("%d values for %d rows", len(b.args), b.rows)
		}
		for i := range b.rows {
			seen[fmt.Sprint(b.table, ":", b.args[i*width])] = true
		}
	}
	if len(seen) != p.Rows {
		t.Errorf("%d rows are written, want %d", len(seen), p.Rows)
	}
	p.Upsert = true
	want := "INSERT INTO `s`.`counters1` (`id`,`n`,`name`) VALUES (?,?,?),(?,?,?) ON DUPLICATE KEY UPDATE "
	if got := p.statement(0, 2); !strings.HasPrefix(got, want) {
		t.Errorf("the statement is %s", got)
	}
}
