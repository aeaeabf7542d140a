package main

import "strings"

// pmu describes a PMU that counts energy.
type pmu struct {
	number  int // type
	cpumask string
	events  []string // energy-pkg, ...
}

// energyEvents are the events of arch/x86/events/rapl.c, and of power_core.
var energyEvents = map[string]string{
	"energy-cores": "event=0x01",
	"energy-pkg":   "event=0x02",
	"energy-ram":   "event=0x03",
	"energy-gpu":   "event=0x04",
	"energy-psys":  "event=0x05",
	"energy-core":  "event=0x01",
}

func powerPMU(l layout, group func(cpu) int, events string) *pmu {
	return &pmu{number: 9, cpumask: l.firsts(group), events: strings.Fields(events)}
}

func (h host) pmus(t tree) {
	if h.model.x86 && !strings.Contains(h.model.flags, "hypervisor") {
		const dir = "sys/devices/cpu"
		t.link("sys/bus/event_source/devices/cpu", dir)
		t.file(dir+"/type", 4)
		t.file(dir+"/events/cpu-cycles", "event=0x3c")
		t.file(dir+"/events/instructions", "event=0xc0")
		t.file(dir+"/format/event", "config:0-7")
	}
	const software = "sys/devices/software"
	t.link("sys/bus/event_source/devices/software", software)
	t.file(software+"/type", 1)
	h.pmu.write(t, "power")
	h.cores.write(t, "power_core")
}

func (p *pmu) write(t tree, name string) {
	if p == nil {
		return
	}
	dir := "sys/devices/" + name
	t.link("sys/bus/event_source/devices/"+name, dir)
	t.link(dir+"/subsystem", "sys/bus/event_source")
	t.file(dir+"/type", p.number)
	t.file(dir+"/cpumask", p.cpumask)
	t.file(dir+"/format/event", "config:0-7")
	for _, e := range p.events {
		t.file(dir+"/events/"+e, energyEvents[e])
		// 2^-32 J, whatever the register's unit (rapl.c, RAPL_EVENT_ATTR_STR).
		t.file(dir+"/events/"+e+".scale", "2.3283064365386962890625e-10")
		t.file(dir+"/events/"+e+".unit", "Joules")
	}
}
