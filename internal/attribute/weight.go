package attribute

// DefaultRho is what two hardware threads of a core do together, relative to
// one that has the core alone, until a calibration measures it. Power follows
// work done, and published measurements of throughput and of power put the
// pair between 1.0 and 1.3. Time in which the core's other thread ran too
// weighs rho/2 of time alone, and so do cycles: a shared core's power is spent
// once, and both threads count all of its cycles.
const DefaultRho = 1.15
