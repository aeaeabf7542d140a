package session

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/energyprobe/energyprobe/bpfprog"
	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
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
	tracker   energy.Tracker
	kernel    *bpfprog.Tracker // the tracker, when it is in the kernel
	cycles    *perfevent.Cycles
	places    []energy.Place
	frequency bool // weighs time
	zones     []energy.Zone
	refused   []*energy.Refusal // better methods
	rule      attribute.Rule
	given     float64 // idle power of a package by the user's word, 0 for none
	baseline  []energy.PackageUsage
	still     []stillness // by zone, where user space read the counters

	from, to energy.Usage
	last     energy.Usage // at the last sample
	moved    [][energy.NumDomains]float64
	at       []uint64         // the meter's counts at the last interval, by zone
	readAt   []energy.Bracket // of each place's package, at the last reading
	failed   error
	split    []float64      // of a sample
	counts   bpfprog.Counts // when the window opened
	began    uint64         // the kernel's intervals when the window opened
	readings int            // intervals that readings ended, since
	// Slices whose cycles, and looks at the counters that could not be read.
	unread, missed uint64
}

// trackerMetrics returns what the kernel's tracker counted beside tasks.
func (a *attribution) trackerMetrics() []energy.Metric {
	if a == nil || a.kernel == nil {
		return nil
	}
	now, err := a.kernel.Counts()
	if err != nil {
		a.fail(err)
		return nil
	}
	const source = "eBPF at kernel tracepoints"
	was := a.counts
	a.unread, a.missed = now.Unread-was.Unread, now.Missed-was.Missed
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

// fail keeps the first error of the account, for the report.
func (a *attribution) fail(err error) {
	if a.failed == nil {
		a.failed = err
	}
}

// delta is what ran in the window.
func (a *attribution) delta() energy.Usage {
	d := attribute.Delta(a.from, a.to)
	attribute.Fit(&d)
	return d
}

// every returns the time between two readings that end intervals.
func (a *attribution) every() time.Duration {
	if a.kernel != nil {
		return userInterval
	}
	return procInterval
}

func (a *attribution) inKernel() bool { return a != nil && a.kernel != nil && a.kernel.InKernel() }

// needsReadings reports whether intervals end with readings.
func (a *attribution) needsReadings() bool {
	return a != nil && a.tracker != nil && !a.inKernel()
}

// blur is how uncertain the time of a reading may be, for an interval to end
// with it. On a busy CPU this program may lose its turn while it reads, and
// then nobody knows what ran before the reading and what after.
const blur = time.Millisecond

// interval ends an interval with the track's last reading; places whose
// reading's time is too uncertain are left to the next one, unless it must end
// now.
func (a *attribution) interval(t *energy.Track, must bool) {
	if a == nil || a.tracker == nil {
		return
	}
	a.readings++
	a.moves(t)
	if a.kernel == nil {
		if err := a.tracker.Interval(t.Reading.At[0].Before, a.moved); err != nil {
			a.fail(err)
		}
		for k := range a.places {
			a.take(t, k)
		}
		return
	}
	// What a counter shows is as old as half its refresh, on average.
	lag := time.Millisecond / 2
	if f := t.Refresh(); f.N > 0 {
		lag = f.Mean / 2
	}
	for k := range a.places {
		at := a.readAt[k]
		if at.After.Sub(at.Before) > blur && !must {
			continue
		}
		ended, err := a.kernel.IntervalOf(k, at.Before.Add(at.After.Sub(at.Before)/2-lag), a.moved[k])
		if err != nil {
			a.fail(err)
		}
		if ended {
			a.take(t, k)
		}
	}
}

// moves notes what the track's counters moved by since the last interval.
func (a *attribution) moves(t *energy.Track) {
	for k := range a.moved {
		for d := range a.moved[k] {
			a.moved[k][d] = math.NaN()
		}
	}
	for i, z := range a.zones {
		k := a.placeOf(z)
		if k < 0 || z.Core >= 0 || t.Reading.Errs[i] != nil {
			continue
		}
		a.moved[k][z.Domain] = float64(t.Meter.Counts(i)-a.at[i]) * z.Tick
		if z.Domain == energy.Package {
			a.readAt[k] = t.Reading.At[i]
		}
	}
}

// take notes that what a place's counters moved by has been given away.
func (a *attribution) take(t *energy.Track, place int) {
	for i, z := range a.zones {
		if a.placeOf(z) == place {
			a.at[i] = t.Meter.Counts(i)
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
		a.interval(t, true)
	}
	u, err := a.tracker.Usage(threads)
	if err != nil {
		a.fail(err)
		return
	}
	a.from = u
}

// open notes where the parties' accounts stand when the window opens.
func (a *attribution) open(t *energy.Track) {
	if a == nil || a.tracker == nil {
		return
	}
	if a.kernel != nil {
		if err := a.kernel.Settle(); err != nil {
			a.fail(err)
		}
		a.interval(t, true)
		if u, err := a.totals(); err != nil {
			a.fail(err)
		} else {
			a.from.Packages, a.from.At = u.Packages, u.At
		}
		a.began = a.kernel.Intervals()
		var err error
		if a.counts, err = a.kernel.Counts(); err != nil {
			a.fail(err)
		}
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
	if a.kernel != nil {
		if err := a.kernel.Settle(); err != nil {
			a.fail(err)
		}
	}
	if !a.inKernel() {
		if err := t.Read(); err != nil {
			a.fail(err)
			return
		}
	}
	a.interval(t, true)
	u, err := a.totals()
	if err != nil {
		a.fail(err)
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
		a.fail(err)
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

// sample splits the joules of a sample: SplitLines values for each zone.
func (a *attribution) sample(t *energy.Track, joules []float64, seconds float64, totals *energy.Usage) []float64 {
	zones := t.Source.Zones()
	if a.split == nil {
		a.split = make([]float64, len(zones)*report.SplitLines)
	}
	for i := range a.split {
		a.split[i] = math.NaN()
	}
	if totals == nil {
		if a.needsReadings() {
			a.interval(t, true)
		}
		now, err := a.totals()
		if err != nil {
			a.fail(err)
			return a.split
		}
		totals = &now
	}
	a.divide(zones, joules, seconds, *totals)
	return a.split
}

// nowInKernel returns the parties' accounts as they stand, where intervals end in
// the kernel: nil where they end with readings, or can't be read.
func (a *attribution) nowInKernel() *energy.Usage {
	if !a.inKernel() {
		return nil
	}
	now, err := a.totals()
	if err != nil {
		a.fail(err)
		return nil
	}
	return &now
}

// mark ends an interval at a mark, and returns the parties' accounts so far.
func (a *attribution) mark(t *energy.Track) []energy.PackageUsage {
	if a == nil || a.tracker == nil {
		return nil
	}
	if a.needsReadings() {
		a.interval(t, true)
	}
	now, err := a.totals()
	if err != nil {
		a.fail(err)
		return nil
	}
	return now.Packages
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

// warnAttribution says what of the account failed, where there is one all the
// same.
func (s *session) warnAttribution() {
	a := s.attr
	if a == nil || a.to.Packages == nil {
		return // the report says why there is none
	}
	if a.failed != nil {
		s.warn("attribution-failed", "a part of the account of who ran could not be read: "+a.failed.Error(), "take the split with care; run again, and if it stays see energyprobe doctor")
	}
	if a.missed > 0 {
		s.warn("counter-unread", fmt.Sprintf("the kernel could not read the energy counters %d times: joules of these times are unattributed or in the next interval", a.missed), "keep CPUs online while measuring")
	}
	if a.unread > 0 {
		s.warn("cycles-unread", fmt.Sprintf("cycles could not be read at %d switches: what ran counts as as heavy as before", a.unread), "keep CPUs online while measuring, and end other profilers")
	}
}

// provideCycles hands the target's cycles and instructions to its counters.
func (s *session) provideCycles() {
	a := s.attr
	t, ok := s.target.(interface{ performance() *perfevent.Counters })
	if a == nil || a.cycles == nil || a.kernel == nil || a.tracker == nil || a.to.Packages == nil || !ok {
		return
	}
	var sum energy.Account
	for _, p := range a.delta().Packages {
		for who, account := range p.Parties {
			if energy.Party(who) == energy.Target || s.Machine {
				sum.Add(account)
			}
		}
	}
	t.performance().Provide("perf, read by eBPF at every switch", map[string]float64{
		"cpu.cycles": float64(sum.Cycles), "cpu.instructions": float64(sum.Instructions),
	})
}
