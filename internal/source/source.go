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
	// Track has the readings that showed the source to be alive.
	Track *energy.Track
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
	o.Track = energy.NewTrack(o.Source)
	if err := checkAlive(o.Track); err != nil {
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
// and a driver whose registers are locked, look like a counter otherwise. A
// reading that fails is no verdict yet: any may. What is seen of the counters'
// edges stays in the track.
func checkAlive(t *energy.Track) error {
	zones := t.Source.Zones()
	isPackage := func(z energy.Zone) bool { return z.Domain == energy.Package }
	if !slices.ContainsFunc(zones, isPackage) {
		return nil // only a platform counter: nothing to judge by
	}
	read := false // some package, at least once
	var still uint64
	var err error
	for began := energy.Now(); energy.Now().Sub(began) <= aliveLimit; {
		if err = t.Read(); err != nil {
			continue
		}
		t.Before.Add(t.Reading, t.Meter)
		for i, z := range zones {
			if isPackage(z) && t.Before.Moved(i) {
				return nil
			}
			if isPackage(z) && t.Reading.Errs[i] == nil {
				read, still = true, t.Reading.Counts[i]
			}
		}
	}
	name := t.Source.Name()
	if read {
		return &energy.Refusal{
			Name: name, Kind: energy.ErrBroken,
			Reason: fmt.Sprintf("the package counters stand still (at %d for %v): what is there is not a counter, as in guests whose hypervisor answers 0", still, aliveLimit),
		}
	}
	if err == nil {
		err = fmt.Errorf("no package counter can be read: %w", errors.Join(t.Reading.Errs...))
	}
	return &energy.Refusal{Name: name, Kind: energy.ErrBroken, Reason: err.Error(), Err: err}
}
