//go:build !purego

package vision

import "golang.org/x/sys/cpu"

// greySumVector adds up a part of the image and says how many bytes it is. The
// assembly reads four bytes beyond its last pixel.
func greySumVector(rgb []byte) (sum int64, done int) {
	const group = 3 * 8
	if n := (len(rgb) - 4) / group; cpu.X86.HasAVX2 && n > 0 {
		return greySumAVX2(&rgb[0], n), n * group
	}
	return 0, 0
}

func lumaVector(dst, rgb []byte) int {
	const group = 3 * 16
	if n := (len(rgb) - 4) / group; cpu.X86.HasAVX2 && n > 0 {
		lumaAVX2(&dst[0], &rgb[0], n)
		return n * 16
	}
	return 0
}

// sharpenVector computes from sample 3 on and says where it ended.
func sharpenVector(dst, above, row, below []byte) int {
	const from, group = 3, 32
	inner := len(dst) - 2*from
	if !cpu.X86.HasAVX2 || inner < group {
		return from
	}
	sharpenAVX2(&dst[from], &above[from], &row[from], &below[from], inner/group)
	// The last group may overlap the one before.
	last := from + inner - group
	sharpenAVX2(&dst[last], &above[last], &row[last], &below[last], 1)
	return last + group
}

func sobel(g *gradient, above, row, below []byte, lower int) {
	if !cpu.X86.HasAVX2 {
		sobelGo(g, above, row, below, lower)
		return
	}
	sobelAVX2(&g.dx[0], &g.dy[0], &g.size[1], &g.strong[0], &above[0], &row[0], &below[0], len(g.dx)/lanes, lower)
}

//go:noescape
func greySumAVX2(rgb *byte, groups int) int64

//go:noescape
func lumaAVX2(dst, rgb *byte, groups int)

//go:noescape
func sharpenAVX2(dst, above, row, below *byte, groups int)

//go:noescape
func sobelAVX2(dx, dy, size *int16, strong *uint64, above, row, below *byte, groups, lower int)
