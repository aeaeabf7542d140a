package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/host"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/perfevent"
)

// target is what a window is about: it opens the window, knows when to close
// it, and brings counters of its own.
type target interface {
	hostTarget() host.Target
	// open lets the window begin and returns when that was.
	open() (energy.Instant, error)
	// wait returns when the window has ended. Whoever notices the end closes
	// the window on the spot: a switch to another goroutine would be time in
	// which nobody watches the counters.
	wait(ctx context.Context, s *session)
	// finish does what can wait until the energy counters have been read.
	finish(s *session)
	metrics() []energy.Metric
	multiplexed() (part float64, is bool)
	describe(r *report.Run)
	close()
}

func (s *session) newTarget() (target, error) {
	switch {
	case s.Command != nil:
		return newCommandTarget(s)
	case s.PID != 0:
		return newPIDTarget(s)
	case s.Cgroup != "":
		return newCgroupTarget(s)
	case s.Machine:
		t := &machineTarget{}
		t.counters = s.counters(perfevent.Target{CPUs: s.topo.Online})
		return t, nil
	}
	return nil, errors.New("nothing to measure: give a command, --pid, --cgroup or --all")
}

// counters opens the performance counters. In a capture of another host there
// is nothing to count.
func (s *session) counters(t perfevent.Target) *perfevent.Counters {
	t.WithoutCycles = s.attr != nil && s.attr.cycles != nil
	return perfevent.OpenCounters(s.Root, t)
}

// until waits for one of: the target is gone and the window closed, the
// duration passes, a signal comes, ctx ends.
func (s *session) until(ctx context.Context, gone <-chan struct{}) {
	var timeout <-chan time.Time
	if s.Duration > 0 {
		t := time.NewTimer(time.Until(s.start.Add(s.Duration).WallTime()))
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-gone:
	case <-timeout:
	case <-s.Signals:
	case <-ctx.Done():
	}
	s.closeWindow(energy.Now())
}

// scoped gives the metrics of a group or a machine their own scope: the
// catalogue's names are those of a process.
func scoped(metrics []energy.Metric, scope energy.Scope) []energy.Metric {
	for i := range metrics {
		metrics[i].Scope = scope
	}
	return metrics
}

// counted is the part of a target that has performance counters.
type counted struct{ counters *perfevent.Counters }

// begin opens the window of a target that runs already.
func (c counted) begin() (energy.Instant, error) {
	c.counters.Reset()
	return energy.Now(), nil
}
func (c counted) finish(*session)                      {}
func (c counted) performance() *perfevent.Counters     { return c.counters }
func (c counted) metrics() []energy.Metric             { return c.counters.Metrics() }
func (c counted) multiplexed() (part float64, is bool) { return c.counters.Multiplexed() }

// machineTarget is the whole machine.
type machineTarget struct{ counted }

func (t *machineTarget) hostTarget() host.Target       { return host.Target{} }
func (t *machineTarget) open() (energy.Instant, error) { return t.begin() }
func (t *machineTarget) metrics() []energy.Metric {
	return scoped(t.counters.Metrics(), energy.ScopeMachine)
}
func (t *machineTarget) describe(r *report.Run)               { r.Target = report.Target{Kind: "machine"} }
func (t *machineTarget) close()                               { t.counters.Close() }
func (t *machineTarget) wait(ctx context.Context, s *session) { s.until(ctx, nil) }

// pidTarget is a process that runs already, and its descendants.
type pidTarget struct {
	counted
	pid  int
	fd   int // pidfd
	gone chan struct{}
	halt chan struct{}
}

func newPIDTarget(s *session) (target, error) {
	fd, err := unix.PidfdOpen(s.PID, 0)
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL):
		return nil, fmt.Errorf("process %d: there is none with this number", s.PID)
	case err != nil:
		return nil, fmt.Errorf("process %d: %w", s.PID, os.NewSyscallError("pidfd_open", err))
	}
	t := &pidTarget{pid: s.PID, fd: fd, gone: make(chan struct{}), halt: make(chan struct{})}
	t.counters = s.counters(perfevent.Target{Running: s.PID})
	return t, nil
}

func (t *pidTarget) hostTarget() host.Target { return host.Target{PID: t.pid, Own: true} }

func (t *pidTarget) open() (energy.Instant, error) { return t.begin() }

// watch tells when the process ends: its pidfd becomes readable then. The time
// limit is for noticing that nobody waits any more.
func (t *pidTarget) watch(s *session) {
	fds := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 100)
		switch {
		case n > 0:
			s.closeWindow(energy.Now())
			close(t.gone)
			return
		case err != nil && err != unix.EINTR:
			return
		}
		select {
		case <-t.halt:
			return
		default:
		}
	}
}

func (t *pidTarget) wait(ctx context.Context, s *session) {
	go t.watch(s)
	s.until(ctx, t.gone)
}
func (t *pidTarget) describe(r *report.Run) { r.Target = report.Target{Kind: "pid", PID: t.pid} }
func (t *pidTarget) close() {
	close(t.halt)
	t.counters.Close()
	unix.Close(t.fd)
}

// cgroupTarget is a control group.
type cgroupTarget struct {
	counted
	name string // as the user gave it
	dir  string // one of its directories
	gone chan struct{}
	halt chan struct{}
}

func newCgroupTarget(s *session) (target, error) {
	dirs := container.FindCgroup(s.Root, s.Cgroup)
	if len(dirs) == 0 {
		return nil, fmt.Errorf("cgroup %s: no such directory below %s", s.Cgroup, filepath.Join("/", s.Root, "sys/fs/cgroup"))
	}
	t := &cgroupTarget{name: s.Cgroup, dir: dirs[0], gone: make(chan struct{}), halt: make(chan struct{})}
	t.counters = s.counters(perfevent.Target{Cgroup: t.perfDir(dirs), CPUs: s.topo.Online})
	return t, nil
}

// perfDir picks the directory of the hierarchy that perf counts in: cgroup2,
// or perf_event of version 1.
func (t *cgroupTarget) perfDir(dirs []string) string {
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "cgroup.controllers")); err == nil {
			return d
		}
	}
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "perf_event.mux_interval_ms")); err == nil {
			return d
		}
	}
	return dirs[0]
}

func (t *cgroupTarget) hostTarget() host.Target { return host.Target{Cgroup: t.name} }

func (t *cgroupTarget) open() (energy.Instant, error) { return t.begin() }

// watch tells when the group is removed.
func (t *cgroupTarget) watch(s *session) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-t.halt:
			return
		case <-tick.C:
			if _, err := os.Stat(t.dir); errors.Is(err, os.ErrNotExist) {
				s.closeWindow(energy.Now())
				close(t.gone)
				return
			}
		}
	}
}

func (t *cgroupTarget) wait(ctx context.Context, s *session) {
	go t.watch(s)
	s.until(ctx, t.gone)
}
func (t *cgroupTarget) metrics() []energy.Metric {
	return scoped(t.counters.Metrics(), energy.ScopeCgroup)
}
func (t *cgroupTarget) describe(r *report.Run) {
	r.Target = report.Target{Kind: "cgroup", Cgroup: t.name}
}
func (t *cgroupTarget) close() {
	close(t.halt)
	t.counters.Close()
}
