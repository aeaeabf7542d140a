package energy

import "math"

// A window is also cut inside, where nobody watches the counters for their
// edges: there is one reading at a cut, and it shows the counter as of its last
// refresh.

// Lag says how old what a reading of zone i shows may be, in seconds: on average
// and at most.
func (t *Track) Lag(i int) (mean, longest float64) {
	r := t.Refresh()
	longest = r.longest()
	mean = longest / 2
	if r.N > 0 {
		mean = r.Mean.Seconds() / 2
	}
	// A counter that stood still for as long as it was watched, on both sides,
	// may be refreshed that rarely.
	if b, a := &t.Before.state[i], &t.After.state[i]; b.edges == 0 && a.edges == 0 {
		if old := math.Max(b.unseen(), a.unseen()); old > longest {
			mean, longest = old/2, old
		}
	}
	return mean, longest
}

// Shown returns the joules that a reading of zone i inside a window shows of
// it: what the counter, by the Meter's counts, moved by since the window
// opened at start. As in [Between], what lies between the counter's last edge
// and the opening is taken off. What it has not shown yet is not in it: see
// [Track.Lag].
func (t *Track) Shown(i int, counts uint64, start, at Instant) float64 {
	z, b := t.Source.Zones()[i], &t.Before.state[i]
	if b.edges == 0 {
		return math.Max(0, float64(counts-b.prev.Counts)*z.Tick)
	}
	t0, _ := b.last.mid()
	gross := float64(counts-b.last.Counts) * z.Tick
	pre, ok := b.power(z.Tick)
	if !ok {
		pre = gross / math.Max(at.Sub(t0).Seconds(), 1e-9)
	}
	return math.Max(0, gross-pre*start.Sub(t0).Seconds())
}
