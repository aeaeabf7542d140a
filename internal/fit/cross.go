package fit

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Point is one measurement of power.
type Point struct {
	X      []float64 // features
	Y      float64   // the truth, watts
	Weight float64   // for the Fitter: nothing here reads it
	// Group is the workload. Points without one are always fitted and never
	// judged: the idle machine, which every model has to know.
	Group string
	// Fold is the same for repeats of a point, "" for one without.
	Fold string
}

// Predictor is a fitted model: watts from features.
type Predictor func(x []float64) float64

// Fitter fits a model to points. It leaves them as they are.
type Fitter func(train []Point) (Predictor, error)

// Validation is how well a kind of model predicts workloads that it was not
// fitted to.
type Validation struct {
	// Index are the points that were judged, in the order of [Validation]'s
	// other lists: that of the points given.
	Index            []int
	Truth, Predicted []float64
	Group            []string // of each
	// Groups are those left out, sorted, and Loss is of each the loss of the
	// model that did not see it.
	Groups []string
	Loss   []float64
	// Mean is of the losses, each group counting alike, and StdErr its
	// standard error: their standard deviation by the root of their number.
	Mean, StdErr float64
}

// CrossValidate leaves out one group after the other, fits to the rest and
// predicts what was left out (Stone, Journal of the Royal Statistical Society B
// 36, 1974). The loss of a group is what loss makes of its [Errors]: usually
// their WMAPE, or MAE where truths may be 0.
//
// What has a fold in common with a point that is left out is left out too,
// whatever its group: a model that has seen one of the repeats knows the
// others. To leave out point by point, let Group be the fold.
//
// It fails with the fitter's error, with [ErrInput] where a prediction or a
// loss is no number, and with [ErrTooFew] for fewer than two groups or where a
// group left out leaves nothing to fit.
func CrossValidate(points []Point, fit Fitter, loss func(Errors) float64) (Validation, error) {
	groups := map[string]bool{}
	for _, p := range points {
		if p.Group != "" {
			groups[p.Group] = true
		}
	}
	v := Validation{Groups: slices.Sorted(maps.Keys(groups))}
	if len(v.Groups) < 2 {
		return Validation{}, fmt.Errorf("%w: %d groups, leaving out one takes 2", ErrTooFew, len(v.Groups))
	}
	predicted := make([]float64, len(points))
	for _, group := range v.Groups {
		e, err := leaveOut(group, points, fit, predicted)
		if err != nil {
			return Validation{}, fmt.Errorf("fit without %q: %w", group, err)
		}
		l := loss(e)
		if !usable(l) {
			return Validation{}, fmt.Errorf("%w: the loss of %q is %v", ErrInput, group, l)
		}
		v.Loss = append(v.Loss, l)
	}
	for i, p := range points {
		if p.Group != "" {
			v.Index, v.Group = append(v.Index, i), append(v.Group, p.Group)
			v.Truth, v.Predicted = append(v.Truth, p.Y), append(v.Predicted, predicted[i])
		}
	}
	v.Mean = mean(v.Loss)
	var squares float64
	for _, l := range v.Loss {
		squares += (l - v.Mean) * (l - v.Mean)
	}
	n := float64(len(v.Loss))
	v.StdErr = math.Sqrt(squares / (n - 1) / n)
	return v, nil
}

// leaveOut predicts the points of a group by all that know nothing of it.
func leaveOut(group string, points []Point, fit Fitter, predicted []float64) (Errors, error) {
	folds := map[string]bool{}
	for _, p := range points {
		if p.Group == group && p.Fold != "" {
			folds[p.Fold] = true
		}
	}
	var train []Point
	for _, p := range points {
		if p.Group != group && !folds[p.Fold] {
			train = append(train, p)
		}
	}
	if len(train) == 0 {
		return Errors{}, fmt.Errorf("%w: no points are left", ErrTooFew)
	}
	predict, err := fit(train)
	if err != nil {
		return Errors{}, err
	}
	var truth, guess []float64
	for i, p := range points {
		if p.Group == group {
			predicted[i] = predict(p.X)
			truth, guess = append(truth, p.Y), append(guess, predicted[i])
		}
	}
	return Judge(truth, guess)
}

// Select returns which of the candidates to use: the first whose mean loss is
// within one standard error of the least one, so the candidates stand from the
// simplest to the most complex (Breiman, Friedman, Olshen and Stone,
// Classification and Regression Trees, 1984, section 3.4.3). Candidates are
// judged on the same groups, and what is hard about a group is hard for all of
// them: the standard error is that of the difference of their losses, group by
// group. One whose Mean is NaN is passed over; -1 means that there is no other.
func Select(candidates []Validation) int {
	best := -1
	for i, c := range candidates {
		if c.Mean == c.Mean && (best < 0 || c.Mean < candidates[best].Mean) {
			best = i
		}
	}
	if best < 0 {
		return -1
	}
	least := &candidates[best]
	return slices.IndexFunc(candidates, func(c Validation) bool { return c.Mean-least.Mean <= c.differenceErr(least) })
}

// differenceErr is the standard error of the difference of two means, group by
// group; where the groups are not the same, that of the other one's own mean. It
// is NaN for a candidate without a mean, within which nothing lies.
func (v *Validation) differenceErr(other *Validation) float64 {
	if v.Mean != v.Mean {
		return math.NaN()
	}
	n := len(v.Loss)
	if n < 2 || !slices.Equal(v.Groups, other.Groups) {
		if other.StdErr > 0 {
			return other.StdErr
		}
		return 0
	}
	var squares float64
	for i := range v.Loss {
		d := v.Loss[i] - other.Loss[i] - (v.Mean - other.Mean)
		squares += d * d
	}
	return math.Sqrt(squares / float64(n-1) / float64(n))
}
