package compare

import (
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Collect takes single results of one command as its trials, in the order
// given.
func Collect(runs []*report.Run) *report.Trials {
	first := runs[0]
	t := &report.Trials{
		Schema: report.TrialsSchema, RunID: first.RunID, StartedAt: first.StartedAt, Tool: first.Tool,
		Host: first.Host, Source: first.Source, Plan: report.TrialPlan{Repeat: len(runs)}, Warnings: []report.Warning{},
		Series: []report.TrialSeries{{Name: nameOf(first)}},
	}
	if first.Command != nil {
		t.Series[0].Argv = first.Command.Argv
	}
	for i, run := range runs {
		one := Trial(run)
		one.Order, one.Round = i, i
		t.Series[0].Runs = append(t.Series[0].Runs, one)
		t.DurationS += run.DurationS
	}
	Describe(t)
	return t
}

func nameOf(r *report.Run) string {
	if r.Command != nil {
		return strings.Join(r.Command.Argv, " ")
	}
	return r.Target.Kind
}

// Trial takes from a result what repeated runs are compared by.
func Trial(run *report.Run) report.Trial {
	t := report.Trial{
		RunID: run.RunID, StartedAt: run.StartedAt, DurationS: run.DurationS,
		EnergyJ: run.Total.EnergyJ, UncertaintyJ: run.Total.UncertaintyJ, PowerW: run.Total.PowerW,
		TargetJ: run.Attribution.TargetJ, Reason: run.Total.Reason,
		CPUS: run.Metrics["cpu.time"].Value, Cycles: run.Metrics["cpu.cycles"].Value, Instructions: run.Metrics["cpu.instructions"].Value,
	}
	if c := run.Command; c != nil {
		t.ExitCode, t.Signal = c.ExitCode, c.Signal
	}
	for _, d := range run.Domains {
		if d.EnergyJ != nil {
			if t.DomainsJ == nil {
				t.DomainsJ = map[string]float64{}
			}
			t.DomainsJ[d.ID] = *d.EnergyJ
		}
	}
	for _, w := range run.Warnings {
		t.WarningCodes = append(t.WarningCodes, w.Code)
	}
	return t
}
