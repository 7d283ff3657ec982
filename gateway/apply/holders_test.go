package apply

import (
	"testing"

	"pgregory.net/rapid"

	"sluice/replica"
)

// TestHolders compares the table with a map; keys collide and wrap around, and
// units are finished in between, in any order.
func TestHolders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h holders
		want := map[uint64]uint64{}
		finished := map[uint64]bool{}
		unfinished := func(order uint64) bool { return !finished[order] }
		next := uint64(1)
		put := func(k uint64) {
			old := h.put(k, next, unfinished)
			if was := want[k]; old != was && !(old == 0 && finished[was]) {
				t.Fatalf("key %d was held by %d, want %d", k, old, was)
			}
			want[k] = next
			next++
		}
		key := rapid.Custom(func(t *rapid.T) uint64 {
			near := rapid.SampledFrom([]uint64{0, minHolders - 2, 2*minHolders - 2}).Draw(t, "near")
			return near + rapid.Uint64Range(0, 5).Draw(t, "offset") + minHolders*rapid.Uint64Range(0, 3).Draw(t, "round")
		})
		for i := range rapid.IntRange(0, 2*minHolders).Draw(t, "others") {
			put(uint64(i)*1e9 + 7)
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "put") {
				put(key.Draw(t, "key"))
			} else {
				finished[rapid.Uint64Range(1, next).Draw(t, "unit")] = true
			}
		}
		h.sweep(unfinished)
		left := 0
		for k, order := range want {
			if finished[order] {
				continue
			}
			left++
			if old := h.put(k, order, unfinished); old != order {
				t.Fatalf("key %d is held by %d, want %d", k, old, order)
			}
		}
		if h.n != left {
			t.Fatalf("%d keys, want %d", h.n, left)
		}
	})
}

// TestHoldersStaySmall: a stream of keys that are all new keeps the table at the
// size of what is unfinished.
func TestHoldersStaySmall(t *testing.T) {
	var h holders
	const window = 1000
	for order := uint64(1); order < 300*window; order++ {
		h.put(mix(order, 3), order, func(o uint64) bool { return o+window > order })
	}
	if len(h.entries) > 8*window {
		t.Errorf("%d places for %d keys", len(h.entries), window)
	}
	h.sweep(func(uint64) bool { return false })
	if h.n != 0 || len(h.entries) != minHolders {
		t.Errorf("%d keys in %d places are left", h.n, len(h.entries))
	}
}

// TestNeighbours: the hashes of numbers are one for each number, signed or not,
// and those of eight neighbours stand together.
func TestNeighbours(t *testing.T) {
	x := boundIndex{hash: 77, columns: []int{0}, folding: []bool{false}}
	hash := func(v replica.Value) uint64 {
		k, ok := x.keyOf([]replica.Value{v})
		if !ok || k.wild {
			t.Fatalf("%v has no hash", v)
		}
		return k.value
	}
	seen := map[uint64]uint64{}
	for n := uint64(0); n < 100_000; n++ {
		h := hash(replica.Value{Kind: replica.KindUint, Num: n})
		if h != hash(replica.Value{Kind: replica.KindInt, Num: n}) {
			t.Fatalf("%d signed has another hash", n)
		}
		if m, twice := seen[h]; twice {
			t.Fatalf("%d and %d have one hash", m, n)
		}
		seen[h] = n
		if first := hash(replica.Value{Kind: replica.KindUint, Num: n &^ 7}); h != first+n&7 {
			t.Fatalf("the hash of %d does not stand beside its neighbours'", n)
		}
	}
	if hash(replica.Value{Kind: replica.KindInt, Num: 1<<64 - 1}) == hash(replica.Value{Kind: replica.KindInt, Num: 1}) {
		t.Error("-1 has the hash of 1")
	}
}
