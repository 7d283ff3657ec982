package schema

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/pingcap/tidb/pkg/parser/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"sluice/replica"
)

// clientCharsets are the values of character_set_client that are not UTF-8 and
// can be decoded. MySQL allows no UTF-16 or UTF-32 there.
var clientCharsets = map[string]encoding.Encoding{
	"latin1": charmap.Windows1252, "latin2": charmap.ISO8859_2, "latin5": charmap.ISO8859_9, "latin7": charmap.ISO8859_13,
	"cp1250": charmap.Windows1250, "cp1251": charmap.Windows1251, "cp1256": charmap.Windows1256, "cp1257": charmap.Windows1257,
	"cp850": charmap.CodePage850, "cp852": charmap.CodePage852, "cp866": charmap.CodePage866,
	"koi8r": charmap.KOI8R, "koi8u": charmap.KOI8U, "greek": charmap.ISO8859_7, "hebrew": charmap.ISO8859_8,
	"macroman": charmap.Macintosh, "tis620": charmap.Windows874,
	"gbk": simplifiedchinese.GBK, "gb2312": simplifiedchinese.GBK, "gb18030": simplifiedchinese.GB18030,
	"big5": traditionalchinese.Big5, "sjis": japanese.ShiftJIS, "cp932": japanese.ShiftJIS,
	"ujis": japanese.EUCJP, "eucjpms": japanese.EUCJP, "euckr": korean.EUCKR,
}

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
	c, err := charset.GetCollationByID(n)
	if err != nil {
		return "number " + strconv.Itoa(int(id))
	}
	return canonicalCharset(c.CharsetName)
}

// decodeText returns the statement in UTF-8.
func decodeText(ddl replica.DDL) (string, error) {
	ascii := true
	for i := 0; i < len(ddl.Text) && ascii; i++ {
		ascii = ddl.Text[i] < 0x80
	}
	if ascii {
		return ddl.Text, nil
	}
	switch cs := clientCharset(ddl.CharsetID); cs {
	case "", "utf8mb3", "utf8mb4", "binary", "ascii":
		if !utf8.ValidString(ddl.Text) {
			return "", fmt.Errorf("statement is not valid UTF-8")
		}
		return ddl.Text, nil
	default:
		enc := clientCharsets[cs]
		if enc == nil {
			return "", fmt.Errorf("statement is in character set %q, which cannot be decoded", cs)
		}
		text, err := enc.NewDecoder().String(ddl.Text)
		if err != nil {
			return "", fmt.Errorf("decode statement from %s: %w", cs, err)
		}
		return text, nil
	}
}
