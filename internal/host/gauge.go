package host

import "github.com/energyprobe/energyprobe/internal/energy"

// gauge integrates a value that is sampled now and then. Between two samples
// the value is taken to change evenly (the trapezoid rule); before the first
// and after the last it is not known and does not count.
type gauge struct {
	n        int
	at       energy.Instant
	last     float64
	area     float64 // value times seconds
	span     float64 // seconds
	min, max float64
}

func (g *gauge) add(at energy.Instant, v float64) {
	if g.n == 0 {
		g.min, g.max = v, v
	} else if dt := at.Sub(g.at).Seconds(); dt > 0 {
		g.area += (g.last + v) / 2 * dt
		g.span += dt
	}
	g.min, g.max = min(g.min, v), max(g.max, v)
	g.n, g.at, g.last = g.n+1, at, v
}

// mean returns the average over time; with one sample, that.
func (g *gauge) mean() float64 {
	if g.span == 0 {
		return g.last
	}
	// The quotient of rounded sums may stray a hair beyond the samples.
	return min(max(g.area/g.span, g.min), g.max)
}
