package stats

import (
	"math"
	"slices"
)

// Drift is what runs of the same command changed by in the order they were
// run.
type Drift struct {
	N int // runs
	// Tau is Kendall's: 1 where every run is above all before it, -1 where it
	// is below.
	Tau float64
	// P is the two-sided p-value of the Mann-Kendall trend test (Mann,
	// Econometrica 13, 1945; Kendall, Rank Correlation Methods, 1975). NaN
	// where there is nothing to test.
	P float64
	// Change is from the first run to the last, relative to the median, of a
	// straight line with the slope of Theil and Sen (Sen, Journal of the
	// American Statistical Association 63, 1968). Its High and Low are the
	// drift that can't be ruled out: compare it with the effect sought.
	Change Estimate
}

// DetectDrift looks for a trend over the runs of one or several series, each
// in its order of time. Several series are commands that ran one after the
// other: each may have its own level, and all have one trend (Hirsch, Slack
// and Smith, Water Resources Research 18, 1982), which Change gives over the
// longest of them. Runs are taken to be evenly spaced; a missing one leaves
// its place empty. Noise that carries over from run to run looks like drift.
func DetectDrift(series ...[]float64) Drift {
	d := Drift{Tau: math.NaN(), P: math.NaN()}
	var t trend
	longest := 0
	positive := true
	for _, values := range series {
		kept, index := clean(values)
		level := median(sorted(kept))
		positive = positive && !(level <= 1/limit)
		d.N += len(kept)
		t.add(kept, index, level)
		longest = max(longest, len(values))
	}
	if t.pairs == 0 {
		d.Change = Estimate{math.NaN(), unknown("no command has two runs")}
		return d
	}
	d.Tau = float64(t.s) / float64(t.pairs)
	d.P = t.p()
	if !positive {
		d.Change = Estimate{math.NaN(), unknown("a relative change needs a median above 0")}
		return d
	}
	over := float64(longest - 1)
	d.Change = t.slope().through(func(v float64) float64 { return v * over })
	return d
}

// MayExplain reports whether drift may be all there is to a shift between
// commands of which one ran after the other: there is drift (P is below 5 %),
// or the shift is no larger than the drift that can't be ruled out. P alone
// does not tell: a drift too small to be seen in twenty runs makes half of all
// equal commands differ. From the middle of one series
// to that of the next it has as much time as from the first run of a series
// to the last. What is not known may explain everything.
func (d Drift) MayExplain(shift Estimate) bool {
	reach := max(math.Abs(d.Change.Low), math.Abs(d.Change.High))
	return !(d.P > 1-Level && math.Abs(shift.Value) > reach)
}

// trend is what several series have in common.
type trend struct {
	s        int // pairs that rise less pairs that fall
	pairs    int
	variance float64 // of s, without a trend
	ties     bool
	lengths  []int
	x        [][]int
	y        [][]float64 // relative to the series' level
	scratch  []float64
}

func (t *trend) add(kept []float64, index []int, level float64) {
	n := len(kept)
	if n < 2 {
		return
	}
	y := make([]float64, n)
	for i, v := range kept {
		y[i] = v / level
	}
	t.lengths = append(t.lengths, n)
	t.x, t.y = append(t.x, index), append(t.y, y)
	t.scratch = make([]float64, max(len(t.scratch), 2*n))
	t.pairs += n * (n - 1) / 2
	falls, rises := t.falls(kept), t.falls(negated(kept))
	t.s += rises - falls
	t.ties = t.ties || rises+falls < n*(n-1)/2
	t.variance += kendallVariance(kept)
}

func negated(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = -v
	}
	return y
}

// kendallVariance is that of s for values without a trend, given their ties.
func kendallVariance(values []float64) float64 {
	f := func(n float64) float64 { return n * (n - 1) * (2*n + 5) }
	v := f(float64(len(values)))
	s := sorted(values)
	for i := 0; i < len(s); {
		j := i + 1
		for j < len(s) && s[j] == s[i] {
			j++
		}
		v -= f(float64(j - i))
		i = j
	}
	return v / 18
}

// falls counts the pairs of which the later is less, sorting by merging.
func (t *trend) falls(values []float64) int {
	n := len(values)
	y, spare := t.scratch[:n], t.scratch[n:2*n]
	copy(y, values)
	count := 0
	for width := 1; width < n; width *= 2 {
		for low := 0; low < n; low += 2 * width {
			mid, high := min(low+width, n), min(low+2*width, n)
			i, j := low, mid
			for k := low; k < high; k++ {
				if j >= high || i < mid && y[i] <= y[j] {
					spare[k] = y[i]
					i++
				} else {
					count += mid - i
					spare[k] = y[j]
					j++
				}
			}
		}
		y, spare = spare, y
	}
	return count
}

// exactTrend is the number of runs up to which the distribution of s is
// computed, where no two values are equal.
const exactTrend = 40

func (t *trend) p() float64 {
	if t.ties || t.runs() > exactTrend {
		// s moves in steps of two: the half step is one.
		return normalTails(math.Abs(float64(t.s))/2, t.variance/4)
	}
	return twoSided(t.distribution(), (t.pairs-t.s)/2)
}

func (t *trend) runs() (n int) {
	for _, l := range t.lengths {
		n += l
	}
	return n
}

// distribution is the part of all orders by how many of their pairs fall. The
// i-th value of a series falls below 0 to i-1 of those before it, all as
// likely.
func (t *trend) distribution() []float64 {
	ways := make([]float64, t.pairs+1)
	ways[0] = 1
	next := make([]float64, len(ways))
	for _, n := range t.lengths {
		for i := 2; i <= n; i++ {
			window := 0.0
			for k := range ways {
				window += ways[k]
				if k >= i {
					window -= ways[k-i]
				}
				next[k] = max(0, window) / float64(i)
			}
			ways, next = next, ways
		}
	}
	return ways
}

// slope is the median slope between two runs of a series, per run, relative
// to the series' level. Its interval holds the slopes that the trend test does
// not reject once they are taken off.
func (t *trend) slope() Estimate {
	steepest := 0.0
	for _, y := range t.y {
		steepest = max(steepest, slices.Max(y)-slices.Min(y))
	}
	at := func(k int) float64 { return kth(k, -steepest, steepest, t.slopesAtMost) }
	e := Estimate{Value: middle(t.pairs, at)}
	c := t.critical()
	if c < 0 {
		e.Interval = unknown("%s: too few for any trend to be significant at %.2g %%", plural(t.runs(), "run"), 100*(1-Level))
		return e
	}
	e.Interval = between(at(c), at(t.pairs-1-c))
	return e
}

// critical is the number of slopes that a 95 % interval leaves out at each
// end.
func (t *trend) critical() int {
	if t.runs() <= exactTrend {
		return critical(t.distribution())
	}
	z := normalQuantile(1 - (1-Level)/2)
	return int(math.Floor((float64(t.pairs)-z*math.Sqrt(t.variance))/2 - 0.5))
}

// slopesAtMost counts the pairs with a slope of at most v: with v taken off,
// they do not rise.
func (t *trend) slopesAtMost(v float64) (count int) {
	for i, y := range t.y {
		left := make([]float64, len(y))
		for k := range y {
			left[k] = v*float64(t.x[i][k]) - y[k]
		}
		n := len(y)
		count += n*(n-1)/2 - t.falls(left)
	}
	return count
}
