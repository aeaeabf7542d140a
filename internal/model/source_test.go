package model

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func TestParseProcStat(t *testing.T) {
	const stat = "cpu  100 20 30 4000 50 6 7 8 9 10\ncpu0 60 10 20 2000 25 3 4 4 9 10\ncpu11 40 10 10 2000 25 3 3 4 0 0\nintr 123 4 5\nctxt 9\n"
	parse := func(text string) (got []ticks, err error) {
		err = parseProcStat([]byte(text), func(c ticks) { got = append(got, c) })
		return
	}
	got, err := parse(stat)
	// user + nice + system + irq + softirq: 100+20+30+6+7, ...
	want := []ticks{{-1, 163}, {0, 97}, {11, 66}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if got, err := parse("cpu  1 2 3 4\n"); err != nil || got[0].busy != 6 {
		t.Errorf("four fields: %v, %v", got, err)
	}
	if got, err := parse(stat[:60]); err != nil || len(got) != 1 {
		t.Errorf("a line cut off: %v, %v; want the whole one alone", got, err)
	}
	for _, bad := range []string{"", "intr 1\n", "cpu  1 2 3\n", "cpu  1 -2 3 4\n", "cpux 1 2 3 4\n", "cpu  1 2 3 4", "cpu  99999999999999999999 2 3 4\n", "cpu0x 1 2 3 4\n"} {
		if got, err := parse(bad); err == nil {
			t.Errorf("%q: %v, want an error", bad, got)
		}
	}
}

func FuzzParseProcStat(f *testing.F) {
	f.Add([]byte("cpu  100 20 30 4000 50 6 7 8 9 10\ncpu0 60 10 20 2000 25 3 4 4\nintr 1\n"))
	f.Add([]byte("cpu1048577 1 1 1 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := parseProcStat(b, func(c ticks) {
			n++
			if c.cpu < -1 || c.cpu > 1<<20 || c.busy > 5<<60 {
				t.Errorf("%+v", c)
			}
		})
		if err == nil && n == 0 {
			t.Error("no line and no error")
		}
	})
}

func testMachine(t *testing.T, name string) *Machine {
	t.Helper()
	m, err := NewMachine(hosts(t)[name])
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fakeProc(t *testing.T, stat string) (root string, write func(string)) {
	t.Helper()
	root = t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	write = func(s string) {
		if err := os.WriteFile(filepath.Join(root, "proc/stat"), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(stat)
	return root, write
}

// Driven without a clock: a source's segments, advanced by hand.
func newSource(m *Machine, sockets []int) *Source {
	s := &Source{path: "test", machine: m}
	s.layOut(sockets)
	return s
}

func (s *Source) step(dt float64, busy ...float64) {
	for i := range s.state {
		s.state[i].busyS += busy[i]
		s.advance(&s.state[i], dt)
	}
}

// On a guest the model is linear: however a window is cut into reads, the
// counter ends at the estimate of the whole window.
func TestSourceAgreesWithEstimate(t *testing.T) {
	h := hosts(t)["guest, named"]
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		s := newSource(testMachine(t, "guest, named"), []int{0, 0})
		var d, busy, last float64
		for range 200 {
			dt := rng.Float64() * 0.1
			b := rng.Float64() * dt * 2
			s.step(dt, b)
			d, busy = d+dt, busy+b
			if s.state[0].exported < last {
				t.Fatalf("went back from %g to %g J", last, s.state[0].exported)
			}
			last = s.state[0].exported
		}
		r := estimate(t, h, d, busy, 0)[ShareName]
		near(t, "joules", last, r.EnergyJ, 1e-6*r.EnergyJ)
		low, high := s.Scale(0)
		near(t, "low", last*low, r.LowJ, 1e-6*r.LowJ)
		near(t, "high", last*high, r.HighJ, 1e-6*r.HighJ)
	}
}

// A tick may show 10 ms of CPU time in a read 1 ms after the last: none of it
// may be lost, on curves either.
func TestSourceKeepsLateTicks(t *testing.T) {
	for _, name := range []string{"guest, named", "laptop"} {
		h := hosts(t)[name]
		s := newSource(testMachine(t, name), nil)
		const seconds = 20
		busy, last := 0.0, 0.0
		for ms := range seconds * 1000 {
			b := 0.0
			if ms%20 == 0 { // half of the CPUs busy, seen every 20 ms at once
				b = 0.010 * float64(h.CPUs)
			}
			s.step(0.001, b)
			busy += b
			if s.state[0].exported < last {
				t.Fatalf("%s: went back from %g to %g J", name, last, s.state[0].exported)
			}
			last = s.state[0].exported
		}
		want := estimate(t, h, seconds, busy, 0)[ShareName].EnergyJ
		near(t, name, last, want, 0.03*want)
	}
}

func TestSourceSplitsSockets(t *testing.T) {
	m := testMachine(t, "two old sockets")
	sockets := make([]int, 32)
	for i := range sockets {
		sockets[i] = 4 + i%2 // sockets 4 and 5
	}
	s := newSource(m, sockets)
	if len(s.Zones()) != 2 || s.Zones()[0].ID() != "package-4" || s.Zones()[1].ID() != "package-5" {
		t.Fatalf("%+v", s.Zones())
	}
	for range 10 {
		s.step(1, 16, 0) // one full, one idle
	}
	all := m.Total.Nominal
	near(t, "full socket", s.state[0].exported, 10*all.At(1)/2, 1e-6)
	near(t, "idle socket", s.state[1].exported, 10*all.At(0)/2, 1e-6)
	for _, z := range s.Zones() {
		if !z.InTotal() {
			t.Errorf("%s is not in the total", z.ID())
		}
	}
}

func TestSourceCounts(t *testing.T) {
	root, write := fakeProc(t, "cpu  1000 0 0 0\ncpu0 500 0 0 0\ncpu1 500 0 0 0\nintr 0\n")
	s, err := Open(root, testMachine(t, "two old sockets"), []int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.state[0].busyS != 0 || s.state[1].busyS != 0 {
		t.Errorf("what came before Open counts: %+v", s.state)
	}
	r := energy.NewReading(2)
	read := func() {
		t.Helper()
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
	}
	write("cpu  1100 0 0 0\ncpu0 500 0 0 0\ncpu1 600 0 0 0\nintr 0\n")
	read()
	near(t, "CPU 1", s.state[1].busyS, 1, 1e-9)
	near(t, "CPU 0", s.state[0].busyS, 0, 1e-9)
	// Off line, and back with a count that fell by a tick.
	write("cpu  1100 0 0 0\ncpu0 500 0 0 0\nintr 0\n")
	read()
	write("cpu  1100 0 0 0\ncpu0 500 0 0 0\ncpu1 599 0 0 0\nintr 0\n")
	read()
	near(t, "CPU 1, back", s.state[1].busyS, 1, 1e-9)
	// A processor nobody told of, and a file that turns to rubbish.
	write("cpu  1100 0 0 0\ncpu7 500 0 0 0\n")
	read()
	write("intr 0\n")
	if err := s.Read(r); !errors.Is(err, energy.ErrBroken) {
		t.Errorf("rubbish: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	m := testMachine(t, "guest, named")
	_, err := Open(t.TempDir(), m, nil)
	var refused *energy.Refusal
	if !errors.As(err, &refused) || !errors.Is(err, energy.ErrAbsent) || !strings.Contains(refused.Reason, "proc/stat") || refused.Remedy == "" {
		t.Errorf("no /proc: %v", err)
	}
	root, _ := fakeProc(t, "nothing\n")
	if _, err := Open(root, m, nil); !errors.Is(err, energy.ErrBroken) {
		t.Errorf("rubbish: %v", err)
	}
	bad := *m
	bad.CPUs = 0
	if _, err := Open("/", &bad, nil); err == nil || !strings.HasPrefix(err.Error(), "cpus") {
		t.Errorf("no CPUs: %v", err)
	}
	bad = *m
	bad.Total.High = Curve{{0, 1}, {1, math.NaN()}}
	if _, err := Open("/", &bad, nil); err == nil || !strings.HasPrefix(err.Error(), "power curve, high") {
		t.Errorf("a curve that isn't: %v", err)
	}
	var none *Source
	if none.Close() != nil {
		t.Error("closing nothing")
	}
}

// On the live host: the source sees the load this test makes, the same that
// an estimate over the same CPU time gives.
func TestSourceLive(t *testing.T) {
	m := testMachine(t, "guest, named")
	s, err := Open("/", m, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := energy.NewReading(1)
	meter := energy.NewMeter(s.Zones())
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	meter.Add(r)
	first := r.At[0].After // on a busy machine a thread may wait long for its first reading
	for energy.Now().Sub(first) < 400*time.Millisecond {
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
		meter.Add(r)
	}
	got := meter.Total(0)
	seconds := r.At[0].After.Sub(first).Seconds()
	// One CPU was kept busy by this loop: at least its dynamic power, less
	// two ticks, and never more than the machine at full load.
	least := m.Idle(seconds).Nominal*0.9 + (seconds-0.05)*m.Dynamic.Nominal.At(1)/float64(m.CPUs)*0.5
	most := m.Total.Nominal.At(1) * (seconds + 0.05)
	if got.EnergyJ < least || got.EnergyJ > most || len(got.Gaps) > 0 {
		t.Errorf("%g J in %g s, want %g to %g; gaps %v", got.EnergyJ, seconds, least, most, got.Gaps)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations per read", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Read(r); err == nil {
		t.Error("read after Close succeeds")
	}
}

func BenchmarkSourceRead(b *testing.B) {
	h, err := Identify(Identity{ModelName: "AMD EPYC 7763"}, Given{})
	if err != nil {
		b.Fatal(err)
	}
	m, err := NewMachine(Host{CPUs: 2, Sockets: 1, Virtual: true, CPU: h})
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open("/", m, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r := energy.NewReading(1)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Read(r); err != nil {
			b.Fatal(err)
		}
	}
}

// The same bytes by a bare pread: the floor of BenchmarkSourceRead.
func BenchmarkBarePread(b *testing.B) {
	f, err := os.Open("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 256)
	for b.Loop() {
		if _, err := f.ReadAt(buf, 0); err != nil {
			b.Fatal(err)
		}
	}
}
