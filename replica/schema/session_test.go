package schema

import (
	"strings"
	"testing"
	"time"

	"sluice/replica"
	"sluice/ruleset"
)

// TestSessionSettings follows statements whose meaning is that of their session.
func TestSessionSettings(t *testing.T) {
	at := time.Date(2020, 2, 3, 12, 0, 0, 0, time.UTC)
	create := "CREATE TABLE t (id INT PRIMARY KEY, x TIMESTAMP NOT NULL DEFAULT '2024-06-01 12:00:00', s VARCHAR(9) CHARACTER SET utf8mb4)"
	for name, c := range map[string]struct {
		defaults Defaults
		ddl      replica.DDL
		want     string // in the definition
		err      string
	}{
		"an offset":                        {ddl: replica.DDL{Text: create, TimeZone: "+13:00"}, want: "DEFAULT '2024-05-31 23:00:00'"},
		"a named zone, in summer":          {ddl: replica.DDL{Text: create, TimeZone: "Europe/Berlin"}, want: "DEFAULT '2024-06-01 10:00:00'"},
		"no zone":                          {ddl: replica.DDL{Text: create}, want: "DEFAULT '2024-06-01 12:00:00'"},
		"SYSTEM without anybody who knows": {ddl: replica.DDL{Text: create, TimeZone: "SYSTEM"}, err: "time zone"},
		"a zone that is none":              {ddl: replica.DDL{Text: create, TimeZone: "Mars/Olympus"}, err: "time zone"},
		"SYSTEM that the caller knows": {defaults: Defaults{Zones: func(string) (*time.Location, string, error) { return FindZone("-03:30") }},
			ddl: replica.DDL{Text: create, TimeZone: "SYSTEM"}, want: "DEFAULT '2024-06-01 15:30:00'"},
		"a time that daylight saving skips": {ddl: replica.DDL{Text: strings.Replace(create, "06-01 12", "03-31 02", 1), TimeZone: "Europe/Berlin"}, err: "default"},
		"a time that it repeats":            {ddl: replica.DDL{Text: strings.Replace(create, "06-01 12", "10-27 02", 1), TimeZone: "Europe/Berlin"}, err: "default"},
		"MySQL's default collation":         {ddl: replica.DDL{Text: create, Collations: map[uint16]uint16{45: 46}}, want: "COLLATE utf8mb4_bin"},
		"MariaDB's, none": {defaults: SourceDefaults("11.8.2-MariaDB"), ddl: replica.DDL{Text: create, Collations: map[uint16]uint16{}},
			want: "COLLATE utf8mb4_general_ci"},
		"MariaDB's, not logged": {defaults: SourceDefaults("11.8.2-MariaDB"), ddl: replica.DDL{Text: create}, want: "COLLATE utf8mb4_uca1400_ai_ci"},
		"implicit timestamps":   {ddl: replica.DDL{Text: "CREATE TABLE t (a TIMESTAMP)", ExplicitTimestamp: replica.Off}, want: "NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE"},
		"explicit ones": {defaults: Defaults{ImplicitTimestamp: true}, ddl: replica.DDL{Text: "CREATE TABLE t (a TIMESTAMP)", ExplicitTimestamp: replica.On},
			want: "`a` timestamp NULL"},
		"a MariaDB that logs ON and did not": {defaults: SourceDefaults("10.11.6-MariaDB"), ddl: replica.DDL{Text: "CREATE TABLE t (a TIMESTAMP)", At: at},
			want: "NOT NULL DEFAULT CURRENT_TIMESTAMP"},
		"an older one":                {defaults: SourceDefaults("10.6.6-MariaDB"), ddl: replica.DDL{Text: "CREATE TABLE t (a TIMESTAMP)", At: at}, want: "`a` timestamp NULL"},
		"a setting that is not known": {ddl: replica.DDL{Text: create, Unread: 0xf0}, err: "code 240"},
		"fractions that MariaDB cuts off": {defaults: Defaults{MariaDB: true}, ddl: replica.DDL{Text: "CREATE TABLE t (a DATETIME(1) DEFAULT '2024-01-01 00:00:00.99')"},
			want: "DEFAULT '2024-01-01 00:00:00.9'"},
		"fractions that it rounds": {defaults: Defaults{MariaDB: true}, ddl: replica.DDL{SQLMode: modeTimeRound, Text: "CREATE TABLE t (a DATETIME(1) DEFAULT '2024-01-01 00:00:00.99')"},
			want: "DEFAULT '2024-01-01 00:00:00.99'"},
		"MariaDB's ORACLE mode":  {defaults: Defaults{MariaDB: true}, ddl: replica.DDL{SQLMode: 1 << 9, Text: "CREATE TABLE t (a DATE)"}, err: "ORACLE"},
		"empty strings are NULL": {defaults: Defaults{MariaDB: true}, ddl: replica.DDL{SQLMode: 1 << 32, Text: "CREATE TABLE t (a VARCHAR(9) DEFAULT '')"}, err: "EMPTY_STRING_IS_NULL"},
		"the bit of MySQL's TIME_TRUNCATE_FRACTIONAL": {ddl: replica.DDL{SQLMode: 1 << 32, Text: "CREATE TABLE t (a DATETIME DEFAULT '2024-01-01 00:00:00.9')"},
			want: "DEFAULT '2024-01-01 00:00:00'"},
		"NOT of another precedence": {ddl: replica.DDL{SQLMode: modeHighNot, Text: "CREATE TABLE t (a INT, b INT AS (NOT a BETWEEN 1 AND 2))"}, err: "HIGH_NOT_PRECEDENCE"},
		"partitions by time": {ddl: replica.DDL{TimeZone: "+05:30", Text: "CREATE TABLE t (a TIMESTAMP) PARTITION BY RANGE (UNIX_TIMESTAMP(a)) (PARTITION p VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-01 00:00:00')))"},
			want: "VALUES LESS THAN (1704047400)"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := NewTracker(compile(t, ruleset.Spec{}), c.defaults)
			c.ddl.Schema = "d"
			_, err := tr.Apply(c.ddl)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v instead of %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := tr.Table("d", "t").Create; !strings.Contains(got, c.want) {
				t.Errorf("no %q in %s", c.want, got)
			}
		})
	}
}

// TestUnreadSettingElsewhere: a setting that is not known matters only where a
// wanted table changes.
func TestUnreadSettingElsewhere(t *testing.T) {
	tr := NewTracker(compile(t, ruleset.Spec{DoDB: []string{"d"}}), Defaults{})
	if _, err := tr.Apply(replica.DDL{Schema: "other", Text: "CREATE TABLE t (a INT)", Unread: 0xf0, TimeZone: "Mars/Olympus"}); err != nil {
		t.Error(err)
	}
}

// TestDifferences compares what a target may have after a repair by hand.
func TestDifferences(t *testing.T) {
	source := "CREATE TABLE t (id INT UNSIGNED NOT NULL, a VARCHAR(9) CHARACTER SET latin1, b DECIMAL(5) ZEROFILL, PRIMARY KEY (id), UNIQUE KEY u (a), KEY k (b, a), FULLTEXT KEY f (a))"
	good := "CREATE TABLE `t` (`b` decimal(5,0) unsigned DEFAULT NULL, `id` int(10) unsigned NOT NULL, `a` varchar(9) COLLATE utf8mb4_bin DEFAULT NULL, " +
		"PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */, UNIQUE KEY `other` (`a`), KEY `k` (`b`,`a`)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
	want, err := ParseCreate("d", source, Defaults{Charset: "utf8mb4"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"nothing", "", ""},
		{"int(10) unsigned", "bigint", "column id is bigint instead of int unsigned"},
		{"`a` varchar(9)", "`a` varchar(8)", "column a is varchar(8)"},
		{"unsigned DEFAULT NULL", "unsigned NOT NULL", "column b is NOT NULL instead of NULL"},
		{", UNIQUE KEY `other` (`a`)", "", "unique key (a) is missing"},
		{"PRIMARY KEY (`id`)", "PRIMARY KEY (`id`,`a`)", "PRIMARY KEY (id) is missing"},
		{", KEY `k` (`b`,`a`)", "", "index k (b, a) is missing"},
		{"`b`", "`c`", "column b is missing"},
		{"`b` decimal", "`more` int, `b` decimal", "column more is not in the source's table"},
		{"UNIQUE KEY `other` (`a`)", "UNIQUE KEY `other` (`a`), UNIQUE KEY `narrow` (`b`)", "unique key (b) is not in the source's table"},
	} {
		got := strings.Join(Differences(want, strings.ReplaceAll(good, c.old, c.new)), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s -> %s: %q instead of %q", c.old, c.new, got, c.want)
		}
	}
	if got := Differences(nil, good); len(got) != 1 {
		t.Errorf("a table that must not be there: %q", got)
	}
	if got := Differences(want, ""); len(got) != 1 {
		t.Errorf("a table that is not there: %q", got)
	}
}
