package fit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Errors says how far predictions are from the truth. An error is prediction
// less truth. What has a unit has the truth's; the rest is relative.
type Errors struct {
	Points int
	// Zeros is how many points have a truth of 0, and so no relative error:
	// MAPE and P95 are of the others.
	Zeros int
	MAE   float64 // mean of |error|
	RMSE  float64 // root of the mean square
	Bias  float64 // mean error
	// RelativeBias is the sum of errors by the sum of truths: how wrong the
	// energy is, where points have equal lengths.
	RelativeBias float64
	MAPE         float64 // mean of |error|/|truth|
	WMAPE        float64 // sum of |error| by the sum of |truth|
	P95          float64 // of |error|/|truth|, 95 % of the points have no more
	// R2 is the share of the truth's variance that is predicted, below 0 if
	// the mean would have predicted better. NaN where the truth never changes.
	R2 float64
	// Range is by how much the predictions' range, largest less least, is
	// larger than the truth's, relative to that: -1 for a model that always
	// says the same. NaN where the truth never changes.
	Range float64
}

// Judge compares predictions with the truth, point by point. What would
// divide by 0 is NaN. It fails with [ErrInput], and with [ErrTooFew] without
// any points.
func Judge(truth, predicted []float64) (Errors, error) {
	if len(truth) != len(predicted) {
		return Errors{}, fmt.Errorf("%w: %d truths and %d predictions", ErrInput, len(truth), len(predicted))
	}
	if err := cmp.Or(check("truth", truth), check("prediction", predicted)); err != nil {
		return Errors{}, err
	}
	if len(truth) == 0 {
		return Errors{}, fmt.Errorf("%w: nothing to judge a model by", ErrTooFew)
	}
	var sum, size, absolute, signed, squares float64
	var relative []float64
	for i, t := range truth {
		e := predicted[i] - t
		sum, size = sum+t, size+math.Abs(t)
		absolute, signed, squares = absolute+math.Abs(e), signed+e, squares+e*e
		if !naught(t) {
			relative = append(relative, math.Abs(e/t))
		}
	}
	n := float64(len(truth))
	e := Errors{
		Points: len(truth), Zeros: len(truth) - len(relative),
		MAE: absolute / n, RMSE: math.Sqrt(squares / n), Bias: signed / n,
		RelativeBias: ratio(signed, sum), WMAPE: ratio(absolute, size),
		MAPE: nan, P95: nan,
		Range: ratio(spread(predicted), spread(truth)) - 1,
	}
	if len(relative) > 0 {
		slices.Sort(relative)
		e.MAPE, e.P95 = mean(relative), quantile(relative, 0.95)
	}
	var about float64
	for _, t := range truth {
		about += (t - sum/n) * (t - sum/n)
	}
	if spread(truth) > 0 {
		e.R2 = 1 - ratio(squares, about)
	} else {
		e.R2 = nan
	}
	return e, nil
}

// ratio is NaN where it would divide by 0.
func ratio(a, b float64) float64 {
	if naught(b) {
		return nan
	}
	return a / b
}

func spread(v []float64) float64 { return slices.Max(v) - slices.Min(v) }

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
