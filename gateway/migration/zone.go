package migration

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"sluice/replica/schema"
	"sluice/replica/source"
)

// zones finds the time zones of the source's sessions. A zone's name alone is no
// proof: the source has its own tables of zones, and SYSTEM is that of its
// machine. So the source is asked what a zone does, and the answer is compared
// with what Go, and the target, which is written in Go, know of it.
type zones struct {
	src *source.Source

	mu    sync.Mutex
	known map[string]zone
}

type zone struct {
	loc  *time.Location
	name string // the target's
}

// find is schema.Defaults.Zones with a context. It asks the source once for each
// name.
func (z *zones) find(ctx context.Context, name string) (*time.Location, string, error) {
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return schema.FindZone(name)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if k, ok := z.known[name]; ok {
		return k.loc, k.name, nil
	}
	k, err := z.ask(ctx, name)
	if err != nil {
		return nil, "", err
	}
	if z.known == nil {
		z.known = map[string]zone{}
	}
	z.known[name] = k
	return k.loc, k.name, nil
}

// lastInstant is the end of TIMESTAMP's range.
var lastInstant = time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)

// ask compares what the source makes of moments all over TIMESTAMP's range with
// a fixed offset, the zone of the same name, and then the usual zones.
func (z *zones) ask(ctx context.Context, name string) (zone, error) {
	conn, err := z.src.DB().Conn(ctx)
	if err != nil {
		return zone{}, source.Classify(err)
	}
	defer source.Discard(conn)
	if _, err := conn.ExecContext(ctx, "SET SESSION time_zone=?", name); err != nil {
		return zone{}, fmt.Errorf("the source does not know its session's time zone %q any more: %w", name, err)
	}
	var moments []int64
	for t := time.Date(1970, 2, 1, 0, 0, 0, 0, time.UTC); t.Before(lastInstant); t = t.AddDate(0, 1, 0) {
		moments = append(moments, t.Unix())
	}
	offsets, err := offsetsAt(ctx, conn, moments)
	if err != nil {
		return zone{}, err
	}
	if fixed(offsets) {
		text := offsetText(offsets[0])
		loc, target, err := schema.FindZone(text)
		return zone{loc, target}, err
	}
	for _, candidate := range append([]string{name}, usualZones...) {
		loc, target, err := schema.FindZone(candidate)
		if err != nil || !agrees(loc, moments, offsets) {
			continue
		}
		exact := transitions(loc)
		at, err := offsetsAt(ctx, conn, exact)
		if err != nil {
			return zone{}, err
		}
		if agrees(loc, exact, at) {
			return zone{loc, target}, nil
		}
	}
	return zone{}, fmt.Errorf("the source's time zone %q is none that is known", name)
}

func fixed(offsets []int) bool {
	for _, o := range offsets {
		if o != offsets[0] || o%60 != 0 {
			return false
		}
	}
	return true
}

func offsetText(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return fmt.Sprintf("%c%02d:%02d", sign, seconds/3600, seconds/60%60)
}

// offsetsAt asks the source for the offset of its session's zone, in seconds, at
// each of the moments.
func offsetsAt(ctx context.Context, conn *sql.Conn, moments []int64) ([]int, error) {
	if len(moments) == 0 {
		return nil, nil
	}
	terms := make([]string, len(moments))
	for i, m := range moments {
		n := strconv.FormatInt(m, 10)
		terms[i] = "TIMESTAMPDIFF(SECOND,'1970-01-01 00:00:00',FROM_UNIXTIME(" + n + "))-" + n
	}
	out := make([]int, len(moments))
	into := make([]any, len(moments))
	for i := range out {
		into[i] = &out[i]
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+strings.Join(terms, ",")).Scan(into...); err != nil {
		return nil, source.Classify(fmt.Errorf("ask the source for its time zone: %w", err))
	}
	return out, nil
}

func agrees(loc *time.Location, moments []int64, offsets []int) bool {
	for i, m := range moments {
		if _, o := time.Unix(m, 0).In(loc).Zone(); o != offsets[i] {
			return false
		}
	}
	return true
}

// transitions returns the moments at which the zone's offset changes, and the
// second before each.
func transitions(loc *time.Location) []int64 {
	var out []int64
	for t := time.Unix(1, 0).In(loc); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || !end.Before(lastInstant) {
			return out
		}
		out = append(out, end.Unix()-1, end.Unix())
		t = end
	}
}

// usualZones are the zones that SYSTEM is compared with: one for each set of
// rules that is in use.
var usualZones = []string{
	"Europe/Berlin", "Europe/London", "Europe/Paris", "Europe/Madrid", "Europe/Rome", "Europe/Amsterdam", "Europe/Brussels",
	"Europe/Vienna", "Europe/Zurich", "Europe/Stockholm", "Europe/Oslo", "Europe/Copenhagen", "Europe/Helsinki", "Europe/Warsaw",
	"Europe/Prague", "Europe/Budapest", "Europe/Athens", "Europe/Bucharest", "Europe/Sofia", "Europe/Dublin", "Europe/Lisbon",
	"Europe/Kyiv", "Europe/Moscow", "Europe/Istanbul", "America/New_York", "America/Chicago", "America/Denver",
	"America/Los_Angeles", "America/Phoenix", "America/Toronto", "America/Vancouver", "America/Halifax", "America/Mexico_City",
	"America/Sao_Paulo", "America/Argentina/Buenos_Aires", "America/Santiago", "America/Bogota", "Asia/Tokyo", "Asia/Seoul",
	"Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Kolkata", "Asia/Dubai", "Asia/Tehran",
	"Asia/Jerusalem", "Asia/Karachi", "Asia/Bangkok", "Asia/Jakarta", "Asia/Manila", "Australia/Sydney", "Australia/Melbourne",
	"Australia/Brisbane", "Australia/Adelaide", "Australia/Perth", "Pacific/Auckland", "Africa/Johannesburg", "Africa/Cairo",
	"Africa/Lagos", "Africa/Nairobi",
}

// collationNames reads the source's collations by number.
func collationNames(ctx context.Context, src *source.Source) (map[uint16]string, error) {
	query := "SELECT ID, COLLATION_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL"
	if f := src.Facts(); f.Flavor == source.FlavorMariaDB && f.AtLeast(10, 10, 0) {
		query = "SELECT ID, FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
	}
	rows, err := src.DB().QueryContext(ctx, query)
	if err != nil {
		return nil, source.Classify(err)
	}
	defer rows.Close()
	out := map[uint16]string{}
	for rows.Next() {
		var id int
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, source.Classify(err)
		}
		out[uint16(id)] = name
	}
	if err := rows.Err(); err != nil {
		return nil, source.Classify(err)
	}
	return out, nil
}
