package session

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/bpfprog"
	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procusage"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/perfevent"
)

// The time between two readings that end a tracker's intervals, where the
// kernel does not end them itself: long beside a counter's refresh, by which
// the reading lags, and short beside most work. A walk through /proc takes a
// millisecond or several.
const (
	userInterval = 20 * time.Millisecond
	procInterval = 100 * time.Millisecond
)

// attribution is the tracker of a session, and where its account stood when
// the window opened. A nil *attribution does nothing.
type attribution struct {
	tracker  energy.Tracker
	kernel   *bpfprog.Tracker // the tracker, when it is in the kernel
	cycles   *perfevent.Cycles
	places   []energy.Place
	zones    []energy.Zone
	refused  []*energy.Refusal // better methods
	rule     attribute.Rule
	given    float64 // idle power of a package by the user's word, 0 for none
	baseline []energy.PackageUsage
	still    []float64 // the zones' power in it, where user space read them

	from, to energy.Usage
	last     energy.Usage // at the last sample
	moved    [][energy.NumDomains]float64
	at       []uint64         // the meter's counts at the last interval, by zone
	readAt   []energy.Instant // of each place's package, at the last reading
	failed   error
	split    []float64      // of a sample
	counts   bpfprog.Counts // when the window opened
	began    uint64         // the kernel's intervals when the window opened
	readings int            // intervals that readings ended, since
}

// places lists the packages whose counters are split: sockets, or dies where
// those have counters of their own (as Intel's do).
func places(t *topology.Topology) []energy.Place {
	var out []energy.Place
	at := map[[2]int]int{}
	for _, c := range t.CPUs {
		if !c.Online || c.Socket < 0 {
			continue
		}
		key := [2]int{c.Socket, -1}
		if len(t.Dies(c.Socket)) > 1 && t.Identity.IsIntel() {
			key[1] = c.Die
		}
		k, ok := at[key]
		if !ok {
			k = len(out)
			at[key] = k
			out = append(out, energy.Place{Socket: key[0], Die: key[1]})
		}
		out[k].CPUs = append(out[k].CPUs, c.ID)
	}
	return out
}

// siblings returns by CPU the other thread of its core, -1 for none; nil where
// no core has two threads.
func siblings(t *topology.Topology, n int) []int {
	out := make([]int, n)
	first := map[[3]int]int{}
	some := false
	for i := range out {
		out[i] = -1
	}
	for _, c := range t.CPUs {
		if !c.Online {
			continue
		}
		key := [3]int{c.Socket, c.Die, c.Core}
		if other, ok := first[key]; ok {
			out[c.ID], out[other], some = other, c.ID, true
			continue
		}
		first[key] = c.ID
	}
	if !some {
		return nil
	}
	return out
}

// wants reports whether a method may be used.
func (s *session) wants(m energy.Method) bool {
	return s.Attribution == "" || s.Attribution == "auto" || s.Attribution == string(m)
}

// openCycles opens the counters that weigh the kernel's accounts. It comes
// before the target's own counters, which leave cycles to them.
func (s *session) openCycles() {
	if !s.splits() || !s.wants(energy.ByCycles) {
		return
	}
	c, err := perfevent.OpenCycles(s.Root, s.topo.Online, possible(s.topo))
	if err != nil {
		s.attr.refuse(energy.ByCycles, err)
		return
	}
	s.attr.cycles = c
}

// splits reports whether there will be joules to split, as far as can be told
// before the counters are open.
func (s *session) splits() bool { return s.attr != nil }

// possible returns how many CPUs the machine's numbers go up to.
func possible(t *topology.Topology) int {
	n := 0
	for _, c := range t.CPUs {
		n = max(n, c.ID+1)
	}
	return n
}

func (a *attribution) refuse(m energy.Method, err error) {
	for _, r := range energy.Refusals(string(m), err) {
		again := *r
		again.Name = string(m)
		a.refused = append(a.refused, &again)
	}
}

// prepareAttribution decides whether joules will be split at all.
func (s *session) prepareAttribution() {
	if s.Attribution == string(energy.NoMethod) || s.Source == source.Model || !s.mayMeasure() {
		return
	}
	if s.Root != "" && s.Root != "/" {
		return // another host's files: nobody runs in them
	}
	policy, err := attribute.ParsePolicy(cmp.Or(s.IdlePolicy, attribute.IdleApart.String()))
	if err != nil {
		s.warn("idle-policy", err.Error(), "the idle line stays apart")
	}
	s.attr = &attribution{places: places(s.topo), rule: attribute.Rule{Policy: policy}, given: s.IdleW}
}

// mayMeasure reports whether any interface to a counter is there.
func (s *session) mayMeasure() bool {
	for _, path := range []string{"/sys/bus/event_source/devices/power", "/sys/class/powercap/intel-rapl", "/dev/cpu/0/msr"} {
		if _, err := os.Stat(filepath.Join("/", s.Root, path)); err == nil {
			return true
		}
	}
	return false
}

// openKernel loads the kernel's tracker.
func (s *session) openKernel() {
	a := s.attr
	if a == nil || !s.wants(energy.ByCycles) && !s.wants(energy.ByTime) {
		return
	}
	n := possible(s.topo)
	o := bpfprog.Options{Places: a.places, CPUs: n, Siblings: siblings(s.topo, n)}
	if a.cycles != nil {
		o.Cycles, o.Instructions = a.cycles.Cycles, a.cycles.Instructions
	} else if !s.wants(energy.ByTime) {
		return
	}
	k, err := bpfprog.Open(o)
	if err != nil {
		// One reason bars both.
		if a.cycles != nil {
			a.refuse(energy.ByCycles, err)
		}
		if s.wants(energy.ByTime) {
			a.refuse(energy.ByTime, err)
		}
		return
	}
	a.kernel, a.tracker = k, k
}

// startTracking says whose energy is asked for, once the target is there, and
// lets the kernel read the counters where it can.
func (s *session) startTracking() {
	a := s.attr
	if a == nil {
		return
	}
	if !s.measured() || len(s.tracks) == 0 {
		a.close()
		s.attr = nil
		return
	}
	if a.kernel == nil && a.cycles != nil {
		_ = a.cycles.Close()
		a.cycles = nil
		s.takeBackCycles()
	}
	if a.tracker == nil && !s.openFallback() {
		return
	}
	if a.kernel != nil {
		s.watchPower()
		err := a.kernel.Follow(s.bpfTarget())
		if err != nil {
			a.refuse(a.tracker.Method(), err)
			a.tracker = nil
			return
		}
	}
	zones := s.tracks[0].Source.Zones()
	a.zones = zones
	a.at = make([]uint64, len(zones))
	for i := range zones {
		a.at[i] = s.tracks[0].Meter.Counts(i)
	}
	a.moved, a.readAt = make([][energy.NumDomains]float64, len(a.places)), make([]energy.Instant, len(a.places))
	s.watchBaseline()
}

// trackerMetrics returns what the kernel's tracker counted beside tasks.
func (a *attribution) trackerMetrics() []energy.Metric {
	if a == nil || a.kernel == nil {
		return nil
	}
	now, err := a.kernel.Counts()
	if err != nil {
		return nil
	}
	const source = "eBPF at kernel tracepoints"
	was := a.counts
	var out []energy.Metric
	add := func(name, needs string, value float64) {
		if needs == "" || a.kernel.Has(needs) {
			out = append(out, energy.KnownMetric(name, value, source))
		} else {
			out = append(out, energy.UnknownMetric(name, source, "the kernel has no tracepoint for it, or it can't be used here"))
		}
	}
	add("machine.cpu.switches", "", float64(now.Switches-was.Switches))
	add("machine.cpu.frequency_changes", bpfprog.Frequency, float64(now.FrequencyChanges-was.FrequencyChanges))
	add("machine.cpu.interrupt_time", bpfprog.Interrupts, (now.Interrupts - was.Interrupts).Seconds())
	add("machine.idle.entries", bpfprog.Idle, float64(now.IdleEntries-was.IdleEntries))
	add("machine.idle.shallow", bpfprog.Idle, (now.IdleShallow - was.IdleShallow).Seconds())
	add("machine.idle.deep", bpfprog.Idle, (now.IdleDeep - was.IdleDeep).Seconds())
	add("machine.thermal_trips", bpfprog.Thermal, float64(now.ThermalTrips-was.ThermalTrips))
	return out
}

// takeBackCycles has the target's own counters count what the kernel's tracker
// was to.
func (s *session) takeBackCycles() {
	if t, ok := s.target.(interface{ performance() *perfevent.Counters }); ok {
		t.performance().OpenLeft()
	}
}

// openFallback opens the best tracker that needs no program in the kernel.
func (s *session) openFallback() bool {
	target := procusage.Target{}
	method := energy.ByProc
	switch t := s.target.(type) {
	case *commandTarget:
		target.PID, target.Launched = t.proc.PID, true
	case *pidTarget:
		target.PID = t.pid
	case *cgroupTarget:
		target.Cgroup, method = t.name, energy.ByCgroup
	default:
		target.Machine = true
	}
	if !s.wants(method) {
		return false
	}
	t, err := procusage.New(procusage.Config{Root: s.Root, Places: s.attr.places, Target: target, Threads: s.Threads})
	if err != nil {
		s.attr.refuse(method, err)
		return false
	}
	s.attr.tracker = t
	return true
}

// every returns the time between two readings that end intervals.
func (a *attribution) every() time.Duration {
	if a.kernel != nil {
		return userInterval
	}
	return procInterval
}

// watchPower hands the power events to the kernel.
func (s *session) watchPower() {
	p, ok := s.opened[0].Source.(*perfevent.Power)
	if !ok {
		return
	}
	n := len(s.attr.places)
	w := bpfprog.Power{Events: make([][energy.NumDomains]int, n), Ticks: make([][energy.NumDomains]float64, n), Leaders: make([]int, n)}
	for k := range n {
		w.Leaders[k] = -1
		for d := range w.Events[k] {
			w.Events[k][d] = -1
		}
	}
	fds, cpus := p.FDs(), p.CPUs()
	for i, z := range p.Zones() {
		k := s.attr.placeOf(z)
		if k < 0 || z.Core >= 0 {
			continue
		}
		w.Events[k][z.Domain], w.Ticks[k][z.Domain] = fds[i], z.Tick
		if z.Domain == energy.Package {
			w.Leaders[k] = cpus[i]
		}
	}
	if slices.Contains(w.Leaders, -1) {
		return // a package without a counter: user space ends the intervals
	}
	if err := s.attr.kernel.Watch(w); err != nil {
		s.warn("intervals-in-user-space", "the kernel can't read the counters for itself: "+err.Error(), "the split is blurred by the 20 ms between two readings; see energyprobe doctor")
	}
}

// placeOf returns the place a zone meters, -1 for none or several.
func (a *attribution) placeOf(z energy.Zone) int {
	if z.Domain == energy.PSys {
		return -1
	}
	return slices.IndexFunc(a.places, func(p energy.Place) bool {
		return p.Socket == z.Socket && (p.Die == z.Die || p.Die < 0)
	})
}

// bpfTarget translates the session's target.
func (s *session) bpfTarget() bpfprog.Target {
	switch t := s.target.(type) {
	case *commandTarget:
		return bpfprog.Target{PID: t.proc.PID}
	case *pidTarget:
		return bpfprog.Target{PID: t.pid}
	case *cgroupTarget:
		return bpfprog.Target{Cgroup: cgroupInode(container.FindCgroup(s.Root, t.name))}
	}
	return bpfprog.Target{Machine: true}
}

// cgroupInode returns the ID of the group's directory in the cgroup2 hierarchy,
// 0 where it has none.
func cgroupInode(dirs []string) uint64 {
	for _, dir := range dirs {
		var fs unix.Statfs_t
		var st unix.Stat_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC && unix.Stat(dir, &st) == nil {
			return st.Ino
		}
	}
	return 0
}

// watchBaseline watches the machine before the target begins, when asked to.
func (s *session) watchBaseline() {
	a := s.attr
	if s.Baseline <= 0 {
		return
	}
	from, err := a.totals()
	if err != nil {
		return
	}
	if a.inKernel() {
		rest(s.tracks, s.Baseline)
	} else if a.still, err = stillPower(s.tracks, s.Baseline); err != nil {
		return
	}
	if a.needsReadings() {
		a.interval(s.tracks[0])
	}
	if to, err := a.totals(); err == nil {
		a.baseline = attribute.Delta(from, to).Packages
	}
}

// rest leaves the machine alone for d, but for the readings that see every
// wrap.
func rest(tracks []*energy.Track, d time.Duration) {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		step := left
		for _, t := range tracks {
			step = min(step, t.PollInterval(pollLimit))
		}
		time.Sleep(step)
		for _, t := range tracks {
			_ = t.Read() // what fails is in the track's meter
		}
	}
}

// stillPower returns the mean power of every zone of a machine that is left
// alone for d, between edges of its counters; NaN where none was seen.
func stillPower(tracks []*energy.Track, d time.Duration) ([]float64, error) {
	t := tracks[0]
	zones := t.Source.Zones()
	edge := func() (*energy.Watch, error) {
		w := energy.NewWatch(len(zones))
		for began := time.Now(); time.Since(began) < approachLimit; {
			if err := t.Read(); err != nil {
				return nil, err
			}
			w.Add(t.Reading, t.Meter)
			all := true
			for i, z := range zones {
				all = all && (!z.InTotal() || w.Edges(i) > 0)
			}
			if all {
				break
			}
		}
		return w, nil
	}
	first, err := edge()
	if err != nil {
		return nil, err
	}
	rest(tracks, d)
	last, err := edge()
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(zones))
	for i, z := range zones {
		out[i] = energy.PowerBetween(z, i, first, last)
	}
	return out, nil
}

func (a *attribution) inKernel() bool { return a != nil && a.kernel != nil && a.kernel.InKernel() }

// needsReadings reports whether intervals end with readings.
func (a *attribution) needsReadings() bool {
	return a != nil && a.tracker != nil && !a.inKernel()
}

// interval ends an interval with the track's last reading.
func (a *attribution) interval(t *energy.Track) {
	if a == nil || a.tracker == nil {
		return
	}
	zones := t.Source.Zones()
	for k := range a.moved {
		for d := range a.moved[k] {
			a.moved[k][d] = math.NaN()
		}
	}
	for i, z := range zones {
		k := a.placeOf(z)
		if k < 0 || z.Core >= 0 {
			continue
		}
		counts := t.Meter.Counts(i)
		if t.Reading.Errs[i] == nil {
			a.moved[k][z.Domain] = float64(counts-a.at[i]) * z.Tick
			if z.Domain == energy.Package {
				at := t.Reading.At[i]
				a.readAt[k] = at.Before + (at.After-at.Before)/2
			}
		}
		a.at[i] = counts
	}
	a.readings++
	// What a counter shows is as old as half its refresh, on average.
	lag := time.Millisecond / 2
	if f := t.Refresh(); f.N > 0 {
		lag = f.Mean / 2
	}
	if a.kernel == nil {
		if err := a.tracker.Interval(t.Reading.At[0].Before, a.moved); err != nil {
			a.failed = err
		}
		return
	}
	for k := range a.places {
		if err := a.kernel.IntervalOf(k, a.readAt[k].Add(-lag), a.moved[k]); err != nil {
			a.failed = err
		}
	}
}

// totals returns the parties' accounts alone where that is cheaper.
func (a *attribution) totals() (energy.Usage, error) {
	if a.kernel != nil {
		return a.kernel.Totals()
	}
	return a.tracker.Usage(false)
}

// look notes where the processes' accounts stand before the counters are
// watched: it takes longer.
func (a *attribution) look(t *energy.Track, threads bool) {
	if a == nil || a.tracker == nil {
		return
	}
	if a.kernel != nil {
		a.kernel.Forget()
	} else if t.Read() == nil {
		a.interval(t)
	}
	if u, err := a.tracker.Usage(threads); err == nil {
		a.from = u
	}
}

// open notes where the parties' accounts stand when the window opens.
func (a *attribution) open(t *energy.Track) {
	if a == nil || a.tracker == nil {
		return
	}
	if a.kernel != nil {
		a.interval(t)
		if u, err := a.totals(); err == nil {
			a.from.Packages, a.from.At = u.Packages, u.At
		}
		a.began = a.kernel.Intervals()
		a.counts, _ = a.kernel.Counts() // zero where they can't be read: then neither can they at the end
	}
	a.last, a.readings = a.from, 0
}

// shut notes where the parties' accounts stand when the window closes: the
// kernel's before the counters are watched again, others' after, as they take
// longer.
func (a *attribution) shut(t *energy.Track, watched bool) {
	if a == nil || a.tracker == nil || watched == (a.kernel != nil) {
		return
	}
	if !a.inKernel() {
		if t.Read() != nil {
			return
		}
	}
	a.interval(t)
	u, err := a.totals()
	if err != nil {
		a.failed = err
		return
	}
	a.to = u
}

// finish reads what each process has, which takes longer.
func (a *attribution) finish(threads bool) {
	if a == nil || a.tracker == nil {
		return
	}
	u, err := a.tracker.Usage(threads)
	if err != nil {
		a.failed = err
		return
	}
	u.Packages = a.to.Packages
	a.to = u
}

func (a *attribution) close() {
	if a == nil {
		return
	}
	if a.tracker != nil {
		_ = a.tracker.Close() // nothing of it is needed any more
	}
	_ = a.cycles.Close()
	a.tracker, a.kernel, a.cycles = nil, nil, nil
}

// idle returns what is known of the idle power of a zone's packages.
func (a *attribution) idle(z energy.Zone, packages []int, seen []energy.PackageUsage) []attribute.Idle {
	var out []attribute.Idle
	for _, k := range packages {
		switch {
		case a.given > 0 && z.Domain == energy.Package:
			out = append(out, attribute.Idle{Watts: a.given / float64(len(packages)), Known: true, How: "given with --idle-power"})
		case a.still != nil:
			out = append(out, a.fromStill(z, k))
		case a.baseline != nil:
			i := attribute.IdlePower(a.baseline[k], z.Domain)
			i.How = "before the window: " + i.How
			out = append(out, i)
		default:
			out = append(out, learnIdle(seen, k, z.Domain))
		}
	}
	return out
}

// fromStill takes what little ran before the window off the power that the
// zone drew then, at the rate at which the window's load drew more.
func (a *attribution) fromStill(z energy.Zone, k int) attribute.Idle {
	i := slices.IndexFunc(a.zones, func(o energy.Zone) bool { return o.ID() == z.ID() })
	if i < 0 || math.IsNaN(a.still[i]) {
		return attribute.Idle{How: "before the window no refresh of the counter was seen"}
	}
	load := func(p energy.PackageUsage) (cpus, watts float64) {
		var busy time.Duration
		joules := p.Nobody.Joules[z.Domain]
		for _, party := range p.Parties {
			busy += party.CPU
			joules += party.Joules[z.Domain]
		}
		return busy.Seconds() / p.Seconds, joules / p.Seconds
	}
	w := a.still[i]
	idle := attribute.Idle{Watts: w, Uncertainty: 0.002 * w, Known: true, How: fmt.Sprintf("mean power of %.3g s before the window", a.baseline[k].Seconds)}
	before, _ := load(a.baseline[k])
	d := attribute.Delta(energy.Usage{Packages: a.from.Packages}, energy.Usage{Packages: a.to.Packages})
	if len(d.Packages) <= k || d.Packages[k].Seconds <= 0 {
		return idle
	}
	if inside, watts := load(d.Packages[k]); inside > 2*before {
		less := max(0, (watts-w)/(inside-before)) * before
		idle.Watts, idle.Uncertainty = max(0, w-less), idle.Uncertainty+less/2
	}
	return idle
}

// twins is how far two packages of one machine may differ in idle power,
// relative.
const twins = 0.2

// learnIdle learns package k's idle power from what was seen of it, or else
// from the others: they are of one kind.
func learnIdle(seen []energy.PackageUsage, k int, d energy.Domain) attribute.Idle {
	own := attribute.IdlePower(seen[k], d)
	if own.Known {
		return own
	}
	var sum, uncertainty float64
	n := 0
	for other := range seen {
		if i := attribute.IdlePower(seen[other], d); other != k && i.Known {
			sum, uncertainty, n = sum+i.Watts, uncertainty+i.Uncertainty, n+1
		}
	}
	if n == 0 {
		return own
	}
	w := sum / float64(n)
	return attribute.Idle{Watts: w, Uncertainty: uncertainty/float64(n) + twins*w, Known: true, How: "as the other packages, this one was " + own.How}
}

// sample splits the joules of a sample: SplitLines values for each zone.
func (a *attribution) sample(t *energy.Track, joules []float64, seconds float64) []float64 {
	zones := t.Source.Zones()
	if a.split == nil {
		a.split = make([]float64, len(zones)*report.SplitLines)
	}
	for i := range a.split {
		a.split[i] = math.NaN()
	}
	if a.needsReadings() {
		a.interval(t)
	}
	now, err := a.totals()
	if err != nil {
		a.failed = err
		return a.split
	}
	a.divide(zones, joules, seconds, now)
	return a.split
}

// lastSample is sample for what is left of the window when it has closed.
func (a *attribution) lastSample(t *energy.Track, joules []float64, seconds float64) []float64 {
	zones := t.Source.Zones()
	a.split = slices.Repeat([]float64{math.NaN()}, len(zones)*report.SplitLines)
	if a.to.Packages != nil {
		a.divide(zones, joules, seconds, a.to)
	}
	return a.split
}

// divide splits what the zones moved by since the last sample.
func (a *attribution) divide(zones []energy.Zone, joules []float64, seconds float64, now energy.Usage) {
	delta := attribute.Delta(energy.Usage{Packages: a.last.Packages}, energy.Usage{Packages: now.Packages})
	a.last = now
	for i, z := range zones {
		packages := attribute.PackagesOf(z, delta.Packages)
		if len(packages) == 0 || math.IsNaN(joules[i]) {
			continue
		}
		l := attribute.Split(attribute.Zone{
			Domain: z.Domain, Joules: joules[i], Seconds: seconds, Packages: packages, Idle: a.idle(z, packages, now.Packages),
		}, delta.Packages, a.rule)
		for n, x := range []attribute.Amount{l.Target, l.Others, l.Kernel, l.Idle, l.Unattributed} {
			if x.Known {
				a.split[i*report.SplitLines+n] = x.J
			}
		}
	}
}

// provideCycles hands the target's cycles and instructions to its counters.
func (s *session) provideCycles() {
	a := s.attr
	t, ok := s.target.(interface{ performance() *perfevent.Counters })
	if a == nil || a.cycles == nil || a.kernel == nil || !ok {
		return
	}
	var sum energy.Account
	for _, p := range attribute.Delta(a.from, a.to).Packages {
		sum.Add(p.Parties[energy.Target])
	}
	t.performance().Provide("perf, read by eBPF at every switch", map[string]float64{
		"cpu.cycles": float64(sum.Cycles), "cpu.instructions": float64(sum.Instructions),
	})
}
