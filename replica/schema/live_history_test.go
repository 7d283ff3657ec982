package schema

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// TestHistories follows the histories of testdata/histories, which are in the
// style of real applications, at every source. A statement may end with a
// comment: "tidb refuses: why" if there is no translation that TiDB takes, "tidb
// may refuse: why" if that depends on the source, "skipped: why" if the target's
// table is not as it should be because of a refusal.
func TestHistories(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.sql")
	if err != nil || len(files) < 13 {
		t.Fatalf("%d histories, %v", len(files), err)
	}
	target := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) {
			source := servers.ForTest(t, kind)
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".sql"), func(t *testing.T) {
					text, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					h := history{live: newLive(t, source, target), bad: map[string]bool{}, toTarget: kind != servers.MariaDB}
					defer h.close()
					for _, stmt := range historyStatements(string(text)) {
						h.follow(stmt)
					}
					h.compare()
				})
			}
		})
	}
}

// historyStatements cuts a file: a statement ends with a semicolon at the end of
// a line.
func historyStatements(text string) []string {
	var out []string
	for _, line := range strings.Split(text, ";\n") {
		var kept []string
		for _, l := range strings.Split(line, "\n") {
			if !strings.HasPrefix(l, "--") {
				kept = append(kept, l)
			}
		}
		if s := strings.TrimSpace(strings.Join(kept, "\n")); s != "" {
			out = append(out, s)
		}
	}
	return out
}

type history struct {
	*live
	bad      map[string]bool // the tables of which TiDB refused a change
	toTarget bool
}

var historyMark = regexp.MustCompile(`/\* (tidb refuses|tidb may refuse|skipped): [a-z ]+ \*/$`)

func (h *history) follow(stmt string) {
	h.t.Helper()
	mark := historyMark.FindStringSubmatch(stmt)
	h.must(exec(h.t.Context(), h.source, stmt))
	changes, err := h.tracker.Apply(replica.DDL{Schema: "live", Text: stmt})
	if err != nil {
		h.t.Fatalf("%.200s: %v", stmt, err)
	}
	h.compareIndexes([]string{stmt})
	h.compareSource(stmt)
	if !h.toTarget {
		return
	}
	refused := false
	for _, c := range changes {
		translated, err := TargetDDL(c, h.rules)
		for _, x := range translated.Conditions {
			if err == nil {
				err = h.condition(x)
			}
		}
		if err != nil {
			refused = true
			h.bad[c.Table] = true
			if mark == nil {
				h.t.Errorf("%.200s: %v", stmt, err)
			}
			continue
		}
		for _, s := range translated.Statements {
			if mark != nil && mark[1] == "skipped" {
				continue
			}
			if err := exec(h.t.Context(), h.target, s); err != nil {
				refused = true
				h.bad[c.Table] = true
				if mark == nil {
					h.t.Errorf("target: %v", err)
				}
			}
		}
	}
	if mark != nil && mark[1] == "tidb refuses" && !refused {
		h.t.Errorf("TiDB takes it now: %.200s", stmt)
	}
}

// condition returns the error of a condition that does not hold at the target.
func (h *history) condition(x Condition) error {
	rows, err := h.target.QueryContext(h.t.Context(), x.Query)
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		return x.Failed
	}
	return rows.Err()
}

// compare compares the indexes of the target's tables with the source's.
func (h *history) compare() {
	h.t.Helper()
	for _, table := range h.tracker.Tables() {
		if !h.toTarget || h.bad[table.Name] {
			continue
		}
		want, _, err := TargetCreate(table, "live_target", "fresh")
		h.must(err)
		h.must(exec(h.t.Context(), h.target, want))
		fresh, err := parseDefinition(h.show(h.target, "live_target", "fresh"), Defaults{})
		h.must(err)
		h.must(exec(h.t.Context(), h.target, "DROP TABLE live_target.fresh"))
		have, err := parseDefinition(h.show(h.target, "live_target", table.Name), Defaults{})
		h.must(err)
		if a, b := indexes(fresh), indexes(have); a != b {
			h.t.Errorf("%s: a fresh one has %s\nthis has         %s", table, a, b)
		}
	}
}
