// Package topology tells how a host's processors are arranged and what they
// are: sockets, dies, cores, threads, the CPU's identity, frequency control
// and virtualisation. Everything comes from files under a root, so a capture
// of another machine reads like the machine itself.
//
// A file that is missing takes away what it would have told and nothing else:
// numbers that are not known are -1, texts are "". Documentation of the files:
// Documentation/admin-guide/cputopology.rst and
// Documentation/ABI/stable/sysfs-devices-system-cpu in the kernel tree.
package topology

import "slices"

// Topology is the arrangement of a host's processors.
type Topology struct {
	Possible []int // logical CPUs the kernel has room for, ascending
	Online   []int // logical CPUs that run
	CPUs     []CPU // one per possible CPU, ascending; an offline one tells its number only
	SMT      SMT
	Identity Identity
	Freq     Frequency
	Virt     Virtualization
}

// CPU is one logical CPU: a hardware thread.
type CPU struct {
	ID       int
	Online   bool
	Socket   int   // physical_package_id, -1 unknown
	Die      int   // die_id within the socket, -1 unknown
	Core     int   // core_id within the socket (within the die on some kernels), -1 unknown
	Siblings []int // online threads of the same core, itself included; nil unknown
}

// SMT is the state of simultaneous multithreading.
type SMT struct {
	// Control is the kernel's word: on, off, forceoff, notsupported,
	// notimplemented; "" where the kernel has no such file.
	Control string
	// Active says that some core runs more than one thread now.
	Active bool
	Known  bool // false: Active could not be learnt
}

// Frequency is the state of cpufreq. Both are empty where there is none.
type Frequency struct {
	Drivers   []string // intel_pstate, acpi-cpufreq, ...: distinct, sorted
	Governors []string // performance, schedutil, ...: distinct, sorted
}

// Sockets returns the sockets that have an online CPU, ascending. It is empty
// when the host does not tell.
func (t *Topology) Sockets() []int {
	return t.distinct(func(c CPU) (int, bool) { return c.Socket, c.Socket >= 0 })
}

// Dies returns the dies of a socket that have an online CPU, ascending. It is
// empty when the host does not tell.
func (t *Topology) Dies(socket int) []int {
	return t.distinct(func(c CPU) (int, bool) { return c.Die, c.Socket == socket && c.Die >= 0 })
}

// CounterDie returns the die of a CPU whose energy counters are the die's own,
// -1 where they are the socket's: Intel's count per die, AMD's per socket
// (arch/x86/events/rapl.c, rapl_pmu_is_pkg_scope).
func (t *Topology) CounterDie(c CPU) int {
	if t.Identity.IsIntel() && len(t.Dies(c.Socket)) > 1 {
		return c.Die
	}
	return -1
}

// DiesPerSocket returns the largest number of dies of any socket, at least 1.
func (t *Topology) DiesPerSocket() int {
	n := 1
	for _, socket := range t.Sockets() {
		n = max(n, len(t.Dies(socket)))
	}
	return n
}

func (t *Topology) distinct(key func(CPU) (int, bool)) []int {
	var keys []int
	for _, c := range t.CPUs {
		if k, ok := key(c); ok && c.Online {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Cores returns the number of physical cores with an online thread, or 0 when
// the host does not tell.
func (t *Topology) Cores() int {
	type place struct{ socket, die, core int }
	seen := make(map[place]bool)
	for _, c := range t.CPUs {
		switch {
		case !c.Online:
		case len(c.Siblings) > 0:
			// The sibling list is the surest: core_id repeats across dies on
			// some machines and is -1 on others.
			seen[place{-1, -1, c.Siblings[0]}] = true
		case c.Core >= 0:
			seen[place{c.Socket, c.Die, c.Core}] = true
		}
	}
	return len(seen)
}

// Threads returns the number of online logical CPUs.
func (t *Topology) Threads() int { return len(t.Online) }

// CPU returns the logical CPU with the given number.
func (t *Topology) CPU(id int) (CPU, bool) {
	i, ok := slices.BinarySearchFunc(t.CPUs, id, func(c CPU, id int) int { return c.ID - id })
	if !ok {
		return CPU{}, false
	}
	return t.CPUs[i], true
}

// FirstOnlineCPU returns the lowest online CPU of a socket, or of one of its
// dies; die -1 means any.
func (t *Topology) FirstOnlineCPU(socket, die int) (cpu int, ok bool) {
	for _, c := range t.CPUs {
		if c.Online && c.Socket == socket && (die < 0 || c.Die == die) {
			return c.ID, true
		}
	}
	return -1, false
}
