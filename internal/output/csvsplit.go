package output

import (
	"strconv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// attributionRows says whose the joules are, in the long form: the five lines
// of the total and of each domain, then those that spent them.
func attributionRows(r *report.Run) []valueRow {
	a := r.Attribution
	rows := methodRows(a)
	if isSplit(r) {
		rows = append(rows, splitRows("total", "", a, a.Split)...)
		for _, d := range a.PerDomain {
			note := ""
			if whole, known := domainOf(r, d.ID); known {
				note = notInTotal(whole)
			}
			rows = append(rows, splitRows(d.ID, note, a, d.Split)...)
		}
	}
	for _, p := range a.Processes {
		rows = append(rows, processRows(p, a.Method)...)
	}
	rows = append(rows, restRows("process", a.ProcessesRest, a.Method)...)
	for _, t := range a.Threads {
		rows = append(rows, threadRows(t, a.Method)...)
	}
	rows = append(rows, restRows("thread", a.ThreadsRest, a.Method)...)
	for _, g := range a.Groups {
		rows = append(rows, groupRows(g, a.Method)...)
	}
	return append(rows, restRows("group", a.GroupsRest, a.Method)...)
}

// methodRows says how the joules were split, and why not better.
func methodRows(a report.Attribution) []valueRow {
	var rows []valueRow
	text := func(id, s string) {
		if s != "" {
			rows = append(rows, valueRow{kind: "attribution", id: id, text: s})
		}
	}
	num := func(id, unit string, v float64) {
		rows = append(rows, valueRow{kind: "attribution", id: id, value: &v, unit: unit})
	}
	text("reason", a.Reason)
	text("weights", a.Weights)
	text("idle_policy", a.IdlePolicy)
	if a.IdleSharePct != nil {
		num("idle_share", "%", *a.IdleSharePct)
	}
	if i := a.Intervals; i != nil {
		num("intervals", "1", float64(i.N))
		num("intervals.mean_length", "s", i.MeanLengthS)
		text("intervals.closed_in", i.ClosedIn)
	}
	if l := a.Lost; l != nil {
		num("lost.events", "1", float64(l.Events))
		num("lost.tasks", "1", float64(l.Tasks))
		num("lost.processes", "1", float64(l.Processes))
	}
	for _, i := range a.Idle {
		rows = append(rows, valueRow{kind: "idle", id: i.ID, value: i.PowerW, unit: "W", source: i.How, unc: i.UncertaintyW, reason: i.Reason})
	}
	for _, f := range a.Refused {
		rows = append(rows, valueRow{kind: "attribution.refused", id: f.Name, text: f.Kind, reason: withRemedy(f.Reason, f.Remedy)})
	}
	return rows
}

// splitRows are the lines of one split; note goes into the reason column of those
// that are known. The tool's is part of others.
func splitRows(id, note string, a report.Attribution, s report.Split) []valueRow {
	row := func(kind, name string, v, unc *float64) valueRow {
		out := valueRow{kind: kind, id: id, value: v, unit: "J", quality: energy.Attributed, source: a.Method, unc: unc, reason: note}
		if v == nil {
			out.reason = reasonOf(s, name)
		}
		return out
	}
	return []valueRow{
		row("split.target", "target_j", s.TargetJ, s.TargetUncertaintyJ),
		row("split.others", "others_j", s.OthersJ, nil),
		row("split.kernel", "kernel_j", s.KernelJ, nil),
		row("split.idle", "idle_j", s.IdleJ, nil),
		row("split.unattributed", "unattributed_j", s.UnattributedJ, nil),
		row("split.others.tool", "tool_j", s.ToolJ, nil),
	}
}

// shareRows are the numbers that processes, threads and groups have alike.
func shareRows(kind, id, method string, s report.Share) []valueRow {
	row := func(name, unit string, v *float64, q energy.Quality) valueRow {
		return valueRow{kind: kind + name, id: id, value: v, unit: unit, quality: q, source: method}
	}
	rows := []valueRow{
		row("", "J", s.EnergyJ, energy.Attributed), row("", "W", s.PowerW, energy.Attributed),
		row(".cpu_time", "s", &s.CPUS, energy.Measured),
	}
	for _, c := range []struct {
		name string
		n    *int64
	}{{".cycles", s.Cycles}, {".instructions", s.Instructions}} {
		if c.n != nil {
			rows = append(rows, valueRow{kind: kind + c.name, id: id, text: strconv.FormatInt(*c.n, 10), unit: "1", quality: energy.Measured, source: method})
		}
	}
	if s.JPerInstruction != nil {
		rows = append(rows, row(".energy_per_instruction", "J", s.JPerInstruction, energy.Attributed))
	}
	if s.SharePct != nil {
		rows = append(rows, row(".share", "%", s.SharePct, energy.Attributed))
	}
	return rows
}

func textRow(kind, id, s string) valueRow { return valueRow{kind: kind, id: id, text: s} }

func numberRow(kind, id string, n int) valueRow {
	return valueRow{kind: kind, id: id, text: strconv.Itoa(n), unit: "1"}
}

func processRows(p report.Process, method string) []valueRow {
	id := strconv.Itoa(p.PID)
	rows := append(shareRows("process", id, method, p.Share),
		textRow("process.comm", id, p.Comm), textRow("process.party", id, p.Party),
		numberRow("process.ppid", id, p.PPID), numberRow("process.threads", id, p.Threads),
		textRow("process.ended", id, strconv.FormatBool(p.Ended)))
	if p.Cgroup != "" {
		rows = append(rows, textRow("process.cgroup", id, p.Cgroup))
	}
	if p.Container != "" {
		rows = append(rows, textRow("process.container", id, p.Container))
	}
	return rows
}

func threadRows(t report.Thread, method string) []valueRow {
	id := strconv.Itoa(t.TID)
	return append(shareRows("thread", id, method, t.Share),
		textRow("thread.comm", id, t.Comm), numberRow("thread.pid", id, t.PID))
}

func groupRows(g report.Group, method string) []valueRow {
	rows := append(shareRows("group", g.Cgroup, method, g.Share), numberRow("group.processes", g.Cgroup, g.Processes))
	if g.Container != "" {
		rows = append(rows, textRow("group.container", g.Cgroup, g.Container))
	}
	if g.Runtime != "" {
		rows = append(rows, textRow("group.runtime", g.Cgroup, g.Runtime))
	}
	return rows
}

// restRows stand for those without rows of their own.
func restRows(kind string, rest *report.Rest, method string) []valueRow {
	if rest == nil {
		return nil
	}
	id := strconv.Itoa(rest.N) + " more"
	return append(shareRows(kind+".rest", id, method, report.Share{EnergyJ: rest.EnergyJ, CPUS: rest.CPUS})[:1],
		valueRow{kind: kind + ".rest.cpu_time", id: id, value: &rest.CPUS, unit: "s", quality: energy.Measured, source: method},
		numberRow(kind+".rest.n", id, rest.N))
}
