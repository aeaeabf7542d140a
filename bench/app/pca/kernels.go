package pca

// lanes is how many partial sums a dot product has.
const lanes = 16

// updateDot takes the rank-two update of one row of a matrix and multiplies it
// by the next vector, in one pass, since it is memory that such passes wait for:
// a -= v0 w + w0 v, then a · next.
func updateDot(a, v, w, next []float64, v0, w0 float64) float64 {
	var acc [lanes]float64
	n := len(a) &^ (lanes - 1)
	v, w, next = v[:len(a)], w[:len(a)], next[:len(a)]
	if n > 0 {
		updateDotLanes(&acc, a[:n], v, w, next, v0, w0)
	}
	for j := n; j < len(a); j++ {
		a[j] -= float64(v0*w[j]) + float64(w0*v[j])
		acc[j-n] += float64(a[j] * next[j])
	}
	return reduce(&acc)
}

func updateDotGo(acc *[lanes]float64, a, v, w, next []float64, v0, w0 float64) {
	for len(a) >= lanes {
		va, vv, vw, vn := a[:lanes], v[:lanes], w[:lanes], next[:lanes]
		for l := range va {
			t := va[l] - (float64(v0*vw[l]) + float64(w0*vv[l]))
			va[l] = t
			acc[l] += float64(t * vn[l])
		}
		a, v, w, next = a[lanes:], v[lanes:], w[lanes:], next[lanes:]
	}
}

// reduce adds partial sums up, the far ones first.
func reduce(acc *[lanes]float64) float64 {
	for step := lanes / 2; step > 0; step /= 2 {
		for l := range step {
			acc[l] += acc[l+step]
		}
	}
	return acc[0]
}

// dot multiplies two vectors, with four partial sums.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i] * b[i])
		s1 += float64(a[i+1] * b[i+1])
		s2 += float64(a[i+2] * b[i+2])
		s3 += float64(a[i+3] * b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i] * b[i])
	}
	return (s0 + s2) + (s1 + s3)
}

// axpyGo adds a times x to y.
func axpyGo(y, x []float64, a float64) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float64(a * x[i])
	}
}

// width is how many components the projection makes at a time.
const width = 32

// pixel is one that is not 0, and where its weights begin.
type pixel struct {
	at    int64
	value float64
}

func projectGo(out *[width]float64, weights []float64, pixels []pixel) {
	for _, p := range pixels {
		w := weights[p.at : p.at+width]
		for l := range out {
			out[l] += float64(p.value * w[l])
		}
	}
}
