// Package session makes one measurement, from opening the counters to the
// report. It owns the process that is measured, the thread that reads the
// counters, and the order in which things happen:
//
//	open sources, counters and the sampler of the host
//	bring the command to the gate and arm its counters on it
//	watch the energy counters until they show their edges
//	open the gate ............................................ the window
//	read when a reading is due: against wraps, and for samples   opens
//	the command ends ......................................... and closes
//	watch the energy counters again
//	put the report together
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/host"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// Options says what to measure and how.
type Options struct {
	Root       string // prefixes /sys, /proc and /dev; "" is the live host
	Source     string // a name of source.Names
	PerCore    bool   // also the counters of single cores
	Interval   time.Duration
	CrossCheck bool
	TDPW       float64 // the user's own word on the socket's power, 0 for none
	// Profile is what a calibration learnt of this processor; nil for none.
	Profile *HostProfile

	Attribution string        // how joules are split: a name of energy.Method, or "auto" or "" for the best there is
	IdlePolicy  string        // who gets the idle machine's energy: "none" or "", "proportional", "reserved"
	IdleW       float64       // the user's own word on the power of an idle package, 0 for none
	Baseline    time.Duration // how long the idle machine is watched before the window, 0 for not at all
	Threads     bool          // also what each thread spent

	Tool report.Tool
	// CPUBefore is the CPU time of this process that an earlier report has
	// stated already.
	CPUBefore time.Duration

	// Exactly one of these says what is measured.
	Command *Command
	PID     int
	Cgroup  string
	Machine bool

	Duration time.Duration // ends the window of a pid, cgroup or machine; 0 means never
	WaitAll  bool          // a command's window ends with its last descendant
	// Signals are passed on to the command; for other targets they end the
	// window. The session reads from it until the report is made.
	Signals <-chan os.Signal
	// Preparing is told what is done before the window opens, and "" when that
	// is over.
	Preparing func(what string)
	// Usage is told what ran on each package in the window, where joules are
	// split.
	Usage func(energy.Usage)
	// Started is called once the window is open.
	Started func()
}

// Run measures and returns the report. An error means that there is none:
// the command could not be started, or the options make no sense. When ctx
// ends, so does the window; a command is sent SIGTERM.
func Run(ctx context.Context, o Options) (*report.Run, error) {
	s := &session{Options: o}
	defer s.close()
	if err := s.open(); err != nil {
		return nil, err
	}
	if err := s.measure(ctx); err != nil {
		return nil, err
	}
	return s.report(), nil
}

// session is one measurement on its way.
type session struct {
	Options
	topo     *topology.Topology
	match    model.Match // what processor this is, for models and TDP
	modelErr error       // why no model applies to it
	machine  *model.Machine
	profile  *HostProfile // the one in use: it suits the processor

	tracks  []*energy.Track  // the source in use, then those to compare with
	opened  []*source.Opened // likewise; nil for the model
	refused []*energy.Refusal
	target  target
	host    *host.Sampler
	hostErr error // what it can't measure of the target
	sampler *sampler
	phases  *phaseLog    // nil where nothing can be marked
	attr    *attribution // nil where nothing is split

	start, end    energy.Instant
	closing       sync.Once
	startedAt     time.Time
	toolCPUInside time.Duration // this program's CPU time within the window
	filtered      bool          // the processor adds noise to its counters
	warnings      []report.Warning
	metrics       []energy.Metric
}

// measured reports whether the source in use reads a counter.
func (s *session) measured() bool { return s.opened[0] != nil }

func (s *session) open() error {
	topo, err := topology.Read(s.Root)
	if err != nil {
		return fmt.Errorf("read the processors of this host: %w", err)
	}
	s.topo = topo
	if err := s.takeProfile(); err != nil {
		return err
	}
	// What follows takes several milliseconds that the user waits for, and most
	// machines have a second processor: the command comes to its gate while the
	// counters are opened and the processor table is parsed. All of it is over
	// before the window opens.
	s.prepareAttribution()
	s.openCycles()
	var prepared sync.WaitGroup
	var targetErr error
	prepared.Go(func() { model.Embedded() })
	prepared.Go(s.openKernel)
	prepared.Go(func() { targetErr = s.openTarget() })
	err = s.openSources()
	if err == nil && len(s.tracks) == 0 {
		err = s.openModel()
	}
	prepared.Wait()
	if s.hostErr != nil {
		for _, r := range energy.Refusals("host", s.hostErr) {
			s.warn("metrics-missing", r.Name+": "+r.Reason, cmp.Or(r.Remedy, "see energyprobe doctor"))
		}
	}
	if err = errors.Join(targetErr, err); err == nil {
		s.startTracking()
		s.watchBaseline()
		s.reserve()
	}
	return err
}

// openTarget makes the target, and takes the host's baseline for it.
func (s *session) openTarget() (err error) {
	if s.target, err = s.newTarget(); err != nil {
		return err
	}
	s.host = host.New(s.Root, s.target.hostTarget())
	s.hostErr = s.host.Start()
	return nil
}

// openSources opens the source asked for, or the best there is.
func (s *session) openSources() error {
	h := source.Host{Root: s.Root, Topo: s.topo, PerCore: s.PerCore}
	switch s.Source {
	case source.Model:
		return nil
	case source.Auto, "":
		o, refused := h.Best()
		s.refused = refused
		if o == nil {
			return nil
		}
		s.use(o)
	default:
		o, err := h.Open(s.Source)
		if err != nil {
			// The user wants this source and no other: nothing to fall back on.
			return fmt.Errorf("source %s: %w", s.Source, err)
		}
		s.use(o)
	}
	if s.CrossCheck {
		others, refused := h.Others(s.tracks[0].Source.Name())
		s.refused = append(s.refused, refused...)
		for _, o := range others {
			s.use(o)
		}
	}
	return nil
}

func (s *session) use(o *source.Opened) {
	s.tracks = append(s.tracks, o.Track)
	s.opened = append(s.opened, o)
	for _, w := range o.Warnings {
		s.warn(w.Code, w.Message, w.Advice)
	}
	for _, r := range o.MissingZones {
		if errors.Is(r, energy.ErrAbsent) {
			continue // what the processor does not meter is no trouble
		}
		s.warn("zone-missing", o.Name()+": "+r.Name+": "+r.Reason+"; the result is without it",
			cmp.Or(r.Remedy, "try another interface with --source, or --cross-check"))
	}
}

// openModel opens the model as the source where no counter is. An unknown
// processor leaves the session without a source; the report then says so.
func (s *session) openModel() error {
	if s.identify(); s.modelErr != nil {
		return fmt.Errorf("no counter can be read and no model applies: %w", s.modelErr)
	}
	src, err := model.Open(s.Root, s.machine, s.socketsByCPU())
	if err != nil {
		return fmt.Errorf("estimate: %w", err)
	}
	s.tracks, s.opened = []*energy.Track{energy.NewTrack(src)}, []*source.Opened{nil}
	return nil
}

// socketsByCPU returns each logical CPU's socket, -1 for those offline.
func (s *session) socketsByCPU() []int {
	if len(s.topo.Sockets()) < 2 || s.topo.Virt.IsVM() {
		return nil // one zone: of a guest's sockets nobody knows what they are
	}
	var out []int
	for _, c := range s.topo.CPUs {
		for len(out) <= c.ID {
			out = append(out, -1)
		}
		if c.Online {
			out[c.ID] = c.Socket
		}
	}
	return out
}

// hunts are bounded: a counter that stands still must not hold up a command.
const (
	approachLimit = 9 * time.Millisecond
	departLimit   = 9 * time.Millisecond
)

// measure opens the window, waits for its end and closes it.
func (s *session) measure(ctx context.Context) error {
	s.sampler = newSampler(s)
	if s.phases != nil {
		s.phases.sampler = s.sampler
	}
	if t, ok := s.target.(interface{ prepare() }); ok {
		t.prepare() // a thread that starts later would be work inside the window
	}
	if err := s.approach(); err != nil {
		return err
	}
	inside := ownCPU()
	var err error
	s.startedAt = time.Now()
	if s.start, err = s.target.open(); err != nil {
		return err
	}
	s.sampler.run(s.start)
	if s.Started != nil {
		s.Started()
	}
	s.target.wait(ctx, s)
	s.toolCPUInside = ownCPU() - inside
	s.target.finish(s)
	s.sampler.join()
	s.attr.finish(s.Threads)
	s.provideCycles()
	s.metrics = append(s.target.metrics(), s.host.Stop(s.end.Sub(s.start))...)
	s.metrics = append(s.metrics, s.attr.trackerMetrics()...)
	s.warnAttribution()
	return nil
}

// approach takes the readings from which the window starts.
func (s *session) approach() error {
	s.sampler.reading.Lock()
	defer s.sampler.reading.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.suspended()
	if !s.measured() {
		return s.tracks[0].Read()
	}
	s.attr.look(s.tracks[0], s.Threads)
	defer s.attr.open(s.tracks[0])
	if err := energy.Approach(s.tracks, approachLimit); err != nil {
		s.warn("read-failed", "the counters could not be read at the start: "+err.Error(), "run again; if it stays, see energyprobe doctor")
	}
	return nil
}

// closeWindow ends the window at that instant: the counters are read before
// anything else happens. The first call counts.
func (s *session) closeWindow(at energy.Instant) {
	s.closing.Do(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s.end = at
		s.sampler.halt()
		s.attr.shut(s.tracks[0], false)
		var err error
		if s.measured() {
			err = energy.Depart(s.tracks, departLimit)
		} else {
			err = s.tracks[0].Read()
		}
		s.attr.shut(s.tracks[0], true)
		if err != nil {
			s.warn("read-failed", "the counters could not be read at the end: "+err.Error(), "run again; if it stays, see energyprobe doctor")
		}
		s.suspended()
	})
}

// suspended tells the meters how long the machine has slept.
func (s *session) suspended() {
	slept := energy.Slept()
	for _, t := range s.tracks {
		t.Meter.Suspended(slept)
	}
}

func (s *session) warn(code, message, advice string) {
	for _, w := range s.warnings {
		if w.Code == code && w.Message == message {
			return
		}
	}
	s.warnings = append(s.warnings, report.Warning{Code: code, Message: message, Advice: advice})
}

func (s *session) warned(code string) bool {
	return slices.ContainsFunc(s.warnings, func(w report.Warning) bool { return w.Code == code })
}

func (s *session) close() {
	if s.sampler != nil {
		s.sampler.halt()
		s.sampler.join()
	}
	if s.target != nil {
		s.target.close()
	}
	if s.host != nil {
		s.host.Stop(time.Nanosecond)
	}
	s.attr.close()
	var errs []error
	for _, t := range s.tracks {
		errs = append(errs, t.Source.Close())
	}
	_ = errors.Join(errs...) // the files were only read
}
