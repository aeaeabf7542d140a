package stats

import "math"

// Power is how often a difference of the size asked for shall be found.
const Power = 0.80

// efficiency is how much of the t-test's information the tests of ranks keep
// where noise is normal: 3/pi (Hodges and Lehmann, Annals of Mathematical
// Statistics 27, 1956; it is never below 0.864, and more where tails are
// heavy).
const efficiency = 3 / math.Pi

// Plan says what a number of runs can tell on a machine this noisy.
type Plan struct {
	// Detectable is the smallest increase, relative, that a comparison of two
	// commands with Runs runs each finds with Power; NaN where no comparison
	// of so few finds anything.
	Detectable float64
	// Enough is the number of runs of each command that finds the effect
	// asked for with Power; 0 where that is not known.
	Enough int
	// Quiet is whether Runs are enough.
	Quiet bool
	Why   string // why Enough is not known
}

// minCompared is the least number of runs of each of two commands from which
// the Mann-Whitney test can reject at 5 %.
const minCompared = 4

// mostRuns is more than anybody makes.
const mostRuns = 1_000_000_000

// PlanRuns plans for an effect (0.02 is 2 % more, -0.02 is 2 % less) at the
// spread of a [Sample] and n runs of each of two commands. Runs that are
// interleaved and compared in pairs need about as many, fewer where the noise
// is common to neighbours. A spread learnt from few runs is itself uncertain:
// by a third from ten.
//
// It is the sample size of the t-test with logarithms of values, over the
// efficiency of ranks, and one run more for what the normal distribution
// leaves out where runs are few (Guenther, The American Statistician 35,
// 1981).
func PlanRuns(spread, effect float64, n int) Plan {
	p := Plan{Detectable: math.NaN()}
	if !(spread >= 0) || math.IsInf(spread, 1) {
		p.Why = "the spread of runs is not known"
		return p
	}
	z := normalQuantile(1-(1-Level)/2) + normalQuantile(Power)
	needs := 2 * z * z * spread * spread / efficiency
	if n >= minCompared {
		p.Detectable = math.Expm1(math.Sqrt(needs / float64(n-1)))
	}
	size := math.Abs(math.Log1p(effect))
	if !(size > 0) || math.IsInf(size, 1) {
		p.Why = "no number of runs finds an effect of this size: it has to be a relative change above -1 and other than 0"
		return p
	}
	p.Enough = max(minCompared, int(math.Ceil(min(needs/size/size, mostRuns)))+1)
	p.Quiet = n >= p.Enough
	return p
}
