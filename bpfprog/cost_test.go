package bpfprog

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// pingPong passes a byte back and forth between two processes n times, which
// is two switches each, and returns how long it took.
func pingPong(tb testing.TB, n int) time.Duration {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), playVar+"=pong")
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	var b [1]byte
	w, r := in.(*os.File), out.(*os.File)
	w.Fd() // blocking: the scheduler's poller would take part
	r.Fd()
	one := func() {
		if _, err := unix.Write(int(w.Fd()), b[:]); err != nil {
			tb.Fatal(err)
		}
		if _, err := unix.Read(int(r.Fd()), b[:]); err != nil {
			tb.Fatal(err)
		}
	}
	one()
	began := time.Now()
	for range n {
		one()
	}
	took := time.Since(began)
	in.Close()
	_ = cmd.Wait()
	return took
}

// pong is the other end.
func pong() {
	var b [1]byte
	for {
		if n, err := unix.Read(0, b[:]); n == 0 || err != nil {
			os.Exit(0)
		}
		if _, err := unix.Write(1, b[:]); err != nil {
			os.Exit(0)
		}
	}
}

// What a switch costs: the programs' own time by the kernel's account, and how
// much longer a storm of switches takes with the programs attached, in turns
// with runs without. Both processes share a CPU, so that a switch is a switch
// and nobody wakes up in between.
func BenchmarkSwitchStorm(b *testing.B) {
	const rounds, n = 15, 20000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		b.Fatal(err)
	}
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		b.Fatal(err)
	}
	defer unix.SchedSetaffinity(0, &before)
	var without, with []time.Duration
	for b.Loop() {
		for range rounds {
			without = append(without, pingPong(b, n))
			tr := open(b, Options{})
			with = append(with, pingPong(b, n))
			tr.Close()
		}
	}
	slices.Sort(without)
	slices.Sort(with)
	w, v := without[len(without)/2], with[len(with)/2]
	b.ReportMetric(float64(w)/n/2, "ns/switch-without")
	b.ReportMetric(float64(v-w)/n/2, "ns/switch-more")
	b.ReportMetric(100*(float64(v)/float64(w)-1), "%-slower")
	b.ReportMetric(float64(ownTime(b, n)), "ns/run")
}

// ownTime is the mean time of a run of the program at the switch, as
// kernel.bpf_stats_enabled has it. Taking it costs as well, about 40 ns a run.
func ownTime(b *testing.B, n int) time.Duration {
	tr := open(b, Options{})
	defer tr.Close()
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Fatal(err)
	}
	defer stats.Close()
	pingPong(b, n)
	s, err := tr.objects.OnSwitch.Stats()
	if err != nil || s.RunCount == 0 {
		b.Fatal("no account of the program: ", err)
	}
	return s.Runtime / time.Duration(s.RunCount)
}

// Loading and attaching all programs.
func BenchmarkOpen(b *testing.B) {
	mayLoad(b)
	for b.Loop() {
		open(b, Options{}).Close()
	}
}
