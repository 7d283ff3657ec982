package apply

// holders maps a key's hash to the newest unfinished unit that has the key: a
// hash table with linear probing, since each row of the stream is put in and
// taken out once. The zero value is empty.
type holders struct {
	keys  []uint64
	units []*unit // nil: free
	n     int
}

const minHolders = 1 << 10

// home is where a key is looked for first.
func (h *holders) home(key uint64) int { return int(key & uint64(len(h.keys)-1)) }

// put makes u the holder of key and returns the one before, or nil.
func (h *holders) put(key uint64, u *unit) *unit {
	if 2*(h.n+1) > len(h.keys) {
		h.resize(max(minHolders, 2*len(h.keys)))
	}
	for i := h.home(key); ; i = (i + 1) & (len(h.keys) - 1) {
		old := h.units[i]
		if old != nil && h.keys[i] != key {
			continue
		}
		if old == nil {
			h.n++
		}
		h.keys[i], h.units[i] = key, u
		return old
	}
}

// remove takes key out if u holds it.
func (h *holders) remove(key uint64, u *unit) {
	if h.n == 0 {
		return
	}
	mask := len(h.keys) - 1
	i := h.home(key)
	for h.units[i] != nil && h.keys[i] != key {
		i = (i + 1) & mask
	}
	if h.units[i] != u {
		return
	}
	h.n--
	// What follows without a gap moves up, unless it would leave the way from
	// its home.
	for k := (i + 1) & mask; h.units[k] != nil; k = (k + 1) & mask {
		if home := h.home(h.keys[k]); (k-home)&mask >= (k-i)&mask {
			h.keys[i], h.units[i] = h.keys[k], h.units[k]
			i = k
		}
	}
	h.units[i] = nil
	if h.n == 0 && len(h.keys) > 64*minHolders {
		*h = holders{}
	}
}

func (h *holders) resize(n int) {
	old := *h
	*h = holders{keys: make([]uint64, n), units: make([]*unit, n)}
	for i, u := range old.units {
		if u != nil {
			h.put(old.keys[i], u)
		}
	}
}
