package energy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	. "github.com/energyprobe/energyprobe/internal/energy"
)

// A simulated socket: power over time, a counter that refreshes like the two
// processors whose intervals have been published (Broadwell: mean 1.0009 ms,
// SD 0.042; Ice Lake-SP: 0.9998, SD 0.27, p1-p99 0.68-1.65, max 2.83), and a
// clock that advances with every read.
type simSocket struct {
	zones  []Zone
	power  []float64   // of a zone, watts in steps of simStep
	energy []float64   // joules at the start of each step
	fresh  [][]Instant // per zone: refresh instants, ascending
	now    Instant
	read   time.Duration // what a read takes
	rng    *rand.Rand
}

const simStep = 20 * time.Microsecond

type refreshModel struct {
	name string
	next func(*rand.Rand) time.Duration
}

func ms(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }

var refreshModels = []refreshModel{
	{"broadwell", func(r *rand.Rand) time.Duration { return ms(max(0.5, 1.0009+0.042*r.NormFloat64())) }},
	{"icelake", func(r *rand.Rand) time.Duration {
		if r.Float64() < 0.002 {
			return ms(1.7 + 1.13*r.Float64())
		}
		return ms(min(1.65, max(0.6, 0.9998+0.27*r.NormFloat64())))
	}},
}

func (s *simSocket) joules(t Instant) float64 {
	t = max(t, 0)
	k := min(int(t/Instant(simStep)), len(s.power)-1)
	return s.energy[k] + s.power[k]*t.Sub(Instant(k)*Instant(simStep)).Seconds()
}

func (s *simSocket) Name() string  { return "sim" }
func (s *simSocket) Zones() []Zone { return s.zones }
func (s *simSocket) Close() error  { return nil }
func (s *simSocket) Read(r *Reading) error {
	for i, z := range s.zones {
		r.At[i].Before = s.now
		took := s.read + time.Duration(float64(s.read)*0.5*s.rng.Float64())
		if s.rng.Float64() < 0.0005 {
			took += ms(0.05) // an interrupt
		}
		r.Counts[i] = s.count(i, s.now.Add(took/2)) % z.Wrap
		s.now = s.now.Add(took)
		r.At[i].After = s.now
	}
	return nil
}

// count returns what zone i's counter shows at t, had it no modulus.
func (s *simSocket) count(i int, t Instant) uint64 {
	k, _ := slices.BinarySearch(s.fresh[i], t)
	return uint64(s.joules(s.fresh[i][max(k-1, 0)]) / s.zones[i].Tick)
}

// newSim makes a socket whose counters refresh as the model says, each in its
// own time.
func newSim(rng *rand.Rand, h hardware) *simSocket {
	s := &simSocket{rng: rng, read: h.read}
	for i := range h.zones {
		s.zones = append(s.zones, Zone{Socket: i, Tick: h.tick, Wrap: 1 << 32, MaxW: 1000, Parent: -1, Die: -1, Core: -1})
		var fresh []Instant
		for t := Instant(-ms(12 * rng.Float64())); t < Instant(h.long); {
			fresh = append(fresh, t)
			t = t.Add(h.refresh.next(rng))
		}
		s.fresh = append(s.fresh, fresh)
	}
	return s
}

// layPower sets the power of a stretch of time; it wanders around watts.
func (s *simSocket) layPower(from, to Instant, watts, wander float64) {
	level := watts * (1 + wander*s.rng.NormFloat64())
	for k := int(from / Instant(simStep)); k < int(to/Instant(simStep)); k++ {
		if s.rng.Float64() < 0.04 { // a new level every 0.5 ms
			level = watts * (1 + wander*s.rng.NormFloat64())
		}
		for len(s.power) <= k {
			e := 0.0
			if n := len(s.power); n > 0 {
				e = s.energy[n-1] + s.power[n-1]*simStep.Seconds()
			}
			s.energy, s.power = append(s.energy, e), append(s.power, max(1, level))
		}
	}
}

// layDecay lets the power go from one level to another, tau being its time
// constant: caches are written back, clocks and voltages come down in steps.
func (s *simSocket) layDecay(from, to Instant, high, low float64, tau time.Duration) {
	first := int(from / Instant(simStep))
	s.layPower(from, to, low, 0.05)
	for k := first; k < len(s.power); k++ {
		s.power[k] += (high - low) * math.Exp(-float64(k-first)*float64(simStep)/float64(tau))
		if k > 0 {
			s.energy[k] = s.energy[k-1] + s.power[k-1]*simStep.Seconds()
		}
	}
}

// hardware is what a simulated machine is like.
type hardware struct {
	refresh refreshModel
	read    time.Duration // what reading a zone takes
	zones   int
	tick    float64       // joules
	decay   time.Duration // time constant of the power after the command
	early   time.Duration // of preparing between a first look and the watch
	long    time.Duration // how long the simulation may last
}

func server(m refreshModel) hardware {
	return hardware{refresh: m, read: 1500 * time.Nanosecond, zones: 1, tick: 1.0 / (1 << 14), long: 80 * time.Millisecond}
}

// simRun is a command as one zone saw it.
type simRun struct{ truth, aligned, bound, naive float64 }

// simulate measures one command as a session does, and as two plain reads do.
func simulate(tb testing.TB, seed uint64, h hardware, d time.Duration) []simRun {
	rng := rand.New(rand.NewPCG(seed, 7))
	watchW := 30 + 40*rng.Float64()
	commandW := watchW * (0.6 + 2*rng.Float64())
	s := newSim(rng, h)
	d = time.Duration(float64(d) * (0.9 + 0.2*rng.Float64()))

	// The power from the command's start on is laid once that start is known.
	s.layPower(0, Instant(40*time.Millisecond), watchW, 0.05)
	s.now = Instant(ms(20 + 5*rng.Float64()))
	track := NewTrack(s)
	if h.early > 0 {
		// The counters are looked at when they are opened; then comes the work
		// of preparing, at another power, until they are watched.
		for track.Before.Edges(0) == 0 {
			if err := track.Read(); err != nil {
				tb.Fatal(err)
			}
			track.Before.Add(track.Reading, track.Meter)
		}
		prepared := s.now.Add(h.early)
		k := int(s.now/Instant(simStep)) + 1
		s.power, s.energy = s.power[:k], s.energy[:k]
		s.layPower(s.now, prepared, 2*watchW, 0.15)
		s.layPower(prepared, prepared.Add(ms(20)), watchW, 0.05)
		s.now = prepared
	}
	if err := Approach([]*Track{track}, ms(9)); err != nil {
		tb.Fatal(err)
	}
	start := s.now.Add(2 * time.Microsecond)
	k := int(start/Instant(simStep)) + 1
	s.power, s.energy = s.power[:k], s.energy[:k]
	end := start.Add(d)
	s.layPower(start, end, commandW, 0.15)
	if h.decay > 0 {
		s.layDecay(end, end.Add(ms(30)), commandW, watchW, h.decay)
	} else {
		s.layPower(end, end.Add(ms(30)), watchW, 0.05)
	}

	// Two plain reads do not choose their start: the same command, begun at a
	// random phase of the counter.
	phase := time.Duration(rng.Float64() * float64(time.Millisecond))
	naiveTruth := s.joules(end.Add(phase)) - s.joules(start.Add(phase))
	truth := s.joules(end) - s.joules(start)

	s.now = end.Add(2 * time.Microsecond)
	if err := Depart([]*Track{track}, ms(9)); err != nil {
		tb.Fatal(err)
	}
	runs := make([]simRun, len(s.zones))
	for i, z := range s.zones {
		w := track.Between(i, start, end)
		naive := float64(s.count(i, end.Add(phase))-s.count(i, start.Add(phase))) * z.Tick
		runs[i] = simRun{truth: truth, aligned: w.EnergyJ, bound: w.UncertaintyJ, naive: truth * naive / naiveTruth}
	}
	return runs
}

// accuracy is what many runs come to.
type accuracy struct {
	aligned, naive float64 // p95 of the relative errors
	stated         float64 // mean of the relative uncertainty
	covered        float64 // part of the runs in which it holds
}

func simulateMany(tb testing.TB, runs int, h hardware, d time.Duration) accuracy {
	var a accuracy
	var aligned, naive []float64
	for seed := range uint64(runs) {
		for _, s := range simulate(tb, seed, h, d) {
			aligned = append(aligned, math.Abs(s.aligned-s.truth)/s.truth)
			naive = append(naive, math.Abs(s.naive-s.truth)/s.truth)
			if math.Abs(s.aligned-s.truth) <= s.bound {
				a.covered++
			}
			a.stated += s.bound / s.truth
		}
	}
	a.covered /= float64(len(aligned))
	a.stated /= float64(len(aligned))
	a.aligned, a.naive = p95(aligned), p95(naive)
	tb.Logf("p95 error %.2f %% (plain reads %.1f %%, %.0f times), stated ±%.2f %%, covers %.1f %%",
		100*a.aligned, 100*a.naive, a.naive/a.aligned, 100*a.stated, 100*a.covered)
	return a
}

func p95(x []float64) float64 {
	slices.Sort(x)
	return x[int(0.95*float64(len(x)))]
}

// The accuracy of short commands, and that the stated uncertainty holds.
func TestShortCommands(t *testing.T) {
	const runs = 2000 / fewer
	limits := []struct {
		d     time.Duration
		limit float64 // p95 of the relative error
	}{{2 * time.Millisecond, 0.065}, {5 * time.Millisecond, 0.03}, {10 * time.Millisecond, 0.015}, {20 * time.Millisecond, 0.01}}
	for _, m := range refreshModels {
		for _, l := range limits {
			t.Run(fmt.Sprintf("%s/%v", m.name, l.d), func(t *testing.T) {
				r := simulateMany(t, runs, server(m), l.d)
				a, n := r.aligned, r.naive
				if a > l.limit {
					t.Errorf("p95 error %.2f %%, want at most %.2f %%", 100*a, 100*l.limit)
				}
				if n < 5*a {
					t.Errorf("plain reads err by %.2f %%, only %.1f times more; want 5 times", 100*n, n/a)
				}
				if r.covered < 0.95 {
					t.Errorf("the stated uncertainty covers the truth in %.1f %% of runs, want 95 %%", 100*r.covered)
				}
				if r.stated > 5*a {
					t.Errorf("the stated uncertainty of %.2f %% is far above the error of %.2f %%", 100*r.stated, 100*a)
				}
			})
		}
	}
}

// The stated uncertainty holds on harder machines too, where the error itself
// may be larger.
func TestUncertaintyHolds(t *testing.T) {
	const runs = 400 / fewer
	steady := func(d time.Duration) refreshModel {
		return refreshModel{d.String(), func(r *rand.Rand) time.Duration { return time.Duration(float64(d) * (1 + 0.03*r.NormFloat64())) }}
	}
	for _, m := range refreshModels {
		for _, c := range []struct {
			name   string
			change func(*hardware)
		}{
			{"as above", func(*hardware) {}},
			{"power decays after the command", func(h *hardware) { h.decay = 500 * time.Microsecond }},
			{"a look before the watch", func(h *hardware) { h.early = 6 * time.Millisecond }},
			{"decays slowly", func(h *hardware) { h.decay = 2 * time.Millisecond }},
			{"four zones", func(h *hardware) { h.zones = 4 }},
			{"slow reads", func(h *hardware) { h.read = 100 * time.Microsecond }},
			{"reads slower than refreshes", func(h *hardware) { h.read = 1500 * time.Microsecond }},
			{"steps of a joule", func(h *hardware) { h.tick = 1 }},
			{"refreshed every 4 ms", func(h *hardware) { h.refresh = steady(4 * time.Millisecond) }},
			{"refreshed every 10 ms", func(h *hardware) { h.refresh = steady(10 * time.Millisecond) }},
		} {
			for _, d := range []time.Duration{2 * time.Millisecond, 20 * time.Millisecond} {
				h := server(m)
				c.change(&h)
				h.long += d
				t.Run(fmt.Sprintf("%s/%s/%v", m.name, c.name, d), func(t *testing.T) {
					t.Parallel()
					if r := simulateMany(t, runs/h.zones, h, d); r.covered < 0.95 {
						t.Errorf("the stated uncertainty covers the truth in %.1f %% of runs, want 95 %%", 100*r.covered)
					}
				})
			}
		}
	}
}
