package instrument

import (
	"context"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Plan is how long the counters are looked at.
type Plan struct {
	Watch   time.Duration // each interface by itself
	Windows Windows       // and all of them together
}

// Standard takes less than ten seconds with three interfaces, and sees 1,500
// updates of a counter through each.
func Standard() Plan {
	return Plan{Watch: 1500 * time.Millisecond, Windows: Windows{N: 5, Length: time.Second}}
}

// Measure looks at open sources, best first. Nothing else should run
// meanwhile; the reading itself is a load, so that the counters move. The error
// is of a context that ended. What the clock says is not in it: that takes as
// long as everything else.
func Measure(ctx context.Context, sources []energy.Source, p Plan) (*report.Instrument, error) {
	out := &report.Instrument{StartedAt: time.Now(), Interfaces: []report.Interface{}, Refused: []report.Refusal{}, Agreement: []report.Agreement{}}
	for _, src := range sources {
		one, err := Watch(ctx, src, p.Watch)
		if err != nil {
			return nil, err
		}
		out.Interfaces = append(out.Interfaces, one)
	}
	if len(sources) > 1 {
		var err error
		if out.Agreement, err = Compare(ctx, sources, p.Windows, out.Interfaces); err != nil {
			return nil, err
		}
	}
	out.DurationS = time.Since(out.StartedAt).Seconds()
	return out, nil
}
