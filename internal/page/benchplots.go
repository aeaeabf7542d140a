package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

// tradeKinds are the plots of energy against another measure.
var tradeKinds = [...]tradeKind{{"energy-cost", report.MeasureCost}, {"energy-time", report.MeasureDuration}}

type tradeKind struct{ kind, measure string }

// tradeFigures set energy against cost and time, for each application, with a
// field for each architecture.
func tradeFigures(v benchView) []Figure {
	var out []Figure
	for _, app := range v.table.Applications {
		for _, k := range tradeKinds {
			if f, ok := tradeFigure(v, app, k.kind, k.measure); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// memoryLooks differ in shape too: for those who see colours otherwise.
var memoryShapes = [...]plot.Shape{plot.Dot, plot.Diamond, plot.Square, plot.Triangle, plot.Cross}

func tradeFigure(v benchView, app, kind, measure string) (Figure, bool) {
	t := v.table
	name := report.BenchMeasureName(measure)
	title := fmt.Sprintf("%s: energy and %s", output.Plain(report.AppName(app)), name)
	c := plot.TradeChart{Frame: plot.Frame{Title: title}, XAxis: name, XUnit: "s", YAxis: "energy", YUnit: "J", Note: "numbers beside points: workers"}
	if measure == report.MeasureCost {
		c.XUnit = output.CurrencySign(t.Currency)
		c.XAxis = "cost of an execution"
	}
	if t.Quality == energy.Estimated {
		c.YAxis = "estimated energy"
	}
	table := &Table{Header: []string{"configuration", "energy (J)", "repetitions leave open", name + " (" + c.XUnit + ")"}, Left: 1}
	memories := memoriesOf(t, app)
	for i, mb := range memories {
		c.Keys = append(c.Keys, plot.XYKey{Name: memoryText(mb), Look: lookOfMemory(i)})
	}
	c.Keys = append(c.Keys, plot.XYKey{Name: "Pareto front of the architecture", Look: plot.Look{Role: plot.Ink}, Line: true, Dashed: true})
	spans, ranges, n := false, "", 0
	for _, arch := range archsOf(t, app) {
		panel := plot.TradePanel{Title: output.Plain(report.ArchName(arch))}
		for i, mb := range memories {
			series := plot.TradeSeries{Look: lookOfMemory(i)}
			for k := range t.Configs {
				cfg := &t.Configs[k]
				if cfg.Application != app || cfg.Arch != arch || memoryKey(cfg.MemoryMB) != mb || cfg.Energy.Median == nil || cfg.Of(measure).Median == nil {
					continue
				}
				p, text := tradePoint(v, cfg, measure)
				spans = spans || p.YLow != nil
				ranges = cmp.Or(ranges, rangeFactor(cfg))
				series.Points = append(series.Points, p)
				table.Rows = append(table.Rows, text)
				n++
			}
			slices.SortStableFunc(series.Points, func(a, b plot.TradePoint) int { return workersOf(a) - workersOf(b) })
			if len(series.Points) > 0 {
				panel.Series = append(panel.Series, series)
			}
		}
		c.Panels = append(c.Panels, panel)
	}
	if n == 0 {
		return Figure{}, false
	}
	caption := "Less is better on both axes. Numbers beside points are the workers. Nothing of its architecture beats what lies on the dashed line in both."
	if spans {
		caption += " Bars are what the repetitions leave open: the 95 % interval of the median, or of fewer than six from the least to the most."
	}
	if t.Quality == energy.Estimated && ranges != "" {
		caption += " The estimate may be " + ranges + " times as much, the same for all points of an architecture: that moves a field up or down, and no point against another."
	}
	return Figure{Kind: kind, Title: title, Scene: c.Scene(), Table: table, Caption: caption}, true
}

func workersOf(p plot.TradePoint) int {
	n, _ := strconv.Atoi(p.Label) // it was made of one
	return n
}

func rangeFactor(c *report.BenchConfig) string {
	e := &c.Energy
	if e.RangeLowJ == nil || e.RangeHighJ == nil || !(*e.Median > 0) {
		return ""
	}
	return fmt.Sprintf("%.2g to %.2g", *e.RangeLowJ / *e.Median, *e.RangeHighJ / *e.Median)
}

// tradePoint is a configuration as a point and as a row of the table behind it.
func tradePoint(v benchView, c *report.BenchConfig, measure string) (plot.TradePoint, []Value) {
	joules := joulesText(v.table.Quality)
	x, unit := secondsText, " s"
	if measure == report.MeasureCost {
		x, unit = money, " "+output.CurrencySign(v.table.Currency)
	}
	source := v.d.at("cells of %s", output.Plain(c.Application+", "+c.Name()))
	p := plot.TradePoint{Label: strconv.Itoa(c.Workers), X: *c.Of(measure).Median, Y: *c.Energy.Median, Source: source}
	p.XLow, p.XHigh = matrix.Span(c.Of(measure))
	p.YLow, p.YHigh = matrix.Span(&c.Energy.Summary)
	open := Value{Reason: "there is one repetition", Source: source}
	if p.YLow != nil && p.YHigh != nil {
		open.Text = digitsText(*p.YLow, 4) + " to " + digitsText(*p.YHigh, 4)
	}
	p.Title = fmt.Sprintf("%s: %s J, %s%s; %s", output.Plain(c.Name()), joules(p.Y), x(p.X), unit, countText(c))
	return p, []Value{{Text: output.Plain(c.Name())}, {Text: joules(p.Y), Source: source}, open, {Text: x(p.X), Source: source}}
}

func countText(c *report.BenchConfig) string {
	s := fmt.Sprintf("median of %d", c.Repetitions-c.Failed())
	if c.Failed() > 0 {
		s += fmt.Sprintf(", %d failed", c.Failed())
	}
	return s
}

// memoryKey is a memory as a number; those without a limit come last.
func memoryKey(mb *int) int {
	if mb == nil {
		return math.MaxInt
	}
	return *mb
}

func memoryText(mb int) string {
	if mb == math.MaxInt {
		return "no limit of memory"
	}
	return strconv.Itoa(mb) + " MB"
}

func lookOfMemory(i int) plot.Look {
	return plot.Look{Role: plot.SeriesRole(i), Shape: memoryShapes[i%len(memoryShapes)]}
}

func memoriesOf(t *report.BenchTable, app string) (all []int) {
	for i := range t.Configs {
		if c := &t.Configs[i]; c.Application == app && !slices.Contains(all, memoryKey(c.MemoryMB)) {
			all = append(all, memoryKey(c.MemoryMB))
		}
	}
	slices.Sort(all)
	return all
}

func archsOf(t *report.BenchTable, app string) (all []string) {
	for _, r := range t.Rows {
		for _, e := range r.Entries {
			if e.Application == app && len(e.Workers) > 0 && !slices.Contains(all, r.Arch) {
				all = append(all, r.Arch)
			}
		}
	}
	return all
}

// changeFigures show how B differs from A: the means with their intervals, every
// pair, and what the energy rests on.
func changeFigures(d Document, c *report.BenchComparison) []Figure {
	out := []Figure{changeForest(d, c)}
	for _, m := range report.BenchMeasures() {
		if f, ok := pairDistribution(d, c, m); ok {
			out = append(out, f)
		}
	}
	if f, ok := sensitivityFigure(d, c); ok {
		out = append(out, f)
	}
	return out
}

func appOrAll(app string) string {
	if app == "" {
		return "all"
	}
	return output.Plain(report.AppName(app))
}

func changeForest(d Document, c *report.BenchComparison) Figure {
	title := output.Plain(c.B.Label + " against " + c.A.Label + ": mean change over the pairs")
	chart := plot.ForestChart{Frame: plot.Frame{Title: title}, Axis: "change against " + output.Plain(c.A.Label)}
	t := &Table{Header: []string{"application", "measure", "pairs", "mean", "95 % interval", "median", "quartiles", "least", "most", "of the sums"}, Left: 2}
	for i, ch := range c.Changes {
		role := plot.None
		if ch.MeanLowPct != nil && ch.MeanHighPct != nil {
			role = roleOf(report.Change{LowPct: ch.MeanLowPct, HighPct: ch.MeanHighPct})
		}
		label := appOrAll(ch.Application) + ", " + report.BenchMeasureName(ch.Measure)
		e := plot.Effect{Label: label, Value: ch.MeanPct, Low: ch.MeanLowPct, High: ch.MeanHighPct, Role: role, Note: "not known", Source: d.at("changes[%d].mean_pct", i)}
		if ch.MeanPct != nil {
			e.Note = signedPct(*ch.MeanPct)
			e.Title = fmt.Sprintf("%s: %s, %s", label, e.Note, spanPct(ch.MeanLowPct, ch.MeanHighPct))
		}
		chart.Effects = append(chart.Effects, e)
		at := func(v *float64, field string) Value {
			return d.known(v, signedPct, ch.Reason, "changes[%d].%s", i, field)
		}
		t.Rows = append(t.Rows, []Value{{Text: appOrAll(ch.Application)}, {Text: report.BenchMeasureName(ch.Measure)}, {Text: output.Count(ch.Pairs)}, at(ch.MeanPct, "mean_pct"),
			spanValue(d, ch.MeanLowPct, ch.MeanHighPct, ch.Reason, "changes[%d].mean_low_pct", i), at(ch.MedianPct, "median_pct"), spanValue(d, ch.Q1Pct, ch.Q3Pct, ch.Reason, "changes[%d].q1_pct", i),
			at(ch.MinPct, "min_pct"), at(ch.MaxPct, "max_pct"), at(ch.TotalPct, "total_pct")})
	}
	return Figure{Kind: "comparison", Title: title, Scene: chart.Scene(), Table: t,
		Caption: "Pairs have the same application, memory and number of workers. Left is less. The intervals come from resampling the pairs; pairs of one application are alike, so they say little of other applications."}
}

func spanPct(low, high *float64) string {
	if low == nil || high == nil {
		return "its interval is not known"
	}
	return "95 % interval " + signedPct(*low) + " to " + signedPct(*high)
}

func spanValue(d Document, low, high *float64, why, field string, args ...any) Value {
	v := Value{Reason: why, Source: d.at(field, args...)}
	if low != nil && high != nil {
		v.Text = signedPct(*low) + " to " + signedPct(*high)
	}
	return v
}

// pairDistribution shows the change of every pair, by application.
func pairDistribution(d Document, c *report.BenchComparison, measure string) (Figure, bool) {
	name := report.BenchMeasureName(measure)
	title := fmt.Sprintf("Every pair: change in %s", name)
	chart := plot.DistributionChart{Frame: plot.Frame{Title: title}, Axis: "change in " + name + " of " + output.Plain(c.B.Label) + " against " + output.Plain(c.A.Label), Unit: "%", Zero: true}
	t := &Table{Header: []string{"application", "configuration", output.Plain(c.A.Label), output.Plain(c.B.Label), "change"}, Left: 2}
	for i, ch := range c.Changes {
		if ch.Measure != measure || ch.Pairs == 0 || ch.Application == "" {
			continue
		}
		strip := plot.Strip{Label: appOrAll(ch.Application), Median: ch.MedianPct, Low: ch.MedianLowPct, High: ch.MedianHighPct, Q1: ch.Q1Pct, Q3: ch.Q3Pct, Source: d.at("changes[%d].median_pct", i)}
		strip.Title = strip.Label + ": median " + signedPct(*ch.MedianPct) + ", " + spanPct(ch.MedianLowPct, ch.MedianHighPct)
		for k := range c.Pairs {
			p := &c.Pairs[k]
			v := p.Change(measure)
			if p.Application != ch.Application || v == nil {
				continue
			}
			config := memoryText(memoryKey(p.MemoryMB)) + ", " + output.Count(p.Workers) + " workers"
			source := d.at("pairs[%d]", k)
			strip.Values, strip.Titles, strip.Sources = append(strip.Values, *v), append(strip.Titles, strip.Label+", "+config+": "+signedPct(*v)), append(strip.Sources, source)
			a, b := pairValues(p, measure)
			if len(t.Rows) < maxRows {
				t.Rows = append(t.Rows, []Value{{Text: strip.Label}, {Text: config}, {Text: digitsText(a, 4), Source: source}, {Text: digitsText(b, 4), Source: source}, {Text: signedPct(*v), Source: source}})
			}
		}
		chart.Strips = append(chart.Strips, strip)
	}
	if len(chart.Strips) == 0 {
		return Figure{}, false
	}
	return Figure{Kind: "distribution", Title: title, Scene: chart.Scene(), Table: t,
		Caption: "A dot is a pair. The box holds the middle half of the pairs; the line in it is the median's 95 % interval."}, true
}

// pairValues are both values of a pair that has a change.
func pairValues(p *report.BenchPair, measure string) (a, b float64) {
	switch measure {
	case report.MeasureCost:
		return *p.A.Cost, *p.B.Cost
	case report.MeasureDuration:
		return *p.A.DurationS, *p.B.DurationS
	}
	return *p.A.EnergyJ, *p.B.EnergyJ
}

// sensitivityFigure shows what the change in energy would be with other powers
// assumed.
func sensitivityFigure(d Document, c *report.BenchComparison) (Figure, bool) {
	const title = "The change in energy, had other powers been assumed"
	chart := plot.ForestChart{Frame: plot.Frame{Title: title}, Axis: "mean change in energy against " + output.Plain(c.A.Label)}
	t := &Table{Header: []string{"assumed", "method", output.Plain(c.A.Label), output.Plain(c.B.Label), "mean", "median"}, Left: 2}
	for i, s := range c.Sensitivity {
		e := plot.Effect{Label: output.Plain(assumptionText(s)), Value: s.MeanPct, Role: plot.None, Note: "not known", Source: d.at("sensitivity[%d].mean_pct", i)}
		if s.MeanPct != nil {
			e.Note, e.Role = signedPct(*s.MeanPct), plot.Less
			if *s.MeanPct > 0 {
				e.Role = plot.More
			}
			e.Title = e.Label + ": " + e.Note
		}
		chart.Effects = append(chart.Effects, e)
		watts := func(v *float64, field string) Value {
			return d.known(v, digits("W", 3), "what is assumed is no power of a socket", "sensitivity[%d].%s", i, field)
		}
		t.Rows = append(t.Rows, []Value{plainText(s.Assumption), plainText(s.Method), watts(s.AW, "a_w"), watts(s.BW, "b_w"), d.known(s.MeanPct, signedPct, s.Reason, "sensitivity[%d].mean_pct", i),
			d.known(s.MedianPct, signedPct, s.Reason, "sensitivity[%d].median_pct", i)})
	}
	if len(chart.Effects) == 0 {
		return Figure{}, false
	}
	return Figure{Kind: "sensitivity", Title: title, Scene: chart.Scene(), Table: t,
		Caption: "Cost and time are as they are; energies are estimates, and the change between two processors is no better known than the ratio of the powers that they are taken to have."}, true
}

func assumptionText(s report.BenchSensitivity) string {
	if s.AW == nil || s.BW == nil {
		return s.Assumption
	}
	return fmt.Sprintf("%s (%.4g W, %.4g W)", s.Assumption, *s.AW, *s.BW)
}

// changeTables say what has no partner.
func changeTables(d Document, c *report.BenchComparison) []Table {
	if len(c.Unpaired) == 0 {
		return nil
	}
	t := Table{Caption: "Configurations without a partner, in no change", Folded: true, Left: 3, Header: []string{"application", "configuration", "why"}}
	for i, u := range c.Unpaired[:min(len(c.Unpaired), maxRows)] {
		t.Rows = append(t.Rows, []Value{{Text: appOrAll(u.Application)}, {Text: memoryText(memoryKey(u.MemoryMB)) + ", " + output.Count(u.Workers) + " workers"},
			{Text: output.Plain(u.Reason), Source: d.at("unpaired[%d].reason", i)}})
	}
	return []Table{t}
}

// benchComparisonSection is a stored comparison of two sets of cells.
func benchComparisonSection(d Document, c *report.BenchComparison) Section {
	s := Section{Title: output.Plain(c.B.Label + " against " + c.A.Label), Kicker: "Made " + date(c.StartedAt), Lead: plainAll(c.Verdicts), Facts: benchChangeFacts(d, c), Figures: changeFigures(d, c),
		Tables: changeTables(d, c), Warnings: c.Warnings}
	if c.Quality == energy.Estimated {
		s.Alert = "No counter was read: the joules follow from CPU time and assumed powers, by the method " + output.Plain(c.Method) + "."
	}
	for _, side := range [...]struct {
		name string
		s    *report.BenchSide
	}{{"a", &c.A}, {"b", &c.B}} {
		s.Provenance = append(s.Provenance, Fact{Label: "side " + output.Plain(side.s.Label), Value: Value{Text: output.Count(side.s.Cells) + " cells", Source: d.at("%s.cells", side.name)},
			Note: output.Plain(fmt.Sprint(side.s.Files))})
	}
	s.Provenance = append(s.Provenance, Fact{Label: "made by", Value: Value{Text: toolText(c.Tool), Source: d.at("tool")}})
	return s
}

// benchRows are the numbers that matter, for the short forms.
func benchRows(docs []Document, o Options) []row {
	v, err := viewOf(docs, o)
	if err != nil {
		return nil
	}
	var out []row
	t := v.table
	for i, r := range t.Rows {
		for k := range r.Entries {
			e := &r.Entries[k]
			if e.Cells == 0 {
				continue
			}
			one := row{source: v.d.at("cells, rows[%d].entries[%d] of the table", i, k), kind: "mean over workers of medians", subject: report.AppName(e.Application) + " on " + archMemory(r.Arch, r.MemoryMB),
				runs: e.Cells, reason: e.Reason}
			add := func(measure, unit string, value *float64, text func(float64) string) {
				m := one
				m.measure, m.unit, m.value = measure, unit, value
				if value != nil {
					m.text, m.reason = text(*value)+" "+unit, ""
				}
				if measure == "energy" {
					m.quality, m.low, m.high = string(t.Quality), e.EnergyLowJ, e.EnergyHighJ
				}
				out = append(out, m)
			}
			add("cost", output.CurrencySign(t.Currency), e.Cost, money)
			add("time", "s", e.DurationS, secondsText)
			add("energy", "J", e.EnergyJ, joulesText(t.Quality))
		}
	}
	if v.change != nil {
		out = append(out, benchChangeRows(v.d, v.change)...)
	}
	return out
}

func benchChangeRows(d Document, c *report.BenchComparison) []row {
	var out []row
	for i, ch := range c.Changes {
		r := row{source: d.at("changes[%d].mean_pct", i), kind: "mean change of pairs", subject: c.B.Label + " against " + c.A.Label + ", " + appOrAll(ch.Application), measure: report.BenchMeasureName(ch.Measure),
			value: ch.MeanPct, low: ch.MeanLowPct, high: ch.MeanHighPct, unit: "%", runs: ch.Pairs, reason: ch.Reason}
		if ch.MeanPct != nil {
			r.text, r.reason = signedPct(*ch.MeanPct), ""
			if ch.MeanLowPct != nil && ch.MeanHighPct != nil {
				r.text += " (" + signedPct(*ch.MeanLowPct) + " to " + signedPct(*ch.MeanHighPct) + ")"
			}
		}
		if ch.Measure == report.MeasureEnergy {
			r.quality = string(c.Quality)
		}
		if i < len(c.Verdicts) && i < 3 {
			r.verdict = c.Verdicts[i]
		}
		out = append(out, r)
	}
	if len(c.Verdicts) > 3 && len(out) > 2 {
		out[2].verdict += " " + c.Verdicts[3]
	}
	return out
}
