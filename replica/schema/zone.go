package schema

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // named zones on machines that have no database of them
)

// FindZone finds an offset such as +05:30, or a name of the IANA database. It
// returns the location and the target's name of it.
func FindZone(name string) (*time.Location, string, error) {
	if strings.EqualFold(name, "UTC") {
		return time.UTC, "+00:00", nil
	}
	if offset, ok := parseOffset(name); ok {
		return time.FixedZone(name, offset), name, nil
	}
	if name == "" || strings.EqualFold(name, "Local") || strings.EqualFold(name, "SYSTEM") {
		return nil, "", fmt.Errorf("the time zone %q is not known", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, "", fmt.Errorf("the time zone %q is not known", name)
	}
	return loc, name, nil
}

// parseOffset reads an offset as the servers print it: a sign, hours, minutes.
func parseOffset(s string) (seconds int, ok bool) {
	if len(s) < 5 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, minutes, found := strings.Cut(s[1:], ":")
	h, err1 := strconv.ParseUint(hours, 10, 8)
	m, err2 := strconv.ParseUint(minutes, 10, 8)
	if !found || err1 != nil || err2 != nil || h > 14 || m > 59 {
		return 0, false
	}
	seconds = int(h)*3600 + int(m)*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// location returns the time zone of the statement's session, and the target's
// name of it. A statement whose session's zone was not logged did not use it.
func (d Defaults) location() (*time.Location, string, error) {
	if d.zone == "" {
		return time.UTC, "+00:00", nil
	}
	if d.Zones != nil {
		return d.Zones(d.zone)
	}
	return FindZone(d.zone)
}

const dateTimeLayout = "2006-01-02 15:04:05.999999"

// timestampLayouts are the forms in which a TIMESTAMP literal is read.
var timestampLayouts = []string{
	"2006-1-2 15:4:5.999999999-07:00", "2006-1-2 15:4:5.999999999", "2006-1-2 15:4:5-07:00", "2006-1-2 15:4:5", "2006-1-2 15:4", "2006-1-2",
	"20060102150405.999999999", "20060102150405", "20060102",
}

// moveTimestamp returns a literal default of a TIMESTAMP column, as SQL text,
// with its time moved from one zone to another. Text that is no literal, and the
// zero timestamp, are returned as they are; ok is false for a literal whose form
// is not read.
func moveTimestamp(def string, from, to *time.Location) (moved string, ok bool) {
	tokens, err := tokenize(def, 0)
	if err != nil {
		return def, false
	}
	tokens = tokens[:len(tokens)-1]
	for len(tokens) > 2 && tokens[0].punct("(") && closes(tokens) {
		tokens = tokens[1 : len(tokens)-1]
	}
	if len(tokens) == 2 && (tokens[0].isAny("TIMESTAMP", "DATE") || tokens[0].kind == tokWord && unicodeIntroducer(tokens[0].text)) {
		tokens = tokens[1:]
	}
	if len(tokens) != 1 || tokens[0].kind != tokString && tokens[0].kind != tokNumber {
		return def, true
	}
	if strings.Trim(tokens[0].text, "0 :-.") == "" {
		return def, true
	}
	t, ok := parseTimestamp(tokens[0].text, from)
	if !ok {
		return def, false
	}
	return quoteString(t.In(to).Format(dateTimeLayout)), true
}

// hasOffset returns true for the text of a time that ends with an offset.
func hasOffset(text string) bool {
	text = strings.TrimSpace(text)
	if len(text) < 6 {
		return false
	}
	_, ok := parseOffset(text[len(text)-6:])
	return ok && strings.Contains(text, ":") && strings.Count(text, ":") > 1
}

// parseTimestamp reads the text of a time; ok is false if its form is not read
// or if the zone has no such time, or two.
func parseTimestamp(text string, zone *time.Location) (t time.Time, ok bool) {
	text = strings.TrimSpace(strings.Replace(text, "T", " ", 1))
	for _, layout := range timestampLayouts {
		t, err := time.ParseInLocation(layout, text, zone)
		if err == nil {
			return t, strings.Contains(layout, "07:00") || unambiguous(t, layout, text)
		}
	}
	return t, false
}

// unixTimestamp returns what UNIX_TIMESTAMP makes of a time.
func unixTimestamp(text string, zone *time.Location) (string, bool) {
	t, ok := parseTimestamp(text, zone)
	if !ok || t.Nanosecond() != 0 || t.Unix() < 0 {
		return "", false
	}
	return strconv.FormatInt(t.Unix(), 10), true
}

// unambiguous returns true if the text is the wall clock of exactly one moment
// in t's zone: not one that a change of daylight saving time skips or repeats.
func unambiguous(t time.Time, layout, text string) bool {
	wall, err := time.Parse(layout, text)
	if err != nil {
		return false
	}
	same := func(u time.Time) bool { return u.Format(dateTimeLayout) == wall.Format(dateTimeLayout) }
	return same(t) && !same(t.Add(time.Hour)) && !same(t.Add(-time.Hour)) && !same(t.Add(30*time.Minute)) && !same(t.Add(-30*time.Minute))
}
