package output

import (
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func phasedRuns() map[string]*report.Run {
	return map[string]*report.Run{"run-phases": phased(), "run-phases-estimate": phasedEstimate()}
}

// phaseOf makes a phase of a run whose domains draw that many watts, in
// stretches from and to.
func phaseOf(r *report.Run, name string, watts []float64, unc float64, part float64, times ...float64) report.Phase {
	p := report.Phase{Name: name, StartS: times[0], EndS: times[len(times)-1], Quality: energy.Measured}
	var sum float64
	for i := 0; i < len(times); i += 2 {
		d := times[i+1] - times[i]
		x := report.Stretch{StartS: times[i], EndS: times[i+1]}
		if d > 0.001 {
			x.EnergyJ, x.UncertaintyJ = ptr(0.0), ptr(unc)
			for _, w := range watts {
				*x.EnergyJ += w * d
			}
		}
		p.DurationS += d
		p.Stretches = append(p.Stretches, x)
	}
	for i, w := range watts {
		e := joules(w*p.DurationS, unc*float64(len(p.Stretches)), p.DurationS)
		d := report.PhaseDomain{ID: r.Domains[i].ID, Energy: e}
		if part > 0 {
			d.TargetJ = ptr(part * w * p.DurationS)
		}
		sum += w * p.DurationS
		p.Domains = append(p.Domains, d)
	}
	p.Energy = joules(sum, unc*float64(len(watts)*len(p.Stretches)), p.DurationS)
	if part > 0 {
		p.TargetJ, p.TargetUncertaintyJ = ptr(part*sum), ptr(0.01*part*sum)
	}
	return p
}

// phased is a training with phases that come back, and one that is too short
// for the counter.
func phased() *report.Run {
	r := splitCycles()
	r.Command.Argv = []string{"python3", "train.py"}
	d := r.DurationS
	load := phaseOf(r, "load", []float64{42, 31, 6, 3}, 0.05, 0.2, 0.412, 2.113)
	train := phaseOf(r, "train", []float64{91, 55, 6.5, 3.7}, 0.1, 0.7, 2.113, 6.002, 6.741, 10.555)
	check := phaseOf(r, "check µ", []float64{60, 41, 6, 3.4}, 0.06, 0.4, 6.002, 6.741, 10.5556, 11.2)
	flash := report.Phase{Name: "flash", StartS: 10.555, EndS: 10.5556, DurationS: 0.0006, Quality: energy.Measured,
		Energy: report.Energy{Reason: "package-0 is not known: it lasted for 0.6 ms at most: what is shorter than 1.1 ms, in which the counter is refreshed, can't be told"}}
	flash.DurationS = flash.EndS - flash.StartS
	flash.Stretches = []report.Stretch{{StartS: flash.StartS, EndS: flash.EndS}}
	outside := phaseOf(r, "", []float64{33, 30, 5, 3}, 0.05, 0.05, 0, 0.412, 11.2, d)
	outside.Stretches = nil
	rest := phaseOf(r, "", []float64{0, 0, 0, 0}, 0.1, 0, flash.StartS, flash.EndS)
	rest.Stretches, rest.TargetJ, rest.TargetUncertaintyJ = nil, nil, nil
	rest.Reason = "of phases that are not known: " + flash.Reason
	// What the others leave is the rest's, and the outside takes what is more.
	all := []*report.Phase{&load, &train, &check, &outside}
	for i, dom := range r.Domains {
		left := *dom.EnergyJ
		for _, p := range all {
			left -= *p.Domains[i].EnergyJ
		}
		*rest.Domains[i].EnergyJ = 0.0002 * *dom.EnergyJ
		more := left - *rest.Domains[i].EnergyJ
		*outside.Domains[i].EnergyJ = math.Max(0, *outside.Domains[i].EnergyJ+more)
		flash.Domains = append(flash.Domains, report.PhaseDomain{ID: dom.ID, Energy: report.Energy{Reason: "it lasted for 0.6 ms at most"}})
	}
	for _, p := range []*report.Phase{&outside, &rest} {
		sum := 0.0
		for _, d := range p.Domains {
			sum += *d.EnergyJ
		}
		reason := p.Reason
		p.Energy = joules(sum, *p.UncertaintyJ, p.DurationS)
		p.Reason = reason
	}
	rest.PowerW = nil
	r.Phases = &report.Phases{List: []report.Phase{load, train, check, flash}, Outside: &outside, Rest: &rest,
		Marks: []report.Mark{{AtS: 4.2071, Text: "learning rate 0.01"}, {AtS: 9.118, Text: "snapshot | written"}}}
	return r
}

// phasedEstimate has no counter under its phases.
func phasedEstimate() *report.Run {
	r := estimate()
	whole := r.Total
	part := func(name string, share, start, end float64) report.Phase {
		scale := func(v *float64) *float64 { return ptr(*v * share) }
		e := report.Energy{EnergyJ: scale(whole.EnergyJ), PowerW: ptr(*whole.EnergyJ * share / (end - start)), LowJ: scale(whole.LowJ), HighJ: scale(whole.HighJ)}
		return report.Phase{Name: name, StartS: start, EndS: end, DurationS: end - start, Quality: energy.Estimated, Energy: e,
			Domains: []report.PhaseDomain{{ID: r.Domains[0].ID, Energy: e}}, Stretches: []report.Stretch{{StartS: start, EndS: end, EnergyJ: e.EnergyJ}}}
	}
	outside := part("", 0.1, 0, 0.4)
	outside.Stretches = nil
	r.Phases = &report.Phases{List: []report.Phase{part("hash", 0.9, 0.4, r.DurationS)}, Outside: &outside}
	return r
}
