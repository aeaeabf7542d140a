package model

import (
	"slices"
	"strings"
	"testing"
)

func TestEmbeddedRows(t *testing.T) {
	vendors := []string{"intel", "amd", "ampere", "aws", "google", "microsoft", "nvidia", "alibaba", "marvell", "hisilicon"}
	clouds := []string{"aws", "azure", "gcp", "oracle", "alibaba", "tencent"}
	cpus := Embedded().CPUs()
	servers := 0
	for i := range cpus {
		c := &cpus[i]
		fail := func(format string, args ...any) {
			t.Helper()
			t.Errorf(c.ID+": "+format, args...)
		}
		if !slices.Contains(vendors, c.Vendor) {
			fail("vendor %q is not known", c.Vendor)
		}
		if !strings.HasPrefix(c.ID, c.Vendor+"-") || strings.ToLower(c.ID) != c.ID || strings.ContainsAny(c.ID, " +_") {
			fail("is not vendor-name in lower case")
		}
		if err := c.TDP.check("tdp"); err != nil {
			fail("%v", err)
		}
		if w := c.TDP.Nominal / float64(c.Threads); w < 0.5 || w > 25 {
			fail("%.1f W per thread is not believable", w)
		}
		if n := c.Threads / c.Cores; c.Threads%c.Cores != 0 && c.Family == 6 && !hybrid(c) || n > 4 {
			fail("%d threads on %d cores", c.Threads, c.Cores)
		}
		if c.BaseGHz != 0 && (c.BaseGHz < 1 || c.BaseGHz > 5) {
			fail("base clock %g GHz", c.BaseGHz)
		}
		for _, cloud := range c.Clouds {
			if !slices.Contains(clouds, cloud) {
				fail("cloud %q is not known", cloud)
			}
		}
		switch c.Confidence {
		case VendorData:
			if !strings.HasPrefix(c.Source, "Intel ARK: ") && !strings.HasPrefix(c.Source, "AMD product page: ") {
				fail("source %q is no vendor's", c.Source)
			}
		default:
			// The column says how sure it is; the source says from what.
			if strings.HasPrefix(c.Source, string(DerivedData)) || strings.HasPrefix(c.Source, string(EstimatedData)) {
				fail("source %q begins with a confidence", c.Source)
			}
		}
		if c.Confidence == EstimatedData && c.TDP.Low == c.TDP.High {
			fail("is a guess without a range")
		}
		if found, ok := Embedded().Lookup(c.Name); !ok || found.ID != c.ID {
			fail("is not found under its own name %q", c.Name)
		}
		if parseName(c.Name).masked && c.MIDR == 0 {
			fail("name %q looks like a masked one", c.Name)
		}
		if c.Server() {
			servers++
		}
	}
	if servers < 300 {
		t.Errorf("%d server parts, want 300 at least", servers)
	}
}

// family is the kind of part that a row is of.
func family(c *CPU) string {
	for _, f := range []struct{ name, prefix string }{
		{"Xeon E5", "Xeon E5-"}, {"Xeon E7", "Xeon E7-"}, {"Xeon E3, E, D", "Xeon E"}, {"Xeon E3, E, D", "Xeon D"},
		{"Xeon W", "Xeon W"}, {"Xeon W", "Xeon w"}, {"Xeon Max", "Xeon Max"}, {"Xeon 6", "Xeon 6"}, {"Xeon Scalable", "Xeon "},
		{"EPYC 4004, 4005", "EPYC 4"}, {"EPYC 8004", "EPYC 8"}, {"Opteron", "Opteron"}, {"Threadripper", "Ryzen Threadripper"}, {"Ryzen", "Ryzen "},
		{"AmpereOne", "AmpereOne"}, {"Altra", "Altra"}, {"Graviton", "Graviton"}, {"Core Ultra", "Core Ultra"}, {"Core", "Core "},
	} {
		if strings.HasPrefix(c.Name, f.prefix) {
			return f.name
		}
	}
	if strings.HasPrefix(c.Name, "EPYC ") {
		switch {
		case c.Family == 23 && c.Model == 1:
			return "EPYC 7001"
		case c.Family == 23:
			return "EPYC 7002"
		case c.Family == 25 && c.Model == 1:
			return "EPYC 7003"
		case c.Family == 25:
			return "EPYC 9004"
		}
		return "EPYC 9005"
	}
	if c.MIDR != 0 {
		return "other Arm servers"
	}
	return "others"
}

// The families that hosts commonly run on are there, and the parts that clouds
// have made for them.
func TestEmbeddedFamilies(t *testing.T) {
	count, clouds := map[string]int{}, map[string]int{}
	cpus := Embedded().CPUs()
	for i := range cpus {
		c := &cpus[i]
		count[family(c)]++
		for _, cloud := range c.Clouds {
			clouds[cloud]++
		}
		if c.Cores > c.Threads || c.Threads > 2*c.Cores && c.Name != "ThunderX2 CN9980" { // four threads a core
			t.Errorf("%s: %d threads on %d cores", c.ID, c.Threads, c.Cores)
		}
	}
	for name, least := range map[string]int{
		"Xeon E5": 90, "Xeon E7": 20, "Xeon Scalable": 190, "Xeon Max": 5, "Xeon 6": 40, "Xeon W": 20, "Xeon E3, E, D": 50,
		"EPYC 7001": 12, "EPYC 7002": 25, "EPYC 7003": 30, "EPYC 9004": 25, "EPYC 9005": 25, "EPYC 8004": 12, "EPYC 4004, 4005": 12,
		"Altra": 10, "AmpereOne": 1, "Graviton": 4, "other Arm servers": 5,
		"Core": 90, "Core Ultra": 20, "Ryzen": 60, "Threadripper": 18,
	} {
		if count[name] < least {
			t.Errorf("%s: %d parts, want %d at least", name, count[name], least)
		}
	}
	for cloud, least := range map[string]int{"aws": 25, "azure": 15, "gcp": 8, "oracle": 2, "alibaba": 5, "tencent": 3} {
		if clouds[cloud] < least {
			t.Errorf("%s: %d parts, want %d at least", cloud, clouds[cloud], least)
		}
	}
	t.Logf("%d parts: %v, %v", len(cpus), count, clouds)
}

// hybrid parts have cores with and without a second thread.
func hybrid(c *CPU) bool { return strings.HasPrefix(c.Name, "Core ") && c.Model >= 151 }

// The facts the estimates of cloud functions rest on.
func TestEmbeddedFacts(t *testing.T) {
	for name, want := range map[string]Range{
		"Xeon Platinum 8259CL": {200, 210, 225},
		"Xeon Platinum 8275CL": {225, 240, 310},
		"Xeon Platinum 8375C":  {270, 300, 300},
		"Xeon E5-2686v4":       {145, 145, 145},
		"EPYC 7502":            {165, 180, 200},
		"EPYC 7763":            {225, 280, 280},
		"EPYC 9654":            {320, 360, 400},
		"EPYC 7571":            {120, 180, 200},
		"AWS Graviton2":        {80, 110, 150},
		"Altra Q80-30":         {161, 161, 210},
	} {
		c, ok := Embedded().Lookup(name)
		if !ok {
			t.Errorf("%s is not in the table", name)
		} else if c.TDP != want {
			t.Errorf("%s: TDP %v, want %v", name, c.TDP, want)
		}
	}
}

// The segments stand in where the table has no row, so they must describe
// the rows it has.
func TestSegmentsCoverTable(t *testing.T) {
	perThread, tdp, all := map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range Embedded().CPUs() {
		s := serverX86
		if c.MIDR != 0 {
			s = serverArm
		} else if !c.Server() {
			s = client
		}
		all[s.name]++
		if w := c.TDP.Nominal / float64(c.Threads); w >= s.perThread.Low && w <= s.perThread.High {
			perThread[s.name]++
		}
		if w := c.TDP.Nominal; w >= s.tdp.Low && w <= s.tdp.High {
			tdp[s.name]++
		}
	}
	for name, n := range all {
		if got := 100 * min(perThread[name], tdp[name]) / n; got < 90 {
			t.Errorf("%s: a bound holds %d %% of %d rows only, want 90", name, got, n)
		}
	}
}

const header = "id,vendor,name,aliases,family,model,stepping,midr,base_ghz,cores,threads,tdp_w,tdp_low,tdp_high,cloud,confidence,source\n"

func TestParseTableRefuses(t *testing.T) {
	const good = "a-x1,a,X1,Y1|Z1,6,85,5 7,,2.5,2,4,100,90,110,aws gcp,vendor,here\n"
	table, err := ParseTable(strings.NewReader(header + "# comment\n" + good))
	if err != nil {
		t.Fatal(err)
	}
	c := table.CPUs()[0]
	if c.TDP != (Range{90, 100, 110}) || len(c.Aliases) != 2 || len(c.Steppings) != 2 || len(c.Clouds) != 2 || c.BaseGHz != 2.5 {
		t.Errorf("parsed %+v", c)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"empty":           {"", "header"},
		"other header":    {"id,name\n", "header"},
		"short row":       {header + "a,b\n", "fields"},
		"twice":           {header + good + strings.Replace(good, "X1,Y1|Z1", "X2,", 1), "id: a-x1"},
		"name twice":      {header + good + strings.Replace(good, "a-x1", "a-x2", 1), "name:"},
		"name says none":  {header + strings.Replace(good, "X1", "CPU", 1), "name:"},
		"low above tdp":   {header + strings.Replace(good, "100,90", "100,101", 1), "tdp_low"},
		"high below tdp":  {header + strings.Replace(good, "90,110", "90,99", 1), "tdp_high"},
		"NaN":             {header + strings.Replace(good, "100,90", "NaN,90", 1), "tdp_w"},
		"no watts":        {header + strings.Replace(good, "100,90", ",90", 1), "tdp_w"},
		"threads < cores": {header + strings.Replace(good, ",2,4,", ",4,2,", 1), "threads"},
		"no cores":        {header + strings.Replace(good, ",2,4,", ",0,4,", 1), "cores"},
		"stepping":        {header + strings.Replace(good, "5 7", "5 x", 1), "stepping"},
		"confidence":      {header + strings.Replace(good, "vendor", "sure", 1), "confidence"},
		"no source":       {header + strings.Replace(good, "here", "", 1), "source"},
		"no identity":     {header + strings.Replace(good, "6,85,5 7", ",,", 1), "family"},
		"both identities": {header + strings.Replace(good, "5 7,,", "5 7,0x410fd0c0,", 1), "family"},
		"midr revision":   {header + strings.Replace(good, "6,85,5 7,", ",,,0x413fd0c1", 1), "midr"},
	} {
		_, err := ParseTable(strings.NewReader(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, tc.want)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add(header + "a-x1,a,X1,Y1,6,85,5 7,,2.5,2,4,100,90,110,aws,vendor,here\n")
	f.Add(header + "a,b,c,,,,,0x410fd0c0,,1,1,1,,,,estimate,\"x, y\"\n")
	f.Add(embedded[:2000])
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ParseTable(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, c := range table.CPUs() {
			if c.TDP.check("tdp") != nil || c.Cores < 1 || c.Threads < c.Cores || c.ID == "" || c.Source == "" {
				t.Errorf("accepted %+v", c)
			}
			if found, ok := table.Lookup(c.Name); !ok || found.ID != c.ID {
				t.Errorf("%q is not found", c.Name)
			}
		}
	})
}

func BenchmarkParseTable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTable(strings.NewReader(embedded)); err != nil {
			b.Fatal(err)
		}
	}
}
