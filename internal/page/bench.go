package page

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// benchSeed is what the intervals on a page are drawn with: the same files make
// the same page.
const benchSeed = 1

// cellsOf are the documents that hold cells of matrices and imports. What they
// come to is shown together: an architecture has often a file of its own.
func cellsOf(docs []Document) (of []Document, set matrix.Set) {
	var in []matrix.Input
	for _, d := range docs {
		if b, is := d.Value.(*report.Bench); is && b.Kind != report.BenchHost {
			of = append(of, d)
			in = append(in, matrix.Input{File: d.File, Bench: b})
		}
	}
	return of, matrix.NewSet(in)
}

// benchView is what the cells of all documents come to.
type benchView struct {
	d      Document // that stands for all of them as a source
	table  *report.BenchTable
	change *report.BenchComparison // of the two architectures, nil unless there are two
	best   *report.Recommendation
}

func viewOf(docs []Document, o Options) (v benchView, err error) {
	of, set := cellsOf(docs)
	if len(of) == 0 {
		return v, fmt.Errorf("no cells")
	}
	names := make([]string, 0, len(of))
	for _, d := range of {
		if !slices.Contains(names, d.File) {
			names = append(names, d.File)
		}
	}
	if len(names) > 3 {
		names = append(names[:3:3], "and more")
	}
	v.d = Document{File: strings.Join(names, ", ")}
	opt := matrix.Options{Method: o.Method, Tool: o.Tool, Seed: benchSeed}
	if v.table, err = matrix.Table(set, opt); err != nil {
		return v, err
	}
	if v.best, err = matrix.Recommend(set, matrix.Bounds{Objective: report.MeasureEnergy}, opt); err != nil {
		return v, err
	}
	if archs := set.Archs(); len(archs) == 2 {
		side := func(arch string) matrix.Side {
			return matrix.Side{Label: arch, Set: set.Only(func(c *report.BenchCell) bool { return c.Arch == arch })}
		}
		// Two architectures that have nothing in common are shown without a
		// comparison.
		v.change, _ = matrix.Compare(side(archs[1]), side(archs[0]), opt)
	}
	return v, nil
}

// benchSection is one section for all cells.
func benchSection(docs []Document, o Options) Section {
	v, err := viewOf(docs, o)
	if err != nil {
		return Section{Title: "Benchmark", Lead: []string{"There is no table of these cells: " + output.Plain(err.Error()) + "."}}
	}
	t := v.table
	var apps []string
	for _, a := range t.Applications {
		apps = append(apps, output.Plain(report.AppName(a)))
	}
	s := Section{Title: "Benchmark: " + strings.Join(apps, ", "), Kicker: output.Count(t.Cells) + " cells of " + output.Count(len(t.Configs)) + " configurations", Warnings: t.Warnings}
	if t.Quality == energy.Estimated {
		s.Alert = "No counter was read: the joules follow from CPU time and assumed powers, by the method " + output.Plain(t.Method) + "."
	}
	if v.change != nil {
		s.Lead = append(s.Lead, plainAll(v.change.Verdicts)...)
	}
	for i := range v.best.Applications {
		if a := &v.best.Applications[i]; a.Chosen != nil {
			s.Lead = append(s.Lead, output.Plain(a.Answer))
		}
	}
	if v.change == nil {
		s.Facts = v.facts() // else the verdicts have said it
	}
	s.First = []Table{globalTable(v)}
	s.Figures = tradeFigures(v)
	if v.change != nil {
		s.Figures = append(s.Figures, changeFigures(v.d, v.change)...)
		s.Tables = append(s.Tables, changeTables(v.d, v.change)...)
	}
	s.Tables = append(s.Tables, configTable(v))
	for i, l := range t.Prices {
		s.Provenance = append(s.Provenance, Fact{Label: "prices", Value: Value{Text: output.Plain(l.Name), Reason: "the result does not name them", Source: v.d.at("prices")}, Note: output.Plain(strings.TrimSpace(l.Date + " " + l.Source))})
		if i > 3 {
			break
		}
	}
	of, _ := cellsOf(docs)
	for _, d := range of[:min(len(of), maxDetails)] {
		b := d.Value.(*report.Bench)
		s.Provenance = append(s.Provenance, Fact{Label: "cells", Value: Value{Text: output.Count(len(b.Cells)), Source: d.at("cells")}, Note: output.Plain(strings.TrimSpace(b.Kind + ", made by " + toolText(b.Tool)))})
		if b.Host != nil {
			s.Provenance = append(s.Provenance, hostFacts(d, "", *b.Host)...)
		}
	}
	return s
}

func plainAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = output.Plain(t)
	}
	return out
}

// facts are those of the comparison of the two architectures, else how many cells
// there are.
func (v benchView) facts() []Fact {
	if v.change != nil {
		return benchChangeFacts(v.d, v.change)
	}
	t := v.table
	return []Fact{
		{Label: "cells", Value: Value{Text: output.Count(t.Cells), Source: v.d.at("cells")}, Note: output.Count(t.Failed) + " did not end well"},
		{Label: "configurations", Value: Value{Text: output.Count(len(t.Configs)), Source: v.d.at("cells")}},
	}
}

func benchChangeFacts(d Document, c *report.BenchComparison) []Fact {
	var out []Fact
	all := matrix.Overall(c)
	for _, m := range report.BenchMeasures() {
		ch := all[m]
		note := "its interval is not known"
		if ch.MeanLowPct != nil && ch.MeanHighPct != nil {
			note = fmt.Sprintf("mean of %d pairs, 95\u00a0%% interval %s to %s", ch.Pairs, unbroken(signedPct(*ch.MeanLowPct)), unbroken(signedPct(*ch.MeanHighPct)))
		}
		if m == report.MeasureEnergy && c.Quality == energy.Estimated {
			note = "estimate; " + note
		}
		out = append(out, Fact{Label: output.Plain(c.B.Label + " against " + c.A.Label + ", " + report.BenchMeasureName(m)),
			Value: d.known(ch.MeanPct, signedPct, ch.Reason, "%s", changePath(c, m)), Note: note})
	}
	return out
}

// changePath names the field of a stored comparison, or the cells that one was
// made of for the page.
func changePath(c *report.BenchComparison, measure string) string {
	for i, ch := range c.Changes {
		if ch.Measure == measure {
			return fmt.Sprintf("changes[%d].mean_pct", i)
		}
	}
	return "changes"
}

func signedPct(pct float64) string { return fmt.Sprintf("%+.1f %%", pct) }

// digitsText is a number with so many digits.
func digitsText(v float64, n int) string {
	s := strconv.FormatFloat(v, 'e', n-1, 64)
	exponent, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	r, _ := strconv.ParseFloat(s, 64)
	return strconv.FormatFloat(r, 'f', max(n-1-exponent, 0), 64)
}

// unbroken keeps a number and its unit in one line.
func unbroken(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }

// joulesText is an energy in the digits that its quality allows.
func joulesText(q energy.Quality) func(float64) string {
	if q == energy.Estimated {
		return func(v float64) string { return "≈ " + digitsText(v, 3) }
	}
	return func(v float64) string { return digitsText(v, 4) }
}

func money(v float64) string       { return digitsText(v, 3) }
func secondsText(v float64) string { return digitsText(v, 4) }

// globalTable is the table of the first study.
func globalTable(v benchView) Table {
	t := v.table
	out := Table{Caption: "Cost, time and energy of an execution", Header: []string{""}, Left: 1, Note: strings.Join(plainAll(t.Notes), " ")}
	for _, app := range t.Applications {
		name := output.Plain(report.AppName(app))
		out.Header = append(out.Header, name+" "+output.CurrencySign(t.Currency), name+" T (s)", name+" e (J)")
	}
	for i, r := range t.Rows {
		row := []Value{{Text: unbroken(archMemory(r.Arch, r.MemoryMB))}}
		for k := range r.Entries {
			e := &r.Entries[k]
			at := func(field string) string {
				return fmt.Sprintf("%s, rows[%d].entries[%d].%s of its table", "cells", i, k, field)
			}
			j := v.d.known(e.EnergyJ, joulesText(t.Quality), e.Reason, "%s", at("energy_j"))
			failed := 0
			for _, n := range e.Failures {
				failed += n
			}
			if failed > 0 && j.Text != "" {
				j.Text += " †" + strconv.Itoa(failed)
			}
			row = append(row, v.d.known(e.Cost, money, e.Reason, "%s", at("cost")), v.d.known(e.DurationS, secondsText, e.Reason, "%s", at("duration_s")), j)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func archMemory(arch string, mb *int) string {
	name := output.Plain(report.ArchName(arch))
	if mb == nil {
		return name + ", no limit"
	}
	return name + " " + strconv.Itoa(*mb) + " MB"
}

// configTable has every configuration.
func configTable(v benchView) Table {
	t := v.table
	out := Table{Caption: "Every configuration", Folded: true, Left: 2, Header: []string{"application", "configuration", "repetitions", "failed", output.CurrencySign(t.Currency), "T (s)", "e (J)", "range of e", "front"}}
	for i := range t.Configs {
		if i == maxRows {
			out.Note = fmt.Sprintf("The first %s; report table --format csv has all.", output.Count(maxRows))
			break
		}
		c := &t.Configs[i]
		span := Value{Reason: "the method gives none"}
		if c.Energy.RangeLowJ != nil && c.Energy.RangeHighJ != nil {
			span = Value{Text: digitsText(*c.Energy.RangeLowJ, 3) + " to " + digitsText(*c.Energy.RangeHighJ, 3), Source: v.d.at("cells[*].energy[*].low_j")}
		} else if c.Energy.Median == nil {
			span.Reason = c.Energy.Reason
		}
		out.Rows = append(out.Rows, []Value{{Text: output.Plain(report.AppName(c.Application))}, {Text: output.Plain(c.Name())}, {Text: output.Count(c.Repetitions)}, {Text: output.Count(c.Failed())},
			v.d.known(c.Cost.Median, money, c.Cost.Reason, "cells[*].cost.total"), v.d.known(c.Duration.Median, secondsText, c.Duration.Reason, "cells[*].duration_s"),
			v.d.known(c.Energy.Median, joulesText(t.Quality), c.Energy.Reason, "cells[*].energy[*].energy_j"), span, {Text: frontText(t, i)}})
	}
	return out
}

func frontText(t *report.BenchTable, i int) string {
	var on []string
	for _, f := range t.Fronts {
		switch {
		case f.Application != t.Configs[i].Application:
		case slices.Contains(f.On, i):
			on = append(on, report.BenchMeasureName(f.Measure))
		case slices.Contains(f.Perhaps, i):
			on = append(on, report.BenchMeasureName(f.Measure)+"?")
		}
	}
	return cmp.Or(strings.Join(on, ", "), "-")
}
