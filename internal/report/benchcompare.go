package report

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// BenchComparison sets one set of cells against another, configuration by
// configuration.
type BenchComparison struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among results
	StartedAt time.Time `json:"started_at"` // when the comparison was made

	Tool     Tool           `json:"tool"`
	A        BenchSide      `json:"a"`        // what changes are relative to
	B        BenchSide      `json:"b"`        // the other side
	Method   string         `json:"method"`   // of the energies
	Quality  energy.Quality `json:"quality"`  // the worst of the energies; "" without any
	Currency string         `json:"currency"` // of costs, "" where nothing has a price
	Seed     int64          `json:"seed"`     // of the resampling; below 2^53
	Changes  []BenchChange  `json:"changes"`  // by application and measure; application "" is all of them
	Pairs    []BenchPair    `json:"pairs"`    // the configurations that both sides have
	Unpaired []BenchLone    `json:"unpaired"`
	// Sensitivity is what the change in energy would be with other powers
	// assumed, where energies are estimates.
	Sensitivity []BenchSensitivity `json:"sensitivity"`
	Verdicts    []string           `json:"verdicts"` // the answer in sentences
	Warnings    []Warning          `json:"warnings"`
}

// BenchSide is one of the two sets.
type BenchSide struct {
	Label  string      `json:"label"`  // what it is called: x86, ARM, or its directory
	Files  []string    `json:"files"`  // that it was read from
	Archs  []string    `json:"archs"`  // x86_64 or aarch64
	Cells  int         `json:"cells"`  // of it
	Failed int         `json:"failed"` // of them, are in no number
	Prices []PriceList `json:"prices"` // by which its costs are
}

// BenchChange is how a measure of B differs from that of A over the pairs, each
// of which counts once.
type BenchChange struct {
	Application string `json:"application"` // "" for all
	Measure     string `json:"measure"`     // cost, duration_s or energy_j
	Pairs       int    `json:"pairs"`       // that have both values
	Missing     int    `json:"missing"`     // that don't
	// MeanPct is the mean of the pairs' changes, with the interval that
	// resampling of the pairs gives.
	MeanPct     *float64 `json:"mean_pct"`
	MeanLowPct  *float64 `json:"mean_low_pct"`  // lower end of its 95 % interval
	MeanHighPct *float64 `json:"mean_high_pct"` // upper end
	MedianPct   *float64 `json:"median_pct"`    // of the pairs' changes
	// MedianLowPct is the lower end of the median's 95 % interval.
	MedianLowPct  *float64 `json:"median_low_pct"`
	MedianHighPct *float64 `json:"median_high_pct"`  // upper end
	Q1Pct         *float64 `json:"q1_pct"`           // lower quartile
	Q3Pct         *float64 `json:"q3_pct"`           // upper quartile
	MinPct        *float64 `json:"min_pct"`          // the least
	MaxPct        *float64 `json:"max_pct"`          // the most
	TotalPct      *float64 `json:"total_pct"`        // of the sums over the pairs: large configurations count more
	Reason        string   `json:"reason,omitempty"` // why a value is not known
}

// BenchPair is a configuration that both sides have. Values are medians over
// the repetitions, null where not known.
type BenchPair struct {
	Application string     `json:"application"` // that ran
	MemoryMB    *int       `json:"memory_mb"`   // of each worker; null without a limit
	Workers     int        `json:"workers"`     // number of them
	A           BenchPoint `json:"a"`
	B           BenchPoint `json:"b"`
	CostPct     *float64   `json:"cost_change_pct"`     // of B against A; null where one of the two is not known
	TimePct     *float64   `json:"duration_change_pct"` // likewise
	EnergyPct   *float64   `json:"energy_change_pct"`   // likewise
	// EnergyLowPct is the change with A's energy at the upper end of its range
	// and B's at the lower one; null without ranges.
	EnergyLowPct  *float64 `json:"energy_change_low_pct"`
	EnergyHighPct *float64 `json:"energy_change_high_pct"` // the other way round
}

// Change returns the change of a measure.
func (p *BenchPair) Change(measure string) *float64 {
	switch measure {
	case MeasureCost:
		return p.CostPct
	case MeasureDuration:
		return p.TimePct
	}
	return p.EnergyPct
}

// BenchPoint is one side of a pair.
type BenchPoint struct {
	Repetitions int      `json:"repetitions"`        // that ended well
	Cost        *float64 `json:"cost"`               // in the comparison's currency
	DurationS   *float64 `json:"duration_s"`         // from the first worker to the last
	EnergyJ     *float64 `json:"energy_j"`           // by the comparison's method
	LowJ        *float64 `json:"low_j,omitempty"`    // an estimate's range
	HighJ       *float64 `json:"high_j,omitempty"`   // the range's upper end
	SocketW     *float64 `json:"socket_w,omitempty"` // the power of a socket that the energy is in proportion to
}

// BenchLone is a configuration that has no partner.
type BenchLone struct {
	Side        string `json:"side"`        // a or b: which has it
	Application string `json:"application"` // that ran
	MemoryMB    *int   `json:"memory_mb"`   // of each worker; null without a limit
	Workers     int    `json:"workers"`     // number of them
	Reason      string `json:"reason"`      // why: the other side lacks it, or it failed there
}

// BenchSensitivity is the change in energy over all pairs under an assumption.
type BenchSensitivity struct {
	Method string `json:"method"` // whole-socket or vcpu-share
	// Assumption in words: equal watts, 225 W against 300 W, both at the low end.
	Assumption string   `json:"assumption"`
	AW         *float64 `json:"a_w"`              // watts of a socket of A; null where it is no number of watts that is assumed
	BW         *float64 `json:"b_w"`              // and of B
	Ratio      *float64 `json:"ratio"`            // of B's watts to A's
	Used       bool     `json:"used"`             // whether it is what the cells' energies rest on
	Pairs      int      `json:"pairs"`            // that have what it takes
	MeanPct    *float64 `json:"mean_pct"`         // of the pairs' changes
	MedianPct  *float64 `json:"median_pct"`       // of the pairs' changes
	Reason     string   `json:"reason,omitempty"` // why it is not known
}
