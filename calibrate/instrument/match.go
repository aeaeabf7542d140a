package instrument

import (
	"math"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// meeting is an edge of each of two counters, of one domain through two
// interfaces, near the same border between windows.
type meeting struct {
	ref, other energy.Edge
	same       bool // both show the same update of the register behind them
}

// meet picks the pair of edges whose brackets lie closest together.
func meet(ref, other []energy.Edge) (m meeting, nearest time.Duration, ok bool) {
	nearest = math.MaxInt64
	for _, a := range ref {
		for _, b := range other {
			if w := span(a, b); w < nearest {
				nearest, m, ok = w, meeting{ref: a, other: b}, true
			}
		}
	}
	return m, nearest, ok
}

// span is the time that two brackets take up together.
func span(a, b energy.Edge) time.Duration {
	return max(a.At.After, b.At.After).Sub(min(a.At.Before, b.At.Before))
}

// overlap says that both edges may be of one instant.
func overlap(a, b energy.Edge) bool {
	return a.At.Before <= b.At.After && b.At.Before <= a.At.After
}

// mostly is the part of the edges that have to be of both counters where one
// register is behind them: a watcher that lost its CPU misses some through one
// interface and not through the other.
const mostly = 0.8

// together reports whether two counters are updated at the same instants, by
// the edges seen at all borders. One that is updated on its own happens to meet
// the other's now and then, but not always.
func together(ref, other [][]energy.Edge) bool {
	all, common := 0, 0
	for k := range ref {
		for _, a := range ref[k] {
			all++
			for _, b := range other[k] {
				if overlap(a, b) {
					common++
					break
				}
			}
		}
	}
	return all > 0 && float64(common) >= mostly*float64(all)
}

// pairing is two zones that show the same domain.
type pairing struct{ ref, other energy.Zone }

// window is the domain between two meetings.
type window struct {
	ratio float64 // of the other's joules, or watts, over the reference's
	joule float64 // by the reference
	floor float64 // standard uncertainty of the ratio that does not show in its scatter
	long  time.Duration
	same  bool
}

// between compares two counters from one meeting to the next; ok is false where
// the reference counted nothing.
func (p pairing) between(from, to meeting) (w window, ok bool) {
	ref := float64(to.ref.Counts-from.ref.Counts) * p.ref.Tick
	other := float64(to.other.Counts-from.other.Counts) * p.other.Tick
	a, b := mid(to.ref.At).Sub(mid(from.ref.At)), mid(to.other.At).Sub(mid(from.other.At))
	if ref <= 0 || a <= 0 || b <= 0 {
		return w, false
	}
	w = window{ratio: other / ref, joule: ref, long: a, same: from.same && to.same}
	if w.same {
		// What the register rounded is rounded in both.
		w.floor = rounded(p.ref.Tick, p.other.Tick) / ref
		return w, true
	}
	w.floor = rounded(p.ref.StepJ(), p.other.StepJ()) / ref
	// Of spans that are not the same the mean powers are compared. Where in its
	// bracket an edge lies is open; and what one span has and the other has not
	// may have been drawn with another power.
	open := math.Sqrt(variance(from.ref.At) + variance(to.ref.At) + variance(from.other.At) + variance(to.other.At))
	shift := math.Abs(mid(from.ref.At).Sub(mid(from.other.At)).Seconds()) + math.Abs(mid(to.ref.At).Sub(mid(to.other.At)).Seconds())
	w.ratio *= a.Seconds() / b.Seconds()
	w.floor = math.Sqrt(w.floor*w.floor + (open*open+wander*wander*shift*shift)/(a.Seconds()*a.Seconds()))
	return w, true
}

// rounded is the standard uncertainty of joules that are compared through two
// counters: one end rounded to a step is off by a step's square root of a
// twelfth, and a difference has two of them.
func rounded(a, b float64) float64 { return math.Hypot(a, b) / math.Sqrt(6) }

// variance is that of an instant somewhere within a bracket, in s².
func variance(b energy.Bracket) float64 {
	w := width(b).Seconds()
	return w * w / 12
}

// wander is how far the power of some milliseconds lies from the mean of the
// second around them, relative: a standard deviation.
const wander = 0.1
