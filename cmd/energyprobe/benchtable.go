package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/report"
)

// methodNames are the methods of a cell's energy.
func methodNames() []string {
	return []string{report.MethodTarget, report.MethodMachine, report.MethodVCPUShare, report.MethodWholeSocket}
}

// addMethod adds the choice of a method to a verb that looks at cells.
func addMethod(c *cobra.Command, method *string) {
	c.Flags().StringVar(method, "method", "", "of a benchmark's cells, energy by `METHOD`: attributed, machine, vcpu-share, whole-socket (default: the one that most cells have)")
	complete(c, "method", methodNames())
}

func (a *app) reportTableCommand() *cobra.Command {
	var method string
	var common bool
	c := &cobra.Command{
		Use:   "table [flags] FILE|DIR...",
		Short: "The table of a benchmark: cost, time and energy by application, architecture and memory",
		Long: `Make the global table of a benchmark's cells: a row for each architecture and
memory, and for each application what an execution cost ($), how long it took (T)
and what energy it used (e). Each number is the median over the repetitions of a
configuration, and of these the mean over the numbers of workers. Below it stand
the configurations that no other beats in energy and time, or energy and cost, at
once.

A directory holds what energyprobe bench matrix writes: index.json, a file for each
cell, or both. Cells that stand in both count once.`,
		Example: `  energyprobe report table x86/ arm/
  energyprobe report table --common-workers --format md results/ > table.md
  energyprobe report table --method whole-socket --format csv import.json -o table.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("nothing to make a table of: give files or directories of a benchmark\nTry: energyprobe report table DIR")
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.checkFlags(); err != nil {
				return err
			}
			if a.format == formatHTML {
				return a.report(reportFlags{format: formatHTML, method: method}, args)
			}
			set, err := a.benchSet(args)
			if err != nil {
				return err
			}
			t, err := matrix.Table(set, matrix.Options{Method: method, CommonWorkers: common, Tool: tool(), Now: time.Now().UTC()})
			if err != nil {
				return err
			}
			return a.write(t)
		},
	}
	addMethod(c, &method)
	c.Flags().BoolVar(&common, "common-workers", false, "only numbers of workers that every row of an application has: rows compare then")
	groupUsage(c, []flagGroup{{"The table", []string{"method", "common-workers", "format", "output", "quiet", "help"}}})
	hideFlags(c, "source", "host-root", "history")
	return c
}

// compareBench compares two sets of cells, or the two architectures of one.
func (a *app) compareBench(f *compareFlags, args []string) error {
	sides, err := a.benchSides(args)
	if err != nil {
		return err
	}
	c, err := matrix.Compare(sides[0], sides[1], matrix.Options{Method: f.method, Tool: tool(), Now: time.Now().UTC(), Seed: f.seed})
	if err != nil {
		return err
	}
	return a.deliverAlso(c, f)
}

// benchSides are the two sides: two arguments, or one that holds two
// architectures, of which x86 is what the other is compared with.
func (a *app) benchSides(args []string) ([]matrix.Side, error) {
	var sides []matrix.Side
	for _, name := range args {
		set, err := a.benchSet([]string{name})
		if err != nil {
			return nil, err
		}
		sides = append(sides, matrix.Side{Label: name, Set: set})
	}
	if archs := sides[0].Archs(); len(sides) == 1 && len(archs) == 2 {
		of := func(arch string) matrix.Side {
			return matrix.Side{Label: report.ArchName(arch), Set: sides[0].Only(func(c *report.BenchCell) bool { return c.Arch == arch })}
		}
		return []matrix.Side{of(archs[1]), of(archs[0])}, nil
	}
	if len(sides) != 2 {
		return nil, errors.New("a benchmark is compared with one other: give two directories or files, or one that holds two architectures\nTry: energyprobe compare x86/ arm/")
	}
	return sides, nil
}
