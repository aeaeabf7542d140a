package pca

import "fmt"

// Pixels are images, one a row.
type Pixels struct {
	Rows, Cols int
	V          []uint8 // row by row
}

// maxRows keeps the numerators of a covariance within 63 bits: rows² x 255².
const maxRows = 1 << 23

func (x Pixels) check() error {
	switch {
	case x.Rows < 2 || x.Cols < 1:
		return fmt.Errorf("find components of %d rows of %d columns: a covariance takes 2 rows and a column at least", x.Rows, x.Cols)
	case x.Rows > maxRows:
		return fmt.Errorf("find components of %d rows: sums are exact up to %d rows only; use fewer", x.Rows, maxRows)
	case len(x.V) != x.Rows*x.Cols:
		return fmt.Errorf("find components of %d rows of %d columns: there are %d pixels", x.Rows, x.Cols, len(x.V))
	}
	return nil
}

// Covariance returns the columns' means and their covariance matrix, with n-1 in
// the denominator. Both are rounded once or twice from exact integers:
//
//	(n Σ x_i x_j - Σ x_i Σ x_j) / (n (n-1))
func Covariance(x Pixels) (mean, cov []float64, err error) {
	if err := x.check(); err != nil {
		return nil, nil, err
	}
	n, d := int64(x.Rows), x.Cols
	sums := columnSums(x)
	products := scatter(x)
	mean, cov = make([]float64, d), make([]float64, d*d)
	for i, s := range sums {
		mean[i] = float64(s) / float64(n)
	}
	of := float64(n * (n - 1))
	for i := range d {
		for j := i; j < d; j++ {
			c := float64(n*products[i*d+j]-sums[i]*sums[j]) / of
			cov[i*d+j], cov[j*d+i] = c, c
		}
	}
	return mean, cov, nil
}

func columnSums(x Pixels) []int64 {
	sums := make([]int64, x.Cols)
	for r := range x.Rows {
		for j, v := range x.V[r*x.Cols : (r+1)*x.Cols] {
			sums[j] += int64(v)
		}
	}
	return sums
}

// pairRows is how many rows are added before 32 bits could overflow: 2³² / 255²
// are 66051.
const pairRows = 65536

// scatterPairs takes two columns in one multiplication, the second one in the
// upper half of a word, and passes over pixels that are 0, of which images are
// full. The upper triangle alone is right, apart from the diagonal's
// neighbourhood, which has a column of the lower one in it.
func scatterPairs(x Pixels) []int64 {
	d := x.Cols
	half := (d + 1) / 2
	total := make([]int64, d*d)
	acc := make([]uint64, d*half)
	var p [4][]uint64
	for i := range p {
		p[i] = make([]uint64, half)
	}
	for from := 0; from < x.Rows; from += pairRows {
		to := min(from+pairRows, x.Rows)
		clear(acc)
		for r := from; r < to; r += len(p) {
			for k := range p {
				pairUp(p[k], x, r+k, to)
			}
			addPairs(acc, p, d, half)
		}
		for i := range d {
			for j := i; j < d; j++ {
				total[i*d+j] += int64(uint32(acc[i*half+j/2] >> (32 * (j & 1))))
			}
		}
	}
	return total
}

// pairUp lays out a row, or zeros where it is one beyond the last.
func pairUp(p []uint64, x Pixels, r, to int) {
	clear(p)
	if r >= to {
		return
	}
	for j, v := range x.V[r*x.Cols : (r+1)*x.Cols] {
		p[j/2] |= uint64(v) << (32 * (j & 1))
	}
}

func addPairs(acc []uint64, p [4][]uint64, d, half int) {
	for i := range d {
		at := 32 * (i & 1)
		a, b, c, e := uint64(uint32(p[0][i/2]>>at)), uint64(uint32(p[1][i/2]>>at)), uint64(uint32(p[2][i/2]>>at)), uint64(uint32(p[3][i/2]>>at))
		if a|b|c|e == 0 {
			continue
		}
		from := i / 2
		to := acc[i*half+from : (i+1)*half]
		pa, pb, pc, pe := p[0][from:half], p[1][from:half], p[2][from:half], p[3][from:half]
		for k := range to {
			to[k] += a*pa[k] + b*pb[k] + c*pc[k] + e*pe[k]
		}
	}
}
