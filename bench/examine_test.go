package bench_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/bench"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func value(v float64) *float64 { return &v }

func metric(v float64) report.Metric { return report.Metric{Value: &v} }

// steady is what two CPUs do that work evenly.
func steady() bench.Steady {
	s := bench.Steady{Had: []float64{0.999, 0.998}}
	for range 2 {
		var v []float64
		for i := range 30 {
			v = append(v, 1000+float64(i%3))
		}
		s.Speeds = append(s.Speeds, v)
	}
	return s
}

// healthy is a host with nothing wrong.
func healthy() bench.Seen {
	host := report.Host{Hostname: "node1", Virtualization: "none", CPU: report.CPU{Sockets: 1, Threads: 2, Governor: "performance"}, TDP: report.TDP{Value: value(100)}}
	s := bench.Seen{Host: host, Steady: steady(), Idle: &report.Run{
		Source: report.Source{Name: "perf", Quality: energy.Measured}, Total: report.Energy{PowerW: value(30)},
		Metrics: map[string]report.Metric{"machine.cpu.utilization": metric(0.001)},
	}}
	for i := range 3 {
		s.Cells = append(s.Cells, report.BenchCell{
			ID: fmt.Sprint("count-0-02-r", i+1), Application: "count", Workers: 2, Status: report.CellOK, DurationS: value(10 + 0.01*float64(i)),
			Work:   &report.Work{Units: 100, Unit: "numbers", Checksum: "aa"},
			Energy: []report.MethodEnergy{{Method: report.MethodMachine, Quality: energy.Measured, Energy: report.Energy{EnergyJ: value(900), PowerW: value(90)}}},
			Metrics: map[string]report.Metric{
				"machine.throttle.core": metric(0), "machine.throttle.package": metric(0), "machine.cpu.steal": metric(0),
				"machine.memory.swap_in": metric(0), "machine.memory.swap_out": metric(0),
			},
		})
	}
	return s
}

func TestExamineHealthy(t *testing.T) {
	checks := bench.Examine(healthy())
	for _, c := range checks {
		if c.Outcome != report.CheckPass || c.Message == "" {
			t.Errorf("%+v", c)
		}
	}
	if fit, verdict := bench.Fit(checks); fit == nil || !*fit || verdict != "this host is fit" {
		t.Errorf("%v: %s", fit, verdict)
	}
}

// Each fault is seen by the check that is for it, and by no other.
func TestExamineFaults(t *testing.T) {
	each := func(s *bench.Seen, name string, v float64) {
		for i := range s.Cells {
			s.Cells[i].Metrics[name] = metric(v)
		}
	}
	slow := func(from int, part float64) func(*bench.Seen) {
		return func(s *bench.Seen) {
			for _, v := range s.Steady.Speeds {
				for i := from; i < len(v); i++ {
					v[i] *= 1 - part
				}
			}
		}
	}
	for name, c := range map[string]struct {
		do      func(*bench.Seen)
		check   string
		outcome string
		says    string
	}{
		"no counters":          {func(s *bench.Seen) { s.Idle.Source.Quality = energy.Estimated }, bench.CheckCounters, report.CheckUnknown, "estimates"},
		"counters stand still": {func(s *bench.Seen) { s.Idle.Total.PowerW = value(0) }, bench.CheckCounters, report.CheckFail, "idle"},
		"too little power":     {func(s *bench.Seen) { s.Idle.Total.PowerW = value(0.5) }, bench.CheckCounters, report.CheckFail, "1 %"},
		"work does not show":   {func(s *bench.Seen) { s.Idle.Total.PowerW = value(95) }, bench.CheckCounters, report.CheckFail, "work does not show"},
		"too much power":       {func(s *bench.Seen) { s.Cells[0].Energy[0].PowerW = value(230) }, bench.CheckCounters, report.CheckFail, "more than 2 times"},
		"unknown power":        {func(s *bench.Seen) { s.Idle.Total.PowerW = nil }, bench.CheckCounters, report.CheckFail, "do not say"},
		"a clock that falls":   {slow(15, 0.05), bench.CheckClock, report.CheckWarn, "5.0 % slower"},
		"a clock that sinks":   {slow(20, 0.2), bench.CheckClock, report.CheckFail, "slower at the end"},
		"one slow CPU": {func(s *bench.Seen) {
			for i := range s.Steady.Speeds[1] {
				s.Steady.Speeds[1][i] *= 0.7
			}
		}, bench.CheckClock, report.CheckWarn, "behind the others"},
		"throttling":            {func(s *bench.Seen) { each(s, "machine.throttle.core", 2) }, bench.CheckThrottling, report.CheckFail, "6 times"},
		"a neighbour":           {func(s *bench.Seen) { s.Idle.Metrics["machine.cpu.utilization"] = metric(0.05) }, bench.CheckNeighbours, report.CheckWarn, "5.0 %"},
		"a loud neighbour":      {func(s *bench.Seen) { s.Idle.Metrics["machine.cpu.utilization"] = metric(0.3) }, bench.CheckNeighbours, report.CheckFail, "30.0 %"},
		"a late neighbour":      {func(s *bench.Seen) { s.Steady.Had[1] = 0.7 }, bench.CheckNeighbours, report.CheckFail, "30.0 %"},
		"no idle machine":       {func(s *bench.Seen) { s.Idle.Metrics = nil }, bench.CheckNeighbours, report.CheckUnknown, ""},
		"some steal":            {func(s *bench.Seen) { each(s, "machine.cpu.steal", 0.2) }, bench.CheckSteal, report.CheckWarn, "1.0 %"},
		"steal":                 {func(s *bench.Seen) { each(s, "machine.cpu.steal", 2) }, bench.CheckSteal, report.CheckFail, "10.0 %"},
		"swapping":              {func(s *bench.Seen) { each(s, "machine.memory.swap_out", 1<<20) }, bench.CheckMemory, report.CheckFail, "3.0 MiB"},
		"another checksum":      {func(s *bench.Seen) { s.Cells[1].Work.Checksum = "ab" }, bench.CheckWork, report.CheckFail, "one result"},
		"a failed cell":         {func(s *bench.Seen) { s.Cells[1].Status, s.Cells[1].Reason = report.CellFailed, "no luck" }, bench.CheckWork, report.CheckFail, "no luck"},
		"times vary":            {func(s *bench.Seen) { s.Cells[1].DurationS = value(12) }, bench.CheckRepeats, report.CheckWarn, "count with 2 workers"},
		"a governor that saves": {func(s *bench.Seen) { s.Host.CPU.Governor = "powersave" }, bench.CheckGovernor, report.CheckWarn, "powersave"},
	} {
		s := healthy()
		c.do(&s)
		checks := bench.Examine(s)
		for _, k := range checks {
			switch {
			case k.Name == c.check && (k.Outcome != c.outcome || !strings.Contains(k.Message, c.says) || k.Advice == ""):
				t.Errorf("%s: %+v, want %s", name, k, c.outcome)
			case k.Name != c.check && k.Outcome != report.CheckPass:
				t.Errorf("%s: also %+v", name, k)
			}
		}
		fit, verdict := bench.Fit(checks)
		if open := c.outcome == report.CheckUnknown; open != (fit == nil) || !open && *fit != (c.outcome == report.CheckWarn) || !strings.Contains(verdict, c.check) {
			t.Errorf("%s: fit %v: %s", name, fit, verdict)
		}
	}
}

// All CPUs are kept busy for as long as was asked, each with a thread of its own.
func TestWatchSteady(t *testing.T) {
	began := time.Now()
	s, err := bench.WatchSteady(t.Context(), []int{0}, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 500*time.Millisecond || took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if len(s.Speeds) != 1 || len(s.Speeds[0]) == 0 || s.Had[0] <= 0 || s.Had[0] > 1.01 {
		t.Errorf("%+v", s)
	}
	for _, v := range s.Speeds[0] {
		if v < 1000 || math.IsInf(v, 0) { // a unit takes ten microseconds or so
			t.Errorf("%g units a second", v)
		}
	}
	if _, err := bench.WatchSteady(t.Context(), []int{1000}, time.Second); err == nil || !strings.Contains(err.Error(), "CPU 1000") {
		t.Errorf("a CPU that is not there: %v", err)
	}
}

func cells(app string, workers int, units, seconds, joules float64, q energy.Quality) []report.BenchCell {
	var out []report.BenchCell
	for i := range 3 {
		out = append(out, report.BenchCell{
			Application: app, Workers: workers, Status: report.CellOK, DurationS: value(seconds * (1 + 0.01*float64(i-1))), Work: &report.Work{Units: units},
			Energy: []report.MethodEnergy{{Method: report.MethodMachine, Quality: q, Energy: report.Energy{EnergyJ: value(joules)}}},
		})
	}
	return out
}

func TestScore(t *testing.T) {
	host := &report.Host{Hostname: "ref"}
	ref := &report.Bench{Host: host, Cells: append(cells("a", 4, 100, 10, 500, energy.Measured), cells("b", 4, 50, 20, 100, energy.Measured)...)}
	// Twice as fast at a, half as fast at b; the same joules at a, a quarter at b.
	own := &report.Bench{Cells: append(cells("a", 8, 100, 5, 500, energy.Measured), cells("b", 8, 50, 40, 25, energy.Measured)...)}
	own.Cells = append(own.Cells, cells("a", 1, 100, 50, 5000, energy.Measured)...) // alone: not compared
	s := bench.Score(own, ref, "ref.json")
	near := func(v *float64, want float64) bool { return v != nil && math.Abs(*v-want) < 1e-9 }
	if !near(s.Time, 100) || !near(s.Energy, 200) || !near(s.ByApp["a"].Time, 200) || !near(s.ByApp["b"].Energy, 400) || s.Reason != "" {
		t.Errorf("%+v %v %v", s, s.ByApp["a"], s.ByApp["b"])
	}
	if back := bench.Score(ref, own, ""); !near(back.Energy, 50) {
		t.Errorf("the other way round: %v", *back.Energy)
	}
	guess := &report.Bench{Cells: cells("a", 2, 100, 10, 500, energy.Estimated)}
	if s := bench.Score(guess, ref, ""); s.Energy != nil || !near(s.Time, 100) || !strings.Contains(s.Reason, "estimated") {
		t.Errorf("%+v", s)
	}
	other := &report.Bench{Cells: cells("a", 2, 99, 10, 500, energy.Measured)}
	if s := bench.Score(other, ref, ""); s.Time != nil || !strings.Contains(s.Reason, "nothing alike") {
		t.Errorf("%+v", s)
	}
}
