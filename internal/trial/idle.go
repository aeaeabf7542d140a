package trial

import (
	"fmt"
	"math"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// blocks is into how many pieces the time of a baseline is cut, to see how
// steady the idle machine is.
const blocks = 10

// watchIdle measures the machine before the first run.
func (r *runner) watchIdle() error {
	o := r.Session
	o.Command, o.Machine, o.Signals = nil, true, r.passed
	o.Duration, o.Interval = r.Baseline, max(r.Baseline/(10*blocks), time.Millisecond)
	o.Attribution, o.Baseline, o.IdleW, o.CrossCheck = string(energy.NoMethod), 0, 0, false
	o.IdlePolicy, o.Threads = "", false
	run, err := r.Measure(r.ctx, o)
	if err != nil {
		return fmt.Errorf("watch the idle machine: %w", err)
	}
	if run.DurationS < 0.9*r.Baseline.Seconds() {
		return fmt.Errorf("%w while the idle machine was watched", ErrInterrupted)
	}
	if run.Total.PowerW == nil {
		r.warn(report.Warning{
			Code: "baseline", Message: "the power of the idle machine is not known: " + run.Total.Reason,
			Advice: "net energy is left out; see energyprobe doctor",
		})
		return nil
	}
	r.t.Baseline = &report.Baseline{PowerW: *run.Total.PowerW, UncertaintyW: baselineUncertainty(run), DurationS: run.DurationS}
	return nil
}

// baselineUncertainty is the half-width of a 95 % interval of the mean power:
// what the counter leaves open, and how unlike the tenths of the window were.
// It is nil where neither is known.
func baselineUncertainty(run *report.Run) *float64 {
	var squares float64
	known := false
	if u := run.Total.UncertaintyJ; u != nil && run.DurationS > 0 {
		squares, known = *u**u/(run.DurationS*run.DurationS), true
	}
	if powers := powersOf(run); len(powers) >= 4 {
		mean, sum := 0.0, 0.0
		for _, p := range powers {
			mean += p / float64(len(powers))
		}
		for _, p := range powers {
			sum += (p - mean) * (p - mean)
		}
		n := float64(len(powers))
		half := 2.26 * math.Sqrt(sum/(n-1)/n) // Student's t for nine degrees of freedom
		squares, known = squares+half*half, true
	}
	if !known {
		return nil
	}
	w := math.Sqrt(squares)
	return &w
}

// powersOf returns the mean power of each block of a run's samples.
func powersOf(run *report.Run) []float64 {
	total := map[string]bool{}
	for _, d := range run.Domains {
		if d.InTotal {
			total[d.ID] = true
		}
	}
	n := run.Samples.Len()
	var out []float64
	joules, from, edge := 0.0, 0.0, 1
	for i := range n {
		at, row := run.Samples.At(i)
		for k, id := range run.Samples.Domains() {
			if total[id] {
				joules += row[k] // NaN where it is not known
			}
		}
		if at >= run.DurationS*float64(edge)/blocks || i == n-1 {
			if at > from && !math.IsNaN(joules) {
				out = append(out, joules/(at-from))
			}
			joules, from = 0, at
			for run.DurationS*float64(edge)/blocks <= at {
				edge++
			}
		}
	}
	return out
}
