package msr

import (
	"errors"
	"math"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func TestCount(t *testing.T) {
	for _, c := range []struct{ register, want uint64 }{
		{0, 0},
		{0xFFFFFFFF, 4294967295},
		{0x1_0000_0000, 0},             // reserved bits above the counter
		{0xDEADBEEF_0000_0001, 1},      // likewise
		{0xFFFFFFFF_80000000, 1 << 31}, // not sign-extended
	} {
		if got := count(c.register); got != c.want {
			t.Errorf("count(%#x) = %d, want %d", c.register, got, c.want)
		}
	}
}

func TestDecodeUnits(t *testing.T) {
	for _, c := range []struct {
		name     string
		register uint64
		style    unitStyle
		joule    float64
		watt     float64
	}{
		// 0xA0E03: bits 12:8 = 0x0E = 14, bits 3:0 = 3.
		// 1/2^14 J = 1/16384 J = 61.03515625 uJ; 1/2^3 W = 0.125 W.
		{"Haswell and most since", 0xA0E03, unitsBinary, 61.03515625e-6, 0.125},
		// 0xA1003: bits 12:8 = 0x10 = 16. 1/65536 J = 15.2587890625 uJ.
		{"Sandy Bridge", 0xA1003, unitsBinary, 15.2587890625e-6, 0.125},
		// 0xA1000: ESU 16, PU 0: 1 W (Raphael, amd/amd_energy issue 9).
		{"Zen 4 desktop", 0xA1000, unitsBinary, 15.2587890625e-6, 1},
		// Bits 7:4 and 15:13 are reserved: 0xA0E03 with all of them set.
		{"reserved bits", 0xAEEF3, unitsBinary, 61.03515625e-6, 0.125},
		// ESU 31 is the largest: 1/2147483648 J.
		{"finest", 0x1F0F, unitsBinary, 1.0 / 2147483648, 1.0 / 32768},
		// 0x00000505: ESU 5: 2^5 uJ = 32 uJ; PU 5: 2^5 mW = 0.032 W.
		{"Silvermont", 0x505, unitsAtom, 32e-6, 0.032},
		// ESU 0 is a unit here: 2^0 uJ = 1 uJ. PU 5 as above.
		{"Silvermont, 1 uJ", 0x005, unitsAtom, 1e-6, 0.032},
		// 0x4D (Silvermont-D) reads in binary: ESU 0x10: 15.26 uJ, while
		// 2^16 uJ would be 65.5 mJ, 10 kW for a 5 W chip (RAPLCap issue 13).
		{"Silvermont-D", 0xA1003, intelModels[0x4D].style, 15.2587890625e-6, 0.125},
	} {
		u, err := decodeUnits(c.register, c.style)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !near(u.joule, c.joule) || !near(u.watt, c.watt) {
			t.Errorf("%s: %#x = %v J, %v W, want %v, %v", c.name, c.register, u.joule, u.watt, c.joule, c.watt)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Abs(b) }

func TestDecodeUnitsRefuses(t *testing.T) {
	for _, style := range []unitStyle{unitsBinary, unitsAtom} {
		// Read as a unit, 0 would be 1 J (or 1 uJ) a count.
		if u, err := decodeUnits(0, style); !errors.Is(err, errNoUnit) {
			t.Errorf("a register of 0 decodes as %v, %v", u, err)
		}
	}
	// ESU 0 with other fields set: bits 12:8 of 0xA0003 are 0.
	if u, err := decodeUnits(0xA0003, unitsBinary); err == nil {
		t.Errorf("an energy unit of 1 J is taken for real: %v", u)
	}
}

// TestTPMILayout holds the reason why a TPMI unit register must not be read
// with MSR masks: 0xA383 says 14 in its bits 10:6 (0xA383 = 1010 0011 1000
// 0011: bits 10:6 = 01110), but 3 in bits 12:8.
func TestTPMILayout(t *testing.T) {
	const register = 0xA383
	if tpmi := register >> 6 & 0x1F; tpmi != 14 {
		t.Fatalf("bits 10:6 = %d", tpmi)
	}
	u, err := decodeUnits(register, unitsBinary)
	if err != nil || u.joule != 1.0/8 {
		t.Errorf("MSR masks read %v, %v; they should read 1/8 J, 2048 times too much", u, err)
	}
	// So the processor that has TPMI alone is refused.
	if _, reason := identify("GenuineIntel", 19, 1); reason == "" {
		t.Error("Diamond Rapids is not refused")
	}
}

func TestDecodeTDP(t *testing.T) {
	for _, c := range []struct {
		register uint64
		watt     float64
		want     float64
		ok       bool
	}{
		{0x0000_0000_0000_04B0, 0.125, 150, true},         // 0x4B0 = 1200; 1200/8 W
		{0x000F_02D0_0270_05A0, 0.125, 180, true},         // 0x5A0 = 1440; the rest is limits
		{0x8000 | 0x4B0, 0.125, 150, true},                // bit 15 is reserved
		{0, 0.125, 0, false},                              // not filled in
		{16, 0.125, 2, false},                             // 2 W: no processor
		{24, 0.125, 3, true},                              // the smallest accepted
		{8000, 0.125, 1000, true},                         // the largest
		{8001, 0.125, 1000.125, false},                    // beyond
		{0xFFFFFFFFFFFFFFFF, 0.125, 32767 * 0.125, false}, // all ones
	} {
		got, ok := decodeTDP(c.register, c.watt)
		if got != c.want || ok != c.ok {
			t.Errorf("decodeTDP(%#x) = %v, %v, want %v, %v", c.register, got, ok, c.want, c.ok)
		}
	}
}

func TestMaxPower(t *testing.T) {
	for _, c := range []struct {
		d    energy.Domain
		tdp  float64
		want float64
	}{
		{energy.Package, 0, 1000},   // TDP not known
		{energy.Package, 150, 1000}, // 4*150 = 600 < 1000
		{energy.Package, 400, 1600}, // 4*400
		{energy.Core, 400, 1600},    // within the package
		{energy.Uncore, 0, 1000},
		{energy.DRAM, 400, 500},
		{energy.PSys, 400, 10000},
	} {
		if got := maxPower(c.d, c.tdp); got != c.want {
			t.Errorf("maxPower(%v, %v) = %v, want %v", c.d, c.tdp, got, c.want)
		}
	}
}

// TestTicks checks each family's units in the register's own terms, for a
// unit register of 61 uJ (ESU 14).
func TestTicks(t *testing.T) {
	u := units{joule: 1.0 / 16384, watt: 0.125}
	for _, c := range []struct {
		name       string
		model      int
		dram, psys float64 // 0: the processor has no such domain
	}{
		{"Sandy Bridge-EP", 0x2D, 1.0 / 16384, 0},
		{"Haswell", 0x3C, 1.0 / 16384, 0},
		{"Haswell-EP", 0x3F, 1.0 / 65536, 0},
		{"Broadwell-EP", 0x4F, 1.0 / 65536, 0},
		{"Broadwell-D", 0x56, 1.0 / 65536, 0},
		{"Skylake-SP", 0x55, 1.0 / 65536, 0},
		{"Skylake", 0x5E, 1.0 / 16384, 1.0 / 16384},
		{"Ice Lake-SP", 0x6A, 1.0 / 65536, 1.0 / 16384},
		{"Ice Lake-D", 0x6C, 1.0 / 65536, 1.0 / 16384},
		{"Knights Landing", 0x57, 1.0 / 65536, 0},
		{"Knights Mill", 0x85, 1.0 / 65536, 0},
		{"Sapphire Rapids", 0x8F, 1.0 / 16384, 1},
		{"Emerald Rapids", 0xCF, 1.0 / 16384, 1},
		{"Granite Rapids", 0xAD, 1.0 / 16384, 1},
		{"Sierra Forest", 0xAF, 1.0 / 16384, 0},
		{"Arrow Lake", 0xC6, 1.0 / 16384, 1.0 / 16384},
	} {
		m, reason := identify("GenuineIntel", 6, c.model)
		if reason != "" {
			t.Errorf("%s: %s", c.name, reason)
			continue
		}
		if got := m.tick(energy.Package, u); got != u.joule {
			t.Errorf("%s: package tick %v", c.name, got)
		}
		if got := m.tick(energy.DRAM, u); got != c.dram {
			t.Errorf("%s: dram tick %v, want %v", c.name, got, c.dram)
		}
		if m.domains.has(energy.PSys) != (c.psys != 0) {
			t.Errorf("%s: psys listed: %v", c.name, m.domains.has(energy.PSys))
		} else if c.psys != 0 && m.tick(energy.PSys, u) != c.psys {
			t.Errorf("%s: psys tick %v, want %v", c.name, m.tick(energy.PSys, u), c.psys)
		}
	}
}

// TestPowercapUnitGap checks the difference that is to be expected between
// this source and the powercap driver: 15,300 pJ against 2^-16 J for DRAM
// (0.27 %), and units cut to whole nanojoules elsewhere (60 ppm).
func TestPowercapUnitGap(t *testing.T) {
	if pct := (15.3e-6/dramUnit - 1) * 100; math.Abs(pct-0.27) > 0.005 {
		t.Errorf("DRAM units differ by %.4f %%", pct)
	}
	for _, nano := range []float64{61035, 15258} {
		joule := 1.0 / 16384
		if nano < 20000 {
			joule = 1.0 / 65536
		}
		if ppm := math.Abs(nano*1e-9/joule-1) * 1e6; ppm > 60 {
			t.Errorf("%v nJ is %.0f ppm off", nano, ppm)
		}
	}
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		vendor        string
		family, model int
		supported     bool
	}{
		{"GenuineIntel", 6, 0x2A, true},
		{"GenuineIntel", 6, 0x2C, false}, // Westmere-EP
		{"GenuineIntel", 6, 0x1A, false}, // Nehalem-EP
		{"GenuineIntel", 6, 0xF0, true},  // newer than the table
		{"GenuineIntel", 15, 6, false},   // Pentium 4
		{"GenuineIntel", 19, 1, false},   // Diamond Rapids: TPMI alone
		{"AuthenticAMD", 0x15, 2, false},
		{"AuthenticAMD", 0x17, 1, true},
		{"AuthenticAMD", 0x19, 0x11, true},
		{"AuthenticAMD", 0x1A, 2, true},
		{"HygonGenuine", 0x18, 0, true},
		{"CentaurHauls", 6, 15, false},
		{"ARM", 8, 0xd0c, false},
		{"", -1, -1, false},
	} {
		m, reason := identify(c.vendor, c.family, c.model)
		if (reason == "") != c.supported {
			t.Errorf("%s %d/%#x: %q", c.vendor, c.family, c.model, reason)
		}
		if c.supported && (m.regs == nil || !m.domains.has(energy.Package) || m.regs.energy[energy.Package] == 0) {
			t.Errorf("%s %d/%#x: no package register: %+v", c.vendor, c.family, c.model, m)
		}
	}
	if m, _ := identify("GenuineIntel", 6, 0xF0); m.warning.Code == "" || m.domains.has(energy.PSys) {
		t.Error("an unknown model gives psys a unit, or says nothing of it")
	}
	if m, _ := identify("GenuineIntel", 6, 0x56); m.warning.Code == "" {
		t.Error("Broadwell-D carries no warning about powercap")
	}
	if m, _ := identify("HygonGenuine", 0x18, 0); m.regs != &amdRegisters {
		t.Error("Hygon is not read as AMD")
	}
}

// TestModelTable checks what must hold for every row.
func TestModelTable(t *testing.T) {
	names := make(map[string]int)
	for number, m := range intelModels {
		if other, dup := names[m.name]; dup || m.name == "" {
			t.Errorf("models %#x and %#x are both %q", number, other, m.name)
		}
		names[m.name] = number
		if !m.domains.has(energy.Package) {
			t.Errorf("%s has no package", m.name)
		}
		if m.dram != 0 && !m.domains.has(energy.DRAM) {
			t.Errorf("%s: a DRAM unit without DRAM", m.name)
		}
		if m.psys != 0 && !m.domains.has(energy.PSys) {
			t.Errorf("%s: a psys unit without psys", m.name)
		}
		if m.dram != 0 && m.psys != 0 {
			t.Errorf("%s: no processor has both fixed units", m.name)
		}
	}
}

func FuzzDecodeUnits(f *testing.F) {
	for _, seed := range []uint64{0, 0xA0E03, 0xA1003, 0x505, 0xA0003, ^uint64(0)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, register uint64) {
		for _, style := range []unitStyle{unitsBinary, unitsAtom} {
			u, err := decodeUnits(register, style)
			if err != nil {
				continue
			}
			// 2^-31 J to 2^31 uJ = 2147 J.
			if !(u.joule >= math.Ldexp(1, -31) && u.joule <= 2148) || !(u.watt >= math.Ldexp(1, -15) && u.watt <= 32.769) {
				t.Fatalf("%#x: %+v", register, u)
			}
			// Only the documented bits count.
			if again, err := decodeUnits(register&0x1F0F|1<<63, style); err != nil || again != u {
				t.Fatalf("%#x: reserved bits change %+v to %+v (%v)", register, u, again, err)
			}
			if tdp, ok := decodeTDP(register, u.watt); ok && (tdp < minTDP || tdp > maxTDP) {
				t.Fatalf("%#x: TDP %v", register, tdp)
			}
		}
	})
}

func FuzzIdentify(f *testing.F) {
	f.Add("GenuineIntel", 6, 0x55)
	f.Add("AuthenticAMD", 0x19, 1)
	f.Add("", 0, 0)
	f.Fuzz(func(t *testing.T, vendor string, family, number int) {
		m, reason := identify(vendor, family, number)
		if (reason == "") != (m.regs != nil) {
			t.Fatalf("%q %d %d: %+v with reason %q", vendor, family, number, m, reason)
		}
		if m.regs == nil {
			return
		}
		u := units{joule: 1.0 / 65536, watt: 0.125}
		for d := energy.Domain(0); d < energy.NumDomains; d++ {
			if m.domains.has(d) && (m.regs.energy[d] == 0 || m.tick(d, u) <= 0) {
				t.Fatalf("%q %d %d: %v without a register or a tick", vendor, family, number, d)
			}
		}
	})
}
