package msr

import (
	"errors"
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Registers of Intel's RAPL (SDM vol. 4 table 2-20 and after; vol. 3, 15.10
// "Platform specific power management support"; the kernel's
// arch/x86/include/asm/msr-index.h).
const (
	regUnit        = 0x606 // MSR_RAPL_POWER_UNIT
	regPkgEnergy   = 0x611 // MSR_PKG_ENERGY_STATUS
	regPkgInfo     = 0x614 // MSR_PKG_POWER_INFO
	regDRAMEnergy  = 0x619 // MSR_DRAM_ENERGY_STATUS
	regPP0Energy   = 0x639 // MSR_PP0_ENERGY_STATUS
	regPP1Energy   = 0x641 // MSR_PP1_ENERGY_STATUS
	regPsysEnergy  = 0x64D // MSR_PLATFORM_ENERGY_STATUS
	regArchCaps    = 0x10A // IA32_ARCH_CAPABILITIES
	regPackageCtls = 0xBC  // IA32_MISC_PACKAGE_CTLS
)

// Registers of AMD's RAPL, family 17h and later, and of Hygon's family 18h
// (Processor Programming Reference for AMD Family 17h Models 01h-08h, 2.1.14
// MSRC001_0299 and after; msr-index.h).
const (
	regAMDUnit       = 0xC0010299 // RAPL_PWR_UNIT
	regAMDCoreEnergy = 0xC001029A // CORE_ENERGY_STAT
	regAMDPkgEnergy  = 0xC001029B // PKG_ENERGY_STAT
)

// registerSet is where a vendor keeps what.
type registerSet struct {
	unit   uint32
	energy [energy.NumDomains]uint32 // 0 where there is no such register
	info   uint32                    // TDP, 0 where there is none
	// perCore says that the core domain is one physical core, not all of a
	// package; SMT siblings show the same counter.
	perCore bool
	// perDie says that a package of several dies has a counter in each
	// (rapl_pkg_pmu_is_pkg_scope in arch/x86/events/rapl.c).
	perDie bool
}

var intelRegisters = registerSet{
	unit: regUnit, info: regPkgInfo, perDie: true,
	energy: [energy.NumDomains]uint32{
		energy.Package: regPkgEnergy,
		energy.Core:    regPP0Energy,
		energy.Uncore:  regPP1Energy,
		energy.DRAM:    regDRAMEnergy,
		energy.PSys:    regPsysEnergy,
	},
}

var amdRegisters = registerSet{
	unit: regAMDUnit, perCore: true,
	energy: [energy.NumDomains]uint32{
		energy.Package: regAMDPkgEnergy,
		energy.Core:    regAMDCoreEnergy,
	},
}

// counterRange is the modulus of every energy counter: the registers are 64
// bits wide, the counter is their low half (SDM vol. 3, 15.10.3, bits 31:0;
// RAPL_MSR_MASK in arch/x86/events/rapl.c).
const counterRange = 1 << 32

// count returns the energy counter in a status register. The upper half is
// reserved and not always 0.
func count(register uint64) uint64 { return register & (counterRange - 1) }

// unitStyle says how a processor encodes its units.
type unitStyle uint8

const (
	// unitsBinary: energy in 1/2^ESU joules, power in 1/2^PU watts (SDM vol. 3,
	// 15.10.1; rapl_check_unit_core in drivers/powercap/intel_rapl_common.c).
	unitsBinary unitStyle = iota
	// unitsAtom: energy in 2^ESU microjoules, power in 2^PU milliwatts (SDM vol. 4,
	// table 2-8; rapl_check_unit_atom).
	unitsAtom
)

// units are the multipliers of a unit register.
type units struct {
	joule float64 // joules per count
	watt  float64 // watts per step of the power registers
}

var errNoUnit = errors.New("the unit register reads 0")

// decodeUnits reads a unit register of the MSR interface: energy in bits
// 12:8, power in bits 3:0. The unit register of TPMI has another layout
// (energy in bits 10:6: TPMI_ENERGY_UNIT_MASK in intel_rapl_common.c) and
// must not come here.
//
// A register of 0 is not a unit of 1 J: it is KVM's answer for registers it
// does not have (kvm_get_msr_common in arch/x86/kvm/x86.c).
func decodeUnits(register uint64, style unitStyle) (units, error) {
	if register == 0 {
		return units{}, errNoUnit
	}
	esu, pu := int(register>>8&0x1F), int(register&0xF)
	if style == unitsAtom {
		return units{joule: math.Ldexp(1, esu) * 1e-6, watt: math.Ldexp(1, pu) * 1e-3}, nil
	}
	if esu == 0 {
		return units{}, fmt.Errorf("the energy unit field (bits 12:8) of %#x is 0, which would be 1 J a count", register)
	}
	return units{joule: math.Ldexp(1, -esu), watt: math.Ldexp(1, -pu)}, nil
}

// decodeTDP reads MSR_PKG_POWER_INFO: thermal design power in bits 14:0, in
// steps of watt (SDM vol. 3, 15.10.3). It reports false for a value no
// processor has: registers a machine does not fill in read 0, virtual ones
// anything.
func decodeTDP(register uint64, watt float64) (float64, bool) {
	tdp := float64(register&0x7FFF) * watt
	return tdp, tdp >= minTDP && tdp <= maxTDP
}

const minTDP, maxTDP = 3, 1000 // watts

// Powers that a zone can't exceed, in watts. They must err upwards: a sample
// beyond them is thrown away as a misread, one below only makes the poll
// that guards against wraps a little faster than need be.
const (
	maxPackageW = 1000
	maxDRAMW    = 500
	maxPsysW    = 10000
)

// maxPower returns Zone.MaxW for a domain of a processor of the given TDP in
// watts, 0 when that is not known.
func maxPower(d energy.Domain, tdp float64) float64 {
	switch d {
	case energy.DRAM:
		return maxDRAMW
	case energy.PSys:
		return maxPsysW
	}
	return max(4*tdp, maxPackageW)
}
