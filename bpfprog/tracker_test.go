package bpfprog

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// mayLoad skips where this process can't load programs: that is a right the
// tests have or have not.
func mayLoad(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("not root: programs can't be loaded")
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		tb.Skip("this kernel describes no types: ", err)
	}
}

// open starts a tracker of this machine as one package.
func open(tb testing.TB, o Options) *Tracker {
	tb.Helper()
	mayLoad(tb)
	o.CPUs = runtime.NumCPU()
	if o.Places == nil {
		var cpus []int
		for i := range o.CPUs {
			cpus = append(cpus, i)
		}
		o.Places = []energy.Place{{Socket: 0, Die: -1, CPUs: cpus}}
	}
	tr, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { tr.Close() })
	return tr
}

// watts is the power of the software counter that stands in for a package's:
// it counts time.
const watts = 50

// interval ends an interval with the energy of the time since the last one.
func interval(t *testing.T, tr *Tracker, last *time.Time) {
	t.Helper()
	now := time.Now()
	j := watts * now.Sub(*last).Seconds()
	*last = now
	joules := make([][energy.NumDomains]float64, len(tr.o.Places))
	for k := range joules {
		joules[k][energy.Package], joules[k][energy.DRAM] = j, j/10
	}
	if err := tr.Interval(energy.Now(), joules); err != nil {
		t.Fatal(err)
	}
}

func usage(t *testing.T, tr *Tracker) energy.Usage {
	t.Helper()
	u, err := tr.Usage(true)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// held starts a shell that waits for a line before it runs script, so that it
// can be followed from before its first instruction.
func held(t *testing.T, script string) (cmd *exec.Cmd, release func()) {
	t.Helper()
	cmd = exec.Command("/bin/sh", "-c", "echo >&3; exec 3>&-; read line; "+script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	up, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	cmd.ExtraFiles = []*os.File{says}
	err = cmd.Start()
	says.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Read(make([]byte, 1)); err != nil { // it has started, and waits
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, func() {
		if _, err := fmt.Fprintln(in); err != nil {
			t.Fatal(err)
		}
	}
}

// untilOver ends intervals until a command has ended.
func untilOver(t *testing.T, tr *Tracker, cmd *exec.Cmd, every time.Duration, last *time.Time) {
	t.Helper()
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	for done := false; !done; {
		select {
		case err := <-over:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-time.After(every):
		}
		interval(t, tr, last)
	}
}

// asleep reports whether a process waits for something.
func asleep(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "S")
}

// partySum adds what the parties and nobody have of a domain.
func partySum(p energy.PackageUsage, d energy.Domain) float64 {
	sum := p.Nobody.Joules[d]
	for _, a := range p.Parties {
		sum += a.Joules[d]
	}
	return sum
}

// What parties and nobody have adds up to what the counter moved by, and their
// seconds to the time covered.
func TestSharesAddUp(t *testing.T) {
	tr := open(t, Options{})
	cmd, release := held(t, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
	if err := tr.Follow(Target{PID: cmd.Process.Pid}); err != nil {
		t.Fatal(err)
	}
	last := time.Now()
	interval(t, tr, &last)
	first := last
	before := usage(t, tr)
	release()
	for range 30 {
		time.Sleep(7 * time.Millisecond)
		interval(t, tr, &last)
	}
	after := usage(t, tr)
	a, b := after.Packages[0], before.Packages[0]
	for d, want := range map[energy.Domain]float64{energy.Package: watts * last.Sub(first).Seconds(), energy.DRAM: watts / 10 * last.Sub(first).Seconds()} {
		got := partySum(a, d) - partySum(b, d)
		if math.Abs(got/want-1) > 1e-4 {
			t.Errorf("%v: shares add up to %v J, the counter moved by %v J", d, got, want)
		}
	}
	seconds := a.Nobody.Seconds - b.Nobody.Seconds
	var busy time.Duration
	for q := range a.Parties {
		seconds += a.Parties[q].Seconds - b.Parties[q].Seconds
		busy += a.Parties[q].CPU - b.Parties[q].CPU
	}
	if want := a.Seconds - b.Seconds; math.Abs(seconds/want-1) > 1e-4 {
		t.Errorf("seconds add up to %v of %v", seconds, want)
	}
	// CPU time goes on between the last interval and the look at it.
	if limit := time.Duration(float64(runtime.NumCPU()) * 1.01 * float64(after.At.Sub(before.At)+2*time.Millisecond)); busy <= 0 || busy > limit {
		t.Errorf("CPU time %v, at most %v can be", busy, limit)
	}
	if a.Parties[energy.Target].Joules[energy.Package] <= 0 {
		t.Error("the target spent nothing")
	}
}

// clock returns the CPU time of a process: its clock is ~PID, of kind
// CPUCLOCK_SCHED (include/linux/posix-timers_types.h).
func clock(t testing.TB, pid int) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// playVar makes the test binary a process that tests look at.
const playVar = "BPFPROG_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(playVar) {
	case "relay":
		relay()
	case "burn":
		burn()
	case "threads", "exec-by-a-thread":
		threads(os.Getenv(playVar) == "exec-by-a-thread")
	case "fork":
		fork()
	case "open":
		openWithoutRights()
	case "filtered":
		filtered()
	case "spin":
		for {
		}
	default:
		os.Exit(m.Run())
	}
}

// The tree is followed through double forks, new sessions, threads and exec,
// and nobody else is taken for it.
func TestTheTreeIsFollowed(t *testing.T) {
	tr := open(t, Options{})
	stranger := exec.Command("/bin/sh", "-c", "while :; do :; done")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	burn := "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
	cmd, release := held(t, `sh -c '(setsid sh -c "`+strings.ReplaceAll(burn, "$", `\$`)+`; exec sleep 0.01" &)'; exec sh -c '`+burn+`; sleep 0.6'`)
	if err := tr.Follow(Target{PID: cmd.Process.Pid}); err != nil {
		t.Fatal(err)
	}
	release()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	u := usage(t, tr)
	var target, others time.Duration
	names := map[string]bool{}
	for _, p := range u.Processes {
		switch {
		case p.PID == stranger.Process.Pid && p.Party != energy.Others:
			t.Errorf("the stranger is %v", p.Party)
		case p.PID == os.Getpid() && p.Party != energy.Tool:
			t.Errorf("this program is %v", p.Party)
		case p.Party == energy.Target:
			target += p.Accounts[0].CPU
			names[p.Comm] = true
		case p.Party == energy.Others:
			others += p.Accounts[0].CPU
		}
	}
	if !names["sleep"] || target < 20*time.Millisecond {
		t.Errorf("the target ran for %v, as %v: the one that left its session is missing", target, names)
	}
	if others < 100*time.Millisecond {
		t.Errorf("others ran for %v", others)
	}
}

// Every program is the target, but this one and the kernel.
func TestMachine(t *testing.T) {
	tr := open(t, Options{})
	if err := tr.Follow(Target{Machine: true}); err != nil {
		t.Fatal(err)
	}
	tr.Forget() // who ended before
	cmd, release := held(t, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
	release()
	_ = cmd.Wait()
	u := usage(t, tr)
	if p := u.Packages[0]; p.Parties[energy.Target].CPU < 10*time.Millisecond {
		t.Errorf("programs ran for %v", p.Parties[energy.Target].CPU)
	}
	for _, p := range u.Processes {
		if p.Party == energy.Others {
			t.Errorf("process %d (%s) is others", p.PID, p.Comm)
		}
	}
}

// A task that is never switched out has a line, with all it did.
func TestRunningTask(t *testing.T) {
	tr := open(t, Options{})
	cmd, release := held(t, "while :; do :; done")
	release()
	before := usage(t, tr)
	began := clock(t, cmd.Process.Pid)
	time.Sleep(300 * time.Millisecond)
	ran := clock(t, cmd.Process.Pid) - began
	after := usage(t, tr)
	of := func(u energy.Usage) time.Duration {
		for _, p := range u.Processes {
			if p.PID == cmd.Process.Pid {
				return p.Accounts[0].CPU
			}
		}
		return 0
	}
	// What interrupted it is the kernel's.
	if got := of(after) - of(before); ran < 10*time.Millisecond || got < ran*95/100 {
		t.Errorf("%v of CPU time, the task's clock says %v", got, ran)
	}
}

// Nothing is left behind: no goroutine, no descriptor, no program.
func TestCloseLeavesNothing(t *testing.T) {
	mayLoad(t)
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	tr := open(t, Options{}) // the kernel's types are read once, and kept
	tr.Close()
	fds, goroutines := count(), runtime.NumGoroutine()
	tr = open(t, Options{})
	usage(t, tr)
	if err := errors.Join(tr.Close(), tr.Close()); err != nil {
		t.Error(err)
	}
	time.Sleep(20 * time.Millisecond)
	if got := count(); got > fds {
		t.Errorf("%d descriptors are open, %d were", got, fds)
	}
	if got := runtime.NumGoroutine(); got > goroutines {
		t.Errorf("%d goroutines run, %d did", got, goroutines)
	}
}

// Where the ring or the table of past threads is full, joules stay in the
// parties' accounts, and what has no line is counted.
func TestNoRoom(t *testing.T) {
	tr := open(t, Options{Threads: true, room: 1})
	cmd, in := forker(t, 300, 100*time.Microsecond)
	if err := tr.Follow(Target{PID: cmd.Process.Pid}); err != nil {
		t.Fatal(err)
	}
	last := time.Now()
	interval(t, tr, &last)
	first := last
	before := usage(t, tr)
	tr.mu.Lock() // nobody empties the ring
	in.Close()
	err := cmd.Wait()
	tr.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	interval(t, tr, &last)
	u := usage(t, tr)
	if u.Lost.Events == 0 || u.Lost.Processes == 0 {
		t.Errorf("300 ends in a ring of a page: lost %+v", u.Lost)
	}
	joules := partySum(u.Packages[0], energy.Package) - partySum(before.Packages[0], energy.Package)
	if counted := watts * last.Sub(first).Seconds(); math.Abs(joules/counted-1) > 1e-3 {
		t.Errorf("%v J of %v J", joules, counted)
	}
}
