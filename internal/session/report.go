package session

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/msr"
)

// report puts together what the window brought.
func (s *session) report() *report.Run {
	t := s.tracks[0]
	if s.measured() {
		s.identify() // after the window: reading the processor table takes a millisecond
	}
	r := &report.Run{
		Schema: report.RunSchema, RunID: report.NewID(), StartedAt: s.startedAt, DurationS: s.duration(),
		Window: report.Window{StartNS: int64(s.start), EndNS: int64(s.end)},
		Tool:   s.Tool, Host: HostReport(s.Root, s.topo), Metrics: map[string]report.Metric{},
		Models: map[string]report.Model{},
	}
	r.Host.TDP = TDPReport(s.match, s.modelErr)
	r.Source = s.sourceReport()
	s.target.describe(r)
	s.putMetrics(r)
	results := s.runModels(r)
	if len(results) > 0 {
		r.Host.Profile = s.profileReport(results[0].Tier)
	}
	if s.measured() {
		s.checkFiltering()
		r.Domains = s.domains(t)
		r.Total = report.Total(r.Domains, r.DurationS)
		s.warnDomains(r.Domains, t)
		r.Attribution = s.attributionReport(r)
		if s.Usage != nil && s.attr != nil && s.attr.tracker != nil {
			s.Usage(s.attr.delta())
		}
		s.compareModels(r, results)
		if s.CrossCheck {
			r.CrossCheck = s.crossCheck()
			s.warnNoCrossCheck()
		}
	} else {
		r.Total = s.estimate(results)
		r.Domains = s.estimates(t, r.Total)
		s.putModels(r, results, nil)
		r.Attribution = unsplit("nothing was measured that could be split")
		s.warn("estimated", "nothing could be measured here: the joules are a model's estimate with a wide range", "energyprobe doctor says what is missing and how to get it")
	}
	r.Phases = s.phasesReport(r)
	s.derive(r)
	s.putOverhead(r)
	s.completeSeries(r)
	s.warnTarget()
	r.Warnings = append(r.Warnings, s.warnings...)
	return r
}

func (s *session) sourceReport() report.Source {
	out := report.Source{Name: s.tracks[0].Source.Name(), Quality: energy.Measured, Refused: []report.Refusal{}}
	if !s.measured() {
		out.Quality = energy.Estimated
	}
	if f := s.tracks[0].Refresh(); s.measured() && f.N > 0 {
		mean := f.Mean.Seconds()
		out.UpdateIntervalS = &mean
	}
	for _, r := range s.refused {
		out.Refused = append(out.Refused, report.Refusal{Name: r.Name, Kind: r.KindName(), Reason: r.Reason, Remedy: r.Remedy})
	}
	return out
}

// putMetrics takes over every metric of the catalogue.
func (s *session) putMetrics(r *report.Run) {
	for _, m := range s.metrics {
		r.Metrics[m.Name] = reportMetric(m)
	}
	for _, d := range energy.Catalogue() {
		if _, ok := r.Metrics[d.Name]; !ok {
			r.Metrics[d.Name] = reportMetric(energy.UnknownMetric(d.Name, "", "not part of this measurement"))
		}
	}
}

func reportMetric(m energy.Metric) report.Metric {
	return report.Metric{Value: m.Value, Unit: m.Unit, Source: m.Source, Scope: m.Scope, Quality: m.Quality, Reason: m.Reason}
}

// derive puts energy against work.
func (s *session) derive(r *report.Run) {
	d := r.DurationS
	set := func(name string, v float64, known bool, reason string) {
		if !known {
			r.Metrics[name] = reportMetric(energy.UnknownMetric(name, r.Source.Name, reason))
			return
		}
		m := energy.KnownMetric(name, v, r.Source.Name)
		m.Quality, m.Scope = r.Source.Quality, energy.ScopeMachine
		r.Metrics[name] = reportMetric(m)
	}
	joules, why := r.Total.EnergyJ, r.Total.Reason
	if split := r.Attribution.TargetJ; split != nil && !s.Machine {
		joules = split // the target's own, where it is known
	}
	per := func(name, divisor string) {
		v := r.Metrics[divisor].Value
		switch {
		case joules == nil:
			set(name, 0, false, "the energy is not known: "+why)
		case v == nil:
			set(name, 0, false, divisor+" is not known: "+r.Metrics[divisor].Reason)
		case *v == 0:
			set(name, 0, false, divisor+" is 0")
		default:
			set(name, *joules / *v, true, "")
			if joules != r.Total.EnergyJ {
				m := r.Metrics[name]
				m.Scope, m.Quality = r.Metrics[divisor].Scope, energy.Attributed
				r.Metrics[name] = m
			}
		}
	}
	per("energy.per_instruction", "cpu.instructions")
	per("energy.per_cycle", "cpu.cycles")
	per("energy.per_cpu_second", "cpu.time")
	if e := r.Total.EnergyJ; e != nil {
		set("energy.delay_product", *e*d, true, "")
		set("energy.delay2_product", *e*d*d, true, "")
	} else {
		set("energy.delay_product", 0, false, "the energy is not known: "+r.Total.Reason)
		set("energy.delay2_product", 0, false, "the energy is not known: "+r.Total.Reason)
	}
}

// busy returns the CPU seconds used on the machine and by the target; what is
// not known is 0.
func busy(r *report.Run) (machine, target float64) {
	for _, name := range []string{"user", "system", "irq", "softirq"} {
		if v := r.Metrics["machine.cpu."+name].Value; v != nil {
			machine += *v
		}
	}
	for _, name := range []string{"cpu.time", "cpu.task_clock", "cgroup.cpu.time"} {
		if v := r.Metrics[name].Value; v != nil && r.Metrics[name].Scope != energy.ScopeMachine {
			target = *v
			break
		}
	}
	return machine, target
}

func (s *session) runModels(r *report.Run) []model.Result {
	if s.modelErr != nil {
		return nil
	}
	machine, target := busy(r)
	results, err := model.Estimate(model.Window{
		Host: s.modelHost(), DurationS: r.DurationS, MachineCPUS: machine, CommandCPUS: target,
		Profile: s.profile.model(), Use: s.socketUse(r.DurationS),
	})
	if err != nil {
		s.warn("models-failed", "the power models could not be applied: "+err.Error(), "give the processor's power with --tdp WATTS")
	}
	return results
}

// estimate is the principal model's energy.
func (s *session) estimate(results []model.Result) report.Energy {
	if len(results) == 0 {
		return report.Energy{Reason: "no model applies to this machine"}
	}
	e := results[0]
	out := report.Energy{EnergyJ: &e.EnergyJ, LowJ: &e.LowJ, HighJ: &e.HighJ}
	if d := s.duration(); d > 0 {
		w := e.EnergyJ / d
		out.PowerW = &w
	}
	return out
}

// compareModels sets the models against the packages: that is what they
// model.
func (s *session) compareModels(r *report.Run, results []model.Result) {
	var packages float64
	for _, d := range r.Domains {
		if d.Kind != energy.Package.String() || d.Parent != "" {
			continue
		}
		if d.EnergyJ == nil {
			s.putModels(r, results, nil)
			return
		}
		packages += *d.EnergyJ
	}
	if packages > 0 {
		s.putModels(r, results, &packages)
	} else {
		s.putModels(r, results, nil)
	}
}

func (s *session) putModels(r *report.Run, results []model.Result, packages *float64) {
	for _, m := range results {
		out := report.Model{EnergyJ: &m.EnergyJ, LowJ: &m.LowJ, HighJ: &m.HighJ, Description: m.Description}
		if packages != nil && m.Name != wallModel {
			pct := 100 * (m.EnergyJ - *packages) / *packages
			out.ErrorPctVsMeasured = &pct
		}
		r.Models[m.Name] = out
	}
}

// completeSeries makes the time series add up to the domains.
func (s *session) completeSeries(r *report.Run) {
	joules := make([]float64, len(r.Domains))
	for i, d := range r.Domains {
		joules[i] = math.NaN()
		if d.EnergyJ != nil {
			joules[i] = *d.EnergyJ
		}
	}
	s.sampler.complete(r.DurationS, joules)
	r.Samples = s.sampler.series
}

// putOverhead says what measuring cost. Its joules inside the window are those
// that the split gives it; without a split, those of so much of the machine's
// CPUs: what an idle machine draws is not its doing.
func (s *session) putOverhead(r *report.Run) {
	o := report.Overhead{CPUS: (ownCPU() - s.CPUBefore).Seconds(), WindowCPUS: s.toolCPUInside.Seconds(), Samples: s.sampler.samples, Missed: s.sampler.missed}
	o.EnergyJ = r.Attribution.ToolJ
	if capacity := r.DurationS * float64(len(s.topo.Online)); o.EnergyJ == nil && r.Total.EnergyJ != nil && capacity > 0 {
		j := *r.Total.EnergyJ * min(1, o.WindowCPUS/capacity)
		o.EnergyJ = &j
	}
	if s.sampler.series != nil {
		late, ok := s.sampler.lateness.quantile(0.99)
		v := late.Seconds()
		if ok {
			o.LatenessP99S = &v
		}
		if o.Missed > 0 {
			s.warn("samples-missed", fmt.Sprintf("%d samples came a whole interval late or more and are missing from the series; the energy is complete", o.Missed), fmt.Sprintf("use a longer --interval than %v, or leave a processor idle", s.Interval))
		}
	}
	r.Overhead = o
	if s.sampler.failed != nil {
		s.warn("read-failed", "the counters could not be read for a part of the window: "+s.sampler.failed.Error(), "see energyprobe doctor")
	}
}

// checkFiltering widens the uncertainty where the processor adds noise to its
// counters.
func (s *session) checkFiltering() {
	on, known, detail := filtering(s)
	switch {
	case known && on:
		s.filtered = true
		s.warn("energy-filtering", "the processor filters its energy counters ("+detail+"): readings can be off by as much as a half", "disable SGX in the firmware's settings to have exact counters")
	case !known && on:
		s.warn("energy-filtering", "the processor may filter its energy counters ("+detail+")", "sudo energyprobe doctor tells for certain")
	}
}

func filtering(s *session) (on, known bool, detail string) {
	for _, o := range s.opened {
		if m, ok := o.Source.(*msr.Source); ok {
			return m.FilteringEnabled()
		}
	}
	return msr.FilteringHint(s.topo.Identity)
}

func (s *session) warnNoCrossCheck() {
	if len(s.tracks) == 1 {
		s.warn("no-cross-check", "there is no second interface to compare with", "energyprobe doctor says why")
	}
}

func (s *session) warnTarget() {
	if part, is := s.target.multiplexed(); is {
		s.warn("multiplexed", fmt.Sprintf("hardware counters were shared: some counted for %.0f %% of the time and are extended to all of it", 100*part), "close other users of the counters (perf, the NMI watchdog: sysctl kernel.nmi_watchdog=0)")
	}
	if virt := s.topo.Virt; s.measured() && virt.IsVM() && !s.warned("msr-virtual") {
		s.warn("virtual-machine", "this is a virtual machine ("+virt.Kind+"): its counters may be made up by the hypervisor", "measure on the host to be sure")
	}
}

// wallModel models power at the wall plug: no error of it against a package
// means anything.
const wallModel = "ccf"
