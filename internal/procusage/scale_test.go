package procusage

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Processes that come and go by the thousand keep neither memory nor lines
// beyond the bound, and none of their time is lost.
func TestManyProcessesThatEnd(t *testing.T) {
	f := newFake(t, 1)
	root := f.add(&fakeProcess{pid: 10, ppid: 1, group: 10, comm: "sh"})
	tr := f.start(Config{Target: Target{PID: 10}, MaxEnded: 200})
	const alive, rounds = 250, 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range rounds {
		for pid := range alive {
			f.add(&fakeProcess{pid: 100 + pid, ppid: 10, group: 10, start: 1000 + n, self: 2, comm: "kid"})
		}
		f.interval(tr, time.Second, 1)
		for pid := range alive {
			f.procs[100+pid].self++ // after the last look
			root.kids += 3
			delete(f.procs, 100+pid)
		}
	}
	u := f.interval(tr, time.Second, 1)
	runtime.GC()
	runtime.ReadMemStats(&after)
	want(t, "target", seconds(u, energy.Target), 0.03*alive*rounds)
	if int(u.Lost.Processes)+len(u.Processes)-1 != alive*rounds || len(u.Processes) > 251 || len(tr.byPID) > 3 {
		t.Errorf("%d lost, %d lines, %d known, of %d processes", u.Lost.Processes, len(u.Processes), len(tr.byPID), alive*rounds)
	}
	grown := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 10
	t.Logf("%d KiB for %d lines after %d processes", grown, len(u.Processes), alive*rounds)
	if grown > 2<<10 {
		t.Errorf("%d KiB more in use", grown)
	}
}

// What is known of each process is small: fifty thousand fit.
func TestMemoryOfManyLiveProcesses(t *testing.T) {
	tr := newTracker(Config{Places: places(2), MaxEnded: 4096})
	tr.begun = true
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for pid := range 50_000 {
		p := &process{pid: 100 + pid, ppid: 1, comm: "worker" + strconv.Itoa(pid), threads: 1, accounts: make([]energy.Account, 1)}
		tr.byPID[p.pid] = p
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	mib := float64(after.HeapAlloc-before.HeapAlloc) / (1 << 20)
	t.Logf("%.1f MiB for 50,000 processes that all ran", mib)
	if mib > 40 {
		t.Errorf("%.1f MiB", mib)
	}
	runtime.KeepAlive(tr)
}

// BenchmarkScanIdle is the cost per process that has not run: its entry in
// /proc and its clock.
func BenchmarkScanIdle(b *testing.B) {
	tr, err := New(Config{Places: allCPUs(), Target: Target{PID: os.Getpid()}})
	if err != nil {
		b.Fatal(err)
	}
	defer tr.Close()
	n := 0
	for b.Loop() {
		if err := tr.scan(); err != nil {
			b.Fatal(err)
		}
		n += len(tr.ids)
		for k := range tr.work {
			tr.work[k] = tr.work[k][:0]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/process")
}
