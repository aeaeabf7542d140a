package instrument

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// watcher reads one source as fast as it can be read.
type watcher struct {
	track *energy.Track
	whole histogram
	zones []watched
	failed
}

// watched is what is seen of one zone.
type watched struct {
	finder
	read      histogram
	step      stepper
	intervals []interval // as many as there was room made for
	first     energy.Edge
	last      energy.Edge
	edges     int
	unbroken  bool // read well ever since the last edge
	err       error
}

// failed counts readings that failed as a whole, one after the other.
type failed struct {
	times int
	err   error
}

// patience is how often a source may fail in a row before it is given up.
const patience = 100

// over takes the outcome of a reading.
func (f *failed) over(err error) bool {
	if f.err = err; err == nil {
		f.times = 0
		return false
	}
	f.times++
	return f.times >= patience
}

// shortest is the update interval for which room is made: of shorter ones, what
// comes first is kept.
const shortest = 100 * time.Microsecond

func newWatcher(src energy.Source, d time.Duration) *watcher {
	zones := src.Zones()
	w := &watcher{track: energy.NewTrack(src), zones: make([]watched, len(zones))}
	for i, z := range zones {
		w.zones[i].step = newStepper(z.Tick, z.StepJ())
		w.zones[i].intervals = make([]interval, 0, int(d/shortest))
	}
	return w
}

// Watch reads a source for a time, by the clock of its readings, and says what
// it is like. The error is of a context that ended.
func Watch(ctx context.Context, src energy.Source, d time.Duration) (report.Interface, error) {
	w := newWatcher(src, d)
	err := w.watch(ctx, d)
	return w.report(), err
}

func (w *watcher) watch(ctx context.Context, d time.Duration) error {
	// Another thread's work on this one would look like a slow reading.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var began energy.Instant
	for ctx.Err() == nil {
		now, err := w.look()
		if w.over(err) {
			return nil
		}
		if began == 0 {
			began = now
		}
		if now.Sub(began) >= d {
			return nil
		}
	}
	return ctx.Err()
}

// look takes one reading, and returns when it was over.
func (w *watcher) look() (energy.Instant, error) {
	if err := w.track.Read(); err != nil {
		for i := range w.zones {
			w.zones[i].lose(err)
		}
		return 0, err
	}
	r := w.track.Reading
	from, to := r.At[0].Before, r.At[0].After
	for i := range w.zones {
		z := &w.zones[i]
		if r.Errs[i] != nil {
			z.lose(r.Errs[i])
			continue
		}
		from, to = min(from, r.At[i].Before), max(to, r.At[i].After)
		z.see(r.At[i], w.track.Meter.Counts(i))
	}
	w.whole.add(to.Sub(from))
	return to, nil
}

func (z *watched) lose(err error) {
	z.finder.lose()
	z.unbroken, z.err = false, err
}

func (z *watched) see(at energy.Bracket, counts uint64) {
	z.read.add(width(at))
	e, change, ok := z.next(at, counts)
	if !ok {
		return
	}
	z.step.add(change)
	if z.unbroken && len(z.intervals) < cap(z.intervals) {
		z.intervals = append(z.intervals, interval{d: mid(e.At).Sub(mid(z.last.At)), blur: width(e.At) + width(z.last.At)})
	}
	if z.edges++; z.edges == 1 {
		z.first = e
	}
	z.last, z.unbroken = e, true
}

func (w *watcher) report() report.Interface {
	out := report.Interface{Name: w.track.Source.Name(), Read: w.whole.latency(), Zones: []report.ZoneTiming{}}
	if out.Read == nil {
		out.Reason = fmt.Sprintf("no reading succeeded: %v", w.err)
	}
	for i, z := range w.track.Source.Zones() {
		out.Zones = append(out.Zones, w.zones[i].report(z))
	}
	return out
}

func (z *watched) report(of energy.Zone) report.ZoneTiming {
	out := report.ZoneTiming{Domain: of.ID(), Origin: of.Origin, UnitJ: of.StepJ(), Read: z.read.latency()}
	if out.Read == nil {
		why := errors.Join(errors.New("the counter could not be read"), z.err).Error()
		out.UpdateReason, out.StepReason = why, why
		return out
	}
	out.Update, out.UpdateReason = distribution(z.intervals, z.step.meanSteps())
	step, reason := z.step.counts()
	if out.StepReason = reason; reason == "" {
		joules := step * of.Tick
		out.StepCounts, out.StepJ = &step, &joules
	}
	if t := mid(z.last.At).Sub(mid(z.first.At)).Seconds(); z.edges > 1 && t > 0 {
		watts := float64(z.last.Counts-z.first.Counts) * of.Tick / t
		out.PowerW = &watts
	}
	return out
}
