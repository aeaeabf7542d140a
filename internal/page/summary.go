package page

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// row is a number of a result, for the short forms.
type row struct {
	source, kind, subject, measure string
	value, low, high               *float64
	unit                           string
	text                           string // as tables show it
	runs                           int
	quality                        string
	reason                         string // why it is not known
	verdict, letters               string
}

// rows are the numbers that matter of every result.
func rows(docs []Document) []row {
	out := benchRows(docs, Options{})
	for _, d := range docs {
		switch v := d.Value.(type) {
		case *report.Run:
			out = append(out, runRows(d, v)...)
		case *report.Trials:
			for i := range v.Series {
				out = append(out, seriesRows(d, &v.Series[i], fmt.Sprintf("series[%d]", i), v.Source.Quality)...)
			}
		case *report.Comparison:
			out = append(out, comparisonRows(d, v)...)
		case *report.Calibration:
			out = append(out, calibrationRows(d, v)...)
		case *report.BenchComparison:
			out = append(out, benchChangeRows(d, v)...)
		case *report.Bench:
			if v.Kind == report.BenchHost {
				out = append(out, hostBenchRows(d, v)...)
			}
		}
	}
	return out
}

func runRows(d Document, r *report.Run) []row {
	q := output.TotalQuality(r)
	subject := output.Subject(r)
	e := row{source: d.at("total.energy_j"), kind: "run", subject: subject, measure: "energy", value: r.Total.EnergyJ, low: r.Total.LowJ, high: r.Total.HighJ,
		unit: "J", runs: 1, quality: string(q), reason: r.Total.Reason}
	if u := r.Total.UncertaintyJ; e.value != nil && u != nil && e.low == nil {
		low, high := *e.value-*u, *e.value+*u
		e.low, e.high = &low, &high
	}
	if e.value != nil {
		e.text = output.EnergyText(r.Total, q)
	}
	out := []row{e}
	if a := r.Attribution; a.TargetJ != nil {
		out = append(out, row{source: d.at("attribution.target_j"), kind: "run", subject: subject, measure: "energy of the target", value: a.TargetJ, unit: "J",
			runs: 1, quality: "attributed", text: output.Amount(*a.TargetJ, a.TargetUncertaintyJ)})
	}
	p := row{source: d.at("total.power_w"), kind: "run", subject: subject, measure: "power", value: r.Total.PowerW, unit: "W", runs: 1, quality: string(q), reason: r.Total.Reason}
	if p.value != nil {
		p.text = output.PowerText(r.Total, q)
	}
	return append(out, p, row{source: d.at("duration_s"), kind: "run", subject: subject, measure: "time", value: &r.DurationS, unit: "s", runs: 1,
		quality: "measured", text: output.Seconds(r.DurationS)})
}

func seriesRows(d Document, s *report.TrialSeries, path string, quality energy.Quality) []row {
	var out []row
	for _, key := range report.Measures() {
		m, measured := s.Summary[key]
		if !measured || m.Median == nil && key != report.MeasureEnergy {
			continue
		}
		r := row{source: d.at("%s.summary.%s.median", path, key), kind: "median of runs", subject: s.Name, measure: report.MeasureName(key), value: m.Median,
			low: m.Low, high: m.High, unit: report.MeasureUnit(key), runs: m.N, quality: qualityOf(key, quality), reason: m.Reason}
		if m.Median != nil {
			r.text = output.EstimateMark(key, quality) + output.Between(*m.Median, m.Low, m.High, r.unit)
		}
		out = append(out, r)
	}
	return out
}

func comparisonRows(d Document, c *report.Comparison) []row {
	var out []row
	for i, p := range c.Pairs {
		for _, key := range report.Measures() {
			ch, ok := p.Changes[key]
			if !ok || ch.ChangePct == nil && key != c.Measure {
				continue
			}
			r := row{source: d.at("pairs[%d].changes.%s.change_pct", i, key), kind: "change", subject: pairName(c, p), measure: report.MeasureName(key),
				value: ch.ChangePct, low: ch.LowPct, high: ch.HighPct, unit: "%", reason: ch.Reason}
			r.quality = qualityOf(key, c.Sides[0].Source.Quality)
			if key == c.Measure {
				r.verdict = p.Verdict
				if c.Gate != nil {
					r.verdict = c.Gate.Verdict
				}
				r.letters = letters(c, p)
			}
			if ch.ChangePct != nil {
				r.text = output.Change(*ch.ChangePct)
				if ch.LowPct != nil && ch.HighPct != nil {
					r.text += " (" + output.Change(*ch.LowPct) + " to " + output.Change(*ch.HighPct) + ")"
				}
			}
			out = append(out, r)
		}
	}
	return out
}

// letters say what a verdict's letters stand for, and whether it rests on
// estimates.
func letters(c *report.Comparison, p report.Pair) string {
	text := ""
	for _, s := range c.Sides {
		if s.Label != p.A && s.Label != p.B {
			continue
		}
		if text != "" {
			text += "; "
		}
		text += s.Label + " is " + s.Series.Name
		if s.File != "" {
			text += " (" + s.File + ")"
		}
	}
	if c.Sides[0].Source.Quality == energy.Estimated {
		text += "; ESTIMATES: no energy counter was read"
	}
	return text
}

// qualityOf is that of a measure of runs from a source: no model says how long
// they took.
func qualityOf(measure string, q energy.Quality) string {
	if q == energy.Estimated && output.EstimateMark(measure, q) == "" {
		q = energy.Measured
	}
	return string(q)
}

// CSV writes a line for each number, with all its digits.
func CSV(w io.Writer, docs []Document) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180, 2.1
	if err := c.Write([]string{"source", "kind", "subject", "measure", "value", "low", "high", "unit", "runs", "quality", "reason", "verdict"}); err != nil {
		return err
	}
	for _, r := range rows(docs) {
		runs := ""
		if r.runs > 0 {
			runs = strconv.Itoa(r.runs)
		}
		if err := c.Write([]string{r.source, r.kind, r.subject, r.measure, output.Exact(r.value), output.Exact(r.low), output.Exact(r.high), r.unit, runs, r.quality, r.reason, r.verdict}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// cells is a row as tables show it.
func (r row) cells() []string {
	text := r.text
	if r.value == nil {
		text = "not known"
		if r.reason != "" {
			text += ": " + output.Plain(r.reason)
		}
	}
	return []string{output.Plain(r.subject), r.measure, text, r.kind, output.Plain(r.source)}
}

var summaryHeader = [...]string{"subject", "measure", "value", "kind", "source"}

// Markdown writes the verdicts and a table of the numbers.
func Markdown(w io.Writer, docs []Document) error {
	b := bufio.NewWriter(w)
	all := rows(docs)
	for _, r := range all {
		if r.verdict != "" {
			fmt.Fprintf(b, "**%s**", escapeMarkdown(output.Plain(r.verdict)))
			if r.letters != "" {
				fmt.Fprintf(b, " %s.", escapeMarkdown(output.Plain(r.letters)))
			}
			fmt.Fprint(b, "\n\n")
		}
	}
	fmt.Fprintf(b, "| %s |\n|---|---|---:|---|---|\n", strings.Join(summaryHeader[:], " | "))
	for _, r := range all {
		cells := r.cells()
		for i := range cells {
			cells[i] = escapeMarkdown(cells[i])
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.Flush()
}

func escapeMarkdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "]", `\]`).Replace(s)
}

// subjectWidth bounds commands in the table for a terminal.
const subjectWidth = 36

// Text writes the verdicts and the numbers, aligned.
func Text(w io.Writer, docs []Document) error {
	b := bufio.NewWriter(w)
	all := rows(docs)
	table := [][]string{summaryHeader[:]}
	for _, r := range all {
		if r.verdict != "" {
			fmt.Fprintln(b, output.Plain(r.verdict))
			if r.letters != "" {
				fmt.Fprintf(b, "  %s\n", output.Plain(r.letters))
			}
			fmt.Fprintln(b)
		}
		cells := r.cells()
		if s := []rune(cells[0]); len(s) > subjectWidth {
			cells[0] = string(s[:subjectWidth-1]) + "…"
		}
		table = append(table, cells)
	}
	var widths [len(summaryHeader)]int
	for _, cells := range table {
		for i, c := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, cells := range table {
		line := ""
		for i, c := range cells {
			line += c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2)
		}
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
	return b.Flush()
}

// JSON writes the results as they were read, one after the other.
func JSON(w io.Writer, docs []Document) error {
	for _, d := range docs {
		if err := output.Write(w, output.JSON, d.Value, output.Options{}); err != nil {
			return err
		}
	}
	return nil
}
