// Package output renders results: a table for people, JSON as the contract,
// CSV for spreadsheets and Markdown for issues and papers. It reads reports
// and writes bytes; it measures nothing and decides nothing.
//
// Three rules hold in every format: a value that is not known never appears
// as 0, an estimate says that it is one, and no number carries more digits
// than its uncertainty supports (JSON and CSV, which are for machines, carry
// them all beside the uncertainty).
package output

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Format names a form of output.
type Format string

// The formats.
const (
	Table    Format = "table"
	JSON     Format = "json"
	CSV      Format = "csv"
	Markdown Format = "md"
)

// Formats lists the formats in the order in which help shows them.
func Formats() []Format { return []Format{Table, JSON, CSV, Markdown} }

// ParseFormat returns the format called s. The error lists the valid names.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats(), f) {
		return f, nil
	}
	names := make([]string, 0, 4)
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("unknown format %q: use one of %s", s, strings.Join(names, ", "))
}

// Options says what the reader of a table can see, and how much of it. The
// zero value is right for a file: no colour, 80 columns, UTF-8. JSON and CSV
// ignore them: they hold everything.
type Options struct {
	Color bool
	Width int  // columns; 0 means 80
	ASCII bool // neither box lines nor ± nor sparklines: for a locale without UTF-8
	Top   int  // rows of processes, threads and groups at most; 0 means DefaultTop, AllRows no limit
}

// Values of Options.Top.
const (
	DefaultTop = 10
	AllRows    = -1
)

// Environment derives the options from the environment, as programs agree on
// it: NO_COLOR and TERM=dumb turn colour off (https://no-color.org),
// FORCE_COLOR turns it on without a terminal, and a locale (LC_ALL, LC_CTYPE,
// LANG, in this order) that does not name UTF-8 asks for ASCII. tty says
// whether the output is a terminal, width its columns or 0.
func Environment(getenv func(string) string, tty bool, width int) Options {
	o := Options{Width: width}
	o.Color = (tty || getenv("FORCE_COLOR") != "") && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			o.ASCII = !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
			return o
		}
	}
	o.ASCII = true // no locale at all is the C locale
	return o
}

// errUnsupported is for a value that has no rendering: a slip of the caller.
var errUnsupported = errors.New("output: no form for this type")

// Write renders v, a pointer to a result of package report, to w; a
// json.RawMessage has one form, which is JSON. It fails when w
// does, and when a number in v is NaN or infinite: the error names the field,
// and nothing has been written then.
func Write(w io.Writer, f Format, v any, o Options) error {
	if err := checkFinite(v); err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<16) // a long series is a write per line
	var err error
	switch v := v.(type) {
	case *report.Run:
		err = writeRun(b, f, v, o)
	case *report.Doctor:
		err = writeDoctor(b, f, v, o)
	case *report.Processor:
		err = writeProcessor(b, f, v, o)
	case *report.Trials:
		err = writeTrials(b, f, v, o)
	case *report.Comparison:
		err = writeComparison(b, f, v, o)
	case *report.Calibration:
		err = writeCalibration(b, f, v, o)
	case *report.Bench:
		err = writeBench(b, f, v, o)
	case *report.BenchTable:
		err = writeBenchTable(b, f, v, o)
	case *report.BenchComparison:
		err = writeBenchComparison(b, f, v, o)
	case *report.Recommendation:
		err = writeRecommendation(b, f, v, o)
	case *report.History:
		err = writeHistory(b, f, v, o)
	case *report.Trend:
		err = writeTrend(b, f, v, o)
	case json.RawMessage:
		err = writeStored(b, f, v)
	default:
		return fmt.Errorf("%w, got %T", errUnsupported, v)
	}
	if err != nil {
		return err
	}
	return b.Flush()
}

func writeRun(w io.Writer, f Format, r *report.Run, o Options) error {
	switch f {
	case Table:
		return runTable(w, r, o)
	case JSON:
		return runJSON(w, r)
	case CSV:
		return runCSV(w, r)
	case Markdown:
		return runMarkdown(w, r, o)
	}
	_, err := ParseFormat(string(f))
	return err
}

func writeTrials(w io.Writer, f Format, t *report.Trials, o Options) error {
	switch f {
	case Table:
		return trialsTable(w, t, o)
	case JSON:
		return writeJSON(w, t)
	case CSV:
		var all []labelled
		for i := range t.Series {
			all = append(all, labelled{series: &t.Series[i]})
		}
		return trialsCSV(w, all)
	case Markdown:
		return trialsMarkdown(w, t)
	}
	_, err := ParseFormat(string(f))
	return err
}

func writeComparison(w io.Writer, f Format, c *report.Comparison, o Options) error {
	switch f {
	case Table:
		return comparisonTable(w, c, o)
	case JSON:
		return writeJSON(w, c)
	case CSV:
		var all []labelled
		for i := range c.Sides {
			all = append(all, labelled{c.Sides[i].Label, &c.Sides[i].Series})
		}
		return trialsCSV(w, all)
	case Markdown:
		return comparisonMarkdown(w, c)
	}
	_, err := ParseFormat(string(f))
	return err
}

func writeDoctor(w io.Writer, f Format, d *report.Doctor, o Options) error {
	switch f {
	case Table:
		return doctorTable(w, d, o)
	case JSON:
		return writeJSON(w, d)
	case CSV:
		return doctorCSV(w, d)
	case Markdown:
		return doctorMarkdown(w, d)
	}
	_, err := ParseFormat(string(f))
	return err
}
