package load

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestBursty(t *testing.T) {
	for _, duty := range []float64{MinBursty, 0.25, 0.4, 0.5, 0.7, MaxBursty} {
		for seed := range uint64(20) {
			trace := Bursty(seed, duty)
			if !slices.Equal(trace, Bursty(seed, duty)) {
				t.Fatalf("seed %d: not the same twice", seed)
			}
			var on, all time.Duration
			for i, g := range trace {
				if g.For < burstMin-time.Microsecond || g.For > burstMax+time.Microsecond || g.Duty != float64(1-i%2) || g.CPUs != 0 {
					t.Fatalf("duty %v, seed %d, segment %d: %+v", duty, seed, i, g)
				}
				if all += g.For; g.Duty == 1 {
					on += g.For
				}
				if i%(2*burstPairs) == 2*burstPairs-1 { // a round is over
					if got := float64(on) / float64(all); math.Abs(got-duty) > 1e-6 {
						t.Fatalf("duty %v, seed %d: %v after %v", duty, seed, got, all)
					}
				}
			}
			if all < 119*time.Second || all > 121*time.Second {
				t.Errorf("duty %v, seed %d: %v", duty, seed, all)
			}
		}
	}
	if slices.Equal(Bursty(1, 0.4), Bursty(2, 0.4)) {
		t.Error("seeds 1 and 2 draw the same")
	}
}

// walk adds up the time that a schedule works from t to end, and checks that
// its spans follow each other.
func walk(t *testing.T, s *schedule, from, end int64) int64 {
	t.Helper()
	on := int64(0)
	for at := from; at < end; {
		w := s.at(at)
		if w == never {
			break
		}
		if w.until <= at || w.from >= w.until {
			t.Fatalf("at %d: span %+v", at, w)
		}
		if within := s.at((max(w.from, at) + w.until) / 2); within != w {
			t.Fatalf("the middle of %+v is in %+v", w, within)
		}
		on += max(0, min(w.until, end)-max(w.from, at))
		at = w.until
	}
	return on
}

// TestSchedule: over whole cycles every CPU works for exactly the part of the
// time that is meant, whatever its phase.
func TestSchedule(t *testing.T) {
	r := newRNG(3, 0)
	for range 300 {
		s := randomSpec(&r)
		if s.Bursty {
			continue // two minutes of segments: they are those of a trace
		}
		place := int(r.below(uint64(len(s.CPUs))))
		sched := scheduleOf(s, place, r.fraction())
		cycle := sched.ends[len(sched.ends)-1]
		if s.Trace == nil {
			cycle = 20 * sched.period
		}
		for _, begin := range []int64{0, 3 * cycle, sched.ends[len(sched.ends)-1] - cycle/2} {
			on := walk(t, &sched, begin, begin+cycle)
			if got, want := float64(on)/float64(cycle), s.MeanDuty(place); math.Abs(got-want) > 1e-4 {
				t.Errorf("%s: place %d from %d: duty %v, want %v", s, place, begin, got, want)
			}
		}
	}
}

func TestScheduleOfAll(t *testing.T) {
	s := schedule{trace: []Segment{{For: 100, Duty: 1}, {For: 50}, {For: 40, Duty: 0.25}}, ends: []int64{100, 150, 190}, period: 20, phase: 0.5}
	for _, c := range []struct {
		t    int64
		want span
	}{
		{0, span{0, 100}}, {99, span{0, 100}},
		{100, span{160, 165}}, // the first half of a period is over at 150
		{164, span{160, 165}}, {165, span{180, 185}},
		{185, span{190, 290}}, {190 * 1000, span{190000, 190100}},
	} {
		if got := s.at(c.t); got != c.want {
			t.Errorf("at %d: %+v, want %+v", c.t, got, c.want)
		}
	}
	none := scheduleOf(Spec{CPUs: []int{0, 1}, Trace: []Segment{{For: time.Second, Duty: 1, CPUs: 1}}}, 1, 0)
	if got := none.at(5); got != never {
		t.Errorf("the second CPU of one works at %+v", got)
	}
}

// The phases make the number of CPUs that work differ by one at most.
func TestPhasesAreSmooth(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 64} {
		s := Spec{Duty: 0.3, CPUs: make([]int, n), Period: DefaultPeriod}
		low, high := n, 0
		var all []schedule
		for _, p := range phases(5, n) {
			if p < 0 || p >= 1 {
				t.Fatalf("phase %v", p)
			}
			all = append(all, scheduleOf(s, 0, p))
		}
		for at := int64(0); at < int64(2*DefaultPeriod); at += int64(10 * time.Microsecond) {
			working := 0
			for i := range all {
				if w := all[i].at(at); w.from <= at {
					working++
				}
			}
			low, high = min(low, working), max(high, working)
		}
		if high-low > 1 {
			t.Errorf("%d CPUs: from %d to %d work", n, low, high)
		}
	}
	if slices.Equal(phases(1, 8), phases(2, 8)) || !slices.Equal(phases(1, 8), phases(1, 8)) {
		t.Error("phases do not follow from the seed")
	}
}
