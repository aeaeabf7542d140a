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

// Known answers, worked out by hand from the published formula each; 200 W
// TDP where not said otherwise.
func TestFormulas(t *testing.T) {
	for _, tc := range []struct {
		what      string
		got, want float64
	}{
		// 200 x 0.3
		{"TDP-linear at 30 %", TDPLinear(200, 0.3), 60},
		{"TDP-linear at rest", TDPLinear(200, 0), 0},
		// the four points, then midway: 0.12+(0.32-0.12)/2 = 0.22;
		// 0.32 + (0.75-0.32)*(0.3-0.1)/(0.5-0.1) = 0.535; (0.75+1.02)/2 = 0.885
		{"Teads at 0 %", Teads(200, 0), 24},
		{"Teads at 10 %", Teads(200, 0.1), 64},
		{"Teads at 50 %", Teads(200, 0.5), 150},
		{"Teads at 100 %", Teads(200, 1), 204},
		{"Teads at 5 %", Teads(200, 0.05), 44},
		{"Teads at 30 %", Teads(200, 0.3), 107},
		{"Teads at 75 %", Teads(200, 0.75), 177},
		// 200 x (0.1 + 0.9 x 0.125) = 200 x 0.2125
		{"CodeCarbon cubic at 50 %", CodeCarbonCubic(200, 0.5), 42.5},
		{"CodeCarbon cubic at rest", CodeCarbonCubic(200, 0), 20},
		{"CodeCarbon cubic, full", CodeCarbonCubic(200, 1), 200},
		{"CodeCarbon constant", CodeCarbonConstant(200, 0.9), 100},
		{"CodeCarbon, unknown, 8 threads", CodeCarbonUnknown(8), 32},
		{"CodeCarbon, nothing known", CodeCarbonUnknown(0), 85},
		// Cascade Lake: (0.64 + 0.5 x (3.97 - 0.64)) x 4 = 2.305 x 4
		{"CCF, 4 vCPUs at 50 %", CCFPower(0.64, 3.97, 4, 0.5), 9.22},
		// 0.5^1.4 = 0.378929; 2 x 0.5 - 0.378929 = 0.621071; 100 + 200 x 0.621071
		{"Fan at 50 %", FanPower(100, 300, 0.5), 224.2142},
		{"Fan at rest", FanPower(100, 300, 0), 100},
		{"Fan, full", FanPower(100, 300, 1), 300},
		// 24 + 180 x 0.621071
		{"Fan by TDP at 50 %", Fan(200, 0.5), 135.7928},
		// 2 ln(3 x (0.5 + 0.5)) + 1 = 2 x 1.098612 + 1
		{"a ln(b(u+c)) + d", LogPower(2, 3, 0.5, 1, 0.5), 3.197225},
		// through the Teads points at 0, 10 and 100 %
		{"Boavizta's form at 0 %", BoaviztaForm(100, 0), 12},
		{"Boavizta's form at 10 %", BoaviztaForm(100, 0.1), 32},
		{"Boavizta's form at 50 %", BoaviztaForm(100, 0.5), 74.5886},
		{"Boavizta's form at 100 %", BoaviztaForm(100, 1), 102},
	} {
		near(t, tc.what, tc.got, tc.want, 2e-4)
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

func TestCCFCoefficients(t *testing.T) {
	for name, want := range map[string]string{
		"EPYC 7571": "EPYC 1st generation", "EPYC 7R32": "EPYC 2nd generation", "EPYC 7R13": "EPYC 3rd generation",
		"Xeon E5-2670": "Sandy Bridge", "Xeon E5-2680 v2": "Ivy Bridge", "Xeon E5-2666 v3": "Haswell", "Xeon E5-2686 v4": "Broadwell",
		"Xeon Platinum 8175M": "Skylake", "Xeon Platinum 8259CL": "Cascade Lake", "Graviton2": "Graviton2",
		"Xeon Platinum 8488C": "average of AWS", "Core i7-8700": "average of AWS", "EPYC 9R14": "average of AWS",
	} {
		c, ok := Embedded().Lookup(name)
		if !ok {
			t.Fatal(name)
		}
		if k, _ := ccfOf([]CPU{*c}); k.arch != want {
			t.Errorf("%s: %s, want %s", name, k.arch, want)
		}
	}
}
