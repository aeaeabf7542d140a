package fit

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// near reports whether a and b differ by 1e-9 of the larger at most.
func near(a, b float64) bool { return within(a, b, 1e-9) }

func within(a, b, tolerance float64) bool {
	return a == b || math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b)) || math.IsNaN(a) && math.IsNaN(b)
}

// wants fails the test unless err is of a kind and says something.
func wants(t *testing.T, err, kind error, text string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want %v with %q", err, kind, text)
	}
}

func TestQuantile(t *testing.T) {
	// R's quantile(c(1, 2, 4, 8), ...), type 7.
	for p, want := range map[float64]float64{0: 1, 0.5: 3, 0.95: 4 + 0.85*4, 1: 8} {
		if got := quantile([]float64{1, 2, 4, 8}, p); !near(got, want) {
			t.Errorf("quantile %v is %v, want %v", p, got, want)
		}
	}
}
