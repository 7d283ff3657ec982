package sqladmin

import (
	"strings"
	"testing"
)

// TestLongNames: a name of any length leaves room for what an error says about it.
func TestLongNames(t *testing.T) {
	for name, long := range map[string]string{
		"word": strings.Repeat("a", 900_000), "words": strings.Repeat("a b", 300_000), "letters of 3 bytes": strings.Repeat("語", 300_000),
		"with a quote": strings.Repeat("a''b", 200_000), "with colons": strings.Repeat("a:b ", 200_000),
	} {
		e := forClient(Unknown("migration", long, nil).WithRemedy("SHOW MIGRATIONS lists them, and not '%s'", long))
		if len(e.Message) > maxErrorBytes+3 || len(e.Remedy) > maxErrorBytes+3 || !strings.HasPrefix(e.Message, "Unknown migration '"+long[:9]) {
			t.Errorf("%s: %d bytes, %.60s", name, len(e.Message), e.Message)
		}
		if name != "with colons" && name != "with a quote" && (len(e.Error()) > 400 || !strings.Contains(e.Message, "bytes)'")) {
			t.Errorf("%s: %d bytes: %.600s", name, len(e.Error()), e.Error())
		}
	}
	client := dial(t, open(t, newDouble()), "")
	for _, form := range []string{"SELECT `%s`", "SELECT * FROM `%s`", "SELECT %s()", "SET %s=1", "USE `%s`", "%s", "SHOW %s"} {
		_, err := client.Exec(strings.Replace(form, "%s", strings.Repeat("a", 900_000), 1))
		if err == nil || len(err.Error()) > 600 {
			t.Errorf("%s: %.700v", form, err)
		}
	}
	for _, kept := range []string{"the source's set is 'u:1-2" + strings.Repeat(":4-5", 900) + "' and no more", strings.Repeat("a name ", 500)} {
		if got := shortNames(kept); got != kept {
			t.Errorf("%.80s became %.80s", kept, got)
		}
	}
}
