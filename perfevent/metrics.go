package perfevent

import (
	"errors"
	"fmt"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Metrics reads the counters and returns every metric they make, the missing
// ones with the reason.
func (c *Counters) Metrics() []energy.Metric {
	counts, errs := c.counts()
	source := "perf"
	if c.userOnly {
		source = "perf (user mode only)"
	}
	values := map[string]float64{}
	var out []energy.Metric
	for _, events := range eventGroups() {
		for _, e := range events {
			if v, ok := c.provided[e.metric]; ok {
				values[e.metric] = v
				out = append(out, energy.KnownMetric(e.metric, v, c.by))
				continue
			}
			v, reason := c.value(e.metric, counts[e.metric], errs[e.metric])
			if e.metric == "cpu.task_clock" {
				v /= 1e9
			}
			if reason != "" {
				out = append(out, energy.UnknownMetric(e.metric, source, reason))
				continue
			}
			values[e.metric] = v
			out = append(out, energy.KnownMetric(e.metric, v, source))
		}
	}
	for _, r := range []struct{ name, over, under string }{
		{"cpu.ipc", "cpu.instructions", "cpu.cycles"},
		{"cpu.cache_miss_ratio", "cpu.cache_misses", "cpu.cache_references"},
		{"cpu.branch_miss_ratio", "cpu.branch_misses", "cpu.branches"},
		{"cpu.frequency", "cpu.cycles", "cpu.task_clock"},
	} {
		out = append(out, ratio(r.name, source, values, r.over, r.under))
	}
	return out
}

func ratio(name, source string, values map[string]float64, over, under string) energy.Metric {
	for _, part := range []string{over, under} {
		if _, ok := values[part]; !ok {
			return energy.UnknownMetric(name, source, part+" is not known")
		}
	}
	if values[under] == 0 {
		return energy.UnknownMetric(name, source, under+" is 0")
	}
	return energy.KnownMetric(name, values[over]/values[under], source)
}

// counts adds up the counters of each metric: over threads, CPUs and, on a
// hybrid processor, kinds of cores.
func (c *Counters) counts() (map[string][]count, map[string]error) {
	counts, errs := map[string][]count{}, map[string]error{}
	for _, g := range c.groups {
		got, err := g.read()
		for i, e := range g.events {
			if err != nil {
				errs[e.metric] = err
				continue
			}
			counts[e.metric] = append(counts[e.metric], got[i])
		}
	}
	return counts, errs
}

// value adds counts, extended over the time they were not scheduled.
func (c *Counters) value(metric string, counts []count, err error) (sum float64, reason string) {
	switch {
	case err != nil:
		return 0, err.Error()
	case len(counts) == 0 && c.refused[metric] != nil:
		return 0, refusalText(c.refused[metric])
	}
	scheduled := false
	for _, n := range counts {
		switch {
		case n.enabled == 0 || n.running > 0:
			scheduled = true
		case c.hybrid:
			// An event of one kind of core does not run while the task is on
			// the other kind: that is no shortage of counters.
			scheduled = true
			continue
		}
		if c.hybrid || n.running == 0 {
			sum += float64(n.events)
		} else {
			sum += n.scaled()
		}
	}
	if !scheduled {
		return 0, "the counter was never scheduled: others hold the processor's counters (the NMI watchdog does: sysctl kernel.nmi_watchdog=0)"
	}
	return sum, ""
}

func refusalText(r *energy.Refusal) string {
	if r.Remedy == "" || errors.Is(r, energy.ErrAbsent) {
		return r.Reason
	}
	return fmt.Sprintf("%s (%s)", r.Reason, r.Remedy)
}

// Multiplexed reports whether some counter was scheduled for part of the time
// only, so that its value is extended, and for how large a part.
func (c *Counters) Multiplexed() (part float64, ok bool) {
	if c.hybrid {
		return 1, false
	}
	part = 1
	counts, _ := c.counts()
	for _, ns := range counts {
		for _, n := range ns {
			if n.enabled > 0 && n.running > 0 {
				part = min(part, float64(n.running)/float64(n.enabled))
			}
		}
	}
	return part, part < 0.99
}
