package output

import (
	"io"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// rowName is what a table calls a measure, below the row of the energy.
func rowName(measure string) string {
	switch measure {
	case report.MeasureNet:
		return "above idle"
	case report.MeasureTarget:
		return "of the command"
	}
	return report.MeasureName(measure)
}

// trialsTable writes repeated runs for people.
func trialsTable(w io.Writer, t *report.Trials, o Options) error {
	p := newPage(o)
	for i := range t.Series {
		if i > 0 {
			p.blank()
		}
		s := &t.Series[i]
		p.line(p.bold(shorten(plain(s.Name), 2*p.o.Width)))
		p.line(trialsOutcome(t, s))
		p.estimate(t.Source)
		p.blank()
		if header, right, rows := summaryTable(s, t.Source, p.o.Width < 76); len(rows) > 0 {
			p.grid(header, right, rows)
		}
		for _, line := range summaryNotes(s) {
			p.text("  ", line, p.yellow)
		}
	}
	p.warningList(t.Warnings)
	p.trialsFoot(t)
	return p.writeTo(w)
}

// runsAreEstimates is what stands over repeated runs and comparisons of which no
// counter was read.
const runsAreEstimates = "No energy counter was read: the joules follow from the CPU time by a model, and what a model gets wrong, it gets wrong in every run."

// RunsAreEstimates is what stands over runs of this source, "" where they were
// measured.
func RunsAreEstimates(s report.Source) string {
	if s.Quality != energy.Estimated {
		return ""
	}
	return runsAreEstimates
}

func (p *page) estimate(s report.Source) {
	if text := RunsAreEstimates(s); text != "" {
		p.blank()
		p.text(p.caution(" ESTIMATE ")+" ", text, p.normal)
	}
}

func (m *markdown) estimate(s report.Source) {
	if text := RunsAreEstimates(s); text != "" {
		m.para("**ESTIMATE.** %s", text)
	}
}

func (p *page) grid(header []string, right []bool, rows [][]string) {
	g := &grid{right: right, rows: rows}
	for _, h := range header {
		g.header = append(g.header, p.dim(h))
	}
	p.table(g)
}

// trialsOutcome is the line below the command.
func trialsOutcome(t *report.Trials, s *report.TrialSeries) string {
	parts := []string{plural(len(s.Runs), "run")}
	if t.Plan.Warmup > 0 {
		parts[0] += " after " + strconv.Itoa(t.Plan.Warmup) + " to warm up"
	}
	if n := s.Failures(); n > 0 {
		parts = append(parts, strconv.Itoa(n)+" of them failed")
	}
	if missing := t.Plan.Repeat - len(s.Runs); missing > 0 {
		parts = append(parts, strconv.Itoa(missing)+" more were asked for")
	}
	return strings.Join(append(parts, trialsOrigin(t.Source)), ", ")
}

func trialsOrigin(s report.Source) string {
	if s.Quality == energy.Estimated {
		return "estimated by " + plain(s.Name)
	}
	return "measured by " + plain(s.Name)
}

// summaryTable has a row for each measure that is known.
func summaryTable(s *report.TrialSeries, from report.Source, narrow bool) (header []string, right []bool, rows [][]string) {
	header, right = []string{"", "Median", "95 % interval", "Spread", "Least", "Most"}, []bool{false, true, true, true, true, true}
	if narrow {
		header, right = header[:4], right[:4]
	}
	for _, m := range report.Measures() {
		sum, ok := s.Summary[m]
		if !ok || sum.Median == nil {
			continue
		}
		f := newSummaryFormat(sum, m, from)
		row := []string{rowName(m), f.value(sum.Median), f.span(sum.Low, sum.High), spreadCell(sum.SpreadPct), f.value(sum.Min), f.value(sum.Max)}
		rows = append(rows, row[:len(header)])
	}
	return header, right, rows
}

// summaryFormat writes the numbers of one measure under one prefix, with the
// digits that the interval of the median supports.
type summaryFormat struct {
	p        prefix
	decimals int
	unit     string
	mark     string // "≈ " before estimates
}

func newSummaryFormat(s report.Summary, measure string, from report.Source) summaryFormat {
	f := summaryFormat{p: prefixFor(*s.Median, valueDigits), unit: report.MeasureUnit(measure), mark: EstimateMark(measure, from.Quality)}
	v := f.p.scale(*s.Median)
	f.decimals = valueDigits - 1 - exponent(v, valueDigits)
	if half := halfWidth(s); half > 0 {
		f.decimals = decimalsFor(f.p.scale(half))
		if v != 0 {
			f.decimals = min(f.decimals, maxDigits-2-exponent(v, maxDigits))
		}
	}
	f.decimals = max(f.decimals, 0)
	return f
}

// EstimateMark stands before what a model says of a measure: joules and watts,
// where no counter was read.
func EstimateMark(measure string, q energy.Quality) string {
	if unit := report.MeasureUnit(measure); q == energy.Estimated && (unit == "J" || unit == "W") {
		return "≈ "
	}
	return ""
}

// halfWidth is that of the median's interval, or else what the spread of the
// runs leaves open; 0 when neither is known.
func halfWidth(s report.Summary) float64 {
	if s.Low != nil && s.High != nil {
		return (*s.High - *s.Low) / 2
	}
	if s.StdDev != nil {
		return *s.StdDev
	}
	return 0
}

func (f summaryFormat) value(v *float64) string {
	if v == nil {
		return "-"
	}
	return f.mark + strings.TrimRight(fixed(f.p.scale(*v), f.decimals)+" "+f.p.symbol+f.unit, " ")
}

func (f summaryFormat) span(low, high *float64) string {
	if low == nil || high == nil {
		return "-"
	}
	return strings.TrimRight(fixed(f.p.scale(*low), f.decimals)+" – "+fixed(f.p.scale(*high), f.decimals)+" "+f.p.symbol+f.unit, " ")
}

func spreadCell(pct *float64) string {
	if pct == nil {
		return "-"
	}
	if *pct < 0.005 {
		return "0 %"
	}
	return percent(*pct / 100)
}

// summaryNotes says what the table leaves open: outliers, runs without a value,
// and why an interval is not known.
func summaryNotes(s *report.TrialSeries) (notes []string) {
	reasons := map[string][]string{}
	var order []string
	for _, m := range report.Measures() {
		sum, ok := s.Summary[m]
		if !ok {
			continue
		}
		if n := len(sum.Outliers); n > 0 && (m == report.MeasureEnergy || m == report.MeasureDuration) {
			notes = append(notes, rowName(m)+": "+outlierText(sum, s.Runs, m))
		}
		if sum.Missing > 0 && sum.N > 0 {
			notes = append(notes, rowName(m)+": "+plural(sum.Missing, "run")+" without a value")
		}
		if sum.Reason != "" && (m == report.MeasureEnergy || m == report.MeasureNet) {
			if reasons[sum.Reason] == nil {
				order = append(order, sum.Reason)
			}
			reasons[sum.Reason] = append(reasons[sum.Reason], rowName(m))
		}
	}
	for _, r := range order {
		notes = append(notes, strings.Join(reasons[r], ", ")+": "+runReason(r, s))
	}
	return notes
}

// runReason says what is not known, preferring what the runs themselves say
// where none has a value.
func runReason(reason string, s *report.TrialSeries) string {
	if s.Summary[report.MeasureEnergy].N > 0 {
		return "the interval is not known: " + reason
	}
	for _, r := range s.Runs {
		if r.EnergyJ == nil && r.Reason != "" {
			return "not known: " + r.Reason
		}
	}
	return "not known: " + reason
}

// outlierText names the runs that lie apart; they stay in every number.
func outlierText(s report.Summary, runs []report.Trial, measure string) string {
	var each []string
	for i, k := range s.Outliers {
		if i == 5 {
			each = append(each, "...")
			break
		}
		v := runs[k].EnergyJ
		if measure == report.MeasureDuration {
			v = &runs[k].DurationS
		}
		text := "run " + strconv.Itoa(k+1)
		if v != nil {
			text += " (" + newSummaryFormat(s, measure, report.Source{}).value(v) + ")"
		}
		each = append(each, text)
	}
	return plural(len(s.Outliers), "outlier") + ": " + strings.Join(each, ", ") + "; left in"
}

func (p *page) warningList(all []report.Warning) {
	if len(all) == 0 {
		return
	}
	p.section(plural(len(all), "warning"))
	for _, w := range all {
		p.text(p.yellow("  ! "), w.Message, p.normal)
		if w.Advice != "" {
			p.text("    → ", w.Advice, p.normal)
		}
	}
}

func (p *page) trialsFoot(t *report.Trials) {
	p.blank()
	if t.Baseline != nil {
		p.text(p.dim("  idle      "), baselineText(t), p.normal)
	}
	p.text(p.dim("  runs      "), planText(t), p.normal)
	if h := hostText(t.Host); h != "" {
		p.text(p.dim("  host      "), h, p.normal)
	}
	p.text(p.dim("  more      "), "every run with --format json or csv", p.normal)
}

func baselineText(t *report.Trials) string {
	b := t.Baseline
	return EstimateMark(report.MeasurePower, t.Source.Quality) + amountOf(b.PowerW, b.UncertaintyW, "W") + ", watched for " + seconds(b.DurationS) + " before the first run"
}

// amountOf is "12.3 ± 0.4 W".
func amountOf(v float64, unc *float64, unit string) string {
	pre := prefixFor(v, valueDigits)
	value, u := plusMinus(v, unc, pre)
	if u != "" {
		value += " ± " + u
	}
	return value + " " + pre.symbol + unit
}

// planText says how the runs were made.
func planText(t *report.Trials) string {
	parts := []string{"one after the other"}
	if t.Plan.Rounds {
		parts[0] = "in turns, in an order drawn from seed " + strconv.FormatInt(t.Plan.Seed, 10)
	}
	if t.Plan.Shell != "" {
		parts = append(parts, "commands run by "+plain(t.Plan.Shell))
	}
	if t.Plan.Prepare != "" {
		parts = append(parts, "before each: "+plain(t.Plan.Prepare))
	}
	return strings.Join(append(parts, seconds(t.DurationS)+" in all"), "; ")
}

// trialsMarkdown writes repeated runs for issues and papers.
func trialsMarkdown(w io.Writer, t *report.Trials) error {
	m := &markdown{}
	for i := range t.Series {
		s := &t.Series[i]
		m.para("### %s", code(s.Name))
		m.para("%s", md(trialsOutcome(t, s)))
		m.estimate(t.Source)
		header, right, rows := summaryTable(s, t.Source, false)
		m.table(header, right, escaped(rows))
		for _, n := range summaryNotes(s) {
			m.para("%s", md(n))
		}
	}
	m.notes(t.Warnings)
	if t.Baseline != nil {
		m.para("The idle machine: %s.", md(baselineText(t)))
	}
	m.para("%s. %s", md(planText(t)), md(hostText(t.Host)))
	_, err := w.Write(m.Bytes())
	return err
}

func escaped(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		for _, c := range row {
			out[i] = append(out[i], md(strings.TrimSpace(c)))
		}
	}
	return out
}

func (m *markdown) notes(all []report.Warning) {
	for _, w := range all {
		m.para("**Warning:** %s", md(withAdvice(w.Message, w.Advice)))
	}
}
