package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteTable writes the results as an aligned text table, medians with their
// (min..max), and below it what the yardsticks are and the notes. "-" is what
// was not measured, "!" a figure that is not as wanted.
func WriteTable(w io.Writer, results []Result) error {
	rows := [][]string{{"scenario", "target", "runs", "rows/s", "yardstick", "ratio", "wanted", "gateway CPU", "target CPU", "yardstick CPU",
		"allocs/row", "stmts/row", "commits/row", "RSS MB", "MB/s", "p50 ms", "p99 ms", "diffs"}}
	for i := range results {
		r := &results[i]
		runs := strconv.Itoa(r.Runs)
		if r.VoidRuns > 0 {
			runs += "+" + strconv.Itoa(r.VoidRuns) + " void"
		}
		wanted := "-"
		missed := r.Misses()
		mark := func(text, name string) string {
			if slices.Contains(missed, name) {
				return text + " !"
			}
			return text
		}
		if r.Wanted > 0 {
			wanted = mark(mark(number(&r.Wanted), "ratio"), "rows_per_s")
		}
		diffs := "-"
		if r.Differences != nil {
			diffs = strconv.FormatUint(*r.Differences, 10)
		}
		rows = append(rows, []string{r.Scenario, r.Target, runs, ranged(r.RowsPerS, r.RowsPerSMin, r.RowsPerSMax), number(r.YardstickRowsPerS),
			ranged(r.Ratio, r.RatioMin, r.RatioMax), wanted, number(r.GatewayCPUSPerMRow), number(r.TargetCPUSPerMRow),
			number(r.YardstickTargetCPUSPerMRow), mark(number(r.AllocsPerRow), "allocs_per_row"), number(r.StatementsPerRow), number(r.CommitsPerRow),
			mark(number(r.PeakRSSMB), "peak_rss_mb"), number(r.BinlogMBPerS), number(r.P50LagMS), mark(number(r.P99LagMS), "p99_lag_ms"), diffs})
	}
	var b strings.Builder
	align(&b, rows, 2)
	b.WriteString("CPU: seconds per million rows. yardstick: its rows/s\n")
	writeSpread(&b, results)
	for i := range results {
		r := &results[i]
		if r.Yardstick != "" {
			fmt.Fprintf(&b, "%s (%s): the yardstick is %s\n", r.Scenario, r.Target, r.Yardstick)
		}
		for _, name := range misses(r) {
			fmt.Fprintf(&b, "%s (%s): %s\n", r.Scenario, r.Target, name)
		}
		if r.Note != "" {
			fmt.Fprintf(&b, "%s (%s): %s\n", r.Scenario, r.Target, r.Note)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// misses says which figures are not as wanted.
func misses(r *Result) []string {
	var out []string
	for _, name := range r.Misses() {
		if most, ok := r.Most[name]; ok {
			out = append(out, fmt.Sprintf("%s is %s, and at most %s is wanted", name, number(r.limited(name)), number(&most)))
		} else {
			out = append(out, fmt.Sprintf("%s is below what is wanted", name))
		}
	}
	return out
}

// spreads are the figures of Result.Spread with their column's heads.
var spreads = []struct{ head, name string }{
	{"yardstick", "yardstick_rows_per_s"}, {"gateway CPU", "gateway_cpu_s_per_mrow"}, {"target CPU", "target_cpu_s_per_mrow"}, {"yardstick CPU", "yardstick_target_cpu_s_per_mrow"},
	{"allocs/row", "allocs_per_row"}, {"stmts/row", "statements_per_row"}, {"commits/row", "commits_per_row"}, {"RSS MB", "peak_rss_mb"},
	{"MB/s", "binlog_mb_per_s"}, {"p50 ms", "p50_lag_ms"}, {"p99 ms", "p99_lag_ms"},
}

// writeSpread writes the min..max of what the first table has only medians of,
// for the results of several runs.
func writeSpread(b *strings.Builder, results []Result) {
	head := []string{"min..max", "target"}
	for _, s := range spreads {
		head = append(head, s.head)
	}
	rows := [][]string{head}
	for i := range results {
		r := &results[i]
		if r.Runs < 2 {
			continue
		}
		row := []string{r.Scenario, r.Target}
		for _, s := range spreads {
			cell := "-"
			if v, ok := r.Spread[s.name]; ok {
				cell = number(&v[0]) + ".." + number(&v[1])
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	if len(rows) > 1 {
		b.WriteByte('\n')
		align(b, rows, 2)
		b.WriteByte('\n')
	}
}

// align writes rows of equal length: the first left columns to the left, the
// others to the right. A line of dashes is below the first row.
func align(b *strings.Builder, rows [][]string, left int) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string, fill string) {
		var l strings.Builder
		for i, cell := range row {
			if i > 0 {
				l.WriteString("  ")
			}
			gap := strings.Repeat(fill, width[i]-utf8.RuneCountInString(cell))
			if i < left {
				l.WriteString(cell + gap)
			} else {
				l.WriteString(gap + cell)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(rows[0], " ")
	line(make([]string, len(width)), "-")
	for _, row := range rows[1:] {
		line(row, " ")
	}
}

// ranged writes median (min..max), or the median alone where all are the same
// in what is shown.
func ranged(median, least, most *float64) string {
	m := number(median)
	if least == nil || most == nil || number(least) == m && number(most) == m {
		return m
	}
	return m + " (" + number(least) + ".." + number(most) + ")"
}

// number writes three significant digits, thousands whole and in groups.
func number(x *float64) string {
	if x == nil || !finite(*x) {
		return "-"
	}
	v := *x
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0"
	case a >= 99.95:
		return grouped(math.Round(v))
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.01:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// grouped writes a whole number with commas.
func grouped(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}
