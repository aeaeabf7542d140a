package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/topology"
)

// tries is how often a test of time may fail before it does: the machine may
// have other work. busyTries is for when it has been seen to have some.
const (
	tries     = 5
	busyTries = 3
)

// pinned returns the CPUs of the threads of this process that may run on one
// only, and the CPUs on which they last ran.
func pinned(t *testing.T) (allowed, ran []int) {
	t.Helper()
	all, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(task))
		set := unix.NewCPUSet(maxCPUs)
		if unix.SchedGetaffinityDynamic(tid, set) != nil || set.Count() != 1 && len(all) > 1 {
			continue
		}
		stat, err := os.ReadFile(task + "/stat")
		if err != nil {
			continue // gone by now
		}
		// processor is field 39, proc_pid_stat(5); 2 is in parentheses.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		cpu, err := strconv.Atoi(fields[36])
		if err != nil {
			t.Fatal(err)
		}
		ran = append(ran, cpu)
		for _, c := range all {
			if set.IsSet(c) {
				allowed = append(allowed, c)
			}
		}
	}
	slices.Sort(allowed)
	slices.Sort(ran)
	return allowed, ran
}

func allowedCPUs(t *testing.T) []int {
	t.Helper()
	cpus, err := Allowed()
	if err != nil || len(cpus) == 0 {
		t.Fatalf("Allowed() = %v, %v", cpus, err)
	}
	return cpus
}

// run works for a while.
func run(t *testing.T, s Spec, d time.Duration) []Use {
	t.Helper()
	l, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	uses := l.Stop()
	if len(uses) != len(s.CPUs) {
		t.Fatalf("%d uses of %d CPUs", len(uses), len(s.CPUs))
	}
	for i, u := range uses {
		if u.CPU != s.CPUs[i] || u.WallSeconds <= 0 || u.Duty != u.CPUSeconds/u.WallSeconds || u.WaitSeconds < 0 {
			t.Errorf("%s: %+v", s, u)
		}
	}
	return uses
}

// errBusy is a duty that was not reached while others had the CPU.
var errBusy = errors.New("other programs had the CPU")

// within tells how far a CPU's duty is from the one that is meant.
func within(u Use, duty float64) error {
	if math.Abs(u.Duty-duty) <= 0.02 {
		return nil
	}
	err := fmt.Errorf("CPU %d: duty %.4f, want %.4f", u.CPU, u.Duty, duty)
	if lost := u.WaitSeconds / u.WallSeconds; u.Duty < duty && lost > 0.01 {
		err = fmt.Errorf("%w: %w for %.3f of the time", err, errBusy, lost)
	}
	return err
}

// eventually tries until there is no error. A load cannot keep its duty on a
// machine that is too busy at every try, and nothing is learnt there.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	busy := 0
	for range tries {
		if err = f(); err == nil {
			return
		}
		if !errors.Is(err, errBusy) {
			continue
		}
		if busy++; busy == busyTries {
			t.Skip(err)
		}
	}
	t.Error(err)
}

func TestDuty(t *testing.T) {
	cpus := allowedCPUs(t)
	for _, duty := range []float64{0.05, 0.25, 0.5, 0.75, 1} {
		t.Run(fmt.Sprint(duty), func(t *testing.T) {
			eventually(t, func() error {
				for _, u := range run(t, Spec{Kernel: "alu", CPUs: cpus[:min(2, len(cpus))], Duty: duty, Seed: 1}, 200*time.Millisecond) {
					if err := within(u, duty); err != nil {
						return err
					}
					t.Logf("duty %v: %+v", duty, u)
				}
				return nil
			})
		})
	}
}

// Every kernel keeps its duty, units of 100 µs included.
func TestDutyOfKernels(t *testing.T) {
	cpus := allowedCPUs(t)
	for _, k := range Kernels() {
		t.Run(k.Name, func(t *testing.T) {
			s := Spec{Kernel: k.Name, CPUs: cpus[:1], Duty: 0.3, Buffer: least(k)}
			eventually(t, func() error { return within(run(t, s, 120*time.Millisecond)[0], 0.3) })
		})
	}
}

func TestTraces(t *testing.T) {
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	cpus = cpus[:2]
	for _, text := range []string{"trace=50ms@1,30ms@0.5x1,20ms@0", "trace=20ms@0,60ms@1x1,20ms@0", "trace=30ms@0.4 aligned"} {
		s, err := Parse("fma cpus=" + topology.FormatCPUList(cpus) + " " + text)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			for i, u := range run(t, s, 400*time.Millisecond) { // whole cycles, nearly
				if err := within(u, s.MeanDuty(i)); err != nil {
					return fmt.Errorf("%s: %w", s, err)
				}
			}
			return nil
		})
	}
}

// A bursty load works for 50 ms at least, and the CPUs together.
func TestBurstyRuns(t *testing.T) {
	s := Spec{Kernel: "hash-gzip", CPUs: allowedCPUs(t)[:1], Bursty: true, Duty: 0.4, Seed: 7}
	want := func(seconds float64) float64 {
		sched := scheduleOf(s, 0, 0)
		return float64(walk(t, &sched, 0, int64(seconds*1e9))) / 1e9
	}
	eventually(t, func() error {
		u := run(t, s, 600*time.Millisecond)[0]
		return within(u, want(u.WallSeconds)/u.WallSeconds)
	})
}

func TestPinned(t *testing.T) {
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("all threads are on one CPU anyway")
	}
	// Threads end a moment after their load.
	arePinned := func(want []int) error {
		time.Sleep(10 * time.Millisecond)
		if allowed, ran := pinned(t); !slices.Equal(allowed, want) || !slices.Equal(ran, want) {
			return fmt.Errorf("threads are pinned to %v and ran on %v, want %v", allowed, ran, want)
		}
		return nil
	}
	for k := 1; k <= min(len(cpus), 4); k++ {
		chosen := slices.Clone(cpus[len(cpus)-k:])
		l, err := Start(t.Context(), Spec{Kernel: "simd", CPUs: chosen, Duty: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error { return arePinned(chosen) })
		l.Stop()
	}
	eventually(t, func() error { return arePinned(nil) })
}

// Loads that come and go leave no threads behind.
func TestThreadsEnd(t *testing.T) {
	count := func() int {
		tasks, _ := filepath.Glob("/proc/self/task/*")
		return len(tasks)
	}
	s := Spec{Kernel: "alu", CPUs: allowedCPUs(t), Duty: 0.5}
	run(t, s, 5*time.Millisecond)
	before := count()
	for range 30 {
		run(t, s, time.Millisecond)
	}
	eventually(t, func() error {
		time.Sleep(100 * time.Millisecond)
		if after := count(); after > before+10 { // the runtime's own come and go
			return fmt.Errorf("%d threads were %d", after, before)
		}
		return nil
	})
}

func TestStopIsPrompt(t *testing.T) {
	cpu := allowedCPUs(t)[:1]
	for _, s := range []Spec{
		{Kernel: "alu", CPUs: cpu, Duty: 1},
		{Kernel: "hash-gzip", CPUs: cpu, Duty: 1},
		{Kernel: "alu", CPUs: cpu, Duty: 0.01, Period: time.Second},                                          // asleep
		{Kernel: "alu", CPUs: cpu, Trace: []Segment{{For: time.Millisecond, Duty: 1}, {For: time.Hour}}},     // for long
		{Kernel: "alu", CPUs: cpu, Trace: []Segment{{For: time.Hour}, {For: time.Millisecond, Duty: 1}}},     // before any work
		{Kernel: "alu", CPUs: cpu, Duty: 0.5, Period: 10 * time.Millisecond, Aligned: true, Seed: 1<<64 - 1}, // now and then
	} {
		for _, cancelled := range []bool{false, true} {
			eventually(t, func() error {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				l, err := Start(ctx, s)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
				begin := time.Now()
				if cancelled {
					cancel()
					l.ended.Wait()
				}
				first := l.Stop()
				took := time.Since(begin)
				if again := l.Stop(); !slices.Equal(first, again) {
					t.Errorf("%v, then %v", first, again)
				}
				if took > 10*time.Millisecond {
					return fmt.Errorf("%s: %v until the end (cancelled: %v)", s, took, cancelled)
				}
				return nil
			})
		}
	}
}

func TestStartOfWhatIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := Start(ctx, Spec{Kernel: "alu", CPUs: allowedCPUs(t)[:1], Duty: 1})
	if err != nil {
		t.Fatal(err)
	}
	l.ended.Wait()
	if u := l.Stop(); u[0].WallSeconds > 1 {
		t.Errorf("%+v", u)
	}
}

func TestStartRefuses(t *testing.T) {
	cpus := allowedCPUs(t)
	if _, err := Start(t.Context(), Spec{Kernel: "alu", CPUs: cpus}); err == nil || !strings.Contains(err.Error(), "duty: 0") {
		t.Errorf("without a duty: %v", err)
	}
	// One CPU that there is and one that is not: nothing is left running.
	_, err := Start(t.Context(), Spec{Kernel: "alu", CPUs: []int{cpus[0], maxCPUs - 1}, Duty: 1})
	if err == nil || !strings.Contains(err.Error(), "CPU 8191: sched_setaffinity: invalid argument: offline") {
		t.Errorf("a CPU that is not there: %v", err)
	}
	if err := Confine([]int{maxCPUs - 1}); err == nil || !strings.Contains(err.Error(), "CPU 8191") {
		t.Errorf("Confine: %v", err)
	}
	if err := Confine(nil); err == nil {
		t.Error("Confine to nothing")
	}
}

func TestConfine(t *testing.T) {
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	defer func() {
		if err := Confine(cpus); err != nil {
			t.Error(err)
		}
	}()
	if err := Confine(cpus[:1]); err != nil {
		t.Fatal(err)
	}
	if got := allowedCPUs(t); !slices.Equal(got, cpus[:1]) {
		t.Errorf("allowed: %v", got)
	}
	// Workers go where they are told to all the same.
	l, err := Start(t.Context(), Spec{Kernel: "alu", CPUs: cpus[1:2], Duty: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Stop()
	eventually(t, func() error {
		time.Sleep(10 * time.Millisecond)
		if _, ran := pinned(t); !slices.Contains(ran, cpus[1]) {
			return fmt.Errorf("threads ran on %v", ran)
		}
		return nil
	})
}

// The clock is CLOCK_MONOTONIC: sleeps end when it says so.
func TestClock(t *testing.T) {
	c := newClock()
	eventually(t, func() error {
		if d := math.Abs(float64(c.now() - now(unix.CLOCK_MONOTONIC))); d > 50e3 {
			return fmt.Errorf("%v ns beside", d)
		}
		return nil
	})
}
