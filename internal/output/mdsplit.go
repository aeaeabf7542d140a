package output

import (
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// split says whose the joules are, as the table does.
func (m *markdown) split(r *report.Run, top int) {
	if !isSplit(r) {
		return
	}
	m.para("**%s.**", md(spentText(r)))
	t := newSplitTable(r)
	rows := cellsOf(t.rows)
	for i, part := range t.parts {
		rows[i][0] = strings.Repeat("&emsp;", (columns(part.branch)+2)/3) + rows[i][0]
	}
	if last := len(rows) - 1; last > 0 {
		for i, cell := range rows[last] {
			rows[last][i] = "**" + cell + "**"
		}
	}
	if t.shares != nil {
		rows = append(rows, cellsOf([][]string{t.shares})...)
	}
	m.table(cellsOf([][]string{t.header})[0], []bool{false, true, true, true, true, true}, rows)
	for _, n := range t.notes {
		m.para("%s: %s", md(n.subject(t)), md(n.reason))
	}
	for _, k := range rankings(r, top) {
		m.para("%s:", k.title)
		rows := cellsOf(k.rows)
		if k.rest != nil {
			rows = append(rows, cellsOf([][]string{k.rest})...)
		}
		m.table(k.header, k.right, rows)
	}
	m.para("Split by %s.", md(splitText(r)))
	if s := idleText(r); s != "" {
		m.para("Idle power: %s.", md(s))
	}
}

// cellsOf makes Markdown of rows, without the blanks that align decimal points
// on a terminal.
func cellsOf(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			out[i] = append(out[i], md(strings.Join(strings.Fields(cell), " ")))
		}
	}
	return out
}

// splitRefusals says why the joules were not split in a better way.
func (m *markdown) splitRefusals(r *report.Run) {
	a := r.Attribution
	if len(a.Refused) == 0 && (a.Reason == "" || !isSplit(r)) {
		return
	}
	m.para("Better ways to split the joules:")
	if reason := refusalReason(a); reason != "" && isSplit(r) {
		m.para("%s", md(reason))
	}
	for _, f := range a.Refused {
		m.item("**"+md(f.Name)+"** is "+md(f.Kind)+": "+md(f.Reason), f.Remedy)
	}
	m.WriteByte('\n')
}
