package fit

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

const (
	epsilon = 0x1p-52
	// A column is a sum of others if what they leave of it is this short,
	// where it has length 1. Its gradient is below rounding then.
	dependent = 1e-12
)

// system is a design in the coordinates of its square, and how far it is
// solved. The terms are those of Lawson and Hanson: what is passive is free to
// be above 0, the rest is 0.
type system struct {
	columns   []*mat.VecDense
	y         *mat.VecDense
	unit      []float64
	intercept bool
	x         []float64
	passive   []int
	residual  float64 // the least length it had
	// What does not become passive, as rounding alone made its gradient.
	barred []bool
}

func newSystem(d design) *system {
	s := &system{intercept: d.options.Intercept}
	s.columns, s.y, s.unit = d.square()
	s.x, s.barred = make([]float64, len(s.columns)), make([]bool, len(s.columns))
	s.residual = mat.Norm(s.y, 2)
	return s
}

// solve returns the coefficients. Each step makes the residual shorter than it
// ever was or bars a column, so it ends; how many steps there are is not known
// to be little, but Lawson and Hanson never saw more than three for each column.
func (s *system) solve() ([]float64, error) {
	n := len(s.columns)
	most := 100 * (n + 1)
	for range most {
		j := s.steepest()
		if j < 0 {
			for j := range s.x {
				s.x[j] *= s.unit[j]
			}
			return s.x, nil
		}
		if before := s.residual; s.admit(j) && s.residual < before {
			clear(s.barred)
		} else {
			s.barred[j] = true
		}
	}
	return nil, fmt.Errorf("%w: %d steps of a fit of %d columns", ErrIterations, most, n)
}

// steepest is the column that shortens the residual most at first, -1 where
// none does. The intercept goes before all others.
func (s *system) steepest() int {
	best, least := -1, 10*epsilon*float64(len(s.columns)+1)
	r := s.left()
	for j, c := range s.columns {
		if s.barred[j] || slices.Contains(s.passive, j) {
			continue
		}
		if g := mat.Dot(c, r); g > least {
			best, least = j, g
			if j == 0 && s.intercept {
				break
			}
		}
	}
	return best
}

// left is the residual.
func (s *system) left() *mat.VecDense {
	r := mat.VecDenseCopyOf(s.y)
	for _, j := range s.passive {
		r.AddScaledVec(r, -s.x[j], s.columns[j])
	}
	return r
}

// admit makes a column passive and the residual as short as it then can be. It
// reports false, with nothing changed, if that is longer. It may be no shorter:
// near the end a coefficient has half as many digits in the residual's length.
func (s *system) admit(j int) bool {
	x, passive := slices.Clone(s.x), slices.Clone(s.passive)
	s.passive = append(s.passive, j)
	z, ok := s.unbounded()
	if ok = ok && z[len(z)-1] > 0; ok {
		for ok && slices.Min(z) <= 0 {
			s.retreat(z)
			z, ok = s.unbounded()
		}
		for i, j := range s.passive {
			if ok {
				s.x[j] = z[i]
			}
		}
	}
	if length := mat.Norm(s.left(), 2); ok && length <= s.residual*(1+4*epsilon) {
		s.residual = min(s.residual, length)
		return true
	}
	s.x, s.passive = x, passive
	return false
}

// retreat goes from x towards z as far as nothing falls below 0, and makes
// what has fallen to 0 passive no more.
func (s *system) retreat(z []float64) {
	step, stops := math.Inf(1), -1
	for i, j := range s.passive {
		if z[i] <= 0 {
			if part := s.x[j] / (s.x[j] - z[i]); part < step {
				step, stops = part, j
			}
		}
	}
	var passive []int
	for i, j := range s.passive {
		s.x[j] += step * (z[i] - s.x[j])
		if j == stops || s.x[j] <= 0 {
			s.x[j] = 0
			continue
		}
		passive = append(passive, j)
	}
	s.passive = passive
}

// unbounded is the least squares solution in the passive columns. It reports
// false where the last of them is a sum of the others.
func (s *system) unbounded() ([]float64, bool) {
	n := len(s.passive)
	if n == 0 {
		return nil, false
	}
	a := mat.NewDense(s.y.Len(), n, nil)
	for i, j := range s.passive {
		a.SetCol(i, s.columns[j].RawVector().Data)
	}
	var qr mat.QR
	qr.Factorize(a)
	var r mat.Dense
	qr.RTo(&r)
	if math.Abs(r.At(n-1, n-1)) <= dependent {
		return nil, false
	}
	var z mat.VecDense
	if err := qr.SolveVecTo(&z, false, s.y); err != nil {
		return nil, false
	}
	return z.RawVector().Data, true
}
