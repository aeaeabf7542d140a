package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/compare"
	"github.com/energyprobe/energyprobe/internal/session"
)

// exitIncreased is the gate's: the energy has increased, and that is no chance.
const exitIncreased = 1

type gateFlags struct {
	trialFlags
	base        string
	maxIncrease string
	user        string
	export      exportFlags
}

func (a *app) gateCommand() *cobra.Command {
	var f gateFlags
	c := &cobra.Command{
		Use:     "gate --baseline FILE [flags] -- COMMAND [ARG...]",
		GroupID: "measure",
		Short:   "Fail where a command uses more energy than a stored result of it",
		Long: `Run a command several times and compare it with a stored result. The exit status
is 1 only when its energy has increased by more than is allowed and that is
statistically certain: the whole 95 % interval of the change lies above it, and
drift of the machine can't explain it. It is 0 when it has not, or when that
can't be told for sure (the verdict says so, and how many runs would be enough),
and 125 when the command fails or the results can't be compared.`,
		Example: `  energyprobe run --repeat 20 --format json -o base.json -- make test
  energyprobe gate --baseline base.json --max-increase 3% -- make test`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.gate(cmd, &f, args)
		},
	}
	f.add(c, 20, "")
	a.addHostProfile(c)
	fl := c.Flags()
	fl.SetInterspersed(false)
	fl.StringVar(&f.base, "baseline", "", "`FILE` with the result to compare with (JSON, of run --repeat)")
	fl.StringVar(&f.maxIncrease, "max-increase", "3%", "the increase that is allowed, as `PERCENT`")
	f.export.add(c)
	fl.StringVar(&f.user, "user", "", "run the command as `NAME` and measure as the present user")
	groupUsage(c, []flagGroup{
		{"What is allowed", []string{"baseline", "max-increase"}},
		{"What to run", []string{"repeat", "warmup", "prepare", "cleanup", "ignore-failure", "show-output", "user"}},
		{"How to measure", []string{"source", "host-profile", "host-root"}},
		{"The result", []string{"format", "output", "export-json", "export-markdown", "history", "quiet", "help"}},
	})
	return c
}

func (a *app) gate(cmd *cobra.Command, f *gateFlags, args []string) error {
	if f.base == "" {
		return errors.New("--baseline is missing: the result to compare with\nMake one: energyprobe run --repeat 20 --format json -o base.json -- COMMAND")
	}
	if len(args) == 0 || args[0] == "" {
		return errors.New("nothing to measure: give a command after --\nTry: energyprobe gate --baseline base.json -- COMMAND")
	}
	if err := f.check(); err != nil {
		return err
	}
	max, err := parsePercent("--max-increase", f.maxIncrease)
	if err != nil {
		return err
	}
	if max < 0 {
		return fmt.Errorf("--max-increase %s: want 0%% or more", f.maxIncrease)
	}
	if err := a.checkFlags(f.export.files()...); err != nil {
		return err
	}
	base, err := a.sidesOf(f.base)
	if err != nil {
		return err
	}
	if len(base) != 1 {
		return fmt.Errorf("%s holds %d commands; the gate wants the runs of one", f.base, len(base))
	}
	commands, err := f.single(args)
	if err != nil {
		return err
	}
	if err := compare.GateCan(base[0], f.repeat); err != nil {
		return err
	}
	c, err := command(f.user, args)
	if err != nil {
		return err
	}
	profile, err := a.profileOf()
	if err != nil {
		return err
	}
	t, err := a.try(cmd.Context(), &f.trialFlags, session.Options{
		Root: a.hostRoot, Source: a.source, Tool: tool(), Command: c, Profile: profile,
	}, commands)
	if err != nil {
		return keepFailure(err)
	}
	result, err := compare.Gate(base[0], compare.Sides(t, "")[0], max, compare.Options{Seed: f.seed, Tool: tool()})
	if err != nil {
		return err
	}
	result.Warnings = append(t.Warnings, result.Warnings...)
	if !result.Gate.Passed {
		a.status = exitIncreased
	}
	return errors.Join(a.deliver(result), f.export.write(result))
}

// keepFailure has a command that fails exit with energyprobe's own status: the
// command's may be 1, which says something else.
func keepFailure(err error) error { return fmt.Errorf("%s", err.Error()) }
