package perfevent

import (
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// standIn is a host whose power PMU is this kernel's software PMU: cpu-clock
// counts nanoseconds on a CPU, so a zone of scale 1e-9 draws exactly 1 W. The
// files are made up, the counters and the system calls are real.
func standIn(t testing.TB) (root string, topo *topology.Topology) {
	root = t.TempDir()
	dir := "/sys/bus/event_source/devices/power/"
	files := map[string]string{
		dir + "type": "1\n", dir + "cpumask": "0\n",
		dir + "events/energy-pkg": "event=0x00\n", dir + "events/energy-pkg.scale": "1e-9\n", dir + "events/energy-pkg.unit": "Joules\n",
		dir + "events/energy-ram": "event=0x00\n", dir + "events/energy-ram.scale": "5e-10\n", dir + "events/energy-ram.unit": "Joules\n",
		dir + "events/energy-cores": "event=0x00\n", dir + "events/energy-cores.scale": "1e-9\n", dir + "events/energy-cores.unit": "Joules\n",
		dir + "events/other": "event=0x00\n",
	}
	writeTree(t, root, files)
	topo, err := topology.Read("/")
	if err != nil {
		t.Fatal(err)
	}
	return root, topo
}

func openStandIn(t testing.TB) *Power {
	t.Helper()
	root, topo := standIn(t)
	p, err := OpenPower(root, topo, false)
	if err != nil {
		t.Fatalf("this kernel's software events could not be opened: %v", err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPowerCountsOneWatt(t *testing.T) {
	p := openStandIn(t)
	var ids []string
	for _, z := range p.Zones() {
		ids = append(ids, z.ID())
	}
	if len(ids) != 3 || ids[0] != "package-0" || ids[1] != "core-0" || ids[2] != "dram-0" {
		t.Fatalf("zones %v; want package-0, core-0, dram-0", ids)
	}
	if z := p.Zones(); z[0].Parent != -1 || z[1].Parent != 0 || z[2].Parent != -1 {
		t.Errorf("parents %d %d %d; want core under package, dram on its own", z[0].Parent, z[1].Parent, z[2].Parent)
	}
	m, r := energy.NewMeter(p.Zones()), energy.NewReading(len(p.Zones()))
	read := func() energy.Instant {
		if err := p.Read(r); err != nil {
			t.Fatal(err)
		}
		m.Add(r)
		return r.At[0].Before
	}
	t0 := read()
	time.Sleep(50 * time.Millisecond)
	dt := read().Sub(t0).Seconds()
	for i, watts := range []float64{1, 1, 0.5} {
		if got := m.Total(i).EnergyJ; math.Abs(got-watts*dt) > 0.01*watts*dt {
			t.Errorf("%s: %.6f J in %.6f s; want %.1f W", ids[i], got, dt, watts)
		}
	}
}

func TestPowerReadAllocatesNothing(t *testing.T) {
	p := openStandIn(t)
	r := energy.NewReading(len(p.Zones()))
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Read(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per read, want none", n)
	}
}

func TestPowerClose(t *testing.T) {
	p := openStandIn(t)
	fds := p.FDs()
	if len(fds) != 3 {
		t.Fatalf("descriptors %v, want three", fds)
	}
	p.Close()
	p.Close()
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is still open", fd)
		}
	}
	if err := (*Power)(nil).Close(); err != nil {
		t.Error(err)
	}
}

// The zones that one call reads share its bracket and its failure.
func TestPowerBadRead(t *testing.T) {
	p := openStandIn(t)
	r := energy.NewReading(len(p.Zones()))
	unix.Close(p.groups[0].fds[0])
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.groups[0].fds[0] = null // reads as end-of-file, like an event whose CPU went away
	if err := p.Read(r); err == nil {
		t.Error("no error although no zone could be read")
	}
	for i, err := range r.Errs {
		if err == nil {
			t.Errorf("zone %d: no error", i)
		}
	}
}

func BenchmarkPowerRead(b *testing.B) {
	p := openStandIn(b)
	r := energy.NewReading(len(p.Zones()))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Read(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareRead is the same system call and nothing else.
func BenchmarkBareRead(b *testing.B) {
	p := openStandIn(b)
	buf := make([]byte, 64)
	for b.Loop() {
		if _, err := unix.Read(p.groups[0].fds[0], buf); err != nil {
			b.Fatal(err)
		}
	}
}
