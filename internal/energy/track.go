package energy

import (
	"errors"
	"math"
	"time"
)

// Track is one source on its way through a window: it is read, metered, and
// watched closely on both sides.
type Track struct {
	Source  Source
	Meter   *Meter
	Reading *Reading
	Before  *Watch // what was seen right before the window
	After   *Watch // and right after it
	// moved marks the zones that showed an edge before the window: those that
	// did not are not waited for after it.
	moved []bool
	// entered is what the meter had counted when the window opened.
	entered []ZoneTotal
}

// NewTrack returns a Track of a source.
func NewTrack(src Source) *Track {
	n := len(src.Zones())
	return &Track{
		Source: src, Meter: NewMeter(src.Zones()), Reading: NewReading(n),
		Before: NewWatch(n), After: NewWatch(n), moved: make([]bool, n), entered: make([]ZoneTotal, n),
	}
}

// Read takes a reading and meters it. When the source fails as a whole the
// meter learns that of every zone.
func (t *Track) Read() error {
	err := t.Source.Read(t.Reading)
	if err != nil {
		for i := range t.Reading.Errs {
			t.Reading.Errs[i] = err
		}
	}
	t.Meter.Add(t.Reading)
	return err
}

// latest returns when the last reading ended.
func (t *Track) latest() Instant {
	var at Instant
	for _, b := range t.Reading.At {
		at = max(at, b.After)
	}
	return at
}

// earliest returns when the last reading began.
func (t *Track) earliest() Instant {
	at := t.latest()
	for _, b := range t.Reading.At {
		at = min(at, b.Before)
	}
	return at
}

// Approach watches the tracks' counters right before a window opens: until
// every zone of a total has shown an edge now, and two with those of an earlier
// watch, and so its power; or limit has passed. Zones that stand still are let
// be.
func Approach(tracks []*Track, limit time.Duration) error {
	seen := map[*Track][]int{}
	for _, t := range tracks {
		t.Before.LookAway()
		for i := range t.Source.Zones() {
			seen[t] = append(seen[t], t.Before.Edges(i))
		}
	}
	err := hunt(tracks, limit, func(t *Track) bool {
		for i, z := range t.Source.Zones() {
			if z.InTotal() && t.Before.Edges(i) < max(2, seen[t][i]+1) {
				return false
			}
		}
		return true
	}, func(t *Track) { t.Before.Add(t.Reading, t.Meter) })
	for _, t := range tracks {
		for i := range t.moved {
			t.moved[i] = t.Before.Moved(i)
			t.entered[i] = t.Meter.Total(i)
		}
	}
	return err
}

// Glimpse watches a track's counters until every zone of a total has shown an
// edge, or limit has passed.
func Glimpse(t *Track, limit time.Duration) (*Watch, error) {
	w := NewWatch(len(t.Source.Zones()))
	w.heed(t.Before)
	err := hunt([]*Track{t}, limit, func(*Track) bool {
		for i, z := range t.Source.Zones() {
			if z.InTotal() && w.Edges(i) == 0 {
				return false
			}
		}
		return true
	}, func(*Track) { w.Add(t.Reading, t.Meter) })
	return w, err
}

// Total returns what is known of zone i since the end of Approach: joules and
// wraps of the watching before it are not the window's.
func (t *Track) Total(i int) ZoneTotal {
	total := t.Meter.Total(i)
	total.EnergyJ -= t.entered[i].EnergyJ
	total.Wraps -= t.entered[i].Wraps
	return total
}

// Depart watches them right after it has closed, until every zone of a total
// that moved before has shown two edges, and so the power behind it.
func Depart(tracks []*Track, limit time.Duration) error {
	for _, t := range tracks {
		t.After.heed(t.Before)
	}
	return hunt(tracks, limit, func(t *Track) bool {
		for i, z := range t.Source.Zones() {
			if z.InTotal() && t.moved[i] && t.After.Edges(i) < 2 {
				return false
			}
		}
		return true
	}, func(t *Track) { t.After.Add(t.Reading, t.Meter) })
}

// hunt reads the tracks in turn until all are done or limit has passed. The
// time is the readings' own, but for turns in which this program lost its CPU, a
// few of which are not counted: edges are still to be seen after them. A track
// that can't be read at all is done with; its zones' errors are in its meter.
func hunt(tracks []*Track, limit time.Duration, done func(*Track) bool, add func(*Track)) error {
	failed := make([]error, len(tracks))
	var began, last Instant
	quickest, lost := time.Duration(math.MaxInt64), 0
	for {
		all := true
		var now Instant
		for i, t := range tracks {
			if failed[i] != nil {
				continue
			}
			if failed[i] = t.Read(); failed[i] != nil {
				continue
			}
			add(t)
			all = all && done(t)
			now = max(now, t.latest())
			if last == 0 {
				last = t.earliest()
			}
		}
		turn := now.Sub(last)
		if began == 0 {
			began = now
		} else if turn > limit/2 && turn/4 > quickest && lost < 3 {
			began = began.Add(turn)
			lost++
		}
		quickest, last = min(quickest, turn), now
		if all || now.Sub(began) > limit {
			return errors.Join(failed...)
		}
	}
}

// Refresh returns the update intervals seen on both sides of the window.
func (t *Track) Refresh() Refresh {
	r := t.Before.Refresh()
	r.Merge(t.After.Refresh())
	return r
}

// Between returns the energy of zone i from start to end.
func (t *Track) Between(i int, start, end Instant) Window {
	return Between(t.Source.Zones()[i], i, t.Before, t.After, start, end, t.Refresh())
}

// PollInterval is the function of that name for the track's zones, and minds
// the registers behind unwrapped counts as well, once Approach has seen their
// steps.
func (t *Track) PollInterval(limit time.Duration) time.Duration {
	d := PollInterval(t.Source.Zones(), limit)
	for i, z := range t.Source.Zones() {
		if step := t.Before.StepCounts(i); z.Behind > 0 && step > 0 {
			// Half of the register's range is out of bounds. And a few changes
			// may all be multiples of more than one step: of up to four.
			d = z.boundPoll(float64(z.Behind)/2*float64(step)/4*z.Tick, d)
		}
	}
	return max(d, time.Millisecond)
}
