package session

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

func onePackage(tb testing.TB) *testutil.Ticking {
	return testutil.NewTicking(tb, testutil.TickingZone{Name: "package-0", Watts: 100, StartUJ: 1000})
}

// pidFrom reads a process number that a command wrote.
func pidFrom(tb testing.TB, file string) int {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		tb.Fatal(err)
	}
	return pid
}

// A command that leaves a process behind: the window ends with the command,
// the process goes on, and the result says so.
func TestDescendantsLeft(t *testing.T) {
	h, file := onePackage(t), filepath.Join(t.TempDir(), "pid")
	r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 10 & echo $! >" + file)})
	pid := pidFrom(t, file)
	defer func() {
		// It is this process's child while that is a subreaper, and init's after.
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
	}()
	if r.DurationS > 5 {
		t.Errorf("waited for %v s", r.DurationS)
	}
	if _, ok := warning(r, "descendants-left"); !ok {
		t.Errorf("warnings %+v", r.Warnings)
	}
	if !alive(pid) {
		t.Error("the process left behind is gone")
	}
}

// A child that nobody waited for has ended when the command does: nothing of it
// goes on, and nothing of it is left.
func TestZombiesAreNotLeft(t *testing.T) {
	// What other tests left behind became this process's, and would be left here.
	for began := time.Now(); time.Since(began) < 15*time.Second; time.Sleep(20 * time.Millisecond) {
		if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err == syscall.ECHILD {
			break
		}
	}
	h, file := onePackage(t), filepath.Join(t.TempDir(), "pid")
	r := mustRun(t, Options{Root: h.Root, Command: shell("true & echo $! >" + file + "; exec sleep 0.2")})
	if w, ok := warning(r, "descendants-left"); ok {
		t.Errorf("a process that had ended is said to go on: %+v", w)
	}
	if err := unix.Kill(pidFrom(t, file), 0); err != unix.ESRCH {
		t.Errorf("the child is still there: %v", err)
	}
}

func TestWaitAll(t *testing.T) {
	h := onePackage(t)
	began := time.Now()
	// The grandchild outlives both its parents.
	r := mustRun(t, Options{Root: h.Root, WaitAll: true, Command: shell("(sh -c 'sleep 0.3; exit 9' &) ; exit 6")})
	if time.Since(began) < 300*time.Millisecond || r.DurationS < 0.3 || r.DurationS > 5 {
		t.Errorf("the window was %v s", r.DurationS)
	}
	if _, ok := warning(r, "descendants-left"); ok {
		t.Error("descendants are left")
	}
	if *r.Command.ExitCode != 6 {
		t.Errorf("exit status %d is not the command's", *r.Command.ExitCode)
	}
}

// Orphans of the command come to this process and are reaped; their CPU time
// is part of the result.
func TestOrphansAreReaped(t *testing.T) {
	h, file := onePackage(t), filepath.Join(t.TempDir(), "pid")
	busy := "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"
	r := mustRun(t, Options{Root: h.Root, Command: shell("(sh -c 'echo $$ >" + file + "; " + busy + "' &); sleep 0.8")})
	pid := pidFrom(t, file)
	if _, err := os.Stat("/proc/" + itoa(pid)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the orphan %d is still there: %v", pid, err)
	}
	if cpu := r.Metrics["cpu.time"]; cpu.Value == nil || *cpu.Value < 0.005 {
		t.Errorf("cpu.time %+v lacks the orphan's", cpu)
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	script := "trap 'exit 21' INT; trap 'exit 22' TERM; trap 'exit 23' HUP; trap 'exit 24' USR1; while :; do sleep 0.02; done"
	for _, c := range []struct {
		sig  syscall.Signal
		want int
	}{{unix.SIGINT, 21}, {unix.SIGTERM, 22}, {unix.SIGHUP, 23}, {unix.SIGUSR1, 24}} {
		if signal.Ignored(c.sig) {
			continue // inherited, as under nohup: no shell can trap it then
		}
		h, ch := onePackage(t), make(chan os.Signal, 1)
		started := func() { time.AfterFunc(100*time.Millisecond, func() { ch <- c.sig }) }
		r := mustRun(t, Options{Root: h.Root, Command: shell(script), Signals: ch, Started: started})
		if r.Command.ExitCode == nil || *r.Command.ExitCode != c.want {
			t.Errorf("%v: %+v, want exit status %d", c.sig, r.Command, c.want)
		}
	}
	// What a terminal has sent to the command already is not sent again.
	h, ch := onePackage(t), make(chan os.Signal, 1)
	c := shell("trap 'exit 21' INT; sleep 0.1; sleep 0.1; sleep 0.1; exit 0")
	c.PassInterrupt = func() bool { return false }
	started := func() { time.AfterFunc(100*time.Millisecond, func() { ch <- unix.SIGINT }) }
	if r := mustRun(t, Options{Root: h.Root, Command: c, Signals: ch, Started: started}); *r.Command.ExitCode != 0 {
		t.Errorf("SIGINT was passed on: %+v", r.Command)
	}
}

func TestContextEnds(t *testing.T) {
	h := onePackage(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := runWith(ctx, t, Options{Root: h.Root, Command: shell("exec sleep 10"), Started: func() { time.AfterFunc(100*time.Millisecond, cancel) }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Command.Signal != "SIGTERM" || r.Total.EnergyJ == nil || r.DurationS > 5 {
		t.Errorf("%+v after %v s, total %+v", r.Command, r.DurationS, r.Total)
	}
	// With no command, it ends the window.
	ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if r, err = runWith(ctx, t, Options{Root: h.Root, Machine: true}); err != nil || r.DurationS > 5 {
		t.Errorf("%v", err)
	}
	// And one that has ended before anything began.
	ctx, cancel = context.WithCancel(context.Background())
	cancel()
	if r, err = runWith(ctx, t, Options{Root: h.Root, Command: shell("exec sleep 10")}); err != nil || r.Command.Signal != "SIGTERM" {
		t.Errorf("%v", err)
	}
}

func TestDuration(t *testing.T) {
	h := onePackage(t)
	r := mustRun(t, Options{Root: h.Root, Machine: true, Duration: 150 * time.Millisecond})
	if r.DurationS < 0.15 || r.DurationS > 0.25 || r.Target.Kind != "machine" || r.Command != nil {
		t.Errorf("%v s, %+v", r.DurationS, r.Target)
	}
	if want := 100 * r.DurationS; math.Abs(*r.Total.EnergyJ-want) > 0.05*want {
		t.Errorf("%v J, want %v", *r.Total.EnergyJ, want)
	}
	ch := make(chan os.Signal, 1)
	ch <- unix.SIGINT
	if r = mustRun(t, Options{Root: h.Root, Machine: true, Duration: time.Minute, Signals: ch}); r.DurationS > 5 {
		t.Errorf("a signal did not end the window: %v s", r.DurationS)
	}
}

func TestProcess(t *testing.T) {
	h := onePackage(t)
	cmd := exec.Command("/bin/sleep", "0.3")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r, err := run(t, Options{Root: h.Root, PID: cmd.Process.Pid})
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process was disturbed: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Target.Kind != "pid" || r.Target.PID != cmd.Process.Pid || r.DurationS > 1 || r.Command != nil {
		t.Errorf("%+v after %v s", r.Target, r.DurationS)
	}
	// The window may end before the process does.
	cmd = exec.Command("/bin/sleep", "10")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r, err = run(t, Options{Root: h.Root, PID: cmd.Process.Pid, Duration: 100 * time.Millisecond})
	if !alive(cmd.Process.Pid) {
		t.Error("the process was killed")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil || r.DurationS > 1 {
		t.Errorf("%v", err)
	}
	// One that is not there.
	if _, err := run(t, Options{Root: h.Root, PID: cmd.Process.Pid}); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("error %v", err)
	}
}

// A group that is removed ends the window. The directory stands in for a
// cgroup's: what is looked at is whether it is there.
func TestCgroupVanishes(t *testing.T) {
	h := onePackage(t)
	group := h.Cgroup(t, "job")
	started := func() { time.AfterFunc(150*time.Millisecond, func() { _ = os.RemoveAll(group) }) }
	r := mustRun(t, Options{Root: h.Root, Cgroup: "/job", Started: started})
	if r.Target.Kind != "cgroup" || r.Target.Cgroup != "/job" || r.DurationS < 0.1 || r.DurationS > 2 || r.Total.EnergyJ == nil {
		t.Errorf("%+v after %v s, total %+v", r.Target, r.DurationS, r.Total)
	}
	if _, err := run(t, Options{Root: h.Root, Cgroup: "/job"}); err == nil || !strings.Contains(err.Error(), "/job") {
		t.Errorf("error %v", err)
	}
}

func TestNothingToMeasure(t *testing.T) {
	h := onePackage(t)
	if _, err := run(t, Options{Root: h.Root}); err == nil || !strings.Contains(err.Error(), "nothing to measure") {
		t.Errorf("error %v", err)
	}
}

// A source asked for by name and not there is an error that says why and what
// to do; auto goes on to the next.
func TestSourceByName(t *testing.T) {
	root := testutil.Host(t, "intel-unloaded")
	for _, name := range []string{source.Powercap, source.MSR} {
		_, err := run(t, Options{Root: root, Source: name, Command: shell("true")})
		if !errors.Is(err, energy.ErrAbsent) && !errors.Is(err, energy.ErrForbidden) {
			t.Errorf("%s: %v, want a refusal", name, err)
			continue
		}
		if r := energy.Refusals(name, err)[0]; !strings.Contains(r.Reason, root) || !strings.Contains(err.Error(), r.Reason) {
			t.Errorf("%s: the error does not say on which file: %v", name, err)
		}
	}
	h := onePackage(t)
	if r := mustRun(t, Options{Root: h.Root, Source: source.Auto, Command: shell("true")}); r.Source.Name != source.Powercap || len(r.Source.Refused) == 0 || r.Source.Refused[0].Name != source.Perf {
		t.Errorf("source %+v", r.Source)
	}
}

// A counter that stands still is none, and the estimate says why it is one.
func TestStaticCounters(t *testing.T) {
	h := onePackage(t)
	if err := h.Break("package-0", "4711\n"); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, Options{Root: h.Root, Command: shell("true")})
	if !errors.Is(err, energy.ErrBroken) || !strings.Contains(err.Error(), "stand still") {
		t.Errorf("error %v", err)
	}
	r := mustRun(t, Options{Root: h.Root, Source: source.Auto, Command: shell("exit 5")})
	if r.Source.Name != source.Model || r.Source.Quality != energy.Estimated || *r.Command.ExitCode != 5 {
		t.Errorf("source %+v, command %+v", r.Source, r.Command)
	}
	found := false
	for _, x := range r.Source.Refused {
		found = found || x.Name == source.Powercap && strings.Contains(x.Reason, "stand still")
	}
	if !found {
		t.Errorf("refused %+v", r.Source.Refused)
	}
	if _, ok := warning(r, "estimated"); !ok {
		t.Error("an estimate without a warning")
	}
}

// Whatever keeps a command from starting, nothing of it is left.
func TestCommandCannotStart(t *testing.T) {
	h, dir := onePackage(t), t.TempDir()
	file := func(name, content string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, path string
		found      bool
	}{
		{"not there", filepath.Join(dir, "none"), false},
		{"not in PATH", "no-such-command-at-all", false},
		{"not executable", file("plain", "x", 0o644), true},
		{"no interpreter named", file("text", "echo hello\n", 0o755), true},
		{"its interpreter is missing", file("orphan", "#!/no/such\n", 0o755), true},
		{"a directory", dir, true},
	} {
		_, err := run(t, Options{Root: h.Root, Command: &Command{Argv: []string{c.path}}})
		var missing *NotFoundError
		var denied *NotExecutableError
		if c.found && !errors.As(err, &denied) || !c.found && !errors.As(err, &missing) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// The gate is given up when the counters can't be opened.
	if _, err := run(t, Options{Root: testutil.Host(t, "intel-unloaded"), Command: shell("touch " + dir + "/ran")}); !errors.Is(err, energy.ErrAbsent) {
		t.Errorf("error %v, want that there is no powercap", err)
	}
	if _, err := os.Stat(dir + "/ran"); err == nil {
		t.Error("the command ran although it could not be measured")
	}
}
