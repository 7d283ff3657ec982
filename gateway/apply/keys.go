package apply

import (
	"bytes"
	"hash/maphash"
	"math"

	"sluice/replica"
)

// keyHash is one unique value that a row change touches.
//
// Two values that the target may hold equal have the same hash, or one of them
// is wild. A wild value conflicts with every value of its index: text outside
// printable ASCII under a collation that is not binary may equal text with
// quite other bytes ('é' and 'e', 'ß' and 'ss', 'a' and 'a' with a control
// character), so that a hash of its own would be a false independence.
type keyHash struct {
	index uint64 // identifies the index
	value uint64
	wild  bool
}

// appendKeys appends the unique values of one row image.
func (b *Binding) appendKeys(keys []keyHash, row []replica.Value) []keyHash {
	if b.key == nil {
		// Rows without an identity: every change may meet every other.
		keys = append(keys, keyHash{index: mix(b.hash, 1), value: mix(b.hash, 1)})
	}
	for i := range b.indexes {
		if k, ok := b.indexes[i].keyOf(row); ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// keyOf returns the index's value in the row; false when a part is NULL, which
// conflicts with nothing.
func (x *boundIndex) keyOf(row []replica.Value) (keyHash, bool) {
	k := keyHash{index: x.hash, value: x.hash, wild: x.opaque}
	if x.opaque {
		return k, true
	}
	if len(x.columns) == 1 {
		if v := &row[x.columns[0]]; v.Kind == replica.KindInt || v.Kind == replica.KindUint {
			k.value = neighbour(k.value, v.Num)
			return k, true
		}
	}
	for i, col := range x.columns {
		v := row[col]
		if v.IsNull() {
			return keyHash{}, false
		}
		prefix := 0
		if i < len(x.prefix) {
			prefix = x.prefix[i]
		}
		h, ok := hashValue(v, x.folding[i], prefix)
		if !ok {
			k.wild = true
		}
		k.value = mix(k.value, h)
	}
	return k, true
}

// neighbour hashes a number so that eight which follow each other, as generated ids
// do, have neighbouring hashes: they then are in one place of the processor's
// cache where hashes are looked up.
func neighbour(seed, n uint64) uint64 { return mix(seed, n>>3)&^7 | n&7 }

// hashValue hashes a value's canonical form; false when the form is not known.
func hashValue(v replica.Value, folding bool, prefix int) (uint64, bool) {
	switch v.Kind {
	case replica.KindFloat, replica.KindDouble:
		if math.Float64frombits(v.Num) == 0 { // -0 equals 0
			return mix(hashBasis, 0), true
		}
		return mix(hashBasis, v.Num), true
	case replica.KindString:
		return hashText(v.Bytes, folding, prefix)
	case replica.KindBytes:
		b := v.Bytes
		if prefix > 0 && prefix < len(b) {
			b = b[:prefix]
		}
		return maphash.Bytes(keySeed, b), true
	case replica.KindDecimal, replica.KindTime, replica.KindJSON:
		return maphash.Bytes(keySeed, canonical(v)), true
	}
	return mix(hashBasis, v.Num), true
}

const hashBasis = 14695981039346656037

// canonical returns a number's or a time's digits without zeros that say
// nothing: the tables of a merged table may differ in their scales.
func canonical(v replica.Value) []byte {
	b := v.Bytes
	if v.Kind == replica.KindJSON {
		return b
	}
	if bytes.IndexByte(b, '.') >= 0 {
		b = bytes.TrimRight(bytes.TrimRight(b, "0"), ".")
	}
	if v.Kind == replica.KindTime {
		return b
	}
	digits := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("-")), "0")
	if len(digits) == 0 || len(b) == 0 || b[0] != '-' {
		return digits
	}
	return append([]byte("-"), digits...)
}

// hashText hashes the first prefix characters of a text, 0: all, without the spaces
// at its end; folding: so that texts are equal which any collation holds equal, and
// false for a text of which that is not known.
func hashText(b []byte, folding bool, prefix int) (uint64, bool) {
	if prefix > 0 {
		b = firstRunes(b, prefix)
	}
	for len(b) > 0 && b[len(b)-1] == ' ' { // PAD SPACE
		b = b[:len(b)-1]
	}
	if !folding {
		return maphash.Bytes(keySeed, b), true
	}
	h, n, last := uint64(hashBasis), 0, byte(0)
	var buf [128]byte
	for _, c := range b {
		c = folded[c]
		if c == 0 {
			return 0, false
		}
		if c == 'h' && last == 'c' {
			last = c
			continue
		}
		last = c
		if n == len(buf) {
			h, n = mix(h, maphash.Bytes(keySeed, buf[:])), 0
		}
		buf[n] = c
		n++
	}
	return mix(h, maphash.Bytes(keySeed, buf[:n])), true
}

// folded is foldLetter of each printable character, 0 for all else.
var folded = func() (t [256]byte) {
	for c := byte(0x20); c <= 0x7e; c++ {
		t[c] = foldLetter(c)
	}
	return t
}()

// foldLetter returns the same character for all ASCII characters that any
// collation of MySQL, MariaDB or TiDB holds equal: besides the cases of a
// letter, the Roman and Latin collations hold i and j equal, and u and v; the
// Lithuanian and Latvian ones i and y (and ch and c: see hashText). A test asks
// the servers.
func foldLetter(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	switch c {
	case 'j', 'y':
		return 'i'
	case 'v':
		return 'u'
	}
	return c
}

// firstRunes returns the first n characters of UTF-8 text.
func firstRunes(b []byte, n int) []byte {
	for i, c := range b {
		if c&0xc0 != 0x80 {
			if n == 0 {
				return b[:i]
			}
			n--
		}
	}
	return b
}
