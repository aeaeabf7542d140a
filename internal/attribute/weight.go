package attribute

import "time"

// DefaultRho is what two hardware threads of a core do together, relative to
// one that has the core alone, until a calibration measures it. Power follows
// work done, and published measurements of throughput and of power put the
// pair between 1.0 and 1.3.
const DefaultRho = 1.15

// Weight returns the weight of a slice: v times the time a task ran alone on
// its core plus rho/2 times the time the core's other hardware thread ran too,
// in v's unit times seconds. V is the task's worth per second of a core it
// has for itself: 1 for time, the frequency for cycles. Cycles counted while
// the core was shared are halved by the same rule, for a shared core's power
// is spent once and both threads count all of its cycles.
//
// Two tasks that share a core all the time weigh rho together, a little more
// than one that runs alone.
func Weight(v float64, alone, shared time.Duration, rho float64) float64 {
	return v * (alone.Seconds() + rho/2*shared.Seconds())
}
