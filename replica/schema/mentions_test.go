package schema

import (
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

// TestMentions: the name of a type, unit, function or character set is no
// column. Texts are as MySQL 9.7 and MariaDB 10.11 print them, and as they
// stand in statements.
func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text, column string
		want         bool
	}{
		{"cast(`created` as date)", "date", false},
		{"CAST(created AS DATE)", "date", false},
		{"cast(`id` as char(10) charset utf8mb4)", "charset", false},
		{"cast(`id` as char(10) charset utf8mb4)", "char", false},
		{"concat(convert(`id` using utf8mb4),`utf8mb4`)", "utf8mb4", true},
		{"convert(`id` using utf8mb4)", "utf8mb4", false},
		{"CONVERT(id, SIGNED)", "signed", false},
		{"CONVERT(signed, SIGNED)", "signed", true},
		{"CONVERT(IFNULL(id, signed), SIGNED)", "signed", true},
		{"extract(year from `created`)", "year", false},
		{"extract(year from `year`)", "year", true},
		{"EXTRACT(YEAR FROM year)", "year", true},
		{"timestampdiff(DAY,`created`,`date`)", "day", false},
		{"TIMESTAMPDIFF(DAY, created, day)", "day", true},
		{"(`created` + interval `id` day)", "day", false},
		{"(`created` + interval 1 day)", "day", false},
		{"created + INTERVAL id DAY", "day", false},
		{"created + INTERVAL id DAY", "id", true},
		{"created + INTERVAL day DAY", "day", true},
		{"created + INTERVAL NOT day DAY", "day", true},
		{"created + INTERVAL CASE day WHEN 1 THEN 2 END DAY", "day", true},
		{"CHAR(a USING latin1)", "latin1", false},
		{"date_add(`created`, interval (`id` + 1) month)", "month", false},
		{"(`created` > DATE'2024-01-01')", "date", false},
		{"created > TIMESTAMP '2024-01-01 00:00:00' AND timestamp > created", "timestamp", true},
		{"json_value(`doc`, '$.a' returning date)", "date", false},
		{"json_value(doc, '$.a' RETURNING DATE)", "date", false},
		{"`s` collate utf8mb4_bin", "utf8mb4_bin", false},
		{"year(`created`)", "year", false},
		{"year(`year`)", "year", true},
		{"date", "date", true},
		{"(cast(`a` as date) = date)", "date", true},
		{"(cast(`a` as date) = `date`)", "date", true},
		{"CASE WHEN a THEN date ELSE year END", "date", true},
		{"CASE WHEN a THEN date ELSE year END", "year", true},
		{"a LIKE 'x' ESCAPE year", "year", true},
		{"a IN (1) AND year", "year", true},
		{"a IS NOT NULL OR NOT day", "day", true},
		{"GET_FORMAT(DATE, date)", "date", true},
		{"GET_FORMAT(DATE, 'EUR')", "date", false},
		{"t.date", "date", true},
		{"a DIV day", "day", true},
		{"x BETWEEN day AND year", "year", true},
	} {
		if got := mentions(c.text, map[string]bool{c.column: true}); got != c.want {
			t.Errorf("%s mentions %s: %v, want %v", c.text, c.column, got, c.want)
		}
	}
}

// TestRenameKeepsTypes: a column's new name does not become a type in a computed
// column or CHECK.
func TestRenameKeepsTypes(t *testing.T) {
	tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
	for _, sql := range []string{
		"create table u (id int primary key, `date` datetime, created datetime, g date as (cast(created as date)) stored, " +
			"h datetime as (`date` + interval 1 day), check (cast(`date` as date) > created))",
		"alter table u rename column `date` to d",
	} {
		if _, err := tr.Apply(replica.DDL{Schema: "a", Text: sql, CharsetID: 45}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := parseDefinition(tr.Table("a", "u").Create, Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	if g := d.column("g").generated; mentions(g, map[string]bool{"d": true}) {
		t.Errorf("g is %s", g)
	}
	if h := d.column("h").generated; !mentions(h, map[string]bool{"d": true}) || mentions(h, map[string]bool{"date": true}) {
		t.Errorf("h is %s", h)
	}
}
