package sqladmin

import (
	"errors"
	"strings"
	"testing"
)

// TestNothingIsOfferedThatDoesNotWork makes the errors that list what is
// allowed: what is refused with 1235 is not among it.
func TestNothingIsOfferedThatDoesNotWork(t *testing.T) {
	for sql, not := range map[string][]string{
		"CREATE MIGRATION m FROM SOURCE s WITH (nosuch=1)":      {"on_ddl", "verify", "rate_limit", "relay", "auto_id", "clustered", "merge", "online_ddl", "foreign_key_checks"},
		"CREATE MIGRATION m FROM SOURCE s WITH (on_conflict=x)": {"IGNORE"},
		"CREATE MIGRATION m FROM SOURCE s WITH (on_ddl=x)":      {"STOP", "IGNORE"},
		"CREATE MIGRATION m FROM SOURCE s WITH (verify=x)":      {"CONTINUOUS"},
		"CREATE MIGRATION m FROM SOURCE s x":                    {"FILTER"},
		"CREATE SOURCE s nosuch=1":                              {"REPLICA_HOSTS", "SOURCE_DELAY"},
		"CREATE SOURCE s REPLICA_HOST='h'":                      {"REPLICA_HOSTS"},
		"VERIFI MIGRATION m":                                    {"VERIFY"},
		"CREATE USR u":                                          {"USER"},
		"SHOW CUTOVERZ":                                         {"CUTOVER"},
		"SHOW LISTENER":                                         {"LISTENERS"},
	} {
		_, err := Parse(sql)
		var e *Error
		if !errors.As(err, &e) || e.Code == CodeNotSupported {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		_, offered, _ := strings.Cut(e.Error(), "allowed:")
		if i := strings.Index(e.Error(), "did you mean"); i >= 0 {
			offered += e.Error()[i:]
		}
		for _, word := range not {
			if strings.Contains(offered, word) || strings.Contains(e.Error(), "xpected") && strings.Contains(e.Error(), word) {
				t.Errorf("%s: %s", sql, e.Error())
			}
		}
	}
	for _, sql := range []string{
		"CREATE MIGRATION m FROM SOURCE s WITH (on_ddl=STOP)", "CREATE MIGRATION m FROM SOURCE s WITH (on_conflict=IGNORE)", "CREATE MIGRATION m FROM SOURCE s WITH (rate_limit='1MB')",
		"CREATE MIGRATION m FROM SOURCE s WITH (relay=1)", "CREATE MIGRATION m FROM SOURCE s WITH (foreign_key_checks=TRUE)", "CREATE MIGRATION m FROM SOURCE s WITH (merge=ON)",
		"CREATE MIGRATION m FROM SOURCE s FILTER (ON a.b IGNORE DELETE)", "VERIFY MIGRATION m", "CREATE USER u", "WITH x AS (SELECT 1) SELECT * FROM x", "EXPLAIN SELECT 1",
		"EXPLAIN FORMAT=JSON SELECT 1", "EXPLAIN ANALYZE SELECT 1", "DESC SELECT 1", "EXPLAIN START MIGRATION m", "EXPLAIN SHOW NODES", "(SELECT 1)", "SELECT 1 UNION SELECT 2", "TABLE nodes", "VALUES ROW(1)",
	} {
		_, err := Parse(sql)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeNotSupported || strings.Contains(e.Error(), "secret") || strings.Contains(e.Error(), "UNION") != strings.Contains(sql, "UNION") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if r := Redact("WITH x AS (SELECT 1) SELECT * FROM x"); strings.Contains(r, "secret") {
		t.Error(r)
	}
	s := open(t, newDouble())
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.do("SELECT * FROM sluice.auto_increment_report").err; rawCode(err) != CodeNotSupported {
		t.Errorf("auto_increment_report: %v", err)
	}
	if got := r.do("SHOW TABLES FROM sluice LIKE 'auto%'"); got.err != nil || got.rows != 0 {
		t.Errorf("SHOW TABLES: %v", got)
	}
}

// TestFigures has figures of fifteen digits.
func TestFigures(t *testing.T) {
	d := newDouble()
	for i, pct := range []float64{100.0 / 3, 77.123456789012345, 0.1 + 0.2} {
		d.tables["migrations"][i][6] = pct
	}
	r, err := rawDial(t, open(t, d), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"SELECT progress_pct FROM sluice.migrations LIMIT 1":       "33.333",
		"SELECT GROUP_CONCAT(progress_pct) FROM sluice.migrations": "33.333,77.123,0.3",
		"SELECT AVG(progress_pct) FROM sluice.migrations":          "36.9187",
		"SELECT 1/3": "0.3333",
		"SELECT AVG(tables_total)/7 FROM sluice.migrations WHERE migration = 'shop'": "1.4285714285714286", // of a DOUBLE, as in MySQL
	} {
		if got, _ := r.one(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
