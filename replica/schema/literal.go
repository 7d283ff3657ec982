package schema

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sluice/replica"
	"sluice/replica/charset"
)

// literals reads the string literals of a statement as the source does: it
// converts them from character_set_client to character_set_connection, and makes
// one question mark of a character that the latter does not have. The text of a
// binary client is not converted: its bytes are of character_set_connection. A
// literal with an introducer, and N'..', keeps the bytes of the statement.
type literals struct{ client, connection string }

// readLiterals gives each literal its text, and the other tokens valid UTF-8.
// It returns true if some of them cannot be read: undecoded stands for those.
func readLiterals(ddl replica.DDL, text string, tokens []token) (damaged bool) {
	l := literals{clientCharset(ddl.CharsetID), clientCharset(ddl.ConnectionID)}
	if l.client == "swe7" || l.connection == "swe7" {
		damaged = swe7Literals(tokens)
	}
	if isASCII(text) {
		return damaged
	}
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

// swe7Literals makes the literals that swe7 has otherwise undecoded: it has letters in
// the place of signs of ASCII. It returns true if there are any.
func swe7Literals(tokens []token) (damaged bool) {
	for i := range tokens {
		if t := &tokens[i]; t.kind == tokString && !afterComment(tokens[:i]) && strings.ContainsAny(t.text, "@[\\]^`{|}~\x7f") {
			t.text, damaged = undecoded, true
		}
	}
	return damaged
}

// introduces returns true for the introducer of a known character set.
func introduces(word string) bool {
	_, known := charsets[canonicalCharset(strings.TrimPrefix(word, "_"))]
	return known && strings.HasPrefix(word, "_")
}

// raw returns the bytes that a literal had in the statement, undecoded where several codes have one character.
func (l literals) raw(text string) string {
	if _, ok := decodes(l.client); !ok {
		return text
	}
	raw, ok := charset.Encode(l.client, text)
	if !ok {
		return undecoded
	}
	return raw
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
	case l.client == connection && decodable(connection):
	case l.client == "binary" && decodable(connection):
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
	d, ok := decodes(cs)
	if !ok {
		return undecoded
	}
	text, whole := d.Text(raw)
	if !whole {
		return undecoded
	}
	return text
}

func decodable(cs string) bool {
	_, ok := decodes(cs)
	return ok
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
		_, ok := charset.Encode(cs, string(r))
		return ok, true
	}
	if r < 0x80 {
		return true, cs != "swe7" && (cs != "sjis" || r != '\\' && r != '~')
	}
	raw, ok := charset.Encode(cs, string(r))
	return true, ok && unicode.IsLetter(r) && common(cs, raw)
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
