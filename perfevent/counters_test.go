package perfevent

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/perfevent/gate"
)

func metric(t *testing.T, metrics []energy.Metric, name string) energy.Metric {
	t.Helper()
	for _, m := range metrics {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("no metric %s", name)
	return energy.Metric{}
}

// Counters are armed before the first instruction and follow children that
// die: a shell that burns time in three short-lived children is charged all.
func TestCountersFollowTheTree(t *testing.T) {
	const burn = `i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done`
	p, err := gate.Start(gate.Command{
		Path: "/bin/sh", Argv: []string{"sh", "-c", "(" + burn + "); (" + burn + "); (" + burn + ") & wait"},
		Stdin: os.Stdin.Fd(), Stdout: os.Stdout.Fd(), Stderr: os.Stderr.Fd(),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := OpenCounters("/", Target{Waiting: p.PID})
	defer c.Close()
	before := metric(t, c.Metrics(), "cpu.task_clock")
	if before.Value == nil || *before.Value != 0 {
		t.Fatalf("task clock %v before the gate opens, want 0 (%s)", before.Value, before.Reason)
	}
	if _, err := p.Open(); err != nil {
		t.Fatal(err)
	}
	exit, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	all := c.Metrics()
	clock := metric(t, all, "cpu.task_clock")
	want := time.Duration(exit.Rusage.Utime.Nano() + exit.Rusage.Stime.Nano()).Seconds()
	if clock.Value == nil || *clock.Value < 0.8*want || *clock.Value > 1.2*want {
		t.Errorf("task clock %v s; rusage says %.3f s", clock.Value, want)
	}
	if sw := metric(t, all, "cpu.context_switches"); sw.Value == nil || *sw.Value < 1 {
		t.Errorf("context switches %v, want some", sw.Value)
	}
	// Where there is no hardware PMU the metric is null and says why.
	if cyc := metric(t, all, "cpu.cycles"); cyc.Value == nil && cyc.Reason == "" {
		t.Error("cycles: neither a value nor a reason")
	}
}

func TestCountersOfARunningProcess(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	c := OpenCounters("/", Target{Running: cmd.Process.Pid})
	defer c.Close()
	time.Sleep(100 * time.Millisecond)
	if m := metric(t, c.Metrics(), "cpu.task_clock"); m.Value == nil || *m.Value < 0.02 {
		t.Errorf("task clock %v s (%s), want most of 0.1 s", m.Value, m.Reason)
	}
}

func TestCountersOfAllCPUs(t *testing.T) {
	c := OpenCounters("/", Target{CPUs: []int{0}})
	defer c.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	time.Sleep(20 * time.Millisecond)
	if m := metric(t, c.Metrics(), "cpu.task_clock"); m.Value == nil || *m.Value <= 0 {
		t.Errorf("task clock %v (%s), want the time passed", m.Value, m.Reason)
	}
}

func TestCountersOfAMissingProcess(t *testing.T) {
	c := OpenCounters("/", Target{Running: 1 << 22})
	defer c.Close()
	for _, m := range c.Metrics() {
		if m.Value != nil || m.Reason == "" {
			t.Errorf("%s = %v (%q); want null with a reason", m.Name, m.Value, m.Reason)
		}
	}
}

// The arithmetic of scaling: 1000 events in a quarter of the time are 4000.
func TestScaling(t *testing.T) {
	var b bytes.Buffer
	for _, v := range []uint64{2, 8e6, 2e6, 1000, 3000} {
		binary.Write(&b, binary.NativeEndian, v)
	}
	counts, err := parseGroup(b.Bytes(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := counts[0].scaled(), counts[1].scaled(); a != 4000 || b != 12000 {
		t.Errorf("scaled to %v and %v, want 4000 and 12000", a, b)
	}
}

// A counter that was never scheduled is unknown, not 0.
func TestNeverScheduled(t *testing.T) {
	c := &Counters{refused: map[string]*energy.Refusal{}}
	if _, reason := c.value("cpu.cycles", []count{{enabled: 1e6, known: true}}, nil); !strings.Contains(reason, "never scheduled") {
		t.Errorf("reason %q", reason)
	}
	// One that was never enabled, because its task never ran, has counted 0.
	if v, reason := c.value("cpu.cycles", []count{{known: true}}, nil); v != 0 || reason != "" {
		t.Errorf("%v, %q; want 0", v, reason)
	}
}

func BenchmarkCountersOpenClose(b *testing.B) {
	for b.Loop() {
		OpenCounters("/", Target{Running: os.Getpid()}).Close()
	}
}

// What a target that runs already did before the window is not counted.
func TestReset(t *testing.T) {
	c := OpenCounters("/", Target{Running: os.Getpid()})
	defer c.Close()
	clock := func() float64 {
		for _, m := range c.Metrics() {
			if m.Name == "cpu.task_clock" && m.Value != nil {
				return *m.Value
			}
		}
		t.Skip("software events can't be counted here")
		return 0
	}
	before := 0.0
	for began := time.Now(); before < 0.03 && time.Since(began) < 5*time.Second; before = clock() {
	}
	c.Reset()
	if after := clock(); before < 0.02 || after > before/2 {
		t.Errorf("task clock %v s, %v s after it was reset", before, after)
	}
}
