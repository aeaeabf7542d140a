package rapl

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// set overwrites a counter in place: the source has the file open.
func set(tb testing.TB, root, zone string, text string) {
	tb.Helper()
	path := filepath.Join(root, "sys/class/powercap", zone, "energy_uj")
	if err := os.Chmod(path, 0o600); err != nil {
		tb.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(0); err != nil {
		tb.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		tb.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	root := testutil.Host(t, "intel-client")
	s := open(t, root)
	r := energy.NewReading(len(s.Zones()))
	before := energy.Now()
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	after := energy.Now()
	for i, at := range r.At {
		if at.Before < before || at.After < at.Before || at.After > after {
			t.Errorf("zone %d was read within %v, the call within %v", i, at, energy.Bracket{Before: before, After: after})
		}
		if i > 0 && at.Before != r.At[i-1].After {
			t.Errorf("zones %d and %d don't share an instant: %v %v", i-1, i, r.At[i-1], at)
		}
	}
	set(t, root, "intel-rapl:1", "4711\n")
	if err := s.Read(r); err != nil || r.Counts[4] != 4711 {
		t.Errorf("psys reads %d, %v, want 4711", r.Counts[4], err)
	}
}

// TestBadContent: a zone that answers nonsense keeps its old count, says what
// is wrong, and does not disturb the others.
func TestBadContent(t *testing.T) {
	root := testutil.Host(t, "intel-1s")
	s := open(t, root)
	r := energy.NewReading(2)
	for _, content := range []string{"", "\n", "-5\n", "12\x00", "18446744073709551616\n", "99999999999999999999999999999999999\n", "nan\n"} {
		set(t, root, "intel-rapl:0:0", "1000\n")
		if err := s.Read(r); err != nil || r.Errs[1] != nil || r.Counts[1] != 1000 {
			t.Fatalf("before %q: %d, %v, %v", content, r.Counts[1], r.Errs[1], err)
		}
		set(t, root, "intel-rapl:0:0", content)
		if err := s.Read(r); err != nil {
			t.Errorf("%q: one bad zone failed the read: %v", content, err)
		}
		if r.Errs[0] != nil || r.Errs[1] == nil || r.Counts[1] != 1000 {
			t.Errorf("%q: counts %v, errors %v", content, r.Counts, r.Errs)
		}
		if kinds := energy.Refusals("dram-0", r.Errs[1]); len(kinds) != 1 || !errors.Is(kinds[0], energy.ErrBroken) {
			t.Errorf("%q: refusals %v", content, kinds)
		}
	}
}

// fail makes reads of a zone's open file fail as the kernel would: it puts a
// file in its place that answers EIO (address 0 of this process's memory).
func fail(t *testing.T, s *Source, zone int) {
	t.Helper()
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Dup3(int(f.Fd()), s.counters[zone].fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
}

func TestFailingZone(t *testing.T) {
	root := testutil.Host(t, "intel-2s")
	s := open(t, root)
	r := energy.NewReading(4)
	m := energy.NewMeter(s.Zones())
	read := func() {
		t.Helper()
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
		m.Add(r)
	}
	set(t, root, "intel-rapl:1", "1000000\n")
	read()
	s.nextHeal = energy.Now().Add(healEvery) // not yet
	fail(t, s, 2)
	read()
	if !errors.Is(r.Errs[2], unix.EIO) || r.Errs[0] != nil || r.Errs[1] != nil || r.Errs[3] != nil {
		t.Errorf("errors %v, want EIO of package-1 alone", r.Errs)
	}
	s.nextHeal = 0
	read() // fails again, and finds the zone again
	set(t, root, "intel-rapl:1", "3500000\n")
	read()
	if r.Errs[2] != nil {
		t.Errorf("package-1 did not come back: %v", r.Errs[2])
	}
	if got := m.Total(2); got.EnergyJ != 2.5 || got.Fails != 2 || len(got.Gaps) != 0 {
		t.Errorf("package-1 over the outage: %+v, want 2.5 J", got)
	}
}

// TestVanishingZone: a package goes away with its last CPU and comes back
// under another number.
func TestVanishingZone(t *testing.T) {
	root := testutil.Host(t, "intel-2s")
	s := open(t, root)
	r := energy.NewReading(4)
	move := func(from, to string) {
		t.Helper()
		dir := filepath.Join(root, tree, "intel-rapl")
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	read := func() {
		t.Helper()
		s.nextHeal = 0
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
	}
	move("intel-rapl:1", "away")
	fail(t, s, 2)
	fail(t, s, 3)
	for range 3 {
		read()
		if r.Errs[2] == nil || r.Errs[3] == nil || r.Errs[0] != nil {
			t.Fatalf("errors %v, want those of socket 1", r.Errs)
		}
	}
	move("away/intel-rapl:1:0", "away/intel-rapl:7:0")
	move("away", "intel-rapl:7")
	read()
	read()
	for i, err := range r.Errs {
		if err != nil {
			t.Errorf("zone %d: %v", i, err)
		}
	}
	// Another counter of the same name is not the one that went.
	fail(t, s, 2)
	testutil.Write(t, root, tree+"intel-rapl/intel-rapl:7/max_energy_range_uj", "65532610987\n")
	read()
	read()
	if r.Errs[2] == nil {
		t.Error("a counter of another range took the zone's place")
	}
}

func TestHealingIsBounded(t *testing.T) {
	s := open(t, testutil.Host(t, "intel-1s"))
	r := energy.NewReading(2)
	fail(t, s, 0)
	before := energy.Now()
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	next := s.nextHeal
	if d := next.Sub(before); d < healEvery {
		t.Errorf("the next attempt may come after %v, want %v", d, healEvery)
	}
	fail(t, s, 0)
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	if s.nextHeal != next {
		t.Error("a second attempt came at once")
	}
}

func TestAllZonesFail(t *testing.T) {
	root := testutil.Host(t, "intel-1s")
	s := open(t, root)
	if err := os.RemoveAll(filepath.Join(root, tree)); err != nil {
		t.Fatal(err)
	}
	fail(t, s, 0)
	fail(t, s, 1)
	if err := s.Read(energy.NewReading(2)); !errors.Is(err, unix.EIO) {
		t.Errorf("no zone could be read, and Read says %v", err)
	}
}

func TestClose(t *testing.T) {
	s, err := tryOpen(testutil.Host(t, "intel-2s"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Read(energy.NewReading(4)); err == nil {
		t.Error("a closed source can be read")
	}
	s = nil
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestWraps: over many revolutions, in steps of any size below one, the meter
// adds up what the register counted, to the microjoule a revolution.
func TestWraps(t *testing.T) {
	root := testutil.Host(t, "intel-1s")
	s := open(t, root)
	r := energy.NewReading(2)
	z := s.Zones()
	z[0].MaxW, z[1].MaxW = 0, 0 // the test is faster than any processor
	m := energy.NewMeter(z)
	const unit = 61035 // nJ
	register := uint64(1<<32 - 5)
	start := register
	random := rand.New(rand.NewPCG(1, 2))
	for m.Total(0).Wraps < 20 {
		set(t, root, "intel-rapl:0", strconv.FormatUint(register%(1<<32)*unit/1000, 10)+"\n")
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
		m.Add(r)
		register += random.Uint64N(1 << 32)
		if got, want := m.Total(0).EnergyJ, float64(register-start)*unit/1e9; got > want {
			t.Fatalf("%g J of %g", got, want)
		}
	}
	set(t, root, "intel-rapl:0", strconv.FormatUint(register%(1<<32)*unit/1000, 10)+"\n")
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	m.Add(r)
	want := float64(register-start) * unit / 1e9
	if got := m.Total(0).EnergyJ; got < want-25e-6 || got > want+25e-6 {
		t.Errorf("%d wraps: %.6f J, want %.6f", m.Total(0).Wraps, got, want)
	}
}

func TestNoAllocation(t *testing.T) {
	s := open(t, testutil.Host(t, "intel-client"))
	r := energy.NewReading(len(s.Zones()))
	read := func() {
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("a read allocates %g times", n)
	}
	s.nextHeal = energy.Now().Add(healEvery * 3600)
	fail(t, s, 1)
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("a read with a failing zone allocates %g times", n)
	}
}

// The three benchmarks read the same five files: through the source, with
// nothing but the system call, and the way it is usually done.

func BenchmarkRead(b *testing.B) {
	s := open(b, testutil.Host(b, "intel-client"))
	r := energy.NewReading(len(s.Zones()))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Read(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBarePread(b *testing.B) {
	s := open(b, testutil.Host(b, "intel-client"))
	buf := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		for i := range s.counters {
			if n, err := unix.Pread(s.counters[i].fd, buf, 0); n == 0 || err != nil {
				b.Fatal(n, err)
			}
		}
	}
}

func BenchmarkReadFileParse(b *testing.B) {
	s := open(b, testutil.Host(b, "intel-client"))
	b.ReportAllocs()
	for b.Loop() {
		for i := range s.counters {
			text, err := os.ReadFile(s.counters[i].path)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := strconv.ParseUint(string(text[:len(text)-1]), 10, 64); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkParseCount(b *testing.B) {
	text := []byte(fmt.Sprintln(262143328850))
	for b.Loop() {
		if _, err := parseCount(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, host := range []string{"intel-client", "intel-8s"} {
		root := testutil.Host(b, host)
		b.Run(host, func(b *testing.B) {
			for b.Loop() {
				s, err := tryOpen(root)
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}
