package output

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func writeBench(w io.Writer, f Format, b *report.Bench, o Options) error {
	switch f {
	case Table:
		return benchTable(w, b, o)
	case JSON:
		return writeJSON(w, filledBench(b))
	case CSV:
		return benchCSV(w, b)
	case Markdown:
		return benchMarkdown(w, b)
	}
	_, err := ParseFormat(string(f))
	return err
}

// filledBench returns a copy in which lists that the contract promises are empty
// instead of null.
func filledBench(b *report.Bench) *report.Bench {
	c := *b
	c.Cells = slices.Clone(b.Cells)
	if c.Cells == nil {
		c.Cells = []report.BenchCell{}
	}
	for i := range c.Cells {
		if c.Cells[i].Energy == nil {
			c.Cells[i].Energy = []report.MethodEnergy{}
		}
		if c.Cells[i].Invocations == nil {
			c.Cells[i].Invocations = []report.Invocation{}
		}
	}
	if c.Warnings == nil {
		c.Warnings = []report.Warning{}
	}
	return &c
}

func archName(arch string) string { return plain(report.ArchName(arch)) }

func appName(app string) string { return plain(report.AppName(app)) }

func configName(c *report.BenchConfig) string { return plain(c.Name()) }

// currencySign is what stands for a currency in a table's head.
func currencySign(currency string) string {
	switch currency {
	case "USD", "":
		return "$"
	case "EUR":
		return "€"
	}
	return plain(currency)
}

// decimalsOf returns the decimal places under which the smallest of some values
// still has so many digits, none of which is more than most.
func decimalsOf(values []*float64, digits, most int) int {
	least := math.Inf(1)
	for _, v := range values {
		if v != nil && *v != 0 {
			least = math.Min(least, math.Abs(*v))
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return min(max(digits-1-exponent(least, digits), 0), most)
}

// energyColumn is an energy in a table whose head has the unit: three digits of an
// estimate, with its sign, and four of what was measured.
func energyColumn(v *float64, q energy.Quality) string {
	switch {
	case v == nil:
		return "-"
	case q == energy.Estimated:
		return "≈ " + significant(*v, 3)
	}
	return significant(*v, valueDigits)
}

func fixedCell(v *float64, decimals int) string {
	if v == nil {
		return "-"
	}
	return fixed(*v, decimals)
}

// money prints an amount that stands alone: "$0.00913".
func money(v float64, currency string) string {
	d := 0
	if v != 0 {
		d = min(max(2-exponent(v, 3), 2), 10)
	}
	if s := currencySign(currency); s == "$" {
		return s + fixed(v, d)
	}
	return fixed(v, d) + " " + plain(currency)
}

// failureText is "3 oom, 1 timeout".
func failureText(failures map[string]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(failures)) {
		parts = append(parts, strconv.Itoa(failures[s])+" "+plain(s))
	}
	return strings.Join(parts, ", ")
}

// benchTitle says what a benchmark is of.
func benchTitle(b *report.Bench) string {
	switch b.Kind {
	case report.BenchHost:
		name := "host"
		if b.Host != nil && b.Host.Hostname != "" {
			name = plain(b.Host.Hostname)
		}
		return "Benchmark of " + name
	case report.BenchImport:
		return "Imported profiles"
	case report.BenchCellOf:
		return "A cell of a matrix"
	}
	return "Benchmark matrix"
}

// benchCounts says how many cells there are and how they ended.
func benchCounts(b *report.Bench) string {
	states := map[string]int{}
	for i := range b.Cells {
		states[b.Cells[i].Status]++
	}
	s := plural(len(b.Cells), "cell")
	if p := b.Plan; p != nil && p.Cells > len(b.Cells) {
		s += " of " + strconv.Itoa(p.Cells) + " planned"
	}
	bad := maps.Clone(states)
	delete(bad, report.CellOK)
	if len(bad) > 0 {
		s += ", " + failureText(bad)
	}
	return s
}

// maxCells is how many cells a table lists; a matrix has thousands.
const maxCells = 40

// benchTable writes a benchmark for people: of a host the verdict first, of a
// matrix the cells, which report table makes into a table.
func benchTable(w io.Writer, b *report.Bench, o Options) error {
	p := newPage(o)
	p.line(p.bold(benchTitle(b)))
	p.line(benchCounts(b))
	if b.Verdict != "" {
		p.blank()
		p.text("", b.Verdict, p.fitStyle(b))
	}
	if len(b.Checks) > 0 {
		p.section("Whether this host is fit")
		p.hostChecks(b.Checks)
	}
	if s := b.Score; s != nil {
		p.section("Score: 100 is as good as " + plain(cmp.Or(s.Host, s.Reference)))
		header, right, rows := scoreRows(s)
		p.grid(header, right, rows)
		if s.Reason != "" {
			p.text("  ", s.Reason, p.yellow)
		}
	}
	if len(b.Applications) > 0 {
		p.hostWork(b)
	}
	if repeated(b) {
		p.cells(b)
	}
	for i := range b.Cells {
		if c := &b.Cells[i]; c.Status != report.CellOK && c.Reason != "" && i < maxCells {
			p.text("  "+plain(c.ID)+": ", c.Reason, p.yellow)
		}
	}
	p.warningList(b.Warnings)
	p.blank()
	if b.Prices != nil {
		p.text(p.dim("  prices    "), priceText(*b.Prices), p.normal)
	}
	if b.Host != nil {
		p.text(p.dim("  host      "), hostText(*b.Host), p.normal)
	}
	if b.Source != nil {
		p.text(p.dim("  source    "), trialsOrigin(*b.Source), p.normal)
	}
	p.text(p.dim("  took      "), seconds(b.DurationS), p.normal)
	return p.writeTo(w)
}

// cells lists what was run, one by one.
func (p *page) cells(b *report.Bench) {
	p.section("Cells")
	if benchEstimated(b) && len(b.Applications) == 0 {
		p.estimateNote()
	}
	header, right, rows := cellRows(b, p.o.Width < 76)
	p.grid(header, right, rows[:min(len(rows), maxCells)])
	if n := len(rows) - maxCells; n > 0 {
		p.text("  ", fmt.Sprintf("and %d more: --format csv has all, energyprobe report table sums them up", n), p.dim)
	}
}

func (p *page) fitStyle(b *report.Bench) func(string) string {
	switch {
	case b.Fit == nil:
		return p.yellow
	case *b.Fit:
		return p.green
	}
	return p.red
}

func (p *page) hostChecks(checks []report.HostCheck) {
	width := 0
	for _, c := range checks {
		width = max(width, columns(plain(c.Name)))
	}
	styles := map[string]func(string) string{report.CheckPass: p.green, report.CheckWarn: p.yellow, report.CheckFail: p.red}
	for _, c := range checks {
		style := styles[c.Outcome]
		if style == nil {
			style = p.dim
		}
		name := plain(c.Name)
		p.text("  "+style(fmt.Sprintf("%-7s", plain(c.Outcome)))+"  "+name+strings.Repeat(" ", width-columns(name))+"  ", c.Message, p.normal)
		if c.Advice != "" && c.Outcome != report.CheckPass {
			p.text("    → ", c.Advice, p.normal)
		}
	}
}

func scoreRows(s *report.BenchScore) (header []string, right []bool, rows [][]string) {
	cell := func(v *float64) string { return fixedCell(v, 1) }
	header, right = []string{"", "Work per joule", "Work per second"}, []bool{false, true, true}
	for _, app := range slices.Sorted(maps.Keys(s.ByApp)) {
		rows = append(rows, []string{appName(app), cell(s.ByApp[app].Energy), cell(s.ByApp[app].Time)})
	}
	return header, right, append(rows, []string{"all (geometric mean)", cell(s.Energy), cell(s.Time)})
}

func benchEstimated(b *report.Bench) bool {
	for i := range b.Cells {
		if e := b.Cells[i].Energy; len(e) > 0 && e[0].Quality == energy.Estimated {
			return true
		}
	}
	return false
}

// cellRows has a row for each cell. Joules are by the method to go by.
func cellRows(b *report.Bench, narrow bool) (header []string, right []bool, rows [][]string) {
	header, right = []string{"Cell", "", "Time", "Energy", "Per unit of work", "Cost"}, []bool{false, false, true, true, true, true}
	switch {
	case narrow:
		header, right = header[:4], right[:4]
	case b.Prices == nil:
		header, right = header[:5], right[:5]
	}
	currency := ""
	if b.Prices != nil {
		currency = b.Prices.Currency
	}
	for i := range b.Cells {
		c := &b.Cells[i]
		row := []string{plain(c.ID), plain(c.Status), "-", "-", "-", "-"}
		if c.DurationS != nil {
			row[2] = quantity(*c.DurationS, "s", valueDigits)
		}
		if e := firstEnergy(c); e != nil {
			row[3] = energyCell(e)
			if c.Work != nil && c.Work.Units > 0 {
				row[4] = perUnit(e, c.Work)
			}
		}
		if c.Cost != nil {
			row[5] = money(c.Cost.Total, currency)
		}
		rows = append(rows, row[:len(header)])
	}
	return header, right, rows
}

// firstEnergy is the energy to go by, nil where it is not known.
func firstEnergy(c *report.BenchCell) *report.MethodEnergy {
	if len(c.Energy) == 0 || c.Energy[0].EnergyJ == nil {
		return nil
	}
	return &c.Energy[0]
}

func energyCell(e *report.MethodEnergy) string {
	if e.Quality == energy.Estimated {
		return "≈ " + quantity(*e.EnergyJ, "J", digitsOf(*e.EnergyJ, halfRange(e.LowJ, e.HighJ), 2, 3))
	}
	return quantity(*e.EnergyJ, "J", digitsOf(*e.EnergyJ, e.UncertaintyJ, 2, valueDigits))
}

func perUnit(e *report.MethodEnergy, w *report.Work) string {
	digits, about := valueDigits, ""
	if e.Quality == energy.Estimated {
		digits, about = 2, "≈ "
	}
	return about + quantity(*e.EnergyJ/w.Units, "J", digits) + "/" + one(w.Unit)
}

// one is the unit of one: "row" of "rows".
func one(unit string) string { return strings.TrimSuffix(plain(unit), "s") }

// priceText says by which prices costs are.
func priceText(p report.PriceList) string {
	s := plain(p.Name)
	if p.Date != "" {
		s += " of " + plain(p.Date)
	}
	if p.Source != "" {
		s += " (" + plain(p.Source) + ")"
	}
	return s
}

// benchCSV writes a line for each cell and method.
func benchCSV(w io.Writer, b *report.Bench) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.Write([]string{"id", "application", "arch", "memory_mb", "vcpu", "workers", "repetition", "order", "started_at", "status", "duration_s", "cpu_s",
		"units", "unit", "checksum", "method", "quality", "energy_j", "uncertainty_j", "low_j", "high_j", "socket_w", "cost", "billed_gbs", "billed_s", "reason"}); err != nil {
		return err
	}
	for i := range b.Cells {
		cell := &b.Cells[i]
		methods := cell.Energy
		if len(methods) == 0 {
			methods = []report.MethodEnergy{{}}
		}
		for k := range methods {
			if err := c.Write(cellFields(cell, &methods[k])); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

func cellFields(c *report.BenchCell, e *report.MethodEnergy) []string {
	at, units, unit, sum := "", "", "", ""
	if c.StartedAt != nil {
		at = c.StartedAt.Format(time.RFC3339Nano)
	}
	if c.Work != nil {
		units, unit, sum = exact(&c.Work.Units), c.Work.Unit, c.Work.Checksum
	}
	cost, gbs, billed := "", "", ""
	if c.Cost != nil {
		cost, gbs, billed = exact(&c.Cost.Total), exact(&c.Cost.BilledGBS), exact(&c.Cost.BilledS)
	}
	return []string{c.ID, c.Application, c.Arch, wholeOf(c.MemoryMB), exact(c.VCPU), strconv.Itoa(c.Workers), strconv.Itoa(c.Repetition), strconv.Itoa(c.Order), at, c.Status,
		exact(c.DurationS), exact(c.CPUS), units, unit, sum, e.Method, string(e.Quality), exact(e.EnergyJ), exact(e.UncertaintyJ), exact(e.LowJ), exact(e.HighJ), exact(e.SocketW),
		cost, gbs, billed, cmp.Or(c.Reason, e.Reason)}
}

func wholeOf(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}

// benchMarkdown writes a benchmark for issues and papers.
func benchMarkdown(w io.Writer, b *report.Bench) error {
	m := &markdown{}
	m.para("### %s", md(benchTitle(b)))
	m.para("%s.", md(benchCounts(b)))
	if b.Verdict != "" {
		m.para("**%s**", md(b.Verdict))
	}
	if len(b.Checks) > 0 {
		var rows [][]string
		for _, c := range b.Checks {
			rows = append(rows, []string{md(c.Outcome), md(c.Name), md(withAdvice(c.Message, c.Advice))})
		}
		m.table([]string{"", "Check", "What was seen"}, make([]bool, 3), rows)
	}
	if b.Score != nil {
		header, right, rows := scoreRows(b.Score)
		m.para("Score: 100 is as good as %s.", md(cmp.Or(b.Score.Host, b.Score.Reference)))
		m.table(header, right, escaped(rows))
	}
	if benchEstimated(b) {
		m.para("**ESTIMATE.** Joules with ≈ follow from CPU time and assumed powers: no counter was read.")
	}
	if len(b.Applications) > 0 {
		m.para("What the applications took%s.", medianOf(b))
		header, right, rows := appRows(b, false)
		m.table(header, right, escaped(rows))
		if len(answered(b)) > 0 {
			header, right, rows = answerRows(b)
			m.para("What they came to.")
			m.table(header, right, escaped(rows))
		}
	}
	if repeated(b) {
		header, right, rows := cellRows(b, false)
		m.table(header, right, escaped(rows))
	}
	m.notes(b.Warnings)
	if b.Prices != nil {
		m.para("Prices: %s.", md(priceText(*b.Prices)))
	}
	_, err := w.Write(m.Bytes())
	return err
}
