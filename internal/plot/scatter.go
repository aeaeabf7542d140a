package plot

import (
	"math"
	"sort"
)

// ScatterPoint is one thing with two values, each with its interval; the ends
// are nil where not known.
type ScatterPoint struct {
	Label                    string
	X, Y                     float64
	XLow, XHigh, YLow, YHigh *float64
	Role                     Role
	Title, Source            string
}

// ScatterChart sets two costs against each other: less is better on both axes.
type ScatterChart struct {
	Frame
	XAxis, XUnit, YAxis, YUnit string
	Points                     []ScatterPoint
}

// Pareto returns the points that no other one beats on both axes, from left to
// right: whoever wants less of one has to take more of the other.
func Pareto(points []ScatterPoint) []int {
	order := make([]int, 0, len(points))
	for i, p := range points {
		if !math.IsNaN(p.X) && !math.IsNaN(p.Y) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool {
		p, q := points[order[a]], points[order[b]]
		if p.X != q.X {
			return p.X < q.X
		}
		return p.Y < q.Y
	})
	var front []int
	for _, i := range order {
		if len(front) == 0 || points[i].Y < points[front[len(front)-1]].Y {
			front = append(front, i)
		}
	}
	return front
}

// Scene draws the chart.
func (c ScatterChart) Scene() *Scene {
	s, y := c.open()
	xlo, xhi, ylo, yhi := math.NaN(), math.NaN(), math.NaN(), math.NaN()
	for _, p := range c.Points {
		xlo, xhi, ylo, yhi = least(xlo, p.X), most(xhi, p.X), least(ylo, p.Y), most(yhi, p.Y)
		for _, v := range []*float64{p.XLow, p.XHigh} {
			if known(v) {
				xlo, xhi = least(xlo, *v), most(xhi, *v)
			}
		}
		for _, v := range []*float64{p.YLow, p.YHigh} {
			if known(v) {
				ylo, yhi = least(ylo, *v), most(yhi, *v)
			}
		}
	}
	xlo, xhi = widen(xlo, xhi, xlo > 0 && xlo < xhi/3)
	ylo, yhi = widen(ylo, yhi, ylo > 0 && ylo < yhi/3)
	top, bottom := y+18, y+18+280
	vertical := newAxis(c.YAxis, c.YUnit, ylo, yhi, bottom, top, 6)
	x0 := vertical.widest() + 12
	horizontal := newAxis(c.XAxis, c.XUnit, xlo, xhi, x0, s.Width-8, 7)
	s.text(Muted, 0, y+6, small, Start, vertical.name)
	s.left(vertical, x0, s.Width-8)
	s.bottom(horizontal, top, bottom)
	c.front(s, horizontal.scale, vertical.scale)
	c.points(s, horizontal.scale, vertical.scale)
	s.Height = bottom + 40
	return s
}

// front draws the Pareto front as the staircase that it is: between two points
// nothing was measured.
func (c ScatterChart) front(s *Scene, h, v scale) {
	if len(c.Points) < 2 {
		return
	}
	var pts []Point
	for _, i := range Pareto(c.Points) {
		p := Point{h.at(c.Points[i].X), v.at(c.Points[i].Y)}
		if n := len(pts); n > 0 {
			pts = append(pts, Point{p.X, pts[n-1].Y})
		}
		pts = append(pts, p)
	}
	if len(pts) > 1 {
		s.add(Mark{kind: line, role: Muted, size: 1.25, points: pts, dashed: true})
	}
}

// manyLabels is how many points of a scatter carry their names.
const manyLabels = 16

// manyPoints is how many points can be asked about one by one. Of more, those
// that would cover one another are drawn once, and only the front tells its
// values.
const manyPoints = 400

func (c ScatterChart) points(s *Scene, h, v scale) {
	if len(c.Points) > manyPoints {
		c.cloud(s, h, v)
		return
	}
	named := map[string]bool{}
	var taken []box
	for _, p := range c.Points {
		x, y := h.at(p.X), v.at(p.Y)
		taken = append(taken, box{x - 5, y - 5, x + 5, y + 5})
	}
	for i, p := range c.Points {
		x, y := h.at(p.X), v.at(p.Y)
		if math.IsNaN(x) || math.IsNaN(y) {
			continue
		}
		if known(p.XLow) && known(p.XHigh) {
			s.line(p.Role, 1.5, Point{h.at(*p.XLow), y}, Point{h.at(*p.XHigh), y})
		}
		if known(p.YLow) && known(p.YHigh) {
			s.line(p.Role, 1.5, Point{x, v.at(*p.YLow)}, Point{x, v.at(*p.YHigh)})
		}
		s.add(Mark{kind: circle, role: p.Role, size: 5, points: []Point{{x, y}}, title: p.Title, source: p.Source})
		// One label for a name: points of one name have one colour.
		if len(c.Points) <= manyLabels && !named[p.Label] {
			named[p.Label] = true
			taken = c.label(s, taken, i, x, y)
		}
	}
}

// cloud draws very many points.
func (c ScatterChart) cloud(s *Scene, h, v scale) {
	type spot struct {
		x, y int
		role Role
	}
	drawn := map[spot]bool{}
	for _, p := range c.Points {
		x, y := h.at(p.X), v.at(p.Y)
		if math.IsNaN(x) || math.IsNaN(y) {
			continue
		}
		at := spot{int(math.Round(x)), int(math.Round(y)), p.Role}
		if !drawn[at] {
			drawn[at] = true
			s.add(Mark{kind: circle, role: p.Role, size: 2, points: []Point{{float64(at.x), float64(at.y)}}, opacity: 0.5})
		}
	}
	for _, i := range Pareto(c.Points) {
		p := c.Points[i]
		s.add(Mark{kind: circle, role: p.Role, size: 3.5, points: []Point{{h.at(p.X), v.at(p.Y)}}, title: p.Title, source: p.Source})
	}
}

// box is the room that a label takes.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

// label writes a point's name beside it, where there is room, and returns what
// it takes. Where there is none the name is left to those who ask for it.
func (c ScatterChart) label(s *Scene, taken []box, i int, x, y float64) []box {
	name := fit(c.Points[i].Label, 220, small)
	w := textWidth(name, small)
	for _, dy := range [...]float64{-8, 17, -22, 31} {
		for _, b := range [...]box{{x + 9, y + dy - 10, x + 9 + w, y + dy + 3}, {x - 9 - w, y + dy - 10, x - 9, y + dy + 3}} {
			free := b.x0 >= 0 && b.x1 <= s.Width && b.y0 >= 0
			for _, t := range taken {
				free = free && !b.meets(t)
			}
			if free {
				s.text(c.Points[i].Role, b.x0, y+dy, small, Start, name) // in its colour: it may stand nearer to another point
				return append(taken, b)
			}
		}
	}
	return taken
}
