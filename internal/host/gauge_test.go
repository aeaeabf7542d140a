package host

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// TestGauge: uneven samples of a straight line average to its middle.
func TestGauge(t *testing.T) {
	var g gauge
	for _, s := range []float64{0, 0.1, 0.5, 3, 4} {
		g.add(energy.Instant(s*float64(time.Second)), 10+2*s)
	}
	if math.Abs(g.mean()-14) > 1e-9 || g.min != 10 || g.max != 18 {
		t.Errorf("mean %v, min %v, max %v", g.mean(), g.min, g.max)
	}
	var one gauge
	one.add(5, 7)
	if one.mean() != 7 {
		t.Errorf("one sample of 7 averages to %v", one.mean())
	}
}

// TestGaugeProperties: the mean lies between the ends, peaks never recede, and
// doubling every sample in place changes nothing.
func TestGaugeProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var g, twice gauge
		at := energy.Instant(rng.Int64N(1e9))
		low, high := math.Inf(1), math.Inf(-1)
		for range 1 + rng.IntN(30) {
			at = at.Add(time.Duration(rng.Int64N(1e9)))
			v := rng.NormFloat64() * math.Pow(10, float64(rng.IntN(12)))
			peak, dip := g.max, g.min
			first := g.n == 0
			g.add(at, v)
			twice.add(at, v)
			twice.add(at, v)
			if !first && (g.max < peak || g.min > dip) {
				t.Fatal("a peak receded")
			}
			low, high = min(low, v), max(high, v)
		}
		if m := g.mean(); m < low || m > high || g.min != low || g.max != high {
			t.Fatalf("mean %v of samples in [%v, %v]", m, low, high)
		}
		if d := math.Abs(g.mean() - twice.mean()); d > 1e-9*math.Max(1, math.Max(math.Abs(low), math.Abs(high))) {
			t.Fatalf("mean %v, with every sample twice %v", g.mean(), twice.mean())
		}
	}
}
