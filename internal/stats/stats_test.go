package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) || math.IsNaN(a) && math.IsNaN(b)
}

var nan = math.NaN()

func TestDescribe(t *testing.T) {
	// Worked by hand: quartiles at positions 2.25 and 6.75 of 0 to 9, fences
	// at 2.25-6.75 and 6.75+6.75.
	s := Describe([]float64{9, 3, 14, 1, 2, 5, 4, 7, 6, 0})
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"mean", s.Mean, 5.1}, {"median", s.Median.Value, 4.5}, {"first quartile", s.Q1, 2.25}, {"third quartile", s.Q3, 6.75},
		{"least", s.Min, 0}, {"most", s.Max, 14}, {"variance", s.StdDev * s.StdDev, 156.9 / 9}, {"MAD", s.MAD, 2.5},
		// 14 counts as 13.5: the sum of squares is 299.25 of a mean of 5.05.
		{"spread", s.Spread, math.Sqrt((221+182.25-10*5.05*5.05)/9) / 4.5},
	} {
		if !near(c.got, c.want) {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	if s.N != 10 || s.Missing != 0 || !slices.Equal(s.Outliers, []int{2}) {
		t.Errorf("%+v", s)
	}
	// R's quantile(c(1, 2, 4, 8, 16)), type 7: 2 and 8.
	if s := Describe([]float64{16, 8, 4, 2, 1}); s.Q1 != 2 || s.Q3 != 8 || len(s.Outliers) != 0 {
		t.Errorf("%+v", s)
	}
	// A value on the fence (2 to 4, fences -1 and 7) is none, beyond it is.
	if s := Describe([]float64{1, 2, 3, 4, 7}); len(s.Outliers) != 0 {
		t.Errorf("on the fence: %+v", s)
	}
	if s := Describe([]float64{nan, 7.01, 1, math.Inf(1), 2, 3, 4}); !slices.Equal(s.Outliers, []int{1}) || s.Missing != 2 || s.N != 5 {
		t.Errorf("indexes are not those given: %+v", s)
	}
}

func TestDescribeTooLittle(t *testing.T) {
	s := Describe(nil)
	if s.N != 0 || s.Median.Known || s.Median.Why == "" {
		t.Errorf("%+v", s)
	}
	for _, v := range []float64{s.Mean, s.StdDev, s.Min, s.Max, s.Q1, s.Q3, s.Median.Value, s.Median.Low, s.MAD, s.Spread} {
		if !math.IsNaN(v) {
			t.Errorf("of no runs: %v", v)
		}
	}
	if s := Describe([]float64{3}); s.Median.Value != 3 || s.Mean != 3 || !math.IsNaN(s.StdDev) || !math.IsNaN(s.Spread) || s.Median.Known {
		t.Errorf("of one run: %+v", s)
	}
	if s := Describe([]float64{1, 2, 3, 4, 5}); s.Median.Known || !strings.Contains(s.Median.Why, "5 runs") {
		t.Errorf("of five: %+v", s.Median)
	}
}

// Six values: the extremes hold the median in 62 of 64 cases, the next in 50.
// Between them 95 % is at 0.1 of the coverage, which Hettmansperger and Sheather put
// at 5*0.1/(1+4*0.1) of the way.
func TestMedianInterval(t *testing.T) {
	got := medianInterval([]float64{0, 1, 2, 4, 5, 6})
	part := (62.0/64 - 0.95) / (12.0 / 64)
	part = 5 * part / (1 + 4*part)
	if !near(got.Low, part) || !near(got.High, 6-part) {
		t.Errorf("%+v, want %v in from both ends", got, part)
	}
	// Of many: ranks n/2 -+ 0.98*sqrt(n), by the normal distribution.
	for _, n := range []int{200, 999, 1000, 1001, 10000, 100001} {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i + 1)
		}
		got := medianInterval(x)
		half := 0.98 * math.Sqrt(float64(n))
		middle := float64(n+1) / 2
		if math.Abs(middle-half-got.Low) > 0.7 || math.Abs(middle+half-got.High) > 0.7 {
			t.Errorf("%d: %+v, want %v to %v", n, got, middle-half, middle+half)
		}
	}
}

// The examples of Hollander and Wolfe, Nonparametric Statistical Methods, 1973:
// permeability of membranes (p. 69), W = 35, one-sided 0.1272; depression
// before and after a tranquilizer (p. 29), V = 40, one-sided 0.01953. R gives
// them too, under wilcox.test.
func TestRankTestsOfHollanderAndWolfe(t *testing.T) {
	x := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	y := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	if p, exact := mannWhitney(x, y); math.Abs(p-2*0.1272) > 1e-4 || !exact {
		t.Errorf("permeability: %v", p)
	}
	before := []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	after := []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
	d := make([]float64, len(before))
	for i := range d {
		d[i] = after[i] - before[i]
	}
	if p, exact := signedRank(d); math.Abs(p-2*0.01953) > 1e-5 || !exact {
		t.Errorf("depression: %v", p)
	}
	slices.Sort(d)
	if e := oneShift(d); math.Abs(e.Value+0.46) > 1e-9 || e.High >= 0 {
		t.Errorf("the pseudomedian is %+v, want -0.46", e)
	}
}

// The largest U and W that are significant at 5 %, two-sided, as textbooks
// tabulate them (Siegel, Nonparametric Statistics, 1956, tables G and K).
func TestCriticalValues(t *testing.T) {
	for _, c := range []struct{ m, n, u int }{
		{3, 4, -1}, {4, 4, 0}, {5, 5, 2}, {6, 6, 5}, {7, 7, 8}, {8, 8, 13}, {9, 9, 17}, {10, 10, 23}, {5, 8, 6}, {15, 15, 64}, {10, 20, 55}, {20, 20, 127},
	} {
		if got := criticalU(c.m, c.n); got != c.u {
			t.Errorf("U of %d and %d: %d, want %d", c.m, c.n, got, c.u)
		}
		if got := criticalU(c.n, c.m); got != c.u {
			t.Errorf("U of %d and %d: %d, want %d", c.n, c.m, got, c.u)
		}
	}
	for n, w := range map[int]int{5: -1, 6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 15: 25, 20: 52, 25: 89} {
		if got := criticalW(n); got != w {
			t.Errorf("W of %d: %d, want %d", n, got, w)
		}
	}
}

// All ways to deal out the values, by the definition.
func bruteMannWhitney(a, b []float64) float64 {
	all := slices.Concat(a, b)
	u := func(of uint) (twice int) {
		for i, x := range all {
			for j, y := range all {
				if of>>i&1 == 1 && of>>j&1 == 0 {
					if x > y {
						twice += 2
					} else if x == y {
						twice++
					}
				}
			}
		}
		return twice
	}
	seen := math.Abs(float64(u(1<<len(a)-1) - len(a)*len(b)))
	ways, far := 0, 0
	for of := uint(0); of < 1<<len(all); of++ {
		ones := 0
		for i := range all {
			ones += int(of >> i & 1)
		}
		if ones == len(a) {
			ways++
			far += count(math.Abs(float64(u(of)-len(a)*len(b))) >= seen)
		}
	}
	return float64(far) / float64(ways)
}

func bruteSignedRank(d []float64) float64 {
	d = slices.DeleteFunc(slices.Clone(d), func(v float64) bool { return v == 0 })
	w := func(signs uint) (sum float64) {
		for i, x := range d {
			rank := 0.5
			for _, y := range d {
				if math.Abs(y) < math.Abs(x) {
					rank++
				} else if math.Abs(y) == math.Abs(x) {
					rank += 0.5
				}
			}
			if signs>>i&1 == 1 {
				sum += rank
			} else {
				sum -= rank
			}
		}
		return sum
	}
	var own uint
	for i, v := range d {
		own |= uint(count(v > 0)) << i
	}
	far := 0
	for signs := range uint(1) << len(d) {
		far += count(math.Abs(w(signs)) >= math.Abs(w(own)))
	}
	return float64(far) / float64(uint(1)<<len(d))
}

func TestRankTestsByEnumeration(t *testing.T) {
	r := seeded(2)
	for range 60 {
		a, b := make([]float64, 1+r.IntN(5)), make([]float64, 1+r.IntN(5))
		values := 2 + r.IntN(20) // few: ties
		for i := range a {
			a[i] = float64(r.IntN(values))
		}
		for i := range b {
			b[i] = float64(r.IntN(values))
		}
		if got, _ := mannWhitney(a, b); !near(got, bruteMannWhitney(a, b)) {
			t.Errorf("%v and %v: %v, want %v", a, b, got, bruteMannWhitney(a, b))
		}
		d := make([]float64, 1+r.IntN(9))
		for i := range d {
			d[i] = float64(r.IntN(values) - values/2)
		}
		if got, _ := signedRank(d); !near(got, bruteSignedRank(d)) {
			t.Errorf("%v: %v, want %v", d, got, bruteSignedRank(d))
		}
	}
}

// Where the exact tests end, the normal distribution takes over without a
// step, with ties and without.
func TestExactAndNormalMeet(t *testing.T) {
	r := seeded(3)
	for i := range 5 {
		for _, grain := range []float64{1e9, 5} {
			a, b := make([]float64, 28), make([]float64, 28)
			for k := range a {
				a[k], b[k] = math.Round(grain*r.NormFloat64()), math.Round(grain*(r.NormFloat64()+float64(i)/6))
			}
			exact, is := mannWhitney(a, b)
			doubled, ties := ranks(slices.Concat(a, b))
			sum := 0.0
			for _, v := range doubled[:28] {
				sum += float64(v) / 2
			}
			approximate := normalTails(math.Abs(sum-28*57/2.0), 28*28/12.0*(57-ties/(56*55)))
			if !is || math.Abs(exact-approximate) > 0.004 {
				t.Errorf("grain %v: exact %v, normal %v", grain, exact, approximate)
			}
		}
	}
}

func TestShiftsByEnumeration(t *testing.T) {
	r := seeded(4)
	for range 200 {
		a, b := normal.runs(r, 1+r.IntN(12)), normal.runs(r, 1+r.IntN(12))
		if r.IntN(2) == 0 {
			a, b = coarse.runs(r, len(a)), coarse.runs(r, len(b))
		}
		slices.Sort(a)
		slices.Sort(b)
		var d, w []float64
		for i, x := range a {
			for _, y := range b {
				d = append(d, y-x)
			}
			for _, y := range a[i:] {
				w = append(w, x/2+y/2)
			}
		}
		slices.Sort(d)
		slices.Sort(w)
		two, one := twoShift(a, b), oneShift(a)
		if !near(two.Value, median(d)) || !near(one.Value, median(w)) {
			t.Fatalf("shifts %v and %v, want %v and %v", two.Value, one.Value, median(d), median(w))
		}
		if c := criticalU(len(a), len(b)); c >= 0 && (two.Low != d[c] || two.High != d[len(d)-1-c]) {
			t.Fatalf("%+v, want %v to %v", two, d[c], d[len(d)-1-c])
		}
		if c := criticalW(len(a)); c >= 0 && (one.Low != w[c] || one.High != w[len(w)-1-c]) {
			t.Fatalf("%+v, want %v to %v", one, w[c], w[len(w)-1-c])
		}
	}
}

// The interval of the shift and the test say the same.
func TestShiftAgreesWithTheTest(t *testing.T) {
	r := seeded(5)
	for i := range 100 {
		a, b := normal.runs(r, 4+r.IntN(10)), normal.runs(r, 4+r.IntN(10))
		for k := range b {
			b[k] *= 1 + 0.1*r.Float64()
		}
		for _, c := range []Comparison{Compare(a, b, uint64(i)), ComparePaired(a, b)} {
			if c.Shift.Known && (c.P <= 0.05) != (c.Shift.Low > 0 || c.Shift.High < 0) {
				t.Fatalf("paired %v: p %v, shift %+v", c.Paired, c.P, c.Shift)
			}
		}
	}
}

// swapped is what B/A says where e is what A/B says.
func swapped(e Estimate) Estimate {
	inverse := func(v float64) float64 { return 1/(1+v) - 1 }
	return Estimate{inverse(e.Value), Interval{inverse(e.High), inverse(e.Low), e.Known, e.Why}}
}

func same(a, b Estimate) bool {
	close := func(a, b float64) bool { return near(1+a, 1+b) }
	return close(a.Value, b.Value) && close(a.Low, b.Low) && close(a.High, b.High) && a.Known == b.Known
}

func TestCompareProperties(t *testing.T) {
	r := seeded(6)
	for i := range uint64(40) {
		n := 1 + r.IntN(20)
		a, b := disturbed.runs(r, n), coarse.runs(r, n)
		scaled := func(x []float64, by float64) []float64 {
			y := slices.Clone(x)
			for k := range y {
				y[k] *= by
			}
			return y
		}
		for _, compare := range []func(a, b []float64) Comparison{
			ComparePaired,
			func(a, b []float64) Comparison { return Compare(a, b, i) },
		} {
			c := compare(a, b)
			if d := compare(b, a); !same(d.Change, swapped(c.Change)) || !same(d.Shift, swapped(c.Shift)) || !near(d.P, c.P) || d.Effect != -c.Effect {
				t.Fatalf("%+v\nexchanged %+v", c, d)
			}
			if d := compare(scaled(a, 1024), scaled(b, 1024)); !same(d.Change, c.Change) || !same(d.Shift, c.Shift) || d.P != c.P || d.Effect != c.Effect {
				t.Fatalf("%+v\nin other units %+v", c, d)
			}
			pa, pb := slices.Clone(a), slices.Clone(b)
			r.Shuffle(n, func(i, j int) { pa[i], pa[j] = pa[j], pa[i]; pb[i], pb[j] = pb[j], pb[i] })
			if d := compare(pa, pb); !same(d.Change, c.Change) || !same(d.Shift, c.Shift) || d.P != c.P || d.Effect != c.Effect {
				t.Fatalf("%+v\nin another order %+v", c, d)
			}
			if d := compare(a, a); n >= MinRuns && (d.Shift.Value != 0 || d.P < 1 || d.Effect != 0 || d.Change.Value != 0) {
				t.Fatalf("with itself: %+v", d)
			}
		}
	}
}

func TestCompareTooLittle(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Comparison
		why  string
	}{
		{"nothing", Compare(nil, nil, 1), "no runs on one side"},
		{"one side", Compare([]float64{1, 2}, []float64{nan}, 1), "no runs on one side"},
		{"no pairs", ComparePaired([]float64{1, nan}, []float64{nan, 1}), "no runs on one side"},
		{"not above 0", Compare([]float64{1, 0, 1, 1, 1, 1}, []float64{1, 1, 1, 1, 1, 1}, 1), "above 0"},
		{"below 0", ComparePaired([]float64{1, 1, 1}, []float64{1, -1, 1}), "above 0"},
		{"few", Compare([]float64{1, 2, 3}, []float64{4, 5, 6}, 1), "3 and 3 runs: too few"},
		{"few rounds", ComparePaired([]float64{1, 2, 3, 4, 5}, []float64{4, 5, 6, 7, 8}), "5 rounds: too few"},
	} {
		if c.c.Change.Known || c.c.Shift.Known || c.c.Change.Why == "" || !strings.Contains(c.c.Shift.Why, c.why) {
			t.Errorf("%s: %+v", c.name, c.c)
		}
	}
	// Four against four can be told apart, but have no interval of medians.
	c := Compare([]float64{1, 2, 3, 4}, []float64{11, 12, 13, 14}, 1)
	if !near(c.P, 2.0/70) || !c.Exact || !c.Shift.Known || c.Change.Known || c.Effect != 1 {
		t.Errorf("%+v", c)
	}
}

func TestEffect(t *testing.T) {
	// 2 against 1 and 3, 4 against both: 3 above, 1 below, of 4.
	if d := Compare([]float64{1, 3}, []float64{2, 4}, 1).Effect; d != 0.5 || d.Word() != "large" {
		t.Errorf("%v", d)
	}
	for d, want := range map[Effect]string{0: "negligible", -0.146: "negligible", 0.147: "small", -0.33: "medium", 0.473: "medium", -1: "large", Effect(math.Inf(1)): "large"} {
		if d.Word() != want {
			t.Errorf("%v is %s, want %s", d, d.Word(), want)
		}
	}
	if w := Effect(nan).Word(); w != "unknown" {
		t.Errorf("none is %s", w)
	}
}

func TestHolm(t *testing.T) {
	// By hand: 0.01*4, 0.02*3, then 0.03*2 and 0.04, both at least the last.
	got := Holm([]float64{0.03, 0.01, nan, 0.04, 0.02})
	want := []float64{0.06, 0.04, nan, 0.06, 0.06}
	if !slices.EqualFunc(got, want, near) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := Holm([]float64{0.6, 0.9}); got[0] != 1 || got[1] != 1 || len(Holm(nil)) != 0 {
		t.Errorf("%v", got)
	}
}

// P of S for n runs, from Gilbert, Statistical Methods for Environmental
// Pollution Monitoring, 1987, table A18 (after Kendall).
func TestTrendTable(t *testing.T) {
	for _, c := range []struct {
		n, s     int
		oneSided float64
	}{{4, 6, 0.042}, {5, 8, 0.042}, {5, 10, 0.0083}, {8, 16, 0.031}, {8, 28, 0.000025}, {10, 21, 0.036}} {
		ways := (&trend{pairs: c.n * (c.n - 1) / 2, lengths: []int{c.n}}).distribution()
		p := twoSided(ways, (c.n*(c.n-1)/2-c.s)/2) / 2
		if math.Abs(p-c.oneSided) > 0.02*c.oneSided {
			t.Errorf("S = %d of %d: %v, want %v", c.s, c.n, p, c.oneSided)
		}
	}
}

func TestDetectDrift(t *testing.T) {
	// Slopes of 10, 12, 11, 13: 2, 0.5, 1, -1, 0.5, 2; their median 0.75; over
	// three steps, of 11.5. Five pairs rise, one falls.
	d := DetectDrift([]float64{10, 12, 11, 13})
	if !near(d.Change.Value, 0.75*3/11.5) || !near(d.Tau, 4.0/6) || d.Change.Known || !near(d.P, 8.0/24) {
		t.Errorf("%+v", d)
	}
	rising := make([]float64, 20)
	for i := range rising {
		rising[i] = 100 + float64(i)
	}
	d = DetectDrift(rising)
	if d.Tau != 1 || d.P > 1e-12 || math.Abs(d.Change.Value-19/109.5) > 1e-9 || d.Change.Low <= 0 {
		t.Errorf("%+v", d)
	}
	// Each command has its level: a step between them is no drift.
	if d := DetectDrift([]float64{10, 10.1, 9.9, 10}, []float64{20, 19.8, 20.2, 20}); d.P < 0.5 || d.N != 8 {
		t.Errorf("%+v", d)
	}
	gap := DetectDrift([]float64{100, nan, 102, 103, nan, nan, 106, 107, 108})
	if !near(1+gap.Change.Value, 1+8/104.5) || gap.N != 6 {
		t.Errorf("%+v", gap)
	}
	for _, d := range []Drift{DetectDrift(), DetectDrift(nil), DetectDrift([]float64{1}, []float64{2}), DetectDrift([]float64{nan, 1})} {
		if !math.IsNaN(d.P) || !math.IsNaN(d.Tau) || d.Change.Known || d.Change.Why == "" {
			t.Errorf("%+v", d)
		}
	}
	if d := DetectDrift([]float64{5, 5, 5, 5, 5, 5}); d.P != 1 || d.Change.Value != 0 {
		t.Errorf("constant: %+v", d)
	}
	if d := DetectDrift([]float64{-1, 0, 1}); !math.IsNaN(d.Change.Value) || !(d.P <= 1) {
		t.Errorf("around 0: %+v", d)
	}
}

func TestInterleave(t *testing.T) {
	// A recorded seed has to mean this order for ever.
	if got := fmt.Sprint(Interleave(3, 4, 1)); got != "[[2 1 0] [1 0 2] [1 2 0] [1 2 0]]" {
		t.Errorf("seed 1 gives %v", got)
	}
	places, same := [3][3]int{}, 0
	for i, round := range Interleave(3, 6000, 7) {
		in := sortedInts(round)
		if !slices.Equal(in, []int{0, 1, 2}) {
			t.Fatalf("round %d is %v", i, round)
		}
		for place, c := range round {
			places[c][place]++
		}
		same += count(slices.Equal(round, []int{2, 0, 1}))
	}
	for c := range places {
		for place, n := range places[c] {
			if n < 1850 || n > 2150 {
				t.Errorf("command %d is at place %d in %d of 6000 rounds", c, place, n)
			}
		}
	}
	if same < 890 || same > 1110 {
		t.Errorf("one of six orders comes %d times in 6000", same)
	}
	if Interleave(0, 3, 1) != nil || Interleave(3, 0, 1) != nil || Interleave(-1, -1, 1) != nil {
		t.Error("an order of nothing")
	}
}

func sortedInts(x []int) []int {
	s := slices.Clone(x)
	slices.Sort(s)
	return s
}

func TestPlanRuns(t *testing.T) {
	// By hand: 2*(1.96+0.8416)^2*(0.02/ln 1.02)^2/(3/pi) = 16.77, up, one more.
	p := PlanRuns(0.02, 0.02, 10)
	if p.Enough != 18 || p.Quiet || p.Detectable < 0.02 || PlanRuns(0.02, 0.02, 18).Detectable > 0.02 || !PlanRuns(0.02, 0.02, 18).Quiet {
		t.Errorf("%+v", p)
	}
	if p := PlanRuns(0, 0.02, 3); p.Enough != 4 || p.Quiet || !math.IsNaN(p.Detectable) {
		t.Errorf("no noise: %+v", p)
	}
	if p := PlanRuns(1e50, 1e-50, 10); p.Enough != mostRuns+1 || p.Quiet {
		t.Errorf("hopeless: %+v", p)
	}
	for _, p := range []Plan{PlanRuns(nan, 0.02, 10), PlanRuns(-1, 0.02, 10), PlanRuns(0.01, 0, 10), PlanRuns(0.01, -1, 10), PlanRuns(0.01, nan, 10), PlanRuns(0.01, math.Inf(1), 10)} {
		if p.Enough != 0 || p.Quiet || p.Why == "" {
			t.Errorf("%+v", p)
		}
	}
}

func TestNet(t *testing.T) {
	r := Runs{Joules: []float64{30, 31, 32, 33, 34, 35, 36}, Seconds: []float64{1, 1, 1, 1, 1, 1}}
	exact := DescribeNet(r, Baseline{Watts: 10})
	if exact.N != 6 || exact.Missing != 1 || exact.Median.Value != 22.5 {
		t.Errorf("%+v", exact)
	}
	s := DescribeNet(r, Baseline{10, 1})
	half := 1.959963984540054
	if s.Median.Value != 22.5 || !near(s.Median.Low, 22.5-math.Hypot(22.5-exact.Median.Low, half)) {
		t.Errorf("%+v, exact %+v", s.Median, exact.Median)
	}
	for _, idle := range []Baseline{{nan, 1}, {10, nan}, {10, -1}, {10, math.Inf(1)}} {
		if s := DescribeNet(r, idle); s.N != 0 || s.Median.Known {
			t.Errorf("%+v: %+v", idle, s)
		}
		if c := CompareNet(r, r, idle, ComparePaired); c.Change.Known || !math.IsNaN(c.P) {
			t.Errorf("%+v: %+v", idle, c)
		}
	}
	// The same power and time: whatever idle is, they cost the same.
	if c := CompareNet(r, r, Baseline{10, 1}, ComparePaired); c.Shift.Value != 0 || c.P != 1 || c.Shift.Low != 0 {
		t.Errorf("with itself: %+v", c)
	}
	// Idle may be all there is.
	if c := CompareNet(r, r, Baseline{29, 10}, ComparePaired); c.Shift.Known || c.Shift.Why == "" || !math.IsNaN(c.P) {
		t.Errorf("nothing above idle: %+v", c)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(uint64(1), 8, 0.0, 1.0)
	f.Add(uint64(2), 3, 1e-100, 1e100)
	f.Add(uint64(3), 30, math.NaN(), math.Inf(1))
	f.Add(uint64(4), 12, -1.0, 5e-324)
	f.Fuzz(func(t *testing.T, seed uint64, n int, odd, scale float64) {
		r := seeded(seed)
		values := func() []float64 {
			x := make([]float64, max(0, n%40+r.IntN(3)))
			for i := range x {
				if x[i] = scale * (1 + 0.1*r.NormFloat64()); r.IntN(8) == 0 {
					x[i] = odd
				}
			}
			return x
		}
		a, b := values(), values()
		for _, c := range []Comparison{Compare(a, b, seed), ComparePaired(a, b)} {
			checkSample(t, c.A, len(a))
			checkSample(t, c.B, len(b))
			checkEstimate(t, c.Change)
			checkEstimate(t, c.Shift)
			if c.P <= 0 || c.P > 1 || c.Effect < -1 || c.Effect > 1 {
				t.Fatalf("%+v", c)
			}
		}
		d := DetectDrift(a, b)
		checkEstimate(t, d.Change)
		if d.P < 0 || d.P > 1 || d.Tau < -1 || d.Tau > 1 {
			t.Fatalf("%+v", d)
		}
		net := CompareNet(Runs{a, b}, Runs{b, a}, Baseline{odd, scale}, ComparePaired)
		checkEstimate(t, net.Change)
		checkEstimate(t, net.Shift)
		if net.P < 0 || net.P > 1 {
			t.Fatalf("%+v", net)
		}
	})
}

func checkSample(t *testing.T, s Sample, n int) {
	t.Helper()
	if s.N+s.Missing != n || s.N > 0 && !(s.Min <= s.Q1 && s.Q1 <= s.Median.Value && s.Median.Value <= s.Q3 && s.Q3 <= s.Max) {
		t.Fatalf("%+v", s)
	}
	if s.StdDev < 0 || s.MAD < 0 || s.Spread < 0 || math.IsInf(s.StdDev, 0) || math.IsInf(s.Spread, 0) || len(s.Outliers) > s.N {
		t.Fatalf("%+v", s)
	}
	checkEstimate(t, s.Median)
}

func checkEstimate(t *testing.T, e Estimate) {
	t.Helper()
	switch {
	case e.Known && !(e.Low <= e.Value && e.Value <= e.High) || math.IsInf(e.Low, 0) || math.IsInf(e.High, 0) || math.IsInf(e.Value, 0):
		t.Fatalf("%+v", e)
	case e.Known == (e.Why != ""), !e.Known && !(math.IsNaN(e.Low) && math.IsNaN(e.High)):
		t.Fatalf("%+v", e)
	}
}

func FuzzHolm(f *testing.F) {
	f.Add(0.01, 0.04, 0.03)
	f.Add(math.NaN(), 1.0, 0.0)
	f.Fuzz(func(t *testing.T, p, q, r float64) {
		in := []float64{p, q, r}
		for i, v := range in {
			if v < 0 || v > 1 {
				in[i] = nan
			}
		}
		for i, v := range Holm(in) {
			if math.IsNaN(v) != math.IsNaN(in[i]) || v < in[i] || v > 1 {
				t.Fatalf("%v of %v", v, in)
			}
		}
	})
}

var benchSizes = map[string]int{"20": 20, "10000": 10000}

func BenchmarkDescribe(b *testing.B) {
	for name, n := range benchSizes {
		x := normal.runs(seeded(1), n)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Describe(x)
			}
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	for name, n := range benchSizes {
		r := rand.New(rand.NewPCG(1, 1))
		x, y := normal.runs(r, n), normal.runs(r, n)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Compare(x, y, 1)
			}
		})
		b.Run("paired-"+name, func(b *testing.B) {
			for b.Loop() {
				ComparePaired(x, y)
			}
		})
		b.Run("drift-"+name, func(b *testing.B) {
			for b.Loop() {
				DetectDrift(x)
			}
		})
	}
}

// The least p-value is that of the tests themselves, where the lists don't
// overlap.
func TestLeastP(t *testing.T) {
	for n := 1; n <= 12; n++ {
		for m := 1; m <= n; m++ {
			var a, b []float64
			for i := range m {
				a = append(a, 1+0.001*float64(i))
			}
			for i := range n {
				b = append(b, 2+0.01*float64(i))
			}
			if got, want := LeastP(m, n, false), Compare(a, b, 1).P; math.Abs(got-want) > 1e-9 {
				t.Errorf("%d and %d runs: %v, the test says %v", m, n, got, want)
			}
			if got, want := LeastP(m, n, true), ComparePaired(a, b).P; math.Abs(got-want) > 1e-9 {
				t.Errorf("%d and %d rounds: %v, the test says %v", m, n, got, want)
			}
		}
	}
	if p := LeastP(0, 5, false); p != 1 {
		t.Errorf("no runs: %v", p)
	}
	if p := LeastP(10_000, 10_000, false); p != 0 {
		t.Errorf("many runs: %v", p)
	}
}
