package report

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// compared is one figure of a comparison.
type compared struct {
	name   string
	more   bool // more is better
	value  func(*Result) *float64
	spread func(*Result) (least, most *float64)
}

// fromSpread finds a figure's min and max by the name in JSON.
func fromSpread(key string) func(*Result) (*float64, *float64) {
	return func(r *Result) (*float64, *float64) {
		s, ok := r.Spread[key]
		if !ok {
			return nil, nil
		}
		return &s[0], &s[1]
	}
}

// comparisons lists the figures that Compare shows, in their order.
var comparisons = []compared{
	{"rows/s", true, func(r *Result) *float64 { return r.RowsPerS }, func(r *Result) (*float64, *float64) { return r.RowsPerSMin, r.RowsPerSMax }},
	{"ratio", true, func(r *Result) *float64 { return r.Ratio }, func(r *Result) (*float64, *float64) { return r.RatioMin, r.RatioMax }},
	{"gateway CPU s/Mrow", false, func(r *Result) *float64 { return r.GatewayCPUSPerMRow }, fromSpread("gateway_cpu_s_per_mrow")},
	{"target CPU s/Mrow", false, func(r *Result) *float64 { return r.TargetCPUSPerMRow }, fromSpread("target_cpu_s_per_mrow")},
	{"allocs/row", false, func(r *Result) *float64 { return r.AllocsPerRow }, fromSpread("allocs_per_row")},
	{"peak RSS MB", false, func(r *Result) *float64 { return r.PeakRSSMB }, fromSpread("peak_rss_mb")},
	{"p99 lag ms", false, func(r *Result) *float64 { return r.P99LagMS }, fromSpread("p99_lag_ms")},
}

// Compare writes what changed from a to b, a line a figure that either has. A
// change is marked, as better or worse, when no run of the one lies within the
// other's min..max; results of fewer than two runs have no spread to tell by
// and are never marked.
func Compare(w io.Writer, a, b []Result) error {
	rows := [][]string{{"scenario", "target", "figure", "a", "b", "change %", ""}}
	type key struct{ scenario, target string }
	var order []key
	pairs := map[key]*[2]*Result{}
	for side, list := range [][]Result{a, b} {
		for i := range list {
			k := key{list[i].Scenario, list[i].Target}
			if pairs[k] == nil {
				pairs[k] = new([2]*Result)
				order = append(order, k)
			}
			pairs[k][side] = &list[i]
		}
	}
	for _, k := range order {
		x, y := pairs[k][0], pairs[k][1]
		for i := range comparisons {
			c := &comparisons[i]
			was, is := c.of(x), c.of(y)
			if was == nil && is == nil {
				continue
			}
			rows = append(rows, []string{k.scenario, k.target, c.name, number(was), number(is), change(was, is), c.mark(x, y)})
		}
		if state := validity(x) + " to " + validity(y); state != "valid to valid" {
			rows = append(rows, []string{k.scenario, k.target, "state", validity(x), validity(y), "-", ""})
		}
	}
	var out strings.Builder
	align(&out, rows, 3)
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

func validity(r *Result) string {
	switch {
	case r == nil:
		return "absent"
	case r.Void:
		return "void"
	}
	return "valid"
}

func (c *compared) of(r *Result) *float64 {
	if r == nil {
		return nil
	}
	return c.value(r)
}

// change is the difference in per cent of the first.
func change(was, is *float64) string {
	if was == nil || is == nil || *was == 0 {
		return "-"
	}
	return fmt.Sprintf("%+.1f", (*is-*was)/math.Abs(*was)*100)
}

func (c *compared) mark(a, b *Result) string {
	if a == nil || b == nil || a.Runs < 2 || b.Runs < 2 {
		return ""
	}
	aLeast, aMost := c.spread(a)
	bLeast, bMost := c.spread(b)
	if aLeast == nil || aMost == nil || bLeast == nil || bMost == nil {
		return ""
	}
	up, down := *bLeast > *aMost, *bMost < *aLeast
	switch {
	case up && c.more, down && !c.more:
		return "better"
	case up, down:
		return "worse"
	}
	return ""
}
