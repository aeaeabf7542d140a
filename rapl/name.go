package rapl

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// place says what a zone meters, and through which control type.
type place struct {
	control string // intel-rapl or intel-rapl-mmio
	domain  energy.Domain
	socket  int // -1 for the platform
	die     int // -1 where the zone spans the socket
}

func (p place) id() string {
	return energy.Zone{Domain: p.domain, Socket: p.socket, Die: p.die, Core: -1}.ID()
}

// inside reports whether the zone lies within a package zone: the tree nests
// dram in a package too, but memory draws its power outside of it.
func (p place) inside() bool { return p.domain == energy.Core || p.domain == energy.Uncore }

// compare orders zones by socket and die, package first; psys comes last.
func (p place) compare(q place) int {
	last := func(p place) int {
		if p.domain == energy.PSys {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(last(p), last(q)),
		cmp.Compare(p.socket, q.socket),
		cmp.Compare(p.die, q.die),
		cmp.Compare(p.domain, q.domain),
		cmp.Compare(p.control, q.control), // intel-rapl before intel-rapl-mmio
	)
}

// parseName parses a zone's name as the driver makes it
// (intel_rapl_common.c, rapl_init_domains): package-P, package-P-die-D, core,
// uncore, dram, psys, and psys-P for the platform domains after the first.
// around is the place of the zone in whose directory it lies, nil at the top.
func parseName(name string, around *place) (place, error) {
	p := place{socket: -1, die: -1}
	switch name {
	case "psys":
		p.domain = energy.PSys
		return p, nil
	case "core", "uncore", "dram":
		if around == nil || around.domain != energy.Package {
			return p, fmt.Errorf("a %s zone with no package around it", name)
		}
		p.domain, _ = energy.ParseDomain(name)
		p.socket, p.die = around.socket, around.die
		return p, nil
	}
	ok := false
	if n, found := strings.CutPrefix(name, "psys-"); found {
		p.domain = energy.PSys
		p.socket, ok = parseIndex(n)
	} else if n, found := strings.CutPrefix(name, "package-"); found {
		p.domain = energy.Package
		socket, die, hasDie := strings.Cut(n, "-die-")
		p.socket, ok = parseIndex(socket)
		if hasDie && ok {
			p.die, ok = parseIndex(die)
		}
	}
	if !ok {
		return place{socket: -1, die: -1}, fmt.Errorf("unknown zone name %.64q", name)
	}
	return p, nil
}

// parseIndex parses a socket or die number as the kernel prints it.
func parseIndex(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil && strconv.FormatUint(n, 10) == s
}
