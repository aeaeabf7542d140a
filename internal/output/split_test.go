package output

import (
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// TestSplitReportsAddUp holds the sample reports to what the contract says of
// real ones: a golden file that does not add up would teach nobody.
func TestSplitReportsAddUp(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }
	for name, r := range splitRuns() {
		a := r.Attribution
		parts := append([]report.DomainSplit{{ID: "total", EnergyJ: r.Total.EnergyJ, Split: a.Split}}, a.PerDomain...)
		for _, d := range parts {
			sum := 0.0
			for _, l := range splitLines {
				v := l.of(d.Split)
				if sum += deref(v); v == nil && d.Unknown[l.name] == "" {
					t.Errorf("%s: %s: %s is null without a reason", name, d.ID, l.name)
				}
			}
			if !near(sum, *d.EnergyJ) {
				t.Errorf("%s: the lines of %s add up to %v J, not %v", name, d.ID, sum, *d.EnergyJ)
			}
		}
		if len(a.Processes) == 0 {
			continue
		}
		sum := deref(a.ProcessesRest.EnergyJ)
		for _, p := range a.Processes {
			sum += *p.EnergyJ
		}
		if want := *a.TargetJ + *a.OthersJ + deref(a.KernelJ); !near(sum, want) {
			t.Errorf("%s: the processes add up to %v J, the lines to %v", name, sum, want)
		}
	}
}

// TestSplitUnknownIsNoZero takes one line after the other away.
func TestSplitUnknownIsNoZero(t *testing.T) {
	const reason = "because it was taken out"
	for i, l := range splitLines {
		r := splitCycles()
		drop := func(s *report.Split) {
			for k, v := range []**float64{&s.TargetJ, &s.OthersJ, &s.KernelJ, &s.IdleJ, &s.UnattributedJ} {
				if k == i {
					*v = nil
				}
			}
			s.Unknown = map[string]string{l.name: reason}
		}
		drop(&r.Attribution.Split)
		for k := range r.Attribution.PerDomain {
			drop(&r.Attribution.PerDomain[k].Split)
		}
		st := newSplitTable(r)
		for _, row := range append(st.rows, st.shares) {
			if strings.TrimSpace(row[1+i]) != "-" {
				t.Errorf("%s is not known and stands as %q", l.name, row[1+i])
			}
		}
		for _, f := range []Format{Table, Markdown, CSV, JSON} {
			if text := string(render(t, f, r, Options{})); !strings.Contains(text, reason) {
				t.Errorf("%s: the %s does not say why it is not known", l.name, f)
			}
		}
	}
}

// TestNotesNameTheirDomains: where only one domain lacks a line, its note says
// which.
func TestNotesNameTheirDomains(t *testing.T) {
	r := splitCycles()
	a := &r.Attribution
	for _, s := range []*report.Split{&a.PerDomain[1].Split, &a.Split} {
		s.IdleJ = nil
	}
	a.PerDomain[1].Unknown = map[string]string{"idle_j": "never idle"}
	a.Unknown = map[string]string{"idle_j": "package-1: never idle"}
	text := string(render(t, Table, r, Options{}))
	if !strings.Contains(text, "  idle of package-1: never idle\n") || strings.Count(text, "never idle") != 1 {
		t.Errorf("want one note on the idle power of package-1:\n%s", text)
	}
}

func TestJoulesCell(t *testing.T) {
	for _, c := range []struct {
		j        float64
		decimals int
		want     string
	}{
		{812.3, 0, "812"}, {0.4, 0, "<1"}, {0.04, 1, "<0.1"}, {0.05, 1, "0.1"}, {0, 2, "0"}, {12.345, 2, "12.35"}, {1e-12, 3, "<0.001"},
	} {
		if got := joulesCell(&c.j, noPrefix, c.decimals); got != c.want {
			t.Errorf("%v J with %d decimals: %q, want %q", c.j, c.decimals, got, c.want)
		}
	}
	if got := joulesCell(nil, noPrefix, 2); got != "-" {
		t.Errorf("not known: %q", got)
	}
}

func TestSpentText(t *testing.T) {
	run := func(target, unc, total float64) *report.Run {
		r := baseRun(10, "make", "-j8")
		r.Total = joules(total, 0.2, 10)
		r.Attribution = report.Attribution{Method: "ebpf-cycles", IdlePolicy: "none", Split: lines(target, unc, 0, 0, 1, 0, 0)}
		return r
	}
	for _, c := range []struct {
		name  string
		r     *report.Run
		alter func(*report.Run)
		want  string
	}{
		{"as people say it", run(812.3, 8.7, 1204.4), nil, "make -j8 spent 812 ± 9 J of the machine's 1,204 J (67.4 %)"},
		{"a long command", run(812.3, 8.7, 1204.4), func(r *report.Run) {
			r.Command.Argv = []string{"sh", "-c", "for i in 1 2 3 4 5 6 7 8; do make clean; make -j$i; done"}
		}, "sh -c … spent 812 ± 9 J of the machine's 1,204 J (67.4 %)"},
		{"a long path", run(812.3, 8.7, 1204.4), func(r *report.Run) {
			r.Command.Argv = []string{"/opt/a/very/long/path/to/some/program/that/runs", "x"}
		}, "/opt/a/very/long/path/to/some/program… … spent 812 ± 9 J of the machine's 1,204 J (67.4 %)"},
		{"a little of much", run(0.0031, 0.0002, 1204.4), nil, "make -j8 spent 3.1 ± 0.2 mJ of the machine's 1,204 J (<0.001 %)"},
		{"digits that weights don't have", run(28.59142, 0.0041, 48.431), nil, "make -j8 spent 28.59 ± 0.01 J of the machine's 48.4 J (59.0 %)"},
		{"lost in uncertainty", run(0.029, 3.1, 70), nil, "make -j8 spent 0 ± 3 J of the machine's 70.0 J (0.041 %)"},
		{"nothing", run(0, math.NaN(), 12), nil, "make -j8 spent 0 J of the machine's 12.0 J (0 %)"},
		{"a day", run(3.2e6, 2e4, 4.1e6), nil, "make -j8 spent 3200 ± 20 kJ of the machine's 4.1000 MJ (78.0 %)"},
		{"no total", run(12, 1, 14), func(r *report.Run) { r.Total = report.Energy{Reason: "package-1"} }, "make -j8 spent 12.0 ± 1.0 J"},
		{"idle not known", run(12, 1, 14), func(r *report.Run) { r.Attribution.IdleJ = nil }, "make -j8 spent 12.0 ± 1.0 J of the machine's 14.0 J (85.7 %), its part of the idle power included"},
		{"idle handed out", run(12, 1, 14), func(r *report.Run) { r.Attribution.IdlePolicy = "proportional" }, "make -j8 spent 12.0 ± 1.0 J of the machine's 14.0 J (85.7 %), its part of the idle power included"},
		{"a process", run(12, 1, 14), func(r *report.Run) { r.Command, r.Target = nil, report.Target{Kind: "pid", PID: 42} }, "process 42 and what it started spent 12.0 ± 1.0 J of the machine's 14.0 J (85.7 %)"},
		{"a group", run(12, 1, 14), func(r *report.Run) { r.Command, r.Target = nil, report.Target{Kind: "cgroup", Cgroup: "/a b"} }, "cgroup /a b spent 12.0 ± 1.0 J of the machine's 14.0 J (85.7 %)"},
		{"everything", run(12, 1, 14), func(r *report.Run) { r.Command, r.Target = nil, report.Target{Kind: "machine"} }, "All programs spent 12.0 ± 1.0 J of the machine's 14.0 J (85.7 %)"},
		{"not known", run(12, 1, 14), func(r *report.Run) {
			r.Attribution.TargetJ, r.Attribution.Unknown = nil, map[string]string{"target_j": "EIO"}
		}, "What make -j8 spent is not known: EIO"},
		{"of an estimate", run(12, 1, 14), func(r *report.Run) { r.Source.Quality = energy.Estimated }, "make -j8 spent ≈ 12.0 ± 1.0 J of the machine's ≈ 14.0 J (85.7 %)"},
	} {
		if c.alter != nil {
			c.alter(c.r)
		}
		if got := spentText(c.r); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestRankingsLoseNobody: however few rows are shown, rows and rest stand for
// all processes and all joules.
func TestRankingsLoseNobody(t *testing.T) {
	for name, r := range splitRuns() {
		a := r.Attribution
		if a.ProcessesRest == nil {
			continue
		}
		want := *a.TargetJ + *a.OthersJ + deref(a.KernelJ)
		for _, top := range []int{AllRows, 0, 1, 3, 1000} {
			k := processRanking(r, top)
			all := k.rows
			n := len(k.rows)
			if k.rest != nil {
				all = append(all, k.rest)
				more, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSuffix(k.rest[1], " more"), ",", ""))
				if err != nil {
					t.Fatalf("%s: the rest is %q", name, k.rest)
				}
				n += more
			}
			if n != len(a.Processes)+a.ProcessesRest.N {
				t.Errorf("%s, top %d: rows and rest are %d processes, not %d", name, top, n, len(a.Processes)+a.ProcessesRest.N)
			}
			if top == AllRows && len(k.rows) != len(a.Processes) || top == 1 && len(k.rows) > 1+manyBystanders {
				t.Errorf("%s, top %d: %d rows of %d", name, top, len(k.rows), len(a.Processes))
			}
			sum := 0.0
			for _, row := range all {
				v, unit, _ := strings.Cut(strings.Join(strings.Fields(row[len(row)-len(k.header)+index(k.header, "Energy")]), " "), " ")
				j, err := strconv.ParseFloat(v, 64)
				if err != nil || unit != "J" {
					t.Fatalf("%s: energy %q", name, row)
				}
				sum += j
			}
			// Every row is rounded, to a hundredth at worst.
			if math.Abs(sum-want) > 0.02*want {
				t.Errorf("%s, top %d: rows and rest are %v J, not %v", name, top, sum, want)
			}
		}
	}
}

func index(header []string, name string) int {
	for i, h := range header {
		if h == name {
			return i
		}
	}
	return -1
}

// TestOwnProcessesComeFirst: a busy neighbour does not push the command's
// processes out of the table.
func TestOwnProcessesComeFirst(t *testing.T) {
	r := splitProc()
	for i := range 20 {
		beside(r, energy.ByProc, "neighbour", 500+i, 50)
	}
	rank(r.Attribution.Processes)
	k := processRanking(r, 2)
	var got []string
	for _, row := range k.rows {
		got = append(got, row[1])
	}
	want := []string{"node", "esbuild", "neighbour", "neighbour", "neighbour"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRestWithoutNames: what interrupts spent is in no process, and not lost.
func TestRestWithoutNames(t *testing.T) {
	r := splitSamples()
	r.Attribution.ProcessesRest.N = 0
	k := processRanking(r, 0)
	if k.rest == nil || k.rest[1] != "the rest" || !strings.Contains(strings.Join(k.rest, " "), " J ") {
		t.Errorf("the rest is %q", k.rest)
	}
}

// TestRefusedWithoutSplit: where no method works at all, the table says what
// each needs.
func TestRefusedWithoutSplit(t *testing.T) {
	r := twoSockets()
	r.Attribution = report.Attribution{Method: "none", Reason: "no method can be used here", Refused: splitProc().Attribution.Refused}
	for f, title := range map[Format]string{Table: "Ways to split the joules, and what they need", Markdown: "Better ways to split the joules:"} {
		text := string(render(t, f, r, Options{}))
		for _, want := range []string{"Not attributed: no method can be used here", title, "setcap cap_bpf,cap_perfmon+ep"} {
			if !strings.Contains(text, want) {
				t.Errorf("the %s lacks %q:\n%s", f, want, text)
			}
		}
		if strings.Contains(text, " spent ") && f == Table {
			t.Errorf("nothing was split, but:\n%s", text)
		}
	}
}

// TestReasonIsGivenOnce: the reason for the method is often that of the first
// refusal.
func TestReasonIsGivenOnce(t *testing.T) {
	r := splitProc()
	r.Attribution.Reason = r.Attribution.Refused[1].Reason
	for _, f := range []Format{Table, Markdown} {
		if text := string(render(t, f, r, Options{})); strings.Count(text, "the same rights are missing") != 1 {
			t.Errorf("the %s repeats a reason:\n%s", f, text)
		}
	}
	r.Attribution.Reason = "--attribution proc asks for it"
	for _, f := range []Format{Table, Markdown} {
		if text := string(render(t, f, r, Options{})); !strings.Contains(text, "attribution proc asks for it") {
			t.Errorf("the %s does not say why", f)
		}
	}
}

// TestOwnThreadsComeFirst: as processes do.
func TestOwnThreadsComeFirst(t *testing.T) {
	r := splitThreads()
	a := &r.Attribution
	a.Processes = append(a.Processes, report.Process{PID: 77, Party: "others", Share: shareOf(r, 1, 1, 0, 0)})
	for i := range 5 {
		a.Threads = slices.Insert(a.Threads, 0, report.Thread{TID: 78 + i, PID: 77, Comm: "noise", Share: shareOf(r, 150, 9, 0, 0)})
	}
	k := threadRanking(r, 2)
	var got []string
	for _, row := range k.rows {
		got = append(got, row[2])
	}
	want := []string{"http-exec-0", "C2 CompilerThre", "noise", "noise", "noise"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProgramsAddUpTheirProcesses(t *testing.T) {
	r := splitCycles()
	k := programRanking(r, 0)
	counts := map[string]int{}
	for _, p := range r.Attribution.Processes {
		if p.Party == "target" {
			counts[p.Comm]++
		}
	}
	if len(k.rows) != len(counts) {
		t.Fatalf("%d programs, want %d", len(k.rows), len(counts))
	}
	for _, row := range k.rows {
		if row[1] != strconv.Itoa(counts[row[0]]) {
			t.Errorf("%s: %s processes, want %d", row[0], row[1], counts[row[0]])
		}
	}
	// Where each process has its row, programs would say the same again.
	if k := programRanking(r, AllRows); k.rows != nil {
		t.Errorf("all processes are shown, and programs too: %q", k.rows)
	}
	// What one process does not know, its program does not.
	r.Attribution.Processes[0].Instructions = nil
	first := r.Attribution.Processes[0].Comm
	for _, row := range programRanking(r, 0).rows {
		if cell := row[len(row)-2]; (cell == "-") != (row[0] == first) {
			t.Errorf("%s: %s per instruction", row[0], cell)
		}
	}
}

func TestWrapKeepsNumbersAndUnits(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"of the 31.2 ± 0.4 W here", []string{"of the", "31.2 ± 0.4 W", "here"}},
		{"it took 127 mJ, or (4.5 %) of", []string{"it took", "127 mJ, or", "(4.5 %) of"}},
		{"a 14 sub J mol", []string{"a 14 sub J", "mol"}},
		{"sum 14 +- 2 J of it", []string{"sum", "14 +- 2 J", "of it"}},
	} {
		if diff := cmp.Diff(c.want, wrap(c.text, 11)); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
	}
}

// TestCoursesOfTheTarget: its bars are drawn to the domain's scale.
func TestCoursesOfTheTarget(t *testing.T) {
	s := report.NewSplitSeries([]string{"a", "b"})
	nan := math.NaN()
	none := []float64{nan, nan, nan, nan, nan}
	for i := 1; i <= 8; i++ {
		own := []float64{float64(i) / 2, 0, 0, float64(i) / 2, 0}
		s.AppendSplit(float64(i), []float64{float64(i), 2}, append(own, none...))
	}
	all, _ := courses(s, 4)
	if len(all) != 3 || all[0].inner || !all[1].inner || all[2].domain != "b" {
		t.Fatalf("courses %+v, want a, its target, b", all)
	}
	if a := all[1]; a.min != 0.75 || a.mean != 2.25 || a.max != 3.75 || a.sparkline() != "▁▂▃▅" {
		t.Errorf("the target: min %v, mean %v, max %v, %s", a.min, a.mean, a.max, a.sparkline())
	}
}

func TestInfiniteSplitIsNamed(t *testing.T) {
	r := splitSamples()
	row := make([]float64, 2*report.SplitLines)
	row[report.SplitLines+report.SplitIdle] = math.Inf(1)
	r.Samples.AppendSplit(11, []float64{1, 1}, row)
	err := Write(&strings.Builder{}, JSON, r, Options{})
	if err == nil || !strings.Contains(err.Error(), "samples[200].split_j.dram-0 is") {
		t.Errorf("error %v", err)
	}
}

// TestCSVSplitAddsUp adds up the lines of the total as docs/output.md says.
func TestCSVSplitAddsUp(t *testing.T) {
	for name, r := range splitRuns() {
		r.Samples = nil
		sum := 0.0
		for _, row := range readCSV(t, render(t, CSV, r, Options{})) {
			if strings.HasPrefix(row[0], "split.") && strings.Count(row[0], ".") == 1 && row[1] == "total" && row[2] != "" {
				j, err := strconv.ParseFloat(row[2], 64)
				if err != nil {
					t.Fatal(err)
				}
				sum += j
			}
		}
		if math.Abs(sum-*r.Total.EnergyJ) > 1e-9*sum {
			t.Errorf("%s: the lines add up to %v J, the total is %v", name, sum, *r.Total.EnergyJ)
		}
	}
}

// BenchmarkSplitTable is what a split adds to BenchmarkRunTable.
func BenchmarkSplitTable(b *testing.B) {
	r := splitCycles()
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(io.Discard, Table, r, Options{Color: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzAmount reads the sentence's number back: what it leaves out lies within
// the uncertainty that it states, or a thousandth.
func FuzzAmount(f *testing.F) {
	for _, s := range [][2]float64{{812.3, 8.7}, {28.59142, 0.0041}, {0.029, 3.1}, {0, 1}, {1e-12, 0}, {9.9996, 1e-9}, {99999.7, 0.2}, {3.2e9, 1e4}, {0.00099996, 1e-6}, {349.9892, 1.5e-11}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, j, unc float64) {
		if !(j >= 0 && j < 1e18 && unc >= 0 && unc < 1e18) || j > 0 && j < 1e-15 || unc > 0 && unc < 1e-15 {
			t.Skip("no joules")
		}
		text := amount(j, &unc)
		number, unit, _ := strings.Cut(text, " J")
		fields := strings.Fields(number)
		if last := len(fields) - 1; strings.HasSuffix(text, "J") && unit == "" && strings.Trim(fields[last], "0123456789.") != "" {
			fields = fields[:last] // the prefix
		}
		scale := 1.0
		for i, symbol := range siSymbols {
			if symbol != "" && strings.HasSuffix(text, " "+symbol+"J") {
				scale = math.Pow10(leastPrefix + 3*i)
			}
		}
		v, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			t.Fatalf("%v ± %v prints as %q", j, unc, text)
		}
		room := 0.001 * j
		if len(fields) >= 3 {
			if u, err := strconv.ParseFloat(fields[2], 64); err != nil || u*scale < 0.66*unc && unc > 1e-14 {
				t.Fatalf("%v ± %v prints as %q", j, unc, text)
			} else {
				room = max(room, u*scale)
			}
		}
		if math.Abs(v*scale-j) > room*1.001+1e-15 {
			t.Errorf("%v ± %v prints as %q, %v", j, unc, text, v*scale)
		}
	})
}
