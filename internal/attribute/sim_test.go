package attribute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// machine is a package whose power is known: idle, a step as soon as one CPU
// is awake, and so much for each busy CPU.
type machine struct {
	cpus             int
	idle, wake, busy float64 // W; busy is per CPU
}

// cpu is on and off by turns.
type cpu struct {
	on   bool
	left float64 // s until the next turn
}

// run simulates a load in slots of 1 ms, two programs on alternate CPUs, on
// and off for 5 to 50 ms, and closes an interval every so many slots. It
// returns the joules in all, idle's and the first program's part of the rest,
// where a slot's wake step is shared by busy time.
func (m machine) run(l *Ledger, tasks []energy.Account, load, seconds float64, slots int, r *rand.Rand) (all, idle, first float64) {
	const slot = 0.001
	state := make([]cpu, m.cpus)
	busy := make([]float64, len(tasks))
	var joules float64
	for n := 1; n <= int(seconds/slot); n++ {
		var awake, sum float64
		var by [2]float64
		for i := range state {
			b := state[i].advance(load, slot, r)
			awake = max(awake, b)
			sum += b
			by[i%2] += b
			busy[i%len(tasks)] += b
		}
		dynamic := m.wake*awake + m.busy*sum
		joules += m.idle*slot + dynamic
		all += m.idle*slot + dynamic
		idle += m.idle * slot
		if sum > 0 {
			first += dynamic * by[0] / sum
		}
		if n%slots != 0 {
			continue
		}
		var work []Work
		for i, b := range busy {
			if b > 0 {
				work = append(work, Work{Account: &tasks[i], Party: energy.Party(i), Weight: b, CPU: time.Duration(b * 1e9)})
			}
		}
		l.Interval(0, slot*float64(slots), [energy.NumDomains]float64{energy.Package: joules}, work)
		joules = 0
		clear(busy)
	}
	return all, idle, first
}

// advance returns the busy seconds of a slot.
func (c *cpu) advance(load, slot float64, r *rand.Rand) (busy float64) {
	if load >= 1 {
		return slot
	}
	if load <= 0 {
		return 0
	}
	for left := slot; left > 0; {
		if c.left <= 0 {
			c.on = !c.on
			c.left = 0.005 + 0.045*r.Float64()
			if !c.on {
				c.left *= (1 - load) / load
			}
		}
		d := min(left, c.left)
		if c.on {
			busy += d
		}
		c.left -= d
		left -= d
	}
	return busy
}

// Dynamic energy stays within 3 % of the truth from 1:3 to 3:1 of idle to busy
// power and from 10 to 100 % load, and idle never shrinks because the machine
// is busy: what Kepler's share of idle by utilisation does. Idle is learnt
// from 0.1 s before the window, as a session has them.
func TestSimulatedDynamicEnergy(t *testing.T) {
	const cpus = 8
	worst, worstNaive := 0.0, 0.0
	for _, ratio := range []float64{1. / 3, 1, 3} {
		for _, wake := range []float64{0, 0.3} {
			for _, load := range []float64{0.1, 0.25, 0.5, 0.75, 1} {
				name := fmt.Sprintf("idle:busy %.2g, wake %.0f %%, load %.0f %%", ratio, 100*wake, 100*load)
				m := machine{cpus: cpus, idle: 60 * ratio, wake: 60 * wake, busy: 60 * (1 - wake) / cpus}
				r := rand.New(rand.NewPCG(uint64(ratio*100), uint64(load*100)))
				l := NewLedger(places8())
				tasks := make([]energy.Account, 2)
				m.run(l, tasks, 0, 0.1, 1, r)
				before := l.Packages(nil)
				all, idleTruth, first := m.run(l, tasks, load, 4, 1, r)
				after := l.Packages(nil)
				idle := IdlePower(after[0], energy.Package)
				if !idle.Known || math.Abs(idle.Watts-m.idle) > 1e-6*m.idle {
					t.Fatalf("%s: idle %+v, truth %v W", name, idle, m.idle)
				}
				d := Delta(energy.Usage{Packages: before}, energy.Usage{Packages: after})
				z := Zone{Domain: energy.Package, Joules: all, Seconds: 4, Packages: []int{0}, Idle: []Idle{idle}}
				lines := Split(z, d.Packages, Rule{})
				checkLines(t, z, lines)
				dynamic, truth := lines.Target.J+lines.Others.J, all-idleTruth
				if e := math.Abs(dynamic-truth) / truth; e > 0.03 {
					t.Errorf("%s: dynamic energy %.2f J, truth %.2f J", name, dynamic, truth)
				} else {
					worst = max(worst, e)
				}
				if e := math.Abs(lines.Target.J-first) / first; e > 0.03 {
					t.Errorf("%s: the target %.2f J, truth %.2f J", name, lines.Target.J, first)
				} else {
					worst = max(worst, e)
				}
				if lines.Idle.J < idleTruth*0.999 || lines.Idle.J > idleTruth*1.001 {
					t.Errorf("%s: idle %.2f J, truth %.2f J", name, lines.Idle.J, idleTruth)
				}
				worstNaive = max(worstNaive, math.Abs(all*load-truth)/truth)
			}
		}
	}
	t.Logf("worst error %.2g %%; active = delta times utilisation would be off by up to %.0f %%", 100*worst, 100*worstNaive)
}

func places8() []energy.Place { return []energy.Place{{Socket: 0, Die: -1, CPUs: make([]int, 8)}} }

// Where the tracker itself runs in each interval, idle is extrapolated from
// light loads. It never claims to know better than it does.
func TestSimulatedIdleExtrapolation(t *testing.T) {
	for _, wake := range []float64{0, 0.1, 0.3, 0.5} {
		for seed := range uint64(10) {
			m := machine{cpus: 8, idle: 40, wake: 60 * wake, busy: 60 * (1 - wake) / 8}
			r := seeded(seed)
			l := NewLedger(places8())
			tasks := make([]energy.Account, 2)
			for _, load := range []float64{0.005, 0.02, 0.05, 0.15, 0.6} {
				m.run(l, tasks, load, 3, 100, r)
			}
			p := l.Packages(nil)[0]
			p.Nobody, p.Loads[0] = energy.Account{}, energy.LoadBin{} // somebody always ran
			idle := IdlePower(p, energy.Package)
			if !idle.Known {
				t.Errorf("wake %v: %s", wake, idle.How)
				continue
			}
			if off := math.Abs(idle.Watts - m.idle); off > idle.Uncertainty+0.01*m.idle {
				t.Errorf("wake %v seed %d: %.2f W +- %.2f, truth %.2f W (%s)", wake, seed, idle.Watts, idle.Uncertainty, m.idle, idle.How)
			}
			if idle.Uncertainty > m.idle {
				t.Errorf("wake %v: an uncertainty of %v W says nothing", wake, idle.Uncertainty)
			}
			if seed == 0 {
				t.Logf("wake step %2.0f W: idle %.2f W +- %.2f, truth %.0f W", m.wake, idle.Watts, idle.Uncertainty, m.idle)
			}
		}
	}
}

// On a machine that is always busy idle is not known, and not 0 either.
func TestSimulatedAlwaysBusy(t *testing.T) {
	m := machine{cpus: 8, idle: 40, wake: 10, busy: 6}
	for _, load := range []float64{0.5, 0.9, 1} {
		l := NewLedger(places8())
		tasks := make([]energy.Account, 2)
		all, _, _ := m.run(l, tasks, load, 2, 100, seeded(1))
		packages := l.Packages(nil)
		idle := IdlePower(packages[0], energy.Package)
		if idle.Known || idle.How == "" {
			t.Errorf("load %v: %+v", load, idle)
		}
		z := Zone{Domain: energy.Package, Joules: all, Seconds: 2, Packages: []int{0}, Idle: []Idle{idle}}
		lines := Split(z, packages, Rule{})
		checkLines(t, z, lines)
		if lines.Idle.Known || lines.Reason == "" || !near(lines.Target.J+lines.Others.J, all) {
			t.Errorf("load %v: %+v", load, lines)
		}
	}
}
