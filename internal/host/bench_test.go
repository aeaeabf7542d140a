package host

import (
	"os"
	"os/exec"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// TestTickAllocates nothing: neither in the machine's part nor, for a tree
// that does not change, in the tree's, nor in a cgroup's.
func TestTickAllocatesNothing(t *testing.T) {
	server := t.TempDir()
	unpack(t, server, "server")
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	for name, s := range map[string]*Sampler{
		"live machine": New("/", Target{}),
		"live process": New("/", Target{PID: child.Process.Pid}),
		"server":       New(server, Target{Cgroup: "app.slice/web"}),
	} {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(200, func() {
			s.machine.slowAt = 0 // sensors too
			if s.tree != nil {
				s.tree.next = 0 // at any cost
			}
			s.Tick()
		})
		if n != 0 {
			t.Errorf("%s: a tick allocates %v times", name, n)
		}
		byName(t, s.Stop(0))
	}
}

// cpuPerOp reports the CPU time of this process per operation: what a command
// on the same machine has to share with the sampler.
func cpuPerOp(b *testing.B, f func()) {
	b.ReportAllocs()
	from := own().cpu
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(own().cpu-from)/float64(b.N), "cpu-ns/op")
}

// BenchmarkStartStop is what a command of no length pays.
func BenchmarkStartStop(b *testing.B) {
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	cpuPerOp(b, func() {
		s := New("/", Target{PID: child.Process.Pid, Launched: true})
		if err := s.Start(); err != nil {
			b.Fatal(err)
		}
		s.Ending(child.Process.Pid)
		s.Stop(0)
	})
}

func BenchmarkTickMachine(b *testing.B) {
	s := New("/", Target{})
	if err := s.Start(); err != nil {
		b.Fatal(err)
	}
	defer s.Stop(0)
	cpuPerOp(b, s.Tick)
}

// BenchmarkTickTree samples a process with 20 children among many others. The
// tree is read at every tick, which Tick itself would not do.
func BenchmarkTickTree(b *testing.B) {
	for _, way := range []string{"children", "scan"} {
		b.Run(way, func(b *testing.B) {
			sh := exec.Command("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 1000 & done; wait")
			if err := sh.Start(); err != nil {
				b.Fatal(err)
			}
			defer func() {
				for _, pid := range treeAlive("/", sh.Process.Pid) {
					p, _ := os.FindProcess(pid)
					_ = p.Kill()
				}
				_ = sh.Wait()
			}()
			for len(treeAlive("/", sh.Process.Pid)) < 20 {
			}
			s := New("/", Target{PID: sh.Process.Pid})
			if err := s.Start(); err != nil {
				b.Fatal(err)
			}
			defer s.Stop(0)
			s.tree.walk.lists = way == "children"
			cpuPerOp(b, func() {
				s.tree.next, s.tree.again = 0, true
				s.tree.sample(energy.Now(), loadavg{})
			})
		})
	}
}
