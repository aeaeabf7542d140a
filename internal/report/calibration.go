package report

import "time"

// CalibrationSchema names the contract of Calibration.
const CalibrationSchema = "energyprobe.calibration/v1"

// Calibration is what loading a host in steps says about power models: how far
// the published ones are off, what models fitted to this host are worth, and
// how good the readings are that both are held against.
type Calibration struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among results
	StartedAt time.Time `json:"started_at"` // when the first load began
	DurationS float64   `json:"duration_s"` // of all loads together, pauses included

	Tool     Tool               `json:"tool"`
	Host     Host               `json:"host"`
	Source   Source             `json:"source"`
	Plan     CalibrationPlan    `json:"plan"`
	Facts    CalibrationFacts   `json:"facts"`    // what quality control knows of the host beside the points
	Points   []CalibrationPoint `json:"points"`   // in the order of time
	Verdicts []Verdict          `json:"verdicts"` // on the whole; those on a point stand with it
	Models   []ModelQuality     `json:"models"`   // published ones first, then the fitted tiers
	Idle     *CalibratedIdle    `json:"idle"`     // of a socket; null where it was never seen idle
	SMT      *SMTFactor         `json:"smt"`      // null where cores have one thread, or too little ran with both
	Best     string             `json:"best"`     // the fitted tier to use, or the profile's; "" where none could be fitted or tried
	Grade    string             `json:"grade"`    // of the best: A, B, C or FAIL
	Warnings []Warning          `json:"warnings"` // what a reader should know; empty when all went well

	// Instrument is how good the measuring itself was; null where nobody looked.
	Instrument *Instrument `json:"instrument"`
}

// CalibratedIdle is what a socket of the idle machine draws.
type CalibratedIdle struct {
	PowerW  float64 `json:"power_w"`  // median
	SpreadW float64 `json:"spread_w"` // standard deviation over the calibration
	Points  int     `json:"points"`   // looks at the idle machine
}

// SMTFactor is how much more a core draws with both of its threads at work.
type SMTFactor struct {
	Rho  float64 `json:"rho"`  // dynamic power of both threads over that of one, per cycle
	Low  float64 `json:"low"`  // lower end of a 95 % interval
	High float64 `json:"high"` // its upper end
}

// CalibrationPlan is how the loads were chosen.
type CalibrationPlan struct {
	Mode    string  `json:"mode"`             // quick, standard or full
	Seed    int64   `json:"seed"`             // the order of the points and the bursts follow from it; below 2^53
	SettleS float64 `json:"settle_s"`         // how long a load runs before it is looked at
	DwellS  float64 `json:"dwell_s"`          // how long it is looked at
	Repeats int     `json:"repeats"`          // how often every point is visited
	Points  int     `json:"points"`           // how many were planned; fewer were made where it was interrupted
	Forced  bool    `json:"forced,omitempty"` // whether a verdict against the host was overruled with --force
	// Validates is the host profile that was tried, where nothing was fitted.
	Validates *HostProfile `json:"validates,omitempty"`
}

// CalibrationFacts are what quality control must know of a host.
type CalibrationFacts struct {
	Virtual  string   `json:"virtual,omitempty"`  // the hypervisor; absent on bare metal
	Filtered bool     `json:"filtered,omitempty"` // whether the processor adds noise to its counters
	LimitW   *float64 `json:"limit_w"`            // sustained power limit of one socket; null where none is known
	CCF      *CCF     `json:"ccf"`                // Cloud Carbon Footprint's coefficients for the processor; null where they were not looked up
}

// CCF are Cloud Carbon Footprint's coefficients, per vCPU and at the wall.
type CCF struct {
	MinW float64 `json:"min_w"` // at rest
	MaxW float64 `json:"max_w"` // at full load
	Arch string  `json:"arch"`  // microarchitecture that they are of
}

// The shapes of a load.
const (
	ShapeIdle  = "idle"  // nothing runs
	ShapeDuty  = "duty"  // all CPUs work, each a part of the time
	ShapeCores = "cores" // some CPUs work, all the time
	ShapeTrace = "trace" // bursts
	// ShapeTogether is all CPUs at work for a part of the time, the same part: what
	// socket sleeps can't be told from utilisation.
	ShapeTogether = "together"
)

// CalibrationPoint is a load that was held while the counters were read.
type CalibrationPoint struct {
	Workload  string  `json:"workload"`            // what ran: idle, alu, fma, simd, cache, stream, chase, mixed, hash-gzip
	Shape     string  `json:"shape"`               // idle, duty, together, cores or trace
	Load      float64 `json:"load"`                // part of the machine's CPU time that was asked for, 0 to 1
	Placement string  `json:"placement,omitempty"` // which CPUs come first: per-core, siblings, packed or spread
	CPUs      string  `json:"cpus,omitempty"`      // those that worked, as a list: 0-3,8
	Repeat    int     `json:"repeat"`              // which visit of the same load this is, from 0
	Holdout   bool    `json:"holdout,omitempty"`   // no model is fitted to it: it is what they are tried on

	StartedAt time.Time    `json:"started_at"` // when its window opened
	DurationS float64      `json:"duration_s"` // length of the window
	Sockets   []SocketLoad `json:"sockets"`    // what each socket did and drew
	// ThirdsW is the power of all packages in each third of the window.
	ThirdsW []float64 `json:"thirds_w,omitempty"`
	// Background is the part of the machine's CPU time that others had.
	Background *float64 `json:"background"`
	// Steal is the part of it that a hypervisor gave to other machines.
	Steal *float64 `json:"steal"`
	// Throttled is how often a core or package was slowed for its heat, null
	// when that is not counted.
	Throttled *float64 `json:"throttled"`
	// QuotaS is how long the control group had to wait for its quota, null when
	// it has none.
	QuotaS *float64 `json:"quota_s"`

	Verdicts []Verdict `json:"verdicts"`         // of the quality control; empty when nothing is wrong
	Used     bool      `json:"used"`             // whether models are fitted to it, or tried on it
	Reason   string    `json:"reason,omitempty"` // why its power is not known
}

// SocketLoad is what one socket did and drew while a point was held.
type SocketLoad struct {
	Socket       int      `json:"socket"`        // physical package
	CPUs         int      `json:"cpus"`          // logical CPUs online
	PowerW       *float64 `json:"power_w"`       // of the package; null when not known
	UncertaintyW *float64 `json:"uncertainty_w"` // half-width of a 95 % interval
	DRAMW        *float64 `json:"dram_w"`        // of its memory; null when there is no counter
	Busy         *float64 `json:"busy"`          // CPU seconds per second, of everything that ran
	Awake        *float64 `json:"awake"`         // part of the time in which any of its CPUs was busy
	OneThread    *float64 `json:"one_thread"`    // cores at work with one of their threads, on average: the CPU seconds, as the load was placed
	BothThreads  *float64 `json:"both_threads"`  // and with both
	FrequencyHz  *float64 `json:"frequency_hz"`  // cycles per CPU second; null without a counter for cycles
	Instructions *float64 `json:"instructions"`  // per second; null without a counter
}

// The kinds of a model.
const (
	ModelPublished = "published" // knows the TDP, and not this host
	ModelFitted    = "fitted"    // to this host
	ModelProfile   = "profile"   // fitted before, or elsewhere, and read from a host profile
)

// ModelQuality is how far a model is off, in power of all sockets.
type ModelQuality struct {
	Name        string `json:"name"`             // tdp-naive, teads, ..., T0 to T3
	Kind        string `json:"kind"`             // published, fitted or profile
	Description string `json:"description"`      // in words
	Reason      string `json:"reason,omitempty"` // why it says nothing here
	// Training is its error on the points that models are fitted to: of a fitted
	// one, each workload by a fit that had not seen it.
	Training *ModelErrors `json:"training"`
	Holdout  *ModelErrors `json:"holdout"` // on the workloads that none was fitted to
	Bands    []LoadBand   `json:"bands"`   // residuals by load, of all points
	// PredictedW is what it says of every point, in their order, null where it
	// says nothing; empty where it says nothing of any. A fitted one has seen
	// those that are not held out.
	PredictedW []*float64 `json:"predicted_w"`
}

// ModelErrors is how far a model is off on some points. An error is what the
// model says less what was measured.
type ModelErrors struct {
	Points  int       `json:"points"`   // how many
	MAEW    float64   `json:"mae_w"`    // mean of the errors' size
	RMSEW   float64   `json:"rmse_w"`   // root of the mean of their squares
	BiasW   float64   `json:"bias_w"`   // mean error
	MAPEPct *float64  `json:"mape_pct"` // mean relative error, null where nothing was drawn
	WMAPE   WithRange `json:"wmape_pct"`
	P95Pct  *float64  `json:"p95_pct"` // relative error that 95 % of the points stay below
	R2      *float64  `json:"r2"`      // share of the variance it explains; null where nothing varies
	// RangePct is by how much it makes the span from least to most power too
	// wide.
	RangePct *float64  `json:"range_pct"`
	Energy   WithRange `json:"energy_pct"` // error of the energy of all points together
	// CoveredPct is how many of the points lie within the interval that the
	// model gives; null for one that gives none.
	CoveredPct *float64 `json:"covered_pct"`
}

// WithRange is a value in percent with its 95 % interval, which is null where
// there are too few points for one.
type WithRange struct {
	Value *float64 `json:"value"` // in percent
	Low   *float64 `json:"low"`   // lower end
	High  *float64 `json:"high"`  // upper end
}

// LoadBand is a model's residuals at some loads.
type LoadBand struct {
	From   float64 `json:"from"`   // utilisation, this and above
	To     float64 `json:"to"`     // and below this
	Points int     `json:"points"` // how many
	BiasW  float64 `json:"bias_w"` // mean error
	MAEW   float64 `json:"mae_w"`  // mean of the errors' size
}

// What a verdict of the quality control asks for, from mild to hard.
const (
	VerdictNote    = "note"      // the reader should know
	VerdictRepeat  = "repeat"    // measure the point again
	VerdictLeave   = "leave-out" // the point is not used
	VerdictRefuse  = "refuse"    // the host's counters are no truth to fit to
	VerdictDegrade = "degrade"   // the grade can't be the best
)

// Verdict is what quality control found.
type Verdict struct {
	Code    string `json:"code"`    // stable name: thermal-throttling, power-limit, drift, background, ...
	Action  string `json:"action"`  // note, repeat, leave-out, degrade or refuse
	Message string `json:"message"` // what was seen, with its figures
	Advice  string `json:"advice"`  // what to do about it
}
