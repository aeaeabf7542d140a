package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/page"
	"github.com/energyprobe/energyprobe/internal/processor"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/trial"
)

// Exit statuses, beside the command's own.
const (
	exitFailed        = 125 // energyprobe itself failed
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // plus the signal's number
)

// version and commit are set by the linker.
var (
	version = "devel"
	commit  = ""
)

// app is what the verbs share: streams and the flags that mean the same
// everywhere.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	status int

	source   string
	format   string
	out      string
	hostRoot string
	// hostProfile is the file of a calibration, "" for the one of this host.
	hostProfile string

	quiet   bool
	history bool // keep the result
	top     int  // rows of processes, for output.Options
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	tune()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "energyprobe: %v\n", err)
		return statusOf(err)
	}
	return a.status
}

// tune sets the Go runtime up: on a machine with one CPU the thread that waits
// for a deadline must not keep the others from running.
func tune() {
	if runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2)
	}
}

// statusOf maps an error to the exit status.
func statusOf(err error) int {
	var notFound *session.NotFoundError
	var notExecutable *session.NotExecutableError
	var failed *trial.FailedError
	var unknownPart *processor.NotFoundError
	switch {
	case errors.As(err, &unknownPart):
		return exitUnknownPart
	case errors.As(err, &notFound):
		return exitNotFound
	case errors.As(err, &notExecutable):
		return exitNotExecutable
	case errors.As(err, &failed):
		return failed.Code
	case errors.Is(err, trial.ErrInterrupted), errors.Is(err, calibrate.ErrInterrupted):
		return exitSignal + int(unix.SIGINT)
	}
	return exitFailed
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "energyprobe",
		Short: "Measure the energy that software spends",
		Long: `energyprobe measures the energy that software spends: what a command cost in
joules, from the processor's own counters where there are any, and from a model
with an honest range where there are none.

  energyprobe run -- python3 app.py     what did this command cost
  energyprobe compare -- 'a' 'b'        which of two commands uses less, and how sure that is
  energyprobe report FILE -o page.html  results as a page, plots, tables
  energyprobe doctor                    what can be measured here, and how to get the rest
  energyprobe calibrate                 how far off power models are on this host, and its own
  energyprobe bench                     joules per unit of work, and whether this host is fit`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// Whoever opens sources takes a root for an absolute path.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			if f := cmd.Flags().Lookup("format"); f != nil && !f.Changed {
				a.format = formatOf(a.out, a.format)
			}
			if a.hostRoot != "" {
				a.hostRoot, err = filepath.Abs(a.hostRoot)
			}
			return err
		},
		Version: versionText(),

		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w\nTry: %s --help", err, cmd.CommandPath())
	})
	f := root.PersistentFlags()
	f.StringVar(&a.source, "source", source.Auto, "where joules come from: "+strings.Join(source.Names(), ", "))
	f.StringVar(&a.format, "format", string(output.Table), "form of the result: "+formatNames()+"; without it, the name after -o decides")
	f.StringVarP(&a.out, "output", "o", "", "write the result to `FILE`, whole or not at all, instead of standard output")
	f.StringVar(&a.hostRoot, "host-root", "", "`DIR` under which the host's /sys, /proc and /dev are found")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no warnings and no progress on standard error")
	f.BoolVar(&a.history, "history", false, "also keep the result in the history (energyprobe history)")
	complete(root, "source", source.Names())
	complete(root, "format", strings.Split(formatNames(), ", "))
	root.AddGroup(
		&cobra.Group{ID: "measure", Title: "Measure:"},
		&cobra.Group{ID: "host", Title: "Know the host:"},
		&cobra.Group{ID: "results", Title: "Work with results:"},
	)
	cobra.EnableCommandSorting = false // run comes first
	root.AddCommand(a.runCommand(), a.compareCommand(), a.gateCommand(), a.doctorCommand(), a.cpuCommand(), a.calibrateCommand(), a.benchCommand(), a.loadCommand(), a.historyCommand(), a.reportCommand(), a.recommendCommand())
	root.AddCommand(a.importCommand(), a.exportCommand())
	return root
}

// noSuchCommand is what is left of a command line that names no verb.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	similar := ""
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		similar = fmt.Sprintf(" (did you mean %s?)", strings.Join(names, " or "))
	}
	return fmt.Errorf("unknown command %q%s\nTry: %s --help, or %s run -- %s", args[0], similar, cmd.CommandPath(), cmd.CommandPath(), strings.Join(args, " "))
}

func complete(c *cobra.Command, flag string, values []string) {
	// The flag is defined by the caller: the only error there is.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func formatNames() string {
	var names []string
	for _, f := range output.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(append(names, formatHTML), ", ")
}

// formatOf is the form that a file's name means, as for energyprobe report, or
// else the usual one. A table called result.json would be taken for a result,
// and be none.
func formatOf(file, usual string) string {
	switch ext := strings.TrimPrefix(strings.ToLower(filepath.Ext(file)), "."); ext {
	case "htm":
		return formatHTML
	case formatHTML, string(output.JSON), string(output.CSV), string(output.Markdown):
		return ext
	}
	return usual
}

// formatHTML is a page of what was measured; other results have none.
const formatHTML = "html"

func tool() report.Tool {
	t := report.Tool{Name: "energyprobe", Version: version, Commit: commit}
	if t.Commit == "" {
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					t.Commit = s.Value
				}
			}
		}
	}
	return t
}

func versionText() string {
	t := tool()
	if t.Commit == "" {
		return "energyprobe " + t.Version
	}
	return fmt.Sprintf("energyprobe %s (%.12s)", t.Version, t.Commit)
}

// checkFlags finds before anything is measured what would be in the way of
// its result: a source or a format that there is none of, a file or a history
// that can't be written. Better now than after an hour's run.
func (a *app) checkFlags(files ...string) error {
	if _, err := source.ParseName(a.source); err != nil {
		return err
	}
	if a.format != formatHTML {
		if _, err := output.ParseFormat(a.format); err != nil {
			return err
		}
	}
	for _, file := range append([]string{a.out}, files...) {
		if file == "" {
			continue
		}
		if err := output.CheckFile(file); err != nil {
			return err
		}
	}
	if !a.history {
		return nil
	}
	store, err := openHistory()
	if err != nil {
		return err
	}
	return store.CheckWritable()
}

// write puts a result where the user wants it. A result is never lost: what
// can't be written to its file goes to standard output, and what can't be
// written there to standard error.
func (a *app) write(v any) error {
	render, err := a.renderer(v)
	if err != nil {
		return err
	}
	if a.out != "" {
		fileErr := output.ToFile(a.out, func(w io.Writer) error { return render(w, output.Options{Top: a.top}) })
		if fileErr == nil {
			return nil
		}
		fmt.Fprintf(a.stderr, "energyprobe: the result could not be written to %s; here it is instead\n", a.out)
		return errors.Join(fileErr, a.writeStdout(render))
	}
	return a.writeStdout(render)
}

// renderer returns what writes a result in the format asked for.
func (a *app) renderer(v any) (func(io.Writer, output.Options) error, error) {
	if a.format == formatHTML {
		return func(w io.Writer, _ output.Options) error {
			return page.Write(w, []page.Document{{File: "this result", Value: v}}, page.Options{Tool: tool()})
		}, nil
	}
	format, err := output.ParseFormat(a.format)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer, o output.Options) error { return output.Write(w, format, v, o) }, nil
}

func (a *app) writeStdout(render func(io.Writer, output.Options) error) error {
	err := render(a.stdout, a.outputOptions())
	if err == nil {
		return nil
	}
	if err2 := render(a.stderr, output.Options{Top: a.top}); err2 == nil {
		return fmt.Errorf("write to standard output: %w (the result is on standard error)", err)
	}
	return fmt.Errorf("write to standard output: %w", err)
}

// outputOptions looks at the terminal, if there is one.
func (a *app) outputOptions() output.Options {
	var width int
	var tty bool
	if f, ok := a.stdout.(*os.File); ok {
		width, tty = terminalWidth(f)
	}
	o := output.Environment(os.Getenv, tty, width)
	o.Top = a.top
	return o
}
