package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Result is a scenario's summary over its runs. Numbers are medians; nil, null
// in JSON, is what was not measured or does not apply.
type Result struct {
	Scenario string `json:"scenario"`
	Target   string `json:"target"`
	Runs     int    `json:"runs"`      // that count
	VoidRuns int    `json:"void_runs"` // that do not, since the target differed

	Rows        *float64 `json:"rows"`
	RowsPerS    *float64 `json:"rows_per_s"`
	RowsPerSMin *float64 `json:"rows_per_s_min"`
	RowsPerSMax *float64 `json:"rows_per_s_max"`

	// Yardstick says what is compared with; Ratio is the median of each run's
	// rows per second over its own yardstick's.
	Yardstick         string   `json:"yardstick"`
	YardstickRowsPerS *float64 `json:"yardstick_rows_per_s"`
	Ratio             *float64 `json:"ratio"`
	RatioMin          *float64 `json:"ratio_min"`
	RatioMax          *float64 `json:"ratio_max"`

	BinlogMBPerS               *float64 `json:"binlog_mb_per_s"`        // 10^6 bytes
	GatewayCPUSPerMRow         *float64 `json:"gateway_cpu_s_per_mrow"` // seconds per million rows
	TargetCPUSPerMRow          *float64 `json:"target_cpu_s_per_mrow"`
	YardstickTargetCPUSPerMRow *float64 `json:"yardstick_target_cpu_s_per_mrow"`
	AllocsPerRow               *float64 `json:"allocs_per_row"`
	PeakRSSMB                  *float64 `json:"peak_rss_mb"` // 2^20 bytes
	StatementsPerRow           *float64 `json:"statements_per_row"`
	CommitsPerRow              *float64 `json:"commits_per_row"`
	P50LagMS                   *float64 `json:"p50_lag_ms"`
	P99LagMS                   *float64 `json:"p99_lag_ms"`

	// Differences over all runs, the void ones too; nil when no run's tables
	// were compared.
	Differences *uint64 `json:"differences"`
	// Void: every run was, so that there are no numbers.
	Void bool   `json:"void"`
	Note string `json:"note"`
	// Wanted is the least ratio, or the least rows per second where there is no
	// yardstick; 0: none. Summarise leaves it 0.
	Wanted float64 `json:"wanted"`
	// Most is the most that figures may be, by the name of their field in JSON:
	// allocs_per_row, peak_rss_mb, p99_lag_ms. Summarise leaves it nil.
	Most map[string]float64 `json:"most,omitempty"`
	// Rate is that of the run whose rows per second are the median's, or
	// nearest to it.
	Rate []Point `json:"rate"`
	// Spread is min and max of the figures that have no fields for it, by the
	// name of their field in JSON.
	Spread map[string][2]float64 `json:"spread,omitempty"`
}

// Summarise takes the median of each figure over the runs that are not void.
func Summarise(scenario, target string, runs []Run) Result {
	out := Result{Scenario: scenario, Target: target, Spread: map[string][2]float64{}}
	var good []Run
	var notes []string
	for i := range runs {
		r := &runs[i]
		if d := r.Differences; d != nil {
			if out.Differences == nil {
				out.Differences = new(uint64)
			}
			*out.Differences += *d
		}
		if r.Void() {
			out.VoidRuns++
			notes = append(notes, fmt.Sprintf("run %d is void: %d differences", i+1, *r.Differences))
		} else {
			good = append(good, *r)
		}
		if out.Yardstick == "" {
			out.Yardstick = r.Yardstick
		}
		if r.Note != "" && !slices.Contains(notes, r.Note) {
			notes = append(notes, r.Note)
		}
	}
	out.Runs, out.Note = len(good), strings.Join(notes, "; ")
	out.Void = len(good) == 0 && len(runs) > 0
	out.figures(good)
	out.Rate = medianRate(good)
	return out
}

// figures fills the numbers in.
func (out *Result) figures(runs []Run) {
	figure := func(f func(*Run) float64) *Figure {
		values := make([]float64, len(runs))
		for i := range runs {
			values[i] = f(&runs[i])
		}
		return NewFigure(values)
	}
	spread := func(to **float64, name string, f func(*Run) float64) {
		if g := figure(f); g != nil {
			*to, out.Spread[name] = &g.Median, [2]float64{g.Min, g.Max}
		}
	}
	if g := figure((*Run).rowsPerS); g != nil {
		out.RowsPerS, out.RowsPerSMin, out.RowsPerSMax = &g.Median, &g.Min, &g.Max
	}
	if g := figure((*Run).ratio); g != nil {
		out.Ratio, out.RatioMin, out.RatioMax = &g.Median, &g.Min, &g.Max
	}
	spread(&out.YardstickRowsPerS, "yardstick_rows_per_s", (*Run).yardstickRowsPerS)
	if g := figure(func(r *Run) float64 { return per(float64(r.Rows), 1) }); g != nil {
		out.Rows = &g.Median
	}
	perMRow := func(cpu time.Duration, rows uint64) float64 { return per(cpu.Seconds()*1e6, float64(rows)) }
	perRow := func(n, rows uint64) float64 { return per(float64(n), float64(rows)) }
	spread(&out.BinlogMBPerS, "binlog_mb_per_s", func(r *Run) float64 { return per(float64(r.BinlogBytes)/1e6, r.Duration.Seconds()) })
	spread(&out.GatewayCPUSPerMRow, "gateway_cpu_s_per_mrow", func(r *Run) float64 { return perMRow(r.GatewayCPU, r.Rows) })
	spread(&out.TargetCPUSPerMRow, "target_cpu_s_per_mrow", func(r *Run) float64 { return perMRow(r.TargetCPU, r.Rows) })
	spread(&out.YardstickTargetCPUSPerMRow, "yardstick_target_cpu_s_per_mrow", func(r *Run) float64 { return perMRow(r.YardstickTargetCPU, r.YardstickRows) })
	spread(&out.AllocsPerRow, "allocs_per_row", func(r *Run) float64 { return perRow(r.Allocs, r.Rows) })
	spread(&out.PeakRSSMB, "peak_rss_mb", func(r *Run) float64 { return per(float64(r.PeakRSSBytes), 1<<20) })
	spread(&out.StatementsPerRow, "statements_per_row", func(r *Run) float64 { return perRow(r.Statements, r.Rows) })
	spread(&out.CommitsPerRow, "commits_per_row", func(r *Run) float64 { return perRow(r.Commits, r.Rows) })
	spread(&out.P50LagMS, "p50_lag_ms", func(r *Run) float64 { return r.lag(func(l *Lag) time.Duration { return l.P50 }) })
	spread(&out.P99LagMS, "p99_lag_ms", func(r *Run) float64 { return r.lag(func(l *Lag) time.Duration { return l.P99 }) })
}

// medianRate returns the points of the run nearest to the median rate, of
// those that have points.
func medianRate(runs []Run) []Point {
	var values []float64
	for i := range runs {
		values = append(values, runs[i].rowsPerS())
	}
	median := NewFigure(values)
	var best []Point
	least := math.Inf(1)
	for i := range runs {
		if median == nil || len(runs[i].Rate) == 0 {
			continue
		}
		if d := math.Abs(values[i] - median.Median); d < least {
			least, best = d, runs[i].Rate
		}
	}
	return slices.DeleteFunc(slices.Clone(best), func(p Point) bool { return !finite(p[0]) || !finite(p[1]) })
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Misses names the figures that are not what is wanted, by their field in JSON.
// One that is wanted and was not measured, as in a void result, is among them.
func (r *Result) Misses() []string {
	var out []string
	if r.Wanted > 0 {
		name, value := "ratio", r.Ratio
		if value == nil && r.YardstickRowsPerS == nil {
			name, value = "rows_per_s", r.RowsPerS
		}
		if value == nil || *value < r.Wanted {
			out = append(out, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Most)) {
		if v := r.limited(name); v == nil || *v > r.Most[name] {
			out = append(out, name)
		}
	}
	return out
}

// limited is a figure that Most can have.
func (r *Result) limited(name string) *float64 {
	switch name {
	case "allocs_per_row":
		return r.AllocsPerRow
	case "peak_rss_mb":
		return r.PeakRSSMB
	case "p99_lag_ms":
		return r.P99LagMS
	}
	return nil
}

// WriteJSON writes the results as one indented JSON list.
func WriteJSON(w io.Writer, results []Result) error {
	if results == nil {
		results = []Result{}
	}
	b, err := json.MarshalIndent(results, "", " ")
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote. Unknown keys are refused: they would be
// figures of another version that nobody compares.
func ReadJSON(r io.Reader) ([]Result, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var out []Result
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("read the results: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the results: something follows the list")
	}
	return out, nil
}
