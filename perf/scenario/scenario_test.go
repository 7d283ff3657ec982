package scenario

import "testing"

// TestAll looks for rows of the list that cannot be run.
func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.Name] || s.Name == "" || s.About == "" {
			t.Errorf("%q: names are single, and nothing is empty", s.Name)
		}
		seen[s.Name] = true
		if len(s.Targets) == 0 || len(s.Tables) == 0 {
			t.Errorf("%s: no targets or tables", s.Name)
		}
		if (s.Write == nil) != (s.Kind == Copy || s.Kind == Latency) {
			t.Errorf("%s: its kind and its writer do not fit", s.Name)
		}
		for _, scale := range Scales() {
			if n := s.Count[scale]; s.Kind == Copy && n > 0 && len(s.At(scale).Tables) != n {
				t.Errorf("%s: at scale %s it has not %d tables", s.Name, scale, n)
			}
			if s.Size[scale] <= 0 || s.Rows(scale) <= 0 {
				t.Errorf("%s: no size at scale %s", s.Name, scale)
			}
			if s.Upsert && s.Rows(scale) > s.Initial[scale]*len(s.Tables) {
				t.Errorf("%s: at scale %s the plain client would insert rows that are not there", s.Name, scale)
			}
			if (s.Count[scale] > 0) != (s.Kind == Many || s.Kind == Latency || s.Kind == Stalled || s.Kind == Copy && s.Count != nil) {
				t.Errorf("%s: its kind and its count do not fit", s.Name)
			}
		}
		for target := range s.Wanted {
			if !s.Supports(target) {
				t.Errorf("%s: a figure is wanted for target %s, which it does not have", s.Name, target)
			}
		}
		if got, ok := Find(s.Name); !ok || got.Name != s.Name {
			t.Errorf("%s is not found", s.Name)
		}
	}
	if _, ok := Find("none"); ok {
		t.Error("a scenario is found that is not there")
	}
}
