package plot

import (
	"math"
	"sort"
)

// Strip is one series of runs.
type Strip struct {
	Label   string
	Values  []float64 // NaN where not known
	Titles  []string  // of the values
	Sources []string
	Outlier []bool
	// What describes them; nil where not known.
	Median, Low, High, Q1, Q3 *float64
	Title                     string // of the box
	Source                    string
}

// DistributionChart shows every run, the quartiles as a box and the median
// with its interval.
type DistributionChart struct {
	Frame
	Axis, Unit string
	Strips     []Strip
	Zero       bool // whether 0 is in the picture, as a line: of changes
}

// manyDots is how many runs of a strip are drawn one by one. Beyond it equal
// columns of the picture are counted, and only outliers are dots.
const manyDots = 400

const stripHeight = 74.0

// Scene draws the chart.
func (c DistributionChart) Scene() *Scene {
	s, y := c.open()
	lo, hi := math.NaN(), math.NaN()
	labels := 0.0
	for i := range c.Strips {
		labels = math.Max(labels, textWidth(c.Strips[i].Label, normal))
		for _, v := range c.Strips[i].all() {
			lo, hi = least(lo, v), most(hi, v)
		}
	}
	labels = math.Min(labels, s.Width*0.3)
	if c.Zero {
		lo, hi = least(lo, 0), most(hi, 0)
	}
	lo, hi = widen(lo, hi, false)
	bottom := y + stripHeight*float64(len(c.Strips))
	a := newAxis(c.Axis, c.Unit, lo, hi, labels+16, s.Width-8, 7)
	s.bottom(a, y, bottom)
	if c.Zero {
		s.line(Ink, 1.25, Point{a.at(0), y}, Point{a.at(0), bottom})
	}
	for i := range c.Strips {
		strip, top := &c.Strips[i], y+stripHeight*float64(i)
		s.text(Ink, labels, top+46, normal, End, fit(strip.Label, labels+1, normal))
		if len(strip.all()) == countUnknown(strip.Values) {
			s.text(Muted, a.from+8, top+46, normal, Start, "not known")
		}
		s.box(strip, a.scale, top+46, SeriesRole(i))
		if len(strip.Values) > manyDots {
			s.counts(strip, a.scale, top, SeriesRole(i))
		} else {
			s.dots(strip, a.scale, top+22, SeriesRole(i))
		}
	}
	s.Height = bottom + 40
	return s
}

// all are the values that have to be in the picture.
func (s *Strip) all() []float64 {
	out := append([]float64(nil), s.Values...)
	for _, v := range []*float64{s.Median, s.Low, s.High, s.Q1, s.Q3} {
		if known(v) {
			out = append(out, *v)
		}
	}
	return out
}

func countUnknown(values []float64) (n int) {
	for _, v := range values {
		if math.IsNaN(v) {
			n++
		}
	}
	return n
}

func least(a, b float64) float64 {
	if math.IsNaN(b) || math.IsInf(b, 0) || a <= b {
		return a
	}
	return b
}

func most(a, b float64) float64 {
	if math.IsNaN(b) || math.IsInf(b, 0) || a >= b {
		return a
	}
	return b
}

// box draws the quartiles, and the median with its 95 % interval.
func (s *Scene) box(d *Strip, x scale, y float64, r Role) {
	if known(d.Q1) && known(d.Q3) {
		m := s.rect(r, x.at(*d.Q1), y-9, x.at(*d.Q3), y+9)
		m.opacity, m.title, m.source = 0.22, d.Title, d.Source
	}
	if known(d.Low) && known(d.High) {
		s.line(r, 2, Point{x.at(*d.Low), y}, Point{x.at(*d.High), y})
		for _, v := range []float64{*d.Low, *d.High} {
			s.line(r, 2, Point{x.at(v), y - 4}, Point{x.at(v), y + 4})
		}
	}
	if known(d.Median) {
		s.line(r, 3, Point{x.at(*d.Median), y - 9}, Point{x.at(*d.Median), y + 9})
		s.add(Mark{kind: circle, role: r, points: []Point{{x.at(*d.Median), y}}, size: 4, title: d.Title, source: d.Source})
	}
}

// dots draws every run; those that would cover one another stand one above the
// other.
func (s *Scene) dots(d *Strip, x scale, y float64, r Role) {
	order := make([]int, 0, len(d.Values))
	for i, v := range d.Values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return d.Values[order[a]] < d.Values[order[b]] })
	const radius = 3.0
	levels := [...]float64{0, -6, 6, -12, 12, -18}
	var free [len(levels)]float64 // the x from which a level has room
	for i := range free {
		free[i] = math.Inf(-1)
	}
	for _, i := range order {
		at, level := x.at(d.Values[i]), 0
		for level < len(levels)-1 && free[level] > at {
			level++
		}
		free[level] = at + 2*radius
		m := Mark{kind: circle, role: r, size: radius, points: []Point{{at, y + levels[level]}}, opacity: 0.75}
		if i < len(d.Outlier) && d.Outlier[i] {
			m.role, m.hollow, m.opacity, m.size = More, true, 1, radius+1
		}
		if i < len(d.Titles) {
			m.title = d.Titles[i]
		}
		if i < len(d.Sources) {
			m.source = d.Sources[i]
		}
		s.add(m)
	}
}

// counts draws how many runs fall into each stretch of the axis, and the
// outliers one by one as far as the picture tells them apart.
func (s *Scene) counts(d *Strip, x scale, top float64, r Role) {
	const width = 4.0
	n := make([]int, int((x.to-x.from)/width)+1)
	drawn := map[int]bool{}
	highest := 1
	for i, v := range d.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		at := x.at(v)
		c := min(max(int((at-x.from)/width), 0), len(n)-1)
		n[c]++
		highest = max(highest, n[c])
		if i < len(d.Outlier) && d.Outlier[i] && !drawn[int(at)] {
			drawn[int(at)] = true
			m := Mark{kind: circle, role: More, hollow: true, size: 4, points: []Point{{at, top + 28}}}
			if i < len(d.Titles) {
				m.title = d.Titles[i]
			}
			s.add(m)
		}
	}
	for c, count := range n {
		if count > 0 {
			h := math.Max(30*float64(count)/float64(highest), 0.75)
			left := x.from + float64(c)*width
			s.rect(r, left, top+32-h, left+width-0.5, top+32).opacity = 0.75
		}
	}
}
