// Package rapl reads energy counters from the kernel's powercap tree
// (/sys/class/powercap; drivers/powercap/intel_rapl_common.c, used by Intel
// and by AMD since Linux 5.11).
//
// The tree's directories are numbered in the order in which the driver met
// the domains, so a zone is known by the content of its name file and by the
// zone around it, never by its number. energy_uj counts microjoules, moves in
// steps of the register's unit and starts again at 0 one unit after
// max_energy_range_uj.
package rapl

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// healEvery is the shortest time between two attempts to find zones again
// that stopped answering.
const healEvery = time.Second

// Source is an open powercap tree. It is not safe for concurrent use.
type Source struct {
	root     *os.Root
	topo     *topology.Topology
	zones    []energy.Zone
	counters []counter // in the order of zones
	refused  []*energy.Refusal
	warnings []energy.Warning
	tdp      map[int]float64 // by socket, watts
	nextHeal energy.Instant
	buf      [maxContent + 1]byte
}

var _ energy.Source = (*Source)(nil)

// counter is the open energy_uj of a zone.
type counter struct {
	key  place  // as the tree names it, to find it again
	path string // of energy_uj, the root included
	file *os.File
	fd   int
	wrap uint64
	// err is the last error, kept so that a zone which fails on every read
	// does not allocate on every read.
	err error
}

// Name returns "powercap".
func (s *Source) Name() string { return "powercap" }

// Zones returns the zones, by socket and die, package first, psys last.
func (s *Source) Zones() []energy.Zone { return s.zones }

// Refused returns the zones that are in the tree but can't be used.
func (s *Source) Refused() []*energy.Refusal { return s.refused }

// Warnings returns what a reader of the zones' energy should know.
func (s *Source) Warnings() []energy.Warning { return s.warnings }

// LongTermPowerW returns the power limit that the socket's manufacturer set
// for the long term, its thermal design power, in watts. It is not ok where
// the tree does not tell (AMD) or tells nonsense.
func (s *Source) LongTermPowerW(socket int) (w float64, ok bool) {
	w, ok = s.tdp[socket]
	return w, ok
}

// Read reads every zone's counter. The instants between two zones are shared:
// the end of one read is the start of the next.
func (s *Source) Read(r *energy.Reading) error {
	if s.root == nil {
		return fmt.Errorf("read powercap: %w", os.ErrClosed)
	}
	failed := 0
	before := energy.Now()
	for i := range s.counters {
		c := &s.counters[i]
		n, err := pread(c.fd, s.buf[:])
		after := energy.Now()
		r.At[i] = energy.Bracket{Before: before, After: after}
		before = after
		if r.Errs[i] = c.take(s.buf[:n], err, &r.Counts[i]); r.Errs[i] != nil {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	if before >= s.nextHeal {
		s.nextHeal = before.Add(healEvery)
		s.heal()
	}
	if failed == len(s.counters) {
		return errors.Join(r.Errs...)
	}
	return nil
}

// take stores the count that a read brought, or says why there is none.
func (c *counter) take(content []byte, err error, count *uint64) error {
	if err == nil {
		var v uint64
		if v, err = parseCount(content); err == nil {
			*count, c.err = v, nil
			return nil
		}
	}
	if c.err == nil || !errors.Is(c.err, err) {
		c.err = &os.PathError{Op: "read", Path: c.path, Err: err}
	}
	return c.err
}

func pread(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Pread(fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		return max(n, 0), err
	}
}

// heal looks for the zones that failed, by name: a package whose last CPU
// goes offline takes its zones with it, and they may come back under another
// number. The accumulated energy is not touched; the meter judges whether the
// counter went on.
func (s *Source) heal() {
	found, _ := scan(s.root)
	for i := range s.counters {
		c := &s.counters[i]
		if c.err == nil {
			continue
		}
		for _, d := range found {
			if d.at != c.key || d.unknown != nil {
				continue
			}
			// A counter with another range is another counter: the zone's
			// modulus was fixed when the source was opened.
			if wrap, _, _ := readRange(s.root, d.dir); wrap != c.wrap {
				continue
			}
			if f, err := s.root.Open(d.dir + "/energy_uj"); err == nil {
				c.file.Close()
				c.file, c.fd, c.path = f, int(f.Fd()), hostPath(s.root, d.dir+"/energy_uj")
				break
			}
		}
	}
}

// Close closes the files. It is safe on a nil Source and twice.
func (s *Source) Close() error {
	if s == nil || s.root == nil {
		return nil
	}
	errs := make([]error, 0, len(s.counters)+1)
	for i := range s.counters {
		errs = append(errs, s.counters[i].file.Close())
		s.counters[i].fd = -1
	}
	errs = append(errs, s.root.Close())
	s.root = nil
	return errors.Join(errs...)
}
