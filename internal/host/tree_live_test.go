package host

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// launch runs roles under a sampler as the session does: a gate, a subreaper,
// Ending before and Reaped after every wait. It returns the metrics and the
// sum of what the processes noted, of which the peak is the largest.
func launch(t *testing.T, roles string, tick time.Duration) (map[string]energy.Metric, note) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	notes := t.TempDir()
	pid, gate := gated(t, roles, notes)
	s := New("/", Target{PID: pid, Launched: true})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	gate()
	next := time.Now().Add(tick)
	for alive := true; alive; {
		ended, any := anyEnded(t)
		alive = any
		if ended != 0 {
			s.Ending(ended)
			var ws syscall.WaitStatus
			var ru syscall.Rusage
			if _, err := syscall.Wait4(ended, &ws, 0, &ru); err != nil || ws.ExitStatus() != 0 {
				t.Fatal(err, ws)
			}
			s.Reaped(ended, &ru)
			continue
		}
		if tick > 0 && time.Now().After(next) {
			s.Tick()
			next = time.Now().Add(tick)
		}
		time.Sleep(time.Millisecond)
	}
	return byName(t, s.Stop(0)), readNotes(t, notes)
}

// gated starts roles in a process that waits until gate is called.
func gated(t *testing.T, roles, notes string) (pid int, gate func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{roleVariable + "=" + roles, notesVariable + "=" + notes, "HOST_TEST_GATE=1", noLinger}
	pid, err = syscall.ForkExec("/proc/self/exe", []string{"host.test"}, &syscall.ProcAttr{Env: env, Files: []uintptr{r.Fd(), 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	// The runtime of the process has to have started and be reading.
	waitUntil(t, "the command is at its gate", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		for _, thread := range threads {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/syscall", pid, thread.Name()))
			if strings.HasPrefix(string(b), fmt.Sprintf("%d 0x0 ", syscall.SYS_READ)) {
				return true
			}
		}
		return strings.HasPrefix(string(b), fmt.Sprintf("%d 0x0 ", syscall.SYS_READ))
	})
	return pid, func() {
		if _, err := w.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
	}
}

func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s until %s", what)
		}
	}
}

// anyEnded returns a child that has ended and is not reaped, and whether there
// are children at all.
func anyEnded(t *testing.T) (pid int, any bool) {
	t.Helper()
	// siginfo_t: si_pid is the fourth int on 64-bit Linux.
	var info [32]int32
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
		switch errno {
		case syscall.EINTR:
			continue
		case syscall.ECHILD:
			return 0, false
		case 0:
			return int(info[4]), true // past si_signo, si_errno, si_code and padding
		}
		t.Fatal(errno)
	}
}

func readNotes(t *testing.T, dir string) (sum note) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if _, err := strconv.Atoi(f.Name()); err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var one note
		if _, err := fmt.Sscan(string(b), (*int64)(&one.cpu), &one.readChars, &one.written, &one.flushed, &one.peak); err != nil {
			t.Fatal(f.Name(), err)
		}
		sum.cpu += one.cpu
		sum.readChars += one.readChars
		sum.written += one.written
		sum.flushed += one.flushed
		sum.peak = max(sum.peak, one.peak)
		n++
	}
	if n == 0 {
		t.Fatal("no process left a note")
	}
	return sum
}

// near fails when a time is not the truth within what exec, exit and the notes
// themselves cost per process.
func near(t *testing.T, what string, got float64, want time.Duration, processes int) {
	t.Helper()
	slack := time.Duration(processes) * 15 * time.Millisecond
	if d := got - want.Seconds(); d < -0.001 || d > slack.Seconds() {
		t.Errorf("%s = %.4f s, the processes used %.4f s (at most %v more may go into their start and end)", what, got, want.Seconds(), slack)
	}
}

func TestLaunchedTree(t *testing.T) {
	tests := []struct {
		name, roles string
		processes   int
		atLeast     time.Duration
		unmet       bool // without samples, an orphan is not seen alive
	}{
		{"alone", "burn=100", 1, 100 * time.Millisecond, false},
		{"children that died", "burn=20 run=burn=50 run=burn=50 run=burn=50", 4, 170 * time.Millisecond, false},
		{"grandchildren that died", "run=burn=30,run=burn=40", 2, 30 * time.Millisecond, false},
		{"threads", "threads=4", 1, 200 * time.Millisecond, false},
		{"orphan that outlives the leader", "burn=10 orphan=sleep=150,burn=80,threads=2", 2, 190 * time.Millisecond, false},
		{"orphan of a child", "run=orphan=sleep=100,burn=60 burn=30", 3, 30 * time.Millisecond, true},
	}
	for _, tt := range tests {
		for _, tick := range []time.Duration{0, 10 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s, tick %v", tt.name, tick), func(t *testing.T) {
				got, truth := launch(t, tt.roles, tick)
				if truth.cpu < tt.atLeast {
					t.Fatalf("the processes noted %v, less than the %v they had to burn", truth.cpu, tt.atLeast)
				}
				cpu := value(t, got, "cpu.time")
				near(t, "cpu.time", cpu, truth.cpu, tt.processes)
				if sum := value(t, got, "cpu.user") + value(t, got, "cpu.system"); sum < cpu-1e-6 || sum > cpu+1e-6 {
					t.Errorf("user + system = %v, cpu.time %v", sum, cpu)
				}
				if value(t, got, "cpu.utilization") <= 0 || tt.processes > 1 && value(t, got, "memory.faults_minor") < 100 {
					t.Error("no utilization or no faults")
				}
				for _, name := range []string{"cpu.run_wait", "io.read_chars", "cpu.context_switches_voluntary"} {
					// The files of a zombie are root's.
					if m := got[name]; tt.unmet && tick == 0 && os.Geteuid() != 0 && m.Value == nil && strings.Contains(m.Reason, "may not be read") {
						continue
					}
					value(t, got, name)
				}
			})
		}
	}
}

// TestChildrenTheKernelReaps has a parent that ignores SIGCHLD: wait4 knows
// nothing of its children, samples do.
func TestChildrenTheKernelReaps(t *testing.T) {
	got, truth := launch(t, "ignore run=burn=150 run=burn=150", 10*time.Millisecond)
	cpu := value(t, got, "cpu.time")
	if cpu < 0.8*truth.cpu.Seconds() || cpu > truth.cpu.Seconds()+0.045 {
		t.Errorf("cpu.time = %v, the processes used %v, of which samples should have seen most", cpu, truth.cpu)
	}
}

func TestLaunchedFiles(t *testing.T) {
	for _, tick := range []time.Duration{0, 10 * time.Millisecond} {
		got, truth := launch(t, "write=3 run=write=2 orphan=sleep=100,write=1", tick)
		if truth.written < 6<<20 {
			t.Fatalf("noted %d bytes", truth.written)
		}
		// A process's own note, of less than 100 bytes, is not in it.
		for name, want := range map[string]int64{"io.written_chars": truth.written, "io.read_chars": truth.readChars, "io.written": truth.flushed} {
			if d := int64(value(t, got, name)) - want; d < 0 || d > 64<<10 {
				t.Errorf("tick %v: %s is %d more than the %d noted", tick, name, d, want)
			}
		}
	}
}

func TestLaunchedMemory(t *testing.T) {
	got, truth := launch(t, "orphan=touch=48 run=touch=64", 5*time.Millisecond)
	const mib = 1 << 20
	// The kernel's mark is brought up to date at times, not at every page.
	if v := value(t, got, "memory.rss_peak"); v < 64*mib || math.Abs(v-float64(truth.peak)) > 4*mib {
		t.Errorf("memory.rss_peak = %.1f MiB, the largest process had %.1f", v/mib, float64(truth.peak)/mib)
	}
	if v := value(t, got, "memory.tree_rss_peak"); v < 112*mib || v > 3*float64(truth.peak) {
		t.Errorf("memory.tree_rss_peak = %.1f MiB, two processes held 112, none of three had more than %.1f", v/mib, float64(truth.peak)/mib)
	}
	if mean, peak := value(t, got, "memory.rss_mean"), value(t, got, "memory.tree_rss_peak"); mean > peak || mean < 20<<20 {
		t.Errorf("mean %v, peak %v", mean, peak)
	}
	if v := value(t, got, "processes.peak"); v != 3 {
		t.Errorf("processes.peak = %v, want 3", v)
	}
	if p, n := value(t, got, "processes.peak"), value(t, got, "threads.peak"); n < p {
		t.Errorf("%v threads in %v processes", n, p)
	}
}

// TestShortCommand ends before any sample: what only samples know is null.
func TestShortCommand(t *testing.T) {
	got, _ := launch(t, "burn=1", 0)
	for _, name := range []string{"memory.rss_mean", "memory.tree_rss_peak", "processes.peak", "threads.peak"} {
		if m := got[name]; m.Value != nil {
			t.Errorf("%s = %v without a sample", name, *m.Value)
		}
	}
	value(t, got, "cpu.time")
	value(t, got, "cpu.run_wait")
}

// TestWithoutEnding leaves out what only a look before reaping can tell.
func TestWithoutEnding(t *testing.T) {
	notes := t.TempDir()
	pid, gate := gated(t, "burn=20", notes)
	s := New("/", Target{PID: pid, Launched: true})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	gate()
	var ru syscall.Rusage
	if _, err := syscall.Wait4(pid, nil, 0, &ru); err != nil {
		t.Fatal(err)
	}
	s.Reaped(pid, &ru)
	got := byName(t, s.Stop(0))
	near(t, "cpu.time", value(t, got, "cpu.time"), readNotes(t, notes).cpu, 1)
	for _, name := range []string{"cpu.run_wait", "io.read_chars", "io.written_chars"} {
		if m := got[name]; m.Value != nil {
			t.Errorf("%s = %v, which nobody could read", name, *m.Value)
		}
	}
}
