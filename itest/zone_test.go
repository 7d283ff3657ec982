package itest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
)

// loadZone makes a zone of Go's database known to a server, under another name
// if as is not its own: what mysql_tzinfo_to_sql does.
func loadZone(t *testing.T, s *servers.Server, id int, zone, as string) {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	must(t, err)
	statements := []string{"USE mysql",
		fmt.Sprintf("INSERT INTO time_zone (Time_zone_id, Use_leap_seconds) VALUES (%d, 'N')", id),
		fmt.Sprintf("INSERT INTO time_zone_name (Name, Time_zone_id) VALUES ('%s', %d)", as, id)}
	types := map[string]int{}
	var transitions, rows []string
	for at := time.Date(1901, 12, 14, 0, 0, 0, 0, time.UTC).In(loc); at.Year() < 2038; {
		name, offset := at.Zone()
		key := fmt.Sprint(name, offset, at.IsDST())
		if _, ok := types[key]; !ok {
			types[key] = len(types)
			dst := 0
			if at.IsDST() {
				dst = 1
			}
			rows = append(rows, fmt.Sprintf("(%d, %d, %d, %d, '%s')", id, types[key], offset, dst, name[:min(8, len(name))]))
		}
		transitions = append(transitions, fmt.Sprintf("(%d, %d, %d)", id, at.Unix(), types[key]))
		_, end := at.ZoneBounds()
		if end.IsZero() {
			break
		}
		at = end
	}
	statements = append(statements, "INSERT INTO time_zone_transition_type VALUES "+strings.Join(rows, ","),
		"INSERT INTO time_zone_transition VALUES "+strings.Join(transitions, ","))
	must(t, run(t.Context(), s, statements...))
}

// TestTimeZones: DDL from sessions in named zones, in the zone of the source's
// machine, and in a zone whose name means something else at the source.
func TestTimeZones(t *testing.T) {
	r := theRig(t)
	t.Setenv("TZ", "Europe/Berlin") // SYSTEM of the servers that start now
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			source := servers.ForTest(t, kind, "--log-bin=binlog", "--server-id=4711", "--binlog-format=ROW")
			must(t, run(t.Context(), source, "CREATE USER repl@'%' IDENTIFIED BY '"+sourcePassword+"'", "GRANT ALL ON *.* TO repl@'%'"))
			loadZone(t, source, 901, "America/New_York", "America/New_York")
			loadZone(t, source, 902, "Asia/Kolkata", "Our/Office")     // fixed today, not always
			loadZone(t, source, 903, "Australia/Sydney", "Asia/Tokyo") // a name that says something else
			name := "zones_" + string(kind)
			s := r.newStream(t, source, name, "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP(3) NULL, b TIMESTAMP NULL, c TIMESTAMP NULL, d TIMESTAMP NULL)",
				"SET time_zone='+00:00'")
			conn, err := s.from.Conn(t.Context())
			must(t, err)
			defer conn.Close()
			play := func(statements ...string) {
				t.Helper()
				for _, q := range statements {
					if _, err := conn.ExecContext(t.Context(), q); err != nil {
						t.Fatalf("%s: %v", q, err)
					}
				}
			}
			play("SET time_zone='+00:00'")
			for i, at := range []string{"1970-01-02 00:00:00", "1986-07-01 12:00:00", "2024-01-15 23:30:00.123", "2024-03-31 00:59:59", "2024-03-31 01:00:00",
				"2024-07-01 12:00:00", "2024-11-03 05:59:59", "2024-11-03 07:00:00", "2037-12-31 23:59:59"} {
				play(fmt.Sprintf("INSERT INTO t VALUES (%d, '%s', '%s', '%s', '%s')", i, at, at, at, at))
			}
			s.replicate()
			play("SET time_zone='SYSTEM'", "ALTER TABLE t MODIFY a DATETIME(3)",
				"ALTER TABLE t ADD COLUMN e TIMESTAMP NULL DEFAULT '2024-06-01 12:00:00', ADD COLUMN f DATETIME DEFAULT CURRENT_TIMESTAMP",
				"SET time_zone='America/New_York'", "ALTER TABLE t MODIFY b DATETIME NULL",
				"ALTER TABLE t ADD COLUMN g TIMESTAMP NULL DEFAULT '2024-06-01 12:00:00'",
				"SET time_zone='Our/Office'", "ALTER TABLE t MODIFY c DATETIME NULL")
			s.equal()
			play("SET time_zone='Asia/Tokyo'", "ALTER TABLE t MODIFY d DATETIME NULL", "SET time_zone='+00:00'")
			s.equal()
			// A moment that comes twice on the clocks of New York.
			play("CREATE TABLE u (id INT PRIMARY KEY, a TIMESTAMP NULL, b TIMESTAMP NULL)", "INSERT INTO u VALUES (1, '2024-11-03 06:00:00', '2024-11-03 06:00:00')",
				"SET time_zone='America/New_York'", "ALTER TABLE u MODIFY a DATETIME NULL")
			s.stopped("come twice")
		})
	}
}
