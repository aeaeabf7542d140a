package model

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func names(m Match) []string {
	var all []string
	for _, c := range m.Candidates {
		all = append(all, c.Name)
	}
	return all
}

func identify(t *testing.T, id Identity, given Given) Match {
	t.Helper()
	m, err := Identify(id, given)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.TDP.check("tdp"); err != nil {
		t.Error(err)
	}
	if err := m.PerThread.check("per thread"); err != nil {
		t.Error(err)
	}
	return m
}

func TestIdentify(t *testing.T) {
	intel := func(name string, model, stepping, threads int, virtual bool) Identity {
		return Identity{ModelName: name, Vendor: "GenuineIntel", Family: 6, Model: model, Stepping: stepping, Threads: threads, Cores: threads / 2, Sockets: 1, Virtual: virtual}
	}
	amd := func(name string, family, model, stepping, threads int, virtual bool) Identity {
		return Identity{ModelName: name, Vendor: "AuthenticAMD", Family: family, Model: model, Stepping: stepping, Threads: threads, Cores: threads, Sockets: 1, Virtual: virtual}
	}
	arm := func(midr uint64, cloud string) Identity {
		return Identity{Vendor: "ARM", MIDR: midr, Threads: 2, Cores: 2, Sockets: 1, Virtual: true, Cloud: cloud}
	}
	for name, tc := range map[string]struct {
		id   Identity
		step Step
		want []string
	}{
		"name in full":               {intel("Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz", 85, 7, 4, true), ByName, []string{"Xeon Platinum 8275CL"}},
		"name on bare metal":         {amd("AMD EPYC 7763 64-Core Processor", 25, 1, 1, 128, false), ByName, []string{"EPYC 7763"}},
		"alias":                      {Identity{ModelName: "AWS Graviton3"}, ByAlias, []string{"Graviton3"}},
		"Lambda, Cascade Lake":       {intel("Intel(R) Xeon(R) Processor @ 2.50GHz", 85, 7, 2, true), ByModel, []string{"Xeon Platinum 8259CL"}},
		"Lambda, Skylake":            {intel("Intel(R) Xeon(R) Processor @ 2.50GHz", 85, 4, 2, true), ByModel, []string{"Xeon Platinum 8175M"}},
		"Lambda at 3.00 GHz":         {intel("Intel(R) Xeon(R) Processor @ 3.00GHz", 85, 7, 2, true), ByModel, []string{"Xeon Platinum 8275CL"}},
		"Lambda, Skylake at 3.00":    {intel("Intel(R) Xeon(R) Processor @ 3.00GHz", 85, 4, 2, true), ByModel, []string{"Xeon Platinum 8124M"}},
		"Lambda, Ice Lake":           {intel("Intel(R) Xeon(R) Processor @ 2.90GHz", 106, 6, 2, true), ByModel, []string{"Xeon Platinum 8375C"}},
		"masked EPYC 25/17":          {amd("AMD EPYC", 25, 17, 1, 2, true), ByModel, []string{"EPYC 9R14", "EPYC 9V74", "EPYC 9B14", "EPYC 9J14"}},
		"masked EPYC 25/17 on AWS":   {Identity{ModelName: "AMD EPYC", Vendor: "AuthenticAMD", Family: 25, Model: 17, Stepping: 1, Virtual: true, Cloud: "aws"}, ByModel, []string{"EPYC 9R14"}},
		"Neoverse N1 on AWS":         {arm(0x413fd0c1, "aws"), ByModel, []string{"Graviton2"}},
		"Neoverse N1 somewhere":      {arm(0x413fd0c1, ""), ByModel, []string{"Altra Q80-30", "Altra Q64-30", "Graviton2"}},
		"Neoverse V1":                {arm(0x411fd401, ""), ByModel, []string{"Graviton3"}},
		"Neoverse V2 on AWS":         {arm(0x410fd4f1, "aws"), ByModel, []string{"Graviton4"}},
		"Neoverse N1 by part":        {Identity{ModelName: "Neoverse-N1", Vendor: "ARM", Family: 8, Model: 0xd0c, Stepping: 1, Virtual: true, Cloud: "aws"}, ByModel, []string{"Graviton2"}},
		"Altra, bare metal":          {Identity{ModelName: "Neoverse-N1", Vendor: "ARM", Family: 8, Model: 0xd0c, Threads: 160, Cores: 160, Sockets: 2}, ByModel, []string{"Altra Q80-30", "Altra Q80-33", "Altra Q80-26", "Altra Q80-23"}},
		"Cobalt":                     {Identity{ModelName: "Cobalt-100", Vendor: "Microsoft", Family: 8, Model: 0xd49, Virtual: true}, ByModel, []string{"Cobalt 100"}},
		"Raspberry Pi":               {Identity{ModelName: "Cortex-A72", Vendor: "ARM", Family: 8, Model: 0xd08, Threads: 4, Cores: 4, Sockets: 1}, BySegment, nil},
		"Raspberry Pi, a guest":      {Identity{ModelName: "Cortex-A72", Vendor: "ARM", Family: 8, Model: 0xd08, Threads: 4, Cores: 4, Sockets: 1, Virtual: true}, BySegment, nil},
		"Graviton on AWS":            {Identity{ModelName: "Cortex-A72", Vendor: "ARM", Family: 8, Model: 0xd08, Threads: 4, Virtual: true, Cloud: "aws"}, ByModel, []string{"Graviton"}},
		"Altra Q48-22, bare metal":   {Identity{ModelName: "Neoverse-N1", Vendor: "ARM", Family: 8, Model: 0xd0c, Threads: 48, Cores: 48, Sockets: 1}, ByModel, []string{"Altra Q48-22"}},
		"Google, Skylake":            {intel("Intel(R) Xeon(R) CPU @ 2.00GHz", 85, 3, 2, true), ByModel, []string{"Xeon Platinum 8173M"}},
		"Google, Broadwell":          {intel("Intel(R) Xeon(R) CPU @ 2.20GHz", 79, 0, 2, true), ByModel, []string{"Xeon E5-2696 v4"}},
		"Google, Haswell":            {intel("Intel(R) Xeon(R) CPU @ 2.30GHz", 63, 0, 2, true), ByModel, []string{"Xeon E5-2696 v3"}},
		"Google, Cascade Lake":       {intel("Intel(R) Xeon(R) CPU @ 2.80GHz", 85, 7, 2, true), ByModel, []string{"Xeon Gold 6268CL"}},
		"Google, Ice Lake":           {intel("Intel(R) Xeon(R) CPU @ 2.60GHz", 106, 6, 2, true), ByModel, []string{"Xeon Platinum 8373C"}},
		"Azure, Emerald Rapids":      {intel("INTEL(R) XEON(R) PLATINUM 8573C", 207, 2, 4, true), ByName, []string{"Xeon Platinum 8573C"}},
		"Alibaba tells the name":     {intel("Intel(R) Xeon(R) Platinum 8163 CPU @ 2.50GHz", 85, 4, 4, true), ByName, []string{"Xeon Platinum 8163"}},
		"Xeon Max":                   {intel("Intel(R) Xeon(R) CPU Max 9480", 143, 8, 112, false), ByName, []string{"Xeon Max 9480"}},
		"Xeon 6":                     {intel("Intel(R) Xeon(R) 6787P", 173, 1, 172, false), ByName, []string{"Xeon 6787P"}},
		"EPYC for desktop sockets":   {amd("AMD EPYC 4464P 12-Core Processor", 25, 97, 2, 24, false), ByName, []string{"EPYC 4464P"}},
		"13th Gen":                   {intel("13th Gen Intel(R) Core(TM) i9-13900KF", 183, 1, 32, false), ByName, []string{"Core i9-13900KF"}},
		"with graphics":              {amd("AMD Ryzen 7 8840U w/ Radeon 780M Graphics", 25, 117, 2, 16, false), ByName, []string{"Ryzen 7 8840U"}},
		"Ryzen AI":                   {amd("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 26, 112, 0, 32, false), ByName, []string{"Ryzen AI Max+ 395"}},
		"nothing readable":           {Identity{Family: -1, Model: -1, Stepping: -1}, BySegment, nil},
		"Neoverse by name":           {Identity{ModelName: "Neoverse-V1", Virtual: true}, ByModel, []string{"Graviton3"}},
		"bare metal, unknown name":   {amd("AMD EPYC 7999 64-Core Processor", 23, 49, 0, 256, false), ByModel, nil},
		"Threadripper is not EPYC":   {Identity{ModelName: "AMD Ryzen Threadripper 3999X", Vendor: "AuthenticAMD", Family: 23, Model: 49, Threads: 64, Cores: 32, Sockets: 1}, ByModel, []string{"Ryzen Threadripper 3970X"}},
		"unknown model":              {intel("Intel(R) Xeon(R) Platinum 9999", 250, 1, 8, true), BySegment, nil},
		"nothing at all":             {Identity{}, BySegment, nil},
		"other vendor, same numbers": {Identity{Vendor: "HygonGenuine", Family: 23, Model: 49}, BySegment, nil},
	} {
		m := identify(t, tc.id, Given{})
		if m.Step != tc.step {
			t.Errorf("%s: step %s (%s), want %s", name, m.Step, m.Source(), tc.step)
		}
		if tc.want != nil && !slices.Equal(names(m), tc.want) {
			t.Errorf("%s: %q, want %q", name, names(m), tc.want)
		}
		if len(m.Candidates) > 1 && m.Candidates[0].TDP != m.Candidates[1].TDP && (m.TDP.Low == m.TDP.High || m.PerThread.Low == m.PerThread.High) {
			t.Errorf("%s: %d candidates make one number: %v, %v per thread", name, len(m.Candidates), m.TDP, m.PerThread)
		}
	}
}

// A board is charged as one, not as a server.
func TestSegments(t *testing.T) {
	for name, tc := range map[string]struct {
		id   Identity
		want segmentPower
	}{
		"Pi":             {Identity{Vendor: "ARM", Model: 0xd08, Threads: 4, Sockets: 1}, smallArm},
		"unknown Arm":    {Identity{Vendor: "ARM", Model: 0xd84, Virtual: true}, serverArm},
		"unknown Xeon":   {Identity{ModelName: "Intel(R) Xeon(R) 9", Vendor: "GenuineIntel"}, serverX86},
		"unknown Core":   {Identity{ModelName: "Intel(R) Core(TM) i9-99999", Vendor: "GenuineIntel"}, client},
		"x86 guest":      {Identity{ModelName: "QEMU Virtual CPU version 2.5+", Vendor: "AuthenticAMD", Family: 15, Model: 107, Virtual: true}, serverX86},
		"nothing at all": {Identity{}, unknown},
	} {
		m := identify(t, tc.id, Given{})
		if m.Step != BySegment || m.Name != tc.want.name || m.PerThread != tc.want.perThread {
			t.Errorf("%s: %s, %s", name, m.Step, m.Source())
		}
		if tc.id.Threads > 0 && m.TDP != tc.want.perThread.Times(float64(tc.id.Threads)) {
			t.Errorf("%s: TDP %v", name, m.TDP)
		}
	}
}

// A suffix is another part: never found by a name without it, nor the other
// way about.
func TestNoMatchAcrossSuffixes(t *testing.T) {
	for _, name := range []string{"Xeon Platinum 8275", "Xeon Platinum 8375", "Xeon Platinum 8259", "EPYC 7R1", "EPYC 765", "Xeon E5-2686", "Xeon E5-2680 v", "Xeon Platinum 8380H", "Core i7-12700KS", "EPYC 7763P"} {
		if c, ok := Embedded().Lookup(name); ok {
			t.Errorf("%s found %s", name, c.Name)
		}
	}
}

func TestStatedTDP(t *testing.T) {
	guest := Identity{ModelName: "AMD EPYC", Vendor: "AuthenticAMD", Family: 25, Model: 17, Stepping: 1, Threads: 2, Sockets: 1, Virtual: true}
	xeon := Identity{ModelName: "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Threads: 80, Cores: 40, Sockets: 2}

	if m := identify(t, xeon, Given{HardwareW: 140}); m.Step != ByHardware || m.TDP != Exactly(140) || m.PerThread != Exactly(3.5) {
		t.Errorf("hardware says 140 W: %+v", m)
	}
	if m := identify(t, xeon, Given{UserW: 100, HardwareW: 140}); m.Step != ByUser || m.TDP != Exactly(100) {
		t.Errorf("the user says 100 W: %+v", m)
	}
	for _, w := range []float64{2.9, 1001, 4e6, math.Inf(1)} {
		if m := identify(t, xeon, Given{HardwareW: w}); m.Step != ByName || m.TDP != Exactly(150) || len(m.Notes) == 0 {
			t.Errorf("hardware says %g W: %+v", w, m)
		}
	}
	// The part stays unknown: the watts are stated, the threads are not.
	m := identify(t, guest, Given{UserW: 384})
	if m.TDP != Exactly(384) || !(m.PerThread.Low < 2.1 && m.PerThread.High > 3.9) {
		t.Errorf("384 W over 96 to 192 threads: %v per thread", m.PerThread)
	}
	for field, bad := range map[string]Given{"user": {UserW: -1}, "hardware": {HardwareW: math.NaN()}} {
		if _, err := Identify(guest, bad); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: error %v, want one that names %s", bad, err, field)
		}
	}
	if _, err := Identify(Identity{Threads: -1}, Given{}); err == nil || !strings.Contains(err.Error(), "threads") {
		t.Errorf("negative threads: %v", err)
	}
}

// This machine's own case: a guest that shows family and model only.
func TestMaskedGuestHasRange(t *testing.T) {
	m := identify(t, Identity{ModelName: "AMD EPYC", Vendor: "AuthenticAMD", Family: 25, Model: 17, Stepping: 1, Threads: 2, Cores: 2, Sockets: 1, Virtual: true}, Given{})
	// 9R14: 280 W / 192 threads if SMT is on, 360 W / 96 if it is off.
	if want := (Range{280.0 / 192, m.PerThread.Nominal, 360.0 / 96}); m.PerThread != want {
		t.Errorf("per thread %v, want %v", m.PerThread, want)
	}
	if m.TDP.Low != 280 || m.TDP.High != 400 || m.Threads != 0 || m.Confidence != EstimatedData {
		t.Errorf("%+v", m)
	}
	for _, word := range []string{"9R14", "estimate"} {
		if !strings.Contains(m.Source(), word) {
			t.Errorf("%q does not say %s", m.Source(), word)
		}
	}
	if len(m.Notes) == 0 {
		t.Error("no note that the hypervisor hides the part")
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add("AMD EPYC", "AuthenticAMD", 25, 17, 1, uint64(0), 1, 2, 2, true, "", 0.0, 0.0)
	f.Add("", "ARM", 0, 0, 0, uint64(0x413fd0c1), 1, 64, 64, false, "aws", 100.0, 250.0)
	f.Fuzz(func(t *testing.T, name, vendor string, family, model, stepping int, midr uint64, sockets, cores, threads int, virtual bool, cloud string, user, hardware float64) {
		m, err := Identify(Identity{name, vendor, family, model, stepping, midr, sockets, cores, threads, virtual, cloud}, Given{UserW: user, HardwareW: hardware})
		if err != nil {
			return
		}
		if err := m.TDP.check("tdp"); err != nil {
			t.Error(err)
		}
		if err := m.PerThread.check("per thread"); err != nil {
			t.Error(err)
		}
		if m.Step == "" || m.Name == "" || m.Confidence == "" || m.Source() == "" {
			t.Errorf("%+v says too little", m)
		}
	})
}
