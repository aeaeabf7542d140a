package output

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
)

// historyColumn is a column of the list of results.
type historyColumn struct {
	title string
	right bool
	cell  func(e *report.HistoryEntry) string
	// common says in words what every entry has in the column; such a column
	// gives way first when the list is wide.
	common func(e *report.HistoryEntry) string
	spare  bool // gives way as a whole: it follows from the others
}

// whatColumn is the place of the command, which takes the room that is left.
const whatColumn = 2

// whatLeast is the least that is left to the command before columns give way.
const whatLeast = 16

func historyColumns() []historyColumn {
	return []historyColumn{
		{title: "ID", cell: func(e *report.HistoryEntry) string { return plain(shortID(e.ID)) }},
		{title: "When", cell: historyTime},
		{title: "What", cell: historySubject},
		{title: "Host", cell: func(e *report.HistoryEntry) string { return shorten(orDash(plain(e.Hostname)), 16) },
			common: func(e *report.HistoryEntry) string { return "on " + plain(e.Hostname) }},
		{title: "Energy", right: true, cell: historyEnergy},
		{title: "Duration", right: true, cell: func(e *report.HistoryEntry) string { return knownQuantity(e.DurationS, "s") }},
		{title: "Power", right: true, cell: historyPower, spare: true},
		{title: "Source", cell: func(e *report.HistoryEntry) string { return orDash(plain(e.Source)) },
			common: func(e *report.HistoryEntry) string { return "joules from " + plain(e.Source) }},
	}
}

func historyTime(e *report.HistoryEntry) string {
	if e.StartedAt.IsZero() {
		return "-"
	}
	return e.StartedAt.Format("2006-01-02 15:04")
}

// shortID is the part of an ID that a list shows; show takes it.
func shortID(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func knownQuantity(v *float64, unit string) string {
	if v == nil {
		return "-"
	}
	return quantity(*v, unit, 3)
}

// historySubject is what a result is about, and what is special about it.
func historySubject(e *report.HistoryEntry) string {
	s := plain(e.Subject)
	if len(e.Argv) > 0 {
		s = shell.Join(e.Argv)
	}
	switch {
	case e.Newer:
		s = "(" + plain(strings.TrimPrefix(e.Schema, "energyprobe.")) + ", newer) " + s
	case e.Schema == report.DoctorSchema:
		s = "(doctor) " + s
	case e.Schema == report.CalibrationSchema:
		s = "(calibration) " + s
	case e.Runs > 0:
		s = "(" + plural(e.Runs, "run") + ") " + s
	case e.Signal != "":
		s = "(" + plain(e.Signal) + ") " + s
	case e.ExitCode != nil && *e.ExitCode != 0:
		s = "(exit " + strconv.Itoa(*e.ExitCode) + ") " + s
	}
	return strings.TrimRight(s, " ")
}

// historyEnergy is the energy with its uncertainty. Of an estimate and of a
// median the range stands in for it, by half.
func historyEnergy(e *report.HistoryEntry) string {
	if e.EnergyJ == nil {
		return "-"
	}
	u := historyUncertainty(e)
	p := prefixFor(*e.EnergyJ, valueDigits)
	unit := " " + p.symbol + "J"
	if e.Quality == energy.Estimated {
		return "≈ " + significant(p.scale(*e.EnergyJ), digitsOf(*e.EnergyJ, u, 2, 3)) + unit
	}
	value, plus := plusMinus(*e.EnergyJ, u, p)
	if plus != "" {
		value += " ± " + plus
	}
	return value + unit
}

func historyUncertainty(e *report.HistoryEntry) *float64 {
	if half := halfRange(e.LowJ, e.HighJ); half != nil {
		return half
	}
	return e.UncertaintyJ
}

// historyPower is the power, known as well as the energy.
func historyPower(e *report.HistoryEntry) string {
	switch {
	case e.PowerW == nil:
		return "-"
	case e.Quality == energy.Estimated:
		return "≈ " + quantity(*e.PowerW, "W", 2)
	case e.EnergyJ == nil:
		return quantity(*e.PowerW, "W", 3)
	}
	return quantity(*e.PowerW, "W", digitsOf(*e.EnergyJ, historyUncertainty(e), 2, 3))
}

// historyTable writes the list for people: a line per result.
func historyTable(w io.Writer, h *report.History, o Options) error {
	p := newPage(o)
	if len(h.Entries) == 0 {
		p.text("", "No results found in "+plain(h.Path)+". A verb keeps its result when it is given --history.", p.normal)
		return p.writeTo(w)
	}
	cols, cells, widths, notes := p.historyCells(h)
	widths[whatColumn] = min(widths[whatColumn], max(p.o.Width-lineWidth(widths)+widths[whatColumn], whatLeast))
	header := make([]string, len(cols))
	for i, c := range cols {
		header[i] = c.title
	}
	p.historyLine(cols, widths, header, p.dim)
	p.line("  " + strings.Repeat("─", lineWidth(widths)-2))
	estimates := ""
	for i, row := range cells {
		row[whatColumn] = shorten(row[whatColumn], widths[whatColumn])
		style := p.normal
		if e := &h.Entries[i]; e.Newer || e.Signal != "" || e.ExitCode != nil && *e.ExitCode != 0 {
			style = p.yellow
		}
		if e := &h.Entries[i]; e.Quality == energy.Estimated && e.EnergyJ != nil {
			estimates = "; ≈ marks an ESTIMATE by a power model"
		}
		p.historyLine(cols, widths, row, style)
	}
	p.line("  " + p.dim(plural(len(cells), "result")+strings.Join(notes, "")+estimates))
	return p.writeTo(w)
}

// historyCells returns the columns that fit, their cells and widths. What every row
// says alike is said once, in a note, when the room is short.
func (p *page) historyCells(h *report.History) (cols []historyColumn, cells [][]string, widths []int, notes []string) {
	cols = historyColumns()
	for i := range h.Entries {
		row := make([]string, len(cols))
		for k, c := range cols {
			row[k] = c.cell(&h.Entries[i])
			if p.o.ASCII {
				row[k] = toASCII.Replace(row[k])
			}
		}
		cells = append(cells, row)
	}
	widths = historyWidths(cols, cells)
	for _, spare := range []bool{false, true} {
		for k := 0; k < len(cols) && !p.historyFits(widths); k++ {
			alike := cols[k].common != nil && sameCells(cells, k) && cells[0][k] != "-"
			switch {
			case spare && cols[k].spare:
			case !spare && alike:
				notes = append(notes, ", "+cols[k].common(&h.Entries[0]))
			default:
				continue
			}
			cols, widths = slices.Delete(cols, k, k+1), slices.Delete(widths, k, k+1)
			for i := range cells {
				cells[i] = slices.Delete(cells[i], k, k+1)
			}
			k--
		}
	}
	return cols, cells, widths, notes
}

// historyFits reports whether lines have room for a good part of the command.
func (p *page) historyFits(widths []int) bool {
	return lineWidth(widths)-widths[whatColumn]+min(widths[whatColumn], 2*whatLeast) <= p.o.Width
}

func sameCells(cells [][]string, k int) bool {
	for _, row := range cells {
		if row[k] != cells[0][k] {
			return false
		}
	}
	return true
}

// historyWidths returns the columns that each column takes.
func historyWidths(cols []historyColumn, cells [][]string) []int {
	widths := make([]int, len(cols))
	for k, c := range cols {
		widths[k] = columns(c.title)
		for _, row := range cells {
			widths[k] = max(widths[k], columns(row[k]))
		}
	}
	return widths
}

// lineWidth is what columns take with a gap before each.
func lineWidth(widths []int) (n int) {
	for _, w := range widths {
		n += 2 + w
	}
	return n
}

// historyLine adds one line. It is no grid: the table library alone takes 0.8 s
// for ten thousand rows.
func (p *page) historyLine(cols []historyColumn, widths []int, cells []string, style func(string) string) {
	var b strings.Builder
	for k, cell := range cells {
		blank := strings.Repeat(" ", max(widths[k]-columns(cell), 0))
		if b.WriteString("  "); cols[k].right {
			b.WriteString(blank + cell)
		} else {
			b.WriteString(cell + blank)
		}
	}
	line := strings.TrimRight(b.String(), " ")
	p.buf.WriteString("  " + style(strings.TrimPrefix(line, "  ")) + "\n") // ASCII already
}

func historyMarkdown(w io.Writer, h *report.History) error {
	m := &markdown{}
	var header []string
	var right []bool
	for _, c := range historyColumns() {
		header, right = append(header, c.title), append(right, c.right)
	}
	var rows [][]string
	for i := range h.Entries {
		var row []string
		for k, c := range historyColumns() {
			cell := md(c.cell(&h.Entries[i]))
			if k == whatColumn && len(h.Entries[i].Argv) > 0 {
				cell = cellCode(c.cell(&h.Entries[i]))
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	m.table(header, right, rows)
	m.Truncate(m.Len() - 1)
	_, err := w.Write(m.Bytes())
	return err
}

func historyCSV(w io.Writer, h *report.History) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180, 2.1
	rows := [][]string{{"id", "result_schema", "started_at", "what", "hostname", "source", "quality", "energy_j", "uncertainty_j",
		"low_j", "high_j", "target_j", "duration_s", "power_w", "exit_code", "signal", "runs", "samples", "reason"}}
	for i := range h.Entries {
		e := &h.Entries[i]
		what, exit := e.Subject, ""
		if len(e.Argv) > 0 {
			what = shell.Join(e.Argv)
		}
		if e.ExitCode != nil {
			exit = strconv.Itoa(*e.ExitCode)
		}
		rows = append(rows, []string{e.ID, e.Schema, e.StartedAt.Format(time.RFC3339Nano), what, e.Hostname, e.Source, string(e.Quality),
			exact(e.EnergyJ), exact(e.UncertaintyJ), exact(e.LowJ), exact(e.HighJ), exact(e.TargetJ), exact(e.DurationS), exact(e.PowerW),
			exit, e.Signal, strconv.Itoa(max(e.Runs, 1)), strconv.Itoa(e.Samples), e.Reason})
	}
	return c.WriteAll(rows)
}

func writeHistory(w io.Writer, f Format, h *report.History, o Options) error {
	switch f {
	case Table:
		return historyTable(w, h, o)
	case JSON:
		filled := *h
		filled.Entries = append([]report.HistoryEntry{}, h.Entries...)
		filled.Warnings = append([]report.Warning{}, h.Warnings...)
		return writeJSON(w, &filled)
	case CSV:
		return historyCSV(w, h)
	case Markdown:
		return historyMarkdown(w, h)
	}
	_, err := ParseFormat(string(f))
	return err
}

// writeStored renders a result that is known as JSON only.
func writeStored(w io.Writer, f Format, doc json.RawMessage) error {
	if f != JSON {
		return fmt.Errorf("a result that is known as it is stored only has no form but json, not %s: use --format json", f)
	}
	return writeJSON(w, doc)
}
