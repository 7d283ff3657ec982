package sqladmin

import (
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// TestSessionVariablesHaveTheirEffect sets each variable that has one.
func TestSessionVariablesHaveTheirEffect(t *testing.T) {
	r, err := rawDial(t, open(t, newDouble()), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ set, query, want string }{
		{"SET timestamp = 1700000000", "SELECT NOW()", "2023-11-14 22:13:20.000"},
		{"SET time_zone = '+02:00'", "SELECT NOW()", "2023-11-15 00:13:20.000"},
		{"SET time_zone = '-03:30'", "SELECT CURDATE()", "2023-11-14"},
		{"SET time_zone = '+05:30'", "SELECT UTC_TIMESTAMP()", "2023-11-14 22:13:20.000"},
		{"SET time_zone = '+05:30'", "SELECT UNIX_TIMESTAMP()", "1700000000"},
		{"SET time_zone = '+01:00'", "SELECT FROM_UNIXTIME(0)", "1970-01-01 01:00:00.000"},
		{"SET time_zone = '+01:00'", "SELECT UNIX_TIMESTAMP('1970-01-01 01:00:00')", "0"},
		{"SET time_zone = SYSTEM", "SELECT CONVERT_TZ('2024-01-01 12:00:00', '+00:00', '+09:00')", "2024-01-01 21:00:00.000"},
		{"SET time_zone = DEFAULT", "SELECT CONVERT_TZ('2024-01-01 12:00:00', 'UTC', 'No/Where') IS NULL", "1"},
		{"SET timestamp = DEFAULT", "SELECT NOW() > '2026-01-01'", "1"},
		{"SET sql_mode = 'PIPES_AS_CONCAT'", "SELECT 'a' || 'b'", "ab"},
		{"SET sql_mode = ''", "SELECT 'a' || 'b'", "0"},
	} {
		if err := r.do(c.set).err; err != nil {
			t.Fatalf("%s: %v", c.set, err)
		}
		if got, _ := r.one(c.query); got != c.want {
			t.Errorf("%s; %s: %s, want %s", c.set, c.query, got, c.want)
		}
	}
	if err := r.do("SET sql_select_limit = 2").err; err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{"SELECT * FROM sluice.migrations": 2, "SELECT * FROM sluice.migrations LIMIT 3": 3, "SHOW MIGRATIONS": 3} {
		if got := r.do(query); got.err != nil || got.rows != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	for _, set := range []string{"SET max_execution_time = 50", "SET max_execution_time = 0, max_statement_time = 0.05"} {
		if err := r.do(set).err; err != nil {
			t.Fatal(err)
		}
		r.send(mysql.COM_QUERY, slowLike)
		if err := r.reply().err; rawCode(err) != 3024 {
			t.Errorf("%s: %v", set, err)
		}
	}
}

// TestSessionFunctions has what statements leave for the next one.
func TestSessionFunctions(t *testing.T) {
	d := newDouble()
	d.result = &Result{Affected: 2, OperationID: 77}
	r, err := rawDial(t, open(t, d), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ first, query, want string }{
		{"SELECT 1", "SELECT ROW_COUNT()", "-1"},
		{"START MIGRATION shop", "SELECT ROW_COUNT()", "2"},
		{"SELECT 1", "SELECT LAST_INSERT_ID()", "77"},
		{"SELECT 1", "SELECT @@identity", "77"},
		{"SELECT * FROM sluice.migrations", "SELECT FOUND_ROWS()", "3"},
		{"SELECT * FROM sluice.migrations LIMIT 1", "SELECT FOUND_ROWS()", "1"},
		{"SELECT SQL_CALC_FOUND_ROWS * FROM sluice.migrations LIMIT 1", "SELECT FOUND_ROWS()", "3"},
		{"SELECT 1", "SELECT CAST('abcdef' AS CHAR(3))", "abc"},
		{"SELECT 1", "SELECT CAST('cafés' AS CHAR(4))", "café"},
		{"SELECT 1", "SELECT DATE_ADD('2024-01-01', INTERVAL 999999 YEAR) IS NULL", "1"},
		{"SELECT 1", "SELECT DATE_ADD('2024-01-01', INTERVAL 1e300 MONTH) IS NULL", "1"},
		{"SELECT 1", "SELECT DATE_ADD('2024-01-31', INTERVAL 1 DAY)", "2024-02-01 00:00:00.000"},
	} {
		if err := r.do(c.first).err; err != nil {
			t.Fatalf("%s: %v", c.first, err)
		}
		if got, _ := r.one(c.query); got != c.want {
			t.Errorf("%s; %s: %s, want %s", c.first, c.query, got, c.want)
		}
	}
	if err := r.do("SELECT " + strings.Repeat("*,", 300) + "* FROM sluice.migrations").err; rawCode(err) != 1117 {
		t.Errorf("many columns: %v", err)
	}
	if err := r.do("CREATE MIGRATION m FROM SOURCE s COMMENT '" + strings.Repeat("x", 3000) + "'").err; rawCode(err) != CodeBadOption {
		t.Errorf("long comment: %v", err)
	}
}

// TestSecretsInManyTexts looks for passwords in a statement of many texts within
// a moment.
func TestSecretsInManyTexts(t *testing.T) {
	began := time.Now()
	for _, text := range []string{"'a:b',", "'pass the key to mysql -p',", "'" + strings.Repeat("a:b@c ", 100) + "',"} {
		sql := "SELECT " + strings.Repeat(text, 4<<20/len(text)/8) + "1"
		if p, _ := parse(sql, lexMode{}); p.redacted == "" {
			t.Error("no text for the audit")
		}
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}
