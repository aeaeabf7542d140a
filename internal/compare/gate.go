package compare

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// Gate compares a candidate with a stored result and says whether it may pass:
// it may not only where its energy is certain to be higher by more than max,
// relative. The error says why nothing can be told.
func Gate(base, candidate report.Side, max float64, o Options) (*report.Comparison, error) {
	if o.Effect == 0 {
		o.Effect = max
	}
	c, err := Compare([]report.Side{base, candidate}, o)
	if err != nil {
		return nil, err
	}
	s := comparison(base, candidate, c.Measure, false, o.Seed)
	if !s.Shift.Known || math.IsNaN(s.P) {
		return nil, fmt.Errorf("whether the energy has changed can't be told: %s; give both %d runs or more (--repeat)", because(s.Shift.Why), stats.MinRuns)
	}
	g := &report.Gate{MaxIncreasePct: 100 * max, Passed: true}
	allowed := pct(100*max) + " more is allowed"
	excess := over(s.Shift, max)
	d := drift(base, candidate, c.Measure)
	c.Pairs[0].EnoughRuns = enoughFor(s, excess.Value)
	seen := fmt.Sprintf("%s changed by %s %%, 95 %% interval %s; %s", report.MeasureName(c.Measure), signed(100*s.Shift.Value), interval(100*s.Shift.Low, 100*s.Shift.High), allowed)
	switch {
	case excess.Low > 0 && !d.MayExplain(excess):
		g.Passed, g.Certain = false, true
		g.Verdict = "Not passed: " + seen + "."
	case excess.Low > 0:
		g.Verdict = "Passed, with doubt: " + seen + ", but the machine drifted" + upTo(d) + " and may be all there is to it. Measure the stored result and this one in one go, or warm up longer."
	case excess.High < 0:
		g.Certain = true
		g.Verdict = "Passed: " + seen + "."
	case excess.Value > 0:
		g.Verdict = "Passed, with doubt: " + seen + ", and what is beyond may be chance" + moreRuns(c.Pairs[0]) + "."
	default:
		g.Verdict = "Passed: " + seen + ", though more can't be ruled out" + moreRuns(c.Pairs[0]) + "."
	}
	c.Gate = g
	return c, nil
}

// GateCan says why a gate could tell nothing whatever it measures: before
// anything runs, and not after. It is nil where it could.
func GateCan(base report.Side, repeat int) error {
	made := 0
	for i := range base.Series.Runs {
		if base.Series.Runs[i].EnergyJ != nil {
			made++
		}
	}
	if stats.LeastP(made, repeat, false) < alpha {
		return nil
	}
	return fmt.Errorf("%s has %d runs with an energy, and --repeat is %d: too few to tell an increase from chance, whatever is measured; give both %d or more",
		Name(base), made, repeat, stats.MinRuns)
}

// over returns a change relative to one that is allowed.
func over(e stats.Estimate, allowed float64) stats.Estimate {
	f := func(v float64) float64 { return (1+v)/(1+allowed) - 1 }
	e.Value, e.Low, e.High = f(e.Value), f(e.Low), f(e.High)
	return e
}

func signed(v float64) string {
	if v > 0 {
		return "+" + digits(v)
	}
	return digits(v)
}

// enoughFor is how many runs of each tell an excess, nil where nobody makes so
// many. Those that were made did not: it is more.
func enoughFor(s stats.Comparison, excess float64) *int {
	made := min(s.A.N, s.B.N)
	n := max(stats.PlanRuns(noise(s), excess, made).Enough, made+made/2)
	if n > manyRuns || excess == 0 {
		return nil
	}
	return &n
}

func moreRuns(p report.Pair) string {
	if p.EnoughRuns == nil {
		return ""
	}
	return fmt.Sprintf("; if it stays at that, about %d runs of each would tell", *p.EnoughRuns)
}
