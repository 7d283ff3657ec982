package binlog

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"sluice/replica"
)

// undefined is what a byte without a character decodes to.
const undefined = utf8.RuneError

// textDecoder turns a column's stored bytes into UTF-8 as the server itself
// does. The zero textDecoder is for UTF-8.
type textDecoder struct {
	// rune returns the character at the start of b, which is not empty, and
	// how many bytes it takes; 0 bytes or a negative rune: there is none.
	rune func(b []byte) (rune, int)
	// asciiSafe says that bytes below 0x80 stand for themselves.
	asciiSafe bool
}

// wideCharsets are those without one-byte characters.
var wideCharsets = map[string]func(b []byte) (rune, int){
	"ucs2":    ucs2Rune,
	"utf16":   func(b []byte) (rune, int) { return utf16Rune(b, binary.BigEndian) },
	"utf16le": func(b []byte) (rune, int) { return utf16Rune(b, binary.LittleEndian) },
	"utf32":   utf32Rune,
}

func newTextDecoder(col *replica.Column) (textDecoder, error) {
	switch col.Charset {
	case "utf8mb4", "utf8mb3", "utf8", "ascii":
		return textDecoder{}, nil
	case "swe7":
		return textDecoder{rune: swe7Rune}, nil
	}
	if high := []rune(singleByte[col.Charset]); len(high) == 128 {
		return textDecoder{asciiSafe: true, rune: func(b []byte) (rune, int) {
			if b[0] < 0x80 {
				return rune(b[0]), 1
			}
			return defined(high[b[0]-0x80]), 1
		}}, nil
	}
	if d := multiByte[col.Charset]; d != nil {
		return textDecoder{asciiSafe: true, rune: func(b []byte) (rune, int) {
			if b[0] < 0x80 {
				return rune(b[0]), 1
			}
			r, n := d.rune(b)
			if r == 0 {
				r = -1
			}
			return r, n
		}}, nil
	}
	if f := wideCharsets[col.Charset]; f != nil {
		return textDecoder{rune: f}, nil
	}
	return textDecoder{}, &replica.Error{Code: 61132, Class: "DATA",
		Message: fmt.Sprintf("column %q has the character set %q, which cannot be read from the binlog yet", col.Name, col.Charset),
		Remedy:  "convert the column to utf8mb4 on the source, or leave the table out with REPLICATE_IGNORE_TABLE"}
}

// decode returns b as UTF-8; b itself where nothing has to change. A byte
// sequence that has no Unicode character is an error, never a question mark.
func (d textDecoder) decode(b []byte) ([]byte, error) {
	if d.rune == nil || len(b) == 0 || d.asciiSafe && isASCII(b) {
		return b, nil
	}
	out := make([]byte, 0, len(b)+len(b)/2)
	for len(b) > 0 {
		r, n := d.rune(b)
		if n == 0 || r < 0 {
			return nil, errText
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return out, nil
}

func defined(r rune) rune {
	if r == undefined {
		return -1
	}
	return r
}

func swe7Rune(b []byte) (rune, int) {
	if b[0] >= 0x80 {
		return -1, 1
	}
	if r, ok := swe7[b[0]]; ok {
		return defined(r), 1
	}
	return rune(b[0]), 1
}

func ucs2Rune(b []byte) (rune, int) {
	if len(b) < 2 {
		return -1, len(b)
	}
	r := rune(binary.BigEndian.Uint16(b))
	if utf16.IsSurrogate(r) {
		return -1, 2
	}
	return r, 2
}

func utf16Rune(b []byte, order binary.ByteOrder) (rune, int) {
	if len(b) < 2 {
		return -1, len(b)
	}
	r := rune(order.Uint16(b))
	if !utf16.IsSurrogate(r) {
		return r, 2
	}
	if len(b) < 4 {
		return -1, len(b)
	}
	return defined(utf16.DecodeRune(r, rune(order.Uint16(b[2:])))), 4
}

func utf32Rune(b []byte) (rune, int) {
	if len(b) < 4 {
		return -1, len(b)
	}
	n := binary.BigEndian.Uint32(b)
	if n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return -1, 4
	}
	return rune(n), 4
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
