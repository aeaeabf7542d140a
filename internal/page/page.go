// Package page makes one self-contained HTML page of any mix of results, and
// the pictures on it. The page loads nothing from anywhere, runs only the
// script that it brings along, and works without it; every number on it says
// which file and which field it is from.
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Document is a result and where it was read from.
type Document struct {
	File  string
	Index int // from 0, in a file of several
	Many  bool
	Value any // *report.Run, *report.Trials, *report.Comparison, *report.Calibration, *report.Bench or *report.BenchComparison
}

// at names a field of the document: "base.json: total.energy_j".
func (d Document) at(field string, args ...any) string {
	s := d.File
	if d.Many {
		s += fmt.Sprintf(", document %d", d.Index+1)
	}
	return s + ": " + fmt.Sprintf(field, args...)
}

// Options are what the results do not say.
type Options struct {
	Tool report.Tool // that makes the page
	// Price is what an hour of the machine costs, by file; 0 where it is not
	// known.
	Price func(file string) float64
	// Method is that of a benchmark's energies, "" for the one that most of its
	// cells have.
	Method string
}

//go:embed page.html
var layout string

//go:embed page.css
var styles string

//go:embed page.js
var script string

// maxDetails is how many results get a section of their own. A history of
// thousands is shown as a whole, and by its latest results.
const maxDetails = 12

// maxRows is how many rows a table has: enough to read, few enough to open at
// once.
const maxRows = 2000

// maxNamed is how many files are named at the top. The end of the page names
// all of them.
const maxNamed = 6

// Value is a number on the page, as text.
type Value struct {
	Text   string // "" where it is not known
	Reason string // why
	Source string // file and field
}

// Fact is a labelled value.
type Fact struct {
	Label string
	Value
	Note string
}

// Table is rows of values under a header.
type Table struct {
	Caption string
	Header  []string
	Left    int // so many columns are texts
	Rows    [][]Value
	Total   bool   // the last row is the sum
	Folded  bool   // shown to who asks for it
	Note    string // what is not shown
}

// Unknown says of what the table does not know why, those of one reason
// together: it has to be read on paper as well.
func (t Table) Unknown() []string {
	var order []string
	names := map[string][]string{}
	for _, row := range t.Rows {
		for i, v := range row {
			if v.Text != "" || v.Reason == "" || i < t.Left {
				continue
			}
			if names[v.Reason] == nil {
				order = append(order, v.Reason)
			}
			if name := row[0].Text; !slices.Contains(names[v.Reason], name) {
				names[v.Reason] = append(names[v.Reason], name)
			}
		}
	}
	for i, reason := range order {
		who := names[reason]
		if n := len(who); n > 6 {
			who = append(slices.Clone(who[:6]), fmt.Sprintf("and %d more", n-6))
		}
		order[i] = strings.Join(who, ", ") + ": " + output.Plain(reason)
	}
	return order
}

// Figure is a chart with the same values as a table behind it.
type Figure struct {
	Kind    string // power, attribution, ...
	Title   string
	Caption string
	Scene   *plot.Scene
	Table   *Table
}

// SVG is the picture for the page.
func (f Figure) SVG() template.HTML {
	return template.HTML(f.Scene.Inline()) // every text in it is escaped by plot
}

// Section is one result.
type Section struct {
	ID, Title, Kicker string
	Lead              []string // sentences: verdicts first
	Alert             string   // what has to be known before any number
	Facts             []Fact
	First             []Table // before the charts
	Figures           []Figure
	Tables            []Table
	Warnings          []report.Warning
	Provenance        []Fact
	Refused           []report.Refusal
}

// Entry is the title as the list of contents has it.
func (s Section) Entry() string { return brief(s.Title, 80) }

// view is what the layout shows.
type view struct {
	Style, Script      template.HTML
	Policy             string
	Title, Summary     string
	Headline           []Fact
	Figures            []Figure
	Sections           []Section
	Files              []string
	Omitted            string
	Tool               string
	Contents, Multiple bool
}

// Write writes the page.
func Write(w io.Writer, docs []Document, o Options) error { return write(w, docs, o, script) }

func write(w io.Writer, docs []Document, o Options, script string) error {
	t, err := template.New("page").Parse(layout)
	if err != nil {
		return fmt.Errorf("parse layout: %w", err)
	}
	v := build(docs, o)
	css := ":root{color-scheme:light dark;" + plot.Properties(false) + "}@media screen and (prefers-color-scheme:dark){:root{" +
		plot.Properties(true) + "}}" + plot.Rules() + styles
	v.Style = template.HTML("<style>" + css + "</style>")
	v.Script = template.HTML("<script>" + script + "</script>")
	// Nothing may be loaded, and no other script or style may run, whatever
	// should get into the page.
	v.Policy = "default-src 'none'; style-src " + hash(css) + "; script-src " + hash(script) + "; base-uri 'none'; form-action 'none'"
	return t.Execute(w, v)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func build(docs []Document, o Options) view {
	v := view{Tool: strings.TrimSpace(o.Tool.Name + " " + o.Tool.Version), Title: "Energy report"}
	v.Files = files(docs)
	v.Headline = headline(docs, o)
	v.Summary = summaryText(docs, v.Files)
	v.Figures = overall(docs, o)
	shown := docs
	if len(docs) > maxDetails {
		shown = latest(docs)
		v.Omitted = fmt.Sprintf("Of %s results, the latest %d are shown one by one; the charts above hold all of them.",
			output.Count(len(docs)), len(shown))
	}
	cells := false
	for _, d := range shown {
		if isCells(d) {
			if cells {
				continue
			}
			cells = true
			v.Sections = append(v.Sections, benchSection(docs, o))
			continue
		}
		v.Sections = append(v.Sections, section(d))
	}
	for i := range v.Sections {
		v.Sections[i].ID = fmt.Sprintf("result-%d", i+1)
	}
	v.Contents = len(v.Sections) > 2
	if len(v.Sections) == 1 {
		v.Title = v.Sections[0].Title
	}
	return v
}

// isCells reports whether a document is cells, which all documents have one
// section of.
func isCells(d Document) bool {
	b, is := d.Value.(*report.Bench)
	return is && b.Kind != report.BenchHost
}

func section(d Document) Section {
	switch x := d.Value.(type) {
	case *report.Run:
		return runSection(d, x)
	case *report.Trials:
		return trialsSection(d, x)
	case *report.Comparison:
		return comparisonSection(d, x)
	case *report.Calibration:
		return calibrationSection(d, x)
	case *report.Bench:
		return hostBenchSection(d, x)
	case *report.BenchComparison:
		return benchComparisonSection(d, x)
	}
	return Section{Title: "Unknown result"}
}

func files(docs []Document) []string {
	var names []string
	n := map[string]int{}
	for _, d := range docs {
		if n[d.File] == 0 {
			names = append(names, d.File)
		}
		n[d.File]++
	}
	for i, name := range names {
		if n[name] > 1 {
			names[i] = fmt.Sprintf("%s (%s results)", name, output.Count(n[name]))
		}
	}
	return names
}

func summaryText(docs []Document, files []string) string {
	var runs, trials, comparisons, calibrations, benches int
	for _, d := range docs {
		switch d.Value.(type) {
		case *report.Run:
			runs++
		case *report.Trials:
			trials++
		case *report.Comparison, *report.BenchComparison:
			comparisons++
		case *report.Bench:
			benches++
		case *report.Calibration:
			calibrations++
		}
	}
	var parts []string
	for _, c := range []struct {
		n         int
		one, many string
	}{{comparisons, "comparison", "comparisons"}, {trials, "series of repeated runs", "series of repeated runs"},
		{calibrations, "calibration", "calibrations"}, {benches, "benchmark", "benchmarks"}, {runs, "run", "runs"}} {
		switch {
		case c.n == 1:
			parts = append(parts, "1 "+c.one)
		case c.n > 1:
			parts = append(parts, output.Count(c.n)+" "+c.many)
		}
	}
	from := strings.Join(files, ", ")
	if len(files) > maxNamed {
		from = output.Count(len(files)) + " files, which are named at the end"
	}
	return strings.Join(parts, ", ") + " from " + from
}

// energyValue is a Value of an energy.
func (d Document) known(v *float64, text func(float64) string, reason, field string, args ...any) Value {
	out := Value{Source: d.at(field, args...)}
	if v == nil {
		out.Reason = reason
		if reason == "" {
			out.Reason = "the result gives no reason"
		}
		return out
	}
	out.Text = text(*v)
	return out
}

func plainText(s string) Value { return Value{Text: output.Plain(s)} }

func digits(unit string, n int) func(float64) string {
	return func(v float64) string { return output.Quantity(v, unit, n) }
}
