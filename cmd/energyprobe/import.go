package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/flexexecutor"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/price"
	"github.com/energyprobe/energyprobe/internal/report"
)

// importFlags are the flags of import flexexecutor alone.
type importFlags struct {
	price    string
	tdp      string
	usedGBS  float64
	billCold bool
}

func (a *app) importCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "import",
		GroupID: "results",
		Short:   "Make results of what other programs have measured",
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.importFlexExecutorCommand())
	hideFlags(c, "source", "host-root", "history")
	return c
}

func (a *app) importFlexExecutorCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "flexexecutor [flags] DIR...",
		Short: "Make a result of FlexExecutor's profiles",
		Long: `Read the profiles that FlexExecutor wrote (stage.json, stage0.json.gz, ...): of a
directory such as titanic_aws_1024Mb_x86, of all such directories in a tree, or
single files. The result (energyprobe.bench/v1) has a cell for every application,
architecture, memory, number of workers and repetition, and in it every worker of
every stage.

Joules are estimates, by two methods: by the share of a socket that the vCPU
seconds used stand for, with a range; and, for reference, as the study did that the
format comes from, with the whole socket's power. Costs are AWS Lambda's, of
us-east-1, or those of --price FILE. docs/import.md says what every metric means.`,
		Example: `  energyprobe import flexexecutor titanic_aws_1024Mb_x86 titanic_aws_1024Mb_arm
  energyprobe import flexexecutor profiling/ --format json -o lambda.json
  energyprobe import flexexecutor profiling/ --tdp fork --price frankfurt.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("nothing to import: name directories of profiles\nTry: energyprobe import flexexecutor profiling/")
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		RunE:                  func(_ *cobra.Command, args []string) error { return a.importFlexExecutor(f, args) },
	}
	fl := c.Flags()
	fl.StringVar(&f.price, "price", "", "prices from `FILE`, asked of all cells (default: AWS Lambda's, of cells on Lambda)")
	fl.Float64Var(&f.usedGBS, "used-gb-s", 0, "`GB-SECONDS` that the month has had before: they decide the price's tier")
	fl.BoolVar(&f.billCold, "bill-cold-start", false, "bill cold starts as well, as if all of them were INIT: an upper bound")
	fl.StringVar(&f.tdp, "tdp", flexexecutor.SeedWatts.Name, "`WATTS` of a whole socket for the whole-socket method: seed (x86=225,arm=300), fork (x86=166,arm=100) or your own")
	complete(c, "tdp", []string{"seed", "fork"})
	groupUsage(c, []flagGroup{
		{"Costs and joules", []string{"price", "used-gb-s", "bill-cold-start", "tdp"}},
		{"The result", []string{"format", "output", "quiet", "help"}},
	})
	hideFlags(c, "source", "host-root", "history") // they are about measuring
	return c
}

func (a *app) importFlexExecutor(f importFlags, args []string) error {
	o := flexexecutor.Options{Tool: tool(), UsedGBS: f.usedGBS, BillColdStart: f.billCold}
	var err error
	if o.SocketW, err = flexexecutor.ParseWatts(f.tdp); err != nil {
		return fmt.Errorf("--tdp %w", err)
	}
	if !(f.usedGBS >= 0 && f.usedGBS <= 1e15) {
		return fmt.Errorf("--used-gb-s %g: want 0 or more", f.usedGBS)
	}
	if f.price != "" {
		if o.Prices, err = price.Load(f.price); err != nil {
			return err
		}
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	line := a.statusLine()
	defer line.say("")
	o.Progress = func(file string) { line.say("reading " + file) }
	b, err := flexexecutor.Import(args, o)
	if err != nil {
		return err
	}
	line.say("")
	a.tellWarnings(b)
	return a.write(b)
}

// tellWarnings puts what a reader should know on standard error, unless it
// stands in the result that is about to be read.
func (a *app) tellWarnings(b *report.Bench) {
	seen := a.out == "" && (a.format == string(output.Table) || a.format == string(output.Markdown))
	if a.quiet || seen {
		return
	}
	for _, w := range b.Warnings {
		fmt.Fprintf(a.stderr, "energyprobe: warning: %s; %s\n", w.Message, w.Advice)
	}
}

func (a *app) exportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "export",
		GroupID: "results",
		Short:   "Write results in the form of other programs",
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.exportFlexExecutorCommand())
	hideFlags(c, "source", "host-root", "history")
	return c
}

func (a *app) exportFlexExecutorCommand() *cobra.Command {
	var o flexexecutor.ExportOptions
	c := &cobra.Command{
		Use:   "flexexecutor [flags] FILE DIR",
		Short: "Write a result as FlexExecutor's profiles",
		Long: `Write a benchmark's result, or an import, as FlexExecutor does: DIR gets a
directory for every application, memory and architecture, and in it a file for
every stage. What was imported comes back as it was. FILE may be -, for standard
input.`,
		Example: `  energyprobe export flexexecutor lambda.json profiling
  energyprobe export flexexecutor --gzip --aliases matrix.json profiling`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("want a result and a directory\nTry: energyprobe export flexexecutor result.json profiling")
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		RunE:                  func(_ *cobra.Command, args []string) error { return a.exportFlexExecutor(o, args[0], args[1]) },
	}
	fl := c.Flags()
	fl.BoolVar(&o.Gzip, "gzip", false, "pack the files: stage.json.gz")
	fl.BoolVar(&o.Aliases, "aliases", false, "also write what is known under the names of the fork's statistics: worker_func_energy_consumption, ...")
	groupUsage(c, []flagGroup{{"The files", []string{"gzip", "aliases", "quiet", "help"}}})
	hideFlags(c, "source", "host-root", "history", "format", "output")
	return c
}

func (a *app) exportFlexExecutor(o flexexecutor.ExportOptions, file, dir string) error {
	docs, err := a.readResults(file)
	if err != nil {
		return err
	}
	var cells []*report.Bench
	for _, d := range docs {
		b, ok := d.(*report.Bench)
		if !ok {
			return fmt.Errorf("%s: want a result of bench or import (%s)", file, report.BenchSchema)
		}
		cells = append(cells, b)
	}
	files, err := flexexecutor.Export(cells, o)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, one := range files {
		path, err := one.Path(dir)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(path.Dir, 0o777); err != nil {
			return fmt.Errorf("write profiles: %w", err)
		}
		if err := output.ToFile(path.File, one.Write); err != nil {
			return err
		}
		if !a.quiet {
			fmt.Fprintf(a.stderr, "energyprobe: wrote %s\n", path.File)
		}
	}
	return nil
}
