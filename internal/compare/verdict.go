package compare

import (
	"fmt"
	"math"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// alpha is the risk of seeing a difference that is none.
const alpha = 1 - stats.Level

// judge gives pair i its outcome and says it in words.
func judge(c *report.Comparison, i int, s stats.Comparison, effect float64) {
	p := &c.Pairs[i]
	ch := p.Changes[c.Measure]
	a, b := c.Sides[0], c.Sides[i+1]
	plan := stats.PlanRuns(noise(s), sought(effect, s), min(s.A.N, s.B.N))
	p.DetectablePct = percent(plan.Detectable)
	if plan.Enough > 0 {
		n := max(plan.Enough, FewestRuns(len(c.Sides)))
		p.EnoughRuns = &n
	}
	what := p.B + " and " + p.A
	switch {
	case min(s.A.N, s.B.N) > 0 && stats.LeastP(s.A.N, s.B.N, c.Paired)*float64(len(c.Pairs)) >= alpha:
		p.Outcome = report.OutcomeUnknown
		p.Verdict = fmt.Sprintf("Whether %s differ in %s can't be told from so few runs (%d and %d): make %d of each or more.", what, report.MeasureName(c.Measure), s.B.N, s.A.N, FewestRuns(len(c.Sides)))
	case ch.P == nil || ch.LowPct == nil:
		p.Outcome = report.OutcomeUnknown
		p.Verdict = fmt.Sprintf("Whether %s differ in %s is not known: %s.", what, report.MeasureName(c.Measure), because(ch.Reason))
	case !report.InTurns(c.Sides) && drift(a, b, c.Measure).MayExplain(s.Shift):
		p.Outcome = report.OutcomeUnknown
		d := drift(a, b, c.Measure)
		p.Verdict = fmt.Sprintf("%s, but one ran after the other, and the machine alone may have changed by as much%s: not comparable. Run both in turns: energyprobe compare -- %s %s",
			difference(p, c.Measure), upTo(d), shell.Quote(a.Series.Name), shell.Quote(b.Series.Name))
	case ch.PAdjusted != nil && *ch.PAdjusted < alpha && s.Shift.Low > 0:
		p.Outcome, p.Verdict = report.More, difference(p, c.Measure)+alongside(p, c.Measure)+"."
	case ch.PAdjusted != nil && *ch.PAdjusted < alpha && s.Shift.High < 0:
		p.Outcome, p.Verdict = report.Less, difference(p, c.Measure)+alongside(p, c.Measure)+"."
	default:
		p.Outcome = report.NoneSeen
		p.Verdict = fmt.Sprintf("No difference in %s is seen between %s (%s %.2g, 95 %% interval %s)%s.",
			report.MeasureName(c.Measure), what, "p", *ch.PAdjusted, interval(*ch.LowPct, *ch.HighPct), blind(p))
	}
}

// difference is "B uses 7.9 % less energy, 95 % interval 6.2 to 9.4 %".
func difference(p *report.Pair, measure string) string {
	ch := p.Changes[measure]
	low, high := *ch.LowPct, *ch.HighPct
	word := "more"
	if *ch.ChangePct < 0 {
		word, low, high = "less", -high, -low
	}
	return fmt.Sprintf("%s uses %s %s %s than %s, 95 %% interval %s", p.B, pct(math.Abs(*ch.ChangePct)), word, report.MeasureName(measure), p.A, interval(low, high))
}

func pct(v float64) string { return digits(v) + " %" }

// digits shows a percentage to a tenth, or to two digits below one.
func digits(v float64) string {
	if math.Abs(v) < 1 {
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func interval(low, high float64) string { return digits(low) + " to " + digits(high) + " %" }

// alongside says what came with it: ", at 1.3 % more time".
func alongside(p *report.Pair, measure string) string {
	ch, ok := p.Changes[report.MeasureDuration]
	switch {
	case !ok || measure == report.MeasureDuration || ch.ChangePct == nil:
		return ""
	case ch.PAdjusted == nil || *ch.PAdjusted >= alpha:
		return ", in about the same time"
	case *ch.ChangePct < 0:
		return ", in " + pct(-*ch.ChangePct) + " less time"
	}
	return ", at " + pct(*ch.ChangePct) + " more time"
}

// blind says what could not have been seen.
func blind(p *report.Pair) string {
	if p.DetectablePct == nil {
		return ""
	}
	return "; one below " + pct(*p.DetectablePct) + " would mostly go unseen"
}

func because(reason string) string {
	if reason == "" {
		return "too few runs"
	}
	return strings.TrimSuffix(reason, ".")
}

// drift is what the machine changed by while both ran.
func drift(a, b report.Side, measure string) stats.Drift {
	return stats.DetectDrift(values(a.Series.Runs, measure), values(b.Series.Runs, measure))
}

func upTo(d stats.Drift) string {
	if !d.Change.Known {
		return ""
	}
	return fmt.Sprintf(" (its runs drifted by %s)", interval(100*d.Change.Low, 100*d.Change.High))
}

// noise is the larger spread of the two.
func noise(s stats.Comparison) float64 { return math.Max(s.A.Spread, s.B.Spread) }

// sought is the change to plan for: the one asked for, or else the one seen.
func sought(effect float64, s stats.Comparison) float64 {
	if effect != 0 {
		return effect
	}
	return s.Shift.Value
}

// manyRuns is beyond what anybody repeats.
const manyRuns = 10_000

// warnOfNoise says when the machine is too noisy for the effect asked for.
func warnOfNoise(c *report.Comparison, judged []stats.Comparison, effect float64) {
	if effect == 0 {
		return
	}
	for i, s := range judged {
		n := min(s.A.N, s.B.N)
		plan := stats.PlanRuns(noise(s), effect, n)
		if plan.Quiet || math.IsNaN(noise(s)) {
			continue
		}
		advice := "quieten the machine"
		if plan.Enough > 0 && plan.Enough <= manyRuns {
			advice = fmt.Sprintf("repeat %d times (--repeat %[1]d), or quieten the machine", plan.Enough)
		}
		c.Warnings = append(c.Warnings, report.Warning{
			Code: "too-noisy",
			Message: fmt.Sprintf("runs of %s vary by %s: %d of each find a change of %s only by luck",
				c.Pairs[i].B, pct(100*noise(s)), n, pct(100*math.Abs(effect))),
			Advice: advice,
		})
		return
	}
}
