package bpfprog

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Loading and attaching all programs.
func BenchmarkOpen(b *testing.B) {
	mayLoad(b)
	for b.Loop() {
		open(b, Options{}).Close()
	}
}

// relay passes bytes on from descriptor 3 to descriptor 4 and counts them in
// the memory behind descriptor 5, until there is nothing to read. The system
// calls are raw: a runtime that notices them would wake up beside.
func relay() {
	mem, err := unix.Mmap(5, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	passed := (*atomic.Uint64)(ptr(&mem[0]))
	var b [1]byte
	for {
		if n, _, _ := syscall.RawSyscall(syscall.SYS_READ, 3, uintptr(ptr(&b)), 1); n != 1 {
			os.Exit(0)
		}
		passed.Add(1)
		_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, 4, uintptr(ptr(&b)), 1)
	}
}

// burn counts rounds of arithmetic in the memory behind descriptor 3, until
// it is killed.
func burn() {
	mem, err := unix.Mmap(3, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	rounds := (*atomic.Uint64)(ptr(&mem[0]))
	for x := uint64(1); ; {
		for range 1000 {
			x = x*6364136223846793005 + 1442695040888963407
		}
		rounds.Add(1)
		runtime.KeepAlive(x) // else the compiler leaves the multiplications out
	}
}

// work is load on one CPU, or on any, that counts what it gets done.
type work struct {
	done *atomic.Uint64
	cmds []*exec.Cmd
}

func shared(tb testing.TB) (*os.File, *atomic.Uint64) {
	tb.Helper()
	fd, err := unix.MemfdCreate("work", unix.MFD_CLOEXEC)
	if err != nil {
		tb.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "work")
	if err := f.Truncate(int64(os.Getpagesize())); err != nil {
		tb.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = unix.Munmap(mem); f.Close() })
	return f, (*atomic.Uint64)(ptr(&mem[0]))
}

func (w *work) start(tb testing.TB, role string, cpu int, files ...*os.File) {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), playVar+"="+role, "GOMAXPROCS=1")
	cmd.ExtraFiles = files
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	w.cmds = append(w.cmds, cmd)
	tb.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if cpu < 0 {
		return
	}
	var set unix.CPUSet
	set.Set(cpu)
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range tasks {
		var tid int
		_, _ = fmt.Sscan(e.Name(), &tid)
		_ = unix.SchedSetaffinity(tid, &set) // may be gone
	}
}

// storm is two processes that pass a byte to and fro. On the same CPU a pass is
// a switch; on two, each pass also wakes up an idle CPU.
func storm(tb testing.TB, cpus [2]int) *work {
	tb.Helper()
	w := &work{}
	f, done := shared(tb)
	w.done = done
	var fds [2][2]*os.File
	for i := range fds {
		r, wr, err := os.Pipe()
		if err != nil {
			tb.Fatal(err)
		}
		r.Fd() // blocking
		wr.Fd()
		fds[i] = [2]*os.File{r, wr}
	}
	w.start(tb, "relay", cpus[0], fds[0][0], fds[1][1], f)
	w.start(tb, "relay", cpus[1], fds[1][0], fds[0][1], f)
	if _, err := fds[0][1].Write([]byte{1}); err != nil {
		tb.Fatal(err)
	}
	for _, p := range fds {
		p[0].Close()
		p[1].Close()
	}
	return w
}

func (w *work) stop() {
	for _, cmd := range w.cmds {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// cpu is the CPU time that the load has taken.
func (w *work) cpu(tb testing.TB) (sum time.Duration) {
	tb.Helper()
	for _, cmd := range w.cmds {
		sum += clock(tb, cmd.Process.Pid)
	}
	return sum
}

// rate is how much is done in a second of the load's own CPU time, as seen over
// a while: what else runs on the machine takes none of it. What an idle CPU does
// until it runs the load is not in it.
func (w *work) rate(tb testing.TB, d time.Duration) float64 {
	tb.Helper()
	a, began := w.done.Load(), w.cpu(tb)
	time.Sleep(d)
	return float64(w.done.Load()-a) / (w.cpu(tb) - began).Seconds()
}

// slowdown compares a load's rate with the programs attached and without, in
// turns, and returns the median of the ratios of neighbours with their
// quartiles, in percent, and what one unit takes without, in ns.
func (w *work) slowdown(tb testing.TB, turns int, each time.Duration) (median, q1, q3, unit float64) {
	tb.Helper()
	w.rate(tb, 200*time.Millisecond)
	var ratios, without []float64
	off := func() float64 {
		time.Sleep(each / 5) // what came before has settled
		return w.rate(tb, each)
	}
	tr := open(tb, Options{})
	defer tr.Close()
	detach := func() {
		for _, l := range tr.links {
			l.Close()
		}
		tr.links = nil
	}
	detach()
	last := off()
	for range turns {
		if err := tr.attach(); err != nil {
			tb.Fatal(err)
		}
		on := off()
		detach()
		next := off()
		without = append(without, next)
		ratios = append(ratios, 100*((last+next)/2/on-1))
		last = next
	}
	slices.Sort(ratios)
	slices.Sort(without)
	return ratios[len(ratios)/2], ratios[len(ratios)/4], ratios[len(ratios)*3/4], 1e9 / without[len(without)/2]
}

// loads are those whose cost is compared.
var loads = []struct {
	name string
	of   func(testing.TB) *work
}{
	{"storm/one-cpu", func(tb testing.TB) *work { return storm(tb, [2]int{0, 0}) }},
	{"storm/two-cpus", func(tb testing.TB) *work { return storm(tb, [2]int{0, 1}) }},
	{"burn", func(tb testing.TB) *work {
		w := &work{}
		f, done := shared(tb)
		w.done = done
		w.start(tb, "burn", 1, f)
		return w
	}},
}

// How much longer loads take with the programs attached.
func BenchmarkSlowdown(b *testing.B) {
	for _, c := range loads {
		b.Run(c.name, func(b *testing.B) {
			mayLoad(b)
			w := c.of(b)
			defer w.stop()
			for b.Loop() {
				median, q1, q3, unit := w.slowdown(b, 200, 30*time.Millisecond)
				b.ReportMetric(median, "%-slower")
				b.ReportMetric(q1, "%-q1")
				b.ReportMetric(q3, "%-q3")
				b.ReportMetric(unit, "ns/unit")
			}
		})
	}
}

// What the programs take by the kernel's own account of them
// (kernel.bpf_stats_enabled), beside the same loads: of one run of the program
// at the switch, and of all programs as a part of the time of the loads' CPUs.
// Taking it costs as well, about 40 ns a run. Where frequencies weigh, who
// computes is looked at with the scheduler's ticks too.
func BenchmarkOwnTime(b *testing.B) {
	frequencies := slices.Repeat([]uint32{1_000_000}, runtime.NumCPU())
	for _, c := range loads {
		b.Run(c.name, func(b *testing.B) { ownTimeBeside(b, c.of, Options{}) })
		b.Run(c.name+"/by-frequency", func(b *testing.B) { ownTimeBeside(b, c.of, Options{Frequencies: frequencies}) })
	}
}

func ownTimeBeside(b *testing.B, load func(testing.TB) *work, o Options) {
	mayLoad(b)
	w := load(b)
	defer w.stop()
	tr := open(b, o)
	defer tr.Close()
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Fatal(err)
	}
	defer stats.Close()
	for b.Loop() {
		before, began := ownTime(b, tr), time.Now()
		time.Sleep(3 * time.Second)
		after, took := ownTime(b, tr), time.Since(began)
		b.ReportMetric(float64(after.onSwitch-before.onSwitch)/float64(after.switches-before.switches), "ns/switch")
		b.ReportMetric(100*float64(after.all-before.all)/float64(took), "%-of-a-CPU")
	}
}

// What a look at a package's counter costs, and all looks of a second as a part
// of the CPU that they are made on.
func BenchmarkLook(b *testing.B) {
	tr := open(b, Options{})
	watchClock(b, tr, 1e-9)
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Fatal(err)
	}
	defer stats.Close()
	for b.Loop() {
		began := time.Now()
		time.Sleep(time.Second)
		s, err := tr.objects.Tick.Stats()
		if err != nil || s.RunCount == 0 {
			b.Fatal("no account of the program: ", err)
		}
		b.ReportMetric(float64(s.Runtime)/float64(s.RunCount), "ns/look")
		b.ReportMetric(float64(s.RunCount)/time.Since(began).Seconds(), "looks/s")
	}
}

type own struct {
	onSwitch, all time.Duration
	switches      uint64
}

func ownTime(b *testing.B, tr *Tracker) (sum own) {
	b.Helper()
	o := &tr.objects
	for _, p := range []*ebpf.Program{o.OnSwitch, o.OnNewtask, o.OnExit, o.OnIrq, o.OnIrqExit, o.OnSoftirq, o.OnSoftirqExit, o.OnIdle, o.OnFrequency, o.OnTimer} {
		s, err := p.Stats()
		if err != nil {
			b.Fatal(err)
		}
		sum.all += s.Runtime
		if p == o.OnSwitch {
			sum.onSwitch, sum.switches = s.Runtime, s.RunCount
		}
	}
	return sum
}

// What this program does in a second is the same whether there are switches
// or not.
func TestWorkDoesNotGrowWithSwitches(t *testing.T) {
	tr := open(t, Options{})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	last := time.Now()
	work := func() time.Duration {
		began := threadTime()
		for range 25 {
			time.Sleep(20 * time.Millisecond)
			interval(t, tr, &last)
			if _, err := tr.Totals(); err != nil {
				t.Fatal(err)
			}
		}
		return threadTime() - began
	}
	counted := func() (cpu time.Duration, switches uint64) {
		before, err := tr.Counts()
		cpu = work()
		after, err2 := tr.Counts()
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return cpu, after.Switches - before.Switches
	}
	var quiet, stormy time.Duration
	var few, many uint64
	// On a busy machine there may be no quiet time at first, nor a storm.
	for range 10 {
		quiet, few = counted()
		w := storm(t, [2]int{0, 0})
		stormy, many = counted()
		w.stop()
		t.Logf("%v of CPU time beside %d switches, %v beside %d", quiet, few, stormy, many)
		if many >= 20*few && many >= 50_000 {
			break
		}
	}
	if many < 20*few || many < 50_000 {
		t.Errorf("%d switches are no storm, beside %d", many, few)
	}
	if stormy > 2*quiet+5*time.Millisecond {
		t.Errorf("%v of CPU time beside %d switches, %v beside %d", quiet, few, stormy, many)
	}
}
