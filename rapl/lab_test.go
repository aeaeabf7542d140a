package rapl

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// TestLab runs the tests named TestGuest in the virtual RAPL lab, where the
// stock intel_rapl drivers stand on simulated registers whose truth is known.
func TestLab(t *testing.T) {
	lab.Guests(t, "^TestGuest", []lab.Options{
		{Kernel: "6.1", Machine: "skylake-server", Sockets: 2, Dies: 2, Cores: 1},
		{Kernel: "6.12", Machine: "skylake-client"},
		{Kernel: "6.12", Machine: "sapphire-rapids", Sockets: 2, Cores: 1},
		{Kernel: "6.1", Machine: "epyc-noperf", Sockets: 2, Cores: 1, Threads: 2},
		{Kernel: "6.1", Machine: "kvm"},
	})
}

// TestGuest holds a second's measurement against the truth, then takes a
// register and a socket away from it and gives them back.
func TestGuest(t *testing.T) {
	if !lab.InGuest() {
		t.Skip("only in the lab's guest (TestLab starts it)")
	}
	kvm := os.Getenv("LAB_MACHINE") == "kvm"
	if !kvm {
		// Start over, so that every package register wraps within the test.
		if err := lab.Reload("wrap_after_mj=20000"); err != nil {
			t.Fatal(err)
		}
	}
	s, err := tryOpen("/")
	if kvm {
		if !errors.Is(err, energy.ErrAbsent) && !errors.Is(err, energy.ErrBroken) {
			t.Errorf("registers that read 0: %v, %v", s, err)
		}
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, z := range s.Zones() {
		t.Logf("%s from %s: %+v", z.ID(), z.Origin, z)
	}
	t.Log(s.Refused(), s.Warnings())

	g := guest{s: s, m: energy.NewMeter(s.Zones()), r: energy.NewReading(len(s.Zones()))}
	g.wraps = packageWraps(t)
	g.before = truth(t)
	g.read(t)
	g.after = truth(t)
	for range 10 {
		burn(100 * time.Millisecond)
		g.read(t)
	}
	g.compare(t)
	t.Run("register", g.register)
	t.Run("socket", g.socket)
	g.countWraps(t)
}

// guest is a measurement beside the truth.
type guest struct {
	s *Source
	m *energy.Meter
	r *energy.Reading
	// The truth right before and after the first reading.
	before, after map[string]float64
	wraps         uint64 // the lab's, before the first reading
}

// countWraps: the packages' registers wrapped, and the meter saw each time.
func (g *guest) countWraps(t *testing.T) {
	seen := uint64(0)
	for i, z := range g.s.Zones() {
		if z.Domain == energy.Package {
			seen += uint64(g.m.Total(i).Wraps)
		}
	}
	if want := packageWraps(t) - g.wraps; seen != want || seen == 0 {
		t.Errorf("%d wraps seen, the registers made %d", seen, want)
	}
}

func packageWraps(t *testing.T) (n uint64) {
	t.Helper()
	account, err := lab.ReadTruth()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range account.Dies {
		n += d.Wraps.Package
	}
	return n
}

// truth returns the joules of every zone there can be, by ID.
func truth(t *testing.T) map[string]float64 {
	t.Helper()
	account, err := lab.ReadTruth()
	if err != nil {
		t.Fatal(err)
	}
	joules := map[string]float64{"psys": account.PSys.Joules()}
	for _, d := range account.Dies {
		for domain, nj := range map[energy.Domain]lab.Nanojoules{
			energy.Package: d.Energy.Package, energy.Core: d.Energy.Core, energy.Uncore: d.Energy.Uncore, energy.DRAM: d.Energy.DRAM,
		} {
			z := energy.Zone{Domain: domain, Socket: d.Package, Die: d.Die, Core: -1}
			joules[z.ID()] += nj.Joules()
			z.Die = -1
			joules[z.ID()] += nj.Joules()
		}
	}
	for _, c := range account.Cores {
		joules[energy.Zone{Domain: energy.Core, Socket: c.Package, Die: -1, Core: c.Core}.ID()] += c.Energy.Joules()
	}
	return joules
}

func (g *guest) read(t *testing.T) {
	t.Helper()
	if err := g.s.Read(g.r); err != nil {
		t.Fatal(err)
	}
	g.m.Add(g.r)
}

// compare takes a last reading and holds what the meter has against the
// truth: it lies between the truth's ends, but for a step at each and what
// one refresh hides.
func (g *guest) compare(t *testing.T) {
	t.Helper()
	before := truth(t)
	g.read(t)
	after := truth(t)
	const refresh, mostW = 2e-3, 400.0 // seconds; watts the lab's machines stay below
	for i, z := range g.s.Zones() {
		id := z.ID()
		if _, ok := before[id]; !ok {
			t.Errorf("%s has no truth: %v", id, before)
			continue
		}
		got := g.m.Total(i)
		if got.Err != nil || len(got.Gaps) != 0 {
			t.Errorf("%s: %+v", id, got)
		}
		// The driver's unit is in whole nanojoules, up to 60 ppm short.
		low := (before[id]-g.after[id])*(1-61e-6) - 2*z.StepJ() - refresh*mostW
		high := after[id] - g.before[id] + 2*z.StepJ() + refresh*mostW
		t.Logf("%-16s %10.4f J, truth between %.4f and %.4f, %d wraps", id, got.EnergyJ, low, high, got.Wraps)
		if got.EnergyJ < low || got.EnergyJ > high || got.EnergyJ <= 0 {
			t.Errorf("%s: %v J is not between %v and %v", id, got.EnergyJ, low, high)
		}
	}
}

// register makes the package registers fault for a while: the zones that
// stand on them fail with powercap's one error, and nothing is lost.
func (g *guest) register(t *testing.T) {
	control := func(command string) {
		if err := lab.Control(command); err != nil {
			t.Fatal(err)
		}
	}
	control("fail=pkg")
	_ = g.s.Read(g.r) // fails as a whole where packages are all there is
	g.m.Add(g.r)
	control("ok=pkg")
	for i, z := range g.s.Zones() {
		if faults := z.Domain == energy.Package; errors.Is(g.r.Errs[i], unix.EINVAL) != faults || (g.r.Errs[i] != nil) != faults {
			t.Errorf("%s while package registers fault: %v", z.ID(), g.r.Errs[i])
		}
	}
	burn(100 * time.Millisecond)
	g.compare(t)
}

// socket takes the last socket's CPUs offline, with which the driver takes
// its zones away, and back: the other zones go on, and these come back.
func (g *guest) socket(t *testing.T) {
	top, err := topology.Read("/")
	if err != nil {
		t.Fatal(err)
	}
	sockets := top.Sockets()
	last := sockets[len(sockets)-1]
	if len(sockets) < 2 {
		t.Skip("the only socket can't go offline")
	}
	setOnline := func(state string) {
		for _, c := range top.CPUs {
			if c.Socket == last {
				if err := os.WriteFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", c.ID), []byte(state), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	setOnline("0")
	g.s.nextHeal = 0
	g.read(t)
	for i, z := range g.s.Zones() {
		if gone := z.Socket == last; (g.r.Errs[i] != nil) != gone {
			t.Errorf("%s, socket %d offline: %v", z.ID(), last, g.r.Errs[i])
		} else if gone {
			t.Logf("%s: %v", z.ID(), g.r.Errs[i])
		}
	}
	setOnline("1")
	g.s.nextHeal = 0
	_ = g.s.Read(g.r) // finds them
	burn(100 * time.Millisecond)
	g.compare(t)
}

func burn(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
