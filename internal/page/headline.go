package page

import (
	"cmp"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// maxHeadline is how many numbers stand at the top of the page.
const maxHeadline = 4

// headline is the numbers that matter most: what was compared, else what was
// repeated, else what was calibrated and what was run.
func headline(docs []Document, o Options) []Fact {
	var compared, repeated, calibrated, single []Fact
	if v, err := viewOf(docs, o); err == nil {
		compared = v.facts()
	}
	for _, d := range docs {
		switch v := d.Value.(type) {
		case *report.Comparison:
			compared = append(compared, namedPairs(pairFacts(d, v), v)...)
		case *report.BenchComparison:
			compared = append(compared, benchChangeFacts(d, v)...)
		case *report.Bench:
			if v.Kind == report.BenchHost {
				single = append(single, hostBenchSection(d, v).Facts...)
			}
		case *report.Trials:
			repeated = append(repeated, seriesFacts(d, v)...)
		case *report.Calibration:
			if facts := calibrationFacts(d, v); len(docs) == 1 {
				calibrated = facts
			} else {
				calibrated = append(calibrated, besides(facts, v)...)
			}
		case *report.Run:
			if len(single) < maxHeadline {
				single = append(single, runFacts(d, v)...)
			}
		}
	}
	facts := slices.Concat(compared, repeated, calibrated, single)
	return facts[:min(len(facts), maxHeadline)]
}

// besides are the facts of a calibration that stand beside other results: the
// two errors, or the grade where there are none, and of which host they are.
func besides(facts []Fact, c *report.Calibration) []Fact {
	if len(facts) > 2 {
		facts = facts[1:3]
		facts[0].Note = "grade " + output.Plain(c.Grade) + ", " + facts[0].Note
	}
	for i := range facts {
		facts[i].Label = hostName(c) + ": " + facts[i].Label
	}
	return facts
}

func pairFacts(d Document, c *report.Comparison) []Fact {
	var out []Fact
	for i, p := range c.Pairs {
		ch := p.Changes[c.Measure]
		out = append(out, Fact{Label: p.B + " against " + p.A + ", " + report.MeasureName(c.Measure),
			Value: d.known(ch.ChangePct, output.Change, ch.Reason, "pairs[%d].changes.%s.change_pct", i, c.Measure),
			Note:  intervalNote(ch) + ofEstimates(c)})
	}
	return out
}

// ofEstimates says of a change that no joule was measured.
func ofEstimates(c *report.Comparison) string {
	if c.Sides[0].Source.Quality == energy.Estimated {
		return "; of estimates"
	}
	return ""
}

// namedPairs puts the commands in the place of the letters that stand for them
// in their own section only.
func namedPairs(facts []Fact, c *report.Comparison) []Fact {
	for i, p := range c.Pairs {
		facts[i].Label = pairName(c, p) + ", " + report.MeasureName(c.Measure)
	}
	return facts
}

// pairName is "gzip -3 data against gzip -1 data".
func pairName(c *report.Comparison, p report.Pair) string {
	names := map[string]string{}
	for _, s := range c.Sides {
		names[s.Label] = brief(output.Plain(s.Series.Name), 30)
	}
	return names[p.B] + " against " + names[p.A]
}

func intervalNote(c report.Change) string {
	if c.LowPct == nil || c.HighPct == nil {
		if c.Reason == "" {
			return "its interval is not known"
		}
		return "its interval is not known: " + output.Plain(c.Reason)
	}
	return "95 % interval " + output.Change(*c.LowPct) + " to " + output.Change(*c.HighPct)
}

func seriesFacts(d Document, t *report.Trials) []Fact {
	var out []Fact
	for i, s := range t.Series {
		m := s.Summary[report.MeasureEnergy]
		note := "median of " + output.Count(m.N) + " runs"
		if m.Low != nil && m.High != nil {
			note += ", 95 % interval " + output.Quantity(*m.Low, "J", 4) + " to " + output.Quantity(*m.High, "J", 4)
		}
		if t.Source.Quality == energy.Estimated {
			note = "estimated, " + note
		}
		if m.Missing > 0 {
			note += "; " + output.Count(m.Missing) + " more have no value"
		}
		out = append(out, Fact{Label: output.Plain(s.Name),
			Value: d.known(m.Median, func(v float64) string {
				return output.EstimateMark(report.MeasureEnergy, t.Source.Quality) + output.Quantity(v, "J", 4)
			}, m.Reason, "series[%d].summary.energy_j.median", i), Note: note})
	}
	return out
}

// runFacts are those of a run that stands for itself.
func runFacts(d Document, r *report.Run) []Fact {
	q := output.TotalQuality(r)
	total := Fact{Label: "machine, " + output.Plain(output.Subject(r)),
		Value: d.known(r.Total.EnergyJ, func(float64) string { return output.EnergyText(r.Total, q) }, r.Total.Reason, "total.energy_j"),
		Note:  string(q)}
	facts := []Fact{total}
	if a := r.Attribution; a.TargetJ != nil {
		facts = append([]Fact{{Label: "spent by the target", Value: Value{Text: output.Amount(*a.TargetJ, a.TargetUncertaintyJ),
			Source: d.at("attribution.target_j")}, Note: "attributed by " + a.Method}}, facts...)
	}
	return append(facts,
		Fact{Label: "mean power", Value: d.known(r.Total.PowerW, func(float64) string { return output.PowerText(r.Total, q) }, r.Total.Reason, "total.power_w"), Note: string(q)},
		Fact{Label: "time", Value: Value{Text: output.Seconds(r.DurationS), Source: d.at("duration_s")}})
}

// latest returns the comparisons, trials and calibrations, and the latest runs, as many as
// get sections of their own.
func latest(docs []Document) []Document {
	sorted := slices.Clone(docs)
	slices.SortStableFunc(sorted, func(a, b Document) int {
		if n := cmp.Compare(rank(a), rank(b)); n != 0 {
			return n
		}
		return startedAt(b.Value).Compare(startedAt(a.Value))
	})
	return sorted[:min(len(sorted), maxDetails)]
}

func rank(d Document) int {
	switch d.Value.(type) {
	case *report.Comparison, *report.BenchComparison, *report.Bench:
		return 0
	case *report.Trials:
		return 1
	case *report.Calibration:
		return 2
	}
	return 3
}
