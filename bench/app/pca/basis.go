package pca

// Basis is what images are described by: how far they are from the mean along
// each of the components.
type Basis struct {
	Mean    []float64
	Values  []float64 // variance along each component, descending
	Vectors []float64 // the components, one a row of as many as there are columns
	Total   float64   // variance in all directions
}

// Fit finds the k components along which the images vary most.
func Fit(x Pixels, k int) (Basis, error) {
	mean, cov, err := Covariance(x)
	if err != nil {
		return Basis{}, err
	}
	b := Basis{Mean: mean}
	for i := range x.Cols {
		b.Total += cov[i*x.Cols+i]
	}
	b.Values, b.Vectors, err = Eigen(cov, x.Cols, k)
	return b, err
}

// Explained is the part of the variance that the components have. Rounding
// doesn't make it more than all.
func (b Basis) Explained() float64 {
	if b.Total == 0 {
		return 1
	}
	s := 0.0
	for _, v := range b.Values {
		s += v
	}
	return min(s/b.Total, 1)
}

// Project returns the images' coordinates, one image a row of as many as there
// are components.
func (b Basis) Project(x Pixels) []float64 {
	k, d := len(b.Values), len(b.Mean)
	blocks := (k + width - 1) / width
	weights := make([]float64, blocks*d*width)
	for c := range k {
		for j := range d {
			weights[(c/width*d+j)*width+c%width] = b.Vectors[c*d+j]
		}
	}
	// (x - m) · v is x · v - m · v: one sum serves all rows, and pixels that are 0
	// add nothing to the other.
	start := make([][width]float64, blocks)
	for c := range k {
		start[c/width][c%width] = -dot(b.Mean, b.Vectors[c*d:(c+1)*d])
	}
	out := make([]float64, x.Rows*k)
	pixels := make([]pixel, 0, d)
	for r := range x.Rows {
		pixels = lit(pixels[:0], x.V[r*d:(r+1)*d])
		for i := range blocks {
			sums := start[i]
			projectBlock(&sums, weights[i*d*width:(i+1)*d*width], pixels)
			copy(out[r*k+i*width:(r+1)*k], sums[:])
		}
	}
	return out
}

// lit appends the pixels that are not 0.
func lit(to []pixel, row []uint8) []pixel {
	for j, v := range row {
		if v != 0 {
			to = append(to, pixel{at: int64(j * width), value: float64(v)})
		}
	}
	return to
}
