package msr

import "github.com/energyprobe/energyprobe/internal/energy"

// dramUnit is the fixed unit of the DRAM domain on server processors from
// Haswell-EP to Ice Lake: 15.3 uJ in the manuals, 2^-16 J in perf's driver
// (RAPL_UNIT_QUIRK_INTEL_HSW in arch/x86/events/rapl.c). The powercap driver
// computes with 15,300 pJ, 0.27 % more.
const dramUnit = 1.0 / (1 << 16)

// psysUnit is the fixed unit of the platform domain from Sapphire Rapids on
// (RAPL_UNIT_QUIRK_INTEL_SPR in rapl.c; psys_domain_energy_unit in
// intel_rapl_common.c).
const psysUnit = 1.0

// model is what has to be known of a processor to read its counters.
type model struct {
	name    string
	regs    *registerSet
	domains domains   // those worth a try; the register decides
	style   unitStyle // of the unit register
	dram    float64   // joules per count where the domain has its own unit
	psys    float64   // likewise
	warning energy.Warning
}

// domains is a set of domains.
type domains uint8

func set(ds ...energy.Domain) domains {
	var s domains
	for _, d := range ds {
		s |= 1 << d
	}
	return s
}

func (s domains) has(d energy.Domain) bool { return s&(1<<d) != 0 }

// The shapes of Intel's RAPL. Domains are the union of what perf's driver
// (rapl_model in arch/x86/events/rapl.c) and turbostat
// (tools/power/x86/turbostat/turbostat.c, rapl_msrs) list.
var (
	clientOld = set(energy.Package, energy.Core, energy.Uncore)
	client    = clientOld | set(energy.DRAM)
	clientSys = client | set(energy.PSys)
	server    = set(energy.Package, energy.Core, energy.DRAM)
	serverNew = set(energy.Package, energy.DRAM)
	serverSys = server | set(energy.PSys)
	smallCore = set(energy.Package, energy.Core)
)

// The powercap driver's list has Broadwell-D without the fixed unit, perf's
// has it with.
var warnBroadwellD = energy.Warning{
	Code:    "msr-broadwell-d",
	Message: "the kernel's powercap driver does not know this processor's DRAM unit of 15.3 uJ and reports four times the DRAM energy",
	Advice:  "trust perf and msr for DRAM here",
}

// RAPLCap reads Airmont's unit as 1/2^ESU J, the kernel as 2^ESU uJ.
var warnAirmont = energy.Warning{
	Code:    "msr-airmont-unit",
	Message: "sources disagree on this processor's energy unit; 2^ESU uJ is used, as in the kernel's powercap driver",
	Advice:  "compare with a power meter, or with powercap, before relying on the joules",
}

// intelModels is keyed by model, family 6. Numbers and names are those of
// arch/x86/include/asm/intel-family.h. A processor that is in none of the
// drivers' lists is missing here too (see unknownIntel).
var intelModels = map[int]model{
	// rapl.c model_snb, model_snbep.
	0x2A: {name: "Sandy Bridge", domains: clientOld},
	0x3A: {name: "Ivy Bridge", domains: clientOld},
	0x2D: {name: "Sandy Bridge-EP", domains: server},
	0x3E: {name: "Ivy Bridge-EP", domains: server},

	// rapl.c model_hsw.
	0x3C: {name: "Haswell", domains: client},
	0x45: {name: "Haswell-L", domains: client},
	0x46: {name: "Haswell-G", domains: client},
	0x3D: {name: "Broadwell", domains: client},
	0x47: {name: "Broadwell-G", domains: client},

	// rapl.c model_hsx; rapl_defaults_hsw_server in intel_rapl_common.c,
	// where Broadwell-D alone is missing. turbostat adds psys on Ice Lake.
	0x3F: {name: "Haswell-EP", domains: server, dram: dramUnit},
	0x4F: {name: "Broadwell-EP", domains: server, dram: dramUnit},
	0x56: {name: "Broadwell-D", domains: server, dram: dramUnit, warning: warnBroadwellD},
	0x55: {name: "Skylake-SP, Cascade Lake or Cooper Lake", domains: server, dram: dramUnit},
	0x6A: {name: "Ice Lake-SP", domains: serverSys, dram: dramUnit},
	0x6C: {name: "Ice Lake-D", domains: serverSys, dram: dramUnit},

	// rapl.c model_knl.
	0x57: {name: "Knights Landing", domains: serverNew, dram: dramUnit},
	0x85: {name: "Knights Mill", domains: serverNew, dram: dramUnit},

	// rapl.c model_spr: DRAM follows the unit register again (Linux commit
	// "powercap: intel_rapl: fix DRAM energy unit for SPR", LIKWID issue 642).
	0x8F: {name: "Sapphire Rapids", domains: serverSys, psys: psysUnit},
	0xCF: {name: "Emerald Rapids", domains: serverSys, psys: psysUnit},
	// turbostat spr_features. Powercap uses TPMI here; the MSRs remain.
	0xAD: {name: "Granite Rapids", domains: serverNew | set(energy.PSys), psys: psysUnit},
	0xAE: {name: "Granite Rapids-D", domains: serverNew | set(energy.PSys), psys: psysUnit},
	// turbostat srf_features and grr_features. Psys is left out: no source
	// says whether its unit is 1 J as on the other servers.
	0xAF: {name: "Sierra Forest", domains: serverNew},
	0xB6: {name: "Grand Ridge", domains: serverNew},
	0xDD: {name: "Clearwater Forest", domains: serverNew},

	// rapl.c model_skl; turbostat skl_features, cnl_features, adl_features,
	// lnl_features.
	0x4E: {name: "Skylake-L", domains: clientSys},
	0x5E: {name: "Skylake", domains: clientSys},
	0x8E: {name: "Kaby Lake-L", domains: clientSys},
	0x9E: {name: "Kaby Lake", domains: clientSys},
	0xA5: {name: "Comet Lake", domains: clientSys},
	0xA6: {name: "Comet Lake-L", domains: clientSys},
	0x66: {name: "Cannon Lake-L", domains: clientSys},
	0x7D: {name: "Ice Lake", domains: clientSys},
	0x7E: {name: "Ice Lake-L", domains: clientSys},
	0x9D: {name: "Ice Lake-NNPI", domains: clientSys},
	0xA7: {name: "Rocket Lake", domains: clientSys},
	0x8C: {name: "Tiger Lake-L", domains: clientSys},
	0x8D: {name: "Tiger Lake", domains: clientSys},
	0x8A: {name: "Lakefield", domains: clientSys},
	0x97: {name: "Alder Lake", domains: clientSys},
	0x9A: {name: "Alder Lake-L", domains: clientSys},
	0xBE: {name: "Alder Lake-N", domains: clientSys},
	0xB7: {name: "Raptor Lake", domains: clientSys},
	0xBA: {name: "Raptor Lake-P", domains: clientSys},
	0xBF: {name: "Raptor Lake-S", domains: clientSys},
	0xD7: {name: "Bartlett Lake", domains: clientSys},
	0xAC: {name: "Meteor Lake", domains: clientSys},
	0xAA: {name: "Meteor Lake-L", domains: clientSys},
	0xC5: {name: "Arrow Lake-H", domains: clientSys},
	0xC6: {name: "Arrow Lake", domains: clientSys},
	0xB5: {name: "Arrow Lake-U", domains: clientSys},
	0xBD: {name: "Lunar Lake", domains: clientSys},
	0xCC: {name: "Panther Lake-L", domains: clientSys},

	// rapl.c model_hsw and turbostat gmt_features to tmtd_features.
	0x5C: {name: "Goldmont", domains: client},
	0x5F: {name: "Goldmont-D", domains: client},
	0x7A: {name: "Goldmont Plus", domains: client},
	0x86: {name: "Tremont-D", domains: client},
	0x96: {name: "Tremont", domains: client},
	0x9C: {name: "Tremont-L", domains: client},

	// rapl_defaults_byt, _tng, _cht and _ann in intel_rapl_common.c; SDM
	// vol. 4 table 2-8.
	0x37: {name: "Silvermont", domains: smallCore, style: unitsAtom},
	0x4A: {name: "Silvermont-MID", domains: smallCore, style: unitsAtom},
	0x5A: {name: "Airmont-MID", domains: smallCore, style: unitsAtom},
	0x5D: {name: "SoFIA", domains: smallCore, style: unitsAtom},
	0x4C: {name: "Airmont", domains: smallCore, style: unitsAtom, warning: warnAirmont},
	// The manual's table 2-10 says 2^ESU uJ; measured it is 1/2^ESU J
	// (turbostat slvd_features, RAPLCap issue 13: 10 kW otherwise).
	0x4D: {name: "Silvermont-D", domains: smallCore},
}

// unknownIntel stands for a family 6 processor that is not in the table. All
// after Ice Lake-SP follow the unit register, psys apart, whose unit differs
// between client and server.
var unknownIntel = model{
	name:    "an Intel processor not in the table of models",
	regs:    &intelRegisters,
	domains: client,
	warning: energy.Warning{
		Code:    "msr-unknown-model",
		Message: "this Intel processor is not in the table of models: the DRAM unit is taken from the unit register, psys is left out",
		Advice:  "compare with --source perf (--cross-check), whose driver may know the processor",
	},
}

// amd covers AMD family 17h and later and Hygon family 18h (rapl.c
// model_amd_hygon; X86_FEATURE_RAPL). There is no DRAM counter.
var amd = model{name: "AMD Zen", regs: &amdRegisters, domains: set(energy.Package, energy.Core)}

// identify returns what is known of a processor, and why there is nothing to
// read when it has no RAPL registers. Vendor is /proc/cpuinfo's vendor_id.
func identify(vendor string, family, number int) (model, string) {
	switch vendor {
	case "GenuineIntel":
		return identifyIntel(family, number)
	case "AuthenticAMD":
		if family < 0x17 {
			return model{}, "AMD processors have RAPL registers from family 17h (Zen) on"
		}
		return amd, ""
	case "HygonGenuine":
		if family < 0x18 {
			return model{}, "Hygon processors have RAPL registers from family 18h on"
		}
		return amd, ""
	case "":
		return model{}, "the processor's vendor is not known: MSRs exist on x86 only"
	}
	return model{}, "processors by " + vendor + " have no RAPL registers"
}

func identifyIntel(family, number int) (model, string) {
	if family == 19 {
		// turbostat dmr_features: "DMR does not have RAPL MSRs".
		return model{}, "Intel family 19 (Diamond Rapids) has no RAPL MSRs; its energy is in TPMI, which powercap reads (intel_rapl_tpmi)"
	}
	if family != 6 {
		return model{}, "Intel processors of this family have no RAPL registers"
	}
	if m, ok := intelModels[number]; ok {
		m.regs = &intelRegisters
		return m, ""
	}
	// The first with RAPL was Sandy Bridge, 0x2A; a few small cores between
	// lack it (SDM vol. 4 tables 2-3 to 2-5).
	if number < 0x2A || number == 0x2C || number == 0x2E || number == 0x2F || number == 0x35 || number == 0x36 {
		return model{}, "this Intel processor predates RAPL (Sandy Bridge and Silvermont on)"
	}
	return unknownIntel, ""
}

// tick returns the joules per count of a domain.
func (m model) tick(d energy.Domain, u units) float64 {
	switch {
	case d == energy.DRAM && m.dram != 0:
		return m.dram
	case d == energy.PSys && m.psys != 0:
		return m.psys
	}
	return u.joule
}
