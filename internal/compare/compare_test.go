package compare

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// made returns trials of commands with these joules, one run per second and
// round, with noise relative to them; drift is what the machine's energy rises by
// from the first run to the last.
func made(seed uint64, runs int, noise, drift float64, joules ...float64) *report.Trials {
	rng := rand.New(rand.NewPCG(seed, 1))
	t := &report.Trials{StartedAt: time.Unix(0, 0), Plan: report.TrialPlan{Repeat: runs, Rounds: true, Seed: int64(seed)}, Source: report.Source{Name: "perf", Quality: "measured"}}
	for i := range joules {
		t.Series = append(t.Series, report.TrialSeries{Name: label(i), Argv: []string{label(i)}})
	}
	order := 0
	for round, each := range stats.Interleave(len(joules), runs, seed) {
		for _, i := range each {
			j := joules[i] * (1 + noise*rng.NormFloat64()) * (1 + drift*float64(order)/float64(runs*len(joules)))
			w := j
			t.Series[i].Runs = append(t.Series[i].Runs, report.Trial{Order: order, Round: round, DurationS: 1, EnergyJ: &j, PowerW: &w})
			order++
		}
	}
	Describe(t)
	return t
}

// oneByOne are commands that ran one after the other, with results of their own.
func oneByOne(seed uint64, runs int, noise, drift float64, joules ...float64) (sides []report.Side) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for i, mean := range joules {
		t := &report.Trials{StartedAt: time.Unix(int64(100*i), 0), Plan: report.TrialPlan{Repeat: runs}, Source: report.Source{Name: "perf", Quality: "measured"}, Series: []report.TrialSeries{{Name: label(i)}}}
		for n := range runs {
			j := mean * (1 + noise*rng.NormFloat64()) * (1 + drift*float64(i*runs+n)/float64(runs*len(joules)))
			t.Series[0].Runs = append(t.Series[0].Runs, report.Trial{Order: n, Round: n, DurationS: 1, EnergyJ: &j})
		}
		Describe(t)
		sides = append(sides, Sides(t, label(i)+".json")...)
	}
	return sides
}

// withoutJoules forgets the energy of the second command's runs.
func withoutJoules(t *report.Trials) *report.Trials {
	for i := range t.Series[1].Runs {
		t.Series[1].Runs[i].EnergyJ = nil
	}
	Describe(t)
	return t
}

// disturbed has runs that take up to sixty times as much, in no order.
func disturbed(t *report.Trials) *report.Trials {
	for i := range t.Series {
		for n := range t.Series[i].Runs {
			*t.Series[i].Runs[n].EnergyJ *= []float64{1, 60, 4, 25, 2, 40, 9, 15}[(n*3+i)%8]
		}
	}
	Describe(t)
	return t
}

func mustCompare(t *testing.T, sides []report.Side, o Options) *report.Comparison {
	t.Helper()
	c, err := Compare(sides, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name    string
		sides   []report.Side
		outcome string
		verdict []string
	}{
		{"ten percent less", Sides(made(1, 20, 0.02, 0, 100, 90), ""), report.Less, []string{"B uses ", "% less energy than A, 95 % interval ", "in about the same time."}},
		{"ten percent more", Sides(made(1, 20, 0.02, 0.3, 100, 110), ""), report.More, []string{"B uses ", "% more energy than A"}},
		{"equal", Sides(made(2, 20, 0.02, 0, 100, 100), ""), report.NoneSeen, []string{"No difference in energy is seen between B and A (p ", "would mostly go unseen"}},
		{"too few", Sides(made(1, 3, 0.02, 0, 100, 150), ""), report.OutcomeUnknown, []string{"Whether B and A differ in energy can't be told from so few runs (3 and 3): make 4 of each or more."}},
		{"five rounds", Sides(made(1, 5, 0.02, 0, 100, 80), ""), report.Less, []string{"% less energy than A"}},
		{"six rounds of three", Sides(made(1, 6, 0.02, 0, 100, 80, 90), ""), report.Less, []string{"% less energy than A"}},
		{"a side without joules", Sides(withoutJoules(made(1, 8, 0.02, 0, 100, 80)), ""), report.OutcomeUnknown, []string{"Whether B and A differ in energy is not known: "}},
		{"one after the other", oneByOne(1, 20, 0.01, 0, 100, 150), report.More, []string{"B uses 5", "more energy than A"}},
		{"equal, one after the other", oneByOne(2, 8, 0.02, 0, 100, 100), report.OutcomeUnknown, []string{"No difference in energy is seen between B and A (p ", "), but one ran after the other, and the machine alone may have hidden one"}},
		{"far apart", Sides(made(1, 8, 0.02, 0, 100, 1874), ""), report.More, []string{"B uses 17", "0 % more energy than A", " to 18"}},
		{"hopelessly noisy", Sides(disturbed(made(4, 8, 0.02, 0, 100, 100)), ""), report.NoneSeen, []string{"even ten times as much would mostly go unseen"}},
		{"one after the other, with drift", oneByOne(1, 20, 0.02, 0.3, 100, 100), report.OutcomeUnknown, []string{"one ran after the other", "not comparable. Run both in turns: energyprobe compare -- A B"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustCompare(t, c.sides, Options{Seed: 3})
			p := r.Pairs[0]
			if p.Outcome != c.outcome {
				t.Errorf("outcome %s, want %s: %s", p.Outcome, c.outcome, p.Verdict)
			}
			for _, part := range c.verdict {
				if !strings.Contains(p.Verdict, part) {
					t.Errorf("%q is not in the verdict: %s", part, p.Verdict)
				}
			}
		})
	}
}

// Equal commands are found to differ in at most 5.5 % of comparisons, also while
// the machine drifts by 30 %, and also where three are compared with the first;
// a tenth is found, and its interval holds it.
func TestSimulatedVerdicts(t *testing.T) {
	n := 250
	if v, err := strconv.Atoi(os.Getenv("STATS_SIMULATIONS")); err == nil {
		n = v
	}
	wrong := func(limit float64, name string, sides func(seed uint64) []report.Side) {
		bad := 0
		for seed := range uint64(n) {
			c := mustCompare(t, sides(seed), Options{Seed: int64(seed)})
			for _, p := range c.Pairs {
				if p.Outcome == report.Less || p.Outcome == report.More {
					bad++
					break
				}
			}
		}
		share := float64(bad) / float64(n)
		t.Logf("%s: equal commands differ in %.1f %%", name, 100*share)
		// Three standard errors of the share itself are chance.
		if share > limit+3*math.Sqrt(limit*(1-limit)/float64(n)) {
			t.Errorf("%s: equal commands differ in %.1f %%, at most %.1f %% wanted", name, 100*share, 100*limit)
		}
	}
	wrong(0.055, "in turns", func(s uint64) []report.Side { return Sides(made(s, 12, 0.03, 0, 100, 100), "") })
	wrong(0.06, "in turns, drift of 30 %", func(s uint64) []report.Side { return Sides(made(s, 12, 0.03, 0.3, 100, 100), "") })
	wrong(0.055, "five turns, drift of 30 %", func(s uint64) []report.Side { return Sides(made(s, 5, 0.03, 0.3, 100, 100), "") })
	wrong(0.055, "six turns of three", func(s uint64) []report.Side { return Sides(made(s, 6, 0.03, 0, 100, 100, 100), "") })
	wrong(0.055, "four commands", func(s uint64) []report.Side { return Sides(made(s, 12, 0.03, 0, 100, 100, 100, 100), "") })
	wrong(0.055, "one after the other", func(s uint64) []report.Side { return oneByOne(s, 12, 0.03, 0, 100, 100) })
	wrong(0.01, "one after the other, drift of 30 %", func(s uint64) []report.Side { return oneByOne(s, 12, 0.03, 0.3, 100, 100) })

	found, covered := 0, 0
	for seed := range uint64(n) {
		c := mustCompare(t, Sides(made(seed, 12, 0.03, 0.3, 100, 110), ""), Options{Seed: int64(seed)})
		ch := c.Pairs[0].Changes[report.MeasureEnergy]
		if c.Pairs[0].Outcome == report.More {
			found++
		}
		if *ch.LowPct <= 10 && 10 <= *ch.HighPct {
			covered++
		}
	}
	t.Logf("a tenth more: found in %.1f %%, covered in %.1f %%", 100*float64(found)/float64(n), 100*float64(covered)/float64(n))
	least := 0.95 - 3*math.Sqrt(0.95*0.05/float64(n))
	if float64(found) < 0.99*float64(n) || float64(covered) < least*float64(n) {
		t.Errorf("found %d, covered %d of %d", found, covered, n)
	}
}

func TestUnlike(t *testing.T) {
	counting := func(ids ...string) report.Side {
		s := oneByOne(1, 8, 0.01, 0, 100)[0]
		for i := range s.Series.Runs {
			s.Series.Runs[i].DomainsJ = map[string]float64{}
			for _, id := range ids {
				s.Series.Runs[i].DomainsJ[id] = 1
			}
		}
		return s
	}
	base := counting("package-0", "core-0")
	for _, c := range []struct {
		name   string
		change func(*report.Side)
		want   string
	}{
		{"processor", func(s *report.Side) { s.Host.CPU.ModelName = "Other" }, "different processors"},
		{"stepping", func(s *report.Side) { s.Host.CPU.Stepping = 3 }, "different processors"},
		{"size", func(s *report.Side) { s.Host.CPU.Threads = 3 }, "logical CPUs"},
		{"quality", func(s *report.Side) { s.Source.Quality = "estimated" }, "the joules of one are measured (perf), of the other estimated"},
		{"domains", func(s *report.Side) { *s = counting("package-0", "dram-0") }, "the joules of one are of package-0, of the other of dram-0, package-0"},
		{"governor", func(s *report.Side) { s.Host.CPU.Governor = "powersave" }, "frequency governors"},
		{"no runs", func(s *report.Side) { s.Series.Runs = nil }, "has no runs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := oneByOne(1, 8, 0.01, 0, 100)[0]
			c.change(&b)
			if _, err := Compare([]report.Side{base, b}, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	for _, ids := range [][]string{{"package-0"}, {}} {
		if _, err := Compare([]report.Side{base, counting(ids...)}, Options{}); err != nil {
			t.Errorf("%v beside package-0: %v", ids, err)
		}
	}
}

// Results of two machines or kernels are compared, with a warning.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		code   string
		change func(*report.Host)
	}{
		{"", func(*report.Host) {}},
		{"", func(h *report.Host) { h.Hostname = "" }},
		{"other-machine", func(h *report.Host) { h.Hostname, h.Kernel = "web-08", "6.12" }},
		{"other-kernel", func(h *report.Host) { h.Kernel = "6.12" }},
	} {
		sides := oneByOne(1, 8, 0.01, 0, 100, 100)
		for i := range sides {
			sides[i].Host.Hostname, sides[i].Host.Kernel = "web-07", "6.1"
		}
		c.change(&sides[1].Host)
		got := ""
		for _, w := range mustCompare(t, sides, Options{}).Warnings {
			got += w.Code
		}
		if got != c.code {
			t.Errorf("warnings %q, want %q", got, c.code)
		}
	}
}

// One run against one overlaps in no way, and that means nothing.
func TestEffectOfFew(t *testing.T) {
	ch := mustCompare(t, Sides(made(1, 1, 0.01, 0, 100, 101), ""), Options{}).Pairs[0].Changes[report.MeasureEnergy]
	if ch.Effect != nil || ch.EffectWord != "unknown" {
		t.Errorf("effect %v, %s", ch.Effect, ch.EffectWord)
	}
}

// Percentages have the digits that they are known in.
func TestDigits(t *testing.T) {
	for v, want := range map[float64]string{0.018: "0.018", -0.5: "-0.5", 0.9961: "1.0", 7.94: "7.9", -42.71: "-42.7", 99.97: "100", 330.8: "331", 1769.9: "1770", 10432: "10400", 272199.7: "272000"} {
		if got := digits(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

// A gate that could tell nothing says so before it measures.
func TestGateCan(t *testing.T) {
	one, some := oneByOne(1, 1, 0.01, 0, 100)[0], oneByOne(1, 20, 0.01, 0, 100)[0]
	if err := GateCan(some, 20); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		base   report.Side
		repeat int
	}{{one, 20}, {some, 1}} {
		if err := GateCan(c.base, c.repeat); err == nil || !strings.Contains(err.Error(), "A.json (A) has ") || !strings.Contains(err.Error(), "give both 6 or more") {
			t.Errorf("%v", err)
		}
	}
}

// A round that one command lacks does not shift its other rounds.
func TestMissingRound(t *testing.T) {
	tr := made(4, 12, 0.001, 2, 100, 100) // it drifts by far more than it is noisy
	tr.Series[1].Runs = append(tr.Series[1].Runs[:3:3], tr.Series[1].Runs[4:]...)
	c := mustCompare(t, Sides(tr, ""), Options{})
	if ch := c.Pairs[0].Changes[report.MeasureEnergy]; math.Abs(*ch.ChangePct) > 5 || !c.Paired {
		t.Errorf("change %.2f %%, paired: %v", *ch.ChangePct, c.Paired)
	}
}

// Runs that failed are in the numbers, and said to be.
func TestFailedRuns(t *testing.T) {
	tr := made(1, 8, 0.01, 0, 100, 80)
	three := 3
	tr.Series[1].Runs[2].ExitCode, tr.Series[1].Runs[5].Signal = &three, "SIGKILL"
	c := mustCompare(t, Sides(tr, ""), Options{})
	if len(c.Warnings) != 1 || c.Warnings[0].Code != "failed-runs" || !strings.Contains(c.Warnings[0].Message, "2 of the 8 runs of B failed") {
		t.Errorf("%+v", c.Warnings)
	}
}

// Too noisy a machine is said to be, with the repeats that would do.
func TestNoise(t *testing.T) {
	c := mustCompare(t, Sides(made(1, 8, 0.05, 0, 100, 100), ""), Options{Effect: 0.02})
	if len(c.Warnings) != 1 || c.Warnings[0].Code != "too-noisy" || !strings.Contains(c.Warnings[0].Advice, "--repeat ") {
		t.Errorf("%+v", c.Warnings)
	}
	if n := c.Pairs[0].EnoughRuns; n == nil || *n < 50 || *n > 400 {
		t.Errorf("enough: %v", n)
	}
	c = mustCompare(t, Sides(made(1, 20, 0.005, 0, 100, 100), ""), Options{Effect: 0.02})
	if len(c.Warnings) != 0 {
		t.Errorf("%+v", c.Warnings)
	}
}

// Net energy is judged where all know the idle power, and its uncertainty widens
// the interval.
func TestNet(t *testing.T) {
	widths := make([]float64, 0, 2)
	for _, u := range []float64{0, 5} {
		tr := made(1, 20, 0.01, 0, 100, 105)
		tr.Baseline = &report.Baseline{PowerW: 60, UncertaintyW: &u, DurationS: 5}
		for i := range tr.Series[1].Runs {
			tr.Series[1].Runs[i].DurationS = 1.2
		}
		Describe(tr)
		c := mustCompare(t, Sides(tr, ""), Options{})
		ch := c.Pairs[0].Changes[report.MeasureNet]
		// 100 - 60 = 40 J against 105 - 72 = 33 J.
		if c.Measure != report.MeasureNet || math.Abs(*ch.ChangePct+17.5) > 2 {
			t.Errorf("%s: %+v", c.Measure, ch)
		}
		widths = append(widths, *ch.HighPct-*ch.LowPct)
	}
	if widths[1] < 1.5*widths[0] {
		t.Errorf("intervals of %v wide", widths)
	}
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name            string
		joules          float64
		noise, drift    float64
		passed, certain bool
		verdict         string
	}{
		{"much more", 120, 0.01, 0, false, true, "Not passed: energy changed by +"},
		{"no more", 100, 0.005, 0, true, true, "Passed: energy changed by "},
		{"less", 80, 0.01, 0, true, true, "Passed: energy changed by -"},
		{"perhaps more", 104, 0.03, 0, true, false, "about "},
		{"drift", 100, 0.01, 0.3, true, false, "Passed, with doubt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := oneByOne(5, 20, c.noise, c.drift, 100, c.joules)
			r, err := Gate(s[0], s[1], 0.03, Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			// Those that were made are not enough where nothing is certain.
			if n := r.Pairs[0].EnoughRuns; !c.certain && n != nil && *n <= 20 {
				t.Errorf("%d runs of each would tell: 20 did not", *n)
			}
			if g := r.Gate; g.Passed != c.passed || g.Certain != c.certain || !strings.Contains(g.Verdict, c.verdict) {
				t.Errorf("%+v", g)
			}
		})
	}
	s := oneByOne(5, 3, 0.01, 0, 100, 200)
	if _, err := Gate(s[0], s[1], 0.03, Options{}); err == nil || !strings.Contains(err.Error(), "can't be told") {
		t.Errorf("three runs: %v", err)
	}
}
