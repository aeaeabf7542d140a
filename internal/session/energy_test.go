package session

import (
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

func itoa(n int) string { return strconv.Itoa(n) }

// The energy of short commands lies within the stated uncertainty of the
// truth, and the total is that of packages and memory alone.
func TestEnergyIsTrue(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	const runs = 12
	held, all := 0, 0
	var stated []float64
	for range runs {
		r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.03")})
		start, end := window(r)
		if len(r.Domains) != 7 {
			t.Fatalf("%d domains, want 7", len(r.Domains))
		}
		var sum float64
		for _, d := range r.Domains {
			if d.EnergyJ == nil {
				t.Fatalf("%s: %s", d.ID, d.Reason)
			}
			truth := h.Joules(zoneOf(d.ID), start, end)
			all++
			if math.Abs(*d.EnergyJ-truth) <= *d.UncertaintyJ {
				held++
			} else {
				t.Logf("%s: %.4f J ± %.4f, truth %.4f", d.ID, *d.EnergyJ, *d.UncertaintyJ, truth)
			}
			if want := d.Kind == "package" || d.Kind == "dram"; d.InTotal != want {
				t.Errorf("%s: in total %v", d.ID, d.InTotal)
			}
			if d.InTotal {
				sum += *d.EnergyJ
			}
			stated = append(stated, *d.UncertaintyJ/truth)
		}
		if math.Abs(*r.Total.EnergyJ-sum) > 1e-9 {
			t.Errorf("total %v J, packages and memory come to %v J", *r.Total.EnergyJ, sum)
		}
		if r.Command.ExitCode == nil || *r.Command.ExitCode != 0 {
			t.Errorf("command %+v", r.Command)
		}
	}
	// A single one may be large, where others kept this process from watching.
	slices.Sort(stated)
	if m := stated[len(stated)/2]; m > 0.1 {
		t.Errorf("an uncertainty of %.0f %% says nothing", 100*m)
	}
	// The fake's refreshes are a thread's, which others may hold up between
	// looking at the clock and writing.
	if float64(held) < 0.9*float64(all) {
		t.Errorf("the truth was within the uncertainty in %d of %d domains", held, all)
	}
}

func TestPowerThatChanges(t *testing.T) {
	h := testutil.NewTicking(t, testutil.TickingZone{Name: "package-0", Watts: 40, StartUJ: 1000})
	done := make(chan struct{})
	started := func() {
		go func() {
			defer close(done)
			for i := range 8 {
				time.Sleep(25 * time.Millisecond)
				h.SetPower("package-0", float64(20+60*(i%3)))
			}
		}()
	}
	r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.4"), Started: started})
	<-done
	start, end := window(r)
	d, truth := domain(t, r, "package-0"), h.Joules("package-0", start, end)
	if math.Abs(*d.EnergyJ-truth) > *d.UncertaintyJ+0.002*truth {
		t.Errorf("%v J ± %v, truth %v", *d.EnergyJ, *d.UncertaintyJ, truth)
	}
}

// Nothing is lost over many wraps, whatever the user's interval.
func TestWraps(t *testing.T) {
	for _, interval := range []time.Duration{0, 40 * time.Millisecond} {
		h := testutil.NewTicking(t,
			testutil.TickingZone{Name: "package-0", Watts: 900, ModulusUJ: 40_000_001, StartUJ: 39_000_000},
			testutil.TickingZone{Name: "package-0/dram", Watts: 50, ModulusUJ: 65_712_999_613, StartUJ: 65_690_999_613})
		o := Options{Root: h.Root, Command: shell("sleep 1"), Interval: interval}
		r := mustRun(t, o)
		for range 3 { // others may keep this process from reading for a whole turn
			if d := domain(t, r, "package-0"); d.EnergyJ != nil {
				break
			}
			t.Log(domain(t, r, "package-0").Reason)
			r = mustRun(t, o)
		}
		start, end := window(r)
		for id, modulus := range map[string]float64{"package-0": 40, "dram-0": 65_713} {
			d, truth := domain(t, r, id), h.Joules(zoneOf(id), start, end)
			if d.EnergyJ == nil {
				t.Fatalf("%s: %s", id, d.Reason)
			}
			if math.Abs(*d.EnergyJ-truth) > *d.UncertaintyJ+0.002*truth {
				t.Errorf("%s: %v J ± %v, truth %v", id, *d.EnergyJ, *d.UncertaintyJ, truth)
			}
			// The readings around the window may see one more each.
			if least := int(truth / modulus); d.Wraps < least || d.Wraps > least+2 {
				t.Errorf("%s: %d wraps in %v J, want %d", id, d.Wraps, truth, least)
			}
		}
		if p := domain(t, r, "package-0"); p.Wraps < 20 {
			t.Errorf("%d wraps: they prove too little", p.Wraps)
		}
	}
}

func TestZoneBreaks(t *testing.T) {
	for _, c := range []struct {
		name, content string
		heals         bool
	}{
		{"empty and healed", "", true},
		{"garbage and healed", "nonsense\n", true},
		{"garbage to the end", "12x4\n", false},
		{"negative to the end", "-7\n", false},
		{"a number beyond 64 bits", "99999999999999999999\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := testutil.NewTicking(t, twoSockets()...)
			done := make(chan error, 1)
			started := func() {
				go func() {
					time.Sleep(60 * time.Millisecond)
					err := h.Break("package-0/dram", c.content)
					time.Sleep(60 * time.Millisecond)
					if c.heals {
						h.Heal("package-0/dram")
					}
					done <- err
				}()
			}
			r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.25; exit 3"), Started: started, Interval: 5 * time.Millisecond})
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			start, end := window(r)
			if r.Command.ExitCode == nil || *r.Command.ExitCode != 3 {
				t.Errorf("command %+v, want exit status 3", r.Command)
			}
			if d := domain(t, r, "package-0"); d.EnergyJ == nil {
				t.Errorf("package-0 is whole: %s", d.Reason)
			}
			d, truth := domain(t, r, "dram-0"), h.Joules("package-0/dram", start, end)
			if c.heals {
				if d.EnergyJ == nil || math.Abs(*d.EnergyJ-truth) > *d.UncertaintyJ+0.002*truth {
					t.Errorf("dram-0: %+v, truth %v", d, truth)
				}
				if w, ok := warning(r, "reads-failed"); !ok || !strings.Contains(w.Message, "dram-0") {
					t.Errorf("no word of the failed reads: %+v", r.Warnings)
				}
				return
			}
			switch {
			case d.EnergyJ != nil || d.LowJ == nil || !strings.Contains(d.Reason, "energy_uj"):
				t.Errorf("dram-0: %+v, want a lower bound and the file", d)
			case *d.LowJ < 0.02*truth || *d.LowJ > truth:
				t.Errorf("lower bound %v J, truth %v", *d.LowJ, truth)
			}
			if r.Total.EnergyJ != nil || !strings.Contains(r.Total.Reason, "dram-0") {
				t.Errorf("total %+v: it lacks a zone", r.Total)
			}
			if w, ok := warning(r, "domain-unknown"); !ok || !strings.Contains(w.Message, "dram-0") {
				t.Errorf("no word of the unknown zone: %+v", r.Warnings)
			}
		})
	}
}

// A zone that answers EIO is found again by its name.
func TestReadErrors(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	done := make(chan error, 1)
	started := func() {
		go func() {
			time.Sleep(60 * time.Millisecond)
			done <- failReads(h.Root, "intel-rapl:1/energy_uj")
		}()
	}
	r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.2; exit 3"), Started: started, Interval: 5 * time.Millisecond})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	start, end := window(r)
	d, truth := domain(t, r, "package-1"), h.Joules("package-1", start, end)
	if d.EnergyJ == nil || math.Abs(*d.EnergyJ-truth) > *d.UncertaintyJ+0.002*truth {
		t.Errorf("package-1: %+v, truth %v", d, truth)
	}
	if w, ok := warning(r, "reads-failed"); !ok || !strings.Contains(w.Message, "package-1") {
		t.Errorf("no word of the failed reads: %+v", r.Warnings)
	}
	if *r.Command.ExitCode != 3 {
		t.Errorf("command %+v", r.Command)
	}
}

// failReads makes reads of an open counter fail as the kernel would: it puts
// a file in its place that answers EIO (address 0 of this process's memory).
func failReads(root, counter string) error {
	bad, err := os.Open("/proc/self/mem")
	if err != nil {
		return err
	}
	defer bad.Close()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		to, _ := os.Readlink("/proc/self/fd/" + e.Name())
		fd, _ := strconv.Atoi(e.Name())
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		// The host itself has it open too, to write.
		if strings.HasPrefix(to, root) && strings.HasSuffix(to, counter) && flags&unix.O_ACCMODE == unix.O_RDONLY {
			return unix.Dup3(int(bad.Fd()), fd, unix.O_CLOEXEC)
		}
	}
	return errors.New("nobody has " + counter + " open")
}

// A zone that can't be read from the start is a warning, with advice, that
// says what the result lacks.
func TestZoneMissing(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	if err := h.Break("package-1/dram", "x\n"); err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, Options{Root: h.Root, Command: shell("true")})
	if w, ok := warning(r, "zone-missing"); !ok || !strings.Contains(w.Message, "dram-1") || !strings.Contains(w.Message, "without it") {
		t.Errorf("warnings %+v", r.Warnings)
	}
	if r.Total.EnergyJ == nil || len(r.Domains) != 6 {
		t.Errorf("%d domains, total %+v", len(r.Domains), r.Total)
	}
}

func TestAllZonesBreak(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	done := make(chan error, 1)
	started := func() {
		go func() {
			time.Sleep(50 * time.Millisecond)
			var errs []error
			for _, name := range h.Names() {
				errs = append(errs, h.Break(name, "broken\n"))
			}
			done <- errors.Join(errs...)
		}()
	}
	r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.15; kill -USR1 $$"), Started: started, Interval: 10 * time.Millisecond})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if r.Command.Signal != "SIGUSR1" {
		t.Errorf("command %+v, want SIGUSR1", r.Command)
	}
	for _, d := range r.Domains {
		if d.EnergyJ != nil || d.Reason == "" {
			t.Errorf("%s: %+v", d.ID, d.Energy)
		}
	}
	if r.Total.EnergyJ != nil || r.Total.Reason == "" {
		t.Errorf("total %+v", r.Total)
	}
	if m := r.Metrics["energy.delay_product"]; m.Value != nil {
		t.Errorf("a delay product of unknown joules: %v", *m.Value)
	}
	if w, ok := warning(r, "read-failed"); !ok || len(w.Message) > 2000 {
		t.Errorf("read-failed: %+v", w)
	}
}

// The samples of a series add up to the domains, and are spread over the
// window.
func TestSeriesAddsUp(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.3"), Interval: 10 * time.Millisecond})
	sums, last := make([]float64, len(r.Domains)), 0.0
	for k := range r.Samples.Len() {
		at, row := r.Samples.At(k)
		if at <= last {
			t.Fatalf("sample %d at %v s, the one before at %v s", k, at, last)
		}
		last = at
		for i, j := range row {
			sums[i] += j
		}
	}
	for i, d := range r.Domains {
		if math.Abs(sums[i]-*d.EnergyJ) > 1e-6 {
			t.Errorf("%s: samples add up to %v J, the domain is %v J", d.ID, sums[i], *d.EnergyJ)
		}
	}
	// One every 10 ms, and one at the end.
	if n, want := r.Samples.Len()+r.Overhead.Missed, r.DurationS/0.01+1; math.Abs(float64(n)-want) > 2 {
		t.Errorf("%d samples and %d missed in %v s at 10 ms", r.Samples.Len(), r.Overhead.Missed, r.DurationS)
	}
	if last != r.DurationS {
		t.Errorf("the last sample is at %v s, the end at %v s", last, r.DurationS)
	}
}

// With one processor for all goroutines nothing waits for what can't run. The
// counters of the fake host are not used: its thread would need that processor.
func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := mustRun(t, Options{Source: source.Model, Command: shell("sleep 0.1; exit 4"), Interval: 5 * time.Millisecond})
	if *r.Command.ExitCode != 4 || r.Total.EnergyJ == nil || r.Samples.Len() == 0 || r.DurationS > 2 {
		t.Errorf("command %+v, total %+v, %v s", r.Command, r.Total, r.DurationS)
	}
}

// A second interface over the same window: here there is none, and that is
// said.
func TestCrossCheckAlone(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.02"), CrossCheck: true})
	if _, ok := warning(r, "no-cross-check"); !ok || len(r.CrossCheck) != 0 {
		t.Errorf("%+v, warnings %+v", r.CrossCheck, r.Warnings)
	}
	if len(r.Source.Refused) < 2 {
		t.Errorf("refused %+v, want perf and msr", r.Source.Refused)
	}
}

// fixed is a source whose zones draw a constant power, to compare with.
type fixed struct {
	name  string
	zones []energy.Zone
	watts []float64
}

func (f *fixed) Name() string         { return f.name }
func (f *fixed) Zones() []energy.Zone { return f.zones }
func (f *fixed) Close() error         { return nil }
func (f *fixed) Read(r *energy.Reading) error {
	for i, z := range f.zones {
		now := energy.Now()
		r.At[i] = energy.Bracket{Before: now, After: now + 1}
		r.Counts[i] = uint64(f.watts[i] * float64(now/1e6) * 1e-3 / z.Tick)
	}
	return nil
}

// Where nothing is split, the tool is not made to pay for an idle machine.
func TestOverheadOfAnIdleMachine(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	r := mustRun(t, Options{Root: h.Root, Command: shell("sleep 0.3")})
	if r.Attribution.ToolJ != nil || r.Overhead.EnergyJ == nil || r.Total.EnergyJ == nil {
		t.Fatalf("overhead %+v of %v", r.Overhead, r.Total.EnergyJ)
	}
	part := *r.Overhead.EnergyJ / *r.Total.EnergyJ
	if want := r.Overhead.WindowCPUS / r.DurationS / float64(runtime.NumCPU()); part <= 0 || part > 1.01*want {
		t.Errorf("overhead %v of the energy, %v of all CPU time", part, want)
	}
}

func TestCrossCheck(t *testing.T) {
	zones := []energy.Zone{
		{Domain: energy.Package, Die: -1, Core: -1, Parent: -1, Tick: 1e-6},
		{Domain: energy.DRAM, Die: -1, Core: -1, Parent: -1, Tick: 1e-6},
	}
	for _, c := range []struct {
		name             string
		package0         float64 // watts of the second interface; the first has 100
		dram             float64 // and 10
		agree, agreeDRAM bool
	}{
		{"the same", 100, 10, true, true},
		{"units that are cut", 100.005, 10.027, true, true},
		{"another unit", 200, 10, false, true},
		{"the wrong unit of memory", 100, 40, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &session{}
			for _, f := range []*fixed{{"powercap", zones, []float64{100, 10}}, {"perf", zones, []float64{c.package0, c.dram}}} {
				s.tracks = append(s.tracks, energy.NewTrack(f))
			}
			if err := energy.Approach(s.tracks, approachLimit); err != nil {
				t.Fatal(err)
			}
			s.start = energy.Now()
			time.Sleep(200 * time.Millisecond)
			s.end = energy.Now()
			if err := energy.Depart(s.tracks, departLimit); err != nil {
				t.Fatal(err)
			}
			got := s.crossCheck()
			if len(got) != 2 || got[0].Agree != c.agree || got[1].Agree != c.agreeDRAM {
				t.Errorf("%+v", got)
			}
			if s.warned("interfaces-disagree") == (c.agree && c.agreeDRAM) {
				t.Errorf("warnings %+v", s.warnings)
			}
		})
	}
}
