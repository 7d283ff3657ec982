package schema

import (
	"fmt"
	"slices"
	"strings"

	"sluice/replica"
)

// This file decides whether MODIFY, CHANGE and CONVERT TO may have TiDB convert the
// rows that exist. The source's conversion is in no row event, so TiDB must make
// the same bytes. What is listed here is proved by TestConversions, which executes
// it on every source and on TiDB over edge values. Everything else is allowed only
// for a table without rows.

// conversion says for which rows a conversion gives the same bytes.
type conversion struct {
	how how
	// where is a condition with one %s, the column, for the rows that TiDB may
	// convert otherwise, and why the reason; for howWhere, and for howStrict without
	// strict mode, where the condition may be missing.
	where, why string
}

type how uint8

const (
	howNever  how = iota
	howStrict     // in strict mode, in which the source refuses what it cannot keep
	howWhere      // for the rows that a condition does not name
	howAlways
)

var (
	never0  = conversion{}
	strict  = conversion{how: howStrict}
	always  = conversion{how: howAlways}
	lostPad = uint64(1) << 31 // PAD_CHAR_TO_FULL_LENGTH
)

// family groups the types that are converted by the same rules.
type family uint8

const (
	familyOther family = iota
	familyInt
	familyDecimal
	familyFloat
	familyBit
	familyYear
	familyDate
	familyDateTime
	familyTimestamp
	familyTime
	familyText
	familyBinary
	familyEnum
	familySet
)

var families = map[string]family{
	"tinyint": familyInt, "smallint": familyInt, "mediumint": familyInt, "int": familyInt, "bigint": familyInt,
	"decimal": familyDecimal, "float": familyFloat, "double": familyFloat, "bit": familyBit, "year": familyYear,
	"date": familyDate, "datetime": familyDateTime, "timestamp": familyTimestamp, "time": familyTime,
	"char": familyText, "varchar": familyText, "tinytext": familyText, "text": familyText, "mediumtext": familyText, "longtext": familyText,
	"binary": familyBinary, "varbinary": familyBinary, "tinyblob": familyBinary, "blob": familyBinary, "mediumblob": familyBinary, "longblob": familyBinary,
	"enum": familyEnum, "set": familySet,
}

// conversions lists what is converted alike, by the families of the two types.
var conversions = map[[2]family]func(from, to *typeDef) conversion{
	{familyInt, familyInt}:             func(_, _ *typeDef) conversion { return always },
	{familyInt, familyDecimal}:         func(_, _ *typeDef) conversion { return always },
	{familyInt, familyFloat}:           plainFloat,
	{familyInt, familyText}:            numberText,
	{familyDecimal, familyInt}:         decimalInt,
	{familyDecimal, familyDecimal}:     func(_, _ *typeDef) conversion { return always },
	{familyDecimal, familyFloat}:       plainFloat,
	{familyDecimal, familyText}:        numberText,
	{familyFloat, familyFloat}:         plainFloat,
	{familyFloat, familyInt}:           floatNumber,
	{familyFloat, familyDecimal}:       floatNumber,
	{familyBit, familyBit}:             func(_, _ *typeDef) conversion { return always },
	{familyBit, familyInt}:             func(_, _ *typeDef) conversion { return always },
	{familyYear, familyInt}:            func(_, _ *typeDef) conversion { return always },
	{familyDate, familyDateTime}:       func(_, _ *typeDef) conversion { return always },
	{familyDateTime, familyDate}:       withoutFraction,
	{familyDateTime, familyDateTime}:   withoutFraction,
	{familyTime, familyTime}:           withoutFraction,
	{familyTimestamp, familyTimestamp}: withoutFraction,
	// The statement runs in the time zone of the source's session.
	{familyTimestamp, familyDateTime}: withoutFraction,
	{familyTimestamp, familyDate}:     withoutFraction,
	{familyTimestamp, familyText}:     timeText,
	{familyDateTime, familyTimestamp}: intoTimestamp,
	{familyDate, familyTimestamp}:     intoTimestamp,
	{familyDate, familyText}:          func(_, to *typeDef) conversion { return longEnough(to, 10) },
	{familyDateTime, familyText}:      timeText,
	{familyTime, familyText}:          timeText,
	{familyText, familyText}:          textText,
	{familyText, familyInt}:           textLike("-?[0-9]{1,18}"),
	{familyText, familyDecimal}:       textLike("-?[0-9]{1,18}([.][0-9]{1,9})?"),
	{familyText, familyDate}:          textLike("[0-9]{4}-[0-9]{2}-[0-9]{2}"),
	{familyText, familyDateTime}:      textLike("[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?"),
	{familyBinary, familyBinary}:      func(_, _ *typeDef) conversion { return always },
	{familyEnum, familyEnum}:          members,
	{familySet, familySet}:            members,
	{familyEnum, familyText}:          memberText,
	{familySet, familyText}:           memberText,
}

// plainFloat: FLOAT(M,D) rounds to its digits, and TiDB does not.
func plainFloat(from, to *typeDef) conversion {
	if from.base == "float" && to.base == "float" && from.length == to.length && from.scale == to.scale {
		return always
	}
	if to.length >= 0 || from.length >= 0 && families[from.base] == familyFloat {
		return never0
	}
	return always
}

// floatNumber: the servers clip what is out of range to different values.
func floatNumber(from, _ *typeDef) conversion {
	if from.length >= 0 {
		return never0
	}
	return strict
}

// decimalInt: the servers clip what has more digits than BIGINT to different values.
func decimalInt(from, _ *typeDef) conversion {
	if from.length-from.scale > 18 {
		return strict
	}
	return always
}

// numberText: TiDB does not print the zeros of ZEROFILL.
func numberText(from, _ *typeDef) conversion {
	if from.zerofill {
		return never0
	}
	return always
}

// withoutFraction: MySQL rounds fractional seconds, MariaDB and TiDB's DATE do not.
func withoutFraction(from, to *typeDef) conversion {
	if families[to.base] != familyDate && to.scale >= from.scale || from.scale <= 0 {
		return always
	}
	step := 1_000_000
	for range max(to.scale, 0) {
		step /= 10
	}
	if families[to.base] == familyDate {
		step = 1_000_000
	}
	return conversion{how: howWhere, where: fmt.Sprintf("MICROSECOND(%%s) %%%% %d <> 0", step),
		why: "rows have fractions of a second that MySQL rounds and others cut off"}
}

// intoTimestamp: the servers treat times that a TIMESTAMP does not hold by different
// rules. See also converted, for times that a time zone does not have.
func intoTimestamp(from, to *typeDef) conversion {
	where := "(%[1]s < '1970-01-02' OR %[1]s >= '2038-01-19') OR " + dayOutsideMonth + " OR " + zeroInDate
	if c := withoutFraction(from, to); c.where != "" {
		where += " OR " + strings.ReplaceAll(c.where, "%s", "%[1]s")
	}
	return conversion{how: howWhere, where: where, why: "rows have times that a TIMESTAMP does not hold, or fractions of a second that are rounded by different rules"}
}

// textLike allows texts of one form. The servers read other texts by different
// rules: MariaDB makes 1 of '1.5', and TiDB makes 2.
func textLike(form string) func(from, to *typeDef) conversion {
	return func(_, _ *typeDef) conversion {
		return conversion{how: howWhere, where: "NOT (%s REGEXP '^" + form + "$')", why: "rows have texts that the servers read by different rules"}
	}
}

func timeText(from, to *typeDef) conversion {
	n := 19
	if from.scale > 0 {
		n += 1 + from.scale
	}
	return longEnough(to, n)
}

// longEnough allows a text type that holds n characters: a time that is cut is
// another time.
func longEnough(to *typeDef, n int) conversion {
	if to.length >= 0 && to.length < n {
		return strict
	}
	return always
}

// textText compares character sets and lengths.
func textText(from, to *typeDef) conversion {
	kept := keepsText(from.charset, to.charset)
	switch {
	case kept == howNever:
		return never0
	case holdsText(from, to):
	case larger[to.base] != "" && charsets[to.charset].grow > 1, to.base == "varchar" && to.length > maxVarchar["utf8mb4"]:
		// The target's type is a longer one and cuts nothing.
		return never0
	case to.base != "char" && to.base != "varchar" && charsets[to.charset].grow == 1 && kept == howAlways:
		return conversion{how: howStrict, where: fmt.Sprintf("LENGTH(%%s) > %d", textCapacity(to)), why: "rows have texts that are longer than " + to.base + " holds"}
	case to.base != "char" && to.base != "varchar":
		return strict
	}
	if kept == howStrict {
		return conversion{how: howStrict, where: narrower[to.charset], why: "rows have characters that " + to.charset + " does not have"}
	}
	return conversion{how: kept}
}

// narrower finds, in the bytes of UTF-8, characters that a set does not have, or may
// not have.
var narrower = map[string]string{
	"utf8mb3": "HEX(%s) REGEXP '^([0-9A-F]{2})*F'",
	"latin1":  "HEX(%s) REGEXP '^([0-9A-F]{2})*(C[4-9A-F]|[DEF]|C2[89])'",
	"ascii":   "HEX(%s) REGEXP '^([0-9A-F]{2})*[89A-F]'",
}

// holdsText returns true if to holds every text of from.
func holdsText(from, to *typeDef) bool {
	characters := func(t *typeDef) bool { return t.base == "char" || t.base == "varchar" }
	switch {
	case characters(from) && characters(to):
		return to.length >= from.length
	case characters(from):
		return textCapacity(to) >= from.length*charsets[to.charset].max
	case characters(to):
		return false
	}
	growth := charsets[to.charset].max
	if from.charset == to.charset || charsets[from.charset].max >= growth {
		growth = 1
	}
	return textCapacity(to)/growth >= textCapacity(from)
}

func textCapacity(t *typeDef) int {
	if n, ok := textBytes[t.base]; ok {
		return n
	}
	return 1<<32 - 1
}

// keepsText returns how texts of one character set are the same characters in
// another. The target's text is Unicode in any case.
func keepsText(from, to string) how {
	unicode := func(cs string) bool { return cs == "utf8mb4" || cs == "utf16" || cs == "utf16le" || cs == "utf32" }
	switch {
	case from == to, from == "ascii" && to != "swe7" && to != "binary" && from != "binary", unicode(to) && from != "binary":
		return howAlways
	case (to == "utf8mb3" || to == "ucs2") && !unicode(from) && from != "binary" && from != "gb18030":
		return howAlways
	case to == "utf8mb3" || to == "latin1" || to == "ascii":
		if from == "utf8mb4" || from == "utf8mb3" || from == "latin1" {
			return howStrict // the source refuses what the set does not have
		}
	}
	return howNever
}

// members: ENUM and SET are converted by their members' names, which the source
// compares by a collation. So every member must stay, byte by byte.
func members(from, to *typeDef) conversion {
	for _, e := range from.elements {
		if !slices.Contains(to.elements, e) {
			return never0
		}
	}
	if from.charset != to.charset && !asciiMembers(from) {
		return never0 // the sources look members up by the bytes of the other set
	}
	return always
}

func asciiMembers(t *typeDef) bool {
	return !slices.ContainsFunc(t.elements, func(e string) bool { return !isASCII(e) })
}

func memberText(from, to *typeDef) conversion {
	if keepsText(from.charset, to.charset) != howAlways && !asciiMembers(from) {
		return never0
	}
	n := 0
	for _, e := range from.elements {
		n = max(n, len(e))
		if families[from.base] == familySet {
			n += len(e) + 1
		}
	}
	if to.base == "char" {
		n = max(n, 1)
	}
	return longEnough(to, n)
}

// conversionOf returns for which rows TiDB converts a column as the source did.
func conversionOf(from, to *typeDef) conversion {
	if from.sql() == to.sql() && from.charset == to.charset {
		return always
	}
	f := conversions[[2]family{families[from.base], families[to.base]}]
	if f == nil {
		return never0
	}
	return f(from, to)
}

// remedyComment is for columns whose definition in the target stays the same.
const remedyComment = " (if it has that definition already, change the table's comment: a table that was changed counts as repaired)"

// strictModes are STRICT_TRANS_TABLES and STRICT_ALL_TABLES.
const strictModes = 1<<21 | 1<<22

// converted adds the conditions under which the rows that exist get the source's
// values from a MODIFY, CHANGE or CONVERT TO.
func (x *alterTranslator) converted(was, now *columnDef) {
	x.keepsValues(was, now)
	c := conversionOf(&was.typ, &now.typ)
	mode := x.c.ddl.SQLMode
	if x.c.ignore { // ALTER IGNORE cuts values as without strict mode
		mode &^= strictModes
	}
	if c.how != howNever && was.typ.base == "char" && now.typ.base != "char" && mode&lostPad != 0 {
		c = never0 // the source added spaces
	}
	if now.typ.base == "timestamp" && was.typ.base != "timestamp" && !x.fixedZone() {
		c = never0 // a zone with daylight saving time lacks some times and has others twice
	}
	if from, to := families[was.typ.base], families[now.typ.base]; mode&modeInvalidDates != 0 && from == familyText && (to == familyDate || to == familyDateTime) {
		c = never0 // MariaDB makes zeros of a text with a day that its month does not have
	}
	name := replica.Quote(was.name)
	switch {
	case c.how == howAlways, c.how == howStrict && mode&strictModes != 0:
	case c.where != "":
		x.refuseRows(fmt.Sprintf(c.where, name), remedyOfRows(was, now), "the source converted column %s of %s from %s to %s, and %s",
			was.name, x.c.Before, typeText(&was.typ), typeText(&now.typ), c.why)
	default:
		remedy := remedyConversion
		if was.typ.charset != now.typ.charset && !asciiMembers(&was.typ) {
			remedy = remedyMembers + remedy
		}
		x.refuseRows("", remedy, "the source converted column %s of %s from %s to %s, and TiDB may make other values of the rows that exist",
			was.name, x.c.Before, typeText(&was.typ), typeText(&now.typ))
	}
	x.neverNulls(was, now)
}

// neverNulls adds the condition that a column which becomes NOT NULL has no NULL that the source replaced. In a TIMESTAMP the
// sources put the time of the statement, in strict mode, too.
func (x *alterTranslator) neverNulls(was, now *columnDef) {
	mode, name := x.c.ddl.SQLMode, replica.Quote(was.name)
	if x.c.ignore {
		mode &^= strictModes
	}
	if was.nullable() && !now.nullable() && now.typ.base == "timestamp" {
		value := "the time of the statement"
		if at := x.c.ddl.At; !at.IsZero() {
			value = "'" + at.UTC().Format("2006-01-02 15:04:05.000000") + "' in UTC, rounded to the column's digits"
		}
		first, last := "", ""
		if was.typ.base != "timestamp" {
			first, last = fmt.Sprintf("MODIFY %s %s NULL, then ", was.name, typeText(&now.typ)), "MODIFY it to the new definition, and "
		}
		x.refuseRows(name+" IS NULL", fmt.Sprintf("in the target, %sgive %s of the rows where it is NULL the value that it has at the source (UPDATE .. WHERE %s IS NULL): %s; "+
			"%sthen START MIGRATION again%s; "+remedyCopy, first, was.name, was.name, value, last, afterRepair),
			"column %s of %s became TIMESTAMP NOT NULL, and the source replaced each NULL by the time of the statement", was.name, x.c.Before)
	} else if was.nullable() && !now.nullable() && mode&strictModes == 0 {
		x.refuseRows(name+" IS NULL", fmt.Sprintf("in the target, give %s of the rows where it is NULL the value that it has at the source (UPDATE .. WHERE %s IS NULL), "+
			"then START MIGRATION again", was.name, was.name),
			"column %s of %s became NOT NULL without strict mode, and the source replaced each NULL by a value that is not in the binlog", was.name, x.c.Before)
	}
}

// fixedZone returns true if the statement's time zone is an offset from UTC.
func (x *alterTranslator) fixedZone() bool {
	_, name, err := x.c.session.location()
	if err != nil {
		return false
	}
	_, offset := parseOffset(name)
	return offset
}

// afterRepair is the price of a repair by hand.
const afterRepair = " (Ready_For_Cutover is No from then on, until all is copied again)"

const remedyConversion = "in the target, change the column to the new definition by hand and give its rows the values that they have at the source" + remedyComment +
	", then START MIGRATION again" + afterRepair + "; where TiDB refuses the MODIFY, docs/limits.md says how to go about it; " +
	remedyCopy

// remedyCopy is the way out that is always there.
const remedyCopy = "or STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again"

// remedyMembers comes before the others where the members of an ENUM or SET outside ASCII have another character set: MySQL
// takes their bytes as they are, so that 'é' of latin1 becomes E9 in utf8mb4, which SHOW CREATE TABLE prints as ”.
const remedyMembers = "if SELECT HEX(column) shows members that are not right, MODIFY the column at the source and UPDATE its rows first; then "

func remedyOfRows(was, now *columnDef) string {
	return fmt.Sprintf("in the target, give %s of those rows the values that they have at the source, in a form that %s keeps, then START MIGRATION again%s; "+
		remedyCopy, was.name, typeText(&now.typ), afterRepair)
}

// typeText returns a type with its character set.
func typeText(t *typeDef) string {
	s := strings.ToUpper(t.base) + strings.TrimPrefix(t.sql(), t.base)
	if t.charset != "" && t.charset != "binary" {
		s += " CHARACTER SET " + t.charset
	}
	return s
}

// refuseRows adds the condition that the target table has no row for which where
// is true; no row at all if where is "". A repair by hand makes up for it.
func (x *alterTranslator) refuseRows(where, remedy, format string, args ...any) {
	query := "SELECT 1 FROM " + x.name
	if where != "" {
		query += " WHERE " + where
	}
	x.conditions = append(x.conditions, Condition{Query: query + " LIMIT 1",
		Failed: &replica.Error{Code: CodeDDL, Class: "DDL", Table: x.c.Before.String(), Message: fmt.Sprintf(format, args...), Remedy: remedy}})
}
