package protocol

import "encoding/binary"

// Types of columns in rows of prepared statements ("Binary Protocol Resultset").
const (
	typeTiny     = 0x01
	typeShort    = 0x02
	typeLong     = 0x03
	typeFloat    = 0x04
	typeDouble   = 0x05
	typeNull     = 0x06
	typeStamp    = 0x07
	typeLongLong = 0x08
	typeInt24    = 0x09
	typeDate     = 0x0a
	typeTime     = 0x0b
	typeDateTime = 0x0c
	typeYear     = 0x0d
	typeNewDate  = 0x0e
)

// fixedBytes is how long the values of a type are; types that are not here carry their length.
var fixedBytes = map[byte]int{typeTiny: 1, typeShort: 2, typeYear: 2, typeLong: 4, typeInt24: 4, typeFloat: 4, typeDouble: 8, typeLongLong: 8}

// binaryRow checks a row of a prepared statement: a zero, a bit for each column that is NULL, the other values.
func (a *Answer) binaryRow(p []byte) error {
	bitmap := (len(a.types) + 7 + 2) / 8
	if p[0] != okPacket || len(p) < 1+bitmap {
		return malformed("a row of a prepared statement that is cut off in its NULLs")
	}
	nulls, rest := p[1:1+bitmap], p[1+bitmap:]
	for i, t := range a.types {
		if t == typeNull || nulls[(i+2)/8]>>((i+2)%8)&1 == 1 {
			continue
		}
		n, fixed := fixedBytes[t]
		if !fixed {
			v, after, ok := lenenc(rest)
			if !ok || v > uint64(len(after)) {
				return malformed("a row of a prepared statement that is cut off")
			}
			if !timeFits(t, after[:v]) {
				return malformed("a date or a time of a prepared statement that cannot be")
			}
			n, rest = int(v), after
		}
		if n > len(rest) {
			return malformed("a row of a prepared statement that is cut off")
		}
		rest = rest[n:]
	}
	if len(rest) != 0 {
		return malformed("a row of a prepared statement that is longer than its columns")
	}
	return nil
}

// timeFits returns true if the parts of a date or time have their two digits, or t is another type.
func timeFits(t byte, v []byte) bool {
	var parts []byte
	switch t {
	case typeDate, typeNewDate, typeDateTime, typeStamp:
		switch len(v) {
		case 0:
			return true
		case 4, 7, 11:
		default:
			return false
		}
		if binary.LittleEndian.Uint16(v) > 9999 {
			return false
		}
		parts = v[2:min(len(v), 7)]
		v = v[min(len(v), 7):]
	case typeTime:
		switch len(v) {
		case 0:
			return true
		case 8, 12:
		default:
			return false
		}
		parts = v[5:8]
		v = v[8:]
	default:
		return true
	}
	for _, n := range parts {
		if n > 99 {
			return false
		}
	}
	return len(v) == 0 || binary.LittleEndian.Uint32(v) <= 999_999
}
