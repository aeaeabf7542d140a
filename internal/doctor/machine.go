package doctor

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/msr"
)

func note(name, format string, args ...any) report.Check {
	return check(groupHost, name, report.Note, format, args...)
}

func fine(name, format string, args ...any) report.Check {
	return check(groupHost, name, report.Working, format, args...)
}

func (e examination) readContainer() finding {
	info := container.Detect(e.Root)
	f := finding{learnt: func(e *examination) { e.container = info }}
	if info.Inside() {
		f.checks = []report.Check{note("container", "%s (%s): rights given to the program count only where the container has them", info.Runtime, strings.Join(info.Evidence, "; "))}
	}
	return f
}

// virtualization reports whether the machine is real, and what its counters
// are worth if it is not.
func (e examination) virtualization() finding {
	v := e.topo.Virt
	switch {
	case v.Kind == "":
		return one(note("virtualization", "not known: no file tells either way"))
	case !v.IsVM():
		return one(fine("virtualization", "none (%s)", v.Evidence))
	}
	c := note("virtualization", "%s (%s)", v.Kind, v.Evidence)
	shown := false
	for _, a := range e.attempts() {
		if a.works {
			return finding{checks: []report.Check{c, note("virtual rapl",
				"the counters are the hypervisor's work, made from the host's (as by QEMU's rapl=true): take the joules for estimates, and do not calibrate against them")}}
		}
		shown = shown || len(a.refused) > 0 && !errors.Is(a.refused[0], energy.ErrAbsent)
	}
	if !shown {
		c.Detail += ": its hypervisor shows it no energy counter. Measure on the host, or on a machine of your own"
	}
	return one(c)
}

// filtering reports whether the processor blurs its counters against power
// side channels (INTEL-SA-00389), as the registers say, or its identity.
func (e examination) filtering() finding {
	const name = "energy filtering"
	on, known, detail := e.msr.filters, e.msr.filterKnown, e.msr.filterSeen
	if detail == "" {
		on, known, detail = msr.FilteringHint(e.topo.Identity)
	}
	switch {
	case on && known:
		return one(note(name, "on (%s): short measurements err by up to half. It goes with SGX, which the firmware's setup can switch off", detail))
	case on:
		return one(note(name, "probably on (%s): short measurements err by up to half. The source msr would tell for sure", detail))
	case known:
		return one(fine(name, "off (%s)", detail))
	}
	return one(note(name, "probably off (%s)", detail))
}

// processor reports threads that share cores, and CPUs that are off.
func (e examination) processor() finding {
	var checks []report.Check
	switch s := e.topo.SMT; {
	case s.Active:
		checks = append(checks, note("smt", "on: two threads of a core share its joules, and what one costs depends on the other"))
	case s.Known:
		checks = append(checks, fine("smt", "off%s", because(s.Control)))
	default:
		checks = append(checks, note("smt", "not known"))
	}
	if off := e.offline(); len(off) > 0 {
		c := note("offline CPUs", "%s of %d: a socket without any CPU online has no counter, and idles deeper or not", ranges(off), len(off)+len(e.topo.Online))
		checks = append(checks, c)
	}
	return finding{checks: checks}
}

func because(control string) string {
	if control == "" {
		return ""
	}
	return " (control: " + control + ")"
}

// offline returns the CPUs that are there and do not run. Possible ones are
// more: room for what could be plugged in.
func (e examination) offline() []int {
	present, err := topology.ParseCPUList(e.text("sys/devices/system/cpu/present"))
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(present, func(cpu int) bool { return slices.Contains(e.topo.Online, cpu) })
}

// ranges spells a list of CPUs as the kernel does: 0-3,8.
func ranges(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		part := strconv.Itoa(cpus[i])
		if j > i {
			part += "-" + strconv.Itoa(cpus[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// frequency reports who decides on the clock.
func (e examination) frequency() finding {
	f := e.topo.Freq
	if len(f.Drivers) == 0 && len(f.Governors) == 0 {
		return one(note("governor", "no cpufreq: firmware or hypervisor decide on the clock"))
	}
	governors, driver := strings.Join(f.Governors, ", "), strings.Join(f.Drivers, ", ")
	var checks []report.Check
	if governors == "performance" {
		checks = append(checks, fine("governor", "performance"))
	} else {
		checks = append(checks, note("governor", "%s: the clock follows the load, and joules of short runs with it; for comparisons fix it (cpupower frequency-set -g performance)", orNone(governors)))
	}
	checks = append(checks, note("cpufreq driver", "%s", orNone(driver)))
	if c, ok := e.boost(); ok {
		checks = append(checks, c)
	}
	return finding{checks: checks}
}

// boost reports clocks above the nominal one (Documentation/admin-guide/pm:
// intel_pstate's no_turbo, cpufreq's boost).
func (e examination) boost() (report.Check, bool) {
	const dir = "sys/devices/system/cpu/"
	file, on := dir+"intel_pstate/no_turbo", false
	switch v := e.text(file); v {
	case "0", "1":
		on = v == "0"
	default:
		file = dir + "cpufreq/boost"
		v = e.text(file)
		if v != "0" && v != "1" {
			return report.Check{}, false
		}
		on = v == "1"
	}
	if on {
		return note("boost", "on (%s): joules depend on heat and on neighbours; off makes runs comparable", e.path(file)), true
	}
	return fine("boost", "off (%s)", e.path(file)), true
}

// watchdog reports the kernel's watchdog for hard lockups, which keeps one
// hardware counter per CPU for itself (kernel/watchdog_perf.c).
func (e examination) watchdog() finding {
	v, ok := e.number("proc/sys/kernel/nmi_watchdog")
	switch {
	case !ok:
		return finding{}
	case v == 0 || e.cycles == report.Absent:
		return one(fine("nmi watchdog", "kernel.nmi_watchdog is %d: it holds no hardware counter", v))
	}
	return one(treat(note("nmi watchdog", "kernel.nmi_watchdog is %d: it holds one hardware counter of every CPU, so the others may have to take turns", v),
		e.onHost("sudo sysctl kernel.nmi_watchdog=0")))
}

// clock reports the clock that time stamps come from, and sleep.
func (e examination) clock() finding {
	var checks []report.Check
	const dir = "sys/devices/system/clocksource/clocksource0/"
	switch c := e.text(dir + "current_clocksource"); {
	case c == "":
	case slices.Contains(quickClocks, c):
		checks = append(checks, fine("clocksource", "%s: read without a system call", c))
	default:
		checks = append(checks, note("clocksource", "%s: a time stamp takes about a microsecond, a hundred times what tsc takes (available: %s)", c, orNone(e.text(dir+"available_clocksource"))))
	}
	if slept := e.kernel.slept(); slept > time.Second {
		checks = append(checks, note("suspended", "%v since boot: a measurement across a suspend has a gap", slept.Round(time.Second)))
	}
	return finding{checks: checks}
}

// quickClocks are those that the vDSO reads in user mode
// (arch/x86/include/asm/vdso/clocksource.h and its like).
var quickClocks = []string{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource", "tod", "timebase"}

// steal reports CPU time that the hypervisor gave to others, since boot.
func (e examination) steal() finding {
	line, _, _ := strings.Cut(e.text("proc/stat"), "\n")
	part, ok := stolen(line)
	switch {
	case !ok:
		return finding{}
	case part < 0.001:
		if !e.topo.Virt.IsVM() {
			return finding{}
		}
		return one(fine("steal", "%.2g %% of the CPU time since boot went to other guests", part*100))
	}
	return one(note("steal", "%.2g %% of the CPU time since boot went to other guests: times and joules depend on them", part*100))
}

// stolen returns the share of steal in the first line of /proc/stat: "cpu user
// nice system idle iowait irq softirq steal guest guest_nice" (proc_stat(5)).
// Guest times are part of user and nice.
func stolen(line string) (part float64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, false
	}
	var sum, steal float64
	for i, f := range fields[1:9] {
		v, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, false
		}
		sum += float64(v)
		if i == 7 {
			steal = float64(v)
		}
	}
	if sum == 0 {
		return 0, false
	}
	return steal / sum, true
}

// pollLimit is the longest time between two readings whatever the counters'
// range: that of a run.
const pollLimit = 5 * time.Second

// polling reports how often a run reads the counters so that no wrap goes
// unseen.
func (e examination) polling() finding {
	name, measures := e.best()
	if !measures {
		return finding{}
	}
	for _, a := range e.attempts() {
		if a.name != name {
			continue
		}
		why := "a quarter of the time in which its fastest counter can wrap"
		if a.poll == pollLimit {
			why = "more often than its counters can wrap"
		}
		return one(fine("polling", "a run through %s reads at least every %v, whatever --interval says: %s", name, a.poll.Round(time.Millisecond), why))
	}
	return finding{}
}
