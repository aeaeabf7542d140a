package report

import "math"

// Known returns a value as a document holds it: nil, which is null, where it is
// not a finite number.
func Known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// OrNaN returns a document's value as arithmetic takes it: NaN where it is not
// known.
func OrNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
