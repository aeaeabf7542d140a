package bpfprog

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// Time weighs as much more as the CPU is faster, where frequencies are known.
func TestFrequenciesWeigh(t *testing.T) {
	twoCPUs(t)
	khz := make([]uint32, runtime.NumCPU())
	for i := range khz {
		khz[i] = 1_000_000 * uint32(1+2*(i%2))
	}
	tr := open(t, Options{Frequencies: khz})
	pids := [2]int{spinning(t, 0)[0], spinning(t, 1)[0]}
	before := usage(t, tr)
	time.Sleep(200 * time.Millisecond)
	after := usage(t, tr)
	weight := func(pid int) float64 {
		var a energy.Account
		for _, p := range after.Processes {
			if p.PID == pid {
				a.Add(p.Accounts[0])
			}
		}
		for _, p := range before.Processes {
			if p.PID == pid {
				a.Sub(p.Accounts[0])
			}
		}
		return a.Weight / a.CPU.Seconds()
	}
	if ratio := weight(pids[1]) / weight(pids[0]); math.Abs(ratio-3) > 0.1 {
		t.Errorf("a second at 3 GHz weighs %.3f times one at 1 GHz", ratio)
	}
}

// Of what waits for the end of its interval the time is known, though it weighed
// more than what ran before.
func TestTimeOfAnOpenInterval(t *testing.T) {
	twoCPUs(t)
	khz := slices.Repeat([]uint32{1_000_000}, runtime.NumCPU())
	khz[1] = 3_000_000
	tr := open(t, Options{Frequencies: khz})
	const burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; read line"
	cmd, release := held(t, burn+"; "+burn)
	pid := cmd.Process.Pid
	last := time.Now()
	interval(t, tr, &last) // says where everything stands
	burnOn := func(cpu int) time.Duration {
		t.Helper()
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(pid, &set); err != nil {
			t.Fatal(err)
		}
		from := clock(t, pid)
		release()
		for clock(t, pid)-from < 5*time.Millisecond || !asleep(pid) {
			time.Sleep(time.Millisecond)
		}
		return clock(t, pid) - from
	}
	burnOn(0)
	interval(t, tr, &last)
	ran, open := burnOn(1), time.Duration(0)
	for _, p := range usage(t, tr).Processes {
		if p.PID == pid {
			open = p.Accounts[0].Open
		}
	}
	if (open - ran).Abs() > ran/10 {
		t.Errorf("%v are of an open interval, %v ran since the last one", open, ran)
	}
}

// twoCPUs skips a test that needs two.
func twoCPUs(t *testing.T) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		t.Skip("this machine has one CPU")
	}
}

// spinning starts a process that computes without end on a CPU, and returns its
// threads, the first first.
func spinning(t *testing.T, cpu int) (tids []int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), playVar+"=spin", "GOMAXPROCS=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var set unix.CPUSet
	set.Set(cpu)
	for _, task := range tasks { // by number: the process's own comes first
		tid, _ := strconv.Atoi(task.Name())
		if err := unix.SchedSetaffinity(tid, &set); err != nil {
			t.Fatal(err)
		}
		tids = append(tids, tid)
	}
	return tids
}

// undisturbed is a process that has all of a CPU.
func undisturbed(t *testing.T, cpu int) (pid int) {
	t.Helper()
	twoCPUs(t)
	tids := spinning(t, cpu)
	first := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	for _, tid := range tids {
		if err := unix.SchedSetAttr(tid, first, 0); err != nil {
			t.Fatal(err)
		}
	}
	return tids[0]
}

// A program that nothing interrupts is accounted for every few milliseconds, so
// that what it weighs per nanosecond is known when the CPU's clock changes.
func TestSliceWithoutSwitches(t *testing.T) {
	tr := open(t, Options{Frequencies: slices.Repeat([]uint32{1_000_000}, runtime.NumCPU())})
	const cpu = 1
	undisturbed(t, cpu)
	var ages []time.Duration
	for range 60 {
		time.Sleep(5 * time.Millisecond)
		var c usageCpu
		if err := tr.objects.Cpus.Lookup(uint32(cpu), &c); err != nil {
			t.Fatal(err)
		}
		ages = append(ages, energy.Now().Sub(energy.Instant(c.Since)))
	}
	slices.Sort(ages)
	t.Logf("accounted for up to %v ago, at most %v", ages[len(ages)/2], ages[len(ages)-1])
	if ages[len(ages)/2] > 15*time.Millisecond { // the longest tick is 10 ms
		t.Errorf("accounted for up to %v ago", ages[len(ages)/2])
	}
}

// Where slices are short, the scheduler's clock tells where one ends and the
// next begins. What each of two processes has is what the kernel charges it,
// and together it is the time that went by, wherever their records lie.
func TestShortSlices(t *testing.T) {
	for name, rows := range map[string]uint32{"in rows": 0, "without rows": 1} {
		t.Run(name, func(t *testing.T) {
			// A busy hypervisor takes time between the scheduler's look at the clock
			// and ours: once in three it does not.
			for left := 2; !shortSlices(t, rows, left == 0); left-- {
			}
		})
	}
}

// shortSlices reports whether CPU times are right, which is an error the last
// time if not.
func shortSlices(t *testing.T, rows uint32, last bool) (right bool) {
	t.Helper()
	tr := open(t, Options{rows: rows})
	w := storm(t, [2]int{0, 0})
	defer w.stop()
	time.Sleep(100 * time.Millisecond)
	var charged [2]time.Duration
	for i, cmd := range w.cmds {
		charged[i] = -clock(t, cmd.Process.Pid)
	}
	began := time.Now()
	before := usage(t, tr)
	time.Sleep(time.Second)
	after := usage(t, tr)
	took := time.Since(began)
	for i, cmd := range w.cmds {
		charged[i] += clock(t, cmd.Process.Pid)
	}
	d := attribute.Delta(before, after)
	var busy time.Duration
	for _, a := range d.Packages[0].Parties {
		busy += a.CPU
	}
	if most := time.Duration(runtime.NumCPU()) * took; busy > most {
		t.Errorf("%v of CPU time in %v", busy, took)
	}
	var c usageCpu
	if err := tr.objects.Cpus.Lookup(uint32(0), &c); err != nil {
		t.Fatal(err)
	}
	if c.ClockAt == 0 {
		t.Error("the scheduler's clock was never compared")
	}
	right = true
	for i, cmd := range w.cmds {
		var got time.Duration
		for _, p := range d.Processes {
			if p.PID == cmd.Process.Pid {
				got += p.Accounts[0].CPU
			}
		}
		// The looks at both are some time apart, and interrupts are the kernel's here.
		part := got.Seconds() / charged[i].Seconds()
		t.Logf("%v, the kernel charges %v (%.2f %%)", got, charged[i], 100*part)
		if math.Abs(part-1) > 0.03 {
			right = false
			if last {
				t.Errorf("process %d has %v, the kernel charges it %v", cmd.Process.Pid, got, charged[i])
			}
		}
	}
	return right
}
