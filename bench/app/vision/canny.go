package vision

import "math"

// Canny finds edges as J. Canny does ("A Computational Approach to Edge
// Detection", 1986), with the choices of OpenCV (modules/imgproc/src/canny.cpp):
// no smoothing, Sobel's 3x3 derivatives, the magnitude as the sum of their
// absolute values, and directions by comparison with integer tangents. It keeps
// its memory from one image to the next.
type Canny struct {
	w, h int
	// pad are the rows of the grey image above, at and below one, with the first
	// and the last pixel repeated at their ends; pixel x is at x+1.
	pad [3][]byte
	// grad are the derivatives and magnitudes of three rows; those of row y are
	// in y mod 3.
	grad [3]gradient
	// state is a byte for each pixel and for a border of one around them.
	state []byte
	found []int32 // of which the neighbours are still to be looked at
	// outside stands for the rows above and below the image.
	outside gradient
}

// gradient is one row of derivatives. Magnitude x is at x+1, and those beyond
// the row's ends are 0.
type gradient struct {
	dx, dy, size []int16
	strong       []uint64 // a bit for each pixel: above the lower threshold
}

func newGradient(n int) gradient {
	return gradient{
		dx:     make([]int16, n),
		dy:     make([]int16, n),
		size:   make([]int16, n+2),
		strong: make([]uint64, (n+63)/64),
	}
}

// States of a pixel; 0 is none of them.
const (
	maybe = 1 // an edge if it touches one
	edge  = 2
)

// lanes is what vectors compute at once. Rows are rounded up to it.
const lanes = 16

func (c *Canny) size(w, h int) {
	if c.w == w && c.h == h {
		clear(c.state)
		return
	}
	c.w, c.h = w, h
	padded := (w + lanes - 1) / lanes * lanes
	for i := range c.pad {
		c.pad[i] = make([]byte, padded+2)
	}
	for i := range c.grad {
		c.grad[i] = newGradient(padded)
	}
	c.outside = gradient{size: make([]int16, padded+2)}
	c.state = make([]byte, (w+2)*(h+2))
}

// Edges sets each byte of dst to 255 where the grey image has an edge, and to 0
// elsewhere. Above the lower threshold a pixel is one if others lead from it to
// one above the upper threshold.
func (c *Canny) Edges(dst, grey []byte, w, h, lower, upper int) {
	check("the grey image", len(grey), w, h, 1)
	check("the destination", len(dst), w, h, 1)
	if w == 0 || h == 0 {
		return
	}
	lower, upper = min(lower, upper), max(lower, upper)
	lower = min(max(lower, -1), math.MaxInt16) // magnitudes are 0..2040
	c.size(w, h)
	c.derive(grey, 0, lower)
	above := &c.outside
	for y := range h {
		below := &c.outside
		if y+1 < h {
			c.derive(grey, y+1, lower)
			below = &c.grad[(y+1)%3]
		}
		c.thin(above, &c.grad[y%3], below, y, upper)
		above = &c.grad[y%3]
	}
	c.follow()
	for y := range h {
		from := (y+1)*(w+2) + 1
		finish(dst[y*w:(y+1)*w], c.state[from:from+w])
	}
}

// derive computes row y's gradient. Outside the image stands its border.
func (c *Canny) derive(grey []byte, y, lower int) {
	w := c.w
	pad := func(at int) {
		row := grey[at*w : (at+1)*w]
		p := c.pad[at%3]
		p[0] = row[0]
		copy(p[1:], row)
		p[w+1] = row[w-1]
	}
	if y == 0 {
		pad(0)
	}
	if y+1 < c.h {
		pad(y + 1)
	}
	above, below := c.pad[max(y-1, 0)%3], c.pad[min(y+1, c.h-1)%3]
	g := &c.grad[y%3]
	sobel(g, above, c.pad[y%3], below, lower)
	clear(g.size[w+1:])
	if last := w / 64; last < len(g.strong) {
		g.strong[last] &= 1<<(w%64) - 1
		clear(g.strong[last+1:])
	}
}

// sobelGo computes as many pixels as the gradient has room for.
func sobelGo(g *gradient, above, row, below []byte, lower int) {
	n := len(g.dx)
	above, row, below = above[:n+2], row[:n+2], below[:n+2]
	dxs, dys, sizes := g.dx[:n], g.dy[:n], g.size[1:n+1]
	// Sums and differences of the columns before, at and after.
	s0 := int(above[0]) + 2*int(row[0]) + int(below[0])
	s1 := int(above[1]) + 2*int(row[1]) + int(below[1])
	d0, d1 := int(below[0])-int(above[0]), int(below[1])-int(above[1])
	var bits uint64
	for x := range n {
		a, b := int(above[x+2]), int(below[x+2])
		s2, d2 := a+2*int(row[x+2])+b, b-a
		dx, dy := s2-s0, d0+2*d1+d2
		size := abs(dx) + abs(dy)
		dxs[x], dys[x], sizes[x] = int16(dx), int16(dy), int16(size)
		bits = bits>>1 | uint64(lower-size)>>63<<63
		if x&63 == 63 {
			g.strong[x>>6] = bits
		}
		s0, s1, d0, d1 = s1, s2, d1, d2
	}
	if left := n & 63; left > 0 {
		g.strong[n>>6] = bits >> (64 - left)
	}
}

func abs(v int) int {
	sign := v >> 63
	return v ^ sign - sign
}
