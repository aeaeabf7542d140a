package session

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

func fiveDomains() []testutil.TickingZone {
	return append(twoSockets()[:4:4], testutil.TickingZone{Name: "psys", Watts: 300, StartUJ: 17_000_000})
}

// openSampler opens a host's counters for a sampler that nobody drives yet.
func openSampler(tb testing.TB, root string, interval time.Duration) *sampler {
	tb.Helper()
	topo, err := topology.Read(root)
	if err != nil {
		tb.Fatal(err)
	}
	src, err := source.Host{Root: root, Topo: topo}.Open(source.Powercap)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { src.Close() })
	m := newSampler(&session{Options: Options{Interval: interval}, tracks: []*energy.Track{energy.NewTrack(src.Source)}})
	m.start = energy.Now()
	m.nextSample = m.start
	return m
}

func TestSamplerAllocatesNothing(t *testing.T) {
	h := testutil.NewTicking(t, fiveDomains()...)
	m := openSampler(t, h.Root, time.Millisecond)
	now := m.start
	turn := func() {
		if !m.read(now) {
			t.Fatal("halted")
		}
		now = now.Add(time.Millisecond)
	}
	turn()
	if n := testing.AllocsPerRun(2000, turn); n != 0 {
		t.Errorf("%v allocations per sample, want none", n)
	}
	if m.samples != m.series.Len() || m.missed != 0 {
		t.Errorf("%d readings, %d samples, %d missed", m.samples, m.series.Len(), m.missed)
	}
	if m.halt(); m.read(now) {
		t.Error("a halted sampler reads")
	}
}

// A sampler that is kept from running reports what it missed, and makes up
// nothing: the energy of the gap is in the sample after it.
func TestMissedSamples(t *testing.T) {
	h := testutil.NewTicking(t, testutil.TickingZone{Name: "package-0", Watts: 100, StartUJ: 1})
	m := openSampler(t, h.Root, time.Millisecond)
	m.read(m.start) // takes the sample due at the start
	due := m.nextSample
	if want := m.start.Add(time.Millisecond); due != want {
		t.Fatalf("next sample at %v, want %v", due, want)
	}
	m.read(due.Add(999 * time.Microsecond)) // late, but in its own interval
	if m.missed != 0 || m.nextSample != due.Add(time.Millisecond) {
		t.Errorf("%d missed, next in %v", m.missed, m.nextSample.Sub(due))
	}
	due = m.nextSample
	m.read(due.Add(25*time.Millisecond + time.Microsecond))
	if m.missed != 25 || m.nextSample != due.Add(26*time.Millisecond) || m.series.Len() != 3 {
		t.Errorf("%d missed, next in %v, %d samples", m.missed, m.nextSample.Sub(due), m.series.Len())
	}
}

// Samples that hold more than the window, which may end sooner after a refresh
// of the counter than it began, give it back: the series adds up to the result
// and no sample is below nothing.
func TestLastSampleIsNotNegative(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()[:2]...)
	m := openSampler(t, h.Root, time.Millisecond)
	for i, row := range [][]float64{{0.25, 0.1}, {0.5, 0.1}, {0.01, 0.1}, {0, 0.1}} {
		m.series.Append(float64(i+1)*0.001, row)
	}
	want := []float64{0.7, 0.45}
	m.complete(0.0041, want)
	sums := make([]float64, 2)
	for k := range m.series.Len() {
		_, row := m.series.At(k)
		for i, j := range row {
			if sums[i] += j; j < 0 {
				t.Errorf("sample %d: %v J", k, j)
			}
		}
	}
	for i := range want {
		if math.Abs(sums[i]-want[i]) > 1e-12 {
			t.Errorf("domain %d: samples add up to %v J, want %v", i, sums[i], want[i])
		}
	}
	if _, row := m.series.At(1); math.Abs(row[0]-0.45) > 1e-12 {
		t.Errorf("the sample before has %v J left, want 0.45", row[0])
	}
	if m.series.Len() != 5 {
		t.Errorf("%d samples, want 5", m.series.Len())
	}
}

// A sample whose reading was under way when the window ended is the last: the
// series ends with the window, in the order of time.
func TestSampleAtTheEnd(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()[:2]...)
	m := openSampler(t, h.Root, time.Millisecond)
	m.series.Append(0.001, []float64{0.25, 0.1})
	m.series.Append(0.0020003, []float64{0.3, 0.1})
	m.complete(0.002, []float64{0.7, 0.25})
	at, row := m.series.At(m.series.Len() - 1)
	if m.series.Len() != 2 || at != 0.002 || math.Abs(row[0]-0.45) > 1e-12 || math.Abs(row[1]-0.15) > 1e-12 {
		t.Errorf("%d samples, the last at %v: %v", m.series.Len(), at, row)
	}
}

// What a turn of the sampler costs over five zones, beside the bare system
// calls.
func BenchmarkSampleFiveDomains(b *testing.B) {
	h := testutil.NewTicking(b, fiveDomains()...)
	m := openSampler(b, h.Root, time.Millisecond)
	for _, name := range h.Names() { // other threads' writes are not the subject
		if err := h.Break(name, "123456789012\n"); err != nil {
			b.Fatal(err)
		}
	}
	now := m.start
	for b.Loop() {
		m.read(now)
		now = now.Add(time.Millisecond)
	}
}

func BenchmarkFivePreads(b *testing.B) {
	h := testutil.NewTicking(b, fiveDomains()...)
	var fds []int
	err := filepath.WalkDir(filepath.Join(h.Root, "sys/class/powercap"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "energy_uj" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		b.Cleanup(func() { f.Close() })
		fds = append(fds, int(f.Fd()))
		return nil
	})
	if err != nil || len(fds) != 5 {
		b.Fatal(len(fds), err)
	}
	for _, name := range h.Names() {
		if err := h.Break(name, "123456789012\n"); err != nil {
			b.Fatal(err)
		}
	}
	var buf [32]byte
	for b.Loop() {
		for _, fd := range fds {
			if _, err := unix.Pread(fd, buf[:], 0); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A whole session for the shortest of commands.
func BenchmarkRunTrue(b *testing.B) {
	h := testutil.NewTicking(b, fiveDomains()...)
	o := Options{Root: h.Root, Source: source.Powercap, Command: &Command{Argv: []string{"/bin/true"}}}
	for b.Loop() {
		if _, err := Run(context.Background(), o); err != nil {
			b.Fatal(err)
		}
	}
}

// waylaid is a source whose counters grow with time. Every third reading is kept
// waiting between its two counters.
type waylaid struct {
	zones []energy.Zone
	n     int
}

const waylaidW = 50.0

func (w *waylaid) Name() string         { return "waylaid" }
func (w *waylaid) Zones() []energy.Zone { return w.zones }
func (w *waylaid) Close() error         { return nil }

func (w *waylaid) Read(r *energy.Reading) error {
	w.n++
	for i := range w.zones {
		if i > 0 && w.n%3 == 0 {
			time.Sleep(8 * time.Millisecond)
		}
		at := energy.Now()
		r.At[i], r.Errs[i] = energy.Bracket{Before: at, After: energy.Now()}, nil
		r.Counts[i] = uint64(at.Sub(0).Seconds() * waylaidW / w.zones[i].Tick)
	}
	return nil
}

// A sample that was kept waiting while it read has no joules of the next one's
// time.
func TestSampleThatLosesItsTurn(t *testing.T) {
	const interval = 20 * time.Millisecond
	src := &waylaid{zones: []energy.Zone{
		{Domain: energy.Package, Die: -1, Core: -1, Parent: -1, Tick: 1e-6, MaxW: 200},
		{Domain: energy.Package, Socket: 1, Die: -1, Core: -1, Parent: -1, Tick: 1e-6, MaxW: 200},
	}}
	m := newSampler(&session{Options: Options{Interval: interval}, tracks: []*energy.Track{energy.NewTrack(src)}})
	m.prepare(energy.Now())
	m.nextSample = m.start
	for m.series.Len() < 30 {
		if !m.read(energy.Now()) {
			t.Fatal("halted")
		}
		time.Sleep(time.Until(time.Now().Add(m.nextSample.Sub(energy.Now()))))
	}
	last := 0.0
	for i := range m.series.Len() {
		at, joules := m.series.At(i)
		if i > 0 {
			for zone, j := range joules {
				if w := j / (at - last); math.Abs(w/waylaidW-1) > 0.1 {
					t.Errorf("sample %d: zone %d draws %.1f W, %.0f in truth", i, zone, w, waylaidW)
				}
			}
		}
		last = at
	}
}
