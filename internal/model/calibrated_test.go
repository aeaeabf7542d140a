package model

import (
	"math"
	"strings"
	"testing"
)

// profiled asks the sample profile, of 16 threads a socket: 30 W idle, 60 W at a
// tenth, 90 W at half, 140 W at full load, 8 % either way.
func profiled(t *testing.T, h Host, w Window) Result {
	t.Helper()
	w.Host, w.Profile = h, sampleProfile()
	rs, err := Estimate(w)
	if err != nil {
		t.Fatal(err)
	}
	if rs[0].Name != ProfileName || rs[1].Name != ShareName {
		t.Fatalf("%s and %s come first", rs[0].Name, rs[1].Name)
	}
	return rs[0]
}

// By hand, for 10 s on 4 vCPUs with 20 CPU seconds, 15 of them the command's:
// idle 4/16 x 30 W x 10 s = 75 J; a busy vCPU on a host that is half busy
// (90 - 30)/0.5/16 = 7.5 W, so 150 J, and 112.5 J for the command.
func TestProfileInGuest(t *testing.T) {
	h := hosts(t)["guest, named"]
	h.CPUs = 4
	r := profiled(t, h, Window{DurationS: 10, MachineCPUS: 20, CommandCPUS: 15})
	near(t, "idle", r.IdleJ.Nominal, 75, 1e-9)
	near(t, "energy", r.EnergyJ, 225, 1e-9)
	near(t, "command", r.CommandJ.Nominal, 112.5, 1e-9)
	near(t, "idle, high", r.IdleJ.High, 75*1.08, 1e-9)
	// Dynamic, upper end: a tenth busy (60 - 30)/0.1 over (90 - 30)/0.5 is 2.5,
	// and 8 %: 112.5 x e^sqrt(ln(2.5)^2 + ln(1.08)^2) = 112.5 x e^0.919515.
	near(t, "command, high", r.CommandJ.High, 112.5*math.Exp(math.Hypot(math.Log(2.5), math.Log(1.08))), 1e-9)
	if r.WholeSocket || r.Tier != T1 {
		t.Errorf("whole socket %v, tier %s", r.WholeSocket, r.Tier)
	}
}

// A guest that fills half a half-busy host is charged half of what the host is.
func TestGuestsAddUpToTheirHost(t *testing.T) {
	guest := hosts(t)["guest, named"]
	guest.CPUs = 8
	metal := guest
	metal.CPUs, metal.Sockets, metal.Virtual = 16, 1, false
	half := profiled(t, guest, Window{DurationS: 10, MachineCPUS: 40, CommandCPUS: 40})
	whole := profiled(t, metal, Window{DurationS: 10, MachineCPUS: 80, CommandCPUS: 80})
	near(t, "two guests", 2*half.EnergyJ, whole.EnergyJ, 1e-9)
}

// Where it is known what every socket did, the best tier speaks that can: T2
// with cores and clock, T1 without.
func TestProfileOnBareMetal(t *testing.T) {
	h := hosts(t)["two old sockets"]
	w := Window{DurationS: 2, MachineCPUS: 16, CommandCPUS: 8}
	r := profiled(t, h, w)
	// 8 of 32 CPUs: between 60 W at 0.1 and 90 W at 0.5, 60 + 30 x 0.15/0.4 W.
	near(t, "by utilisation", r.EnergyJ, 2*2*(60+30*0.15/0.4), 1e-9)
	near(t, "idle", r.IdleJ.Nominal, 2*2*30, 1e-9)
	if r.Tier != T1 {
		t.Errorf("tier %s", r.Tier)
	}
	use := UnknownUse()
	use.CPUs, use.Busy, use.Awake = 16, 4, 0.5
	w.Use = []SocketUse{use, use}
	if r = profiled(t, h, w); r.Tier != T1 {
		t.Errorf("tier %s without cores", r.Tier)
	}
	use.OneThread, use.BothThreads, use.Hz = 4, 0, 2e9
	w.Use = []SocketUse{use, use}
	r = profiled(t, h, w)
	// 30 + 2 x 4 + 1 x 4 x 2 + 0.2 x 4 x 8 + 20 x 0.5 W, twice, for 2 s.
	near(t, "by cores and clock", r.EnergyJ, 2*2*(30+8+8+6.4+10), 1e-9)
	near(t, "the command", r.CommandJ.Nominal, (r.EnergyJ-2*2*30)/2, 1e-9)
	if r.Tier != T2 || !(r.LowJ < r.EnergyJ && r.EnergyJ < r.HighJ) {
		t.Errorf("tier %s, %g to %g J", r.Tier, r.LowJ, r.HighJ)
	}
	use.Busy = 20 // more than it was fitted to can't be: 16 CPUs are all
	use.OneThread = 16
	w.Use = []SocketUse{use, use}
	if r = profiled(t, h, w); strings.Contains(strings.Join(r.Assumptions, "\n"), "extrapolation") {
		t.Errorf("%q", r.Assumptions)
	}
}

// The time series of a machine without counters adds up to the profile's curve.
func TestProfileMachineIsAModel(t *testing.T) {
	for name, h := range hosts(t) {
		if h.CPUs > 32 {
			continue
		}
		m, err := sampleProfile().Machine(h)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := m.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, u := range []float64{0, 0.3, 1} {
			if total, above := m.Total.At(u), m.Dynamic.At(u); !ordered(total) || !ordered(above) || above.Nominal > total.Nominal {
				t.Errorf("%s at %g: %v, dynamic %v", name, u, total, above)
			}
		}
	}
}

// Where the interval is another by load, each end still rises with it, and holds
// what the tier says of every load.
func TestProfileErrorsByLoad(t *testing.T) {
	p := sampleProfile()
	p.Package.Tiers[1].ErrorW, p.Package.Tiers[1].Errors = 0, []TierError{{0, 40}, {0.4, 20}, {0.9, 5}}
	tier := p.Package.tier(T1)
	for _, c := range []struct{ u, pct float64 }{{0, 40}, {0.39, 40}, {0.4, 20}, {0.89, 20}, {0.9, 5}, {1, 5}} {
		w, err := tier.at(c.u)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "upper end", w.High, w.Nominal*(1+c.pct/100), 1e-9)
		near(t, "lower end", w.Low, w.Nominal*(1-c.pct/100), 1e-9)
	}
	// Flat from 0.3 on, so that the upper end would fall where the error does.
	tier.Curve = []TierPoint{{0, 30}, {0.3, 85}, {1, 90}}
	m, err := p.Machine(hosts(t)["two old sockets"])
	if err != nil {
		t.Fatal(err)
	}
	if err := m.check(); err != nil {
		t.Error(err)
	}
	for _, u := range grid {
		w, _ := tier.at(u)
		if all := m.Total.At(u); all.Low > 2*w.Low+1e-9 || all.High < 2*w.High-1e-9 || math.Abs(all.Nominal-2*w.Nominal) > 1e-9 {
			t.Errorf("at %g: %v, a socket %v", u, all, w)
		}
	}
}

// What a profile can't say, it does not say.
func TestProfileRefusesAMachine(t *testing.T) {
	guest := hosts(t)["guest, named"]
	for _, c := range []struct {
		what  string
		spoil func(*Profile, *Host)
		want  string
	}{
		{"no curve", func(p *Profile, _ *Host) { p.Package.Tiers = p.Package.Tiers[2:] }, "no tier T1"},
		{"a guest larger than the host", func(_ *Profile, h *Host) { h.CPUs = 33 }, "33 vCPUs and the profile's machine 32 threads"},
		{"power that does not rise", func(p *Profile, _ *Host) { p.Package.Tiers[1].Curve = []TierPoint{{0, 30}, {1, 30}} }, "does not rise"},
		{"no CPUs", func(_ *Profile, h *Host) { h.CPUs = 0 }, "cpus"},
	} {
		p, h := sampleProfile(), guest
		c.spoil(p, &h)
		if _, err := p.Machine(h); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
		if _, err := Estimate(Window{Host: h, DurationS: 1, Profile: p}); err == nil {
			t.Errorf("%s: there is an estimate", c.what)
		}
	}
}

// A user's word goes before the profile's, and that before the register's.
func TestProfileStep(t *testing.T) {
	id := Identity{ModelName: "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz"}
	for _, c := range []struct {
		given Given
		step  Step
		w     float64
	}{
		{Given{UserW: 100, ProfileW: 120, HardwareW: 150}, ByUser, 100},
		{Given{ProfileW: 120, HardwareW: 150}, ByProfile, 120},
		{Given{HardwareW: 150}, ByHardware, 150},
	} {
		m, err := Identify(id, c.given)
		if err != nil || m.Step != c.step || m.TDP.Nominal != c.w || m.Source() == "" {
			t.Errorf("%+v: %s, %v W, %q, %v", c.given, m.Step, m.TDP.Nominal, m.Source(), err)
		}
	}
	if _, err := Identify(id, Given{ProfileW: math.NaN()}); err == nil {
		t.Error("a TDP that is no number is taken")
	}
}
