package session

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// watchBaseline watches the machine before the target begins, when asked to.
func (s *session) watchBaseline() {
	a := s.attr
	if s.Baseline <= 0 {
		return
	}
	from, err := a.totals()
	if err != nil {
		return
	}
	if a.inKernel() {
		rest(s.tracks, s.Baseline)
	} else if a.still, err = stillPower(s.tracks, s.Baseline); err != nil {
		return
	}
	if a.needsReadings() {
		a.interval(s.tracks[0])
	}
	if to, err := a.totals(); err == nil {
		a.baseline = attribute.Delta(from, to).Packages
	}
}

// rest leaves the machine alone for d, but for the readings that see every
// wrap.
func rest(tracks []*energy.Track, d time.Duration) {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		step := left
		for _, t := range tracks {
			step = min(step, t.PollInterval(pollLimit))
		}
		time.Sleep(step)
		for _, t := range tracks {
			_ = t.Read() // what fails is in the track's meter
		}
	}
}

// stillPower returns the mean power of every zone of a machine that is left
// alone for d, between edges of its counters; NaN where none was seen.
func stillPower(tracks []*energy.Track, d time.Duration) ([]float64, error) {
	t := tracks[0]
	zones := t.Source.Zones()
	edge := func() (*energy.Watch, error) {
		w := energy.NewWatch(len(zones))
		for began := time.Now(); time.Since(began) < approachLimit; {
			if err := t.Read(); err != nil {
				return nil, err
			}
			w.Add(t.Reading, t.Meter)
			all := true
			for i, z := range zones {
				all = all && (!z.InTotal() || w.Edges(i) > 0)
			}
			if all {
				break
			}
		}
		return w, nil
	}
	first, err := edge()
	if err != nil {
		return nil, err
	}
	rest(tracks, d)
	last, err := edge()
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(zones))
	for i, z := range zones {
		out[i] = energy.PowerBetween(z, i, first, last)
	}
	return out, nil
}

// idle returns what is known of the idle power of a zone's packages.
func (a *attribution) idle(z energy.Zone, packages []int, seen []energy.PackageUsage) []attribute.Idle {
	var out []attribute.Idle
	for _, k := range packages {
		switch {
		case a.given > 0 && z.Domain == energy.Package:
			out = append(out, attribute.Idle{Watts: a.given / float64(len(packages)), Known: true, How: "given with --idle-power"})
		case a.still != nil:
			out = append(out, a.fromStill(z, k))
		case a.baseline != nil:
			i := attribute.IdlePower(a.baseline[k], z.Domain)
			i.How = "before the window: " + i.How
			out = append(out, i)
		default:
			out = append(out, learnIdle(seen, k, z.Domain))
		}
	}
	return out
}

// fromStill takes what little ran before the window off the power that the
// zone drew then, at the rate at which the window's load drew more.
func (a *attribution) fromStill(z energy.Zone, k int) attribute.Idle {
	i := slices.IndexFunc(a.zones, func(o energy.Zone) bool { return o.ID() == z.ID() })
	if i < 0 || math.IsNaN(a.still[i]) {
		return attribute.Idle{How: "before the window no refresh of the counter was seen"}
	}
	load := func(p energy.PackageUsage) (cpus, watts float64) {
		var busy time.Duration
		joules := p.Nobody.Joules[z.Domain]
		for _, party := range p.Parties {
			busy += party.CPU
			joules += party.Joules[z.Domain]
		}
		return busy.Seconds() / p.Seconds, joules / p.Seconds
	}
	w := a.still[i]
	idle := attribute.Idle{Watts: w, Uncertainty: 0.002 * w, Known: true, How: fmt.Sprintf("mean power of %.3g s before the window", a.baseline[k].Seconds)}
	before, _ := load(a.baseline[k])
	d := attribute.Delta(energy.Usage{Packages: a.from.Packages}, energy.Usage{Packages: a.to.Packages})
	if len(d.Packages) <= k || d.Packages[k].Seconds <= 0 {
		return idle
	}
	if inside, watts := load(d.Packages[k]); inside > 2*before {
		less := max(0, (watts-w)/(inside-before)) * before
		idle.Watts, idle.Uncertainty = max(0, w-less), idle.Uncertainty+less/2
	}
	return idle
}

// twins is how far two packages of one machine may differ in idle power,
// relative.
const twins = 0.2

// learnIdle learns package k's idle power from what was seen of it, or else
// from the others: they are of one kind.
func learnIdle(seen []energy.PackageUsage, k int, d energy.Domain) attribute.Idle {
	own := attribute.IdlePower(seen[k], d)
	if own.Known {
		return own
	}
	var sum, uncertainty float64
	n := 0
	for other := range seen {
		if i := attribute.IdlePower(seen[other], d); other != k && i.Known {
			sum, uncertainty, n = sum+i.Watts, uncertainty+i.Uncertainty, n+1
		}
	}
	if n == 0 {
		return own
	}
	w := sum / float64(n)
	return attribute.Idle{Watts: w, Uncertainty: uncertainty/float64(n) + twins*w, Known: true, How: "as the other packages, this one was " + own.How}
}
