package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/processor"
)

// exitUnknownPart is cpu's status where the table has no such part, though it
// may have others of longer names.
const exitUnknownPart = 1

type cpuFlags struct {
	all  bool
	tdpW float64
}

func (a *app) cpuCommand() *cobra.Command {
	var f cpuFlags
	c := &cobra.Command{
		Use:     "cpu [flags] [NAME...]",
		GroupID: "host",
		Short:   "Say what is known of a processor: its TDP, how sure, and from where",
		Long: `Say what the table of processors knows, which the estimates rest on.

Without NAME it is about this host's processor: what it says of itself, which step
of the identification found it and what the others gave, its thermal design power
(TDP) with the range it may lie in, and a virtual machine's share of a socket.

With NAME it is the part of that name, and those whose name has all the words. What
is another part, with a longer number (8275CL is not 8275), is marked with a *.

The exit status is 0 when something was found, 1 when the table has no such part,
or only others with a longer number, 125 when cpu itself failed.`,
		Example: `  energyprobe cpu
  energyprobe cpu epyc 7763
  energyprobe cpu 8375C
  energyprobe cpu graviton --format md
  energyprobe cpu --all --format csv -o processors.csv`,
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			return processor.Words(args, toComplete), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.cpu(f, args) },
	}
	fl := c.Flags()
	fl.BoolVar(&f.all, "all", false, "the whole table")
	a.addHostProfile(c)
	fl.Float64Var(&f.tdpW, "tdp", 0, "take `WATTS` for the thermal design power of one socket, as run --tdp does")
	groupUsage(c, []flagGroup{
		{"What to show", []string{"all", "tdp", "host-profile", "host-root"}},
		{"The result", []string{"format", "output", "quiet", "help"}},
	})
	hideFlags(c, "source", "history") // they are about measuring
	return c
}

func (f cpuFlags) check(args []string) error {
	switch {
	case f.all && len(args) > 0:
		return errors.New("--all lists the whole table: leave out the name, or --all")
	case f.tdpW > 0 && (f.all || len(args) > 0):
		return errors.New("--tdp is about this host's processor: leave out the name and --all")
	case len(args) > 0 && strings.TrimSpace(strings.Join(args, "")) == "":
		return errors.New("the name is empty\nTry: energyprobe cpu epyc 7763")
	}
	return checkTDP(f.tdpW)
}

// checkTDP is about --tdp, 0 where it was not given.
func checkTDP(w float64) error {
	if !(w >= 0) || w > model.MaxTDPW { // nor not a number
		return fmt.Errorf("--tdp %g: want watts above 0, at most %d", w, model.MaxTDPW)
	}
	return nil
}

func (a *app) cpu(f cpuFlags, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	if _, err := output.ParseFormat(a.format); err != nil {
		return err // there is no page of processors
	}
	if a.history {
		return errors.New("--history keeps what was measured; what the table knows of a processor is always there: leave it out")
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	switch {
	case f.all:
		return a.write(processor.All(tool()))
	case len(args) > 0:
		found, err := processor.Search(strings.Join(args, " "), tool())
		if err != nil {
			return err
		}
		if found.Parts[0].Match == string(model.OtherPart) { // the best there is
			a.status = exitUnknownPart
		}
		return a.write(found)
	}
	profile, err := a.profileOf()
	if err != nil {
		return err
	}
	mine, err := processor.Of(processor.Options{Root: a.hostRoot, TDPW: f.tdpW, Profile: profile, Tool: tool()})
	if err != nil {
		return err
	}
	return a.write(mine)
}
