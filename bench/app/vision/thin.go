package vision

import "math/bits"

// Tangents of 22.5 degrees and of 67.5 (which is 2 more) in 1/2^15.
const (
	tan22    = 13573
	tanShift = 15
)

// thin keeps of row y what is larger than both neighbours along the gradient's
// direction. Ties are decided as OpenCV decides them.
func (c *Canny) thin(above, row, below *gradient, y, upper int) {
	stride := c.w + 2
	state := c.state[(y+1)*stride : (y+2)*stride]
	size := row.size
	up, down := above.size[:len(size)], below.size[:len(size)]
	for i, word := range row.strong {
		for ; word != 0; word &= word - 1 {
			x := i<<6 + bits.TrailingZeros64(word)
			at := x + 1
			m := size[at]
			dx, dy := int(row.dx[x]), int(row.dy[x])
			flat := abs(dx) * tan22
			steep := flat + abs(dx)<<(tanShift+1)
			height := abs(dy) << tanShift
			var largest bool
			switch {
			case height < flat:
				largest = m > size[at-1] && m >= size[at+1]
			case height > steep:
				largest = m > up[at] && m >= down[at]
			default:
				side := 1 | (dx^dy)>>63 // 1, or -1 where the signs differ
				largest = m > up[at-side] && m > down[at+side]
			}
			if !largest {
				continue
			}
			if int(m) > upper {
				state[at] = edge
				c.found = append(c.found, int32((y+1)*stride+at))
			} else {
				state[at] = maybe
			}
		}
	}
}

// follow makes edges of all that may be one and touches one.
func (c *Canny) follow() {
	stride := c.w + 2
	around := [8]int{-stride - 1, -stride, -stride + 1, -1, 1, stride - 1, stride, stride + 1}
	for len(c.found) > 0 {
		last := len(c.found) - 1
		at := int(c.found[last])
		c.found = c.found[:last]
		for _, step := range around {
			if next := at + step; c.state[next] == maybe {
				c.state[next] = edge
				c.found = append(c.found, int32(next))
			}
		}
	}
}

// finish makes 255 of edges and 0 of all else.
func finish(dst, state []byte) {
	const low = 0x0101_0101_0101_0101
	i := 0
	for ; i+8 <= len(dst); i += 8 {
		store(dst, i, load(state, i)>>1&low*0xff)
	}
	for ; i < len(dst); i++ {
		dst[i] = state[i] >> 1 * 0xff
	}
}
