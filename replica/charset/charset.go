// Package charset decodes the character sets of MySQL and MariaDB as the servers
// themselves do (CONVERT(.. USING utf8mb4)), for rows of the binlog and for the
// text of statements.
package charset

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// undefined is what a byte without a character decodes to.
const undefined = utf8.RuneError

// Decoder turns text of a character set into UTF-8. The zero Decoder is for UTF-8. It
// may be used by several goroutines.
type Decoder struct {
	// next returns the character at the start of b, which is not empty, and
	// how many bytes it takes; 0 bytes or a negative rune: there is none.
	next func(b []byte) (rune, int)
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

// Of returns the decoder of a character set by the name that SHOW CHARACTER SET has, in lower case.
func Of(name string) (Decoder, bool) {
	switch name {
	case "utf8mb4", "utf8mb3", "utf8", "ascii":
		return Decoder{}, true
	case "swe7":
		return Decoder{next: swe7Rune}, true
	}
	if high := []rune(singleByte[name]); len(high) == 128 {
		return Decoder{asciiSafe: true, next: func(b []byte) (rune, int) {
			if b[0] < 0x80 {
				return rune(b[0]), 1
			}
			return defined(high[b[0]-0x80]), 1
		}}, true
	}
	if d := multiByte[name]; d != nil {
		return Decoder{asciiSafe: true, next: func(b []byte) (rune, int) {
			if b[0] < 0x80 {
				return rune(b[0]), 1
			}
			r, n := d.rune(b)
			if r == 0 {
				r = -1
			}
			return r, n
		}}, true
	}
	next := wideCharsets[name]
	return Decoder{next: next}, next != nil
}

// Names returns the character sets that Of decodes and that are neither UTF-8 nor ASCII, in order.
func Names() []string {
	names := slices.Collect(maps.Keys(singleByte))
	names = slices.AppendSeq(names, maps.Keys(multiByte))
	names = slices.AppendSeq(names, maps.Keys(wideCharsets))
	slices.Sort(names)
	return names
}

// ErrText is the error of bytes that are no text of their character set.
var ErrText = errors.New("a text value has bytes that its character set does not define")

// IsUTF8 returns true if Decode returns what it is given.
func (d Decoder) IsUTF8() bool { return d.next == nil }

// Decode returns b as UTF-8; b itself where nothing has to change. A byte
// sequence that has no Unicode character is ErrText, never a question mark.
func (d Decoder) Decode(b []byte) ([]byte, error) {
	if d.next == nil || len(b) == 0 || d.asciiSafe && isASCII(b) {
		return b, nil
	}
	out := make([]byte, 0, len(b)+len(b)/2)
	for len(b) > 0 {
		r, n := d.next(b)
		if n == 0 || r < 0 {
			return nil, ErrText
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return out, nil
}

// Text returns text as UTF-8, with U+FFFD for what has no character, and whether all of it has one. What several bytes
// decode to in ASCII counts as none: sjis has a backslash of two bytes, which is no escape where the text is read.
func (d Decoder) Text(text string) (out string, whole bool) {
	if d.next == nil {
		return strings.ToValidUTF8(text, string(undefined)), utf8.ValidString(text)
	}
	var w strings.Builder
	whole = true
	for b := []byte(text); len(b) > 0; {
		r, n := d.next(b)
		if n == 0 || r < 0 || n > 1 && r < utf8.RuneSelf {
			r, whole = undefined, false
		}
		w.WriteRune(r)
		b = b[max(n, 1):]
	}
	return w.String(), whole
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
