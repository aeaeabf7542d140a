package energy

import (
	"math"
	"math/bits"
	"time"
)

// Edge is a refresh of a counter as seen from outside: the counter stood still
// until some instant of the bracket and shows Counts from then on.
type Edge struct {
	At     Bracket
	Counts uint64 // the Meter's unwrapped count from here on
}

// mid returns the middle of the bracket and half its width in seconds.
func (e Edge) mid() (at Instant, half float64) {
	w := e.At.After - e.At.Before
	return e.At.Before + w/2, time.Duration(w).Seconds() / 2
}

// Refresh is what is known of a counter's own update interval.
type Refresh struct {
	N        int           // intervals seen
	Mean     time.Duration // 0 when N is 0
	Min, Max time.Duration
}

// DefaultRefreshMax is taken for the longest update interval until one has
// been seen: the largest of a million on an Ice Lake server.
const DefaultRefreshMax = 2830 * time.Microsecond

// longest returns a bound on the interval, in seconds.
func (r Refresh) longest() float64 {
	if r.N == 0 {
		return DefaultRefreshMax.Seconds()
	}
	return r.Max.Seconds()
}

func (r *Refresh) learn(d time.Duration) {
	if r.N == 0 || d < r.Min {
		r.Min = d
	}
	r.Max = max(r.Max, d)
	r.N++
	r.Mean += (d - r.Mean) / time.Duration(r.N)
}

// Merge adds what o has seen.
func (r *Refresh) Merge(o Refresh) {
	if o.N == 0 {
		return
	}
	if r.N == 0 {
		*r = o
		return
	}
	n := r.N + o.N
	r.Mean = time.Duration((float64(r.Mean)*float64(r.N) + float64(o.Mean)*float64(o.N)) / float64(n))
	r.Min, r.Max, r.N = min(r.Min, o.Min), max(r.Max, o.Max), n
}

// Watch finds the edges of a source's counters in readings that follow each
// other closely.
type Watch struct {
	state   []watchState
	refresh Refresh
	known   Refresh  // from an earlier watch
	steps   []uint64 // per zone: all changes ORed together
}

type watchState struct {
	reads       int
	began       Bracket       // of the first reading
	prev        Edge          // the last reading
	quickest    time.Duration // from the beginning of a reading to the end of the next
	narrowest   time.Duration // a reading itself
	first, last Edge
	edges       int
	looked      bool    // away since the last reading: it shows no edge
	unbroken    bool    // watched ever since the last edge
	sharp       bool    // one of the edges was seen since somebody looked away
	vague       [2]Edge // the first and the last that were seen instead
	hazy        bool    // there is such a one
}

// NewWatch returns a Watch for n zones.
func NewWatch(n int) *Watch {
	w := &Watch{state: make([]watchState, n), steps: make([]uint64, n)}
	for i := range w.state {
		w.state[i].quickest, w.state[i].narrowest = math.MaxInt64, math.MaxInt64
	}
	return w
}

// heed tells a watch what an earlier one of the same counters has learnt: how
// long readings and update intervals are.
func (w *Watch) heed(o *Watch) {
	w.known = o.known
	w.known.Merge(o.refresh)
	for i := range w.state {
		w.state[i].narrowest = min(w.state[i].narrowest, o.state[i].narrowest)
	}
}

// longest returns a bound on the update interval, in seconds.
func (w *Watch) longest() float64 {
	r := w.known
	r.Merge(w.refresh)
	return r.longest()
}

// Add takes a reading that the Meter has taken just before.
func (w *Watch) Add(r *Reading, m *Meter) {
	for i := range w.state {
		if r.Errs[i] == nil {
			w.addZone(i, r.At[i], m.Counts(i))
		}
	}
}

func (w *Watch) addZone(i int, at Bracket, counts uint64) {
	s := &w.state[i]
	width := at.After.Sub(at.Before)
	s.narrowest = min(s.narrowest, width)
	if s.reads++; s.reads == 1 {
		s.began = at
	} else if !s.looked {
		turn := at.After.Sub(s.prev.At.Before)
		s.quickest = min(s.quickest, turn)
		if counts != s.prev.Counts {
			w.steps[i] |= counts - s.prev.Counts
			w.edge(s, Edge{At: w.bracket(s.prev.At, at), Counts: counts}, turn, w.lost(s, width, turn))
		}
	}
	s.looked = false
	s.prev = Edge{At: at, Counts: counts}
}

// lost reports whether the watcher lost its CPU for longer than an update
// interval, in the middle of a reading of this width or in the turn that it ends.
// Turns tell where they are short otherwise, an eighth of an interval: others
// vary, and edges are as blunt anyway.
func (w *Watch) lost(s *watchState, width, turn time.Duration) bool {
	longest := w.longest()
	return width.Seconds() > longest && width > 4*s.narrowest ||
		turn.Seconds() > longest && s.quickest.Seconds() < longest/8
}

// edge takes in that a reading shows the counter refreshed, at the end of turn.
// Where the watcher has lost its CPU meanwhile, in the middle of the reading or
// before it, there is no telling when that was: such an edge counts only for want
// of others.
func (w *Watch) edge(s *watchState, e Edge, turn time.Duration, lost bool) {
	if lost {
		s.unbroken = false
		if !s.hazy {
			s.vague[0] = e
		}
		if !s.sharp {
			s.vague[1], s.hazy = e, true
		}
		return
	}
	switch {
	case s.edges == 0:
		s.first = e
	case s.unbroken:
		w.learn(s.last, e, turn.Seconds())
	}
	s.last, s.unbroken = e, true
	s.sharp, s.hazy = true, false
	s.edges++
}

// start and end are the first edge and the last; ok is false where there is none.
func (s *watchState) start() (e Edge, ok bool) {
	if s.edges > 0 {
		return s.first, true
	}
	return s.vague[0], s.hazy
}

func (s *watchState) end() (e Edge, ok bool) {
	if s.hazy {
		return s.vague[1], true
	}
	return s.last, s.edges > 0
}

// LookAway says that the next reading comes after a time without any: edges in
// between went unseen.
func (w *Watch) LookAway() {
	for i := range w.state {
		s := &w.state[i]
		s.looked, s.unbroken, s.sharp, s.hazy = true, false, false, false
		s.quickest = math.MaxInt64 // others may be read in between from here on
	}
}

// bracket returns the time within which a counter was refreshed that a reading
// shows anew: not before the reading that did not show it yet began, and not
// longer before this one than the longest update interval. The second bound is
// the sharper one where readings are slow.
func (w *Watch) bracket(before, now Bracket) Bracket {
	longest := Instant(w.longest() * float64(time.Second))
	return Bracket{Before: max(before.Before, now.Before-longest), After: now.After}
}

// learn takes the time between two edges for an update interval, if both are
// known sharply enough for that to mean anything, and nobody looked away right
// before the second, for gap seconds: a watcher that lost its CPU saw none of
// the edges before it.
func (w *Watch) learn(a, b Edge, gap float64) {
	ta, ha := a.mid()
	tb, hb := b.mid()
	if d := tb.Sub(ta); (ha+max(hb, gap/2))*4 < d.Seconds() {
		w.refresh.learn(d)
	}
}

// Edges returns how many edges of zone i were seen, but for those at which the
// watcher had lost its CPU.
func (w *Watch) Edges(i int) int { return w.state[i].edges }

// Moved reports whether zone i was seen to change at all.
func (w *Watch) Moved(i int) bool { return w.steps[i] != 0 }

// Refresh returns the update intervals seen, over all zones.
func (w *Watch) Refresh() Refresh { return w.refresh }

// StepCounts returns the smallest step that zone i can have, judged by the
// changes seen: the largest power of two that divides them all. It is 0 when
// none was seen.
func (w *Watch) StepCounts(i int) uint64 {
	if w.steps[i] == 0 {
		return 0
	}
	return 1 << bits.TrailingZeros64(w.steps[i])
}

// power returns the mean power of zone i over whole update intervals, in
// watts; ok is false where fewer than two edges were seen.
func (s *watchState) power(tick float64) (w float64, ok bool) {
	if s.edges < 2 {
		return 0, false
	}
	t0, _ := s.first.mid()
	t1, _ := s.last.mid()
	return float64(s.last.Counts-s.first.Counts) * tick / t1.Sub(t0).Seconds(), true
}

// PowerBetween returns the mean power of zone i, in watts, from the last edge
// of one watch to the first of a later one with the same Meter, NaN where either
// has none, and when these edges were.
func PowerBetween(z Zone, i int, before, after *Watch) (watts float64, from, to Instant) {
	b, okB := before.state[i].end()
	a, okA := after.state[i].start()
	if !okB || !okA {
		return math.NaN(), 0, 0
	}
	from, _ = b.mid()
	to, _ = a.mid()
	return float64(a.Counts-b.Counts) * z.Tick / to.Sub(from).Seconds(), from, to
}

// Window is the energy of one zone between two instants that fall inside
// update intervals of its counter.
type Window struct {
	EnergyJ      float64
	UncertaintyJ float64 // half-width of a 95 % interval
}

// Between returns the energy of zone i from start to end, given the watch that
// ended at start and the one that began at end. Both use the same Meter.
//
// The counter is taken at its edges, where it is exact: the last one before
// start and the first after end. What lies between edge and instant is taken
// off with the power that the zone drew while it was watched on that side, so
// what remains unknown is not the energy of an update interval, but how far
// the power wandered within the small part of one.
func Between(z Zone, i int, before, after *Watch, start, end Instant, refresh Refresh) Window {
	b, a := &before.state[i], &after.state[i]
	first, okB := b.end()
	last, okA := a.start()
	if !okB || !okA {
		return plain(z, b, a, start, end, refresh)
	}
	t0, half0 := first.mid()
	t1, half1 := last.mid()
	gross := float64(last.Counts-first.Counts) * z.Tick
	lead, tail := start.Sub(t0).Seconds(), t1.Sub(end).Seconds()

	// Without two edges on a side, the other side's power stands in, and
	// without either the window's own, which may be far off. How far the powers
	// before, in and after the window lie apart says how far any may be off in
	// a part of an update interval.
	mean := gross / math.Max(t1.Sub(t0).Seconds(), 1e-9)
	pre, okPre := b.power(z.Tick)
	post, okPost := a.power(z.Tick)
	spread := math.Abs(pre - post)
	switch {
	case okPre && okPost:
		spread = math.Max(spread, math.Max(math.Abs(mean-pre), math.Abs(mean-post)))
	case okPre:
		post, spread = pre, math.Max(mean, pre)
	case okPost:
		pre, spread = post, math.Max(mean, post)
	default:
		pre, post, spread = mean, mean, 2*mean
	}
	// A processor does not change its power at once when a command ends:
	// clocks, voltages and caches take a while, and what the counter shows at
	// its next edge has a part of that in it. How large a part is not known.
	fall := mean - post
	e := math.Max(0, gross-pre*lead-(post+afterglow*fall)*tail)
	top := math.Max(mean, math.Max(pre, post))
	// Between the last reading before the window and its start, and between its
	// end and the first reading after it, nobody watched: there the power may
	// have been anything, as much as twice the mean where a load comes and goes.
	unwatched := math.Max(0, start.Sub(b.prev.At.After).Seconds()) + math.Max(0, a.began.Before.Sub(end).Seconds())
	u := z.StepJ() + // one step, shared by the two ends
		top*(half0+half1) + // where in their brackets the edges lie
		math.Max(spread/2, wander*pre)*math.Abs(lead) +
		math.Max(math.Max(spread/2, wander*post), (1-afterglow)*math.Abs(fall))*math.Abs(tail) +
		2*top*unwatched
	return Window{EnergyJ: e, UncertaintyJ: u}
}

// wander is how far the power of a fraction of an update interval may lie from
// the mean of the whole ones around it, relative, at 95 %.
const wander = 0.15

// afterglow is the part of the command's power that is taken to be there still,
// on average, between its end and the next edge. It is what 0.1 ms of decay
// comes to; the uncertainty covers anything up to all of it.
const afterglow = 0.15

// unseen returns a bound in seconds on the update interval of a counter that
// showed no edge all the while it was watched.
func (s *watchState) unseen() float64 {
	if s.edges > 0 || s.hazy || s.reads == 0 {
		return 0
	}
	return 2 * s.prev.At.After.Sub(s.began.Before).Seconds()
}

// plain is the energy between two readings of a counter whose refresh could
// not be seen: each reading is up to one update interval old.
func plain(z Zone, b, a *watchState, start, end Instant, refresh Refresh) Window {
	e := float64(a.prev.Counts-b.prev.Counts) * z.Tick
	dt := a.prev.At.After.Sub(b.prev.At.Before).Seconds()
	if b.reads == 0 || a.reads == 0 || dt <= 0 {
		return Window{EnergyJ: e, UncertaintyJ: math.Inf(1)}
	}
	inside := end.Sub(start).Seconds()
	w := e / dt
	old := math.Max(refresh.longest(), math.Max(b.unseen(), a.unseen()))
	return Window{
		EnergyJ:      w * math.Min(inside, dt),
		UncertaintyJ: 2*z.StepJ() + w*(old+math.Max(0, dt-inside)),
	}
}
