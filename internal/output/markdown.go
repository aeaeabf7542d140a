package output

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// markdown collects GitHub-flavoured Markdown.
type markdown struct{ bytes.Buffer }

func (m *markdown) para(format string, args ...any) {
	fmt.Fprintf(&m.Buffer, format+"\n\n", args...)
}

// table writes a table; the columns set in right are aligned to the right.
// Cells are Markdown already.
func (m *markdown) table(header []string, right []bool, rows [][]string) {
	m.row(header)
	rule := make([]string, len(header))
	for i := range rule {
		rule[i] = "---"
		if right[i] {
			rule[i] = "---:"
		}
	}
	m.row(rule)
	for _, r := range rows {
		m.row(r)
	}
	m.WriteByte('\n')
}

func (m *markdown) row(cells []string) {
	m.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// mdEscape makes text from outside safe in a paragraph or cell.
var mdEscape = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`",
	"<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`)

func md(s string) string { return mdEscape.Replace(plain(s)) }

// cellCode is code for a table's cell, where a bar must be escaped even in
// code.
func cellCode(s string) string { return strings.ReplaceAll(code(s), "|", `\|`) }

// code sets text as code, also where it holds backticks.
func code(s string) string {
	s = plain(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// runMarkdown writes the result of a run for an issue or a paper.
func runMarkdown(w io.Writer, r *report.Run, o Options) error {
	m := &markdown{}
	name := md(subject(r))
	if r.Command != nil {
		name = code(subject(r))
	}
	m.para("### %s", name)
	m.para("%s. Source: %s. Host: %s.", md(outcome(r)+", "+origin(r)), md(sourceText(r)), md(hostText(r.Host)))
	if isEstimate(r) {
		m.para("**ESTIMATE.** %s", estimateNote(r))
	}
	m.domains(r)
	m.split(r, o.Top)
	m.phases(r, o.Top)
	m.course(r)
	m.metrics(r)
	m.models(r)
	m.crossCheck(r)
	m.refusals(r)
	m.splitRefusals(r)
	m.warnings(r)
	m.para("Overhead of energyprobe: %s.", md(overheadText(r)))
	m.Truncate(m.Len() - 1)
	_, err := w.Write(m.Bytes())
	return err
}

func (m *markdown) domains(r *report.Run) {
	t := newDomainTable(r)
	header := []string{"Domain", "Energy", "Range", "Power", "Of total", "Quality"}
	var rows [][]string
	cells := func(row domainRow, quality string) []string {
		amount := strings.Join(strings.Fields(row.value+" "+row.plus+" "+row.unit), " ")
		if row.unknown != "" {
			amount += " (" + md(row.unknown) + ")"
		}
		indent := strings.Repeat("&emsp;", (columns(row.branch)+2)/3)
		return []string{indent + md(row.id), amount, row.span, row.power, md(row.share), quality}
	}
	quality := map[string]string{}
	for _, d := range r.Domains {
		quality[d.ID] = string(d.Quality)
	}
	for _, row := range t.rows {
		rows = append(rows, cells(row, quality[row.id]))
	}
	total := cells(t.total, sourceQuality(r))
	for i, cell := range total {
		if cell != "" {
			total[i] = "**" + cell + "**"
		}
	}
	rows = append(rows, total)
	right := []bool{false, true, true, true, true, false}
	if !t.hasRange {
		for i, row := range rows {
			rows[i] = append(row[:2:2], row[3:]...)
		}
		header, right = append(header[:2:2], header[3:]...), append(right[:2:2], right[3:]...)
	}
	m.table(header, right, rows)
	if a := attributionText(r); r.Total.EnergyJ != nil && a != "" {
		m.para("%s", md(a))
	}
}

// courseCells is the length of a sparkline in Markdown.
const courseCells = 40

func (m *markdown) course(r *report.Run) {
	all, cellS := courses(r.Samples, courseCells)
	if len(all) == 0 {
		return
	}
	m.para("Power over time (%s, a bar is the mean of %s, drawn from 0 W):",
		plural(r.Samples.Len(), "sample"), quantity(cellS, "s", 3))
	var rows [][]string
	for _, c := range all {
		name := md(c.domain)
		if c.inner {
			name = "&emsp;" + md(targetWord(r))
		}
		rows = append(rows, []string{name, cellCode(c.sparkline()), watts(c.min), watts(c.mean), watts(c.max)})
	}
	m.table([]string{"Domain", "Course", "Min", "Mean", "Max"}, []bool{false, false, true, true, true}, rows)
}

// metrics lists every metric of the result: a paper's appendix wants all.
func (m *markdown) metrics(r *report.Run) {
	var rows [][]string
	for _, name := range metricNames(r.Metrics) {
		v := r.Metrics[name]
		text := md(metricText(name, v))
		if v.Value == nil {
			text = "unknown: " + md(v.Reason)
		}
		rows = append(rows, []string{md(name), text, md(string(v.Scope)), md(v.Source)})
	}
	if len(rows) > 0 {
		m.table([]string{"Metric", "Value", "Of", "Source"}, []bool{false, true, false, false}, rows)
	}
}

func (m *markdown) models(r *report.Run) {
	if len(r.Models) == 0 {
		return
	}
	rows := modelTable(r)
	for i, name := range sortedKeys(r.Models) {
		rows[i][0] = md(rows[i][0])
		rows[i] = append(rows[i], md(r.Models[name].Description))
	}
	m.table([]string{"Model", "Energy", "Range", "Error", "What it is"}, []bool{false, true, true, true, false}, rows)
}

func (m *markdown) crossCheck(r *report.Run) {
	if len(r.CrossCheck) == 0 {
		return
	}
	t := newCrossTable(r)
	for i, row := range t.rows {
		row[0] = md(row[0])
		t.rows[i] = append(row, t.verdicts[i])
	}
	header := t.columns()
	for i := range header {
		header[i] = md(header[i])
	}
	m.table(header, t.right(), t.rows)
}

func (m *markdown) refusals(r *report.Run) {
	if len(r.Source.Refused) == 0 {
		return
	}
	m.para("Sources that could not be used:")
	for _, f := range r.Source.Refused {
		m.item("**"+md(f.Name)+"** is "+md(f.Kind)+": "+md(f.Reason), f.Remedy)
	}
	m.WriteByte('\n')
}

func (m *markdown) warnings(r *report.Run) {
	if len(r.Warnings) == 0 {
		return
	}
	m.para("Warnings:")
	for _, g := range r.Warnings {
		m.item(md(withAdvice(g.Message, g.Advice)), "")
	}
	m.WriteByte('\n')
}

// item writes a list item, with a remedy as code that can be pasted.
func (m *markdown) item(text, remedy string) {
	m.WriteString("- " + text + "\n")
	if remedy == "" {
		return
	}
	m.WriteString("\n  ```sh\n")
	for l := range strings.SplitSeq(remedy, "\n") {
		m.WriteString("  " + plain(l) + "\n")
	}
	m.WriteString("  ```\n")
}

// doctorMarkdown writes the doctor's findings for an issue.
func doctorMarkdown(w io.Writer, d *report.Doctor) error {
	m := &markdown{}
	m.para("### %s", md(verdict(d)))
	m.para("Host: %s. %s.", md(hostText(d.Host)), md(strings.TrimSpace(d.Tool.Name+" "+d.Tool.Version)))
	for _, a := range whatToDo(d) {
		m.item(md(a.text), a.lines)
		m.WriteByte('\n')
	}
	for _, group := range groups(d) {
		var rows [][]string
		for _, c := range d.Checks {
			if c.Group != group {
				continue
			}
			var remedies []string
			for _, r := range append([]string{c.Remedy}, c.Alternatives...) {
				if r != "" {
					remedies = append(remedies, cellCode(strings.ReplaceAll(r, "\n", "; ")))
				}
			}
			remedy := strings.Join(remedies, " or ")
			rows = append(rows, []string{stateMark(c.State), md(c.Name), md(c.Detail), remedy})
		}
		m.table([]string{"State", title(md(group)), "Finding", "Remedy"}, make([]bool, 4), rows)
	}
	m.Truncate(m.Len() - 1)
	_, err := w.Write(m.Bytes())
	return err
}
