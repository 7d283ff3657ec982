package migration

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/source"
)

// TestRemedyNamesTheSource: a running channel whose source refuses the password
// has a remedy that can be executed as it stands.
func TestRemedyNamesTheSource(t *testing.T) {
	r := &Runner{cfg: Config{Source: source.Config{Name: "s`2"}, Log: slog.New(slog.DiscardHandler)}}
	e := r.name(&mysql.MySQLError{Number: 1045, Message: "Access denied for user 'u'@'h'"})
	r.fail(e, true, false)
	const want = "STOP MIGRATION, ALTER SOURCE `s``2` SOURCE_PASSWORD=.., START MIGRATION"
	if !strings.Contains(r.st.Remedy, want) || !strings.Contains(r.st.IOError, want) {
		t.Errorf("the remedy is %q, the error %q", r.st.Remedy, r.st.IOError)
	}
	for remedy, want := range map[string]string{
		"ALTER SOURCE, START MIGRATION":  "ALTER SOURCE `a`, START MIGRATION",
		"ALTER SOURCE .. SOURCE_HOST=..": "ALTER SOURCE `a` SOURCE_HOST=..",
		"ALTER SOURCE `b` SOURCE_PORT=1": "ALTER SOURCE `b` SOURCE_PORT=1",
		"ALTER SOURCES":                  "ALTER SOURCES",
		"check SOURCE_HOST":              "check SOURCE_HOST",
	} {
		if got := (source.Config{Name: "a"}).WithName(remedy); got != want {
			t.Errorf("%s: %s, want %s", remedy, got, want)
		}
	}
	other := &replica.Error{Code: 1, Remedy: "ALTER SOURCE .. X"}
	if r.fail(other, false, false); other.Remedy != "ALTER SOURCE .. X" {
		t.Error("an error that others may hold was changed")
	}
}
