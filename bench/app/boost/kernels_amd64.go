package boost

import (
	"math"

	"golang.org/x/sys/cpu"
)

var hasAVX2 = cpu.X86.HasAVX2

func subtract(parent, child *[256]uint64, bins int) {
	if hasAVX2 {
		subtractAVX2(parent, child, (bins+3)/4)
		return
	}
	subtractGo(parent, child, bins)
}

// best takes four bins at a time. Those beyond the last are empty, and leave
// nothing to the right, so they are never chosen.
func best(h *[256]uint64, bins int, total uint64, least float64) (quality float64, bin uint8) {
	if !hasAVX2 {
		return bestGo(h, bins, total, least)
	}
	var qualities, at [4]float64
	for i := range qualities {
		qualities[i] = math.Inf(-1)
	}
	bestAVX2(h, (bins+3)/4, gradientOf(total), hessianOf(total), least, &qualities, &at)
	quality = math.Inf(-1)
	first := 0.0
	for i, q := range qualities {
		if q > quality || q == quality && at[i] < first {
			quality, first = q, at[i]
		}
	}
	return quality, uint8(first)
}

//go:noescape
func subtractAVX2(parent, child *[256]uint64, groups int)

//go:noescape
func bestAVX2(h *[256]uint64, groups int, grad, hess, least float64, qualities, at *[4]float64)
