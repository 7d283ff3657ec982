package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
)

func TestRemediesInOrder(t *testing.T) {
	for _, x := range []struct{ remedy, want string }{
		{"RESET MIGRATION and start again", "STOP MIGRATION `s 1`, RESET MIGRATION `s 1`, drop or empty the target's tables of this migration, START MIGRATION `s 1`"},
		{"set x on the source, then RESET MIGRATION and start again",
			"set x on the source, then STOP MIGRATION `s 1`, RESET MIGRATION `s 1`, drop or empty the target's tables of this migration, START MIGRATION `s 1`"},
		{"copy the tables again (RESET MIGRATION, empty the target's tables, START MIGRATION), or wait",
			"copy the tables again (STOP MIGRATION `s 1`, RESET MIGRATION `s 1`, drop or empty the target's tables of this migration, START MIGRATION `s 1`), or wait"},
		{"STOP MIGRATION; ALTER MIGRATION SET on_conflict=REPLACE; START MIGRATION takes the source's rows",
			"STOP MIGRATION `s 1`; ALTER MIGRATION `s 1` SET on_conflict=REPLACE; START MIGRATION `s 1` takes the source's rows"},
		{"leave the table out with REPLICATE_IGNORE_TABLE, or change it at the source",
			"leave the table out (STOP MIGRATION `s 1`, ALTER MIGRATION `s 1` REPLICATE_IGNORE_TABLE=(..), START MIGRATION `s 1`), or change it at the source"},
		{"START MIGRATION `other` tries again", "START MIGRATION `other` tries again"},
		{"see whether the target is reachable", "see whether the target is reachable"},
	} {
		if got := named(inOrder(x.remedy), "s 1"); got != x.want {
			t.Errorf("%q becomes\n%q, want\n%q", x.remedy, got, x.want)
		}
	}
}

// TestEachRemedyHasAStop reads all remedies of the engine's source: as they are shown,
// none says RESET or ALTER without a STOP before, or RESET without emptying the target.
func TestEachRemedyHasAStop(t *testing.T) {
	statement := regexp.MustCompile("(START|STOP|RESET|ALTER|DROP) MIGRATION( `m1`)?")
	found := 0
	for _, root := range []string{"../replica", "migration", "apply"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil || !needsStop.MatchString(text) {
					return true
				}
				found++
				shown := named(inOrder(text), "m1")
				stopped := false
				for _, m := range statement.FindAllStringSubmatch(shown, -1) {
					stopped = stopped || m[1] == "STOP"
					if m[2] == "" || (m[1] == "RESET" || m[1] == "ALTER" || m[1] == "DROP") && !stopped {
						t.Errorf("%s: %q is shown as %q", path, text, shown)
						break
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Errorf("only %d remedies were found", found)
	}
}

// TestErrorIsNotRunning: a migration in ERROR is called so by the statements that it is
// in the way of, and what they advise works.
func TestErrorIsNotRunning(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY, v INT)", "INSERT INTO a.t VALUES (1,1),(2,2)")
	c := start(t, testConfig(t, store, "n1")).admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION `m 1` FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION `m 1`")
	c.one("WAIT FOR MIGRATION `m 1` UNTIL CAUGHT_UP TIMEOUT 60")
	running := map[string]uint16{"RESET MIGRATION `m 1`": 1198, "DROP MIGRATION `m 1`": 1198, "ALTER MIGRATION `m 1` SET copy_threads=2": 61005,
		"ALTER SOURCE src SOURCE_PORT=1": 1198}
	for stmt, code := range running {
		if text := c.fails(code, stmt); !strings.Contains(text, "is running on node n1") || !strings.Contains(text, "STOP MIGRATION `m 1`, then WAIT FOR MIGRATION `m 1`") {
			t.Errorf("%s while it runs: %s", stmt, text)
		}
	}
	exec(t, store, "DELETE FROM a.t WHERE id=2")
	exec(t, src, "UPDATE a.t SET v=3 WHERE id=2")
	c.one("WAIT FOR MIGRATION `m 1` UNTIL STATUS='ERROR' TIMEOUT 30")
	for stmt, code := range running {
		if text := c.fails(code, stmt); strings.Contains(text, "running") || !strings.Contains(text, "status ERROR") || !strings.Contains(text, "STOP MIGRATION `m 1`") {
			t.Errorf("%s in ERROR: %s", stmt, text)
		}
	}
	remedy := c.one("SHOW MIGRATION STATUS")["Remedy"]
	if !strings.Contains(remedy, "STOP MIGRATION `m 1`") || strings.Contains(remedy, "MIGRATION m") {
		t.Errorf("the remedy is %s", remedy)
	}
	if got := c.rows("SHOW MIGRATION ERRORS"); len(got) != 1 || got[0]["Remedy"] != remedy {
		t.Errorf("SHOW MIGRATION ERRORS: %v", got)
	}
	for _, stmt := range []string{"STOP MIGRATION `m 1`", "RESET MIGRATION `m 1`", "ALTER MIGRATION `m 1` SET copy_threads=2", "DROP MIGRATION `m 1`"} {
		c.ok(stmt)
	}
}
