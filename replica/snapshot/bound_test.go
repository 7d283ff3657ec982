package snapshot_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"sluice/replica"
	"sluice/replica/snapshot"
)

// TestBoundText: a bound comes back from its text exactly.
func TestBoundText(t *testing.T) {
	item := rapid.OneOf(
		rapid.Map(rapid.Int64(), func(n int64) replica.Value { return integer(n) }),
		rapid.Map(rapid.Uint64(), func(n uint64) replica.Value { return number(replica.KindUint, n) }),
		rapid.Map(rapid.Float64(), doubleOf),
		rapid.Map(rapid.StringMatching(`-?[0-9]{1,30}(\.[0-9]{1,30})?`), func(s string) replica.Value { return bytes(replica.KindDecimal, s) }),
		rapid.Map(rapid.StringMatching(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?`), func(s string) replica.Value { return bytes(replica.KindTime, s) }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) replica.Value { return bytes(replica.KindBytes, string(b)) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		b := snapshot.Bound(rapid.SliceOfN(item, 1, 5).Draw(t, "bound"))
		text, err := b.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back snapshot.Bound
		if err := back.UnmarshalText(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if rowText(back) != rowText(b) {
			t.Fatalf("%s came back as %s", rowText(b), rowText(back))
		}
	})
}

func TestBoundTextOfEnds(t *testing.T) {
	cases := []struct {
		bound snapshot.Bound
		text  string
	}{
		{nil, ""},
		{snapshot.Bound{integer(math.MinInt64)}, "i:-9223372036854775808"},
		{snapshot.Bound{number(replica.KindUint, math.MaxUint64), bytes(replica.KindBytes, "")}, "u:18446744073709551615,x:"},
		{snapshot.Bound{bytes(replica.KindTime, "-838:59:59"), bytes(replica.KindBytes, "a,b")}, "t:-838:59:59,x:612c62"},
	}
	for _, c := range cases {
		text, err := c.bound.MarshalText()
		if err != nil || string(text) != c.text {
			t.Errorf("text %s, want %s; %v", text, c.text, err)
		}
		back, err := snapshot.ParseBound(c.text)
		if err != nil || (back == nil) != (c.bound == nil) || rowText(back) != rowText(c.bound) {
			t.Errorf("%s came back as %v, %v", c.text, back, err)
		}
	}
	if _, err := (snapshot.Bound{{}}).MarshalText(); err == nil {
		t.Error("a NULL was marshalled")
	}
}

// FuzzParseBound: no text makes a literal that ends its quotes, and what
// parses has one text.
func FuzzParseBound(f *testing.F) {
	for _, s := range []string{"", "i:1", "u:2,x:00", "d:1e300", "n:-1.5", "t:2020-01-01 00:00:00.5", "t:' OR 1", "n:", "x:zz", "d:NaN", ","} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := snapshot.ParseBound(s)
		if err != nil {
			return
		}
		for _, v := range b {
			for _, c := range v.Bytes {
				if v.Kind != replica.KindBytes && (c == '\'' || c == '\\' || c >= 'A') {
					t.Fatalf("%q holds %q", s, c)
				}
			}
		}
		text, err := b.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		again, err := snapshot.ParseBound(string(text))
		if err != nil || rowText(again) != rowText(b) {
			t.Fatalf("%q: %s is not stable: %v", s, text, err)
		}
	})
}
