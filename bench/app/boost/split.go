package boost

import "math"

// features is how many features a group has: one word of bins, one byte each.
const features = 8

// group is the histograms of the features of a group: for every bin the sum of
// its rows' words.
type group [features][256]uint64

// accumulate adds rows to the histograms of a group.
func accumulate(h *group, bins []uint64, words []uint64, rows []int32) {
	for _, r := range rows {
		b, w := bins[r], words[r]
		h[0][uint8(b)] += w
		h[1][uint8(b>>8)] += w
		h[2][uint8(b>>16)] += w
		h[3][uint8(b>>24)] += w
		h[4][uint8(b>>32)] += w
		h[5][uint8(b>>40)] += w
		h[6][uint8(b>>48)] += w
		h[7][uint8(b>>56)] += w
	}
}

// subtractGo leaves of a parent's histogram that of the other child.
func subtractGo(parent, child *[256]uint64, bins int) {
	p, c := parent[:bins], child[:bins]
	for i := range p {
		p[i] -= c[i]
	}
}

// split is where a leaf is best divided: bins up to bin go left.
type split struct {
	gain    float64
	feature int // of those that the round has
	bin     uint8
	left    uint64 // sum of the words that go left
}

// bestGo looks for the split of one feature. A side must have the Hessian least
// at least, which is 1 or more. What is compared is
//
//	GL²/HL + GR²/HR = (GL² HR + GR² HL) / (HL HR)
//
// in the units of words; the first of equal ones is taken. The quality is minus
// infinity if there is none.
func bestGo(h *[256]uint64, bins int, total uint64, least float64) (quality float64, bin uint8) {
	g, hess := gradientOf(total), hessianOf(total)
	var sum uint64
	quality = math.Inf(-1)
	for b, w := range h[:bins] {
		sum += w
		gl, hl := gradientOf(sum), hessianOf(sum)
		gr, hr := g-gl, hess-hl
		if hl < least || hr < least {
			continue
		}
		q := (float64(gl*gl*hr) + float64(gr*gr*hl)) / (hl * hr)
		if q > quality {
			quality, bin = q, uint8(b)
		}
	}
	return quality, bin
}

// upTo adds up the words of the bins that go left.
func upTo(h *[256]uint64, bin uint8) uint64 {
	var sum uint64
	for _, w := range h[:int(bin)+1] {
		sum += w
	}
	return sum
}
