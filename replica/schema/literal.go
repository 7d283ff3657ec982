package schema

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"

	"sluice/replica"
)

// latin1 is the servers' latin1: cp1252, with the C1 controls for the five bytes
// that cp1252 leaves undefined.
var latin1 encoding.Encoding = latin1Encoding{}

type latin1Encoding struct{}

func (latin1Encoding) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: mapBytes{func(b []byte, _ bool) ([]byte, int, error) {
		return utf8.AppendRune(nil, latin1Rune(b[0])), 1, nil
	}}}
}

func (latin1Encoding) NewEncoder() *encoding.Encoder {
	return &encoding.Encoder{Transformer: mapBytes{func(b []byte, atEOF bool) ([]byte, int, error) {
		if !atEOF && !utf8.FullRune(b) {
			return nil, 0, transform.ErrShortSrc
		}
		r, n := utf8.DecodeRune(b)
		c, ok := latin1Byte(r)
		if !ok {
			return nil, 0, fmt.Errorf("latin1 has no U+%04X", r)
		}
		return []byte{c}, n, nil
	}}}
}

func latin1Rune(b byte) rune {
	if r := charmap.Windows1252.DecodeByte(b); r != utf8.RuneError {
		return r
	}
	return rune(b)
}

func latin1Byte(r rune) (byte, bool) {
	if b, ok := charmap.Windows1252.EncodeRune(r); ok && latin1Rune(b) == r {
		return b, true
	}
	return byte(r), r < 0x100 && latin1Rune(byte(r)) == r
}

// mapBytes is a transformer of one character after the other.
type mapBytes struct {
	next func(src []byte, atEOF bool) (out []byte, read int, err error)
}

func (mapBytes) Reset() {}

func (m mapBytes) Transform(dst, src []byte, atEOF bool) (wrote, read int, err error) {
	for read < len(src) {
		out, n, err := m.next(src[read:], atEOF)
		if err != nil {
			return wrote, read, err
		}
		if wrote+len(out) > len(dst) {
			return wrote, read, transform.ErrShortDst
		}
		wrote += copy(dst[wrote:], out)
		read += n
	}
	return wrote, read, nil
}

// literals reads the string literals of a statement as the source does: it
// converts them from character_set_client to character_set_connection, and makes
// one question mark of a character that the latter does not have. The text of a
// binary client is not converted: its bytes are of character_set_connection. A
// literal with an introducer, and N'..', keeps the bytes of the statement.
type literals struct{ client, connection string }

// readLiterals gives each literal its text, and the other tokens valid UTF-8.
// It returns true if some of them cannot be read: undecoded stands for those.
func readLiterals(ddl replica.DDL, text string, tokens []token) (damaged bool) {
	if isASCII(text) {
		return false
	}
	l := literals{clientCharset(ddl.CharsetID), clientCharset(ddl.ConnectionID)}
	for i := range tokens {
		t := &tokens[i]
		switch {
		case isASCII(t.text):
			continue
		case t.kind != tokString || afterComment(tokens[:i]):
			t.text = strings.ToValidUTF8(t.text, undecoded)
			continue
		}
		switch {
		case t.pos < len(text) && text[t.pos]|0x20 == 'n':
			t.text = strings.ToValidUTF8(l.raw(t.text), undecoded)
		case i > 0 && tokens[i-1].kind == tokWord && introduces(tokens[i-1].text):
			l.introduced(&tokens[i-1], t, i > 1 && tokens[i-2].is("DEFAULT"))
		default:
			l.converted(t)
		}
		damaged = damaged || strings.Contains(t.text, undecoded)
	}
	return damaged
}

// introduces returns true for the introducer of a known character set.
func introduces(word string) bool {
	_, known := charsets[canonicalCharset(strings.TrimPrefix(word, "_"))]
	return known && strings.HasPrefix(word, "_")
}

// raw returns the bytes that a literal had in the statement.
func (l literals) raw(text string) string {
	if enc := clientCharsets[l.client]; enc != nil {
		raw, err := enc.NewEncoder().String(text)
		if again, _ := decodeCharset(l.client, raw); err != nil || again != text { // the encoder does not know the corrections
			return undecoded
		}
		return raw
	}
	return text
}

// introduced reads the literal after an introducer. That of a default becomes
// one of utf8mb4.
func (l literals) introduced(word, literal *token, isDefault bool) {
	raw := l.raw(literal.text)
	cs := canonicalCharset(strings.TrimPrefix(word.text, "_"))
	switch {
	case unicodeIntroducer(word.text):
		literal.text = strings.ToValidUTF8(raw, undecoded)
	case isDefault && isIntroducer(word.text):
		literal.text, literal.charset = decodeLiteral(cs, raw), cs
		word.text = "_utf8mb4"
	case unconverted(l.client):
		literal.text = strings.ToValidUTF8(raw, undecoded)
	default:
		literal.text = undecoded
	}
}

// converted reads a literal that goes through character_set_connection.
func (l literals) converted(t *token) {
	connection := l.connection
	if connection == "" {
		connection = l.client
	}
	t.charset = connection
	switch {
	case connection == "", connection == "utf8mb4":
		t.charset = ""
		t.text = strings.ToValidUTF8(t.text, undecoded)
	case l.client == connection && clientCharsets[connection] != nil:
	case l.client == "binary" && clientCharsets[connection] != nil:
		t.text = decodeLiteral(connection, t.text)
	case connection == "binary":
		t.text = strings.ToValidUTF8(t.text, undecoded)
		if !unconverted(l.client) { // the bytes are those of the client's text
			t.text = undecoded
		}
	default:
		t.text = throughCharset(connection, strings.ToValidUTF8(t.text, undecoded))
		if connection == "utf8mb3" {
			t.charset = ""
		}
	}
}

// decodeLiteral returns bytes of a character set in UTF-8, undecoded where the
// servers' reading of them is not certain.
func decodeLiteral(cs, raw string) string {
	enc := clientCharsets[cs]
	if enc == nil {
		return undecoded
	}
	text, err := enc.NewDecoder().String(raw)
	if err != nil || strings.Contains(text, undecoded) || throughCharset(cs, text) != text {
		return undecoded
	}
	return text
}

// throughCharset returns what is left of text after a conversion to a character
// set and back: '?' for each character that it does not have, as both MySQL 9.7
// and MariaDB 10.11 make it; undecoded where it is not certain whether it has it.
func throughCharset(cs, text string) string {
	var b strings.Builder
	for _, r := range text {
		switch has, certain := hasRune(cs, r); {
		case !certain:
			return undecoded
		case has:
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// hasRune says whether the servers' character set has a character. It is
// certain for the Unicode sets, latin1 and ascii. Of other sets, whose tables at
// the servers and elsewhere differ in signs and vendors' additions, only
// letters of the parts that all have in common are.
func hasRune(cs string, r rune) (has, certain bool) {
	switch cs {
	case "utf8mb4", "utf16", "utf16le", "utf32":
		return true, r != utf8.RuneError
	case "utf8mb3", "ucs2":
		return r <= 0xFFFF, r != utf8.RuneError
	case "ascii":
		return r < 0x80, true
	case "latin1":
		_, ok := latin1Byte(r)
		return ok, true
	}
	if r < 0x80 {
		return true, cs != "swe7" && (cs != "sjis" || r != '\\' && r != '~')
	}
	enc := clientCharsets[cs]
	if enc == nil || !unicode.IsLetter(r) || strings.ContainsRune(elsewhere[cs], r) {
		return false, false
	}
	raw, err := enc.NewEncoder().String(string(r))
	if err != nil {
		return false, false
	}
	back, err := enc.NewDecoder().String(raw)
	return true, err == nil && back == string(r) && common(cs, raw)
}

// elsewhere has the letters that other versions of a character set have, and
// MySQL 9.7 and MariaDB 10.11 do not; all others that hasRune takes were
// compared with both.
var elsewhere = map[string]string{
	"cp1256": "\u0679\u0688\u0691\u06a9\u06ba\u06be\u06c1\u06d2", "greek": "\u037a", "koi8u": "\u040e\u045e",
}

// common returns true for the code of a letter in the part of a character set
// that all its versions share.
func common(cs, code string) bool {
	if len(code) == 1 {
		return charsets[cs].max == 1
	}
	lead, trail := code[0], code[1]
	switch {
	case len(code) > 2:
		return false
	case cs == "gb2312", cs == "euckr", cs == "ujis", cs == "eucjpms":
		return lead >= 0xB0 && lead <= 0xF4 && trail >= 0xA1
	case cs == "gbk", cs == "gb18030":
		return lead >= 0xB0 && lead <= 0xF7 && trail >= 0xA1
	case cs == "sjis", cs == "cp932":
		return lead >= 0x88 && lead <= 0x9F || lead >= 0xE0 && lead <= 0xE9
	case cs == "big5":
		return lead >= 0xA4 && lead <= 0xC5 || lead >= 0xC9 && lead <= 0xF8
	}
	return false
}

// literalsFrom returns the character set of the literals from the token at start
// on, "" where their bytes are UTF-8.
func (r *reader) literalsFrom(start int) string {
	for i := start; i < r.i && i < len(r.tokens); i++ {
		if t := r.tokens[i]; t.charset != "" {
			return t.charset
		}
	}
	return ""
}

// fitLiterals refuses the literals of a column whose bytes are not those of
// their text: a binary column keeps the bytes of the literal's character set,
// and a literal of charset binary has the bytes of the column's.
func (r *reader) fitLiterals(c *columnDef) {
	cs := c.literals
	c.literals = "" // they are settled: later statements do not read them again
	unicodeColumn := c.typ.charset == "utf8mb4" || c.typ.charset == "utf8mb3"
	ok := cs == "" || r.err != nil
	switch {
	case cs == "binary":
		ok = ok || c.typ.charset == "" || unicodeColumn
	default:
		ok = ok || c.generated != "" || !strings.HasSuffix(c.typ.base, "binary") && !strings.HasSuffix(c.typ.base, "blob")
	}
	if ok {
		return
	}
	r.err = &replica.Error{Code: CodeText, Class: "DDL",
		Message: fmt.Sprintf("column %s: a string of character_set_connection %s gives bytes that are not followed in its type", c.name, cs),
		Remedy: "leave the table out with REPLICATE_IGNORE_TABLE, or run the statement after SET NAMES utf8mb4, " +
			"RESET MIGRATION and start again"}
}
