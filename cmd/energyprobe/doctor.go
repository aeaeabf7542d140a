package main

import (
	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/doctor"
	"github.com/energyprobe/energyprobe/internal/output"
)

// exitEstimate is doctor's status where energy can't be measured.
const exitEstimate = 1

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doctor",
		GroupID: "host",
		Short:   "Say what can be measured here, and the exact fix for what can't",
		Long: `Look at every way to measure energy on this host: each source, each counter, each
right and kernel switch that matters, what attribution the host allows, and what
colours the numbers. What does not work comes with the reason and the least that
changes it. Nothing is changed.

The exit status is 0 when energy can be measured (with --source NAME: through that
source), 1 when a run could only estimate, 125 when doctor itself failed.`,
		Example: `  energyprobe doctor
  energyprobe doctor --format json -o doctor.json
  energyprobe doctor --source perf && energyprobe run -- make
  energyprobe doctor --host-root /host`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.examine() },
	}
}

func (a *app) examine() error {
	if _, err := output.ParseFormat(a.format); err != nil {
		return err // there is no page of findings
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	d := doctor.Examine(doctor.Options{Root: a.hostRoot, Source: a.source, Tool: tool()})
	if !d.CanMeasure {
		a.status = exitEstimate
	}
	return a.deliver(d)
}
