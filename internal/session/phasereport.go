package session

import (
	"fmt"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// phaseAccount puts the phases of a result together.
type phaseAccount struct {
	*session
	run    *report.Run
	log    *phaseLog
	at     []float64 // by edge, seconds from the opening
	curves []curve   // by domain
	// What the lines leave open whose energy is not known, in joules: of each
	// domain and of the total.
	doubts []float64
	doubt  float64
}

// line is what all stretches of one phase, or of none, come to.
type line struct {
	phase     int
	stretches [][2]int // edges
}

// phasesReport says what each phase spent; nil where none was marked.
func (s *session) phasesReport(r *report.Run) *report.Phases {
	if t, ok := s.target.(*commandTarget); ok {
		t.phases.parser.finish()
		s.warnFaults(t.phases.parser.bad)
	}
	l := s.phases
	if l.empty() {
		return nil
	}
	s.warnLimits(l)
	out := &report.Phases{List: []report.Phase{}, IgnoredMarks: l.ignored}
	for _, m := range l.marks {
		out.Marks = append(out.Marks, report.Mark{AtS: seconds(m.at, s.start, r.DurationS), Text: m.text})
	}
	at, of := s.edges(l)
	a := &phaseAccount{session: s, run: r, log: l, at: at}
	for i, d := range r.Domains {
		e := energyOf{joules: d.EnergyJ, reason: d.Reason}
		if d.UncertaintyJ != nil {
			e.uncertainty = *d.UncertaintyJ
		}
		a.curves = append(a.curves, s.curveOf(l, at, i, e))
	}
	a.doubts = make([]float64, len(a.curves))
	lines := l.lines(of, len(at)-1)
	for _, one := range lines[1:] {
		p := a.phase(one)
		p.Name = l.names[one.phase]
		out.List = append(out.List, p)
	}
	if len(lines[0].stretches) > 0 {
		p := a.phase(lines[0])
		p.Stretches = nil
		out.Outside = &p
	}
	out.Rest = a.rest(out)
	s.warnShort(out)
	return out
}

// lines sorts the stretches: those outside first, then each phase's.
func (l *phaseLog) lines(of []int, end int) []line {
	out := make([]line, 1+len(l.names))
	for i := range out {
		out[i].phase = i - 1
	}
	present := span{phase: outside, from: -1}
	from := 0
	for _, next := range append(l.spans[:len(l.spans):len(l.spans)], span{phase: outside, from: -1}) {
		to := end
		if next.from >= 0 {
			to = of[next.from]
		}
		// Nothing is outside between two phases of one moment.
		if present.phase != outside || to > from {
			o := &out[present.phase+1]
			o.stretches = append(o.stretches, [2]int{from, to})
		}
		present, from = next, to
	}
	return out
}

// phase adds up the stretches of a line.
func (a *phaseAccount) phase(l line) report.Phase {
	p := report.Phase{Quality: a.run.Source.Quality, Domains: []report.PhaseDomain{}}
	for k, x := range l.stretches {
		start, end := a.at[x[0]], a.at[x[1]]
		if k == 0 {
			p.StartS = start
		}
		p.EndS = end
		p.DurationS += end - start
		p.Stretches = append(p.Stretches, a.stretch(x))
	}
	usage := a.usage(l)
	var all []report.Domain
	for i, d := range a.run.Domains {
		one := report.PhaseDomain{ID: d.ID, Energy: a.energy(i, l, p.DurationS)}
		all = append(all, report.Domain{ID: d.ID, InTotal: d.InTotal, Energy: one.Energy})
		if lines, ok := a.split(i, one.Energy, p.DurationS, usage); ok {
			one.TargetJ = lines.Target.Ptr()
		}
		p.Domains = append(p.Domains, one)
	}
	p.Energy = a.total(all, p.DurationS)
	a.target(&p, usage)
	a.doubtOf(&p, l)
	return p
}

// doubtOf notes what a line leaves open that is not known: the rest's
// uncertainty.
func (a *phaseAccount) doubtOf(p *report.Phase, l line) {
	for i, d := range a.run.Domains {
		if !a.curves[i].known {
			continue
		}
		sum := 0.0
		for _, x := range l.stretches {
			_, u := a.curves[i].between(x[0], x[1])
			if !math.IsNaN(u) {
				sum += u
			}
		}
		if p.Domains[i].EnergyJ == nil {
			a.doubts[i] += sum
		}
		if p.EnergyJ == nil && d.InTotal {
			a.doubt += sum
		}
	}
}

// total adds the domains, as the result's total does.
func (a *phaseAccount) total(all []report.Domain, duration float64) report.Energy {
	e := report.Total(all, duration)
	if a.run.Source.Quality != energy.Estimated || e.EnergyJ == nil {
		return e
	}
	e.UncertaintyJ = nil
	return a.ranged(e, a.run.Total)
}

// ranged gives an estimate the range that the window's has.
func (a *phaseAccount) ranged(e, window report.Energy) report.Energy {
	if window.EnergyJ == nil || *window.EnergyJ <= 0 {
		return e
	}
	part := *e.EnergyJ / *window.EnergyJ
	scaled := scale(window, part)
	e.LowJ, e.HighJ = scaled.LowJ, scaled.HighJ
	return e
}

// stretch is one of a line's.
func (a *phaseAccount) stretch(x [2]int) report.Stretch {
	out := report.Stretch{StartS: a.at[x[0]], EndS: a.at[x[1]]}
	var sum, uncertainty float64
	for i, d := range a.run.Domains {
		if !d.InTotal {
			continue
		}
		c := &a.curves[i]
		if !c.known || out.EndS-out.StartS < c.least {
			return out
		}
		j, u := c.between(x[0], x[1])
		if math.IsNaN(j) {
			return out
		}
		sum, uncertainty = sum+j, uncertainty+u
	}
	if a.run.Total.EnergyJ == nil {
		return out
	}
	out.EnergyJ = &sum
	if a.run.Source.Quality != energy.Estimated {
		out.UncertaintyJ = &uncertainty
	}
	return out
}

// energy adds up what a domain spent in the stretches of a line. The
// uncertainties add up as well: a command that marks in step with the counter
// has the same error every time.
func (a *phaseAccount) energy(i int, l line, duration float64) report.Energy {
	c := &a.curves[i]
	if !c.known {
		return report.Energy{Reason: c.reason}
	}
	var sum, uncertainty, longest float64
	for _, x := range l.stretches {
		j, u := c.between(x[0], x[1])
		if math.IsNaN(j) {
			return report.Energy{Reason: "the counter could not be read at a mark"}
		}
		sum, uncertainty = sum+j, uncertainty+u
		longest = max(longest, a.at[x[1]]-a.at[x[0]])
	}
	if longest < c.least {
		return report.Energy{Reason: a.tooShort(longest, c.least)}
	}
	e := report.Energy{EnergyJ: &sum, UncertaintyJ: &uncertainty}
	if duration > 0 {
		w := sum / duration
		e.PowerW = &w
	}
	if a.run.Source.Quality == energy.Estimated {
		e.UncertaintyJ = nil
		e = a.ranged(e, a.run.Domains[i].Energy)
	}
	return e
}

func (a *phaseAccount) tooShort(longest, least float64) string {
	what := "refreshed"
	if a.run.Source.Quality == energy.Estimated {
		what = "counted"
	}
	if longest == 0 {
		return fmt.Sprintf("the next mark came at once: what is shorter than %.2g ms, in which the counter is %s, can't be told", 1000*least, what)
	}
	return fmt.Sprintf("it lasted for %.2g ms at most: what is shorter than %.2g ms, in which the counter is %s, can't be told", 1000*longest, 1000*least, what)
}

// rest is what the lines that are not known spent, nil where all are, or none
// can be.
func (a *phaseAccount) rest(p *report.Phases) *report.Phase {
	all := p.List
	if p.Outside != nil {
		all = append(all[:len(all):len(all)], *p.Outside)
	}
	out := report.Phase{Quality: a.run.Source.Quality, Domains: []report.PhaseDomain{}}
	reason := ""
	for _, one := range all {
		if one.EnergyJ != nil {
			continue
		}
		if reason == "" {
			out.StartS, reason = one.StartS, "of phases that are not known: "+one.Reason
		}
		out.StartS, out.EndS = min(out.StartS, one.StartS), max(out.EndS, one.EndS)
		out.DurationS += one.DurationS
	}
	if reason == "" || a.run.Total.EnergyJ == nil {
		return nil // each line says why
	}
	out.Energy = a.left(a.run.Total, all, a.doubt, func(p report.Phase) report.Energy { return p.Energy })
	out.Reason = reason
	for i, d := range a.run.Domains {
		of := func(p report.Phase) report.Energy { return p.Domains[i].Energy }
		if d.EnergyJ != nil && slices.ContainsFunc(all, func(p report.Phase) bool { return of(p).EnergyJ == nil }) {
			out.Domains = append(out.Domains, report.PhaseDomain{ID: d.ID, Energy: a.left(d.Energy, all, a.doubts[i], of)})
		}
	}
	return &out
}

// left is what the lines leave of an energy.
func (a *phaseAccount) left(of report.Energy, all []report.Phase, doubt float64, energyOf func(report.Phase) report.Energy) report.Energy {
	j := *of.EnergyJ
	for _, one := range all {
		j -= deref(energyOf(one).EnergyJ)
	}
	j = max(j, 0)
	e := report.Energy{EnergyJ: &j, UncertaintyJ: &doubt}
	if a.run.Source.Quality == energy.Estimated {
		e.UncertaintyJ = nil
		return a.ranged(e, of)
	}
	return e
}

func deref(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p
}

// usage returns what ran in the stretches of a line, nil where that is not
// known.
func (a *phaseAccount) usage(l line) []energy.PackageUsage {
	if a.attr == nil || a.attr.tracker == nil || a.attr.to.Packages == nil {
		return nil
	}
	edge := func(k int) []energy.PackageUsage {
		switch k {
		case 0:
			return a.attr.from.Packages
		case len(a.at) - 1:
			return a.attr.to.Packages
		}
		return a.log.cuts[k-1].usage
	}
	var sum []energy.PackageUsage
	for _, x := range l.stretches {
		from, to := edge(x[0]), edge(x[1])
		if from == nil || to == nil {
			return nil
		}
		sum = attribute.Join(sum, attribute.Delta(energy.Usage{Packages: from}, energy.Usage{Packages: to}).Packages)
	}
	return sum
}

// split divides a domain's energy as the attribution does the window's.
func (a *phaseAccount) split(i int, e report.Energy, duration float64, usage []energy.PackageUsage) (attribute.Lines, bool) {
	if usage == nil || e.EnergyJ == nil || !a.run.Domains[i].InTotal {
		return attribute.Lines{}, false
	}
	z := a.tracks[0].Source.Zones()[i]
	packages := attribute.PackagesOf(z, usage)
	if len(packages) == 0 {
		return attribute.Lines{}, false
	}
	return attribute.Split(attribute.Zone{
		Domain: z.Domain, Joules: *e.EnergyJ, Uncertainty: deref(e.UncertaintyJ), Seconds: duration,
		Packages: packages, Idle: a.attr.idle(z, packages, a.attr.to.Packages),
	}, usage, a.attr.rule), true
}

// target adds up the command's part.
func (a *phaseAccount) target(p *report.Phase, usage []energy.PackageUsage) {
	var sum, uncertainty float64
	n := 0
	for i, d := range p.Domains {
		if !a.run.Domains[i].InTotal {
			continue
		}
		lines, ok := a.split(i, d.Energy, p.DurationS, usage)
		if !ok || !lines.Target.Known {
			return
		}
		sum, uncertainty = sum+lines.Target.J, uncertainty+lines.TargetUncertainty
		n++
	}
	if n > 0 && p.EnergyJ != nil {
		p.TargetJ, p.TargetUncertaintyJ = &sum, &uncertainty
	}
}

// warnShort says that phases were too short.
func (s *session) warnShort(p *report.Phases) {
	n, first := 0, ""
	for _, one := range p.List {
		if one.EnergyJ == nil && p.Rest != nil {
			if n++; n == 1 {
				first = one.Name
			}
		}
	}
	if n == 0 {
		return
	}
	what := fmt.Sprintf("the energy of phase %q is", first)
	if n > 1 {
		what = fmt.Sprintf("the energies of %d phases, the first is %q, are", n, first)
	}
	s.warn("phase-unknown", what+" not known, and part of the rest: the counter is refreshed more rarely than they change", "mark phases of several milliseconds, or repeat what is short within one phase")
}
