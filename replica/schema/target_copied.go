package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sluice/replica"
)

// An ALTER TABLE that the source carries out by copying the table writes each row anew, in the session's sql_mode and with
// its settings. So it changes columns that it does not name:
//
//   - without strict mode, dates that the mode does not allow become zeros;
//   - STORED generated columns are computed again: HOUR(ts) in another time zone is another number.
//
// The binlog does not say that the source copied. What InnoDB copies by default is known; copies by the settings
// old_alter_table and alter_algorithm are not. Dates are looked at in any case, generated columns in the known ones
// (docs/limits.md).

const (
	modeNoZeroInDate = 1 << 23
	modeNoZeroDate   = 1 << 24
	modeInvalidDates = 1 << 25
)

// rewritten adds the conditions for such a statement.
func (x *alterTranslator) rewritten() {
	x.clearedDates()
	if !x.copies() {
		return
	}
	for _, was := range x.before.d.columns {
		now := x.becomes(was)
		if now != nil && was.generated != "" && was.stored && now.generated != "" && x.before.d.ofSession(was) {
			x.refuseRows(x.plainInTarget(was), remedyGeneratedRows(now),
				"the source may have computed column %s of %s again, with the settings of the session that altered the table, and no row event says the values", was.name, x.c.Before)
		}
	}
}

// clearedDates adds the condition that no column has a date that the sql_mode of a session without strict mode does not
// allow. Any ALTER TABLE but a mere RENAME may have been carried out by copying: old_alter_table=1, alter_algorithm and the
// source's version decide, too. Dates that need the condition are rare, so it also holds for what InnoDB does in place.
func (x *alterTranslator) clearedDates() {
	mode := x.c.ddl.SQLMode
	if mode&strictModes != 0 && !x.c.ignore || x.onlyRenamed() { // in strict mode it would have refused them
		return
	}
	var where, names []string
	for _, was := range x.before.d.columns {
		now := x.becomes(was)
		if now == nil || was.generated != "" || !isDate(was) || families[now.typ.base] == familyText {
			continue // the copy of a date into a text is the text of the date
		}
		if w := refusedDates(replica.Quote(was.name), mode); w != "" {
			where, names = append(where, w), append(names, was.name)
		}
	}
	if where == nil {
		return
	}
	x.refuseRows(strings.Join(where, " OR "), remedyZeros(names),
		"the source's session had a sql_mode that does not allow some dates in rows of %s (columns %s), and the source makes zeros of them when it copies the table",
		x.c.Before, strings.Join(names, ", "))
}

func isDate(c *columnDef) bool {
	return families[c.typ.base] == familyDate || families[c.typ.base] == familyDateTime
}

// onlyRenamed returns true if the statement does nothing but rename the table.
func (x *alterTranslator) onlyRenamed() bool {
	return !slices.ContainsFunc(x.c.actions, func(a action) bool { return a.kind != renameTo })
}

func remedyZeros(columns []string) string {
	return fmt.Sprintf("compare those rows with the source's; in the target, give %s the zeros that the source has (SET sql_mode='', then UPDATE .. SET %s = '0000-00-00'), then START MIGRATION again%s; "+
		"where the source has kept the dates, bring the target's table to the new definition by hand"+remedyComment+" and START MIGRATION; "+remedyCopy,
		strings.Join(columns, ", "), columns[0], afterRepair)
}

// dayOutsideMonth and zeroInDate are conditions on a DATE or DATETIME column. The year 0 is no leap year at the sources,
// and is one for TiDB's LAST_DAY, so they use only functions that TiKV computes by the same rules.
const (
	dayOutsideMonth = "(DAY(%[1]s)=31 AND MONTH(%[1]s) IN (2,4,6,9,11) OR DAY(%[1]s)=30 AND MONTH(%[1]s)=2 OR " +
		"DAY(%[1]s)=29 AND MONTH(%[1]s)=2 AND (YEAR(%[1]s)=0 OR MOD(YEAR(%[1]s),4)<>0 OR MOD(YEAR(%[1]s),100)=0 AND MOD(YEAR(%[1]s),400)<>0))"
	zeroInDate = "((MONTH(%[1]s)=0 OR DAY(%[1]s)=0) AND %[1]s<>'0000-00-00')"
)

// refusedDates returns the condition for the dates of a column that a sql_mode without strict mode makes zeros, "" when it
// allows all.
func refusedDates(name string, mode uint64) string {
	var list []string
	switch {
	case mode&modeNoZeroInDate != 0:
		list = append(list, fmt.Sprintf(zeroInDate, name))
	case mode&modeNoZeroDate != 0: // MySQL clears the time of a day that is zero
		list = append(list, fmt.Sprintf("(YEAR(%[1]s)=0 AND MONTH(%[1]s)=0 AND DAY(%[1]s)=0 AND %[1]s<>'0000-00-00')", name))
	}
	if mode&modeInvalidDates == 0 {
		list = append(list, fmt.Sprintf(dayOutsideMonth, name))
	}
	return strings.Join(list, " OR ")
}

var algorithmCopy = regexp.MustCompile(`(?i)ALGORITHM\s*=?\s*COPY`)

// copies returns true for a statement that the source may carry out by copying the table.
func (x *alterTranslator) copies() bool {
	if e := x.before.d.engine(); e != "" && e != "INNODB" || x.c.ignore || algorithmCopy.MatchString(x.c.ddl.Text) {
		return true
	}
	adds := false
	for i := range x.c.actions {
		adds = adds || x.c.actions[i].also != nil && x.c.actions[i].also.primary() != nil
	}
	for i := range x.c.actions {
		a := &x.c.actions[i]
		switch a.kind {
		case convertTo, partitionBy, removePartitioning, setVersioning, addPeriod, checkEnforced:
			return true
		case changeColumn:
			was := x.before.d.column(a.old)
			if was == nil || a.column == nil || was.generated != a.column.generated || was.nullable() != a.column.nullable() ||
				was.typ.sql() != a.column.typ.sql() || was.typ.charset != a.column.typ.charset || was.typ.collation != a.column.typ.collation {
				return true
			}
		case addColumn:
			if a.column != nil && a.column.stored {
				return true
			}
		case dropPrimary:
			if !adds {
				return true
			}
		case setOption:
			if a.also != nil && a.also.engine() != "" {
				return true
			}
		}
		if a.also != nil && x.makesNotNull(a.also.primary()) {
			return true
		}
		if a.also != nil && (len(a.also.checks) > 0 || len(a.also.foreign) > 0) {
			return true
		}
	}
	return false
}

// makesNotNull returns true if a column of an added primary key can be NULL before the statement.
func (x *alterTranslator) makesNotNull(k *keyDef) bool {
	return k != nil && slices.ContainsFunc(k.parts, func(p keyPart) bool {
		c := x.before.d.column(x.oldName(p.column))
		return c != nil && c.nullable()
	})
}

// plainInTarget is a condition that the target has a column as a plain one: that was decided by a definition of earlier,
// which is not known here.
func (x *alterTranslator) plainInTarget(c *columnDef) string {
	return fmt.Sprintf("EXISTS (SELECT 1 FROM information_schema.columns WHERE %s AND COALESCE(generation_expression, '') = '')", x.inTarget(c.name))
}

// sameEverywhere are the functions whose values no setting of a session changes, and sameWords the words of expressions.
var (
	sameEverywhere = words("ABS,ASCII,BIN,BIT_COUNT,BIT_LENGTH,CAST,CEIL,CEILING,CHAR_LENGTH,CHARACTER_LENGTH,COALESCE,CONCAT,CONCAT_WS,CONVERT,CRC32,ELT,FIELD,FIND_IN_SET,FLOOR," +
		"GREATEST,HEX,IF,IFNULL,IN,INET_ATON,INSTR,ISNULL,JSON_ARRAY,JSON_CONTAINS,JSON_EXTRACT,JSON_KEYS,JSON_LENGTH,JSON_OBJECT,JSON_TYPE,JSON_UNQUOTE,JSON_VALID,JSON_VALUE,LCASE,LEAST,LEFT," +
		"LENGTH,LOCATE,LOWER,LTRIM,MD5,MID,MOD,NULLIF,OCTET_LENGTH,ORD,POSITION,REPLACE,REVERSE,RIGHT,ROUND,RTRIM,SHA,SHA1,SHA2,SIGN,STRCMP,SUBSTR,SUBSTRING,SUBSTRING_INDEX,TRIM," +
		"TRUNCATE,UCASE,UNHEX,UPPER")
	sameWords = words("AND,OR,XOR,NOT,IS,NULL,TRUE,FALSE,CASE,WHEN,THEN,ELSE,END,BETWEEN,LIKE,IN,DIV,MOD,AS,USING,CHAR,CHARSET,CHARACTER,SET,BINARY,SIGNED,UNSIGNED,INTEGER,JSON,FROM," +
		"LEADING,TRAILING,BOTH,COLLATE,ESCAPE,RETURNING,REGEXP,RLIKE,FOR")
)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Split(list, ",") {
		m[w] = true
	}
	return m
}

// ofSession returns true for a generated column whose value may depend on the settings of the session that computes it:
// time zone, sql_mode, the names of days, the digits of a division. What is not known to be the same everywhere counts.
func (d *definition) ofSession(c *columnDef) bool { return d.ofSessionWithin(c, maxNesting) }

func (d *definition) ofSessionWithin(c *columnDef, depth int) bool {
	tokens, err := tokenize(c.generated, 0)
	if err != nil || depth == 0 {
		return true
	}
	for i, t := range tokens {
		call := i+1 < len(tokens) && tokens[i+1].punct("(")
		switch {
		case t.kind == tokPunct && slices.Contains([]string{"/", "||", "-"}, t.text):
			return true
		case t.kind == tokVar:
			return true
		case t.kind == tokWord && call && sameEverywhere[strings.ToUpper(t.text)], t.kind == tokWord && sameWords[strings.ToUpper(t.text)]:
		case t.kind == tokWord && call:
			return true
		case t.kind == tokWord && (isIntroducer(t.text) || isCharsetName(t.text)):
		case t.kind == tokIdent || t.kind == tokWord:
			used := d.column(t.text)
			if used == nil || used == c || settingsShow(used) || used.generated != "" && d.ofSessionWithin(used, depth-1) {
				return true
			}
		}
	}
	return false
}

func isCharsetName(word string) bool {
	_, known := charsets[canonicalCharset(strings.ToLower(word))]
	return known
}

// settingsShow returns true for a column whose values read otherwise by a session's settings: TIMESTAMP by its time zone,
// dates by its sql_mode, CHAR by PAD_CHAR_TO_FULL_LENGTH.
func settingsShow(c *columnDef) bool {
	switch c.typ.base {
	case "timestamp", "datetime", "date", "time", "year", "char", "binary", "float", "double":
		return true
	}
	return false
}
