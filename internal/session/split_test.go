package session

import (
	"math"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// splitting is a session whose window of two seconds has been measured: one
// package with zones of these domains, each of which spent 100 J.
func splitting(covered float64, domains ...energy.Domain) (*session, *report.Run) {
	var zones []energy.Zone
	r := &report.Run{DurationS: 2}
	var u energy.PackageUsage
	u.Seconds, u.CPUs = covered, 4
	u.Parties[energy.Target].Seconds, u.Nobody.Seconds = covered/2, covered/2
	for _, d := range domains {
		z := energy.Zone{Domain: d, Die: -1, Core: -1, Parent: -1, Tick: 1e-6}
		if d == energy.Core || d == energy.Uncore {
			z.Parent = 0
		}
		zones = append(zones, z)
		j, off := 100.0, 0.5
		r.Domains = append(r.Domains, report.Domain{ID: z.ID(), Kind: d.String(), InTotal: z.InTotal(), Energy: report.Energy{EnergyJ: &j, UncertaintyJ: &off}})
		if d != energy.PSys {
			u.Parties[energy.Target].Joules[d], u.Nobody.Joules[d] = 40*covered, 10*covered
		}
	}
	r.Total = report.Total(r.Domains, r.DurationS)
	s := &session{tracks: []*energy.Track{energy.NewTrack(&fixed{name: "fixed", zones: zones})}}
	s.attr = &attribution{zones: zones, places: []energy.Place{{Die: -1}}}
	s.attr.to.Packages = []energy.PackageUsage{u}
	return s, r
}

// Joules that are unattributed because intervals are missing are not passed over
// in silence.
func TestUncoveredJoulesAreWarnedOf(t *testing.T) {
	for _, covered := range []float64{2, 1} {
		s, r := splitting(covered, energy.Package, energy.DRAM)
		var out report.Attribution
		s.splitZones(r, &out, s.attr.to)
		d := out.PerDomain[0]
		if d.TargetJ == nil || d.IdleJ == nil || d.UnattributedJ == nil {
			t.Fatalf("covered for %v s: %+v", covered, d)
		}
		if want := 100 - 50*covered; math.Abs(*d.UnattributedJ-want) > 1e-9 {
			t.Errorf("covered for %v s: %v J are unattributed, want %v", covered, *d.UnattributedJ, want)
		}
		if s.warned("coverage") != (covered < 2) || len(s.warnings) > 1 {
			t.Fatalf("covered for %v s: warnings %+v", covered, s.warnings)
		}
		if covered < 2 {
			w := s.warnings[0]
			if !strings.Contains(w.Message, "package-0, dram-0: ") || !strings.Contains(w.Message, "cover 1 s of 2 s") || w.Advice == "" {
				t.Errorf("warning %+v", w)
			}
		}
	}
}

// What lies within a package is split as the package is, and counts once.
func TestDomainsWithinOthersAreSplit(t *testing.T) {
	s, r := splitting(2, energy.Package, energy.Core, energy.Uncore, energy.DRAM, energy.PSys)
	s.attr.rule = attribute.Rule{}
	var out report.Attribution
	total := s.splitZones(r, &out, s.attr.to)
	s.attr.putTotal(&out, r)
	var ids []string
	for _, d := range out.PerDomain {
		ids = append(ids, d.ID)
		sum := 0.0
		for _, line := range []*float64{d.TargetJ, d.OthersJ, d.KernelJ, d.IdleJ, d.UnattributedJ} {
			if line == nil {
				t.Fatalf("%s: a line is not known: %+v", d.ID, d.Unknown)
			}
			sum += *line
		}
		if math.Abs(sum-100) > 1e-9 {
			t.Errorf("%s: lines add up to %v J of 100", d.ID, sum)
		}
	}
	if got := strings.Join(ids, " "); got != "package-0 core-0 uncore-0 dram-0" {
		t.Errorf("split: %s", got)
	}
	if len(out.Idle) != 4 || len(total) != 2 || total[0].Domain != energy.Package || total[1].Domain != energy.DRAM {
		t.Errorf("%d idle powers, %d zones of the total", len(out.Idle), len(total))
	}
	sum := *out.TargetJ + *out.OthersJ + *out.KernelJ + *out.IdleJ + *out.UnattributedJ
	if math.Abs(sum-*r.Total.EnergyJ) > 1e-9 || math.Abs(sum-200) > 1e-9 {
		t.Errorf("the total's lines add up to %v J of %v", sum, *r.Total.EnergyJ)
	}
	// One that never moved is none; one of the total that is not known makes the
	// total's lines unknown.
	r.Domains[1].EnergyJ, r.Domains[3].EnergyJ = nil, nil
	r.Total = report.Total(r.Domains, 2)
	out = report.Attribution{}
	s.splitZones(r, &out, s.attr.to)
	s.attr.putTotal(&out, r)
	if len(out.PerDomain) != 3 || out.TargetJ != nil || !strings.Contains(out.Unknown["target_j"], "dram-0") {
		t.Errorf("%d domains, %+v", len(out.PerDomain), out.Split)
	}
}
