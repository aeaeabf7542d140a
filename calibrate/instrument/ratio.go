package instrument

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// fewWindows show no scatter that could be relied on.
const fewWindows = 3

// ratio is the mean over windows, each weighing as many joules as it has. Its
// uncertainty comes from their scatter, and from what does not scatter: the
// rounding of the counts, and where edges lie that are not the same.
func ratio(windows []window) *report.Factor {
	n := float64(len(windows))
	var joules, sum, floor, squares float64
	for _, w := range windows {
		joules += w.joule
		sum += w.joule * w.ratio
		floor += w.joule * w.joule * w.floor * w.floor
	}
	mean := sum / joules
	floor = math.Sqrt(floor) / joules
	for _, w := range windows {
		squares += (w.ratio - mean) * (w.ratio - mean)
	}
	scatter := math.Sqrt(squares / (n - 1) / n)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975)
	return &report.Factor{Value: mean, StdUncertainty: math.Hypot(scatter, floor), Uncertainty: math.Hypot(t*scatter, normal*floor)}
}

// normal is the 97.5th percentile of the normal distribution.
const normal = 1.96

// agreement judges the windows of one domain.
func agreement(domain energy.Domain, windows []window) report.Agreement {
	out := report.Agreement{Windows: len(windows), SameUpdates: len(windows) > 0}
	for _, w := range windows {
		out.SpanS += w.long.Seconds()
		out.SameUpdates = out.SameUpdates && w.same
	}
	if len(windows) < fewWindows {
		out.Reason = fmt.Sprintf("in %d windows only were updates of both counters seen at both ends: %d are needed", len(windows), fewWindows)
		return out
	}
	r := ratio(windows)
	off := math.Abs(r.Value - 1)
	agree := off <= r.Uncertainty
	out.Ratio, out.Agree, out.Units = r, &agree, off <= r.Uncertainty+energy.UnitTolerance(domain)
	if !agree && r.Value > 0 {
		by := 1 / r.Value
		out.Correction = &report.Factor{Value: by, StdUncertainty: r.StdUncertainty * by * by, Uncertainty: r.Uncertainty * by * by}
	}
	return out
}
