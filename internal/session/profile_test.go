package session

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// profileFor is one of the machine under root: 90 W a socket, whatever it does,
// give or take 10 %, but for a little that utilisation adds.
func profileFor(t *testing.T, root string) *HostProfile {
	t.Helper()
	topo, err := topology.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	return &HostProfile{Path: "/etc/a.json", Profile: &model.Profile{
		Schema: model.ProfileSchema, CreatedAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), CPU: ProfileCPU(topo), Governor: strings.Join(topo.Freq.Governors, ","),
		Source: "perf", TDPW: 150, Grade: "B", DataHash: "abc",
		Package: model.Fitted{Best: model.T1, Tiers: []model.Tier{
			{Name: model.T1, Curve: []model.TierPoint{{Busy: 0, PowerW: 90}, {Busy: 1, PowerW: 90.001}}, MaxBusy: 1, ErrorPct: 10},
		}},
	}}
}

// Beside a measurement the profile's model stands with its error, and the result
// says which calibration it leans on.
func TestProfileBesideAMeasurement(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	p := profileFor(t, h.Root)
	r, err := run(t, Options{Root: h.Root, Command: shell("sleep 0.3"), Profile: p, Attribution: "none"})
	if err != nil {
		t.Fatal(err)
	}
	m, there := r.Models[model.ProfileName]
	if !there || m.ErrorPctVsMeasured == nil {
		t.Fatalf("no model of the profile: %+v", r.Models)
	}
	// The counters say 100 and 80 W, the profile 90 W for each socket there is.
	if want := 100 * (float64(r.Host.CPU.Sockets)*90/180 - 1); math.Abs(*m.ErrorPctVsMeasured-want) > 2 {
		t.Errorf("it is off by %.2f %%, want %.2f", *m.ErrorPctVsMeasured, want)
	}
	if use := r.Host.Profile; use == nil || use.Path != p.Path || use.Grade != "B" || use.Tier != model.T1 || use.DataSHA256 != "abc" {
		t.Errorf("the result leans on %+v", use)
	}
	if r.Host.TDP.Value == nil || *r.Host.TDP.Value != 150 {
		t.Errorf("TDP %+v, want the profile's", r.Host.TDP)
	}
}

// Where there are no counters the profile makes the estimate, with its interval.
func TestProfileEstimates(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	p := profileFor(t, h.Root)
	r, err := run(t, Options{Root: h.Root, Source: "model", Command: shell("sleep 0.2"), Profile: p})
	if err != nil {
		t.Fatal(err)
	}
	e := r.Total
	if r.Source.Quality != energy.Estimated || e.EnergyJ == nil || e.LowJ == nil || e.HighJ == nil {
		t.Fatalf("%s: %+v", r.Source.Quality, e)
	}
	sockets := float64(r.Host.CPU.Sockets)
	if want := 90 * sockets * r.DurationS; math.Abs(*e.EnergyJ-want) > 0.01*want || math.Abs(*e.LowJ-0.9*want) > 0.01*want || math.Abs(*e.HighJ-1.1*want) > 0.01*want {
		t.Errorf("%.3f J (%.3f to %.3f), want %.3f", *e.EnergyJ, *e.LowJ, *e.HighJ, want)
	}
}

// A profile of another processor is refused where the user names it, and left
// alone where it was merely found.
func TestProfileOfAnotherProcessor(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	other := profileFor(t, h.Root)
	other.CPU.ModelName = "Another 1000"
	other.Asked = true
	if _, err := run(t, Options{Root: h.Root, Command: shell("true"), Profile: other}); err == nil || !strings.Contains(err.Error(), "the profile is for Another 1000") {
		t.Errorf("%v", err)
	}
	other.Asked = false
	unread := &HostProfile{Path: "/etc/b.json", Unreadable: energy.ErrBroken}
	for code, p := range map[string]*HostProfile{"profile-unsuited": other, "profile-unreadable": unread} {
		r, err := run(t, Options{Root: h.Root, Command: shell("true"), Profile: p})
		if err != nil {
			t.Fatal(err)
		}
		if _, there := r.Models[model.ProfileName]; there || r.Host.Profile != nil {
			t.Errorf("%s: it is used: %+v", code, r.Host.Profile)
		}
		if !hasWarning(r, code) {
			t.Errorf("no warning %s: %+v", code, r.Warnings)
		}
	}
}

// What differs within a processor model, and what was forced, is said.
func TestProfileWarnings(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	p := profileFor(t, h.Root)
	p.CPU.Stepping++
	p.Forced = true
	r, err := run(t, Options{Root: h.Root, Command: shell("true"), Profile: p})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"profile-differs", "profile-forced"} {
		if !hasWarning(r, code) {
			t.Errorf("no warning %s: %+v", code, r.Warnings)
		}
	}
	if r.Host.Profile == nil || !r.Host.Profile.Forced {
		t.Errorf("%+v", r.Host.Profile)
	}
}

func hasWarning(r *report.Run, code string) bool {
	for _, w := range r.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// What sockets did is the sum over all that ran on their dies, and what was not
// counted is not known.
func TestSocketUse(t *testing.T) {
	topo := &topology.Topology{}
	for id := range 4 {
		topo.Online = append(topo.Online, id)
		topo.CPUs = append(topo.CPUs, topology.CPU{ID: id, Online: true, Socket: id / 2, Core: id % 2, Siblings: []int{id}})
	}
	usage := make([]energy.PackageUsage, 2)
	usage[0] = energy.PackageUsage{Socket: 0, Seconds: 2}
	usage[0].Parties[energy.Target] = energy.Account{CPU: time.Second, Cycles: 2e9, Instructions: 3e9}
	usage[0].Parties[energy.Kernel] = energy.Account{CPU: time.Second, Cycles: 1e9, Instructions: 1e9}
	usage[0].Loads[5] = energy.LoadBin{Seconds: 1.5, Busy: 2}
	usage[1] = energy.PackageUsage{Socket: 1, Seconds: 2}
	got := socketsOf(usage, topo, 2)
	if len(got) != 2 {
		t.Fatalf("%d sockets", len(got))
	}
	a, b := got[0], got[1]
	if a.CPUs != 2 || a.Busy != 1 || a.OneThread != 1 || a.BothThreads != 0 || a.Hz != 1.5e9 || a.Cycles != 1.5e9 || a.Instructions != 2e9 || a.Awake != 0.75 {
		t.Errorf("socket 0: %+v", a)
	}
	if b.Busy != 0 || b.Awake != 0 || !math.IsNaN(b.Hz) || !math.IsNaN(b.Instructions) {
		t.Errorf("socket 1: %+v", b)
	}
	if got := socketsOf(usage[:1], topo, 2); got != nil {
		t.Errorf("with one socket unknown: %+v", got)
	}
}
