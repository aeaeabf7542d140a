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
		p.Verdict = fmt.Sprintf("Whether %s differ in %s is not known: %s%s.", what, report.MeasureName(c.Measure), because(ch.Reason), otherwise(c.Measure))
	case !report.InTurns(c.Sides) && drift(a, b, c.Measure).MayExplain(s.Shift):
		p.Outcome = report.OutcomeUnknown
		seen, may := difference(p, c.Measure), "may have changed by as much"
		if !significant(ch) {
			seen, may = noDifference(p, c.Measure), "may have hidden one"
		}
		p.Verdict = fmt.Sprintf("%s, but one ran after the other, and the machine alone %s%s: not comparable. Run both in turns: energyprobe compare -- %s %s",
			seen, may, upTo(drift(a, b, c.Measure)), shell.Quote(a.Series.Name), shell.Quote(b.Series.Name))
	case significant(ch) && s.Shift.Low > 0:
		p.Outcome, p.Verdict = report.More, difference(p, c.Measure)+alongside(p, c.Measure)+"."
	case significant(ch) && s.Shift.High < 0:
		p.Outcome, p.Verdict = report.Less, difference(p, c.Measure)+alongside(p, c.Measure)+"."
	default:
		p.Outcome = report.NoneSeen
		p.Verdict = noDifference(p, c.Measure) + blind(p) + "."
	}
}

// significant reports whether chance alone hardly makes such a change.
func significant(c report.Change) bool { return c.PAdjusted != nil && *c.PAdjusted < alpha }

// otherwise is what to do where energy above idle tells nothing: a machine may
// have drawn less than when it was watched.
func otherwise(measure string) string {
	if measure != report.MeasureNet {
		return ""
	}
	return "; --measure energy judges by all joules, idle power included"
}

// noDifference is "No difference in energy is seen between B and A (p 0.4, 95 %
// interval -1.0 to 2.1 %)".
func noDifference(p *report.Pair, measure string) string {
	ch := p.Changes[measure]
	at := ""
	if ch.PAdjusted != nil {
		at = fmt.Sprintf("p %.2g, ", *ch.PAdjusted)
	}
	return fmt.Sprintf("No difference in %s is seen between %s and %s (%s95 %% interval %s)", report.MeasureName(measure), p.B, p.A, at, interval(*ch.LowPct, *ch.HighPct))
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

// digits shows a percentage to a tenth, to two digits below one, and to three
// from a hundred on: nobody knows that something takes 1769.9 % more.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a < 0.995:
		return fmt.Sprintf("%.2g", v)
	case a < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	step := math.Pow10(max(int(math.Floor(math.Log10(math.Abs(v))))-2, 0))
	return fmt.Sprintf("%.0f", math.Round(v/step)*step)
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
	switch {
	case p.DetectablePct == nil:
		return ""
	case *p.DetectablePct >= report.HopelessPct:
		return "; the runs vary so much that even ten times as much would mostly go unseen"
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

// manyRuns is beyond what anybody repeats, and beyond patience it is better to
// look for what makes the machine so noisy.
const (
	manyRuns = 10_000
	patience = 200
)

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
		advice := "quieten the machine: end what else runs, and see that it does not throttle"
		switch {
		case plan.Enough <= 0 || plan.Enough > manyRuns:
		case plan.Enough > patience:
			advice += fmt.Sprintf("; as it is, %d repeats would be enough (--repeat %[1]d)", plan.Enough)
		default:
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
