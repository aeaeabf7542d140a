package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden pictures")

func ptr(v float64) *float64 { return &v }

// envelopeOf is a noisy power with one spike, at a kilohertz.
func envelopeOf(columns, samples int, base float64) *Envelope {
	rnd := rand.New(rand.NewPCG(5, uint64(base)))
	e := NewEnvelope(columns, 0, float64(samples)/1000)
	for i := range samples {
		w := base*(1+0.3*math.Sin(float64(i)/500)) + rnd.Float64()
		if i == samples/3 {
			w *= 2
		}
		if i < samples/2 || i > samples/2+200 {
			e.Add(float64(i)/1000, float64(i+1)/1000, w)
		}
	}
	return e
}

// tradeChart has two fields, bars of all kinds, a point that another covers and
// one without a value.
func tradeChart() TradeChart {
	c := TradeChart{Frame: Frame{Title: "Energy and time", Draw: true}, XAxis: "time", XUnit: "s", YAxis: "energy", YUnit: "J", Note: "numbers: workers",
		Keys: []XYKey{{Name: "512 MB", Look: Look{Role: SeriesRole(0)}}, {Name: "1024 MB", Look: Look{Role: SeriesRole(1), Shape: Diamond}}, {Name: "front", Look: Look{Role: Ink}, Line: true, Dashed: true}}}
	for _, name := range []string{"ARM", "x86"} {
		p := TradePanel{Title: name}
		for m := range 2 {
			s := TradeSeries{Look: Look{Role: SeriesRole(m), Shape: Shape(m)}}
			for i, workers := range []string{"28", "16", "8", "4"} {
				x, y := 10*float64(i+1)/float64(m+1), 400-60*float64(i)+90*float64(m)*float64(len(name)-2)
				s.Points = append(s.Points, TradePoint{Label: workers, X: x, Y: y, XLow: ptr(x - 1), XHigh: ptr(x + 2), YLow: ptr(y - 20), YHigh: ptr(y + 12), Title: name + " <" + workers + ">", Source: "b.json: cells"})
			}
			p.Series = append(p.Series, s)
		}
		c.Panels = append(c.Panels, p)
	}
	last := &c.Panels[1].Series[1]
	last.Points = append(last.Points, TradePoint{Label: "2", X: math.NaN(), Y: 3}, TradePoint{Label: "1", X: 20, Y: 100})
	return c
}

func charts() map[string]*Scene {
	frame := func(title string) Frame { return Frame{Title: title, Draw: true} }
	values := []float64{1.02, 1.01, 1, 0.99, 1.03, 1.012, 1.4, math.NaN(), 1.005, 1.01, 1.01}
	titles := make([]string, len(values))
	for i := range titles {
		titles[i] = "run <" + string(rune('a'+i)) + ">"
	}
	many := make([]float64, 10_000)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range many {
		many[i] = 1 + rnd.NormFloat64()*0.02
	}
	many[7] = 1.3
	outliers := make([]bool, len(many))
	outliers[7] = true
	return map[string]*Scene{
		"trade": tradeChart().Scene(),
		"power": PowerChart{Frame: frame("Power over time"), Lines: []PowerLine{
			{Name: "package-0", Role: SeriesRole(0), Envelope: envelopeOf(200, 4000, 60)},
			{Name: "package-0, target", Role: SeriesRole(0), Envelope: envelopeOf(200, 4000, 30), Dashed: true},
			{Name: "dram-0", Role: SeriesRole(1), Envelope: envelopeOf(200, 4000, 8)}},
			Stretches: envelopeOf(20, 4000, 60), Tell: func(int) string { return "a & b" }, Source: "r.json: samples"}.Scene(),
		"attribution": BarChart{Frame: frame("Whose joules"), Unit: "J", Axis: "energy", Legend: []string{"target", "others"},
			Roles: []Role{Target, Others}, Bars: []Bar{
				{Label: "package-0", Note: "993 J", Parts: []BarPart{{563, Target, "target: 563 J", "a"}, {31, Others, "others: 31 J", "b"}, {math.NaN(), Idle, "", ""}}},
				{Label: "dram-0", Note: "not known"}}}.Scene(),
		"distribution": DistributionChart{Frame: frame("Runs"), Axis: "energy", Unit: "J", Strips: []Strip{
			{Label: "./a", Values: values, Titles: titles, Outlier: []bool{false, false, false, false, false, false, true},
				Median: ptr(1.01), Low: ptr(1), High: ptr(1.02), Q1: ptr(0.998), Q3: ptr(1.02), Title: "median 1.01 J"},
			{Label: "./many", Values: many, Outlier: outliers, Median: ptr(1)},
			{Label: "nothing is known", Values: []float64{math.NaN()}}}}.Scene(),
		"comparison": ForestChart{Frame: frame("Change"), Axis: "change of energy", Effects: []Effect{
			{Label: "B against A", Value: ptr(-7.9), Low: ptr(-9.4), High: ptr(-6.2), Role: Less, Note: "-7.9 %", Title: "B uses less"},
			{Label: "C against A", Value: ptr(0.3), Low: ptr(-0.8), High: ptr(1.1), Role: None, Note: "0.3 %"},
			{Label: "D against A", Note: "not known", Role: None}}}.Scene(),
		"scatter": ScatterChart{Frame: frame("Energy and time"), XAxis: "time", XUnit: "s", YAxis: "energy", YUnit: "J", Points: []ScatterPoint{
			{Label: "A", X: 1, Y: 10, XLow: ptr(0.9), XHigh: ptr(1.2), YLow: ptr(9), YHigh: ptr(11), Role: SeriesRole(0), Title: "A"},
			{Label: "B", X: 2, Y: 7, Role: SeriesRole(1)}, {Label: "C", X: 3, Y: 8, Role: SeriesRole(2)}, {Label: "D", X: math.NaN(), Y: 8}}}.Scene(),
		"errors": BarChart{Frame: frame("Errors"), Unit: "%", Axis: "error", Legend: []string{"fitted"}, Roles: []Role{SeriesRole(0)}, Bars: []Bar{
			{Label: "T1", Note: "4.1 %", Low: ptr(2.1), High: ptr(5.8), Parts: []BarPart{{4.1, SeriesRole(0), "T1: 4.1 %", "c.json: models[0]"}}},
			{Label: "T2", Note: "9 %", Low: ptr(8), Parts: []BarPart{{9, SeriesRole(0), "T2: 9 %", ""}}}}}.Scene(),
		"parity":    parity().Scene(),
		"lines":     lines().Scene(),
		"residuals": residuals().Scene(),
		"no-points": XYChart{Frame: Frame{Title: "Nothing"}, Panels: []XYPanel{{Points: []XYPoint{{X: math.NaN(), Y: 1}}}}}.Scene(),
		"no-panels": XYChart{Frame: Frame{Title: "Nothing"}}.Scene(),
		"no-cells":  MatrixChart{Frame: Frame{Title: "Nothing"}, Marked: -1}.Scene(),
		"empty":     PowerChart{Frame: Frame{Title: "Nothing"}}.Scene(),
	}
}

// parity has two panels, and every shape.
func parity() XYChart {
	c := XYChart{Frame: Frame{Title: "Measured and modelled", Draw: true}, XAxis: "measured", XUnit: "W", YAxis: "modelled", YUnit: "W", Parity: true,
		Panels: []XYPanel{{Title: "T1"}, {Title: "TDP x utilisation"}}}
	for shape := Dot; shape <= Cross; shape++ {
		for k, hollow := range []bool{true, false} {
			l := Look{SeriesRole(int(shape)), shape, hollow}
			c.Keys = append(c.Keys, XYKey{Name: "set " + string(rune('a'+2*int(shape)+k)), Look: l})
			x := 60 + 40*float64(shape) + 15*float64(k)
			c.Panels[k].Points = append(c.Panels[k].Points, XYPoint{X: x, Y: x*1.1 - 20, Look: l, Title: "a & b", Source: "c.json: points[0]"}, XYPoint{X: math.NaN(), Y: x, Look: l})
		}
	}
	return c
}

// lines have names that would lie upon each other, and one of nothing.
func lines() XYChart {
	c := XYChart{Frame: Frame{Title: "Power over load", Draw: true}, XAxis: "load", XUnit: "%", YAxis: "power", YUnit: "W",
		Keys: []XYKey{{Name: "alu", Look: Look{Role: SeriesRole(0)}}, {Name: "a model", Look: Look{Role: Ink}, Line: true, Dashed: true}}}
	p := XYPanel{Points: []XYPoint{{X: 50, Y: 180, Look: Look{Role: SeriesRole(0)}, Title: "alu"}}}
	for i, name := range []string{"one", "another", "a third"} {
		p.Lines = append(p.Lines, XYLine{Name: name, Role: SeriesRole(i), Dashed: i > 0, Values: []Point{{0, 40}, {50, 150}, {100, 200 + float64(i)}}})
	}
	p.Lines = append(p.Lines, XYLine{Name: "nothing", Role: SeriesRole(3)})
	c.Panels = []XYPanel{p}
	return c
}

func residuals() MatrixChart {
	cell := func(v float64, text string) MatrixCell {
		return MatrixCell{Value: v, Text: text, Title: text + " W", Source: "c.json: models[0].bands[0]"}
	}
	return MatrixChart{Frame: Frame{Title: "Residuals", Draw: true}, Axis: "load", Values: "mean error", Unit: "W", More: More, Less: SeriesRole(0), Legend: [2]string{"too much", "too little"},
		Columns: []string{"idle", "0–50 %", "50–100 %"}, Rows: []string{"tdp-naive", "T1 (chosen)"}, Marked: 1,
		Cells: [][]MatrixCell{{cell(-62.9, "-62.9"), cell(31, "+31.0"), cell(66.5, "+66.5")}, {cell(0, "0.0"), cell(-0.3, "-0.3"), {Value: math.NaN()}}}}
}

// TestLineNames: each can be read, and stands within the panel.
func TestLineNames(t *testing.T) {
	var ys []float64
	s := lines().Scene()
	for _, m := range s.marks {
		if m.kind == text && (m.label == "one" || m.label == "another" || m.label == "a third") {
			ys = append(ys, m.points[0].Y)
		}
		if m.label == "nothing" {
			t.Error("a line of nothing has a name")
		}
	}
	sort.Float64s(ys)
	if len(ys) != 3 || ys[1]-ys[0] < 12 || ys[2]-ys[1] < 12 || ys[2] > s.Height-36 {
		t.Errorf("names at %v in a picture %v high", ys, s.Height)
	}
}

// TestShapes: points of every shape are of about one size, so that none looks
// as if it weighed more, and lie around their place.
func TestShapes(t *testing.T) {
	var dot float64
	for shape := Dot; shape <= Cross; shape++ {
		var s Scene
		m := s.point(10, 20, 4, Look{Role: Ink, Shape: shape})
		pts := m.points
		if shape == Dot {
			pts = rim(m.points[0], m.size)
			pts = pts[:len(pts)-1]
		}
		twice, x, y := 0.0, 0.0, 0.0
		for i, p := range pts {
			q := pts[(i+1)%len(pts)]
			twice += p.X*q.Y - q.X*p.Y
			x, y = x+p.X/float64(len(pts)), y+p.Y/float64(len(pts))
		}
		size := math.Abs(twice) / 2
		if shape == Dot {
			dot = size
		}
		if size < 0.5*dot || size > 1.3*dot || math.Abs(x-10) > 0.01 || math.Abs(y-20) > 1 {
			t.Errorf("shape %d: an area of %.1f around %.1f, %.1f; a dot's is %.1f", shape, size, x, y, dot)
		}
	}
}

// TestGolden compares pictures as SVG, which differ as text does, and checks
// that they are well formed.
func TestGolden(t *testing.T) {
	for name, s := range charts() {
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if err := wellFormed(b.Bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		path := filepath.Join("testdata", name+".svg")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, b.Bytes()) {
			t.Errorf("%s differs; if it should, go test ./internal/plot -update, and look at it", path)
		}
	}
}

func wellFormed(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestPNG: a picture of the right size with something of every colour used.
func TestPNG(t *testing.T) {
	for name, s := range charts() {
		var b bytes.Buffer
		if err := s.PNG(&b); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := float64(img.Bounds().Dx()); got != (s.Width+2*margin)*pixels {
			t.Errorf("%s: %v pixels wide", name, got)
		}
		c, err := s.draw()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[[3]uint8]bool{}
		for i := 0; i < len(c.img.Pix); i += 4 {
			if rgb := [3]uint8(c.img.Pix[i : i+3]); !seen[rgb] {
				seen[rgb] = true
			}
		}
		for _, m := range s.marks {
			c, visible := lightColor(m.role)
			if visible && (m.opacity == 0 || m.opacity == 1) && m.kind != text && !m.hollow && m.size != 1.25 && !seen[[3]uint8{c.R, c.G, c.B}] {
				t.Errorf("%s: nothing has the colour of %s", name, m.role)
			}
		}
	}
}

// TestHostileText: what comes from outside is text, in the picture and on
// hover.
func TestHostileText(t *testing.T) {
	evil := "</title><script>alert(1)</script>\x00\x1b\xff\" onload=\"x"
	s := BarChart{Frame: Frame{Title: evil, Draw: true}, Bars: []Bar{{Label: evil, Parts: []BarPart{{1, Target, evil, evil}}}}}.Scene()
	var b bytes.Buffer
	if err := s.SVG(&b); err != nil {
		t.Fatal(err)
	}
	if err := wellFormed(b.Bytes()); err != nil {
		t.Error(err)
	}
	if strings.Contains(b.String(), "<script") || strings.Contains(b.String(), `" onload`) {
		t.Errorf("%s", b.String())
	}
	if err := s.PNG(io.Discard); err != nil {
		t.Error(err)
	}
}

// TestEnvelopeKeepsExtremes: whatever the samples, each lies within what its
// columns show, the extremes are those of the samples, and the mean lies
// between them.
func TestEnvelopeKeepsExtremes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for range 100 {
		columns, n := 1+rnd.IntN(200), 1+rnd.IntN(1500)
		end := math.Exp(rnd.Float64()*12 - 4)
		e := NewEnvelope(columns, 0, end)
		cuts := make([]float64, n+1)
		for i := range cuts {
			cuts[i] = end * float64(i) / float64(n)
			if i > 0 && i < n {
				cuts[i] += (rnd.Float64() - 0.5) * end / float64(n)
			}
		}
		least, most, weighted := math.Inf(1), math.Inf(-1), 0.0
		for i := range n {
			v := rnd.NormFloat64() * math.Exp(3*rnd.Float64())
			e.Add(cuts[i], cuts[i+1], v)
			least, most, weighted = math.Min(least, v), math.Max(most, v), weighted+v*(cuts[i+1]-cuts[i])
			held := false
			for c := range columns {
				from, to, low, _, high := e.At(c)
				if from < cuts[i+1] && to > cuts[i] && low <= v && v <= high {
					held = true
				}
			}
			if !held {
				t.Fatalf("sample %d of %d, %v, is in no column of %d", i, n, v, columns)
			}
		}
		if e.Least() != least || e.Most() != most {
			t.Fatalf("extremes %v to %v became %v to %v", least, most, e.Least(), e.Most())
		}
		if j := e.Join(1 + rnd.IntN(20)); j.Least() != least || j.Most() != most {
			t.Fatalf("extremes %v to %v became %v to %v in joined columns", least, most, j.Least(), j.Most())
		}
		integral := 0.0
		for c := range columns {
			from, to, low, mean, high := e.At(c)
			if mean < low || mean > high {
				t.Fatalf("mean %v outside %v to %v", mean, low, high)
			}
			if !math.IsNaN(mean) {
				integral += mean * (to - from)
			}
		}
		if n >= columns && math.Abs(integral-weighted) > 1e-6*end*(math.Abs(least)+math.Abs(most)) {
			t.Fatalf("the integral %v became %v", weighted, integral)
		}
	}
}

func TestEnvelopeTakesNoNonsense(t *testing.T) {
	e := NewEnvelope(0, 0, 0)
	e.Add(0, 1, 1)
	e = NewEnvelope(10, 0, 1)
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		e.Add(0, 1, v)
	}
	e.Add(1, 0.5, 3)
	e.Add(math.NaN(), 0.5, 3)
	if !math.IsNaN(e.Most()) || !math.IsNaN(e.Least()) {
		t.Errorf("%v to %v of nothing", e.Least(), e.Most())
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		n      int
		want   []float64
	}{
		{0, 10, 5, []float64{0, 2, 4, 6, 8, 10}},
		{-1, 1, 4, []float64{-1, -0.5, 0, 0.5, 1}},
		{0.9, 1.1, 4, []float64{0.9, 0.95, 1, 1.05, 1.1}},
		{3, 3, 4, nil}, {math.NaN(), 1, 4, nil}, {0, math.Inf(1), 3, nil},
	} {
		got, _ := Ticks(c.lo, c.hi, c.n)
		if len(got) != len(c.want) {
			t.Errorf("%v to %v: %v, want %v", c.lo, c.hi, got, c.want)
			continue
		}
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-9 {
				t.Errorf("%v to %v: %v, want %v", c.lo, c.hi, got, c.want)
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 9))
	for range 2000 {
		lo := rnd.NormFloat64() * math.Pow(10, float64(rnd.IntN(30)-15))
		hi := lo + math.Abs(rnd.NormFloat64())*math.Pow(10, float64(rnd.IntN(30)-15))
		n := 1 + rnd.IntN(10)
		got, step := Ticks(lo, hi, n)
		if lead := step / math.Pow(10, math.Floor(math.Log10(step)+1e-9)); step > 0 && math.Abs(lead-1) > 1e-6 && math.Abs(lead-2) > 1e-6 && math.Abs(lead-5) > 1e-6 {
			t.Errorf("a step of %v", step)
		}
		if len(got) > n*8/5+2 {
			t.Errorf("%d ticks from %v to %v, want about %d", len(got), lo, hi, n)
		}
	}
}

func TestAxisLabels(t *testing.T) {
	for _, c := range []struct {
		unit   string
		lo, hi float64
		want   string
		name   string
	}{
		{"J", 0, 10_000, "0 2 4 6 8 10", "x (kJ)"},
		{"s", 0, 0.05, "0 10 20 30 40 50", "x (ms)"},
		{"%", -2000, 0, "-2000 -1500 -1000 -500 0", "x (%)"},
		{"J", 1.002, 1.01, "1.002 1.004 1.006 1.008 1.010", "x (J)"},
		{"", 0, 1, "0.0 0.2 0.4 0.6 0.8 1.0", "x"},
	} {
		a := newAxis("x", c.unit, c.lo, c.hi, 0, 100, 5)
		if got := strings.Join(a.labels, " "); got != c.want || a.name != c.name {
			t.Errorf("%v to %v: %s, %s; want %s, %s", c.lo, c.hi, got, a.name, c.want, c.name)
		}
	}
}

// TestPareto: no point of the front is beaten, every other one is.
func TestPareto(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 3))
	for range 200 {
		points := make([]ScatterPoint, 1+rnd.IntN(40))
		for i := range points {
			points[i].X, points[i].Y = float64(rnd.IntN(12)), float64(rnd.IntN(12))
		}
		points = append(points, ScatterPoint{X: math.NaN(), Y: -1})
		on := map[[2]float64]bool{}
		for _, i := range Pareto(points) {
			on[[2]float64{points[i].X, points[i].Y}] = true
		}
		for _, p := range points[:len(points)-1] {
			beaten := false
			for _, q := range points[:len(points)-1] {
				beaten = beaten || q.X <= p.X && q.Y <= p.Y && (q.X < p.X || q.Y < p.Y)
			}
			if beaten == on[[2]float64{p.X, p.Y}] {
				t.Fatalf("%v, %v: beaten %v", p.X, p.Y, beaten)
			}
		}
	}
}

func BenchmarkEnvelope(b *testing.B) {
	for b.Loop() {
		envelopeOf(800, 100_000, 60)
	}
}
