package replica

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const testUUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

// naive is a set of transactions as one would write it down.
type naive map[TxnID]bool

func drawSet(t *rapid.T, label string) (*TxnSet, naive) {
	s, n := NewTxnSet(), naive{}
	for range rapid.IntRange(0, 12).Draw(t, label) {
		source := rapid.SampledFrom([]string{testUUID, testUUID + ":tag", "0-1", "binlog.000001"}).Draw(t, "source")
		lo := rapid.Uint64Range(1, 24).Draw(t, "lo")
		r := Interval{lo, lo + rapid.Uint64Range(0, 5).Draw(t, "length")}
		s.AddRun(source, r)
		for i := r.Lo; i <= r.Hi; i++ {
			n[TxnID{source, i}] = true
		}
	}
	return s, n
}

// same compares a set with the naive one, and checks that its runs are sorted,
// disjoint and not adjacent.
func same(t *rapid.T, what string, s *TxnSet, n naive) {
	t.Helper()
	if s.Len() != uint64(len(n)) {
		t.Fatalf("%s: %s has %d members instead of %d", what, s, s.Len(), len(n))
	}
	if s.Empty() != (len(n) == 0) {
		t.Fatalf("%s: %q is empty: %v", what, s, s.Empty())
	}
	for id := range n {
		if !s.Contains(id) {
			t.Fatalf("%s: %s has no %s", what, s, id)
		}
	}
	for _, runs := range s.runs {
		for i := range runs {
			if runs[i].Lo > runs[i].Hi || i > 0 && runs[i-1].Hi+1 >= runs[i].Lo {
				t.Fatalf("%s: runs %v", what, runs)
			}
		}
	}
}

func TestTxnSetIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, na := drawSet(t, "a")
		b, nb := drawSet(t, "b")
		same(t, "drawn", a, na)
		diff, subset := naive{}, true
		for id := range na {
			if !nb[id] {
				diff[id] = true
			}
		}
		for id := range nb {
			subset = subset && na[id]
		}
		same(t, "subtract", a.Subtract(b), diff)
		same(t, "subtract leaves", a, na)
		if a.ContainsSet(b) != subset {
			t.Fatalf("%s contains %s: %v", a, b, !subset)
		}
		u := a.Clone()
		u.AddSet(b)
		all := naive{}
		for id := range na {
			all[id] = true
		}
		for id := range nb {
			all[id] = true
		}
		same(t, "union", u, all)
		same(t, "clone shares nothing", a, na)
		p, err := ParseTxnSet(a.String())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "round trip", p, na)
	})
}

func TestTxnSetAtTheEdge(t *testing.T) {
	top := ^uint64(0)
	s := NewTxnSet()
	s.AddRun("a", Interval{top - 2, top})
	s.Add(TxnID{"a", top})
	s.Add(TxnID{"a", 5})
	if s.String() != "a:5:18446744073709551613-18446744073709551615" || s.Len() != 4 || !s.Contains(TxnID{"a", top}) {
		t.Fatal(s)
	}
	d := NewTxnSet()
	d.AddRun("a", Interval{top - 1, top})
	if got := s.Subtract(d).String(); got != "a:5:18446744073709551613" {
		t.Fatal(got)
	}
	if got := d.Subtract(s).String(); got != "" {
		t.Fatal(got)
	}
}

func drawPosition(t *rapid.T) Position {
	switch rapid.IntRange(0, 3).Draw(t, "mode") {
	case 0:
		return Position{}
	case 1:
		p, err := GTIDPosition(ModeGTID, "")
		if err != nil {
			t.Fatal(err)
		}
		s, _ := drawSet(t, "done")
		for src, runs := range s.runs {
			if strings.HasPrefix(src, testUUID) {
				for _, r := range runs {
					p.set.AddRun(src, r)
				}
			}
		}
		return p
	case 2:
		p, err := GTIDPosition(ModeMariaDB, "")
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 4).Draw(t, "domains") {
			p.Advance(TxnID{rapid.SampledFrom([]string{"0-1", "0-2", "7-1", "4294967295-4294967295"}).Draw(t, "domain"), rapid.Uint64Range(1, 30).Draw(t, "seq")})
		}
		return p
	}
	if rapid.IntRange(0, 5).Draw(t, "start") == 0 {
		return FilePosition(Coordinates{})
	}
	return FilePosition(Coordinates{rapid.SampledFrom([]string{"b.000009", "b.000010", "we:ird.1000000"}).Draw(t, "file"), rapid.Uint64Range(0, 30).Draw(t, "pos")})
}

// TestPositionPrune: what is left of a set is exactly what the position has not
// done, and a position that is parsed from its text is the same.
func TestPositionPrune(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPosition(t)
		q, err := ParsePosition(p.String())
		if err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		if q.String() != p.String() || q.Mode() != p.Mode() || !p.Covers(q) || !q.Covers(p) {
			t.Fatalf("%q and %q", p, q)
		}
		s, n := drawSet(t, "set")
		if p.Mode() == ModeMariaDB || p.Mode() == ModeFile {
			only := NewTxnSet()
			kept := naive{}
			for id := range n {
				if isDomain(id.Source) == (p.Mode() == ModeMariaDB) {
					only.Add(id)
					kept[id] = true
				}
			}
			s, n = only, kept
		}
		left := naive{}
		for id := range n {
			if !p.Contains(id) {
				left[id] = true
			}
		}
		p.Prune(s)
		same(t, "pruned by "+p.String(), s, left)
	})
}

// TestPositionAdvance: a position that advances has done the transaction,
// covers what it was, and its clone does not move.
func TestPositionAdvance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPosition(t)
		if p.IsZero() {
			return
		}
		source := map[Mode]string{ModeGTID: testUUID, ModeMariaDB: "0-3", ModeFile: "b.000010"}[p.Mode()]
		id := TxnID{source, rapid.Uint64Range(1, 40).Draw(t, "seq")}
		was := p.Clone()
		text := was.String()
		p.Advance(id)
		if !p.Contains(id) || !p.Covers(was) || was.String() != text {
			t.Fatalf("%s + %s = %s", text, id, p)
		}
		if was.Covers(p) != was.Contains(id) {
			t.Fatalf("%s covers %s: %v", was, p, was.Covers(p))
		}
	})
}

func TestCoordinatesOrder(t *testing.T) {
	order := []Coordinates{{}, {"", 4}, {"b.000009", 4}, {"b.000009", 154}, {"b.000010", 4}, {"b.999999", 5}, {"b.1000000", 4}}
	for i, a := range order {
		for j, b := range order {
			if a.Before(b) != (i < j) {
				t.Errorf("%v before %v: %v", a, b, a.Before(b))
			}
		}
	}
}

func TestParseTxnSetAsServersPrint(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		strings.ToUpper(testUUID) + ":1-5:7": testUUID + ":1-5:7",
		testUUID + ":1-3:Tag_1:4-5,\n" + testUUID + ":4": testUUID + ":1-4," + testUUID + ":tag_1:4-5",
		" " + testUUID + " : 1 - 3 ":                     testUUID + ":1-3",
		testUUID + ":5:1-4":                              testUUID + ":1-5",
	} {
		s, err := ParseTxnSet(text)
		if err != nil || s.String() != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{testUUID, testUUID + ":", testUUID + ":0", testUUID + ":3-1", testUUID + ":1-", ":1", testUUID + ":-1", testUUID + ":9tag:1", testUUID + ":18446744073709551616"} {
		if s, err := ParseTxnSet(text); err == nil {
			t.Errorf("%q was taken for %s", text, s)
		}
	}
}

func FuzzParseTxnSet(f *testing.F) {
	f.Add(testUUID + ":1-5:7")
	f.Add(testUUID + ":1:tag:2-3,binlog.000001:4")
	f.Add("a:18446744073709551615,a:1-18446744073709551615")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseTxnSet(text)
		if err != nil {
			return
		}
		again, err := ParseTxnSet(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q, %q: %v, %v", text, s, again, err)
		}
		if !s.Subtract(again).Empty() || !s.ContainsSet(again) {
			t.Fatalf("%q is not itself", s)
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	for _, text := range []string{"", "gtid=" + testUUID + ":1-5", "mariadb=0-1-5,7-2-9", "file=b.000001:154", "file=:4"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		if err != nil {
			return
		}
		q, err := ParsePosition(p.String())
		if err != nil || q.String() != p.String() || !q.Covers(p) || !p.Covers(q) {
			t.Fatalf("%q: %q, %q: %v", text, p, q, err)
		}
	})
}
