package sqladmin

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"sluice/internal/tidbsql"
)

// TestLeadingNumber reads numbers as MySQL does. The long ones took minutes
// when each shorter beginning was tried.
func TestLeadingNumber(t *testing.T) {
	for text, want := range map[string]float64{
		"": 0, "x": 0, "+": 0, "-": 0, ".": 0, "-.": 0, "e5": 0, ".e5": 0, "--1": 0, "+-1": 0,
		"1": 1, " \t12x": 12, "-7.5e1z": -75, "+3": 3, ".5": 0.5, "5.": 5, "1.2.3": 1.2, "1-2": 1,
		"1e": 1, "1e+": 1, "1e+2": 100, "1E-2": 0.01, "2e5e5": 200000, "0x1F": 0, "1_000": 1, "inf": 0, "NaN": 0,
		"1e999": math.MaxFloat64, "-1e999": -math.MaxFloat64, "1e-999": 0, "1e99999999999999999999": math.MaxFloat64,
		strings.Repeat("9", 900_000):              math.MaxFloat64,
		"-" + strings.Repeat("9", 900_000):        -math.MaxFloat64,
		strings.Repeat("+", 900_000):              0,
		strings.Repeat(".", 900_000):              0,
		"0." + strings.Repeat("0", 900_000) + "1": 0,
		"1e" + strings.Repeat("9", 900_000):       math.MaxFloat64,
		"1" + strings.Repeat("e", 900_000):        1,
	} {
		if got := leadingNumber(text); got != want {
			t.Errorf("%s: got %v, want %v", cut(text, 30), got, want)
		}
	}
}

// TestFunctionsThatCompareStop calls each with arguments whose comparison is
// more than the steps between two looks, and expects that the call looks.
func TestFunctionsThatCompareStop(t *testing.T) {
	ended := errors.New("ended")
	long, other := strings.Repeat("x", 100_000), strings.Repeat("x", 99_999)+"Y"
	for _, name := range []string{"field", "greatest", "least", "nullif"} {
		s := &scope{x: &executor{stop: &stopper{ended: func() error { return ended }}}}
		if got := functions[name].call(s, []any{long, other}); got != ended {
			t.Errorf("%s: got %v, want the statement's end", name, got)
		}
	}
	for _, name := range []string{"sum", "avg"} {
		s := &stopper{ended: func() error { return ended }}
		if got, err := s.total(name, []any{long}); err != ended {
			t.Errorf("%s: got %v, %v, want the statement's end", name, got, err)
		}
	}
}

// TestTextsCountAsSteps evaluates what reads long texts once for each operand.
func TestTextsCountAsSteps(t *testing.T) {
	long := "'" + strings.Repeat("x", 40_000) + "'"
	for _, expr := range []string{long + " = " + long, long + " IN (1, " + long + ")", long + " + 1", "INSTR(" + long + ", 'y')",
		"CASE " + long + " WHEN 'a' THEN 1 WHEN " + long + " THEN 2 END", long + " BETWEEN 'a' AND 'z'"} {
		looks := 0
		s := &scope{x: &executor{stop: &stopper{ended: func() error { looks++; return nil }}}}
		node, err := tidbsql.ParseOne("SELECT "+expr, tidbsql.Mode{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.eval(node.(*ast.SelectStmt).Fields.Fields[0].Expr); err != nil {
			t.Errorf("%s: %v", cut(expr, 20), err)
		}
		if looks == 0 {
			t.Errorf("..%s: no look at the statement's end", expr[len(expr)-20:])
		}
	}
}

// TestLiteralsOfTime has DATE, TIME and TIMESTAMP before a text.
func TestLiteralsOfTime(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	for query, want := range map[string]string{
		"SELECT DATE '2020-01-01', DATE'20200102', DATE '2020-1-3'":                          "2020-01-01|2020-01-02|2020-01-03",
		"SELECT TIMESTAMP '2020-01-01 10:11:12', TIMESTAMP '2020-01-01' > DATE '2019-12-31'": "2020-01-01 10:11:12.000|1",
		"SELECT TIME '10:11:12', TIME '-838:00:00.5', TIME '9:15'":                           "10:11:12|-838:00:00.5|09:15:00",
		"SELECT COUNT(*) FROM migrations WHERE updated_at > DATE '2026-05-03'":               "3",
		"SELECT NOW() > DATE '2020-01-01', YEAR(DATE '2020-01-01')":                          "1|2020",
	} {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := firstRow(t, rows); got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	for _, literal := range []string{"DATE 'x'", "DATE '2020-02-30'", "TIME '839:00:00'", "TIME '1:60:00'", "TIMESTAMP 'x'"} {
		_, err := db.ExecContext(t.Context(), "SELECT "+literal)
		word, _, _ := strings.Cut(literal, " ")
		if err == nil || !strings.Contains(err.Error(), "Error 1525") || !strings.Contains(err.Error(), "Remedy: write "+word+" '") {
			t.Errorf("%s: %v", literal, err)
		}
	}
}
