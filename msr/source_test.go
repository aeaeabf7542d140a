package msr

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// unit14 is a unit register of 1/2^14 J and 1/8 W.
const unit14 = 0xA0E03

func TestTwoSocketServer(t *testing.T) {
	m := newMachine(intel(0x55), 2, 1, 4, 2)
	m.regs[regUnit] = constant(unit14)
	m.regs[regPkgInfo] = constant(165 * 8)
	m.regs[regPkgEnergy] = m.bySocket(1000, 0xABCD_0000_07D0) // 2000 below reserved bits
	m.regs[regPP0Energy] = constant(0)                        // as Skylake-SP does
	m.regs[regDRAMEnergy] = m.bySocket(300, 400)
	s := m.probed(t, options{})
	if got, want := ids(s), "package-0 dram-0 package-1 dram-1 "; got != want {
		t.Fatalf("zones %s, want %s", got, want)
	}
	r := energy.NewReading(4)
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{1000, 300, 2000, 400} {
		z := s.Zones()[i]
		if r.Counts[i] != want || r.Errs[i] != nil {
			t.Errorf("%s = %d, %v, want %d", z.ID(), r.Counts[i], r.Errs[i], want)
		}
		if z.Wrap != 1<<32 {
			t.Errorf("%s wraps at %d", z.ID(), z.Wrap)
		}
		if r.At[i].After < r.At[i].Before || i > 0 && r.At[i].Before < r.At[i-1].After {
			t.Errorf("%s: bracket %v after %v", z.ID(), r.At[i], r.At)
		}
		if !z.InTotal() {
			t.Errorf("%s is not in the total", z.ID())
		}
	}
	// 2^32 * 2^-14 J = 2^18 J = 262,144 J; 2^32 * 2^-16 J = 65,536 J.
	if a, b := s.Zones()[0].RangeJ(), s.Zones()[1].RangeJ(); a != 262144 || b != 65536 {
		t.Errorf("ranges %v and %v J", a, b)
	}
	if tdp, ok := s.TDP(1); !ok || tdp != 165 {
		t.Errorf("TDP %v, %v", tdp, ok)
	}
	if _, ok := s.TDP(2); ok {
		t.Error("a socket that is not there has a TDP")
	}
	if got := s.Zones()[0].Origin; got != "msr 0x611 on cpu 0" {
		t.Errorf("origin %q", got)
	}
	if len(m.openCPUs) != 2 || m.openCPUs[0] != 0 || m.openCPUs[1] != 4 {
		t.Errorf("opened CPUs %v, want the first of each socket", m.openCPUs)
	}
	// PP0 reads zero on both sockets: said, not shown as 0 J.
	var named []string
	for _, r := range s.Refused() {
		if !errors.Is(r, energy.ErrAbsent) || !strings.Contains(r.Reason, "zero") {
			t.Errorf("refusal %v", r)
		}
		named = append(named, r.Name)
	}
	if strings.Join(named, " ") != "core-0 core-1" {
		t.Errorf("refused %v", named)
	}
}

func TestEightSockets(t *testing.T) {
	m := newMachine(intel(0x8F), 8, 1, 2, 1)
	m.regs[regUnit] = constant(unit14)
	m.regs[regPkgEnergy] = m.bySocket(1, 2, 3, 4, 5, 6, 7, 8)
	m.regs[regPsysEnergy] = m.bySocket(11, 0, 0, 0, 0, 0, 0, 0)
	s := m.probed(t, options{})
	if n := len(s.Zones()); n != 9 {
		t.Fatalf("%d zones: %s", n, ids(s))
	}
	z := s.Zones()[8]
	if z.ID() != "psys" || z.Tick != 1 || z.InTotal() || z.Parent != -1 {
		t.Errorf("psys is %+v", z)
	}
	for _, r := range s.Refused() {
		if r.Name == "psys" {
			t.Errorf("psys is both there and refused: %v", r)
		}
	}
}

func TestClientParents(t *testing.T) {
	m := newMachine(intel(0x9E), 1, 1, 4, 2)
	m.regs[regUnit] = constant(unit14)
	for i, reg := range []uint32{regPkgEnergy, regPP0Energy, regPP1Energy, regDRAMEnergy, regPsysEnergy} {
		m.regs[reg] = constant(uint64(10 + i))
	}
	s := m.probed(t, options{})
	if got, want := ids(s), "package-0 core-0<package-0 uncore-0<package-0 dram-0 psys "; got != want {
		t.Errorf("zones %s, want %s", got, want)
	}
}

// TestDies: Cascade Lake-AP has a counter in each die; where dies only mirror
// one counter it must be counted once.
func TestDies(t *testing.T) {
	for _, c := range []struct {
		name     string
		mirrored bool
		want     string
	}{
		{"own counters", false, "package-0-die-0 dram-0-die-0 package-0-die-1 dram-0-die-1 package-1-die-0 dram-1-die-0 package-1-die-1 dram-1-die-1 "},
		{"mirrored", true, "package-0 dram-0 package-1 dram-1 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(intel(0x55), 2, 2, 2, 1)
			var ticks uint64
			counter := func(cpu int) (uint64, error) {
				ticks += 7
				topo, _ := m.topo.CPU(cpu)
				v := 1e6*uint64(topo.Socket+1) + ticks
				if !c.mirrored {
					v += 1e8 * uint64(topo.Die)
				}
				return v, nil
			}
			m.regs[regUnit] = constant(unit14)
			m.regs[regPkgEnergy], m.regs[regDRAMEnergy] = counter, counter
			s := m.probed(t, options{})
			if got := ids(s); got != c.want {
				t.Errorf("zones %s, want %s", got, c.want)
			}
			if c.mirrored != (len(s.Warnings()) > 0) {
				t.Errorf("warnings %q", s.Warnings())
			}
		})
	}
}

func TestMirrorAcrossWrap(t *testing.T) {
	m := newMachine(intel(0x55), 1, 2, 1, 1)
	v := uint64(0xFFFFFFFA)
	m.regs[regUnit] = constant(unit14)
	m.regs[regPkgEnergy] = func(int) (uint64, error) { v++; return v & 0xFFFFFFFF, nil }
	if got := ids(m.probed(t, options{})); got != "package-0 " {
		t.Errorf("a mirrored counter that wraps while compared gives %s", got)
	}
}

func TestAMD(t *testing.T) {
	for _, cores := range []bool{false, true} {
		m := newMachine(zen(), 2, 2, 2, 2) // dies don't count on AMD
		m.regs[regAMDUnit] = constant(0xA1003)
		m.regs[regAMDPkgEnergy] = m.bySocket(70, 80)
		m.regs[regAMDCoreEnergy] = func(cpu int) (uint64, error) {
			c, _ := m.topo.CPU(cpu)
			return uint64(100*c.Socket + c.Core + 1), nil // siblings mirror
		}
		s := m.probed(t, options{cores: cores})
		want := "package-0 package-1 "
		if cores {
			want += "core-0-0<package-0 core-0-1<package-0 core-0-2<package-0 core-0-3<package-0 " +
				"core-1-0<package-1 core-1-1<package-1 core-1-2<package-1 core-1-3<package-1 "
		}
		if got := ids(s); got != want {
			t.Fatalf("zones %s, want %s", got, want)
		}
		if !cores {
			continue
		}
		r := energy.NewReading(len(s.Zones()))
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
		if r.Counts[2] != 1 || r.Counts[9] != 104 {
			t.Errorf("counts %v", r.Counts)
		}
		// 1/2^16 J = 15.2587890625 uJ.
		if tick := s.Zones()[0].Tick; tick != 15.2587890625e-6 {
			t.Errorf("tick %v", tick)
		}
		if _, ok := s.TDP(0); ok {
			t.Error("AMD has a TDP register")
		}
	}
}

// TestCoreNumbers: core_id repeats across dies on some kernels.
func TestCoreNumbers(t *testing.T) {
	m := newMachine(zen(), 1, 2, 2, 2)
	for i := range m.topo.CPUs {
		m.topo.CPUs[i].Core %= 2
	}
	seen := make(map[int]bool)
	for _, c := range coresOf(m.topo, 0) {
		if seen[c.number] || len(c.threads) != 2 {
			t.Errorf("core %+v", c)
		}
		seen[c.number] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d cores, want 4", len(seen))
	}
}

func TestRefusals(t *testing.T) {
	vm := topology.Virtualization{Kind: "kvm", Evidence: "dmi"}
	for _, c := range []struct {
		name   string
		change func(*machine)
		kind   error
		says   []string
	}{
		{"KVM answers 0", func(m *machine) {
			m.topo.Virt = vm
			m.regs[regUnit], m.regs[regPkgEnergy] = constant(0), constant(0)
		}, energy.ErrAbsent, []string{"0x606", "reads 0", "kvm"}},
		{"Xen gives a unit and no energy", func(m *machine) {
			m.regs[regUnit], m.regs[regPkgEnergy] = constant(0xA1003), constant(0)
		}, energy.ErrAbsent, []string{"package-0", "0x611", "reads zero"}},
		{"unit faults", func(m *machine) { delete(m.regs, regUnit) }, energy.ErrAbsent, []string{"0x606", "input/output error"}},
		{"unit of 1 J", func(m *machine) { m.regs[regUnit] = constant(0xA0003) }, energy.ErrBroken, []string{"12:8"}},
		{"package faults", func(m *machine) { delete(m.regs, regPkgEnergy) }, energy.ErrAbsent, []string{"0x611", "can't be read"}},
		{"ARM", func(m *machine) { m.topo.Identity = topology.Identity{Vendor: "ARM", Family: 8} }, energy.ErrAbsent, []string{"ARM"}},
		{"no sockets", func(m *machine) {
			for i := range m.topo.CPUs {
				m.topo.CPUs[i].Socket = -1
			}
		}, energy.ErrBroken, []string{"physical_package_id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(intel(0x55), 1, 1, 2, 1)
			m.regs[regUnit], m.regs[regPkgEnergy] = constant(unit14), constant(5)
			c.change(m)
			s, err := probe(m.topo, m.open, options{})
			if err == nil {
				s.Close()
				t.Fatalf("opened with %s", ids(s))
			}
			if !errors.Is(err, c.kind) {
				t.Errorf("%v is not %v", err, c.kind)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v does not say %q", err, word)
				}
			}
			if n := m.isOpen.Load(); n != 0 {
				t.Errorf("%d devices stay open", n)
			}
		})
	}
}

// TestZeroAtFirst: a package counter that has just wrapped is no reason to
// refuse it.
func TestZeroAtFirst(t *testing.T) {
	m := newMachine(intel(0x55), 1, 1, 1, 1)
	reads := 0
	m.regs[regUnit] = constant(unit14)
	m.regs[regPkgEnergy] = func(int) (uint64, error) { reads++; return uint64(max(0, reads-3)), nil }
	if got := ids(m.probed(t, options{})); got != "package-0 " {
		t.Errorf("zones %s", got)
	}
}

// TestOneSocketFails: the rest is measured, the failure told.
func TestOneSocketFails(t *testing.T) {
	m := newMachine(intel(0x55), 2, 1, 1, 1)
	m.regs[regUnit], m.regs[regPkgEnergy] = constant(unit14), constant(5)
	m.openErr = map[int]error{1: unix.ENXIO}
	s := m.probed(t, options{})
	if got := ids(s); got != "package-0 " {
		t.Errorf("zones %s", got)
	}
	found := false
	for _, r := range s.Refused() {
		found = found || r.Name == "package-1" && errors.Is(r, unix.ENXIO)
	}
	if !found {
		t.Errorf("package-1 is missing without a word: %v", s.Refused())
	}
}

func TestReadFaults(t *testing.T) {
	m := newMachine(intel(0x3F), 1, 1, 1, 1)
	fail := false
	m.regs[regUnit], m.regs[regPkgEnergy] = constant(unit14), constant(5)
	m.regs[regDRAMEnergy] = func(int) (uint64, error) {
		if fail {
			return 0, unix.EIO
		}
		return 77, nil
	}
	s := m.probed(t, options{})
	r := energy.NewReading(2)
	if err := s.Read(r); err != nil || r.Counts[1] != 77 {
		t.Fatal(err, r.Counts)
	}
	fail = true
	if err := s.Read(r); err != nil {
		t.Fatalf("one bad zone fails the read: %v", err)
	}
	if r.Errs[0] != nil || !errors.Is(r.Errs[1], unix.EIO) || !strings.Contains(r.Errs[1].Error(), "0x619 on cpu 0") {
		t.Errorf("errors %v", r.Errs)
	}
	if r.Counts[1] != 77 {
		t.Errorf("a failed zone changed its count to %d", r.Counts[1])
	}
	delete(m.regs, regPkgEnergy)
	if err := s.Read(r); err == nil {
		t.Error("no zone could be read, and no error")
	}
	// Failing costs no memory either.
	if n := testing.AllocsPerRun(100, func() { s.Read(r) }); n != 0 {
		t.Errorf("a failing read allocates %v times", n)
	}
	fail, m.regs[regPkgEnergy] = false, constant(6)
	if err := s.Read(r); err != nil || r.Errs[0] != nil || r.Errs[1] != nil || r.Counts[0] != 6 {
		t.Errorf("after recovery: %v %v %v", err, r.Errs, r.Counts)
	}
}

// TestHotplug: the CPU read through goes offline; another of its package
// takes over, and the zone loses nothing.
func TestHotplug(t *testing.T) {
	m := newMachine(intel(0x55), 2, 1, 3, 1)
	m.regs[regUnit] = constant(unit14)
	m.regs[regPkgEnergy] = m.bySocket(10, 20)
	s := m.probed(t, options{})
	r := energy.NewReading(2)
	m.offline = map[int]bool{3: true} // the first CPU of socket 1
	if err := s.Read(r); err != nil || r.Errs[1] != nil || r.Counts[1] != 20 {
		t.Fatalf("after cpu 3 went: %v %v %v", err, r.Errs, r.Counts)
	}
	if last := m.openCPUs[len(m.openCPUs)-1]; last != 4 {
		t.Errorf("read on through CPU %d, want 4", last)
	}

	// The whole package goes: an error per read, but opens at a bounded rate.
	m.offline = map[int]bool{3: true, 4: true, 5: true}
	before := m.opens.Load()
	for range 1000 {
		if err := s.Read(r); err != nil || r.Errs[1] == nil || r.Errs[0] != nil {
			t.Fatalf("%v %v", err, r.Errs)
		}
	}
	if n := m.opens.Load() - before; n > 3 {
		t.Errorf("%d opens for 1000 failing reads", n)
	}

	// It comes back, on another CPU.
	m.offline = map[int]bool{3: true, 4: true}
	for range 3 {
		for _, seat := range s.seats {
			seat.retryAt = 0 // a second has passed
		}
		s.Read(r)
	}
	if r.Errs[1] != nil || r.Counts[1] != 20 {
		t.Errorf("after cpu 5 came back: %v", r.Errs)
	}
	if n := m.isOpen.Load(); n != 2 {
		t.Errorf("%d devices open, want 2", n)
	}
}

func TestFiltering(t *testing.T) {
	for _, c := range []struct {
		name      string
		id        topology.Identity
		caps, ctl func(int) (uint64, error)
		on, known bool
	}{
		{"bit set", intel(0x9E), constant(1 << 11), constant(1), true, true},
		{"bit clear, SGX on", intel(0x9E, "sgx"), constant(1 << 11), constant(0xFE), false, true},
		{"bit set, not announced", intel(0x9E), constant(1 << 10), constant(1), true, true},
		{"bit clear, not announced", intel(0x9E), constant(1 << 10), constant(0), false, false},
		{"no control, SGX", intel(0x9E, "sgx"), constant(0), nil, true, false},
		{"register faults", intel(0x9E), constant(1 << 11), nil, false, false},
		{"AMD", zen(), nil, nil, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(c.id, 1, 1, 1, 1)
			m.regs[regUnit], m.regs[regPkgEnergy] = constant(unit14), constant(5)
			m.regs[regAMDUnit], m.regs[regAMDPkgEnergy] = constant(unit14), constant(5)
			if c.caps != nil {
				m.regs[regArchCaps] = c.caps
			}
			if c.ctl != nil {
				m.regs[regPackageCtls] = c.ctl
			}
			on, known, detail := m.probed(t, options{}).FilteringEnabled()
			if on != c.on || known != c.known || detail == "" {
				t.Errorf("%v, %v, %q, want %v, %v", on, known, detail, c.on, c.known)
			}
		})
	}
}

func TestVirtualMachineIsNoted(t *testing.T) {
	m := newMachine(intel(0x55), 1, 1, 1, 1)
	m.topo.Virt = topology.Virtualization{Kind: "qemu", Evidence: "dmi"}
	m.regs[regUnit], m.regs[regPkgEnergy] = constant(unit14), constant(5)
	w := m.probed(t, options{}).Warnings()
	if len(w) != 1 || !strings.Contains(w[0].Message, "qemu") || !strings.Contains(w[0].Advice, "calibrate") {
		t.Errorf("warnings %q", w)
	}
}

// TestMeterOverWraps runs the counter of a real unit through 20 wraps and
// checks the joules against the arithmetic.
func TestMeterOverWraps(t *testing.T) {
	m := newMachine(intel(0x55), 1, 1, 1, 1)
	const start = 0xFFFF0000
	total := uint64(start)
	m.regs[regUnit] = constant(unit14)
	m.regs[regPkgEnergy] = func(int) (uint64, error) { return 0xFF00_0000_0000 | total&0xFFFFFFFF, nil }
	s := m.probed(t, options{})
	meter, r := energy.NewMeter(s.Zones()), energy.NewReading(1)
	const step, steps = 1 << 30, 80 // 80 quarters of a revolution
	for i := range steps + 1 {
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
		// A quarter of 262,144 J at 1000 W takes 65.536 s.
		r.At[0] = energy.Bracket{Before: energy.Instant(i * 66e9), After: energy.Instant(i * 66e9)}
		meter.Add(r)
		total += step
	}
	got := meter.Total(0)
	// 80 * 2^30 counts * 2^-14 J = 80 * 2^16 J = 5,242,880 J; 20 wraps.
	if got.EnergyJ != 5242880 || got.Wraps != 20 || len(got.Gaps) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestNilAndClosed(t *testing.T) {
	var s *Source
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	m := newMachine(intel(0x55), 1, 1, 1, 1)
	m.regs[regUnit], m.regs[regPkgEnergy] = constant(unit14), constant(5)
	s = m.probed(t, options{})
	s.Close()
	if err := s.Read(energy.NewReading(1)); err == nil {
		t.Error("a closed source reads")
	}
	if on, known, _ := s.FilteringEnabled(); on || known {
		t.Error("a closed source knows about filtering")
	}
}
