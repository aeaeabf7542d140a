package msr

import (
	"fmt"

	"github.com/energyprobe/energyprobe/internal/topology"
)

// Bits of the registers about energy filtering (Intel, "Running Average Power
// Limit Energy Reporting", CVE-2020-8694, INTEL-SA-00389).
const (
	archCapFilterCtl = 1 << 11 // ENERGY_FILTERING_CTL: IA32_MISC_PACKAGE_CTLS[0] exists
	filterEnable     = 1 << 0  // ENERGY_FILTERING_ENABLE
)

// FilteringEnabled reports whether the processor adds noise to its energy
// counters, against power side channels (PLATYPUS). That skews short
// measurements by up to half. known is false where on is but an inference
// from SGX, with which filtering is always on; detail says what was seen.
func (s *Source) FilteringEnabled() (on, known bool, detail string) {
	on, known, detail = FilteringHint(s.id)
	if known || len(s.seats) == 0 {
		return on, known, detail
	}
	dev, cpu := s.seats[0].dev, s.seats[0].cpu()
	ctl, err := s.register(dev, regPackageCtls)
	if err != nil {
		return on, known, fmt.Sprintf("%s; msr %#x on cpu %d: %v", detail, regPackageCtls, cpu, err)
	}
	said := fmt.Sprintf("msr %#x on cpu %d reads %#x", regPackageCtls, cpu, ctl)
	if ctl&filterEnable != 0 {
		return true, true, said
	}
	// A hypervisor may answer 0 for registers that do not exist.
	if caps, err := s.register(dev, regArchCaps); err != nil || caps&archCapFilterCtl == 0 {
		return on, known, fmt.Sprintf("%s; %s, but msr %#x does not announce that register", detail, said, regArchCaps)
	}
	return false, true, said
}

// FilteringHint is FilteringEnabled for those who can't read MSRs: what the
// processor's identity tells.
func FilteringHint(id topology.Identity) (on, known bool, detail string) {
	switch {
	case !id.IsIntel():
		return false, true, "energy filtering exists on Intel processors only"
	case id.HasFlag("sgx"):
		return true, false, "/proc/cpuinfo has the sgx flag: the processor filters its energy counters while SGX is enabled"
	}
	return false, false, "/proc/cpuinfo has no sgx flag"
}
