package output

import (
	"fmt"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// headline is a metric that the compact blocks show.
type headline struct{ name, label string }

// The metrics a reader asks for first, in the order of the two columns. All
// others are in JSON and CSV.
var counterHeadlines = [...]headline{
	{"cpu.cycles", "cycles"}, {"cpu.instructions", "instructions"},
	{"cpu.ipc", "instructions/cycle"}, {"cpu.frequency", "frequency"},
	{"cpu.cache_miss_ratio", "cache misses"}, {"cpu.branch_miss_ratio", "branch misses"},
	{"cpu.time", "CPU time"}, {"cpu.task_clock", "task clock"},
	{"cpu.user", "user"}, {"cpu.system", "system"},
	{"cpu.context_switches", "context switches"}, {"cpu.migrations", "CPU migrations"},
	{"memory.faults_minor", "minor page faults"}, {"memory.faults_major", "major page faults"},
	{"memory.rss_peak", "peak memory"}, {"io.written", "written to disk"},
}

var energyHeadlines = [...]headline{
	{"energy.per_instruction", "per instruction"}, {"energy.per_cycle", "per cycle"},
	{"energy.per_cpu_second", "per CPU second"}, {"energy.delay_product", "energy-delay"},
}

// facts formats the headlines that r has. Those without a value show "-"; why
// is in unknowns.
func facts(r *report.Run, headlines []headline) []fact {
	var out []fact
	for _, h := range headlines {
		m, ok := r.Metrics[h.name]
		if !ok {
			continue
		}
		out = append(out, fact{h.label, metricText(h.name, m)})
	}
	return out
}

func metricText(name string, m report.Metric) string {
	if m.Value == nil {
		return "-"
	}
	v := *m.Value
	s := inUnit(v, m.Unit)
	switch name {
	case "cpu.cache_miss_ratio", "cpu.branch_miss_ratio", "machine.cpu.utilization":
		s = percent(v)
	case "cpu.ipc", "cpu.utilization", "machine.load1", "machine.run_queue.mean":
		s = fixed(v, 2)
	case "energy.per_cpu_second":
		s = quantity(v, "J", 3)
	}
	if m.Quality == energy.Estimated {
		s = "≈ " + s
	}
	return s
}

// unknowns lists the headlines without a value by the reason they share, one
// line each: "cycles, instructions: no hardware PMU in this guest".
func unknowns(r *report.Run, headlines ...headline) []string {
	var order []string
	labels := map[string][]string{}
	for _, h := range headlines {
		m, ok := r.Metrics[h.name]
		if !ok || m.Value != nil {
			continue
		}
		reason := rootReason(r.Metrics, h.name)
		if labels[reason] == nil {
			order = append(order, reason)
		}
		labels[reason] = append(labels[reason], h.label)
	}
	lines := make([]string, len(order))
	for i, reason := range order {
		lines[i] = strings.Join(labels[reason], ", ") + ": " + reason
	}
	return lines
}

// rootReason returns why a metric is not known. One that is computed from
// another says "cpu.cycles is not known"; the reason is then the other's.
func rootReason(metrics map[string]report.Metric, name string) string {
	reason := metrics[name].Reason
	for range 4 { // deeper than any metric is derived
		of, _, derived := strings.Cut(reason, " is not known")
		m, ok := metrics[of]
		if !derived || !ok || m.Reason == "" {
			break
		}
		reason = m.Reason
	}
	if reason == "" {
		return "no reason given"
	}
	return reason
}

// furtherMetrics counts the values of r that no block shows.
func furtherMetrics(r *report.Run) int {
	n := 0
	shown := map[string]bool{}
	for _, h := range counterHeadlines {
		shown[h.name] = true
	}
	for _, h := range energyHeadlines {
		shown[h.name] = true
	}
	for name, m := range r.Metrics {
		if m.Value != nil && !shown[name] {
			n++
		}
	}
	return n
}

// sourceText says where the joules come from.
func sourceText(r *report.Run) string {
	s := plain(r.Source.Name)
	if r.Source.Quality != "" {
		s += " (" + string(r.Source.Quality) + ")"
	}
	if u := r.Source.UpdateIntervalS; u != nil {
		s += ", counters refresh every " + quantity(*u, "s", 3)
	}
	if wraps := wrapsText(r); wraps != "" {
		s += ", " + wraps
	}
	if h := r.Host.Profile; h != nil {
		s += ", " + profileText(h)
	}
	return s
}

// profileText says which calibration the estimates lean on.
func profileText(h *report.HostProfile) string {
	s := fmt.Sprintf("host profile %s (grade %s, %s, calibrated %s against %s", plain(h.Path), plain(h.Grade), plain(h.Tier), h.CreatedAt.UTC().Format(time.DateOnly), plain(h.Source))
	if h.Forced {
		s += ", forced"
	}
	return s + ")"
}

// wrapsText says how often counters started again at 0 meanwhile.
func wrapsText(r *report.Run) string {
	n := 0
	for _, d := range r.Domains {
		n += d.Wraps
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 counter wrap corrected"
	}
	return count(float64(n)) + " counter wraps corrected"
}

// overheadText says what measuring cost.
func overheadText(r *report.Run) string {
	o := r.Overhead
	s := quantity(o.CPUS, "s", 3) + " of CPU time, " + quantity(o.WindowCPUS, "s", 3) + " of it meanwhile"
	if r.DurationS > 0 {
		s += " (" + percent(o.WindowCPUS/r.DurationS) + " of one CPU"
		switch tool := r.Attribution.ToolJ; {
		case tool != nil:
			s += ", " + quantity(*tool, "J", 3) + " of the others' joules"
		case o.EnergyJ != nil:
			s += ", about " + quantity(*o.EnergyJ, "J", 2)
		}
		s += ")"
	}
	s += ", " + plural(o.Samples, "reading")
	if o.LatenessP99S != nil {
		s += ", 99 % of them less than " + quantity(*o.LatenessP99S, "s", 2) + " late"
	}
	if o.Missed > 0 {
		s += ", " + count(float64(o.Missed)) + " came too late and were left out"
	}
	return s
}

// plural counts things: "1 reading", "14 readings". A plural that is not
// formed with s brings its ending.
func plural(n int, noun string, ending ...string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(float64(n)) + " " + noun + strings.Join(append(ending, "s")[:1], "")
}

// hostText says on what machine.
func hostText(h report.Host) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if h.CPU.ModelName != "" {
		add("%s", h.CPU.ModelName)
	}
	if h.CPU.Sockets > 0 {
		add("%s, %s, %s", plural(h.CPU.Sockets, "socket"), plural(h.CPU.Cores, "core"), plural(h.CPU.Threads, "thread"))
	}
	if h.Kernel != "" {
		add("Linux %s", h.Kernel)
	}
	if h.Virtualization != "" && h.Virtualization != "none" {
		add("in %s", h.Virtualization)
	}
	return plain(strings.Join(parts, ", "))
}

// estimateText is what stands over an estimate.
const estimateText = "No energy counter was read. A power model computed these joules from " +
	"the CPU time and what is known of the processor; the true value can lie anywhere in the range."

// estimateTextPartly is for a total of measured and computed parts.
const estimateTextPartly = "Part of the total is computed by a power model, not measured; " +
	"the true value can lie anywhere in the range."

func estimateNote(r *report.Run) string {
	for _, d := range r.Domains {
		if d.InTotal && d.Quality != energy.Estimated && d.EnergyJ != nil {
			return estimateTextPartly
		}
	}
	return estimateText
}
