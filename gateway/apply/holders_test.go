package apply

import (
	"testing"

	"pgregory.net/rapid"
)

// TestHolders compares the table with a map; keys collide and wrap around.
func TestHolders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h holders
		want := map[uint64]*unit{}
		units := []*unit{{}, {}, {}}
		key := rapid.Custom(func(t *rapid.T) uint64 {
			near := rapid.SampledFrom([]uint64{0, minHolders - 2, 2*minHolders - 2}).Draw(t, "near")
			return near + rapid.Uint64Range(0, 5).Draw(t, "offset") + minHolders*rapid.Uint64Range(0, 3).Draw(t, "round")
		})
		for i := range rapid.IntRange(0, minHolders).Draw(t, "others") {
			k := uint64(i)*1e9 + 7
			h.put(k, units[0])
			want[k] = units[0]
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			k, u := key.Draw(t, "key"), rapid.SampledFrom(units).Draw(t, "unit")
			if rapid.Bool().Draw(t, "put") {
				if old := h.put(k, u); old != want[k] {
					t.Fatalf("key %d was held by %p, want %p", k, old, want[k])
				}
				want[k] = u
			} else {
				h.remove(k, u)
				if want[k] == u {
					delete(want, k)
				}
			}
		}
		if h.n != len(want) {
			t.Fatalf("%d keys, want %d", h.n, len(want))
		}
		for k, u := range want {
			if old := h.put(k, u); old != u {
				t.Fatalf("key %d is held by %p, want %p", k, old, u)
			}
			h.remove(k, u)
		}
		if h.n != 0 {
			t.Fatalf("%d keys are left", h.n)
		}
	})
}
