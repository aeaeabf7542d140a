package attribute

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// checkLines holds lines to what Split promises whatever it is given.
func checkLines(t *testing.T, z Zone, l Lines) {
	t.Helper()
	for name, a := range map[string]Amount{
		"target": l.Target, "others": l.Others, "tool": l.Tool, "kernel": l.Kernel, "idle": l.Idle, "unattributed": l.Unattributed,
	} {
		if !(a.J >= 0) || math.IsInf(a.J, 0) || !a.Known && a.J != 0 {
			t.Fatalf("%s line is %+v in %+v of %+v", name, a, l, z)
		}
		if !a.Known && l.Reason == "" {
			t.Fatalf("%s is not known and nothing says why: %+v", name, l)
		}
	}
	if l.Tool.J > l.Others.J {
		t.Fatalf("the tool has %v J of the others' %v", l.Tool.J, l.Others.J)
	}
	if z.Joules >= 0 && !math.IsInf(z.Joules, 1) {
		if !near(l.Sum(), z.Joules) {
			t.Fatalf("lines add up to %v J of %v: %+v", l.Sum(), z.Joules, l)
		}
	} else if l.Unattributed.Known {
		t.Fatalf("a line for a counter that is not known: %+v", l)
	}
}

func randomZone(r *rand.Rand, packages int) Zone {
	z := Zone{Domain: energy.Domain(r.IntN(4)), Joules: value(r, 10), Uncertainty: value(r, 0.1), Seconds: value(r, 1)}
	for k := range packages {
		if r.IntN(4) > 0 {
			z.Packages = append(z.Packages, k)
			z.Idle = append(z.Idle, Idle{Watts: value(r, 100), Uncertainty: value(r, 1), Known: r.IntN(8) > 0, How: "drawn"})
		}
	}
	if r.IntN(8) == 0 {
		z.Idle = nil
	}
	return z
}

func randomRule(r *rand.Rand) Rule { return Rule{Policy(r.IntN(3)), value(r, 1)} }

func TestSplitConserves(t *testing.T) {
	for seed := range uint64(2000) {
		r := seeded(seed)
		w := newWorld(1+r.IntN(3), 4, r.IntN(8), r)
		for range r.IntN(20) {
			w.feed(w.random(r))
		}
		packages := w.ledger.Packages(nil)
		z := randomZone(r, len(packages))
		rule := randomRule(r)
		l := Split(z, packages, rule)
		checkLines(t, z, l)
		// The policy moves idle about and changes nothing else.
		plain := Split(z, packages, Rule{})
		checkLines(t, z, plain)
		if !near(plain.Unattributed.J+1, l.Unattributed.J+1) && z.Joules < 1e6 {
			t.Fatalf("seed %d: policy %v made %v J unattributed of %v", seed, rule, l.Unattributed.J, plain.Unattributed.J)
		}
		if l.Idle.J > plain.Idle.J*(1+1e-9) {
			t.Fatalf("seed %d: policy %v raised idle from %v to %v", seed, rule, plain.Idle.J, l.Idle.J)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(10.0, 1.0, 4.0, 0.5, 3.0, 0.5, 2.0, 1.0, 3.0, uint8(0), 0.5)
	f.Add(math.NaN(), 1.0, 4.0, 0.5, 3.0, 0.5, 2.0, 1.0, 3.0, uint8(1), 0.5)
	f.Add(1e9, 1.0, 5e-324, 0.5, 0.0, 0.5, 2.0, 1.0, 1e300, uint8(2), 2.0)
	f.Add(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, uint8(1), 0.0)
	f.Fuzz(func(t *testing.T, joules, window, tj, ts, oj, os, nj, ns, idle float64, policy uint8, share float64) {
		for _, v := range []float64{joules, tj, oj, nj} {
			if v > 1e300 {
				return
			}
		}
		var p energy.PackageUsage
		p.Parties[energy.Target].Joules[0], p.Parties[energy.Target].Seconds = tj, ts
		p.Parties[energy.Others].Joules[0], p.Parties[energy.Others].Seconds = oj, os
		p.Parties[energy.Tool].Joules[0] = tj / 3
		p.Nobody.Joules[0], p.Nobody.Seconds = nj, ns
		p.Seconds = positive(ts) + positive(os) + positive(ns)
		z := Zone{Joules: joules, Seconds: window, Packages: []int{0}, Idle: []Idle{{Watts: idle, Known: true}}}
		checkLines(t, z, Split(z, []energy.PackageUsage{p}, Rule{Policy(policy % 3), share}))
	})
}

// simple is a second on one package: the target and the others by turns for
// a quarter each, nobody for the rest; idle draws 10 W.
func simple() energy.PackageUsage {
	p := energy.PackageUsage{CPUs: 4, Seconds: 1}
	set := func(a *energy.Account, joules, seconds float64) {
		a.Joules[energy.Package], a.Seconds = joules, seconds
	}
	set(&p.Parties[energy.Target], 10, 0.25)
	set(&p.Parties[energy.Others], 5, 0.2)
	set(&p.Parties[energy.Tool], 0.6, 0.05)
	set(&p.Parties[energy.Kernel], 1, 0.1)
	set(&p.Nobody, 4.5, 0.4)
	return p
}

func TestSplitByHand(t *testing.T) {
	known := []Idle{{Watts: 10, Uncertainty: 0.5, Known: true}}
	for _, c := range []struct {
		name                                              string
		joules                                            float64
		idle                                              []Idle
		rule                                              Rule
		target, others, tool, kernel, idleJ, unattributed float64
		reason                                            string
	}{
		{"none", 21.1, known, Rule{}, 7.5, 3.1, 0.1, 0, 10, 0.5, ""},
		{"scaled", 42.2, known, Rule{}, 15, 6.2, 0.2, 0, 20, 1, ""},
		{"proportional", 21.1, known, Rule{Policy: Proportional}, 7.5 + 10*7.5/10.6, 3.1 + 10*3.1/10.6, 0.1 + 10*0.1/10.6, 0, 0, 0.5, ""},
		{"reserved", 21.1, known, Rule{Reserved, 0.25}, 10, 3.1, 0.1, 0, 7.5, 0.5, ""},
		{"reserved more than all", 21.1, known, Rule{Reserved, 3}, 17.5, 3.1, 0.1, 0, 0, 0.5, ""},
		{"idle not known", 21.1, []Idle{{How: "always busy"}}, Rule{Policy: Proportional}, 10, 5.6, 0.6, 1, 0, 4.5, "always busy"},
		{"idle above all", 21.1, []Idle{{Watts: 1e6, Known: true}}, Rule{}, 0, 0, 0, 0, 21.1, 0, ""},
		{"counter stood still", 0, known, Rule{}, 0, 0, 0, 0, 0, 0, ""},
	} {
		z := Zone{Domain: energy.Package, Joules: c.joules, Seconds: 1, Packages: []int{0}, Idle: c.idle}
		l := Split(z, []energy.PackageUsage{simple()}, c.rule)
		checkLines(t, z, l)
		for i, pair := range [][2]float64{{l.Target.J, c.target}, {l.Others.J, c.others}, {l.Tool.J, c.tool}, {l.Kernel.J, c.kernel}, {l.Idle.J, c.idleJ}, {l.Unattributed.J, c.unattributed}} {
			if math.Abs(pair[0]-pair[1]) > 1e-9 {
				t.Errorf("%s: line %d is %v, want %v", c.name, i, pair[0], pair[1])
			}
		}
		if !strings.Contains(l.Reason, c.reason) || (c.reason == "") != (l.Reason == "") {
			t.Errorf("%s: reason %q, want %q", c.name, l.Reason, c.reason)
		}
		if l.Idle.Known != (c.reason == "") || !l.Target.Known {
			t.Errorf("%s: known: %+v", c.name, l)
		}
	}
}

func TestSplitSaysWhatItDoesNotKnow(t *testing.T) {
	p := []energy.PackageUsage{simple()}
	idle := []Idle{{Watts: 10, Known: true}}
	for _, c := range []struct {
		name   string
		z      Zone
		reason string
	}{
		{"platform", Zone{Joules: 9, Domain: energy.PSys}, "psys"},
		{"no interval", Zone{Joules: 9, Packages: []int{1}, Idle: idle}, "no interval"},
		{"no joules seen", Zone{Joules: 9, Domain: energy.DRAM, Packages: []int{0}, Idle: idle, Seconds: 1}, "outside"},
	} {
		l := Split(c.z, append(p, energy.PackageUsage{}), Rule{})
		checkLines(t, c.z, l)
		if l.Target.Known || l.Idle.Known || l.Unattributed.J != 9 || !strings.Contains(l.Reason, c.reason) {
			t.Errorf("%s: %+v", c.name, l)
		}
	}
	if l := Split(Zone{Joules: math.NaN(), Packages: []int{0}}, p, Rule{}); l.Unattributed.Known || l.Reason == "" {
		t.Errorf("a counter that is not known gave %+v", l)
	}
	// Half of the window has no interval: its joules are nobody's.
	z := Zone{Joules: 42.2, Seconds: 2, Packages: []int{0}, Idle: idle}
	l := Split(z, p, Rule{})
	checkLines(t, z, l)
	if l.Target.J != 7.5 || l.Factor != 1 || math.Abs(l.Unattributed.J-21.6) > 1e-9 || !strings.Contains(l.Reason, "cover 1 s of 2 s") {
		t.Errorf("half covered: %+v", l)
	}
}

func TestSplitUncertainty(t *testing.T) {
	z := Zone{Joules: 21.1, Uncertainty: 0.211, Seconds: 1, Packages: []int{0}, Idle: []Idle{{Watts: 10, Uncertainty: 0.4, Known: true}}}
	l := Split(z, []energy.PackageUsage{simple()}, Rule{})
	if want := 0.01*7.5 + 0.4*0.25; !near(l.TargetUncertainty, want) {
		t.Errorf("target within %v J, want %v", l.TargetUncertainty, want)
	}
	if want := 0.01*10 + 0.4; !near(l.IdleUncertainty, want) {
		t.Errorf("idle within %v J, want %v", l.IdleUncertainty, want)
	}
}

// What idle power may be off by reaches the target as the policy hands idle
// energy out.
func TestSplitUncertaintyByPolicy(t *testing.T) {
	// 10 J beyond 90 J of an idle second: proportionally, all are the target's.
	alone := energy.PackageUsage{Seconds: 1}
	alone.Parties[energy.Target].Joules[energy.Package], alone.Parties[energy.Target].Seconds = 100, 1
	for _, c := range []struct {
		name         string
		p            energy.PackageUsage
		watts, off   float64
		rule         Rule
		target, idle float64
	}{
		{"alone, apart", alone, 90, 0.5, Rule{}, 0.1 + 0.5, 0.9 + 0.5},
		{"alone, proportional", alone, 90, 0.5, Rule{Policy: Proportional}, 1, 0},
		{"alone, half reserved", alone, 90, 0.5, Rule{Reserved, 0.5}, 0.55 + 0.25, 0.45 + 0.25},
		{"alone, all reserved", alone, 90, 0.5, Rule{Reserved, 1}, 1, 0},
		{"a quarter reserved", simple(), 9, 0.4, Rule{Reserved, 0.25},
			0.01*(7.75+0.25*9) + 0.4*(0.25*0.75-0.75*0.25), 0.01*0.75*9 + 0.4*0.75},
	} {
		joules := 21.1
		if c.p.Parties[energy.Others].Seconds == 0 {
			joules = 100
		}
		z := Zone{Domain: energy.Package, Joules: joules, Uncertainty: 0.01 * joules, Seconds: 1, Packages: []int{0}, Idle: []Idle{{Watts: c.watts, Uncertainty: c.off, Known: true}}}
		l := Split(z, []energy.PackageUsage{c.p}, c.rule)
		if math.Abs(l.TargetUncertainty-c.target) > 1e-9 || math.Abs(l.IdleUncertainty-c.idle) > 1e-9 {
			t.Errorf("%s: target within %v J, want %v; idle within %v J, want %v", c.name, l.TargetUncertainty, c.target, l.IdleUncertainty, c.idle)
		}
	}
}

// Whatever ran: if idle power is off by its uncertainty, or the counter by its
// own, the target's line is off by no more than it says.
func TestSplitUncertaintyHolds(t *testing.T) {
	moved := 0
	for seed := range uint64(3000) {
		r := seeded(seed)
		n := 1 + r.IntN(2)
		packages := make([]energy.PackageUsage, n)
		z := Zone{Seconds: 1}
		const off = 1e-6 // small, for the formula is a derivative
		for k := range packages {
			p := &packages[k]
			p.Seconds = 1
			idle := 5 + 45*r.Float64()
			left := 1.0
			for who := range p.Parties {
				s := left * r.Float64()
				left -= s
				// Some draw less than idle power.
				p.Parties[who].Seconds, p.Parties[who].Joules[0] = s, s*idle*(0.8+3*r.Float64())
			}
			p.Nobody.Seconds, p.Nobody.Joules[0] = left, left*idle*(0.8+0.4*r.Float64())
			if r.IntN(3) == 0 {
				p.Nobody.Joules[0] = left * idle // as it was learnt
			}
			z.Packages = append(z.Packages, k)
			z.Idle = append(z.Idle, Idle{Watts: idle, Uncertainty: off, Known: true})
			z.Joules += joulesOf(p, 0) * (0.9 + 0.2*r.Float64())
		}
		rule := Rule{Policy(r.IntN(3)), r.Float64()}
		l := Split(z, packages, rule)
		for k := range packages {
			for _, sign := range []float64{-1, 1} {
				other := z
				other.Idle = append([]Idle(nil), z.Idle...)
				other.Idle[k].Watts += sign * off
				change := math.Abs(Split(other, packages, rule).Target.J - l.Target.J)
				if change > l.TargetUncertainty*1.001+1e-11 {
					t.Fatalf("seed %d, %v: idle power that is off by %v W moves the target's %v J by %v, it says %v", seed, rule, off, l.Target.J, change, l.TargetUncertainty)
				}
				if change > 0.9*l.TargetUncertainty {
					moved++
				}
			}
		}
		z.Uncertainty = 0.02 * z.Joules
		for i := range z.Idle {
			z.Idle[i].Uncertainty = 0
		}
		if l := Split(z, packages, rule); !near(l.TargetUncertainty, 0.02*l.Target.J) {
			t.Fatalf("seed %d, %v: a counter within 2 %% says %v J within %v", seed, rule, l.Target.J, l.TargetUncertainty)
		}
	}
	if moved < 500 {
		t.Errorf("the bound was reached %d times: it says too much", moved)
	}
}

func TestSplitOverPackages(t *testing.T) {
	// A dram counter that spans the two dies of a socket.
	a, b := simple(), simple()
	for who := range b.Parties {
		b.Parties[who] = energy.Account{}
	}
	b.Nobody.Joules[energy.Package], b.Nobody.Seconds = 8, 1
	z := Zone{Joules: 29.1, Seconds: 1, Packages: []int{0, 1}, Idle: []Idle{{Watts: 10, Known: true}, {Watts: 8, Known: true}}}
	l := Split(z, []energy.PackageUsage{a, b}, Rule{})
	checkLines(t, z, l)
	if math.Abs(l.Target.J-7.5) > 1e-9 || math.Abs(l.Idle.J-18) > 1e-9 {
		t.Errorf("%+v", l)
	}
}

func TestPackagesOf(t *testing.T) {
	list := []energy.PackageUsage{{Socket: 0, Die: 0}, {Socket: 0, Die: 1}, {Socket: 1, Die: -1}}
	for _, c := range []struct {
		z    energy.Zone
		want []int
	}{
		{energy.Zone{Domain: energy.Package, Socket: 0, Die: 1, Core: -1}, []int{1}},
		{energy.Zone{Domain: energy.DRAM, Socket: 0, Die: -1, Core: -1}, []int{0, 1}},
		{energy.Zone{Domain: energy.Package, Socket: 1, Die: 0, Core: -1}, []int{2}},
		{energy.Zone{Domain: energy.Core, Socket: 0, Die: -1, Core: 7}, nil},
		{energy.Zone{Domain: energy.PSys, Socket: -1, Die: -1, Core: -1}, nil},
		{energy.Zone{Domain: energy.Package, Socket: 4, Die: -1, Core: -1}, nil},
	} {
		got := PackagesOf(c.z, list)
		if len(got) != len(c.want) {
			t.Fatalf("%+v: %v, want %v", c.z, got, c.want)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Fatalf("%+v: %v, want %v", c.z, got, c.want)
			}
		}
	}
}

func TestPolicyNames(t *testing.T) {
	for p := IdleApart; p <= Reserved; p++ {
		if got, err := ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("%v became %v, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("?"); err == nil {
		t.Error("a policy by the name of ?")
	}
}

func BenchmarkSplit(b *testing.B) {
	z := Zone{Joules: 21.1, Seconds: 1, Packages: []int{0}, Idle: []Idle{{Watts: 10, Known: true}}}
	packages := []energy.PackageUsage{simple()}
	b.ReportAllocs()
	for b.Loop() {
		Split(z, packages, Rule{Policy: Proportional})
	}
}
