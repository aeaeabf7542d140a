package calibrate

import (
	"math"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// twoByFour is a machine with two sockets of two cores with two threads each:
// CPU n and n+4 share a core.
func twoByFour() *topology.Topology {
	t := &topology.Topology{}
	for id := range 8 {
		t.Online = append(t.Online, id)
		t.CPUs = append(t.CPUs, topology.CPU{ID: id, Online: true, Socket: id % 4 / 2, Die: 0, Core: id % 2, Siblings: []int{id % 4, id%4 + 4}})
	}
	return t
}

func domain(kind string, socket int, watts, seconds float64) report.Domain {
	j, u := watts*seconds, 0.1*seconds
	d := report.Domain{ID: kind + "-" + string(rune('0'+socket)), Kind: kind, Socket: socket, InTotal: true}
	d.EnergyJ, d.PowerW, d.UncertaintyJ = &j, &watts, &u
	return d
}

func TestObserve(t *testing.T) {
	const seconds = 6.0
	r := &report.Run{StartedAt: time.Unix(1e9, 0), DurationS: seconds, Metrics: map[string]report.Metric{
		"machine.cpu.steal": {Value: ptr(0.48)}, "machine.throttle.core": {Value: ptr(2)}, "machine.throttle.package": {Value: ptr(1)},
	}}
	r.Domains = []report.Domain{domain("package", 0, 80, seconds), domain("package", 1, 30, seconds), domain("dram", 0, 5, seconds)}
	// The power rises from 60 over 110 to 160 W.
	r.Samples = report.NewSeries([]string{"package-0", "package-1", "dram-0"})
	for i := range 13 {
		at := float64(i) * 0.5
		watts := []float64{60, 110, 160}[min(max(i-1, 0)/4, 2)]
		j := watts * 0.5
		if i == 0 {
			j = 0
		}
		r.Samples.Append(at, []float64{j / 2, j / 2, 99})
	}
	usage := make([]energy.PackageUsage, 2)
	usage[0] = energy.PackageUsage{Socket: 0, Die: -1}
	usage[0].Parties[energy.Target] = energy.Account{CPU: 9 * time.Second, Cycles: 27e9, Instructions: 54e9}
	usage[0].Parties[energy.Others] = energy.Account{CPU: 480 * time.Millisecond, Cycles: 1e9, Instructions: 1e9}
	// Three seconds in which 0.2 CPUs worked, two with 4.4 of them, one with none.
	usage[0].Seconds = seconds
	usage[0].Loads[0] = energy.LoadBin{Seconds: 1}
	usage[0].Loads[3] = energy.LoadBin{Seconds: 3, Busy: 0.6}
	usage[0].Loads[7] = energy.LoadBin{Seconds: 2, Busy: 8.88}
	usage[1] = energy.PackageUsage{Socket: 1, Die: -1, Seconds: seconds}

	p := report.CalibrationPoint{Workload: "alu", Shape: report.ShapeDuty, Load: 0.5}
	Observe(&p, r, usage, twoByFour(), Placed{CPUs: []int{0, 4, 1}, Duty: 0.5})

	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 1e-9*max(1, want) {
			t.Errorf("%s: %v, want %g", what, got, want)
		}
	}
	if len(p.Sockets) != 2 {
		t.Fatalf("%d sockets", len(p.Sockets))
	}
	a, b := p.Sockets[0], p.Sockets[1]
	near("power of socket 0", a.PowerW, 80)
	near("its uncertainty", a.UncertaintyW, 0.1)
	near("its memory", a.DRAMW, 5)
	near("power of socket 1", b.PowerW, 30)
	if b.DRAMW != nil {
		t.Errorf("memory of socket 1: %v, there is no counter", *b.DRAMW)
	}
	// One core has both threads at half duty, the other one thread: 1.5 CPUs as
	// placed, 9.48 CPU seconds in 6 in fact.
	near("cores with one thread", a.OneThread, (2*0.5*0.5+0.5)*1.58/1.5)
	near("cores with both", a.BothThreads, 0.25*1.58/1.5)
	near("awake", a.Awake, 2.6/seconds)
	near("socket 1 awake", b.Awake, 0)
	near("cores of socket 1", b.OneThread, 0)
	near("busy", a.Busy, 9.48/seconds)
	near("clock", a.FrequencyHz, 28e9/9.48)
	near("instructions", a.Instructions, 55e9/seconds)
	near("busy of socket 1", b.Busy, 0)
	if b.FrequencyHz != nil || a.CPUs != 4 || b.CPUs != 4 {
		t.Errorf("socket 1: clock %v; %d and %d CPUs", b.FrequencyHz, a.CPUs, b.CPUs)
	}
	near("background", p.Background, 0.48/(seconds*8))
	near("steal", p.Steal, 0.01)
	near("throttled", p.Throttled, 3)
	if p.QuotaS != nil {
		t.Errorf("quota %v", *p.QuotaS)
	}
	for k, want := range []float64{60, 110, 160} {
		if math.Abs(p.ThirdsW[k]-want) > 1e-9 {
			t.Errorf("third %d: %v W, want %v", k, p.ThirdsW[k], want)
		}
	}
}

// Threads that work at the same times share their core all that time.
func TestTogether(t *testing.T) {
	one, both := coresAtWork(twoByFour(), 0, Placed{CPUs: []int{0, 4, 1}, Duty: 0.5, Together: true})
	if one != 0.5 || both != 0.5 {
		t.Errorf("%v cores with one thread, %v with both; want half a core each", one, both)
	}
}

// What is not known stays so: no zero stands for it.
func TestObserveLittle(t *testing.T) {
	r := &report.Run{DurationS: 2, Metrics: map[string]report.Metric{}}
	r.Domains = []report.Domain{domain("package", 0, 80, 2), {ID: "package-1", Kind: "package", Socket: 1, InTotal: true}}
	r.Total.Reason = "package-1 can't be read"
	p := report.CalibrationPoint{Shape: report.ShapeIdle}
	Observe(&p, r, nil, twoByFour(), Placed{})
	b := p.Sockets[1]
	if b.PowerW != nil || b.UncertaintyW != nil || b.Busy != nil || b.FrequencyHz != nil || p.Background != nil || p.Steal != nil || p.Throttled != nil || p.ThirdsW != nil {
		t.Errorf("%+v, socket 1 %+v", p, b)
	}
	Judge([]report.CalibrationPoint{p}, Facts{})
	if p.Reason == "" {
		t.Error("no reason")
	}
}

// In an idle machine every program is background.
func TestIdleBackground(t *testing.T) {
	usage := []energy.PackageUsage{{Socket: 0, Die: -1}}
	usage[0].Parties[energy.Target].CPU = 40 * time.Millisecond
	usage[0].Parties[energy.Tool].CPU = time.Second
	p := report.CalibrationPoint{Shape: report.ShapeIdle}
	Observe(&p, &report.Run{DurationS: 1, Metrics: map[string]report.Metric{}}, usage, twoByFour(), Placed{})
	if p.Background == nil || math.Abs(*p.Background-0.005) > 1e-9 {
		t.Errorf("background %v", p.Background)
	}
}
