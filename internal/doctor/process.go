package doctor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// gate tries the file in memory that holds a command until its counters are
// armed.
func (e examination) gate() finding {
	const name = "gate"
	err := e.kernel.gate()
	if err == nil {
		return one(check(groupCapabilities, name, report.Working, "a command can be held before its first instruction (memfd_create, execve)"))
	}
	var r *energy.Refusal
	if errors.As(err, &r) {
		return finding{checks: refused(groupCapabilities, name, r)}
	}
	c := check(groupCapabilities, name, report.Broken, "%v", err)
	if errors.Is(err, energy.ErrForbidden) || strings.Contains(err.Error(), "permission denied") {
		c.State = report.Forbidden
		if v, ok := e.number("proc/sys/vm/memfd_noexec"); ok && v > 0 {
			c.Detail += fmt.Sprintf("; vm.memfd_noexec is %d", v)
			c = treat(c, e.onHost("sudo sysctl vm.memfd_noexec=0"))
		}
	}
	return one(c)
}

func (e examination) subreaper() finding {
	if err := e.kernel.subreaper(); err != nil {
		return one(check(groupCapabilities, "subreaper", report.Broken, "%v: what a command leaves running is not waited for", err))
	}
	return one(check(groupCapabilities, "subreaper", report.Working, "processes that a command leaves behind are seen to their end"))
}

// cgroup reports how the host uses control groups.
func (e examination) cgroup() finding {
	groups, err := container.CgroupOf(e.Root, 0)
	if err != nil && !e.live() {
		groups, err = container.CgroupOf("/", 0)
	}
	if err != nil {
		return finding{checks: refused(groupCapabilities, "cgroup", err)}
	}
	mode := groups.Mode()
	controllers := strings.Join(strings.Fields(e.text("sys/fs/cgroup/cgroup.controllers")), " ")
	switch mode {
	case container.ModeNone:
		return one(check(groupCapabilities, "cgroup", report.Absent, "this process is in no control group: the kernel has none"))
	case container.ModeV2:
		path, _ := groups.V2()
		return one(check(groupCapabilities, "cgroup", report.Working, "version 2, controllers: %s; this process is in %s", orNone(controllers), path))
	}
	return one(check(groupCapabilities, "cgroup", report.Working, "version 1 (%s): a hierarchy per controller below %s", mode, e.path("sys/fs/cgroup")))
}

func orNone(s string) string {
	if s == "" {
		return "none seen"
	}
	return s
}

// attribution says which ways of splitting joules among processes this host
// allows, from the most exact to the least.
func (e examination) attribution() finding {
	of := ""
	if !e.perf.works && !e.powercap.works && !e.msr.works {
		of = "; there is no counter here to split"
	}
	return finding{checks: []report.Check{
		e.ebpfCycles(of), e.ebpfTime(of), e.byCgroup(of),
		check(groupAttribution, "proc", report.Working, "by the CPU time of every process in /proc%s", of),
	}}
}

func (e examination) ebpfCycles(of string) report.Check {
	const name = "ebpf-cycles"
	switch {
	case e.cycles == report.Absent:
		return check(groupAttribution, name, report.Absent, "there is no hardware counter of cycles")
	case !e.programs:
		return check(groupAttribution, name, e.programsState(), "BPF programs can't be loaded: see BPF and BTF")
	case e.cycles != report.Working:
		return check(groupAttribution, name, e.cycles, "cycles can't be counted: see cycles")
	}
	return check(groupAttribution, name, report.Working, "by cycles, at every switch of tasks%s", of)
}

func (e examination) ebpfTime(of string) report.Check {
	const name = "ebpf-time"
	if !e.programs {
		return check(groupAttribution, name, e.programsState(), "BPF programs can't be loaded: see BPF and BTF")
	}
	return check(groupAttribution, name, report.Working, "by time on CPU, at every switch of tasks%s", of)
}

// programsState is the state of what BPF programs are needed for.
func (e examination) programsState() report.CheckState {
	if e.programsDenied {
		return report.Forbidden
	}
	return report.Absent
}

func (e examination) byCgroup(of string) report.Check {
	const name = "cgroup"
	for _, f := range []string{"sys/fs/cgroup/cpu.stat", "sys/fs/cgroup/cpuacct/cpuacct.usage", "sys/fs/cgroup/cpu,cpuacct/cpuacct.usage"} {
		if e.exists(f) {
			return check(groupAttribution, name, report.Working, "by CPU time of control groups, in %s%s", e.path(f), of)
		}
	}
	return check(groupAttribution, name, report.Absent, "neither cpu.stat nor cpuacct.usage below %s", e.path("sys/fs/cgroup"))
}
