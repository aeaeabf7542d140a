package output

import (
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// What the table and the Markdown say about phases.

// Names of the lines that no command marked.
const (
	outsideName = "outside of phases"
	restName    = "not told apart"
)

// phaseRows is how many phases are shown one by one; JSON and CSV have each.
const phaseRows = 40

// phaseTable is the energy of every phase and of what is outside.
type phaseTable struct {
	header []string
	right  []bool
	rows   [][]string
	faint  []bool // by row: no phase
	notes  [][2]string
	more   string // about the phases that have no row
}

func newPhaseTable(r *report.Run, top int) *phaseTable {
	all, names, hidden := shownPhases(r.Phases, top)
	f := phaseFormat(all)
	rows := make([]domainRow, len(all))
	aligned := make([]*domainRow, len(all))
	for i, p := range all {
		rows[i], aligned[i] = f.row(p.Energy, p.Quality), &rows[i]
	}
	alignPoints(aligned, func(r *domainRow) *string { return &r.value })
	alignPoints(aligned, func(r *domainRow) *string { return &r.plus })
	t := &phaseTable{header: []string{"Phase", "Energy", "Power", "Lasted, " + f.time.symbol + "s", "Times", "Of total"}, right: []bool{false, true, true, true, true, true}}
	split := slices.ContainsFunc(all, func(p report.Phase) bool { return p.TargetJ != nil })
	if split {
		t.header, t.right = slices.Insert(t.header, 2, "Of "+targetWord(r)+", "+f.energy.symbol+"J"), append(t.right, true)
	}
	for i, p := range all {
		cells := phaseCells(p, rows[i], f, r.Total)
		if split {
			cells = slices.Insert(cells, 2, f.target(p))
		}
		cells[0] = plain(names[i])
		t.rows = append(t.rows, cells)
		t.faint = append(t.faint, i >= len(r.Phases.List)-hidden)
		if p.EnergyJ == nil {
			t.note(names[i], p.Reason)
		}
	}
	for c := 2; c < len(t.header); c++ {
		alignColumn(t.rows, c)
	}
	if hidden > 0 {
		t.more = plural(hidden, "more phase") + " with --format json or csv"
	}
	return t
}

// phasePrefixes are those of the columns.
type phasePrefixes struct {
	energyFormat
	time prefix
}

func phaseFormat(all []report.Phase) phasePrefixes {
	var joules, watts, seconds float64
	for _, p := range all {
		joules = max(joules, deref(p.EnergyJ), deref(p.LowJ))
		watts, seconds = max(watts, deref(p.PowerW)), max(seconds, p.DurationS)
	}
	return phasePrefixes{energyFormat{columnPrefix(joules), columnPrefix(watts)}, columnPrefix(seconds)}
}

// target is the command's part of a phase.
func (f phasePrefixes) target(p report.Phase) string {
	if p.TargetJ == nil {
		return "-"
	}
	v := f.energy.scale(*p.TargetJ)
	if v == 0 {
		return "0"
	}
	decimals := lineDecimals(v)
	if u := p.TargetUncertaintyJ; u != nil && *u > 0 {
		decimals = min(max(decimalsFor(f.energy.scale(*u)), 0), decimals)
	}
	return joulesCell(p.TargetJ, f.energy, decimals)
}

// shownPhases returns the lines to show, and how many phases have none.
func shownPhases(p *report.Phases, top int) (all []report.Phase, names []string, hidden int) {
	most := max(phaseRows, top)
	if top == AllRows || len(p.List) < most {
		most = len(p.List)
	}
	for _, one := range p.List[:most] {
		all, names = append(all, one), append(names, one.Name)
	}
	if p.Outside != nil {
		all, names = append(all, *p.Outside), append(names, outsideName)
	}
	if p.Rest != nil {
		all, names = append(all, *p.Rest), append(names, restName)
	}
	return all, names, len(p.List) - most
}

func phaseCells(p report.Phase, row domainRow, f phasePrefixes, total report.Energy) []string {
	times := "-"
	if n := len(p.Stretches); n > 0 {
		times = strconv.Itoa(n)
	}
	part := "-"
	if p.EnergyJ != nil && deref(total.EnergyJ) > 0 {
		part = percent(*p.EnergyJ / *total.EnergyJ)
	}
	amount := row.value
	if strings.TrimSpace(row.plus) != "" || columns(row.plus) > 0 {
		amount += " " + row.plus
	}
	if row.unit != "" {
		amount += " " + row.unit
	}
	if row.span != "" {
		amount += " (" + row.span + ")"
	}
	return []string{"", amount, row.power, joulesCell(&p.DurationS, f.time, 3), times, part}
}

// note says why phases are not known. Those that share a reason share a note.
func (t *phaseTable) note(name, reason string) {
	if _, why, ok := strings.Cut(reason, " is not known: "); ok {
		reason = why
	}
	for i := range t.notes {
		if t.notes[i][1] == reason {
			t.notes[i][0] += ", " + name
			return
		}
	}
	t.notes = append(t.notes, [2]string{name, reason})
}

// phases shows what each phase spent. Columns that say the least go first
// where there is no room.
func (p *page) phases(r *report.Run) {
	if r.Phases == nil {
		return
	}
	p.section("Phases that the command marked")
	if len(r.Phases.List) > 0 {
		t := newPhaseTable(r, p.o.Top)
		p.ranking(t.ranking(p.o.Width))
		for _, n := range t.notes {
			p.text("  "+shorten(plain(n[0]), p.o.Width/2)+": ", n[1], p.yellow)
		}
		if t.more != "" {
			p.text("  ", t.more, p.dim)
		}
	}
	for i, m := range r.Phases.Marks {
		if i == phaseRows {
			p.text("  ", plural(len(r.Phases.Marks)-i, "more mark")+" with --format json or csv", p.dim)
			break
		}
		p.text("  at "+quantity(m.AtS, "s", 4)+": ", m.Text, p.normal)
	}
}

// ranking is the table as wide as the page allows.
func (t *phaseTable) ranking(width int) ranking {
	k := ranking{header: t.header, right: t.right, rows: t.rows, faint: t.faint}
	for i := range k.rows {
		k.rows[i][0] = shorten(k.rows[i][0], width/3)
	}
	for _, name := range []string{"Times", "Power", "Of total", "Lasted"} {
		if k.width() > width {
			for _, h := range k.header {
				if strings.HasPrefix(h, name) {
					k.drop(h)
					break
				}
			}
		}
	}
	return k
}

// phases says the same in Markdown.
func (m *markdown) phases(r *report.Run, top int) {
	if r.Phases == nil {
		return
	}
	m.para("Phases that the command marked:")
	if len(r.Phases.List) > 0 {
		t := newPhaseTable(r, top)
		m.table(cellsOf([][]string{t.header})[0], t.right, cellsOf(t.rows))
		for _, n := range t.notes {
			m.para("%s: %s", md(n[0]), md(n[1]))
		}
		if t.more != "" {
			m.para("%s", t.more)
		}
	}
	for i, k := range r.Phases.Marks {
		if i == phaseRows {
			m.item(plural(len(r.Phases.Marks)-i, "more mark")+" with --format json or csv", "")
			break
		}
		m.item("at "+quantity(k.AtS, "s", 4)+": "+md(k.Text), "")
	}
	if len(r.Phases.Marks) > 0 {
		m.WriteByte('\n')
	}
}
