package msr

import (
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// addPsys adds the platform's counter. It is read on the first socket; on
// boards where others have one as well it is a zone of that socket.
func (p *prober) addPsys(places []place) {
	if !p.model.domains.has(energy.PSys) {
		return
	}
	reg := p.model.regs.energy[energy.PSys]
	var first *seat
	done := make(map[int]bool)
	for i := range places {
		pl := &places[i]
		if len(pl.zones) == 0 || done[pl.socket] {
			continue
		}
		done[pl.socket] = true
		z := energy.Zone{Domain: energy.PSys, Socket: -1, Die: -1, Core: -1, Parent: -1}
		if first != nil {
			if p.same(first.dev, pl.seat.dev, reg) {
				continue
			}
			z.Socket = pl.socket
		}
		if _, err := p.addZone(z, pl); err != nil {
			// Only the first socket's absence is news.
			if first == nil && len(done) == 1 {
				p.refused = append(p.refused, energy.Refusals(z.ID(), err)...)
			}
			continue
		}
		if first == nil {
			first = pl.seat
		}
	}
}

// addCores adds a zone for every physical core of the places that have a
// package zone.
func (p *prober) addCores(places []place) {
	for i := range places {
		pl := &places[i]
		if len(pl.zones) == 0 {
			continue
		}
		for _, c := range coresOf(p.topo, pl.socket) {
			t := &seat{cpus: c.threads}
			z := energy.Zone{Domain: energy.Core, Socket: pl.socket, Die: -1, Core: c.number, Parent: pl.zones[0]}
			dev, err := p.open(t.cpu())
			if err != nil {
				p.refused = append(p.refused, &energy.Refusal{Name: z.ID(), Kind: energy.ErrBroken, Reason: err.Error(), Err: err})
				continue
			}
			t.dev = dev
			p.seats = append(p.seats, t)
			if _, err := p.addZone(z, &place{socket: pl.socket, die: -1, seat: t, units: pl.units}); err != nil {
				p.refused = append(p.refused, energy.Refusals(z.ID(), err)...)
			}
		}
	}
}

// core is a physical core and its online threads.
type core struct {
	number  int
	threads []int
}

// coresOf returns a socket's cores. Where core_id repeats, as across dies on
// some kernels, cores are numbered in the order of their first thread.
func coresOf(topo *topology.Topology, socket int) []core {
	var cores []core
	for _, c := range topo.CPUs {
		if !c.Online || c.Socket != socket {
			continue
		}
		if c.Siblings == nil {
			c.Siblings = []int{c.ID}
		}
		if c.Siblings[0] == c.ID {
			cores = append(cores, core{c.Core, c.Siblings})
		}
	}
	numbers := make(map[int]bool)
	for _, c := range cores {
		numbers[c.number] = true
	}
	if len(numbers) != len(cores) || numbers[-1] {
		for i := range cores {
			cores[i].number = i
		}
	}
	slices.SortFunc(cores, func(a, b core) int { return a.number - b.number })
	return cores
}
