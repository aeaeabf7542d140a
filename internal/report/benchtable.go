package report

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// The contracts of what is made of cells.
const (
	BenchTableSchema      = "energyprobe.benchtable/v1"
	BenchComparisonSchema = "energyprobe.benchcomparison/v1"
	RecommendationSchema  = "energyprobe.recommendation/v1"
)

// MeasureCost is the measure that a benchmark has beside energy and duration, in
// the price list's currency.
const MeasureCost = "cost"

// BenchMeasures are the measures of a configuration, in the order of the table.
func BenchMeasures() []string { return []string{MeasureCost, MeasureDuration, MeasureEnergy} }

// BenchMeasureName is a measure in words.
func BenchMeasureName(measure string) string {
	if measure == MeasureCost {
		return "cost"
	}
	return MeasureName(measure)
}

// BenchTable is what the cells of a benchmark come to: the global table, every
// configuration, and which of them no other beats.
type BenchTable struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among results
	StartedAt time.Time `json:"started_at"` // when the table was made

	Tool         Tool           `json:"tool"`
	Files        []string       `json:"files"`        // that the cells are from
	Method       string         `json:"method"`       // of every energy: attributed, machine, vcpu-share or whole-socket; "" where no cell has joules
	Quality      energy.Quality `json:"quality"`      // the worst of any energy; "" where no cell has joules
	Currency     string         `json:"currency"`     // of costs, "" where nothing has a price
	Prices       []PriceList    `json:"prices"`       // by which costs are
	Applications []string       `json:"applications"` // the columns, in their order
	Cells        int            `json:"cells"`        // of all files
	Failed       int            `json:"failed"`       // of them, are in no number
	Rows         []BenchRow     `json:"rows"`
	Configs      []BenchConfig  `json:"configurations"`
	Fronts       []BenchFront   `json:"fronts"`
	Notes        []string       `json:"notes"` // how the numbers came about, and what to mind
	Warnings     []Warning      `json:"warnings"`
}

// BenchRow is a row of the global table: an architecture at a memory.
type BenchRow struct {
	Arch     string       `json:"arch"`      // x86_64 or aarch64
	MemoryMB *int         `json:"memory_mb"` // of each worker; null without a limit
	Entries  []BenchEntry `json:"entries"`   // one for each application of the table
}

// BenchEntry is an application in a row. Each value is the median over the
// repetitions of a configuration, and of these medians the mean over the numbers
// of workers, all with the same weight.
type BenchEntry struct {
	Application string   `json:"application"`             // the column
	Cost        *float64 `json:"cost"`                    // in the table's currency; null when not known
	DurationS   *float64 `json:"duration_s"`              // null when not known
	EnergyJ     *float64 `json:"energy_j"`                // null when not known
	EnergyLowJ  *float64 `json:"energy_low_j,omitempty"`  // an estimate's range: the lower ends by the same rule
	EnergyHighJ *float64 `json:"energy_high_j,omitempty"` // and the upper ends
	Workers     []int    `json:"workers"`                 // numbers of them that are in the mean
	Cells       int      `json:"cells"`                   // of this application in this row
	// Failures is how many cells did not end well, by status. They are in no
	// mean.
	Failures map[string]int `json:"failures,omitempty"`
	Reason   string         `json:"reason,omitempty"` // why a value is not known
}

// BenchConfig is a configuration by its repetitions.
type BenchConfig struct {
	Application string `json:"application"` // that ran
	Arch        string `json:"arch"`        // x86_64 or aarch64
	MemoryMB    *int   `json:"memory_mb"`   // of each worker; null without a limit
	Workers     int    `json:"workers"`     // number of them
	Repetitions int    `json:"repetitions"` // cells there are of it
	// Failures is how many of them did not end well, by status. They are in no
	// number.
	Failures map[string]int `json:"failures,omitempty"`
	Cost     Summary        `json:"cost"` // in the table's currency
	Duration Summary        `json:"duration_s"`
	Energy   BenchEnergy    `json:"energy_j"`
	CPUNames []string       `json:"cpu_names,omitempty"` // that it ran on
}

// BenchEnergy sums up the joules of a configuration's repetitions.
type BenchEnergy struct {
	Summary
	Quality energy.Quality `json:"quality"` // the worst of the repetitions'
	// RangeLowJ is the lower end of what the method leaves open, by the median of
	// the repetitions. It is the same error in all of them, and in all
	// configurations of one architecture: it moves them together.
	RangeLowJ  *float64 `json:"range_low_j"`
	RangeHighJ *float64 `json:"range_high_j"`       // the upper end
	SocketW    *float64 `json:"socket_w,omitempty"` // the power of a socket that the joules are in proportion to
}

// Of returns the summary of a measure.
func (c *BenchConfig) Of(measure string) *Summary {
	switch measure {
	case MeasureCost:
		return &c.Cost
	case MeasureDuration:
		return &c.Duration
	}
	return &c.Energy.Summary
}

// Failed is how many repetitions did not end well.
func (c *BenchConfig) Failed() (n int) {
	for _, k := range c.Failures {
		n += k
	}
	return n
}

// BenchFront is the Pareto front of an application's configurations: those that
// no other one beats in energy and in another measure.
type BenchFront struct {
	Application string `json:"application"` // whose front it is
	Measure     string `json:"measure"`     // beside energy: cost or duration_s
	// On are the configurations that no other one beats by its medians, as
	// indexes, from the least of the measure to the most.
	On []int `json:"on"`
	// Perhaps are those that are beaten, but by no more than repetitions differ
	// and, between architectures, than the method leaves open.
	Perhaps []int `json:"perhaps"`
}
