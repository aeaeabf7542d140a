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
		s.text(Muted, a.at(x)+8, middle+4, normal, Start, b.Note)
	}
	s.Height = bottom + 40
	return s
}
