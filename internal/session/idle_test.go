package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procusage"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// Who waits for the idle machine to be watched is told so, and when it is over.
func TestBaselineIsAnnounced(t *testing.T) {
	places := []energy.Place{{Die: -1, CPUs: []int{0}}}
	tracker, err := procusage.New(procusage.Config{Places: places, Target: procusage.Target{Machine: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer tracker.Close()
	zones := []energy.Zone{{Domain: energy.Package, Die: -1, Core: -1, Parent: -1, Tick: 1e-6}}
	const d = 120 * time.Millisecond
	var said []string
	began := time.Now()
	var took time.Duration
	s := &session{
		Options: Options{Baseline: d, Preparing: func(what string) { said, took = append(said, what), time.Since(began) }},
		tracks:  []*energy.Track{energy.NewTrack(&fixed{name: "fixed", zones: zones, watts: []float64{20}})},
		attr:    &attribution{tracker: tracker, places: places, zones: zones},
	}
	s.watchBaseline()
	if want := []string{"watching the idle machine for 120ms", ""}; !slices.Equal(said, want) || took < d || len(s.warnings) > 0 {
		t.Errorf("said %q until %v, want %q; warnings %v", said, took, want, s.warnings)
	}
}

// A baseline that nothing makes use of is no silent one.
func TestBaselineWithoutUse(t *testing.T) {
	h := testutil.NewTicking(t, twoSockets()...)
	r := mustRun(t, Options{Root: h.Root, Command: shell("true"), Baseline: time.Second, Preparing: func(what string) { t.Errorf("%q was said", what) }})
	if !slices.ContainsFunc(r.Warnings, func(w report.Warning) bool { return w.Code == "baseline" && strings.Contains(w.Message, "not watched") }) {
		t.Errorf("warnings %+v", r.Warnings)
	}
}
