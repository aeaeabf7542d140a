package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/stats"
)

// Steady is how evenly the CPUs do the same work, all at once.
type Steady struct {
	// Speeds are units of work per second of CPU time, for each CPU and each slice
	// of the time: a program that takes the CPU away does not make it slower.
	Speeds [][]float64
	// Had is the part of the time that a thread of this program had on its CPU.
	Had []float64
}

// slice is the piece of time over which a speed is taken: long beside the clock's
// tick and a change of frequency, short beside what heat takes.
const slice = 100 * time.Millisecond

// WatchSteady keeps every CPU busy with one thread for d.
func WatchSteady(ctx context.Context, cpus []int, d time.Duration) (Steady, error) {
	s := Steady{Speeds: make([][]float64, len(cpus)), Had: make([]float64, len(cpus))}
	errs := make([]error, len(cpus))
	var wg sync.WaitGroup
	for i, cpu := range cpus {
		wg.Go(func() { s.Speeds[i], s.Had[i], errs[i] = spin(ctx, cpu, d) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return s, fmt.Errorf("keep CPU %d busy: %w", cpus[i], err)
		}
	}
	return s, ctx.Err()
}

// spin keeps one CPU busy. The thread ends with it: it can't be let go back to
// other CPUs that the process may not have.
func spin(ctx context.Context, cpu int, d time.Duration) (speeds []float64, had float64, err error) {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return nil, 0, err
	}
	x := uint64(cpu) + 1
	begin, cpuBegin := time.Now(), threadTime()
	for time.Since(begin) < d && ctx.Err() == nil {
		until, from, n := time.Now().Add(slice), threadTime(), 0
		for time.Now().Before(until) {
			x = churn(x)
			n++
		}
		if used := threadTime() - from; used > slice/100 {
			speeds = append(speeds, float64(n)/used.Seconds())
		}
	}
	if x == 0 { // it never is, and nobody can know
		speeds = nil
	}
	return speeds, (threadTime() - cpuBegin).Seconds() / time.Since(begin).Seconds(), nil
}

// churn is a unit of work that depends on nothing but the clock: a chain of
// shifts and exclusive ors (Marsaglia, "Xorshift RNGs", Journal of Statistical
// Software 8, 2003), some ten microseconds of it.
func churn(x uint64) uint64 {
	for range 8192 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Spread is the standard deviation of a CPU's speeds relative to their median,
// of the CPU for which it is the largest: outliers drawn in, since one interrupt
// says nothing of the clock.
func (s Steady) Spread() float64 {
	most := 0.0
	for _, v := range s.Speeds {
		if d := stats.Describe(v); d.N > 2 {
			most = max(most, d.Spread)
		}
	}
	return most
}

// Slowdown is how much slower the CPUs were in the last third of the time than in
// the first, as a part of it: what heat does.
func (s Steady) Slowdown() float64 {
	var first, last []float64
	for _, v := range s.Speeds {
		n := len(v) / 3
		first, last = append(first, v[:n]...), append(last, v[len(v)-n:]...)
	}
	if len(first) == 0 {
		return 0
	}
	return 1 - median(last)/median(first)
}

// Uneven is how much slower the slowest CPU is than the middle one.
func (s Steady) Uneven() float64 {
	var each []float64
	for _, v := range s.Speeds {
		if len(v) > 0 {
			each = append(each, median(v))
		}
	}
	if len(each) == 0 {
		return 0
	}
	return 1 - slices.Min(each)/median(each)
}

// Lost is the part of the time that others had on the CPU where that was the most.
func (s Steady) Lost() float64 {
	if len(s.Had) == 0 {
		return 0
	}
	return max(0, 1-slices.Min(s.Had))
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}
