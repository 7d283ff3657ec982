package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Sizes in SVG units, which are pixels where a picture is not scaled.
const (
	fontSize = 12
	// glyph is the width that is reserved for a character: more than the mean
	// of a sans-serif face at fontSize.
	glyph   = 7.2
	lineGap = 20
	margin  = 16
)

const (
	inkColor    = "#1f2328"
	fadedColor  = "#57606a"
	gridColor   = "#d8dee4"
	paperColor  = "#ffffff"
	goodColor   = "#2f7fc1"
	badColor    = "#d1662a"
	wantedColor = "#a40e26"
)

// lineColors differ in lightness too; after the last they begin again, dashed.
var lineColors = []string{"#2f7fc1", "#d1662a", "#2a8c4a", "#8250df", "#a40e26", "#7d6b00", "#0a7a86", "#bf3989"}

func textWidth(s string) float64 { return float64(utf8.RuneCountInString(s)) * glyph }

// drawing collects the elements of a picture.
type drawing struct{ b strings.Builder }

// attr is an attribute's number: at most two decimals.
func attr(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

func (d *drawing) rect(class string, x, y, w, h float64, fill string) {
	fmt.Fprintf(&d.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", class, attr(x), attr(y), attr(w), attr(h), fill)
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64, color string, width float64) {
	fmt.Fprintf(&d.b, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%s"/>`+"\n",
		class, attr(x1), attr(y1), attr(x2), attr(y2), color, attr(width))
}

// text writes at a base line; anchor is start, middle or end.
func (d *drawing) text(class string, x, y float64, anchor, color, s string) {
	fmt.Fprintf(&d.b, `<text class="%s" x="%s" y="%s" text-anchor="%s" fill="%s">%s</text>`+"\n", class, attr(x), attr(y), anchor, color, escaped(s))
}

// polyline joins points, two numbers each.
func (d *drawing) polyline(class string, points [][2]float64, color, dash string) {
	var p strings.Builder
	for i, q := range points {
		if i > 0 {
			p.WriteByte(' ')
		}
		p.WriteString(attr(q[0]) + "," + attr(q[1]))
	}
	if dash != "" {
		dash = ` stroke-dasharray="` + dash + `"`
	}
	fmt.Fprintf(&d.b, `<polyline class="%s" points="%s" fill="none" stroke="%s" stroke-width="1.8" stroke-linejoin="round"%s/>`+"\n", class, p.String(), color, dash)
}

// write puts the elements on a background of their own, so that they can be
// read on a page of any colour.
func (d *drawing) write(w io.Writer, width, height float64, title string) error {
	size := attr(width) + " " + attr(height)
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s" width="%s" height="%s" font-family="system-ui, sans-serif" font-size="%d" role="img">
<title>%s</title>
<rect class="background" x="0" y="0" width="%s" height="%s" rx="6" fill="%s"/>
%s</svg>
`, size, attr(width), attr(height), fontSize, escaped(title), attr(width), attr(height), paperColor, d.b.String())
	if err != nil {
		return fmt.Errorf("write the chart: %w", err)
	}
	return nil
}

// ticks returns about n round numbers from 0 to the first that is not below
// most: 1, 2 or 5 times a power of ten apart.
func ticks(most float64, n int) []float64 {
	if !finite(most) || most <= 0 {
		most = 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most/float64(n))))
	step := power * 10
	for _, m := range []float64{1, 2, 5} {
		if most/(power*m) <= float64(n) {
			step = power * m
			break
		}
	}
	last := int(math.Ceil(most/step - 1e-9))
	out := make([]float64, 0, last+1)
	for i := 0; i <= last; i++ {
		out = append(out, float64(i)*step)
	}
	return out
}

// tickLabel writes a round number as short as it is: 20k, 1.5M, 0.25.
func tickLabel(v float64) string {
	suffix := ""
	switch {
	case v >= 1e6:
		v, suffix = v/1e6, "M"
	case v >= 1e4:
		v, suffix = v/1e3, "k"
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) + suffix
}

// label names a result in a chart.
func label(r *Result) string {
	if r.Target == "" {
		return r.Scenario
	}
	return r.Scenario + " (" + r.Target + ")"
}
