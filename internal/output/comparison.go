package output

import (
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// comparisonTable writes a comparison for people: the verdicts first.
func comparisonTable(w io.Writer, c *report.Comparison, o Options) error {
	p := newPage(o)
	for i := range c.Sides {
		s := &c.Sides[i]
		p.text(p.bold(s.Label)+"  ", sideText(s), p.bold)
	}
	p.line(comparisonOrigin(c))
	p.estimate(c.Sides[0].Source)
	p.blank()
	if c.Gate != nil {
		p.text("", c.Gate.Verdict, p.gateStyle(c.Gate))
	} else {
		for i := range c.Pairs {
			p.text("", c.Pairs[i].Verdict, p.verdictStyle(c.Pairs[i].Outcome))
		}
	}
	for i := range c.Pairs {
		p.section(c.Pairs[i].B + " against " + c.Pairs[i].A)
		header, right, rows := changeTable(c, i, p.o.Width < 76)
		p.grid(header, right, rows)
	}
	for i := range c.Sides {
		s := &c.Sides[i]
		for _, n := range summaryNotes(&s.Series) {
			p.text("  "+s.Label+": ", n, p.yellow)
		}
	}
	p.warningList(c.Warnings)
	p.comparisonFoot(c)
	return p.writeTo(w)
}

func (p *page) gateStyle(g *report.Gate) func(string) string {
	switch {
	case !g.Passed:
		return p.red
	case g.Certain:
		return p.green
	}
	return p.yellow
}

func (p *page) verdictStyle(outcome string) func(string) string {
	switch outcome {
	case report.Less:
		return p.green
	case report.More:
		return p.red
	case report.OutcomeUnknown:
		return p.yellow
	}
	return p.bold
}

func sideText(s *report.Side) string {
	text := plain(s.Series.Name)
	if s.File != "" {
		text += "  (" + plain(s.File) + ")"
	}
	return text
}

func comparisonOrigin(c *report.Comparison) string {
	counts := make([]string, len(c.Sides))
	same := true
	for i := range c.Sides {
		counts[i] = strconv.Itoa(len(c.Sides[i].Series.Runs))
		same = same && counts[i] == counts[0]
	}
	last := len(counts) - 1
	text := strings.Join(counts[:last], ", ") + " and " + counts[last] + " runs"
	if same {
		text = plural(len(c.Sides[0].Series.Runs), "run") + " of each"
	}
	if report.InTurns(c.Sides) {
		text += " in turns"
	}
	return text + ", " + trialsOrigin(c.Sides[0].Source)
}

// changeTable has a row for each measure that both sides know.
func changeTable(c *report.Comparison, i int, narrow bool) (header []string, right []bool, rows [][]string) {
	pair := &c.Pairs[i]
	a, b := &c.Sides[0].Series, &c.Sides[i+1].Series
	header = []string{"", pair.A, pair.B, "Change", "95 % interval", "p", "Effect"}
	right = []bool{false, true, true, true, true, true, false}
	if narrow {
		header, right = header[:5], right[:5]
	}
	for _, m := range report.Measures() {
		x, y, ch := a.Summary[m], b.Summary[m], pair.Changes[m]
		if x.Median == nil || y.Median == nil {
			continue
		}
		f := newSummaryFormat(coarser(x, y), m, c.Sides[0].Source)
		effect := ch.EffectWord
		if ch.Effect == nil {
			effect = "-"
		}
		row := []string{rowName(m), f.value(x.Median), f.value(y.Median), changeCell(ch.ChangePct), changeSpan(ch), pCell(ch.PAdjusted), effect}
		rows = append(rows, row[:len(header)])
	}
	return header, right, rows
}

// coarser is the summary whose median is less well known; its digits serve for
// both.
func coarser(x, y report.Summary) report.Summary {
	if math.Abs(*y.Median) > math.Abs(*x.Median) {
		x, y = y, x
	}
	if halfWidth(y) > halfWidth(x) {
		x.Low, x.High, x.StdDev = y.Low, y.High, y.StdDev
	}
	return x
}

func changeCell(pct *float64) string {
	if pct == nil {
		return "-"
	}
	return difference(1 + *pct/100)
}

func changeSpan(ch report.Change) string {
	if ch.LowPct == nil || ch.HighPct == nil {
		return "-"
	}
	return strings.TrimSuffix(difference(1+*ch.LowPct/100), " %") + " to " + difference(1+*ch.HighPct/100)
}

// pCell shows a p-value with two digits.
func pCell(p *float64) string {
	switch {
	case p == nil:
		return "-"
	case *p < 0.001:
		return "<0.001"
	}
	return significant(*p, 2)
}

func (p *page) comparisonFoot(c *report.Comparison) {
	p.blank()
	how := "Mann and Whitney's test of runs that are independent of one another"
	if c.Paired {
		how = "Wilcoxon's signed-rank test of the rounds"
	}
	if len(c.Pairs) > 1 {
		how += ", p adjusted for " + strconv.Itoa(len(c.Pairs)) + " comparisons (Holm)"
	}
	p.text(p.dim("  test      "), how+"; the change is Hodges and Lehmann's", p.normal)
	for i := range c.Pairs {
		if d := c.Pairs[i].DetectablePct; d != nil && *d < report.HopelessPct {
			p.text(p.dim("  could see "), "a change of "+strings.TrimPrefix(Change(*d), "+")+" in four cases of five", p.normal)
			break
		}
	}
	if plan := c.Sides[0].Plan; plan != nil && report.InTurns(c.Sides) {
		p.text(p.dim("  order     "), "drawn from seed "+strconv.FormatInt(plan.Seed, 10), p.normal)
	}
	if h := hostText(c.Sides[0].Host); h != "" {
		p.text(p.dim("  host      "), h, p.normal)
	}
	p.text(p.dim("  more      "), "every run with --format json or csv", p.normal)
}

// comparisonMarkdown writes a comparison for issues and papers.
func comparisonMarkdown(w io.Writer, c *report.Comparison) error {
	m := &markdown{}
	m.estimate(c.Sides[0].Source)
	if c.Gate != nil {
		m.para("**%s**", md(c.Gate.Verdict))
	}
	for i := range c.Pairs {
		if c.Gate == nil {
			m.para("**%s**", md(c.Pairs[i].Verdict))
		}
	}
	rows := make([][]string, 0, len(c.Sides))
	for i := range c.Sides {
		s := &c.Sides[i]
		name := cellCode(s.Series.Name)
		if s.File != "" {
			name += " (" + md(s.File) + ")"
		}
		rows = append(rows, []string{s.Label, name, strconv.Itoa(len(s.Series.Runs))})
	}
	m.table([]string{"", "Command", "Runs"}, []bool{false, false, true}, rows)
	for i := range c.Pairs {
		header, right, rows := changeTable(c, i, false)
		m.table(header, right, escaped(rows))
	}
	for i := range c.Sides {
		for _, n := range summaryNotes(&c.Sides[i].Series) {
			m.para("%s: %s", c.Sides[i].Label, md(n))
		}
	}
	m.notes(c.Warnings)
	m.para("%s. %s", md(comparisonOrigin(c)), md(hostText(c.Sides[0].Host)))
	_, err := w.Write(m.Bytes())
	return err
}
