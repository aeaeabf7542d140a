package instrument

import (
	"fmt"
	"slices"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// interval is the time between two edges that follow each other.
type interval struct {
	d time.Duration
	// blur is the width of both brackets together: d may be off by half of it
	// either way.
	blur time.Duration
}

const (
	// held is how many times the usual blur tells that the watcher had lost its
	// CPU at an end of the interval: it saw only the last of the edges that fell
	// into its absence, and not when.
	held = 3
	// fewIntervals are too few for a distribution.
	fewIntervals = 20
	// coarse is how many of its steps a counter has to move by, on average, for
	// every update to show: with fewer there are updates that add none.
	coarse = 3
)

// distribution is that of a counter's update intervals; where they can't be
// told, the reason. meanSteps is how many of its steps the counter moved by at
// an edge, 0 where that is not known.
func distribution(all []interval, meanSteps float64) (*report.UpdateInterval, string) {
	if len(all) < fewIntervals {
		return nil, fmt.Sprintf("the counter changed only %d times in a row while it was watched", len(all))
	}
	usual, apart := usualBlur(all), medianOf(all, func(i interval) time.Duration { return i.d })
	switch {
	case usual > apart/2:
		return nil, fmt.Sprintf("its changes are seen %v apart, and a reading leaves their times open by %v: it is updated too often to be told, or read too slowly",
			apart.Round(time.Microsecond), (usual / 2).Round(time.Microsecond))
	case meanSteps > 0 && meanSteps < coarse:
		return nil, fmt.Sprintf("the counter moves by %.2g of its steps at a time, every %v: updates that add none are not seen", meanSteps, apart.Round(10*time.Microsecond))
	}
	var kept []float64
	for _, i := range all {
		if i.blur <= held*usual {
			kept = append(kept, i.d.Seconds())
		}
	}
	s := stats.Describe(kept)
	slices.Sort(kept)
	at := func(q float64) float64 { return kept[min(int(q*float64(len(kept))), len(kept)-1)] }
	return &report.UpdateInterval{
		N: len(kept), Excluded: len(all) - len(kept), MeanS: s.Mean, StdDevS: s.StdDev, MedianS: s.Median.Value, MinS: s.Min, MaxS: s.Max,
		P5S: at(0.05), P95S: at(0.95), P99S: at(0.99), ResolutionS: (usual / 2).Seconds(),
	}, ""
}

func usualBlur(all []interval) time.Duration {
	return medianOf(all, func(i interval) time.Duration { return i.blur })
}

func medianOf(all []interval, of func(interval) time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	d := make([]time.Duration, len(all))
	for k, i := range all {
		d[k] = of(i)
	}
	slices.Sort(d)
	return d[len(d)/2]
}
