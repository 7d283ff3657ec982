package sqladmin

import (
	"strings"
	"time"
)

// findZone returns a time zone as MySQL names it: SYSTEM, an offset from -13:59
// to +14:00, or a name of the system's time zone database. The admin port's own
// zone is UTC.
func findZone(name string) (*time.Location, bool) {
	switch strings.ToUpper(name) {
	case "SYSTEM", "UTC":
		return time.UTC, true
	case "", "LOCAL": // names to Go, not to MySQL
		return nil, false
	}
	if name[0] == '+' || name[0] == '-' {
		return findOffset(name)
	}
	if len(name) > 64 {
		return nil, false
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil
}

// findOffset reads +HH:MM.
func findOffset(text string) (*time.Location, bool) {
	hours, minutes, ok := strings.Cut(text[1:], ":")
	if !ok || !isDigits(hours) || len(hours) > 2 || !isDigits(minutes) || len(minutes) != 2 || minutes > "59" {
		return nil, false
	}
	d := time.Duration(asInt(hours))*time.Hour + time.Duration(asInt(minutes))*time.Minute
	if text[0] == '-' {
		d = -d
	}
	if d > 14*time.Hour || d <= -14*time.Hour {
		return nil, false
	}
	return time.FixedZone(text, int(d.Seconds())), true
}

// zone returns the session's time zone.
func (x *executor) zone() *time.Location {
	if v, ok := x.session.variables["time_zone"]; ok {
		if zone, ok := findZone(asString(v)); ok {
			return zone
		}
	}
	return time.UTC
}

// wall returns the time that a clock in a zone shows, as a value without a zone.
func wall(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant returns when a clock in a zone shows a value.
func instant(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// local returns the statement's time in the session's time zone.
func (s *scope) local() time.Time { return wall(s.now, s.x.zone()) }

// convertTZ is CONVERT_TZ(time, from, to): NULL if one of them is no time or no
// zone.
func convertTZ(_ *scope, a []any) any {
	t, ok := asTime(a[0])
	from, fromOK := findZone(asString(a[1]))
	to, toOK := findZone(asString(a[2]))
	if !ok || !fromOK || !toOK {
		return nil
	}
	return wall(instant(t, from), to)
}

// dateFormats are the specifiers of DATE_FORMAT (MySQL manual, "Date and Time
// Functions"), but those of weeks.
var dateFormats = map[byte]string{'a': "Mon", 'b': "Jan", 'c': "1", 'd': "02", 'e': "2", 'H': "15", 'h': "03", 'I': "03",
	'i': "04", 'l': "3", 'M': "January", 'm': "01", 'p': "PM", 'r': "03:04:05 PM", 'S': "05", 's': "05", 'T': "15:04:05",
	'W': "Monday", 'Y': "2006", 'y': "06"}

func dateFormat(_ *scope, a []any) any {
	t, ok := asTime(a[0])
	if !ok {
		return nil
	}
	format := asString(a[1])
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch c := format[i]; c {
		case 'f':
			b.WriteString(t.Format(".000000")[1:])
		case 'j':
			b.WriteString(t.Format("002"))
		case 'k':
			b.WriteString(asString(int64(t.Hour())))
		case 'w':
			b.WriteString(asString(int64(t.Weekday())))
		case 'D', 'U', 'u', 'V', 'v', 'X', 'x':
			return NotSupported("DATE_FORMAT with %" + string(c))
		default:
			if layout, ok := dateFormats[c]; ok {
				b.WriteString(t.Format(layout))
			} else {
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

// part returns a function that takes a number out of a time.
func part(of func(time.Time) int) func(*scope, []any) any {
	return func(_ *scope, a []any) any {
		if t, ok := asTime(a[0]); ok {
			return int64(of(t))
		}
		return nil
	}
}
