package report

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// BenchSchema names the contract of Bench.
const BenchSchema = "energyprobe.bench/v1"

// The kinds of a Bench.
const (
	BenchHost   = "host"   // a host's own benchmark, before it joins a cluster
	BenchMatrix = "matrix" // the index of a matrix: its plan and all cells
	BenchCellOf = "cell"   // one cell of a matrix
	BenchImport = "import" // invocations that others have measured
)

// Bench is what work cost in joules, seconds and money, cell by cell: of a host's
// benchmark, of a matrix of configurations, or of a file of others.
type Bench struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among results
	StartedAt time.Time `json:"started_at"` // when the first cell began; of an import, when it was made
	DurationS float64   `json:"duration_s"` // of all together, pauses included
	Kind      string    `json:"kind"`       // host, matrix, cell or import

	Tool   Tool        `json:"tool"`
	Host   *Host       `json:"host"`             // null where the work was done elsewhere
	Source *Source     `json:"source"`           // likewise
	Plan   *BenchPlan  `json:"plan"`             // null for an import
	Prices *PriceList  `json:"prices"`           // by which costs are; null where nothing has a price
	Origin []string    `json:"origin,omitempty"` // files that an import was made of
	Cells  []BenchCell `json:"cells"`
	// Applications are what each took, over its repetitions; of kind host.
	Applications []BenchApp  `json:"applications,omitempty"`
	Checks       []HostCheck `json:"checks,omitempty"`  // whether the host is fit, of kind host
	Score        *BenchScore `json:"score,omitempty"`   // of kind host
	Fit          *bool       `json:"fit,omitempty"`     // the checks' verdict, of kind host; null when they can't tell
	Verdict      string      `json:"verdict,omitempty"` // the same in a sentence
	Warnings     []Warning   `json:"warnings"`
}

// BenchPlan is what was to be run.
type BenchPlan struct {
	Mode         string          `json:"mode"` // quick, standard or matrix
	Seed         int64           `json:"seed"` // the order of cells follows from it, and generated data; below 2^53
	Applications []BenchWorkload `json:"applications"`
	MemoryMB     []int           `json:"memory_mb"`   // of a worker; 0 is no limit
	Workers      []int           `json:"workers"`     // numbers of them
	Repetitions  int             `json:"repetitions"` // of every combination
	Cells        int             `json:"cells"`       // all combinations, repetitions included
	SHA256       string          `json:"sha256"`      // of the plan's file, "" without one
}

// BenchWorkload is an application of a plan.
type BenchWorkload struct {
	Name    string   `json:"name"`              // of the application
	Size    float64  `json:"size"`              // units of work, 0 where they are not known
	Unit    string   `json:"unit"`              // points, rows, frames; "" where not known
	Data    string   `json:"data,omitempty"`    // the user's own
	Command []string `json:"command,omitempty"` // where it is no built-in one
}

// PriceList says which prices a cost is by.
type PriceList struct {
	Name     string `json:"name"`     // aws-lambda us-east-1
	Date     string `json:"date"`     // on which they were so
	Currency string `json:"currency"` // USD
	Source   string `json:"source"`   // page or file
	// Note says what a cost takes for granted: what is billed, and what is not.
	Note string `json:"note,omitempty"`
}

// The states of a cell.
const (
	CellOK      = "ok"
	CellOOM     = "oom"     // a worker ran out of its memory
	CellTimeout = "timeout" // it was ended
	CellFailed  = "failed"  // a worker failed otherwise
	CellEmpty   = "empty"   // an import has nothing of it
)

// BenchCell is one repetition of one configuration: all its workers together.
type BenchCell struct {
	ID          string        `json:"id"`               // titanic-1024-08-r1
	Application string        `json:"application"`      // that ran
	Arch        string        `json:"arch"`             // x86_64 or aarch64
	MemoryMB    *int          `json:"memory_mb"`        // of each worker; null without a limit
	VCPU        *float64      `json:"vcpu"`             // CPUs that each worker may use; null without a limit
	Workers     int           `json:"workers"`          // processes that shared the work
	Repetition  int           `json:"repetition"`       // from 1
	Order       int           `json:"order"`            // its place in time, from 0
	StartedAt   *time.Time    `json:"started_at"`       // null where not known
	Status      string        `json:"status"`           // ok, oom, timeout, failed or empty
	Reason      string        `json:"reason,omitempty"` // why it is not ok
	DurationS   *float64      `json:"duration_s"`       // from the first worker's start to the last one's end
	CPUS        *float64      `json:"cpu_s"`            // CPU seconds of all workers
	Work        *Work         `json:"work"`             // null where not known
	Quality     []WorkQuality `json:"quality,omitempty"`
	// Energy is by method, first the one to go by.
	Energy      []MethodEnergy    `json:"energy"`
	Cost        *Cost             `json:"cost"`                // null where there is no price for it
	CPUNames    []string          `json:"cpu_names,omitempty"` // as the processors name themselves
	Invocations []Invocation      `json:"invocations"`
	Metrics     map[string]Metric `json:"metrics,omitempty"` // further values, by name
	// Labels are texts that hold for all invocations, of an import.
	Labels   map[string]string `json:"labels,omitempty"`
	Warnings []Warning         `json:"warnings,omitempty"`
}

// Work is how much was done.
type Work struct {
	Units    float64 `json:"units"`    // how many
	Unit     string  `json:"unit"`     // points, rows, frames
	Checksum string  `json:"checksum"` // of all that was computed, "" where not known
}

// BenchApp is what an application took with a number of workers, over its
// repetitions.
type BenchApp struct {
	Application string         `json:"application"`        // that ran
	Workers     int            `json:"workers"`            // processes that shared the work
	Repetitions int            `json:"repetitions"`        // cells there are of it
	Failures    map[string]int `json:"failures,omitempty"` // how many did not end well, by status; they are in no number
	Work        *Work          `json:"work"`               // of every repetition; null where they differ or it is not known
	Quality     []WorkQuality  `json:"quality,omitempty"`  // likewise
	Method      string         `json:"method"`             // of the joules: attributed, machine, vcpu-share or whole-socket; "" without joules
	Duration    Summary        `json:"duration_s"`         // of a repetition
	Energy      BenchEnergy    `json:"energy_j"`           // likewise
	SPerUnit    *float64       `json:"s_per_unit"`         // seconds a unit of work takes, by the median; null where one of the two is not known
	JPerUnit    *float64       `json:"j_per_unit"`         // joules, likewise
}

// WorkQuality is a number by which work can be seen to be right.
type WorkQuality struct {
	Name  string  `json:"name"`  // accuracy, edge density, ...
	Value float64 `json:"value"` // in unit
	Unit  string  `json:"unit"`  // "" for a ratio
	Low   float64 `json:"low"`   // what it is at least, done right
	High  float64 `json:"high"`  // and at most
	OK    bool    `json:"ok"`    // whether it is within
}

// The methods of a cell's energy.
const (
	MethodTarget      = "attributed"   // the workers' part of the counters
	MethodMachine     = "machine"      // the whole machine while they ran: measured, or by a model
	MethodVCPUShare   = "vcpu-share"   // vCPU seconds times the share of a socket, idle power in proportion
	MethodWholeSocket = "whole-socket" // TDP x CPU share of the visible CPUs: what the first study did
)

// MethodEnergy is a cell's energy by one method.
type MethodEnergy struct {
	Method  string         `json:"method"` // attributed, machine, vcpu-share or whole-socket
	Quality energy.Quality `json:"quality"`
	Energy
	Assumes string `json:"assumes,omitempty"` // what it rests on: the processors' powers, ...
	// SocketW is the power of one socket that the joules are in proportion to;
	// absent where they are in proportion to none. With several processors it is
	// the mean, by their part of the joules per watt.
	SocketW *float64 `json:"socket_w,omitempty"`
}

// Cost is what a platform would have asked for a cell.
type Cost struct {
	Total     float64 `json:"total"`      // in the price list's currency
	Compute   float64 `json:"compute"`    // for memory times time
	Requests  float64 `json:"requests"`   // for invocations
	BilledGBS float64 `json:"billed_gbs"` // gigabyte-seconds
	BilledS   float64 `json:"billed_s"`   // seconds, of all workers, rounded up as the platform does
}

// Invocation is one worker in one stage. Values are null where not known.
type Invocation struct {
	Stage           string   `json:"stage,omitempty"`    // of the application, "" where it has one only
	Worker          int      `json:"worker"`             // from 0
	DurationS       *float64 `json:"duration_s"`         // of the worker, from its start to its end
	ReadS           *float64 `json:"read_s"`             // getting input
	ComputeS        *float64 `json:"compute_s"`          // computing
	WriteS          *float64 `json:"write_s"`            // putting results
	ColdStartS      *float64 `json:"cold_start_s"`       // from being asked for to its first instruction
	CPUS            *float64 `json:"cpu_s"`              // CPU seconds
	PeakMemoryBytes *float64 `json:"peak_memory_bytes"`  // resident at most
	CPUName         string   `json:"cpu_name,omitempty"` // that it ran on
	Status          string   `json:"status,omitempty"`   // where it is not ok
	// Metrics are an import's numbers of this invocation that have no field of
	// their own and are not the same for the whole cell.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Labels  map[string]string  `json:"labels,omitempty"` // likewise, texts
}

// HostCheck is one thing by which a host is fit for a cluster, or not.
type HostCheck struct {
	Name    string `json:"name"`             // steady-clock, throttling, neighbours, counters, ...
	Outcome string `json:"outcome"`          // pass, warn, fail or unknown
	Message string `json:"message"`          // what was seen, with its number
	Advice  string `json:"advice,omitempty"` // what to do about it
}

// The outcomes of a HostCheck.
const (
	CheckPass    = "pass"
	CheckWarn    = "warn"
	CheckFail    = "fail"
	CheckUnknown = "unknown"
)

// BenchScore is a host beside a reference: 100 is as good. Each is the geometric
// mean over the applications.
type BenchScore struct {
	Reference string              `json:"reference"`        // file, or "built in"
	Host      string              `json:"host"`             // which host that was
	Energy    *float64            `json:"energy"`           // units of work per joule; null where one of the two has no joules
	Time      *float64            `json:"time"`             // units of work per second
	ByApp     map[string]AppScore `json:"by_application"`   // the same for each
	Reason    string              `json:"reason,omitempty"` // why there is none
}

// AppScore is the score of one application.
type AppScore struct {
	Energy *float64 `json:"energy"` // units of work per joule
	Time   *float64 `json:"time"`   // units of work per second
}

// EnergyBy returns the cell's energy by a method, nil where it has none.
func (c *BenchCell) EnergyBy(method string) *MethodEnergy {
	for i := range c.Energy {
		if c.Energy[i].Method == method {
			return &c.Energy[i]
		}
	}
	return nil
}
