package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// simulations is how often a simulation is repeated: 2,000 times, or as often
// as STATS_SIMULATIONS says (50000 takes minutes and tells a tenth of a
// percent; more than 2,000 also try more sizes and kinds of noise; go test
// -run Simulated -v prints the figures).
func simulations(t *testing.T) int {
	s := os.Getenv("STATS_SIMULATIONS")
	if s == "" {
		return 2000
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("STATS_SIMULATIONS=%s is no number of simulations", s)
	}
	return n
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// noise is a distribution of runs with a known median.
type noise struct {
	name   string
	median float64
	draw   func(r *rand.Rand) float64
}

func lognormal(sigma float64) noise {
	return noise{fmt.Sprintf("lognormal %g", sigma), 1, func(r *rand.Rand) float64 { return math.Exp(sigma * r.NormFloat64()) }}
}

var (
	normal = noise{"normal 5 %", 1, func(r *rand.Rand) float64 { return 1 + 0.05*r.NormFloat64() }}
	skewed = noise{"exponential above a floor", 1 + 0.1*math.Ln2, func(r *rand.Rand) float64 { return 1 + 0.1*r.ExpFloat64() }}
	// A counter of large ticks: many runs are equal.
	coarse = noise{"coarse", 1, func(r *rand.Rand) float64 { return math.Round(50*(1+0.05*r.NormFloat64())) / 50 }}
	// A tenth of the runs is disturbed, always upwards.
	disturbed = noise{"disturbed", 1, func(r *rand.Rand) float64 {
		v := 1 + 0.02*math.Abs(r.NormFloat64())
		if r.IntN(2) == 0 {
			return 2 - v
		}
		if r.IntN(5) == 0 {
			return v + 0.2
		}
		return v
	}}
)

func (d noise) runs(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = d.draw(r)
	}
	return x
}

// rate is how often something happened, in percent, logged.
func rate(t *testing.T, what string, count, of int) float64 {
	t.Helper()
	v := 100 * float64(count) / float64(of)
	t.Logf("%-50s %6.2f %%", what, v)
	return v
}

func covers(t *testing.T, what string, count, of int) {
	t.Helper()
	if v := rate(t, what, count, of); v < 93 || v > 97 {
		t.Errorf("%s: the 95 %% interval covers %.2f %%, want 93 to 97 %%", what, v)
	}
}

func rejects(t *testing.T, what string, count, of int, most float64) {
	t.Helper()
	if v := rate(t, what, count, of); v > most {
		t.Errorf("%s: %.2f %% rejected, want at most %g %%", what, v, most)
	}
}

func holds(i Interval, v float64) int {
	if i.Known && i.Low <= v && v <= i.High {
		return 1
	}
	return 0
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestSimulatedMedianCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	for _, d := range []noise{normal, lognormal(0.05), lognormal(0.5), lognormal(1), skewed, disturbed} {
		for _, n := range []int{6, 7, 8, 9, 10, 15, 20, 30, 100} {
			r, hit := seeded(uint64(n)), 0
			for range sims {
				hit += holds(medianInterval(sorted(d.runs(r, n))), d.median)
			}
			covers(t, fmt.Sprintf("median of %d, %s", n, d.name), hit, sims)
		}
	}
}

// What a comparison says where B costs 10 % more: both intervals hold it.
func TestSimulatedChangeCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	type cell struct {
		noise
		n int
	}
	cells := []cell{{skewed, 8}, {normal, 9}}
	if sims > 2000 {
		cells = append(cells, cell{normal, 6}, cell{normal, 8}, cell{lognormal(0.5), 10}, cell{skewed, 20}, cell{disturbed, 20}, cell{disturbed, 30}, cell{normal, 100})
	}
	for _, c := range cells {
		t.Run(fmt.Sprint(c.name, " ", c.n), func(t *testing.T) {
			t.Parallel()
			r := seeded(uint64(c.n))
			var change, shift int
			for i := range sims {
				a, b := sorted(c.runs(r, c.n)), sorted(c.runs(r, c.n))
				for k := range b {
					b[k] *= 1.1
				}
				change += holds(medianChange(a, b, uint64(i)), 0.1)
				if i%2 == 0 {
					shift += holds(twoShift(logs(a), logs(b)).Interval, math.Log(1.1))
				}
			}
			covers(t, "change of medians", change, sims)
			covers(t, "shift", shift, (sims+1)/2)
		})
	}
}

// Samples of unlike sizes and unlike spread: the change of medians is about
// the medians and holds. (The shift is not: it supposes like noise.)
func TestSimulatedChangeCoverageOfUnlikeSamples(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	r, hit := seeded(5), 0
	for i := range sims {
		a, b := lognormal(0.02).runs(r, 12), lognormal(0.2).runs(r, 25)
		slices.Sort(a)
		slices.Sort(b)
		hit += holds(medianChange(a, b, uint64(i)), 0)
	}
	covers(t, "change of medians, 12 against 25 ten times as wide", hit, sims)
}

func TestSimulatedPairedCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	for _, d := range []noise{normal, skewed, disturbed} {
		for _, n := range []int{8, 20} {
			r := seeded(uint64(n))
			var change, shift int
			for range sims {
				a, b := d.runs(r, n), d.runs(r, n)
				for k := range b {
					b[k] *= 0.92
				}
				c := ComparePaired(a, b)
				change += holds(c.Change.Interval, -0.08)
				shift += holds(c.Shift.Interval, -0.08)
			}
			covers(t, fmt.Sprintf("change within %d rounds, %s", n, d.name), change, sims)
			covers(t, fmt.Sprintf("shift within %d rounds, %s", n, d.name), shift, sims)
		}
	}
}

// remembered is mannWhitney for samples of two sizes without ties, computed
// once for every rank sum there is: with the race detector it takes
// milliseconds.
func remembered() func(a, b []float64) float64 {
	known := map[Effect]float64{}
	return func(a, b []float64) float64 {
		d := dominance(sorted(a), sorted(b))
		if _, is := known[d]; !is {
			known[d], _ = mannWhitney(a, b)
		}
		return known[d]
	}
}

// Tests of the size 5 % fail in 5.5 % of 2,000 simulations by chance once in
// six times. So all sizes of samples are taken together, and each by itself
// may be off by three standard errors.
func TestSimulatedEqualCommandsDoNotDiffer(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	var allTwo, allPaired, all int
	// Ranks of values without ties know no distribution: one is as good as
	// any. Ties are another matter.
	for _, c := range []struct {
		noise
		n int
	}{{normal, 8}, {normal, 10}, {normal, 20}, {normal, 40}, {coarse, 10}, {coarse, 40}} {
		r := seeded(200 + uint64(c.n))
		var two, paired int
		test := remembered()
		if c.name == coarse.name {
			test = func(a, b []float64) float64 { p, _ := mannWhitney(a, b); return p }
		}
		for range sims {
			a, b := c.runs(r, c.n), c.runs(r, c.n)
			two += count(test(a, b) <= 0.05)
			for k := range a {
				a[k] = math.Log(b[k] / a[k])
			}
			p, _ := signedRank(a)
			paired += count(p <= 0.05)
		}
		rejects(t, fmt.Sprintf("A/A, %d runs, %s", c.n, c.name), two, sims, 6.5)
		rejects(t, fmt.Sprintf("A/A, %d rounds, %s", c.n, c.name), paired, sims, 6.5)
		allTwo, allPaired, all = allTwo+two, allPaired+paired, all+sims
	}
	rejects(t, "A/A, runs of all sizes", allTwo, all, 5.5)
	rejects(t, "A/A, rounds of all sizes", allPaired, all, 5.5)
}

// A machine whose energy rises by 30 % while the runs are made, with 3 %
// noise. In interleaved rounds equal commands stay equal; one after the other
// they seem to differ, and the drift is seen.
func TestSimulatedDriftCancelsInRounds(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	const n = 20
	r := seeded(30)
	var paired, within, sequential, seen, calm int
	for i := range sims {
		run := func(k int) float64 {
			return (1 + 0.3*float64(k)/(2*n-1)) * (1 + 0.03*r.NormFloat64())
		}
		var ab [2][]float64
		for round, order := range Interleave(2, n, uint64(i)) {
			for place, command := range order {
				ab[command] = append(ab[command], run(2*round+place))
			}
		}
		c := ComparePaired(ab[0], ab[1])
		paired += count(c.P <= 0.05)
		within += holds(c.Shift.Interval, 0)
		if i%4 != 0 {
			continue // what follows is slower, and need not be told as finely
		}
		var a, b, quiet []float64
		for k := range n {
			a, b, quiet = append(a, run(k)), append(b, run(n+k)), append(quiet, normal.draw(r))
		}
		p, _ := mannWhitney(a, b)
		sequential += count(p <= 0.05)
		seen += count(DetectDrift(a, b).P <= 0.05)
		calm += count(DetectDrift(quiet).P <= 0.05)
	}
	rejects(t, "A/A in rounds under 30 % drift", paired, sims, 6)
	covers(t, "shift within rounds under 30 % drift", within, sims)
	rejects(t, "drift seen where there is none", calm, (sims+3)/4, 6)
	if v := rate(t, "A/A one after the other under 30 % drift", sequential, (sims+3)/4); v < 90 {
		t.Errorf("drift does no harm here (%.1f %%): the test proves nothing", v)
	}
	if v := rate(t, "drift seen one after the other", seen, (sims+3)/4); v < 99 {
		t.Errorf("drift of 30 %% seen in %.2f %% of the cases, want nearly all", v)
	}
}

// Drift too small to be seen for sure makes equal commands differ; it does not
// pass for an effect, and where there is little of it an effect well above
// still does.
func TestSimulatedSmallDrift(t *testing.T) {
	t.Parallel()
	sims := simulations(t) / 8
	const n = 20
	for _, drift := range []float64{0, 0.02, 0.05, 0.1} {
		r := seeded(31)
		var unseen, fooled, found int
		for range sims {
			var a, b []float64
			for k := range n {
				run := func(k int) float64 { return (1 + drift*float64(k)/(2*n-1)) * (1 + 0.03*r.NormFloat64()) }
				a, b = append(a, run(k)), append(b, run(n+k))
			}
			d := DetectDrift(a, b)
			shift := twoShift(logs(sorted(a)), logs(sorted(b)))
			differ := shift.Low > 0 || shift.High < 0
			unseen += count(differ && d.P > 0.05)
			fooled += count(differ && !d.MayExplain(shift.through(math.Expm1)))
			shift.Value += math.Log(1.2)
			found += count(!d.MayExplain(shift.through(math.Expm1)))
		}
		what := fmt.Sprintf("%g %% drift: ", 100*drift)
		rate(t, what+"equal commands differ, no drift seen", unseen, sims)
		rejects(t, what+"equal commands differ by more than it", fooled, sims, 6.5)
		if v := rate(t, what+"20 % more is more than it", found, sims); drift <= 0.02 && v < 85 {
			t.Errorf("%s20 %% more is put down to it in %.1f %%", what, 100-v)
		}
	}
}

func TestSimulatedDriftCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t) / 4
	for _, n := range []int{8, 20} {
		r := seeded(uint64(n))
		hit := 0
		for range sims {
			var a, b []float64
			for k := range n {
				at := float64(k)/float64(n-1) - 0.5
				a = append(a, 50*(1+0.1*at+0.03*r.NormFloat64()))
				b = append(b, 80*(1+0.1*at+0.03*r.NormFloat64()))
			}
			hit += holds(DetectDrift(a, b).Change.Interval, 0.1)
		}
		covers(t, fmt.Sprintf("drift over two series of %d", n), hit, sims)
	}
}

// Six commands against one base, none of which differs: how often any seems
// to.
func TestSimulatedHolm(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	r := seeded(6)
	var plain, adjusted int
	test := remembered()
	for range sims {
		base := normal.runs(r, 10)
		p := make([]float64, 6)
		for i := range p {
			p[i] = test(base, normal.runs(r, 10))
		}
		plain += count(slices.Min(p) <= 0.05)
		adjusted += count(slices.Min(Holm(p)) <= 0.05)
	}
	rejects(t, "any of six, adjusted", adjusted, sims, 5.5)
	if v := rate(t, "any of six, unadjusted", plain, sims); v < 10 {
		t.Errorf("six comparisons err in %.1f %% without adjustment: the test proves nothing", v)
	}
}

// Where PlanRuns says enough, four of five experiments find the effect; and
// so they do the smallest detectable one.
func TestSimulatedPlan(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	for _, c := range []struct{ spread, effect float64 }{{0.01, 0.02}, {0.03, 0.02}, {0.05, -0.06}} {
		p := PlanRuns(c.spread, c.effect, 12)
		detectable := PlanRuns(c.spread, c.effect, 12).Detectable
		r := seeded(uint64(p.Enough))
		var enough, least int
		first, second := remembered(), remembered()
		try := func(test func(a, b []float64) float64, n int, effect float64) int {
			a, b := make([]float64, n), make([]float64, n)
			for i := range n {
				a[i], b[i] = 1+c.spread*r.NormFloat64(), (1+effect)*(1+c.spread*r.NormFloat64())
			}
			return count(test(a, b) <= 0.05)
		}
		for range sims {
			enough += try(first, p.Enough, c.effect)
			least += try(second, 12, detectable)
		}
		what := fmt.Sprintf("power at %g %% noise for %g %%", 100*c.spread, 100*c.effect)
		if v := rate(t, fmt.Sprintf("%s by %d runs", what, p.Enough), enough, sims); v < 77 || v > 86 {
			t.Errorf("%s: %d runs have a power of %.1f %%", what, p.Enough, v)
		}
		if v := rate(t, fmt.Sprintf("power of 12 runs for %.3g %%", 100*detectable), least, sims); v < 76 || v > 84 {
			t.Errorf("12 runs find %.3g %% with a power of %.1f %%", 100*detectable, v)
		}
	}
}

// A baseline that is off by its standard error: the interval of net joules
// covers as it should, and without the baseline's part it would not.
func TestSimulatedNetCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	const n, watts, stderr = 15, 20.0, 0.4
	r := seeded(15)
	var net, naive, change, alike, equal int
	for i := range sims {
		idle := Baseline{watts + stderr*r.NormFloat64(), stderr}
		runs := func(joules, seconds float64) (x Runs) {
			for range n {
				s := seconds * (1 + 0.01*r.NormFloat64())
				x.Seconds = append(x.Seconds, s)
				x.Joules = append(x.Joules, joules*(1+0.02*r.NormFloat64())+watts*s)
			}
			return x
		}
		a, b := runs(50, 2), runs(55, 5)
		net += holds(DescribeNet(a, idle).Median.Interval, 50)
		naive += holds(Describe(a.Net(idle.Watts)).Median.Interval, 50)
		if i%2 == 1 {
			continue // what follows is slower
		}
		c := CompareNet(a, b, idle, ComparePaired)
		change += holds(c.Change.Interval, 0.1)
		alike += holds(c.Shift.Interval, 0.1)
		equal += count(CompareNet(a, runs(50, 5), idle, ComparePaired).P <= 0.05)
	}
	covers(t, "net joules", net, sims)
	covers(t, "change of net joules", change, (sims+1)/2)
	covers(t, "shift of net joules", alike, (sims+1)/2)
	rejects(t, "equal net joules that differ", equal, (sims+1)/2, 5.5)
	if v := rate(t, "net joules without the baseline's error", naive, sims); v > 90 {
		t.Errorf("the baseline's error does no harm here (%.1f %%): the test proves nothing", v)
	}
}
