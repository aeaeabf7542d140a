package load

import "testing"

// Older CPUs take it, so it is tested on newer ones too.
func TestSSE2Steps(t *testing.T) {
	for _, n := range []int{0, 2, 100, floatSteps} {
		compareSteps(t, "sse2", n, sse2Steps, roundedSteps)
	}
}
