package schema

import (
	"strings"
	"testing"
)

// TestNesting: a definition that is nested deeper than a server parses is refused before it takes time.
func TestNesting(t *testing.T) {
	for _, c := range []struct {
		n  int
		ok bool
	}{{100, true}, {300_000, false}} {
		_, err := ParseCreate("d", "CREATE TABLE t (a INT DEFAULT "+strings.Repeat("(", c.n)+"1"+strings.Repeat(")", c.n)+")", Defaults{})
		if (err == nil) != c.ok {
			t.Errorf("%d levels: %v", c.n, err)
		}
	}
}
