package compare

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// perHalfWidth is how many standard errors the half-width of a 95 % interval
// has.
const perHalfWidth = 1.96

// noRun is why a measure of a command is not known.
const noRun = "no run has a value"

// baseline returns a baseline as package stats has it. Without one it is NaN watts,
// and nothing is known above it.
func baseline(b *report.Baseline) stats.Baseline {
	if b == nil {
		return stats.Baseline{Watts: math.NaN()}
	}
	idle := stats.Baseline{Watts: b.PowerW}
	if b.UncertaintyW != nil {
		idle.StdErr = *b.UncertaintyW / perHalfWidth
	}
	return idle
}

// values returns one value per run, NaN where it is not known.
func values(runs []report.Trial, measure string) []float64 {
	out := make([]float64, len(runs))
	for i := range runs {
		out[i] = math.NaN()
		if v := runs[i].Value(measure); v != nil {
			out[i] = *v
		}
	}
	return out
}

// joules returns the joules and seconds of runs.
func joules(runs []report.Trial) stats.Runs {
	return stats.Runs{Joules: values(runs, report.MeasureEnergy), Seconds: values(runs, report.MeasureDuration)}
}

// Describe sums up the runs of every command, and warns where the machine
// itself changed meanwhile.
func Describe(t *report.Trials) {
	for i := range t.Series {
		s := &t.Series[i]
		if t.Baseline != nil {
			for k, net := range joules(s.Runs).Net(t.Baseline.PowerW) {
				s.Runs[k].NetEnergyJ = report.Known(net)
			}
		}
		s.Summary = map[string]report.Summary{}
		for _, m := range report.Measures() {
			if m == report.MeasureNet {
				if t.Baseline != nil {
					s.Summary[m] = Summary(stats.DescribeNet(joules(s.Runs), baseline(t.Baseline)), noRun)
				}
				continue
			}
			s.Summary[m] = Summary(stats.Describe(values(s.Runs, m)), noRun)
		}
		if d := stats.DetectDrift(values(s.Runs, report.MeasureEnergy)); d.P < 0.05 {
			t.Warnings = append(t.Warnings, report.Warning{
				Code: "drift",
				Message: fmt.Sprintf("the joules of %s changed by %+.1f %% from the first run to the last (p = %.2g): the machine was warming up, or something else came or went",
					s.Name, 100*d.Change.Value, d.P),
				Advice: "warm up longer with --warmup, and compare commands in turns: energyprobe compare -- 'A' 'B'",
			})
		}
	}
}

// Summary returns a sample as documents have it. Where no value is known, none
// is the reason.
func Summary(s stats.Sample, none string) report.Summary {
	out := report.Summary{
		N: s.N, Missing: s.Missing, Median: report.Known(s.Median.Value), Mean: report.Known(s.Mean), StdDev: report.Known(s.StdDev),
		Min: report.Known(s.Min), Max: report.Known(s.Max), Q1: report.Known(s.Q1), Q3: report.Known(s.Q3), SpreadPct: report.Known(100 * s.Spread), Outliers: s.Outliers,
	}
	switch {
	case s.N == 0:
		out.Reason = none
	case s.Median.Known:
		out.Low, out.High = report.Known(s.Median.Low), report.Known(s.Median.High)
	default:
		out.Reason = s.Median.Why
	}
	return out
}
