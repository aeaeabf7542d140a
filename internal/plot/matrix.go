package plot

import "math"

// MatrixCell is a value at a row and a column.
type MatrixCell struct {
	Value         float64 // NaN where not known: the cell stays empty
	Text          string
	Title, Source string
}

// MatrixChart is a table whose cells are the darker the further from 0 they
// are: too much in one colour, too little in another.
type MatrixChart struct {
	Frame
	Axis         string // what the columns are
	More, Less   Role
	Legend       [2]string // of more and less
	Columns      []string
	Rows         []string
	Cells        [][]MatrixCell // by row
	Marked       int            // the row whose name is bold, -1 for none
	Unit, Values string         // of the cells, and what they are
}

// Scene draws the chart.
func (c MatrixChart) Scene() *Scene {
	s, y := c.open()
	y = s.legend(y, c.Legend[:], func(i int, x, y float64) {
		s.rect([2]Role{c.More, c.Less}[i], x, y+2, x+9, y+11).opacity = strongest
	})
	labels, furthest := 0.0, 0.0
	for _, r := range c.Rows {
		labels = math.Max(labels, textWidth(r, normal))
	}
	for _, row := range c.Cells {
		for _, cell := range row {
			furthest = most(furthest, math.Abs(cell.Value))
		}
	}
	labels = math.Min(labels, s.Width*0.3)
	x0 := labels + 12
	wide, high := (s.Width-x0)/math.Max(float64(len(c.Columns)), 1), 26.0
	s.text(Muted, x0, y+10, small, Start, c.Values+" ("+c.Unit+"), by "+c.Axis)
	top := y + 36
	for k, name := range c.Columns {
		s.text(Muted, x0+wide*(float64(k)+0.5), top-7, small, Middle, fit(name, wide, small))
	}
	for i, name := range c.Rows {
		middle := top + high*(float64(i)+0.5)
		s.text(Ink, labels, middle+4, normal, End, fit(name, labels+1, normal)).bold = i == c.Marked
		for k, cell := range c.Cells[i] {
			s.cell(c, cell, x0+wide*float64(k), top+high*float64(i), wide, high, furthest)
		}
	}
	s.Height = top + high*float64(len(c.Rows)) + 8
	return s
}

// strongest is the opacity of the furthest value: text on it can be read, in
// the light and in the dark theme.
const strongest = 0.55

func (s *Scene) cell(c MatrixChart, cell MatrixCell, x, y, wide, high, furthest float64) {
	if math.IsNaN(cell.Value) {
		s.text(Muted, x+wide/2, y+high/2+4, small, Middle, "–")
		return
	}
	role := c.More
	if cell.Value < 0 {
		role = c.Less
	}
	m := s.rect(role, x+1, y+1, x+wide-1, y+high-1)
	m.opacity, m.title, m.source = 0.03, cell.Title, cell.Source
	if furthest > 0 {
		m.opacity += (strongest - 0.03) * math.Abs(cell.Value) / furthest
	}
	s.text(Ink, x+wide/2, y+high/2+4, small, Middle, cell.Text)
}
