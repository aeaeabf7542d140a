package report

import "time"

// Instrument is how good the measuring itself is on a host: how often its
// counters are updated, how long it takes to read them, whether the interfaces
// to them agree, and how well the clock runs that turns joules into watts.
type Instrument struct {
	StartedAt  time.Time   `json:"started_at"` // when the first counter was watched
	DurationS  float64     `json:"duration_s"` // of watching the counters
	Interfaces []Interface `json:"interfaces"` // those that could be opened, best first
	Refused    []Refusal   `json:"refused"`    // why others could not be
	Agreement  []Agreement `json:"agreement"`  // of every domain that more than one interface shows
	Clock      ClockDrift  `json:"clock"`
}

// Interface is one way to read the counters.
type Interface struct {
	Name   string       `json:"name"`             // perf, powercap or msr
	Read   *Latency     `json:"read"`             // a reading of all its zones, one right after the other; null where none succeeded
	Reason string       `json:"reason,omitempty"` // why nothing is known
	Zones  []ZoneTiming `json:"zones"`
}

// Latency is how long reads take.
type Latency struct {
	N       int     `json:"n"`        // reads
	MedianS float64 `json:"median_s"` // half of them take no longer
	P95S    float64 `json:"p95_s"`    // 95 % take no longer
	P99S    float64 `json:"p99_s"`    // 99 % take no longer
	MaxS    float64 `json:"max_s"`    // the longest, which lost its CPU more often than not
}

// ZoneTiming is what watching one counter closely showed.
type ZoneTiming struct {
	Domain string `json:"domain"` // its ID: package-0, dram-1
	Origin string `json:"origin"` // where the counter lives
	// Read is the part of a reading that is this counter's; where one system call
	// reads several, all of that.
	Read         *Latency        `json:"read"`
	Update       *UpdateInterval `json:"update"`                  // null where updates could not be told apart
	UpdateReason string          `json:"update_reason,omitempty"` // why not
	UnitJ        float64         `json:"unit_j"`                  // the counter's step, as its interface states it
	// StepCounts is the smallest step seen, in counts as the interface shows them:
	// what all changes are multiples of.
	StepCounts *float64 `json:"step_counts"`
	StepJ      *float64 `json:"step_j"`                // the same in joules
	StepReason string   `json:"step_reason,omitempty"` // why it is not known
	PowerW     *float64 `json:"power_w"`               // mean power meanwhile, from the first update seen to the last
}

// UpdateInterval is the time between two updates of a counter, as seen from
// outside.
type UpdateInterval struct {
	N int `json:"n"` // intervals
	// Excluded are those left out because the watcher had lost its CPU at one of
	// their ends.
	Excluded int     `json:"excluded"`
	MeanS    float64 `json:"mean_s"`    // mean
	StdDevS  float64 `json:"std_dev_s"` // standard deviation
	MedianS  float64 `json:"median_s"`  // median
	MinS     float64 `json:"min_s"`     // the shortest
	P5S      float64 `json:"p5_s"`      // 5 % are no longer
	P95S     float64 `json:"p95_s"`     // 95 % are no longer
	P99S     float64 `json:"p99_s"`     // 99 % are no longer
	MaxS     float64 `json:"max_s"`     // the longest
	// ResolutionS is how far a single interval may be off, either way: an update
	// happened between two readings. The mean is not touched by it.
	ResolutionS float64 `json:"resolution_s"`
}

// Agreement holds one domain of an interface against the reference's, over
// windows that begin and end with updates of the counters.
type Agreement struct {
	Domain    string  `json:"domain"`    // its ID
	Interface string  `json:"interface"` // perf, powercap or msr
	Reference string  `json:"reference"` // the interface it is held against, the best that shows the domain
	Windows   int     `json:"windows"`   // that could be compared
	SpanS     float64 `json:"span_s"`    // of all of them together
	// SameUpdates says that both were taken at the very same updates of the
	// counter, so that their joules are of one span to the nanosecond. Otherwise
	// the mean powers are compared.
	SameUpdates bool    `json:"same_updates"`
	Ratio       *Factor `json:"ratio"` // its joules over those of the reference; null where not known
	Agree       *bool   `json:"agree"` // whether the ratio is 1 within its uncertainty
	// Units says that what they differ by is no more than the rounding of their
	// units explains.
	Units bool `json:"units"`
	// Correction is what to multiply the joules of this interface by to have the
	// reference's; null where they agree.
	Correction *Factor `json:"correction"`
	Reason     string  `json:"reason,omitempty"` // why the ratio is not known
}

// Factor is a factor that was measured.
type Factor struct {
	Value          float64 `json:"value"`           // the factor
	StdUncertainty float64 `json:"std_uncertainty"` // standard uncertainty
	Uncertainty    float64 `json:"uncertainty"`     // half-width of a 95 % interval
}

// ClockDrift is how CLOCK_MONOTONIC, by which powers are computed, ran while the
// host was calibrated, against CLOCK_MONOTONIC_RAW, which nobody corrects.
type ClockDrift struct {
	Source       string `json:"source"`                  // the kernel's clock source: tsc, hpet, ...; "" where it is not known
	SourceReason string `json:"source_reason,omitempty"` // why not
	// Synchronized says whether a time service keeps the clock, null where the
	// kernel does not tell.
	Synchronized *bool    `json:"synchronized"`
	ReadS        *float64 `json:"read_s"` // what it takes to read the clock
	SpanS        float64  `json:"span_s"` // from the first comparison to the last
	Marks        int      `json:"marks"`  // comparisons
	// DriftPPM is by how much it ran faster, in parts per million; negative:
	// slower.
	DriftPPM       *float64 `json:"drift_ppm"`
	UncertaintyPPM *float64 `json:"uncertainty_ppm"` // how far that may be off, either way
	// WorstPPM is the drift that lies farthest from 0 between two comparisons that
	// follow each other.
	WorstPPM *float64 `json:"worst_ppm"`
	Reason   string   `json:"reason,omitempty"` // why the drift is not known
}
