package plot

import "math"

// Effect is one change with its interval.
type Effect struct {
	Label            string
	Value, Low, High *float64 // percent; nil where not known
	Role             Role     // Less, More or None
	Note             string   // the same in figures, at the right
	Title, Source    string
}

// ForestChart shows changes and their 95 % intervals around 0.
type ForestChart struct {
	Frame
	Axis    string
	Effects []Effect
}

// Scene draws the chart.
func (c ForestChart) Scene() *Scene {
	s, y := c.open()
	lo, hi, labels, notes := 0.0, 0.0, 0.0, 0.0
	for _, e := range c.Effects {
		labels = math.Max(labels, textWidth(e.Label, normal))
		notes = math.Max(notes, textWidth(e.Note, normal))
		for _, v := range []*float64{e.Value, e.Low, e.High} {
			if known(v) {
				lo, hi = math.Min(lo, *v), math.Max(hi, *v)
			}
		}
	}
	labels, notes = math.Min(labels, s.Width*0.3), math.Min(notes, s.Width*0.3)
	if lo == hi {
		lo, hi = -1, 1
	}
	lo, hi = widen(lo, hi, false)
	const row = 34.0
	bottom := y + row*float64(len(c.Effects))
	a := newAxis(c.Axis, "%", lo, hi, labels+16, s.Width-notes-16, 7)
	s.bottom(a, y, bottom)
	s.line(Ink, 1.25, Point{a.at(0), y}, Point{a.at(0), bottom})
	for i, e := range c.Effects {
		middle := y + row*float64(i) + row/2
		s.text(Ink, labels, middle+4, normal, End, fit(e.Label, labels+1, normal))
		s.text(Ink, s.Width, middle+4, normal, End, fit(e.Note, notes+1, normal))
		s.effect(e, a.scale, middle)
	}
	s.Height = bottom + 40
	return s
}

func (s *Scene) effect(e Effect, x scale, y float64) {
	if known(e.Low) && known(e.High) {
		s.line(e.Role, 2, Point{x.at(*e.Low), y}, Point{x.at(*e.High), y})
		for _, v := range []float64{*e.Low, *e.High} {
			s.line(e.Role, 2, Point{x.at(v), y - 5}, Point{x.at(v), y + 5})
		}
	}
	if known(e.Value) {
		s.add(Mark{kind: circle, role: e.Role, size: 5.5, points: []Point{{x.at(*e.Value), y}}, title: e.Title, source: e.Source})
	}
}
