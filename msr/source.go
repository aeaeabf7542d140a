// Package msr reads RAPL energy counters from the processor's model specific
// registers through /dev/cpu/N/msr (msr(4)). It is the source with the fewest
// layers between hardware and joules, and the one that needs the most
// privilege.
//
// One file is kept open per package, or per die where dies have counters of
// their own, and each zone costs one pread of 8 bytes at the register's
// number. An MSR device is not a plain file: its offsets are register
// numbers, and registers one apart don't overlap.
package msr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// Source is an energy.Source over /dev/cpu/N/msr. It is not safe for
// concurrent use.
type Source struct {
	zones    []energy.Zone
	slots    []slot  // one per zone
	seats    []*seat // where slots read
	open     opener
	buf      [8]byte
	id       topology.Identity
	tdp      map[int]float64 // watts, by socket
	refused  []*energy.Refusal
	warnings []energy.Warning
}

// device is a CPU's registers: ReadAt reads 8 bytes, little endian, at a
// register's number.
type device interface {
	io.ReaderAt
	io.Closer
}

// opener opens the registers of a CPU.
type opener func(cpu int) (device, error)

// seat is a CPU through which the registers of a package, die or core are
// read, and those that can take its place when it goes offline.
type seat struct {
	cpus    []int
	current int // index in cpus
	dev     device
	retryAt energy.Instant
}

// slot is one zone's register.
type slot struct {
	seat  *seat
	reg   uint32
	cause error // of the last failure, nil when the last read was good
	err   error // cause with its place, made once per cause
}

// reseatEvery bounds how often a failing seat looks for another CPU: a
// register that faults everywhere must not turn every read into an open.
const reseatEvery = energy.Instant(time.Second)

// Option changes what Open opens.
type Option func(*options)

type options struct{ cores bool }

// WithCores adds a zone for every physical core where the processor has such
// counters (AMD). Each takes a file and a read of its own, which is much on
// processors with many cores; their parent is the package.
func WithCores() Option { return func(o *options) { o.cores = true } }

// Open opens the energy registers of every package. Device files are looked
// for under root, "" and "/" being the live host. It returns an
// *energy.Refusal when there is no package counter; a zone that is missing
// only adds to Refused.
func Open(root string, topo *topology.Topology, opts ...Option) (*Source, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := probe(topo, openerAt(root), o)
	if err != nil {
		return nil, explain(root, err, topo)
	}
	return s, nil
}

func devicePath(root string, cpu int) string {
	return filepath.Join("/", root, fmt.Sprintf("dev/cpu/%d/msr", cpu))
}

// Name returns msr.
func (s *Source) Name() string { return "msr" }

// Zones returns the counters: per package (or die) package, core, uncore,
// dram; then psys; then cores.
func (s *Source) Zones() []energy.Zone { return s.zones }

// Refused returns why zones that this processor could have are missing.
func (s *Source) Refused() []*energy.Refusal { return s.refused }

// Warnings returns what a reader of this source's joules should know: quirks
// of the processor's units, a virtual machine's registers.
func (s *Source) Warnings() []energy.Warning { return s.warnings }

// TDP returns the thermal design power of a socket in watts, from
// MSR_PKG_POWER_INFO. AMD has no such register, and a virtual machine's says
// nothing: ok is then false.
func (s *Source) TDP(socket int) (watts float64, ok bool) {
	watts, ok = s.tdp[socket]
	return watts, ok
}

// Read reads every zone's counter.
func (s *Source) Read(r *energy.Reading) error {
	good := false
	before := energy.Now()
	for i := range s.slots {
		value, err := s.readSlot(&s.slots[i], before)
		after := energy.Now()
		r.At[i], r.Errs[i] = energy.Bracket{Before: before, After: after}, err
		if err == nil {
			r.Counts[i] = count(value)
			good = true
		}
		before = after
	}
	if !good {
		return s.failure()
	}
	return nil
}

// failure is the error of a Read without one good zone.
func (s *Source) failure() error {
	for i := range s.slots {
		if s.slots[i].err != nil {
			return s.slots[i].err
		}
	}
	return errors.New("msr: the source has no zones")
}

func (s *Source) readSlot(sl *slot, now energy.Instant) (uint64, error) {
	value, err := s.register(sl.seat.dev, sl.reg)
	if err == nil {
		sl.cause, sl.err = nil, nil
		return value, nil
	}
	if err != errClosed && now >= sl.seat.retryAt {
		sl.seat.retryAt = now + reseatEvery
		if value, ok := s.reseat(sl); ok {
			sl.cause, sl.err = nil, nil
			return value, nil
		}
	}
	if sl.err == nil || sl.cause != err {
		sl.cause = err
		sl.err = fmt.Errorf("read msr %#x on cpu %d: %w", sl.reg, sl.seat.cpu(), err)
	}
	return 0, sl.err
}

func (t *seat) cpu() int { return t.cpus[t.current] }

// reseat reads a slot on the seat's next CPU and stays there if that works:
// when a CPU goes offline, any other of its package shows the same counters.
// The CPU itself is in the circle too, for when it comes back.
func (s *Source) reseat(sl *slot) (uint64, bool) {
	t := sl.seat
	next := (t.current + 1) % len(t.cpus)
	dev, err := s.open(t.cpus[next])
	if err != nil {
		t.current = next
		return 0, false
	}
	value, err := s.register(dev, sl.reg)
	if err != nil {
		t.current = next
		dev.Close()
		return 0, false
	}
	t.dev.Close()
	t.current, t.dev = next, dev
	return value, true
}

// register reads one register. It allocates nothing.
func (s *Source) register(dev device, reg uint32) (uint64, error) {
	if dev == nil {
		return 0, errClosed
	}
	n, err := dev.ReadAt(s.buf[:], int64(reg))
	if err != nil {
		return 0, err
	}
	if n != len(s.buf) {
		return 0, io.ErrUnexpectedEOF
	}
	return binary.LittleEndian.Uint64(s.buf[:]), nil
}

var errClosed = errors.New("the source is closed")

// Close closes the device files.
func (s *Source) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, t := range s.seats {
		if t.dev != nil {
			errs = append(errs, t.dev.Close())
			t.dev = nil
		}
	}
	return errors.Join(errs...)
}
