package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// Seen is what a host's benchmark has seen of it.
type Seen struct {
	Idle   *report.Run // the machine while nothing was asked of it
	Steady Steady
	Cells  []report.BenchCell
	Host   report.Host
}

// Names of checks.
const (
	CheckCounters   = "counters"
	CheckClock      = "steady-clock"
	CheckThrottling = "throttling"
	CheckNeighbours = "neighbours"
	CheckSteal      = "steal"
	CheckMemory     = "memory"
	CheckWork       = "work"
	CheckRepeats    = "repeats"
	CheckGovernor   = "governor"
)

// Limits of the checks. A host beyond the first is looked at again, one beyond
// the second is not fit; docs/bench.md says where they are from.
const (
	spreadWarn, spreadFail = 0.02, 0.05 // of a CPU's speed, standard deviation
	slowWarn, slowFail     = 0.03, 0.08 // from the first third to the last
	unevenWarn             = 0.10       // one CPU behind the middle one; hybrid processors are
	lostWarn, lostFail     = 0.02, 0.10 // of a CPU's time while all were to work
	busyWarn, busyFail     = 0.02, 0.10 // of the idle machine's time
	stealWarn, stealFail   = 0.005, 0.03
	repeatsWarn            = 0.03      // spread of the same cell
	idlePart, mostPart     = 0.01, 2.0 // of the TDP: what an idle socket draws at least, and a busy one at most
)

// Examine judges a host by what was seen of it.
func Examine(s Seen) []report.HostCheck {
	return []report.HostCheck{
		s.work(), s.counters(), s.clock(), s.throttling(), s.neighbours(), s.steal(), s.memory(), s.repeats(), s.governor(),
	}
}

// Fit is the verdict: false where a check failed, null where one that matters
// could not be made.
func Fit(checks []report.HostCheck) (fit *bool, verdict string) {
	var failed, unknown, warned []string
	for _, c := range checks {
		switch c.Outcome {
		case report.CheckFail:
			failed = append(failed, c.Name)
		case report.CheckUnknown:
			unknown = append(unknown, c.Name)
		case report.CheckWarn:
			warned = append(warned, c.Name)
		}
	}
	yes, no := true, false
	switch {
	case failed != nil:
		return &no, "this host is not fit: " + strings.Join(failed, ", ")
	case unknown != nil:
		return nil, "it can't be told whether this host is fit: " + strings.Join(unknown, ", ")
	case warned != nil:
		return &yes, "this host is fit, but look at: " + strings.Join(warned, ", ")
	}
	return &yes, "this host is fit"
}

func pass(name, format string, args ...any) report.HostCheck {
	return report.HostCheck{Name: name, Outcome: report.CheckPass, Message: fmt.Sprintf(format, args...)}
}

// graded is a share that is warned of beyond the first limit and fails beyond the
// second.
func graded(name string, v, warn, fail float64, advice, format string, args ...any) report.HostCheck {
	c := pass(name, format, args...)
	switch {
	case math.IsNaN(v):
		c.Outcome, c.Advice = report.CheckUnknown, advice
	case v > fail:
		c.Outcome, c.Advice = report.CheckFail, advice
	case v > warn:
		c.Outcome, c.Advice = report.CheckWarn, advice
	}
	return c
}

func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }

// work says whether the host computes what it should.
func (s Seen) work() report.HostCheck {
	sums := map[string]string{} // checksum by application and workers
	good := 0
	for _, c := range s.Cells {
		if c.Status != report.CellOK {
			return report.HostCheck{Name: CheckWork, Outcome: report.CheckFail, Message: fmt.Sprintf("%s: %s: %s", c.ID, c.Status, c.Reason), Advice: "see what the message says; energyprobe bench matrix runs a single application"}
		}
		good++
		if c.Work == nil {
			continue
		}
		key := fmt.Sprint(c.Application, c.Workers)
		if before, there := sums[key]; there && before != c.Work.Checksum {
			return report.HostCheck{Name: CheckWork, Outcome: report.CheckFail, Message: fmt.Sprintf("%s with %d workers came to %s and to %s: the same work has one result", c.Application, c.Workers, before, c.Work.Checksum), Advice: "test the memory (memtester, edac-util) and take the host out of service"}
		}
		sums[key] = c.Work.Checksum
	}
	if good == 0 {
		return report.HostCheck{Name: CheckWork, Outcome: report.CheckUnknown, Message: "no work was done"}
	}
	return pass(CheckWork, "%d of %d pieces of work are right", good, len(s.Cells))
}

// counters says whether the host's energy can be believed.
func (s Seen) counters() report.HostCheck {
	c := report.HostCheck{Name: CheckCounters, Advice: "see what is missing: energyprobe doctor"}
	if s.Idle == nil || s.Idle.Source.Quality != energy.Measured {
		c.Outcome, c.Message = report.CheckUnknown, "there are no counters: joules are estimates"
		return c
	}
	idle, busy := s.Idle.Total.PowerW, s.mostPower()
	if idle == nil || busy == nil {
		c.Outcome, c.Message = report.CheckFail, "the counters do not say what the machine draws"
		return c
	}
	c = pass(CheckCounters, "%s: %.1f W idle, %.1f W at work", s.Idle.Source.Name, *idle, *busy)
	sockets := float64(max(1, s.Host.CPU.Sockets))
	tdp := s.Host.TDP.Value
	switch {
	case *idle <= 0:
		c.Outcome, c.Message = report.CheckFail, c.Message+": an idle machine draws something"
	case *busy <= *idle:
		c.Outcome, c.Message = report.CheckFail, c.Message+": work does not show"
	case tdp != nil && *idle < idlePart**tdp*sockets:
		c.Outcome, c.Message = report.CheckFail, fmt.Sprintf("%s: less than %.0f %% of the TDP (%.0f W)", c.Message, 100*idlePart, *tdp*sockets)
	case tdp != nil && *busy > mostPart**tdp*sockets:
		c.Outcome, c.Message = report.CheckFail, fmt.Sprintf("%s: more than %.0f times the TDP (%.0f W)", c.Message, mostPart, *tdp*sockets)
	}
	if c.Outcome != report.CheckPass {
		c.Advice = "compare the interfaces: energyprobe run --cross-check --all --duration 10s"
	}
	return c
}

// mostPower is the largest power of the machine over a cell.
func (s Seen) mostPower() *float64 {
	var most *float64
	for _, c := range s.Cells {
		for _, e := range c.Energy {
			if e.Method == report.MethodMachine && e.PowerW != nil && (most == nil || *e.PowerW > *most) {
				most = e.PowerW
			}
		}
	}
	return most
}

func (s Seen) clock() report.HostCheck {
	spread, slow, uneven := s.Steady.Spread(), s.Steady.Slowdown(), s.Steady.Uneven()
	c := graded(CheckClock, spread, spreadWarn, spreadFail, "fix the clock while you compare hosts: cpupower frequency-set -g performance; and see to the cooling",
		"the speed of a CPU varies by %s, %s slower at the end than at the beginning", percent(spread), percent(max(0, slow)))
	if slow > slowFail {
		c.Outcome = report.CheckFail
	} else if slow > slowWarn && c.Outcome == report.CheckPass {
		c.Outcome = report.CheckWarn
	}
	if uneven > unevenWarn {
		c.Message += fmt.Sprintf("; one CPU is %s behind the others", percent(uneven))
		if c.Outcome == report.CheckPass {
			c.Outcome = report.CheckWarn
		}
	}
	if c.Outcome != report.CheckPass && c.Advice == "" {
		c.Advice = "see to the cooling and to power limits (turbostat, energyprobe doctor)"
	}
	return c
}

// sum adds a metric up over all cells; known is whether any has it.
func (s Seen) sum(names ...string) (total float64, known bool) {
	for _, c := range s.Cells {
		for _, name := range names {
			if m, there := c.Metrics[name]; there && m.Value != nil {
				total, known = total+*m.Value, true
			}
		}
	}
	return total, known
}

func (s Seen) throttling() report.HostCheck {
	n, known := s.sum("machine.throttle.core", "machine.throttle.package")
	if !known {
		if s.Host.Virtualization != "" && s.Host.Virtualization != "none" {
			return pass(CheckThrottling, "a guest does not see it; the clock was watched instead")
		}
		return pass(CheckThrottling, "the processor does not count it; the clock was watched instead")
	}
	return graded(CheckThrottling, n, 0, 0, "see to the cooling, then run this again", "CPUs were slowed %.0f times because they were too hot", n)
}

// neighbours are other programs, and whoever takes CPU time without being seen.
func (s Seen) neighbours() report.HostCheck {
	const advice = "stop what else runs (energyprobe run --all --duration 10s says what does), then run this again"
	busy := math.NaN()
	if s.Idle != nil {
		if m := s.Idle.Metrics["machine.cpu.utilization"]; m.Value != nil {
			busy = *m.Value
		}
	}
	lost := s.Steady.Lost()
	c := graded(CheckNeighbours, busy, busyWarn, busyFail, advice, "other programs had %s of the idle machine, and %s of a CPU that was to work", percent(busy), percent(lost))
	if lost > lostFail {
		c.Outcome, c.Advice = report.CheckFail, advice
	} else if lost > lostWarn && c.Outcome == report.CheckPass {
		c.Outcome, c.Advice = report.CheckWarn, advice
	}
	return c
}

func (s Seen) steal() report.HostCheck {
	stolen, known := s.sum("machine.cpu.steal")
	all := 0.0
	for _, c := range s.Cells {
		if c.DurationS != nil {
			all += *c.DurationS * float64(max(1, s.Host.CPU.Threads))
		}
	}
	if !known || all == 0 {
		return pass(CheckSteal, "there is no hypervisor that could take time")
	}
	return graded(CheckSteal, stolen/all, stealWarn, stealFail, "other guests of the same host take its time: ask for dedicated CPUs, or another host", "a hypervisor gave %s of the CPU time to others", percent(stolen/all))
}

func (s Seen) memory() report.HostCheck {
	swapped, known := s.sum("machine.memory.swap_in", "machine.memory.swap_out")
	if known && swapped > 0 {
		return report.HostCheck{Name: CheckMemory, Outcome: report.CheckFail, Message: fmt.Sprintf("%.1f MiB were swapped while work was done", swapped/(1<<20)), Advice: "stop what else uses memory, or give the host more"}
	}
	most := 0.0
	for _, c := range s.Cells {
		for _, i := range c.Invocations {
			if i.PeakMemoryBytes != nil {
				most = max(most, *i.PeakMemoryBytes)
			}
		}
	}
	return pass(CheckMemory, "nothing was swapped; a worker had %.0f MiB at most", most/(1<<20))
}

// repeats says whether the same work takes the same time.
func (s Seen) repeats() report.HostCheck {
	times := map[string][]float64{}
	for _, c := range s.Cells {
		if c.DurationS != nil {
			key := fmt.Sprintf("%s with %d workers", c.Application, c.Workers)
			times[key] = append(times[key], *c.DurationS)
		}
	}
	worst, where, n := 0.0, "", 0
	for key, v := range times {
		if d := stats.Describe(v); d.N > 1 && d.Spread > worst {
			worst, where = d.Spread, key
		}
		n = max(n, len(v))
	}
	if n < 2 {
		return pass(CheckRepeats, "every application was run once: run without --quick to see how much times vary")
	}
	return graded(CheckRepeats, worst, repeatsWarn, math.Inf(1), "comparisons on this host need more repetitions", "times vary by %s (%s)", percent(worst), where)
}

func (s Seen) governor() report.HostCheck {
	g := s.Host.CPU.Governor
	slow := []string{"powersave", "conservative", "ondemand", "schedutil"}
	switch {
	case g == "":
		return pass(CheckGovernor, "this host does not set its own clock")
	case slices.Contains(slow, g):
		return report.HostCheck{Name: CheckGovernor, Outcome: report.CheckWarn, Message: "the governor is " + g + ": the clock follows the load", Advice: "cpupower frequency-set -g performance, if hosts are to be compared"}
	}
	return pass(CheckGovernor, "the governor is %s", g)
}
