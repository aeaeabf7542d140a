package pca

import (
	"math"
	"math/rand/v2"
)

// iterations that start anywhere: one is enough where eigenvalues are known to
// the last bit; the second is for starts that were nearly orthogonal to what is
// looked for, the third for those of clusters.
const iterations = 3

// vectors fills in the eigenvectors of the given eigenvalues, one a row. Each is
// made orthogonal to all before it in every iteration, since those of close
// eigenvalues converge to the same one otherwise.
func (t tridiagonal) vectors(out, values []float64) {
	n := len(t.diag)
	random := rand.NewPCG(1, 2)
	f := factors{tiny: t.tiny(), pivot: make([]float64, n), next: make([]float64, n), second: make([]float64, n), by: make([]float64, n), swap: make([]bool, n)}
	for i, value := range values {
		f.factor(t, value)
		x := out[i*n : (i+1)*n]
		for j := range x {
			x[j] = float64(random.Uint64()>>11+1) * 0x1p-53
		}
		unit(x)
		for range iterations {
			f.solve(x)
			unit(x)
			// Twice is enough (Parlett, The Symmetric Eigenvalue Problem, 6.9).
			for range 2 {
				for j := range i {
					before := out[j*n : (j+1)*n]
					axpy(x, before, -dot(x, before))
				}
				unit(x)
			}
		}
	}
}

// unit scales a vector to the length 1. Its greatest number goes first, since
// squares may overflow.
func unit(x []float64) {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	if most == 0 {
		return
	}
	for i := range x {
		x[i] /= most
	}
	length := math.Sqrt(dot(x, x))
	for i := range x {
		x[i] /= length
	}
}

// factors is T - x I as triangular factors, with rows exchanged where the pivot
// is the greater for it.
type factors struct {
	tiny                float64
	pivot, next, second []float64 // the upper factor's three diagonals
	by                  []float64
	swap                []bool
}

func (f factors) factor(t tridiagonal, x float64) {
	n := len(t.diag)
	d, e := t.diag[0]-x, t.off[0]
	for i := range n - 1 {
		low, right, beyond := t.off[i], t.diag[i+1]-x, t.off[i+1]
		if f.swap[i] = math.Abs(low) > math.Abs(d); f.swap[i] {
			f.pivot[i], f.next[i], f.second[i] = low, right, beyond
			f.by[i] = d / low
			d, e = e-float64(f.by[i]*right), -float64(f.by[i]*beyond)
			continue
		}
		d = f.atLeast(d)
		f.pivot[i], f.next[i], f.second[i] = d, e, 0
		f.by[i] = low / d
		d, e = right-float64(f.by[i]*e), beyond
	}
	f.pivot[n-1] = f.atLeast(d)
	f.next[n-1], f.second[n-1] = 0, 0
}

// atLeast keeps a pivot off 0: x is an eigenvalue, so one of them is as good as
// that.
func (f factors) atLeast(d float64) float64 {
	if math.Abs(d) < f.tiny {
		return f.tiny
	}
	return d
}

func (f factors) solve(x []float64) {
	n := len(x)
	for i := range n - 1 {
		if f.swap[i] {
			x[i], x[i+1] = x[i+1], x[i]
		}
		x[i+1] -= float64(f.by[i] * x[i])
	}
	for i := n - 1; i >= 0; i-- {
		s := x[i]
		if i+1 < n {
			s -= float64(f.next[i] * x[i+1])
		}
		if i+2 < n {
			s -= float64(f.second[i] * x[i+2])
		}
		x[i] = s / f.pivot[i]
	}
}
