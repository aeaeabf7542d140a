package output

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/compare"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// sorters are two commands in turns: the second takes a tenth less energy at a
// little more time, and one of its runs was disturbed.
func sorters(n int) *report.Trials {
	rng := rand.New(rand.NewPCG(1, 1))
	host := twoSockets()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	unc := 0.6
	t := &report.Trials{
		Schema: report.TrialsSchema, RunID: "5e1f", StartedAt: start, DurationS: 61.5, Tool: host.Tool, Host: host.Host,
		Source:   report.Source{Name: "perf", Quality: energy.Measured, Refused: []report.Refusal{}},
		Plan:     report.TrialPlan{Repeat: n, Warmup: 1, Seed: 42, Rounds: true, Shell: "/bin/sh"},
		Baseline: &report.Baseline{PowerW: 41.2, UncertaintyW: &unc, DurationS: 5},
		Series: []report.TrialSeries{
			{Name: "./sort-merge <data", Argv: []string{"/bin/sh", "-c", "./sort-merge <data"}},
			{Name: "./sort-radix <data", Argv: []string{"/bin/sh", "-c", "./sort-radix <data"}},
		},
		Warnings: []report.Warning{},
	}
	order := 0
	for round, each := range stats.Interleave(2, n, 42) {
		for _, i := range each {
			seconds := []float64{1.40, 1.42}[i] * (1 + 0.004*rng.NormFloat64())
			watts := []float64{118, 105}[i] * (1 + 0.006*rng.NormFloat64())
			if i == 1 && round == 3 {
				seconds *= 1.2
			}
			j, u := seconds*watts, 0.31
			cpu, cycles, instructions := 5.2*seconds, 1.61e10*seconds, 3.2e10*(1+float64(i)/8)
			own, code := j-41.2*seconds, 0
			t.Series[i].Runs = append(t.Series[i].Runs, report.Trial{
				RunID: "a0", Order: order, Round: round, StartedAt: start.Add(time.Duration(order) * 2 * time.Second), DurationS: seconds,
				EnergyJ: &j, UncertaintyJ: &u, TargetJ: &own, PowerW: &watts, CPUS: &cpu, Cycles: &cycles, Instructions: &instructions,
				DomainsJ: map[string]float64{"package-0": j * 0.9, "dram-0": j * 0.1}, ExitCode: &code,
			})
			order++
		}
	}
	compare.Describe(t)
	return t
}

// oneSorter is a command alone, that failed once and has too few runs.
func oneSorter() *report.Trials {
	t := sorters(5)
	t.Series = t.Series[:1]
	t.Plan.Rounds, t.Plan.Shell, t.Plan.Repeat, t.Baseline = false, "", 6, nil
	s := &t.Series[0]
	s.Name, s.Argv = "./sort-merge data", []string{"./sort-merge", "data"}
	one := 1
	s.Runs[2].ExitCode = &one
	for i := range s.Runs {
		s.Runs[i].NetEnergyJ, s.Runs[i].Order, s.Runs[i].Round = nil, i, i
	}
	s.Runs[4].EnergyJ, s.Runs[4].PowerW, s.Runs[4].Reason = nil, nil, "the counter was reset"
	compare.Describe(t)
	return t
}

// guessedSorters are two commands of which a model says what they take.
func guessedSorters() *report.Trials {
	t := sorters(8)
	t.Host, t.Source = estimate().Host, estimate().Source
	for i := range t.Series {
		for n := range t.Series[i].Runs {
			r := &t.Series[i].Runs[n]
			r.TargetJ, r.Cycles, r.Instructions, r.UncertaintyJ = nil, nil, nil, nil
			r.DomainsJ = map[string]float64{"package-0": *r.EnergyJ}
		}
	}
	compare.Describe(t)
	return t
}

// trialReports are repeated runs and comparisons.
func trialReports(t *testing.T) map[string]any {
	t.Helper()
	settled := func(c *report.Comparison, err error) *report.Comparison {
		if err != nil {
			t.Fatal(err)
		}
		c.RunID, c.StartedAt = "c0", time.Date(2026, 3, 1, 12, 2, 0, 0, time.UTC)
		return c
	}
	o := compare.Options{Seed: 42, Tool: twoSockets().Tool}
	both := sorters(12)
	stored := compare.Sides(both, "stored.json")
	for i := range stored {
		stored[i].Plan = &report.TrialPlan{Repeat: 12}
		stored[i].Baseline = nil
	}
	three := append(compare.Sides(sorters(4), ""), compare.Sides(sorters(4), "")[1])
	noisy := o
	noisy.Effect = 0.0001
	return map[string]any{
		"trials-one": oneSorter(), "trials-two": both, "trials-estimate": guessedSorters(),
		"comparison-estimate": settled(compare.Compare(compare.Sides(guessedSorters(), ""), o)),
		"comparison-two":      settled(compare.Compare(compare.Sides(both, ""), o)),
		"comparison-few":      settled(compare.Compare(three, noisy)),
		"comparison-gate":     settled(compare.Gate(stored[1], stored[0], 0.03, o)),
		"comparison-files":    settled(compare.Compare(stored, o)),
	}
}

func TestGoldenTrials(t *testing.T) {
	all := trialReports(t)
	for name, v := range all {
		for _, f := range Formats() {
			compareGolden(t, name+extensions[f], render(t, f, v, Options{}))
		}
	}
	compareGolden(t, "trials-two.50.txt", render(t, Table, all["trials-two"], Options{Width: 50}))
	compareGolden(t, "comparison-two.color.txt", render(t, Table, all["comparison-two"], Options{Color: true}))
	compareGolden(t, "comparison-gate.ascii.txt", render(t, Table, all["comparison-gate"], Options{ASCII: true}))
}
