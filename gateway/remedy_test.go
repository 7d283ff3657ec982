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
)

func TestNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"check the network":         "check the network",
		"RESET MIGRATION and start": "RESET MIGRATION `sh``op` and start",
		"then START MIGRATION":      "then START MIGRATION `sh``op`",
		"STOP MIGRATION; ALTER MIGRATION SET on_conflict=REPLACE; START MIGRATION.": "STOP MIGRATION `sh``op`; ALTER MIGRATION `sh``op` SET on_conflict=REPLACE; START MIGRATION `sh``op`.",
		"STOP MIGRATION `other`, then repeat":                                       "STOP MIGRATION `other`, then repeat",
		"CHECK MIGRATION 'other'":                                                   "CHECK MIGRATION 'other'",
		"SHOW MIGRATION DDL has both":                                               "SHOW MIGRATION DDL has both",
		"with SHOW CREATE MIGRATION and":                                            "with SHOW CREATE MIGRATION `sh``op` and",
		"(RESET MIGRATION, empty the tables)":                                       "(RESET MIGRATION `sh``op`, empty the tables)",
	} {
		if got := named(text, "sh`op"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if got := named(named(text, "sh`op"), "other"); got != want {
			t.Errorf("twice: %q", got)
		}
	}
}

// placeholder is a letter in the place of an object's name.
var placeholder = regexp.MustCompile(`\b(?:MIGRATION|SOURCE|TARGET|SECRET|NODE|CHANNEL) (?:m|s|t|n|c|x|'c'|'m')(?:$|[^\w=])`)

// TestRemediesHaveNoPlaceholders reads the texts of all packages that make
// errors.
func TestRemediesHaveNoPlaceholders(t *testing.T) {
	if !placeholder.MatchString("STOP MIGRATION m; x") || placeholder.MatchString("STOP MIGRATION `m`") {
		t.Fatal("the test cannot fail")
	}
	texts := 0
	for _, root := range []string{"../gateway", "../replica", "../cluster", "../ruleset", "../sqladmin"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if texts++; err == nil && placeholder.MatchString(text) {
					t.Errorf("%s: %q", set.Position(lit.Pos()), text)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if texts < 1000 {
		t.Errorf("only %d texts", texts)
	}
}
