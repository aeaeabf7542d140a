package pca

import "golang.org/x/sys/cpu"

// The vector code multiplies and adds in two instructions, as the language does
// with float64(a*b) + c: a fused one would round once where Go rounds twice.
var hasAVX2 = cpu.X86.HasAVX2

func scatter(x Pixels) []int64 {
	if hasAVX2 {
		return scatterAVX2(x)
	}
	return scatterPairs(x)
}

func updateDotLanes(acc *[lanes]float64, a, v, w, next []float64, v0, w0 float64) {
	if hasAVX2 {
		updateDotAVX2(acc, &a[0], &v[0], &w[0], &next[0], len(a)/lanes, v0, w0)
		return
	}
	updateDotGo(acc, a, v, w, next, v0, w0)
}

func axpy(y, x []float64, a float64) {
	n := 0
	if hasAVX2 && len(y) >= 4 {
		n = len(y) &^ 3
		axpyAVX2(&y[0], &x[0], n/4, a)
	}
	axpyGo(y[n:], x[n:], a)
}

func projectBlock(out *[width]float64, weights []float64, pixels []pixel) {
	if hasAVX2 && len(pixels) > 0 {
		projectAVX2(out, &weights[0], &pixels[0], len(pixels))
		return
	}
	projectGo(out, weights, pixels)
}

const (
	panel = 16   // columns of a panel
	block = 1024 // rows taken at a time: two panels of them fit the first cache
)

// scatterAVX2 multiplies 16-bit pixels of two rows at a time and adds the two
// products (VPMADDWD). 32 bits hold the sums of a block: 1024 x 255² < 2³¹.
//
// The layout is by panels of 16 columns; in a panel, by pairs of rows.
func scatterAVX2(x Pixels) []int64 {
	d := x.Cols
	panels := (d + panel - 1) / panel
	padded := panels * panel
	total := make([]int64, padded*padded)
	packed := make([]uint32, padded*block/2)
	for from := 0; from < x.Rows; from += block {
		rows := min(block, x.Rows-from)
		pairs := (rows + 1) / 2
		pack(packed, x, from, rows, pairs)
		size := pairs * panel
		for pi := range panels {
			for pj := pi; pj < panels; pj++ {
				for i := 0; i < panel; i += 4 {
					var out [4][panel]int32
					scatterBlock(&out, &packed[pi*size+i], &packed[pj*size], pairs)
					for k := range out {
						at := (pi*panel+i+k)*padded + pj*panel
						for j, v := range out[k] {
							total[at+j] += int64(v)
						}
					}
				}
			}
		}
	}
	for i := range d {
		copy(total[i*d:(i+1)*d], total[i*padded:i*padded+d])
	}
	return total[:d*d]
}

func pack(packed []uint32, x Pixels, from, rows, pairs int) {
	clear(packed)
	for r := range rows {
		row := x.V[(from+r)*x.Cols : (from+r+1)*x.Cols]
		shift := 16 * (r & 1)
		for j := 0; j < len(row); j += panel {
			to := packed[(j*pairs + r/2*panel):]
			for k, v := range row[j:min(j+panel, len(row))] {
				to[k] |= uint32(v) << shift
			}
		}
	}
}

//go:noescape
func scatterBlock(out *[4][panel]int32, a, b *uint32, pairs int)

//go:noescape
func updateDotAVX2(acc *[lanes]float64, a, v, w, next *float64, groups int, v0, w0 float64)

//go:noescape
func axpyAVX2(y, x *float64, groups int, a float64)

//go:noescape
func projectAVX2(out *[width]float64, weights *float64, pixels *pixel, n int)
