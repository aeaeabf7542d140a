package bpfprog

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// watchClock has the kernel read a software counter, which counts a CPU's
// nanoseconds, in place of a package's, and returns it.
func watchClock(tb testing.TB, tr *Tracker, joules float64) (fd int) {
	tb.Helper()
	const leader = 0
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: unix.PERF_ATTR_SIZE_VER5,
	}, -1, leader, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	p := Power{Events: [][energy.NumDomains]int{{fd, -1, -1, -1, -1}}, Ticks: [][energy.NumDomains]float64{{joules}}, Leaders: []int{leader}}
	if err := tr.Watch(p); err != nil {
		tb.Fatal(err)
	}
	return fd
}

// The kernel reads the counter itself and ends the intervals: shares add up to
// what it counted, and a target gets its part by the time it ran.
func TestKernelReadsTheCounter(t *testing.T) {
	tr := open(t, Options{})
	fd := watchClock(t, tr, watts*1e-9)
	counted := func() uint64 {
		var b [8]byte
		if _, err := unix.Read(fd, b[:]); err != nil {
			t.Fatal(err)
		}
		return binary.NativeEndian.Uint64(b[:])
	}
	cmd, release := held(t, "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done")
	if err := tr.Follow(Target{PID: cmd.Process.Pid}); err != nil {
		t.Fatal(err)
	}
	// The totals belong to a moment between two readings of the counter.
	end := func() (u energy.Usage, joules float64, between [2]uint64) {
		between[0] = counted()
		if err := tr.Interval(energy.Now(), nil); err != nil {
			t.Fatal(err)
		}
		totals, err := tr.Totals()
		if err != nil {
			t.Fatal(err)
		}
		between[1] = counted()
		return usage(t, tr), partySum(totals.Packages[0], energy.Package), between
	}
	before, was, began := end()
	intervals, at := tr.Intervals(), time.Now()
	release()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	took, n := time.Since(at), tr.Intervals()-intervals
	after, is, ended := end()
	if !tr.InKernel() || float64(n) < 0.8*took.Seconds()/DefaultLook.Seconds() {
		t.Errorf("%d intervals in %v", n, took)
	}
	least, most := watts*1e-9*float64(ended[0]-began[1]), watts*1e-9*float64(ended[1]-began[0])
	if joules := is - was; joules < least*(1-1e-4) || joules > most*(1+1e-4) {
		t.Errorf("shares add up to %v J, the counter moved by %v to %v J", joules, least, most)
	}
	d := attribute.Delta(before, after)
	joules := partySum(d.Packages[0], energy.Package)
	var busy time.Duration
	for _, party := range d.Packages[0].Parties {
		busy += party.CPU
	}
	target := d.Packages[0].Parties[energy.Target]
	share, ran := target.Joules[energy.Package]/joules, target.CPU.Seconds()/busy.Seconds()
	t.Logf("%d intervals, target %.2f %% of the joules, %.2f %% of the time", n, 100*share, 100*ran)
	if share < 0.5*ran || share > 1.5*ran || share > 1 {
		t.Errorf("the target has %v of the joules and ran for %v of the time", share, ran)
	}
	for _, p := range d.Processes {
		if p.PID == cmd.Process.Pid && math.Abs(p.Accounts[0].Joules[energy.Package]/target.Joules[energy.Package]-1) > 0.01 {
			t.Errorf("its only process has %+v of %+v", p.Accounts[0], target)
		}
	}
}

// A counter that the kernel can't read leaves intervals to user space.
func TestWatchThatFails(t *testing.T) {
	tr := open(t, Options{})
	bad := Power{Events: [][energy.NumDomains]int{{1 << 20, -1, -1, -1, -1}}, Ticks: make([][energy.NumDomains]float64, 1), Leaders: []int{0}}
	if err := tr.Watch(bad); err == nil {
		t.Fatal("a descriptor that is none was taken")
	}
	if tr.InKernel() {
		t.Error("intervals are left to a kernel that can't read the counters")
	}
	last := time.Now()
	interval(t, tr, &last)
	time.Sleep(10 * time.Millisecond)
	interval(t, tr, &last)
	if p := usage(t, tr).Packages[0]; partySum(p, energy.Package) <= 0 {
		t.Error("no joules were taken")
	}
}
