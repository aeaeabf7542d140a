// Package apptest runs an application of the benchmark in a test: all stages,
// worker after worker, in this process.
package apptest

import (
	"fmt"
	"testing"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// Run does the application's work and returns what it came to. The directory is
// a new one unless s names one, and the size is the tests' unless s has one.
func Run(tb testing.TB, a app.App, s app.Setup) app.Outcome {
	tb.Helper()
	if s.Dir == "" {
		s.Dir = tb.TempDir()
	}
	if s.Size == 0 {
		s.Size = a.Sizes.Tiny
	}
	s.Workers = max(s.Workers, 1)
	ctx := tb.Context()
	if err := a.Prepare(ctx, s); err != nil {
		tb.Fatalf("%s: prepare: %v", a.Name, err)
	}
	for _, stage := range a.Stages {
		n := s.Workers
		if stage.Workers != nil {
			n = stage.Workers(n)
		}
		// Backwards: the order in which workers end is nobody's business.
		for i := n - 1; i >= 0; i-- {
			if err := stage.Run(ctx, &app.Task{Setup: s, Worker: i, Of: n}); err != nil {
				tb.Fatalf("%s: stage %s, worker %d of %d: %v", a.Name, stage.Name, i, n, err)
			}
		}
	}
	outcome, err := a.Conclude(s)
	if err != nil {
		tb.Fatalf("%s: conclude: %v", a.Name, err)
	}
	return outcome
}

// Good fails the test where a figure of quality is out of its bounds.
func Good(tb testing.TB, o app.Outcome) {
	tb.Helper()
	if len(o.Quality) == 0 {
		tb.Error("no figure says whether the work is right")
	}
	for _, f := range o.Quality {
		if !(f.Low <= f.Value && f.Value <= f.High) {
			tb.Errorf("%s is %v, expected %v to %v", f.Name, f.Value, f.Low, f.High)
		}
	}
}

// SameOnBoth runs the application at the size of tests with these numbers of
// workers, on this architecture and on the other one, and fails unless all of
// its outcomes are good and the same.
func SameOnBoth(t *testing.T, a app.App, workers ...int) {
	t.Helper()
	found := make([]string, len(workers))
	for i, n := range workers {
		o := Run(t, a, app.Setup{Seed: 42, Workers: n})
		Good(t, o)
		found[i] = fmt.Sprintf("%d workers: %s", n, o.Checksum)
		for _, f := range o.Quality {
			found[i] += fmt.Sprintf(" %s %v", f.Name, f.Value)
		}
	}
	testutil.SameOnBoth(t, found)
}
