package instrument

import (
	"math/bits"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// histogram holds millions of durations in 5 kB: every power of two of
// nanoseconds has 32 bins, so that a quantile is known within 1.6 %.
type histogram struct {
	bins [34*32 + 32]uint32 // up to 2^39 ns, nine minutes
	n    int
	max  time.Duration
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.bins[min(bin(uint64(d)), len(h.bins)-1)]++
	h.n++
	h.max = max(h.max, d)
}

// bin is exact below 64 ns; above, it holds the exponent and five bits behind
// the leading one.
func bin(ns uint64) int {
	if ns < 64 {
		return int(ns)
	}
	e := bits.Len64(ns) - 6
	return e*32 + int(ns>>e)
}

// middle is the middle of a bin, in nanoseconds.
func middle(bin int) float64 {
	if bin < 64 {
		return float64(bin)
	}
	e := bin/32 - 1
	return float64(uint64(bin-e*32)<<e) + float64(uint64(1)<<e)/2
}

// quantile returns the duration that a part q of them does not exceed, in
// seconds. There has to be one.
func (h *histogram) quantile(q float64) float64 {
	want := uint64(q*float64(h.n) + 0.999999)
	var seen uint64
	for i, n := range h.bins {
		if seen += uint64(n); seen >= want && n > 0 {
			return min(middle(i)/1e9, h.max.Seconds())
		}
	}
	return h.max.Seconds()
}

// latency is nil where nothing was added.
func (h *histogram) latency() *report.Latency {
	if h.n == 0 {
		return nil
	}
	return &report.Latency{N: h.n, MedianS: h.quantile(0.5), P95S: h.quantile(0.95), P99S: h.quantile(0.99), MaxS: h.max.Seconds()}
}
