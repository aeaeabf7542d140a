package bpfprog

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// domains is how many domains a place has in the kernel: all but the platform.
const domains = int(energy.PSys)

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

// Follow says whose energy is asked for: the process or group and all it
// starts from here on, and what it has started already.
func (t *Tracker) Follow(target Target) error {
	err := errors.Join(t.objects.Root.Set(uint32(target.PID)), t.objects.RootCgroup.Set(target.Cgroup), t.objects.WholeMachine.Set(target.Machine))
	if err == nil {
		err = t.iterate(t.objects.Adopt, nil)
	}
	if err == nil {
		// Who runs now may have become somebody else's.
		err = t.Settle()
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
