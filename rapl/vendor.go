package rapl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// vendorRules undoes what the driver, made for Intel's registers, says wrongly
// of AMD's.
func (s *Source) vendorRules(chosen []*candidate) []*candidate {
	needed := slices.ContainsFunc(chosen, func(c *candidate) bool {
		return c.at.die >= 0 || c.at.domain == energy.Core
	})
	if !needed {
		return chosen
	}
	// An unknown vendor is no Intel: what can be observed is observed.
	id := s.topo.Identity
	if !id.IsIntel() {
		chosen = s.mergeMirrors(chosen)
	}
	if id.IsAMD() {
		chosen = s.singleCores(chosen)
	}
	return chosen
}

// mergeMirrors counts a package once where several die zones show the same
// counter.
//
// AMD's package register (MSR 0xC001029B) is one per socket, but the driver
// makes a zone per die wherever the kernel enumerates dies: on Zen 1 with
// kernels that take a node for a die, and on processors with CPUID leaf
// 0x80000026 until the driver learnt better (commit 26096aed255f). Which of
// that holds on a host need not be guessed from model and kernel: two
// independent 32-bit counters don't agree to within a few joules of 65 kJ,
// and one counter read twice can't disagree. On Intel, die zones are
// independent counters by specification (commit 32fb480e0a2c), and nothing is
// merged.
func (s *Source) mergeMirrors(chosen []*candidate) []*candidate {
	merged := make(map[int][]*candidate) // by socket: the dies that show one counter
	for _, c := range chosen {
		if at := c.at; at.domain == energy.Package && at.die >= 0 {
			if group := merged[at.socket]; len(group) == 0 || s.mirrors(group[0], c) {
				merged[at.socket] = append(group, c)
			}
		}
	}
	for socket, group := range merged {
		if len(group) < 2 {
			continue
		}
		names := make([]string, len(group))
		for i, c := range group {
			names[i] = c.id
		}
		for _, c := range group[1:] {
			c.file.Close()
			chosen = slices.DeleteFunc(chosen, func(x *candidate) bool { return x == c })
		}
		// With every die in one group the counter is the whole socket's.
		if !slices.ContainsFunc(chosen, func(c *candidate) bool {
			return c != group[0] && c.at.domain == energy.Package && c.at.socket == socket
		}) {
			group[0].at.die = -1
			group[0].id = group[0].at.id()
		}
		s.warn("powercap-mirror",
			fmt.Sprintf("%s show one and the same counter, as AMD's sockets do under some kernels: counted once, as %s", strings.Join(names, " and "), group[0].id),
			"nothing to do; tools that add the dies up report a multiple")
	}
	return chosen
}

// mirrors reports whether b shows the same counter as a: a reading of b
// between two of a lies between them, or misses by no more than the energy of
// a late refresh.
func (s *Source) mirrors(a, b *candidate) bool {
	if a.wrap != b.wrap || a.read(&s.buf) != nil {
		return false
	}
	before := a.count
	if b.read(&s.buf) != nil || a.read(&s.buf) != nil {
		return false
	}
	slack := uint64(maxPackageW * energy.RefreshSlack.Seconds() / tick)
	forth := func(from, to uint64) uint64 {
		if to >= from || a.wrap == 0 || a.wrap == energy.UnknownWrap {
			return to - from
		}
		return to - from + a.wrap
	}
	return forth(before, b.count) <= forth(before, a.count)+slack || forth(b.count, before) <= slack
}

// singleCores names the core zones of AMD for what they are. The driver's
// core domain reads MSR 0xC001029A, which on AMD is the counter of a single
// physical core: that of the CPU through which the driver reads the package,
// the first that was online (intel_rapl_common.c, lead_cpu).
func (s *Source) singleCores(chosen []*candidate) []*candidate {
	isCore := func(c *candidate) bool { return c.at.domain == energy.Core }
	if !slices.ContainsFunc(chosen, isCore) {
		return chosen
	}
	var found []string
	chosen = slices.DeleteFunc(chosen, func(c *candidate) bool {
		if !isCore(c) {
			return false
		}
		if cpu, ok := s.topo.FirstOnlineCPU(c.at.socket, c.at.die); ok {
			lead, _ := s.topo.CPU(cpu)
			c.core = lead.Core
		}
		if c.core < 0 {
			c.refuse(&energy.Refusal{Name: c.id, Kind: energy.ErrBroken,
				Reason: c.path + " is the counter of one core on AMD (MSR 0xC001029A), and which core can't be told without " + hostPath(s.root, "sys/devices/system/cpu"),
				Remedy: "mount all of the host's /sys under " + s.root.Name()})
			s.refused = append(s.refused, c.refusal)
			return true
		}
		c.id = energy.Zone{Domain: energy.Core, Socket: c.at.socket, Die: c.at.die, Core: c.core}.ID()
		found = append(found, c.id)
		return false
	})
	if len(found) > 0 {
		s.warn("powercap-one-core",
			fmt.Sprintf("%s: AMD's core register counts one core, and powercap shows that of each package's first", strings.Join(found, ", ")),
			"for all cores use --source perf (Linux 6.14 or later) or --source msr")
	}
	return chosen
}
