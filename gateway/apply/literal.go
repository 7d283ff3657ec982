package apply

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"strconv"

	"sluice/replica"
)

// appendLiteral appends v as SQL text. The session's sql_mode must not have
// NO_BACKSLASH_ESCAPES, and its character set must be utf8mb4.
func appendLiteral(b []byte, v *replica.Value) []byte {
	switch v.Kind {
	case replica.KindNull:
		return append(b, "NULL"...)
	case replica.KindInt:
		return strconv.AppendInt(b, int64(v.Num), 10)
	case replica.KindEnum:
		if v.Num == 0 {
			return append(b, enumZero...)
		}
		return strconv.AppendUint(b, v.Num, 10)
	case replica.KindUint, replica.KindBit, replica.KindSet:
		return strconv.AppendUint(b, v.Num, 10)
	case replica.KindFloat, replica.KindDouble:
		// A FLOAT's exact value: fewer digits would be another one in a target's
		// DOUBLE, where a parameter stores the exact one.
		return appendFloat(b, math.Float64frombits(v.Num))
	case replica.KindDecimal:
		return append(b, v.Bytes...)
	case replica.KindBytes:
		if len(v.Bytes) == 0 {
			return append(b, "''"...)
		}
		b = append(b, "x'"...)
		b = hex.AppendEncode(b, v.Bytes)
		return append(b, '\'')
	}
	return appendQuoted(b, v.Bytes)
}

// appendFloat writes the shortest digits that read back as the same number,
// always with an exponent, so that the server reads a double and no decimal.
func appendFloat(b []byte, f float64) []byte { return strconv.AppendFloat(b, f, 'e', -1, 64) }

// appendQuoted appends s in quotes, with backslashes before what would end or
// change the literal.
func appendQuoted(b, s []byte) []byte {
	b = append(b, '\'')
	for {
		n := plainPrefix(s)
		b = append(b, s[:n]...)
		if n == len(s) {
			return append(b, '\'')
		}
		if esc := escapes[s[n]]; esc != 0 {
			b = append(b, '\\', esc)
		} else {
			b = append(b, s[n])
		}
		s = s[n+1:]
	}
}

// escapes has what follows the backslash for bytes that need one.
var escapes = [256]byte{'\'': '\'', '\\': '\\', 0: '0', '\n': 'n', '\r': 'r', 0x1a: 'Z'}

// plainPrefix returns how many bytes at the start of s stand for themselves
// for certain; it looks at eight of them at a time. A byte that it stops at may
// still be one of those.
func plainPrefix(s []byte) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		quote, back := x^low*'\'', x^low*'\\'
		// The high bit of each byte that is below 0x20, a quote or a backslash;
		// a borrow can mark the byte above such a one too, which does no harm.
		marks := (x-low*0x20)&^x | (quote-low)&^quote | (back-low)&^back
		if marks &= high; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '\'' || c == '\\' {
			return i
		}
	}
	return i
}

// appendMatch appends a condition that is true for exactly the values that are
// v in every byte, NULL included: for rows that no key identifies.
func appendMatch(b []byte, column string, t replica.ColumnType, v replica.Value) []byte {
	if v.IsNull() {
		return append(append(b, column...), " IS NULL"...)
	}
	switch v.Kind {
	case replica.KindString:
		b = append(append(append(b, "CAST(CONVERT("...), column...), " USING utf8mb4) AS BINARY)="...)
		return appendLiteral(b, &replica.Value{Kind: replica.KindBytes, Bytes: v.Bytes})
	case replica.KindJSON:
		// Equal documents may print differently: 1 and 1.0.
		b = append(append(b, column...), "=CAST("...)
		b = append(appendQuoted(b, v.Bytes), " AS JSON) AND CAST("...)
		b = append(append(b, column...), " AS CHAR)=CAST(CAST("...)
		return append(appendQuoted(b, v.Bytes), " AS JSON) AS CHAR)"...)
	case replica.KindEnum, replica.KindSet, replica.KindBit:
		b = append(append(b, column...), "+0="...)
		return strconv.AppendUint(b, v.Num, 10)
	}
	b = append(append(b, column...), '=')
	return appendLiteral(b, &v)
}

// appendKeyMatch appends column = value for a key column.
func appendKeyMatch(b []byte, column string, v replica.Value) []byte {
	b = append(append(b, column...), '=')
	if v.Kind == replica.KindEnum || v.Kind == replica.KindSet {
		b = b[:len(b)-1]
		return strconv.AppendUint(append(b, "+0="...), v.Num, 10)
	}
	return appendLiteral(b, &v)
}
