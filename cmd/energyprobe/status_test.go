package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/energyprobe/energyprobe/bench"
	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/internal/processor"
	"github.com/energyprobe/energyprobe/internal/trial"
)

// ^C has the shell's status for it, whichever verb it ends.
func TestStatusOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("%w after 3 of 34 loads\nGo on", calibrate.ErrInterrupted), 130},
		{fmt.Errorf("%w by SIGINT", trial.ErrInterrupted), 130},
		{benchEnd(fmt.Errorf("%w after 3 of 24 cells", bench.ErrInterrupted)), 130},
		{benchEnd(context.Canceled), 130},
		{&processor.NotFoundError{}, 1},
		{fmt.Errorf("anything else"), 125},
	} {
		if got := statusOf(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}
