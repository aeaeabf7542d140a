package price_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/price"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// repeat is n invocations of the same duration.
func repeat(n int, s float64) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// The examples that AWS publishes, worked by hand.
func TestPublishedExamples(t *testing.T) {
	l := price.Lambda()
	for _, c := range []struct {
		name                         string
		arch                         string
		memoryMB, n                  int
		durationS, usedGBS           float64
		gbs, compute, requests, cent float64
	}{
		// The pricing page's mobile application: 3 million requests of 120 ms with
		// 1536 MB are 540,000 GB-s. Beyond the free 400,000 there are 140,000, at
		// .0000166667: $2.33; and $0.60 for all requests. All of them: $9.00.
		{"mobile application", "x86_64", 1536, 3_000_000, 0.120, 0, 540_000, 9.000018, 0.60, 9.60},
		// 17.5 ms are billed as 18: 144,000 GB-s.
		{"one million of 8192 MB for 17.5 ms", "x86_64", 8192, 1_000_000, 0.0175, 0, 144_000, 144_000 * .0000166667, 0.20, 2.60},
		// 200,000 GB-s at a fifth less than x86 asks.
		{"Arm", "aarch64", 1024, 1_000_000, 0.200, 0, 200_000, 200_000 * .0000133334, 0.20, 2.87},
	} {
		got, err := l.Cost(c.arch, c.memoryMB, repeat(c.n, c.durationS), c.usedGBS)
		if err != nil {
			t.Fatal(err)
		}
		if !near(got.BilledGBS, c.gbs) || !near(got.Compute, c.compute) || !near(got.Requests, c.requests) ||
			!near(got.Total, got.Compute+got.Requests) || math.Abs(got.Total-c.cent) > 0.005 {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// AWS introduced the tiers with this example: 75 million invocations a month of
// 60 s with 2 GB are 9 billion GB-s. That was $150,000 and became $145,000 for
// compute, since 3 billion of them cost a tenth less.
func TestTiersOfTheAnnouncement(t *testing.T) {
	l := price.Lambda()
	// A month is too much for one list of durations: its last invocation, and
	// the sum over parts, say the same.
	const part = 75_000
	var sum, used float64
	for range 1000 {
		c, err := l.Cost("x86_64", 2048, repeat(part, 60), used)
		if err != nil {
			t.Fatal(err)
		}
		sum += c.Compute
		used += c.BilledGBS
	}
	if used != 9e9 {
		t.Errorf("%g GB-s", used)
	}
	if want := 6e9*.0000166667 + 3e9*.0000150000; !near(sum, want) || math.Abs(sum-145_000) > 1 {
		t.Errorf("$%.2f, want %.2f", sum, want)
	}
}

func TestTiersByHand(t *testing.T) {
	l := price.Lambda()
	for _, c := range []struct {
		arch          string
		used, compute float64 // of 1000 GB-s more
	}{
		{"x86_64", 0, 1000 * .0000166667},
		{"x86_64", 6e9 - 400, 400*.0000166667 + 600*.000015},
		{"x86_64", 6e9, 1000 * .000015},
		{"x86_64", 15e9 - 1, .000015 + 999*.0000133334},
		{"x86_64", 1e12, 1000 * .0000133334},
		{"aarch64", 7.5e9 - 500, 500*.0000133334 + 500*.0000120001},
		{"aarch64", 18.75e9 - 250, 250*.0000120001 + 750*.0000106667},
		{"aarch64", 18.75e9, 1000 * .0000106667},
	} {
		got, err := l.Cost(c.arch, 1024, []float64{1000}, c.used)
		if err != nil || !near(got.Compute, c.compute) {
			t.Errorf("%s after %g: %g, want %g (%v)", c.arch, c.used, got.Compute, c.compute, err)
		}
	}
}

func TestRoundsUp(t *testing.T) {
	l := price.Lambda()
	for in, want := range map[float64]float64{
		0: 0.001, 0.0001: 0.001, 0.001: 0.001, 0.0010001: 0.002, 0.12: 0.12, 0.003: 0.003, 0.29: 0.29, 12.0600001: 12.061,
		12.06: 12.06, 1e-9: 0.001, 900: 900, 0.0175: 0.018, 71.9027: 71.903,
	} {
		if got := l.Billed(in); got != want {
			t.Errorf("%v s are billed as %v, want %v", in, got, want)
		}
	}
	free := &price.List{Compute: map[string][]price.Tier{"x86_64": {{GBS: 1, UpTo: math.Inf(1)}}}}
	if c, err := free.Cost("x86_64", 2048, []float64{0.1, 0.25}, 0); err != nil || c.BilledS != 0.35 || c.Compute != 0.7 {
		t.Errorf("without a step: %+v, %v", c, err)
	}
}

// Every millisecond of an hour is billed as itself, and a hair more as the next.
func TestWholeMillisecondsStay(t *testing.T) {
	l := price.Lambda()
	for ms := 1; ms <= 3_600_000; ms += 7 {
		s := float64(ms) / 1000
		if got := l.Billed(s); got != s {
			t.Fatalf("%d ms are billed as %v s", ms, got)
		}
		if got, want := l.Billed(s+1e-7), float64(ms+1)/1000; got != want {
			t.Fatalf("%d ms and a hair are billed as %v s", ms, got)
		}
	}
}

func TestCostRefuses(t *testing.T) {
	l := price.Lambda()
	for _, c := range []struct {
		arch string
		mem  int
		s    float64
		used float64
		want string
	}{
		{"riscv64", 512, 1, 0, "no price for riscv64, only for aarch64, x86_64"},
		{"x86_64", 0, 1, 0, "memory: 0 MB"},
		{"x86_64", 512, -1, 0, "duration 0: -1 s"},
		{"x86_64", 512, math.NaN(), 0, "duration 0: NaN s"},
		{"x86_64", 512, math.Inf(1), 0, "duration 0"},
		{"x86_64", 512, 1, -1, "GB-seconds used before"},
		{"x86_64", 512, 1, math.NaN(), "GB-seconds used before"},
	} {
		if _, err := l.Cost(c.arch, c.mem, []float64{c.s}, c.used); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

const own = `name: our cluster
date: 2026-10-01
currency: EUR
request: 0
compute:
  x86_64: [{gb_s: 0.00001}]
`

func TestParsesOthers(t *testing.T) {
	l, err := price.Parse(strings.NewReader(own))
	if err != nil || l.Name != "our cluster" || l.Currency != "EUR" || l.StepS != 0 || l.BillInit || len(l.Compute["x86_64"]) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	same := `{"name": "our cluster", "date": "2026-10-01", "currency": "EUR", "compute": {"x86_64": [{"gb_s": 1e-05}]}}`
	if l, err = price.Parse(strings.NewReader(same)); err != nil || l.Compute["x86_64"][0].GBS != 0.00001 {
		t.Fatalf("JSON: %+v, %v", l, err)
	}
	// A free allowance is a tier without a price: AWS's mobile application pays
	// for 140,000 of its 540,000 GB-s.
	free := strings.Replace(own, "[{gb_s: 0.00001}]", "[{gb_s: 0, up_to: 400000}, {gb_s: 0.0000166667}]", 1)
	if l, err = price.Parse(strings.NewReader(free)); err != nil {
		t.Fatal(err)
	}
	c, err := l.Cost("x86_64", 1536, repeat(3_000_000, 0.120), 0)
	if err != nil || math.Abs(c.Compute-2.33) > 0.005 {
		t.Errorf("%+v, %v", c, err)
	}
}

// What is no list is refused with the line and the field.
func TestHostileLists(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{own, "", "it is empty"},
		{own, "[]", "line 1: the list: want fields, got a list of 0"},
		{own, "{", "line 1"},
		{own, "name: \x00", "control characters"},
		{"currency: EUR\n", "", "currency: is missing"},
		{"name: our cluster", "name: ''", "line 1: name: want a text, got nothing"},
		{"name: our cluster", "name: [a]", "line 1: name: want a text, got a list of 1"},
		{"name: our cluster", "name: " + strings.Repeat("x", 300), "name: want one line of 200 bytes"},
		{"2026-10-01", "yesterday", `line 2: date: "yesterday": want a day such as 2025-08-01`},
		{"2026-10-01", "2026-13-01", "line 2: date"},
		{"request: 0", "request: -1", `line 4: request: want a number of 0 or more, got "-1"`},
		{"request: 0", "request: .nan", `request: want a number of 0 or more, got ".nan"`},
		{"request: 0", "request: .inf", `request: want a number`},
		{"request: 0", "request: 0x10", `request: want a number`},
		{"request: 0", "request: 1_000", `request: want a number`},
		{"request: 0", "request: '0'", `request: want a number`},
		{"request: 0", "request: 1e400", `request: 1e400: want 1e+06 at most`},
		{"request: 0", "requests: 0", `line 4: requests: there is no such field: want one of bill_init, compute`},
		{"request: 0", "request: 0\nrequest: 1", `line 5: request: is there twice`},
		{"request: 0", "bill_init: yes", `bill_init: want true or false, got "yes"`},
		{"request: 0", "step_s: 1e9", `step_s: 1e9: want 3600 at most`},
		{"x86_64:", "x86:", `compute.x86: there is no such field: want one of aarch64, x86_64`},
		{"  x86_64: [{gb_s: 0.00001}]", "  {}", `compute: has no architecture`},
		{"[{gb_s: 0.00001}]", "[]", `compute.x86_64: want a list of tiers, got a list of 0`},
		{"[{gb_s: 0.00001}]", "{gb_s: 0.00001}", `compute.x86_64: want a list of tiers, got fields`},
		{"[{gb_s: 0.00001}]", "[7]", `compute.x86_64[0]: want fields, got "7"`},
		{"[{gb_s: 0.00001}]", "[{up_to: 5}]", `compute.x86_64[0].gb_s: is missing`},
		{"[{gb_s: 0.00001}]", "[{gb_s: 1, up_to: 5}]", `compute.x86_64[0].up_to: the last tier has no end`},
		{"[{gb_s: 0.00001}]", "[{gb_s: 1}, {gb_s: 1}]", `compute.x86_64[0].up_to: is missing`},
		{"[{gb_s: 0.00001}]", "[{gb_s: 1, up_to: 5}, {gb_s: 1, up_to: 5}, {gb_s: 1}]", `compute.x86_64[1].up_to: 5: want more`},
		{"[{gb_s: 0.00001}]", "[{gb_s: 1, up_to: 0}, {gb_s: 1}]", `compute.x86_64[0].up_to: 0: want more`},
		{"[{gb_s: 0.00001}]", "&a [*a]", `compute.x86_64`},
		{"[{gb_s: 0.00001}]", "[" + strings.Repeat("{gb_s: 1},", 101) + "]", `has 101 tiers`},
		{own, own + "---\n" + own, "more than one document"},
		{own, strings.Repeat("# \n", 1<<19), "longer than"},
		{own, strings.Repeat("[", 20000), ""},
	} {
		if !strings.Contains(own, c.old) {
			t.Fatalf("there is no %q", c.old)
		}
		_, err := price.Parse(strings.NewReader(strings.Replace(own, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.50q: %v, want %s", c.new, err, c.want)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	if _, err := price.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := price.Load(path); err != nil || l.Source != path {
		t.Errorf("%+v, %v", l, err)
	}
	if err := os.WriteFile(path, []byte("7"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := price.Load(path); err == nil || !strings.Contains(err.Error(), path+": line 1") {
		t.Error(err)
	}
}

// FuzzParse: for whatever bytes, an answer; what is taken can be computed with.
func FuzzParse(f *testing.F) {
	for _, s := range []string{own, "", "{", "a: &a [*a, *a]", "[{gb_s: 1}]", strings.Replace(own, "[{gb_s: 0.00001}]", "[{gb_s: 1, up_to: 5}, {gb_s: 1}]", 1)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := price.Parse(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		for arch := range l.Compute {
			one, err := l.Cost(arch, 512, []float64{0.5}, 0)
			if err != nil || !(one.Total >= 0) {
				t.Fatalf("%+v: %+v, %v", l, one, err)
			}
			if more, err := l.Cost(arch, 512, []float64{0.5, 2}, 0); err != nil || more.Total < one.Total {
				t.Fatalf("%+v: more costs less: %+v", l, more)
			}
		}
	})
}
