// Package doctor examines a host: what can be measured on it, what can't and
// why, and what exactly would change that. It tries things rather than
// inferring them, changes nothing, and no check can fail the others.
package doctor

import (
	"cmp"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// Options says what to examine.
type Options struct {
	Root   string // prefixes /sys, /proc and /dev; "" is the live host
	Exe    string // the file that remedies give rights to, "" for the running executable
	Source string // the source that has to work, "" or auto for the best there is
	Tool   report.Tool
}

// The groups of checks, in the order of the report.
const (
	groupSources      = "sources"
	groupZones        = "zones"
	groupCapabilities = "capabilities"
	groupAttribution  = "attribution"
	groupHost         = "host"
)

// Examine runs every check. It takes some tenths of a second and leaves
// nothing open behind.
func Examine(o Options) *report.Doctor {
	return examine(o, liveKernel{root: o.Root})
}

func examine(o Options, k kernel) *report.Doctor {
	e := newExamination(o, k)
	checks := []report.Check{}
	for _, s := range steps() {
		f := isolate(s.group, s.name, limit, func(e examination) finding { return s.run(e) }, e)
		if f.learnt != nil {
			f.learnt(&e)
		}
		checks = append(checks, f.checks...)
	}
	d := &report.Doctor{
		Schema: report.DoctorSchema, Tool: o.Tool, Host: session.HostReport(o.Root, e.topo),
		Checks: ordered(checks), Grant: e.grant(),
	}
	d.Host.TDP = session.TDPReport(e.match, e.matchErr)
	d.Best, d.CanMeasure = e.best()
	return d
}

// examination is what the checks have learnt so far. They run one after the
// other, each on a copy of its own: a check that never comes back can't
// disturb those behind it.
type examination struct {
	Options
	kernel kernel

	topo      *topology.Topology
	state     *priv.State
	container container.Info
	exe       executable

	perf, powercap, msr attempt

	match    model.Match
	matchErr error
	cycles   report.CheckState // of the hardware counter
	// eventsDenied says that not even events of one's own process are allowed.
	eventsDenied bool
	programs     bool // the BPF programs that attribution takes can be loaded
	// programsDenied says that only a missing right keeps them from it.
	programsDenied bool
	// helpful are the rights whose lack a check has run into, and which would
	// change its outcome.
	helpful     priv.Set
	wantsEvents bool // perf events are among what was refused
}

// newExamination returns one that knows nothing yet.
func newExamination(o Options, k kernel) examination {
	e := examination{Options: o, kernel: k, topo: &topology.Topology{}, state: &priv.State{}}
	e.topo.Identity.Family, e.topo.Identity.Model, e.topo.Identity.Stepping = -1, -1, -1
	return e
}

// finding is the outcome of a check: lines of the report, and what later
// checks can go by.
type finding struct {
	checks []report.Check
	learnt func(*examination)
}

// step is one isolated check.
type step struct {
	group, name string
	run         func(examination) finding
}

// steps lists the checks in the order in which they run. The report's order is
// that of the groups.
func steps() []step {
	return []step{
		{groupHost, "topology", examination.readTopology},
		{groupCapabilities, "privileges", examination.readPrivileges},
		{groupHost, "container", examination.readContainer},
		{groupCapabilities, "file capabilities", examination.executable},
		// What perf is not allowed to show, powercap may: it goes first.
		{groupSources, source.Powercap, func(e examination) finding { return e.source(source.Powercap) }},
		{groupSources, source.Perf, func(e examination) finding { return e.source(source.Perf) }},
		{groupSources, source.MSR, func(e examination) finding { return e.source(source.MSR) }},
		{groupSources, source.Model, examination.model},
		{groupCapabilities, "hardware counters", examination.counters},
		{groupCapabilities, "CAP_PERFMON", examination.perfRights},
		{groupCapabilities, "powercap files", examination.powercapFiles},
		{groupCapabilities, "msr device", examination.msrDevice},
		{groupCapabilities, "bpf", examination.bpf},
		{groupCapabilities, "gate", examination.gate},
		{groupCapabilities, "subreaper", examination.subreaper},
		{groupCapabilities, "cgroup", examination.cgroup},
		{groupAttribution, "attribution", examination.attribution},
		{groupHost, "virtualization", examination.virtualization},
		{groupHost, "energy filtering", examination.filtering},
		{groupHost, "processor", examination.processor},
		{groupHost, "frequency", examination.frequency},
		{groupHost, "nmi watchdog", examination.watchdog},
		{groupHost, "clock", examination.clock},
		{groupHost, "steal", examination.steal},
		{groupHost, "polling", examination.polling},
	}
}

// ordered sorts checks by group, and sources and their zones by preference.
// Otherwise they stay as they are.
func ordered(checks []report.Check) []report.Check {
	groups := []string{groupSources, groupZones, groupCapabilities, groupAttribution, groupHost}
	preference := append(source.Measuring(), source.Model)
	key := func(c report.Check) (int, int) {
		first, _, _ := strings.Cut(c.Name, " ")
		if c.Group != groupSources && c.Group != groupZones {
			first = ""
		}
		return slices.Index(groups, c.Group), slices.Index(preference, first)
	}
	slices.SortStableFunc(checks, func(a, b report.Check) int {
		ag, ap := key(a)
		bg, bp := key(b)
		return cmp.Or(cmp.Compare(ag, bg), cmp.Compare(ap, bp))
	})
	return checks
}

// best returns the source a run would use, and whether it measures.
func (e examination) best() (name string, measures bool) {
	for _, a := range []attempt{e.perf, e.powercap, e.msr} {
		asked := e.Source == "" || e.Source == source.Auto || e.Source == a.name
		if asked && a.works {
			return a.name, true
		}
	}
	return source.Model, false
}

func (e examination) readTopology() finding {
	t, err := topology.Read(e.Root)
	if err != nil {
		return finding{checks: refused(groupHost, "topology", err)}
	}
	return finding{learnt: func(e *examination) { e.topo = t }}
}

func (e examination) readPrivileges() finding {
	s, err := priv.Read(e.Root)
	if err != nil {
		// Rights are this process's own, wherever the host's files are.
		if s, err = priv.Read("/"); err != nil {
			return finding{checks: refused(groupCapabilities, "privileges", err)}
		}
	}
	return finding{learnt: func(e *examination) { e.state = s }}
}
