package plot

import "math"

// PowerLine is one domain's power over time.
type PowerLine struct {
	Name     string
	Role     Role
	Envelope *Envelope
	Dashed   bool // the target's part of a domain
}

// PowerChart is power over time: for each line the mean, and behind it the
// band from the least to the most.
type PowerChart struct {
	Frame
	Lines []PowerLine
	// Tell formats what is known about column i of Stretches, for readers who
	// point at it.
	Stretches *Envelope
	Tell      func(i int) string
	Source    string
}

// Scene draws the chart.
func (c PowerChart) Scene() *Scene {
	s, y := c.open()
	var names []string
	most, end := math.NaN(), 0.0
	for _, l := range c.Lines {
		names = append(names, l.Name)
		if m := l.Envelope.Most(); !(most >= m) && !math.IsNaN(m) {
			most = m
		}
		end = math.Max(end, l.Envelope.end)
	}
	y = s.legend(y, names, func(i int, x, y float64) {
		l := c.Lines[i]
		s.add(Mark{kind: line, role: l.Role, size: 2, points: []Point{{x, y + 6.5}, {x + 10, y + 6.5}}, dashed: l.Dashed})
	})
	top, bottom := y+16, y+16+220
	lo, hi := widen(0, most, true)
	vertical := newAxis("power", "W", lo, hi, bottom, top, 5)
	x0 := vertical.widest() + 12
	s.text(Muted, 0, y+4, small, Start, vertical.name)
	s.left(vertical, x0, s.Width)
	horizontal := newAxis("time", "s", 0, math.Max(end, math.SmallestNonzeroFloat64*1e9), x0, s.Width-4, 8)
	s.bottom(horizontal, bottom, bottom)
	for _, l := range c.Lines {
		s.band(l, horizontal.scale, vertical.scale)
	}
	for _, l := range c.Lines {
		s.mean(l, horizontal.scale, vertical.scale)
	}
	c.hits(s, horizontal.scale, top, bottom, end)
	s.Height = bottom + 40
	return s
}

// band draws the area from the least to the most, one for each stretch without
// a gap.
func (s *Scene) band(l PowerLine, h, v scale) {
	if l.Dashed {
		return
	}
	var upper, lower []Point
	flush := func() {
		if len(upper) > 0 {
			for i := len(lower) - 1; i >= 0; i-- {
				upper = append(upper, lower[i])
			}
			s.add(Mark{kind: area, role: l.Role, points: upper, opacity: 0.24})
		}
		upper, lower = nil, nil
	}
	for i := range l.Envelope.Len() {
		from, to, least, _, most := l.Envelope.At(i)
		if math.IsNaN(least) {
			flush()
			continue
		}
		// Steps, not slopes: a column's extremes belong to all of it.
		upper = append(upper, Point{h.at(from), v.at(most)}, Point{h.at(to), v.at(most)})
		lower = append(lower, Point{h.at(from), v.at(least)}, Point{h.at(to), v.at(least)})
	}
	flush()
}

func (s *Scene) mean(l PowerLine, h, v scale) {
	var pts []Point
	flush := func() {
		if len(pts) == 1 {
			pts = append(pts, Point{pts[0].X + 1, pts[0].Y})
		}
		if len(pts) > 1 {
			s.add(Mark{kind: line, role: l.Role, size: 1.5, points: pts, dashed: l.Dashed})
		}
		pts = nil
	}
	for i := range l.Envelope.Len() {
		from, to, _, mean, _ := l.Envelope.At(i)
		if math.IsNaN(mean) {
			flush()
			continue
		}
		pts = append(pts, Point{h.at((from + to) / 2), v.at(mean)})
	}
	flush()
}

func (c PowerChart) hits(s *Scene, h scale, top, bottom, end float64) {
	if c.Tell == nil || c.Stretches == nil || !(end > 0) {
		return
	}
	for i := range c.Stretches.Len() {
		from, to, _, _, _ := c.Stretches.At(i)
		m := s.rect(Hit, h.at(from), top, h.at(math.Min(to, end)), bottom)
		m.title, m.source = c.Tell(i), c.Source
	}
}
