package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// watchFor bounds how long counters are watched. A counter of 1 J units, as
// the platform's is on servers, moves within it from 10 W on.
const watchFor = 120 * time.Millisecond

// wantEdges is how many refreshes of every counter are enough.
const wantEdges = 6

// sight is what was seen of a counter while it was watched.
type sight struct {
	reads       int
	err         error // of the last read
	raw         uint64
	counts      uint64 // since the first read, unwrapped
	edges       int
	first, last energy.Instant // of the edges
	from        uint64         // counts at the first edge
	watched     time.Duration
	step        uint64 // counts that all changes are multiples of, 0 unknown
}

// watts returns the mean power between the first and the last edge, 0 when
// fewer than two were seen.
func (s sight) watts(z energy.Zone) float64 {
	if s.edges < 2 {
		return 0
	}
	return float64(s.counts-s.from) * z.Tick / s.last.Sub(s.first).Seconds()
}

// refresh returns the mean time between edges, 0 when fewer than two were
// seen.
func (s sight) refresh() time.Duration {
	if s.edges < 2 {
		return 0
	}
	return s.last.Sub(s.first) / time.Duration(s.edges-1)
}

// watch reads a source until every counter has shown its refreshes or the time
// is up.
func watch(t *energy.Track) []sight {
	seen := make([]sight, len(t.Source.Zones()))
	for began := energy.Now(); ; {
		// Each zone's error is in the reading.
		_ = t.Read()
		t.Before.Add(t.Reading, t.Meter)
		all := true
		for i := range seen {
			seen[i].add(t.Reading, i, t.Meter.Counts(i))
			all = all && seen[i].edges >= wantEdges
		}
		if all || energy.Now().Sub(began) > watchFor {
			for i := range seen {
				seen[i].watched, seen[i].step = energy.Now().Sub(began), t.Before.StepCounts(i)
			}
			return seen
		}
	}
}

func (s *sight) add(r *energy.Reading, i int, counts uint64) {
	if s.err = r.Errs[i]; s.err != nil {
		return
	}
	if s.reads > 0 && counts != s.counts {
		at := r.At[i].After
		if s.edges == 0 {
			s.first, s.from = at, counts
		}
		s.last = at
		s.edges++
	}
	s.reads, s.raw, s.counts = s.reads+1, r.Counts[i], counts
}

// zoneCheck reports one counter.
func zoneCheck(source string, z energy.Zone, s sight) report.Check {
	name := source + " " + z.ID()
	switch {
	case s.reads == 0:
		return check(groupZones, name, report.Broken, "%s can't be read: %v", z.Origin, s.err)
	case s.err != nil:
		return check(groupZones, name, report.Broken, "%s stopped answering after %d reads: %v", z.Origin, s.reads, s.err)
	case s.edges == 0:
		return stillZone(name, z, s)
	}
	parts := []string{z.Origin}
	if w := s.watts(z); w > 0 {
		parts = append(parts, fmt.Sprintf("moving, %.3g W now", w))
	} else {
		parts = append(parts, "moving")
	}
	if d := s.refresh(); d > 0 {
		parts = append(parts, fmt.Sprintf("new value every %s", millis(d)))
	}
	return check(groupZones, name, report.Working, "%s", strings.Join(append(parts, properties(z, s)...), "; "))
}

// stillZone judges a counter that did not move. A package's would have been
// refused as a whole; memory always draws power; graphics may be off.
func stillZone(name string, z energy.Zone, s sight) report.Check {
	state, why := report.Note, "idle, or not metered on this machine"
	if z.Domain == energy.DRAM || z.Domain == energy.Package {
		state, why = report.Broken, "nothing feeds this counter"
	}
	parts := []string{fmt.Sprintf("%s: stands still at %d for %s: %s", z.Origin, s.raw, millis(s.watched), why)}
	return check(groupZones, name, state, "%s", strings.Join(append(parts, properties(z, s)...), "; "))
}

// properties says how a counter counts and when it wraps.
func properties(z energy.Zone, s sight) []string {
	step := max(z.StepJ(), float64(s.step)*z.Tick)
	if z.Step > 0 {
		step = z.Step // known, not only seen
	}
	parts := []string{"steps of " + joules(step)}
	switch r := z.RangeJ(); {
	case z.Wrap == energy.UnknownWrap:
		parts = append(parts, "its range is not known: a wrap would leave a gap")
	case z.Wrap == 0 && z.Behind > 0:
		parts = append(parts, fmt.Sprintf("64 bits, kept by the kernel over a register that wraps every %.0f J", float64(z.Behind)*step))
	case z.Wrap == 0:
		parts = append(parts, "64 bits, does not wrap")
	default:
		text := fmt.Sprintf("wraps every %.0f J", r)
		if z.MaxW > 0 {
			text += fmt.Sprintf(", at the soonest after %s (at %.0f W)", span(r/z.MaxW), z.MaxW)
		}
		parts = append(parts, text)
	}
	return parts
}

// joules spells an amount of energy with a unit that fits.
func joules(j float64) string {
	switch {
	case j <= 0:
		return "unknown size"
	case j < 1e-6:
		return fmt.Sprintf("%.3g nJ", j*1e9)
	case j < 1e-3:
		return fmt.Sprintf("%.3g µJ", j*1e6)
	case j < 1:
		return fmt.Sprintf("%.3g mJ", j*1e3)
	}
	return fmt.Sprintf("%.3g J", j)
}

func millis(d time.Duration) string { return fmt.Sprintf("%.3g ms", d.Seconds()*1e3) }

// span spells seconds.
func span(s float64) string {
	switch {
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	case s < 2*3600:
		return fmt.Sprintf("%.0f min", s/60)
	case s < 48*3600:
		return fmt.Sprintf("%.0f h", s/3600)
	}
	return fmt.Sprintf("%.0f days", s/86400)
}
