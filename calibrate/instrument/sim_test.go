package instrument

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

// machine is simulated: registers that are updated in their own time, a clock
// that goes on with every read, and a scheduler that takes the CPU away.
type machine struct {
	rng *rand.Rand
	now energy.Instant
	// stalls is how often in a second the watcher loses its CPU, for up to
	// longest.
	stalls  float64
	longest time.Duration
}

func newMachine(seed uint64) *machine {
	return &machine{rng: rand.New(rand.NewPCG(seed, 5)), now: 1e9}
}

// pass lets a system call take its time.
func (m *machine) pass(d time.Duration) {
	m.now = m.now.Add(d/2 + time.Duration(m.rng.Float64()*float64(d)))
	if m.rng.Float64() < m.stalls*d.Seconds() {
		m.now = m.now.Add(time.Duration(m.rng.Float64() * float64(m.longest)))
	}
}

// register is a counter in hardware: it holds what the domain had spent at its
// last update, in whole units.
type register struct {
	at    []energy.Instant // updates
	units []uint64         // shown from then on
	k     int              // the last one that has passed
}

// newRegister makes one of a domain that draws about watts, with updates that
// are mean apart, sd being the standard deviation.
func (m *machine) newRegister(long, mean, sd time.Duration, watts, unitJ float64) *register {
	r := &register{}
	joules := 0.0
	for t := m.now - energy.Instant(m.rng.Int64N(int64(mean))); t < m.now.Add(long); {
		r.at, r.units = append(r.at, t), append(r.units, uint64(joules/unitJ))
		d := max(time.Duration(float64(mean)+float64(sd)*m.rng.NormFloat64()), mean/16)
		t = t.Add(d)
		// What a processor draws wanders from one millisecond to the next.
		joules += watts * (1 + 0.2*m.rng.NormFloat64()) * d.Seconds()
	}
	return r
}

func (r *register) show(t energy.Instant) uint64 {
	for r.k+1 < len(r.at) && r.at[r.k+1] <= t {
		r.k++
	}
	return r.units[r.k]
}

// true intervals between updates, in seconds, sorted.
func (r *register) intervals() []float64 {
	var all []float64
	for k := 1; k < len(r.at); k++ {
		all = append(all, r.at[k].Sub(r.at[k-1]).Seconds())
	}
	slices.Sort(all)
	return all
}

// simulated is an interface to registers.
type simulated struct {
	name  string
	m     *machine
	zones []energy.Zone
	regs  []*register
	show  func(units uint64) uint64 // what the interface makes of them; nil: nothing
	read  time.Duration
	fails func(zone int) error // nil: never
}

func (s *simulated) Name() string         { return s.name }
func (s *simulated) Zones() []energy.Zone { return s.zones }
func (s *simulated) Close() error         { return nil }

func (s *simulated) Read(r *energy.Reading) error {
	good := 0
	for i, reg := range s.regs {
		before := s.m.now
		s.m.pass(s.read / 2)
		units := reg.show(s.m.now)
		s.m.pass(s.read / 2)
		r.At[i], r.Errs[i] = energy.Bracket{Before: before, After: s.m.now}, nil
		if s.fails != nil {
			r.Errs[i] = s.fails(i)
		}
		if r.Errs[i] != nil {
			continue
		}
		good++
		if r.Counts[i] = units; s.show != nil {
			r.Counts[i] = s.show(units)
		}
	}
	if good == 0 && len(s.regs) > 0 {
		return r.Errs[0]
	}
	return nil
}

func zone(d energy.Domain, tick, step float64) energy.Zone {
	return energy.Zone{Domain: d, Die: -1, Core: -1, Parent: -1, Tick: tick, Step: step}
}

// readTime is what reading a zone takes, more or less.
const readTime = 8 * time.Microsecond

const unit = 1.0 / (1 << 14)

// The three interfaces as the kernel's drivers make them of registers in steps
// of 2^-14 J.
func (m *machine) perf(regs ...*register) *simulated {
	return m.face("perf", 1.0/(1<<32), 0, regs, func(u uint64) uint64 { return u << 18 })
}

func (m *machine) powercap(regs ...*register) *simulated {
	return m.face("powercap", 1e-6, 61.035e-6, regs, func(u uint64) uint64 { return u * 61035 / 1000 })
}

func (m *machine) msr(regs ...*register) *simulated { return m.face("msr", unit, 0, regs, nil) }

func (m *machine) face(name string, tick, step float64, regs []*register, show func(uint64) uint64) *simulated {
	s := &simulated{name: name, m: m, regs: regs, show: show, read: readTime}
	for i := range regs {
		z := zone(energy.Package, tick, step)
		z.Socket = i
		s.zones = append(s.zones, z)
	}
	return s
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.6g, want %.6g within %.2g", what, got, want, tolerance)
	}
}
