package instrument

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

const us = time.Microsecond

func watched1(t *testing.T, src energy.Source, d time.Duration) report.Interface {
	t.Helper()
	one, err := Watch(t.Context(), src, d)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// The distribution of the update intervals is that of the hardware, through
// every interface, also where the watcher loses its CPU.
func TestUpdateIntervals(t *testing.T) {
	for _, c := range []struct {
		mean, sd time.Duration
		stalls   float64 // a second
	}{
		{1000 * us, 0, 0}, {1000 * us, 42 * us, 0}, {1000 * us, 100 * us, 0}, {1000 * us, 270 * us, 0}, {500 * us, 20 * us, 0},
		{1000 * us, 100 * us, 20}, {1000 * us, 270 * us, 60},
	} {
		t.Run(fmt.Sprintf("%v sd %v, %v stalls", c.mean, c.sd, c.stalls), func(t *testing.T) {
			const long = 1500 * time.Millisecond
			m := newMachine(3)
			m.stalls, m.longest = c.stalls, 6*time.Millisecond
			reg := m.newRegister(4*long, c.mean, c.sd, 40, unit)
			for _, src := range []energy.Source{m.perf(reg), m.powercap(reg), m.msr(reg)} {
				z := watched1(t, src, long).Zones[0]
				u := z.Update
				if u == nil {
					t.Fatalf("%s: %s", src.Name(), z.UpdateReason)
				}
				n := float64(u.N)
				resolution := 2 * readTime.Seconds() // a bracket has two reads
				near(t, src.Name()+" resolution", u.ResolutionS, resolution, resolution/4)
				near(t, src.Name()+" mean", u.MeanS, c.mean.Seconds(), 4*c.sd.Seconds()/math.Sqrt(n)+resolution/math.Sqrt(n))
				near(t, src.Name()+" sd", u.StdDevS, c.sd.Seconds(), 0.08*c.sd.Seconds()+resolution/2)
				near(t, src.Name()+" p5", u.P5S, c.mean.Seconds()-1.645*c.sd.Seconds(), 0.2*c.sd.Seconds()+resolution)
				near(t, src.Name()+" p95", u.P95S, c.mean.Seconds()+1.645*c.sd.Seconds(), 0.2*c.sd.Seconds()+resolution)
				near(t, src.Name()+" p99", u.P99S, c.mean.Seconds()+2.326*c.sd.Seconds(), 0.5*c.sd.Seconds()+resolution)
				all := reg.intervals()
				if u.MaxS > all[len(all)-1]+2*resolution || u.MinS < all[0]-2*resolution {
					t.Errorf("%s: %v to %v s, but there are none beyond %v and %v", src.Name(), u.MinS, u.MaxS, all[0], all[len(all)-1])
				}
				if (u.Excluded > 0) != (c.stalls > 0) || float64(u.Excluded) > 0.3*n {
					t.Errorf("%s: %d of %d intervals left out, with %v stalls a second", src.Name(), u.Excluded, u.N+u.Excluded, c.stalls)
				}
			}
		})
	}
}

// What a watcher that lost its CPU saw would spoil the distribution, were it
// not left out: the test above is not passed by chance.
func TestStallsDoHarm(t *testing.T) {
	m := newMachine(3)
	m.stalls, m.longest = 60, 6*time.Millisecond
	w := newWatcher(m.msr(m.newRegister(8*time.Second, 1000*us, 100*us, 40, unit)), 2*time.Second)
	if err := w.watch(t.Context(), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	var worst time.Duration
	for _, i := range w.zones[0].intervals {
		worst = max(worst, i.d)
	}
	if worst < 2*time.Millisecond {
		t.Errorf("the longest interval seen is %v: nothing to leave out", worst)
	}
}

// Where updates can't be told apart, that is said, and no number.
func TestUpdatesUnseen(t *testing.T) {
	m := newMachine(4)
	const long = 2 * time.Second
	for _, c := range []struct {
		name string
		src  func() *simulated
		want string
	}{
		{"whole joules", func() *simulated {
			s := m.face("powercap", 1e-6, 1, []*register{m.newRegister(long, 1000*us, 0, 35, 1)}, func(u uint64) uint64 { return u * 1e6 })
			s.read = 20 * us
			return s
		}, "updates that add none are not seen"},
		{"whole joules by perf", func() *simulated {
			return m.face("perf", 1.0/(1<<32), 0, []*register{m.newRegister(long, 1000*us, 0, 35, 1)}, func(u uint64) uint64 { return u << 32 })
		}, "updates that add none are not seen"},
		{"always fresh", func() *simulated {
			s := m.msr(m.newRegister(long, us, 0, 100, 1e-6))
			s.zones[0].Tick, s.read = 1e-6, 5*us
			return s
		}, "updated too often"},
		{"read slowly", func() *simulated {
			s := m.msr(m.newRegister(long, 1000*us, 0, 100, unit))
			s.read = 500 * us
			return s
		}, "read too slowly"},
		{"stands still", func() *simulated { return m.msr(m.newRegister(long, 1000*us, 0, 0, unit)) }, "only 0 times"},
	} {
		z := watched1(t, c.src(), long/2).Zones[0]
		if z.Update != nil || !strings.Contains(z.UpdateReason, c.want) {
			t.Errorf("%s: %+v, %q; want %q", c.name, z.Update, z.UpdateReason, c.want)
		}
	}
}

// The step is that of the register, whatever the interface counts in.
func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name         string
		tick, stated float64 // joules
		show         func(units uint64) uint64
		changes      int
		counts       float64 // 0: not known
	}{
		{"perf", 1.0 / (1 << 32), 0, func(u uint64) uint64 { return u << 18 }, 200, 1 << 18},
		{"msr", unit, 0, func(u uint64) uint64 { return u }, 200, 1},
		{"powercap", 1e-6, 61.035e-6, func(u uint64) uint64 { return u * 61035 / 1000 }, 200, 61.035},
		{"powercap's memory", 1e-6, 15.3e-6, func(u uint64) uint64 { return u * 153 / 10 }, 200, 15.3},
		{"finer than stated", 1e-6, 61.035e-6, func(u uint64) uint64 { return u * 61035 / 4000 }, 200, 61.035 / 4},
		{"coarser than stated", 1e-6, 61.035e-6, func(u uint64) uint64 { return u * 61035 * 8 / 1000 }, 200, 8 * 61.035},
		{"whole joules", 1e-6, 1, func(u uint64) uint64 { return u * 1e6 }, 200, 1e6},
		{"not what is stated", 1e-6, 61.035e-6, func(u uint64) uint64 { return u * 47 }, 200, 0},
		{"too few", unit, 0, func(u uint64) uint64 { return u }, 10, 0},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		s := newStepper(c.tick, max(c.stated, c.tick))
		units := uint64(0)
		for range c.changes {
			more := 300 + rng.Uint64N(60)
			s.add(c.show(units+more) - c.show(units))
			units += more
		}
		got, reason := s.counts()
		if (reason != "") != (c.counts == 0) || math.Abs(got-c.counts) > 1e-9*c.counts {
			t.Errorf("%s: %v counts, %q; want %v", c.name, got, reason, c.counts)
		}
		mean := 0.0
		if c.counts > 0 {
			mean = float64(units) / float64(c.changes)
		}
		near(t, c.name+": steps at a time", s.meanSteps(), mean, 1e-4*mean)
	}
}

// The reads take what they take, all zones together and each by itself.
func TestLatency(t *testing.T) {
	m := newMachine(6)
	src := m.msr(m.newRegister(time.Second, 1000*us, 0, 40, unit), m.newRegister(time.Second, 1000*us, 0, 40, unit))
	one := watched1(t, src, 500*time.Millisecond)
	read := readTime.Seconds()
	near(t, "whole median", one.Read.MedianS, 2*read, 0.05*read)
	near(t, "zone median", one.Zones[1].Read.MedianS, read, 0.05*read)
	near(t, "reads", float64(one.Read.N), 0.5/(2*read), 0.02*0.5/(2*read))
	if r := one.Read; r.P95S < r.MedianS || r.P99S < r.P95S || r.MaxS < r.P99S || r.MaxS > 1.501*2*read {
		t.Errorf("%+v", r)
	}
	near(t, "power", *one.Zones[0].PowerW, 40, 1)
}

func TestHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	var h histogram
	const n = 100000
	for range n {
		h.add(time.Duration(1000 * math.Exp(rng.NormFloat64())))
	}
	for q, z := range map[float64]float64{0.5: 0, 0.95: 1.645, 0.99: 2.326} {
		want := 1e-6 * math.Exp(z)
		near(t, fmt.Sprint("quantile ", q), h.quantile(q), want, 0.03*want)
	}
	var exact histogram
	for _, ns := range []time.Duration{-5, 0, 7, 63, 1 << 62} {
		exact.add(ns)
	}
	if exact.n != 5 || exact.quantile(0.01) != 0 || exact.quantile(0.6) != 7e-9 || exact.max != 1<<62 {
		t.Errorf("n %d, %v, %v, %v", exact.n, exact.quantile(0.01), exact.quantile(0.6), exact.max)
	}
	for b := range len(h.bins) - 1 {
		if got := bin(uint64(middle(b))); got != b {
			t.Fatalf("the middle of bin %d lies in bin %d", b, got)
		}
	}
}

var errBroken = errors.New("EIO")

// A zone that can't be read is said to be so beside one that can; a source that
// can't is given up, whatever its clock says.
func TestWatchFailures(t *testing.T) {
	m := newMachine(8)
	src := m.msr(m.newRegister(2*time.Second, 1000*us, 0, 40, unit), m.newRegister(2*time.Second, 1000*us, 0, 40, unit))
	src.fails = func(zone int) error {
		if zone == 1 {
			return errBroken
		}
		return nil
	}
	one := watched1(t, src, 200*time.Millisecond)
	if bad := one.Zones[1]; bad.Update != nil || bad.Read != nil || bad.StepJ != nil || !strings.Contains(bad.UpdateReason, "EIO") || !strings.Contains(bad.StepReason, "EIO") {
		t.Errorf("%+v", bad)
	}
	if good := one.Zones[0]; good.Update == nil || one.Read == nil || one.Reason != "" {
		t.Errorf("%+v", one)
	}
	src.fails = func(int) error { return errBroken }
	if one = watched1(t, src, 200*time.Millisecond); one.Read != nil || !strings.Contains(one.Reason, "EIO") {
		t.Errorf("%+v", one)
	}
}

// A reading that fails now and then breaks the interval it lies in, no other.
func TestReadsThatFail(t *testing.T) {
	m := newMachine(8)
	src := m.msr(m.newRegister(4*time.Second, 1000*us, 50*us, 40, unit))
	src.fails = func(int) error {
		if m.rng.Float64() < 0.0005 {
			m.now = m.now.Add(3 * time.Millisecond)
			return errBroken
		}
		return nil
	}
	u := watched1(t, src, 2*time.Second).Zones[0].Update
	if u == nil || u.MaxS > 1.3e-3 {
		t.Fatalf("%+v", u)
	}
	near(t, "mean", u.MeanS, 1e-3, 1e-5)
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := newMachine(1)
	src := []energy.Source{m.msr(m.newRegister(time.Second, 1000*us, 0, 40, unit)), m.perf(m.newRegister(time.Second, 1000*us, 0, 40, unit))}
	if _, err := Watch(ctx, src[0], time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := Compare(ctx, src, Windows{N: 3, Length: time.Hour}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if out, err := Measure(ctx, src, Standard()); !errors.Is(err, context.Canceled) || out != nil {
		t.Errorf("%v, %v", out, err)
	}
}

func TestLoopsDoNotAllocate(t *testing.T) {
	m := newMachine(2)
	reg := m.newRegister(10*time.Second, 1000*us, 50*us, 40, unit)
	a, b := m.perf(reg), m.powercap(reg)
	w := newWatcher(a, time.Second)
	c := newComparer([]energy.Source{a, b}, Windows{N: 2, Length: time.Second}, shortBorder)
	for range 1000 {
		w.look()
		c.round()
	}
	if n := testing.AllocsPerRun(20000, func() { w.look() }); n != 0 {
		t.Errorf("watching allocates %v times a reading", n)
	}
	if n := testing.AllocsPerRun(20000, func() { c.round() }); n != 0 {
		t.Errorf("comparing allocates %v times a round", n)
	}
	if w.zones[0].edges < 10 || len(c.sides[1].edges[0][0]) < 3 {
		t.Errorf("%d and %d edges: nothing was tried", w.zones[0].edges, len(c.sides[1].edges[0][0]))
	}
}
