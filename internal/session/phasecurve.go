package session

import (
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// curve is what one domain had spent at every edge of the stretches: 0 at the
// opening of the window, all of it at the end.
type curve struct {
	joules []float64 // by edge, never falling; NaN where the counter could not be read
	blur   []float64 // how far off each is, in joules; 0 at the window's own edges
	window float64   // the uncertainty of the window as a whole
	least  float64   // seconds: what is shorter is not told by this counter
	filter float64   // relative: how far a processor that filters may bend any of it
	known  bool      // false: the domain's energy is not known
	reason string    // why
}

// shown is what readings showed of a domain inside the window.
type shown struct {
	at          []float64 // by edge, seconds from the opening; the first is 0, the last the window's length
	late        []float64 // by edge, seconds from the mark to the middle of the reading
	latest      []float64 // and to its end
	joules      []float64 // by edge, as the counter showed them, NaN where it could not be read
	mean, worst float64   // seconds: how old what a reading shows is, on average and at most
	step        float64   // joules: the counter's resolution
}

// whole is how many of the counter's refreshes a power is taken over at least.
const whole = 4

// newCurve makes the curve of a domain whose energy over the window is known.
//
// A reading shows the counter as of its last refresh, which is half a refresh
// ago on average. What was spent from then to the mark is added, at the power
// of the time before it; where the reading was taken so late that it shows more
// than the mark, that is taken off, at the power of the time after. How much it
// really was lies between nothing and what the higher of the two powers makes of
// a whole refresh and the time until the reading was taken; that is the
// uncertainty.
func newCurve(s shown, joules, uncertainty float64) curve {
	n := len(s.at)
	c := curve{joules: make([]float64, n), blur: make([]float64, n), window: uncertainty, least: s.worst, known: true}
	c.joules[n-1] = joules
	last := 0.0
	for k := 1; k < n-1; k++ {
		if math.IsNaN(s.joules[k]) {
			c.joules[k] = math.NaN()
			continue
		}
		before, after := s.power(k, -1, joules), s.power(k, 1, joules)
		short, over := expected(2*s.mean, s.late[k])
		last = min(max(last, s.joules[k]+before*short-after*over), joules)
		c.joules[k] = last
		c.blur[k] = max(before, after)*(s.worst+s.latest[k]) + s.step
	}
	return c
}

// expected says by how much a reading falls short of a mark, and by how much it
// goes beyond, on average and in seconds: it was taken late, and shows the
// counter as of any moment of the refresh before it.
func expected(refresh, late float64) (short, over float64) {
	if refresh <= late {
		return 0, late - refresh/2
	}
	return (refresh - late) * (refresh - late) / (2 * refresh), late * late / (2 * refresh)
}

// power is the mean power before edge k (dir -1) or after it, over some of the
// counter's refreshes; all is what the window holds.
func (s *shown) power(k, dir int, all float64) float64 {
	n := len(s.at)
	j := k + dir
	for j > 0 && j < n-1 && (math.Abs(s.at[j]-s.at[k]) < whole*s.worst || math.IsNaN(s.joules[j])) {
		j += dir
	}
	from, to := 0.0, s.joules[k]
	if j > 0 {
		from = s.joules[j]
	}
	if j == n-1 {
		from = all
	}
	if dt := math.Abs(s.at[k] - s.at[j]); dt > 0 {
		return math.Abs(to-from) / dt
	}
	if d := s.at[n-1]; d > 0 {
		return all / d
	}
	return 0
}

// between returns the joules between two edges and how far off they may be;
// NaN where a counter could not be read.
func (c *curve) between(from, to int) (joules, uncertainty float64) {
	joules = c.joules[to] - c.joules[from]
	uncertainty = c.blur[from] + c.blur[to]
	if from == 0 || to == len(c.joules)-1 {
		uncertainty += c.window
	}
	return joules, max(uncertainty, c.filter*joules)
}

// modelLeast is the clock tick of /proc/stat, by which a model counts.
const modelLeast = 0.010

// curveOf makes the curve of a zone whose energy over the window is e.
func (s *session) curveOf(l *phaseLog, at []float64, i int, e energyOf) curve {
	if e.joules == nil {
		return curve{reason: e.reason}
	}
	t := s.tracks[0]
	n := len(at)
	z := t.Source.Zones()[i]
	in := shown{at: at, late: make([]float64, n), latest: make([]float64, n), joules: make([]float64, n), step: z.StepJ()}
	for k := 1; k < n-1; k++ {
		c, counts := l.cuts[k-1], l.counts[(k-1)*len(t.Source.Zones())+i]
		in.latest[k] = max(0, c.read.Sub(c.at).Seconds())
		in.late[k] = max(0, (c.began.Sub(c.at).Seconds()+in.latest[k])/2)
		switch {
		case counts == unread:
			in.joules[k] = math.NaN()
		case s.measured():
			in.joules[k] = t.Shown(i, counts, s.start, c.at)
		default:
			in.joules[k] = float64(counts) * z.Tick
		}
	}
	if !s.measured() {
		return modelled(in, *e.joules, t.Total(i).EnergyJ)
	}
	in.mean, in.worst = t.Lag(i)
	c := newCurve(in, *e.joules, e.uncertainty)
	if s.filtered {
		c.filter = filterSkew
	}
	return c
}

// modelled is the curve of an estimate: the model's own course, stretched to
// what it says of the window.
func modelled(s shown, joules, all float64) curve {
	n := len(s.at)
	c := curve{joules: make([]float64, n), blur: make([]float64, n), least: modelLeast, known: true}
	last := 0.0
	for k := 1; k < n-1; k++ {
		part := s.at[k] / max(s.at[n-1], 1e-9)
		if all > 0 {
			part = s.joules[k] / all
		}
		if !math.IsNaN(part) {
			last = min(max(last, part*joules), joules)
			part = last
		}
		c.joules[k] = part
	}
	c.joules[n-1] = joules
	return c
}

// energyOf is a domain's energy over the window.
type energyOf struct {
	joules      *float64
	uncertainty float64
	reason      string
}

// edges returns when the stretches begin and end, in seconds from the opening,
// and the edge of each cut.
func (s *session) edges(l *phaseLog) (at []float64, of []int) {
	inside := 0
	for _, c := range l.cuts {
		if !c.end {
			inside++
		}
	}
	d := s.duration()
	at, of = make([]float64, inside+2), make([]int, len(l.cuts))
	for k, c := range l.cuts {
		of[k] = inside + 1
		if !c.end {
			of[k] = k + 1
			at[k+1] = seconds(c.at, s.start, d)
		}
	}
	at[inside+1] = d
	return at, of
}

// seconds returns when something was, from the opening, within a window of
// that length.
func seconds(at, start energy.Instant, length float64) float64 {
	return min(max(at.Sub(start).Seconds(), 0), length)
}
