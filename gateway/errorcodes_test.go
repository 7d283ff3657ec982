package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/sqladmin"
)

// raised collects the error codes that the product's source raises, each with a
// place: every literal from 61000 to 61999, and MySQL's numbers where an error
// is made of them.
func raised(t *testing.T, root string) map[int]string {
	t.Helper()
	codes := map[int]string{}
	for _, tree := range []string{"sqladmin", "gateway", "replica", "cluster", "ruleset", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, tree), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			table := strings.HasSuffix(path, filepath.Join("replica", "source", "errors.go")) // its keys are numbers of the source
			note := func(e ast.Expr, least int) {
				lit, ok := e.(*ast.BasicLit)
				if !ok || lit.Kind != token.INT {
					return
				}
				if n, err := strconv.Atoi(lit.Value); err == nil && n >= least && n < 62000 {
					codes[n] = set.Position(lit.Pos()).String()
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					note(n, 61000)
				case *ast.KeyValueExpr:
					if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "code") {
						note(n.Value, 1000)
					}
					if table {
						note(n.Key, 1000)
					}
				case *ast.CallExpr:
					name := ""
					switch f := n.Fun.(type) {
					case *ast.Ident:
						name = f.Name
					case *ast.SelectorExpr:
						name = f.Sel.Name
					}
					if slices.Contains([]string{"Errorf", "Note", "fail", "network"}, name) && len(n.Args) > 0 {
						note(n.Args[0], 1000)
					}
				case *ast.AssignStmt:
					for i, left := range n.Lhs {
						if s, ok := left.(*ast.SelectorExpr); ok && s.Sel.Name == "Code" && i < len(n.Rhs) {
							note(n.Rhs[i], 1000)
						}
					}
				case *ast.ValueSpec:
					for i, id := range n.Names {
						if strings.HasPrefix(strings.ToLower(id.Name), "code") && i < len(n.Values) {
							note(n.Values[i], 1000)
						}
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
	return codes
}

// TestErrorCodesAreListed compares what the source raises with SHOW ERROR CODES.
func TestErrorCodesAreListed(t *testing.T) {
	codes := raised(t, "..")
	if len(codes) < 130 || codes[61210] == "" || codes[1461] == "" {
		t.Fatalf("only %d codes were found", len(codes))
	}
	listed := map[int]int{}
	for _, c := range sqladmin.ErrorCodes() {
		listed[int(c)]++
	}
	for code, place := range codes {
		if code == 61000 || code == 61999 { // the bounds of the range
			continue
		}
		if listed[code] == 0 {
			t.Errorf("%s raises %d, which sqladmin/errorcodes.go does not list", place, code)
		}
	}
	for code, n := range listed {
		if n > 1 {
			t.Errorf("%d is listed %d times", code, n)
		}
		if codes[code] == "" {
			t.Errorf("%d is listed, and nothing raises it", code)
		}
	}
}
