package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

// hostBenchSection is a host's own benchmark: the verdict first.
func hostBenchSection(d Document, b *report.Bench) Section {
	s := Section{Title: "Benchmark of a host", Kicker: "Began " + date(b.StartedAt), Warnings: b.Warnings}
	if b.Host != nil {
		s.Title = "Benchmark of " + cmp.Or(output.Plain(b.Host.Hostname), "a host")
		s.Provenance = hostFacts(d, "", *b.Host)
	}
	if b.Verdict != "" {
		s.Lead = append(s.Lead, output.Plain(b.Verdict))
	}
	if sc := b.Score; sc != nil {
		note := "100 is as good as " + output.Plain(cmp.Or(sc.Host, sc.Reference))
		s.Facts = []Fact{{Label: "work per joule", Value: d.known(sc.Energy, oneDecimal, sc.Reason, "score.energy"), Note: note}, {Label: "work per second", Value: d.known(sc.Time, oneDecimal, sc.Reason, "score.time"), Note: note}}
	}
	for _, make := range []func(Document, *report.Bench) (Figure, bool){appsFigure, variationFigure} {
		if f, some := make(d, b); some {
			s.Figures = append(s.Figures, f)
		}
	}
	if t := checkTable(d, b); len(t.Rows) > 0 {
		s.First = []Table{t}
	}
	for _, t := range []Table{scoreTable(d, b), answerTable(d, b), hostRunsTable(d, b)} {
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	if src := b.Source; src != nil {
		s.Refused = src.Refused
		s.Provenance = append(s.Provenance, Fact{Label: "source", Value: Value{Text: fmt.Sprintf("%s (%s)", output.Plain(src.Name), src.Quality), Source: d.at("source")}})
	}
	s.Provenance = append(s.Provenance, Fact{Label: "made by", Value: Value{Text: toolText(b.Tool), Source: d.at("tool")}})
	return s
}

func oneDecimal(v float64) string { return fmt.Sprintf("%.1f", v) }

func checkTable(d Document, b *report.Bench) Table {
	t := Table{Caption: "Whether this host is fit", Header: []string{"check", "outcome", "what was seen", "advice"}, Left: 4}
	for i, c := range b.Checks {
		t.Rows = append(t.Rows, []Value{{Text: output.Plain(c.Name)}, {Text: output.Plain(c.Outcome), Source: d.at("checks[%d].outcome", i)}, plainText(c.Message), plainText(c.Advice)})
	}
	return t
}

func scoreTable(d Document, b *report.Bench) Table {
	t := Table{Caption: "Score by application", Header: []string{"application", "work per joule", "work per second"}, Left: 1}
	if b.Score == nil {
		return t
	}
	for _, app := range slices.Sorted(maps.Keys(b.Score.ByApp)) {
		one := b.Score.ByApp[app]
		t.Rows = append(t.Rows, []Value{{Text: output.Plain(report.AppName(app))}, d.known(one.Energy, oneDecimal, b.Score.Reason, "score.by_application.%s.energy", app), d.known(one.Time, oneDecimal, b.Score.Reason, "score.by_application.%s.time", app)})
	}
	return t
}

// appsFigure has the joules of every application as a bar, and all that it took
// as a table.
func appsFigure(d Document, b *report.Bench) (Figure, bool) {
	title := "What the applications took"
	c := plot.BarChart{Frame: plot.Frame{Title: title}, Unit: "J", Axis: "energy of a run"}
	t := &Table{Header: []string{"application", "energy is", "runs", "time", "energy", "time per unit of work", "energy per unit of work"}, Left: 2}
	bounds := ""
	for i := range b.Applications {
		a := &b.Applications[i]
		label := output.AppTitle(b, a)
		joules := func(v float64) string { return joulesOf(a.Energy.Quality, v) }
		unit := "unit"
		if a.Work != nil {
			unit = output.UnitOf(a.Work)
		}
		e := d.known(a.Energy.Median, joules, a.Energy.Reason, "applications[%d].energy_j.median", i)
		t.Rows = append(t.Rows, []Value{{Text: label}, {Text: output.Plain(string(a.Energy.Quality)), Reason: a.Energy.Reason}, {Text: output.Count(a.Repetitions)},
			d.known(a.Duration.Median, digits("s", 4), a.Duration.Reason, "applications[%d].duration_s.median", i), e,
			d.known(a.SPerUnit, func(v float64) string { return output.Quantity(v, "s", 4) + "/" + unit }, "the work or the time is not known", "applications[%d].s_per_unit", i),
			d.known(a.JPerUnit, func(v float64) string { return joules(v) + "/" + unit }, "the work or the energy is not known", "applications[%d].j_per_unit", i)})
		bar := plot.Bar{Label: label, Note: "not known"}
		if v := a.Energy.Median; v != nil {
			bar.Note, bar.Parts = e.Text, []plot.BarPart{{Value: *v, Role: plot.SeriesRole(0), Title: label + ": " + e.Text, Source: e.Source}}
			bar.Low, bar.High, bounds = boundsOf(&a.Energy, bounds)
		}
		c.Bars = append(c.Bars, bar)
	}
	f := Figure{Kind: "applications", Title: title, Caption: bounds, Scene: c.Scene(), Table: t}
	return f, len(c.Bars) > 0
}

// boundsOf is how far the joules of an application may lie, with what to say of
// it.
func boundsOf(e *report.BenchEnergy, said string) (low, high *float64, caption string) {
	if e.RangeLowJ != nil && e.RangeHighJ != nil {
		return e.RangeLowJ, e.RangeHighJ, "Lines: what an estimate leaves open."
	}
	if low, high = matrix.Span(&e.Summary); low != nil {
		return low, high, cmp.Or(said, "Lines: the median's 95 % interval, or of fewer than six runs from the least to the most.")
	}
	return nil, nil, said
}

// joulesOf is an energy with its unit, in the digits that its quality allows.
func joulesOf(q energy.Quality, v float64) string {
	if q == energy.Estimated {
		return "≈ " + output.Quantity(v, "J", 2)
	}
	return output.Quantity(v, "J", 4)
}

// variationFigure shows how far the runs of an application lie from its median:
// of a quiet host with a steady clock they hardly do.
func variationFigure(d Document, b *report.Bench) (Figure, bool) {
	title := "How much runs differ"
	c := plot.DistributionChart{Frame: plot.Frame{Title: title}, Axis: "time of a run against its application's median", Unit: "%", Zero: true}
	t := &Table{Header: []string{"application", "run", "time", "against the median"}, Left: 1}
	for k := range b.Applications {
		if a := &b.Applications[k]; a.Duration.N > 1 && a.Duration.Median != nil && *a.Duration.Median > 0 {
			strip, rows := variationStrip(d, b, k)
			c.Strips, t.Rows = append(c.Strips, strip), append(t.Rows, rows...)
		}
	}
	if len(c.Strips) == 0 {
		return Figure{}, false
	}
	return Figure{Kind: "distribution", Title: title, Scene: c.Scene(), Table: t,
		Caption: "A dot is a run, a ring an outlier, which counts like any other. The box holds the middle half of the runs; the line in it is the median's 95 % interval, which needs six."}, true
}

// variationStrip has the runs of an application, in percent of its median.
func variationStrip(d Document, b *report.Bench, k int) (strip plot.Strip, rows [][]Value) {
	a := &b.Applications[k]
	off := func(v float64) float64 { return 100 * (v / *a.Duration.Median - 1) }
	relative := func(v *float64) *float64 {
		if v == nil {
			return nil
		}
		pct := off(*v)
		return &pct
	}
	m := &a.Duration
	strip = plot.Strip{Label: output.AppTitle(b, a), Source: d.at("applications[%d].duration_s.median", k),
		Median: relative(m.Median), Low: relative(m.Low), High: relative(m.High), Q1: relative(m.Q1), Q3: relative(m.Q3)}
	strip.Title = strip.Label + ": median " + output.Quantity(*m.Median, "s", 4) + " of " + output.Count(m.N) + " runs"
	for i := range b.Cells {
		c := &b.Cells[i]
		if c.Application != a.Application || c.Workers != a.Workers || c.Status != report.CellOK || c.DurationS == nil {
			continue
		}
		source, pct := d.at("cells[%d].duration_s", i), off(*c.DurationS)
		strip.Values, strip.Sources, strip.Outlier = append(strip.Values, pct), append(strip.Sources, source), append(strip.Outlier, false)
		strip.Titles = append(strip.Titles, fmt.Sprintf("%s, run %d: %s", strip.Label, c.Repetition, signedPct(pct)))
		rows = append(rows, []Value{{Text: strip.Label}, {Text: output.Count(c.Repetition)}, {Text: output.Quantity(*c.DurationS, "s", 4), Source: source}, {Text: signedPct(pct), Source: source}})
	}
	for _, i := range m.Outliers {
		if i < len(strip.Outlier) {
			strip.Outlier[i] = true
		}
	}
	return strip, rows
}

// answerTable is by what the work can be seen to be right.
func answerTable(d Document, b *report.Bench) Table {
	t := Table{Caption: "What they came to", Header: []string{"application", "checksum", "figure", "work", "value", "right is"}, Left: 3}
	for i := range b.Applications {
		a := &b.Applications[i]
		if a.Work == nil {
			continue
		}
		label, sum := Value{Text: output.AppTitle(b, a)}, Value{Text: output.Plain(a.Work.Checksum), Reason: "there is none", Source: d.at("applications[%d].work.checksum", i)}
		work := Value{Text: output.WorkText(a.Work), Source: d.at("applications[%d].work.units", i)}
		if len(a.Quality) == 0 {
			none := Value{Reason: "the application has none"}
			t.Rows = append(t.Rows, []Value{label, sum, none, work, none, none})
		}
		for k, q := range a.Quality {
			if k > 0 {
				label, sum, work = Value{}, Value{}, Value{}
			}
			value := output.QualityText(q)
			if !q.OK {
				value = "WRONG: " + value
			}
			source := d.at("applications[%d].quality[%d]", i, k)
			t.Rows = append(t.Rows, []Value{label, sum, plainText(q.Name), work, {Text: value, Source: source}, {Text: output.QualityBand(q), Source: source}})
		}
	}
	return t
}

// hostRunsTable lists what was run, one by one. What all applications did once
// stands in their table.
func hostRunsTable(d Document, b *report.Bench) Table {
	t := Table{Caption: "Every run", Header: []string{"application", "run", "quality", "work", "time", "energy", "energy per unit of work"}, Left: 3}
	if len(b.Cells) <= len(b.Applications) {
		return t
	}
	for i := range b.Cells[:min(len(b.Cells), maxRows)] {
		t.Rows = append(t.Rows, hostCellRow(d, &b.Cells[i], i))
	}
	return t
}

func hostCellRow(d Document, c *report.BenchCell, i int) []Value {
	var e report.MethodEnergy
	if len(c.Energy) > 0 {
		e = c.Energy[0]
	}
	why := cmp.Or(c.Reason, e.Reason, "it ended as "+c.Status)
	amount, each := Value{Reason: "the result does not say", Source: d.at("cells[%d].work", i)}, Value{Reason: why, Source: d.at("cells[%d].energy[0].energy_j", i)}
	if w := c.Work; w != nil {
		amount.Text = strconv.FormatFloat(w.Units, 'f', -1, 64) + " " + output.Plain(w.Unit)
		if e.EnergyJ != nil && w.Units > 0 {
			each.Text = joulesOf(e.Quality, *e.EnergyJ/w.Units)
		}
	}
	return []Value{{Text: output.Plain(report.AppName(c.Application))}, {Text: output.Count(c.Repetition)}, {Text: output.Plain(string(e.Quality)), Reason: why}, amount, d.known(c.DurationS, digits("s", 4), why, "cells[%d].duration_s", i),
		d.known(e.EnergyJ, func(float64) string { return output.EnergyText(e.Energy, e.Quality) }, why, "cells[%d].energy[0].energy_j", i), each}
}

// hostBenchRows are the joules and seconds of a host's applications.
func hostBenchRows(d Document, b *report.Bench) []row {
	var out []row
	for i := range b.Cells {
		c := &b.Cells[i]
		one := row{kind: "benchmark", subject: report.AppName(c.Application), runs: 1, reason: cmp.Or(c.Reason, "it ended as "+c.Status)}
		t := one
		t.source, t.measure, t.unit, t.value, t.quality = d.at("cells[%d].duration_s", i), "time", "s", c.DurationS, "measured"
		if c.DurationS != nil {
			t.text, t.reason = output.Seconds(*c.DurationS), ""
		}
		e := one
		e.source, e.measure, e.unit = d.at("cells[%d].energy[0].energy_j", i), "energy", "J"
		if len(c.Energy) > 0 {
			m := c.Energy[0]
			e.value, e.low, e.high, e.quality, e.reason = m.EnergyJ, m.LowJ, m.HighJ, string(m.Quality), m.Reason
			if m.EnergyJ != nil {
				e.text = output.EnergyText(m.Energy, m.Quality)
			}
		}
		out = append(out, e, t)
	}
	if len(out) > 0 {
		out[0].verdict = b.Verdict
	}
	return out
}
