package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/page"
)

// reportFlags are the flags of report alone.
type reportFlags struct {
	format string
	plot   string
	method string
	price  map[string]string
}

// reportFormats are the shared ones and those that only results of the past
// can have.
func reportFormats() []string { return []string{"table", "json", "csv", "md", "html", "svg", "png"} }

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:     "report [flags] FILE...",
		GroupID: "results",
		Short:   "Show stored results: a page, plots, tables",
		Long: `Show any mix of stored results (runs, repeated runs, comparisons, calibrations,
benchmarks; one document in a file or several, or a benchmark's directory) as one
self-contained HTML page, as a plot for a paper, or as tables. The page loads nothing from anywhere, prints well, and says
of every number which file and field it is from. FILE may be -, for standard
input.

Without --format, the name after -o decides (.html, .svg, .png, .md, .csv, .json),
and without either it is a table.`,
		Example: `  energyprobe report result.json -o report.html
  energyprobe report base.json new.json comparison.json -o report.html
  energyprobe report --plot power result.json -o power.svg
  energyprobe report --plot parity calibration.json -o parity.svg
  energyprobe report --format png --plot scatter *.json > scatter.png
  energyprobe report --plot energy-time x86/ arm/ -o energy-time.svg
  energyprobe report table x86/ arm/
  energyprobe report --price small.json=0.04,large.json=0.16 small.json large.json -o cost.html
  energyprobe run --format json -- make | energyprobe report --format md -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("nothing to report: give a file that energyprobe wrote with --format json\nTry: energyprobe report result.json -o report.html")
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		RunE:                  func(_ *cobra.Command, args []string) error { return a.report(f, args) },
	}
	fl := c.Flags()
	fl.StringVar(&f.format, "format", "", "form of the report: "+strings.Join(reportFormats(), ", "))
	fl.StringVar(&f.plot, "plot", "", "with svg and png, the plot: "+strings.Join(page.Plots(), ", ")+" (default: what tells most)")
	fl.StringToStringVar(&f.price, "price", nil, "what an hour of the machine costs, by file (`FILE=PRICE`,...) or *=PRICE: also sets energy against cost")
	addMethod(c, &f.method)
	c.AddCommand(a.reportTableCommand())
	fl.Lookup("price").DefValue = "" // and not "[]"
	complete(c, "format", reportFormats())
	complete(c, "plot", page.Plots())
	groupUsage(c, []flagGroup{{"The report", []string{"format", "output", "plot", "price", "method", "quiet", "help"}}})
	hideFlags(c, "source", "host-root", "history") // they are about measuring
	return c
}

func (a *app) report(f reportFlags, args []string) error {
	format, err := reportFormat(f.format, a.out)
	if err != nil {
		return err
	}
	picture := format == "svg" || format == "png"
	if f.plot != "" && !picture {
		return fmt.Errorf("--plot goes with --format svg and png, not %s", format)
	}
	price, err := prices(f.price)
	if err != nil {
		return err
	}
	if a.out != "" {
		if err := output.CheckFile(a.out); err != nil {
			return err
		}
	}
	line := a.statusLine()
	defer line.say("")
	docs, err := a.readDocuments(args, line)
	if err != nil {
		return err
	}
	if file, ok := a.stdout.(*os.File); ok && format == "png" && a.out == "" {
		if _, tty := terminalWidth(file); tty {
			return errors.New("a picture is no text for a terminal: name a file with -o")
		}
	}
	write, err := reporter(docs, format, f.plot, page.Options{Tool: tool(), Price: price, Method: f.method})
	if err != nil {
		return err
	}
	if a.out != "" {
		line.say("writing " + a.out)
		return output.ToFile(a.out, write)
	}
	line.say("")
	if err := write(a.stdout); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// reportFormat is the format asked for, or the one that a file's name means.
func reportFormat(format, out string) (string, error) {
	if format == "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(out)), ".")
		switch {
		case format == "htm":
			format = "html"
		case !slices.Contains(reportFormats(), format):
			format = "table"
		}
	}
	if !slices.Contains(reportFormats(), format) {
		return "", fmt.Errorf("unknown format %q: use one of %s", format, strings.Join(reportFormats(), ", "))
	}
	return format, nil
}

// reporter returns what writes the report.
func reporter(docs []page.Document, format, plot string, o page.Options) (func(io.Writer) error, error) {
	switch format {
	case "html":
		return func(w io.Writer) error { return page.Write(w, docs, o) }, nil
	case "svg", "png":
		scene, err := page.Picture(docs, plot, o)
		if err != nil {
			return nil, err
		}
		if format == "svg" {
			return scene.SVG, nil
		}
		return scene.PNG, nil
	}
	write := map[string]func(io.Writer, []page.Document) error{"table": page.Text, "json": page.JSON, "csv": page.CSV, "md": page.Markdown}[format]
	return func(w io.Writer) error { return write(w, docs) }, nil
}

// prices turns --price into a price by file.
func prices(given map[string]string) (func(string) float64, error) {
	byFile := map[string]float64{}
	for file, text := range given {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v > 0) || v > 1e9 {
			return nil, fmt.Errorf("--price %s=%s: want a price above 0", file, text)
		}
		byFile[file] = v
	}
	return func(file string) float64 {
		if v, ok := byFile[file]; ok {
			return v
		}
		return byFile["*"]
	}, nil
}

// readDocuments reads every file. One that is not readable ends it all: a
// report without a file that was asked for would look complete.
func (a *app) readDocuments(args []string, line *statusLine) ([]page.Document, error) {
	var docs []page.Document
	stdin := false
	for i, name := range args {
		line.say(fmt.Sprintf("reading %s, %d of %d", name, i+1, len(args)))
		if name == "-" && stdin {
			return nil, errors.New("standard input can be read once only")
		}
		stdin = stdin || name == "-"
		if isDirectory(name) {
			in, err := a.benchesIn(name)
			if err != nil {
				return nil, err
			}
			for _, one := range in {
				docs = append(docs, page.Document{File: one.File, Value: one.Bench})
			}
			continue
		}
		values, err := a.readResults(name)
		if err != nil {
			return nil, err
		}
		if name == "-" {
			name = "standard input"
		}
		for i, v := range values {
			docs = append(docs, page.Document{File: name, Index: i, Many: len(values) > 1, Value: v})
		}
	}
	return docs, nil
}
