package main

import (
	"fmt"
	"strings"
)

// host describes a machine.
type host struct {
	name, about string
	kernel      string // release
	cpus        layout
	model       model
	powercap    []zones // control types
	modules     []string
	pmu         *pmu
	cores       *pmu // AMD's power_core
	paranoid    int
	driver      string // cpufreq's scaling driver, "" for none
	governor    string
	vendor      string // DMI sys_vendor, "" for no DMI
	product     string
	clocks      string // available clock sources
	// change makes the host the special case it is there for.
	change func(tree)
}

func (h host) tree() tree {
	t := make(tree)
	t.file("proc/sys/kernel/osrelease", h.kernel)
	t.file("proc/sys/kernel/hostname", h.name)
	t.file("proc/sys/kernel/perf_event_paranoid", h.paranoid)
	t.file("proc/sys/kernel/kptr_restrict", 1)
	t.file("proc/sys/kernel/unprivileged_bpf_disabled", 2)
	t.file("proc/cpuinfo", h.model.cpuinfo(h.cpus))
	h.cpus.write(t)
	if h.model.x86 {
		t.file("sys/devices/system/cpu/modalias", h.model.modalias())
	}
	h.frequency(t)
	if h.vendor != "" {
		h.dmi(t)
	}
	if h.clocks != "" {
		t.file("sys/devices/system/clocksource/clocksource0/available_clocksource", h.clocks)
	}
	for _, m := range h.modules {
		t.file("sys/module/"+m+"/refcnt", 0)
	}
	if h.powercap != nil {
		writePowercap(t, h.powercap)
	}
	h.pmus(t)
	if h.change != nil {
		h.change(t)
	}
	return t
}

func (h host) dmi(t tree) {
	const id = "sys/devices/virtual/dmi/id"
	t.link("sys/class/dmi/id", id)
	t.file(id+"/sys_vendor", h.vendor)
	t.file(id+"/product_name", h.product)
	t.file(id+"/bios_vendor", h.vendor)
}

// frequency gives every online CPU a policy of its own, as intel_pstate and
// amd-pstate do.
func (h host) frequency(t tree) {
	if h.driver == "" {
		return
	}
	for _, c := range h.cpus.all() {
		if !c.online {
			continue
		}
		dir := fmt.Sprintf("%s/cpufreq/policy%d", cpuDir, c.id)
		t.link(fmt.Sprintf("%s/cpu%d/cpufreq", cpuDir, c.id), dir)
		t.file(dir+"/affected_cpus", c.id)
		t.file(dir+"/related_cpus", c.id)
		t.file(dir+"/scaling_driver", h.driver)
		t.file(dir+"/scaling_governor", h.governor)
		t.file(dir+"/scaling_cur_freq", h.model.mhz*1000)
		t.file(dir+"/scaling_min_freq", 800000)
		t.file(dir+"/scaling_max_freq", h.model.mhz*1400)
		t.file(dir+"/cpuinfo_min_freq", 800000)
		t.file(dir+"/cpuinfo_max_freq", h.model.mhz*1400)
	}
}

// model describes a processor, as /proc/cpuinfo shows it.
type model struct {
	x86       bool
	vendor    string
	family    int
	number    int
	stepping  int
	microcode string
	name      string
	mhz       int
	flags     string
	// other is what an architecture other than x86 prints for a CPU; %d is
	// the CPU's number. head and tail stand around all of them.
	head, other, tail string
}

func (m model) cpuinfo(l layout) string {
	var b strings.Builder
	b.WriteString(m.head)
	for _, c := range l.all() {
		if !c.online {
			continue
		}
		if !m.x86 {
			fmt.Fprintf(&b, m.other, c.id)
			continue
		}
		fmt.Fprintf(&b, "processor\t: %d\nvendor_id\t: %s\ncpu family\t: %d\nmodel\t\t: %d\nmodel name\t: %s\nstepping\t: %d\nmicrocode\t: %s\ncpu MHz\t\t: %d.000\n",
			c.id, m.vendor, m.family, m.number, m.name, m.stepping, m.microcode, m.mhz)
		fmt.Fprintf(&b, "physical id\t: %d\nsiblings\t: %d\ncore id\t\t: %d\ncpu cores\t: %d\n",
			c.socket, l.dies*l.cores*l.threads, c.core, l.dies*l.cores)
		fmt.Fprintf(&b, "flags\t\t: %s\npower management:\n\n", m.flags)
	}
	b.WriteString(m.tail)
	return b.String()
}

func (m model) modalias() string {
	vendors := map[string]int{"GenuineIntel": 0, "AuthenticAMD": 2}
	s := fmt.Sprintf("cpu:type:x86,ven%04Xfam%04Xmod%04X:feature:,0000,0001,0002", vendors[m.vendor], m.family, m.number)
	if strings.Contains(m.flags, "hypervisor") {
		s += ",009F"
	}
	return s + ",00C0"
}
