package model

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// segmentS is the time over which a Source takes utilisation to be even. The
// kernel counts CPU time in ticks of 10 ms: over less, a CPU is either idle or
// busy, and a curve that is not straight would make of that a wrong power.
const segmentS = 0.25

// Source is an energy.Source whose counts are estimated microjoules: it reads
// the CPU time used from /proc/stat and integrates a Machine's power over it.
// Its zones are package-N, one per socket visible. It makes time series of an
// estimate possible where nothing can be measured, and can run beside real
// counters to validate a model. Its results are estimates, whatever reads
// them; Scale turns them into a range.
//
// Its counter moves with the clock and jumps with each tick, so there are no
// refresh edges to look for. It is not safe for concurrent use.
type Source struct {
	file    *os.File
	path    string
	machine *Machine
	buf     []byte
	zones   []energy.Zone
	state   []zoneState
	cpus    []cpuState
	merge   bool // one zone: the line of all CPUs will do
	last    energy.Instant
	began   bool
}

type zoneState struct {
	share    float64 // part of the machine's CPUs
	base     Range   // joules of the segments that are over
	open     Range   // joules of the present one
	durS     float64 // and what it has seen so far
	busyS    float64
	exported float64 // joules in the count, which never goes back
}

type cpuState struct {
	zone int
	busy uint64
	has  bool
}

// Open returns a Source for a machine on the host whose /proc lies under
// root ("/" or "" on the live host). sockets gives each logical CPU's socket,
// by CPU number, with -1 for those that are offline; nil means one socket.
// The error is an *energy.Refusal, or names the field of m that makes no
// sense.
func Open(root string, m *Machine, sockets []int) (*Source, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	path := filepath.Join("/", root, "proc/stat")
	f, err := os.Open(path)
	if err != nil {
		return nil, refusal(path, err)
	}
	s := &Source{file: f, path: path, machine: m}
	s.layOut(sockets)
	if err := s.Read(energy.NewReading(len(s.zones))); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// layOut makes the zones and says which CPU belongs to which.
func (s *Source) layOut(sockets []int) {
	ids := slices.DeleteFunc(slices.Clone(sockets), func(n int) bool { return n < 0 })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		ids = []int{0}
	}
	s.merge = len(ids) == 1
	counts := make([]int, len(ids))
	online := 0
	for _, socket := range sockets {
		zone := slices.Index(ids, socket)
		s.cpus = append(s.cpus, cpuState{zone: zone})
		if zone >= 0 {
			counts[zone]++
			online++
		}
	}
	rise := s.machine.Dynamic.Nominal.At(1) / float64(s.machine.CPUs)
	for i, id := range ids {
		share := 1.0
		if !s.merge {
			share = float64(counts[i]) / float64(online)
		}
		s.state = append(s.state, zoneState{share: share})
		s.zones = append(s.zones, energy.Zone{
			Domain: energy.Package, Socket: id, Die: -1, Core: -1, Parent: -1,
			Origin: "model over " + s.path,
			Tick:   1e-6,
			Step:   max(1e-6, rise*clockTick), // one CPU's tick
		})
	}
	const line = 256 // "cpuN" and ten numbers of twenty digits fit
	size := line
	if s.merge {
		s.cpus = []cpuState{{}}
	} else {
		size = line * (len(sockets) + 1)
	}
	s.buf = make([]byte, size)
}

// Name returns model.
func (s *Source) Name() string { return "model" }

// Zones returns package-N for each socket.
func (s *Source) Zones() []energy.Zone { return s.zones }

// Read integrates the estimated power up to now. It makes one system call and
// allocates nothing.
func (s *Source) Read(r *energy.Reading) error {
	before := energy.Now()
	n, err := s.file.ReadAt(s.buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return refusal(s.path, err)
	}
	after := energy.Now()
	if err := parseProcStat(s.buf[:n], s.count); err != nil {
		return refusal(s.path, err)
	}
	now := before + (after-before)/2
	var dt float64
	if s.began {
		dt = now.Sub(s.last).Seconds()
	}
	s.began, s.last = true, now
	for i := range s.state {
		s.advance(&s.state[i], dt)
		r.At[i] = energy.Bracket{Before: before, After: after}
		r.Counts[i] = uint64(s.state[i].exported * 1e6)
		r.Errs[i] = nil
	}
	return nil
}

// count adds what a CPU has been busy since the reading before. Its counter
// stands still while it is offline and can fall by a tick (fs/proc/stat.c
// adds columns that were sampled apart): only growth counts.
func (s *Source) count(t ticks) {
	i := t.cpu
	if s.merge {
		if t.cpu >= 0 {
			return
		}
		i = 0
	}
	if i < 0 || i >= len(s.cpus) || s.cpus[i].zone < 0 {
		return
	}
	c := &s.cpus[i]
	if c.has && t.busy > c.busy {
		s.state[c.zone].busyS += float64(t.busy-c.busy) * clockTick
	}
	c.busy, c.has = max(c.busy, t.busy), true
}

// advance takes a zone's segment dt seconds further.
func (s *Source) advance(z *zoneState, dt float64) {
	z.durS += dt
	cpus := float64(s.machine.CPUs) * z.share
	if z.durS > 0 {
		u := min(z.busyS/(z.durS*cpus), 1)
		z.open = s.machine.Total.At(u).Times(z.durS * z.share)
	}
	z.exported = max(z.exported, z.base.Nominal+z.open.Nominal)
	if z.durS >= segmentS {
		z.base = Range{z.base.Low + z.open.Low, z.base.Nominal + z.open.Nominal, z.base.High + z.open.High}
		// Time beyond the CPUs' capacity is a tick that came late: it counts
		// in the next segment.
		z.busyS = max(z.busyS-z.durS*cpus, 0)
		z.open, z.durS = Range{}, 0
	}
}

// Scale returns the factors that turn joules of zone i into the low and high
// end of their range, from all that has been read since Open.
func (s *Source) Scale(i int) (low, high float64) {
	z := &s.state[i]
	nominal := z.base.Nominal + z.open.Nominal
	if nominal <= 0 {
		p := s.machine.Total.At(0)
		if p.Nominal <= 0 {
			return 1, 1
		}
		return p.Low / p.Nominal, p.High / p.Nominal
	}
	return (z.base.Low + z.open.Low) / nominal, (z.base.High + z.open.High) / nominal
}

// Close releases the file.
func (s *Source) Close() error {
	if s == nil || s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}

func refusal(path string, err error) *energy.Refusal {
	r := &energy.Refusal{Name: "model", Kind: energy.ErrBroken, Reason: fmt.Sprintf("%s: %v", path, err), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Kind, r.Remedy = energy.ErrAbsent, "mount proc, or point --host-root at the directory that holds the host's proc"
	case errors.Is(err, fs.ErrPermission):
		r.Kind, r.Remedy = energy.ErrForbidden, "let this user read "+path
	}
	return r
}
