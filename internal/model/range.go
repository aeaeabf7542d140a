package model

import (
	"fmt"
	"math"
)

// Range is an estimate: a nominal value between bounds.
type Range struct{ Low, Nominal, High float64 }

// Exactly returns the range that holds v alone.
func Exactly(v float64) Range { return Range{v, v, v} }

// Times scales all three values by k, which is not negative.
func (r Range) Times(k float64) Range { return Range{r.Low * k, r.Nominal * k, r.High * k} }

// String returns "280 (225 to 280)", or "280" for a range without width.
func (r Range) String() string {
	if r.Low == r.High {
		return fmt.Sprintf("%.4g", r.Nominal)
	}
	return fmt.Sprintf("%.4g (%.4g to %.4g)", r.Nominal, r.Low, r.High)
}

// check reports whether the range is ordered, finite and positive.
func (r Range) check(field string) error {
	if err := checkPositive(field, r.Low); err != nil {
		return err
	}
	if r.Low > r.Nominal || r.Nominal > r.High || math.IsNaN(r.Nominal) || math.IsNaN(r.High) || math.IsInf(r.High, 0) {
		return fmt.Errorf("%s: %g to %g to %g is not a range: want finite numbers in order", field, r.Low, r.Nominal, r.High)
	}
	return nil
}

func checkPositive(field string, v float64) error {
	if !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%s: %g is not a positive number", field, v)
	}
	return nil
}

func checkNotNegative(field string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%s: %g is negative or not a number", field, v)
	}
	return nil
}

// spread is the error of one cause: by what factors it may move the nominal
// value down and up. down <= 1 <= up.
type spread struct{ down, up float64 }

// spreadOf returns the spread between a nominal value and what it becomes at
// the two ends of a cause, in either order.
func spreadOf(nominal, a, b float64) spread {
	return spread{down: min(a, b, nominal) / nominal, up: max(a, b, nominal) / nominal}
}

// around combines causes that don't depend on each other: their logarithms
// add up as squares. Adding them straight would describe a machine on which
// everything errs the same way at once.
func around(nominal float64, causes ...spread) Range {
	var down, up float64
	for _, c := range causes {
		down += sq(math.Log(c.down))
		up += sq(math.Log(c.up))
	}
	return Range{nominal * math.Exp(-math.Sqrt(down)), nominal, nominal * math.Exp(math.Sqrt(up))}
}

func sq(x float64) float64 { return x * x }

func (r Range) finite() bool {
	for _, v := range [...]float64{r.Low, r.Nominal, r.High} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
