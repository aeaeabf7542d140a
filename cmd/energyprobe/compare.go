package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/compare"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
)

// compareFlags are the flags of compare alone.
type compareFlags struct {
	trialFlags
	measure string
	effect  string
	export  exportFlags
	user    string
	method  string
}

// measureNames are the values of --measure and what they mean in a result.
var measureNames = map[string]string{
	"auto": "", "energy": report.MeasureEnergy, "net": report.MeasureNet, "command": report.MeasureTarget,
}

func (a *app) compareCommand() *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:     "compare [flags] (-- 'COMMAND A' 'COMMAND B'... | FILE... | DIR DIR)",
		GroupID: "measure",
		Short:   "Say whether one command uses less energy than another",
		Long: `Run commands in turns, in an order drawn at random, and say how their energy
differs: the change with its 95 % interval, a test, the size of the effect, and
a verdict in words. Every command is compared with the first one.

With files of results in the place of commands, what they hold is compared. What
is not comparable is refused: results of another processor, estimates beside
measurements, runs one after the other on a machine that drifts.

With two directories (or files) of a benchmark, or one that holds two
architectures, configurations of the same application, memory and number of
workers are paired: what is saved in cost, time and energy, and how far the change
in energy rests on the powers that an estimate assumes.`,
		Example: `  energyprobe compare -- './sort-a data' './sort-b data'
  energyprobe compare --repeat 20 --warmup 1 --baseline 5s -- 'gzip -k -f x' 'zstd -f x'
  energyprobe compare --param n=1,2,4,8 -- 'make -j{n}' --prepare 'make clean'
  energyprobe compare before.json after.json
  energyprobe compare x86/ arm/`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.compare(cmd, &f, args)
		},
	}
	f.add(c, 10, "; several times for one command each")
	a.addHostProfile(c)
	f.addSweep(c)
	fl := c.Flags()
	fl.StringVar(&f.measure, "measure", "auto", "judge by `WHAT`: energy (of the machine), net (above idle), command (its own by attribution); auto takes net with --baseline, else energy")
	fl.StringVar(&f.effect, "effect", "", "the change that matters, as `PERCENT`: says when the machine is too noisy to find it")
	f.export.add(c)
	fl.StringVar(&f.user, "user", "", "run the commands as `NAME` and measure as the present user")
	addMethod(c, &f.method)
	complete(c, "measure", []string{"auto", "energy", "net", "command"})
	groupUsage(c, []flagGroup{
		{"What to run", append(trialFlagNames[:len(trialFlagNames):len(trialFlagNames)], "user")},
		{"How to judge", []string{"measure", "baseline", "effect", "method"}},
		{"How to measure", []string{"source", "host-profile", "host-root"}},
		{"The result", []string{"format", "output", "export-json", "export-markdown", "history", "quiet", "help"}},
	})
	return c
}

// storedSeed is what is resampled from where nothing is run: the same files give
// the same answer every time.
const storedSeed = 1

func (a *app) compare(cmd *cobra.Command, f *compareFlags, args []string) error {
	if f.seed == 0 && cmd.ArgsLenAtDash() < 0 {
		f.seed = storedSeed
	}
	if err := f.check(); err != nil {
		return err
	}
	measure, ok := measureNames[f.measure]
	if !ok {
		return fmt.Errorf("--measure %s: want auto, energy, net or command", f.measure)
	}
	if measure == report.MeasureNet && f.baseline == 0 && cmd.ArgsLenAtDash() >= 0 {
		return errors.New("--measure net is energy above the idle machine's: give --baseline 5s too")
	}
	o := compare.Options{Measure: measure, Seed: f.seed, Tool: tool()}
	var err error
	if f.effect != "" {
		if o.Effect, err = parsePercent("--effect", f.effect); err != nil {
			return err
		}
	}
	if err := a.checkFlags(f.export.files()...); err != nil {
		return err
	}
	if cmd.ArgsLenAtDash() < 0 && slices.ContainsFunc(args, holdsBench) {
		return a.compareBench(f, args)
	}
	var sides []report.Side
	var warnings []report.Warning
	if cmd.ArgsLenAtDash() >= 0 {
		var t *report.Trials
		if t, err = a.runSides(cmd, f, args); err != nil {
			return err
		}
		sides, warnings = compare.Sides(t, ""), t.Warnings
	} else if sides, err = a.readSides(args); err != nil {
		return err
	}
	c, err := compare.Compare(sides, o)
	if err != nil {
		return err
	}
	c.Warnings = append(warnings, c.Warnings...)
	return a.deliverAlso(c, f)
}

// deliverAlso hands over a comparison, and writes the files that were asked for
// beside it.
func (a *app) deliverAlso(c any, f *compareFlags) error {
	return errors.Join(a.deliver(c), f.export.write(c))
}

// runSides runs the commands in turns. Runs made before a failure are shown, not
// compared.
func (a *app) runSides(cmd *cobra.Command, f *compareFlags, args []string) (*report.Trials, error) {
	commands, err := f.commands(args)
	if err != nil {
		return nil, err
	}
	if len(commands) < 2 {
		return nil, errors.New("nothing to compare with: give two commands, each in quotes, or --param NAME=1,2,4\nTry: energyprobe compare -- 'COMMAND A' 'COMMAND B'")
	}
	if few := compare.FewestRuns(len(commands)); f.repeat < few {
		a.warn([]report.Warning{{
			Message: fmt.Sprintf("%d runs of each can't tell %d commands apart, whatever they use", f.repeat, len(commands)),
			Advice:  fmt.Sprintf("make %d or more: --repeat %[1]d", few),
		}})
	}
	c, err := command(f.user, []string{""})
	if err != nil {
		return nil, err
	}
	profile, err := a.profileOf()
	if err != nil {
		return nil, err
	}
	t, err := a.try(cmd.Context(), &f.trialFlags, session.Options{
		Root: a.hostRoot, Source: a.source, Tool: tool(), Command: c, Profile: profile,
	}, commands)
	if err != nil && t != nil {
		if writeErr := a.deliver(t); writeErr != nil {
			return nil, errors.Join(err, writeErr)
		}
	}
	return t, err
}

// readSides reads results. A file may hold several.
func (a *app) readSides(files []string) ([]report.Side, error) {
	if len(files) == 0 {
		return nil, errors.New("nothing to compare: give two files of results, or commands after --\nTry: energyprobe compare -- 'COMMAND A' 'COMMAND B'")
	}
	var sides []report.Side
	for _, file := range files {
		some, err := a.sidesOf(file)
		if err != nil {
			return nil, err
		}
		sides = append(sides, some...)
	}
	return sides, nil
}
