package doctor

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/perfevent"
	"github.com/energyprobe/energyprobe/perfevent/gate"
)

// kernel is what the checks ask the running kernel by system calls. Files are
// found under a root; this can't be, so tests of captured hosts bring their
// own.
type kernel interface {
	open(name string, topo *topology.Topology) (*source.Opened, error)
	// counters counts something of this process and returns the metrics of
	// perfevent, with why counters are missing.
	counters() ([]energy.Metric, []*energy.Refusal)
	bpf() bpfTrial
	gate() error
	subreaper() error
	slept() time.Duration
}

// liveKernel is the one that runs.
type liveKernel struct{ root string }

func (k liveKernel) open(name string, topo *topology.Topology) (*source.Opened, error) {
	return source.Host{Root: k.root, Topo: topo}.Open(name)
}

// countFor is how long counters are watched: long enough to be scheduled.
const countFor = 3 * time.Millisecond

func (k liveKernel) counters() ([]energy.Metric, []*energy.Refusal) {
	// Of this very process, whose threads are below /proc of this namespace.
	c := perfevent.OpenCounters("/", perfevent.Target{Running: os.Getpid()})
	defer c.Close()
	for began := energy.Now(); energy.Now().Sub(began) < countFor; {
	}
	return c.Metrics(), c.Refused()
}

// gate brings a command to its gate, as run does, and lets it go no further.
func (k liveKernel) gate() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := gate.Start(gate.Command{
		Path: "/proc/self/exe", Argv: []string{"energyprobe"}, Env: []string{},
		Stdin: null.Fd(), Stdout: null.Fd(), Stderr: null.Fd(),
	})
	if err != nil {
		return err
	}
	p.Abandon()
	return nil
}

// subreaper tries to become the one who gets the orphans among this process's
// descendants (prctl(2), PR_SET_CHILD_SUBREAPER), and puts back what was.
func (k liveKernel) subreaper() error {
	was, err := subreaping()
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	is, err := subreaping()
	if err == nil && !is {
		err = errors.New("prctl(PR_SET_CHILD_SUBREAPER) did not take")
	}
	if !was {
		err = errors.Join(err, os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)))
	}
	return err
}

func (k liveKernel) slept() time.Duration { return energy.Slept() }
