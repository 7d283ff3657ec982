package itest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/itest/node"
)

// mayImport is the table of DESIGN.md, section 3: a package, or a tree of them
// with /..., and what of ours it may import. The longest pattern that matches
// decides. Tests may also import themselves and itest.
var mayImport = map[string][]string{
	"main":               {"gateway", "sqladmin", "internal/stdlog"},
	"ruleset":            {},
	"replica":            {"ruleset"},
	"internal/...":       {"internal/..."},
	"replica/...":        {"replica/...", "ruleset", "internal/..."},
	"cluster/...":        {"cluster/..."},
	"sqladmin/...":       {"sqladmin/...", "ruleset", "internal/..."},
	"gateway":            {"gateway/...", "replica/...", "cluster", "sqladmin", "ruleset", "internal/smallfile"},
	"gateway/catalog":    {"sqladmin", "cluster", "ruleset", "internal/smallfile"},
	"gateway/apply/...":  {"gateway/apply/...", "replica", "replica/schema", "replica/protocol", "ruleset"},
	"gateway/migration":  {"replica/...", "gateway/apply/...", "ruleset"},
	"gateway/verify/...": {"gateway/verify/...", "gateway/apply/...", "replica/...", "ruleset"},
	"gateway/proxy/...":  {"gateway/proxy/...", "gateway/apply/...", "replica/...", "ruleset", "cluster"},
	"gateway/web/...":    {"gateway/web/...", "ruleset"},
	"perf/...":           {"perf/...", "replica/...", "gateway/...", "ruleset", "itest/lab/...", "itest/compare", "itest/node"},
	"itest/...":          {"itest/...", "gateway"},
	"itest/lab/...":      {"itest/lab/..."},
	"itest/compare":      {},
}

// fences keep third-party packages inside the packages that are made for them.
// The longest pattern that matches decides.
var fences = map[string][]string{
	"github.com/go-mysql-org/go-mysql/replication/...": {"replica/...", "perf/..."},
	"github.com/go-mysql-org/go-mysql/server/...":      {"sqladmin/...", "gateway/proxy/..."},
	"github.com/go-mysql-org/go-mysql/packet/...":      {"sqladmin/...", "gateway/proxy/..."},
	"github.com/hashicorp/memberlist/...":              {"cluster/..."},
	"github.com/pingcap/tidb/pkg/parser":               {"internal/tidbsql"},
	"github.com/pingcap/tidb/pkg/parser/...":           {"internal/tidbsql", "replica/schema/...", "ruleset", "sqladmin/..."},
	"github.com/urfave/cli/v2/...":                     {"main", "perf/...", "itest/lab"},
}

// forbidden packages are imported by nothing, tests included.
var forbidden = map[string]string{
	"github.com/pingcap/tidb/pkg/parser/test_driver": "it panics by design, so one literal ends the process: internal/tidbsql has literals",
}

// forbiddenNames say nothing about a package's job.
var forbiddenNames = []string{"util", "utils", "common", "types", "helpers", "pkg"}

// TestImports reads the imports of every file of the repository.
func TestImports(t *testing.T) {
	root, err := node.Root()
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			if slices.Contains(forbiddenNames, name) {
				t.Errorf("%s: a package's name says its job", file)
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		files++
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		if pkg == "." {
			pkg = "main"
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if breach := breach(pkg, imported, strings.HasSuffix(name, "_test.go")); breach != "" {
				t.Errorf("%s/%s imports %s: %s", pkg, name, imported, breach)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}

// breach says which rule an import breaks, "" for none.
func breach(pkg, imported string, test bool) string {
	if ours, ok := strings.CutPrefix(imported, "sluice/"); ok {
		rule := longest(mayImport, pkg)
		if rule == "" {
			return "the package is not in the table of DESIGN.md, section 3"
		}
		if !matchesAny(mayImport[rule], ours) && !(test && (ours == pkg || matchesAny([]string{"itest/...", "perf/..."}, ours))) {
			return "not allowed by the table of DESIGN.md, section 3"
		}
		return ""
	}
	if why := forbidden[imported]; why != "" {
		return why
	}
	if fence := longest(fences, imported); fence != "" && !test && !matchesAny(fences[fence], pkg) {
		return "only for " + strings.Join(fences[fence], ", ")
	}
	return ""
}

// longest returns the name itself if it is in the table, else the longest of the
// patterns that matches, "" for none.
func longest(table map[string][]string, name string) string {
	if _, ok := table[name]; ok {
		return name
	}
	best := ""
	for pattern := range table {
		if matches(pattern, name) && len(pattern) > len(best) {
			best = pattern
		}
	}
	return best
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

// matches takes p/... as p and all below it.
func matches(pattern, name string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return pattern == name || ok && (name == tree || strings.HasPrefix(name, tree+"/"))
}

// TestNothingForbiddenIsLinked looks for the forbidden packages among all that
// the program consists of: a library could import them too.
func TestNothingForbiddenIsLinked(t *testing.T) {
	root, err := node.Root()
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, "sluice/internal/tidbsql") {
		t.Fatalf("%d packages without sluice/internal/tidbsql", len(linked))
	}
	for name, why := range forbidden {
		if slices.Contains(linked, name) {
			t.Errorf("the program contains %s: %s", name, why)
		}
	}
}

// TestBreach keeps the test above able to fail.
func TestBreach(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		test, allowed bool
	}{
		{"replica/binlog", "sluice/replica", false, true},
		{"replica", "sluice/cluster", false, false},
		{"replica/binlog", "sluice/sqladmin", false, false},
		{"cluster", "sluice/replica", false, false},
		{"sqladmin", "sluice/cluster", true, false},
		{"gateway/apply", "sluice/gateway/migration", false, false},
		{"gateway/apply", "sluice/itest/lab/servers", true, true},
		{"gateway/apply", "sluice/itest/lab/servers", false, false},
		{"gateway/verify", "sluice/gateway/proxy", false, false},
		{"newcomer", "sluice/replica", false, false},
		{"replica/binlog", "github.com/go-mysql-org/go-mysql/replication", false, true},
		{"gateway/apply", "github.com/go-mysql-org/go-mysql/replication", false, false},
		{"replica/binlog", "github.com/go-mysql-org/go-mysql/client", false, true},
		{"gateway", "github.com/go-mysql-org/go-mysql/server", false, false},
		{"gateway", "github.com/hashicorp/memberlist", false, false},
		{"replica/binlog", "github.com/pingcap/tidb/pkg/parser/ast", false, false},
		{"replica/schema", "github.com/pingcap/tidb/pkg/parser/ast", false, true},
		{"gateway", "github.com/urfave/cli/v2", false, false},
		{"sqladmin", "github.com/pingcap/tidb/pkg/parser", false, false},
		{"internal/tidbsql", "github.com/pingcap/tidb/pkg/parser", false, true},
		{"internal/tidbsql", "github.com/pingcap/tidb/pkg/parser/test_driver", false, false},
		{"ruleset", "github.com/pingcap/tidb/pkg/parser/test_driver", true, false},
	} {
		if got := breach(c.pkg, c.imported, c.test); (got == "") != c.allowed {
			t.Errorf("%s imports %s: %q", c.pkg, c.imported, got)
		}
	}
	// A pattern with a wrong name would never match.
	for _, p := range slices.Collect(maps.Keys(mayImport)) {
		if path.Clean(p) != p {
			t.Errorf("%q is no clean path", p)
		}
	}
}
