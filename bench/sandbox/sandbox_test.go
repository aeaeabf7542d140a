package sandbox_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/bench/sandbox"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// The share of a CPU that AWS documents: one at 1769 MB, in proportion, six at
// most.
func TestLambda(t *testing.T) {
	for _, c := range []struct {
		mb   int
		want float64
	}{{0, 0}, {512, 0.28943}, {1024, 0.57886}, {1769, 1}, {2048, 1.15772}, {10240, 5.78858}, {20000, 6}} {
		if got := sandbox.Lambda(c.mb); got.CPUs < c.want-1e-5 || got.CPUs > c.want+1e-5 || got.MemoryMB != c.mb {
			t.Errorf("%d MB: %+v, want %g CPUs", c.mb, got, c.want)
		}
	}
}

func open(t *testing.T) *sandbox.Parent {
	t.Helper()
	p, err := sandbox.Open("")
	if err != nil {
		if os.Geteuid() == 0 && !errors.Is(err, energy.ErrForbidden) {
			t.Fatalf("root gets no limits: %v", err)
		}
		t.Skipf("no control groups of our own here: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// worker runs a shell line in a group, which it enters before the line begins.
func worker(t *testing.T, g *sandbox.Group, line string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read go; "+line)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Enter(g.Dirs(), cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// A worker that wants more memory than there is ends, and the group knows why.
func TestMemory(t *testing.T) {
	g, err := open(t).Group("small", sandbox.Limits{MemoryMB: 24})
	if err != nil {
		t.Fatal(err)
	}
	// tail keeps what it has read of a line without an end.
	cmd := worker(t, g, "exec tail -n 1 /dev/zero")
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("it ended by itself: %v", cmd.ProcessState)
	}
	if e := g.Events(); e.OOMKills != 1 || e.PeakBytes > 24<<20 || e.PeakBytes < 16<<20 {
		t.Errorf("events %+v", e)
	}
}

// A worker has the CPU time that it is entitled to and no more.
func TestCPU(t *testing.T) {
	g, err := open(t).Group("slow", sandbox.Limits{CPUs: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	const long = 1200 * time.Millisecond
	cmd := worker(t, g, "while :; do :; done")
	time.Sleep(long)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if used > long*45/100 { // a period is handed out whole, at the start
		t.Errorf("it had %v of %v", used, long)
	}
	if e := g.Events(); e.Throttled <= 0 {
		t.Errorf("events %+v", e)
	}
}

// What a program that was killed has left behind, the next one removes.
func TestSweep(t *testing.T) {
	open(t) // there are groups to be had
	cmd := exec.Command(os.Args[0], "-test.run", "^TestLeavesBehind$")
	cmd.Env = append(os.Environ(), "SANDBOX_LEAVE=1")
	out, _ := cmd.CombinedOutput()
	var dirs []string
	for line := range strings.Lines(string(out)) {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "DIR "); ok {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		t.Fatalf("nothing was left behind:\n%s", out)
	}
	procs, err := os.ReadFile(filepath.Join(dirs[0], "cgroup.procs"))
	if err != nil || len(procs) == 0 {
		t.Fatalf("no process is left in %s: %v", dirs[0], err)
	}
	other, err := sandbox.Open("")
	if err == nil {
		defer other.Close()
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", dir, err)
		}
	}
}

// TestLeavesBehind is a program that is killed while its worker runs.
func TestLeavesBehind(t *testing.T) {
	if os.Getenv("SANDBOX_LEAVE") == "" {
		t.Skip("only as a process of TestSweep's")
	}
	p, err := sandbox.Open("")
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Group("left", sandbox.Limits{MemoryMB: 64})
	if err != nil {
		t.Fatal(err)
	}
	worker(t, g, "exec sleep 60 >/dev/null 2>&1 </dev/null")
	for _, dir := range g.Dirs() {
		os.Stdout.WriteString("DIR " + dir + "\n")
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// Two programs have groups at the same time.
func TestTwo(t *testing.T) {
	p := open(t)
	g, err := p.Group("one", sandbox.Limits{MemoryMB: 64, CPUs: 1})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestMemory$")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, dir := range g.Dirs() {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("another program removed it: %v", err)
		}
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

// Where limits are not to be had, the refusal says what to do.
func TestRefusals(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no control groups": {},
		"one controller": {
			"proc/self/cgroup":                  "4:memory:/\n0::/\n",
			"sys/fs/cgroup/memory/cgroup.procs": "",
		},
		"no memory controller": {
			"proc/self/cgroup":                 "0::/user.slice\n",
			"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io\n",
		},
	} {
		root := t.TempDir()
		for file, text := range files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, err := sandbox.Open(root)
		var r *energy.Refusal
		if !errors.As(err, &r) || r.Kind != energy.ErrAbsent || r.Remedy == "" {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}
