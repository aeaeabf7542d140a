package bpfprog

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// domains is how many domains a place has in the kernel: all but the platform.
const domains = int(energy.PSys)

// kernelTick is what the kernel counts in where user space gives the joules:
// 2^-32 J, the power PMU's own unit.
const kernelTick = 1.0 / (1 << 32)

// fraction is 2^FRACTION of src/usage.bpf.c.
const fraction = 1 << 4

// Options say what to account for. The descriptors stay the caller's.
type Options struct {
	Places   []energy.Place
	CPUs     int   // possible CPUs of the machine
	Siblings []int // by CPU, the other thread of its core, -1 for none; nil where cores have one thread
	Rho      float64
	Tool     int  // process whose threads are the tool's, 0 for this one
	Threads  bool // keep what each thread did beyond its end

	// Cycles and Instructions are perf events by CPU, -1 for none; nil where
	// no PMU counts them, and time weighs instead.
	Cycles, Instructions []int
	// Frequencies are the CPUs' present ones in kHz, where the kernel announces
	// their changes; nil where it does not. Time is weighed by them.
	Frequencies []uint32

	// For tests: pages of the ring and entries for past threads; and of records
	// that lie where their tasks' numbers say.
	room, rows uint32
}

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

// Target says whose energy is asked for. Exactly one field is set.
type Target struct {
	PID     int    // a process and all its descendants
	Cgroup  uint64 // inode of a cgroup2 directory: all that runs in and below it
	Machine bool   // every program
}

// What may be accounted for beside tasks: see Tracker.Has.
const (
	Interrupts = "interrupts"
	Idle       = "idle states"
	Frequency  = "frequencies"
	Thermal    = "thermal trips"
)

// Tracker is the kernel's account of all that runs.
type Tracker struct {
	o       Options
	power   atomic.Pointer[Power] // nil: joules are given to Interval
	objects usageObjects
	links   []link.Link
	at      []energy.Instant // by place: when user space last ended an interval
	ticks   []int
	ended   *ringbuf.Reader
	refused []*energy.Refusal
	has     map[string]bool

	mu      sync.Mutex
	procs   map[key]*energy.Process // that have ended
	threads map[key]*energy.Thread  // that have ended
	unswept map[key]bool            // processes of several threads that have ended: see sweep
	open    []debt
	dropped uint64
	stop    chan struct{}
	drained sync.WaitGroup
	buf     ringbuf.Record
}

// key is a process's identity.
type key struct {
	pid   uint32
	start uint64
}

// Open loads the programs, fitted to the running kernel, and attaches them:
// from here on everything is accounted for, as nobody's target. The error is a
// *energy.Refusal.
func Open(o Options) (*Tracker, error) {
	if len(o.Places) == 0 || len(o.Places) > 32 || o.CPUs > 1024 {
		return nil, refuse("account for this machine", fmt.Errorf("%d packages and %d CPUs: the programs take 1 to 32, and up to 1024", len(o.Places), o.CPUs))
	}
	if r := foreignPIDs(); r != nil {
		return nil, r
	}
	t := &Tracker{o: o, procs: map[key]*energy.Process{}, threads: map[key]*energy.Thread{}, unswept: map[key]bool{}, has: map[string]bool{}, stop: make(chan struct{}), at: make([]energy.Instant, len(o.Places))}
	if t.o.Rho == 0 {
		t.o.Rho = attribute.DefaultRho
	}
	if t.o.Tool == 0 {
		t.o.Tool = os.Getpid()
	}
	if err := t.load(); err != nil {
		return nil, errors.Join(refuse("load the eBPF programs", err), t.Close())
	}
	if err := t.prepare(); err != nil {
		return nil, errors.Join(refuse("set up the eBPF programs", err), t.Close())
	}
	if err := t.attach(); err != nil {
		return nil, errors.Join(refuse("attach the eBPF programs", err), t.Close())
	}
	t.drained.Go(t.drain)
	return t, nil
}

// rows is ROWS of src/usage.bpf.c. Each has room for the accounts of all places,
// and they shall not take more than maxRowBytes: then there are fewer.
const (
	rows        = 1 << 14
	maxRowBytes = 8 << 20
)

// load loads what src/usage.bpf.c has, with maps as large as this machine is.
func (t *Tracker) load() error {
	spec, err := loadUsage()
	if err != nil {
		return err
	}
	n := uint32(len(t.o.Places))
	spec.Maps["cpus"].MaxEntries = uint32(t.o.CPUs)
	spec.Maps["cycles"].MaxEntries = uint32(t.o.CPUs)
	spec.Maps["instructions"].MaxEntries = uint32(t.o.CPUs)
	spec.Maps["places"].MaxEntries = n
	spec.Maps["rates"].MaxEntries *= n
	for _, name := range []string{"power_package", "power_core", "power_uncore", "power_dram"} {
		spec.Maps[name].MaxEntries = n
	}
	spec.Maps["ended"].MaxEntries = 4 << 20
	if t.o.room > 0 {
		spec.Maps["ended"].MaxEntries, spec.Maps["past"].MaxEntries = t.o.room*uint32(os.Getpagesize()), t.o.room
	}
	// The accounts follow the record, which the type description leaves open.
	tasks := spec.Maps["tasks"]
	tasks.ValueSize += n * accountSize
	if record, ok := tasks.Value.(*btf.Struct); ok {
		record.Size = tasks.ValueSize
	}
	for _, name := range []string{"past", "nothing", "rows"} {
		spec.Maps[name].ValueSize = tasks.ValueSize
		spec.Maps[name].Value = nil
	}
	spec.Maps["rows"].MaxEntries = min(rows, maxRowBytes/tasks.ValueSize)
	if t.o.rows > 0 {
		spec.Maps["rows"].MaxEntries = t.o.rows
	}
	set := map[string]any{
		"n_cpus": uint32(t.o.CPUs), "n_places": n, "tool": uint32(t.o.Tool),
		"use_cycles": t.o.Cycles != nil, "use_siblings": t.o.Siblings != nil, "use_frequency": t.o.Frequencies != nil,
		"thread_lines": t.o.Threads,
		"half_rho":     uint32(math.Round(t.o.Rho / 2 * 1024)),
	}
	for name, value := range set {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	all, err := loadAll(spec)
	if err != nil {
		return err
	}
	defer all.Close() // what has not become the tracker's
	return all.Assign(&t.objects)
}

// prepare fills the maps that describe the machine.
func (t *Tracker) prepare() error {
	n := uint32(len(t.o.Places))
	cpus := make([]usageCpu, t.o.CPUs)
	for i := range cpus {
		// Until something is known: time, or a cycle per ns.
		cpus[i] = usageCpu{Place: n, Party: uint32(energy.Parties), Sibling: -1, FreqAt: uint64(energy.Now()), Rate: 1 << 16}
		if i < len(t.o.Siblings) {
			cpus[i].Sibling = int32(t.o.Siblings[i])
		}
		if i < len(t.o.Frequencies) {
			cpus[i].Freq = t.o.Frequencies[i]
		}
	}
	for k, p := range t.o.Places {
		for _, c := range p.CPUs {
			cpus[c].Place = uint32(k)
		}
		if err := t.objects.Places.Put(uint32(k), usagePlace{Cpus: uint64(len(p.CPUs))}); err != nil {
			return err
		}
	}
	for i := range cpus {
		if err := t.objects.Cpus.Put(uint32(i), cpus[i]); err != nil {
			return err
		}
	}
	var errs []error
	for i := range t.o.Cycles {
		errs = append(errs, put(t.objects.Cycles, i, t.o.Cycles[i]), put(t.objects.Instructions, i, t.o.Instructions[i]))
	}
	return errors.Join(errs...)
}

func put(m *ebpf.Map, i int, fd int) error {
	if fd < 0 {
		return nil
	}
	return m.Put(uint32(i), uint32(fd))
}

// attach puts the programs where they belong. Those that only add to the
// result may be missing.
func (t *Tracker) attach() error {
	on := func(p *ebpf.Program) error {
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err == nil {
			t.links = append(t.links, l)
		}
		return err
	}
	o := &t.objects
	if err := errors.Join(on(o.OnNewtask), on(o.OnExit), t.settleAll(), on(o.OnSwitch)); err != nil {
		return err
	}
	if err := t.iterate(o.Adopt, nil); err != nil {
		return err
	}
	type extra struct {
		what string
		p    *ebpf.Program
	}
	// The ends come first: a handler that is seen to begin is seen to end.
	extras := []extra{
		{"the ends of interrupts", o.OnIrqExit}, {"interrupts", o.OnIrq},
		{"the ends of softirqs", o.OnSoftirqExit}, {"softirqs", o.OnSoftirq},
		{Idle, o.OnIdle}, {Frequency, o.OnFrequency}, {Thermal, o.OnTrip},
	}
	if t.o.Cycles != nil || t.o.Frequencies != nil || t.o.Siblings != nil {
		extras = append(extras, extra{"what changes while a program runs on", o.OnTimer})
	}
	for _, x := range extras {
		if err := on(x.p); err != nil {
			t.refused = append(t.refused, refuse("account for "+x.what, err))
			continue
		}
		t.has[x.what] = true
	}
	return nil
}

// settleAll has every CPU account for what runs there up to now, and begins its
// first slice. A task that is never switched out would have no account.
func (t *Tracker) settleAll() error {
	for _, p := range t.o.Places {
		for _, c := range p.CPUs {
			if _, err := t.runOn(t.objects.SettleCpu, c, nil); err != nil {
				return fmt.Errorf("settle the account of CPU %d: %w", c, err)
			}
		}
	}
	return nil
}

// Settle accounts for what every CPU has run up to now. What runs on without a
// switch is in no account before.
func (t *Tracker) Settle() error { return t.settleAll() }

// anyCPU is the one that the caller is on: no other has to be interrupted.
const anyCPU = -1

// runOn runs a program once on a CPU and returns what it did.
func (t *Tracker) runOn(p *ebpf.Program, cpu int, ctx any) (uint32, error) {
	o := ebpf.RunOptions{Context: ctx}
	if cpu != anyCPU {
		o.Flags, o.CPU = 1, uint32(cpu) // BPF_F_TEST_RUN_ON_CPU
	}
	return p.Run(&o)
}

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

// Follow says whose energy is asked for: the process or group and all it
// starts from here on, and what it has started already.
func (t *Tracker) Follow(target Target) error {
	err := errors.Join(t.objects.Root.Set(uint32(target.PID)), t.objects.RootCgroup.Set(target.Cgroup), t.objects.WholeMachine.Set(target.Machine))
	if err == nil {
		err = t.iterate(t.objects.Adopt, nil)
	}
	if err == nil {
		// Who runs now may have become somebody else's.
		err = t.settleAll()
	}
	return err
}

// Refused lists what is not accounted for beside what is.
func (t *Tracker) Refused() []*energy.Refusal { return t.refused }

// Method says what weighs.
func (t *Tracker) Method() energy.Method {
	if t.o.Cycles != nil {
		return energy.ByCycles
	}
	return energy.ByTime
}

// InKernel reports whether intervals end in the kernel.
func (t *Tracker) InKernel() bool { return t.power.Load() != nil }

// Interval ends an interval on every place, as of an instant that has passed.
// Joules are ignored where the kernel reads the counters, and the instant too.
func (t *Tracker) Interval(at energy.Instant, joules [][energy.NumDomains]float64) error {
	for k := range t.o.Places {
		var j [energy.NumDomains]float64
		if t.power.Load() == nil {
			j = joules[k]
		}
		if _, err := t.IntervalOf(k, at, j); err != nil {
			return err
		}
	}
	return nil
}

// IntervalOf is Interval for one place. It reports false where the interval
// before ended later than that: the joules are the caller's to give again.
func (t *Tracker) IntervalOf(k int, at energy.Instant, joules [energy.NumDomains]float64) (ended bool, err error) {
	order := [7]uint64{uint64(k)}
	if p := t.power.Load(); p != nil {
		order[1] = 1
		return t.end(&order, p.Leaders[k]) // which alone can read them
	}
	// The kernel takes so many joules at a time: a machine that stood still for
	// a minute has more.
	pieces := 1
	for d := range domains {
		if j := joules[d]; j > most {
			pieces = max(pieces, int(math.Ceil(j/most)))
		}
	}
	from := t.at[k]
	if pieces > maxPieces || from == 0 {
		pieces = 1
	}
	for n := range pieces {
		for d := range domains {
			if j := joules[d]; j > 0 {
				order[2+d] = uint64(math.Round(j / float64(pieces) / kernelTick))
			}
		}
		order[6] = uint64(at)
		if n < pieces-1 {
			order[6] = uint64(from.Add(at.Sub(from) / time.Duration(pieces) * time.Duration(n+1)))
		}
		done, err := t.end(&order, anyCPU)
		if err != nil {
			return ended, err
		}
		ended = ended || done
	}
	if ended {
		t.at[k] = at
	}
	return ended, nil
}

// most is how many joules an interval takes, just below MOST of
// src/usage.bpf.c; what goes beyond falls to nobody.
const (
	most      = 2000.0
	maxPieces = 1000
)

func (t *Tracker) end(order *[7]uint64, cpu int) (bool, error) {
	done, err := t.runOn(t.objects.EndInterval, cpu, order)
	if err != nil {
		return false, fmt.Errorf("end an interval on package %d: %w", t.o.Places[order[0]].Socket, err)
	}
	return done == 1, nil
}

// drain takes ended processes out of the ring before it is full.
func (t *Tracker) drain() {
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-every.C:
			t.mu.Lock()
			t.collect()
			t.sweep()
			t.mu.Unlock()
		}
	}
}

// Close detaches and unloads everything. It is safe twice.
func (t *Tracker) Close() error {
	select {
	case <-t.stop:
		return nil
	default:
		close(t.stop)
	}
	t.drained.Wait()
	t.closeClocks()
	for _, l := range t.links {
		l.Close()
	}
	if t.ended != nil {
		t.ended.Close()
	}
	return t.objects.Close()
}
