package report

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// HistorySchema and TrendSchema name the contracts of History and Trend.
const (
	HistorySchema = "energyprobe.history/v1"
	TrendSchema   = "energyprobe.trend/v1"
)

// History is a list of stored results.
type History struct {
	Schema   string         `json:"schema"`   // the contract that this document fulfils
	Path     string         `json:"path"`     // the file they are stored in
	Entries  []HistoryEntry `json:"entries"`  // in the order in which they were stored: newest last
	Warnings []Warning      `json:"warnings"` // lines that could not be read, and the like
}

// HistoryEntry is what a list says of one stored result. It is stored beside
// the result, so that a list need not read the result itself.
type HistoryEntry struct {
	ID        string    `json:"id"`                // the result's run_id, or one that it got when it was stored
	Schema    string    `json:"result_schema"`     // the contract that the result fulfils
	StartedAt time.Time `json:"started_at"`        // when its window opened
	DurationS *float64  `json:"duration_s"`        // length of the window; of several runs, the median
	Subject   string    `json:"subject,omitempty"` // what was measured, where it is no single command
	Argv      []string  `json:"argv,omitempty"`    // the command; a very long one is cut
	Hostname  string    `json:"hostname"`          // of the machine measured
	Source    string    `json:"source"`            // where the joules come from
	// Quality is empty where there are no joules.
	Quality energy.Quality `json:"quality"`
	Energy                 // the machine's: the total; of several runs, the median with its interval as range
	TargetJ *float64       `json:"target_j"` // the target's part of it, where attribution tells; null otherwise

	ExitCode *int   `json:"exit_code,omitempty"` // of the command
	Signal   string `json:"signal,omitempty"`    // the signal that ended it: SIGKILL
	Runs     int    `json:"runs,omitempty"`      // how many runs it is made of, where not one
	Samples  int    `json:"samples,omitempty"`   // length of the time series, which was not stored
	Warnings int    `json:"warnings,omitempty"`  // how many the result has
	Tool     string `json:"tool,omitempty"`      // version that measured
	// Newer marks a result whose contract this version does not know.
	Newer bool `json:"newer,omitempty"`
}

// Trend is one measure of one command over time.
type Trend struct {
	Schema   string         `json:"schema"`            // the contract that this document fulfils
	Subject  string         `json:"subject,omitempty"` // what was measured, where it is no command
	Argv     []string       `json:"argv,omitempty"`    // the command
	Hostname string         `json:"hostname"`          // the machine
	Quality  energy.Quality `json:"quality"`           // of every point's energy
	Measure  string         `json:"measure"`           // energy_j, target_j, power_w or duration_s: what the values are, and their unit
	Points   []TrendPoint   `json:"points"`            // oldest first
	Median   *float64       `json:"median"`            // of the points; null when there are none
	// FenceLow lies 1.5 interquartile ranges below the lower quartile. Points
	// outside of the fence are marked, and are in all the numbers.
	FenceLow  *float64 `json:"fence_low"`
	FenceHigh *float64 `json:"fence_high"` // and as far above the upper quartile
	Missing   int      `json:"missing"`    // results of the command that have no such value
	// Others is how many results of the selection are of something else:
	// another command, host or quality.
	Others   int       `json:"others"`
	Warnings []Warning `json:"warnings"` // lines that could not be read, and the like
}

// TrendPoint is one result of a Trend.
type TrendPoint struct {
	ID        string    `json:"id"`         // of the stored result
	StartedAt time.Time `json:"started_at"` // when its window opened
	Value     float64   `json:"value"`      // in the unit of the measure
	Outlier   bool      `json:"outlier"`    // outside of the fence
}
