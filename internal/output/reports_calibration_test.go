package output

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// calibrated is a quick calibration of a host with two sockets, with one point
// too hot and others beside background work.
func calibrated() *report.Calibration {
	host := twoSockets()
	c := &report.Calibration{
		Schema: report.CalibrationSchema, RunID: "ca11", StartedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), DurationS: 163.4,
		Tool: host.Tool, Host: host.Host, Warnings: []report.Warning{}, Verdicts: []report.Verdict{},
		Source: report.Source{Name: "perf", Quality: energy.Measured, Refused: []report.Refusal{}},
		Plan:   report.CalibrationPlan{Mode: "quick", Seed: 42, SettleS: 0.7, DwellS: 2, Repeats: 1, Points: 34},
	}
	add := func(workload, shape string, load, more float64) {
		p := report.CalibrationPoint{
			Workload: workload, Shape: shape, Load: load, Placement: "per-core", CPUs: "0-79", DurationS: 2,
			StartedAt: c.StartedAt.Add(time.Duration(len(c.Points)) * 2700 * time.Millisecond), Holdout: workload == "hash-gzip",
		}
		p.Background, p.Steal = value(0.004), value(0)
		if shape == report.ShapeIdle {
			p.Placement, p.CPUs = "", ""
		}
		for k := range 2 {
			// What a load draws wobbles a little, the same every time.
			wobble := 1 + 0.006*math.Sin(float64(7*len(c.Points)+3*k))
			busy := 40 * load
			watts := (32 + 70*math.Sqrt(load)*more + 25*load*load) * wobble
			s := report.SocketLoad{Socket: k, CPUs: 40, PowerW: &watts, UncertaintyW: value(0.2), DRAMW: value(6 + 3*load), Busy: &busy}
			s.Awake = value(min(1, 4*load))
			s.OneThread, s.BothThreads = value(20*2*load*(1-load)), value(20*load*load)
			if load > 0 {
				hz := (3.1 - 0.6*load) * 1e9
				s.FrequencyHz, s.Instructions = &hz, value(busy*hz*1.4)
			}
			p.Sockets = append(p.Sockets, s)
		}
		c.Points = append(c.Points, p)
	}
	for _, w := range []struct {
		name string
		more float64
	}{{"alu", 0.97}, {"simd", 1.05}, {"stream", 0.95}, {"mixed", 1.01}, {"hash-gzip", 1.0}} {
		add("idle", report.ShapeIdle, 0, 1)
		for _, load := range []float64{0.1, 0.25, 0.5, 0.75, 1} {
			add(w.name, report.ShapeDuty, load, w.more)
		}
	}
	for _, load := range []float64{0.3, 0.5, 0.7} {
		add("hash-gzip", report.ShapeTrace, load, 1)
	}
	add("idle", report.ShapeIdle, 0, 1)
	c.Points[5].Throttled = value(4)
	c.Points[8].Background, c.Points[15].Background = value(0.031), value(0.024)
	c.Facts.CCF = &report.CCF{MinW: 0.64, MaxW: 3.97, Arch: "Cascade Lake"}
	c.Instrument = instrumented(c.StartedAt)
	calibrate.Conclude(c, calibrate.FactsOf(c))
	return c
}

// uncalibrated is one that was refused: of a virtual machine.
func uncalibrated() *report.Calibration {
	c := calibrated()
	c.Points = c.Points[:6]
	c.Host.Virtualization = "kvm"
	c.Facts.Virtual = "kvm"
	c.Instrument = faulty(c.StartedAt)
	calibrate.Conclude(c, calibrate.FactsOf(c))
	return c
}

func value(v float64) *float64 { return &v }

func TestGoldenCalibration(t *testing.T) {
	for name, c := range map[string]*report.Calibration{"calibration": calibrated(), "calibration-refused": uncalibrated()} {
		for _, f := range Formats() {
			compareGolden(t, name+extensions[f], render(t, f, c, Options{}))
		}
	}
	compareGolden(t, "calibration.50.txt", render(t, Table, calibrated(), Options{Width: 50, ASCII: true}))
	compareGolden(t, "calibration.color.txt", render(t, Table, calibrated(), Options{Color: true}))
}

// An interrupted calibration has what there is.
func TestCalibrationOfLittle(t *testing.T) {
	c := &report.Calibration{Plan: report.CalibrationPlan{Mode: "quick", Points: 43}}
	calibrate.Conclude(c, calibrate.Facts{})
	for _, f := range Formats() {
		if out := string(render(t, f, c, Options{})); strings.Contains(out, "NaN") || strings.Contains(out, "%!") {
			t.Errorf("%s: %s", f, out)
		}
	}
}

// Where nothing could be tried the reasons are all there is to say.
func TestCalibrationWithoutLoads(t *testing.T) {
	c := calibrated()
	for i := range c.Points {
		for k := range c.Points[i].Sockets {
			c.Points[i].Sockets[k].Busy = nil
		}
	}
	c.Facts.Virtual, c.Plan.Forced = "kvm", true
	for range 2 { // points that were recorded are fitted again, and warned of once
		calibrate.Conclude(c, calibrate.FactsOf(c))
	}
	if len(c.Warnings) != 1 {
		t.Errorf("%d warnings: %+v", len(c.Warnings), c.Warnings)
	}
	out := string(render(t, Table, c, Options{Width: 200}))
	if !strings.HasPrefix(out, "Not calibrated: no model could be fitted and tried.\n") {
		t.Errorf("what was overruled is not what stopped it:\n%s", out)
	}
	for _, want := range []string{"No model was tried", "  tdp-naive, teads, codecarbon-cubic, codecarbon-constant, fan, boavizta-form, tdp-share, ccf: the utilisation of socket 0 is not known\n", "  T0, T1, T2, T3: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}
