package report

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewFigure(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		values []float64
		want   *Figure
	}{
		{nil, nil},
		{[]float64{nan, inf}, nil},
		{[]float64{3}, &Figure{3, 3, 3}},
		{[]float64{5, 1, 9}, &Figure{5, 1, 9}},
		{[]float64{4, 1, 3, 2}, &Figure{2.5, 1, 4}},
		{[]float64{4, nan, 2}, &Figure{3, 2, 4}},
	} {
		before := append([]float64(nil), c.values...)
		if got := NewFigure(c.values); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
		for i := range before {
			if before[i] != c.values[i] && !math.IsNaN(before[i]) {
				t.Errorf("%v became %v", before, c.values)
			}
		}
	}
}

func count(n uint64) *uint64 { return &n }

// run returns one of a million rows that took some seconds.
func run(seconds float64, differences *uint64) Run {
	d := time.Duration(seconds * 1e9)
	return Run{
		Rows: 1e6, Duration: d, Yardstick: "the same rows by one loader", YardstickRows: 1e6, YardstickDuration: 10 * time.Second,
		BinlogBytes: 100e6, GatewayCPU: d / 2, TargetCPU: 2 * d, YardstickTargetCPU: 30 * time.Second, Allocs: 3e6, PeakRSSBytes: 200 << 20,
		Statements: 5000, Commits: 1000, Lag: &Lag{P50: 20 * time.Millisecond, P99: time.Duration(math.Round(seconds*100)) * time.Millisecond},
		Differences: differences, Rate: []Point{{0, 0}, {1, 1e6 / seconds}, {2, 1e6 / seconds}},
	}
}

func near(t *testing.T, name string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > 1e-6*math.Abs(want) {
		t.Errorf("%s is %s, want %v", name, number(got), want)
	}
}

func TestSummarise(t *testing.T) {
	r := Summarise("write", "TiDB", []Run{run(5, count(0)), run(4, count(0)), run(8, count(0)), run(1, count(7))})
	if r.Scenario != "write" || r.Target != "TiDB" || r.Runs != 3 || r.VoidRuns != 1 || r.Void || *r.Differences != 7 {
		t.Errorf("%+v", r)
	}
	near(t, "rows", r.Rows, 1e6)
	near(t, "rows/s", r.RowsPerS, 200e3)
	near(t, "rows/s min", r.RowsPerSMin, 125e3)
	near(t, "rows/s max", r.RowsPerSMax, 250e3)
	near(t, "yardstick", r.YardstickRowsPerS, 100e3)
	near(t, "ratio", r.Ratio, 2)
	near(t, "ratio min", r.RatioMin, 1.25)
	near(t, "ratio max", r.RatioMax, 2.5)
	near(t, "binlog", r.BinlogMBPerS, 20)
	near(t, "gateway CPU", r.GatewayCPUSPerMRow, 2.5)
	near(t, "target CPU", r.TargetCPUSPerMRow, 10)
	near(t, "yardstick CPU", r.YardstickTargetCPUSPerMRow, 30)
	near(t, "allocs", r.AllocsPerRow, 3)
	near(t, "RSS", r.PeakRSSMB, 200)
	near(t, "statements", r.StatementsPerRow, 0.005)
	near(t, "commits", r.CommitsPerRow, 0.001)
	near(t, "p50", r.P50LagMS, 20)
	near(t, "p99", r.P99LagMS, 500)
	if got := r.Spread["p99_lag_ms"]; got != [2]float64{400, 800} {
		t.Errorf("spread of p99 is %v", got)
	}
	if len(r.Rate) != 3 || r.Rate[1][1] != 200e3 {
		t.Errorf("the rate is not the median run's: %v", r.Rate)
	}
	if !strings.Contains(r.Note, "run 4 is void: 7 differences") {
		t.Errorf("note %q", r.Note)
	}
}

func TestSummariseVoidAndEmpty(t *testing.T) {
	r := Summarise("write", "TiDB", []Run{run(5, count(1)), run(5, count(2))})
	if !r.Void || r.Runs != 0 || r.VoidRuns != 2 || *r.Differences != 3 || r.RowsPerS != nil || r.Ratio != nil || len(r.Rate) != 0 {
		t.Errorf("all void: %+v", r)
	}
	r = Summarise("write", "TiDB", []Run{{Rows: 10}})
	if r.Void || r.Runs != 1 || r.RowsPerS != nil || r.GatewayCPUSPerMRow != nil || r.P99LagMS != nil || r.Differences != nil || r.Misses() != nil {
		t.Errorf("nothing measured: %+v", r)
	}
	if r = Summarise("write", "TiDB", nil); r.Void || r.Runs != 0 || r.Rows != nil {
		t.Errorf("no run: %+v", r)
	}
}

func TestMisses(t *testing.T) {
	ratio, rate := 0.8, 5000.0
	for _, c := range []struct {
		r    Result
		want []string
	}{
		{Result{Ratio: &ratio, Wanted: 0.8}, nil},
		{Result{Ratio: &ratio, Wanted: 0.81}, []string{"ratio"}},
		{Result{Ratio: &ratio}, nil},
		{Result{RowsPerS: &rate, Wanted: 4000}, nil},
		{Result{RowsPerS: &rate, Wanted: 6000}, []string{"rows_per_s"}},
		{Result{Wanted: 1, Void: true}, []string{"rows_per_s"}},
		{Result{P99LagMS: &ratio, Most: map[string]float64{"p99_lag_ms": 0.8}}, nil},
		{Result{P99LagMS: &ratio, Most: map[string]float64{"p99_lag_ms": 0.7}}, []string{"p99_lag_ms"}},
		{Result{AllocsPerRow: &rate, PeakRSSMB: &rate, Most: map[string]float64{"allocs_per_row": 5, "peak_rss_mb": 5001}}, []string{"allocs_per_row"}},
		{Result{Most: map[string]float64{"peak_rss_mb": 256}}, []string{"peak_rss_mb"}},
	} {
		c.r.Scenario, c.r.Target = "write", "TiDB"
		if got := c.r.Misses(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.r, got, c.want)
		}
		var b strings.Builder
		if err := WriteTable(&b, []Result{c.r}); err != nil {
			t.Fatal(err)
		}
		if marks := strings.Count(b.String(), " !"); marks != len(c.want) {
			t.Errorf("%d marks in\n%s", marks, b.String())
		}
	}
}

func TestJSON(t *testing.T) {
	results := []Result{
		Summarise("write", "TiDB", []Run{run(5, count(0)), run(4, count(0))}),
		Summarise("copy", "black hole", []Run{{Rows: 10}}),
		Summarise("void", "TiDB", []Run{run(5, count(1))}),
	}
	results[0].Wanted = 0.8
	var b bytes.Buffer
	if err := WriteJSON(&b, results); err != nil {
		t.Fatal(err)
	}
	var keys []map[string]any
	if err := json.Unmarshal(b.Bytes(), &keys); err != nil {
		t.Fatal(err)
	}
	for i, m := range keys {
		for _, k := range strings.Fields("scenario target runs rows_per_s yardstick_rows_per_s ratio gateway_cpu_s_per_mrow target_cpu_s_per_mrow " +
			"allocs_per_row peak_rss_mb p99_lag_ms differences") {
			if _, ok := m[k]; !ok {
				t.Errorf("result %d has no %s", i, k)
			}
		}
	}
	if keys[1]["rows_per_s"] != nil || keys[0]["rows_per_s"] != 225e3 || keys[0]["wanted"] != 0.8 {
		t.Errorf("%v", keys)
	}
	got, err := ReadJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := WriteJSON(&again, got); err != nil {
		t.Fatal(err)
	}
	if again.String() != b.String() || *got[0].RowsPerS != *results[0].RowsPerS || !reflect.DeepEqual(got[0].Rate, results[0].Rate) {
		t.Errorf("%s\nbecame\n%s", &b, &again)
	}
	for _, bad := range []string{"", "{}", "[{\"speed\":1}]", "[] []"} {
		if _, err := ReadJSON(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	b.Reset()
	if err := WriteJSON(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("nil gives %q, %v", &b, err)
	}
}

func TestWriteTable(t *testing.T) {
	r := Summarise("write", "TiDB", []Run{run(5, count(0)), run(4, count(0)), run(8, count(3))})
	r.Wanted = 3
	var b bytes.Buffer
	if err := WriteTable(&b, []Result{r, Summarise("a longer name", "black hole", []Run{{Rows: 10}})}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) < 7 {
		t.Fatalf("%s", &b)
	}
	for i := range 4 {
		if len(lines[i]) != len(lines[0]) {
			t.Errorf("line %d is not as long as the first:\n%s", i, &b)
		}
	}
	for _, want := range []string{"225,000 (200,000..250,000)", "2.25 (2.00..2.50)", "3.00 !", "2+1 void", "run 3 is void", "the yardstick is the same rows",
		"min..max", "commits/row"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1234567.8: "1,234,568", 100: "100", 99.96: "100", 12.345: "12.3", 9.996: "10.0", 1.2345: "1.23", 0.0012: "0.0012", -1500: "-1,500"} {
		if got := number(&v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	nan := math.NaN()
	if number(nil) != "-" || number(&nan) != "-" {
		t.Error("what is no number")
	}
}

func TestCompare(t *testing.T) {
	a := []Result{
		Summarise("write", "TiDB", []Run{run(5, nil), run(5.2, nil), run(5.1, nil)}),
		Summarise("gone", "TiDB", []Run{run(5, nil)}),
		Summarise("single", "TiDB", []Run{run(5, nil)}),
	}
	b := []Result{
		Summarise("write", "TiDB", []Run{run(4, nil), run(4.1, nil), run(5.1, count(1))}),
		Summarise("single", "TiDB", []Run{run(2, nil)}),
		Summarise("void", "TiDB", []Run{run(2, count(5))}),
	}
	line := func(a, b []Result, name, figure string) string {
		var out bytes.Buffer
		if err := Compare(&out, a, b); err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(out.String(), "\n") {
			if strings.HasPrefix(l, name+" ") && strings.Contains(l, " "+figure+" ") {
				return strings.Join(strings.Fields(l), " ")
			}
		}
		t.Fatalf("no %s of %s in\n%s", figure, name, &out)
		return ""
	}
	for _, c := range []struct{ name, figure, want string }{
		{"write", "rows/s", "write TiDB rows/s 196,078 246,951 +25.9 better"},
		{"write", "ratio", "write TiDB ratio 1.96 2.47 +25.9 better"},
		{"write", "gateway CPU s/Mrow", "write TiDB gateway CPU s/Mrow 2.55 2.02 -20.6 better"},
		{"write", "allocs/row", "write TiDB allocs/row 3.00 3.00 +0.0"},
		{"write", "p99 lag ms", "write TiDB p99 lag ms 510 405 -20.6 better"},
		{"single", "rows/s", "single TiDB rows/s 200,000 500,000 +150.0"},
		{"gone", "rows/s", "gone TiDB rows/s 200,000 - -"},
		{"gone", "state", "gone TiDB state valid absent -"},
		{"void", "state", "void TiDB state absent void -"},
	} {
		if got := line(a, b, c.name, c.figure); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := line(b, a, "write", "rows/s"); !strings.HasSuffix(got, "-20.6 worse") {
		t.Errorf("the other way %q", got)
	}
	if got := line(b, a, "write", "gateway CPU s/Mrow"); !strings.HasSuffix(got, "worse") {
		t.Errorf("the other way %q", got)
	}
	overlap := []Result{Summarise("write", "TiDB", []Run{run(4, nil), run(5.1, nil)})}
	if got := line(a, overlap, "write", "rows/s"); strings.Contains(got, "better") {
		t.Errorf("within the spread: %q", got)
	}
}
