package schema

import (
	"fmt"
	"strings"
	"time"

	"sluice/replica"
)

// Translation is what one change becomes in the target.
type Translation struct {
	// Statements are executed in order. There are none when nothing that the
	// rules want changed.
	Statements []string
	// Tidy is how many of the last statements only drop tables that Sluice made for the
	// others. They are executed, too, where somebody made the change by hand.
	Tidy int
	// Notes say what was left out or done otherwise.
	Notes []string
	// Session is what the session that executes the statements must have.
	Session Session
	// Conditions must hold in the target before the first statement.
	Conditions []Condition
}

// Session is the part of a source's session that decides what a statement means
// for the rows that exist.
type Session struct {
	// TimeZone is the target's name of the time zone.
	TimeZone string
	// At is the time that CURRENT_TIMESTAMP has; zero when it is not known.
	At time.Time
	// SQLMode is a list of modes, separated by commas.
	SQLMode string
}

// Condition is a query that returns no row if the condition holds.
type Condition struct {
	Query string
	// Failed is the error for the case that the query returns a row.
	Failed *replica.Error
	// Values reports that the target's rows can get the source's values in no
	// way, so that a repair by hand does not replace the condition.
	Values bool
}

// carriedModes are the bits of sql_mode that decide about values, with the
// target's names. The modes that decide how text is read are left out, as
// translated statements are written in one way.
var carriedModes = []struct {
	bit  uint64
	name string
}{
	{1 << 6, "NO_UNSIGNED_SUBTRACTION"}, {1 << 19, "NO_AUTO_VALUE_ON_ZERO"}, {1 << 21, "STRICT_TRANS_TABLES"}, {1 << 22, "STRICT_ALL_TABLES"},
	{1 << 23, "NO_ZERO_IN_DATE"}, {1 << 24, "NO_ZERO_DATE"}, {1 << 25, "ALLOW_INVALID_DATES"}, {1 << 26, "ERROR_FOR_DIVISION_BY_ZERO"},
	{1 << 31, "PAD_CHAR_TO_FULL_LENGTH"},
}

// modeNoAutoValueOnZero stores an explicit 0 in an AUTO_INCREMENT column.
const modeNoAutoValueOnZero = 1 << 19

func targetModes(mode uint64) string {
	var names []string
	for _, m := range carriedModes {
		if mode&m.bit != 0 {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ",")
}

// session returns the settings for the change's statements. usesZone reports
// that their meaning depends on the time zone: it must then be known.
func (c *Change) targetSession(usesZone bool) (Session, error) {
	s := Session{TimeZone: "+00:00", At: c.ddl.At, SQLMode: targetModes(c.ddl.SQLMode)}
	if !usesZone {
		return s, nil
	}
	_, name, err := c.session.location()
	if err != nil {
		return s, ddlError(err, remedyZone, "execute a statement of the source that depends on its session's time zone")
	}
	s.TimeZone = name
	return s, nil
}

const remedyZone = "make the same change in the target by hand, with the values that the source's rows have, then START MIGRATION again; " +
	"from now on, run such statements in sessions whose time_zone is an offset or an IANA name"

// emptyTable returns the condition that a target table has no rows.
func emptyTable(table *replica.Table, name, why string) Condition {
	return Condition{Query: "SELECT 1 FROM " + name + " LIMIT 1", Values: true,
		Failed: &replica.Error{Code: CodeDDL, Class: "DDL", Table: table.String(),
			Message: fmt.Sprintf("a DDL of the source on %s gave the rows that exist values that the target cannot compute: %s", table, why),
			Remedy:  "STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again"}}
}

// never returns a condition that does not hold: rows of the source are not in
// the target, and no row event will bring them.
func never(why *replica.Error) Condition {
	return Condition{Query: "SELECT 1", Failed: why, Values: true}
}
