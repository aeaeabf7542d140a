package msr

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// openError is a device that could not be opened; explain turns it into a
// refusal with a remedy.
type openError struct {
	cpus []int // those that would have been opened
	err  error
}

func (e *openError) Error() string { return e.err.Error() }
func (e *openError) Unwrap() error { return e.err }

// prober builds a Source zone by zone.
type prober struct {
	*Source
	topo  *topology.Topology
	model model
}

// place is the part of the machine that a seat reads.
type place struct {
	socket, die int // die -1: the whole socket
	seat        *seat
	units       units
	zones       []int // its zones' indices, package first
}

// probe finds the zones of a machine.
func probe(topo *topology.Topology, open opener, o options) (*Source, error) {
	id := topo.Identity
	m, reason := identify(id.Vendor, id.Family, id.Model)
	if reason != "" {
		return nil, &energy.Refusal{Name: "msr", Kind: energy.ErrAbsent, Reason: reason}
	}
	p := &prober{
		Source: &Source{open: open, id: id, tdp: make(map[int]float64)},
		topo:   topo, model: m,
	}
	if err := p.run(o); err != nil {
		p.Close()
		return nil, err
	}
	p.addWarnings()
	return p.Source, nil
}

func (p *prober) run(o options) error {
	places := p.places()
	if len(places) == 0 {
		return &energy.Refusal{
			Name: "msr", Kind: energy.ErrBroken,
			Reason: "the topology does not tell which CPU belongs to which socket (topology/physical_package_id, or physical id in /proc/cpuinfo)",
		}
	}
	if err := p.sit(places); err != nil {
		return err
	}
	var failed []error
	for i := range places {
		if places[i].seat.dev == nil {
			continue
		}
		if err := p.addPlace(&places[i]); err != nil {
			failed = append(failed, err)
			p.refused = append(p.refused, energy.Refusals("msr", err)...)
		}
	}
	if len(p.zones) == 0 {
		return failed[0]
	}
	p.addPsys(places)
	if o.cores && p.model.regs.perCore {
		p.addCores(places)
	}
	return nil
}

// places returns the packages, or the dies of those that have several.
func (p *prober) places() []place {
	var all []place
	split := p.model.regs.perDie && p.topo.DiesPerSocket() > 1
	for _, socket := range p.topo.Sockets() {
		dies := []int{-1}
		if split {
			if d := p.topo.Dies(socket); len(d) > 0 {
				dies = d
			}
		}
		for _, die := range dies {
			all = append(all, place{socket: socket, die: die, seat: &seat{cpus: p.cpusOf(socket, die)}})
		}
	}
	return all
}

func (p *prober) cpusOf(socket, die int) []int {
	var cpus []int
	for _, c := range p.topo.CPUs {
		if c.Online && c.Socket == socket && (die < 0 || c.Die == die) {
			cpus = append(cpus, c.ID)
		}
	}
	return cpus
}

// sit opens a device for every place. It fails when none can be opened; a
// place that alone can't is refused by name.
func (p *prober) sit(places []place) error {
	var first error
	var wanted []int
	seated := 0
	for i := range places {
		t := places[i].seat
		wanted = append(wanted, t.cpu())
		dev, err := p.open(t.cpu())
		if err != nil {
			if first == nil {
				first = err
			}
			id := energy.Zone{Socket: places[i].socket, Die: places[i].die, Core: -1}.ID()
			p.refused = append(p.refused, &energy.Refusal{Name: id, Kind: energy.ErrBroken, Reason: err.Error(), Err: err})
			continue
		}
		t.dev = dev
		p.seats = append(p.seats, t)
		seated++
	}
	if seated == 0 {
		return &openError{cpus: wanted, err: first}
	}
	return nil
}

// addPlace adds the zones of a package or die, psys and cores apart.
func (p *prober) addPlace(pl *place) error {
	if err := p.readUnits(pl); err != nil {
		return err
	}
	if p.mirrors(pl) {
		p.merge(pl)
		return nil
	}
	parent := -1
	for _, d := range []energy.Domain{energy.Package, energy.Core, energy.Uncore, energy.DRAM} {
		if !p.model.domains.has(d) || d == energy.Core && p.model.regs.perCore {
			continue
		}
		z := energy.Zone{Domain: d, Socket: pl.socket, Die: pl.die, Core: -1, Parent: parent}
		if d == energy.DRAM {
			z.Parent = -1
		}
		i, err := p.addZone(z, pl)
		switch {
		case err != nil && d == energy.Package:
			return err
		case err != nil:
			p.refused = append(p.refused, energy.Refusals(z.ID(), err)...)
		case d == energy.Package:
			parent = i
		}
	}
	return nil
}

// readUnits reads the unit register and the TDP of a place.
func (p *prober) readUnits(pl *place) error {
	regs, cpu := p.model.regs, pl.seat.cpu()
	refuse := func(kind error, reason string, err error) error {
		return &energy.Refusal{Name: "msr", Kind: kind, Reason: fmt.Sprintf("unit register %#x on cpu %d: %s", regs.unit, cpu, reason), Err: err}
	}
	raw, err := p.register(pl.seat.dev, regs.unit)
	if errors.Is(err, unix.EIO) {
		return refuse(energy.ErrAbsent, fmt.Sprintf("%v: the processor, or the hypervisor in front of it, has no RAPL registers%s", err, p.inVM()), err)
	} else if err != nil {
		return refuse(energy.ErrBroken, err.Error(), err)
	}
	pl.units, err = decodeUnits(raw, p.model.style)
	switch {
	case errors.Is(err, errNoUnit):
		return refuse(energy.ErrAbsent, "it reads 0, as hypervisors answer for registers they do not have"+p.inVM(), err)
	case err != nil:
		return refuse(energy.ErrBroken, err.Error(), err)
	}
	if regs.info != 0 {
		if info, err := p.register(pl.seat.dev, regs.info); err == nil {
			if tdp, ok := decodeTDP(info, pl.units.watt); ok {
				p.tdp[pl.socket] = tdp
			}
		}
	}
	return nil
}

func (p *prober) inVM() string {
	if p.topo.Virt.IsVM() {
		return " (this is a virtual machine: " + p.topo.Virt.Kind + ")"
	}
	return ""
}

// addZone adds a zone if its register answers and counts.
func (p *prober) addZone(z energy.Zone, pl *place) (int, error) {
	reg := p.model.regs.energy[z.Domain]
	refuse := func(kind error, reason string, err error) error {
		return &energy.Refusal{Name: z.ID(), Kind: kind, Reason: fmt.Sprintf("register %#x on cpu %d %s", reg, pl.seat.cpu(), reason), Err: err}
	}
	value, err := p.register(pl.seat.dev, reg)
	if errors.Is(err, unix.EIO) {
		return -1, refuse(energy.ErrAbsent, "can't be read: "+err.Error(), err)
	} else if err != nil {
		return -1, refuse(energy.ErrBroken, "can't be read: "+err.Error(), err)
	}
	if count(value) == 0 && !(z.Domain == energy.Package && p.moves(pl.seat.dev, reg)) {
		// Perf's and powercap's drivers hide such a domain too
		// (perf_msr_probe in arch/x86/events/probe.c, rapl_check_domain in
		// intel_rapl_common.c).
		return -1, refuse(energy.ErrAbsent, "reads zero"+p.inVM(), nil)
	}
	z.Tick, z.Wrap = p.model.tick(z.Domain, pl.units), counterRange
	z.MaxW = maxPower(z.Domain, p.tdp[pl.socket])
	z.Origin = fmt.Sprintf("msr %#x on cpu %d", reg, pl.seat.cpu())
	p.zones = append(p.zones, z)
	p.slots = append(p.slots, slot{seat: pl.seat, reg: reg})
	i := len(p.zones) - 1
	pl.zones = append(pl.zones, i)
	return i, nil
}

// moves reports whether a register that read 0 comes to read something else.
// A package draws watts, so some refreshes of 1 ms suffice.
func (p *prober) moves(dev device, reg uint32) bool {
	for range 10 {
		time.Sleep(2 * time.Millisecond)
		if v, err := p.register(dev, reg); err == nil && count(v) != 0 {
			return true
		}
	}
	return false
}

// mirrors reports whether a die's package counter is that of an earlier die
// of its socket: adding them would count the socket twice. Counters of their
// own differ by what the dies have drawn since the reset.
func (p *prober) mirrors(pl *place) bool {
	if pl.die < 0 {
		return false
	}
	for i, z := range p.zones {
		if z.Domain == energy.Package && z.Socket == pl.socket {
			return p.same(p.slots[i].seat.dev, pl.seat.dev, p.slots[i].reg)
		}
	}
	return false
}

// merge lets the zones of a socket that a die mirrors stand for the socket.
func (p *prober) merge(pl *place) {
	for i := range p.zones {
		z := &p.zones[i]
		if z.Socket != pl.socket {
			continue
		}
		if t := p.slots[i].seat; z.Die >= 0 {
			z.Die = -1
			t.cpus = p.cpusOf(pl.socket, -1)
			t.current = max(0, slices.Index(t.cpus, pl.seat.cpu()))
		}
	}
	pl.seat.dev.Close()
	pl.seat.dev = nil
	p.warn("msr-mirrored-dies",
		fmt.Sprintf("the dies of socket %d show one and the same counter; it is counted once", pl.socket),
		"do not add up a socket's dies in figures from other tools either")
}

// same reports whether a register shows one counter on two CPUs: several
// times over, what b shows lies between what a shows before and after.
func (p *prober) same(a, b device, reg uint32) bool {
	for range 4 {
		before, err1 := p.register(a, reg)
		between, err2 := p.register(b, reg)
		after, err3 := p.register(a, reg)
		if err1 != nil || err2 != nil || err3 != nil || count(between-before) > count(after-before) {
			return false
		}
	}
	return true
}

func (p *prober) addWarnings() {
	if p.model.warning.Code != "" {
		p.warnings = append(p.warnings, p.model.warning)
	}
	if p.topo.Virt.IsVM() {
		p.warn("msr-virtual",
			fmt.Sprintf("the RAPL registers are a virtual machine's (%s; %s): the hypervisor makes them up from the host's, as QEMU's rapl=true does", p.topo.Virt.Kind, p.topo.Virt.Evidence),
			"take the joules as an estimate, and do not calibrate against them; measure on the host")
	}
}

func (p *prober) warn(code, message, advice string) {
	p.warnings = append(p.warnings, energy.Warning{Code: code, Message: message, Advice: advice})
}
