package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/perf/benchmath"
)

// The test and the median are those of benchstat, run by run: where its library
// answers the same question, it gives the same answer. (It has no interval of a
// change, no effect size, no rounds, no several comparisons, no drift.)
func TestAgreesWithBenchmath(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 2000 {
		draw := func(n int, shift float64) []float64 {
			v := make([]float64, n)
			for i := range v {
				v[i] = 100 + shift + 5*rng.NormFloat64()
				if trial%2 == 0 {
					v[i] = math.Round(v[i]) // ties
				}
			}
			return v
		}
		// Beyond 25 runs with ties, and 50 without, its p-value is no longer
		// exact, and ours is.
		least := 2 + 4*((trial+1)%2)
		a, b := draw(least+rng.IntN(7), 0), draw(least+rng.IntN(7), 5*rng.Float64())
		th := benchmath.DefaultThresholds
		sa, sb := benchmath.NewSample(append([]float64{}, a...), &th), benchmath.NewSample(append([]float64{}, b...), &th)
		theirs := benchmath.AssumeNothing.Compare(sa, sb)
		ours := Compare(a, b, 1)
		// With ties the two tails differ: it doubles the smaller one, we take
		// the part of each that is as far out.
		allowed := 1e-9
		if trial%2 == 0 {
			allowed = 0.03
		}
		if math.Abs(ours.P-theirs.P) > allowed {
			t.Fatalf("p %v, benchmath says %v\n%v\n%v", ours.P, theirs.P, a, b)
		}
		if m := benchmath.AssumeNothing.Summary(sa, Level).Center; ours.A.Median.Value != m {
			t.Fatalf("median %v, benchmath says %v of %v", ours.A.Median.Value, m, a)
		}
	}
}
