package session

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

// twoSockets is a machine with most of what a powercap tree can hold. Not core:
// what that means depends on the vendor of the processor that runs the tests.
func twoSockets() []testutil.TickingZone {
	return []testutil.TickingZone{
		{Name: "package-0", Watts: 100, StartUJ: 5_000_000},
		{Name: "package-0/uncore", Watts: 60, StartUJ: 7_000_000},
		{Name: "package-0/dram", Watts: 10, StartUJ: 9_000_000},
		{Name: "package-1", Watts: 80, StartUJ: 11_000_000},
		{Name: "package-1/uncore", Watts: 45, StartUJ: 13_000_000},
		{Name: "package-1/dram", Watts: 8, StartUJ: 15_000_000},
		{Name: "psys", Watts: 320, StartUJ: 17_000_000},
	}
}

// zoneOf returns the name that the fake host has for a domain.
func zoneOf(id string) string {
	kind, socket, _ := strings.Cut(id, "-")
	if kind == "package" || kind == "psys" {
		return id
	}
	return "package-" + socket + "/" + kind
}

func shell(script string) *Command {
	return &Command{Argv: []string{"/bin/sh", "-c", script}}
}

// openFDs counts this process's file descriptors.
func openFDs(tb testing.TB) int {
	tb.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(entries)
}

// settled waits until f is true; goroutines take a moment to end.
func settled(f func() bool) bool {
	for range 200 {
		if f() {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// run measures, and checks that nothing is left behind whatever comes of it.
func run(tb testing.TB, o Options) (*report.Run, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return runWith(ctx, tb, o)
}

func runWith(ctx context.Context, tb testing.TB, o Options) (*report.Run, error) {
	tb.Helper()
	if o.Source == "" {
		o.Source = source.Powercap
	}
	fds, routines := openFDs(tb), runtime.NumGoroutine()
	r, err := Run(ctx, o)
	if !settled(func() bool { return openFDs(tb) <= fds }) {
		list, _ := filepath.Glob("/proc/self/fd/*")
		for _, f := range list {
			to, _ := os.Readlink(f)
			tb.Log(f, to)
		}
		tb.Errorf("%d file descriptors are left, before there were %d", openFDs(tb), fds)
	}
	if !settled(func() bool { return runtime.NumGoroutine() <= routines }) {
		buf := make([]byte, 1<<16)
		tb.Errorf("%d goroutines are left, before there were %d:\n%s", runtime.NumGoroutine(), routines, buf[:runtime.Stack(buf, true)])
	}
	if err == nil {
		checkRun(tb, r)
	}
	return r, err
}

func mustRun(tb testing.TB, o Options) *report.Run {
	tb.Helper()
	r, err := run(tb, o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// checkRun is what holds of every result.
func checkRun(tb testing.TB, r *report.Run) {
	tb.Helper()
	if d := float64(r.Window.EndNS-r.Window.StartNS) / 1e9; r.DurationS <= 0 || math.Abs(d-r.DurationS) > 1e-9 {
		tb.Errorf("the window is %v s long, the duration %v s", d, r.DurationS)
	}
	for _, d := range append([]report.Domain{{ID: "total", Energy: r.Total}}, r.Domains...) {
		switch {
		case d.EnergyJ == nil && d.Reason == "":
			tb.Errorf("%s: neither joules nor a reason", d.ID)
		case d.EnergyJ != nil && (*d.EnergyJ < 0 || math.IsNaN(*d.EnergyJ) || math.IsInf(*d.EnergyJ, 0)):
			tb.Errorf("%s: %v J", d.ID, *d.EnergyJ)
		case d.EnergyJ != nil && r.Source.Quality == energy.Measured && d.UncertaintyJ == nil:
			tb.Errorf("%s: no uncertainty", d.ID)
		}
	}
	checkPhases(tb, r)
	for _, w := range r.Warnings {
		if w.Code == "" || w.Message == "" || w.Advice == "" {
			tb.Errorf("warning without advice: %+v", w)
		}
	}
	for _, d := range energy.Catalogue() {
		if m, ok := r.Metrics[d.Name]; !ok || m.Value == nil && m.Reason == "" {
			tb.Errorf("%s: neither a value nor a reason", d.Name)
		}
	}
}

// window is when the run was, on the clock of the fake host.
func window(r *report.Run) (start, end energy.Instant) {
	return energy.Instant(r.Window.StartNS), energy.Instant(r.Window.EndNS)
}

func domain(tb testing.TB, r *report.Run, id string) report.Domain {
	tb.Helper()
	for _, d := range r.Domains {
		if d.ID == id {
			return d
		}
	}
	tb.Fatalf("no domain %s", id)
	return report.Domain{}
}

func warning(r *report.Run, code string) (report.Warning, bool) {
	for _, w := range r.Warnings {
		if w.Code == code {
			return w, true
		}
	}
	return report.Warning{}, false
}

// alive reports whether a process is there and no zombie.
func alive(pid int) bool {
	if unix.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(b), ") Z ")
}
