package fit

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// Linear is a sum of features, each by its coefficient, and an intercept.
type Linear struct {
	Intercept float64
	Coef      []float64
	// Low and High are the least and the largest value of every feature among
	// the points fitted.
	Low, High []float64
}

// At is the prediction, NaN where x does not have as many features as the
// model.
func (l Linear) At(x []float64) float64 {
	if len(x) != len(l.Coef) {
		return nan
	}
	return l.Intercept + floats.Dot(l.Coef, x)
}

// Covers reports whether every feature is within what was fitted. Features
// that are each within may still be together what was never seen.
func (l Linear) Covers(x []float64) bool {
	if len(x) != len(l.Low) {
		return false
	}
	for j, v := range x {
		if !(l.Low[j] <= v && v <= l.High[j]) {
			return false
		}
	}
	return true
}

// Options says what [NNLS] fits beside plain coefficients.
type Options struct {
	// Intercept adds a constant, idle power. It is not below 0 either.
	Intercept bool
	// Ridge draws coefficients to 0: it adds Ridge * b² * sum of w*(x-mean)²
	// of every feature to what is made least, without the mean where there is
	// no intercept. The units of features do not matter so, and with a Ridge
	// of 1 a lone coefficient is half of what it would be. The intercept stays
	// as it is.
	Ridge float64
	// Weights of the squared residuals, one for each point; nil for equal
	// ones. 0 leaves the point out.
	Weights []float64
}

// NNLS fits the linear model with the least sum of weighted squared residuals
// that has no coefficient below 0: nothing that a machine does saves power. It
// is the active set method of Lawson and Hanson, Solving Least Squares
// Problems, 1974, chapter 23.
//
// Each of rows is the features of a point. A feature that says nothing new (it
// is 0 throughout, or a sum of others to 12 digits) has a coefficient of 0;
// which of several equal features has it is not said, but that the intercept
// goes before a constant one. Without noise the coefficients are exact, with
// fewer points than features some model that fits is found.
//
// It fails with [ErrInput], with [ErrTooFew] where no point has weight, and
// with [ErrIterations].
func NNLS(rows [][]float64, y []float64, o Options) (Linear, error) {
	if err := checkProblem(rows, y, o); err != nil {
		return Linear{}, err
	}
	x, err := newSystem(newDesign(rows, y, o)).solve()
	if err != nil {
		return Linear{}, err
	}
	l := Linear{Coef: x}
	if o.Intercept {
		l.Intercept, l.Coef = x[0], x[1:]
	}
	l.Low, l.High = ranges(rows, o.Weights)
	return l, nil
}

func checkProblem(rows [][]float64, y []float64, o Options) error {
	if len(rows) != len(y) {
		return fmt.Errorf("%w: %d rows of features and %d y", ErrInput, len(rows), len(y))
	}
	if !usable(o.Ridge) || o.Ridge < 0 {
		return fmt.Errorf("%w: a ridge of %v", ErrInput, o.Ridge)
	}
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			return fmt.Errorf("%w: point %d has %d features, the first has %d", ErrInput, i, len(row), len(rows[0]))
		}
		for j, v := range row {
			if !usable(v) {
				return fmt.Errorf("%w: feature %d of point %d is %v", ErrInput, j, i, v)
			}
		}
	}
	if err := cmp.Or(check("y", y), checkWeights(o.Weights, len(y))); err != nil {
		return err
	}
	if len(y) == 0 || o.Weights != nil && slices.Max(o.Weights) == 0 {
		return fmt.Errorf("%w: a model needs a point that has weight", ErrTooFew)
	}
	return nil
}

// ranges returns the least and largest values of features.
func ranges(rows [][]float64, weights []float64) (low, high []float64) {
	for i, row := range rows {
		switch {
		case weight(weights, i) == 0:
		case low == nil:
			low, high = slices.Clone(row), slices.Clone(row)
		default:
			for j, v := range row {
				low[j], high[j] = min(low[j], v), max(high[j], v)
			}
		}
	}
	return low, high
}
