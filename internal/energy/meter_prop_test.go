package energy_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	. "github.com/energyprobe/energyprobe/internal/energy"
)

// history is a true counter, without a modulus, and the readings of it.
type history struct {
	zone  Zone
	steps []step   // raw
	truth []uint64 // counts at each step, unwrapped
}

// randomHistory makes up a counter of any modulus and reads it no further
// apart than PollInterval asks for.
func randomHistory(rng *rand.Rand) history {
	z := Zone{
		Parent: -1, Socket: rng.IntN(8), Die: -1, Core: -1,
		Tick: math.Ldexp(1, -rng.IntN(20)), MaxW: 50 + 2000*rng.Float64(),
	}
	// Any modulus whose turn takes 10 ms and more at full power.
	least := z.MaxW * 0.01 / z.Tick
	z.Wrap = uint64(least*(1+math.Exp2(30*rng.Float64()))) + uint64(rng.IntN(1000))
	longest := PollInterval([]Zone{z}, 5*time.Second)
	h := history{zone: z}
	count, now := rng.Uint64N(z.Wrap), time.Duration(0)
	for range 150 {
		h.steps = append(h.steps, step{now, count % z.Wrap, nil})
		h.truth = append(h.truth, count)
		dt := time.Duration(rng.Float64() * float64(longest))
		now += dt
		count += uint64(z.MaxW * rng.Float64() * dt.Seconds() / z.Tick)
	}
	return h
}

// Whatever the modulus and the powers: read as often as PollInterval says,
// nothing is lost, to the count, and every wrap is seen.
func TestUnwrappingIsExact(t *testing.T) {
	wraps := 0
	for seed := range uint64(500) {
		h := randomHistory(rand.New(rand.NewPCG(seed, 1)))
		m := meter(h.zone, h.steps...)
		first, last := h.truth[0], h.truth[len(h.truth)-1]
		if got, want := m.Counts(0), last-first; got != want {
			t.Fatalf("seed %d: %d counts, want %d (%+v)", seed, got, want, m.Total(0))
		}
		got := m.Total(0)
		if want := int(last/h.zone.Wrap - first/h.zone.Wrap); got.Wraps != want || len(got.Gaps) != 0 {
			t.Fatalf("seed %d: %d wraps, want %d; gaps %v", seed, got.Wraps, want, got.Gaps)
		}
		wraps += got.Wraps
	}
	if wraps < 1000 {
		t.Errorf("only %d wraps in all histories: they prove too little", wraps)
	}
}

// The sum does not depend on which of the readings are taken, as long as they
// are close enough, nor on reads that fail in between.
func TestReadingsInBetweenChangeNothing(t *testing.T) {
	eio := errors.New("EIO")
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		h := randomHistory(rng)
		whole := meter(h.zone, h.steps...)
		part := slices.Clone(h.steps[:1])
		for i, s := range h.steps[1:] {
			// One left out at a time leaves half a turn between two readings.
			if i%2 == 0 && i < len(h.steps)-2 && rng.IntN(2) == 0 {
				continue
			}
			if rng.IntN(4) == 0 {
				part = append(part, step{s.when, rng.Uint64(), eio})
			}
			part = append(part, s)
		}
		if got := meter(h.zone, part...); got.Counts(0) != whole.Counts(0) {
			t.Fatalf("seed %d: %d counts from %d readings, %d from %d: %+v", seed, got.Counts(0), len(part), whole.Counts(0), len(h.steps), got.Total(0))
		}
	}
}

// A zone's energy does not depend on its place among the others.
func TestOrderOfZonesChangesNothing(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 3))
		all := make([]history, 2+rng.IntN(7))
		for i := range all {
			all[i] = randomHistory(rng)
		}
		totals := func(order []int) []ZoneTotal {
			var zones []Zone
			for _, k := range order {
				zones = append(zones, all[k].zone)
			}
			m, r := NewMeter(zones), NewReading(len(zones))
			for n := range all[0].steps {
				for i, k := range order {
					s := all[k].steps[n]
					r.At[i], r.Counts[i] = at(s.when), s.count
				}
				m.Add(r)
			}
			out := make([]ZoneTotal, len(order))
			for i, k := range order {
				out[k] = m.Total(i)
			}
			return out
		}
		straight := make([]int, len(all))
		for i := range straight {
			straight[i] = i
		}
		a, b := totals(straight), totals(rng.Perm(len(all)))
		for i := range a {
			if a[i].EnergyJ != b[i].EnergyJ || a[i].Wraps != b[i].Wraps {
				t.Fatalf("seed %d, zone %d: %+v in order, %+v shuffled", seed, i, a[i], b[i])
			}
		}
	}
}

// FuzzMeter: whatever a counter shows and whenever it is read, energy is never
// negative or not a number, never more than the zone can draw, and never less
// than before.
func FuzzMeter(f *testing.F) {
	f.Add(uint64(1<<32), 6.1e-5, 300.0, uint64(1<<32-5), uint64(3), uint64(900), int64(1e9), int64(2e9))
	f.Add(uint64(0), 2.3e-10, 0.0, uint64(1<<63), uint64(1), uint64(2), int64(1), int64(1))
	f.Add(UnknownWrap, 1e-6, 1000.0, uint64(5), uint64(4), uint64(1<<60), int64(-1e9), int64(0))
	f.Add(uint64(1), 1.0, 1e-3, uint64(0), uint64(0), uint64(7), int64(1e18), int64(1e18))
	f.Add(uint64(262143328850+61035), 1e-6, 1000.0, uint64(262143328850), uint64(0), uint64(262143389884), int64(1e9), int64(1e6))
	f.Fuzz(func(t *testing.T, wrap uint64, tick, maxW float64, a, b, c uint64, dt1, dt2 int64) {
		if !(tick > 0 && tick <= 1) || !(maxW >= 0 && maxW < 1e9) {
			t.Skip("no source makes such a zone")
		}
		z := Zone{Parent: -1, Tick: tick, Wrap: wrap, MaxW: maxW}
		m, r := NewMeter([]Zone{z}), NewReading(1)
		now := Instant(1 << 61)
		before := 0.0
		for i, s := range []struct {
			count uint64
			dt    int64
		}{{a, 0}, {b, dt1 % (1 << 60)}, {c, dt2 % (1 << 60)}} {
			now = now.Add(time.Duration(s.dt))
			r.At[0], r.Counts[0] = Bracket{Before: now, After: now + 1}, s.count
			gaps := len(m.Total(0).Gaps)
			m.Add(r)
			got := m.Total(0)
			if !(got.EnergyJ >= before) || math.IsInf(got.EnergyJ, 0) || got.Reads != i+1 {
				t.Fatalf("after %d readings: %+v, before %v J", i+1, got, before)
			}
			gained := got.EnergyJ - before
			if len(got.Gaps) > gaps && gained > 0 {
				t.Fatalf("a gap and %v J at once: %+v", gained, got)
			}
			if bound := maxW * (time.Duration(max(s.dt, 0)) + time.Nanosecond + RefreshSlack).Seconds(); maxW > 0 && gained > bound*(1+1e-9)+tick {
				t.Fatalf("%v J in %v, at most %v W", gained, time.Duration(s.dt), maxW)
			}
			before = got.EnergyJ
		}
		if got := m.Total(0); got.Wraps > 2 || got.Wraps > 0 && (wrap == 0 || wrap == UnknownWrap) {
			t.Fatalf("%d wraps of a modulus of %d", got.Wraps, wrap)
		}
	})
}
