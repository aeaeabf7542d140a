package trial

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
)

// machine is a machine on which every command has its power and time.
type machine struct {
	watts map[string]float64
	ran   []string
	fail  map[int]int // exit status by run
	hook  func(n int)
}

func (m *machine) measure(_ context.Context, o session.Options) (*report.Run, error) {
	r := &report.Run{Host: report.Host{Hostname: "here"}, Source: report.Source{Name: "perf", Quality: "measured"}, StartedAt: time.Now(), DurationS: 2}
	watts := 5.0
	if o.Machine {
		m.ran = append(m.ran, "idle")
		r.DurationS = o.Duration.Seconds()
		r.Domains = []report.Domain{{ID: "package-0", InTotal: true}}
		r.Samples = report.NewSeries([]string{"package-0"})
		for i := range 100 {
			// Between 4.9 and 5.1 W.
			at := r.DurationS * float64(i+1) / 100
			r.Samples.Append(at, []float64{(5 + 0.1*math.Sin(float64(i/10))) * r.DurationS / 100})
		}
	} else {
		name := strings.Join(o.Command.Argv, " ")
		n := len(m.ran)
		m.ran = append(m.ran, name)
		watts = m.watts[name]
		code := m.fail[n]
		r.Command = &report.Command{Argv: o.Command.Argv, ExitCode: &code}
		if m.hook != nil {
			m.hook(n)
		}
	}
	j, u := watts*r.DurationS, 0.01
	r.Total = report.Energy{EnergyJ: &j, PowerW: &watts, UncertaintyJ: &u}
	return r, nil
}

func options(m *machine, names ...string) Options {
	o := Options{Session: session.Options{Command: &session.Command{}}, Repeat: 5, Seed: 7, Measure: m.measure}
	for _, n := range names {
		o.Commands = append(o.Commands, Command{Name: n, Argv: strings.Fields(n)})
	}
	return o
}

// Every command runs once in each round, in an order that the seed decides.
func TestRounds(t *testing.T) {
	var orders [][]string
	for range 2 {
		m := &machine{watts: map[string]float64{"a": 10, "b 1": 11, "c": 12}}
		o := options(m, "a", "b 1", "c")
		o.Warmup = 2
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"a", "b 1", "c", "a", "b 1", "c"}; !slices.Equal(m.ran[:6], want) {
			t.Errorf("warm-up runs: %v", m.ran[:6])
		}
		for n := range 5 {
			round := slices.Sorted(slices.Values(m.ran[6+3*n:][:3]))
			if !slices.Equal(round, []string{"a", "b 1", "c"}) {
				t.Errorf("round %d: %v", n, round)
			}
		}
		seen := map[int]bool{}
		for i, s := range r.Series {
			if len(s.Runs) != 5 || *s.Summary[report.MeasureEnergy].Median != 2*float64(10+i) {
				t.Errorf("%s: %d runs, median %v", s.Name, len(s.Runs), *s.Summary[report.MeasureEnergy].Median)
			}
			for n, run := range s.Runs {
				if run.Round != n || seen[run.Order] || m.ran[6+run.Order] != s.Name {
					t.Errorf("%s: run %d is in round %d, order %d", s.Name, n, run.Round, run.Order)
				}
				seen[run.Order] = true
			}
		}
		if r.Host.Hostname != "here" || !r.Plan.Rounds || r.Plan.Seed != 7 {
			t.Errorf("%+v, %+v", r.Host, r.Plan)
		}
		orders = append(orders, m.ran)
	}
	if !slices.Equal(orders[0], orders[1]) {
		t.Error("the same seed gave two orders")
	}
}

// A run that fails ends the trials, and what was measured is returned.
func TestFailure(t *testing.T) {
	m := &machine{watts: map[string]float64{"a": 10, "b": 10}, fail: map[int]int{4: 3}}
	r, err := Run(t.Context(), options(m, "a", "b"))
	var failed *FailedError
	if !errors.As(err, &failed) || failed.Code != 3 || failed.Run != 3 || !strings.Contains(err.Error(), "exit status 3 in run 3") {
		t.Errorf("error: %v", err)
	}
	if r == nil || len(r.Series[0].Runs)+len(r.Series[1].Runs) != 5 {
		t.Errorf("kept: %+v", r)
	}

	m = &machine{watts: m.watts, fail: map[int]int{0: 3}}
	o := options(m, "a", "b")
	o.Warmup = 1
	if r, err := Run(t.Context(), o); r != nil || err == nil || !strings.Contains(err.Error(), "warm-up run 1") {
		t.Errorf("%v, %v", r, err)
	}

	o.IgnoreFailure = true
	m = &machine{watts: m.watts, fail: map[int]int{0: 3, 5: 4}}
	o.Measure = m.measure
	if r, err := Run(t.Context(), o); err != nil || len(r.Series[0].Runs) != 5 {
		t.Errorf("failures ignored: %v, %v", r, err)
	}
}

// A signal between two runs ends the trials; others are let be.
func TestSignal(t *testing.T) {
	signals := make(chan os.Signal, 2)
	m := &machine{watts: map[string]float64{"a": 10}}
	m.hook = func(n int) {
		signals <- unix.SIGUSR1
		if n == 2 {
			signals <- unix.SIGINT
		}
		time.Sleep(10 * time.Millisecond) // a command takes longer than a signal
	}
	o := options(m, "a")
	o.Signals = signals
	r, err := Run(t.Context(), o)
	if !errors.Is(err, ErrInterrupted) || r == nil || len(r.Series[0].Runs) != 3 {
		t.Errorf("%v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m.hook = func(int) { cancel() }
	o.Signals = nil
	if r, err := Run(ctx, o); !errors.Is(err, ErrInterrupted) || len(r.Series[0].Runs) != 1 {
		t.Errorf("%v, %v", r, err)
	}
}

// A command that a signal to the trials has ended is no run of it, whatever is
// said of failures.
func TestSignalEndsCommand(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		signals := make(chan os.Signal, 1)
		m := &machine{watts: map[string]float64{"a": 10}, fail: map[int]int{2: 130}}
		m.hook = func(n int) {
			if n == 2 {
				signals <- unix.SIGINT
			}
			time.Sleep(10 * time.Millisecond)
		}
		o := options(m, "a")
		o.Signals, o.IgnoreFailure = signals, ignore
		r, err := Run(t.Context(), o)
		if !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "by SIGINT in run 3 of a") || r == nil || len(r.Series[0].Runs) != 2 {
			t.Errorf("failures ignored %v: %v, %v", ignore, r, err)
		}
	}
}

// Prepare runs before each run, clean-up after all, with their parameters.
func TestPrepare(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	m := &machine{watts: map[string]float64{"a 1": 10, "a 2": 10}}
	m.hook = func(int) {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, _ = f.WriteString("run\n")
	}
	o := options(m)
	o.Repeat = 2
	for _, v := range []string{"1", "2"} {
		o.Commands = append(o.Commands, Command{Name: "a " + v, Argv: []string{"a", v}, Parameters: map[string]string{"n": v}})
	}
	o.Prepare, o.Cleanup = "echo before {n} >> "+log, "echo after {n} >> "+log
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(strings.ReplaceAll(string(b), " ", ""))
	var want []string
	for _, ran := range m.ran {
		want = append(want, "before"+strings.TrimPrefix(ran, "a "), "run")
	}
	if want = append(want, "after1", "after2"); !slices.Equal(lines, want) {
		t.Errorf("%v, want %v", lines, want)
	}

	o.Prepare = "exit 4"
	if r, err := Run(t.Context(), o); r != nil || err == nil || !strings.Contains(err.Error(), `the preparation "exit 4" failed: exit status 4`) {
		t.Errorf("%v, %v", r, err)
	}
}

// Net energy is what is above the idle machine's, which is watched once.
func TestBaseline(t *testing.T) {
	m := &machine{watts: map[string]float64{"a": 10}}
	o := options(m, "a")
	o.Baseline = 3 * time.Second
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if m.ran[0] != "idle" || slices.Contains(m.ran[1:], "idle") {
		t.Errorf("ran %v", m.ran)
	}
	b := r.Baseline
	if b == nil || b.PowerW != 5 || b.DurationS != 3 || b.UncertaintyW == nil || *b.UncertaintyW < 0.01 || *b.UncertaintyW > 0.2 {
		t.Fatalf("baseline %+v", b)
	}
	for _, run := range r.Series[0].Runs {
		if run.NetEnergyJ == nil || math.Abs(*run.NetEnergyJ-10) > 1e-9 {
			t.Errorf("net %v J of %v J", run.NetEnergyJ, *run.EnergyJ)
		}
	}
	if s := r.Series[0].Summary[report.MeasureNet]; s.Median == nil || math.Abs(*s.Median-10) > 1e-9 {
		t.Errorf("summary %+v", s)
	}
}

// Progress comes before each run, never within, and says when all is over.
func TestProgress(t *testing.T) {
	m := &machine{watts: map[string]float64{"a": 10, "b": 10}}
	inside := false
	var seen []Progress
	o := options(m, "a", "b")
	o.Measure = func(ctx context.Context, s session.Options) (*report.Run, error) {
		inside = true
		defer func() { inside = false }()
		return m.measure(ctx, s)
	}
	o.Progress = func(p Progress) {
		if inside {
			t.Error("progress within a run")
		}
		seen = append(seen, p)
	}
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 11 || !seen[10].Over || seen[9].Done != 9 || seen[9].Runs != 10 || seen[9].Left <= 0 || seen[9].What != m.ran[9] {
		t.Errorf("%+v", seen)
	}
}
