package model

import (
	"fmt"
	"slices"
)

// perVCPU is Cloud Carbon Footprint's power of one vCPU at rest and at full
// load. It comes from SPECpower results and so from the wall: power supplies,
// fans and boards are in it. Never set it beside RAPL without saying so.
type perVCPU struct {
	arch               string
	minWatts, maxWatts float64
}

// Cloud Carbon Footprint, packages/aws and packages/gcp,
// *FootprintEstimationConstants.ts, *_WATTS_BY_COMPUTE_PROCESSOR (2023).
var (
	ccfSandyBridge    = perVCPU{"Sandy Bridge", 2.17, 8.58}
	ccfIvyBridge      = perVCPU{"Ivy Bridge", 3.04, 8.25}
	ccfHaswell        = perVCPU{"Haswell", 1.00, 4.74}
	ccfBroadwell      = perVCPU{"Broadwell", 0.71, 3.69}
	ccfSkylake        = perVCPU{"Skylake", 0.65, 4.26}
	ccfCascadeLake    = perVCPU{"Cascade Lake", 0.64, 3.97}
	ccfCoffeeLake     = perVCPU{"Coffee Lake", 1.14, 5.42}
	ccfEPYC1          = perVCPU{"EPYC 1st generation", 0.82, 2.55}
	ccfEPYC2          = perVCPU{"EPYC 2nd generation", 0.47, 1.69}
	ccfEPYC3          = perVCPU{"EPYC 3rd generation", 0.45, 2.02}
	ccfGraviton2      = perVCPU{"Graviton2", 0.47, 1.69}
	ccfAverage        = perVCPU{"average of AWS", 0.74, 3.50}
	ccfLeast, ccfMost = perVCPU{"", 0.45, 1.69}, perVCPU{"", 3.04, 8.58}
)

// CCFPower is (min + u*(max-min)) per vCPU in watts (Cloud Carbon Footprint,
// methodology, "Compute").
func CCFPower(minW, maxW float64, vcpus int, u float64) float64 {
	return (minW + u*(maxW-minW)) * float64(vcpus)
}

// ccfOf picks the coefficients of a microarchitecture by CPUID or MIDR.
// Processors newer than the list get the average.
func ccfOf(candidates []CPU) (perVCPU, bool) {
	if len(candidates) == 0 {
		return ccfAverage, false
	}
	c := &candidates[0]
	switch {
	case c.MIDR == 0x410fd0c0:
		return ccfGraviton2, true
	case c.Vendor == "amd" && c.Family == 23 && c.Model == 1:
		return ccfEPYC1, true
	case c.Vendor == "amd" && c.Family == 23 && c.Model == 49:
		return ccfEPYC2, true
	case c.Vendor == "amd" && c.Family == 25 && c.Model == 1:
		return ccfEPYC3, true
	case c.Vendor != "intel" || c.Family != 6:
		return ccfAverage, false
	}
	switch c.Model {
	case 45:
		return ccfSandyBridge, true
	case 62:
		return ccfIvyBridge, true
	case 63:
		return ccfHaswell, true
	case 79:
		return ccfBroadwell, true
	case 85:
		for _, s := range c.Steppings {
			if s >= 5 { // 4 is Skylake-SP, 5 to 7 Cascade Lake
				return ccfCascadeLake, true
			}
		}
		return ccfSkylake, true
	case 158:
		if !slices.Contains(c.Steppings, 9) { // 9 is Kaby Lake, 10 to 13 Coffee Lake
			return ccfCoffeeLake, true
		}
	}
	return ccfAverage, false
}

// CCFName is the name of its results.
const CCFName = "ccf"

// CCFCoefficients returns Cloud Carbon Footprint's watts of a vCPU at rest and
// at full load for a processor, and of which microarchitecture they are.
func CCFCoefficients(m Match) (minW, maxW float64, arch string) {
	k, _ := ccfOf(m.Candidates)
	return k.minWatts, k.maxWatts, k.arch
}

// ccfDescription says what the model is.
func ccfDescription(minW, maxW float64, arch string) string {
	return fmt.Sprintf("(min + u (max - min)) per vCPU, with %.2f and %.2f W (%s); at the wall, not at the package", minW, maxW, arch)
}

// ccf estimates by Cloud Carbon Footprint's coefficients.
func ccf(w Window, u float64) Result {
	k, known := ccfOf(w.CPU.Candidates)
	joules := func(k perVCPU, u float64) float64 { return CCFPower(k.minWatts, k.maxWatts, w.CPUs, u) * w.DurationS }
	e := Exactly(joules(k, u))
	if !known {
		e.Low, e.High = min(joules(ccfLeast, u), e.Low), max(joules(ccfMost, u), e.High)
	}
	r := w.result(CCFName, e, Exactly(joules(k, 0)))
	r.Description = ccfDescription(k.minWatts, k.maxWatts, k.arch)
	r.Assumptions = []string{"coefficients from SPECpower by microarchitecture; they contain the whole server"}
	return r
}
