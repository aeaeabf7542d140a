package session

import (
	"fmt"
	"math"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// stillAfter is how long a counter must stand still to be called dead. Shorter
// windows can fall between two steps of a slow one.
const stillAfter = 100 * time.Millisecond

// domains returns the energy of every zone of a track over the window.
func (s *session) domains(t *energy.Track) []report.Domain {
	zones := t.Source.Zones()
	out := make([]report.Domain, len(zones))
	for i, z := range zones {
		d := report.Domain{
			ID: z.ID(), Kind: z.Domain.String(), Socket: z.Socket, Die: z.Die,
			Quality: energy.Measured, Origin: z.Origin, InTotal: z.InTotal(),
		}
		if z.Parent >= 0 {
			d.Parent = zones[z.Parent].ID()
		}
		total := t.Total(i)
		d.Wraps, d.Samples = total.Wraps, total.Reads
		d.Energy = s.zoneEnergy(t, i, total)
		if d.EnergyJ == nil && d.InTotal && z.Domain != energy.Package && total.First && len(total.Gaps) == 0 && total.Err == nil {
			d.InTotal = false // a memory counter that never moves is none
		}
		out[i] = d
	}
	return out
}

// zoneEnergy decides what is known of a zone.
func (s *session) zoneEnergy(t *energy.Track, i int, total energy.ZoneTotal) report.Energy {
	switch {
	case !total.First:
		return report.Energy{Reason: fmt.Sprintf("the counter could not be read: %v", total.Err)}
	case len(total.Gaps) > 0:
		g := total.Gaps[0]
		more := ""
		if n := len(total.Gaps) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more)", n)
		}
		return lowerBound(total, g.Reason+more)
	case total.Err != nil:
		return lowerBound(total, fmt.Sprintf("the counter stopped answering: %v", total.Err))
	case t.Meter.Counts(i) == 0 && s.end.Sub(s.start) > stillAfter:
		return report.Energy{Reason: "the counter stands still: the domain is not metered here"}
	}
	w := t.Between(i, s.start, s.end)
	if math.IsInf(w.UncertaintyJ, 0) {
		return report.Energy{Reason: "the counter was not read on both sides of the window"}
	}
	if s.filtered {
		w.UncertaintyJ = max(w.UncertaintyJ, filterSkew*w.EnergyJ)
	}
	return s.known(w.EnergyJ, w.UncertaintyJ)
}

// filterSkew is how far energy filtering has been seen to bend a reading,
// relative (MSR 0xBC; Intel security advisory SA-00389).
const filterSkew = 0.5

func (s *session) known(j, uncertainty float64) report.Energy {
	e := report.Energy{EnergyJ: &j, UncertaintyJ: &uncertainty}
	if d := s.duration(); d > 0 {
		w := j / d
		e.PowerW = &w
	}
	return e
}

func lowerBound(total energy.ZoneTotal, reason string) report.Energy {
	j := total.EnergyJ
	return report.Energy{LowJ: &j, Reason: reason}
}

func (s *session) duration() float64 { return s.end.Sub(s.start).Seconds() }

// warnDomains turns what went wrong with zones into warnings.
func (s *session) warnDomains(domains []report.Domain, t *energy.Track) {
	for i, d := range domains {
		total := t.Total(i)
		switch {
		case d.EnergyJ == nil:
			s.warn("domain-unknown", d.ID+": "+d.Reason, "see energyprobe doctor, or try another interface with --source")
		case total.Fails > 0:
			s.warn("reads-failed", fmt.Sprintf("%s: %d of %d readings failed; the counter answered again, nothing is lost", d.ID, total.Fails, total.Fails+total.Reads), "look into the kernel's log: dmesg")
		}
	}
}

// estimates fills the domains of a window without counters: the model's
// energy, spread over its zones as its time series has them.
func (s *session) estimates(t *energy.Track, total report.Energy) []report.Domain {
	zones := t.Source.Zones()
	var sum float64
	for i := range zones {
		sum += t.Total(i).EnergyJ
	}
	out := make([]report.Domain, len(zones))
	for i, z := range zones {
		share := 1 / float64(len(zones))
		if sum > 0 {
			share = t.Total(i).EnergyJ / sum
		}
		out[i] = report.Domain{
			ID: z.ID(), Kind: z.Domain.String(), Socket: z.Socket, Die: z.Die,
			Quality: energy.Estimated, Origin: z.Origin, InTotal: z.InTotal(),
			Energy: scale(total, share), Samples: t.Total(i).Reads,
		}
	}
	return out
}

func scale(e report.Energy, by float64) report.Energy {
	times := func(p *float64) *float64 {
		if p == nil {
			return nil
		}
		v := *p * by
		return &v
	}
	return report.Energy{EnergyJ: times(e.EnergyJ), PowerW: times(e.PowerW), LowJ: times(e.LowJ), HighJ: times(e.HighJ), UncertaintyJ: times(e.UncertaintyJ), Reason: e.Reason}
}

// crossCheck compares what the interfaces say of the same domains.
func (s *session) crossCheck() []report.CrossCheck {
	var out []report.CrossCheck
	base := s.domains(s.tracks[0])
	for _, d := range base {
		if d.EnergyJ == nil || *d.EnergyJ <= 0 {
			continue
		}
		name := s.tracks[0].Source.Name()
		c := report.CrossCheck{
			Domain: d.ID, EnergyJ: map[string]float64{name: *d.EnergyJ}, Ratio: map[string]float64{name: 1},
			Agree: true, ExpectedPct: 100 * unitTolerance(d.Kind),
		}
		worst := 0.0
		for _, t := range s.tracks[1:] {
			for _, other := range s.domains(t) {
				if other.ID != d.ID || other.EnergyJ == nil {
					continue
				}
				ratio := *other.EnergyJ / *d.EnergyJ
				c.EnergyJ[t.Source.Name()], c.Ratio[t.Source.Name()] = *other.EnergyJ, ratio
				allowed := unitTolerance(d.Kind) + (*d.UncertaintyJ+*other.UncertaintyJ)/(*d.EnergyJ)
				c.ExpectedPct = max(c.ExpectedPct, 100*allowed)
				worst = max(worst, math.Abs(ratio-1)-allowed)
			}
		}
		if len(c.EnergyJ) == 1 {
			continue
		}
		if c.Agree = worst <= 0; !c.Agree {
			s.warn("interfaces-disagree", fmt.Sprintf("%s: the interfaces disagree by more than the %.2g %% to expect", d.ID, c.ExpectedPct), "trust perf where the unit of a domain is in doubt, and report the processor's model")
		}
		out = append(out, c)
	}
	return out
}

// unitTolerance is energy.UnitTolerance by the domain's name.
func unitTolerance(kind string) float64 {
	d, _ := energy.ParseDomain(kind)
	return energy.UnitTolerance(d)
}
