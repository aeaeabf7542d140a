package bench

import (
	"github.com/energyprobe/energyprobe/bench/sandbox"
	"github.com/energyprobe/energyprobe/bench/work"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/price"
	"github.com/energyprobe/energyprobe/internal/report"
)

// cellOf puts a cell together of what was measured and what the workers said.
func cellOf(c Cell, run *report.Run, r work.Result, e sandbox.Events) report.BenchCell {
	out := report.BenchCell{
		ID: c.ID(), Application: c.Workload.Name, Arch: run.Host.Arch, Workers: c.Workers, Repetition: c.Repetition, Order: c.Order,
		StartedAt: &run.StartedAt, DurationS: &run.DurationS, Energy: energies(run), CPUNames: []string{run.Host.CPU.ModelName},
		Invocations: []report.Invocation{}, Metrics: map[string]report.Metric{}, Warnings: run.Warnings,
	}
	if c.MemoryMB > 0 {
		out.MemoryMB = &c.MemoryMB
	}
	out.Status, out.Reason = stateOf(r, e)
	cpu := 0.0
	for i := range r.Workers {
		w := &r.Workers[i]
		cpu += w.CPUS
		i := invocation(w)
		if w.Failure != "" {
			i.Status = out.Status // the reason is the cell's
		}
		out.Invocations = append(out.Invocations, i)
	}
	out.CPUS = &cpu
	for name, m := range run.Metrics {
		if m.Value != nil {
			out.Metrics[name] = m
		}
	}
	if c.MemoryMB > 0 {
		throttled, peak := e.Throttled.Seconds(), float64(e.PeakBytes)
		out.Metrics["cgroup.cpu.throttled"] = report.Metric{Value: &throttled, Unit: "s", Source: "cpu.stat of the workers' groups, added up", Scope: energy.ScopeCgroup, Quality: energy.Measured}
		if peak > 0 {
			out.Metrics["cgroup.memory.peak"] = report.Metric{Value: &peak, Unit: "By", Source: "of the workers' groups, the largest", Scope: energy.ScopeCgroup, Quality: energy.Measured}
		}
	}
	return out
}

// failedCell is one of which nothing was measured.
func failedCell(c Cell, err error) report.BenchCell {
	out := report.BenchCell{
		ID: c.ID(), Application: c.Workload.Name, Workers: c.Workers, Repetition: c.Repetition, Order: c.Order,
		Status: report.CellFailed, Reason: err.Error(), Energy: []report.MethodEnergy{}, Invocations: []report.Invocation{},
	}
	if c.MemoryMB > 0 {
		out.MemoryMB = &c.MemoryMB
	}
	return out
}

// stateOf says what became of a job. A worker that the kernel ended for want of
// memory fails in many ways; the group knows.
func stateOf(r work.Result, e sandbox.Events) (status, reason string) {
	switch {
	case r.Status == work.OK:
		return report.CellOK, ""
	case e.OOMKills > 0:
		return report.CellOOM, "more memory was wanted than there is: " + r.Reason
	case r.Status == work.Timeout:
		return report.CellTimeout, r.Reason
	}
	return report.CellFailed, r.Reason
}

func invocation(w *work.Worker) report.Invocation {
	peak := float64(w.PeakMemoryBytes)
	i := report.Invocation{
		Stage: w.Stage, Worker: w.Worker, DurationS: &w.DurationS, CPUS: &w.CPUS,
		ReadS: w.ReadS, ComputeS: w.ComputeS, WriteS: w.WriteS, ColdStartS: w.ColdStartS,
	}
	if peak > 0 {
		i.PeakMemoryBytes = &peak
	}
	return i
}

// energies are a run's joules by every method, first what the workers spent
// themselves, where that is known.
func energies(run *report.Run) []report.MethodEnergy {
	var out []report.MethodEnergy
	quality := run.Source.Quality
	if a := run.Attribution; a.TargetJ != nil {
		q := energy.Attributed
		if quality == energy.Estimated {
			q = quality
		}
		e := report.Energy{EnergyJ: a.TargetJ, UncertaintyJ: a.TargetUncertaintyJ, PowerW: power(a.TargetJ, run.DurationS)}
		out = append(out, report.MethodEnergy{Method: report.MethodTarget, Quality: q, Energy: e, Assumes: a.Weights})
	}
	out = append(out, report.MethodEnergy{Method: report.MethodMachine, Quality: quality, Energy: run.Total, Assumes: "source " + run.Source.Name})
	for _, m := range []struct{ method, model string }{{report.MethodVCPUShare, model.ShareName}, {report.MethodWholeSocket, model.NaiveName}} {
		if e, there := run.Models[m.model]; there && e.EnergyJ != nil {
			out = append(out, report.MethodEnergy{
				Method: m.method, Quality: energy.Estimated, Assumes: e.Description,
				Energy: report.Energy{EnergyJ: e.EnergyJ, LowJ: e.LowJ, HighJ: e.HighJ, PowerW: power(e.EnergyJ, run.DurationS)},
			})
		}
	}
	return out
}

// cost is what a platform would have asked for a cell's workers: each a function
// of its memory that runs as long as it did, its start included where starts are
// billed. It is nil where nothing has a price: no memory size, an architecture
// that the list does not have, a cell that did not end.
func cost(l *price.List, c *report.BenchCell) *report.Cost {
	if l == nil || c.MemoryMB == nil || c.Status != report.CellOK {
		return nil
	}
	var durations []float64
	for _, i := range c.Invocations {
		d := *i.DurationS
		if i.ColdStartS != nil && !l.BillInit {
			d -= *i.ColdStartS
		}
		durations = append(durations, d)
	}
	p, err := l.Cost(c.Arch, *c.MemoryMB, durations, 0)
	if err != nil {
		return nil
	}
	return &report.Cost{Total: p.Total, Compute: p.Compute, Requests: p.Requests, BilledGBS: p.BilledGBS, BilledS: p.BilledS}
}

func power(j *float64, s float64) *float64 {
	if j == nil || !(s > 0) {
		return nil
	}
	w := *j / s
	return &w
}
