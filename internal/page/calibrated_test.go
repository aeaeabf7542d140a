package page

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// serverOf is a machine of so many sockets, with two threads a core.
func serverOf(sockets, cores int) *topology.Topology {
	t := &topology.Topology{}
	all := sockets * cores
	for id := range 2 * all {
		place := id % all
		t.Online = append(t.Online, id)
		t.CPUs = append(t.CPUs, topology.CPU{ID: id, Online: true, Socket: place / cores, Core: place % cores, Siblings: []int{place, place + all}})
	}
	return t
}

// calibration is what a quick one says of a made-up server: its power follows a
// law that no model has, rises a little as it warms up, and differs from work to
// work. One point was too hot, of one the power is not known, and beside others
// something else ran.
func calibration(t testing.TB) *report.Calibration {
	t.Helper()
	top := serverOf(2, 20)
	mode, err := calibrate.ModeNamed("quick")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := calibrate.Plan(mode, calibrate.Site{Topology: top, Allowed: top.Online}, 42)
	if err != nil {
		t.Fatal(err)
	}
	c := &report.Calibration{Schema: report.CalibrationSchema, RunID: "01JH4CALIBRATION", StartedAt: start, Tool: tool, Host: host(), Warnings: []report.Warning{},
		Source: report.Source{Name: "perf", Quality: energy.Measured, Refused: []report.Refusal{}},
		Plan:   report.CalibrationPlan{Mode: mode.Name, Seed: 42, SettleS: mode.Settle.Seconds(), DwellS: mode.Dwell.Seconds(), Repeats: mode.Repeats, Points: len(steps)},
		Facts:  report.CalibrationFacts{CCF: &report.CCF{MinW: 0.64, MaxW: 3.97, Arch: "Cascade Lake"}}}
	rnd := rand.New(rand.NewPCG(3, 4))
	for i, s := range steps {
		p := s.Point()
		p.StartedAt, p.DurationS = start.Add(time.Duration(i)*3*time.Second), s.Dwell.Seconds()
		p.Background, p.Steal = ptr(0.002), ptr(0.0)
		for socket := range 2 {
			warm := 1 + 0.02*(1-math.Exp(-float64(i)/10))
			p.Sockets = append(p.Sockets, loaded(top, s, socket, warm*(1+0.004*rnd.NormFloat64())))
		}
		c.Points = append(c.Points, p)
	}
	c.DurationS = 3 * float64(len(steps))
	c.Points[11].Throttled = ptr(7.0)
	c.Points[19].Sockets[1].PowerW, c.Points[19].Reason = nil, "read package-1: input/output error"
	c.Points[23].Background, c.Points[30].Background = ptr(0.041), ptr(0.027)
	calibrate.Conclude(c, calibrate.FactsOf(c))
	return c
}

// loaded is what a socket of the made-up server does and draws under a step.
func loaded(t *topology.Topology, s calibrate.Step, socket int, more float64) report.SocketLoad {
	at, threads, busy := s.Placed(), map[int]int{}, 0.0
	for _, id := range at.CPUs {
		if t.CPUs[id].Socket == socket {
			threads[t.CPUs[id].Core]++
			busy += at.Duty
		}
	}
	one, both, d := 0.0, 0.0, at.Duty
	for _, n := range threads {
		if n == 1 {
			one += d
		} else {
			one, both = one+2*d*(1-d), both+d*d
		}
	}
	u := busy / 40
	hz := (3.4 - 0.8*u) * 1e9
	kind := map[string]float64{"alu": 0.95, "simd": 1.08, "stream": 1.03, "mixed": 1, "hash-gzip": 0.98}[s.Spec.Kernel]
	if kind == 0 {
		kind = 1
	}
	watts := (31 + kind*(22*math.Min(busy, 1)+(2.1*one+2.9*both)*math.Pow(hz/2.5e9, 1.4))) * more
	l := report.SocketLoad{Socket: socket, CPUs: 40, PowerW: &watts, UncertaintyW: ptr(0.1), DRAMW: ptr(5 + 4*u), Busy: &busy, Awake: ptr(math.Min(busy, 1)), OneThread: &one, BothThreads: &both}
	if busy > 0 {
		l.FrequencyHz, l.Instructions = &hz, ptr(busy*hz*(0.7+0.6*kind))
	}
	return l
}

// refused is a calibration of a guest: its counters are no truth, and no model
// was fitted.
func refused(t testing.TB) *report.Calibration {
	c := calibration(t)
	c.Host.Virtualization, c.Facts.Virtual = "kvm", "kvm"
	c.Warnings = nil
	calibrate.Conclude(c, calibrate.FactsOf(c))
	return c
}
