package instrument

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Windows are those that interfaces are compared over: so many, one after the
// other, each so long. At their borders the counters' edges are looked for.
type Windows struct {
	N      int
	Length time.Duration
}

// The time that edges are looked for at a border.
const (
	shortBorder = 20 * time.Millisecond
	longBorder  = 250 * time.Millisecond
)

// border is long enough for the slowest of the counters to show some edges: one
// that counts in joules moves a few times in a second.
func border(all []report.Interface) time.Duration {
	slowest := 0.0
	for _, one := range all {
		for _, z := range one.Zones {
			if z.Update != nil {
				slowest = max(slowest, z.Update.MaxS)
			}
			if z.StepJ != nil && z.PowerW != nil && *z.PowerW > 0 {
				slowest = max(slowest, *z.StepJ/(*z.PowerW))
			}
		}
	}
	return max(shortBorder, time.Duration(min(longBorder.Seconds(), 4*slowest)*float64(time.Second)))
}

// comparer reads several sources in turn, and keeps the edges it sees at the
// borders.
type comparer struct {
	Windows
	border time.Duration
	sides  []side
	began  energy.Instant
}

// side is one of the sources.
type side struct {
	track   *energy.Track
	finders []finder
	edges   [][][]energy.Edge // by zone and border
	failed
	given bool // up
}

// mostEdges is what is kept of a border: it begins with more than are needed.
const mostEdges = 256

func newComparer(sources []energy.Source, w Windows, border time.Duration) *comparer {
	c := &comparer{Windows: w, border: border}
	for _, src := range sources {
		n := len(src.Zones())
		s := side{track: energy.NewTrack(src), finders: make([]finder, n), edges: make([][][]energy.Edge, n)}
		for i := range s.edges {
			s.edges[i] = make([][]energy.Edge, w.N+1)
			for k := range s.edges[i] {
				s.edges[i][k] = make([]energy.Edge, 0, mostEdges)
			}
		}
		c.sides = append(c.sides, s)
	}
	return c
}

// Compare holds the sources, best first, against each other. All are read all
// the time, so that the machine is under the same light load in every window,
// and no wrap goes unseen. What was seen of each before says how long edges have
// to be looked for.
func Compare(ctx context.Context, sources []energy.Source, w Windows, seen []report.Interface) ([]report.Agreement, error) {
	c := newComparer(sources, w, border(seen))
	err := c.read(ctx)
	return c.agreements(), err
}

func (c *comparer) read(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.suspended()
	defer c.suspended()
	end := time.Duration(c.N)*c.Length + c.border
	for ctx.Err() == nil {
		now, all := c.round()
		if all == 0 || now.Sub(c.began) >= end {
			return nil
		}
	}
	return ctx.Err()
}

func (c *comparer) suspended() {
	slept := energy.Slept()
	for i := range c.sides {
		c.sides[i].track.Meter.Suspended(slept)
	}
}

// round reads every source once. It returns when that was over, and how many
// are still read.
func (c *comparer) round() (now energy.Instant, all int) {
	for i := range c.sides {
		s := &c.sides[i]
		if s.given {
			continue
		}
		s.given = s.over(s.track.Read())
		if !s.given {
			all++
		}
		now = max(now, c.take(s))
	}
	if c.began == 0 {
		c.began = now
	}
	return now, all
}

// take keeps the edges that a reading shows, where they lie at a border.
func (c *comparer) take(s *side) (now energy.Instant) {
	r := s.track.Reading
	for i := range s.finders {
		if r.Errs[i] != nil {
			s.finders[i].lose()
			continue
		}
		now = max(now, r.At[i].After)
		e, _, ok := s.finders[i].next(r.At[i], s.track.Meter.Counts(i))
		if !ok || c.began == 0 {
			continue
		}
		k := int(e.At.After.Sub(c.began) / c.Length)
		if k > c.N || e.At.After.Sub(c.began)-time.Duration(k)*c.Length >= c.border {
			continue
		}
		if at := s.edges[i][k]; len(at) < cap(at) {
			s.edges[i][k] = append(at, e)
		}
	}
	return now
}

// agreements hold every domain of each source against the first that has it.
func (c *comparer) agreements() []report.Agreement {
	out := []report.Agreement{}
	for k := 1; k < len(c.sides); k++ {
		other := &c.sides[k]
		for i, z := range other.track.Source.Zones() {
			ref, j := c.first(z.ID())
			if ref == other {
				continue
			}
			a := c.agree(ref, j, other, i)
			a.Domain, a.Interface, a.Reference = z.ID(), other.track.Source.Name(), ref.track.Source.Name()
			out = append(out, a)
		}
	}
	return out
}

// first finds a domain in the best source that has it.
func (c *comparer) first(id string) (*side, int) {
	for k := range c.sides {
		s := &c.sides[k]
		if i := slices.IndexFunc(s.track.Source.Zones(), func(z energy.Zone) bool { return z.ID() == id }); i >= 0 {
			return s, i
		}
	}
	return nil, -1
}

func (c *comparer) agree(ref *side, j int, other *side, i int) report.Agreement {
	for _, x := range []struct {
		s *side
		i int
	}{{ref, j}, {other, i}} {
		if t := x.s.track.Meter.Total(x.i); len(t.Gaps) > 0 || t.Err != nil || !t.First {
			return report.Agreement{Reason: x.s.track.Source.Name() + ": " + lost(t)}
		}
	}
	z := other.track.Source.Zones()[i]
	return agreement(z.Domain, c.windows(ref, j, other, i))
}

// lost says why the counts of a zone are not all there.
func lost(t energy.ZoneTotal) string {
	if len(t.Gaps) > 0 {
		return t.Gaps[0].Reason
	}
	return fmt.Sprintf("the counter could not be read: %v", t.Err)
}

func (c *comparer) windows(ref *side, j int, other *side, i int) []window {
	p := pairing{ref: ref.track.Source.Zones()[j], other: other.track.Source.Zones()[i]}
	// There is room for one update only where both brackets lie within half an
	// update interval.
	room := usuallyApart(ref.edges[j]) / 2
	one := together(ref.edges[j], other.edges[i])
	var out []window
	var from meeting
	has := false
	for k := range c.N + 1 {
		to, nearest, ok := meet(ref.edges[j][k], other.edges[i][k])
		to.same = one && nearest < room && overlap(to.ref, to.other)
		if has && ok {
			if w, counted := p.between(from, to); counted {
				out = append(out, w)
			}
		}
		from, has = to, ok
	}
	return out
}

// usuallyApart is the median time between two edges of a border.
func usuallyApart(borders [][]energy.Edge) time.Duration {
	var all []interval
	for _, edges := range borders {
		for k := 1; k < len(edges); k++ {
			all = append(all, interval{d: mid(edges[k].At).Sub(mid(edges[k-1].At))})
		}
	}
	return medianOf(all, func(i interval) time.Duration { return i.d })
}
