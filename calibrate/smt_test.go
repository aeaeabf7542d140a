package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// smtPoints are those of a machine of two sockets with eight cores each, on
// which both threads of a core draw rho times what one draws; twelve CPUs are
// what a machine of this kind without a second thread has.
func smtPoints(rho, noise float64, threads int, seed uint64) []report.CalibrationPoint {
	rng := rand.New(rand.NewPCG(seed, 2))
	var points []report.CalibrationPoint
	add := func(workload, shape string, load, one, both, ghz, watts float64) {
		p := report.CalibrationPoint{Workload: workload, Shape: shape, Load: load, Used: true, DurationS: 2}
		for k := range 2 {
			w := watts * (1 + noise*rng.NormFloat64())
			p.Sockets = append(p.Sockets, report.SocketLoad{Socket: k, CPUs: 8 * threads, PowerW: &w,
				OneThread: ptr(one), BothThreads: ptr(both), FrequencyHz: ptr(ghz * 1e9)})
		}
		points = append(points, p)
	}
	for i, w := range []string{"alu", "simd", "stream", "mixed"} {
		add("idle", report.ShapeIdle, 0, 0.02, 0, 1, 30)
		each := 4 + float64(i)                                 // watts of a core at 1 GHz
		add(w, report.ShapeCores, 0.5, 8.4, 0, 3, 30+8*each*3) // the system has a little of the other threads
		add(w, report.ShapeDuty, 0.5, 4, 2, 2.8, 30+2*each*2.8*(2+rho))
		if threads == 2 {
			add(w, report.ShapeDuty, 1, 0, 8, 2.5, 30+8*each*rho*2.5)
		}
	}
	return points
}

// What both threads draw over one comes back, whatever the clock did meanwhile,
// and lies within the interval as often as that says.
func TestRho(t *testing.T) {
	for _, rho := range []float64{1.05, 1.2, 1.5} {
		got := rhoOf(smtPoints(rho, 0, 2, 1))
		if got == nil || math.Abs(got.Rho-rho) > 1e-9 {
			t.Fatalf("rho %v: got %+v", rho, got)
		}
	}
	const n = 400
	within := 0
	for seed := range uint64(n) {
		got := rhoOf(smtPoints(1.2, 0.01, 2, seed))
		if got == nil {
			t.Fatal("there is none")
		}
		if got.Low <= 1.2 && 1.2 <= got.High {
			within++
		}
	}
	if part := float64(within) / n; part < 0.92 || part > 0.98 {
		t.Errorf("%.1f %% of the intervals hold the truth", 100*part)
	}
}

// Cores with one thread have no rho, and neither has what one workload says.
func TestNoRho(t *testing.T) {
	one := smtPoints(1.2, 0, 1, 1)
	alone := smtPoints(1.2, 0, 2, 1)[:4]
	noise := smtPoints(1.2, 3, 2, 1)
	for name, points := range map[string][]report.CalibrationPoint{"one thread": one, "one workload": alone, "none": nil} {
		if got := rhoOf(points); got != nil {
			t.Errorf("%s: %+v", name, *got)
		}
	}
	if got := rhoOf(noise); got != nil && !(got.Low > 0) {
		t.Errorf("noise: %+v", *got)
	}
}

// A profile carries it to where joules are split.
func TestProfileCarriesRho(t *testing.T) {
	c := &report.Calibration{Points: experiment(hidden{law: func(u model.SocketUse, _ string) float64 {
		return 30 + 3*u.OneThread + 3*1.3*u.BothThreads
	}}, 3)}
	c.Host.CPU = report.CPU{ModelName: "Example", Vendor: "GenuineIntel", Sockets: 2, Cores: 16, Threads: 32}
	facts := Facts{TDPW: 150}
	tiers := Conclude(c, facts)
	c.Points = smtPoints(1.3, 0.002, 2, 1)
	p, err := ProfileOf(c, tiers, facts)
	if err != nil {
		t.Fatal(err)
	}
	if p.SMT == nil || math.Abs(p.SMT.Rho-1.3) > 0.02 {
		t.Errorf("%+v, want 1.3", p.SMT)
	}
}
