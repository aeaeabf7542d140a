package report

import (
	"math"
	"testing"
)

// What is not a number becomes null and comes back as no number, never as 0.
func TestKnown(t *testing.T) {
	for _, v := range []float64{0, -1.5, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		if k := Known(v); k == nil || *k != v || OrNaN(k) != v {
			t.Errorf("%v became %v", v, k)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if k := Known(v); k != nil || !math.IsNaN(OrNaN(k)) {
			t.Errorf("%v became %v", v, *k)
		}
	}
}

func TestNames(t *testing.T) {
	mb := 1024
	for want, c := range map[string]BenchConfig{
		"ARM 1024 MB, 28 workers":   {Arch: "aarch64", MemoryMB: &mb, Workers: 28},
		"x86 no limit, 1 worker":    {Arch: "x86_64", Workers: 1},
		"s390x no limit, 0 workers": {Arch: "s390x"},
	} {
		if got := c.Name(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
