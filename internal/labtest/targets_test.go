package labtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// history is what every process has spent, looked up all the while.
type history struct {
	mu   sync.Mutex
	seen []seen
}

type seen struct {
	at    time.Duration
	spent map[lab.Identity]lab.Nanojoules
}

// follow looks the truth up until the test is over.
func follow(t *testing.T) *history {
	t.Helper()
	h := &history{}
	stop := make(chan bool)
	var over sync.WaitGroup
	over.Go(func() {
		every := time.NewTicker(10 * time.Millisecond)
		defer every.Stop()
		for {
			if err := h.look(); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-stop:
				return
			case <-every.C:
			}
		}
	})
	t.Cleanup(func() { close(stop); over.Wait() })
	return h
}

func (h *history) look() error {
	now, spent, err := lab.ReadLive()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, seen{now, spent})
	return nil
}

// spent returns what a process had spent by a time, between two looks in
// proportion; NaN where the looks do not reach.
func (h *history) spent(p *lab.Process, by time.Duration) float64 {
	if by <= p.Forked {
		return 0
	}
	if p.Exited > 0 && by >= p.Exited {
		return p.Dynamic.Joules()
	}
	n, _ := slices.BinarySearchFunc(h.seen, by, func(s seen, by time.Duration) int { return cmp.Compare(s.at, by) })
	if n == 0 || n == len(h.seen) {
		return math.NaN()
	}
	id := lab.Identity{PID: p.PID, Forked: p.Forked}
	from, to := max(p.Forked, h.seen[n-1].at), h.seen[n].at
	before, after := h.seen[n-1].spent[id].Joules(), h.seen[n].spent[id].Joules()
	if p.Exited > 0 && p.Exited < to {
		to, after = p.Exited, p.Dynamic.Joules()
	}
	return before + (after-before)*float64(by-from)/float64(to-from)
}

// within returns what the processes that belong spent between two times.
func (h *history) within(t *testing.T, start, end time.Duration, belongs func(*lab.Truth, *lab.Process) bool) float64 {
	t.Helper()
	truth, err := lab.ReadTruth()
	if err := errors.Join(err, h.look()); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := 0.0
	for i := range truth.Processes {
		if p := &truth.Processes[i]; belongs(truth, p) {
			sum += h.spent(p, end) - h.spent(p, start)
		}
	}
	return sum
}

// everybody returns what all processes spent within a report's window. Looks
// leave the kernel's threads out: of what they spent since before was read, the
// window has its part by time.
func (h *history) everybody(t *testing.T, r *report.Run, before *lab.Truth) float64 {
	t.Helper()
	start, end := window(r)
	sum := h.within(t, start, end, func(_ *lab.Truth, p *lab.Process) bool { return !p.KThread })
	kernel := func(truth *lab.Truth) (sum float64) {
		for _, p := range truth.Processes {
			if p.KThread {
				sum += p.Dynamic.Joules()
			}
		}
		return sum
	}
	after := readTruth(t)
	return sum + (kernel(after)-kernel(before))*float64(end-start)/float64(after.Now-before.Now)
}

// window returns when a report's window opened and closed.
func window(r *report.Run) (start, end time.Duration) {
	return time.Duration(r.Window.StartNS), time.Duration(r.Window.EndNS)
}

// treeOf tells whether a process belongs to the tree of one with this PID.
func treeOf(pid int) func(*lab.Truth, *lab.Process) bool {
	return func(truth *lab.Truth, p *lab.Process) bool {
		root := truth.Process(pid)
		if root == nil {
			return false
		}
		for _, x := range truth.Tree(root) {
			if x == p {
				return true
			}
		}
		return false
	}
}

// near holds the target's joules of a report to the truth.
func near(t *testing.T, what string, r *report.Run, truth, limit float64) {
	t.Helper()
	checkSplit(t, r)
	if r.Attribution.Method != "ebpf-cycles" || r.Attribution.Lost != nil {
		t.Errorf("%s: %s, lost %+v; refused %v", what, r.Attribution.Method, r.Attribution.Lost, r.Attribution.Refused)
	}
	off := packageJoules(r)/truth - 1
	t.Logf("%s: %.3f J, %.3f J in truth: %+.2f %%", what, packageJoules(r), truth, 100*off)
	if truth <= 0 || math.Abs(off) > limit {
		t.Errorf("%s: off by %.2f %%", what, 100*off)
	}
}

// A process that runs already, with what it started before and starts
// meanwhile; its rivals are none of it.
func TestGuestSplitProcess(t *testing.T) {
	guest(t, "skylake-server")
	reload(t, "wake_mw=0", "jitter_us=100")
	bySource(t, func(t *testing.T, source string) {
		all := beside(t, []rival{{"450ms*40", 0, ""}, {"20s", 1, ""}, {"20s", runtime.NumCPU() - 1, ""}})
		h := follow(t)
		r := probe(t, "--source", source, idlePower, "--top", "0", "--pid", fmt.Sprint(all[0].Process.Pid), "--duration", "2s")
		start, end := window(r)
		near(t, "process, "+source, r, h.within(t, start, end, treeOf(all[0].Process.Pid)), 0.03)
		rows, ended := 0, 0
		for _, p := range r.Attribution.Processes {
			if p.Party == "target" {
				rows++
				if p.Ended {
					ended++
				}
			}
		}
		if ended < 2 || rows < ended+2 {
			t.Errorf("%d of the tree's %d processes ended; a child of 450 ms follows the other", ended, rows)
		}
	})
}

// A group: what is in it, came to it by a move, and was started there.
func TestGuestSplitGroup(t *testing.T) {
	guest(t, "skylake-server")
	reload(t, "wake_mw=0", "jitter_us=100")
	dir := "/sys/fs/cgroup/labtest"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	join := func(cmd *exec.Cmd) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(cmd.Process.Pid)), 0); err != nil {
			t.Error(err)
		}
	}
	bySource(t, func(t *testing.T, source string) {
		all := beside(t, []rival{{"450ms*40", 0, ""}, {"20s", 1, ""}, {"20s", runtime.NumCPU() - 1, ""}})
		join(all[0])
		time.Sleep(500 * time.Millisecond) // a child of the group's is at work
		h := follow(t)
		moved := make(chan energy.Instant, 1)
		go func() {
			time.Sleep(1500 * time.Millisecond)
			before := energy.Now()
			join(all[2])
			moved <- before.Add(energy.Now().Sub(before) / 2)
		}()
		r := probe(t, "--source", source, idlePower, "--top", "0", "--cgroup", "/labtest", "--duration", "3s")
		start, end := window(r)
		truth := h.within(t, start, end, treeOf(all[0].Process.Pid)) + h.within(t, max(start, time.Duration(<-moved)), end, treeOf(all[2].Process.Pid))
		near(t, "group, "+source, r, truth, 0.03)
		for _, cmd := range all {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		time.Sleep(500 * time.Millisecond) // its child too
	})
}

// Every program: the target has all but the kernel and energyprobe, and a
// process that is stopped spends nothing.
func TestGuestSplitAll(t *testing.T) {
	guest(t, "skylake-server")
	reload(t, "wake_mw=0", "jitter_us=100")
	bySource(t, func(t *testing.T, source string) {
		all := beside(t, []rival{{"20s", 1, ""}, {"20s", runtime.NumCPU() - 1, ""}, {"20s", 0, ""}})
		stopped := all[2].Process
		if err := stopped.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // until it stands
		h := follow(t)
		r := probe(t, "--source", source, idlePower, "--top", "0", "--all", "--duration", "2s")
		tool := 0
		for _, p := range r.Attribution.Processes {
			if p.Party == "tool" {
				tool = p.PID
			}
			if p.PID == stopped.Pid {
				t.Errorf("the stopped process has %v J and %v s", *p.EnergyJ, p.CPUS)
			}
		}
		start, end := window(r)
		// All but the kernel and energyprobe.
		near(t, "all, "+source, r, h.within(t, start, end, func(_ *lab.Truth, p *lab.Process) bool {
			return !p.KThread && p.PID > 0 && p.PID != tool
		}), 0.02)
	})
}

// In every sample the lines add up to the counter, and over all samples to the
// total; a steady command has the same power in each.
func TestGuestSplitSamples(t *testing.T) {
	guest(t, "skylake-server", "skylake-client")
	reload(t, "wake_mw=0", "jitter_us=100")
	bySource(t, func(t *testing.T, source string) {
		beside(t, []rival{{"20s", 1, ""}})
		r, truth := split(t, rival{"2s", 0, ""}, "--source", source, idlePower, "--interval", "100ms")
		near(t, "with samples, "+source, r, truth, 0.02)
		if !r.Samples.HasSplit() || r.Samples.Len() < 18 {
			t.Fatalf("%d samples, split: %v", r.Samples.Len(), r.Samples.HasSplit())
		}
		domains := r.Samples.Domains()
		total := make([]float64, len(domains)*report.SplitLines)
		last := 0.0
		for i := range r.Samples.Len() {
			at, joules := r.Samples.At(i)
			lines := r.Samples.SplitAt(i)
			for d, id := range domains {
				mine := lines[d*report.SplitLines:][:report.SplitLines]
				if math.IsNaN(mine[0]) {
					if strings.HasPrefix(id, "package") {
						t.Errorf("sample %d: %s is not split", i, id)
					}
					continue
				}
				sum := 0.0
				for n, j := range mine {
					if j < 0 {
						t.Errorf("sample %d: line %d of %s is %v J", i, n, id, j)
					}
					sum += j
					total[d*report.SplitLines+n] += j
				}
				if math.Abs(sum-joules[d]) > 1e-9*joules[d] {
					t.Errorf("sample %d: lines of %s add up to %v J, the counter has %v", i, id, sum, joules[d])
				}
				// All but the first and the last are whole.
				if power := mine[0] / (at - last); id == "package-0" && i > 0 && i < r.Samples.Len()-2 {
					if mean := packageJoules(r) / r.DurationS; math.Abs(power/mean-1) > 0.1 {
						t.Errorf("sample %d: the command draws %.2f W, %.2f on average", i, power, mean)
					}
				}
			}
			last = at
		}
		for d, id := range domains {
			for _, whole := range r.Attribution.PerDomain {
				// The memory's idle power becomes known on the way.
				if whole.ID == id && strings.HasPrefix(id, "package") && math.Abs(total[d*report.SplitLines]-*whole.TargetJ) > 0.005*packageJoules(r) {
					t.Errorf("%s: samples of the command add up to %v J of %v", id, total[d*report.SplitLines], *whole.TargetJ)
				}
			}
		}
	})
}

// public copies a program to where everybody may run it.
func public(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.Base(program))
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// asNobody runs energyprobe as nobody with these capabilities and no others.
func asNobody(t *testing.T, command rival, caps []uintptr, args ...string) *report.Run {
	t.Helper()
	cmd := exec.Command(public(t, os.Getenv(probeVar)), append(append([]string{"run", "-q", "--format", "json", "--top", "0"}, args...), "--", public(t, os.Args[0]))...)
	cmd.Env = command.env()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: caps}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r := &report.Run{}
	if jsonErr := json.Unmarshal(out.Bytes(), r); jsonErr != nil {
		t.Fatalf("energyprobe as nobody: %v, %v\n%s%s", err, jsonErr, out.Bytes(), errs.Bytes())
	}
	return r
}

// CAP_BPF and CAP_PERFMON are all it takes, with perf_event_paranoid at its
// strictest. Without, the split falls back to /proc and says how to do better.
func TestGuestSplitRights(t *testing.T) {
	guest(t, "skylake-server")
	reload(t, "wake_mw=0", "jitter_us=100")
	const paranoid = "/proc/sys/kernel/perf_event_paranoid"
	before, err := os.ReadFile(paranoid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(paranoid, []byte("2"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(paranoid, before, 0)
	beside(t, []rival{{"20s", 1, ""}})
	load := rival{"1500ms", 0, ""}
	r := asNobody(t, load, []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, idlePower)
	near(t, "nobody with two rights", r, trueCommand(t, r), 0.03)
	if r.Source.Name != "perf" || r.Attribution.Intervals.ClosedIn != "kernel" {
		t.Errorf("source %s, intervals closed in: %s", r.Source.Name, r.Attribution.Intervals.ClosedIn)
	}

	// Counters that everyone may read, and no right: energy is measured, and
	// split by /proc.
	open(t, "/sys/devices/virtual/powercap")
	r = asNobody(t, load, nil, idlePower, "--source", "powercap")
	a := r.Attribution
	if a.Method != "proc" || len(a.Refused) < 2 || a.Refused[0].Name != "ebpf-cycles" || a.Refused[0].Kind != "forbidden" ||
		!strings.Contains(a.Refused[0].Remedy, "setcap cap_perfmon,cap_bpf") || !strings.Contains(a.Reason, "CAP_BPF") {
		t.Errorf("%s: %s; refused %+v", a.Method, a.Reason, a.Refused)
	}
	checkSplit(t, r)
	truth := trueCommand(t, r)
	off := packageJoules(r)/truth - 1
	t.Logf("nobody without rights: %+.2f %%", 100*off)
	if math.Abs(off) > 0.10 {
		t.Errorf("by /proc the command is off by %.1f %%", 100*off)
	}
}

// open lets everyone read the energy files below a directory.
func open(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "energy_uj" {
			n++
			err = os.Chmod(path, 0o444)
		}
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files opened below %s: %v", n, dir, err)
	}
}
