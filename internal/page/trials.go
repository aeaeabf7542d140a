package page

import (
	"fmt"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

func trialsSection(d Document, t *report.Trials) Section {
	s := Section{Title: "Repeated runs", Kicker: "Began " + date(t.StartedAt), Facts: seriesFacts(d, t), Warnings: t.Warnings, Refused: t.Source.Refused}
	s.Alert = output.RunsAreEstimates(t.Source)
	if len(t.Series) == 1 {
		s.Title = output.Plain(t.Series[0].Name)
	}
	order := "each command's runs one after the other"
	if t.Plan.Rounds {
		order = fmt.Sprintf("commands took turns in an order drawn from seed %d", t.Plan.Seed)
	}
	s.Lead = []string{fmt.Sprintf("%s runs of each command after %s for warming up; %s.", output.Count(t.Plan.Repeat), output.Count(t.Plan.Warmup), order)}
	refs := make([]seriesRef, len(t.Series))
	for i := range t.Series {
		refs[i] = seriesRef{&t.Series[i], fmt.Sprintf("series[%d]", i), output.Plain(t.Series[i].Name), t.Source.Quality}
	}
	s.Figures = distributions(d, refs, report.MeasureEnergy, report.MeasureDuration)
	s.Tables = []Table{summaryTable(d, refs)}
	if b := t.Baseline; b != nil {
		s.Provenance = append(s.Provenance, Fact{Label: "idle machine", Value: Value{Text: output.PlusMinus(b.PowerW, b.UncertaintyW, "W"), Source: d.at("baseline.power_w")},
			Note: "watched for " + output.Seconds(b.DurationS)})
	}
	s.Provenance = append(append(hostFacts(d, "", t.Host), s.Provenance...),
		Fact{Label: "source", Value: Value{Text: fmt.Sprintf("%s (%s)", output.Plain(t.Source.Name), t.Source.Quality), Source: d.at("source")}},
		Fact{Label: "made by", Value: Value{Text: toolText(t.Tool), Source: d.at("tool")}})
	return s
}

// seriesRef is a series, where it stands in its document and what it is called
// on the page.
type seriesRef struct {
	*report.TrialSeries
	path, label string
	quality     energy.Quality
}

// value is what shows a value of a measure: in four digits, and what a model
// says as such.
func (r seriesRef) value(key string) func(float64) string {
	return func(v float64) string {
		return output.EstimateMark(key, r.quality) + output.Quantity(v, report.MeasureUnit(key), 4)
	}
}

// distributions draws the runs of every series, a chart for each measure of
// which anything is known.
func distributions(d Document, refs []seriesRef, measures ...string) []Figure {
	var out []Figure
	for _, key := range measures {
		name := report.MeasureName(key)
		c := plot.DistributionChart{Frame: plot.Frame{Title: "Every run: " + name}, Axis: name, Unit: report.MeasureUnit(key)}
		n := 0
		for _, ref := range refs {
			strip := newStrip(d, ref, key)
			n += len(strip.Values)
			c.Strips = append(c.Strips, strip)
		}
		if n == 0 {
			continue
		}
		out = append(out, Figure{Kind: "distribution", Title: c.Title, Scene: c.Scene(), Table: runsTable(d, refs, key),
			Caption: "A dot is a run, a ring an outlier, which counts like any other. The box holds the middle half of the runs; the line in it is the median's 95 % interval."})
	}
	return out
}

func newStrip(d Document, ref seriesRef, key string) plot.Strip {
	unit, sum := report.MeasureUnit(key), ref.Summary[key]
	s := plot.Strip{Label: ref.label, Median: sum.Median, Low: sum.Low, High: sum.High, Q1: sum.Q1, Q3: sum.Q3,
		Source: d.at("%s.summary.%s", ref.path, key), Outlier: make([]bool, len(ref.Runs))}
	if sum.Median != nil {
		s.Title = ref.label + ": median " + output.EstimateMark(key, ref.quality) + output.Between(*sum.Median, sum.Low, sum.High, unit) + " of " + output.Count(sum.N) + " runs"
	}
	for _, i := range sum.Outliers {
		s.Outlier[i] = true
	}
	for i := range ref.Runs {
		v := ref.Runs[i].Value(key)
		if v == nil {
			s.Values, s.Titles, s.Sources = append(s.Values, math.NaN()), append(s.Titles, ""), append(s.Sources, "")
			continue
		}
		title := fmt.Sprintf("%s, run %d: %s", ref.label, i+1, ref.value(key)(*v))
		if s.Outlier[i] {
			title += ", an outlier"
		}
		s.Values, s.Titles, s.Sources = append(s.Values, *v), append(s.Titles, title), append(s.Sources, d.at("%s.runs[%d].%s", ref.path, i, key))
	}
	return s
}

// runsTable holds every run of every series.
func runsTable(d Document, refs []seriesRef, key string) *Table {
	unit := report.MeasureUnit(key)
	t := &Table{Header: []string{"command", "run", report.MeasureName(key)}, Left: 1}
	for _, ref := range refs {
		for i := range ref.Runs {
			if len(t.Rows) >= maxRows {
				t.Note = fmt.Sprintf("The first %s runs; the file has all.", output.Count(maxRows))
				return t
			}
			t.Rows = append(t.Rows, []Value{{Text: ref.label}, {Text: output.Count(i + 1)},
				d.known(ref.Runs[i].Value(key), digits(unit, 5), ref.Runs[i].Reason, "%s.runs[%d].%s", ref.path, i, key)})
		}
	}
	return t
}

// summaryTable has a row for each series and measure.
func summaryTable(d Document, refs []seriesRef) Table {
	t := Table{Caption: "In numbers", Header: []string{"command", "measure", "runs", "median", "95 % interval", "least", "most", "spread", "outliers"}, Left: 2}
	for _, ref := range refs {
		for _, key := range report.Measures() {
			m, measured := ref.Summary[key]
			if !measured || m.Median == nil && key != report.MeasureEnergy {
				continue
			}
			unit := report.MeasureUnit(key)
			cell := func(v *float64, field string) Value {
				return d.known(v, ref.value(key), m.Reason, "%s.summary.%s.%s", ref.path, key, field)
			}
			span := Value{Reason: m.Reason, Source: d.at("%s.summary.%s.low", ref.path, key)}
			if m.Low != nil && m.High != nil {
				span.Text = output.Quantity(*m.Low, unit, 4) + " to " + output.Quantity(*m.High, unit, 4)
			}
			t.Rows = append(t.Rows, []Value{{Text: ref.label}, {Text: report.MeasureName(key)}, {Text: output.Count(m.N)}, cell(m.Median, "median"), span,
				cell(m.Min, "min"), cell(m.Max, "max"),
				d.known(m.SpreadPct, func(v float64) string { return output.Percent(v / 100) }, m.Reason, "%s.summary.%s.spread_pct", ref.path, key),
				{Text: output.Count(len(m.Outliers)), Source: d.at("%s.summary.%s.outliers", ref.path, key)}})
		}
	}
	return t
}

func comparisonSection(d Document, c *report.Comparison) Section {
	s := Section{Title: comparisonTitle(c), Kicker: "Made " + date(c.StartedAt), Facts: pairFacts(d, c), Warnings: c.Warnings}
	s.Alert = output.RunsAreEstimates(c.Sides[0].Source)
	for _, v := range verdicts(c) {
		s.Lead = append(s.Lead, output.Plain(v))
	}
	refs := make([]seriesRef, len(c.Sides))
	for i := range c.Sides {
		side := &c.Sides[i]
		refs[i] = seriesRef{&side.Series, fmt.Sprintf("sides[%d].series", i), output.Plain(side.Label + ": " + side.Series.Name), side.Source.Quality}
	}
	if len(c.Pairs) > 0 {
		s.Figures = append(s.Figures, forestFigure(d, c))
	}
	s.Figures = append(s.Figures, distributions(d, refs, slices.Compact([]string{c.Measure, report.MeasureDuration})...)...)
	s.Tables = []Table{summaryTable(d, refs)}
	for i, side := range c.Sides {
		prefix := fmt.Sprintf("sides[%d].", i)
		s.Provenance = append(s.Provenance, Fact{Label: "side " + output.Plain(side.Label), Value: Value{Text: output.Plain(side.Series.Name), Source: d.at("%sseries.name", prefix)},
			Note: output.Plain(side.File)})
		if i == 0 || side.Host != c.Sides[0].Host {
			s.Provenance = append(s.Provenance, hostFacts(d, prefix, side.Host)...)
		}
		s.Provenance = append(s.Provenance, Fact{Label: "source of " + output.Plain(side.Label),
			Value: Value{Text: fmt.Sprintf("%s (%s)", output.Plain(side.Source.Name), side.Source.Quality), Source: d.at("%ssource", prefix)}})
		s.Refused = append(s.Refused, side.Source.Refused...)
	}
	s.Provenance = append(s.Provenance, Fact{Label: "made by", Value: Value{Text: toolText(c.Tool), Source: d.at("tool")}})
	return s
}

// verdicts are the gate's where there was one, and those of the pairs else.
func verdicts(c *report.Comparison) (all []string) {
	if c.Gate != nil {
		return []string{c.Gate.Verdict}
	}
	for _, p := range c.Pairs {
		all = append(all, p.Verdict)
	}
	return all
}

// comparisonTitle names what is compared, so that one comparison can be told
// from the next.
func comparisonTitle(c *report.Comparison) string {
	if len(c.Sides) < 2 {
		return "Comparison"
	}
	name := func(i int) string { return brief(output.Plain(c.Sides[i].Series.Name), 40) }
	against := name(1)
	if n := len(c.Sides) - 2; n > 0 {
		against += fmt.Sprintf(" and %d more", n)
	}
	return against + " against " + name(0) + ", by " + report.MeasureName(c.Measure)
}

// forestFigure draws the changes: the measure of the verdicts first.
func forestFigure(d Document, c *report.Comparison) Figure {
	chart := plot.ForestChart{Frame: plot.Frame{Title: "Change, with 95 % intervals"}, Axis: "change against " + output.Plain(c.Pairs[0].A)}
	t := &Table{Header: []string{"pair", "measure", "change", "95 % interval", "of the median", "p", "test", "effect"}, Left: 2}
	measures := slices.DeleteFunc(report.Measures(), func(m string) bool { return m == c.Measure })
	for i, p := range c.Pairs {
		for _, key := range append([]string{c.Measure}, measures...) {
			ch, ok := p.Changes[key]
			if !ok || ch.ChangePct == nil && key != c.Measure {
				continue
			}
			label := output.Plain(p.B + " against " + p.A + ", " + report.MeasureName(key))
			e := plot.Effect{Label: label, Value: ch.ChangePct, Low: ch.LowPct, High: ch.HighPct, Role: roleOf(ch), Note: "not known",
				Source: d.at("pairs[%d].changes.%s.change_pct", i, key)}
			if ch.ChangePct != nil {
				e.Note = output.Change(*ch.ChangePct)
				e.Title = label + ": " + e.Note + ", " + intervalNote(ch)
			}
			chart.Effects, t.Rows = append(chart.Effects, e), append(t.Rows, changeRow(d, i, key, p, ch))
		}
	}
	return Figure{Kind: "comparison", Title: "Change, with 95 % intervals", Scene: chart.Scene(), Table: t,
		Caption: "A change is seen, and has a colour, where the interval leaves out 0 and p, adjusted for several comparisons, is below 5 %. Left is less."}
}

func roleOf(c report.Change) plot.Role {
	switch {
	case c.LowPct == nil || c.HighPct == nil, c.PAdjusted != nil && *c.PAdjusted >= 0.05:
		return plot.None
	case *c.HighPct < 0:
		return plot.Less
	case *c.LowPct > 0:
		return plot.More
	}
	return plot.None
}

func changeRow(d Document, i int, key string, p report.Pair, c report.Change) []Value {
	at := func(field string) string { return d.at("pairs[%d].changes.%s.%s", i, key, field) }
	value := func(v *float64, text func(float64) string, field string) Value {
		return d.known(v, text, c.Reason, "pairs[%d].changes.%s.%s", i, key, field)
	}
	span := Value{Reason: c.Reason, Source: at("low_pct")}
	if c.LowPct != nil && c.HighPct != nil {
		span.Text = output.Change(*c.LowPct) + " to " + output.Change(*c.HighPct)
	}
	number := func(v float64) string { return fmt.Sprintf("%.2g", v) }
	effect := value(c.Effect, number, "effect")
	if effect.Text != "" {
		effect.Text += " (" + output.Plain(c.EffectWord) + ")"
	}
	pv := c.P
	field := "p"
	if c.PAdjusted != nil {
		pv, field = c.PAdjusted, "p_adjusted"
	}
	return []Value{plainText(p.B + " against " + p.A), {Text: report.MeasureName(key)}, value(c.ChangePct, output.Change, "change_pct"), span,
		value(c.MedianPct, output.Change, "median_pct"), value(pv, number, field), plainText(c.Test), effect}
}
