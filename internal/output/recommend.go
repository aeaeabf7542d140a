package output

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func writeRecommendation(w io.Writer, f Format, r *report.Recommendation, o Options) error {
	switch f {
	case Table:
		return recommendationTable(w, r, o)
	case JSON:
		return writeJSON(w, r)
	case CSV:
		return candidatesCSV(w, r)
	case Markdown:
		return recommendationMarkdown(w, r)
	}
	_, err := ParseFormat(string(f))
	return err
}

// recommendationTable writes the choice for people: the answer, why, and what
// else was in question.
func recommendationTable(w io.Writer, r *report.Recommendation, o Options) error {
	p := newPage(o)
	if r.Quality == energy.Estimated {
		p.text(p.caution(" ESTIMATE ")+" ", "energies follow from CPU time and assumed powers (method "+r.Method+"): no counter was read", p.normal)
		p.blank()
	}
	for i := range r.Applications {
		a := &r.Applications[i]
		if i > 0 {
			p.blank()
		}
		style := p.green
		if a.Chosen == nil {
			style = p.red
		}
		p.text("", a.Answer, style)
		p.text("", a.Why, p.normal)
		header, right, rows, more := candidateRows(r, a)
		p.blank()
		p.grid(header, right, rows)
		if more != "" {
			p.text("  ", more, p.dim)
		}
	}
	p.warningList(r.Warnings)
	p.blank()
	p.text(p.dim("  cells     "), filesText(r.Files), p.normal)
	p.text(p.dim("  more      "), "every configuration with --format json or csv", p.normal)
	return p.writeTo(w)
}

// maxCandidates is how many configurations a table lists.
const maxCandidates = 12

// shownCandidates are those that matter: the choice, the fronts, what ties with
// the choice, and of the rest what comes next.
func shownCandidates(r *report.Recommendation, a *report.AppChoice) []int {
	var shown []int
	add := func(of ...int) {
		for _, i := range of {
			if !slices.Contains(shown, i) && len(shown) < maxCandidates {
				shown = append(shown, i)
			}
		}
	}
	if a.Chosen != nil {
		add(*a.Chosen)
	}
	for _, f := range a.Fronts {
		add(f.On...)
	}
	add(a.Ties...)
	slices.SortStableFunc(shown, func(x, y int) int {
		p, q := a.Candidates[x].Of(r.Objective).Median, a.Candidates[y].Of(r.Objective).Median
		switch {
		case p == nil || q == nil:
			return cmp.Compare(x, y)
		default:
			return cmp.Compare(*p, *q)
		}
	})
	return shown
}

func candidateRows(r *report.Recommendation, a *report.AppChoice) (header []string, right []bool, rows [][]string, more string) {
	header, right = []string{"", "Configuration", currencySign(r.Currency), "T (s)", "e (J)", "Met", ""}, []bool{false, false, true, true, true, true, false}
	shown := shownCandidates(r, a)
	var costs, times []*float64
	for _, i := range shown {
		costs, times = append(costs, a.Candidates[i].Cost.Median), append(times, a.Candidates[i].Duration.Median)
	}
	dc, dt := decimalsOf(costs, 3, 8), decimalsOf(times, 4, 2)
	for _, i := range shown {
		c := &a.Candidates[i]
		mark := ""
		if a.Chosen != nil && *a.Chosen == i {
			mark = "→"
		}
		rows = append(rows, []string{mark, configName(&c.BenchConfig), fixedCell(c.Cost.Median, dc), fixedCell(c.Duration.Median, dt), energyColumn(c.Energy.Median, r.Quality),
			fmt.Sprintf("%d/%d", c.Met, c.Repetitions-c.Failed()), plain(candidateNote(a, i))})
	}
	if n := len(a.Candidates) - len(shown); n > 0 {
		more = fmt.Sprintf("%s are beaten by these in energy and cost, and in energy and time, or come after them.", plural(n, "more configuration"))
	}
	return header, right, rows, more
}

// candidateNote says why a configuration can't be taken, or of which front it is.
func candidateNote(a *report.AppChoice, i int) string {
	c := &a.Candidates[i]
	if len(c.Against) > 0 {
		return strings.Join(c.Against, ", ")
	}
	var on []string
	for _, f := range a.Fronts {
		if slices.Contains(f.On, i) {
			on = append(on, "energy-"+report.BenchMeasureName(f.Measure))
		}
	}
	if len(on) > 0 {
		return "front " + strings.Join(on, ", ")
	}
	return ""
}

// recommendationMarkdown writes it for issues and papers.
func recommendationMarkdown(w io.Writer, r *report.Recommendation) error {
	m := &markdown{}
	if r.Quality == energy.Estimated {
		m.para("**ESTIMATE.** Energies follow from CPU time and assumed powers (method %s): no counter was read.", md(r.Method))
	}
	for i := range r.Applications {
		a := &r.Applications[i]
		m.para("**%s**", md(a.Answer))
		m.para("%s", md(a.Why))
		header, right, rows, more := candidateRows(r, a)
		m.table(header, right, escaped(rows))
		if more != "" {
			m.para("%s", md(more))
		}
	}
	m.notes(r.Warnings)
	_, err := w.Write(m.Bytes())
	return err
}

// candidatesCSV writes a line for each configuration.
func candidatesCSV(w io.Writer, r *report.Recommendation) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	lines := [][]string{{"application", "chosen", "ok", "arch", "memory_mb", "workers", "repetitions", "failed", "met", "cost", "duration_s", "energy_j", "range_low_j", "range_high_j",
		"currency", "method", "quality", "front_cost", "front_time", "against"}}
	for i := range r.Applications {
		a := &r.Applications[i]
		for k := range a.Candidates {
			c := &a.Candidates[k]
			lines = append(lines, []string{a.Application, strconv.FormatBool(a.Chosen != nil && *a.Chosen == k), strconv.FormatBool(c.OK), c.Arch, wholeOf(c.MemoryMB), strconv.Itoa(c.Workers),
				strconv.Itoa(c.Repetitions), strconv.Itoa(c.Failed()), strconv.Itoa(c.Met), exact(c.Cost.Median), exact(c.Duration.Median), exact(c.Energy.Median), exact(c.Energy.RangeLowJ), exact(c.Energy.RangeHighJ),
				r.Currency, r.Method, string(c.Energy.Quality), frontWord(a.Fronts, a.Application, report.MeasureCost, k), frontWord(a.Fronts, a.Application, report.MeasureDuration, k), strings.Join(c.Against, "; ")})
		}
	}
	return out.WriteAll(lines)
}
