package apply

// holders maps a key's hash to the number of the newest unit that has the key: a
// hash table with linear probing, without a pointer in it. A unit that is
// finished stays in it until its place is wanted or the table is full: each row
// of the stream is put in once, at a random place of a large memory, and to take
// it out again at once would cost as much a second time. The zero value is empty.
type holders struct {
	entries []holder
	n       int // that are not free
}

// holder is a key and who has it; order 0: the place is free.
type holder struct{ key, order uint64 }

const minHolders = 1 << 10

// put makes the unit of a number the holder of key and returns the one before,
// which may be finished; 0: none. unfinished is asked about others when the table
// is full.
func (h *holders) put(key, order uint64, unfinished func(order uint64) bool) uint64 {
	if 2*(h.n+1) > len(h.entries) {
		h.sweep(unfinished)
	}
	mask := uint64(len(h.entries) - 1)
	for i := key & mask; ; i = (i + 1) & mask {
		e := &h.entries[i]
		switch {
		case e.order == 0:
			h.n++
			*e = holder{key, order}
			return 0
		case e.key == key:
			old := e.order
			e.order = order
			return old
		}
	}
}

// sweep takes the finished units out, and makes the table twice as large as what
// is left needs.
func (h *holders) sweep(unfinished func(order uint64) bool) {
	left := 0
	for _, e := range h.entries {
		if e.order != 0 && unfinished(e.order) {
			left++
		}
	}
	size := minHolders
	for size < 4*(left+1) {
		size *= 2
	}
	old := h.entries
	*h = holders{entries: make([]holder, size), n: left}
	mask := uint64(size - 1)
	for _, e := range old {
		if e.order == 0 || !unfinished(e.order) {
			continue
		}
		i := e.key & mask
		for h.entries[i].order != 0 {
			i = (i + 1) & mask
		}
		h.entries[i] = e
	}
}

// keepHolders is how large a table stays that nobody is in.
const keepHolders = 64 * minHolders

// reset is called when all units are finished: a large table is given back.
func (h *holders) reset() {
	if len(h.entries) > keepHolders {
		*h = holders{}
	}
}
