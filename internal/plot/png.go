package plot

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// pixels is how many of them a unit of the scene takes: enough for print at
// the width of a column.
const pixels = 2.0

// PNG writes the scene as a picture in the light theme.
func (s *Scene) PNG(w io.Writer) error {
	c, err := s.draw()
	if err != nil {
		return err
	}
	return png.Encode(w, c.img)
}

// canvas is a picture being drawn.
type canvas struct {
	img   *image.RGBA
	ras   *vector.Rasterizer
	box   image.Rectangle // of the mark being drawn
	faces map[faceKey]font.Face
}

type faceKey struct {
	size float64
	bold bool
}

func (s *Scene) draw() (*canvas, error) {
	width, height := int((s.Width+2*margin)*pixels), int((s.Height+2*margin)*pixels)
	c := &canvas{img: image.NewRGBA(image.Rect(0, 0, width, height)), ras: vector.NewRasterizer(width, height), faces: map[faceKey]font.Face{}}
	paper, _ := lightColor(Paper)
	draw.Draw(c.img, c.img.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for i := range s.marks {
		if err := c.mark(&s.marks[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *canvas) mark(m *Mark) error {
	tone, visible := lightColor(m.role)
	if !visible {
		return nil
	}
	if m.opacity > 0 {
		tone.A = uint8(math.Round(255 * math.Min(m.opacity, 1)))
	}
	switch m.kind {
	case text:
		return c.text(m, tone)
	case area:
		c.begin(m.points, 1)
		if m.hollow {
			// Its first side twice: the corner where it begins is then one between
			// two sides, and is closed like the others.
			c.stroke(append(m.points[:len(m.points):len(m.points)], m.points[:2]...), 0.75, false)
		} else {
			c.polygon(m.points)
		}
	case line:
		c.begin(m.points, m.size)
		c.stroke(m.points, m.size/2, m.dashed)
	case circle:
		p := m.points[0]
		c.begin(m.points, m.size+1)
		if m.hollow {
			c.stroke(rim(p, m.size), 0.75, false)
		} else {
			c.polygon(rim(p, m.size))
		}
	}
	c.fill(tone)
	return nil
}

// begin clears the rasterizer for a mark with these points. It covers the mark
// and not the picture: charts have thousands of marks.
func (c *canvas) begin(pts []Point, room float64) {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range pts {
		x0, y0, x1, y1 = math.Min(x0, p.X), math.Min(y0, p.Y), math.Max(x1, p.X), math.Max(y1, p.Y)
	}
	pixel := func(v float64) int { return int(math.Floor((math.Min(math.Max(v, -1e6), 1e6) + margin) * pixels)) }
	c.box = image.Rect(pixel(x0-room), pixel(y0-room), pixel(x1+room)+1, pixel(y1+room)+1).Intersect(c.img.Bounds())
	c.ras.Reset(c.box.Dx(), c.box.Dy())
}

func (c *canvas) fill(tone color.NRGBA) {
	if !c.box.Empty() {
		c.ras.Draw(c.img, c.box, image.NewUniform(tone), image.Point{})
	}
}

// place turns a point of the scene into pixels of the picture.
func place(p Point) (x, y float32) {
	return float32((p.X + margin) * pixels), float32((p.Y + margin) * pixels)
}

func (c *canvas) polygon(pts []Point) {
	for i, p := range pts {
		x, y := place(p)
		x, y = x-float32(c.box.Min.X), y-float32(c.box.Min.Y)
		if i == 0 {
			c.ras.MoveTo(x, y)
		} else {
			c.ras.LineTo(x, y)
		}
	}
	c.ras.ClosePath()
}

// rim is a circle as a polygon whose corners are below a pixel's tenth.
func rim(centre Point, radius float64) []Point {
	const corners = 32
	pts := make([]Point, corners+1)
	for i := range pts {
		a := 2 * math.Pi * float64(i) / corners
		pts[i] = Point{centre.X + radius*math.Cos(a), centre.Y + radius*math.Sin(a)}
	}
	return pts
}

// The dashes of a line, and the gaps between them.
const dash, gap = 4.0, 3.0

// stroke draws a line as a rectangle for each of its parts. All go round the
// same way: where they overlap they add up instead of cancelling. At a sharp
// corner they are longer by half their width, which closes it; elsewhere that
// would only thicken the line.
func (c *canvas) stroke(pts []Point, half float64, dashed bool) {
	phase := 0.0 // how far into a dash and its gap the line is
	for i := 1; i < len(pts); i++ {
		a, b := pts[i-1], pts[i]
		length := math.Hypot(b.X-a.X, b.Y-a.Y)
		if length == 0 {
			continue
		}
		dx, dy := (b.X-a.X)/length, (b.Y-a.Y)/length
		if !dashed {
			c.segment(a, dx, dy, -half*sharp(pts, i-1), length+half*sharp(pts, i), half)
			continue
		}
		for at := -phase; at < length; at += dash + gap {
			if from, to := math.Max(at, 0), math.Min(at+dash, length); to > from {
				c.segment(a, dx, dy, from, to, half)
			}
		}
		phase = math.Mod(phase+length, dash+gap)
	}
}

// sharp returns 1 where a line turns by more than a bit at point i, else 0.
func sharp(pts []Point, i int) float64 {
	if i == 0 || i == len(pts)-1 {
		return 0
	}
	ux, uy, vx, vy := pts[i].X-pts[i-1].X, pts[i].Y-pts[i-1].Y, pts[i+1].X-pts[i].X, pts[i+1].Y-pts[i].Y
	if ux*vx+uy*vy < 0.85*math.Hypot(ux, uy)*math.Hypot(vx, vy) {
		return 1
	}
	return 0
}

func (c *canvas) segment(a Point, dx, dy, from, to, half float64) {
	corner := func(along, across float64) Point {
		return Point{a.X + dx*along - dy*across, a.Y + dy*along + dx*across}
	}
	c.polygon([]Point{corner(from, -half), corner(to, -half), corner(to, half), corner(from, half)})
}

func (c *canvas) text(m *Mark, tone color.NRGBA) error {
	face, err := c.face(m.size, m.bold)
	if err != nil {
		return err
	}
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(tone), Face: face}
	x, y := place(m.points[0])
	width := d.MeasureString(m.label)
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6(y * 64)}
	switch m.anchor {
	case Middle:
		d.Dot.X -= width / 2
	case End:
		d.Dot.X -= width
	}
	d.DrawString(m.label)
	return nil
}

func (c *canvas) face(size float64, bold bool) (font.Face, error) {
	key := faceKey{size, bold}
	if f := c.faces[key]; f != nil {
		return f, nil
	}
	which := 0
	if bold {
		which = 1
	}
	f, err := opentype.NewFace(fonts()[which], &opentype.FaceOptions{Size: size * pixels, DPI: 72, Hinting: font.HintingNone})
	c.faces[key] = f
	return f, err
}
