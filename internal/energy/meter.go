package energy

import (
	"fmt"
	"time"
)

// RefreshSlack is how much of a counter's past may surface in one read: a
// counter that refreshes late shows several milliseconds' energy at once, so
// the plausibility of a change is judged over the time read plus this.
const RefreshSlack = 10 * time.Millisecond

// Meter turns readings into joules. It is the only code that unwraps.
//
// Counts are kept as integers: unwrapping loses nothing, and the joules of a
// long run are as exact as those of a short one. What a Meter cannot know it
// does not guess: it records a Gap, and the energy of the zone from then on is
// a lower bound (see Total). A Meter is not safe for concurrent use.
type Meter struct {
	zones []Zone
	state []zoneState
	slept time.Duration
	began bool
}

type zoneState struct {
	has     bool   // last is valid
	last    uint64 // raw count of the last good reading
	at      Bracket
	sum     uint64 // counts since the first reading, unwrapped
	wraps   int
	reads   int
	failing error // the last reading's error
	fails   int
	gaps    []Gap
	lost    int // gaps beyond maxGaps
}

// maxGaps bounds the gaps remembered per zone; a zone that fails on every
// read must not fill the memory.
const maxGaps = 16

// Gap is a stretch of time over which a zone's energy is not known.
type Gap struct {
	From, To Instant
	Reason   string
}

// ZoneTotal is what a Meter knows of a zone.
type ZoneTotal struct {
	EnergyJ float64 // joules since the first reading
	Wraps   int     // revolutions seen
	Reads   int     // good readings, the first included
	Fails   int     // readings that failed
	Err     error   // the last reading's error, nil when it was good
	Gaps    []Gap   // when not empty, EnergyJ is a lower bound
	First   bool    // false: the zone was never read
	At      Bracket // of the last good reading
}

// NewMeter returns a Meter for a source's zones.
func NewMeter(zones []Zone) *Meter {
	return &Meter{zones: zones, state: make([]zoneState, len(zones))}
}

// Add takes a reading of the zones given to NewMeter. The first one of each
// zone is its baseline, never consumption.
func (m *Meter) Add(r *Reading) {
	for i := range m.state {
		m.addZone(i, r)
	}
}

func (m *Meter) addZone(i int, r *Reading) {
	s := &m.state[i]
	if s.failing = r.Errs[i]; s.failing != nil {
		s.fails++
		return
	}
	now, at := r.Counts[i], r.At[i]
	if s.has {
		delta, wrapped, reason := m.zones[i].advance(s.last, now, at.After.Sub(s.at.Before))
		if reason != "" {
			s.gap(Gap{From: s.at.After, To: at.After, Reason: reason})
		}
		s.sum += delta
		if wrapped {
			s.wraps++
		}
	}
	s.has, s.last, s.at = true, now, at
	s.reads++
}

// Suspended tells the meter how long the machine has slept since boot (see
// Slept). When that grows between two calls, the counters may have stopped,
// gone on or started again: the time between becomes a gap in every zone and
// the next reading a new baseline.
func (m *Meter) Suspended(slept time.Duration) {
	// The two clocks are read one after the other: less than this is jitter.
	const jitter = 100 * time.Millisecond
	if m.began && slept-m.slept > jitter {
		for i := range m.state {
			if s := &m.state[i]; s.has {
				s.gap(Gap{From: s.at.After, To: Now(), Reason: fmt.Sprintf("the machine was suspended for %v", (slept - m.slept).Round(time.Millisecond))})
				s.has = false
			}
		}
	}
	m.began, m.slept = true, slept
}

// Counts returns the unwrapped counts of zone i since its first reading.
func (m *Meter) Counts(i int) uint64 { return m.state[i].sum }

// Total returns what is known of zone i.
func (m *Meter) Total(i int) ZoneTotal {
	s := &m.state[i]
	return ZoneTotal{
		EnergyJ: float64(s.sum) * m.zones[i].Tick,
		Wraps:   s.wraps, Reads: s.reads, Fails: s.fails, Err: s.failing, Gaps: s.gaps,
		First: s.reads > 0, At: s.at,
	}
}

func (s *zoneState) gap(g Gap) {
	if len(s.gaps) == maxGaps {
		s.gaps[maxGaps-1].To = g.To
		s.lost++
		return
	}
	s.gaps = append(s.gaps, g)
}

// advance returns the counts from one raw count to the next, read dt apart,
// whether the counter wrapped in between, and why the result can't be known,
// in which case the counts are 0.
func (z Zone) advance(last, now uint64, dt time.Duration) (delta uint64, wrapped bool, reason string) {
	if z.Wrap == UnknownWrap {
		if now < last {
			return 0, false, "the counter went backwards and its range is not known"
		}
		delta = now - last
	} else if z.Wrap == 0 {
		if now < last {
			return 0, false, "the counter was reset"
		}
		delta = now - last
	} else {
		if now >= z.Wrap || last >= z.Wrap {
			return 0, false, fmt.Sprintf("the counter showed %d, beyond its own range of %d", max(now, last), z.Wrap)
		}
		wrapped = now < last
		if delta = now - last; wrapped {
			delta += z.Wrap
		}
	}
	if z.MaxW <= 0 {
		return delta, wrapped, ""
	}
	if r := z.RangeJ(); r > 0 && dt.Seconds()*z.MaxW >= r {
		return 0, false, fmt.Sprintf("%.1f s passed between two readings, in which the counter can wrap more than once (range %.0f J, at most %.0f W)", dt.Seconds(), r, z.MaxW)
	}
	if j := float64(delta) * z.Tick; j > z.MaxW*(dt+RefreshSlack).Seconds() {
		return 0, false, fmt.Sprintf("the counter changed by %.3g J in %v, more than the zone's %.0f W allow: reset or misread", j, dt.Round(time.Microsecond), z.MaxW)
	}
	return delta, wrapped, ""
}

// PollInterval returns the longest time between two readings that leaves no
// doubt about wraps, whatever the caller's own interval: a quarter of the
// fastest zone's revolution at full power, and never more than limit.
func PollInterval(zones []Zone, limit time.Duration) time.Duration {
	d := limit
	for _, z := range zones {
		d = z.boundPoll(z.RangeJ(), d)
	}
	return max(d, time.Millisecond)
}

// boundPoll returns the smaller of d and the time in which the zone draws a
// quarter of rangeJ at its largest power.
func (z Zone) boundPoll(rangeJ float64, d time.Duration) time.Duration {
	if rangeJ <= 0 || z.MaxW <= 0 {
		return d
	}
	return min(d, time.Duration(rangeJ/(4*z.MaxW)*float64(time.Second)))
}
