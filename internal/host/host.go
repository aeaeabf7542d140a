// Package host samples everything beside the joules: processor time, memory,
// files, disks, network and heat, of the command's process tree, a cgroup and
// the machine. It answers every metric of the catalogue marked ByHost.
//
// # How values stand for the window
//
// Counters are read at Start and at Stop and subtracted. Gauges are read at
// every Tick and averaged over time by the trapezoid rule, so samples need
// not be evenly spaced; peaks are the largest sample unless the kernel keeps
// a mark of its own. A file that is missing, forbidden or malformed makes the
// metrics that need it null, with the reason, and no others. A counter that
// went backwards is null or its device is left out and named; nothing is ever
// negative.
//
// # How the tree's time is counted
//
// A process's CPU time, faults and bytes go exactly one way when it ends:
//
//	waited for by its parent   into the parent's "children" counters, and with
//	                           these to the grandparent, and so on
//	orphaned, then reaped by   the caller hands its rusage to Reaped
//	the caller (a subreaper)
//	parent ignores SIGCHLD     nowhere: the kernel drops it
//
// The rusage that wait4 gives for a process holds its own use and that of
// every descendant that was waited for, all the way down. A process that is
// alive, or orphaned, is by definition not in it yet. So
//
//	tree = rusage of the leader + rusage of each reaped orphan
//	     + own and children's counters of each process alive at Stop
//
// counts everything once. What the kernel drops is made up for as far as
// samples saw it: a process's children's counters are never taken to be less
// than what its vanished children had when last seen (see node.used).
//
// With a target that was running before, every process starts with its
// counters at Start as a baseline. When such a process ends and is waited
// for, its whole life lands in its parent's children counters: its baseline
// is then subtracted there too.
package host

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Target is what to measure beside the machine.
type Target struct {
	// PID is the root of the process tree, 0 for none.
	PID int
	// Own says that PID is a number of the caller's own PID namespace, so its
	// /proc is the running one whatever root is: in a container root is where
	// the host's files are mounted, and the same number is another process there.
	Own bool
	// Launched says that the caller forked PID, is a child subreaper
	// (PR_SET_CHILD_SUBREAPER), and reports every child that ends with Ending
	// and Reaped. Its other new children then belong to the tree.
	Launched bool
	// Cgroup is a control group, "" for none: a path below /sys/fs/cgroup,
	// below a controller's mount there, or as /proc/PID/cgroup shows it.
	Cgroup string
}

// Sampler measures one window. Its methods may be called from several
// goroutines. It keeps some files open until Stop.
type Sampler struct {
	mu      sync.Mutex
	root    string
	live    bool // root is the running system: PIDs are ours, clocks apply
	began   energy.Instant
	machine machine
	cgroup  *cgroup
	tree    *tree
	buf     []byte
	stopped bool
}

// New returns a sampler of the host under root, "" or "/" for the running
// one. It opens nothing.
func New(root string, t Target) *Sampler {
	s := &Sampler{live: root == "" || root == "/", buf: make([]byte, 16<<10)}
	if !s.live {
		s.root = root
	}
	s.machine.init(s.root)
	if t.Cgroup != "" {
		s.cgroup = newCgroup(s.root, t.Cgroup)
	}
	if t.PID != 0 {
		if t.Own || s.live {
			s.tree = newTree("", true, t)
		} else {
			s.tree = newTree(s.root, false, t)
		}
		if t.Launched && s.tree.live {
			s.tree.reaper = os.Getpid()
		}
	}
	return s
}

// Start takes the baseline; call it just before the window opens. The error
// says which part of the target is not there (an energy.Refusal for each);
// the rest is measured all the same.
func (s *Sampler) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	s.machine.start(&s.buf)
	if s.cgroup != nil {
		errs = append(errs, s.cgroup.start(&s.buf, s.machine.disks.numbers))
	}
	if s.tree != nil {
		errs = append(errs, s.tree.begin())
	}
	s.began = energy.Now()
	return errors.Join(errs...)
}

// Tick takes a sample. The machine's part allocates nothing. Parts that cost
// much are sampled less often than Tick is called: each keeps its own cost
// below a fiftieth of one CPU.
func (s *Sampler) Tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	now := energy.Now()
	s.machine.sample(&s.buf, now)
	if s.cgroup != nil {
		s.cgroup.sample(&s.buf, now)
	}
	if s.tree != nil {
		load := s.machine.load
		if !s.live {
			load = loadavg{} // of other processes than the tree's
		}
		s.tree.sample(now, load)
	}
}

// Ending takes the last counters of a child that has ended and is not reaped
// yet (waitid with WNOWAIT): its bytes by system call and its time on the run
// queue are gone afterwards. The PID may be of the leader or of an orphan.
// Without it io.read_chars, io.written_chars and cpu.run_wait are null.
func (s *Sampler) Ending(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tree != nil {
		s.tree.ending(pid)
	}
}

// Reaped takes what wait4 said of the leader or of an orphan. Call it for
// every child, each before the next is waited for.
func (s *Sampler) Reaped(pid int, ru *syscall.Rusage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tree != nil {
		s.tree.reaped(pid, ru)
	}
}

// Stop closes the window and returns every metric of the catalogue marked
// ByHost, in its order. Window is the window's length, or 0 to take it from
// the end of Start to now. It releases everything; a second call returns nil.
func (s *Sampler) Stop(window time.Duration) []energy.Metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	now := energy.Now()
	if window <= 0 {
		window = now.Sub(s.began)
	}
	r := newResults()
	s.machine.stop(&s.buf, now, r)
	s.cgroup.stop(&s.buf, now, r)
	s.tree.stop(now, window, r)
	return r.list()
}
