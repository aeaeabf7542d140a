package load

import (
	"math"
	"slices"
	"time"
)

// Segment is a piece of a trace.
type Segment struct {
	For time.Duration
	// Duty of the CPUs that work, 0 to 1.
	Duty float64
	// CPUs is how many work, the first of Spec.CPUs; 0 means all.
	CPUs int
}

// Bounds of a bursty load. A duty beyond them would need segments shorter or
// longer than these.
const (
	burstMin   = 50 * time.Millisecond
	burstMax   = 200 * time.Millisecond
	MinBursty  = 0.2
	MaxBursty  = 0.8
	burstPairs = 8   // after which the mean duty is exact
	burstRuns  = 60  // of so many pairs, two seconds each: the trace
	burstGrain = 1e6 // ns
)

// Bursty returns a trace of two minutes in which all CPUs work and rest in turn,
// 50 to 200 ms each, drawn from the seed. The mean duty is met every two
// seconds; it is from MinBursty to MaxBursty.
func Bursty(seed uint64, duty float64) []Segment {
	r := newRNG(seed, math.MaxUint64)
	pair := float64(burstMin + burstMax)
	var trace []Segment
	for range burstRuns {
		on, off := burst(&r, pair*duty), burst(&r, pair*(1-duty))
		for i := range on {
			trace = append(trace, Segment{For: on[i], Duty: 1}, Segment{For: off[i]})
		}
	}
	return trace
}

// burst draws burstPairs durations with the given mean in ns. Each has its
// mirror image among them: so their mean is that, and not just about that.
func burst(r *rng, mean float64) []time.Duration {
	width := max(0, min(mean-float64(burstMin), float64(burstMax)-mean))
	var d []time.Duration
	for range burstPairs / 2 {
		x := math.Round(width*(2*r.fraction()-1)/burstGrain) * burstGrain
		d = append(d, time.Duration(mean+x), time.Duration(mean-x))
	}
	for i := len(d) - 1; i > 0; i-- {
		j := r.below(uint64(i + 1))
		d[i], d[j] = d[j], d[i]
	}
	return d
}

// span is a time in which a CPU works: from, until, in ns since the load began.
type span struct{ from, until int64 }

// never is the span of a CPU that rests for ever.
var never = span{math.MaxInt64, math.MaxInt64}

// schedule says when one CPU works. It is arithmetic on the time since the load
// began, so nothing adds up over the periods.
type schedule struct {
	trace  []Segment // with the CPU's own duty
	ends   []int64   // of the segments, in ns
	period int64
	phase  float64 // how much of a period is over when a segment begins
}

// scheduleOf returns the schedule of the CPU with the given place in the load.
func scheduleOf(s Spec, place int, phase float64) schedule {
	out := schedule{period: int64(s.Period), phase: phase}
	if s.Period == 0 {
		out.period = int64(DefaultPeriod)
	}
	trace := s.trace()
	if trace == nil { // whole periods, so that they go on at its end
		periods := int64(time.Hour) / out.period
		trace = []Segment{{For: time.Duration(periods * out.period), Duty: s.Duty}}
	}
	end := int64(0)
	for _, g := range trace {
		if g.CPUs > 0 && place >= g.CPUs {
			g.Duty = 0
		}
		end += int64(g.For)
		out.trace = append(out.trace, g)
		out.ends = append(out.ends, end)
	}
	return out
}

// at returns the span that t lies in, or else the next one.
func (s *schedule) at(t int64) span {
	cycle := s.ends[len(s.ends)-1]
	base, p := t-t%cycle, t%cycle
	i, found := slices.BinarySearch(s.ends, p)
	if found {
		i++ // an end is the next one's begin
	}
	for range len(s.trace) + 1 {
		if i == len(s.trace) {
			i, base = 0, base+cycle
		}
		end := base + s.ends[i]
		begin := end - int64(s.trace[i].For)
		if w, ok := s.within(s.trace[i].Duty, begin, end, max(t, begin)); ok {
			return w
		}
		i++
	}
	return never
}

// within returns the first span of a segment that ends after t. The segment is
// divided into whole periods, so that every CPU gets its duty whatever its phase.
func (s *schedule) within(duty float64, begin, end, t int64) (span, bool) {
	if duty <= 0 {
		return span{}, false
	}
	if duty >= 1 {
		return span{begin, end}, true
	}
	periods := max(1, (end-begin+s.period/2)/s.period)
	period := float64(end-begin) / float64(periods)
	on := int64(math.Round(duty * period))
	// The first period began before the segment: its rest is here, and the
	// last one's beginning.
	first := int64((float64(t-begin)/period + s.phase))
	for k := max(0, first-1); k <= periods; k++ {
		from := begin + int64(math.Round((float64(k)-s.phase)*period))
		w := span{max(from, begin), min(from+on, end)}
		if w.until > t && w.from < w.until {
			return w, true
		}
	}
	return span{}, false
}

// phases returns how much of its period is over when each of n CPUs begins, from
// 0 to 1. They are spread evenly, which makes the load of the machine as smooth
// as it can be; the seed says who gets which, since neighbours in a list share
// cores and caches.
func phases(seed uint64, n int) []float64 {
	r := newRNG(seed, math.MaxUint64-1)
	out := make([]float64, n)
	shift := r.fraction()
	for i := range out {
		out[i] = (float64(i) + shift) / float64(n)
		j := r.below(uint64(i + 1))
		out[i], out[j] = out[j], out[i]
	}
	return out
}
