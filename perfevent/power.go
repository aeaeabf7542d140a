package perfevent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// The events of the power PMUs and the domains they count
// (arch/x86/events/rapl.c, rapl_events_*).
var powerDomains = map[string]energy.Domain{
	"energy-pkg":   energy.Package,
	"energy-cores": energy.Core,
	"energy-core":  energy.Core, // power_core: one physical core (AMD, Linux 6.14)
	"energy-gpu":   energy.Uncore,
	"energy-ram":   energy.DRAM,
	"energy-psys":  energy.PSys,
}

// Power is the power PMU as a source of energy. The events of one package are
// opened as a group on the package's CPU of the cpumask, so one system call
// reads a package.
type Power struct {
	zones   []energy.Zone
	groups  []powerGroup
	refused []*energy.Refusal
}

// powerGroup is the events of one CPU: zones first to first+len(fds)-1.
type powerGroup struct {
	cpu    int
	fds    []int
	pin    int // a dummy event that keeps reads on the CPU, see pinReads; 0 for none
	values int // events in the group, the dummy included
	first  int
	buf    []byte
	err    error // of the last read, kept to allocate once per change of state
}

// powerMaxW bounds what a zone can draw where nothing narrower is known. The
// perf driver's counters have 64 bits, so the bound only tells a misreading.
var powerMaxW = [energy.NumDomains]float64{
	energy.Package: 4000, energy.Core: 4000, energy.Uncore: 4000, energy.DRAM: 2000, energy.PSys: 40000,
}

// OpenPower opens the power PMU of the host under root; with perCore also
// power_core, one zone and one system call for every physical core of an AMD
// processor. The error is one or several *energy.Refusal; events that could
// not be opened beside others that could are in Refused.
func OpenPower(root string, topo *topology.Topology, perCore bool) (*Power, error) {
	pmu, err := readPMU(root, "power")
	if err != nil {
		return nil, explainNoPMU(err, topo)
	}
	p := &Power{}
	for _, cpu := range onePerUnit(pmu.cpus, topo) {
		p.openCPU(pmu, cpu, topo)
	}
	if perCore {
		p.openCores(topo, root)
	}
	if len(p.zones) == 0 {
		if len(p.refused) == 0 {
			return nil, &energy.Refusal{Name: "perf", Kind: energy.ErrBroken, Reason: "the power PMU lists no energy event, or no CPU to count them on (/sys/bus/event_source/devices/power/events, cpumask)"}
		}
		return nil, joinRefusals(p.refused)
	}
	return p, nil
}

func joinRefusals(refused []*energy.Refusal) error {
	// The same reason on every CPU and event is one reason.
	var errs []error
	seen := map[string]bool{}
	for _, r := range refused {
		if !seen[r.Reason] {
			seen[r.Reason] = true
			errs = append(errs, r)
		}
	}
	return errors.Join(errs...)
}

// explainNoPMU adds why a machine may lack the power PMU.
func explainNoPMU(err error, topo *topology.Topology) error {
	var r *energy.Refusal
	if !errors.As(err, &r) || r.Kind != energy.ErrAbsent {
		return err
	}
	r.Name = "perf"
	switch {
	case topo.Virt.IsVM():
		r.Reason += ": a guest does not see the counters of its host"
	case topo.Identity.IsIntel() || topo.Identity.IsAMD():
		r.Reason += ": the module is not loaded, or the kernel does not know this processor's"
		r.Remedy = "sudo modprobe rapl"
	default:
		r.Reason += ": this processor has no RAPL"
	}
	return r
}

// onePerUnit keeps of a cpumask the first CPU per counter. The mask has one CPU
// per package or die already; but on AMD processors that older kernels split
// into dies, the dies mirror one counter of the package, and counting it on
// each would multiply it.
func onePerUnit(cpus []int, topo *topology.Topology) []int {
	if !topo.Identity.IsAMD() {
		return cpus
	}
	var out []int
	seen := map[int]bool{}
	for _, cpu := range cpus {
		c, ok := topo.CPU(cpu)
		if ok && c.Socket >= 0 && seen[c.Socket] {
			continue
		}
		seen[c.Socket] = true
		out = append(out, cpu)
	}
	return out
}

// openCPU opens the PMU's events on one CPU as a group. An event that is
// refused leaves the others.
func (p *Power) openCPU(pmu *pmu, cpu int, topo *topology.Topology) {
	g := powerGroup{cpu: cpu, first: len(p.zones)}
	pkg := -1
	for _, e := range packageFirst(pmu.events) {
		domain, known := powerDomains[e.name]
		if !known || e.unit != "" && e.unit != "Joules" {
			continue
		}
		if domain == energy.PSys && p.find(energy.PSys, -1) >= 0 {
			continue // the platform has one counter, whatever CPU it is read on
		}
		leader := -1
		if len(g.fds) > 0 {
			leader = g.fds[0]
		}
		fd, err := perfEventOpen(&unix.PerfEventAttr{
			Type: pmu.typ, Config: e.config, Size: unix.PERF_ATTR_SIZE_VER5, Read_format: unix.PERF_FORMAT_GROUP,
		}, -1, cpu, leader, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			p.refused = append(p.refused, openRefusal("perf", fmt.Sprintf("open %s/%s/ on cpu %d", pmu.name, e.name, cpu), err))
			continue
		}
		z := zoneOf(domain, cpu, topo)
		z.Tick, z.Origin = e.scale, fmt.Sprintf("%s/%s/ on cpu %d", pmu.name, e.name, cpu)
		z.Parent, z.Behind = -1, 1<<32
		if domain == energy.Core || domain == energy.Uncore {
			z.Parent = pkg
		}
		if domain == energy.Package {
			pkg = len(p.zones)
		}
		g.fds = append(g.fds, fd)
		p.zones = append(p.zones, z)
	}
	if len(g.fds) == 0 {
		return
	}
	g.values = len(g.fds)
	if p.zones[g.first].Die >= 0 {
		if err := g.pinReads(cpu); err != nil {
			p.refuseDies(g, err)
			return
		}
	}
	g.buf = make([]byte, 8*(1+g.values))
	p.groups = append(p.groups, g)
}

// pinReads makes the kernel read the group on its own CPU. It may otherwise
// take any CPU of the package (PERF_EV_CAP_READ_ACTIVE_PKG), and so the counter
// of another die; a group can do only what all of its events can, and the dummy
// event can't do that (kernel/events/core.c, __perf_event_read_cpu and
// group_caps).
func (g *powerGroup) pinReads(cpu int) error {
	fd, err := perfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY, Size: unix.PERF_ATTR_SIZE_VER5, Read_format: unix.PERF_FORMAT_GROUP,
	}, -1, cpu, g.fds[0], unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return err
	}
	g.pin = fd
	g.values++
	return nil
}

// refuseDies gives up a die's zones: joules of another die would be worse.
func (p *Power) refuseDies(g powerGroup, err error) {
	for i, fd := range g.fds {
		unix.Close(fd)
		r := openRefusal("perf", "keep reads of "+p.zones[g.first+i].Origin+" on its die", err)
		r.Remedy = "use --source powercap"
		p.refused = append(p.refused, r)
	}
	p.zones = p.zones[:g.first]
}

// openCores opens the counters of single cores. The PMU's cpumask has one
// thread of each core, so siblings don't count twice.
func (p *Power) openCores(topo *topology.Topology, root string) {
	pmu, err := readPMU(root, "power_core")
	if err != nil {
		p.refused = append(p.refused, energy.Refusals("power_core", err)...)
		return
	}
	for _, cpu := range pmu.cpus {
		first := len(p.zones)
		p.openCPU(pmu, cpu, topo)
		for i := first; i < len(p.zones); i++ {
			z := &p.zones[i]
			c, _ := topo.CPU(cpu)
			z.Core, z.Parent = c.Core, p.find(energy.Package, z.Socket)
		}
	}
}

// packageFirst puts energy-pkg in front: parents come before their children.
func packageFirst(events []pmuEvent) []pmuEvent {
	var out []pmuEvent
	for _, e := range events {
		if e.name == "energy-pkg" {
			out = append(out, e)
		}
	}
	for _, e := range events {
		if e.name != "energy-pkg" {
			out = append(out, e)
		}
	}
	return out
}

// zoneOf places a domain read on a CPU.
func zoneOf(domain energy.Domain, cpu int, topo *topology.Topology) energy.Zone {
	z := energy.Zone{Domain: domain, Socket: -1, Die: -1, Core: -1, MaxW: powerMaxW[domain]}
	if domain == energy.PSys {
		return z
	}
	c, ok := topo.CPU(cpu)
	if !ok || c.Socket < 0 {
		z.Socket = 0
		return z
	}
	z.Socket, z.Die = c.Socket, topo.CounterDie(c)
	return z
}

// find returns the index of the first zone of a domain and socket, or -1.
func (p *Power) find(d energy.Domain, socket int) int {
	return slices.IndexFunc(p.zones, func(z energy.Zone) bool { return z.Domain == d && z.Socket == socket })
}

// Name returns perf.
func (p *Power) Name() string { return "perf" }

// Zones lists the events opened.
func (p *Power) Zones() []energy.Zone { return p.zones }

// Refused lists the events that could not be opened beside those that could.
func (p *Power) Refused() []*energy.Refusal { return p.refused }

// FDs returns the descriptors of the zones' events, in their order: eBPF
// programs read them by way of a perf event array.
func (p *Power) FDs() []int {
	var fds []int
	for _, g := range p.groups {
		fds = append(fds, g.fds...)
	}
	return fds
}

// CPUs returns the CPU that each zone's event counts on, in their order.
func (p *Power) CPUs() []int {
	var cpus []int
	for _, g := range p.groups {
		for range g.fds {
			cpus = append(cpus, g.cpu)
		}
	}
	return cpus
}

// Read reads every package with one system call each.
func (p *Power) Read(r *energy.Reading) error {
	good := 0
	for i := range p.groups {
		g := &p.groups[i]
		before := energy.Now()
		n, err := readFD(g.fds[0], g.buf)
		after := energy.Now()
		bad := g.check(n, err)
		for k := range g.fds {
			zone := g.first + k
			r.At[zone] = energy.Bracket{Before: before, After: after}
			r.Errs[zone] = bad
			if bad == nil {
				r.Counts[zone] = binary.NativeEndian.Uint64(g.buf[8*(1+k):])
			}
		}
		if bad == nil {
			good++
		} else if good == 0 && i == len(p.groups)-1 {
			return fmt.Errorf("read the power PMU: %w", bad)
		}
	}
	return nil
}

// check tells whether a group read brought all its values.
func (g *powerGroup) check(n int, err error) error {
	switch {
	case err == nil && n == len(g.buf) && binary.NativeEndian.Uint64(g.buf) == uint64(g.values):
		g.err = nil
		return nil
	case g.err != nil: // still failing: say the same again
	case err != nil:
		g.err = os.NewSyscallError("read", err)
	case n == 0:
		g.err = fmt.Errorf("the kernel stopped the event (its CPU went offline): %w", io.EOF)
	default:
		g.err = fmt.Errorf("the kernel returned %d bytes for a group of %d", n, g.values)
	}
	return g.err
}

// readFD is read(2) on a descriptor that never blocks: it spares the scheduler
// the bookkeeping of a call that might.
func readFD(fd int, b []byte) (int, error) {
	for {
		n, err := rawRead(fd, b)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// Close closes the events. It is safe on nil and twice.
func (p *Power) Close() error {
	if p == nil {
		return nil
	}
	for i := range p.groups {
		for _, fd := range p.groups[i].fds {
			unix.Close(fd)
		}
		p.groups[i].fds = nil
		if pin := p.groups[i].pin; pin > 0 {
			unix.Close(pin)
			p.groups[i].pin = 0
		}
	}
	p.groups = nil
	return nil
}
