package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/bench"
	"github.com/energyprobe/energyprobe/internal/doctor"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// exitLacking is bench doctor's status where something is missing.
const exitLacking = 1

func (a *app) benchDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what a benchmark needs here that is missing, and the line that installs it",
		Long: `Look for what the applications of a matrix need: control groups that limit memory
and CPU, and for the Python originals their libraries. The applications that are
built in need nothing. The findings of energyprobe doctor stand before.

The exit status is 0 when nothing is missing, 1 when something is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := output.ParseFormat(a.format); err != nil {
				return err
			}
			if err := a.checkFlags(); err != nil {
				return err
			}
			d := doctor.Examine(doctor.Options{Root: a.hostRoot, Source: a.source, Tool: tool()})
			needs := bench.Needs(cmd.Context(), a.hostRoot)
			d.Checks = append(d.Checks, needs...)
			if slices.ContainsFunc(needs, func(c report.Check) bool { return c.State != report.Working && c.State != report.Note }) {
				a.status = exitLacking
			}
			return a.deliver(d)
		},
	}
}
