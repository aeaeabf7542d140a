package fit

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// MinGroups is the least number of groups from which [NewBand] infers
	// what others may do.
	MinGroups = 3
	// enough groups tell by themselves where 95 % of others end: half of the
	// 5 % that may lie outside is what one group more could be.
	enough = 39
)

// Band is how far a prediction may be off.
type Band struct {
	// Half is half its width: in the unit of the truth, or relative to the
	// prediction.
	Half     float64
	Relative bool
	// Proven says that the guarantee holds whatever the errors' distribution.
	Proven bool
	Groups int
}

// Around is the interval in which the truth of a prediction lies.
func (b Band) Around(predicted float64) Interval {
	half := b.Half
	if b.Relative {
		half *= math.Abs(predicted)
	}
	return Interval{predicted - half, predicted + half}
}

// NewBand returns the band about predictions that holds 95 % of the points of
// groups not seen so far, groups counting alike. Predictions should be those
// of a [Validation], whose model did not see the points: residuals of the fit
// itself are too small. Residuals are divided by the prediction where the band
// is to be relative.
//
// What is supposed is that the groups are a fair sample of those to come, and
// the points of each of its own. From 39 groups on nothing else is: the band is
// the least that holds 95 % of all points, where each group counts alike and a
// group without end counts as one more (Lee, Barber and Willett,
// arXiv:2306.06342, 2023). It holds at least 95 %, on average over samples of
// groups, if the model was fitted without them all; with a model per group
// left out that is nearly so.
//
// With fewer groups no such guarantee exists below 19, and up to 38 it is
// wasteful. The band is then that of residuals with a common part of each group
// and one of each point, both normal about 0: Student's quantile times the root
// of their mean square, with the degrees of freedom of Satterthwaite (Biometrics
// Bulletin 2, 1946). It is never less than what holds 95 % of the residuals at
// hand. In the simulations of the tests, in which groups and points are normal,
// even, skewed, heavy-tailed or of unlike spread, it holds 90 % at least.
//
// It fails with [ErrInput], also for a relative band about a prediction of 0,
// and with [ErrTooFew] below [MinGroups] groups.
func NewBand(truth, predicted []float64, groups []string, relative bool) (Band, error) {
	if len(truth) != len(predicted) || len(truth) != len(groups) {
		return Band{}, fmt.Errorf("%w: %d truths, %d predictions and %d groups", ErrInput, len(truth), len(predicted), len(groups))
	}
	if err := cmp.Or(check("truth", truth), check("prediction", predicted)); err != nil {
		return Band{}, err
	}
	var residuals [][]float64 // by group
	for _, block := range BlocksOf(groups) {
		var group []float64
		for _, i := range block {
			e := truth[i] - predicted[i]
			if relative {
				if naught(predicted[i]) {
					return Band{}, fmt.Errorf("%w: prediction %d is 0, nothing is relative to it", ErrInput, i)
				}
				e /= math.Abs(predicted[i])
			}
			if !usable(e) {
				return Band{}, fmt.Errorf("%w: residual %d is %v", ErrInput, i, e)
			}
			group = append(group, e)
		}
		residuals = append(residuals, group)
	}
	b := Band{Relative: relative, Groups: len(residuals)}
	switch {
	case b.Groups < MinGroups:
		return Band{}, fmt.Errorf("%w: %d groups, what others may do takes %d", ErrTooFew, b.Groups, MinGroups)
	case b.Groups < enough:
		b.Half = max(normalHalf(residuals), pooledHalf(residuals, 0))
	default:
		b.Half, b.Proven = pooledHalf(residuals, 1), true
	}
	return b, nil
}

// pooledHalf is the least size that 95 % of the residuals do not exceed, where
// groups count alike and unseen ones are larger than any size.
func pooledHalf(groups [][]float64, unseen int) float64 {
	type sized struct{ size, weight float64 }
	var all []sized
	for _, g := range groups {
		for _, e := range g {
			all = append(all, sized{math.Abs(e), 1 / float64(len(g))})
		}
	}
	slices.SortFunc(all, func(a, b sized) int { return cmp.Compare(a.size, b.size) })
	// Sums of weights are off by less than this of the rounding.
	need := Level*float64(len(groups)+unseen) - 1e-9
	for _, s := range all {
		if need -= s.weight; need <= 0 {
			return s.size
		}
	}
	return math.Inf(1)
}

// normalHalf supposes e = a of the group + b of the point, both normal about
// 0. The mean square of a new one is that of the groups' means, with a degree
// of freedom less than there are groups, and that about them. The one less is
// what keeps the band from being too narrow where tails are heavy: by the normal
// distribution alone there would be as many as groups.
func normalHalf(groups [][]float64) float64 {
	var means, within, points float64
	for _, g := range groups {
		m := mean(g)
		var squares float64
		for _, e := range g {
			squares += (e - m) * (e - m)
		}
		n := float64(len(groups))
		means, within, points = means+m*m/n, within+squares/float64(len(g))/n, points+float64(len(g))
	}
	if means+within == 0 {
		return 0
	}
	n, share := float64(len(groups)), means/(means+within)
	unsure := share * share / (n - 1)
	if points > n {
		unsure += (1 - share) * (1 - share) / (points - n)
	}
	t := distuv.StudentsT{Sigma: 1, Nu: 1 / unsure}.Quantile((1 + Level) / 2)
	return t * math.Sqrt(means+within)
}
