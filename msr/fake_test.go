package msr

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/topology"
)

// machine is a map-backed stand-in for the msr driver: registers that lie one
// apart don't overlap, as they would in a file.
type machine struct {
	topo     *topology.Topology
	regs     map[uint32]func(cpu int) (uint64, error)
	openErr  map[int]error
	offline  map[int]bool
	opens    atomic.Int32
	isOpen   atomic.Int32
	openCPUs []int
}

type fakeDevice struct {
	m      *machine
	cpu    int
	closed bool
}

func (m *machine) open(cpu int) (device, error) {
	m.opens.Add(1)
	if err := m.openErr[cpu]; err != nil {
		return nil, &os.PathError{Op: "open", Path: devicePath("", cpu), Err: err}
	}
	if m.offline[cpu] {
		return nil, &os.PathError{Op: "open", Path: devicePath("", cpu), Err: unix.ENXIO}
	}
	m.isOpen.Add(1)
	m.openCPUs = append(m.openCPUs, cpu)
	return &fakeDevice{m: m, cpu: cpu}, nil
}

func (d *fakeDevice) ReadAt(p []byte, reg int64) (int, error) {
	if d.closed {
		return 0, unix.EBADF
	}
	if len(p)%8 != 0 {
		return 0, unix.EINVAL
	}
	if d.m.offline[d.cpu] {
		return 0, unix.ENXIO
	}
	f, ok := d.m.regs[uint32(reg)]
	if !ok {
		return 0, unix.EIO
	}
	v, err := f(d.cpu)
	if err != nil {
		return 0, err
	}
	binary.LittleEndian.PutUint64(p, v)
	return 8, nil
}

func (d *fakeDevice) Close() error {
	if d.closed {
		return unix.EBADF
	}
	d.closed = true
	d.m.isOpen.Add(-1)
	return nil
}

// constant is a register that reads the same on every CPU.
func constant(v uint64) func(int) (uint64, error) {
	return func(int) (uint64, error) { return v, nil }
}

// bySocket is a register of each socket's own.
func (m *machine) bySocket(values ...uint64) func(int) (uint64, error) {
	return func(cpu int) (uint64, error) {
		c, ok := m.topo.CPU(cpu)
		if !ok || c.Socket >= len(values) {
			return 0, unix.EIO
		}
		return values[c.Socket], nil
	}
}

// newMachine makes a machine of sockets x dies x cores x threads, CPUs
// numbered as Linux does on x86: first threads of all cores first.
func newMachine(id topology.Identity, sockets, dies, cores, threads int) *machine {
	topo := &topology.Topology{Identity: id}
	total := sockets * dies * cores
	for t := range threads {
		for i := range total {
			c := topology.CPU{
				ID: t*total + i, Online: true,
				Socket: i / (dies * cores), Die: i / cores % dies, Core: i % (dies * cores),
			}
			for s := range threads {
				c.Siblings = append(c.Siblings, s*total+i)
			}
			topo.CPUs = append(topo.CPUs, c)
			topo.Online = append(topo.Online, c.ID)
		}
	}
	topo.Possible = topo.Online
	return &machine{topo: topo, regs: map[uint32]func(int) (uint64, error){}}
}

func intel(model int, flags ...string) topology.Identity {
	return topology.Identity{Vendor: "GenuineIntel", Family: 6, Model: model, Flags: flags}
}

func zen() topology.Identity {
	return topology.Identity{Vendor: "AuthenticAMD", Family: 0x19, Model: 1}
}

// probed opens the machine and checks at the end that nothing stays open.
func (m *machine) probed(t *testing.T, o options) *Source {
	t.Helper()
	s, err := probe(m.topo, m.open, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close twice: %v", err)
		}
		if n := m.isOpen.Load(); n != 0 {
			t.Errorf("%d devices stay open", n)
		}
	})
	return s
}

func ids(s *Source) string {
	text := ""
	for _, z := range s.Zones() {
		parent := ""
		if z.Parent >= 0 {
			parent = "<" + s.Zones()[z.Parent].ID()
		}
		text += fmt.Sprintf("%s%s ", z.ID(), parent)
	}
	return text
}
