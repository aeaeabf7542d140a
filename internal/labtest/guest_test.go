package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

func guest(t *testing.T, machines ...string) {
	t.Helper()
	if !lab.InGuest() {
		t.Skip("only in the lab's guest (TestLab starts it)")
	}
	if len(machines) > 0 && !slices.Contains(machines, os.Getenv("LAB_MACHINE")) {
		t.Skipf("not for machine %s", os.Getenv("LAB_MACHINE"))
	}
}

// probe runs energyprobe with JSON output and returns its report.
func probe(t *testing.T, args ...string) *report.Run {
	t.Helper()
	r, status := probeStatus(t, args...)
	if status != 0 {
		t.Fatalf("energyprobe %s: status %d", strings.Join(args, " "), status)
	}
	return r
}

func probeStatus(t *testing.T, args ...string) (*report.Run, int) {
	t.Helper()
	cmd := exec.Command(os.Getenv(probeVar), append([]string{"run", "-q", "--format", "json"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	r := &report.Run{}
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		t.Fatalf("energyprobe %s: %v\n%s%s", strings.Join(args, " "), err, out.Bytes(), errs.Bytes())
	}
	return r, cmd.ProcessState.ExitCode()
}

// loaded is a command line that burns CPU as load says.
func loaded(spec string) []string {
	return []string{"--", "/usr/bin/env", loadVar + "=" + spec, os.Args[0]}
}

func with(args []string, more ...string) []string { return append(slices.Clone(args), more...) }

// sources returns the interfaces that this machine has.
func sources() []string {
	switch os.Getenv("LAB_MACHINE") {
	case "epyc-noperf":
		return []string{"powercap", "msr"}
	}
	return []string{"perf", "powercap", "msr"}
}

// dieOf returns the index of a domain's die in the truth, -1 for the platform.
func dieOf(t *testing.T, dies []lab.Die, d report.Domain) int {
	t.Helper()
	for i, die := range dies {
		if die.Package == d.Socket && (d.Die < 0 || die.Die == d.Die) {
			return i
		}
	}
	t.Fatalf("%s has no die in the truth", d.ID)
	return -1
}

// account is the truth about the window of a report.
type account struct {
	*report.Run
	trace *trace
	dies  []lab.Die
}

// accountOf reads the truth about a report; the lab forgets it in time.
func accountOf(t *testing.T, r *report.Run) account {
	t.Helper()
	truth, err := lab.ReadTruth()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := readTrace(energy.Instant(r.Window.StartNS), energy.Instant(r.Window.EndNS))
	if err != nil {
		t.Fatal(err)
	}
	return account{r, tr, truth.Dies}
}

// trueJoules returns the energy of a domain over the report's window, and the
// largest power it drew on the way.
func (a account) trueJoules(t *testing.T, d report.Domain) (joules, topW float64) {
	t.Helper()
	start, end := energy.Instant(a.Window.StartNS), energy.Instant(a.Window.EndNS)
	add := func(col int) {
		j, err := a.trace.between(col, start, end)
		if err != nil {
			t.Fatal(err)
		}
		joules, topW = joules+j, topW+a.trace.steepest(col, start, end)
	}
	if d.Kind == "psys" {
		add(len(a.dies) * domainsPerDie)
		return joules, topW
	}
	first := dieOf(t, a.dies, d)
	for i, die := range a.dies {
		// A zone without a die is the whole socket's.
		if i == first || d.Die < 0 && die.Package == d.Socket {
			add(i*domainsPerDie + column[d.Kind])
		}
	}
	return joules, topW
}

// tick is the largest unit of any register here but whole-joule psys.
const tick = 1.0 / (1 << 14)

// miss is how far a domain was from the truth, and how far it may be: a tick
// and the power of one update interval.
type miss struct{ off, allowed, truth float64 }

// checkDomain compares a domain with the truth and notes whether the stated
// uncertainty covers it.
func (a account) checkDomain(t *testing.T, d report.Domain) (m miss, ok bool) {
	t.Helper()
	if d.EnergyJ == nil {
		t.Errorf("%s: %s", d.ID, d.Reason)
		return m, false
	}
	truth, topW := a.trueJoules(t, d)
	m = miss{off: math.Abs(*d.EnergyJ - truth), truth: truth}
	m.allowed = tick + topW*updateInterval(t) + unitError(a.Source.Name, d.Kind)*truth
	if d.Kind == "psys" {
		m.allowed += 1
	}
	t.Logf("%-9s %-18s %9.4f J ± %.4f, truth %9.4f: off by %.4f (%.4f %%), allowed %.4f", a.Source.Name, d.ID, *d.EnergyJ, *d.UncertaintyJ, truth, *d.EnergyJ-truth, 100*m.off/truth, m.allowed)
	sharp.add(a.Window.StartNS, m.off <= m.allowed)
	within.add(a.Window.StartNS, m.off <= *d.UncertaintyJ+unitError(a.Source.Name, d.Kind)*truth)
	return m, true
}

// updateInterval returns the longest time between two refreshes, in seconds:
// the mean and four deviations of the jitter that the lab simulates.
func updateInterval(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/raplsim")
	if err != nil {
		t.Fatal(err)
	}
	us := func(key string) float64 {
		_, rest, found := strings.Cut(string(b), " "+key+"=")
		value, _, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if !found || err != nil {
			t.Fatalf("no %s in /proc/raplsim", key)
		}
		return n
	}
	return (us("update_us") + 4*us("jitter_us")) * 1e-6
}

// unitError is what powercap's units take off by themselves: whole nanojoules,
// and 15.3 uJ for 2^-16 J of server memory.
func unitError(source, kind string) float64 {
	switch {
	case source == "powercap" && kind == "dram":
		return 0.0028
	case source == "powercap":
		return 60e-6
	}
	return 0
}

// sharp and within count over all windows of a boot.
var sharp, within coverage

// coverage counts the domains that held, by the start of their window: what
// holds up a reading holds up all domains read after it, so that windows are
// what chance draws, and not domains.
type coverage map[int64]*struct{ held, all float64 }

func (c *coverage) add(window int64, held bool) {
	if *c == nil {
		*c = coverage{}
	}
	w := (*c)[window]
	if w == nil {
		w = &struct{ held, all float64 }{}
		(*c)[window] = w
	}
	w.all++
	if held {
		w.held++
	}
}

// share returns the share of domains that held, and its standard error as the
// windows' own shares scatter.
func (c coverage) share() (share, se float64) {
	shares := make([]float64, 0, len(c))
	for _, w := range c {
		shares = append(shares, w.held/w.all)
	}
	mean, sd := stat.MeanStdDev(shares, nil)
	return mean, sd / math.Sqrt(float64(len(shares)))
}

// want fails the test where fewer domains held than chance lets a part p be: by
// more than three standard errors.
func (c coverage) want(t *testing.T, what string, p float64) {
	t.Helper()
	share, se := c.share()
	t.Logf("%s: %.1f ± %.1f %% of the domains of %d windows", what, 100*share, 100*se, len(c))
	if share+3*se < p {
		t.Errorf("%s: %.1f ± %.1f %% of the domains, want %.0f %%", what, 100*share, 100*se, 100*p)
	}
}

// What one late reading holds up is one window; what is wrong everywhere is
// not excused by it.
func TestCoverage(t *testing.T) {
	c := func(held ...int) (c coverage) {
		for w, n := range held {
			for i := range 8 {
				c.add(int64(w), i < n)
			}
		}
		return c
	}
	for name, tt := range map[string]struct {
		c     coverage
		short bool
	}{
		"all":                     {c(8, 8, 8, 8, 8, 8), false},
		"one window held up":      {c(8, 8, 8, 8, 8, 1), false},
		"one domain in all":       {c(7, 7, 7, 7, 7, 7), true},
		"a third, in all windows": {c(5, 6, 5, 5, 6, 5), true},
	} {
		share, se := tt.c.share()
		if got := share+3*se < 0.95; got != tt.short {
			t.Errorf("%s: %.3f ± %.3f: short %v", name, share, se, got)
		}
	}
}

// The accuracy of every source, on a steady and on a bursty load. A reading
// that its own machine holds up (a processor asked for its registers runs
// something else for a moment) comes late, and says so in its uncertainty: of
// twenty windows, one may be further off than an update interval, and one
// further than it states.
func TestGuestAccuracy(t *testing.T) {
	guest(t, "skylake-server", "skylake-client", "epyc", "epyc-noperf")
	for _, source := range sources() {
		for _, spec := range []string{"400ms", "1s/7ms"} {
			t.Run(source+"/"+strings.ReplaceAll(spec, "/", " by "), func(t *testing.T) {
				for range 3 {
					r := probe(t, with([]string{"--source", source}, loaded(spec)...)...)
					if r.Source.Name != source || r.Source.Quality != energy.Measured {
						t.Errorf("source %s, %s", r.Source.Name, r.Source.Quality)
					}
					a := accountOf(t, r)
					for _, d := range r.Domains {
						if d.Kind == "core" && strings.HasPrefix(os.Getenv("LAB_MACHINE"), "epyc") {
							continue // the counter of one core, see the warning
						}
						a.checkDomain(t, d)
					}
					checkTotal(t, r)
				}
			})
		}
	}
	sharp.want(t, "within a tick and one update interval", 0.95)
	within.want(t, "within the stated uncertainty", 0.95)
}

// fewer reports whether n of all is fewer than chance lets a part p be: by more
// than three deviations.
func fewer(n, all int, p float64) bool {
	mean := p * float64(all)
	return float64(n) < mean-3*math.Sqrt(mean*(1-p))
}

// A total is the packages and the memory, each once.
func checkTotal(t *testing.T, r *report.Run) {
	t.Helper()
	var sum float64
	for _, d := range r.Domains {
		if d.EnergyJ == nil {
			t.Errorf("%s: %s", d.ID, d.Reason)
			return
		}
		if d.Kind == "package" || d.Kind == "dram" {
			sum += *d.EnergyJ
			if !d.InTotal {
				t.Errorf("%s is not in the total", d.ID)
			}
		} else if d.InTotal {
			t.Errorf("%s is in the total", d.ID)
		}
	}
	if r.Total.EnergyJ == nil || math.Abs(*r.Total.EnergyJ-sum) > 1e-9*sum {
		t.Errorf("total %v, packages and memory %v", r.Total.EnergyJ, sum)
	}
}

// The interfaces agree within 0.1 % over one window; memory within the 0.27 %
// of its two units besides.
func TestGuestInterfacesAgree(t *testing.T) {
	guest(t, "skylake-server", "skylake-client", "epyc")
	r := probe(t, with([]string{"--cross-check"}, loaded("9s/50ms")...)...)
	if len(r.CrossCheck) == 0 {
		t.Fatalf("no cross-check: %+v", r.Warnings)
	}
	for _, c := range r.CrossCheck {
		if len(c.Ratio) != len(sources()) && !strings.HasPrefix(c.Domain, "core") {
			t.Errorf("%s: ratios %v, want %v", c.Domain, c.Ratio, sources())
		}
		allowed := 0.001
		if strings.HasPrefix(c.Domain, "dram") {
			allowed += 0.0027
		}
		t.Logf("%s: %v, expected within %.3f %%", c.Domain, c.Ratio, c.ExpectedPct)
		for source, ratio := range c.Ratio {
			if math.Abs(ratio-1) > allowed {
				t.Errorf("%s: %s says %.5f times the joules", c.Domain, source, ratio)
			}
		}
		if !c.Agree {
			t.Errorf("%s: reported as disagreeing", c.Domain)
		}
	}
}

// Twenty wraps in one run, and nothing lost. The unit is so small, and the
// power so large, that a register wraps every 1.2 s.
func TestGuestWraps(t *testing.T) {
	guest(t, "skylake-server")
	truth, err := lab.ReadTruth()
	if err != nil {
		t.Fatal(err)
	}
	dies := len(truth.Dies) / packages(truth.Dies) // they share their package's power
	if err := lab.Reload("esu=20", fmt.Sprint("idle_mw=", 3400000*dies), "wake_mw=0", "dram_mw=400000", "tdp_w=1000", "wrap_after_mj=500000", "update_us=1000", "trace=400000"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lab.Reload(); err != nil {
			t.Fatal(err)
		}
	}()
	wraps(t, truth.Dies)
}

func packages(dies []lab.Die) int {
	n := 0
	for _, d := range dies {
		n = max(n, d.Package+1)
	}
	return n
}

func wraps(t *testing.T, dies []lab.Die) {
	for _, source := range sources() {
		t.Run(source, func(t *testing.T) {
			r := probe(t, "--source", source, "--attribution", "none", "--interval", "5s", "--", "/bin/sleep", "26")
			ends, err := readEnds(energy.Instant(r.Window.StartNS), energy.Instant(r.Window.EndNS))
			if err != nil {
				t.Fatal(err)
			}
			a := account{r, ends, dies}
			for _, d := range r.Domains {
				if d.EnergyJ == nil {
					t.Errorf("%s: %s", d.ID, d.Reason)
					continue
				}
				truth, _ := a.trueJoules(t, d)
				wraps := int(truth / rangeJ[d.Kind])
				t.Logf("%s: %.2f J, truth %.2f (%.4f %%), %d wraps of about %d", d.ID, *d.EnergyJ, truth, 100*(*d.EnergyJ-truth)/truth, d.Wraps, wraps)
				// A wrap that is missed is a twentieth.
				if math.Abs(*d.EnergyJ-truth) > (0.0003+unitTruncation(source, d.Kind))*truth {
					t.Errorf("%s: %.2f J, truth %.2f", d.ID, *d.EnergyJ, truth)
				}
				if d.Kind == "package" && wraps < 20 {
					t.Errorf("only %d wraps in truth: the test is too tame", wraps)
				}
				// perf's counts have 64 bits: the kernel unwraps them.
				if source != "perf" && (d.Wraps < wraps-1 || d.Wraps > wraps+1) {
					t.Errorf("%s: %d wraps reported, about %d in truth", d.ID, d.Wraps, wraps)
				}
			}
		})
	}
}

// rangeJ is a revolution of the registers in this test: 2^32 units of 2^-20 J,
// and memory's fixed unit.
var rangeJ = map[string]float64{"package": 4096, "dram": 65536}

// unitTruncation is what powercap loses of a unit of 953.67 nJ; memory's is
// fixed.
func unitTruncation(source, kind string) float64 {
	if source == "powercap" && kind == "package" {
		return 1 - 953/953.67431640625
	}
	return unitError(source, kind)
}

// A register that begins to fail in mid-run: its zone is unknown, with what
// was seen until then as a lower bound; the others are not touched by it.
func TestGuestFailingZone(t *testing.T) {
	guest(t, "skylake-server")
	for _, source := range []string{"powercap", "msr"} {
		t.Run(source, func(t *testing.T) {
			time.AfterFunc(1500*time.Millisecond, func() { _ = lab.Control("fail=dram:1") })
			defer func() { _ = lab.Reload() }()
			r := probe(t, "--source", source, "--interval", "100ms", "--", "/bin/sleep", "3")
			a := accountOf(t, r)
			for _, d := range r.Domains {
				if d.ID != "dram-1" && !strings.HasPrefix(d.ID, "dram-1-") {
					if m, ok := a.checkDomain(t, d); ok && m.off > m.allowed+0.005*m.truth {
						t.Errorf("%s: off by %.4f J of %.4f beside a zone that fails", d.ID, m.off, m.truth)
					}
					continue
				}
				if d.EnergyJ != nil || d.Reason == "" || d.LowJ == nil || *d.LowJ <= 0 {
					t.Errorf("%s: %v J, at least %v, reason %q; want unknown with a lower bound", d.ID, d.EnergyJ, d.LowJ, d.Reason)
				}
			}
			if r.Total.EnergyJ != nil || r.Total.Reason == "" {
				t.Errorf("total %v (%s); want unknown", r.Total.EnergyJ, r.Total.Reason)
			}
			if len(r.Warnings) == 0 {
				t.Error("no warning")
			}
		})
	}
}

// Hardware counters hold the whole tree, children that ended included, and
// are extended when they have to share.
func TestGuestCounters(t *testing.T) {
	guest(t, "skylake-server", "epyc")
	for _, c := range []struct {
		counters int
		method   string
	}{{6, "auto"}, {2, "none"}, {2, "auto"}} {
		counters := c.counters
		// The kernel's tracker pins two counters for itself: cycles and
		// instructions are whole then, and with no more than two nothing else is.
		pinned := c.method == "auto"
		t.Run(fmt.Sprint(counters, " counters, split by ", c.method), func(t *testing.T) {
			if err := lab.Reload(fmt.Sprintf("pmu_counters=%d", counters)); err != nil {
				t.Fatal(err)
			}
			r := probe(t, with([]string{"--attribution", c.method}, loaded("1s*2")...)...)
			truth, err := lab.ReadTruth()
			if err != nil {
				t.Fatal(err)
			}
			root := truth.Process(r.Command.PID)
			if root == nil {
				t.Fatalf("process %d is not in the truth", r.Command.PID)
			}
			var cycles, instructions float64
			for _, p := range truth.Tree(root) {
				cycles += float64(p.Cycles)
				instructions += float64(p.Instructions)
			}
			// Counters see a task from its execve until they are taken down in
			// do_exit; what it costs before and after is in the truth as well.
			allowed := 0.02
			if counters < 6 && !pinned {
				allowed = 0.1 // extended from a third of the time
			}
			for name, want := range map[string]float64{"cpu.cycles": cycles, "cpu.instructions": instructions} {
				m := r.Metrics[name]
				if m.Value == nil {
					t.Errorf("%s: %s", name, m.Reason)
					continue
				}
				t.Logf("%s: %.4g, truth %.4g (%+.3f %%)", name, *m.Value, want, 100*(*m.Value-want)/want)
				if math.Abs(*m.Value-want) > allowed*want {
					t.Errorf("%s: %.4g, truth %.4g", name, *m.Value, want)
				}
			}
			multiplexed := slices.ContainsFunc(r.Warnings, func(w report.Warning) bool { return w.Code == "multiplexed" })
			if multiplexed != (counters < 6 && !pinned) {
				t.Errorf("multiplexing reported: %v", multiplexed)
			}
			if refs := r.Metrics["cpu.cache_references"]; (refs.Value == nil) != (counters < 6 && pinned) || refs.Value == nil && refs.Reason == "" {
				t.Errorf("cache references %v, reason %q", refs.Value, refs.Reason)
			}
		})
	}
}

// Without a power PMU the run falls back to powercap and says why.
func TestGuestFallback(t *testing.T) {
	guest(t, "epyc-noperf")
	r := probe(t, "--", "/bin/sleep", "0.2")
	if r.Source.Name != "powercap" || r.Source.Quality != energy.Measured {
		t.Errorf("source %s, %s; want powercap, measured", r.Source.Name, r.Source.Quality)
	}
	if len(r.Source.Refused) != 1 || r.Source.Refused[0].Name != "perf" || r.Source.Refused[0].Kind != "absent" || r.Source.Refused[0].Reason == "" {
		t.Errorf("refused %+v; want perf, absent, with a reason", r.Source.Refused)
	}
}

// A guest whose hypervisor answers 0: nothing is measured, and no 0 is shown
// for it.
func TestGuestZeros(t *testing.T) {
	guest(t, "kvm")
	r := probe(t, loaded("300ms")...)
	if r.Source.Name != "model" || r.Source.Quality != energy.Estimated {
		t.Errorf("source %s, %s; want model, estimated", r.Source.Name, r.Source.Quality)
	}
	for _, name := range []string{"perf", "powercap", "msr"} {
		if !slices.ContainsFunc(r.Source.Refused, func(x report.Refusal) bool { return x.Name == name && x.Reason != "" }) {
			t.Errorf("%s: no refusal in %+v", name, r.Source.Refused)
		}
	}
	if r.Total.EnergyJ == nil || *r.Total.EnergyJ <= 0 || r.Total.LowJ == nil || r.Total.HighJ == nil {
		t.Errorf("estimate %+v; want joules with a range", r.Total)
	}
}

// The series adds up to the whole.
func TestGuestSeries(t *testing.T) {
	guest(t, "skylake-server")
	r := probe(t, with([]string{"--interval", "20ms"}, loaded("1s/50ms")...)...)
	if r.Samples.Len() < 30 {
		t.Fatalf("%d samples in %.2f s", r.Samples.Len(), r.DurationS)
	}
	for k, id := range r.Samples.Domains() {
		var sum, last float64
		for i := range r.Samples.Len() {
			at, j := r.Samples.At(i)
			sum, last = sum+j[k], at
		}
		i := slices.IndexFunc(r.Domains, func(d report.Domain) bool { return d.ID == id })
		if d := r.Domains[i]; math.Abs(sum-*d.EnergyJ) > 1e-9**d.EnergyJ {
			t.Errorf("%s: samples add up to %.6f J, the domain has %.6f", id, sum, *d.EnergyJ)
		}
		if last != r.DurationS {
			t.Errorf("the last sample is at %v s, the window ends at %v", last, r.DurationS)
		}
	}
}
