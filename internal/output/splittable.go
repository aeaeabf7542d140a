package output

import (
	"github.com/energyprobe/energyprobe/internal/report"
)

// split shows whose the joules are: the sentence, the five lines of each
// domain, and those that spent most.
func (p *page) split(r *report.Run) {
	if !isSplit(r) {
		return
	}
	p.blank()
	p.text("", spentText(r), p.bold)
	p.lines(r)
	for _, t := range rankings(r, p.o.Top) {
		p.ranking(t)
	}
}

// lines is the table of the five lines.
func (p *page) lines(r *report.Run) {
	t := newSplitTable(r)
	g := &grid{right: []bool{false, true, true, true, true, true}}
	for _, h := range t.header {
		g.header = append(g.header, p.dim(h))
	}
	last := len(t.rows) - 1
	for i, row := range t.rows {
		style, own := p.normal, p.green
		if !t.parts[i].counted {
			style, own = p.dim, p.dim
		}
		line := []string{style(t.parts[i].branch + row[0])}
		for c, cell := range row[1:] {
			if cell = style(cell); c == 0 {
				cell = own(row[1])
			}
			line = append(line, cell)
		}
		if i == last && last > 0 {
			g.footer = p.footer(row, t.shares)
			break
		}
		g.rows = append(g.rows, line)
	}
	if last == 0 && t.shares != nil {
		g.footer = p.footer(t.shares, nil)
	}
	p.table(g)
	for _, n := range t.notes {
		p.text("  "+n.subject(t)+": ", n.reason, p.yellow)
	}
}

// footer joins the rows of a footer, which the grid takes as one of several
// lines.
func (p *page) footer(row, below []string) []string {
	var out []string
	for c, cell := range row {
		cell = p.bold(cell)
		if below != nil {
			cell += "\n" + p.dim(below[c])
		}
		out = append(out, cell)
	}
	return out
}

// ranking shows those that spent most. Columns that say the same in other
// words go first where there is no room: watts are joules over the window.
func (p *page) ranking(t ranking) {
	p.section(t.title)
	for _, name := range []string{"Power", "per instr.", "On CPU"} {
		if t.width() > p.o.Width {
			t.drop(name)
		}
	}
	g := &grid{right: t.right}
	for _, h := range t.header {
		g.header = append(g.header, p.dim(h))
	}
	for i, row := range t.rows {
		style := p.normal
		if t.faint[i] {
			style = p.dim
		}
		g.rows = append(g.rows, styled(row, style))
	}
	if t.rest != nil {
		g.rows = append(g.rows, styled(t.rest, p.dim))
	}
	p.table(g)
}

func styled(row []string, style func(string) string) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		out[i] = style(cell)
	}
	return out
}

// width is how many columns of a terminal the table takes.
func (t *ranking) width() int {
	sum := 2 * len(t.header) // the indent and the gaps
	for c, h := range t.header {
		widest := columns(h)
		for _, row := range t.rows {
			widest = max(widest, columns(row[c]))
		}
		if t.rest != nil {
			widest = max(widest, columns(t.rest[c]))
		}
		sum += widest
	}
	return sum
}

// drop leaves out a column.
func (t *ranking) drop(name string) {
	for c, h := range t.header {
		if h != name {
			continue
		}
		cut := func(row []string) []string { return append(row[:c:c], row[c+1:]...) }
		t.header = cut(t.header)
		t.right = append(t.right[:c:c], t.right[c+1:]...)
		for i, row := range t.rows {
			t.rows[i] = cut(row)
		}
		if t.rest != nil {
			t.rest = cut(t.rest)
		}
		return
	}
}

// splitRefusals says why the joules were not split in a better way, and how to
// change that.
func (p *page) splitRefusals(r *report.Run) {
	a := r.Attribution
	if len(a.Refused) == 0 && (a.Reason == "" || !isSplit(r)) {
		return
	}
	if isSplit(r) {
		p.section("Better ways to split the joules, and what they need")
		if reason := refusalReason(a); reason != "" {
			p.text("  ", reason, p.normal)
		}
	} else {
		p.section("Ways to split the joules, and what they need")
	}
	p.refused(a.Refused)
}
