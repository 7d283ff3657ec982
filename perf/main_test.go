package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/perf/report"
	"sluice/perf/scenario"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

// TestSmoke runs every scenario once against each of its targets, with a tiny
// load: the figures mean nothing, but each has to be there, and the target has
// to be right.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers and runs every scenario")
	}
	ctx := t.Context()
	r, err := openRig(ctx, t.Logf, false)
	if err != nil {
		t.Fatal(err)
	}
	r.scale = scenario.Small
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	p := plan{scale: scenario.Small, runs: 1, targets: []scenario.Target{scenario.TiDB, scenario.Blackhole}}
	var all []report.Result
	for i, s := range scenario.All() {
		if i == 1 { // larger scales do this before each scenario
			if err := r.renewTarget(ctx); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(s.Name, func(t *testing.T) {
			results, err := r.bench(ctx, &s, p)
			if err != nil {
				t.Fatal(err)
			}
			if len(results) != len(s.Targets) {
				t.Fatalf("%d results for targets %v", len(results), s.Targets)
			}
			for i := range results {
				checkResult(t, &s, &results[i])
			}
			all = append(all, results...)
		})
	}
	checkFiles(t, all)
}

// checkResult looks that a result has every figure that applies.
func checkResult(t *testing.T, s *scenario.Scenario, r *report.Result) {
	t.Helper()
	if r.Runs != 1 || r.Differences == nil || *r.Differences != 0 {
		t.Errorf("target %s: %d good runs, %d void ones", r.Target, r.Runs, r.VoidRuns)
	}
	if most := r.Most["peak_rss_mb"]; r.PeakRSSMB != nil && most > 0 && *r.PeakRSSMB > most {
		t.Errorf("target %s: the node took %.0f MiB of memory, %g are allowed", r.Target, *r.PeakRSSMB, most)
	}
	want := map[string]*float64{
		"rows/s": r.RowsPerS, "gateway CPU": r.GatewayCPUSPerMRow, "allocations": r.AllocsPerRow, "memory": r.PeakRSSMB,
		"statements": r.StatementsPerRow,
	}
	if s.Kind != scenario.Latency {
		want["yardstick"], want["ratio"] = r.YardstickRowsPerS, r.Ratio
	} else {
		want["p50"], want["p99"] = r.P50LagMS, r.P99LagMS
	}
	if s.Kind != scenario.Latency && s.Kind != scenario.Copy {
		want["binlog"] = r.BinlogMBPerS
	}
	if s.Kind != scenario.Latency && s.Kind != scenario.Copy && !s.FromStart {
		want["commits"] = r.CommitsPerRow
	}
	if r.Target == string(scenario.TiDB) {
		want["target CPU"] = r.TargetCPUSPerMRow
	}
	for name, v := range want {
		if v == nil || *v <= 0 {
			t.Errorf("target %s: there is no figure for %s", r.Target, name)
		}
	}
}

// checkFiles saves the results and reads them again.
func checkFiles(t *testing.T, results []report.Result) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "r.json")
	if err := save(file, filepath.Join(dir, "svg"), results); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var objects []map[string]any
	if err := json.Unmarshal(text, &objects); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"scenario", "target", "runs", "rows_per_s", "yardstick_rows_per_s", "ratio", "gateway_cpu_s_per_mrow",
		"target_cpu_s_per_mrow", "allocs_per_row", "peak_rss_mb", "p99_lag_ms", "differences"} {
		if len(objects) == 0 {
			t.Fatal("the file has no results")
		}
		if _, ok := objects[0][key]; !ok {
			t.Errorf("the file's objects have no %q", key)
		}
	}
	var out bytes.Buffer
	if err := app(&out, &out).RunContext(t.Context(), []string{"perf", "compare", file, file}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "insert1") {
		t.Errorf("the comparison is %q", out.String())
	}
	pictures, err := filepath.Glob(filepath.Join(dir, "svg", "*.svg"))
	if err != nil || len(pictures) != len(results)+1 {
		t.Errorf("%d pictures of %d results: %v", len(pictures), len(results), err)
	}
}

func TestFlagsFirst(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"perf list", "perf list"},
		{"perf run insert1 --runs 2", "perf run --runs 2 insert1"},
		{"perf run --runs 2 insert1", "perf run --runs 2 insert1"},
		{"perf run a --keep b --scale=small c", "perf run --keep --scale=small a b c"},
		{"perf run a -json f b", "perf run -json f a b"},
		{"perf run a --json", "perf run --json a"},
		{"perf run --keep -- --runs", "perf run --keep -- --runs"},
	} {
		if got := flagsFirst(strings.Fields(c.in)); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: %q", c.in, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"run", "which scenario"},
		{"run nonsense", "no scenario"},
		{"run insert1 --scale huge", "--scale"},
		{"run insert1 --runs 0", "--runs"},
		{"run insert1 --target mysql", "--target"},
		{"run latency --target blackhole", "has that target"},
		{"all insert1", "not understood"},
		{"compare one.json", "which two"},
	} {
		var out bytes.Buffer
		args := flagsFirst(append([]string{"perf"}, strings.Fields(c.args)...))
		err := app(&out, &out).RunContext(context.WithoutCancel(t.Context()), args)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("perf %s: %v", c.args, err)
		}
	}
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	if err := app(&out, &out).RunContext(t.Context(), []string{"perf", "list"}); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenario.All() {
		if !strings.Contains(out.String(), s.Name) {
			t.Errorf("the list lacks %s", s.Name)
		}
	}
}
