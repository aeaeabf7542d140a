package output

import (
	"io"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// runTable writes the result of a run for people.
func runTable(w io.Writer, r *report.Run, o Options) error {
	p := newPage(o)
	p.head(r)
	p.domains(r)
	p.split(r)
	p.phases(r)
	p.course(r)
	p.facts("Counters of "+whose(r), facts(r, counterHeadlines[:]))
	p.facts("Energy put against work", facts(r, energyHeadlines[:]))
	p.unknowns(r)
	p.models(r)
	p.crossCheck(r)
	p.refusals(r)
	p.splitRefusals(r)
	p.warnings(r)
	p.foot(r)
	return p.writeTo(w)
}

func whose(r *report.Run) string {
	switch r.Target.Kind {
	case "command", "":
		return "the command and what it started"
	case "pid":
		return "the process and what it started"
	}
	return "the " + plain(r.Target.Kind)
}

func (p *page) head(r *report.Run) {
	p.line(p.bold(shorten(subject(r), 2*p.o.Width)))
	end := outcome(r) + ", " + origin(r)
	if c := r.Command; c != nil && (c.Signal != "" || c.ExitCode == nil || *c.ExitCode != 0) {
		end = p.red(end)
	}
	p.line(end)
	if isEstimate(r) {
		p.blank()
		p.text(p.caution(" ESTIMATE ")+" ", estimateNote(r), p.normal)
	}
	p.blank()
}

func (p *page) domains(r *report.Run) {
	t := newDomainTable(r)
	narrow := p.o.Width < 64
	g := &grid{header: []string{"Domain", "Energy"}, right: []bool{false, true}}
	if isEstimate(r) {
		g.header[1] = "Estimate"
	}
	if t.hasRange {
		g.header, g.right = append(g.header, "Range"), append(g.right, true)
	}
	if !narrow {
		g.header, g.right = append(g.header, "Power"), append(g.right, true)
	}
	g.header, g.right = append(g.header, "Of total"), append(g.right, true)
	for i := range g.header {
		g.header[i] = p.dim(g.header[i])
	}
	cells := func(row domainRow, style func(string) string) []string {
		amount := strings.TrimRight(row.value+" "+row.plus, " ")
		if row.unit != "" {
			amount = row.value + " "
			if strings.TrimSpace(row.plus) != "" || columns(row.plus) > 0 {
				amount += row.plus + " "
			}
			amount += row.unit
		}
		line := []string{style(row.branch + plain(row.id)), style(amount)}
		if t.hasRange {
			line = append(line, style(row.span))
		}
		if !narrow {
			line = append(line, style(row.power))
		}
		return append(line, style(row.share))
	}
	for _, row := range t.rows {
		style := p.normal
		switch {
		case row.unknown != "":
			style = p.yellow
		case !row.counted:
			style = p.dim
		}
		g.rows = append(g.rows, cells(row, style))
	}
	g.footer = cells(t.total, p.bold)
	p.table(g)
	for _, row := range append(t.rows, t.total) {
		if row.unknown != "" {
			p.text("  "+plain(row.id)+": ", row.unknown, p.yellow)
		}
	}
	if a := attributionText(r); r.Total.EnergyJ != nil && a != "" {
		p.text("  ", a, p.dim)
	}
}

// course shows the power over time, one sparkline per domain.
func (p *page) course(r *report.Run) {
	if r.Samples.Len() == 0 {
		return
	}
	idWidth := 0
	for _, id := range r.Samples.Domains() {
		idWidth = max(idWidth, columns(id))
	}
	if r.Samples.HasSplit() {
		idWidth = max(idWidth, 2+columns(targetWord(r)))
	}
	const figures = 34 // three columns of watts with their gaps, and the margin
	all, cellS := courses(r.Samples, min(max(p.o.Width-idWidth-figures, 10), 120))
	end, _ := r.Samples.At(r.Samples.Len() - 1)
	p.section("Power over time")
	p.text("  ", plural(r.Samples.Len(), "sample")+", "+quantity(end/float64(r.Samples.Len()), "s", 3)+
		" apart on average; a bar is the mean of "+quantity(cellS, "s", 3)+", drawn from 0 W", p.dim)
	g := &grid{header: []string{"", "", "min", "mean", "max"}, right: []bool{false, false, true, true, true}}
	for i := range g.header {
		g.header[i] = p.dim(g.header[i])
	}
	for _, c := range all {
		name, style := plain(c.domain), p.cyan
		if c.inner {
			name, style = "  "+targetWord(r), p.green
		}
		g.rows = append(g.rows, []string{name, style(c.sparkline()), watts(c.min), watts(c.mean), watts(c.max)})
	}
	p.table(g)
}

func watts(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return quantity(v, "W", 3)
}

// facts shows labelled values in columns.
func (p *page) facts(title string, all []fact) {
	known := slices.DeleteFunc(all, func(f fact) bool { return f.value == "-" })
	if len(known) == 0 {
		return
	}
	p.section(title)
	p.block(known, min(max(p.o.Width/40, 1), 3))
}

// unknowns says which of the facts are missing, and why.
func (p *page) unknowns(r *report.Run) {
	lines := unknowns(r, slices.Concat(counterHeadlines[:], energyHeadlines[:])...)
	if len(lines) > 0 {
		p.blank()
	}
	for _, line := range lines {
		p.text("  unknown: ", line, p.yellow)
	}
}

// block sets facts in rows of n, labels and values aligned. It is no grid:
// setting up the table library costs more than the few lines are worth.
func (p *page) block(facts []fact, n int) {
	label, value := make([]int, n), make([]int, n)
	for i, f := range facts {
		if p.o.ASCII {
			facts[i].value = toASCII.Replace(f.value)
		}
		label[i%n] = max(label[i%n], columns(f.label))
		value[i%n] = max(value[i%n], columns(facts[i].value))
	}
	line := ""
	for i, f := range facts {
		k := i % n
		line += p.dim(f.label) + strings.Repeat(" ", label[k]-columns(f.label)+2+value[k]-columns(f.value)) + f.value
		if k == n-1 || i == len(facts)-1 {
			p.line("  " + line)
			line = ""
			continue
		}
		line += "      "
	}
}

// models compares what power models say with the measurement. Where there is
// none, the estimate is the best of them, and there is nothing to compare.
func (p *page) models(r *report.Run) {
	measured := r.Total.EnergyJ != nil && !isEstimate(r)
	if len(r.Models) == 0 || isEstimate(r) {
		return
	}
	p.section("What power models say")
	g := &grid{header: []string{"Model", "Energy", "Range"}, right: []bool{false, true, true}}
	if measured {
		g.header, g.right = append(g.header, "Error"), append(g.right, true)
	}
	for i := range g.header {
		g.header[i] = p.dim(g.header[i])
	}
	rows := modelTable(r)
	for i, name := range sortedKeys(r.Models) {
		row := rows[i][:len(g.header)]
		if room := p.o.Width - modelColumns; room > 30 {
			row = append(row, p.dim(shorten(plain(r.Models[name].Description), room)))
		}
		g.rows = append(g.rows, row)
	}
	if len(g.rows[0]) > len(g.header) {
		g.header, g.right = append(g.header, p.dim("What it is")), append(g.right, false)
	}
	p.table(g)
}

// modelColumns is what the columns of models take at most; what is left may
// hold the descriptions.
const modelColumns = 66

// modelTable returns name, energy, range and error of each model.
func modelTable(r *report.Run) [][]string {
	var amounts []float64
	for _, m := range r.Models {
		amounts = append(amounts, deref(m.EnergyJ))
	}
	p := commonPrefix(amounts, leastFor(energy.Estimated))
	var rows [][]string
	for _, name := range sortedKeys(r.Models) {
		m := r.Models[name]
		row := []string{plain(name), "unknown", "", errorPct(m.ErrorPctVsMeasured)}
		if m.EnergyJ != nil {
			row[1] = "≈ " + significant(p.scale(*m.EnergyJ), digitsOf(*m.EnergyJ, halfRange(m.LowJ, m.HighJ), 2, 3)) + " " + p.symbol + "J"
		}
		if m.LowJ != nil && m.HighJ != nil {
			row[2] = spanText(*m.LowJ, *m.HighJ, p)
		}
		rows = append(rows, row)
	}
	return rows
}

// crossCheck shows the same domain through several interfaces.
func (p *page) crossCheck(r *report.Run) {
	if len(r.CrossCheck) == 0 {
		return
	}
	p.section("The same joules through every interface")
	t := newCrossTable(r)
	g := &grid{header: t.columns(), right: t.right()}
	for i := range g.header {
		g.header[i] = p.dim(g.header[i])
	}
	for i, row := range t.rows {
		verdict := p.green(t.verdicts[i])
		if !r.CrossCheck[i].Agree {
			verdict = p.red(t.verdicts[i])
		}
		g.rows = append(g.rows, append(row, verdict))
	}
	p.table(g)
}

// crossTable is the cross-check: a column per interface, the one in use
// first and in joules, the others as their difference from it.
type crossTable struct {
	sources  []string
	rows     [][]string // domain, a cell per interface, what was expected
	verdicts []string
}

func (t *crossTable) columns() []string {
	names := []string{"Domain"}
	for _, s := range t.sources {
		names = append(names, plain(s))
	}
	return append(names, "Expected", "Verdict")
}

func (t *crossTable) right() []bool {
	right := []bool{false}
	for range t.sources {
		right = append(right, true)
	}
	return append(right, true, false)
}

func newCrossTable(r *report.Run) crossTable {
	present := map[string]bool{}
	for _, c := range r.CrossCheck {
		for s := range c.EnergyJ {
			present[s] = true
		}
	}
	var t crossTable
	if present[r.Source.Name] {
		t.sources = append(t.sources, r.Source.Name)
		delete(present, r.Source.Name)
	}
	t.sources = append(t.sources, sortedKeys(present)...)
	for _, c := range r.CrossCheck {
		row := []string{plain(c.Domain)}
		for _, s := range t.sources {
			row = append(row, crossCell(c, s, r.Source.Name))
		}
		t.rows = append(t.rows, append(row, "± "+percent(c.ExpectedPct/100)))
		t.verdicts = append(t.verdicts, crossVerdict(c))
	}
	return t
}

func crossCell(c report.CrossCheck, source, inUse string) string {
	j, ok := c.EnergyJ[source]
	if !ok {
		return "-"
	}
	s := quantity(j, "J", 5)
	ratio, ok := c.Ratio[source]
	if source == inUse || !ok {
		return s
	}
	return difference(ratio)
}

// difference prints a ratio as the difference from 1: "+0.26 %".
func difference(ratio float64) string {
	d := (ratio - 1) * 100
	switch a := math.Abs(d); {
	case a < 0.0005:
		return "0 %"
	case a < 1:
		return sign(d) + significant(a, min(2, 4+exponent(a, 2))) + " %"
	}
	return sign(d) + significant(math.Abs(d), 3) + " %"
}

func sign(v float64) string {
	if v < 0 {
		return "-"
	}
	return "+"
}

func crossVerdict(c report.CrossCheck) string {
	if c.Agree {
		return "agree"
	}
	return "DISAGREE"
}

// refusals says why better sources could not be used, and how to change that.
func (p *page) refusals(r *report.Run) {
	if len(r.Source.Refused) == 0 {
		return
	}
	if isEstimate(r) {
		p.section("Why nothing was measured, and what would change that")
	} else {
		p.section("Sources not used")
	}
	p.refused(r.Source.Refused)
}

func (p *page) refused(all []report.Refusal) {
	width := 0
	for _, f := range all {
		width = max(width, columns(plain(f.Name)))
	}
	for _, f := range all {
		p.finding(report.Check{Name: f.Name, State: report.CheckState(f.Kind), Detail: f.Reason, Remedy: f.Remedy}, width)
	}
}

// remedy adds the lines of a remedy as they are, so that they can be pasted.
func (p *page) remedy(indent, remedy string) {
	if remedy == "" {
		return
	}
	for l := range strings.SplitSeq(remedy, "\n") {
		p.line(indent + p.cyan(plain(l)))
	}
}

func (p *page) warnings(r *report.Run) {
	shown := slices.DeleteFunc(slices.Clone(r.Warnings), func(g report.Warning) bool {
		return g.Code == "estimated" // the banner has said so
	})
	p.warningList(shown)
}

func (p *page) foot(r *report.Run) {
	p.blank()
	p.text(p.dim("  source    "), sourceText(r), p.normal)
	if isSplit(r) {
		p.text(p.dim("  split     "), splitText(r), p.normal)
	}
	if s := idleText(r); s != "" {
		p.text(p.dim("  idle      "), s, p.normal)
	}
	if h := hostText(r.Host); h != "" {
		p.text(p.dim("  host      "), h, p.normal)
	}
	p.text(p.dim("  overhead  "), overheadText(r), p.normal)
	if n := furtherMetrics(r); n > 0 {
		p.text(p.dim("  more      "), plural(n, "further value")+" with --format json or csv", p.normal)
	}
}

// sourceQuality is the word for the result as a whole.
func sourceQuality(r *report.Run) string {
	if isEstimate(r) {
		return "ESTIMATE"
	}
	return string(energy.Measured)
}
