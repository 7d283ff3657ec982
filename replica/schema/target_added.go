package schema

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/replica"
)

// dependsOnZone returns true if what the statement does to the rows that exist
// depends on the time zone of its session: where a column becomes a TIMESTAMP or
// is one no more, and where the current time or a generated column is computed.
func (x *alterTranslator) dependsOnZone() bool {
	if x.c.session.zone == "" {
		return false
	}
	for _, a := range x.c.actions {
		if a.kind != addColumn && a.kind != changeColumn || a.column == nil {
			continue
		}
		now := x.after.d.column(a.column.name)
		if now == nil {
			continue
		}
		if a.kind == addColumn {
			if now.generated != "" || now.typ.base != "timestamp" && readsClock(now.def) {
				return true
			}
			continue
		}
		was := x.before.d.column(a.old)
		if was == nil {
			continue
		}
		if now.generated != "" || (was.typ.base == "timestamp") != (now.typ.base == "timestamp") {
			return true
		}
	}
	return false
}

// ambiguousTimes adds a condition for a zone with daylight saving time. When TiDB
// rewrites rows in such a session it moves the other TIMESTAMP columns through
// local time, so that a moment in the hour that comes twice may become another one
// (seen in 8.5). MySQL's own copy does the same, MariaDB's does not.
func (x *alterTranslator) ambiguousTimes(zone string) {
	if _, fixed := parseOffset(zone); fixed {
		return
	}
	var changed []string
	for _, c := range x.before.d.columns {
		if now := x.after.d.column(c.name); c.typ.base == "timestamp" && c.generated == "" && now != nil && now.typ.base == "timestamp" {
			n := replica.Quote(c.name)
			changed = append(changed, fmt.Sprintf("CONVERT_TZ(CONVERT_TZ(%s,'+00:00',%s),%s,'+00:00')<>%s", n, quoteString(zone), quoteString(zone), n))
		}
	}
	if changed == nil {
		return
	}
	cond := emptyTable(x.c.Before, x.name, "in the session's time zone "+zone+" some times of its TIMESTAMP columns come twice, and the servers' copies of the rows may mix them up")
	cond.Query = "SELECT 1 FROM " + x.name + " WHERE " + strings.Join(changed, " OR ") + " LIMIT 1"
	cond.Values = false
	cond.Failed.Remedy = "make the same change in the target by hand, with the values that the source's rows have, then START MIGRATION again; " +
		"from now on, run such statements in sessions with time_zone='+00:00'"
	x.conditions = append(x.conditions, cond)
}

// clockFunctions are the functions of the current time that a default may use.
var clockFunctions = []string{"NOW", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_DATE", "CURDATE", "CURRENT_TIME",
	"CURTIME", "SYSDATE", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "UNIX_TIMESTAMP"}

func readsClock(def string) bool {
	tokens, err := tokenize(def, 0)
	if err != nil {
		return false
	}
	for _, t := range tokens {
		if t.isAny(clockFunctions...) {
			return true
		}
	}
	return false
}

// addedColumn returns the definition with which a column is added. The rows that
// exist get the default's value at the source, and no row event says which:
//
//   - a literal, NULL, or the type's implicit default: the target gives the same;
//   - the current time in a type and precision of its own: the statement runs
//     with the source's clock;
//   - the current time otherwise: the column is added with the value as a
//     literal, and gets its real default after that;
//   - a text, for a type that cannot have a default in TiDB: the column is added
//     as a short type with the default, and gets its type after that;
//   - every other default, and AUTO_INCREMENT: only a table without rows can
//     have the column added.
func (x *alterTranslator) addedColumn(c *columnDef) (*columnDef, error) {
	if c.autoInc {
		x.conditions = append(x.conditions, emptyTable(x.c.Before, x.name, "it numbered them for the new column "+c.name))
		return c, nil
	}
	if x.c.ddl.SQLMode&modeNoBackslashEscapes != 0 && strings.HasPrefix(c.def, "(") && strings.Contains(c.def, `\`) {
		// MySQL writes an expression's backslash twice, and reads both in this mode.
		x.conditions = append(x.conditions, emptyTable(x.c.Before, x.name, "the default of the new column "+c.name+" has a backslash, under NO_BACKSLASH_ESCAPES"))
		return c, nil
	}
	if !c.hasDefault || c.generated != "" {
		return c, nil
	}
	t, err := x.after.typ(c)
	if err != nil {
		return nil, err
	}
	tokens, read := defaultTokens(c.def)
	def, known := (&translator{d: x.after.d, zone: x.after.zone}).targetDefault(c, t)
	clock := readsClock(c.def)
	switch {
	case known && !clock && def != "(UUID())":
		return c, nil
	case known && read && clock && strings.HasPrefix(def, "CURRENT_TIMESTAMP") && digitsOf(tokens) == max(t.scale, 0) && !x.c.ddl.At.IsZero():
		return c, nil // the session's clock is that of the source's statement
	}
	added := c.clone()
	if value, ok := x.clockValue(tokens, t); ok && read {
		added.def = quoteString(value)
	} else if value, ok := largeDefault(tokens, t); ok && read {
		added.def = quoteString(value)
		added.typ = short(c.typ, value)
	} else if read && repeatable(tokens) {
		added.def, added.hasDefault = "", false
		cond := emptyTable(x.c.Before, x.name, "TiDB does not take the default of the new column "+c.name)
		cond.Values, cond.Failed.Remedy = false, fmt.Sprintf("in the target, add the column %s by hand and give the rows that exist the default's value, then START MIGRATION again; "+remedyCopy, c.name)
		x.conditions = append(x.conditions, cond)
	} else {
		added.def, added.hasDefault = "", false
		x.conditions = append(x.conditions, emptyTable(x.c.Before, x.name, "the new column "+c.name+" has a default that is computed for each of them"))
	}
	// TiDB does not add a column with such a default, but gives it, or its type, to
	// one that is there.
	if real, err := x.after.column(c); err != nil {
		return nil, err
	} else if known || added.hasDefault {
		x.last = append(x.last, targetItem{sql: "MODIFY COLUMN " + real, uses: lower([]string{useColumn(c.name)})})
	}
	return added, nil
}

// onceOnly are the functions whose value nobody can compute again: it is random, or
// that of the source's session and clock.
var onceOnly = append([]string{"UUID", "UUID_SHORT", "UUID_V4", "UUID_V7", "SYS_GUID", "RAND", "RANDOM_BYTES", "NEXT", "NEXTVAL", "LASTVAL", "PREVIOUS", "SETVAL",
	"CONNECTION_ID", "USER", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "CURRENT_ROLE", "DATABASE", "SCHEMA", "VERSION", "LAST_INSERT_ID", "ROW_COUNT",
	"FOUND_ROWS", "SLEEP", "BENCHMARK", "GET_LOCK", "LOAD_FILE", "ROWNUM"}, clockFunctions...)

// repeatable returns true for a default whose value is the same whenever somebody
// computes it.
func repeatable(tokens []token) bool {
	for _, t := range tokens {
		if t.isAny(onceOnly...) || t.kind == tokVar {
			return false
		}
	}
	return true
}

// largeDefault returns the text of a literal default of a TEXT, BLOB or JSON column.
func largeDefault(tokens []token, t typeDef) (string, bool) {
	if !noDefault(t.base) || t.base == "vector" {
		return "", false
	}
	if (t.base == "json" || t.charset != "") && len(tokens) == 3 && tokens[1].punct("(") && tokens[2].punct(")") {
		switch {
		case tokens[0].is("JSON_ARRAY"):
			return "[]", true
		case tokens[0].is("JSON_OBJECT"):
			return "{}", true
		}
		return "", false
	}
	if len(tokens) == 2 && tokens[0].kind == tokWord && unicodeIntroducer(tokens[0].text) {
		tokens = tokens[1:]
	}
	if len(tokens) != 1 || tokens[0].kind != tokString || !utf8.ValidString(tokens[0].text) || len(tokens[0].text) > 1000 {
		return "", false
	}
	return tokens[0].text, true
}

// short returns a type that holds the value of a TEXT, BLOB or JSON column and
// may have a default. TiDB turns it into that type without loss.
func short(t typeDef, value string) typeDef {
	n := max(len(value), 1)
	switch {
	case strings.HasSuffix(t.base, "blob"):
		return typeDef{base: "varbinary", length: n, scale: -1}
	case t.base == "json":
		return typeDef{base: "varchar", length: n, scale: -1, charset: "utf8mb4", collation: "utf8mb4_bin"}
	}
	return typeDef{base: "varchar", length: n, scale: -1, charset: t.charset, collation: t.collation}
}

// digitsOf returns the precision of a call such as NOW(3).
func digitsOf(call []token) int {
	if len(call) == 4 {
		n, err := strconv.Atoi(call[2].text)
		if err != nil {
			return -1
		}
		return n
	}
	return 0
}

// clockValue returns what a function of the current time gave at the source when
// it executed the statement, as a literal of the column's type.
func (x *alterTranslator) clockValue(tokens []token, t typeDef) (string, bool) {
	if len(tokens) == 0 || !isCall(tokens) || x.c.ddl.At.IsZero() {
		return "", false
	}
	zone, _, err := x.c.session.location()
	if err != nil {
		return "", false
	}
	digits := digitsOf(tokens)
	if digits < 0 || digits > 6 {
		return "", false
	}
	at := x.c.ddl.At.Truncate(time.Second)
	if digits > 0 {
		step := time.Second
		for range digits {
			step /= 10
		}
		at = x.c.ddl.At.Truncate(step)
	}
	at = at.In(zone)
	if t.base == "timestamp" {
		at = at.UTC() // as definitions have it
	}
	switch {
	case isNow(tokens[0]):
	case tokens[0].isAny("CURRENT_DATE", "CURDATE") && t.base != "timestamp":
		at = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
	default:
		return "", false
	}
	scale := max(t.scale, 0)
	switch t.base {
	case "date":
		// A time of day is cut off here, or rounded, by the source's version.
		if isNow(tokens[0]) && digits > 0 {
			return "", false
		}
		return at.Format("2006-01-02"), true
	case "datetime", "timestamp":
		if scale < digits {
			return "", false // rounded by rules of the session
		}
		return at.Format(dateTimeLayout), true
	}
	return "", false
}

// numberedColumn handles a column that becomes AUTO_INCREMENT: the source gave
// new numbers to the rows that had 0 there.
func (x *alterTranslator) numberedColumn(c *columnDef, name, old string) error {
	if old == "" {
		old = name
	}
	was := x.before.d.column(old)
	if was == nil || was.autoInc || !c.autoInc {
		return nil
	}
	zero := "=0"
	if x.c.ddl.SQLMode&modeNoAutoValueOnZero != 0 {
		zero = " IS NULL"
	} else if was.nullable() {
		zero = "=0 OR " + replica.Quote(old) + " IS NULL"
	}
	if zero == " IS NULL" && !was.nullable() {
		return nil
	}
	cond := emptyTable(x.c.Before, x.name, "it numbered the rows that had no number in the column "+old)
	cond.Query = fmt.Sprintf("SELECT 1 FROM %s WHERE %s%s LIMIT 1", x.name, replica.Quote(old), zero)
	cond.Values = false
	x.conditions = append(x.conditions, cond)
	return nil
}
