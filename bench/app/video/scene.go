package video

import "math/rand/v2"

// scene is ten seconds of generated video: a town in front of a sky that shades
// off, things that move over it, some of them with a texture, a band of noise that
// runs down the picture as on a bad tape, and light that comes and goes. When it
// is brightest is drawn for each scene.
//
// A frame depends on nothing but the seed, the scene's number and its own. All of
// it is integers.
type scene struct {
	w, h       int
	background []byte // with the light at 0
	texture    [textureSize * textureSize * 3]byte
	shapes     []shape
	peak       int // frame that is brightest but for what moves
	noise      uint64
	number     uint64
}

const (
	textureSize = 128
	// Colours before light: light and noise never make one overflow.
	darkest, colours = 16, 128
	mostLight        = 88
	shapes           = 9
	buildings        = 40
	bandRows         = 3
)

type shape struct {
	kind     shapeKind
	size     int // half of the width and height
	x, y     int // of the centre at first, in 1/16 of a pixel
	dx, dy   int // in 1/16 of a pixel per frame
	colour   [3]byte
	textured bool
}

type shapeKind int

const (
	disc shapeKind = iota
	square
	ring
	kinds
)

func newScene(seed uint64, number, w, h int) *scene {
	r := rand.New(rand.NewPCG(seed, uint64(number)))
	s := &scene{w: w, h: h, background: make([]byte, 3*w*h), peak: r.IntN(chunkFrames), noise: seed, number: uint64(number)}
	for i := range s.texture {
		s.texture[i] = byte(r.IntN(12))
	}
	s.paintSky(r)
	for range buildings {
		s.paintBuilding(r)
	}
	for i := range shapes {
		sh := shape{
			kind:     shapeKind(r.IntN(int(kinds))),
			size:     h/40 + r.IntN(h/20+1),
			x:        16 * r.IntN(w),
			y:        16 * r.IntN(h),
			dx:       r.IntN(161) - 80,
			dy:       r.IntN(97) - 48,
			textured: i%4 == 1,
		}
		for c := range sh.colour {
			sh.colour[c] = randomColour(r)
		}
		s.shapes = append(s.shapes, sh)
	}
	return s
}

func randomColour(r *rand.Rand) byte { return byte(darkest + r.IntN(colours)) }

func (s *scene) paintSky(r *rand.Rand) {
	var top, bottom [3]int
	for c := range 3 {
		top[c], bottom[c] = int(randomColour(r)), int(randomColour(r))
	}
	for y := range s.h {
		for x := range s.w {
			for c := range 3 {
				v := (top[c]*(s.h-y) + bottom[c]*y) / s.h
				s.background[(y*s.w+x)*3+c] = byte(v*3/4 + darkest/4*x/s.w)
			}
		}
	}
}

// paintBuilding paints a front with rows of windows.
func (s *scene) paintBuilding(r *rand.Rand) {
	width, height := s.w/40+r.IntN(s.w/12+1), s.h/12+r.IntN(s.h/2+1)
	left := r.IntN(s.w)
	var wall, window [3]byte
	for c := range 3 {
		wall[c], window[c] = randomColour(r), randomColour(r)
	}
	pitch := 8 + r.IntN(24)
	for y := max(s.h-height, 0); y < s.h; y++ {
		for x := left; x < min(left+width, s.w); x++ {
			colour := wall
			if (x-left)%pitch > pitch/2 && (s.h-y)%pitch > pitch/2 {
				colour = window
			}
			copy(s.background[(y*s.w+x)*3:], colour[:])
		}
	}
}

// light is what is added to everything in a frame.
func (s *scene) light(frame int) int {
	away := frame - s.peak
	if away < 0 {
		away = -away
	}
	return mostLight - mostLight/2*away/chunkFrames
}

// frame draws a frame of the scene, from 0.
func (s *scene) frame(dst []byte, frame int) {
	light := uint64(s.light(frame))
	for i := 0; i < len(dst); i += 8 {
		if i+8 > len(dst) {
			for ; i < len(dst); i++ {
				dst[i] = s.background[i] + byte(light)
			}
			break
		}
		// No byte overflows into the next.
		store(dst, i, load(s.background, i)+light*everyByte)
	}
	for i := range s.shapes {
		s.draw(dst, &s.shapes[i], frame, byte(light))
	}
	s.band(dst, frame)
}

func (s *scene) draw(dst []byte, sh *shape, frame int, light byte) {
	cx := bounce(sh.x+sh.dx*frame, 16*s.w) / 16
	cy := bounce(sh.y+sh.dy*frame, 16*s.h) / 16
	for y := max(cy-sh.size, 0); y <= min(cy+sh.size, s.h-1); y++ {
		outer, inner := sh.span(y - cy)
		if inner < 0 {
			s.fill(dst, sh, y, cx-outer, cx+outer, cx, cy, light)
			continue
		}
		s.fill(dst, sh, y, cx-outer, cx-inner, cx, cy, light)
		s.fill(dst, sh, y, cx+inner, cx+outer, cx, cy, light)
	}
}

// span is how far a shape goes to both sides at a row off its centre, and how far
// the hole in it does: -1 for none.
func (sh *shape) span(dy int) (outer, inner int) {
	switch sh.kind {
	case disc:
		return root(sh.size*sh.size - dy*dy), -1
	case ring:
		outer = root(sh.size*sh.size - dy*dy)
		hole := sh.size * 2 / 3
		if left := hole*hole - dy*dy; left >= 0 {
			return outer, root(left)
		}
		return outer, -1
	}
	return sh.size, -1
}

// fill paints a row from one column to another, both inclusive.
func (s *scene) fill(dst []byte, sh *shape, y, from, to, cx, cy int, light byte) {
	from, to = max(from, 0), min(to, s.w-1)
	colour := [3]byte{sh.colour[0] + light, sh.colour[1] + light, sh.colour[2] + light}
	texture := s.texture[(y-cy)&(textureSize-1)*textureSize*3:][:textureSize*3]
	for x := from; x <= to; x++ {
		p := dst[(y*s.w+x)*3:][:3]
		p[0], p[1], p[2] = colour[0], colour[1], colour[2]
		if sh.textured {
			t := texture[(x-cx)&(textureSize-1)*3:][:3]
			p[0], p[1], p[2] = p[0]+t[0], p[1]+t[1], p[2]+t[2]
		}
	}
}

// band adds noise to some rows, other ones in each frame.
func (s *scene) band(dst []byte, frame int) {
	var noise rand.PCG
	noise.Seed(s.noise, s.number<<32|uint64(frame)<<1|1)
	top := frame * 7 * s.h / (4 * chunkFrames) % s.h
	for y := top; y < min(top+bandRows, s.h); y++ {
		row := dst[3*y*s.w : 3*(y+1)*s.w]
		var v uint64
		for i := range row {
			if i%8 == 0 {
				v = noise.Uint64()
			}
			row[i] += byte(v & 7)
			v >>= 8
		}
	}
}

// bounce is where something is that comes back from both ends of 0..n-1.
func bounce(at, n int) int {
	at %= 2 * n
	if at < 0 {
		at += 2 * n
	}
	if at >= n {
		return 2*n - 1 - at
	}
	return at
}

// root is the square root of a number of 0 or more, cut off.
func root(v int) int {
	r := 0
	for bit := 1 << 12; bit > 0; bit >>= 1 {
		if (r+bit)*(r+bit) <= v {
			r += bit
		}
	}
	return r
}
