package schema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	tidb "github.com/pingcap/tidb/pkg/parser/charset"

	"sluice/replica"
	"sluice/replica/charset"
)

// decodes returns the decoder of a character set whose text is ASCII below 0x80; ok is
// false for others. MySQL allows no UTF-16 or UTF-32 in character_set_client.
func decodes(cs string) (d charset.Decoder, ok bool) {
	if d, ok = charset.Of(cs); cs == "swe7" || charsets[cs].max == 0 || isWide(cs) || unconverted(cs) {
		return d, false
	}
	return d, ok
}

// isWide returns true for the character sets without characters of one byte.
func isWide(cs string) bool { return cs == "ucs2" || strings.HasPrefix(cs, "utf16") || cs == "utf32" }

// clientCharset returns the charset of a collation number, "" when the number
// is 0.
func clientCharset(id uint16) string {
	n := int(id)
	switch {
	case n == 0:
		return ""
	case n >= 2048: // MariaDB's uca1400 collations, all of Unicode charsets
		return "utf8mb4"
	case n >= 1024: // MariaDB's NOPAD twins
		n -= 1024
	}
	c, err := tidb.GetCollationByID(n)
	if err != nil {
		return "number " + strconv.Itoa(int(id))
	}
	return canonicalCharset(c.CharsetName)
}

// undecoded stands in decoded text for bytes that are no text of the statement's
// character set.
const undecoded = "\uFFFD"

// readText returns the statement as text to split into tokens. A statement of
// which no byte is converted stays as it is: the bytes of its literals may have
// another character set than its names. damaged is true if some of its bytes
// are no text of its character set.
func readText(ddl replica.DDL) (text string, damaged bool) {
	if unconverted(clientCharset(ddl.CharsetID)) {
		return ddl.Text, !utf8.ValidString(ddl.Text)
	}
	return decodeText(ddl)
}

// unconverted returns true for the values of character_set_client whose text is
// read as UTF-8 where names and comments are concerned.
func unconverted(client string) bool {
	switch client {
	case "", "utf8mb3", "utf8mb4", "binary", "ascii":
		return true
	}
	return false
}

// decodeText returns the statement in UTF-8. damaged is true if some of its
// bytes are no text of its character set: undecoded stands for them.
func decodeText(ddl replica.DDL) (text string, damaged bool) {
	ascii := true
	for i := 0; i < len(ddl.Text) && ascii; i++ {
		ascii = ddl.Text[i] < 0x80
	}
	if ascii {
		return ddl.Text, false
	}
	cs := clientCharset(ddl.CharsetID)
	if unconverted(cs) {
		return strings.ToValidUTF8(ddl.Text, undecoded), !utf8.ValidString(ddl.Text)
	}
	if d, ok := decodes(cs); ok {
		text, whole := d.Text(ddl.Text)
		return text, !whole
	}
	var b strings.Builder
	for i := range len(ddl.Text) {
		if c := ddl.Text[i]; c < 0x80 {
			b.WriteByte(c)
		} else {
			b.WriteString(undecoded)
		}
	}
	return b.String(), true
}

// Text returns the statement in UTF-8, with U+FFFD for bytes that are no text of
// its character set.
func Text(ddl replica.DDL) string {
	text, _ := decodeText(ddl)
	return text
}

// CodeText is the error code of a statement that matters and has bytes that are
// no text of its character set.
const CodeText = 61112

// damagedError returns the error for a damaged statement whose damage is outside
// its comments; nil for others. The source itself replaces such bytes in a
// COMMENT.
func damagedError(ddl replica.DDL, tokens []token) error {
	for i, t := range tokens {
		if !strings.Contains(t.text, undecoded) || t.kind == tokString && afterComment(tokens[:i]) {
			continue
		}
		return &replica.Error{Code: CodeText, Class: "DDL",
			Message: fmt.Sprintf("a statement has bytes that are no text of its character set (%s), "+
				"or a string whose conversion to character_set_connection (%s) is not known", clientCharset(ddl.CharsetID), clientCharset(ddl.ConnectionID)),
			Remedy: "leave the table out with REPLICATE_IGNORE_TABLE; " + remedyCopy + " as they are at the source then; and have such statements run after SET NAMES utf8mb4"}
	}
	return nil
}

// afterComment returns true if the tokens end with COMMENT or COMMENT =.
func afterComment(tokens []token) bool {
	n := len(tokens)
	if n > 1 && tokens[n-1].punct("=") {
		n--
	}
	return n > 0 && tokens[n-1].is("COMMENT")
}
