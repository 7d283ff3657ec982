package schema

import "strings"

// charsetFacts are the properties of a charset that definitions depend on.
type charsetFacts struct {
	max       int    // bytes of the longest character
	collation string // the default collation
	// grow is by how much a text can grow when it is transcoded to UTF-8:
	// the bytes of the longest UTF-8 form of a one-unit character.
	grow int
}

// charsets lists every charset of MySQL 5.7 to 9.x and MariaDB 10.5 to 11.8.
var charsets = map[string]charsetFacts{
	"armscii8": {1, "armscii8_general_ci", 3},
	"ascii":    {1, "ascii_general_ci", 1},
	"big5":     {2, "big5_chinese_ci", 2},
	"binary":   {1, "binary", 1},
	"cp1250":   {1, "cp1250_general_ci", 3},
	"cp1251":   {1, "cp1251_general_ci", 3},
	"cp1256":   {1, "cp1256_general_ci", 3},
	"cp1257":   {1, "cp1257_general_ci", 3},
	"cp850":    {1, "cp850_general_ci", 3},
	"cp852":    {1, "cp852_general_ci", 3},
	"cp866":    {1, "cp866_general_ci", 3},
	"cp932":    {2, "cp932_japanese_ci", 3},
	"dec8":     {1, "dec8_swedish_ci", 2},
	"eucjpms":  {3, "eucjpms_japanese_ci", 2},
	"euckr":    {2, "euckr_korean_ci", 2},
	"gb18030":  {4, "gb18030_chinese_ci", 2},
	"gb2312":   {2, "gb2312_chinese_ci", 2},
	"gbk":      {2, "gbk_chinese_ci", 2},
	"geostd8":  {1, "geostd8_general_ci", 3},
	"greek":    {1, "greek_general_ci", 3},
	"hebrew":   {1, "hebrew_general_ci", 3},
	"hp8":      {1, "hp8_english_ci", 2},
	"keybcs2":  {1, "keybcs2_general_ci", 3},
	"koi8r":    {1, "koi8r_general_ci", 3},
	"koi8u":    {1, "koi8u_general_ci", 3},
	"latin1":   {1, "latin1_swedish_ci", 3},
	"latin2":   {1, "latin2_general_ci", 2},
	"latin5":   {1, "latin5_turkish_ci", 2},
	"latin7":   {1, "latin7_general_ci", 3},
	"macce":    {1, "macce_general_ci", 3},
	"macroman": {1, "macroman_general_ci", 3},
	"sjis":     {2, "sjis_japanese_ci", 3},
	"swe7":     {1, "swe7_swedish_ci", 2},
	"tis620":   {1, "tis620_thai_ci", 3},
	"ucs2":     {2, "ucs2_general_ci", 2},
	"ujis":     {3, "ujis_japanese_ci", 2},
	"utf16":    {4, "utf16_general_ci", 2},
	"utf16le":  {4, "utf16le_general_ci", 2},
	"utf32":    {4, "utf32_general_ci", 1},
	"utf8mb3":  {3, "utf8mb3_general_ci", 1},
	"utf8mb4":  {4, "utf8mb4_general_ci", 1},
}

// canonicalCharset returns a charset's name in lower case, utf8mb3 for utf8.
func canonicalCharset(name string) string {
	if name = strings.ToLower(name); name == "utf8" {
		return "utf8mb3"
	}
	return name
}

// canonicalCollation returns a collation's name in lower case, utf8mb3_x for
// utf8_x.
func canonicalCollation(name string) string {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "utf8_") {
		return "utf8mb3_" + name[len("utf8_"):]
	}
	return name
}

// collationCharset returns the charset of a collation, "" when its name does
// not say (MariaDB's uca1400_ai_ci).
func collationCharset(collation string) string {
	cs, _, _ := strings.Cut(collation, "_")
	if _, known := charsets[cs]; known {
		return cs
	}
	return ""
}

// binaryCollation returns a charset's _bin collation.
func binaryCollation(charset string) string {
	if charset == "binary" {
		return "binary"
	}
	return charset + "_bin"
}
