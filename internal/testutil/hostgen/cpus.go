package main

import (
	"fmt"
	"slices"

	"github.com/energyprobe/energyprobe/internal/topology"
)

const cpuDir = "sys/devices/system/cpu"

// layout describes how CPUs are arranged: dies per socket, cores per die,
// threads per core.
type layout struct {
	sockets, dies, cores, threads int
	offline                       []int
	noSysfs                       bool // no topology directories
}

type cpu struct {
	id, socket, die, core, thread int
	online                        bool
}

// all lists the CPUs as firmware numbers them: first every core's first
// thread, then the second ones.
func (l layout) all() []cpu {
	var all []cpu
	for thread := range l.threads {
		for socket := range l.sockets {
			for die := range l.dies {
				for core := range l.cores {
					id := len(all)
					all = append(all, cpu{id, socket, die, die*l.cores + core, thread, !slices.Contains(l.offline, id)})
				}
			}
		}
	}
	return all
}

// list returns the online CPUs that are like c in some way.
func (l layout) list(like func(cpu) bool) string {
	var ids []int
	for _, c := range l.all() {
		if c.online && like(c) {
			ids = append(ids, c.id)
		}
	}
	return topology.FormatCPUList(ids)
}

// firsts returns the first online CPU of each group.
func (l layout) firsts(group func(cpu) int) string {
	var ids []int
	seen := make(map[int]bool)
	for _, c := range l.all() {
		if c.online && !seen[group(c)] {
			seen[group(c)] = true
			ids = append(ids, c.id)
		}
	}
	slices.Sort(ids)
	return topology.FormatCPUList(ids)
}

func bySocket(c cpu) int { return c.socket }
func byDie(c cpu) int    { return c.socket<<16 | c.die }
func byCore(c cpu) int   { return c.socket<<16 | c.core }

func (l layout) write(t tree) {
	all := l.all()
	every := fmt.Sprintf("0-%d", len(all)-1)
	if len(all) == 1 {
		every = "0"
	}
	t.file(cpuDir+"/possible", every)
	t.file(cpuDir+"/present", every)
	t.file(cpuDir+"/online", l.list(func(cpu) bool { return true }))
	offline := topology.FormatCPUList(l.offline)
	if offline == "" {
		offline = "\n"
	}
	t.file(cpuDir+"/offline", offline)
	control, active := "notsupported", 0
	if l.threads > 1 {
		control, active = "on", 1
	}
	t.file(cpuDir+"/smt/control", control)
	t.file(cpuDir+"/smt/active", active)
	for _, c := range all {
		dir := fmt.Sprintf("%s/cpu%d", cpuDir, c.id)
		if c.id > 0 {
			state := 0
			if c.online {
				state = 1
			}
			t.file(dir+"/online", state)
		}
		if c.online && !l.noSysfs {
			l.topology(t, dir+"/topology/", c)
		}
	}
}

func (l layout) topology(t tree, dir string, c cpu) {
	t.file(dir+"physical_package_id", c.socket)
	t.file(dir+"die_id", c.die)
	t.file(dir+"core_id", c.core)
	same := l.list(func(o cpu) bool { return byCore(o) == byCore(c) })
	t.file(dir+"core_cpus_list", same)
	t.file(dir+"thread_siblings_list", same)
	t.file(dir+"die_cpus_list", l.list(func(o cpu) bool { return byDie(o) == byDie(c) }))
	t.file(dir+"package_cpus_list", l.list(func(o cpu) bool { return o.socket == c.socket }))
}
