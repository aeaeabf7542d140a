package perfevent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Target is what counters count. Exactly one field is set.
type Target struct {
	// Waiting is a process that has yet to execute its command: counters start
	// with that execve and follow every child and thread.
	Waiting int
	// Running is a process that is already at work: counters start now, on all
	// of its threads and everything they start from here on.
	Running int
	// Cgroup is the path of a directory in the cgroup2 or the perf_event
	// hierarchy; CPUs are those to count on.
	Cgroup string
	// CPUs to count on, whatever runs there (with Cgroup: only that group).
	CPUs []int

	// WithoutCycles leaves cycles and instructions to somebody else, who counts
	// them already: see Provide.
	WithoutCycles bool
}

// event is one counter of a group.
type event struct {
	metric string
	typ    uint32
	config uint64
}

// The groups in which counters are scheduled. A group counts together or not
// at all, which keeps ratios honest; a group of all six would not fit beside
// the NMI watchdog on a processor with four counters, and then count nothing.
func eventGroups() [][]event {
	hw := func(metric string, config uint64) event {
		return event{metric, unix.PERF_TYPE_HARDWARE, config}
	}
	sw := func(metric string, config uint64) event {
		return event{metric, unix.PERF_TYPE_SOFTWARE, config}
	}
	return [][]event{
		{hw("cpu.cycles", unix.PERF_COUNT_HW_CPU_CYCLES), hw("cpu.instructions", unix.PERF_COUNT_HW_INSTRUCTIONS)},
		{hw("cpu.cache_references", unix.PERF_COUNT_HW_CACHE_REFERENCES), hw("cpu.cache_misses", unix.PERF_COUNT_HW_CACHE_MISSES)},
		{hw("cpu.branches", unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS), hw("cpu.branch_misses", unix.PERF_COUNT_HW_BRANCH_MISSES)},
		{sw("cpu.task_clock", unix.PERF_COUNT_SW_TASK_CLOCK), sw("cpu.context_switches", unix.PERF_COUNT_SW_CONTEXT_SWITCHES), sw("cpu.migrations", unix.PERF_COUNT_SW_CPU_MIGRATIONS)},
	}
}

// Counters are open counters of one target. Opening never fails as a whole:
// a counter that can't be had is known by its refusal.
type Counters struct {
	groups   []*group
	refused  map[string]*energy.Refusal // by metric
	left     func()                     // opens what was left to others
	provided map[string]float64
	by       string // who provided them
	userOnly bool
	hybrid   bool
}

// group is a set of events opened together, on one task or CPU.
type group struct {
	events []event
	fds    []int
	buf    []byte
}

// OpenCounters opens every counter it can get for the target.
func OpenCounters(root string, t Target) *Counters { return openCounters(root, t, eventGroups()) }

func openCounters(root string, t Target, wanted [][]event) *Counters {
	c := &Counters{refused: map[string]*energy.Refusal{}}
	flags, pids, cpus, closeTarget, err := t.resolve(root)
	defer closeTarget()
	if err != nil {
		for _, events := range wanted {
			c.refuse(events, err)
		}
		return c
	}
	pmus := corePMUs(root)
	c.hybrid = len(pmus) > 1
	for _, events := range wanted {
		if t.WithoutCycles && events[0].metric == "cpu.cycles" {
			c.left = func() {
				t.WithoutCycles = false
				more := openCounters(root, t, [][]event{events})
				c.groups, c.userOnly = append(c.groups, more.groups...), c.userOnly || more.userOnly
				maps.Copy(c.refused, more.refused)
			}
			continue
		}
		for _, pmuType := range pmus {
			for _, pid := range pids {
				for _, cpu := range cpus {
					g, err := c.openGroup(forPMU(events, pmuType), pid, cpu, flags, t.Waiting != 0)
					if err != nil {
						c.refuse(events, err)
						continue
					}
					c.groups = append(c.groups, g)
				}
			}
			if events[0].typ == unix.PERF_TYPE_SOFTWARE {
				break // software events do not depend on the PMU
			}
		}
	}
	return c
}

// Reset sets what was counted so far to zero: of a target that runs already,
// the window begins later than its counters.
func (c *Counters) Reset() {
	for _, g := range c.groups {
		// It can't fail on an open event; counting from earlier on would be all.
		_ = unix.IoctlSetInt(g.fds[0], unix.PERF_EVENT_IOC_RESET, unix.PERF_IOC_FLAG_GROUP)
	}
}

// OpenLeft opens what was left to somebody else, who has failed.
func (c *Counters) OpenLeft() {
	if c.left != nil {
		c.left()
		c.left = nil
	}
}

// Provide gives the values of metrics that were left to source.
func (c *Counters) Provide(source string, values map[string]float64) {
	c.by, c.provided = source, values
}

// resolve returns what perf_event_open wants to know of the target.
func (t Target) resolve(root string) (flags int, pids, cpus []int, closeTarget func(), err error) {
	flags, closeTarget = unix.PERF_FLAG_FD_CLOEXEC, func() {}
	switch {
	case t.Waiting != 0:
		return flags, []int{t.Waiting}, []int{-1}, closeTarget, nil
	case t.Running != 0:
		pids, err = threads(root, t.Running)
		return flags, pids, []int{-1}, closeTarget, err
	case t.Cgroup != "":
		fd, err := unix.Open(t.Cgroup, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, nil, nil, closeTarget, fmt.Errorf("open cgroup %s: %w", t.Cgroup, err)
		}
		return flags | unix.PERF_FLAG_PID_CGROUP, []int{fd}, t.CPUs, func() { unix.Close(fd) }, nil
	default:
		return flags, []int{-1}, t.CPUs, closeTarget, nil
	}
}

// threads lists the threads of a process.
func threads(root string, pid int) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(root, "/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, err
	}
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// corePMUs returns the types of the PMUs that generic hardware events go to:
// 0, the kernel's choice, or on a hybrid processor each kind of core's own
// (perf_event_open(2), PERF_PMU_TYPE_SHIFT).
func corePMUs(root string) []uint32 {
	var types []uint32
	for _, name := range []string{"cpu_core", "cpu_atom", "cpu_lowpower"} {
		n, err := readNumber(filepath.Join(root, "/sys/bus/event_source/devices", name, "type"), 32)
		if err == nil {
			types = append(types, uint32(n))
		}
	}
	if len(types) == 0 {
		return []uint32{0}
	}
	return types
}

func forPMU(events []event, pmuType uint32) []event {
	out := make([]event, len(events))
	for i, e := range events {
		if e.typ == unix.PERF_TYPE_HARDWARE {
			e.config |= uint64(pmuType) << 32
		}
		out[i] = e
	}
	return out
}

// openGroup opens the events as one group. Without the right to count in the
// kernel it counts user mode alone, and the metrics say so.
func (c *Counters) openGroup(events []event, pid, cpu, flags int, waiting bool) (*group, error) {
	g, err := openEvents(events, pid, cpu, flags, waiting, c.userOnly)
	if !c.userOnly && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)) {
		g, err2 := openEvents(events, pid, cpu, flags, waiting, true)
		if err2 == nil {
			c.userOnly = true
			return g, nil
		}
		if !errors.Is(err2, unix.EACCES) && !errors.Is(err2, unix.EPERM) {
			// Rights are checked before the event is looked for: with those
			// that user mode takes, it turns out not to be there at all.
			return nil, err2
		}
	}
	return g, err
}

func openEvents(events []event, pid, cpu, flags int, waiting, userOnly bool) (*group, error) {
	g := &group{events: events, buf: make([]byte, 8*(3+len(events)))}
	leader := -1
	for _, e := range events {
		attr := &unix.PerfEventAttr{
			Type: e.typ, Config: e.config, Size: unix.PERF_ATTR_SIZE_VER5,
			Read_format: unix.PERF_FORMAT_GROUP | unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
		}
		if cpu < 0 {
			attr.Bits |= unix.PerfBitInherit
		}
		if waiting && leader < 0 {
			attr.Bits |= unix.PerfBitDisabled | unix.PerfBitEnableOnExec
		}
		if userOnly {
			attr.Bits |= unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv
		}
		fd, err := perfEventOpen(attr, pid, cpu, leader, flags)
		if err != nil {
			g.close()
			return nil, err
		}
		if leader < 0 {
			leader = fd
		}
		g.fds = append(g.fds, fd)
	}
	return g, nil
}

func (c *Counters) refuse(events []event, err error) {
	for _, e := range events {
		if c.refused[e.metric] == nil {
			r := openRefusal("perf", "hardware counters", err)
			if e.typ == unix.PERF_TYPE_HARDWARE && errors.Is(r, energy.ErrAbsent) {
				r.Reason = "the kernel offers no such hardware counter here (a virtual machine without a virtual PMU, or a processor without the event)"
			}
			c.refused[e.metric] = r
		}
	}
}

// Refused returns why counters are missing, each reason once.
func (c *Counters) Refused() []*energy.Refusal {
	var out []*energy.Refusal
	seen := map[string]bool{}
	for _, events := range eventGroups() {
		for _, e := range events {
			if r := c.refused[e.metric]; r != nil && !seen[r.Reason] {
				seen[r.Reason] = true
				out = append(out, r)
			}
		}
	}
	return out
}

// Close closes the counters. It is safe on nil and twice.
func (c *Counters) Close() error {
	if c == nil {
		return nil
	}
	for _, g := range c.groups {
		g.close()
	}
	c.groups = nil
	return nil
}

func (g *group) close() {
	for _, fd := range g.fds {
		unix.Close(fd)
	}
	g.fds = nil
}

// count is what one counter holds: events counted, and how long it was wanted
// and actually scheduled, in nanoseconds.
type count struct {
	events, enabled, running uint64
	known                    bool
}

// scaled extends a count over the time the counter was not scheduled.
func (c count) scaled() float64 {
	if c.running == c.enabled {
		return float64(c.events)
	}
	return float64(c.events) * float64(c.enabled) / float64(c.running)
}

// read returns the group's counts. Children that ended are in them: the kernel
// adds an inherited counter to its parent's when its task exits.
func (g *group) read() ([]count, error) {
	n, err := unix.Read(g.fds[0], g.buf)
	if err != nil {
		return nil, os.NewSyscallError("read", err)
	}
	return parseGroup(g.buf[:n], len(g.events))
}

// parseGroup reads what PERF_FORMAT_GROUP with both times gives:
// nr, time_enabled, time_running, then nr values.
func parseGroup(b []byte, events int) ([]count, error) {
	if len(b) != 8*(3+events) {
		return nil, fmt.Errorf("perf group: %d bytes, want %d", len(b), 8*(3+events))
	}
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(b[8*i:]) }
	if word(0) != uint64(events) {
		return nil, fmt.Errorf("perf group: %d counters, want %d", word(0), events)
	}
	out := make([]count, events)
	for i := range out {
		out[i] = count{events: word(3 + i), enabled: word(1), running: word(2), known: true}
	}
	return out, nil
}
