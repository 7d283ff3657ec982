package binlog

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"sluice/replica"
)

// charsets maps MySQL's character sets to their encodings. Those that are
// missing (dec8, hp8, swe7, armscii8, geostd8, keybcs2, macce) are refused.
var charsets = map[string]encoding.Encoding{
	"latin1":   charmap.Windows1252,
	"latin2":   charmap.ISO8859_2,
	"latin5":   charmap.ISO8859_9,
	"latin7":   charmap.ISO8859_13,
	"greek":    charmap.ISO8859_7,
	"hebrew":   charmap.ISO8859_8,
	"cp1250":   charmap.Windows1250,
	"cp1251":   charmap.Windows1251,
	"cp1256":   charmap.Windows1256,
	"cp1257":   charmap.Windows1257,
	"cp850":    charmap.CodePage850,
	"cp852":    charmap.CodePage852,
	"cp866":    charmap.CodePage866,
	"koi8r":    charmap.KOI8R,
	"koi8u":    charmap.KOI8U,
	"macroman": charmap.Macintosh,
	"tis620":   charmap.Windows874,
	"gbk":      simplifiedchinese.GBK,
	"gb2312":   simplifiedchinese.GBK,
	"gb18030":  simplifiedchinese.GB18030,
	"big5":     traditionalchinese.Big5,
	"sjis":     japanese.ShiftJIS,
	"cp932":    japanese.ShiftJIS,
	"ujis":     japanese.EUCJP,
	"eucjpms":  japanese.EUCJP,
	"euckr":    korean.EUCKR,
	"ucs2":     unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"utf16":    unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"utf16le":  unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf32":    utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
}

// textDecoder turns a column's stored bytes into UTF-8.
type textDecoder struct {
	enc encoding.Encoding // nil: the bytes are UTF-8 already
	// asciiSafe says that bytes below 0x80 stand for themselves.
	asciiSafe bool
}

func newTextDecoder(col *replica.Column) (textDecoder, error) {
	switch col.Charset {
	case "utf8mb4", "utf8mb3", "utf8", "ascii", "":
		return textDecoder{}, nil
	}
	enc, ok := charsets[col.Charset]
	if !ok {
		return textDecoder{}, &replica.Error{Code: 61132, Class: "DATA",
			Message: fmt.Sprintf("column %q has the character set %s, which cannot be read from the binlog yet", col.Name, col.Charset),
			Remedy:  "convert the column to utf8mb4 on the source, or leave the table out with REPLICATE_IGNORE_TABLE"}
	}
	switch col.Charset {
	case "ucs2", "utf16", "utf16le", "utf32":
		return textDecoder{enc: enc}, nil
	}
	return textDecoder{enc: enc, asciiSafe: true}, nil
}

var replacement = []byte(string(utf8.RuneError))

// decode returns b as UTF-8; b itself where nothing has to change. A byte
// sequence that has no Unicode character is an error, never a question mark.
func (d textDecoder) decode(b []byte) ([]byte, error) {
	if d.enc == nil || len(b) == 0 {
		return b, nil
	}
	if d.asciiSafe && isASCII(b) {
		return b, nil
	}
	out, err := d.enc.NewDecoder().Bytes(b)
	if err != nil || bytes.Contains(out, replacement) {
		return nil, errText
	}
	return out, nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
