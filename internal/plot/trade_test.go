package plot

import "testing"

// TestTradeLabels: no label covers a point, a bar or another label, and none
// leaves its field.
func TestTradeLabels(t *testing.T) {
	s := tradeChart().Scene()
	var texts, marks []box
	for _, m := range s.marks {
		switch p := m.points[0]; {
		case m.kind == text && (m.label == "28" || m.label == "16" || m.label == "8" || m.label == "4"):
			texts = append(texts, box{p.X, p.Y - 9, p.X + textWidth(m.label, small), p.Y})
		case m.title != "":
			marks = append(marks, box{p.X - 2, p.Y - 2, p.X + 2, p.Y + 2})
		}
	}
	if len(texts) < 10 || len(marks) < 16 {
		t.Fatalf("%d labels of %d points", len(texts), len(marks))
	}
	for i, b := range texts {
		if b.x0 < 0 || b.x1 > s.Width || b.y0 < 0 || b.y1 > s.Height {
			t.Errorf("label %d lies outside: %v", i, b)
		}
		for k, o := range texts {
			if i != k && b.meets(o) {
				t.Errorf("labels %d and %d meet", i, k)
			}
		}
	}
}

// TestTradeSharesAxes: the same values lie at the same height in both fields, and
// nothing lies outside of the picture.
func TestTradeSharesAxes(t *testing.T) {
	c := tradeChart()
	for i := range c.Panels {
		c.Panels[i].Series = tradeChart().Panels[0].Series
	}
	s := c.Scene()
	var heights []float64
	for _, m := range s.marks {
		if m.title != "" && m.kind == circle {
			heights = append(heights, m.points[0].Y)
		}
		for _, p := range m.points {
			if p.X < -0.5 || p.X > s.Width+0.5 || p.Y < 0 || p.Y > s.Height {
				t.Errorf("a mark at %v of %v x %v", p, s.Width, s.Height)
			}
		}
	}
	if len(heights) != 8 {
		t.Fatalf("%d dots", len(heights))
	}
	for i := range 4 {
		if heights[i] != heights[i+4] {
			t.Errorf("dot %d is at %v and %v", i, heights[i], heights[i+4])
		}
	}
}

// TestStack keeps every mark and its order.
func TestStack(t *testing.T) {
	a, b := tradeChart().Scene(), tradeChart().Scene()
	s := Stack("both", a, b)
	if len(s.marks) != len(a.marks)+len(b.marks) || s.Width != a.Width || s.Height != a.Height+b.Height+18 {
		t.Errorf("%d marks, %v x %v", len(s.marks), s.Width, s.Height)
	}
	if got, want := s.marks[len(a.marks)].points[0].Y, b.marks[0].points[0].Y+a.Height+18; got != want {
		t.Errorf("the second begins at %v, want %v", got, want)
	}
}
