package fit

import (
	"errors"
	"fmt"
	"math"
)

var (
	// ErrInput is a value that no arithmetic can be done with, or lists that
	// don't belong together. The text says which.
	ErrInput = errors.New("unusable input")
	// ErrTooFew is too few points, groups or blocks. The text says how many
	// would do.
	ErrTooFew = errors.New("too few")
	// ErrIterations is a fit that did not end. It should not be seen: it is
	// there so that every fit ends.
	ErrIterations = errors.New("no end in sight")
)

// Level is how often the intervals of this package should hold the truth.
const Level = 0.95

// limit bounds what a value can be, and its inverse what is told from 0: far
// from what squares and ratios of floats can hold.
const limit = 1e100

var nan = math.NaN()

func usable(v float64) bool { return math.Abs(v) <= limit }

// naught tells that nothing may be divided by v.
func naught(v float64) bool { return math.Abs(v) < 1/limit }

// check refuses values that are none.
func check(name string, values []float64) error {
	for i, v := range values {
		if !usable(v) {
			return fmt.Errorf("%w: %s[%d] is %v", ErrInput, name, i, v)
		}
	}
	return nil
}

// checkWeights refuses lists that are not of n weights. None at all is n equal
// ones.
func checkWeights(w []float64, n int) error {
	if w == nil {
		return nil
	}
	if len(w) != n {
		return fmt.Errorf("%w: %d weights of %d points", ErrInput, len(w), n)
	}
	for i, v := range w {
		if !usable(v) || v < 0 {
			return fmt.Errorf("%w: weight %d is %v", ErrInput, i, v)
		}
	}
	return nil
}

// weight is the i-th of weights that may be none.
func weight(w []float64, i int) float64 {
	if w == nil {
		return 1
	}
	return w[i]
}

// quantile interpolates between the two nearest of sorted values, of which
// there is one at least, as R's type 7 does (Hyndman and Fan, The American
// Statistician 50, 1996).
func quantile(sorted []float64, p float64) float64 {
	return between(sorted, p*float64(len(sorted)-1))
}

// between is the value at a position that need not be whole. Beyond the ends
// it is the value there.
func between(sorted []float64, at float64) float64 {
	at = min(max(at, 0), float64(len(sorted)-1))
	i := int(at)
	if i+1 >= len(sorted) || sorted[i] == sorted[i+1] {
		return sorted[i]
	}
	part := at - float64(i)
	return (1-part)*sorted[i] + part*sorted[i+1]
}
