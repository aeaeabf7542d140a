package model

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// microarchitecture says which names the parts of a family and model have, and
// which steppings: a row under the wrong number would speak for hosts whose
// names are masked.
type microarchitecture struct {
	what          string
	vendor        string
	family, model int
	names         string // of all its parts, a regular expression
	steppings     []int  // that its parts may have; none where any may be
}

// The numbers are those of the kernel's arch/x86/include/asm/intel-family.h and
// arch/x86/kernel/cpu/amd.c; the names those of the makers' lists by code name.
var microarchitectures = []microarchitecture{
	{"Westmere-EX", "intel", 6, 47, `Xeon E7-\d{4}`, []int{2}},
	{"Sandy Bridge-EP", "intel", 6, 45, `Xeon E5-\d{4}[LW]?`, []int{6, 7}},
	{"Sandy Bridge", "intel", 6, 42, `Core i[357]-2\d{3}K?`, []int{7}},
	{"Ivy Bridge-EP, EX", "intel", 6, 62, `Xeon E[57]-\d{4}[LW]? v2`, []int{4, 7}},
	{"Ivy Bridge", "intel", 6, 58, `Core i[357]-3\d{3}K?|Xeon E3-\d{4} v2`, []int{9}},
	{"Haswell-EP, EX", "intel", 6, 63, `Xeon E[57]-\d{4}[LW]? v3`, []int{0, 2, 4}},
	{"Haswell", "intel", 6, 60, `Core i[357]-4\d{3}K?|Xeon E3-\d{4} v3`, []int{3}},
	{"Broadwell-EP, EX", "intel", 6, 79, `Xeon E[57]-\d{4}[ALW]? v4`, []int{0, 1}},
	{"Broadwell-DE", "intel", 6, 86, `Xeon D-15\d{2}`, []int{2, 3}},
	{"Skylake", "intel", 6, 94, `Core i[357]-6\d{3}K?|Xeon E3-\d{4} v5`, []int{3}},
	{"Skylake, mobile", "intel", 6, 78, `Core i[57]-6\d{3}U`, []int{3}},
	{"Skylake-SP, Cascade Lake-SP", "intel", 6, 85, `Xeon (Platinum|Gold|Silver|Bronze) \d[12]\d{2}[A-Z]*|Xeon Platinum 92\d{2}|Xeon W-[23][12]\d{2}|Xeon D-21\d{2}[A-Z]*`, []int{3, 4, 5, 6, 7}},
	{"Ice Lake-SP", "intel", 6, 106, `Xeon (Platinum|Gold|Silver) \d3\d{2}[A-Z]?|Xeon W-33\d{2}`, []int{6}},
	{"Sapphire Rapids", "intel", 6, 143, `Xeon (Platinum|Gold|Silver|Bronze) \d4\d{2}[A-Z]?\+?|Xeon Max 94\d{2}|Xeon [Ww]\d?-[23]4\d{2}X?|Xeon (Silver|Bronze) (4510|4509Y|3508U)`, nil},
	{"Emerald Rapids", "intel", 6, 207, `Xeon (Platinum|Gold|Silver) \d5\d{2}[A-Z]?\+?`, nil},
	{"Granite Rapids", "intel", 6, 173, `Xeon 6[579]\d{2}P(-C)?`, nil},
	{"Sierra Forest", "intel", 6, 175, `Xeon 67\d{2}E`, nil},
	{"Kaby Lake, Coffee Lake", "intel", 6, 158, `Core i[3579]-[789]\d{3}[KFH]{0,2}|Xeon E3-\d{4} v6|Xeon E-2[12]\d{2}G?`, []int{9, 10, 11, 12, 13}},
	{"Kaby Lake to Comet Lake, mobile", "intel", 6, 142, `Core i[57]-(7|8|10)\d{3}U`, []int{9, 10, 12}},
	{"Comet Lake", "intel", 6, 165, `Core i[3579]-10\d{3}[KFH]{0,2}`, nil},
	{"Ice Lake, mobile", "intel", 6, 126, `Core i[357]-10\d{2}G\d`, []int{5}},
	{"Rocket Lake", "intel", 6, 167, `Core i[579]-11\d{3}[KF]{0,2}|Xeon E-23\d{2}G?`, []int{1}},
	{"Tiger Lake", "intel", 6, 140, `Core i[57]-11\d{2}G7`, []int{1}},
	{"Tiger Lake-H", "intel", 6, 141, `Core i[579]-11\d{3}H`, []int{1}},
	{"Alder Lake", "intel", 6, 151, `Core i[3579]-12\d{3}[KFS]{0,2}`, nil},
	{"Alder Lake, mobile", "intel", 6, 154, `Core i[57]-12\d{2,3}[HPU]`, []int{3, 4}},
	{"Alder Lake-N", "intel", 6, 190, `N\d{3}`, nil},
	{"Raptor Lake", "intel", 6, 183, `Core i[3579]-1[34]\d{3}[KFS]{0,2}|Xeon E-24\d{2}`, []int{1}},
	{"Raptor Lake with Alder Lake's dies", "intel", 6, 191, `Core i[35]-1[34]\d{3}F?`, nil},
	{"Raptor Lake, mobile", "intel", 6, 186, `Core i[57]-13\d{2,3}[HPU]`, []int{2, 3}},
	{"Meteor Lake", "intel", 6, 170, `Core Ultra [579] 1\d{2}[HU]`, nil},
	{"Lunar Lake", "intel", 6, 189, `Core Ultra [579] 2\d{2}V`, nil},
	{"Arrow Lake", "intel", 6, 198, `Core Ultra [579] 2\d{2}(K|KF|HX)?`, nil},
	{"Arrow Lake-H", "intel", 6, 197, `Core Ultra [579] 2\d{2}H`, nil},
	{"Jasper Lake", "intel", 6, 156, `Celeron N\d{4}`, nil},
	{"Gemini Lake", "intel", 6, 122, `Celeron J4\d{3}`, nil},

	{"Bulldozer", "amd", 21, 1, `Opteron 62\d{2}`, nil},
	{"Piledriver", "amd", 21, 2, `Opteron 63\d{2}`, nil},
	{"Naples, Summit Ridge", "amd", 23, 1, `EPYC 7\d{2}1P?|Ryzen \d 1\d{3}X?|Ryzen Threadripper 1\d{3}X`, []int{1, 2}},
	{"Pinnacle Ridge", "amd", 23, 8, `Ryzen \d 2\d{3}X?|Ryzen Threadripper 2\d{3}W?X`, []int{2}},
	{"Rome, Castle Peak", "amd", 23, 49, `EPYC 7[\dBFHKRV]\d2P?|Ryzen Threadripper (PRO )?3\d{3}W?X`, []int{0}},
	{"Renoir", "amd", 23, 96, `Ryzen \d 4\d{3}[HU]`, []int{1}},
	{"Lucienne", "amd", 23, 104, `Ryzen \d 5\d{3}U`, []int{1}},
	{"Matisse", "amd", 23, 113, `Ryzen \d 3\d{3}(X|XT)?`, []int{0}},
	{"Milan", "amd", 25, 1, `EPYC 7[\dBJKRTV][\dF]3[PX]?`, []int{1, 2}},
	{"Chagall", "amd", 25, 8, `Ryzen Threadripper PRO 5\d{3}WX`, nil},
	{"Vermeer", "amd", 25, 33, `Ryzen \d 5\d{3}(X|X3D)?`, nil},
	{"Cezanne", "amd", 25, 80, `Ryzen \d (PRO )?5\d{3}[GHU]?`, []int{0}},
	{"Rembrandt", "amd", 25, 68, `Ryzen \d 6\d{3}[HU]`, []int{1}},
	{"Phoenix", "amd", 25, 116, `Ryzen \d 7\d40(U|HS)`, []int{1}},
	{"Hawk Point", "amd", 25, 117, `Ryzen \d 8\d{3}(G|U|HS)`, nil},
	{"Genoa", "amd", 25, 17, `EPYC 9[\dBJRV]\d4[FPX]?|EPYC 9V33X`, []int{1, 2}},
	{"Storm Peak", "amd", 25, 24, `Ryzen Threadripper (PRO )?7\d{3}W?X`, nil},
	{"Bergamo, Siena", "amd", 25, 160, `EPYC 97\d4S?|EPYC 8\d{2}4PN?`, nil},
	{"Raphael", "amd", 25, 97, `EPYC 4\d{2}4PX?|Ryzen \d 7\d{3}(X|X3D|F)?`, []int{2}},
	{"Turin", "amd", 26, 2, `EPYC 9[\dBRV]\d5[FP]?`, nil},
	{"Shimada Peak", "amd", 26, 8, `Ryzen Threadripper (PRO )?9\d{3}W?X`, nil},
	{"Turin Dense", "amd", 26, 17, `EPYC 9[6-9]\d5`, nil},
	{"Strix Point", "amd", 26, 36, `Ryzen AI 9 (HX )?3\d{2}`, []int{0}},
	{"Granite Ridge", "amd", 26, 68, `EPYC 4\d{2}5PX?|Ryzen \d 9\d{3}(X|X3D)?`, nil},
	{"Strix Halo", "amd", 26, 112, `Ryzen AI Max\+ 3\d{2}`, nil},
}

// armParts are the MIDRs of Arm parts: the kernel's
// arch/arm64/include/asm/cputype.h, and the cores that their makers name.
var armParts = map[uint32][]string{
	0x410fd080: {"Graviton"},                              // Cortex-A72
	0x410fd0c0: {"Graviton2", "Altra Q*", "Altra Max M*"}, // Neoverse N1
	0x410fd400: {"Graviton3"},                             // Neoverse V1
	0x410fd4f0: {"Graviton4", "Axion", "Grace"},           // Neoverse V2
	0x410fd490: {"Yitian 710"},                            // Neoverse N2
	0x6d0fd490: {"Cobalt 100"},                            // Microsoft's own number for N2
	0xc00fac30: {"AmpereOne A*"},                          // Ampere-1
	0x430f0af0: {"ThunderX2 CN99*"},                       // ThunderX2
	0x480fd010: {"Kunpeng 920*"},                          // TSV110
}

// Each part has the number of its microarchitecture, and no part one that no
// microarchitecture has.
func TestEmbeddedMicroarchitectures(t *testing.T) {
	type number struct {
		vendor        string
		family, model int
	}
	known := map[number]microarchitecture{}
	for _, m := range microarchitectures {
		n := number{m.vendor, m.family, m.model}
		if _, twice := known[n]; twice {
			t.Fatalf("%s, family %d, model %d is there twice", m.vendor, m.family, m.model)
		}
		known[n] = m
	}
	used := map[number]bool{}
	cpus := Embedded().CPUs()
	for i := range cpus {
		c := &cpus[i]
		if c.MIDR != 0 {
			if !slices.ContainsFunc(armParts[c.MIDR], func(name string) bool {
				stem, open := strings.CutSuffix(name, "*")
				return c.Name == name || open && strings.HasPrefix(c.Name, stem)
			}) {
				t.Errorf("%s: MIDR %#x is not its", c.ID, c.MIDR)
			}
			continue
		}
		n := number{c.Vendor, c.Family, c.Model}
		m, ok := known[n]
		if !ok {
			t.Errorf("%s: family %d, model %d is no microarchitecture", c.ID, c.Family, c.Model)
			continue
		}
		used[n] = true
		if !regexp.MustCompile(`^(` + m.names + `)$`).MatchString(c.Name) {
			t.Errorf("%s: %q is no part of %s", c.ID, c.Name, m.what)
		}
		for _, s := range c.Steppings {
			if m.steppings != nil && !slices.Contains(m.steppings, s) {
				t.Errorf("%s: %s has no stepping %d", c.ID, m.what, s)
			}
		}
	}
	for n, m := range known {
		if !used[n] {
			t.Errorf("%s: no part has it", m.what)
		}
	}
	// The first two generations of Xeon Scalable share a number, and the
	// stepping alone tells them apart.
	for i := range cpus {
		c := &cpus[i]
		digits := regexp.MustCompile(`^Xeon (?:Platinum|Gold|Silver|Bronze) \d(\d)\d{2}`).FindStringSubmatch(c.Name)
		if c.Model != 85 || digits == nil {
			continue
		}
		if first := c.Steppings[0] < 5; first != (digits[1] == "1") {
			t.Errorf("%s: steppings %v", c.ID, c.Steppings)
		}
	}
}

// Each number of each row is one that a processor can have.
func TestEmbeddedNumbers(t *testing.T) {
	names := map[string]string{}
	cpus := Embedded().CPUs()
	for i := range cpus {
		c := &cpus[i]
		switch {
		case c.Threads == c.Cores, c.Threads == 2*c.Cores:
		case hybrid(c) && c.Cores < c.Threads && c.Threads < 2*c.Cores:
		case c.Name == "ThunderX2 CN9980" && c.Threads == 4*c.Cores: // SMT of four
		default:
			t.Errorf("%s: %d threads on %d cores", c.ID, c.Threads, c.Cores)
		}
		if !(3 <= c.TDP.Low && c.TDP.Low <= c.TDP.Nominal && c.TDP.Nominal <= c.TDP.High && c.TDP.High <= 1000) {
			t.Errorf("%s: TDP %v", c.ID, c.TDP)
		}
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			if other, twice := names[strings.ToLower(name)]; twice {
				t.Errorf("%s: %q is %s as well", c.ID, name, other)
			}
			names[strings.ToLower(name)] = c.ID
		}
	}
	servers := map[string]int{}
	for i := range cpus {
		if cpus[i].Server() {
			servers[cpus[i].Vendor]++
			servers["all"]++
		}
	}
	t.Logf("server parts: %v", servers)
	for vendor, least := range map[string]int{"all": 600, "intel": 400, "amd": 160, "ampere": 14, "aws": 4, "microsoft": 1, "google": 1} {
		if servers[vendor] < least {
			t.Errorf("%s: %d server parts, want %d at least", vendor, servers[vendor], least)
		}
	}
}

// bases are what a figure that no maker publishes may rest on.
var bases = regexp.MustCompile(`in [^;]*lists?\b|'s list|data set|product brief|product page|data sheet|documents|reviews|kin |between |\bas in\b|published estimates|reported about|at full load|vCPUs a socket as sold|not on ARK`)

// A row's source says where its figure can be found, and names no other part's
// page; a cloud's part names its cloud.
func TestEmbeddedSources(t *testing.T) {
	sellers := map[string]string{"AWS": "aws", "Azure": "azure", "Microsoft": "azure", "Google": "gcp", "Oracle": "oracle", "Alibaba": "alibaba", "Tencent": "tencent"}
	cpus := Embedded().CPUs()
	for i := range cpus {
		c := &cpus[i]
		page := c.Name
		switch {
		case c.Confidence != VendorData:
			if !bases.MatchString(c.Source) {
				t.Errorf("%s: source %q says not from what", c.ID, c.Source)
			}
			maker, _, _ := strings.Cut(c.Source, " ")
			if cloud := sellers[maker]; cloud != "" && !slices.Contains(c.Clouds, cloud) {
				t.Errorf("%s: it is %s's, and not sold by %s", c.ID, maker, cloud)
			}
			if strings.Contains(c.Source, " part, not on ") && len(c.Clouds) == 0 {
				t.Errorf("%s: a cloud's part names no cloud", c.ID)
			}
		case c.Vendor == "intel":
			if c.Source != "Intel ARK: "+page+" Processor page" && c.Source != "Intel ARK: "+strings.Replace(page, "Xeon ", "Xeon Processor ", 1)+" page" && c.Source != "Intel ARK: Processor "+page+" page" {
				t.Errorf("%s: source %q is another part's page", c.ID, c.Source)
			}
		case c.Source != "AMD product page: "+page:
			t.Errorf("%s: source %q is another part's page", c.ID, c.Source)
		}
	}
}

// A suffix makes another part: with a letter more or less a name finds the row
// that has exactly that name, or none.
func TestLookupKeepsSuffixes(t *testing.T) {
	own := map[string]string{}
	for _, c := range Embedded().CPUs() {
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			own[parseName(name).key] = c.ID
		}
	}
	tried := 0
	try := func(of, name string) {
		tried++
		found, ok := Embedded().Lookup(name)
		if want := own[parseName(name).key]; ok != (want != "") || ok && found.ID != want {
			t.Errorf("%q, made of %s, finds %v", name, of, found)
		}
	}
	for _, c := range Embedded().CPUs() {
		for _, suffix := range []string{"L", "M", "C", "CL", "P", "X", "+", "0"} {
			try(c.ID, c.Name+suffix)
		}
		if short := strings.TrimRight(c.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ+"); short != c.Name && strings.ContainsAny(short, "0123456789") {
			try(c.ID, short)
		}
		try(c.ID, c.Name[:len(c.Name)-1])
	}
	if tried < 9*len(own)/2 {
		t.Errorf("%d names tried of %d parts", tried, len(own))
	}
	for _, name := range []string{"Xeon Platinum 8275", "Xeon Platinum 8275C", "8275", "Xeon Platinum 8259", "Xeon Platinum 8488", "Xeon E5-2686", "EPYC 7R1", "Graviton5", "Altra Q80"} {
		if c, ok := Embedded().Lookup(name); ok {
			t.Errorf("%q finds %s", name, c.ID)
		}
	}
}
