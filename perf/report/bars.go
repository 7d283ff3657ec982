package report

import (
	"io"
	"slices"
	"strings"
)

const (
	barsWidth = 420.0
	barHeight = 14.0
	rowHeight = 26.0
)

// BarsSVG draws the ratios to the yardstick as horizontal bars with the
// min..max of the runs, grouped by target: TiDB first, the black hole next. A
// red mark shows the wanted ratio, and a bar below it has another colour. Void
// results have no bar but say so; results without a ratio are left out.
func BarsSVG(w io.Writer, results []Result) error {
	const title = "Ratio to the yardstick: median of the runs, line from min to max, red mark: wanted"
	groups := byTarget(results)
	most, names, values := 1.0, 0.0, 0.0
	count := 0
	for _, g := range groups {
		names = max(names, textWidth(g[0].Target))
		for _, r := range g {
			count++
			names, values = max(names, textWidth(r.Scenario)), max(values, textWidth(barLabel(r)))
			most = max(most, wantedRatio(r))
			for _, v := range []*float64{r.Ratio, r.RatioMax} {
				if v != nil && finite(*v) {
					most = max(most, *v)
				}
			}
		}
	}
	xs := ticks(most, 8)
	left := margin + names + 10
	x := func(v float64) float64 { return left + v/xs[len(xs)-1]*barsWidth }
	top := margin + 2.0*lineGap
	bottom := top + rowHeight*float64(count+len(groups))
	width := max(left+barsWidth+12+values, margin+textWidth(title)) + margin

	var d drawing
	d.text("title", margin, margin+fontSize, "start", inkColor, title)
	if count == 0 {
		d.text("empty", left+barsWidth/2, top+rowHeight/2, "middle", fadedColor, "no result has a ratio")
		bottom = top + rowHeight
	}
	for _, v := range xs {
		d.line("grid", x(v), top, x(v), bottom, gridColor, 1)
		d.text("tick", x(v), bottom+16, "middle", fadedColor, tickLabel(v))
	}
	at := top
	for _, g := range groups {
		d.text("group", margin, at+rowHeight-9, "start", fadedColor, g[0].Target)
		at += rowHeight
		for _, r := range g {
			d.bar(r, at, left, x)
			d.text("value", left+barsWidth+12, at+rowHeight/2+4, "start", inkColor, barLabel(r))
			at += rowHeight
		}
	}
	return d.write(w, width, bottom+16+margin, title)
}

// bar draws one result's row, whose top is at.
func (d *drawing) bar(r *Result, at, left float64, x func(float64) float64) {
	middle := at + rowHeight/2
	d.text("scenario", left-10, middle+4, "end", inkColor, r.Scenario)
	if r.Ratio != nil && finite(*r.Ratio) {
		color := goodColor
		if slices.Contains(r.Misses(), "ratio") {
			color = badColor
		}
		d.rect("bar", left, middle-barHeight/2, x(max(*r.Ratio, 0))-left, barHeight, color)
		if r.RatioMin != nil && r.RatioMax != nil && finite(*r.RatioMin) && finite(*r.RatioMax) {
			d.line("spread", x(max(*r.RatioMin, 0)), middle, x(max(*r.RatioMax, 0)), middle, inkColor, 1.5)
		}
	}
	if v := wantedRatio(r); v > 0 {
		d.line("wanted", x(v), middle-barHeight/2-3, x(v), middle+barHeight/2+3, wantedColor, 2.5)
	}
}

// wantedRatio is the wanted ratio; 0 where none is, or where Wanted is a rate.
func wantedRatio(r *Result) float64 {
	if !finite(r.Wanted) || r.Ratio == nil && r.Yardstick == "" {
		return 0
	}
	return max(r.Wanted, 0)
}

func barLabel(r *Result) string {
	if r.Void {
		return "void"
	}
	s := ranged(r.Ratio, r.RatioMin, r.RatioMax)
	if wantedRatio(r) > 0 {
		s += ", wanted " + number(&r.Wanted)
	}
	return s
}

// byTarget groups the results that have a ratio or are void, in the order of
// their coming but for TiDB and the black hole.
func byTarget(results []Result) [][]*Result {
	var groups [][]*Result
	for i := range results {
		r := &results[i]
		if r.Ratio == nil && !r.Void {
			continue
		}
		n := slices.IndexFunc(groups, func(g []*Result) bool { return g[0].Target == r.Target })
		if n < 0 {
			n = len(groups)
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], r)
	}
	rank := func(g []*Result) int {
		switch name := strings.ToLower(g[0].Target); {
		case strings.Contains(name, "hole"):
			return 1
		case strings.Contains(name, "tidb"):
			return 0
		}
		return 2
	}
	slices.SortStableFunc(groups, func(a, b []*Result) int { return rank(a) - rank(b) })
	return groups
}
