package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/msr"
)

// attempt is what came of opening a source. The source itself is closed again.
type attempt struct {
	name     string
	works    bool
	zones    []energy.Zone
	seen     []sight       // of each zone
	poll     time.Duration // the longest time between two readings
	missing  []*energy.Refusal
	warnings []energy.Warning
	refused  []*energy.Refusal // why it does not work
	tdpW     float64           // of a socket, 0 unknown

	// What the processor says of energy filtering; filterSeen is empty where
	// it was not asked.
	filters, filterKnown bool
	filterSeen           string
}

// attempts lists the sources, best first.
func (e examination) attempts() []attempt { return []attempt{e.perf, e.powercap, e.msr} }

// source opens a source, watches its counters for a moment and closes it.
func (e examination) source(name string) finding {
	a := attempt{name: name}
	o, err := e.kernel.open(name, e.topo)
	if err != nil {
		a.refused = flatten(name, err)
		c, useful := e.refusedSource(a)
		checks := append([]report.Check{c}, refusedZones(name, a.refused)...)
		return finding{checks: checks, learnt: func(e *examination) {
			e.keep(a)
			e.useful(useful...)
			e.wantsEvents = e.wantsEvents || slices.Contains(useful, priv.Perfmon)
		}}
	}
	defer o.Close()
	a.works, a.zones, a.missing, a.warnings = true, slices.Clone(o.Zones()), o.MissingZones, o.Warnings
	track := energy.NewTrack(o.Source)
	a.seen = watch(track)
	a.poll = track.PollInterval(pollLimit)
	for _, socket := range e.topo.Sockets() {
		if w, ok := o.TDPW(socket); ok && a.tdpW == 0 {
			a.tdpW = w
		}
	}
	if m, ok := o.Source.(*msr.Source); ok {
		a.filters, a.filterKnown, a.filterSeen = m.FilteringEnabled()
	}
	return finding{checks: a.report(), learnt: func(e *examination) { e.keep(a) }}
}

func (e *examination) keep(a attempt) {
	switch a.name {
	case source.Perf:
		e.perf = a
	case source.Powercap:
		e.powercap = a
	case source.MSR:
		e.msr = a
	}
}

// flatten returns the refusals of an error down to those of single zones.
func flatten(name string, err error) []*energy.Refusal {
	all := energy.Refusals(name, err)
	for i := 0; i < len(all); i++ {
		if joined, ok := all[i].Err.(interface{ Unwrap() []error }); ok {
			for _, inner := range joined.Unwrap() {
				all = append(all, energy.Refusals(name, inner)...)
			}
		}
	}
	return all
}

// refusedSource makes the check of a source that does not work, with the
// rights that would change that.
func (e examination) refusedSource(a attempt) (report.Check, []priv.Cap) {
	r := a.refused[0]
	c := check(groupSources, a.name, stateOf(r), "%s", sentence(a.name, a.refused))
	err := errors.Join(causes(a.refused)...)
	denied := errors.Is(r, energy.ErrForbidden) && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM))
	switch {
	case denied && a.name == source.Perf && e.powercapDead():
		c.Detail += "; powercap shows the same counters, and they stand still: the right alone would not change that"
		return c, nil
	case denied && a.name == source.Perf && e.allowEvents() != "":
		return treat(c, e.perfRemedies()...), []priv.Cap{priv.Perfmon}
	case denied && a.name == source.Powercap && len(e.state.Missing(priv.DACReadSearch)) > 0:
		return treat(c, e.powercapRemedies()...), []priv.Cap{priv.DACReadSearch}
	case denied && a.name == source.MSR && len(e.state.Missing(priv.SysRawIO)) > 0:
		remedies, caps := e.msrRemedies(errors.Is(err, unix.EACCES))
		return treat(c, remedies...), caps
	}
	line, why := e.loading(a.name, r)
	if why != "" && !strings.Contains(c.Detail, why) {
		c.Detail += "; " + why
	}
	return treat(c, line), nil
}

// powercapDead reports whether powercap could be read and shows counters that
// nobody feeds, as in a virtual machine whose hypervisor answers 0.
func (e examination) powercapDead() bool {
	return e.topo.Virt.IsVM() && len(e.powercap.refused) > 0 && errors.Is(e.powercap.refused[0], energy.ErrBroken)
}

// loading judges the remedy of loading a driver: a source refuses by what it
// sees of its own files, and does not know whether the module exists.
func (e examination) loading(name string, r *energy.Refusal) (line, why string) {
	if !strings.Contains(r.Remedy, "sudo modprobe ") {
		return r.Remedy, ""
	}
	switch name {
	case source.Perf:
		if id := e.topo.Identity; id.IsAMD() && len(id.Flags) > 0 && !id.HasFlag("rapl") {
			return "", "perf's driver takes AMD processors by the rapl flag of /proc/cpuinfo only, which this one does not have"
		}
		return e.modprobe("rapl", "CONFIG_PERF_EVENTS_INTEL_RAPL")
	case source.Powercap:
		return e.modprobe("intel_rapl_msr", "CONFIG_INTEL_RAPL")
	}
	if e.topo.Virt.IsVM() && !e.perf.works && !e.powercap.works {
		return "", "and neither perf nor powercap shows any here: loading the driver would change nothing"
	}
	if line, why = e.modprobe("msr", "CONFIG_X86_MSR"); line != "" && e.container.Inside() {
		line = r.Remedy // the container has to be given the device as well
	}
	return line, why
}

func causes(refused []*energy.Refusal) []error {
	var errs []error
	for _, r := range refused {
		errs = append(errs, r.Err)
	}
	return errs
}

// sentence says why a source does not work. Of many zones that all say the
// same it quotes one.
func sentence(name string, refused []*energy.Refusal) string {
	s := refused[0].Reason
	if n := refused[0].Name; n != name {
		s = n + ": " + s
	}
	if more := len(refused) - 1; more > 0 && !strings.Contains(s, "more zones") && refused[0].Name != name {
		s += fmt.Sprintf(" (and %d more)", more)
	}
	return s
}

// refusedZones lists the zones of a source that does not work. Their remedy is
// the source's.
func refusedZones(name string, refused []*energy.Refusal) []report.Check {
	var checks []report.Check
	for _, r := range refused {
		if r.Name != name {
			checks = append(checks, check(groupZones, name+" "+r.Name, stateOf(r), "%s", r.Reason))
		}
	}
	return checks
}

// report makes the checks of a source that works.
func (a attempt) report() []report.Check {
	detail := fmt.Sprintf("%s: %s", report.Plural(len(a.zones), "counter"), summary(a.zones))
	if w := a.power(); w > 0 {
		detail += fmt.Sprintf("; %.3g W in total now", w)
	}
	checks := []report.Check{check(groupSources, a.name, report.Working, "%s", detail)}
	for i, z := range a.zones {
		checks = append(checks, zoneCheck(a.name, z, a.seen[i]))
	}
	for _, r := range a.missing {
		name := r.Name
		if name == a.name {
			name = "zone"
		}
		checks = append(checks, treat(check(groupZones, a.name+" "+name, stateOf(r), "%s", r.Reason), r.Remedy))
	}
	checks = append(checks, warned(a.warnings)...)
	return checks
}

// warned makes one check of all warnings of a kind.
func warned(warnings []energy.Warning) []report.Check {
	messages, advice := map[string][]string{}, map[string]string{}
	var codes []string
	for _, w := range warnings {
		if w.Code == "msr-virtual" {
			continue // said of all sources, see virtualization
		}
		if messages[w.Code] == nil {
			codes = append(codes, w.Code)
		}
		messages[w.Code], advice[w.Code] = append(messages[w.Code], w.Message), w.Advice
	}
	var checks []report.Check
	for _, code := range codes {
		checks = append(checks, note(code, "%s; %s", strings.Join(messages[code], "; "), advice[code]))
	}
	return checks
}

// power adds the power of the zones of a total, 0 when one is not known.
func (a attempt) power() float64 {
	var sum float64
	for i, z := range a.zones {
		if z.InTotal() && z.Domain == energy.Package {
			if a.seen[i].edges < 2 {
				return 0
			}
		}
		if z.InTotal() {
			sum += a.seen[i].watts(z)
		}
	}
	return sum
}

// summary names the domains and how many of each: "2 package, 2 dram".
func summary(zones []energy.Zone) string {
	var n [energy.NumDomains]int
	for _, z := range zones {
		n[z.Domain]++
	}
	var parts []string
	for d := range energy.NumDomains {
		if n[d] > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n[d], energy.Domain(d)))
		}
	}
	return strings.Join(parts, ", ")
}

// model finds the power model that a run would fall back on.
func (e examination) model() finding {
	var given model.Given
	for _, a := range e.attempts() {
		given.HardwareW = cmp.Or(given.HardwareW, a.tdpW)
	}
	m, err := session.Identify(e.Root, e.topo, given)
	learnt := func(e *examination) { e.match, e.matchErr = m, err }
	if err != nil {
		return finding{learnt: learnt, checks: []report.Check{check(groupSources, source.Model, report.Absent,
			"%v; energyprobe run --tdp WATTS gives the models something to go by", err)}}
	}
	watts := fmt.Sprintf("%.4g W a socket", m.TDP.Nominal)
	if m.TDP.Low < m.TDP.High {
		watts += fmt.Sprintf(" (%.4g to %.4g W)", m.TDP.Low, m.TDP.High)
	}
	return finding{learnt: learnt, checks: []report.Check{check(groupSources, source.Model, report.Working, "estimates only: %s, %s", watts, m.Source())}}
}
