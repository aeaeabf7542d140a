// Package plot draws charts: data in, a picture out. A chart becomes a Scene
// of a few kinds of marks, and a scene becomes SVG (which follows the reader's
// light or dark theme) or PNG (which is light, for papers).
//
// It knows nothing of results and reads nothing. Numbers that a reader may ask
// for (on hover, by keyboard) come along as texts from whoever formats
// numbers.
package plot

import "math"

// Point is a place in a scene, in pixels from the upper left.
type Point struct{ X, Y float64 }

// Role says what a mark stands for; the theme gives it a colour.
type Role string

// The roles beside those of data series.
const (
	Ink          Role = "ink"   // text
	Muted        Role = "muted" // secondary text
	Grid         Role = "grid"  // lines behind the data
	Rule         Role = "rule"  // axes
	Paper        Role = "paper" // background
	Target       Role = "target"
	Others       Role = "others"
	Kernel       Role = "kernel"
	Idle         Role = "idle"
	Unattributed Role = "unattributed"
	Less         Role = "less" // a change for the better
	More         Role = "more" // and for the worse
	None         Role = "none" // no change seen
	Hit          Role = "hit"  // not visible: where a pointer or the keyboard asks for values
)

// seriesRoles are those of data series, in the order in which they are given
// out.
var seriesRoles = [...]Role{"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"}

// SeriesRole returns the role of data series i. After eight they repeat.
func SeriesRole(i int) Role { return seriesRoles[i%len(seriesRoles)] }

// kind is that of a mark.
type kind int

const (
	line kind = iota
	area
	circle
	text
)

// Anchor says which end of a text stands at its point.
type Anchor int

// The anchors.
const (
	Start Anchor = iota
	Middle
	End
)

// Mark is one thing in a scene.
type Mark struct {
	kind    kind
	role    Role
	points  []Point // of a line or area; the centre of a circle, the place of a text
	size    float64 // width of a line, radius of a circle, height of a text
	opacity float64 // 0 stands for 1
	dashed  bool
	hollow  bool // a circle or an area of which only the rim is drawn
	bold    bool
	anchor  Anchor
	label   string // of a text
	// title is what a reader is told who asks about the mark, source the file
	// and field that it comes from.
	title, source string
}

// Scene is a picture of marks, drawn in their order.
type Scene struct {
	Width, Height float64
	Name          string // what the picture shows, for those who don't see it
	marks         []Mark
}

func (s *Scene) add(m Mark) { s.marks = append(s.marks, m) }

func (s *Scene) line(r Role, width float64, pts ...Point) {
	s.add(Mark{kind: line, role: r, size: width, points: pts})
}

func (s *Scene) rect(r Role, x0, y0, x1, y1 float64) *Mark {
	s.add(Mark{kind: area, role: r, points: []Point{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}})
	return &s.marks[len(s.marks)-1]
}

func (s *Scene) text(r Role, x, y, size float64, a Anchor, label string) *Mark {
	s.add(Mark{kind: text, role: r, points: []Point{{x, y}}, size: size, anchor: a, label: label})
	return &s.marks[len(s.marks)-1]
}

// The sizes of text.
const (
	small  = 11.0
	normal = 12.0
	large  = 15.0
)

// Frame is what all charts have in common.
type Frame struct {
	Title string  // what the picture shows
	Draw  bool    // whether the title is drawn: pages have it in a heading
	Width float64 // 0 stands for 760
}

// open starts a scene and returns the y below the title.
func (f Frame) open() (s *Scene, top float64) {
	w := f.Width
	if w <= 0 {
		w = 760
	}
	s = &Scene{Width: w, Name: f.Title}
	if !f.Draw {
		return s, 4
	}
	s.text(Ink, 0, 16, large, Start, fit(f.Title, w, large)).bold = true
	return s, 30
}

func known(v *float64) bool { return v != nil && !math.IsNaN(*v) && !math.IsInf(*v, 0) }

// legend draws what the roles stand for, in as many lines as it takes, and
// returns the y below it.
func (s *Scene) legend(y float64, names []string, swatch func(i int, x, y float64)) float64 {
	if len(names) == 0 {
		return y
	}
	x := 0.0
	for i, name := range names {
		w := 14 + textWidth(name, small) + 18
		if x+w > s.Width && x > 0 {
			x, y = 0, y+18
		}
		swatch(i, x, y)
		s.text(Muted, x+14, y+10.5, small, Start, name)
		x += w
	}
	return y + 24
}

// Titled returns the scene with a title above it, for a picture that stands
// alone.
func (s *Scene) Titled(title string) *Scene {
	const room = 28
	t := &Scene{Width: s.Width, Height: s.Height + room, Name: title}
	t.text(Ink, 0, 16, large, Start, fit(title, s.Width, large)).bold = true
	for _, m := range s.marks {
		moved := make([]Point, len(m.points))
		for i, p := range m.points {
			moved[i] = Point{p.X, p.Y + room}
		}
		m.points = moved
		t.add(m)
	}
	return t
}
