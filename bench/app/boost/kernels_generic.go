//go:build !amd64

package boost

func subtract(parent, child *[256]uint64, bins int) { subtractGo(parent, child, bins) }

func best(h *[256]uint64, bins int, total uint64, least float64) (quality float64, bin uint8) {
	return bestGo(h, bins, total, least)
}
