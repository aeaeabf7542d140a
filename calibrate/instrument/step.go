package instrument

import (
	"fmt"
	"math"
)

// stepper finds the smallest step of a counter: what all of its changes are
// multiples of.
//
// Registers and perf events are whole multiples of their step. powercap rounds
// it down to microjoules: its changes are multiples within one count, and the
// step is looked for among those that the interface states, its halves and its
// doubles.
type stepper struct {
	tick    float64 // joules
	stated  float64 // counts per step, as the interface states it; 1 where counts are steps
	n       int
	sum     uint64 // of all changes
	divisor uint64 // the greatest common one
	fits    [halves + 1 + doubles]bool
}

const (
	halves  = 3 // down to an eighth of the stated step
	doubles = 6 // up to 64 of them
	// apart is how many counts a step needs for multiples to be told from what
	// is none: within one count of a multiple lies anything, where steps are two.
	apart = 8
	// fewChanges fit anything.
	fewChanges = 16
	// rounding is how far a change may lie from a multiple, in counts: both of
	// its ends were rounded down.
	rounding = 1.01
)

func newStepper(tick, stepJ float64) stepper {
	s := stepper{tick: tick, stated: math.Max(1, stepJ/tick)}
	for k := range s.fits {
		s.fits[k] = s.candidate(k) >= apart
	}
	return s
}

func (s *stepper) candidate(k int) float64 { return math.Ldexp(s.stated, k-halves) }

func (s *stepper) rounded() bool { return s.stated != math.Trunc(s.stated) }

func (s *stepper) add(change uint64) {
	s.n++
	s.sum += change
	s.divisor = gcd(s.divisor, change)
	if !s.rounded() {
		return
	}
	for k := range s.fits {
		c := s.candidate(k)
		if x := float64(change); s.fits[k] && math.Abs(x-math.Round(x/c)*c) > rounding {
			s.fits[k] = false
		}
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// counts is the step; reason says why it is not known.
func (s *stepper) counts() (step float64, reason string) {
	if s.n < fewChanges {
		return 0, fmt.Sprintf("the counter changed only %d times while it was watched", s.n)
	}
	if !s.rounded() {
		return float64(s.divisor), ""
	}
	for k := len(s.fits) - 1; k >= 0; k-- {
		if s.fits[k] {
			return s.candidate(k), ""
		}
	}
	return 0, fmt.Sprintf("its changes are multiples of neither the %.4g J that the interface states nor of parts of it", s.stated*s.tick)
}

// meanSteps is how many steps the counter moves by at a time; 0 where the step
// is not known.
func (s *stepper) meanSteps() float64 {
	step, reason := s.counts()
	if reason != "" {
		return 0
	}
	return float64(s.sum) / float64(s.n) / step
}
