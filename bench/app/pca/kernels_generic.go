//go:build !amd64

package pca

func scatter(x Pixels) []int64 { return scatterPairs(x) }

func updateDotLanes(acc *[lanes]float64, a, v, w, next []float64, v0, w0 float64) {
	updateDotGo(acc, a, v, w, next, v0, w0)
}

func axpy(y, x []float64, a float64) { axpyGo(y, x, a) }

func projectBlock(out *[width]float64, weights []float64, pixels []pixel) {
	projectGo(out, weights, pixels)
}
