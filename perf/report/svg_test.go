package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// element is one of a picture.
type element struct {
	name, class, text string
	attrs             map[string]string
}

func (e *element) num(t *testing.T, name string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(e.attrs[name], 64)
	if err != nil {
		t.Fatalf("%s of %+v: %v", name, e, err)
	}
	return v
}

// picture parses an SVG and checks what holds for each: that it is XML, has no
// NaN, begins with a background as large as itself, and that its texts are
// inside and do not overlap.
func picture(t *testing.T, b []byte) map[string][]element {
	t.Helper()
	if s := string(b); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
		t.Errorf("a number is none:\n%s", s)
	}
	var list []element
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := element{name: tok.Name.Local, attrs: map[string]string{}}
			for _, a := range tok.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			e.class = e.attrs["class"]
			list = append(list, e)
		case xml.CharData:
			if len(list) > 0 {
				list[len(list)-1].text += strings.TrimSpace(string(tok))
			}
		}
	}
	if len(list) < 3 || list[0].name != "svg" || list[2].class != "background" || list[2].attrs["width"] != list[0].attrs["width"] ||
		list[2].attrs["height"] != list[0].attrs["height"] || list[2].attrs["fill"] == "none" {
		t.Fatalf("no background:\n%s", b)
	}
	width, height := list[0].num(t, "width"), list[0].num(t, "height")
	classes := map[string][]element{}
	var boxes []box
	for i := range list {
		e := &list[i]
		classes[e.class] = append(classes[e.class], *e)
		if e.name == "text" {
			boxes = append(boxes, boxOf(t, e))
		}
		if e.name == "rect" && (e.num(t, "width") < 0 || e.num(t, "x")+e.num(t, "width") > width+0.1) {
			t.Errorf("a rectangle sticks out: %+v", e)
		}
	}
	for i, a := range boxes {
		if a.left < 0 || a.right > width || a.top < 0 || a.bottom > height {
			t.Errorf("%q sticks out of %v x %v: %+v", a.text, width, height, a)
		}
		for _, b := range boxes[i+1:] {
			if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
				t.Errorf("%q and %q overlap: %+v %+v", a.text, b.text, a, b)
			}
		}
	}
	return classes
}

type box struct {
	left, right, top, bottom float64
	text                     string
}

func boxOf(t *testing.T, e *element) box {
	w, x, y := float64(utf8.RuneCountInString(e.text))*0.6*fontSize, e.num(t, "x"), e.num(t, "y")
	switch e.attrs["text-anchor"] {
	case "middle":
		x -= w / 2
	case "end":
		x -= w
	}
	return box{x, x + w, y - fontSize*0.8, y + fontSize*0.25, e.text}
}

// keep writes a picture where SLUICE_SVG_DIR says, to be looked at.
func keep(t *testing.T, name string, b []byte) {
	t.Helper()
	if dir := os.Getenv("SLUICE_SVG_DIR"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func wave(n int, scale float64) []Point {
	var out []Point
	for i := range n {
		out = append(out, Point{float64(i) / 2, scale * (1 + 0.3*math.Sin(float64(i)/3))})
	}
	return out
}

func TestRateSVG(t *testing.T) {
	for _, n := range []int{0, 1, 3, 12, 25} {
		for _, scale := range []float64{0.001, 7, 830, 45_000, 2_600_000} {
			var results []Result
			for i := range n {
				results = append(results, Result{Scenario: fmt.Sprintf("scenario <%d> & \"more\"", i), Target: "TiDB", Rate: wave(60+i, scale*float64(i+1))})
			}
			if n > 0 {
				results[0].Rate = append(results[0].Rate, Point{math.NaN(), 1}, Point{3, math.Inf(1)})
			}
			results = append(results, Result{Scenario: "without"}, Result{Scenario: "one point", Rate: wave(1, 5)})
			var b bytes.Buffer
			if err := RateSVG(&b, results); err != nil {
				t.Fatal(err)
			}
			p := picture(t, b.Bytes())
			if len(p["rate"]) != n || len(p["legend"]) != n || len(p["key"]) != n || len(p["tick"]) < 4 || (len(p["empty"]) == 1) != (n == 0) {
				t.Errorf("%d lines: %d, legend %d, ticks %d", n, len(p["rate"]), len(p["legend"]), len(p["tick"]))
			}
			for i, l := range p["rate"] {
				if got := len(strings.Fields(l.attrs["points"])); got != 60+i {
					t.Errorf("line %d has %d points", i, got)
				}
				if want := label(&results[i]); p["legend"][i].text != want {
					t.Errorf("legend %q, want %q", p["legend"][i].text, want)
				}
			}
			if n == 3 && scale == 45_000 {
				keep(t, "rate.svg", b.Bytes())
			}
		}
	}
}

func TestBarsSVG(t *testing.T) {
	fixed := func(scenario, target string, ratio, wanted float64) Result {
		least, most := ratio*0.9, ratio*1.15
		return Result{Scenario: scenario, Target: target, Ratio: &ratio, RatioMin: &least, RatioMax: &most, Wanted: wanted, Yardstick: "y"}
	}
	results := []Result{
		fixed("append only", "black hole", 3.42, 2), fixed("mixed & wide <rows>", "TiDB", 0.87, 0.8), fixed("hot row", "TiDB", 0.41, 0.5),
		fixed("copy", "black hole", 12.7, 0), {Scenario: "torn", Target: "TiDB", Void: true, Wanted: 0.9, Yardstick: "y"},
		{Scenario: "no yardstick", Target: "TiDB"}, {Scenario: "a void rate", Target: "MySQL", Void: true, Wanted: 50_000},
	}
	var b bytes.Buffer
	if err := BarsSVG(&b, results); err != nil {
		t.Fatal(err)
	}
	keep(t, "bars.svg", b.Bytes())
	p := picture(t, b.Bytes())
	if len(p["bar"]) != 4 || len(p["spread"]) != 4 || len(p["wanted"]) != 4 || len(p["scenario"]) != 6 || len(p["value"]) != 6 {
		t.Errorf("bars %d, spreads %d, wanted %d, names %d, values %d", len(p["bar"]), len(p["spread"]), len(p["wanted"]), len(p["scenario"]), len(p["value"]))
	}
	var groups, names []string
	for _, e := range p["group"] {
		groups = append(groups, e.text)
	}
	for _, e := range p["scenario"] {
		names = append(names, e.text)
	}
	if g, n := strings.Join(groups, ","), strings.Join(names, ","); g != "TiDB,black hole,MySQL" || n != "mixed & wide <rows>,hot row,torn,append only,copy,a void rate" {
		t.Errorf("groups %s, names %s", g, n)
	}
	if p["value"][0].text != "0.87 (0.78..1.00), wanted 0.80" || p["value"][2].text != "void" {
		t.Errorf("values %q, %q", p["value"][0].text, p["value"][2].text)
	}
	scale := p["bar"][3].num(t, "width") / 12.7
	for i, ratio := range []float64{0.87, 0.41, 3.42, 12.7} {
		if w := p["bar"][i].num(t, "width"); math.Abs(w-ratio*scale) > 0.02 {
			t.Errorf("bar %d is %v wide, want %v", i, w, ratio*scale)
		}
	}
	if p["bar"][0].attrs["fill"] != goodColor || p["bar"][1].attrs["fill"] != badColor {
		t.Errorf("colours %+v", p["bar"])
	}
	x := p["bar"][0].num(t, "x") + 0.8*scale
	if got := p["wanted"][0].num(t, "x1"); math.Abs(got-x) > 0.02 {
		t.Errorf("the wanted mark is at %v, want %v", got, x)
	}
	b.Reset()
	if err := BarsSVG(&b, nil); err != nil {
		t.Fatal(err)
	}
	if p := picture(t, b.Bytes()); len(p["empty"]) != 1 || len(p["bar"]) != 0 {
		t.Errorf("no result: %s", &b)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		most float64
		n    int
		want string
	}{{1, 5, "0 0.2 0.4 0.6 0.8 1"}, {47_000, 6, "0 10k 20k 30k 40k 50k"}, {0, 4, "0 0.5 1"}, {math.NaN(), 4, "0 0.5 1"}, {2.5e6, 6, "0 500k 1M 1.5M 2M 2.5M"}, {100, 10, "0 10 20 30 40 50 60 70 80 90 100"}} {
		var got []string
		for _, v := range ticks(c.most, c.n) {
			got = append(got, tickLabel(v))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v: %s, want %s", c.most, s, c.want)
		}
	}
	for most := 0.0007; most < 1e9; most *= 1.37 {
		got := ticks(most, 8)
		if len(got) < 3 || len(got) > 10 || got[len(got)-1] < most*(1-1e-9) || got[len(got)-2] >= most {
			t.Errorf("%v: %v", most, got)
		}
	}
}
