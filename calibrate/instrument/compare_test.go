package instrument

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// compared is what 5 windows of 200 ms say of the sources' first zone.
func compared(t *testing.T, seen []report.Interface, sources ...energy.Source) []report.Agreement {
	t.Helper()
	all, err := Compare(t.Context(), sources, Windows{N: 5, Length: 200 * time.Millisecond}, seen)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const comparing = 1300 * time.Millisecond

// Two interfaces to one register differ by what they make of its units, and
// that is found to a few parts in a million, although a counter is updated once
// in a millisecond and power is not steady.
func TestUnitsAreFound(t *testing.T) {
	const sixteenth = 1.0 / (1 << 16)
	for _, c := range []struct {
		name   string
		domain energy.Domain
		unitJ  float64
		step   float64 // as powercap states it
		show   func(uint64) uint64
		ratio  float64
		units  bool // the difference is that of the units
	}{
		{"package by powercap", energy.Package, unit, 61.035e-6, func(u uint64) uint64 { return u * 61035 / 1000 }, 61035 / 61035.15625, true},
		{"memory by powercap", energy.DRAM, sixteenth, 15.3e-6, func(u uint64) uint64 { return u * 153 / 10 }, 15.3e-6 / sixteenth, true},
		{"2 % too much", energy.Package, unit, 62.25586e-6, func(u uint64) uint64 { return uint64(float64(u) * 62.25586) }, 1.02, false},
		{"half", energy.DRAM, unit, 30.5175e-6, func(u uint64) uint64 { return u * 305175 / 10000 }, 30.5175e-6 / unit, false},
	} {
		m := newMachine(11)
		m.stalls, m.longest = 5, 4*time.Millisecond
		reg := m.newRegister(comparing, 1000*us, 200*us, 40, c.unitJ)
		ref := m.face("perf", c.unitJ/(1<<16), 0, []*register{reg}, func(u uint64) uint64 { return u << 16 })
		other := m.face("powercap", 1e-6, c.step, []*register{reg}, c.show)
		ref.zones[0].Domain, other.zones[0].Domain = c.domain, c.domain
		all := compared(t, nil, ref, other)
		if len(all) != 1 || all[0].Ratio == nil {
			t.Fatalf("%s: %+v", c.name, all)
		}
		a := all[0]
		near(t, c.name, a.Ratio.Value, c.ratio, a.Ratio.Uncertainty)
		if a.Ratio.Uncertainty > 5e-6 || !a.SameUpdates || a.Windows != 5 || a.Domain != ref.zones[0].ID() || a.Interface != "powercap" || a.Reference != "perf" {
			t.Errorf("%s: %+v, %+v", c.name, a, *a.Ratio)
		}
		if *a.Agree || a.Units != c.units || a.Correction == nil {
			t.Fatalf("%s: agree %v, units %v, correction %v", c.name, *a.Agree, a.Units, a.Correction)
		}
		near(t, c.name+": corrected", a.Correction.Value*c.ratio, 1, a.Correction.Uncertainty*c.ratio)
	}
}

// The same register through the same units agrees, and needs no correction.
func TestTheSameAgrees(t *testing.T) {
	m := newMachine(12)
	reg := m.newRegister(comparing, 1000*us, 100*us, 40, unit)
	a := compared(t, nil, m.perf(reg), m.msr(reg))[0]
	if a.Ratio == nil || !*a.Agree || !a.Units || a.Correction != nil {
		t.Fatalf("%+v", a)
	}
	near(t, "ratio", a.Ratio.Value, 1, 1e-9)
	if !(a.Ratio.StdUncertainty > 0) {
		t.Error("nothing is known without uncertainty")
	}
}

// Where reading takes most of an update interval no update is told from the next,
// and powers are compared: less sharply, but as truly.
func TestSlowReads(t *testing.T) {
	m := newMachine(13)
	reg := m.newRegister(2*comparing, 1000*us, 100*us, 40, unit)
	ref := m.perf(reg)
	other := m.face("msr", unit*1.02, 0, []*register{reg}, nil)
	ref.read, other.read = 350*us, 350*us
	a := compared(t, nil, ref, other)[0]
	if a.Ratio == nil || a.SameUpdates || a.Ratio.Uncertainty > 0.005 {
		t.Fatalf("%+v, %+v", a, a.Ratio)
	}
	near(t, "ratio", a.Ratio.Value, 1.02, a.Ratio.Uncertainty)
}

// Counters that are not updated together are compared by their power. The
// factor between them is within the stated uncertainty as often as it should be.
func TestSimulatedFactorCoverage(t *testing.T) {
	const factor, tries = 1.02, 40
	covered, wide := 0, 0.0
	for seed := range uint64(tries) {
		m := newMachine(100 + seed)
		m.stalls, m.longest = 5, 3*time.Millisecond
		a := m.newRegister(comparing, 1000*us, 50*us, 40, unit)
		b := &register{}
		// The same joules, seen at instants of its own.
		for k := 1; k < len(a.at); k++ {
			part := m.rng.Float64()
			b.at = append(b.at, a.at[k-1].Add(time.Duration(part*float64(a.at[k].Sub(a.at[k-1])))))
			b.units = append(b.units, a.units[k-1]+uint64(part*float64(a.units[k]-a.units[k-1])))
		}
		other := m.face("msr", unit*factor, 0, []*register{b}, nil)
		r := compared(t, nil, m.perf(a), other)[0]
		if r.Ratio == nil || r.SameUpdates {
			t.Fatalf("%+v", r)
		}
		if math.Abs(r.Ratio.Value-factor) <= r.Ratio.Uncertainty {
			covered++
		}
		wide += r.Ratio.Uncertainty / tries
	}
	// Of 40 with 95 % each, fewer than 33 are covered once in 1,400 times.
	if covered < 33 || wide > 0.0002 {
		t.Errorf("%d of %d intervals hold the factor; they are ± %.2g wide", covered, tries, wide)
	}
	t.Logf("%d of %d intervals hold the factor of %v; on average they are ± %.2g", covered, tries, factor, wide)
}

// What scatters is covered in 95 of 100 cases, by as few windows as there are.
func TestSimulatedRatioCoverage(t *testing.T) {
	const factor, tries = 1.02, 4000
	rng := rand.New(rand.NewPCG(21, 1))
	for _, n := range []int{3, 5, 12} {
		covered := 0
		for range tries {
			var all []window
			for range n {
				all = append(all, window{ratio: factor + 0.001*rng.NormFloat64(), joule: 50 + 5*rng.Float64(), floor: 1e-6})
			}
			if r := ratio(all); math.Abs(r.Value-factor) <= r.Uncertainty {
				covered++
			}
		}
		if part := float64(covered) / tries; part < 0.93 || part > 0.97 {
			t.Errorf("%d windows: %.1f %% of the intervals hold the factor", n, 100*part)
		}
	}
}

// A counter in whole joules needs longer to show its edges; what was seen of it
// before says how long.
func TestWholeJoules(t *testing.T) {
	m := newMachine(14)
	const long = 3 * time.Second
	reg := m.newRegister(long, 1000*us, 0, 35, 1)
	show := func(u uint64) uint64 { return u * 1e6 }
	a, b := m.face("perf", 1.0/(1<<32), 0, []*register{reg}, func(u uint64) uint64 { return u << 32 }), m.face("powercap", 1e-6, 1, []*register{reg}, show)
	a.read, b.read = 10*us, 10*us
	seen := []report.Interface{watched1(t, a, time.Second)}
	if d := border(seen); d < 80*time.Millisecond || d > longBorder {
		t.Fatalf("edges are looked for for %v", d)
	}
	got := compared(t, seen, a, b)[0]
	if got.Ratio == nil || !*got.Agree || !got.SameUpdates {
		t.Fatalf("%+v", got)
	}
	if d := border(nil); d != shortBorder {
		t.Errorf("edges are looked for for %v of nothing", d)
	}
}

// A domain is held against the best interface that shows it.
func TestReferences(t *testing.T) {
	m := newMachine(15)
	pkg, core := m.newRegister(comparing, 1000*us, 0, 40, unit), m.newRegister(comparing, 1000*us, 0, 10, unit)
	perf, powercap, msr := m.perf(pkg), m.powercap(pkg, core), m.msr(pkg, core)
	for _, s := range []*simulated{powercap, msr} {
		s.zones[1].Domain, s.zones[1].Socket = energy.Core, 0
	}
	var got []string
	for _, a := range compared(t, nil, perf, powercap, msr) {
		got = append(got, fmt.Sprintf("%s %s/%s %v", a.Domain, a.Interface, a.Reference, a.Ratio != nil))
	}
	want := "package-0 powercap/perf true, package-0 msr/perf true, core-0 msr/powercap true"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s; want %s", s, want)
	}
}

// What can't be compared says why, and no number.
func TestNotComparable(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(m *machine, ref, other *simulated)
		want  string
	}{
		{"stands still", func(m *machine, ref, other *simulated) {
			other.regs = []*register{m.newRegister(comparing, time.Second*100, 0, 0, unit)}
		}, "0 windows only"},
		{"never read", func(_ *machine, _, other *simulated) { other.fails = func(int) error { return errBroken } }, "could not be read: EIO"},
		{"stops to answer", func(m *machine, ref, _ *simulated) {
			from := m.now.Add(500 * time.Millisecond)
			ref.fails = func(int) error {
				if m.now > from {
					return errBroken
				}
				return nil
			}
		}, "could not be read: EIO"},
		{"is reset", func(m *machine, _, other *simulated) {
			from := m.now.Add(500 * time.Millisecond)
			other.show = func(u uint64) uint64 {
				if m.now > from {
					return 0
				}
				return u + 1e6
			}
		}, "reset"},
	} {
		m := newMachine(16)
		reg := m.newRegister(comparing, 1000*us, 100*us, 40, unit)
		ref, other := m.perf(reg), m.msr(reg)
		c.spoil(m, ref, other)
		a := compared(t, nil, ref, other)[0]
		if a.Ratio != nil || a.Agree != nil || a.Correction != nil || !strings.Contains(a.Reason, c.want) {
			t.Errorf("%s: %+v; want %q", c.name, a, c.want)
		}
	}
}

// All of it, as a calibration does it.
func TestMeasure(t *testing.T) {
	m := newMachine(17)
	reg := m.newRegister(12*time.Second, 1000*us, 100*us, 40, unit)
	out, err := Measure(t.Context(), []energy.Source{m.perf(reg), m.powercap(reg), m.msr(reg)}, Standard())
	if err != nil {
		t.Fatal(err)
	}
	if took := (m.now - 1e9).Sub(0); took > 12*time.Second {
		t.Errorf("it took %v of the machine's time", took)
	}
	if len(out.Interfaces) != 3 || len(out.Agreement) != 2 || out.Interfaces[0].Zones[0].Update.N < 1400 {
		t.Errorf("%+v", out)
	}
	alone, err := Measure(t.Context(), []energy.Source{m.msr(m.newRegister(2*time.Second, 1000*us, 0, 40, unit))}, Standard())
	if err != nil || len(alone.Interfaces) != 1 || len(alone.Agreement) != 0 {
		t.Errorf("%+v, %v", alone, err)
	}
}
