package session

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/bpfprog"
	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/procusage"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/perfevent"
)

// places lists the packages whose counters are split: sockets, or dies where
// those have counters of their own (as Intel's do).
func places(t *topology.Topology) []energy.Place {
	var out []energy.Place
	at := map[[2]int]int{}
	for _, c := range t.CPUs {
		if !c.Online || c.Socket < 0 {
			continue
		}
		key := [2]int{c.Socket, t.CounterDie(c)}
		k, ok := at[key]
		if !ok {
			k = len(out)
			at[key] = k
			out = append(out, energy.Place{Socket: key[0], Die: key[1]})
		}
		out[k].CPUs = append(out[k].CPUs, c.ID)
	}
	return out
}

// siblings returns by CPU the other thread of its core, -1 for none; nil where
// no core has two threads.
func siblings(t *topology.Topology, n int) []int {
	out := make([]int, n)
	first := map[[3]int]int{}
	some := false
	for i := range out {
		out[i] = -1
	}
	for _, c := range t.CPUs {
		if !c.Online {
			continue
		}
		key := [3]int{c.Socket, c.Die, c.Core}
		if other, ok := first[key]; ok {
			out[c.ID], out[other], some = other, c.ID, true
			continue
		}
		first[key] = c.ID
	}
	if !some {
		return nil
	}
	return out
}

// wants reports whether a method may be used.
func (s *session) wants(m energy.Method) bool {
	return s.Attribution == "" || s.Attribution == "auto" || s.Attribution == string(m)
}

// openCycles opens the counters that weigh the kernel's accounts. It comes
// before the target's own counters, which leave cycles to them.
func (s *session) openCycles() {
	if s.attr == nil || !s.wants(energy.ByCycles) {
		return
	}
	c, err := perfevent.OpenCycles(s.Root, s.topo.Online, possible(s.topo))
	if err != nil {
		s.attr.refuse(energy.ByCycles, err)
		s.alsoNeedsBPF()
		return
	}
	s.attr.cycles = c
}

// alsoNeedsBPF adds to a method that was refused for want of rights what it
// would be refused for next: the advice has to be enough.
func (s *session) alsoNeedsBPF() {
	r := s.attr.refused[len(s.attr.refused)-1]
	rights, err := priv.Read("")
	if err != nil || !errors.Is(r, energy.ErrForbidden) || len(rights.Missing(priv.BPF)) == 0 {
		return
	}
	r.Reason += "; to load programs " + rights.Missing(priv.BPF)[0].String()
	r.Remedy = rights.Remedy("", priv.BPF, priv.Perfmon)
}

// possible returns how many CPUs the machine's numbers go up to.
func possible(t *topology.Topology) int {
	n := 0
	for _, c := range t.CPUs {
		n = max(n, c.ID+1)
	}
	return n
}

func (a *attribution) refuse(m energy.Method, err error) {
	for _, r := range energy.Refusals(string(m), err) {
		again := *r
		again.Name = string(m)
		a.refused = append(a.refused, &again)
	}
}

// prepareAttribution decides whether joules will be split at all.
func (s *session) prepareAttribution() {
	if s.Attribution == string(energy.NoMethod) || s.Source == source.Model || !s.mayMeasure() {
		return
	}
	if s.Root != "" && s.Root != "/" {
		return // another host's files: nobody runs in them
	}
	policy, err := attribute.ParsePolicy(cmp.Or(s.IdlePolicy, attribute.IdleApart.String()))
	if err != nil {
		s.warn("idle-policy", err.Error(), "the idle line stays apart")
	}
	s.attr = &attribution{places: places(s.topo), rule: attribute.Rule{Policy: policy}, given: s.IdleW}
}

// mayMeasure reports whether any interface to a counter is there.
func (s *session) mayMeasure() bool {
	for _, path := range []string{"/sys/bus/event_source/devices/power", "/sys/class/powercap/intel-rapl", "/dev/cpu/0/msr"} {
		if _, err := os.Stat(filepath.Join("/", s.Root, path)); err == nil {
			return true
		}
	}
	return false
}

// openKernel loads the kernel's tracker.
func (s *session) openKernel() {
	a := s.attr
	if a == nil || !s.wants(energy.ByCycles) && !s.wants(energy.ByTime) {
		return
	}
	n := possible(s.topo)
	o := bpfprog.Options{Places: a.places, CPUs: n, Siblings: siblings(s.topo, n), Threads: s.Threads, Rho: s.profile.rho()}
	if a.cycles != nil {
		o.Cycles, o.Instructions = a.cycles.Cycles, a.cycles.Instructions
	} else if !s.wants(energy.ByTime) {
		return
	} else {
		o.Frequencies = announcedFrequencies(s.Root, s.topo.Online, n)
		a.frequency = o.Frequencies != nil
	}
	k, err := bpfprog.Open(o)
	if err != nil {
		// One reason bars both.
		if a.cycles != nil {
			a.refuse(energy.ByCycles, err)
		}
		if s.wants(energy.ByTime) {
			a.refuse(energy.ByTime, err)
		}
		return
	}
	a.kernel, a.tracker = k, k
}

// announcers are the cpufreq drivers that set every frequency themselves and
// announce it (tracepoint power:cpu_frequency). Others leave it to the
// processor, which tells nobody.
var announcers = []string{"acpi-cpufreq", "intel_cpufreq", "cpufreq-dt", "powernow-k8", "pcc-cpufreq"}

// announcedFrequencies returns the CPUs' frequencies in kHz, by CPU of n; nil
// unless every one is known and its changes will be.
func announcedFrequencies(root string, online []int, n int) []uint32 {
	out := make([]uint32, n)
	for _, cpu := range online {
		dir := filepath.Join("/", root, "sys/devices/system/cpu", fmt.Sprint("cpu", cpu), "cpufreq")
		driver, err := os.ReadFile(filepath.Join(dir, "scaling_driver"))
		if err != nil || !slices.Contains(announcers, strings.TrimSpace(string(driver))) {
			return nil
		}
		now, err := os.ReadFile(filepath.Join(dir, "scaling_cur_freq"))
		if err != nil {
			return nil
		}
		khz, err := strconv.ParseUint(strings.TrimSpace(string(now)), 10, 32)
		if err != nil || khz == 0 {
			return nil
		}
		out[cpu] = uint32(khz)
	}
	return out
}

// startTracking says whose energy is asked for, once the target is there, and
// lets the kernel read the counters where it can.
func (s *session) startTracking() {
	a := s.attr
	if a == nil {
		return
	}
	if !s.measured() || len(s.tracks) == 0 {
		a.close()
		s.attr = nil
		return
	}
	target := s.bpfTarget()
	if a.kernel != nil && target == (bpfprog.Target{}) {
		a.refuse(a.tracker.Method(), &energy.Refusal{
			Name: "ebpf", Kind: energy.ErrAbsent,
			Reason: "the group is in no cgroup2 hierarchy, and of others the kernel's programs know nothing",
			Remedy: "boot with systemd.unified_cgroup_hierarchy=1",
		})
		_ = a.kernel.Close() // it has accounted for nothing that is wanted
		a.kernel, a.tracker = nil, nil
	}
	if a.kernel != nil {
		s.watchPower()
		if err := a.kernel.Follow(target); err != nil {
			a.refuse(a.tracker.Method(), err)
			_ = a.kernel.Close() // it accounts for nobody's target
			a.kernel, a.tracker = nil, nil
		}
	}
	if a.kernel == nil && a.cycles != nil {
		_ = a.cycles.Close()
		a.cycles = nil
		s.takeBackCycles()
	}
	if a.tracker == nil && !s.openFallback() {
		return
	}
	zones := s.tracks[0].Source.Zones()
	a.zones = zones
	a.at = make([]uint64, len(zones))
	for i := range zones {
		a.at[i] = s.tracks[0].Meter.Counts(i)
	}
	a.moved, a.readAt = make([][energy.NumDomains]float64, len(a.places)), make([]energy.Bracket, len(a.places))
}

// takeBackCycles has the target's own counters count what the kernel's tracker
// was to.
func (s *session) takeBackCycles() {
	if t, ok := s.target.(interface{ performance() *perfevent.Counters }); ok {
		t.performance().OpenLeft()
	}
}

// openFallback opens the best tracker that needs no program in the kernel.
func (s *session) openFallback() bool {
	target := procusage.Target{}
	method := energy.ByProc
	switch t := s.target.(type) {
	case *commandTarget:
		target.PID, target.Launched = t.proc.PID, true
	case *pidTarget:
		target.PID = t.pid
	case *cgroupTarget:
		target.Cgroup, method = t.name, energy.ByCgroup
	default:
		target.Machine = true
	}
	if method != energy.ByCgroup && s.wants(energy.ByCgroup) {
		s.attr.refused = append(s.attr.refused, &energy.Refusal{
			Name: string(energy.ByCgroup), Kind: energy.ErrAbsent,
			Reason: "what is measured is no control group: its cpu.stat would count others too",
			Remedy: "run it in a group of its own, and measure that: systemd-run --scope --unit=measured COMMAND, energyprobe run --cgroup /system.slice/measured.scope",
		})
	}
	if !s.wants(method) {
		return false
	}
	t, err := procusage.New(procusage.Config{Root: s.Root, Places: s.attr.places, Target: target, Threads: s.Threads})
	if err != nil {
		s.attr.refuse(method, err)
		return false
	}
	s.attr.tracker = t
	return true
}

// watchPower hands the power events to the kernel.
func (s *session) watchPower() {
	p, ok := s.opened[0].Source.(*perfevent.Power)
	if !ok {
		return
	}
	n := len(s.attr.places)
	w := bpfprog.Power{Events: make([][energy.NumDomains]int, n), Ticks: make([][energy.NumDomains]float64, n), Leaders: make([]int, n)}
	for k := range n {
		w.Leaders[k] = -1
		for d := range w.Events[k] {
			w.Events[k][d] = -1
		}
	}
	fds, cpus := p.FDs(), p.CPUs()
	for i, z := range p.Zones() {
		k := s.attr.placeOf(z)
		if k < 0 || z.Core >= 0 {
			continue
		}
		w.Events[k][z.Domain], w.Ticks[k][z.Domain] = fds[i], z.Tick
		if z.Domain == energy.Package {
			w.Leaders[k] = cpus[i]
		}
	}
	if slices.Contains(w.Leaders, -1) {
		return // a package without a counter: user space ends the intervals
	}
	if err := s.attr.kernel.Watch(w); err != nil {
		s.warn("intervals-in-user-space", "the kernel can't read the counters for itself: "+err.Error(), "the split is blurred by the 20 ms between two readings; see energyprobe doctor")
	}
}

// placeOf returns the place a zone meters, -1 for none or several.
func (a *attribution) placeOf(z energy.Zone) int {
	if z.Domain == energy.PSys {
		return -1
	}
	return slices.IndexFunc(a.places, func(p energy.Place) bool {
		return p.Socket == z.Socket && (p.Die == z.Die || p.Die < 0)
	})
}

// bpfTarget translates the session's target, zero for a group that the kernel's
// programs can't see.
func (s *session) bpfTarget() bpfprog.Target {
	switch t := s.target.(type) {
	case *commandTarget:
		return bpfprog.Target{PID: t.proc.PID}
	case *pidTarget:
		return bpfprog.Target{PID: t.pid}
	case *cgroupTarget:
		return bpfprog.Target{Cgroup: cgroupInode(container.FindCgroup(s.Root, t.name))}
	}
	return bpfprog.Target{Machine: true}
}

// cgroupInode returns the ID of the group's directory in the cgroup2 hierarchy,
// 0 where it has none.
func cgroupInode(dirs []string) uint64 {
	for _, dir := range dirs {
		var fs unix.Statfs_t
		var st unix.Stat_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC && unix.Stat(dir, &st) == nil {
			return st.Ino
		}
	}
	return 0
}
