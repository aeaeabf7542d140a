package plot

import "math"

// Shape is the form of a point. Sets of points differ in it, and not in colour
// alone: for those who see colours otherwise, and for print in grey.
type Shape int

// The shapes.
const (
	Dot Shape = iota
	Diamond
	Triangle
	Square
	Cross
)

// Look is how the points of a set are drawn.
type Look struct {
	Role   Role
	Shape  Shape
	Hollow bool // the rim only
}

// point draws a point whose area is about that of a dot of this radius,
// whatever its shape.
func (s *Scene) point(x, y, radius float64, l Look) *Mark {
	m := Mark{kind: area, role: l.Role, hollow: l.Hollow}
	switch l.Shape {
	case Dot:
		m.kind, m.size, m.points = circle, radius, []Point{{x, y}}
	case Diamond:
		m.points = polygon(x, y, 1.28*radius, 4, 0)
	case Triangle:
		m.points = polygon(x, y+0.2*radius, 1.45*radius, 3, 0)
	case Square:
		m.points = polygon(x, y, 1.25*radius, 4, math.Pi/4)
	case Cross:
		m.points = cross(x, y, radius)
	}
	s.add(m)
	return &s.marks[len(s.marks)-1]
}

// polygon has its first corner at the top, turned by so much.
func polygon(x, y, radius float64, corners int, turn float64) []Point {
	pts := make([]Point, corners)
	for i := range pts {
		a := turn + 2*math.Pi*float64(i)/float64(corners)
		pts[i] = Point{x + radius*math.Sin(a), y - radius*math.Cos(a)}
	}
	return pts
}

// cross is a lying one as an outline, so that it can be pointed at as a whole.
func cross(x, y, radius float64) []Point {
	long, half := 1.35*radius, 0.38*radius
	var pts []Point
	for arm := range 4 {
		a := math.Pi/4 + math.Pi/2*float64(arm)
		dx, dy := math.Sin(a), -math.Cos(a)
		pts = append(pts,
			Point{x + long*dx + half*dy, y + long*dy - half*dx},
			Point{x + long*dx - half*dy, y + long*dy + half*dx},
			Point{x + half*dx - half*dy, y + half*dy + half*dx})
	}
	return pts
}
