package plot

import (
	"math"
	"sort"
)

// XYPoint is one measurement.
type XYPoint struct {
	X, Y float64
	Look
	Title, Source string
}

// XYLine joins values. Its name stands at its right end.
type XYLine struct {
	Name   string
	Role   Role
	Dashed bool
	Values []Point // in the units of the axes, from left to right
}

// XYKey is an entry of the legend: points, or a line.
type XYKey struct {
	Name string
	Look
	Line, Dashed bool
}

// XYPanel is a field of points and lines.
type XYPanel struct {
	Title  string
	Points []XYPoint
	Lines  []XYLine
}

// XYChart sets one quantity against another, in panels side by side that share
// their axes, so that what is higher in one is higher in the other.
type XYChart struct {
	Frame
	XAxis, XUnit, YAxis, YUnit string
	Keys                       []XYKey
	Panels                     []XYPanel
	// Parity draws where both quantities are the same, and gives both axes one
	// range.
	Parity bool
}

// Scene draws the chart.
func (c XYChart) Scene() *Scene {
	s, y := c.open()
	y = s.keys(y, c.Keys)
	if len(c.Panels) == 0 {
		s.Height = y
		return s
	}
	x, v := c.ranges()
	const between = 26.0
	labels := 0.0 // of lines, right of each panel
	for _, p := range c.Panels {
		for _, l := range p.Lines {
			labels = math.Max(labels, textWidth(l.Name, small)+8)
		}
	}
	n := float64(len(c.Panels))
	width := (s.Width - between*(n-1)) / n
	top := y + 20
	if c.titled() {
		top += 20
	}
	height := 300.0
	if c.Parity {
		height = math.Min(width-40, 400)
	}
	for i, p := range c.Panels {
		left := (width + between) * float64(i)
		c.panel(s, p, left, left+width-labels-8, y, top, top+height, x, v)
	}
	s.Height = top + height + 40
	return s
}

func (c XYChart) titled() bool {
	for _, p := range c.Panels {
		if p.Title != "" {
			return true
		}
	}
	return false
}

// keys draws a legend of points and lines.
func (s *Scene) keys(y float64, keys []XYKey) float64 {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return s.legend(y, names, func(i int, x, y float64) {
		k := keys[i]
		if k.Line {
			s.add(Mark{kind: line, role: k.Role, size: 2, points: []Point{{x, y + 6.5}, {x + 10, y + 6.5}}, dashed: k.Dashed})
			return
		}
		s.point(x+5, y+6.5, 4, k.Look)
	})
}

// ranges are those of both axes, over all panels.
func (c XYChart) ranges() (x, y [2]float64) {
	xlo, xhi, ylo, yhi := math.NaN(), math.NaN(), math.NaN(), math.NaN()
	take := func(px, py float64) {
		xlo, xhi, ylo, yhi = least(xlo, px), most(xhi, px), least(ylo, py), most(yhi, py)
	}
	for _, p := range c.Panels {
		for _, q := range p.Points {
			take(q.X, q.Y)
		}
		for _, l := range p.Lines {
			for _, q := range l.Values {
				take(q.X, q.Y)
			}
		}
	}
	if c.Parity {
		xlo, xhi = least(xlo, ylo), most(xhi, yhi)
		ylo, yhi = xlo, xhi
	}
	xlo, xhi = widen(xlo, xhi, xlo >= 0 && xlo < xhi/3)
	ylo, yhi = widen(ylo, yhi, ylo >= 0 && ylo < yhi/3)
	return [2]float64{xlo, xhi}, [2]float64{ylo, yhi}
}

// panel draws one field, from left to right without the names of its lines, its
// data between top and bottom.
func (c XYChart) panel(s *Scene, p XYPanel, left, right, y, top, bottom float64, xs, ys [2]float64) {
	vertical := newAxis(c.YAxis, c.YUnit, ys[0], ys[1], bottom, top, 6)
	x0 := left + vertical.widest() + 12
	ticks := 6 // as many as upwards, where both axes have one range
	if !c.Parity {
		ticks = int(math.Max(3, (right-x0)/80))
	}
	horizontal := newAxis(c.XAxis, c.XUnit, xs[0], xs[1], x0, right, ticks)
	if p.Title != "" {
		s.text(Ink, left, y+10, normal, Start, fit(p.Title, right-left, normal)).bold = true
	}
	s.text(Muted, left, top-12, small, Start, vertical.name)
	s.left(vertical, x0, right)
	s.bottom(horizontal, top, bottom)
	if c.Parity {
		s.add(Mark{kind: line, role: Rule, size: 1.25, points: []Point{{x0, bottom}, {right, top}}})
	}
	at := func(q Point) Point { return Point{horizontal.at(q.X), vertical.at(q.Y)} }
	for _, l := range p.Lines {
		pts := make([]Point, len(l.Values))
		for i, q := range l.Values {
			pts[i] = at(q)
		}
		if len(pts) > 1 {
			s.add(Mark{kind: line, role: l.Role, size: 2, points: pts, dashed: l.Dashed})
		}
	}
	for _, q := range p.Points {
		if math.IsNaN(q.X) || math.IsNaN(q.Y) {
			continue
		}
		o := at(Point{q.X, q.Y})
		m := s.point(o.X, o.Y, 4.2, q.Look)
		m.title, m.source = q.Title, q.Source
		if !q.Hollow {
			m.opacity = 0.85
		}
	}
	s.lineNames(p.Lines, at, right, top, bottom)
}

// lineNames writes the names of lines at their right ends, so far apart that
// each can be read.
func (s *Scene) lineNames(lines []XYLine, at func(Point) Point, right, top, bottom float64) {
	type name struct {
		y    float64
		role Role
		text string
	}
	var names []name
	for _, l := range lines {
		if l.Name != "" && len(l.Values) > 1 {
			names = append(names, name{at(l.Values[len(l.Values)-1]).Y + 4, l.Role, l.Name})
		}
	}
	sort.SliceStable(names, func(i, j int) bool { return names[i].y < names[j].y })
	const apart = 13.0
	for i := range names {
		lowest := bottom - apart*float64(len(names)-1-i) // room for those below
		names[i].y = math.Min(math.Max(names[i].y, top), lowest)
		if i > 0 {
			names[i].y = math.Max(names[i].y, names[i-1].y+apart)
		}
		s.text(names[i].role, right+6, names[i].y, small, Start, names[i].text)
	}
}
