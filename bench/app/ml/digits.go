package ml

import (
	"math/bits"
	"math/rand/v2"
)

const (
	side    = 28
	columns = side * side
	classes = 10
)

// Drawing is in integers, 64 to a pixel: every machine draws the same.
const one = 64

type point struct{ x, y int }

// shapes are the digits, as a pen draws them, in pixels.
var shapes = [classes][]point{
	{{14, 4}, {9, 7}, {8, 14}, {9, 20}, {14, 23}, {19, 20}, {20, 14}, {19, 7}, {14, 4}},
	{{10, 8}, {14, 4}, {14, 23}},
	{{8, 9}, {11, 5}, {17, 5}, {19, 9}, {17, 13}, {8, 23}, {20, 23}},
	{{8, 6}, {13, 4}, {18, 7}, {17, 11}, {13, 13}, {18, 15}, {19, 19}, {14, 23}, {8, 21}},
	{{16, 23}, {16, 4}, {8, 16}, {20, 16}},
	{{19, 5}, {9, 5}, {9, 12}, {15, 11}, {19, 15}, {18, 20}, {13, 23}, {8, 21}},
	{{18, 5}, {12, 7}, {9, 13}, {9, 19}, {13, 23}, {18, 20}, {18, 15}, {13, 13}, {9, 17}},
	{{8, 5}, {20, 5}, {16, 12}, {12, 23}},
	{{14, 13}, {10, 9}, {14, 4}, {18, 8}, {14, 13}, {9, 18}, {14, 23}, {19, 18}, {14, 13}},
	{{19, 10}, {14, 13}, {10, 9}, {13, 5}, {18, 6}, {19, 10}, {18, 17}, {14, 23}},
}

// hand is what draws: no two images of it are alike.
type hand struct{ random *rand.PCG }

// between is a number from low to high, both inclusive.
func (h hand) between(low, high int) int {
	n, _ := bits.Mul64(h.random.Uint64(), uint64(high-low+1))
	return low + int(n)
}

// draw makes row r of the images of a seed, and says what it is of.
func draw(seed uint64, r int, image *[columns]uint8) (label uint8) {
	h := hand{rand.NewPCG(seed, uint64(r))}
	label = uint8(h.between(0, classes-1))
	*image = [columns]uint8{}
	line := h.bend(shapes[label])
	radius, ink := h.between(one*3/4, one*7/4), h.between(150, 255)
	for i := 1; i < len(line); i++ {
		stroke(image, line[i-1], line[i], radius, ink)
	}
	// Specks, and a smear that has nothing to do with the shape.
	for range h.between(0, 24) {
		image[h.between(0, columns-1)] = uint8(h.between(1, 255))
	}
	if h.between(0, 2) == 0 {
		from := point{h.between(4, 23) * one, h.between(4, 23) * one}
		to := point{from.x + h.between(-6, 6)*one, from.y + h.between(-6, 6)*one}
		stroke(image, from, to, one, h.between(100, 255))
	}
	return label
}

// bend scales, leans, turns and shifts a shape, and moves each of its points a
// little.
func (h hand) bend(shape []point) []point {
	const middle = side / 2
	a, d := h.between(one*3/4, one*5/4), h.between(one*3/4, one*5/4)
	b, c := h.between(-one*2/5, one*2/5), h.between(-one*2/5, one*2/5)
	dx, dy := h.between(-one*2, one*2), h.between(-one*2, one*2)
	line := make([]point, len(shape))
	for i, p := range shape {
		x, y := p.x-middle, p.y-middle
		line[i] = point{
			x: middle*one + a*x + b*y + dx + h.between(-one*2, one*2),
			y: middle*one + c*x + d*y + dy + h.between(-one*2, one*2),
		}
	}
	return line
}

// stroke moves a round pen from one point to another, half a pixel at a time.
// Within the radius it leaves all of its ink, and none a pixel further out.
func stroke(image *[columns]uint8, from, to point, radius, ink int) {
	inner, outer := radius*radius, (radius+one)*(radius+one)
	steps := max(abs(to.x-from.x), abs(to.y-from.y))/(one/2) + 1
	reach := (radius+one)/one + 1
	for s := range steps + 1 {
		x, y := from.x+(to.x-from.x)*s/steps, from.y+(to.y-from.y)*s/steps
		for py := max(y/one-reach, 0); py <= min(y/one+reach, side-1); py++ {
			for px := max(x/one-reach, 0); px <= min(x/one+reach, side-1); px++ {
				ex, ey := px*one-x, py*one-y
				away := ex*ex + ey*ey
				if away >= outer {
					continue
				}
				value := ink * (outer - max(away, inner)) / (outer - inner)
				p := &image[py*side+px]
				*p = max(*p, uint8(value))
			}
		}
	}
}

func abs(v int) int { return max(v, -v) }
