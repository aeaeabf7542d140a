package energy_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	. "github.com/energyprobe/energyprobe/internal/energy"
)

// scripted is a source whose counts are a function of its own time, which
// advances with every read.
type scripted struct {
	zones []Zone
	now   Instant
	took  time.Duration
	count func(zone int, t Instant) (uint64, error)
	whole func(t Instant) error // why a read fails as a whole
	reads int
}

func (s *scripted) Name() string  { return "scripted" }
func (s *scripted) Zones() []Zone { return s.zones }
func (s *scripted) Close() error  { return nil }
func (s *scripted) Read(r *Reading) error {
	s.reads++
	for i := range s.zones {
		r.At[i].Before = s.now
		s.now = s.now.Add(s.took)
		r.At[i].After = s.now
		c, err := s.count(i, s.now)
		if r.Errs[i] = err; err == nil {
			r.Counts[i] = c
		}
	}
	if s.whole != nil {
		return s.whole(s.now)
	}
	return nil
}

func newScripted(zones int, count func(int, Instant) (uint64, error)) *scripted {
	s := &scripted{now: Instant(time.Hour), took: time.Microsecond, count: count}
	for i := range zones {
		s.zones = append(s.zones, Zone{Domain: Package, Socket: i, Die: -1, Core: -1, Parent: -1, Tick: 1e-6})
	}
	return s
}

// everyMS counts 1000 a millisecond, all at once at its end.
func everyMS(_ int, t Instant) (uint64, error) {
	return uint64(t) / uint64(time.Millisecond) * 1000, nil
}

func TestHuntEnds(t *testing.T) {
	const limit = 9 * time.Millisecond
	eio := errors.New("EIO")
	still := func(int, Instant) (uint64, error) { return 42, nil }
	for _, c := range []struct {
		name    string
		source  *scripted
		longest time.Duration // the hunt may take
		least   time.Duration
		wantErr error
	}{
		{name: "an ordinary counter", source: newScripted(1, everyMS), longest: 2100 * time.Microsecond, least: time.Millisecond},
		{name: "a counter that never moves", source: newScripted(1, still), longest: limit + 100*time.Microsecond, least: limit},
		{name: "one of two never moves", longest: limit + 100*time.Microsecond, least: limit,
			source: newScripted(2, func(i int, t Instant) (uint64, error) {
				if i == 1 {
					return 42, nil
				}
				return everyMS(i, t)
			})},
		{name: "one of two can't be read", longest: limit + 100*time.Microsecond, least: limit,
			source: newScripted(2, func(i int, t Instant) (uint64, error) {
				if i == 1 {
					return 0, eio
				}
				return everyMS(i, t)
			})},
		{name: "none can be read", longest: 10 * time.Microsecond, wantErr: eio,
			source: func() *scripted {
				s := newScripted(2, func(int, Instant) (uint64, error) { return 0, eio })
				s.whole = func(Instant) error { return eio }
				return s
			}()},
		{name: "reads that take longer than the limit", longest: 60 * time.Millisecond,
			source: func() *scripted { s := newScripted(1, still); s.took = 20 * time.Millisecond; return s }()},
		{name: "zones outside of the total are not waited for", longest: 10 * time.Microsecond,
			source: func() *scripted { s := newScripted(1, still); s.zones[0].Domain = PSys; return s }()},
		{name: "no zones", longest: 0, source: newScripted(0, still)},
	} {
		t.Run(c.name, func(t *testing.T) {
			track := NewTrack(c.source)
			began := c.source.now
			err := Approach([]*Track{track}, limit)
			if took := c.source.now.Sub(began); took > c.longest || took < c.least {
				t.Errorf("took %v, want %v to %v", took, c.least, c.longest)
			}
			if !errors.Is(err, c.wantErr) {
				t.Errorf("error %v, want %v", err, c.wantErr)
			}
			// What did not move before the window is not waited for after it.
			if len(c.source.zones) == 1 && track.Before.Edges(0) == 0 {
				reads := c.source.reads
				if err := Depart([]*Track{track}, limit); err != nil {
					t.Error(err)
				}
				if c.source.reads != reads+1 {
					t.Errorf("%d reads of a counter known to stand still", c.source.reads-reads)
				}
			}
		})
	}
}

// A track that can't be read does not keep the others from being watched.
func TestHuntGoesOnWithoutTheBroken(t *testing.T) {
	eio := errors.New("EIO")
	good, bad := newScripted(1, everyMS), newScripted(1, everyMS)
	bad.whole = func(Instant) error { return eio }
	tracks := []*Track{NewTrack(bad), NewTrack(good)}
	if err := Approach(tracks, 9*time.Millisecond); !errors.Is(err, eio) {
		t.Errorf("error %v", err)
	}
	if n := tracks[1].Before.Edges(0); n < 2 {
		t.Errorf("%d edges of the good one", n)
	}
	if bad.reads != 1 {
		t.Errorf("the broken one was read %d times", bad.reads)
	}
	if got := tracks[0].Meter.Total(0); got.First || got.Err == nil {
		t.Errorf("a reading that failed as a whole was taken for good: %+v", got)
	}
}

// A source that breaks inside the window and stays so: the meter says so, and
// closing the window does not wait for it.
func TestDepartFromABrokenSource(t *testing.T) {
	eio := errors.New("EIO")
	s := newScripted(1, everyMS)
	track := NewTrack(s)
	if err := Approach([]*Track{track}, 9*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	s.whole = func(Instant) error { return eio }
	reads := s.reads
	if err := Depart([]*Track{track}, 9*time.Millisecond); !errors.Is(err, eio) {
		t.Errorf("error %v", err)
	}
	if s.reads != reads+1 || track.Meter.Total(0).Err == nil {
		t.Errorf("%d reads, %+v", s.reads-reads, track.Meter.Total(0))
	}
}

func TestEdges(t *testing.T) {
	s := newScripted(1, everyMS)
	track := NewTrack(s)
	if err := Approach([]*Track{track}, 9*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	start := s.now
	s.now = s.now.Add(20*time.Millisecond + 300*time.Microsecond) // nobody looks
	end := s.now
	if err := Depart([]*Track{track}, 9*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if b, a := track.Before.Edges(0), track.After.Edges(0); b != 2 || a != 2 {
		t.Errorf("%d edges before and %d after, want 2 each", b, a)
	}
	f := track.Refresh()
	if f.N != 2 || (f.Mean-time.Millisecond).Abs() > 2*time.Microsecond || f.Min > f.Mean || f.Max < f.Mean {
		t.Errorf("refresh %+v, want 2 intervals of 1 ms", f)
	}
	// Constant power: the result is exact but for a step and the brackets.
	w := track.Between(0, start, end)
	want := end.Sub(start).Seconds() // 1 W
	if d := math.Abs(w.EnergyJ - want); d > w.UncertaintyJ || d > 20e-6 {
		t.Errorf("%v J ± %v, want %v", w.EnergyJ, w.UncertaintyJ, want)
	}
}

// Without a reading on both sides nothing is known, and that is said.
func TestBetweenWithoutReadings(t *testing.T) {
	z := Zone{Parent: -1, Tick: 1}
	w := Between(z, 0, NewWatch(1), NewWatch(1), 5, 10, Refresh{})
	if !math.IsInf(w.UncertaintyJ, 1) {
		t.Errorf("%+v, want an infinite uncertainty", w)
	}
}

func TestRefreshMerge(t *testing.T) {
	a := Refresh{N: 3, Mean: 900, Min: 800, Max: 1000}
	b := Refresh{N: 1, Mean: 1300, Min: 1300, Max: 1300}
	want := Refresh{N: 4, Mean: 1000, Min: 800, Max: 1300}
	ab, ba, zero := a, b, Refresh{}
	ab.Merge(b)
	ba.Merge(a)
	zero.Merge(a)
	if ab != want || ba != want {
		t.Errorf("%+v and %+v, want %+v", ab, ba, want)
	}
	if ab.Merge(Refresh{}); ab != want || zero != a {
		t.Errorf("merging nothing: %+v, %+v", ab, zero)
	}
}

// The perf driver's 64-bit count moves in steps of the register behind it; the
// interval between two reads follows from them once they have been seen.
func TestPollIntervalOfARegisterBehind(t *testing.T) {
	// 2^-14 J shown as 2^18 counts of 2^-32 J.
	s := newScripted(1, func(_ int, t Instant) (uint64, error) {
		return uint64(t) / uint64(time.Millisecond) * 7 << 18, nil
	})
	z := &s.zones[0]
	z.Tick, z.Behind, z.MaxW = math.Ldexp(1, -32), 1<<32, 20_000
	track := NewTrack(s)
	if got := track.PollInterval(time.Minute); got != time.Minute {
		t.Errorf("before a step was seen: %v", got)
	}
	if err := Approach([]*Track{track}, 9*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if step := track.Before.StepCounts(0); step != 1<<18 {
		t.Errorf("step of %d counts, want 2^18", step)
	}
	half := math.Ldexp(1, 31-14)             // joules of half the register's range
	limit := half / z.MaxW                   // seconds in which it may pass
	got := track.PollInterval(time.Minute)   // must stay well below
	least := time.Duration(limit/64*1e9 - 1) // without being absurd
	if got.Seconds() > limit/2 || got < least {
		t.Errorf("a reading every %v; half the register's range lasts %v s", got, limit)
	}
	if z.Behind = 0; track.PollInterval(time.Minute) != time.Minute {
		t.Error("a plain 64-bit counter does not bound the interval")
	}
}

func TestTrackReadAllocatesNothing(t *testing.T) {
	s := newScripted(5, everyMS)
	tracks := []*Track{NewTrack(s)}
	track := tracks[0]
	if err := track.Read(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() {
		_ = track.Read()
		track.Before.Add(track.Reading, track.Meter)
	}); n != 0 {
		t.Errorf("%v allocations per reading, want none", n)
	}
	// A zone that fails on every read is no exception.
	eio := errors.New("EIO")
	s.count = func(i int, t Instant) (uint64, error) { return 0, eio }
	if n := testing.AllocsPerRun(1000, func() { _ = track.Read() }); n != 0 {
		t.Errorf("%v allocations per failing reading, want none", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = Now() }); n != 0 {
		t.Errorf("%v allocations per look at the clock", n)
	}
}

func TestClock(t *testing.T) {
	a := Now()
	time.Sleep(2 * time.Millisecond)
	b := Now()
	if d := b.Sub(a); d < 2*time.Millisecond || d > time.Second {
		t.Errorf("2 ms of sleep took %v", d)
	}
	if b.Add(time.Second).Sub(b) != time.Second {
		t.Error("Add and Sub disagree")
	}
	// Seconds at most: the wall clock may be stepped, but not in this test.
	if d := time.Since(b.WallTime()).Abs(); d > time.Second {
		t.Errorf("the wall time of now is %v off", d)
	}
	if s := Slept(); s < -time.Millisecond {
		t.Errorf("slept for %v", s)
	}
}

func TestZone(t *testing.T) {
	plain := Zone{Socket: 0, Die: -1, Core: -1, Parent: -1}
	for _, c := range []struct {
		zone  Zone
		id    string
		total bool
	}{
		{plain, "package-0", true},
		{with(plain, func(z *Zone) { z.Socket, z.Die = 1, 1 }), "package-1-die-1", true},
		{with(plain, func(z *Zone) { z.Domain, z.Socket = DRAM, 1 }), "dram-1", true},
		{with(plain, func(z *Zone) { z.Domain, z.Parent = DRAM, 0 }), "dram-0", false},
		{with(plain, func(z *Zone) { z.Domain, z.Parent = Core, 0 }), "core-0", false},
		{with(plain, func(z *Zone) { z.Domain = Core }), "core-0", false},
		{with(plain, func(z *Zone) { z.Domain, z.Core, z.Parent = Core, 7, 0 }), "core-0-7", false},
		{with(plain, func(z *Zone) { z.Domain, z.Parent = Uncore, 0 }), "uncore-0", false},
		{with(plain, func(z *Zone) { z.Domain, z.Socket = PSys, -1 }), "psys", false},
	} {
		if got := c.zone.ID(); got != c.id {
			t.Errorf("ID %q, want %q", got, c.id)
		}
		if got := c.zone.InTotal(); got != c.total {
			t.Errorf("%s: in total %v", c.id, got)
		}
	}
	if r := register32.RangeJ(); r != 262144 {
		t.Errorf("range %v J", r)
	}
	for _, wrap := range []uint64{0, UnknownWrap} {
		if r := (Zone{Wrap: wrap, Tick: 1}).RangeJ(); r != 0 {
			t.Errorf("range %v J of a modulus of %d", r, wrap)
		}
	}
	if s := (Zone{Tick: 1e-6, Step: 6.1e-5}).StepJ(); s != 6.1e-5 {
		t.Errorf("step %v", s)
	}
	if s := (Zone{Tick: 1e-6}).StepJ(); s != 1e-6 {
		t.Errorf("step %v", s)
	}
}

func TestDomains(t *testing.T) {
	for d := range Domain(NumDomains) {
		if got, err := ParseDomain(d.String()); err != nil || got != d {
			t.Errorf("%v parses as %v, %v", d, got, err)
		}
	}
	if s := Domain(99).String(); s != "domain(99)" {
		t.Errorf("an unknown domain is called %q", s)
	}
	for _, s := range []string{"", "Package", "gpu", "domain(0)"} {
		if _, err := ParseDomain(s); err == nil || !strings.Contains(err.Error(), "want package") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// What happens while nobody looks is no edge, and teaches nothing about the
// update interval.
func TestLookAway(t *testing.T) {
	s := newScripted(1, everyMS)
	track := NewTrack(s)
	watch := func(d time.Duration) {
		for until := s.now.Add(d); s.now < until; {
			if err := track.Read(); err != nil {
				t.Fatal(err)
			}
			track.Before.Add(track.Reading, track.Meter)
		}
	}
	watch(1500 * time.Microsecond)
	edges := track.Before.Edges(0)
	s.now = s.now.Add(7 * time.Millisecond)
	if err := Approach([]*Track{track}, 9*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := track.Before.Edges(0); got != edges+1 {
		t.Errorf("%d edges after %d, want one more", got, edges)
	}
	if f := track.Refresh(); f.Max > 1010*time.Microsecond {
		t.Errorf("refresh %+v: 7 ms of not looking were taken for an interval", f)
	}
}

// Nor is what happens while the watcher has lost its CPU, whenever that is: no
// interval is taken for a third longer, or a quarter shorter, than it was.
func TestWatcherLosesItsCPU(t *testing.T) {
	for lost := 50 * time.Microsecond; lost < 20*time.Millisecond; lost += 173 * time.Microsecond {
		for phase := time.Duration(0); phase < time.Millisecond; phase += 37 * time.Microsecond {
			s := newScripted(1, everyMS)
			track := NewTrack(s)
			watch := func(until Instant) {
				for s.now < until {
					if err := track.Read(); err != nil {
						t.Fatal(err)
					}
					track.Before.Add(track.Reading, track.Meter)
				}
			}
			watch(s.now.Add(1500*time.Microsecond + phase))
			s.now = s.now.Add(lost)
			watch(s.now.Add(2500 * time.Microsecond))
			if f := track.Refresh(); f.N == 0 || f.Max > 1334*time.Microsecond || f.Min < 740*time.Microsecond {
				t.Fatalf("lost for %v from %v after an edge: refresh %+v", lost, (500*time.Microsecond+phase)%time.Millisecond, f)
			}
		}
	}
}

// stalled counts 100 W and refreshes every millisecond; its reading of number at
// takes as long as the others and lost more: before the count is taken, after it,
// or after the reading.
type stalled struct {
	*scripted
	at   int
	lost time.Duration
	when string
}

func (s *stalled) Read(r *Reading) error {
	s.reads++
	r.At[0].Before = s.now
	s.now = s.now.Add(s.took)
	lose := func(when string) {
		if s.reads == s.at && s.when == when {
			s.now = s.now.Add(s.lost)
		}
	}
	lose("before the count")
	r.Counts[0] = uint64(s.now) / uint64(time.Millisecond) * 100_000
	lose("after the count")
	r.At[0].After = s.now
	lose("after the reading")
	return nil
}

// A reading in the middle of which this program loses its CPU, or before which,
// says nothing of when the counter was refreshed: others are taken for the
// window's edges.
func TestReadingLosesItsCPU(t *testing.T) {
	const watts, window = 100.0, 50 * time.Millisecond
	most := 0
	for _, lost := range []time.Duration{0, 300 * time.Microsecond, 4 * time.Millisecond, 30 * time.Millisecond, 1300 * time.Millisecond} {
		for _, when := range []string{"before the count", "after the count", "after the reading"} {
			for at := 1; at < 2000; at += 7 {
				s := &stalled{newScripted(1, nil), at, lost, when}
				s.took = 3 * time.Microsecond
				track := NewTrack(s)
				if err := Approach([]*Track{track}, 9*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				start, approached := s.now, s.reads
				if at == approached && when == "after the reading" {
					continue // that is the window's beginning
				}
				end := start.Add(window)
				s.now = end
				if err := Depart([]*Track{track}, 9*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				w := track.Between(0, start, end)
				truth := watts * window.Seconds()
				off := math.Abs(w.EnergyJ - truth)
				if off > w.UncertaintyJ {
					t.Errorf("reading %d loses %v %s: %.4f ± %.4f J of %v", at, lost, when, w.EnergyJ, w.UncertaintyJ, truth)
				}
				// What went unwatched after the window is known as well as the power is.
				allowed := 0.01 * truth
				if at > approached {
					allowed += 0.002 * watts * lost.Seconds()
				}
				if off > allowed {
					t.Errorf("reading %d of %d and %d loses %v %s: off by %.1f %%", at, approached, s.reads, lost, when, 100*off/truth)
				}
				most = max(most, s.reads)
			}
		}
	}
	if most < 500 || most >= 2000 {
		t.Errorf("at most %d readings: the test is to lose each of them", most)
	}
}
