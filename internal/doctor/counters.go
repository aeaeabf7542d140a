package doctor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
)

// eventful are the metrics whose counters stand for their group.
var eventful = []struct{ name, metric, what string }{
	{"cycles", "cpu.cycles", "cycles and instructions"},
	{"cache events", "cpu.cache_references", "cache references and misses"},
	{"branch events", "cpu.branches", "branches and mispredicted ones"},
	{"software events", "cpu.task_clock", "task clock, context switches, migrations"},
}

// counters tries every group of events on this process, as run does on a
// command.
func (e examination) counters() finding {
	metrics, refusals := e.kernel.counters()
	f := finding{}
	cycles, improvable, told, denied := report.Broken, false, false, false
	for _, group := range eventful {
		for _, m := range metrics {
			if m.Name != group.metric {
				continue
			}
			c, limited := e.eventCheck(group.name, group.what, m, refusals)
			if told && len(c.Alternatives) > 0 {
				c.Alternatives = nil // the same as above: once is enough
			}
			told = told || len(c.Alternatives) > 0
			denied = denied || c.State == report.Forbidden
			if group.metric == "cpu.cycles" {
				cycles = c.State
			}
			improvable = improvable || limited
			f.checks = append(f.checks, c)
		}
	}
	f.learnt = func(e *examination) {
		e.cycles, e.eventsDenied = cycles, denied
		if improvable {
			e.useful(priv.Perfmon)
			e.wantsEvents = true
		}
	}
	return f
}

// eventCheck reports one group of events; limited says that CAP_PERFMON would
// make more of it.
func (e examination) eventCheck(name, what string, m energy.Metric, refusals []*energy.Refusal) (c report.Check, limited bool) {
	missing := e.allowEvents() != ""
	if m.Value != nil {
		c = check(groupCapabilities, name, report.Working, "%s: counted on this process, kernel included", what)
		if strings.Contains(m.Source, "user mode only") {
			c.Detail = what + ": counted on this process in user mode only, so what the kernel does for a command is left out"
			return treat(c, e.userModeRemedies()...), missing
		}
		return c, false
	}
	for _, r := range refusals {
		if !strings.HasPrefix(m.Reason, r.Reason) {
			continue
		}
		c = check(groupCapabilities, name, stateOf(r), "%s", r.Reason)
		if c.State == report.Forbidden && missing {
			c.Detail = fmt.Sprintf("%s: refused even on one's own processes (%v)", what, errors.Unwrap(r.Err))
			return treat(c, e.userModeRemedies()...), true
		}
		return treat(c, r.Remedy), false
	}
	return check(groupCapabilities, name, report.Broken, "%s", m.Reason), false
}

// userModeRemedies are the ways to counting one's own processes in the kernel
// too, for which kernel.perf_event_paranoid has to be 1 or less.
func (e examination) userModeRemedies() []string {
	remedies := []string{e.allowEvents()}
	if p := e.state.PerfEventParanoid; p != nil && *p > 1 {
		remedies = append(remedies, e.onHost("sudo sysctl kernel.perf_event_paranoid=1"))
	}
	return append(remedies, e.asRoot())
}
