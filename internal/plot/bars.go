package plot

import "math"

// BarPart is a stretch of a bar. A value that is not known is NaN and takes no
// room.
type BarPart struct {
	Value         float64
	Role          Role
	Title, Source string
}

// Bar is a row of a bar chart.
type Bar struct {
	Label string
	Note  string // behind the bar: its value
	Parts []BarPart
	// Low and High are the ends of the interval of the whole bar; nil where it
	// is not known.
	Low, High *float64
}

// BarChart is horizontal bars, of one part or stacked.
type BarChart struct {
	Frame
	Unit   string
	Axis   string // what the values are
	Legend []string
	Roles  []Role // of the legend
	Bars   []Bar
}

// Scene draws the chart.
func (c BarChart) Scene() *Scene {
	s, y := c.open()
	y = s.legend(y, c.Legend, func(i int, x, y float64) { s.rect(c.Roles[i], x, y+2, x+9, y+11) })
	labels, notes, most := 0.0, 0.0, 0.0
	for _, b := range c.Bars {
		labels = math.Max(labels, textWidth(b.Label, normal))
		notes = math.Max(notes, textWidth(b.Note, normal))
		sum := 0.0
		for _, p := range b.Parts {
			if p.Value > 0 {
				sum += p.Value
			}
		}
		if known(b.High) {
			sum = math.Max(sum, *b.High)
		}
		most = math.Max(most, sum)
	}
	labels = math.Min(labels, s.Width*0.3)
	x0, x1 := labels+10, s.Width-notes-14
	if most == 0 {
		most = 1
	}
	const row, thick = 26.0, 15.0
	bottom := y + row*float64(len(c.Bars)) + 2
	a := newAxis(c.Axis, c.Unit, 0, most, x0, x1, 6)
	s.bottom(a, y, bottom)
	for i, b := range c.Bars {
		middle := y + row*float64(i) + row/2
		s.text(Ink, labels, middle+4, normal, End, fit(b.Label, labels+1, normal))
		x := 0.0
		for _, p := range b.Parts {
			if !(p.Value > 0) {
				continue
			}
			m := s.rect(p.Role, a.at(x), middle-thick/2, a.at(x+p.Value), middle+thick/2)
			m.title, m.source = p.Title, p.Source
			x += p.Value
		}
		end := a.at(x)
		if known(b.Low) && known(b.High) {
			s.whisker(a.at(*b.Low), a.at(*b.High), middle)
			end = math.Max(end, a.at(*b.High))
		}
		s.text(Muted, end+8, middle+4, normal, Start, b.Note)
	}
	s.Height = bottom + 40
	return s
}

// whisker is the interval of a bar: in ink, which is seen on the bar and beyond
// it.
func (s *Scene) whisker(from, to, y float64) {
	s.line(Ink, 1.5, Point{from, y}, Point{to, y})
	for _, x := range []float64{from, to} {
		s.line(Ink, 1.5, Point{x, y - 4}, Point{x, y + 4})
	}
}
