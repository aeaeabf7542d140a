package energy

// Source is one way to read a machine's energy counters.
//
// Reading is the hot path: an implementation keeps its files open, makes at
// most one system call per zone, and allocates nothing once warm.
type Source interface {
	// Name is perf, powercap, msr or model.
	Name() string
	// Zones lists the counters, fixed and ordered from opening to Close. The
	// caller does not modify it.
	Zones() []Zone
	// Read fills r, which was made for this source's zones. A zone that can't
	// be read gets its entry of r.Errs set and keeps its old count; the error
	// returned is for when no zone could be read at all.
	Read(r *Reading) error
	// Close releases the files. It is safe on a nil receiver and twice.
	Close() error
}

// Reading is the raw counts of a source's zones and when they were read.
// Entries are per zone, in the order of Source.Zones.
type Reading struct {
	At     []Bracket // the read happened within
	Counts []uint64  // raw, as the counter shows it
	Errs   []error   // nil where the zone was read
}

// Bracket holds the instants before and after a read. Zones that one system
// call reads together share theirs.
type Bracket struct{ Before, After Instant }

// NewReading returns a Reading for n zones.
func NewReading(n int) *Reading {
	return &Reading{At: make([]Bracket, n), Counts: make([]uint64, n), Errs: make([]error, n)}
}
