package page

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/result"
)

// The results that the tests show: made up but consistent. B spends 10 % less
// energy than A in about the same time; a third command is A again.

func ptr[T any](v T) *T { return &v }

var start = time.Date(2026, 11, 3, 14, 21, 7, 0, time.UTC)

func host() report.Host {
	return report.Host{Hostname: "web-07", Kernel: "6.12.9-amd64", Arch: "x86_64", Virtualization: "none",
		CPU: report.CPU{ModelName: "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", Sockets: 2, Cores: 40, Threads: 80, SMT: true, Governor: "performance"},
		TDP: report.TDP{Value: ptr(150.0), Source: "cpu database"}}
}

// quantile interpolates between runs, as internal/stats does.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-2)
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func summary(values []float64) report.Summary {
	sorted := slices.Sorted(slices.Values(values))
	n := float64(len(sorted))
	mean, ss := 0.0, 0.0
	for _, v := range sorted {
		mean += v / n
	}
	for _, v := range sorted {
		ss += (v - mean) * (v - mean)
	}
	q1, q3 := quantile(sorted, 0.25), quantile(sorted, 0.75)
	half := 0.98 / math.Sqrt(n)
	s := report.Summary{N: len(values), Median: ptr(quantile(sorted, 0.5)), Low: ptr(quantile(sorted, 0.5-half)), High: ptr(quantile(sorted, 0.5+half)),
		Mean: &mean, StdDev: ptr(math.Sqrt(ss / (n - 1))), Min: &sorted[0], Max: &sorted[len(sorted)-1], Q1: &q1, Q3: &q3}
	s.SpreadPct = ptr(*s.StdDev / *s.Median * 100)
	for i, v := range values {
		if v < q1-1.5*(q3-q1) || v > q3+1.5*(q3-q1) {
			s.Outliers = append(s.Outliers, i)
		}
	}
	return s
}

func series(name string, seed uint64, n int, joules, seconds float64) report.TrialSeries {
	rnd := rand.New(rand.NewPCG(seed, 7))
	s := report.TrialSeries{Name: name, Argv: []string{"sh", "-c", name}, Summary: map[string]report.Summary{}}
	var e, d, w []float64
	for i := range n {
		t := seconds * (1 + 0.01*rnd.NormFloat64())
		j := joules * (1 + 0.02*rnd.NormFloat64())
		if i == 13 {
			j *= 1.14
		}
		e, d, w = append(e, j), append(d, t), append(w, j/t)
		s.Runs = append(s.Runs, report.Trial{RunID: fmt.Sprintf("r%d-%d", seed, i), Order: 2 * i, Round: i, StartedAt: start.Add(time.Duration(i) * 3 * time.Second),
			DurationS: t, EnergyJ: &j, UncertaintyJ: ptr(0.02), PowerW: ptr(j / t), ExitCode: ptr(0)})
	}
	s.Summary[report.MeasureEnergy], s.Summary[report.MeasureDuration], s.Summary[report.MeasurePower] = summary(e), summary(d), summary(w)
	s.Summary[report.MeasureCycles] = report.Summary{Missing: n, Reason: "no hardware counters in this guest"}
	return s
}

func trials() *report.Trials {
	return &report.Trials{Schema: report.TrialsSchema, RunID: "01JH4TRIALS", StartedAt: start, DurationS: 140, Tool: report.Tool{Name: "energyprobe", Version: "0.1.0"},
		Host: host(), Source: report.Source{Name: "perf", Quality: energy.Measured, Refused: []report.Refusal{}},
		Plan:     report.TrialPlan{Repeat: 20, Warmup: 1, Seed: 42, Rounds: true},
		Baseline: &report.Baseline{PowerW: 61.2, UncertaintyW: ptr(0.4), DurationS: 5},
		Series:   []report.TrialSeries{series("zstd -19 corpus.tar", 1, 20, 212, 2.41), series("zstd -12 --long corpus.tar", 2, 20, 190.8, 2.44)},
		Warnings: []report.Warning{}}
}

func comparison() *report.Comparison {
	t := trials()
	t.Series = append(t.Series, series("zstd -19 -T2 corpus.tar", 3, 20, 212.5, 1.6))
	c := &report.Comparison{Schema: report.ComparisonSchema, RunID: "01JH4COMPARE", StartedAt: start.Add(time.Hour), Tool: t.Tool, Measure: report.MeasureEnergy,
		Paired: true, Seed: 42, Warnings: []report.Warning{{Code: "noisy", Message: "The machine was busy with other work for 3 % of the time", Advice: "Stop it, or repeat more often"}}}
	for i, s := range t.Series {
		c.Sides = append(c.Sides, report.Side{Label: string(rune('A' + i)), File: "trials.json", StartedAt: start, Host: t.Host, Source: t.Source, Plan: &t.Plan, Series: s})
	}
	change := func(pct, low, high, p float64) report.Change {
		return report.Change{ChangePct: &pct, LowPct: &low, HighPct: &high, MedianPct: ptr(pct * 1.02), P: &p, PAdjusted: ptr(min(1, 2*p)), Test: "wilcoxon-signed-rank", Exact: true,
			Effect: ptr(math.Copysign(0.9, pct)), EffectWord: "large"}
	}
	c.Pairs = []report.Pair{
		{A: "A", B: "B", Outcome: report.Less, Verdict: "B uses 10.0 % less energy than A, 95 % interval 8.8 to 11.2 %, at 1.2 % more time", EnoughRuns: ptr(6), DetectablePct: ptr(1.9),
			Changes: map[string]report.Change{report.MeasureEnergy: change(-10.0, -11.2, -8.8, 0.000002), report.MeasureDuration: change(1.2, 0.6, 1.9, 0.001),
				report.MeasurePower: change(-11.1, -12.3, -9.8, 0.000002), report.MeasureCycles: {Reason: "no hardware counters in this guest", EffectWord: "unknown"}}},
		{A: "A", B: "C", Outcome: report.NoneSeen, Verdict: "C and A: no difference in energy is seen; one of 1.9 % would have been found in four cases of five", DetectablePct: ptr(1.9),
			Changes: map[string]report.Change{report.MeasureEnergy: change(0.3, -0.9, 1.4, 0.62), report.MeasureDuration: change(-33.6, -34.1, -33.0, 0.000002),
				report.MeasurePower: change(51.0, 49.2, 52.6, 0.000002)}},
	}
	return c
}

// stored reads a golden file of internal/output: a run.
func stored(t testing.TB, name string) *report.Run {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../testdata/golden", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := result.Decode(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return docs[0].(*report.Run)
}

// mixed is a report of everything there is.
func mixed(t testing.TB) []Document {
	docs := []Document{{File: "comparison.json", Value: comparison()}, {File: "trials.json", Value: trials()}}
	for _, name := range []string{"run-split-samples", "run-split-cycles", "run-estimate", "run-failed-zone", "run-cross-check", "run-split-all"} {
		docs = append(docs, Document{File: name + ".json", Value: stored(t, name)})
	}
	return append(docs, Document{File: "calibration.json", Value: calibration(t)})
}
