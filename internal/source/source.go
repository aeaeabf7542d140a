// Package source opens the ways to read a host's energy, best first, and
// keeps the reasons why the others can't be used.
package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/msr"
	"github.com/energyprobe/energyprobe/perfevent"
	"github.com/energyprobe/energyprobe/rapl"
)

// The sources by name, measuring ones in the order in which auto tries them:
// perf costs least and has 64-bit counters, powercap needs no module beyond
// the kernel's own, and msr needs the most rights.
const (
	Auto     = "auto"
	Perf     = "perf"
	Powercap = "powercap"
	MSR      = "msr"
	Model    = "model"
)

// Names lists what ParseName takes.
func Names() []string { return []string{Auto, Perf, Powercap, MSR, Model} }

// Measuring lists the sources that read a counter, best first.
func Measuring() []string { return []string{Perf, Powercap, MSR} }

// ParseName checks the name of a source.
func ParseName(s string) (string, error) {
	if slices.Contains(Names(), s) {
		return s, nil
	}
	return "", fmt.Errorf("unknown source %q: use one of %s", s, strings.Join(Names(), ", "))
}

// Host is where sources are looked for.
type Host struct {
	Root    string // prefixes /sys, /proc and /dev; "" and "/" are the live host
	Topo    *topology.Topology
	PerCore bool // also the counters of single cores, where the processor has them
}

// Opened is an open source and what was learnt on the way.
type Opened struct {
	energy.Source
	// Zones that are missing although the source works.
	MissingZones []*energy.Refusal
	Warnings     []energy.Warning
}

// TDPW returns the power limit the hardware names for a socket, in watts.
func (o *Opened) TDPW(socket int) (w float64, ok bool) {
	switch s := o.Source.(type) {
	case *rapl.Source:
		return s.LongTermPowerW(socket)
	case *msr.Source:
		return s.TDP(socket)
	}
	return 0, false
}

// Open opens one measuring source. The error is one *energy.Refusal or
// several joined.
func (h Host) Open(name string) (*Opened, error) {
	o, err := h.open(name)
	if err != nil {
		return nil, err
	}
	if err := checkAlive(o.Source); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

func (h Host) open(name string) (*Opened, error) {
	switch name {
	case Perf:
		p, err := perfevent.OpenPower(h.Root, h.Topo, h.PerCore)
		if err != nil {
			return nil, err
		}
		return &Opened{Source: p, MissingZones: p.Refused()}, nil
	case Powercap:
		s, err := rapl.Open(h.Root, h.Topo)
		if err != nil {
			return nil, err
		}
		return &Opened{Source: s, MissingZones: s.Refused(), Warnings: s.Warnings()}, nil
	case MSR:
		var opts []msr.Option
		if h.PerCore {
			opts = append(opts, msr.WithCores())
		}
		s, err := msr.Open(h.Root, h.Topo, opts...)
		if err != nil {
			return nil, err
		}
		return &Opened{Source: s, MissingZones: s.Refused(), Warnings: s.Warnings()}, nil
	}
	return nil, fmt.Errorf("source %q can't be opened by name", name)
}

// Best opens the best measuring source. What was refused before it is
// returned beside it; when none is left, the source is nil.
func (h Host) Best() (*Opened, []*energy.Refusal) {
	var refused []*energy.Refusal
	for _, name := range Measuring() {
		o, err := h.Open(name)
		if err == nil {
			return o, refused
		}
		refused = append(refused, named(name, err)...)
	}
	return nil, refused
}

// Others opens every measuring source but the one named, for a cross-check.
func (h Host) Others(name string) ([]*Opened, []*energy.Refusal) {
	var all []*Opened
	var refused []*energy.Refusal
	for _, n := range Measuring() {
		if n == name {
			continue
		}
		o, err := h.Open(n)
		if err != nil {
			refused = append(refused, named(n, err)...)
			continue
		}
		all = append(all, o)
	}
	return all, refused
}

// named returns the refusals in err under the source's name: what refused may
// have been one of its zones.
func named(name string, err error) []*energy.Refusal {
	var out []*energy.Refusal
	for _, r := range energy.Refusals(name, err) {
		if r.Name != name {
			c := *r
			c.Reason, c.Name = r.Name+": "+r.Reason, name
			r = &c
		}
		out = append(out, r)
	}
	return out
}

// aliveLimit is how long a package counter may stand still before it is taken
// for dead: its refresh is about 1 ms, and a counter in steps of a joule moves
// within this time on any machine that runs.
const aliveLimit = 120 * time.Millisecond

// checkAlive reads until a package counter moves. A hypervisor that answers 0,
// and a driver whose registers are locked, look like a counter otherwise.
func checkAlive(src energy.Source) error {
	r := energy.NewReading(len(src.Zones()))
	first := make([]uint64, len(src.Zones()))
	seen := make([]bool, len(first))
	packages := 0
	for began := energy.Now(); ; {
		if err := src.Read(r); err != nil {
			return &energy.Refusal{Name: src.Name(), Kind: energy.ErrBroken, Reason: err.Error(), Err: err}
		}
		packages = 0
		for i, z := range src.Zones() {
			if z.Domain != energy.Package || r.Errs[i] != nil {
				continue
			}
			packages++
			if seen[i] && r.Counts[i] != first[i] {
				return nil
			}
			if !seen[i] {
				first[i], seen[i] = r.Counts[i], true
			}
		}
		if packages == 0 || energy.Now().Sub(began) > aliveLimit {
			break
		}
	}
	if packages == 0 {
		if err := errors.Join(r.Errs...); err != nil {
			return &energy.Refusal{Name: src.Name(), Kind: energy.ErrBroken, Reason: "no package counter can be read: " + err.Error(), Err: err}
		}
		return nil // only a platform counter: nothing to judge by
	}
	return &energy.Refusal{
		Name: src.Name(), Kind: energy.ErrBroken,
		Reason: fmt.Sprintf("the package counters stand still (%d for %v): what is there is not a counter, as in guests whose hypervisor answers 0", first[0], aliveLimit),
	}
}
