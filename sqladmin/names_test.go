package sqladmin

import "testing"

// TestNearestName offers a name for a misspelt one, and none for another's.
func TestNearestName(t *testing.T) {
	known := []string{"m1", "shop1", "billing"}
	for name, want := range map[string]string{"m4": "", "m": "", "shop2": "", "shop12": "", "SHOP": "", "biling": "billing", "shpo1": "shop1"} {
		if got := NearestName(name, known); got != want {
			t.Errorf("%s: got '%s', want '%s'", name, got, want)
		}
	}
}
