package model

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.6g, want %.6g", what, got, want)
	}
}

// Where the formulas were published.
const (
	teadsPaper      = `B. Davy, "Building an AWS EC2 Carbon Emissions Dataset", Teads Engineering, 2021: ratio of package power to TDP at 0, 10, 50, 100 %`
	codecarbonLoad  = "CodeCarbon, codecarbon/external/hardware.py, CPU._get_power_from_cpu_load, tracking mode machine, 2025"
	codecarbonHalf  = "CodeCarbon, docs/explanation/methodology.md, CPU fallback; hardware.py, CONSUMPTION_PERCENTAGE_CONSTANT, 2025"
	codecarbonTDP   = "CodeCarbon, codecarbon/core/cpu.py, DEFAULT_POWER_PER_CORE, 2025"
	codecarbonWatts = "CodeCarbon, codecarbon/external/hardware.py, POWER_CONSTANT, 2025"
	ccfMethod       = "Cloud Carbon Footprint, Methodology, section Compute, 2023"
	ccfAWS          = "Cloud Carbon Footprint, packages/aws/src/domain/AwsFootprintEstimationConstants.ts, 2023"
	ccfGCP          = "Cloud Carbon Footprint, packages/gcp/src/domain/GcpFootprintEstimationConstants.ts, 2023"
	fanPaper        = `X. Fan, W. Weber, L. Barroso, "Power Provisioning for a Warehouse-sized Computer", ISCA 2007, section 3`
	boaviztaForm    = "Boavizta API, boaviztapi/model/consumption_profile, the log model of CPUConsumptionProfileModel, 2023"
	ownNaive        = "docs/models.md, The others: TDP times utilisation, this project's baseline"
)

// Known answers: each number is worked out from the published formula, and its
// arithmetic stands beside it. Every formula has one at rest, one at full load
// and one inside; those with nodes, one at a node and one between two.
func TestFormulas(t *testing.T) {
	for _, tc := range []struct {
		what      string
		got, want float64
		working   string
		source    string
	}{
		{"TDP-linear at rest", TDPLinear(200, 0), 0, "200 x 0", ownNaive},
		{"TDP-linear at 30 %", TDPLinear(200, 0.3), 60, "200 x 0.3", ownNaive},
		{"TDP-linear, full", TDPLinear(200, 1), 200, "200 x 1", ownNaive},

		{"Teads at rest, a node", Teads(200, 0), 24, "200 x 0.12", teadsPaper},
		{"Teads at 5 %", Teads(200, 0.05), 44, "0.12 + (0.32 - 0.12) x 5/10 = 0.22; 200 x 0.22", teadsPaper},
		{"Teads at 10 %, a node", Teads(200, 0.1), 64, "200 x 0.32", teadsPaper},
		{"Teads at 30 %", Teads(200, 0.3), 107, "0.32 + (0.75 - 0.32) x 20/40 = 0.535; 200 x 0.535", teadsPaper},
		{"Teads at 50 %, a node", Teads(200, 0.5), 150, "200 x 0.75", teadsPaper},
		{"Teads at 75 %", Teads(200, 0.75), 177, "(0.75 + 1.02)/2 = 0.885; 200 x 0.885", teadsPaper},
		{"Teads, full, a node", Teads(200, 1), 204, "200 x 1.02", teadsPaper},
		{"Teads beyond full", Teads(200, 1.5), 204, "level after the last node: 200 x 1.02", teadsPaper},

		{"CodeCarbon cubic at rest", CodeCarbonCubic(200, 0), 20, "200 x 0.1", codecarbonLoad},
		{"CodeCarbon cubic at 50 %", CodeCarbonCubic(200, 0.5), 42.5, "0.5^3 = 0.125; 0.1 + 0.9 x 0.125 = 0.2125; 200 x 0.2125", codecarbonLoad},
		{"CodeCarbon cubic at 80 %", CodeCarbonCubic(95, 0.8), 53.276, "0.8^3 = 0.512; 0.1 + 0.9 x 0.512 = 0.5608; 95 x 0.5608", codecarbonLoad},
		{"CodeCarbon cubic, full", CodeCarbonCubic(200, 1), 200, "200 x (0.1 + 0.9)", codecarbonLoad},

		{"CodeCarbon constant at rest", CodeCarbonConstant(200, 0), 100, "200 x 0.5", codecarbonHalf},
		{"CodeCarbon constant at 90 %", CodeCarbonConstant(95, 0.9), 47.5, "95 x 0.5", codecarbonHalf},
		{"CodeCarbon constant, full", CodeCarbonConstant(200, 1), 100, "200 x 0.5", codecarbonHalf},
		{"CodeCarbon, unknown, 1 thread", CodeCarbonUnknown(1), 4, "1 x 4", codecarbonTDP},
		{"CodeCarbon, unknown, 8 threads", CodeCarbonUnknown(8), 32, "8 x 4", codecarbonTDP},
		{"CodeCarbon, nothing known", CodeCarbonUnknown(0), 85, "85", codecarbonWatts},
		{"CodeCarbon, nonsense for threads", CodeCarbonUnknown(-3), 85, "85", codecarbonWatts},

		{"CCF, 4 vCPUs at rest", CCFPower(0.64, 3.97, 4, 0), 2.56, "0.64 x 4", ccfMethod},
		{"CCF, 4 vCPUs at 50 %", CCFPower(0.64, 3.97, 4, 0.5), 9.22, "0.64 + 0.5 x (3.97 - 0.64) = 2.305; x 4", ccfMethod},
		{"CCF, 1 vCPU at 10 %", CCFPower(1.00, 4.74, 1, 0.1), 1.374, "1.00 + 0.1 x 3.74", ccfMethod},
		{"CCF, 4 vCPUs, full", CCFPower(0.64, 3.97, 4, 1), 15.88, "3.97 x 4", ccfMethod},

		{"Fan at rest", FanPower(100, 300, 0), 100, "100 + 200 x (0 - 0)", fanPaper},
		{"Fan at 20 %", FanPower(100, 300, 0.2), 158.9878, "0.2^1.4 = e^(1.4 x -1.609438) = e^-2.253213 = 0.105061; 0.4 - 0.105061 = 0.294939; 100 + 200 x 0.294939", fanPaper},
		{"Fan at 50 %", FanPower(100, 300, 0.5), 224.2142, "0.5^1.4 = e^(1.4 x -0.693147) = 0.378929; 1 - 0.378929 = 0.621071; 100 + 200 x 0.621071", fanPaper},
		{"Fan, full", FanPower(100, 300, 1), 300, "100 + 200 x (2 - 1)", fanPaper},
		{"Fan by TDP at rest", Fan(200, 0), 24, "200 x 0.12", fanPaper},
		{"Fan by TDP at 50 %", Fan(200, 0.5), 135.7928, "24 + (204 - 24) x 0.621071", fanPaper},
		{"Fan by TDP, full", Fan(200, 1), 204, "200 x 1.02", fanPaper},

		{"a ln(b(u+c)) + d at rest", LogPower(2, 3, 0.5, 1, 0), 1.810930, "2 ln(3 x 0.5) + 1 = 2 x 0.405465 + 1", boaviztaForm},
		{"a ln(b(u+c)) + d at 50 %", LogPower(2, 3, 0.5, 1, 0.5), 3.197225, "2 ln(3 x 1) + 1 = 2 x 1.098612 + 1", boaviztaForm},
		{"a ln(b(u+c)) + d, full", LogPower(2, 3, 0.5, 1, 1), 4.008155, "2 ln(3 x 1.5) + 1 = 2 x 1.504077 + 1", boaviztaForm},
		{"Boavizta's form at rest, a node", BoaviztaForm(100, 0), 12, "through Teads' 0.12: 0.514428 x ln 0.210446 + 0.921750 = 0.514428 x -1.558528 + 0.921750", boaviztaForm},
		{"Boavizta's form at 10 %, a node", BoaviztaForm(100, 0.1), 32, "through Teads' 0.32: 0.514428 x ln 0.310446 + 0.921750 = 0.514428 x -1.169746 + 0.921750", boaviztaForm},
		{"Boavizta's form at 50 %", BoaviztaForm(100, 0.5), 74.5886, "0.514428 x ln 0.710446 + 0.921750 = 0.514428 x -0.341863 + 0.921750 = 0.745886", boaviztaForm},
		{"Boavizta's form, full, a node", BoaviztaForm(100, 1), 102, "through Teads' 1.02: 0.514428 x ln 1.210446 + 0.921750 = 0.514428 x 0.190988 + 0.921750", boaviztaForm},
	} {
		if math.Abs(tc.got-tc.want) > 2e-4 || tc.working == "" || tc.source == "" {
			t.Errorf("%s: %.7g W, want %.7g (%s)\n\t%s", tc.what, tc.got, tc.want, tc.working, tc.source)
		}
	}
}

// More CPU time than there was, as ticks of the kernel's clock can show it,
// counts as full load in every model, though the formulas themselves go on. A
// host of one socket of 200 W and 10 threads, 10 s, of which 130 CPU seconds
// were busy where 100 can be.
func TestBeyondFullLoad(t *testing.T) {
	h := Host{CPUs: 10, Sockets: 1, CPU: Match{Step: ByName, Name: "a part", TDP: Exactly(200), PerThread: Exactly(20), Server: true,
		Candidates: []CPU{{Vendor: "intel", Family: 6, Model: 85, Steppings: []int{7}}}}}
	for _, virtual := range []bool{false, true} {
		h.Virtual = virtual
		beyond, full := estimate(t, h, 10, 130, 130), estimate(t, h, 10, 100, 100)
		for name, want := range map[string]float64{
			NaiveName:             2000, // 200 x 1 x 10
			"teads":               2040, // 200 x 1.02 x 10; of ten of ten threads, the same
			"codecarbon-cubic":    2000, // 200 x (0.1 + 0.9) x 10
			"codecarbon-constant": 1000, // 200 x 0.5 x 10
			"fan":                 2040, // (24 + 180 x (2 - 1)) x 10
			"boavizta-form":       2040, // through Teads' last point
			CCFName:               397,  // 3.97 x 10 vCPUs x 10
			ShareName:             2000, // bare metal: 200 x (0.2 + 0.8 x 1) x 10
		} {
			if name == ShareName && virtual {
				// 10/10 x 200 x 0.2 x 10 + 200/10 x (1 - 0.2) x 1.4 x 100
				want = 400 + 2240
			}
			if math.Abs(beyond[name].EnergyJ-want) > 0.002 || beyond[name].EnergyJ != full[name].EnergyJ {
				t.Errorf("%s, guest %v: %g J beyond full load, %g J at it, want %g", name, virtual, beyond[name].EnergyJ, full[name].EnergyJ, want)
			}
		}
	}
}

// The share of the TDP per vCPU: two of 48 threads of 240 W are 10 W of it, and
// a model that shares charges that part of what it says of the whole socket.
func TestShareOfTheSocket(t *testing.T) {
	guest := Host{CPUs: 2, Sockets: 1, Virtual: true, CPU: Match{Step: ByHardware, Name: "a part", TDP: Exactly(240), PerThread: Exactly(5), Server: true}}
	metal := Host{CPUs: 48, Sockets: 1, CPU: guest.CPU}
	for _, tc := range []struct {
		u    float64
		want map[string]float64 // watts of the guest
	}{
		{0, map[string]float64{
			"teads": 1.2, // 10 x 0.12
			"fan":   1.2, // 10 x 0.12
			// 10 x 0.12, where the curve goes through Teads' point
			"boavizta-form": 1.2,
		}},
		{0.3, map[string]float64{
			"teads": 5.35, // 10 x (0.32 + 0.43 x 0.5)
			// 0.3^1.4 = e^(1.4 x -1.203973) = 0.185345; 1.2 + 9 x (0.6 - 0.185345)
			"fan": 4.931896,
			// ln 0.510446 = -0.672471; 10 x (0.514428 x -0.672471 + 0.921750)
			"boavizta-form": 5.758120,
		}},
		{1, map[string]float64{"teads": 10.2, "fan": 10.2, "boavizta-form": 10.2}}, // 10 x 1.02
	} {
		one := estimate(t, guest, 1, 2*tc.u, 0)
		all := estimate(t, metal, 1, 48*tc.u, 0)
		for name, want := range tc.want {
			near(t, name+", guest", one[name].EnergyJ, want, 2e-4)
			near(t, name+", 24 guests", 24*one[name].EnergyJ, all[name].EnergyJ, 1e-9)
		}
		// Models without a share charge the guest what they charge the host.
		for _, name := range []string{NaiveName, "codecarbon-cubic", "codecarbon-constant"} {
			near(t, name+", guest", one[name].EnergyJ, all[name].EnergyJ, 1e-9)
		}
	}
}

// No formula falls with load or TDP, and none is negative.
func TestFormulasAreMonotone(t *testing.T) {
	for _, f := range Formulas() {
		for u := 0.0; u < 0.999; u += 0.01 {
			for _, tdp := range []float64{4, 65, 205, 500} {
				w := f.Watts(tdp, u)
				if w < 0 || f.Watts(tdp, u+0.01) < w || f.Watts(tdp*1.01, u) < w {
					t.Fatalf("%s at %g W, %g: %g W", f.Name, tdp, u, w)
				}
			}
		}
	}
}

// Each set of coefficients is that of its authors' files, and is used for the
// parts of its microarchitecture.
func TestCCFCoefficients(t *testing.T) {
	for _, tc := range []struct {
		part, arch string
		minW, maxW float64
		source     string
	}{
		{"Xeon E5-2670", "Sandy Bridge", 2.17, 8.58, ccfAWS},
		{"Xeon E5-2680 v2", "Ivy Bridge", 3.04, 8.25, ccfAWS},
		{"Xeon E5-2666 v3", "Haswell", 1.00, 4.74, ccfAWS},
		{"Xeon E5-2686 v4", "Broadwell", 0.71, 3.69, ccfAWS},
		{"Xeon Platinum 8175M", "Skylake", 0.65, 4.26, ccfAWS},
		{"Xeon Platinum 8259CL", "Cascade Lake", 0.64, 3.97, ccfAWS},
		{"Xeon E-2288G", "Coffee Lake", 1.14, 5.42, ccfAWS},
		{"Core i7-8700", "Coffee Lake", 1.14, 5.42, ccfAWS},
		{"EPYC 7571", "EPYC 1st generation", 0.82, 2.55, ccfAWS},
		{"EPYC 7R32", "EPYC 2nd generation", 0.47, 1.69, ccfAWS},
		{"EPYC 7R13", "EPYC 3rd generation", 0.45, 2.02, ccfGCP},
		{"Graviton2", "Graviton2", 0.47, 1.69, ccfAWS},
		// Those that the lists don't have get the average of AWS.
		{"Xeon E3-1270 v6", "average of AWS", 0.74, 3.50, ccfAWS},
		{"Xeon Platinum 8375C", "average of AWS", 0.74, 3.50, ccfAWS},
		{"Xeon Platinum 8488C", "average of AWS", 0.74, 3.50, ccfAWS},
		{"EPYC 9R14", "average of AWS", 0.74, 3.50, ccfAWS},
		{"Graviton3", "average of AWS", 0.74, 3.50, ccfAWS},
	} {
		c, ok := Embedded().Lookup(tc.part)
		if !ok {
			t.Fatal(tc.part)
		}
		minW, maxW, arch := CCFCoefficients(Match{Candidates: []CPU{*c}})
		if arch != tc.arch || minW != tc.minW || maxW != tc.maxW {
			t.Errorf("%s: %g to %g W of %s, want %g to %g of %s (%s)", tc.part, minW, maxW, arch, tc.minW, tc.maxW, tc.arch, tc.source)
		}
		k, known := ccfOf([]CPU{*c})
		if known != (tc.arch != ccfAverage.arch) || k.minWatts < ccfLeast.minWatts || k.minWatts > ccfMost.minWatts || k.maxWatts < ccfLeast.maxWatts || k.maxWatts > ccfMost.maxWatts {
			t.Errorf("%s: known %v, %+v", tc.part, known, k)
		}
	}
	if _, known := ccfOf(nil); known {
		t.Error("coefficients are known of a part that is not")
	}
}
