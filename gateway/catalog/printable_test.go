package catalog

import "testing"

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{"": "", "é": "é", "rogue \xff\xfe\n": `rogue \xFF\xFE` + "\n", "\uFFFD": "\uFFFD"} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q instead of %q", in, got, want)
		}
	}
}
