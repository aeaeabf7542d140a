package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// plant is a machine drawn at random: sockets that wake, cores with two threads
// and a clock that falls with those at work, kernels that draw unlike amounts.
type plant struct {
	rng                                         *rand.Rand
	sockets, cores                              int
	idle, wake, core, smt, cubic, turbo, spread float64
	hot                                         map[string]float64
}

func newPlant(seed uint64) *plant {
	rng := rand.New(rand.NewPCG(seed, 7))
	p := &plant{rng: rng, sockets: 1 + rng.IntN(2), cores: []int{2, 4, 8, 16}[rng.IntN(4)], hot: map[string]float64{}}
	p.idle, p.core = 10+30*rng.Float64(), 1+4*rng.Float64()
	p.wake = 0.6 * rng.Float64() * p.core * float64(p.cores)
	p.smt, p.cubic, p.turbo, p.spread = 0.1+0.3*rng.Float64(), 0.3*rng.Float64(), 0.4*rng.Float64(), 0.02+0.06*rng.Float64()
	return p
}

func (p *plant) point(kernel, shape string, load float64, use []model.SocketUse) report.CalibrationPoint {
	if p.hot[kernel] == 0 {
		p.hot[kernel] = 1 + p.spread*p.rng.NormFloat64()
	}
	out := report.CalibrationPoint{Workload: kernel, Shape: shape, Load: load, DurationS: 2, CPUs: fmt.Sprint(shape, load), Used: true}
	for k, u := range use {
		clock := 1 - p.turbo*(u.OneThread+u.BothThreads)/float64(p.cores)
		watts := p.idle + p.wake*u.Awake + p.hot[kernel]*p.core*(u.OneThread+(1+p.smt)*u.BothThreads)*clock*(1-p.cubic+p.cubic*clock*clock)
		watts *= 1 + 0.003*p.rng.NormFloat64()
		s := report.SocketLoad{Socket: k, CPUs: 2 * p.cores, PowerW: &watts, Busy: ptr(u.Busy), Awake: ptr(u.Awake), OneThread: ptr(u.OneThread), BothThreads: ptr(u.BothThreads)}
		if u.Busy > 0 {
			s.FrequencyHz, s.Instructions = ptr(3e9*clock), ptr(4.5e9*clock*u.Busy)
		}
		out.Sockets = append(out.Sockets, s)
	}
	return out
}

// duty is all CPUs at work for a part of the time, some of it together.
func (p *plant) duty(d, together float64) []model.SocketUse {
	c := float64(p.cores)
	u := model.SocketUse{Busy: 2 * c * d,
		OneThread:   (1 - together) * c * 2 * d * (1 - d),
		BothThreads: (1-together)*c*d*d + together*c*d,
		Awake:       (1-together)*(1-math.Pow(1-d, 2*c)) + together*d,
	}
	return []model.SocketUse{u, u}[:p.sockets]
}

// some is k CPUs at work all the time: spread over sockets and cores, or filled up.
func (p *plant) some(k int, packed bool) []model.SocketUse {
	out := make([]model.SocketUse, p.sockets)
	for i := range out {
		n := (k + p.sockets - 1 - i) / p.sockets
		both := max(0, n-p.cores)
		if packed {
			n = min(max(0, k-2*p.cores*i), 2*p.cores)
			both = n / 2
		}
		out[i] = model.SocketUse{Busy: float64(n), BothThreads: float64(both), OneThread: float64(n - 2*both)}
		if n > 0 {
			out[i].Awake = 1
		}
	}
	return out
}

// calibrate holds the loads of a mode as its plan does, but for their order.
func (p *plant) calibrate(m Mode) []report.CalibrationPoint {
	var points []report.CalibrationPoint
	for range 5 {
		points = append(points, p.point("idle", report.ShapeIdle, 0, make([]model.SocketUse, p.sockets)))
	}
	part := func(f float64) int { return max(1, int(f*float64(2*p.cores*p.sockets)+0.5)) }
	for _, k := range m.Kernels {
		for _, d := range m.Duties {
			points = append(points, p.point(k, report.ShapeDuty, d, p.duty(d, 0)))
		}
		for _, d := range m.Together[k] {
			points = append(points, p.point(k, report.ShapeTogether, d, p.duty(d, 1)))
		}
		for _, f := range m.Cores {
			points = append(points, p.point(k, report.ShapeCores, f, p.some(part(f), false)))
		}
		for _, f := range m.Packed[k] {
			points = append(points, p.point(k, report.ShapeCores, f, p.some(part(f), true)))
		}
	}
	return points
}

// coverage is how often intervals hold the power of new work, by kind of load, and
// how wide they are.
type coverage struct {
	held       [4]float64 // percent, by kind
	full, flat float64    // half-widths at full load, and if all loads were alike, in percent
}

var kinds = [4]string{"duty", "spread", "packed", "bursts"}

// hold has new work done and adds its part of all machines'.
func (c *coverage) hold(t *testing.T, p *plant, tier *model.Tier, loads, machines int) {
	t.Helper()
	ask := func(kernel string, use []model.SocketUse) (e estimate, truth float64) {
		point := p.point(kernel, "", 0, use)
		e, err := ofTier(tier)(&point)
		if err != nil {
			t.Fatal(err)
		}
		truth, _ = point.Power()
		return e, truth
	}
	n := 2 * p.cores * p.sockets
	for j := range loads {
		for kind, use := range [][]model.SocketUse{
			p.duty(0.03+0.97*p.rng.Float64(), p.rng.Float64()),
			p.some(1+p.rng.IntN(n), false),
			p.some(1+p.rng.IntN(n), true),
			p.duty(0.3+0.4*p.rng.Float64(), 1),
		} {
			if e, truth := ask(fmt.Sprint("new ", j), use); e.low <= truth && truth <= e.high {
				c.held[kind] += 100 / float64(machines*loads)
			}
		}
	}
	e, _ := ask("alu", p.duty(1, 0))
	c.full += 100 * (e.high/e.watts - 1) / float64(machines)
	c.flat += tier.ErrorPct / float64(machines)
}

// New work, that lies on the machine and in time as it may, is within the
// intervals nine times in ten, T1's for every kind of it; and they are no wider for it than
// they need to be: what a machine draws at full load is known far better than if
// the interval were one for all loads.
func TestIntervalsOfNewWork(t *testing.T) {
	const machines, loads = 40, 40
	for _, mode := range []string{"quick", "standard"} {
		m, err := ModeNamed(mode)
		if err != nil {
			t.Fatal(err)
		}
		var all [4]coverage
		for seed := range uint64(machines) {
			p := newPlant(seed)
			tiers, _ := fitAll(samples(p.calibrate(m), packagePower), 150, seed)
			for i := 1; i <= 2; i++ {
				if tiers[i].why != nil {
					t.Fatal(tiers[i].why)
				}
				all[i].hold(t, p, &tiers[i].tier, loads, machines)
			}
		}
		for i := 1; i <= 2; i++ {
			c := all[i]
			t.Logf("%s, %s: %v held %.1f %%; +- %.1f %% at full load, %.1f %% if all loads were alike", mode, tierNames[i], kinds, c.held, c.full, c.flat)
			if mean := stat.Mean(c.held[:], nil); mean < 90 {
				t.Errorf("%s, %s: the intervals hold %.1f %% of new loads", mode, tierNames[i], mean)
			}
			for kind, pct := range c.held {
				if pct < 90 && tierNames[i] == model.T1 { // which can't tell the kinds
					t.Errorf("%s, %s: the intervals hold %.1f %% of new loads, %s", mode, tierNames[i], pct, kinds[kind])
				}
			}
		}
		if c := all[1]; c.full > 10 || c.full > 0.6*c.flat {
			t.Errorf("%s: T1 is sure to %.1f %% at full load, %.1f %% if all loads were alike", mode, c.full, c.flat)
		}
	}
}
