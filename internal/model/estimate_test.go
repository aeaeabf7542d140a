package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// hosts are machines of every kind the estimate has a way for.
func hosts(t *testing.T) map[string]Host {
	t.Helper()
	of := func(id Identity) Match { return identify(t, id, Given{}) }
	return map[string]Host{
		"guest, named":        {2, 1, true, of(Identity{ModelName: "Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz", Virtual: true})},
		"guest, masked":       {2, 1, true, of(Identity{ModelName: "AMD EPYC", Vendor: "AuthenticAMD", Family: 25, Model: 17, Stepping: 1, Virtual: true})},
		"guest, unknown":      {6, 1, true, of(Identity{Virtual: true})},
		"guest as big as two": {96, 2, true, of(Identity{ModelName: "Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz", Virtual: true})},
		"Arm server":          {80, 1, false, of(Identity{ModelName: "Ampere Altra Q80-30"})},
		"two old sockets":     {32, 2, false, of(Identity{ModelName: "AMD Opteron(tm) Processor 6276"})},
		"laptop":              {8, 1, false, of(Identity{ModelName: "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz"})},
		"unknown metal":       {16, 1, false, of(Identity{Threads: 16, Sockets: 1})},
	}
}

func estimate(t *testing.T, h Host, durationS, machineS, commandS float64) map[string]Result {
	t.Helper()
	rs, err := Estimate(Window{Host: h, DurationS: durationS, MachineCPUS: machineS, CommandCPUS: commandS})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Result{}
	for _, r := range rs {
		byName[r.Name] = r
	}
	if rs[0].Name != ShareName || len(byName) != len(rs) {
		t.Errorf("the principal estimate is not first, or a name is there twice: %d of %d", len(byName), len(rs))
	}
	return byName
}

// A guest of 2 vCPUs on an 8275CL (225, 240, 310 W; 48 threads) for 10 s, in
// which it used 12 CPU seconds, 10 of them the command's. By hand: 5 W a
// thread; idle 2 x 5 x 0.2 x 10 s = 20 J; dynamic 5 x (1 - 0.2) x 1.4 = 5.6 J
// per CPU second, x 12 = 67.2 J, the command's part 56 J.
func TestGuestKnownAnswer(t *testing.T) {
	r := estimate(t, hosts(t)["guest, named"], 10, 12, 10)[ShareName]
	near(t, "idle", r.IdleJ.Nominal, 20, 1e-9)
	near(t, "energy", r.EnergyJ, 87.2, 1e-9)
	near(t, "command", r.CommandJ.Nominal, 56, 1e-9)
	// Idle, lower end: ln(0.1/0.2) and ln(225/240), in squares:
	// sqrt(0.480453 + 0.004165) = 0.696145; 20 x e^-0.696145 = 9.97008.
	near(t, "idle, low", r.IdleJ.Low, 9.97008, 1e-4)
	// Upper end: ln(0.35/0.2) and ln(310/240): sqrt(0.313170 + 0.065502) =
	// 0.615363; 20 x e^0.615363 = 37.0066.
	near(t, "idle, high", r.IdleJ.High, 37.0066, 1e-4)
	// Dynamic, upper end: room 0.9/0.8 twice (idle 0.10; full 1.10), k
	// 2.222/1.4, and the TDP's 310/240: sqrt(2 x 0.117783^2 + 0.462035^2 +
	// 0.065502) = 0.553827; 56 x e^0.553827 = 97.434.
	near(t, "command, high", r.CommandJ.High, 97.434, 1e-2)
	// The other models of the same window.
	all := estimate(t, hosts(t)["guest, named"], 10, 12, 10)
	near(t, "tdp-naive", all[NaiveName].EnergyJ, 240*0.6*10, 1e-9)
	near(t, "teads", all["teads"].EnergyJ, 2*5*(0.75+0.27*0.2)*10, 1e-9)
	near(t, "codecarbon-cubic", all["codecarbon-cubic"].EnergyJ, 240*(0.1+0.9*0.216)*10, 1e-9)
	near(t, "codecarbon-constant", all["codecarbon-constant"].EnergyJ, 1200, 1e-9)
	near(t, "ccf", all["ccf"].EnergyJ, (0.64+0.6*3.33)*2*10, 1e-9)
	if !all[NaiveName].WholeSocket || all["teads"].WholeSocket || r.WholeSocket {
		t.Error("only the naive models charge a guest the whole socket")
	}
}

// An Altra Q80-30 (161 W, to 210) on bare metal at 50 %: 161 x (0.2 + 0.8 x
// 0.7) x 10 s = 1223.6 J, of which 161 x 0.2 x 10 = 322 J idle.
func TestBareMetalKnownAnswer(t *testing.T) {
	r := estimate(t, hosts(t)["Arm server"], 10, 400, 100)[ShareName]
	near(t, "energy", r.EnergyJ, 1223.6, 1e-9)
	near(t, "idle", r.IdleJ.Nominal, 322, 1e-9)
	near(t, "command", r.CommandJ.Nominal, (1223.6-322)/4, 1e-9)
}

func ordered(r Range) bool {
	return r.finite() && r.Low >= 0 && r.Low <= r.Nominal && r.Nominal <= r.High
}

func TestEstimateProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const slack = 1 + 1e-12
	for name, h := range hosts(t) {
		for range 300 {
			d := math.Exp(rng.Float64()*18 - 7) // 1 ms to 16 hours
			busy := rng.Float64() * d * float64(h.CPUs)
			cmd := rng.Float64() * busy
			base := estimate(t, h, d, busy, cmd)
			more := estimate(t, h, d, busy*1.1, cmd)
			idle := estimate(t, h, d, 0, 0)
			hot := h
			hot.CPU.TDP, hot.CPU.PerThread = h.CPU.TDP.Times(1.2), h.CPU.PerThread.Times(1.2)
			hotter := estimate(t, hot, d, busy, cmd)
			for model, r := range base {
				all := Range{r.LowJ, r.EnergyJ, r.HighJ}
				if !ordered(all) || !ordered(r.IdleJ) || !ordered(r.CommandJ) {
					t.Fatalf("%s, %s: out of order: %+v", name, model, r)
				}
				if r.CommandJ.Nominal > (r.EnergyJ-r.IdleJ.Nominal)*slack+1e-9 {
					t.Fatalf("%s, %s: the command has more than there is: %+v", name, model, r)
				}
				m := more[model]
				if m.EnergyJ*slack < r.EnergyJ || m.LowJ*slack < r.LowJ || m.HighJ*slack < r.HighJ {
					t.Fatalf("%s, %s: less with more load: %+v, %+v", name, model, r, m)
				}
				if hm := hotter[model]; hm.EnergyJ*slack < r.EnergyJ || hm.LowJ*slack < r.LowJ || hm.HighJ*slack < r.HighJ {
					t.Fatalf("%s, %s: less with more TDP", name, model)
				}
				if z := idle[model]; math.Abs(z.EnergyJ-z.IdleJ.Nominal) > 1e-9*z.EnergyJ || z.CommandJ != (Range{}) {
					t.Fatalf("%s, %s: without load not the idle share: %+v", name, model, z)
				}
			}
			p := base[ShareName]
			if !(p.LowJ < p.EnergyJ && p.EnergyJ < p.HighJ) || p.HighJ > 40*p.LowJ {
				t.Fatalf("%s: range %g to %g to %g J says nothing", name, p.LowJ, p.EnergyJ, p.HighJ)
			}
		}
	}
}

// Energies of consecutive windows add up where the model is linear, bounds
// included.
func TestLinearModelsAdd(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	linear := []string{ShareName, NaiveName, "codecarbon-constant", "ccf"}
	for name, h := range hosts(t) {
		for range 100 {
			var sums [4]Range
			var d, busy, cmd float64
			for range 5 {
				di := rng.Float64() * 10
				bi := rng.Float64() * di * float64(h.CPUs)
				ci := rng.Float64() * bi
				part := estimate(t, h, di, bi, ci)
				for i, model := range linear {
					r := part[model]
					sums[i] = Range{sums[i].Low + r.LowJ, sums[i].Nominal + r.EnergyJ, sums[i].High + r.HighJ}
				}
				d, busy, cmd = d+di, busy+bi, cmd+ci
			}
			whole := estimate(t, h, d, busy, cmd)
			for i, model := range linear {
				if model == ShareName && !h.Virtual {
					continue // a curve on bare metal
				}
				r := whole[model]
				for _, pair := range [][2]float64{{sums[i].Low, r.LowJ}, {sums[i].Nominal, r.EnergyJ}, {sums[i].High, r.HighJ}} {
					if math.Abs(pair[0]-pair[1]) > 1e-9*pair[1] {
						t.Fatalf("%s, %s: parts %g J, whole %g J", name, model, pair[0], pair[1])
					}
				}
			}
		}
	}
}

// All guests of a host together get what the host draws: 24 guests of 2
// vCPUs fill a socket of 48 threads; half busy, as the model believes, they
// draw what the same socket draws on bare metal.
func TestGuestsConserveTheSocket(t *testing.T) {
	guest := hosts(t)["guest, named"]
	metal := Host{CPUs: 48, Sockets: 1, CPU: guest.CPU}
	one := estimate(t, guest, 1, 1, 1)[ShareName].EnergyJ
	all := estimate(t, metal, 1, 24, 24)[ShareName].EnergyJ
	near(t, "24 guests", 24*one, all, 1e-9)
}

// Curves that only rise, and ever less steeply: a Source's counter would go
// back on others.
func TestCurvesAreConcave(t *testing.T) {
	for name, h := range hosts(t) {
		m, err := NewMachine(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, c := range []Curve{m.Total.Low, m.Total.Nominal, m.Total.High} {
			slope := math.Inf(1)
			for i := 1; i < len(c); i++ {
				s := (c[i].W - c[i-1].W) / (c[i].U - c[i-1].U)
				if s > slope {
					t.Errorf("%s: steeper again at %g: %v", name, c[i].U, c)
				}
				slope = s
			}
		}
	}
}

func TestEstimateRefuses(t *testing.T) {
	good := Window{Host: hosts(t)["guest, named"], DurationS: 10, MachineCPUS: 12, CommandCPUS: 10}
	for field, spoil := range map[string]func(*Window){
		"cpus":                       func(w *Window) { w.CPUs = 0 },
		"sockets":                    func(w *Window) { w.Sockets = -1 },
		"tdp":                        func(w *Window) { w.CPU.TDP.Low = 0 },
		"watts per thread":           func(w *Window) { w.CPU.PerThread.High = math.NaN() },
		"duration":                   func(w *Window) { w.DurationS = math.Inf(1) },
		"cpu seconds of the machine": func(w *Window) { w.MachineCPUS = -1 },
		"cpu seconds of the command": func(w *Window) { w.CommandCPUS = math.NaN() },
	} {
		w := good
		spoil(&w)
		if _, err := Estimate(w); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: error %v", field, err)
		}
	}
}

// The principal estimate says what it rests on.
func TestAssumptionsAreTold(t *testing.T) {
	r := estimate(t, hosts(t)["guest, masked"], 1, 1, 1)[ShareName]
	all := strings.Join(r.Assumptions, "\n")
	for _, word := range []string{"9R14", "idle power", "turbo", "other guests", "hypervisor hides"} {
		if !strings.Contains(all, word) {
			t.Errorf("assumptions don't mention %q:\n%s", word, all)
		}
	}
	if slices.Contains(r.Assumptions, "") {
		t.Error("an empty assumption")
	}
}

func FuzzEstimate(f *testing.F) {
	f.Add(2, 1, true, 240.0, 5.0, 10.0, 12.0, 10.0)
	f.Add(64, 2, false, 1e308, 1e-308, 1e308, 0.0, 5.0)
	f.Fuzz(func(t *testing.T, cpus, sockets int, virtual bool, tdp, perThread, d, busy, cmd float64) {
		h := Host{cpus, sockets, virtual, Match{TDP: Range{tdp / 2, tdp, tdp * 2}, PerThread: Exactly(perThread), Server: true}}
		rs, err := Estimate(Window{Host: h, DurationS: d, MachineCPUS: busy, CommandCPUS: cmd})
		if err != nil {
			return
		}
		for _, r := range rs {
			if !ordered(Range{r.LowJ, r.EnergyJ, r.HighJ}) || !ordered(r.CommandJ) || !ordered(r.IdleJ) {
				t.Errorf("%+v", r)
			}
		}
	})
}
