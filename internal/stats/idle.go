package stats

import "math"

// Baseline is the mean power of the idle machine in watts, with its standard
// error. The latter is the same for all runs it is taken from, so more runs
// do not make it smaller; a longer baseline does.
type Baseline struct {
	Watts, StdErr float64
}

// Runs are the joules of runs as counted, and their seconds, by index.
type Runs struct {
	Joules, Seconds []float64
}

// Net returns the joules above idle at a power in watts, run by run. A run
// without its seconds, or of less than none, has no value: NaN. Net joules may
// be below 0, for then the machine drew less than idle.
func (r Runs) Net(watts float64) []float64 {
	net := make([]float64, len(r.Joules))
	for i, j := range r.Joules {
		net[i] = math.NaN()
		if i < len(r.Seconds) && r.Seconds[i] >= 0 {
			net[i] = j - watts*r.Seconds[i]
		}
	}
	return net
}

// known is whether a baseline can be subtracted.
func (b Baseline) known() bool { return usable(b.Watts) && b.StdErr >= 0 && usable(b.StdErr) }

// half is the baseline's half-width at Level, in watts.
func (b Baseline) half() float64 { return normalQuantile(1-(1-Level)/2) * b.StdErr }

// DescribeNet describes the joules above idle. The interval of their median
// holds the baseline's error as well as that of the runs. All else, the spread
// too, is about the runs as they would be with the baseline exact. Where the
// baseline is no number, every run is missing.
func DescribeNet(r Runs, idle Baseline) Sample {
	if !idle.known() {
		return Describe(r.Net(math.NaN()))
	}
	s := Describe(r.Net(idle.Watts))
	least, most := Describe(r.Net(idle.Watts+idle.half())), Describe(r.Net(idle.Watts-idle.half()))
	s.Median = s.Median.widen((most.Median.Value - least.Median.Value) / 2)
	return s
}

// CompareNet compares joules above one idle baseline by compare, which is
// [ComparePaired], or [Compare] with a seed. The error of the baseline is in
// both samples: it cancels as far as runs of A and B cost the same per second,
// and widens the intervals by the rest. P is raised as much as the interval
// of Shift is widened, so an effect that the baseline may have made is not
// taken for real.
func CompareNet(a, b Runs, idle Baseline, compare func(a, b []float64) Comparison) Comparison {
	if !idle.known() {
		return compare(a.Net(math.NaN()), b.Net(math.NaN()))
	}
	at := func(watts float64) Comparison { return compare(a.Net(watts), b.Net(watts)) }
	c := at(idle.Watts)
	if idle.StdErr == 0 {
		return c
	}
	c.A, c.B = DescribeNet(a, idle), DescribeNet(b, idle)
	low, high := at(idle.Watts-idle.half()), at(idle.Watts+idle.half())
	c.P = raised(c.P, math.Log1p(c.Shift.Value), halfChange(low.Shift.Value, high.Shift.Value))
	c.Exact = false
	c.Change = widenChange(c.Change, halfChange(low.Change.Value, high.Change.Value))
	c.Shift = widenChange(c.Shift, halfChange(low.Shift.Value, high.Shift.Value))
	return c
}

// halfChange is half of the way between two changes, in logarithms: a change is
// never below -1.
func halfChange(low, high float64) float64 {
	return math.Abs(math.Log1p(high)-math.Log1p(low)) / 2
}

// raised is the p-value of a shift whose error grows by an independent one
// with this half-width at Level: a normal distribution that has the same p
// has the standard error to start from.
func raised(p, shift, half float64) float64 {
	if math.IsNaN(half) || half == 0 {
		return p + half // NaN: the shift is not known within the interval
	}
	z := math.Sqrt2 * math.Erfcinv(p)
	if !(z > 0) || shift == 0 {
		return 1
	}
	stderr := math.Hypot(shift/z, half/normalQuantile(1-(1-Level)/2))
	return math.Erfc(math.Abs(shift) / stderr / math.Sqrt2)
}

// widenChange widens a change by a half-width in logarithms.
func widenChange(e Estimate, half float64) Estimate {
	if !e.Known {
		return e
	}
	if math.IsNaN(half) || math.IsInf(half, 0) {
		e.Interval = unknown("the idle baseline is too uncertain: within its interval some run has no joules above it")
		return e
	}
	return e.through(math.Log1p).widen(half).through(math.Expm1)
}
