package sqladmin

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// charset is a character set that a client may use. Text is UTF-8 inside.
type charset struct {
	name      string
	collation string // the default one
	id        uint16 // of that collation, for column definitions
	bytes     uint32 // of a character, at most
	about     string
	// decode returns the text of a client's bytes. When some byte has no meaning
	// it returns the byte's place, else -1.
	decode func(b string) (text string, bad int)
	// encode returns the client's bytes, and how many characters became '?'.
	encode func(text string) (b string, lost int)
}

// charsets lists the character sets. The first is the default.
var charsets = []*charset{
	{"utf8mb4", "utf8mb4_general_ci", charsetUTF8MB4, 4, "UTF-8 Unicode", decodeUTF8(utf8.UTFMax), encodeAll},
	{"utf8mb3", "utf8mb3_general_ci", 33, 3, "UTF-8 Unicode", decodeUTF8(3), encodeTo(func(r rune) (string, bool) { return string(r), r < 1<<16 })},
	{"latin1", "latin1_swedish_ci", 8, 1, "cp1252 West European", decodeLatin1, encodeTo(latin1Byte)},
	{"ascii", "ascii_general_ci", 11, 1, "US ASCII", decodeUTF8(1), encodeTo(func(r rune) (string, bool) { return string(r), r < utf8.RuneSelf })},
	{"binary", "binary", charsetBinary, 1, "Binary pseudo charset", decodeUTF8(utf8.UTFMax), encodeAll},
}

var defaultCharset = charsets[0]

// otherCharsets are MySQL's other character sets, with the numbers of their
// collations: a login with one of them is refused by its name.
var otherCharsets = map[string][]uint8{
	"big5": {1, 84}, "dec8": {3, 69}, "cp850": {4, 80}, "hp8": {6, 72}, "koi8r": {7, 74}, "latin2": {2, 9, 21, 27, 77}, "swe7": {10, 82},
	"ujis": {12, 91}, "sjis": {13, 88}, "hebrew": {16, 71}, "tis620": {18, 89}, "euckr": {19, 85}, "koi8u": {22, 75}, "gb2312": {24, 86},
	"greek": {25, 70}, "cp1250": {26, 34, 44, 66, 99}, "gbk": {28, 87}, "latin5": {30, 78}, "armscii8": {32, 64}, "ucs2": {35, 90, 128, 159},
	"cp866": {36, 68}, "keybcs2": {37, 73}, "macce": {38, 43}, "macroman": {39, 53}, "cp852": {40, 81}, "latin7": {20, 41, 42, 79},
	"cp1251": {14, 23, 50, 51, 52}, "utf16": {54, 55, 101}, "utf16le": {56, 62}, "cp1256": {57, 67}, "cp1257": {29, 58, 59}, "utf32": {60, 61, 160},
	"geostd8": {92, 93}, "cp932": {95, 96}, "eucjpms": {97, 98}, "gb18030": {248, 249, 250},
}

// charsetOfLogin returns the character set of a collation's number, as the
// handshake has it. Clients that do not choose one send 0.
func charsetOfLogin(id uint16) (*charset, error) {
	name := "utf8mb4"
	switch {
	case id == 33, id == 76, id == 83, id >= 192 && id <= 215, id == 223, id >= 2048 && id < 2304: // the last are MariaDB's
		name = "utf8mb3"
	case slices.Contains([]uint16{5, 8, 15, 31, 47, 48, 49, 94}, id):
		name = "latin1"
	case id == 11, id == 65:
		name = "ascii"
	case id == charsetBinary:
		name = "binary"
	case id == 0, id == 45, id == 46, id >= 224 && id <= 247, id >= 255 && id <= 323, id >= 2304 && id < 2560:
	default:
		name = fmt.Sprintf("of collation %d", id)
		for other, ids := range otherCharsets {
			if id < 256 && slices.Contains(ids, uint8(id)) {
				name = other
			}
		}
	}
	return findCharset(name)
}

// findCharset returns a character set by its name, in any case.
func findCharset(name string) (*charset, error) {
	lower := strings.ToLower(name)
	if lower == "utf8" {
		lower = "utf8mb3"
	}
	for _, cs := range charsets {
		if cs.name == lower {
			return cs, nil
		}
	}
	what := "Unknown character set: '" + cut(name, 40) + "'"
	if _, ok := otherCharsets[lower]; ok {
		what = "Character set '" + lower + "' is not supported by the admin port"
	}
	return nil, &Error{Code: CodeUnknownCharset, State: "42000", Message: what,
		Remedy: "use utf8mb4 (SET NAMES utf8mb4, --default-character-set=utf8mb4), utf8, latin1, ascii or binary"}
}

// checkCollation returns an error unless a collation is one of the character
// set's.
func (cs *charset) checkCollation(name string) error {
	name = strings.ToLower(name)
	ok := name == cs.collation || cs.name != "binary" && strings.HasPrefix(name, cs.name+"_")
	if !ok && !(cs.name == "utf8mb3" && strings.HasPrefix(name, "utf8_")) {
		return &Error{Code: 1253, State: "42000", Message: fmt.Sprintf("COLLATION '%s' is not valid for CHARACTER SET '%s'", cut(name, 40), cs.name),
			Remedy: "leave COLLATE out: the admin port compares texts without case"}
	}
	return nil
}

// text returns a client's bytes as text. An error says where the bytes are wrong
// and does not repeat them: they can be a secret.
func (cs *charset) text(b string) (string, error) {
	s, bad := cs.decode(b)
	if bad >= 0 {
		return "", &Error{Code: CodeInvalidText, State: "HY000", Message: fmt.Sprintf("Invalid %s character string: byte %d of the text (0x%02X) begins no character", cs.name, bad+1, b[bad]),
			Remedy: "send the text in the character set of the connection, or declare the text's: SET NAMES latin1, say"}
	}
	return s, nil
}

// textWithin is text for bytes of any length: the text counts as held when it
// takes memory of its own.
func (cs *charset) textWithin(b string, held *holding) (string, error) {
	if cs.name == "latin1" {
		if err := held.add(latin1Length(b)); err != nil {
			return "", err
		}
	}
	return cs.text(b)
}

// decodeUTF8 takes UTF-8 whose characters have at most most bytes.
func decodeUTF8(most int) func(string) (string, int) {
	return func(b string) (string, int) {
		for i := 0; i < len(b); {
			if b[i] < utf8.RuneSelf {
				i++
				continue
			}
			r, n := utf8.DecodeRuneInString(b[i:])
			if r == utf8.RuneError && n == 1 || n > most {
				return "", i
			}
			i += n
		}
		return b, -1
	}
}

// latin1High are the characters 0x80 to 0x9F of MySQL's latin1, which is
// cp1252; the five bytes that cp1252 leaves out are control characters (MySQL
// manual, "West European Character Sets").
var latin1High = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

func decodeLatin1(b string) (string, int) {
	if isASCII(b) {
		return b, -1
	}
	var s strings.Builder
	s.Grow(latin1Length(b))
	for i := range len(b) {
		s.WriteRune(latin1Rune(b[i]))
	}
	return s.String(), -1
}

func latin1Rune(c byte) rune {
	if c >= 0x80 && c < 0xa0 {
		return latin1High[c-0x80]
	}
	return rune(c)
}

// latin1Length returns the length of the text, 0 when it is b itself.
func latin1Length(b string) int {
	if isASCII(b) {
		return 0
	}
	n := 0
	for i := range len(b) {
		n += utf8.RuneLen(latin1Rune(b[i]))
	}
	return n
}

func latin1Byte(r rune) (string, bool) {
	if i := slices.Index(latin1High, r); i >= 0 {
		return string([]byte{0x80 + byte(i)}), true
	}
	if r < 0x80 || r >= 0xa0 && r <= 0xff {
		return string([]byte{byte(r)}), true
	}
	return "?", false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func encodeAll(s string) (string, int) { return s, 0 }

// encodeTo encodes each character by itself; one that has no bytes becomes '?',
// as in MySQL.
func encodeTo(one func(rune) (string, bool)) func(string) (string, int) {
	return func(s string) (string, int) {
		if isASCII(s) {
			return s, 0
		}
		var b strings.Builder
		lost := 0
		for _, r := range s {
			text, ok := one(r)
			if !ok {
				text = "?"
				lost++
			}
			b.WriteString(text)
		}
		return b.String(), lost
	}
}
