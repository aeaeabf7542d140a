package rapl

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// candidate is a zone on its way into the source: either its counter is open
// and has been read once, or refusal says why not.
type candidate struct {
	zoneDir
	counter
	id      string // the zone's ID, "" when its place is not known
	core    int    // -1 where the counter spans the package's cores
	count   uint64
	step    float64
	noRange error // why the range is not known
	tdpW    float64
	refusal *energy.Refusal
}

// Open opens the powercap tree of the host whose /sys is under root ("" and
// "/" for this one); topo is that host's topology. It succeeds when at least
// one zone can be read; Refused tells of the others. Otherwise the error is one
// *energy.Refusal, or several joined, each with what would help.
func Open(root string, topo *topology.Topology) (*Source, error) {
	dir, err := os.OpenRoot(cmp.Or(root, "/"))
	if err != nil {
		return nil, &energy.Refusal{Name: "powercap", Kind: kindOf(err), Err: err,
			Reason: fmt.Sprintf("the host root can't be opened: %v", err),
			Remedy: "give the directory that holds the host's /sys with --host-root"}
	}
	s := &Source{root: dir, topo: topo, tdp: make(map[int]float64)}
	if err := s.open(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Source) open() error {
	found, err := scan(s.root)
	if err != nil || len(found) == 0 {
		return noTree(s.root, s.topo, err)
	}
	all := make([]*candidate, len(found))
	for i, z := range found {
		all[i] = s.probe(z)
	}
	s.wake(all)
	slices.SortStableFunc(all, func(a, b *candidate) int { return a.at.compare(b.at) })
	chosen := s.choose(all)
	chosen = s.vendorRules(chosen)
	s.adopt(chosen)
	if len(s.zones) == 0 {
		return allRefused(s.refused)
	}
	return nil
}

// probe opens a zone's counter and reads it and its limits once.
func (s *Source) probe(z zoneDir) *candidate {
	c := &candidate{zoneDir: z, core: -1}
	if z.unknown != nil {
		c.refusal = s.refuseName(z)
		return c
	}
	c.id = z.at.id()
	c.counter = counter{key: z.at, fd: -1, path: hostPath(s.root, z.dir+"/energy_uj")}
	f, err := s.root.Open(z.dir + "/energy_uj")
	if err == nil {
		c.file, c.fd = f, int(f.Fd())
		err = c.read(&s.buf)
	}
	if err != nil {
		c.refuse(s.refuseCounter(c.id, c.path, err))
		return c
	}
	c.wrap, c.step, c.noRange = readRange(s.root, z.dir)
	if z.at.domain == energy.Package {
		c.tdpW, _ = longTermW(s.root, z.dir)
	}
	return c
}

func (c *candidate) read(buf *[maxContent + 1]byte) error {
	n, err := pread(c.fd, buf[:])
	return c.take(buf[:n], err, &c.count)
}

func (c *candidate) refuse(r *energy.Refusal) {
	c.refusal = r
	c.file.Close() // nil-safe
	c.file, c.fd = nil, -1
}

// wake refuses the counters that stand at 0. The driver leaves out a domain
// whose register reads 0 when it is loaded, and one that just started again
// shows its next unit within a refresh; a lasting 0 is a register that nobody
// feeds (KVM answers every RAPL read so), and its joules would be a silent
// zero.
func (s *Source) wake(all []*candidate) {
	var buf [maxContent + 1]byte
	var asleep []*candidate
	for _, c := range all {
		if c.refusal == nil && c.count == 0 {
			asleep = append(asleep, c)
		}
	}
	const step = 2 * time.Millisecond
	for waited := time.Duration(0); len(asleep) > 0 && waited < 2*energy.RefreshSlack; waited += step {
		time.Sleep(step)
		asleep = slices.DeleteFunc(asleep, func(c *candidate) bool {
			return c.read(&buf) == nil && c.count != 0
		})
	}
	if len(asleep) == 0 {
		return
	}
	why := "stays 0: nothing feeds this counter"
	if v := s.virtualization(); v != "" {
		why += ", as is usual in a virtual machine (" + v + ")"
	}
	for _, c := range asleep {
		c.refuse(&energy.Refusal{Name: c.id, Kind: energy.ErrBroken, Reason: c.path + " " + why})
	}
}

// choose takes one candidate per zone, the first that works. A zone appears
// twice where a client processor shows its package through the MSRs and
// through memory-mapped registers; it is one counter either way. all is in
// the order of preference.
func (s *Source) choose(all []*candidate) []*candidate {
	var chosen []*candidate
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[0].id != "" && all[n].id == all[0].id {
			n++
		}
		same := all[:n]
		all = all[n:]
		i := slices.IndexFunc(same, func(c *candidate) bool { return c.refusal == nil })
		if i < 0 {
			s.refused = append(s.refused, same[0].refusal)
			continue
		}
		if i > 0 {
			s.warn("powercap-fallback",
				fmt.Sprintf("%s is read through %s: %s", same[i].id, same[i].base, same[0].refusal.Reason),
				cmp.Or(same[0].refusal.Remedy, "compare with another source (--cross-check)"))
		}
		for _, spare := range same[i+1:] {
			spare.file.Close()
		}
		chosen = append(chosen, same[i])
	}
	return chosen
}

// adopt makes the zones of the source.
func (s *Source) adopt(chosen []*candidate) {
	for _, c := range chosen {
		at := c.at
		s.zones = append(s.zones, energy.Zone{
			Domain: at.domain, Socket: at.socket, Die: at.die, Core: c.core,
			Parent: -1, Origin: c.base,
			Tick: tick, Step: c.step, Wrap: c.wrap,
		})
		s.counters = append(s.counters, c.counter)
		if c.tdpW > 0 {
			s.tdp[at.socket] += c.tdpW
		}
		if c.noRange != nil {
			s.warn("powercap-range",
				fmt.Sprintf("%s: the counter's range is not known: %v", c.id, c.noRange),
				"a wrap of this counter will leave a gap in its energy; prefer --source perf or msr")
		}
	}
	for i := range s.zones {
		z := &s.zones[i]
		p := -1
		if chosen[i].at.inside() {
			p = slices.IndexFunc(s.zones, func(q energy.Zone) bool {
				return q.Domain == energy.Package && q.Socket == z.Socket && (q.Die == z.Die || q.Die < 0)
			})
		}
		z.Parent = p
		tdp := s.tdp[z.Socket]
		z.MaxW = maxPowerW(z.Domain, tdp)
	}
}

func (s *Source) warn(code, message, advice string) {
	s.warnings = append(s.warnings, energy.Warning{Code: code, Message: message, Advice: advice})
}

// virtualization names the hypervisor and what told of it, "" on bare metal.
func (s *Source) virtualization() string {
	v := s.topo.Virt
	if !v.IsVM() {
		return ""
	}
	return v.Kind + ", " + v.Evidence
}

// exists reports whether a name under the root is there, links followed.
func exists(root *os.Root, name string) bool {
	_, err := root.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func hostPath(root *os.Root, name string) string {
	return strings.TrimSuffix(root.Name(), "/") + "/" + name
}
