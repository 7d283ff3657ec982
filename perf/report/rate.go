package report

import "io"

const (
	plotWidth  = 640.0
	plotHeight = 300.0
)

// RateSVG draws rows per second over time, one line for each result that has
// two points or more, with a legend on the right.
func RateSVG(w io.Writer, results []Result) error {
	const title = "Rows per second over time (s)"
	var lines []*Result
	most, longest, widest := 0.0, 0.0, 0.0
	for i := range results {
		r := &results[i]
		if len(r.Rate) < 2 {
			continue
		}
		lines = append(lines, r)
		widest = max(widest, textWidth(label(r)))
		for _, p := range r.Rate {
			if finite(p[0]) && finite(p[1]) {
				longest, most = max(longest, p[0]), max(most, p[1])
			}
		}
	}
	ys, xs := ticks(most, 6), ticks(longest, 10)
	left := margin + 8.0
	for _, v := range ys {
		left = max(left, margin+8+textWidth(tickLabel(v)))
	}
	top := margin + 2.0*lineGap
	legend := left + plotWidth + 24
	width := max(legend+26+widest+margin, margin+textWidth(title)+margin)
	height := top + max(plotHeight+lineGap+margin, float64(len(lines))*lineGap+margin)
	x := func(v float64) float64 { return left + v/xs[len(xs)-1]*plotWidth }
	y := func(v float64) float64 { return top + plotHeight - v/ys[len(ys)-1]*plotHeight }

	var d drawing
	d.text("title", margin, margin+fontSize, "start", inkColor, title)
	for _, v := range ys {
		d.line("grid", left, y(v), left+plotWidth, y(v), gridColor, 1)
		d.text("tick", left-8, y(v)+4, "end", fadedColor, tickLabel(v))
	}
	for _, v := range xs {
		d.line("grid", x(v), top+plotHeight, x(v), top+plotHeight+4, fadedColor, 1)
		d.text("tick", x(v), top+plotHeight+18, "middle", fadedColor, tickLabel(v))
	}
	for i, r := range lines {
		color, dash := lineColors[i%len(lineColors)], ""
		if i >= len(lineColors) {
			dash = "6 3"
		}
		var points [][2]float64
		for _, p := range r.Rate {
			if finite(p[0]) && finite(p[1]) {
				points = append(points, [2]float64{x(max(p[0], 0)), y(max(p[1], 0))})
			}
		}
		d.polyline("rate", points, color, dash)
		at := top + float64(i)*lineGap
		d.polyline("key", [][2]float64{{legend, at + 4}, {legend + 20, at + 4}}, color, dash)
		d.text("legend", legend+26, at+8, "start", inkColor, label(r))
	}
	if len(lines) == 0 {
		d.text("empty", left+plotWidth/2, top+plotHeight/2-lineGap/2, "middle", fadedColor, "no run has a rate over time")
	}
	return d.write(w, width, height, title)
}
