package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func writeBenchComparison(w io.Writer, f Format, c *report.BenchComparison, o Options) error {
	switch f {
	case Table:
		return benchComparisonTable(w, c, o)
	case JSON:
		return writeJSON(w, c)
	case CSV:
		return pairsCSV(w, c)
	case Markdown:
		return benchComparisonMarkdown(w, c)
	}
	_, err := ParseFormat(string(f))
	return err
}

func benchSideText(s report.BenchSide) string {
	text := plural(s.Cells, "cell")
	if s.Failed > 0 {
		text += ", " + strconv.Itoa(s.Failed) + " of them failed"
	}
	return text + " (" + filesText(s.Files) + ")"
}

// benchComparisonTable writes the comparison for people: the answer first.
func benchComparisonTable(w io.Writer, c *report.BenchComparison, o Options) error {
	p := newPage(o)
	p.line(p.bold(plain(c.B.Label) + " against " + plain(c.A.Label)))
	for _, s := range [...]report.BenchSide{c.A, c.B} {
		p.text("  "+plain(s.Label)+"  ", benchSideText(s), p.dim)
	}
	if c.Quality == energy.Estimated {
		p.text(p.caution(" ESTIMATE ")+" ", "energies follow from CPU time and assumed powers (method "+c.Method+"): no counter was read", p.normal)
	}
	p.blank()
	for _, v := range c.Verdicts {
		p.text("", v, p.bold)
	}
	p.section("Change of " + plain(c.B.Label) + " against " + plain(c.A.Label) + " over pairs of the same application, memory and workers")
	header, right, rows := benchChangeRows(c, p.o.Width < 100)
	p.grid(header, right, rows)
	if rows := sensitivityRows(c); len(rows) > 0 {
		p.section("The change in energy, had other powers been assumed")
		p.grid([]string{"Assumed", c.A.Label, c.B.Label, "Mean", "Median", "Pairs"}, []bool{false, true, true, true, true, true}, rows)
		for _, s := range c.Sensitivity {
			if s.Reason != "" {
				p.text("  ", s.Assumption+": "+s.Reason, p.yellow)
			}
		}
	}
	p.lone(c)
	p.warningList(c.Warnings)
	p.blank()
	p.text(p.dim("  intervals "), fmt.Sprintf("95 %%, from resampling the pairs within each application (seed %d); pairs of one application are alike, so for other applications they say little", c.Seed), p.normal)
	for _, l := range benchPrices(c) {
		p.text(p.dim("  prices    "), priceText(l), p.normal)
	}
	p.text(p.dim("  more      "), "every pair with --format csv or json, the distributions with --format html", p.normal)
	return p.writeTo(w)
}

func benchPrices(c *report.BenchComparison) []report.PriceList {
	var out []report.PriceList
	for _, l := range append(append([]report.PriceList{}, c.A.Prices...), c.B.Prices...) {
		there := false
		for _, o := range out {
			there = there || o == l
		}
		if !there {
			out = append(out, l)
		}
	}
	return out
}

func changeApp(app string) string {
	if app == "" {
		return "all"
	}
	return appName(app)
}

// benchChangeRows has a row for each application and measure.
func benchChangeRows(c *report.BenchComparison, narrow bool) (header []string, right []bool, rows [][]string) {
	header = []string{"", "", "Pairs", "Mean", "95 % interval", "Median", "Quartiles", "Least", "Most", "Of the sums"}
	right = []bool{false, false, true, true, true, true, true, true, true, true}
	if narrow {
		header, right = header[:7], right[:7]
	}
	last := "-"
	for i := range c.Changes {
		ch := &c.Changes[i]
		name := ""
		if app := changeApp(ch.Application); app != last {
			name, last = app, app
		}
		row := []string{name, report.BenchMeasureName(ch.Measure), strconv.Itoa(ch.Pairs), pctCell(ch.MeanPct), pctSpan(ch.MeanLowPct, ch.MeanHighPct), pctCell(ch.MedianPct),
			pctSpan(ch.Q1Pct, ch.Q3Pct), pctCell(ch.MinPct), pctCell(ch.MaxPct), pctCell(ch.TotalPct)}
		rows = append(rows, row[:len(header)])
	}
	return header, right, rows
}

func pctSpan(low, high *float64) string {
	if low == nil || high == nil {
		return "-"
	}
	return fmt.Sprintf("%+.1f to %+.1f %%", *low, *high)
}

func sensitivityRows(c *report.BenchComparison) (rows [][]string) {
	for _, s := range c.Sensitivity {
		a, b := "", ""
		switch {
		case s.AW != nil && s.BW != nil:
			a, b = quantity(*s.AW, "W", 3), quantity(*s.BW, "W", 3)
		case s.Ratio != nil:
			a, b = "1", fixed(*s.Ratio, 0)
		}
		words := plain(s.Assumption)
		if s.Used {
			words += " ←"
		}
		rows = append(rows, []string{words, a, b, pctCell(s.MeanPct), pctCell(s.MedianPct), strconv.Itoa(s.Pairs)})
	}
	return rows
}

// maxLone is how many configurations without a partner are listed.
const maxLone = 5

func (p *page) lone(c *report.BenchComparison) {
	for i, line := range loneLines(c) {
		if i == 0 {
			p.section(plural(len(c.Unpaired), "configuration") + " without a partner, in no number above")
		}
		p.text("  ", line, p.normal)
	}
}

func loneLines(c *report.BenchComparison) (out []string) {
	for i, u := range c.Unpaired {
		if i == maxLone && len(c.Unpaired) > maxLone+1 {
			return append(out, fmt.Sprintf("and %d more: --format json has all", len(c.Unpaired)-maxLone))
		}
		out = append(out, fmt.Sprintf("%s, %s, %s: %s", appName(u.Application), report.MemoryName(u.MemoryMB), plural(u.Workers, "worker"), plain(u.Reason)))
	}
	return out
}

// pairsCSV writes a line for each pair.
func pairsCSV(w io.Writer, c *report.BenchComparison) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	lines := [][]string{{"application", "memory_mb", "workers", "a", "b", "a_repetitions", "b_repetitions", "a_cost", "b_cost", "cost_change_pct", "a_duration_s", "b_duration_s", "duration_change_pct",
		"a_energy_j", "b_energy_j", "energy_change_pct", "a_low_j", "a_high_j", "b_low_j", "b_high_j", "a_socket_w", "b_socket_w", "currency", "method", "quality"}}
	for i := range c.Pairs {
		p := &c.Pairs[i]
		lines = append(lines, []string{p.Application, wholeOf(p.MemoryMB), strconv.Itoa(p.Workers), c.A.Label, c.B.Label, strconv.Itoa(p.A.Repetitions), strconv.Itoa(p.B.Repetitions),
			exact(p.A.Cost), exact(p.B.Cost), exact(p.CostPct), exact(p.A.DurationS), exact(p.B.DurationS), exact(p.TimePct), exact(p.A.EnergyJ), exact(p.B.EnergyJ), exact(p.EnergyPct),
			exact(p.A.LowJ), exact(p.A.HighJ), exact(p.B.LowJ), exact(p.B.HighJ), exact(p.A.SocketW), exact(p.B.SocketW), c.Currency, c.Method, string(c.Quality)})
	}
	return out.WriteAll(lines)
}

// benchComparisonMarkdown writes it for issues and papers.
func benchComparisonMarkdown(w io.Writer, c *report.BenchComparison) error {
	m := &markdown{}
	m.para("### %s against %s", md(c.B.Label), md(c.A.Label))
	if c.Quality == energy.Estimated {
		m.para("**ESTIMATE.** Energies follow from CPU time and assumed powers (method %s): no counter was read.", md(c.Method))
	}
	for _, v := range c.Verdicts {
		m.para("**%s**", md(v))
	}
	header, right, rows := benchChangeRows(c, false)
	m.table(header, right, escaped(rows))
	if rows := sensitivityRows(c); len(rows) > 0 {
		m.para("The change in energy, had other powers been assumed:")
		m.table([]string{"Assumed", md(c.A.Label), md(c.B.Label), "Mean", "Median", "Pairs"}, []bool{false, true, true, true, true, true}, escaped(rows))
	}
	if lines := loneLines(c); len(lines) > 0 {
		m.para("%s without a partner, in no number above:", plural(len(c.Unpaired), "configuration"))
		for _, l := range lines {
			m.WriteString("- " + md(l) + "\n")
		}
		m.WriteString("\n")
	}
	m.notes(c.Warnings)
	m.para("Intervals are 95 %% intervals from resampling the pairs within each application (seed %d). %s: %s. %s: %s.", c.Seed, md(c.A.Label), md(benchSideText(c.A)), md(c.B.Label), md(benchSideText(c.B)))
	_, err := w.Write(m.Bytes())
	return err
}
