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
	power  []float64 // watts in steps of simStep
	energy []float64 // joules at the start of each step
	fresh  []Instant // refresh instants, ascending
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
	k := min(int(t/Instant(simStep)), len(s.power)-1)
	return s.energy[k] + s.power[k]*t.Sub(Instant(k)*Instant(simStep)).Seconds()
}

func (s *simSocket) Name() string  { return "sim" }
func (s *simSocket) Zones() []Zone { return s.zones }
func (s *simSocket) Close() error  { return nil }
func (s *simSocket) Read(r *Reading) error {
	r.At[0].Before = s.now
	took := s.read + time.Duration(float64(s.read)*0.5*s.rng.Float64())
	if s.rng.Float64() < 0.0005 {
		took += ms(0.05) // an interrupt
	}
	at := s.now.Add(took / 2)
	s.now = s.now.Add(took)
	k, _ := slices.BinarySearch(s.fresh, at)
	r.Counts[0] = uint64(s.joules(s.fresh[k-1])/s.zones[0].Tick) % s.zones[0].Wrap
	r.At[0].After = s.now
	return nil
}

// newSim makes a socket whose counter refreshes as the model says.
func newSim(rng *rand.Rand, m refreshModel) *simSocket {
	s := &simSocket{rng: rng, read: 1500 * time.Nanosecond, zones: []Zone{{Tick: 1.0 / (1 << 14), Wrap: 1 << 32, MaxW: 1000, Parent: -1, Die: -1, Core: -1}}}
	for t := Instant(0); t < Instant(300*time.Millisecond); {
		s.fresh = append(s.fresh, t)
		t = t.Add(m.next(rng))
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

type simRun struct{ truth, aligned, bound, naive float64 }

// simulate measures one command as a session does, and as two plain reads do.
func simulate(tb testing.TB, seed uint64, m refreshModel, d time.Duration) simRun {
	rng := rand.New(rand.NewPCG(seed, 7))
	watchW := 30 + 40*rng.Float64()
	commandW := watchW * (0.6 + 2*rng.Float64())
	s := newSim(rng, m)
	d = time.Duration(float64(d) * (0.9 + 0.2*rng.Float64()))

	// The power from the command's start on is laid once that start is known.
	s.layPower(0, Instant(60*time.Millisecond), watchW, 0.05)
	s.now = Instant(ms(20 + 5*rng.Float64()))
	track := NewTrack(s)
	if err := Approach([]*Track{track}, ms(9)); err != nil {
		tb.Fatal(err)
	}
	start := s.now.Add(2 * time.Microsecond)
	k := int(start/Instant(simStep)) + 1
	s.power, s.energy = s.power[:k], s.energy[:k]
	end := start.Add(d)
	s.layPower(start, end, commandW, 0.15)
	s.layPower(end, end.Add(ms(60)), watchW, 0.05)

	// Two plain reads: right before the command and right after it.
	raw := func(t Instant) float64 {
		k, _ := slices.BinarySearch(s.fresh, t)
		return s.joules(s.fresh[k-1])
	}
	// The naive reader does not choose its start: the same command, begun at a
	// random phase of the counter.
	phase := time.Duration(rng.Float64() * float64(time.Millisecond))
	naive := raw(end.Add(phase)) - raw(start.Add(phase))
	naiveTruth := s.joules(end.Add(phase)) - s.joules(start.Add(phase))

	s.now = end.Add(2 * time.Microsecond)
	if err := Depart([]*Track{track}, true, ms(9)); err != nil {
		tb.Fatal(err)
	}
	w := track.Between(0, start, end)
	truth := s.joules(end) - s.joules(start)
	return simRun{truth: truth, aligned: w.EnergyJ, bound: w.UncertaintyJ, naive: truth * naive / naiveTruth}
}

func p95(x []float64) float64 {
	slices.Sort(x)
	return x[int(0.95*float64(len(x)))]
}

// The accuracy of short commands, and that the stated uncertainty holds.
func TestShortCommands(t *testing.T) {
	const runs = 2000
	limits := []struct {
		d     time.Duration
		limit float64 // p95 of the relative error
	}{{2 * time.Millisecond, 0.065}, {5 * time.Millisecond, 0.03}, {10 * time.Millisecond, 0.015}, {20 * time.Millisecond, 0.01}}
	for _, m := range refreshModels {
		for _, l := range limits {
			t.Run(fmt.Sprintf("%s/%v", m.name, l.d), func(t *testing.T) {
				var aligned, naive []float64
				var stated float64
				covered := 0
				for seed := range uint64(runs) {
					s := simulate(t, seed, m, l.d)
					aligned = append(aligned, math.Abs(s.aligned-s.truth)/s.truth)
					naive = append(naive, math.Abs(s.naive-s.truth)/s.truth)
					if math.Abs(s.aligned-s.truth) <= s.bound {
						covered++
					}
					stated += s.bound / s.truth / runs
				}
				a, n, c := p95(aligned), p95(naive), float64(covered)/runs
				t.Logf("p95 error %.2f %% (plain reads %.1f %%, %.0f times), stated ±%.2f %%, covers %.1f %%", 100*a, 100*n, n/a, 100*stated, 100*c)
				if a > l.limit {
					t.Errorf("p95 error %.2f %%, want at most %.2f %%", 100*a, 100*l.limit)
				}
				if n < 5*a {
					t.Errorf("plain reads err by %.2f %%, only %.1f times more; want 5 times", 100*n, n/a)
				}
				if c < 0.95 {
					t.Errorf("the stated uncertainty covers the truth in %.1f %% of runs, want 95 %%", 100*c)
				}
				if stated > 5*a {
					t.Errorf("the stated uncertainty of %.2f %% is far above the error of %.2f %%", 100*stated, 100*a)
				}
			})
		}
	}
}
