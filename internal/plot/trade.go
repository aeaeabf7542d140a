package plot

import (
	"math"
	"sort"
)

// TradePoint is a configuration with two costs, each with what repetitions leave
// open; the ends are nil where not known.
type TradePoint struct {
	Label                    string // short: the number of workers
	X, Y                     float64
	XLow, XHigh, YLow, YHigh *float64
	Title, Source            string
}

// TradeSeries is configurations that differ in one thing, in its order. A thin
// line joins them.
type TradeSeries struct {
	Look
	Points []TradePoint
}

// TradePanel is a field of such series.
type TradePanel struct {
	Title  string
	Series []TradeSeries
}

// TradeChart sets two costs of configurations against each other, in panels side
// by side that share their axes: less is better on both. A dashed staircase is
// the Pareto front of each panel.
type TradeChart struct {
	Frame
	XAxis, XUnit, YAxis, YUnit string
	Keys                       []XYKey
	Note                       string // what the labels of points are
	Panels                     []TradePanel
}

// Scene draws the chart.
func (c TradeChart) Scene() *Scene {
	s, y := c.open()
	if c.Note != "" {
		s.text(Muted, s.Width, y+10.5, small, End, c.Note)
	}
	y = s.keys(y, c.Keys)
	if len(c.Panels) == 0 {
		s.Height = y
		return s
	}
	xs, ys := c.ranges()
	const between, height = 24.0, 290.0
	n := float64(len(c.Panels))
	width := (s.Width - between*(n-1)) / n
	top := y + 38
	for i, p := range c.Panels {
		left := (width + between) * float64(i)
		c.panel(s, p, left, left+width, y, top, top+height, xs, ys)
	}
	s.Height = top + height + 40
	return s
}

// ranges are those of both axes, over all panels, bars included.
func (c TradeChart) ranges() (x, y [2]float64) {
	xlo, xhi, ylo, yhi := math.NaN(), math.NaN(), math.NaN(), math.NaN()
	for _, p := range c.Panels {
		for _, series := range p.Series {
			for _, q := range series.Points {
				xlo, xhi, ylo, yhi = least(xlo, q.X), most(xhi, q.X), least(ylo, q.Y), most(yhi, q.Y)
				if known(q.XLow) && known(q.XHigh) {
					xlo, xhi = least(xlo, *q.XLow), most(xhi, *q.XHigh)
				}
				if known(q.YLow) && known(q.YHigh) {
					ylo, yhi = least(ylo, *q.YLow), most(yhi, *q.YHigh)
				}
			}
		}
	}
	xlo, xhi = widen(xlo, xhi, xlo > 0 && xlo < xhi/3)
	ylo, yhi = widen(ylo, yhi, ylo > 0 && ylo < yhi/3)
	return [2]float64{xlo, xhi}, [2]float64{ylo, yhi}
}

// placed is a point where it is drawn.
type placed struct {
	TradePoint
	at   Point
	look Look
	end  bool // of its series
}

// panel draws one field from left to right, its data between top and bottom.
func (c TradeChart) panel(s *Scene, p TradePanel, left, right, y, top, bottom float64, xs, ys [2]float64) {
	vertical := newAxis(c.YAxis, c.YUnit, ys[0], ys[1], bottom, top, 6)
	x0 := left + vertical.widest() + 12
	horizontal := newAxis(c.XAxis, c.XUnit, xs[0], xs[1], x0, right, int(math.Max(3, (right-x0)/80)))
	s.text(Ink, left, y+10, normal, Start, fit(p.Title, right-left, normal)).bold = true
	s.text(Muted, left, top-10, small, Start, vertical.name)
	s.left(vertical, x0, right)
	s.bottom(horizontal, top, bottom)

	var all []placed
	for _, series := range p.Series {
		var joined []Point
		for i, q := range series.Points {
			if math.IsNaN(q.X) || math.IsNaN(q.Y) {
				continue
			}
			at := Point{horizontal.at(q.X), vertical.at(q.Y)}
			joined = append(joined, at)
			all = append(all, placed{q, at, series.Look, i == 0 || i == len(series.Points)-1})
		}
		if len(joined) > 1 {
			s.add(Mark{kind: line, role: series.Role, size: 1, points: joined, opacity: 0.45})
		}
	}
	front := s.front(all)
	var bars []box
	for _, q := range all {
		bars = append(bars, s.bars(q, horizontal.scale, vertical.scale)...)
	}
	for _, q := range all {
		m := s.point(q.at.X, q.at.Y, 4, q.look)
		m.title, m.source = q.Title, q.Source
	}
	labels(s, all, front, bars, x0, right, top, bottom)
}

// bars draw what repetitions leave open, with caps: a bar of no length shall not
// look like none. They return the room that they take.
func (s *Scene) bars(q placed, h, v scale) (room []box) {
	const half = 2.5
	add := func(a, b Point) {
		s.add(Mark{kind: line, role: q.look.Role, size: 1.25, points: []Point{a, b}, opacity: 0.8})
	}
	if known(q.XLow) && known(q.XHigh) {
		a, b := h.at(*q.XLow), h.at(*q.XHigh)
		add(Point{a, q.at.Y}, Point{b, q.at.Y})
		room = append(room, box{a, q.at.Y - half, b, q.at.Y + half})
		if b-a > 1 {
			add(Point{a, q.at.Y - half}, Point{a, q.at.Y + half})
			add(Point{b, q.at.Y - half}, Point{b, q.at.Y + half})
		}
	}
	if known(q.YLow) && known(q.YHigh) {
		a, b := v.at(*q.YLow), v.at(*q.YHigh)
		add(Point{q.at.X, a}, Point{q.at.X, b})
		room = append(room, box{q.at.X - half, b, q.at.X + half, a})
		if a-b > 1 {
			add(Point{q.at.X - half, a}, Point{q.at.X + half, a})
			add(Point{q.at.X - half, b}, Point{q.at.X + half, b})
		}
	}
	return room
}

// front draws the Pareto front as the staircase that it is, and returns which
// points are on it.
func (s *Scene) front(all []placed) map[int]bool {
	points := make([]ScatterPoint, len(all))
	for i, q := range all {
		points[i] = ScatterPoint{X: q.X, Y: q.Y}
	}
	on := map[int]bool{}
	var pts []Point
	for _, i := range Pareto(points) {
		on[i] = true
		p := all[i].at
		if n := len(pts); n > 0 {
			pts = append(pts, Point{p.X, pts[n-1].Y})
		}
		pts = append(pts, p)
	}
	if len(pts) > 1 {
		s.add(Mark{kind: line, role: Ink, size: 1.25, points: pts, dashed: true, opacity: 0.7})
	}
	return on
}

// labels writes names beside points as far as there is room: first those on the
// front, then the ends of the series, then the others.
func labels(s *Scene, all []placed, front map[int]bool, bars []box, left, right, top, bottom float64) {
	order := make([]int, len(all))
	taken := bars
	for i, q := range all {
		order[i] = i
		taken = append(taken, box{q.at.X - 4, q.at.Y - 4, q.at.X + 4, q.at.Y + 4})
	}
	rank := func(i int) int {
		switch {
		case front[i]:
			return 0
		case all[i].end:
			return 1
		}
		return 2
	}
	sort.SliceStable(order, func(a, b int) bool { return rank(order[a]) < rank(order[b]) })
	field := box{left, top, right, bottom}
	for _, i := range order {
		if b, free := roomFor(all[i], taken, field); free {
			s.text(all[i].look.Role, b.x0, b.y1-2, small, Start, all[i].Label)
			taken = append(taken, b)
		}
	}
}

// roomFor finds a place for a point's label near it.
func roomFor(q placed, taken []box, field box) (box, bool) {
	const near, high = 6.0, 11.0
	w := textWidth(q.Label, small)
	x, y := q.at.X, q.at.Y
	for _, at := range [...]Point{{x + near, y - 2 - high}, {x + near, y + 3}, {x - near - w, y - 2 - high}, {x - near - w, y + 3},
		{x - w/2, y - 6 - high}, {x - w/2, y + 6}} {
		b := box{at.X, at.Y, at.X + w, at.Y + high}
		free := b.x0 >= field.x0 && b.x1 <= field.x1 && b.y0 >= field.y0 && b.y1 <= field.y1
		for _, t := range taken {
			free = free && !b.meets(t)
		}
		if free {
			return b, true
		}
	}
	return box{}, false
}

// Stack puts pictures below one another.
func Stack(name string, scenes ...*Scene) *Scene {
	out := &Scene{Name: name}
	for _, s := range scenes {
		if out.Height > 0 {
			out.Height += 18
		}
		for _, m := range s.marks {
			moved := make([]Point, len(m.points))
			for i, p := range m.points {
				moved[i] = Point{p.X, p.Y + out.Height}
			}
			m.points = moved
			out.add(m)
		}
		out.Width, out.Height = math.Max(out.Width, s.Width), out.Height+s.Height
	}
	return out
}
