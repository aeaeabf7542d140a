package msr

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// flatFile makes a plain file that serves as a device for one register at a
// time.
func flatFile(t testing.TB, reg int64, bytes []byte) string {
	root := t.TempDir()
	path := filepath.Join(root, "dev/cpu/0/msr")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes, reg); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestDescriptor(t *testing.T) {
	// 0xC001029B does not fit in 31 bits: the offset must not turn negative.
	root := flatFile(t, regAMDPkgEnergy, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	dev, err := openerAt(root)(0)
	if err != nil {
		t.Fatal(err)
	}
	s := &Source{}
	if v, err := s.register(dev, regAMDPkgEnergy); err != nil || v != 0x0807060504030201 {
		t.Errorf("%#x, %v", v, err)
	}
	if _, err := s.register(dev, regAMDPkgEnergy+4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a register: %v", err)
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	if err := dev.Close(); err != nil {
		t.Errorf("close twice: %v", err)
	}
	if _, err := s.register(dev, regAMDPkgEnergy); !errors.Is(err, unix.EBADF) {
		t.Errorf("read after close: %v", err)
	}
	if _, err := openerAt(root)(1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open cpu 1: %v", err)
	}
}

// fileSource is a Source of n zones over a plain file.
func fileSource(t testing.TB, n int) *Source {
	root := flatFile(t, regPkgEnergy, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	s := &Source{open: openerAt(root)}
	dev, err := s.open(0)
	if err != nil {
		t.Fatal(err)
	}
	place := &seat{cpus: []int{0}, dev: dev}
	s.seats = []*seat{place}
	for range n {
		s.zones = append(s.zones, energy.Zone{Tick: 1.0 / 16384, Wrap: counterRange, Parent: -1})
		s.slots = append(s.slots, slot{seat: place, reg: regPkgEnergy})
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestReadAllocatesNothing(t *testing.T) {
	s := fileSource(t, 5)
	r := energy.NewReading(5)
	if n := testing.AllocsPerRun(1000, func() {
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a read allocates %v times", n)
	}
	if r.Counts[4] != 1 || math.IsNaN(s.zones[0].RangeJ()) {
		t.Errorf("counts %v", r.Counts)
	}
}

// BenchmarkPread is the floor: one bare pread of the file that
// BenchmarkReadOneZone reads.
func BenchmarkPread(b *testing.B) {
	root := flatFile(b, regPkgEnergy, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	fd, err := unix.Open(devicePath(root, 0), unix.O_RDONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	var buf [8]byte
	for b.Loop() {
		if n, err := unix.Pread(fd, buf[:], regPkgEnergy); n != 8 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkReadOneZone(b *testing.B)   { benchmarkRead(b, 1) }
func BenchmarkReadFiveZones(b *testing.B) { benchmarkRead(b, 5) }

func benchmarkRead(b *testing.B, zones int) {
	s := fileSource(b, zones)
	r := energy.NewReading(zones)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Read(r); err != nil {
			b.Fatal(err)
		}
	}
}
