package session

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// checkPhases holds of the phases of every result: what is known of them adds
// up to the total, and so it does in each of the total's domains.
func checkPhases(tb testing.TB, r *report.Run) {
	tb.Helper()
	p := r.Phases
	if p == nil {
		return
	}
	all := append([]report.Phase(nil), p.List...)
	for _, one := range []*report.Phase{p.Outside, p.Rest} {
		if one != nil {
			all = append(all, *one)
		}
	}
	var sum, duration float64
	domains := map[string]float64{}
	for k, one := range all {
		switch {
		case one.EnergyJ == nil && one.Reason == "":
			tb.Errorf("phase %q: neither joules nor a reason", one.Name)
		case one.EnergyJ != nil && !(*one.EnergyJ >= 0):
			tb.Errorf("phase %q: %v J", one.Name, *one.EnergyJ)
		case one.EnergyJ != nil && one.Quality == energy.Measured && (one.UncertaintyJ == nil || !(*one.UncertaintyJ >= 0)):
			tb.Errorf("phase %q: uncertainty %v", one.Name, one.UncertaintyJ)
		}
		if one.StartS < 0 || one.EndS > r.DurationS+1e-9 || one.DurationS > one.EndS-one.StartS+1e-9 {
			tb.Errorf("phase %q from %v to %v s, %v s of %v", one.Name, one.StartS, one.EndS, one.DurationS, r.DurationS)
		}
		sum += deref(one.EnergyJ)
		if k < len(all)-1 || p.Rest == nil {
			duration += one.DurationS
		}
		for _, d := range one.Domains {
			domains[d.ID] += deref(d.EnergyJ)
		}
	}
	if r.Total.EnergyJ == nil {
		return
	}
	if t := *r.Total.EnergyJ; math.Abs(sum-t) > 1e-9*max(1, t) {
		tb.Errorf("the phases come to %v J, the total is %v J", sum, t)
	}
	if math.Abs(duration-r.DurationS) > 1e-9 {
		tb.Errorf("the phases last for %v s, the window for %v s", duration, r.DurationS)
	}
	for _, d := range r.Domains {
		if d.InTotal && math.Abs(domains[d.ID]-*d.EnergyJ) > 1e-9*max(1, *d.EnergyJ) {
			tb.Errorf("%s: the phases come to %v J of %v J", d.ID, domains[d.ID], *d.EnergyJ)
		}
	}
}

// phaseNamed returns a phase of a result.
func phaseNamed(tb testing.TB, r *report.Run, name string) report.Phase {
	tb.Helper()
	if r.Phases == nil {
		tb.Fatal("no phases")
	}
	for _, p := range r.Phases.List {
		if p.Name == name {
			return p
		}
	}
	tb.Fatalf("no phase %q in %+v", name, r.Phases.List)
	return report.Phase{}
}

// phased is a session with a closed window, and readings taken inside it.
func phased(t *testing.T, zones []energy.Zone, watts []float64, readings int) (*session, *report.Run, []cut, []uint64) {
	t.Helper()
	s := &session{tracks: []*energy.Track{energy.NewTrack(&fixed{"powercap", zones, watts})}, opened: []*source.Opened{{}}}
	s.sampler = newSampler(s)
	if err := energy.Approach(s.tracks, approachLimit); err != nil {
		t.Fatal(err)
	}
	s.start = energy.Now()
	l := &phaseLog{sampler: s.sampler}
	for range readings {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		l.cut(energy.Now())
	}
	s.end = energy.Now()
	if err := energy.Depart(s.tracks, departLimit); err != nil {
		t.Fatal(err)
	}
	r := &report.Run{DurationS: s.duration(), Source: report.Source{Quality: energy.Measured}, Domains: s.domains(s.tracks[0])}
	r.Total = report.Total(r.Domains, r.DurationS)
	return s, r, l.cuts, l.counts
}

// Whatever is marked whenever, phases, the time outside and the rest add up.
func TestPhasesAddUp(t *testing.T) {
	zones := []energy.Zone{
		{Domain: energy.Package, Die: -1, Core: -1, Parent: -1, Tick: 1e-6},
		{Domain: energy.Core, Die: -1, Core: -1, Parent: 0, Tick: 1e-6},
		{Domain: energy.DRAM, Die: -1, Core: -1, Parent: -1, Tick: 1e-6},
	}
	s, r, cuts, counts := phased(t, zones, []float64{100, 70, 10}, 400)
	n := len(zones)
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		l := &phaseLog{sampler: s.sampler, names: []string{"a", "b", "c"}}
		every := []float64{0.02, 0.2, 1}[seed%3]
		for k, c := range cuts {
			if rng.Float64() > every {
				continue
			}
			l.cuts = append(l.cuts, c)
			l.counts = append(l.counts, counts[k*n:][:n]...)
			if rng.IntN(50) == 0 {
				l.counts[len(l.counts)-1-rng.IntN(n)] = unread
			}
			for range 1 + rng.IntN(2) {
				l.spans = append(l.spans, span{rng.IntN(4) - 1, len(l.cuts) - 1})
			}
		}
		if rng.IntN(3) == 0 {
			l.cuts = append(l.cuts, cut{end: true})
			for range n {
				l.counts = append(l.counts, unread)
			}
			l.spans = append(l.spans, span{rng.IntN(4) - 1, len(l.cuts) - 1})
		}
		if len(l.spans) == 0 {
			continue
		}
		s.phases, s.target, s.warnings = l, &machineTarget{}, nil
		r.Phases = s.phasesReport(r)
		checkPhases(t, r)
		if t.Failed() {
			t.Fatalf("seed %d: %+v", seed, r.Phases)
		}
	}
}

// The joules of phases are within the stated uncertainty of the truth, while
// the power changes under them.
func TestPhasesAreTrue(t *testing.T) {
	h := testutil.NewTicking(t, testutil.TickingZone{Name: "package-0", Watts: 20, StartUJ: 1000}, testutil.TickingZone{Name: "package-0/dram", Watts: 5, StartUJ: 1000})
	script := `for i in 1 2 3 4 5; do echo phase work >&$ENERGYPROBE_FD; sleep 0.03; echo phase rest >&$ENERGYPROBE_FD; sleep 0.05; done; echo end >&$ENERGYPROBE_FD; sleep 0.02`
	held, tries := 0, 0
	sharpest := math.Inf(1)
	// The fake's refreshes are a thread's, which others may hold up for as long
	// as a phase lasts: such a try says nothing.
	for ; held < 3 && tries < 10; tries++ {
		stop := make(chan struct{})
		go func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(17 * time.Millisecond):
					h.SetPower("package-0", float64(20+80*(i%2)))
				}
			}
		}()
		r := mustRun(t, Options{Root: h.Root, Command: shell(script)})
		close(stop)
		if got := len(r.Phases.List); got != 2 || r.Phases.Outside == nil {
			t.Fatalf("%d phases, outside %+v", got, r.Phases.Outside)
		}
		start, _ := window(r)
		at := func(s float64) energy.Instant { return start.Add(time.Duration(s * 1e9)) }
		both := true
		for _, p := range r.Phases.List {
			if len(p.Stretches) != 5 || p.EnergyJ == nil {
				t.Fatalf("%s: %+v", p.Name, p)
			}
			truth := 0.0
			for _, x := range p.Stretches {
				truth += h.Joules("package-0", at(x.StartS), at(x.EndS)) + h.Joules("package-0/dram", at(x.StartS), at(x.EndS))
			}
			off := *p.EnergyJ - truth
			both = both && math.Abs(off) <= *p.UncertaintyJ
			t.Logf("%-5s %.4f J ± %.4f, truth %.4f: off by %+.4f", p.Name, *p.EnergyJ, *p.UncertaintyJ, truth, off)
			sharpest = min(sharpest, *p.UncertaintyJ/truth)
		}
		if both {
			held++
		}
	}
	// A single one may be large, where others held the fake's refreshes up.
	if sharpest > 0.2 {
		t.Errorf("an uncertainty of %.0f %% says nothing", 100*sharpest)
	}
	if held < 3 {
		t.Errorf("the truth was within the uncertainty in %d of %d tries", held, tries)
	}
}

// What a reading falls short of a mark, or goes beyond it, is an average over
// where in the counter's refresh it fell.
func TestExpectedLag(t *testing.T) {
	const refresh = 0.001
	for _, late := range []float64{0, 0.0002, 0.0009, 0.001, 0.003} {
		var short, over float64
		const n = 100000
		for i := range n {
			shows := late - refresh*(float64(i)+0.5)/n // as of when, from the mark
			short += max(0, -shows) / n
			over += max(0, shows) / n
		}
		gotShort, gotOver := expected(refresh, late)
		if math.Abs(gotShort-short) > 1e-9 || math.Abs(gotOver-over) > 1e-9 {
			t.Errorf("%v s late: %v and %v s, want %v and %v", late, gotShort, gotOver, short, over)
		}
	}
}

// A phase shorter than a refresh has no joules, a reason, and they are in the
// rest.
func TestShortPhase(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	r := mustRun(t, Options{Root: h.Root, Command: shell(`printf 'phase long\n' >&$ENERGYPROBE_FD; sleep 0.05; printf 'phase short\nphase long\n' >&$ENERGYPROBE_FD; sleep 0.05; printf 'phase last\n' >&$ENERGYPROBE_FD`)})
	for _, name := range []string{"short", "last"} {
		if p := phaseNamed(t, r, name); p.EnergyJ != nil && p.DurationS < 0.0005 || p.EnergyJ == nil && !strings.Contains(p.Reason, "can't be told") {
			t.Errorf("%s: %v J in %v s: %s", name, p.EnergyJ, p.DurationS, p.Reason)
		}
	}
	if p := phaseNamed(t, r, "long"); p.EnergyJ == nil || len(p.Stretches) != 2 {
		t.Errorf("long: %+v", p)
	}
	if r.Phases.Rest == nil || r.Phases.Rest.EnergyJ == nil {
		t.Errorf("rest: %+v", r.Phases.Rest)
	}
	if _, ok := warning(r, "phase-unknown"); !ok {
		t.Errorf("warnings %+v", r.Warnings)
	}
}

// What can't be understood is a warning, and the phases around it are right.
func TestMarksThatAreWrong(t *testing.T) {
	h := onePackage(t)
	r := mustRun(t, Options{Root: h.Root, Command: shell(`
		exec 1>&$ENERGYPROBE_FD
		echo phase good; sleep 0.02
		echo nonsense; echo phase; echo end of it; head -c 3000 /dev/zero | tr '\0' x; echo
		printf 'phase b\377d\n'; sleep 0.02
		printf '\n\r\n  end \r\nmark here it was\nphase unfinished'`)})
	if p := phaseNamed(t, r, "good"); p.EnergyJ == nil {
		t.Errorf("good: %s", p.Reason)
	}
	if p := phaseNamed(t, r, "b\uFFFDd"); p.EnergyJ == nil {
		t.Errorf("bad: %s", p.Reason)
	}
	if len(r.Phases.List) != 2 || len(r.Phases.Marks) != 1 || r.Phases.Marks[0].Text != "here it was" {
		t.Errorf("%+v", r.Phases)
	}
	for code, want := range map[string]string{"marks-unknown": "4 lines", "marks-overlong": "1 line", "marks-invalid": "1 line"} {
		if w, _ := warning(r, code); !strings.Contains(w.Message, want) {
			t.Errorf("%s: %q, want %s", code, w.Message, want)
		}
	}
}

// A flood of marks is bounded, and what follows it counts for nobody.
func TestFloodOfMarks(t *testing.T) {
	h := onePackage(t)
	r := mustRun(t, Options{Root: h.Root, Command: shell(`
		exec 1>&$ENERGYPROBE_FD
		i=0; while [ $i -lt 30000 ]; do echo phase p$i; echo mark m; i=$((i+1)); done; sleep 0.05`)})
	p := r.Phases
	if len(p.List) != maxPhases || len(p.Marks) != maxMarks || p.IgnoredMarks != 60000-maxPhases-maxMarks {
		t.Errorf("%d phases, %d marks, %d ignored", len(p.List), len(p.Marks), p.IgnoredMarks)
	}
	if p.Outside == nil || p.Outside.DurationS < 0.05 {
		t.Errorf("outside: %+v", p.Outside)
	}
	if _, ok := warning(r, "marks-ignored"); !ok {
		t.Errorf("warnings %+v", r.Warnings)
	}
	l := &phaseLog{sampler: &sampler{halted: true, tracks: []*energy.Track{energy.NewTrack(&fixed{name: "x"})}}}
	for i := range 3 * maxStretches {
		l.take(energy.Instant(i), []mark{{beginPhase, []string{"a", "b"}[i%2]}})
	}
	if len(l.spans) > maxStretches+1 || l.spans[len(l.spans)-1].phase != outside {
		t.Errorf("%d stretches, the last of %+v", len(l.spans), l.spans[len(l.spans)-1])
	}
}

// What holds the pipe does not hold up the window: a process left behind, a
// command that never looks at it, one that closes it.
func TestPipeHeld(t *testing.T) {
	h := onePackage(t)
	for name, script := range map[string]string{
		"left behind": `echo phase p >&$ENERGYPROBE_FD; sleep 1 >/dev/null 2>&1 &`,
		"written on":  `echo phase p >&$ENERGYPROBE_FD; (trap "" PIPE; while echo phase q >&$ENERGYPROBE_FD; do :; done) >/dev/null 2>&1 &`,
		"closed":      `echo phase p >&$ENERGYPROBE_FD; eval "exec $ENERGYPROBE_FD>&-"; sleep 0.02`,
		"ignored":     `sleep 0.02`,
	} {
		began := time.Now()
		r := mustRun(t, Options{Root: h.Root, Command: shell(script)})
		if d := time.Since(began); d > 900*time.Millisecond {
			t.Errorf("%s: took %v", name, d)
		}
		if (r.Phases == nil) != (name == "ignored") {
			t.Errorf("%s: %+v", name, r.Phases)
		}
	}
}

// Without a counter the phases are an estimate as well.
func TestPhasesEstimated(t *testing.T) {
	r := mustRun(t, Options{Source: source.Model, Command: shell(`echo phase p >&$ENERGYPROBE_FD; sleep 0.1; echo end >&$ENERGYPROBE_FD; sleep 0.05`)})
	p := phaseNamed(t, r, "p")
	if p.Quality != energy.Estimated || p.EnergyJ == nil || p.LowJ == nil || p.HighJ == nil || p.UncertaintyJ != nil {
		t.Errorf("%+v", p)
	}
}

func TestLineMatcher(t *testing.T) {
	feed := func(m *lineMatcher, pieces ...string) string {
		var names []string
		for _, p := range pieces {
			for _, k := range m.match([]byte(p), nil) {
				names = append(names, k.text)
			}
		}
		return strings.Join(names, ",")
	}
	for _, c := range []struct{ pattern, in, want string }{
		{`^== (\w+)`, "== one\nx == no\n== two\r\n", "one,two"},
		{`^epoch \d+`, "epoch 1 of 3\nepoch 2 of 3", "epoch 1"},
		{`(a)?b`, "b\nab\n", "b,a"},
		{`^$`, "\n\n", ""},
		{`x$`, "x\r\nx\n", "x,x"},
	} {
		whole := feed(&lineMatcher{pattern: regexp.MustCompile(c.pattern)}, c.in)
		single := feed(&lineMatcher{pattern: regexp.MustCompile(c.pattern)}, strings.Split(c.in, "")...)
		if whole != c.want || single != c.want {
			t.Errorf("%s in %q: %q, byte by byte %q, want %q", c.pattern, c.in, whole, single, c.want)
		}
	}
	m := &lineMatcher{pattern: regexp.MustCompile(`^y`)}
	if got := feed(m, strings.Repeat("x", 3*maxMatched), strings.Repeat("y", 10), "\ny\n"); got != "y" || cap(m.line) > 4*maxMatched {
		t.Errorf("after a long line %q, and %d bytes are kept", got, cap(m.line))
	}
}

func FuzzMarks(f *testing.F) {
	f.Add("phase a\nend\nmark x\nphase \xff\n", 3)
	f.Add(strings.Repeat("x", 2*maxLine)+"\nphase y\n", 100)
	f.Fuzz(func(t *testing.T, text string, size int) {
		var whole, pieces markParser
		a := whole.parse([]byte(text), nil)
		size = min(max(size, 1), 1000)
		var b []mark
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			b = pieces.parse([]byte(rest[:min(size, len(rest))]), b)
		}
		if fmt.Sprint(a) != fmt.Sprint(b) || whole.bad != pieces.bad || string(whole.line) != string(pieces.line) {
			t.Fatalf("whole %v %+v, in pieces %v %+v", a, whole.bad, b, pieces.bad)
		}
		if len(whole.line) > maxLine {
			t.Fatalf("%d bytes are kept", len(whole.line))
		}
	})
}

// How long after a mark was written it has arrived, and the reading been taken.
func BenchmarkMarkLatency(b *testing.B) {
	h := testutil.NewTicking(b, fiveDomains()...)
	m := openSampler(b, h.Root, 0)
	l := &phaseLog{sampler: m}
	var p markParser
	var marks []mark
	in, err := newIntake(nil, func(piece []byte, at energy.Instant) bool {
		marks = p.parse(piece, marks[:0])
		l.take(at, marks)
		return true
	})
	if err != nil {
		b.Fatal(err)
	}
	in.run()
	defer in.end()
	var arrived, read []time.Duration
	line := []byte("phase x\n")
	for b.Loop() {
		time.Sleep(time.Millisecond)
		m.reading.Lock()
		l.cuts, l.counts, l.spans = l.cuts[:0], l.counts[:0], l.spans[:0]
		m.reading.Unlock()
		written := energy.Now()
		if _, err := unix.Write(in.write, line); err != nil {
			b.Fatal(err)
		}
		for n := 0; n == 0; {
			time.Sleep(200 * time.Microsecond)
			m.reading.Lock()
			if n = len(l.cuts); n > 0 {
				arrived, read = append(arrived, l.cuts[0].at.Sub(written)), append(read, l.cuts[0].read.Sub(written))
			}
			m.reading.Unlock()
		}
	}
	slices.Sort(arrived)
	slices.Sort(read)
	us := func(d time.Duration) float64 { return float64(d) / 1000 }
	b.ReportMetric(us(arrived[len(arrived)/2]), "us-arrived-median")
	b.ReportMetric(us(read[len(read)/2]), "us-read-median")
	b.ReportMetric(us(read[len(read)*99/100]), "us-read-p99")
}
