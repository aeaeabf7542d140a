package bpfprog

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Power is how the kernel reads the places' counters.
type Power struct {
	// Events are perf events by place and domain, -1 for none, that count in
	// units of Ticks joules on the place's CPU of Leaders.
	Events  [][energy.NumDomains]int
	Ticks   [][energy.NumDomains]float64
	Leaders []int
	// Look is the time between two looks at the counters, by default
	// DefaultLook.
	Look time.Duration
}

// DefaultLook differs from the millisecond between two refreshes of a counter,
// so that looks find it at every age soon after one another, and what that
// blurs has no bias.
const DefaultLook = 900 * time.Microsecond

// Watch lets the kernel read the counters, and end an interval on every place
// whose counters it sees moved. A clock on the place's leader looks at them; it
// ticks on whether the CPU is idle or not.
func (t *Tracker) Watch(p Power) error {
	if p.Look == 0 {
		p.Look = DefaultLook
	}
	if err := t.watch(p); err != nil {
		t.closeClocks()
		return refuse("read the counters in the kernel", err)
	}
	t.power.Store(&p)
	return nil
}

func (t *Tracker) watch(p Power) error {
	for k := range p.Events {
		for d, m := range []*ebpf.Map{t.objects.PowerPackage, t.objects.PowerCore, t.objects.PowerUncore, t.objects.PowerDram} {
			if err := put(m, k, p.Events[k][d]); err != nil {
				return err
			}
		}
	}
	if err := t.objects.LookNs.Set(uint64(p.Look)); err != nil {
		return err
	}
	for _, cpu := range p.Leaders {
		if err := t.look(cpu, p.Look); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tracker) closeClocks() {
	for _, fd := range t.ticks {
		unix.Close(fd)
	}
	t.ticks = nil
}

func (t *Tracker) look(cpu int, every time.Duration) error {
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: unix.PERF_ATTR_SIZE_VER5,
		Sample: uint64(every), Bits: unix.PerfBitDisabled,
	}, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open a clock on CPU %d: %w", cpu, err)
	}
	t.ticks = append(t.ticks, fd)
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, t.objects.Tick.FD()); err != nil {
		return fmt.Errorf("attach to the clock of CPU %d: %w", cpu, err)
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		return fmt.Errorf("start the clock of CPU %d: %w", cpu, err)
	}
	return nil
}

// InKernel reports whether intervals end in the kernel.
func (t *Tracker) InKernel() bool { return t.power.Load() != nil }
