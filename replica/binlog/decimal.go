package binlog

import "strconv"

// digitBytes is how many bytes a group of 0..9 decimal digits takes:
// strings/decimal.cc dig2bytes.
var digitBytes = [10]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

func decimalSize(precision, scale int) int {
	i := precision - scale
	return i/9*4 + digitBytes[i%9] + scale/9*4 + digitBytes[scale%9]
}

// soundDecimal says whether a DECIMAL's digits can be: servers allow 65, of
// which MariaDB allows 38 behind the point; values inside JSON reach 81.
func soundDecimal(precision, scale int) bool {
	return precision >= 1 && precision <= 81 && scale >= 0 && scale <= precision
}

// appendDecimal prints the binary DECIMAL of strings/decimal.cc decimal2bin:
// big-endian groups of nine digits, the first bit flipped, all bits flipped
// when negative. The result has exactly scale digits behind the point.
func appendDecimal(out, src []byte, precision, scale int) []byte {
	size := decimalSize(precision, scale)
	var buf [40]byte
	b := buf[:size]
	copy(b, src)
	negative := b[0]&0x80 == 0
	b[0] ^= 0x80
	if negative {
		for i := range b {
			b[i] ^= 0xff
		}
	}
	if negative {
		out = append(out, '-')
	}
	group := func(n int) uint64 {
		var v uint64
		for _, x := range b[:n] {
			v = v<<8 | uint64(x)
		}
		b = b[n:]
		return v
	}
	whole := precision - scale
	start := len(out)
	put := func(v uint64, w int) {
		if len(out) > start {
			out = digits(out, v, w)
		} else if v > 0 {
			out = strconv.AppendUint(out, v, 10)
		}
	}
	if r := whole % 9; r > 0 {
		put(group(digitBytes[r]), r)
	}
	for i := 0; i < whole/9; i++ {
		put(group(4), 9)
	}
	if len(out) == start {
		out = append(out, '0')
	}
	if scale > 0 {
		out = append(out, '.')
		for i := 0; i < scale/9; i++ {
			out = digits(out, group(4), 9)
		}
		if r := scale % 9; r > 0 {
			out = digits(out, group(digitBytes[r]), r)
		}
	}
	return out
}
