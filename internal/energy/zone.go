package energy

import (
	"fmt"
	"strconv"
)

// Domain is the part of a machine that a counter meters.
type Domain uint8

// The domains of Intel's and AMD's RAPL (Intel SDM vol. 3, 15.10.1).
const (
	Package Domain = iota // a whole socket, or a whole die of one
	Core                  // the cores of a package (PP0), or one core (AMD)
	Uncore                // the graphics engine of client processors (PP1)
	DRAM                  // the memory attached to a package; outside Package
	PSys                  // the platform: packages and everything around them
)

// NumDomains is the number of domains; domain values are below it.
const NumDomains = 5

var domainNames = [NumDomains]string{"package", "core", "uncore", "dram", "psys"}

// String returns the domain's name in results: package, core, uncore, dram
// or psys.
func (d Domain) String() string {
	if int(d) < len(domainNames) {
		return domainNames[d]
	}
	return "domain(" + strconv.Itoa(int(d)) + ")"
}

// ParseDomain is the inverse of Domain.String.
func ParseDomain(s string) (Domain, error) {
	for d, name := range domainNames {
		if s == name {
			return Domain(d), nil
		}
	}
	return 0, fmt.Errorf("parse domain %q: want package, core, uncore, dram or psys", s)
}

// UnknownWrap as Zone.Wrap says that the counter's range could not be learnt:
// a count below the one before it then leaves a gap, never a negative energy.
const UnknownWrap = ^uint64(0)

// Zone is one energy counter.
type Zone struct {
	Domain Domain
	Socket int // physical package, -1 for the platform
	Die    int // die within the socket, -1 where the counter spans the socket
	Core   int // physical core within the socket, -1 where it spans them all
	// Parent is the index, in the same list, of the zone that contains this
	// one, or -1. Totals add zones without a parent only.
	Parent int
	// Origin is where the counter lives, for messages and provenance:
	// "intel-rapl:0:1", "power/energy-pkg/ on cpu 0", "msr 0x611 on cpu 0".
	Origin string

	Tick float64 // joules per count
	// Step is the smallest change the counter makes, in joules, where that is
	// more than a tick: powercap counts microjoules and moves in steps of the
	// register's unit. 0 means a tick.
	Step float64
	// Wrap is the counter's modulus in counts: 0 means 2^64, UnknownWrap
	// that it is not known.
	Wrap uint64
	// Behind is the modulus of the register behind a count that someone else
	// has unwrapped, in the register's own steps; 0 means none. It has to be
	// read before half of it passes: the perf driver sign-extends the
	// difference (arch/x86/events/rapl.c, rapl_event_update).
	Behind uint64
	// MaxW is a power in watts the zone can't exceed; with Wrap it bounds the
	// time between two readings. 0 means unknown.
	MaxW float64
}

// ID returns the zone's stable name in results: "package-0",
// "package-0-die-1", "dram-1", "core-0" (all cores of socket 0),
// "core-0-7" (core 7 of socket 0), "psys".
func (z Zone) ID() string {
	id := z.Domain.String()
	if z.Socket >= 0 {
		id += "-" + strconv.Itoa(z.Socket)
	}
	if z.Die >= 0 {
		id += "-die-" + strconv.Itoa(z.Die)
	}
	if z.Core >= 0 {
		id += "-" + strconv.Itoa(z.Core)
	}
	return id
}

// RangeJ returns the joules of one revolution of the counter, or 0 when that
// is unknown or does not matter (64-bit counters).
func (z Zone) RangeJ() float64 {
	if z.Wrap == 0 || z.Wrap == UnknownWrap {
		return 0
	}
	return float64(z.Wrap) * z.Tick
}

// StepJ returns the counter's resolution in joules.
func (z Zone) StepJ() float64 { return max(z.Step, z.Tick) }

// InTotal reports whether the zone belongs in a machine's total: package and
// dram zones that no other zone contains. Children would count twice, and so
// would psys beside the packages inside it.
func (z Zone) InTotal() bool {
	return z.Parent < 0 && (z.Domain == Package || z.Domain == DRAM)
}
