package model

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
)

// sampleProfile is one of a host with two sockets of eight cores.
func sampleProfile() *Profile {
	linear := func(name string, values ...float64) Tier {
		t := Tier{Name: name, MaxBusy: 1, ErrorPct: 4, ErrorW: 1}
		names, _ := SocketUse{CPUs: 1}.Features(name)
		for i, v := range values {
			t.Coefficients = append(t.Coefficients, Coefficient{names[i], v, v * 0.9, v * 1.1})
			t.Covariance = append(t.Covariance, make([]float64, len(values)))
		}
		return t
	}
	return &Profile{
		Schema: ProfileSchema, Version: "devel", Kernel: "6.12", Governor: "performance", Source: "perf", TDPW: 150, LimitW: 150,
		CPU:  ProfileCPU{ModelName: "Example 9000", Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Microcode: "0x1", Sockets: 2, Cores: 16, Threads: 32},
		Idle: ProfileIdle{PowerW: 30, SpreadW: 0.4}, SMT: &ProfileSMT{1.2, 1.1, 1.3}, Grade: "A", Verdicts: []string{},
		Package: Fitted{Best: T2, Tiers: []Tier{
			{Name: T0, TDPW: 150, MaxBusy: 1, ErrorPct: 40},
			{Name: T1, Curve: []TierPoint{{0, 30}, {0.1, 60}, {0.5, 90}, {1, 140}}, MaxBusy: 1, ErrorPct: 8},
			linear(T2, 30, 2, 2.4, 1, 0.2, 20),
			linear(T3, 30, 1, 0.5, 20),
		}},
	}
}

func encoded(t testing.TB, p *Profile) []byte {
	t.Helper()
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestProfileRoundTrip(t *testing.T) {
	want := encoded(t, sampleProfile())
	p, err := ParseProfile(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, p); !bytes.Equal(got, want) {
		t.Errorf("got %s", got)
	}
}

// Whatever is wrong with a profile, the error names the field.
func TestHostileProfiles(t *testing.T) {
	edit := func(f func(*Profile)) string {
		p := sampleProfile()
		f(p)
		return string(encoded(t, p))
	}
	replaced := func(old, new string) string {
		s := string(encoded(t, sampleProfile()))
		if !strings.Contains(s, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.Replace(s, old, new, 1)
	}
	for _, c := range []struct{ name, content, want string }{
		{"empty", "", "line 1"},
		{"no JSON", "hello", "line 1"},
		{"truncated", replaced("\"grade\"", "")[:900], "line "},
		{"another document", `{"schema":"energyprobe.run/v1"}`, "schema: \"energyprobe.run/v1\""},
		{"a future one", replaced("profile/v1", "profile/v2"), "later version"},
		{"two in one", string(encoded(t, sampleProfile())) + "{}", "after top-level value"},
		{"NaN", replaced(`"tdp_w": 150`, `"tdp_w": NaN`), "line 19, at tdp_w: "},
		{"NaN in a list", replaced(`"busy": 0.1`, `"busy": NaN`), ", at package.tiers[1].curve[1].busy: "},
		{"infinity in words", replaced(`"limit_w": 150`, `"limit_w": Infinity`), ", at limit_w: "},
		{"a hexadecimal number", replaced(`"limit_w": 150`, `"limit_w": 0x96`), ", at limit_w: "},
		{"a number beyond reason", replaced(`"limit_w": 150`, `"limit_w": 1e300`), "limit_w: 1e+300 is more than any host has"},
		{"a coefficient beyond reason", replaced(`"high": 33`, `"high": 1e308`), "package.tiers[2].coefficients[0].high: 1e+308 is more"},
		{"a seed as large as they come", replaced(`"seed": 0`, `"seed": 9223372036854775807,"x":NaN`), ", at x: "},
		{"a field twice", replaced(`"tdp_w": 150`, `"tdp_w": 150, "tdp_w": 15`), "tdp_w: it is there twice"},
		{"a field twice in other letters", replaced(`"tdp_w": 150`, `"tdp_w": 150, "TDP_W": 15`), "TDP_W: it is there twice"},
		{"a field twice, deep down", replaced(`"power_w": 60`, `"power_w": 60, "power_w": 6`), "package.tiers[1].curve[1].power_w: it is there twice"},
		{"nested deeply", replaced(`"verdicts": []`, `"verdicts": `+strings.Repeat("[", 100000)+strings.Repeat("]", 100000)), "verdicts" + strings.Repeat("[0]", maxNesting-1) + ": it is nested deeper than 32 levels"},
		{"nested deeply in a field of no profile", replaced(`"seed": 0`, `"seed": 0,"x":`+strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40)), "it is nested deeper than 32 levels"},
		{"a huge list", replaced(`"verdicts": []`, `"verdicts": [`+strings.Repeat(`"a",`, 300000)+`"a"]`), "larger than 1048576 bytes"},
		{"tiers without end", replaced(`"name": "T0"`, `"name": "T0"},`+strings.Repeat("{},", 100000)+`{"name": "T0"`), `package.tiers[0].tdp_w: 0: want a number above 0`},
		{"a list for an object", replaced(`"idle": {`, `"idle": [], "was": {`), "idle: want an object, got an array"},
		{"a list of documents", "[" + string(encoded(t, sampleProfile())) + "]", "it is no host profile: want an object, got an array"},
		{"null", "null", `schema: "", want`},
		{"UTF-16", "\xff\xfe{\x00}\x00", "line 1"},
		{"zero bytes", strings.Repeat("\x00", 4096), "line 1"},
		{"negative TDP", edit(func(p *Profile) { p.TDPW = -150 }), "tdp_w: -150: want a number above 0"},
		{"negative limit", edit(func(p *Profile) { p.LimitW = -1 }), "limit_w: -1 is negative"},
		{"negative spread", edit(func(p *Profile) { p.Idle.SpreadW = -1 }), "idle.spread_w: -1 is negative"},
		{"negative family", edit(func(p *Profile) { p.CPU.Family = -6 }), "cpu.family: -6 is negative"},
		{"no sockets", edit(func(p *Profile) { p.CPU.Sockets = 0 }), "cpu.sockets: 0: want a number above 0"},
		{"half a core", replaced(`"cores": 16`, `"cores": 15.5`), "cpu.cores: want a whole number, got a number 15.5"},
		{"negative error", edit(func(p *Profile) { p.Package.Tiers[0].ErrorPct = -1 }), "package.tiers[0].error_pct: -1 is negative"},
		{"utilisation beyond 1", edit(func(p *Profile) { p.Package.Tiers[1].Curve[3].Busy = 1.5 }), "package.tiers[1].curve: utilisation 1.5"},
		{"no schema", replaced(`"schema"`, `"scheme"`), `schema: "", want`},
		{"infinite", replaced(`"tdp_w": 150`, `"tdp_w": 1e999`), "tdp_w"},
		{"a text for a number", replaced(`"limit_w": 150`, `"limit_w": "150"`), "limit_w: want a number, got a string"},
		{"no TDP", edit(func(p *Profile) { p.TDPW = 0 }), "tdp_w: 0: want a number above 0"},
		{"negative idle", edit(func(p *Profile) { p.Idle.PowerW = -3 }), "idle.power_w: -3 is negative"},
		{"negative watts", edit(func(p *Profile) { p.Package.Tiers[1].Curve[0].PowerW = -1 }), "package.tiers[1].curve"},
		{"a curve that falls", edit(func(p *Profile) { p.Package.Tiers[1].Curve[2].PowerW = 50 }), "package.tiers[1].curve"},
		{"a curve of one point", edit(func(p *Profile) { p.Package.Tiers[1].Curve = p.Package.Tiers[1].Curve[:1] }), "at least two points"},
		{"a negative coefficient", edit(func(p *Profile) { p.Package.Tiers[2].Coefficients[1].Value = -1 }), "package.tiers[2].coefficients[1].value"},
		{"an interval elsewhere", edit(func(p *Profile) { p.Package.Tiers[2].Coefficients[1].Low = 99 }), "package.tiers[2].coefficients[1]: 2 lies outside"},
		{"a coefficient too few", edit(func(p *Profile) { p.Package.Tiers[2].Coefficients = p.Package.Tiers[2].Coefficients[:2] }), "there are 2, want 6"},
		{"coefficients in disorder", edit(func(p *Profile) { p.Package.Tiers[2].Coefficients[0].Name = "core" }), `coefficients[0].name: "core", want "idle"`},
		{"a covariance of another size", edit(func(p *Profile) { p.Package.Tiers[2].Covariance = p.Package.Tiers[2].Covariance[:3] }), "covariance: it has 3 rows"},
		{"a tier twice", edit(func(p *Profile) { p.Package.Tiers[3] = p.Package.Tiers[2] }), "T2 is there twice"},
		{"a tier of another kind", edit(func(p *Profile) { p.Package.Tiers[0].Name = "T9" }), `"T9" is no tier`},
		{"no best", edit(func(p *Profile) { p.Package.Best = "T7" }), `package.best: there is no tier "T7"`},
		{"no grade", edit(func(p *Profile) { p.Grade = "A+" }), `grade: "A+"`},
		{"a failure that nobody forced", edit(func(p *Profile) { p.Grade, p.Forced = "FAIL", false }), "grade: FAIL, and forced is false"},
		{"no processor", edit(func(p *Profile) { p.CPU = ProfileCPU{Sockets: 1, Cores: 1, Threads: 1} }), "cpu: it does not say"},
		{"more cores than threads", edit(func(p *Profile) { p.CPU.Cores = 64 }), "cpu: 32 threads on 64 cores"},
		{"busier than wholly", edit(func(p *Profile) { p.Package.Tiers[1].MaxBusy = 7 }), "package.tiers[1].max_busy: "},
		{"a range of no load", edit(func(p *Profile) { p.Package.Tiers[2].MinBusy, p.Package.Tiers[2].MaxBusy = 0.8, 0.2 }), "package.tiers[2].max_busy: 0.8 to 0.2"},
		{"a negative error of a part", edit(func(p *Profile) { p.Package.Tiers[1].Errors = []TierError{{0, -4}} }), "package.tiers[1].errors[0].error_pct: -4 is negative"},
		{"errors that begin late", edit(func(p *Profile) { p.Package.Tiers[1].Errors = []TierError{{0.4, 4}} }), "package.tiers[1].errors[0].from_busy: 0.4: want"},
		{"errors in disorder", edit(func(p *Profile) { p.Package.Tiers[1].Errors = []TierError{{0, 9}, {0.9, 4}, {0.4, 5}} }), "package.tiers[1].errors[2].from_busy: 0.4: want"},
		{"errors beyond full load", edit(func(p *Profile) { p.Package.Tiers[1].Errors = []TierError{{0, 9}, {1.5, 4}} }), "package.tiers[1].errors[1].from_busy: 1.5: want"},
		{"a negative variance", edit(func(p *Profile) { p.Package.Tiers[2].Covariance[1][1] = -5 }), "package.tiers[2].covariance[1][1]: -5: no variance is negative"},
		{"a socket like a house", edit(func(p *Profile) { p.TDPW = 2500 }), "tdp_w: 2500 is more than any processor has"},
		{"orders to the terminal", edit(func(p *Profile) { p.CPU.ModelName = "Intel\x1b[31m" }), `cpu.model_name: "Intel\x1b[31m" has characters`},
		{"a verdict of two lines", edit(func(p *Profile) { p.Verdicts = []string{"idle", "a\nb"} }), "verdicts: "},
		{"rho", edit(func(p *Profile) { p.SMT.Rho = 5 }), "smt: "},
		{"bad memory", edit(func(p *Profile) { p.DRAM = &Fitted{Best: T1} }), `dram.best: there is no tier "T1"`},
	} {
		_, err := ParseProfile(strings.NewReader(c.content))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// endless is a document that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func TestHugeProfile(t *testing.T) {
	e := &endless{}
	if _, err := ParseProfile(e); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("error %v", err)
	}
	if e.read > 4*maxProfile {
		t.Errorf("%d bytes were read of it", e.read)
	}
}

func TestReadProfileNamesTheFile(t *testing.T) {
	if _, err := ReadProfile("no-such.json"); err == nil || !strings.Contains(err.Error(), "no-such.json") || !strings.Contains(err.Error(), "energyprobe calibrate") {
		t.Errorf("error %v", err)
	}
}

func TestProfileSuits(t *testing.T) {
	p := sampleProfile()
	if w, err := p.Suits(p.CPU, p.Governor); err != nil || len(w) > 0 {
		t.Errorf("its own host: %v, %v", w, err)
	}
	for _, c := range []struct {
		name     string
		change   func(*ProfileCPU)
		governor string
		refused  bool
		warnings int
	}{
		{name: "model name", change: func(c *ProfileCPU) { c.ModelName = "Example 9001" }, refused: true},
		{name: "vendor", change: func(c *ProfileCPU) { c.Vendor = "AuthenticAMD" }, refused: true},
		{name: "model", change: func(c *ProfileCPU) { c.Model = 86 }, refused: true},
		{name: "stepping", change: func(c *ProfileCPU) { c.Stepping = 7 }, warnings: 1},
		{name: "microcode", change: func(c *ProfileCPU) { c.Microcode = "0x2" }, warnings: 1},
		{name: "governor", governor: "powersave", warnings: 1},
		{name: "sockets", change: func(c *ProfileCPU) { c.Sockets = 1 }},
	} {
		cpu, governor := p.CPU, p.Governor
		if c.change != nil {
			c.change(&cpu)
		}
		if c.governor != "" {
			governor = c.governor
		}
		if w, err := p.Suits(cpu, governor); (err != nil) != c.refused || len(w) != c.warnings {
			t.Errorf("%s: warnings %v, error %v", c.name, w, err)
		}
	}
}

// The tiers' power, worked out by hand.
func TestTierPower(t *testing.T) {
	p := sampleProfile()
	// 16 CPUs, half of them at work: four cores with one thread and two with
	// both, at 3 GHz, 24 gigacycles and 36 gigainstructions a second.
	s := SocketUse{CPUs: 16, Busy: 8, Awake: 1, OneThread: 4, BothThreads: 2, Hz: 3e9, Cycles: 24e9, Instructions: 36e9}
	for name, want := range map[string]float64{
		T0: 150 * 0.5,
		T1: 90,
		T2: 30 + 2*4 + 2.4*2 + 1*6*3 + 0.2*6*27 + 20,
		T3: 30 + 1*24 + 0.5*36 + 20,
	} {
		got, err := p.Package.tier(name).Power(s)
		if err != nil || math.Abs(got.Nominal-want) > 1e-9 || got.Extrapolated {
			t.Errorf("%s: %+v, %v; want %g W", name, got, err, want)
		}
		if !(got.Low < got.Nominal && got.Nominal < got.High) {
			t.Errorf("%s: %+v has no width", name, got)
		}
	}
	idle, err := p.Package.tier(T2).Power(SocketUse{CPUs: 16, Hz: math.NaN(), Cycles: math.NaN(), Instructions: math.NaN()})
	if err != nil || idle.Nominal != 30 {
		t.Errorf("an idle socket whose clock is not known: %+v, %v; want 30 W", idle, err)
	}
}

// Where a feature of the chosen tier is not known, the surest of those that can
// speak stands in for it.
func TestAnotherTierStandsIn(t *testing.T) {
	unknown := math.NaN()
	for name, c := range map[string]struct {
		best                         string
		oneThread, hz, cycles, instr float64
		want                         string
	}{
		"all is known":              {T2, 8, 3e9, 2e10, 2e10, T2},
		"no counters of cycles":     {T3, 8, 3e9, unknown, unknown, T2},
		"nor a clock":               {T3, 8, unknown, unknown, unknown, T1},
		"threads of unknown cores":  {T2, unknown, 3e9, 2e10, 2e10, T3},
		"nor counters of cycles":    {T2, unknown, 3e9, unknown, unknown, T1},
		"the simplest was the best": {T1, unknown, unknown, unknown, unknown, T1},
	} {
		p := sampleProfile()
		p.Package.Best = c.best
		use := SocketUse{CPUs: 16, Busy: 8, Awake: 1, OneThread: c.oneThread, BothThreads: c.oneThread - 8, Hz: c.hz, Cycles: c.cycles, Instructions: c.instr}
		if _, got, err := p.Package.Power([]SocketUse{use, use}); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
	p := sampleProfile()
	p.Package.Best = T3
	if _, _, err := p.Package.Power([]SocketUse{{}}); err == nil || !strings.Contains(err.Error(), "T3: ") {
		t.Errorf("nothing known: %v", err)
	}
}

// What was never seen is said to be extrapolated.
func TestExtrapolation(t *testing.T) {
	tier := Tier{Name: T1, Curve: []TierPoint{{0, 30}, {1, 100}}, MinBusy: 0.2, MaxBusy: 0.6}
	for busy, want := range map[float64]bool{0.1: true, 0.3: false, 0.6: false, 0.9: true} {
		if p, err := tier.Power(SocketUse{CPUs: 10, Busy: 10 * busy}); err != nil || p.Extrapolated != want {
			t.Errorf("%g: %+v, %v", busy, p, err)
		}
	}
}

// No document makes the parser panic, and what it takes can be computed with.
func FuzzParseProfile(f *testing.F) {
	data, err := json.Marshal(sampleProfile())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema":"energyprobe.profile/v1"}`))
	for _, spoil := range [][2]string{
		{`"tdp_w":150`, `"tdp_w":1e9`}, {`"tdp_w":150`, `"tdp_w":150,"Tdp_W":1`}, {`"busy":0.1`, `"busy":1e-300`},
		{`"max_busy":1`, `"max_busy":0`}, {`"verdicts":[]`, `"verdicts":[[[[[]]]]]`}, {`"dram":null`, `"dram":{"best":"T0","tiers":[{"name":"T0","tdp_w":5}]}`},
	} {
		f.Add(bytes.Replace(data, []byte(spoil[0]), []byte(spoil[1]), 1))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProfile(io.Reader(bytes.NewReader(data)))
		if err != nil {
			return
		}
		use := SocketUse{CPUs: 8, Busy: 4, Awake: 1, OneThread: 4, Hz: 2e9, Cycles: 8e9, Instructions: 8e9}
		got, name, err := p.Package.Power([]SocketUse{use})
		if err == nil && (!got.finite() || got.Low > got.High || name == "") {
			t.Errorf("%s: %+v", name, got)
		}
	})
}
