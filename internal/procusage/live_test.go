package procusage

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// allCPUs is one package with every CPU.
func allCPUs() []energy.Place { return places(runtime.NumCPU()) }

// follow ends an interval every d until the command has ended and was waited
// for, then one more, and returns the usage.
func follow(t *testing.T, tr *Tracker, cmd *exec.Cmd, d time.Duration) energy.Usage {
	t.Helper()
	joules := [][energy.NumDomains]float64{{energy.Package: 1}}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for done := false; !done; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-time.After(d):
		}
		if err := tr.Interval(energy.Now(), joules); err != nil {
			t.Fatal(err)
		}
	}
	u, err := tr.Usage(true)
	if err != nil {
		t.Fatal(err)
	}
	checkUsage(t, u)
	return u
}

// bomb is a shell command of n short-lived children, some ms each.
func bomb(n int, tail string) *exec.Cmd {
	return exec.Command("/bin/sh", "-c", fmt.Sprintf(
		`read go; i=0; while [ $i -lt %d ]; do %s; i=$((i+1)); done`, n, fmt.Sprintf(tail, `sh -c 'j=0; while [ $j -lt 3000 ]; do j=$((j+1)); done'`)))
}

// begin starts a command that waits, and a tracker of it.
func begin(t *testing.T, cmd *exec.Cmd, target func(pid int) Target) *Tracker {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tr, err := New(Config{Places: allCPUs(), Target: target(cmd.Process.Pid)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	if !tr.live {
		t.Fatal("/proc/self is not this process: no clocks")
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	return tr
}

func launched(pid int) Target { return Target{PID: pid, Launched: true} }

func TestShortLivedChildrenOfACommand(t *testing.T) {
	for _, every := range []time.Duration{20 * time.Millisecond, 10 * time.Second} {
		cmd := bomb(300, "%s")
		tr := begin(t, cmd, launched)
		u := follow(t, tr, cmd, every)
		truth := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		got := seconds(u, energy.Target)
		t.Logf("every %v: %.3f s of %.3f s of CPU time (%.2f %%) captured, %d lines", every, got, truth, 100*got/truth, len(u.Processes))
		if math.Abs(got-truth) > 0.01*truth+0.01 {
			t.Errorf("every %v: %.3f s captured of %.3f s", every, got, truth)
		}
	}
}

// With --pid nobody tells what a process that has ended had used: the last
// look counts.
func TestShortLivedChildrenOfARunningProcess(t *testing.T) {
	cmd := bomb(300, "%s")
	tr := begin(t, cmd, func(pid int) Target { return Target{PID: pid} })
	u := follow(t, tr, cmd, 20*time.Millisecond)
	truth := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	got := seconds(u, energy.Target)
	t.Logf("%.3f s of %.3f s of CPU time (%.2f %%) captured", got, truth, 100*got/truth)
	if got > truth*1.01+0.02 || got < truth*0.9-0.05 {
		t.Errorf("%.3f s captured of %.3f s", got, truth)
	}
}

// jobGroup makes a control group with a CPU counter. Where that is not allowed
// there is no counter that could be the truth; where it is, it has to work.
func jobGroup(t *testing.T) (name, dir string) {
	t.Helper()
	name = "/procusage-test-" + strconv.Itoa(os.Getpid())
	var failed error
	for _, mount := range []string{"/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(mount + "/cgroup.procs"); err != nil {
			continue
		}
		err := os.Mkdir(mount+name, 0o755)
		if err == nil {
			t.Cleanup(func() { _ = syscall.Rmdir(mount + name) })
			return name, mount + name
		}
		if os.Geteuid() == 0 && unix.Access(mount, unix.W_OK) == nil {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		t.Fatal("this is root, and no control group can be made in a file system that can be written: ", failed)
	}
	t.Skip("no control group can be made here: root and a writable cgroupfs are needed")
	return "", ""
}

// Children whose parent ends at once are waited for by init, which is not the
// target: /proc alone loses those that nobody looked at in time, the group's
// counter does not.
func TestOrphansThatComeAndGo(t *testing.T) {
	name, dir := jobGroup(t)
	for _, c := range []struct {
		by     energy.Method
		reaper bool // this program takes orphans in, as a session does
		least  float64
	}{{energy.ByProc, false, 0}, {energy.ByCgroup, false, 0.99}, {energy.ByProc, true, 0.98}} {
		by := c.by
		if c.reaper {
			adoptOrphans(t)
		}
		cmd := bomb(200, "( %s & )")
		cmd.Args[2] += "; sleep 0.3"
		var before uint64
		tr := begin(t, cmd, func(pid int) Target {
			if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 4096)
			g := openGroup([]string{dir}, &buf)
			before = g.first
			g.file.Close()
			if by == energy.ByCgroup {
				return Target{PID: pid, Cgroup: name}
			}
			return launched(pid)
		})
		u := follow(t, tr, cmd, 20*time.Millisecond)
		if tr.Method() != by {
			t.Errorf("method %v, want %v", tr.Method(), by)
		}
		buf := make([]byte, 4096)
		g := openGroup([]string{dir}, &buf)
		truth := float64(g.first-before) / 1e9
		g.file.Close()
		got := seconds(u, energy.Target)
		t.Logf("%s, reaper: %v: %.3f s of %.3f s of CPU time (%.1f %%) captured", by, c.reaper, got, truth, 100*got/truth)
		if got > truth*1.02+0.02 {
			t.Errorf("%s: %.3f s captured, more than the %.3f s there were", by, got, truth)
		}
		if got < truth*c.least {
			t.Errorf("%s: %.3f s captured of %.3f s", by, got, truth)
		}
	}
}

// adoptOrphans makes this process the one that orphans below it are handed to,
// until the test ends.
func adoptOrphans(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(os.NewSyscallError("prctl", err))
	}
	t.Cleanup(func() {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
		for {
			if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
				return
			}
		}
	})
}

// What everybody did and what the machine says add up.
func TestPartiesMakeUpTheMachine(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "read go; i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done")
	tr := begin(t, cmd, launched)
	start := energy.Now()
	u := follow(t, tr, cmd, 50*time.Millisecond)
	busy, _ := tr.cpus.since(0)
	var sum float64
	for who := energy.Target; who < energy.Parties; who++ {
		sum += seconds(u, who)
		t.Logf("%-7v %.3f s", who, seconds(u, who))
	}
	t.Logf("sum %.3f s, /proc/stat says %.3f s busy of %.3f s on %d CPUs", sum, float64(busy)/1e9, energy.Now().Sub(start).Seconds(), runtime.NumCPU())
	// The machine's side is sampled at the tick, and loses what a hypervisor takes.
	slack := 0.15*sum + 0.02*float64(runtime.NumCPU()) + 0.1
	if math.Abs(sum-float64(busy)/1e9) > slack {
		t.Errorf("parties add up to %.3f s, the machine was busy for %.3f s", sum, float64(busy)/1e9)
	}
	if capacity := energy.Now().Sub(start).Seconds() * float64(runtime.NumCPU()); sum > capacity*1.01+0.05 {
		t.Errorf("%.3f CPU seconds in %.3f", sum, capacity)
	}
}

func TestFilesAreClosed(t *testing.T) {
	count := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(e)
	}
	before := count()
	tr, err := New(Config{Places: allCPUs(), Target: Target{PID: os.Getpid()}, Threads: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := tr.Interval(energy.Now(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n > before+3 {
		t.Errorf("%d files open, %d before", n, before)
	}
	tr.Close()
	tr.Close()
	if n := count(); n != before {
		t.Errorf("%d files open after Close, %d before", n, before)
	}
	if err := tr.Interval(energy.Now(), nil); err == nil {
		t.Error("a closed tracker goes on")
	}
}

func BenchmarkInterval(b *testing.B) {
	tr, err := New(Config{Places: allCPUs(), Target: Target{PID: os.Getpid()}})
	if err != nil {
		b.Fatal(err)
	}
	defer tr.Close()
	joules := [][energy.NumDomains]float64{{energy.Package: 1}}
	b.ReportAllocs()
	for b.Loop() {
		if err := tr.Interval(energy.Now(), joules); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(tr.byPID)), "processes")
}
