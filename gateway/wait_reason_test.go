package gateway

import (
	"strings"
	"testing"
)

// TestReason keeps a remedy out of the text, whole or cut.
func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"it broke. Remedy: mend it": "it broke",
		"it broke":                  "it broke",
		strings.Repeat("x", 400) + ". Remedy: mend it":    strings.Repeat("x", 200) + "..",
		"a" + strings.Repeat("ä", 400) + ". Remedy: mend": "a" + strings.Repeat("ä", 99) + "..",
	} {
		if got := reason(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
