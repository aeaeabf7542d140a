package topology

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	xeonInfo = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz\nstepping\t: 7\nmicrocode\t: 0x5003604\nphysical id\t: 1\ncore id\t\t: 3\nflags\t\t: fpu msr aperfmperf\n\nprocessor\t: 1\nvendor_id\t: other\n"
	rpiInfo  = "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\nBogoMIPS\t: 108.00\nFeatures\t: half thumb\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\nHardware\t: BCM2711\nRevision\t: c03114\n"
	bigInfo  = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd03\nCPU revision\t: 4\n\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd03\nCPU revision\t: 4\n\nprocessor\t: 4\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd09\nCPU revision\t: 2\n"
	newInfo  = "processor\t: 0\nCPU implementer\t: 0x77\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xabc\nCPU revision\t: 0\n"
	powInfo  = "processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: 3800.000000MHz\nrevision\t: 2.2 (pvr 004e 1202)\n\ntimebase\t: 512000000\nplatform\t: PowerNV\n"
	oldARM   = "Processor\t: ARMv6-compatible processor rev 7 (v6l)\nprocessor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU variant\t: 0x0\nCPU part\t: 0xb76\nCPU revision\t: 7\n"
)

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		what, text string
		want       Identity
	}{
		{"Xeon", xeonInfo, Identity{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 7, Variant: -1, Microcode: "0x5003604",
			Name: "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", Flags: []string{"fpu", "msr", "aperfmperf"}, x86: true}},
		{"Raspberry Pi", rpiInfo, Identity{Vendor: "ARM", Family: 7, Model: 0xd08, Stepping: 3, Name: "ARMv7 Processor rev 3 (v7l)", Flags: []string{"half", "thumb"}}},
		{"big.LITTLE", bigInfo, Identity{Vendor: "ARM", Family: 8, Model: 0xd03, Stepping: 4, Name: "Cortex-A53 + Cortex-A73", Flags: []string{}}},
		{"unknown ARM", newInfo, Identity{Vendor: "0x77", Family: 8, Model: 0xabc, Variant: 1, Name: "0x77 part 0xabc", Flags: []string{}}},
		{"POWER", powInfo, Identity{Family: -1, Model: -1, Stepping: -1, Variant: -1, Name: "POWER9, altivec supported"}},
		{"old ARM", oldARM, Identity{Vendor: "ARM", Family: 7, Model: 0xb76, Stepping: 7, Name: "ARM1176", Flags: []string{}}},
		{"numbers missing", "vendor_id: GenuineIntel\ncpu family: x\nmodel: -3\n", Identity{Vendor: "GenuineIntel", Family: -1, Model: -1, Stepping: -1, Variant: -1, Flags: []string{}, x86: true}},
		{"empty", "", unknownIdentity()},
		{"no colon", "hello\nworld\n", unknownIdentity()},
	} {
		blocks, err := parseCPUInfo(strings.NewReader(c.text), 0)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if diff := cmp.Diff(c.want, identify(blocks), cmp.AllowUnexported(Identity{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s:\n%s", c.what, diff)
		}
	}
}

func TestParseCPUInfoLimit(t *testing.T) {
	blocks, err := parseCPUInfo(strings.NewReader(xeonInfo), 1)
	if err != nil || len(blocks) != 1 || blocks[0]["physical id"] != "1" {
		t.Errorf("%v, %v", blocks, err)
	}
	if _, err := parseCPUInfo(strings.NewReader("flags: "+strings.Repeat("x", 1<<21)), 0); err == nil {
		t.Error("a line of 2 MiB was taken")
	}
}

func FuzzCPUInfo(f *testing.F) {
	for _, s := range []string{xeonInfo, rpiInfo, bigInfo, newInfo, powInfo, oldARM, "", ":", "\n\n\n", "cpu part: 1", "processor: 99999999999\n\nprocessor: -1\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		blocks, _ := parseCPUInfo(strings.NewReader(s), 0)
		id := identify(blocks)
		if id.Family < -1 || id.Model < -1 || id.Stepping < -1 || id.Variant < -1 {
			t.Errorf("%q: %+v", s, id)
		}
		var top Topology
		top.fromCPUInfo(blocks)
		checkInvariants(t, &top)
		// Reading less of a file never tells another first processor.
		if first, _ := parseCPUInfo(strings.NewReader(s), 1); len(first) > 0 && !cmp.Equal(first[0], blocks[0]) {
			t.Errorf("%q: first paragraph %v, or %v with a limit", s, blocks[0], first[0])
		}
	})
}

func TestParseModalias(t *testing.T) {
	for text, want := range map[string]Identity{
		"cpu:type:x86,ven0002fam0019mod0011:feature:,0000,0001,009F\n": {Vendor: "AuthenticAMD", Family: 25, Model: 17, Flags: []string{"hypervisor"}},
		"cpu:type:x86,ven0000fam0006mod0055:feature:,0000,009E,00A0\n": {Vendor: "GenuineIntel", Family: 6, Model: 85},
		"cpu:type:x86,ven0009fam0018mod0001:feature:,009F,00A0":        {Vendor: "HygonGenuine", Family: 24, Model: 1, Flags: []string{"hypervisor"}},
		"cpu:type:x86,ven00FFfam0006mod0001:feature:":                  {Vendor: "x86 vendor 255", Family: 6, Model: 1},
	} {
		want.Stepping, want.Variant, want.x86 = -1, -1, true
		got, ok := parseModalias(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Identity{})); !ok || diff != "" {
			t.Errorf("%q: %v\n%s", text, ok, diff)
		}
	}
	for _, text := range []string{"", "cpu:type:aarch64:feature:,0000", "cpu:type:x86,ven", "cpu:type:x86,venXXXXfam0006mod0055:", "cpu:type:x86,ven0000fam006mod00055:feature"} {
		if got, ok := parseModalias(text); ok {
			t.Errorf("%q became %+v", text, got)
		}
	}
}

func FuzzModalias(f *testing.F) {
	f.Add("cpu:type:x86,ven0002fam0019mod0011:feature:,0000,009F\n")
	f.Add("cpu:type:x86,ven0000fam0006mod005")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := parseModalias(s); ok && (id.Vendor == "" || id.Family < 0 || id.Model < 0) {
			t.Errorf("%q: %+v", s, id)
		}
	})
}
