package gateway

import (
	"strings"
	"testing"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
)

// TestRefusalFitsClients: the error of a START that a check refuses says first
// what failed and where the rest is. The clients keep 511 bytes of it.
func TestRefusalFitsClients(t *testing.T) {
	long := strings.Repeat("the missing transactions are 'a5141711-eae3-11f1-a000-000000000000:1-5' ", 20)
	sql := strings.Repeat("GRANT SELECT ON `a_schema_of_the_source`.* TO `the account`@`%`; ", 20)
	finding := func(text, remedy, sql string) migration.Finding {
		return migration.Finding{ID: "source.history", Severity: severityError, Object: "s2", Finding: text, Remedy: remedy, RemedySQL: sql, Blocks: "START"}
	}
	for name, c := range map[string]struct {
		findings []migration.Finding
		want     []string
	}{
		"short": {[]migration.Finding{finding("it is gone", "RESET MIGRATION copies again", "FLUSH BINARY LOGS")},
			[]string{"1 check(s) of migration 'shop' failed; first: source.history s2: it is gone. Remedy: RESET MIGRATION `shop` copies again (FLUSH BINARY LOGS)"}},
		"long statements": {[]migration.Finding{finding("rights are missing", "grant them", sql)},
			[]string{"rights are missing. Remedy: CHECK MIGRATION `shop` shows the whole; grant them"}},
		"long finding": {[]migration.Finding{finding(long, "RESET MIGRATION copies again", "")},
			[]string{"source.history s2: the missing", " ... Remedy: CHECK MIGRATION `shop` shows the whole; RESET MIGRATION `shop` copies again"}},
		"long remedy": {[]migration.Finding{finding("it is gone", long, "")},
			[]string{"it is gone. Remedy: CHECK MIGRATION `shop` shows the whole; the missing"}},
		"all long": {[]migration.Finding{finding(long, long, sql), finding(long, long, sql)},
			[]string{"2 check(s)", "source.history s2: the missing", ". Remedy: CHECK MIGRATION `shop` shows the whole; the missing"}},
		"long names": {[]migration.Finding{{ID: "target.rights", Severity: severityError, Object: strings.Repeat("ü", 200), Finding: strings.Repeat("ü", 400),
			Remedy: strings.Repeat("ü", 400), Blocks: "START"}}, []string{"target.rights", "CHECK MIGRATION `shop` shows the whole; üü"}},
	} {
		err := refusal(&catalog.Migration{Name: "shop"}, c.findings)
		wantError(t, err, c.want...)
		if n := len(err.Error()); n > 511 || strings.ToValidUTF8(err.Error(), "?") != err.Error() {
			t.Errorf("%s: %d bytes: %s", name, n, err)
		}
	}
}
