package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func writeBenchTable(w io.Writer, f Format, t *report.BenchTable, o Options) error {
	switch f {
	case Table:
		return globalTable(w, t, o)
	case JSON:
		return writeJSON(w, t)
	case CSV:
		return globalCSV(w, t)
	case Markdown:
		return globalMarkdown(w, t)
	}
	_, err := ParseFormat(string(f))
	return err
}

func rowLabel(r report.BenchRow) string {
	if r.MemoryMB == nil {
		return archName(r.Arch) + " no limit"
	}
	return archName(r.Arch) + " " + strconv.Itoa(*r.MemoryMB)
}

// entryCells are the three columns of an application: cost, time and energy,
// with the unit in the head.
func entryCells(t *report.BenchTable, app int) (heads []string, rows [][]string) {
	var costs, times []*float64
	for i := range t.Rows {
		costs, times = append(costs, t.Rows[i].Entries[app].Cost), append(times, t.Rows[i].Entries[app].DurationS)
	}
	dc, dt := decimalsOf(costs, 3, 8), decimalsOf(times, 4, 2)
	for i := range t.Rows {
		e := &t.Rows[i].Entries[app]
		failed := 0
		for _, n := range e.Failures {
			failed += n
		}
		last := energyColumn(e.EnergyJ, t.Quality)
		if failed > 0 {
			last += " †" + strconv.Itoa(failed)
		}
		rows = append(rows, []string{fixedCell(e.Cost, dc), fixedCell(e.DurationS, dt), last})
	}
	return []string{currencySign(t.Currency), "T (s)", "e (J)"}, rows
}

// globalTable writes the table for people, as many applications beside one
// another as there is room for.
func globalTable(w io.Writer, t *report.BenchTable, o Options) error {
	p := newPage(o)
	p.line(p.bold("Cost, time and energy") + "  " + plain(tableOrigin(t)))
	if t.Quality == energy.Estimated {
		p.text(p.caution(" ESTIMATE ")+" ", "e follows from CPU time and assumed powers (method "+t.Method+"): no counter was read", p.normal)
	}
	p.blank()
	for from := 0; from < len(t.Applications); {
		from = p.applications(t, from)
	}
	for _, n := range t.Notes {
		p.text("  ", n, p.dim)
	}
	p.frontTables(t)
	p.warningList(t.Warnings)
	p.blank()
	for _, l := range t.Prices {
		p.text(p.dim("  prices    "), priceText(l), p.normal)
	}
	p.text(p.dim("  cells     "), filesText(t.Files), p.normal)
	p.text(p.dim("  more      "), "every configuration with --format json or csv; plots with energyprobe report --plot energy-cost", p.normal)
	return p.writeTo(w)
}

func tableOrigin(t *report.BenchTable) string {
	s := plural(t.Cells, "cell")
	if t.Failed > 0 {
		s += ", " + strconv.Itoa(t.Failed) + " failed"
	}
	s += ", " + plural(len(t.Configs), "configuration")
	if t.Method != "" && t.Quality != energy.Estimated {
		s += ", energy by the method " + t.Method
	}
	return s
}

func filesText(files []string) string {
	if n := len(files) - 4; n > 0 {
		return strings.Join(files[:4], ", ") + " and " + plural(n, "more file")
	}
	return strings.Join(files, ", ")
}

// applications adds a table of as many applications as fit, from one on, and
// returns the next one.
func (p *page) applications(t *report.BenchTable, from int) (next int) {
	g := &grid{header: []string{""}, right: []bool{false}, rows: make([][]string, len(t.Rows))}
	width := 2
	for i := range t.Rows {
		g.rows[i] = []string{rowLabel(t.Rows[i])}
		width = max(width, columns(rowLabel(t.Rows[i]))+4)
	}
	for next = from; next < len(t.Applications); next++ {
		heads, cells := entryCells(t, next)
		wide := 0
		for k := range heads {
			column := columns(heads[k])
			for i := range cells {
				column = max(column, columns(cells[i][k]))
			}
			wide += column + 2
		}
		if width+wide > p.o.Width && next > from {
			break
		}
		width += wide
		g.right = append(g.right, true, true, true)
		for k, h := range heads { // a head of two lines
			above := ""
			if k == 0 {
				above = p.bold(shorten(appName(t.Applications[next]), 12))
			}
			g.header = append(g.header, above+"\n"+p.dim(h))
		}
		for i := range cells {
			g.rows[i] = append(g.rows[i], cells[i]...)
		}
	}
	p.table(g)
	p.blank()
	return next
}

// maxFront is how many configurations of a front a table lists.
const maxFront = 8

// frontTables list what no other configuration beats.
func (p *page) frontTables(t *report.BenchTable) {
	for _, measure := range [...]string{report.MeasureDuration, report.MeasureCost} {
		header, right, rows, more := frontRows(t, measure)
		if len(rows) == 0 {
			continue
		}
		p.section("Nothing beats these in energy and " + report.BenchMeasureName(measure) + " at once")
		p.grid(header, right, rows)
		for _, line := range more {
			p.text("  ", line, p.dim)
		}
	}
}

func frontRows(t *report.BenchTable, measure string) (header []string, right []bool, rows [][]string, more []string) {
	header, right = []string{"", "Configuration", currencySign(t.Currency), "T (s)", "e (J)"}, []bool{false, false, true, true, true}
	for _, f := range t.Fronts {
		if f.Measure != measure {
			continue
		}
		var costs, times []*float64
		for _, i := range f.On {
			costs, times = append(costs, t.Configs[i].Cost.Median), append(times, t.Configs[i].Duration.Median)
		}
		dc, dt := decimalsOf(costs, 3, 8), decimalsOf(times, 4, 2)
		for n, i := range f.On[:min(len(f.On), maxFront)] {
			c := &t.Configs[i]
			name := ""
			if n == 0 {
				name = appName(f.Application)
			}
			rows = append(rows, []string{name, configName(c), fixedCell(c.Cost.Median, dc), fixedCell(c.Duration.Median, dt), energyColumn(c.Energy.Median, t.Quality)})
		}
		var notes []string
		if n := len(f.On) - maxFront; n > 0 {
			notes = append(notes, strconv.Itoa(n)+" more on the front")
		}
		if n := len(f.Perhaps); n > 0 {
			notes = append(notes, plural(n, "configuration")+" may be on it too, by what repetitions and ranges leave open")
		}
		if len(notes) > 0 {
			more = append(more, appName(f.Application)+": "+strings.Join(notes, "; "))
		}
	}
	return header, right, rows, more
}

// globalMarkdown writes the table for issues and papers.
func globalMarkdown(w io.Writer, t *report.BenchTable) error {
	m := &markdown{}
	m.para("### Cost, time and energy")
	m.para("%s.", md(tableOrigin(t)))
	if t.Quality == energy.Estimated {
		m.para("**ESTIMATE.** e follows from CPU time and assumed powers (method %s): no counter was read.", md(t.Method))
	}
	header, right := []string{""}, []bool{false}
	rows := make([][]string, len(t.Rows))
	for i := range t.Rows {
		rows[i] = []string{md(rowLabel(t.Rows[i]))}
	}
	for k, app := range t.Applications {
		heads, cells := entryCells(t, k)
		for _, h := range heads {
			header, right = append(header, md(appName(app)+" "+h)), append(right, true)
		}
		for i := range cells {
			rows[i] = append(rows[i], escaped(cells[i : i+1])[0]...)
		}
	}
	m.table(header, right, rows)
	for _, n := range t.Notes {
		m.WriteString("- " + md(n) + "\n")
	}
	m.WriteString("\n")
	for _, measure := range [...]string{report.MeasureDuration, report.MeasureCost} {
		header, right, rows, more := frontRows(t, measure)
		if len(rows) == 0 {
			continue
		}
		m.para("Nothing beats these in energy and %s at once:", report.BenchMeasureName(measure))
		m.table(header, right, escaped(rows))
		for _, line := range more {
			m.WriteString("- " + md(line) + "\n")
		}
		if len(more) > 0 {
			m.WriteString("\n")
		}
	}
	m.notes(t.Warnings)
	for _, l := range t.Prices {
		m.para("Prices: %s.", md(priceText(l)))
	}
	_, err := w.Write(m.Bytes())
	return err
}

// globalCSV writes a line for each application in each row, and then one for
// each configuration.
func globalCSV(w io.Writer, t *report.BenchTable) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	lines := [][]string{{"level", "application", "arch", "memory_mb", "workers", "cells", "failed", "cost", "cost_low", "cost_high", "duration_s", "duration_low_s", "duration_high_s",
		"energy_j", "energy_low_j", "energy_high_j", "range_low_j", "range_high_j", "socket_w", "currency", "method", "quality", "front_cost", "front_time", "reason"}}
	for _, r := range t.Rows {
		for _, e := range r.Entries {
			failed := 0
			for _, n := range e.Failures {
				failed += n
			}
			workers := make([]string, len(e.Workers))
			for i, n := range e.Workers {
				workers[i] = strconv.Itoa(n)
			}
			lines = append(lines, []string{"row", e.Application, r.Arch, wholeOf(r.MemoryMB), strings.Join(workers, " "), strconv.Itoa(e.Cells), strconv.Itoa(failed),
				exact(e.Cost), "", "", exact(e.DurationS), "", "", exact(e.EnergyJ), "", "", exact(e.EnergyLowJ), exact(e.EnergyHighJ), "", t.Currency, t.Method, string(t.Quality), "", "", e.Reason})
		}
	}
	for i := range t.Configs {
		k := &t.Configs[i]
		lines = append(lines, configFields(t, i, k))
	}
	return c.WriteAll(lines)
}

func configFields(t *report.BenchTable, i int, k *report.BenchConfig) []string {
	f := []string{"configuration", k.Application, k.Arch, wholeOf(k.MemoryMB), strconv.Itoa(k.Workers), strconv.Itoa(k.Repetitions), strconv.Itoa(k.Failed())}
	for _, m := range report.BenchMeasures() {
		s := k.Of(m)
		f = append(f, exact(s.Median), exact(s.Low), exact(s.High))
	}
	f = append(f, exact(k.Energy.RangeLowJ), exact(k.Energy.RangeHighJ), exact(k.Energy.SocketW), t.Currency, t.Method, string(k.Energy.Quality))
	for _, m := range [...]string{report.MeasureCost, report.MeasureDuration} {
		f = append(f, frontWord(t.Fronts, k.Application, m, i))
	}
	reason := k.Duration.Reason
	if k.Duration.Median != nil && k.Energy.Median == nil {
		reason = k.Energy.Reason
	}
	return append(f, reason)
}

// frontWord says whether a configuration is on a front.
func frontWord(fronts []report.BenchFront, app, measure string, i int) string {
	for _, f := range fronts {
		if f.Application != app || f.Measure != measure {
			continue
		}
		switch {
		case slices.Contains(f.On, i):
			return "on"
		case slices.Contains(f.Perhaps, i):
			return "perhaps"
		}
		return "beaten"
	}
	return ""
}

func pctCell(pct *float64) string {
	if pct == nil {
		return "-"
	}
	return fmt.Sprintf("%+.1f %%", *pct)
}
