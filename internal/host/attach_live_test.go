package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// TestAttach measures a process that was running before: it has used CPU
// itself and has a child that has, which ends and is waited for within the
// window. Neither past may be counted.
func TestAttach(t *testing.T) {
	notes := t.TempDir()
	pid, gate := gated(t, "burn=150 run=burn=150,sleep=400,burn=60 threads=2", notes)
	atGate := cpu(t, pid) // what it took to start is not in its notes
	gate()
	var child int
	waitUntil(t, "the child has burnt and sleeps", func() bool {
		kids := treeAlive("/", pid)
		if len(kids) != 1 {
			return false
		}
		child = kids[0]
		ns, err := procfile.CPUClock(child)
		return err == nil && ns > 140e6
	})
	before := cpu(t, pid) - atGate + cpu(t, child)
	s := New("/", Target{PID: pid})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the process has ended", func() bool {
		s.Tick()
		b, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat"))
		if err != nil {
			t.Fatal(err)
		}
		st, err := procfile.ParseStat(b)
		return err == nil && st.Zombie()
	})
	got := byName(t, s.Stop(0))
	if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	truth := readNotes(t, notes).cpu
	// The notes begin at the gate, the window at before; what the kernel keeps
	// of waited children is in ticks.
	want := truth - before
	if v := value(t, got, "cpu.time"); v < want.Seconds()-0.025 || v > want.Seconds()+0.04 {
		t.Errorf("cpu.time = %v, the processes used %v within the window and %v before it", v, want, before)
	}
	if v := value(t, got, "processes.peak"); v != 2 {
		t.Errorf("processes.peak = %v, want 2", v)
	}
	if m := got["cpu.context_switches_voluntary"]; m.Value != nil || !strings.Contains(m.Reason, "ended") {
		t.Errorf("switches of a child that ended: %+v", m)
	}
}

func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	ns, err := procfile.CPUClock(pid)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ns)
}

// TestAttachToSelf measures this very process, whose clock is the truth.
func TestAttachToSelf(t *testing.T) {
	s := New("", Target{PID: os.Getpid()})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	from := own()
	burn("80")
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	s.Tick()
	truth := own().minus(from)
	got := byName(t, s.Stop(0))
	if d := value(t, got, "cpu.time") - truth.cpu.Seconds(); d < 0 || d > 0.02 {
		t.Errorf("cpu.time is %v s off", d)
	}
	if v := value(t, got, "io.written_chars"); v < 3<<20 || v > 4<<20 {
		t.Errorf("io.written_chars = %v, wrote 3 MiB", v)
	}
	if v := value(t, got, "cpu.utilization"); v <= 0.3 || v > 2 {
		t.Errorf("cpu.utilization = %v", v)
	}
	if v := value(t, got, "memory.rss_mean"); v < 2<<20 {
		t.Errorf("memory.rss_mean = %v", v)
	}
	value(t, got, "cpu.run_wait")
	value(t, got, "memory.rss_peak")
}

// treeAlive returns the PIDs of the descendants of a process that are alive,
// itself and zombies excluded, in ascending order; none when there is no such
// process.
func treeAlive(root string, pid int) []int {
	if root == "/" {
		root = ""
	}
	t := newTree(root, false, Target{PID: pid})
	st, err := t.stat(pid)
	if err != nil {
		return nil
	}
	t.walk.init(t)
	t.add(pid, nil, st)
	t.walk.discover(t, 0)
	var alive []int
	for _, n := range t.nodes[1:] {
		if !n.zombie() {
			alive = append(alive, n.pid)
		}
	}
	slices.Sort(alive)
	return alive
}

func TestTreeAlive(t *testing.T) {
	notes := t.TempDir()
	pid, gate := gated(t, "orphan=sleep=300 run=run=sleep=300", notes)
	if alive := treeAlive("/", pid); len(alive) != 0 {
		t.Errorf("descendants before there are any: %v", alive)
	}
	gate()
	waitUntil(t, "three descendants are alive", func() bool { return len(treeAlive("", pid)) == 3 })
	if all := treeAlive("", os.Getpid()); !slices.Contains(all, pid) || !slices.IsSorted(all) || slices.Contains(all, os.Getpid()) {
		t.Errorf("descendants of this process: %v, want %d among them", all, pid)
	}
	waitUntil(t, "it has ended", func() bool { return len(treeAlive("", pid)) == 0 && !slices.Contains(treeAlive("", os.Getpid()), pid) })
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err == syscall.ECHILD {
			break
		}
	}
	if alive := treeAlive("", pid); alive != nil {
		t.Errorf("descendants of a process that is gone: %v", alive)
	}
}
