package schema

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/replica"
)

// column returns a column's definition at the target, without keys.
func (x *translator) column(c *columnDef) (string, error) {
	t, err := x.typ(c)
	if err != nil {
		return "", err
	}
	parts := []string{replica.Quote(c.name), t.sql()}
	if t.charset != "" && t.charset != "binary" {
		parts = append(parts, "CHARACTER SET", t.charset, "COLLATE", t.collation)
	}
	if c.rowStart || c.rowEnd {
		return "", fmt.Errorf("column %s: TiDB has no system versioning", c.name)
	}
	if c.invisible {
		x.note("column %s: TiDB has no invisible columns, so it is visible", c.name)
	}
	if c.compressed {
		x.note("column %s: stored without column compression", c.name)
	}
	switch inexact := families[t.base] == familyFloat; {
	case t.zerofill:
		x.note("column %s: TiDB does not print the zeros of ZEROFILL, so that an application reads 42 for 000042", c.name)
	case inexact && t.scale > 0:
		x.note("column %s: TiDB does not print the last zeros of %s, so that an application reads 1.5 for 1.500", c.name, strings.ToUpper(t.sql()))
	}
	as, err := x.generatedAs(c)
	if err != nil {
		return "", err
	}
	if as.warning != "" {
		x.note("%s", as.warning)
	}
	if as.generated {
		g, err := x.generated(c, t)
		if err != nil {
			return "", err
		}
		parts = append(parts, g)
	} else {
		parts = append(parts, x.plainAttributes(c, t)...)
	}
	if c.comment != "" {
		parts = append(parts, "COMMENT", quoteString(c.comment))
	}
	return strings.Join(parts, " "), nil
}

func (x *translator) plainAttributes(c *columnDef, t typeDef) []string {
	parts := []string{"NULL"}
	if c.null == nullNo {
		parts[0] = "NOT NULL"
	}
	if c.hasDefault {
		if def := x.defaultValue(c, t); def != "" {
			parts = append(parts, "DEFAULT", def)
		}
	}
	if c.onUpdate != "" {
		if t.base == "datetime" || t.base == "timestamp" {
			parts = append(parts, "ON UPDATE", nowOf(t))
		} else {
			x.note("column %s: ON UPDATE is left out", c.name)
		}
	}
	if c.autoInc {
		parts = append(parts, "AUTO_INCREMENT")
	}
	return parts
}

func nowOf(t typeDef) string { return currentTimestamp(strconv.Itoa(max(t.scale, 0))) }

func (x *translator) generated(c *columnDef, t typeDef) (string, error) {
	kind := "VIRTUAL"
	if c.stored {
		kind = "STORED"
	}
	s := "GENERATED ALWAYS AS " + translateExpression(c.generated) + " " + kind
	if c.null == nullNo {
		s += " NOT NULL"
	}
	if !tidbParses("CREATE TABLE t (c " + t.sql() + " " + s + ")") {
		return "", fmt.Errorf("column %s: TiDB cannot read the expression of this generated column", c.name)
	}
	return s, nil
}

// noDefault are the types for which TiDB takes no default but NULL.
func noDefault(base string) bool {
	return strings.HasSuffix(base, "text") || strings.HasSuffix(base, "blob") || base == "json" || base == "vector"
}

// defaultValue returns a default that TiDB takes, or "" with a note: rows carry
// every value, so a default only matters to whoever writes at the target. An
// added column is different, see addedDefault.
func (x *translator) defaultValue(c *columnDef, t typeDef) string {
	def, ok := x.targetDefault(c, t)
	if !ok {
		x.note("column %s: its default is left out, as TiDB does not take it", c.name)
	}
	return def
}

// targetDefault returns a column's default as TiDB takes it; ok is false if it
// takes none that gives the same values.
func (x *translator) targetDefault(c *columnDef, t typeDef) (def string, ok bool) {
	def = c.def
	if strings.EqualFold(def, "NULL") {
		return "NULL", true
	}
	if noDefault(t.base) {
		return "", false
	}
	tokens, ok := defaultTokens(def)
	if !ok {
		return "", false
	}
	switch {
	case isNow(tokens[0]) && isCall(tokens):
		if t.base == "datetime" || t.base == "timestamp" {
			return nowOf(t), true
		}
		return "", false
	case len(tokens) == 3 && tokens[0].is("UUID") && (t.base == "char" || t.base == "varchar") && t.length >= 36:
		return "(UUID())", true
	case len(tokens) == 2 && tokens[0].kind == tokWord && tokens[1].kind == tokString && unicodeIntroducer(tokens[0].text):
		tokens = tokens[1:]
	case t.base == "date" && tokens[0].isAny("CURRENT_DATE", "CURDATE") && isCall(tokens):
		return "(CURRENT_DATE)", true
	}
	if !isLiteral(tokens) || (t.base == "binary" || t.base == "varbinary") && !textBytesOf(tokens[0]) {
		return "", false
	}
	if !calendarDate(t.base, tokens[len(tokens)-1].text) {
		return "", false
	}
	switch {
	case t.base == "year" && len(tokens) == 1 && tokens[0].kind == tokNumber && strings.Trim(tokens[0].text, "0") == "":
		return "'0000'", true // TiDB makes 2000 of the number
	case t.base == "time" && hasOffset(tokens[len(tokens)-1].text):
		return "", false // MySQL moves the time to the time zone of the session, and TiDB keeps it
	}
	if t.base == "timestamp" && x.zone != nil {
		return moveTimestamp(joinTokens(tokens), time.UTC, x.zone)
	}
	return joinTokens(tokens), true
}

// calendarDate returns false for a literal of a temporal type whose day its month
// does not have. ALLOW_INVALID_DATES keeps it, and TiDB cannot read a row that has
// it as the default of an added column (error 8038, seen in 8.5).
func calendarDate(base, text string) bool {
	if base != "date" && base != "datetime" && base != "timestamp" {
		return true
	}
	var n [3]int
	parts := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) > 0 && len(parts[0]) >= 6 { // digits without separators
		d := parts[0]
		year := len(d)%2 + 2
		if len(d) == 8 || len(d) == 14 {
			year = 4
		}
		if len(d) < year+4 {
			return true
		}
		parts = []string{d[:year], d[year : year+2], d[year+2 : year+4]}
	}
	if len(parts) < 3 {
		return true
	}
	for i := range n {
		n[i], _ = strconv.Atoi(parts[i]) // digits only, so only an absurd length fails
	}
	if n[0] < 100 {
		n[0] += 2000
	}
	if n[1] == 0 || n[2] == 0 || n[1] > 12 {
		return true // zero parts are read, and the source refuses a month 13
	}
	last := time.Date(n[0], time.Month(n[1])+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return n[2] <= last
}

// textBytesOf returns false for a literal whose bytes are not UTF-8: TiDB stores
// other bytes as the default of a binary column (seen in 8.5).
func textBytesOf(t token) bool {
	if t.kind == tokString {
		return utf8.ValidString(t.text)
	}
	text := strings.ToLower(t.text)
	var digits string
	switch {
	case strings.HasPrefix(text, "0x"):
		digits = text[2:]
	case strings.HasPrefix(text, "x'"):
		digits = strings.Trim(text[1:], "'")
	case strings.HasPrefix(text, "0b"), strings.HasPrefix(text, "b'"):
		return false
	default:
		return true
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits)
	return err == nil && utf8.Valid(b)
}

// defaultTokens returns the tokens of a default without the parentheses around
// it.
func defaultTokens(def string) ([]token, bool) {
	tokens, err := tokenize(def, 0)
	if err != nil || len(tokens) < 2 {
		return nil, false
	}
	tokens = tokens[:len(tokens)-1]
	for len(tokens) > 2 && tokens[0].punct("(") && closes(tokens) {
		tokens = tokens[1 : len(tokens)-1]
	}
	return tokens, true
}

// isCall returns true for a name alone, or with parentheses around at most a
// number.
func isCall(tokens []token) bool {
	switch {
	case len(tokens) == 1:
		return true
	case len(tokens) == 3:
		return tokens[1].punct("(") && tokens[2].punct(")")
	case len(tokens) == 4:
		return tokens[1].punct("(") && tokens[2].kind == tokNumber && tokens[3].punct(")")
	}
	return false
}

// closes says whether the first token's parenthesis is closed by the last one.
func closes(tokens []token) bool {
	depth := 0
	for i, t := range tokens {
		if t.punct("(") {
			depth++
		} else if t.punct(")") {
			if depth--; depth == 0 {
				return i == len(tokens)-1
			}
		}
	}
	return false
}

func isLiteral(tokens []token) bool {
	for len(tokens) > 1 && (tokens[0].punct("-") || tokens[0].punct("+")) {
		tokens = tokens[1:]
		if tokens[0].kind != tokNumber {
			return false
		}
	}
	if len(tokens) != 1 {
		return false
	}
	switch tokens[0].kind {
	case tokNumber, tokString, tokHexBit:
		return true
	}
	return tokens[0].isAny("TRUE", "FALSE")
}

func unicodeIntroducer(word string) bool {
	switch strings.ToLower(word) {
	case "_utf8mb4", "_utf8mb3", "_utf8", "_ascii":
		return true
	}
	return false
}

// isIntroducer returns true for the introducers of character sets in which ASCII
// text has the bytes that it has in UTF-8.
func isIntroducer(word string) bool {
	cs := canonicalCharset(strings.TrimPrefix(word, "_"))
	_, known := charsets[cs]
	return known && strings.HasPrefix(word, "_") && cs != "ucs2" && !strings.HasPrefix(cs, "utf16") && cs != "utf32" && cs != "binary" && cs != "swe7"
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// translateExpression writes an expression with the introducers and collations
// that TiDB has.
func translateExpression(expr string) string {
	tokens, err := tokenize(expr, 0)
	if err != nil {
		return expr
	}
	x := &translator{}
	for i := range tokens {
		t := &tokens[i]
		switch {
		case t.kind == tokWord && i+1 < len(tokens) && tokens[i+1].kind == tokString && (unicodeIntroducer(t.text) || isIntroducer(t.text) && isASCII(tokens[i+1].text)):
			t.text = "_utf8mb4"
		case i > 0 && tokens[i-1].is("COLLATE") && (t.kind == tokWord || t.kind == tokIdent):
			collation := canonicalCollation(t.text)
			if cs := collationCharset(collation); cs != "" {
				_, t.text = x.text("", cs, collation)
			}
		}
	}
	return joinTokens(tokens)
}
