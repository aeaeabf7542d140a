package perfevent

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Cycles are counters of cycles and instructions of whole CPUs, for eBPF
// programs to read at every switch. They are pinned: a counter that shares its
// register would stand still for a part of the time.
type Cycles struct {
	Cycles, Instructions []int // descriptors by CPU, -1 where there is none
}

// OpenCycles opens them on every one of cpus, of which IDs are below n. It
// wants all or none: a weight that some CPUs lack says nothing. The error is a
// *energy.Refusal.
func OpenCycles(root string, cpus []int, n int) (*Cycles, error) {
	c := &Cycles{Cycles: filled(n), Instructions: filled(n)}
	pmus := corePMUs(root)
	for _, cpu := range cpus {
		var err error
		for _, pmu := range pmus {
			if err = c.open(cpu, pmu); err == nil {
				break
			}
		}
		if err != nil {
			c.Close()
			r := openRefusal("cycles", fmt.Sprintf("count cycles on CPU %d", cpu), err)
			if errors.Is(r, energy.ErrAbsent) {
				r.Reason = "the kernel offers no counter of cycles here (a virtual machine without a virtual PMU)"
			}
			return nil, r
		}
	}
	return c, nil
}

func filled(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = -1
	}
	return out
}

// open opens both counters on a CPU, as a group.
func (c *Cycles) open(cpu int, pmu uint32) error {
	leader := -1
	for i, config := range []uint64{unix.PERF_COUNT_HW_CPU_CYCLES, unix.PERF_COUNT_HW_INSTRUCTIONS} {
		attr := &unix.PerfEventAttr{
			Type: unix.PERF_TYPE_HARDWARE, Config: config | uint64(pmu)<<32, Size: unix.PERF_ATTR_SIZE_VER5,
		}
		if leader < 0 {
			attr.Bits = unix.PerfBitPinned
		}
		fd, err := perfEventOpen(attr, -1, cpu, leader, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return err
		}
		if leader = fd; i == 0 {
			c.Cycles[cpu] = fd
		} else {
			c.Instructions[cpu] = fd
		}
	}
	var b [8]byte
	if n, err := unix.Read(c.Cycles[cpu], b[:]); err != nil || n != len(b) {
		// A pinned event that finds no register is in error, and reads nothing.
		return fmt.Errorf("the counter is taken by another user: %w", unix.EBUSY)
	}
	return nil
}

// Close closes the counters. It is safe on nil and twice.
func (c *Cycles) Close() error {
	if c == nil {
		return nil
	}
	for _, fds := range [][]int{c.Cycles, c.Instructions} {
		for i, fd := range fds {
			if fd >= 0 {
				unix.Close(fd)
				fds[i] = -1
			}
		}
	}
	return nil
}
