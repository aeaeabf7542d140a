package session

import (
	"fmt"
	"math"
	"strings"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// unsplit is the attribution of joules that were not split.
func unsplit(reason string) report.Attribution {
	return report.Attribution{Method: string(energy.NoMethod), Reason: reason}
}

// attributionReport splits the window's joules.
func (s *session) attributionReport(r *report.Run) report.Attribution {
	a := s.attr
	if a == nil {
		return unsplit("the joules are those of the whole machine during the window")
	}
	out := report.Attribution{Method: string(energy.NoMethod), Refused: refusals(a.refused)}
	switch {
	case a.tracker == nil:
		out.Reason = "no method to split the joules can be used here: they are those of the whole machine during the window"
		return out
	case a.failed != nil && a.to.Packages == nil:
		out.Reason = "the account of who ran could not be read: " + a.failed.Error()
		return out
	}
	out.Method, out.Weights, out.IdlePolicy = string(a.tracker.Method()), a.weights(), a.rule.Policy.String()
	if len(a.refused) > 0 {
		out.Reason = a.refused[0].Reason
	}
	if a.rule.Policy == attribute.Reserved {
		pct := 100 * a.rule.Share
		out.IdleSharePct = &pct
	}
	delta := a.delta()
	out.Intervals = a.intervals(delta)
	zones := s.splitZones(r, &out, delta)
	a.putTotal(&out, r)
	s.putGroups(&out, a.putRows(&out, zones, delta))
	if l := delta.Lost; l != (energy.Lost{}) {
		out.Lost = &report.Lost{Events: int64(l.Events), Tasks: int64(l.Tasks), Processes: int64(l.Processes)}
	}
	return out
}

func refusals(all []*energy.Refusal) []report.Refusal {
	var out []report.Refusal
	for _, r := range all {
		out = append(out, report.Refusal{Name: r.Name, Kind: r.KindName(), Reason: r.Reason, Remedy: r.Remedy})
	}
	return out
}

// weights says in words what the joules are divided by.
func (a *attribution) weights() string {
	where := "set against the counter's readings by this program"
	if a.inKernel() {
		where = "set against the counters in the kernel, at their own refresh"
	}
	switch a.tracker.Method() {
	case energy.ByCycles:
		return "cycles, counted at every switch, " + where
	case energy.ByTime:
		if a.frequency {
			return "time on a processor times its frequency, taken at every switch, " + where
		}
		return "time on a processor, taken at every switch, " + where
	case energy.ByCgroup:
		return "CPU time of the group and of the machine, " + where
	}
	return "CPU time of every process as in /proc, " + where
}

func (a *attribution) intervals(delta energy.Usage) *report.Intervals {
	n, seconds := 0, 0.0
	if a.kernel != nil {
		n = int(a.kernel.Intervals() - a.began)
	} else {
		n = a.readings
	}
	for _, p := range delta.Packages {
		seconds = max(seconds, p.Seconds)
	}
	out := &report.Intervals{N: n, ClosedIn: "user"}
	if n > 0 {
		out.MeanLengthS = seconds / float64(n)
	}
	if a.inKernel() {
		out.ClosedIn = "kernel"
	}
	return out
}

// splitZones splits every domain whose work is known, those within others too,
// and returns those of the total.
func (s *session) splitZones(r *report.Run, out *report.Attribution, delta energy.Usage) []attribute.Zone {
	a := s.attr
	var total []attribute.Zone
	var gaps coverage
	for i, z := range s.tracks[0].Source.Zones() {
		d := r.Domains[i]
		packages := attribute.PackagesOf(z, delta.Packages)
		if !d.InTotal && (packages == nil || d.EnergyJ == nil) {
			continue // the platform, single cores, counters that never moved
		}
		one := attribute.Zone{Domain: z.Domain, Joules: math.NaN(), Seconds: r.DurationS, Packages: packages, Idle: a.idle(z, packages, a.to.Packages)}
		if d.EnergyJ != nil {
			one.Joules = *d.EnergyJ
		}
		if d.UncertaintyJ != nil {
			one.Uncertainty = *d.UncertaintyJ
		}
		lines := attribute.Split(one, delta.Packages, a.rule)
		out.PerDomain = append(out.PerDomain, report.DomainSplit{ID: d.ID, EnergyJ: d.EnergyJ, Split: splitReport(lines)})
		out.Idle = append(out.Idle, idleReport(d.ID, one.Idle))
		if d.InTotal {
			total = append(total, one)
		}
		gaps.add(d.ID, lines.Uncovered)
	}
	for _, why := range gaps.reasons {
		s.warn("coverage", strings.Join(gaps.domains[why], ", ")+": "+why,
			"run again, with a processor left for energyprobe; if it stays, try another --source or --attribution")
	}
	return total
}

// coverage is what intervals do not cover, and of which domains.
type coverage struct {
	reasons []string // in the order they came up
	domains map[string][]string
}

func (c *coverage) add(id, reason string) {
	if reason == "" {
		return
	}
	if c.domains == nil {
		c.domains = map[string][]string{}
	}
	if c.domains[reason] == nil {
		c.reasons = append(c.reasons, reason)
	}
	c.domains[reason] = append(c.domains[reason], id)
}

// idleReport adds the packages of a zone.
func idleReport(id string, all []attribute.Idle) report.IdlePower {
	out := report.IdlePower{ID: id}
	var watts, uncertainty float64
	for _, i := range all {
		if !i.Known {
			out.Reason = i.How
			return out
		}
		watts, uncertainty, out.How = watts+i.Watts, uncertainty+i.Uncertainty, i.How
	}
	out.PowerW, out.UncertaintyW = &watts, &uncertainty
	return out
}

func splitReport(l attribute.Lines) report.Split {
	out := report.Split{
		TargetJ: l.Target.Ptr(), OthersJ: l.Others.Ptr(), KernelJ: l.Kernel.Ptr(), IdleJ: l.Idle.Ptr(),
		UnattributedJ: l.Unattributed.Ptr(), ToolJ: l.Tool.Ptr(),
	}
	if out.TargetJ != nil {
		u := l.TargetUncertainty
		out.TargetUncertaintyJ = &u
	}
	for name, line := range map[string]*float64{
		"target_j": out.TargetJ, "others_j": out.OthersJ, "kernel_j": out.KernelJ, "idle_j": out.IdleJ, "unattributed_j": out.UnattributedJ, "tool_j": out.ToolJ,
	} {
		if line != nil {
			continue
		}
		if out.Unknown == nil {
			out.Unknown = map[string]string{}
		}
		out.Unknown[name] = l.Reason
	}
	return out
}

// putTotal adds up the lines of the domains that are in the total. A line that
// one of them lacks is not known for the total.
func (a *attribution) putTotal(out *report.Attribution, r *report.Run) {
	inTotal := map[string]bool{}
	for _, d := range r.Domains {
		inTotal[d.ID] = d.InTotal
	}
	if r.Total.EnergyJ == nil {
		out.Unknown = map[string]string{}
	}
	add := func(name string, of func(*report.Split) **float64) {
		sum := 0.0
		for i := range out.PerDomain {
			d := &out.PerDomain[i]
			if !inTotal[d.ID] {
				continue
			}
			v := *of(&d.Split)
			if v == nil {
				if out.Unknown == nil {
					out.Unknown = map[string]string{}
				}
				out.Unknown[name] = fmt.Sprintf("%s: %s", d.ID, d.Unknown[name])
				return
			}
			sum += *v
		}
		*of(&out.Split) = &sum
	}
	add("target_j", func(s *report.Split) **float64 { return &s.TargetJ })
	add("others_j", func(s *report.Split) **float64 { return &s.OthersJ })
	add("kernel_j", func(s *report.Split) **float64 { return &s.KernelJ })
	add("idle_j", func(s *report.Split) **float64 { return &s.IdleJ })
	add("unattributed_j", func(s *report.Split) **float64 { return &s.UnattributedJ })
	add("tool_j", func(s *report.Split) **float64 { return &s.ToolJ })
	add("target_uncertainty_j", func(s *report.Split) **float64 { return &s.TargetUncertaintyJ })
	delete(out.Unknown, "target_uncertainty_j")
	if len(out.Unknown) == 0 {
		out.Unknown = nil
	}
}

// putRows lists processes and threads, and returns the ranking of all processes.
func (a *attribution) putRows(out *report.Attribution, zones []attribute.Zone, delta energy.Usage) attribute.Ranking {
	ranking := attribute.Rank(zones, delta, a.rule, 0)
	n := min(len(ranking.Rows), maxRows)
	for _, row := range ranking.Rows[:n] {
		out.Processes = append(out.Processes, report.Process{
			PID: row.PID, PPID: row.PPID, Comm: row.Comm, Party: row.Party.String(), Threads: row.Threads, Ended: row.Ended, Share: shareReport(row),
		})
	}
	out.ProcessesRest = restReport(ranking, n, int(delta.Lost.Processes))
	if len(delta.Threads) > 0 {
		threads := attribute.RankThreads(zones, delta, a.rule, 0)
		n := min(len(threads.Rows), maxRows)
		for _, row := range threads.Rows[:n] {
			out.Threads = append(out.Threads, report.Thread{TID: row.TID, PID: row.PID, Comm: row.Comm, Share: shareReport(row)})
		}
		out.ThreadsRest = restReport(threads, n, 0)
	}
	return ranking
}

// maxRows bounds the processes, threads and groups in a result.
const maxRows = 1000

func shareReport(row attribute.Row) report.Share {
	j, w, pct := row.Joules, row.Watts, 100*row.Share
	out := report.Share{CPUS: row.CPU.Seconds(), EnergyJ: &j, PowerW: &w, SharePct: &pct, JPerInstruction: row.PerInstruction.Ptr()}
	if row.Instructions > 0 || row.Cycles > 0 {
		cycles, instructions := int64(row.Cycles), int64(row.Instructions)
		out.Cycles, out.Instructions = &cycles, &instructions
	}
	return out
}

// restReport stands for the rows from n on, for lost ones, and for what is in no
// row.
func restReport(k attribute.Ranking, n, lost int) *report.Rest {
	var j, cpu float64
	for _, row := range append(k.Rest[:], k.Rows[n:]...) {
		j += row.Joules
		cpu += row.CPU.Seconds()
	}
	return &report.Rest{N: len(k.Rows) - n + max(lost, 0), EnergyJ: &j, CPUS: cpu}
}
