package report

import "time"

// TrialsSchema and ComparisonSchema name the contracts of Trials and
// Comparison.
const (
	TrialsSchema     = "energyprobe.trials/v1"
	ComparisonSchema = "energyprobe.comparison/v1"
)

// Trials is the result of running one command, or several in turn, many times.
type Trials struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among results
	StartedAt time.Time `json:"started_at"` // when the first run began
	DurationS float64   `json:"duration_s"` // of all together, pauses and preparations included

	Tool     Tool          `json:"tool"`
	Host     Host          `json:"host"`
	Source   Source        `json:"source"`
	Plan     TrialPlan     `json:"plan"`
	Baseline *Baseline     `json:"baseline"` // the idle machine, with --baseline; null otherwise
	Series   []TrialSeries `json:"series"`   // one for each command
	Warnings []Warning     `json:"warnings"` // what a reader should know; empty when all went well
}

// TrialPlan is how the runs were made.
type TrialPlan struct {
	Repeat  int    `json:"repeat"`            // runs asked for, of each command
	Warmup  int    `json:"warmup"`            // runs of each command before, which count for nothing
	Seed    int64  `json:"seed"`              // the order of commands within rounds follows from it; below 2^53
	Rounds  bool   `json:"rounds"`            // whether commands took turns: every one once in each round
	Shell   string `json:"shell,omitempty"`   // runs the commands; absent where they ran by themselves
	Prepare string `json:"prepare,omitempty"` // ran before every run, outside of its window
	Cleanup string `json:"cleanup,omitempty"` // ran after the last run of each command
}

// Baseline is the power of the machine when it was left alone.
type Baseline struct {
	PowerW       float64  `json:"power_w"`       // of the domains in the total, mean
	UncertaintyW *float64 `json:"uncertainty_w"` // half-width of a 95 % interval of that mean; null when not known
	DurationS    float64  `json:"duration_s"`    // for how long it was watched
}

// TrialSeries is one command and its runs.
type TrialSeries struct {
	Name       string             `json:"name"`                 // the command as it was given
	Argv       []string           `json:"argv"`                 // what was executed
	Parameters map[string]string  `json:"parameters,omitempty"` // of --param, by name
	Runs       []Trial            `json:"runs"`                 // in the order of time
	Summary    map[string]Summary `json:"summary"`              // by measure: energy_j, duration_s, ...
}

// Failures is how many of the runs ended with a status other than 0, or by a
// signal.
func (s *TrialSeries) Failures() (n int) {
	for _, r := range s.Runs {
		if r.Signal != "" || r.ExitCode != nil && *r.ExitCode != 0 {
			n++
		}
	}
	return n
}

// Trial is one run. Values are null when they are not known.
type Trial struct {
	RunID        string             `json:"run_id"`              // of the run
	Order        int                `json:"order"`               // its place in time among the runs of all commands, from 0
	Round        int                `json:"round"`               // from 0
	StartedAt    time.Time          `json:"started_at"`          // when its window opened
	DurationS    float64            `json:"duration_s"`          // length of the window
	EnergyJ      *float64           `json:"energy_j"`            // of the machine: the total of its domains
	UncertaintyJ *float64           `json:"uncertainty_j"`       // half-width of a 95 % interval
	NetEnergyJ   *float64           `json:"net_energy_j"`        // above the baseline; null without one
	TargetJ      *float64           `json:"target_j"`            // of the command, as attribution has it
	PowerW       *float64           `json:"power_w"`             // of the machine, mean over the window
	CPUS         *float64           `json:"cpu_s"`               // CPU time of the command and what it started
	Cycles       *float64           `json:"cycles"`              // likewise
	Instructions *float64           `json:"instructions"`        // likewise
	DomainsJ     map[string]float64 `json:"domains_j,omitempty"` // by domain, those that are known
	ExitCode     *int               `json:"exit_code"`           // null when a signal ended it
	Signal       string             `json:"signal,omitempty"`    // the signal that ended it: SIGKILL
	Reason       string             `json:"reason,omitempty"`    // why the energy is not known
	WarningCodes []string           `json:"warnings,omitempty"`  // codes of its warnings
}

// Summary describes one measure of a command's runs, in the unit that the
// measure's name ends in; cycles and instructions are counts.
type Summary struct {
	N       int      `json:"n"`       // runs that have a value
	Missing int      `json:"missing"` // runs that have none
	Median  *float64 `json:"median"`  // the middle run
	Low     *float64 `json:"low"`     // lower end of the median's 95 % interval, null when there is none
	High    *float64 `json:"high"`    // its upper end
	Mean    *float64 `json:"mean"`    // of all runs
	StdDev  *float64 `json:"std_dev"` // of a run, with n-1
	Min     *float64 `json:"min"`     // the least
	Max     *float64 `json:"max"`     // the most
	Q1      *float64 `json:"q1"`      // lower quartile
	Q3      *float64 `json:"q3"`      // upper quartile
	// SpreadPct is the standard deviation relative to the median, with
	// outliers drawn in to the fence.
	SpreadPct *float64 `json:"spread_pct"`
	// Outliers are the runs beyond 1.5 interquartile ranges from the quartiles,
	// as indexes of runs. They are in all the numbers.
	Outliers []int  `json:"outliers,omitempty"`
	Reason   string `json:"reason,omitempty"` // why the interval, or the median, is not known
}

// Comparison says how commands differ from the first of them.
type Comparison struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among results
	StartedAt time.Time `json:"started_at"` // when the comparison was made

	Tool     Tool      `json:"tool"`
	Measure  string    `json:"measure"`        // by which the verdicts are: energy_j, net_energy_j or target_j
	Paired   bool      `json:"paired"`         // whether runs are compared within rounds
	Seed     int64     `json:"seed"`           // of what the intervals draw at random; below 2^53
	Sides    []Side    `json:"sides"`          // what is compared, first what the others are compared with
	Gate     *Gate     `json:"gate,omitempty"` // whether an increase is allowed, with energyprobe gate
	Pairs    []Pair    `json:"pairs"`          // every other side against the first
	Warnings []Warning `json:"warnings"`
}

// Side is one of the things compared, with the runs it is known by.
type Side struct {
	Label     string      `json:"label"`          // A, B, C, ...
	File      string      `json:"file,omitempty"` // where its result was read from
	StartedAt time.Time   `json:"started_at"`     // when its first run began
	Host      Host        `json:"host"`
	Source    Source      `json:"source"`
	Plan      *TrialPlan  `json:"plan"`     // null for runs that were collected from single results
	Baseline  *Baseline   `json:"baseline"` // null where there was none
	Series    TrialSeries `json:"series"`
}

// InTurns reports whether all sides ran in the same rounds.
func InTurns(sides []Side) bool {
	for _, s := range sides {
		if s.Plan == nil || !s.Plan.Rounds || s.File != sides[0].File || !s.StartedAt.Equal(sides[0].StartedAt) {
			return false
		}
	}
	return true
}

// HopelessPct is a detectable change, tenfold, from which on a percentage says
// less than that nothing can be seen.
const HopelessPct = 900

// Pair is one side against the first.
type Pair struct {
	A       string            `json:"a"`       // label of the first side
	B       string            `json:"b"`       // and of the other
	Changes map[string]Change `json:"changes"` // by measure; all relative to A
	Outcome string            `json:"outcome"` // less, more, none (no difference seen) or unknown
	Verdict string            `json:"verdict"` // the same in words
	// DetectablePct is the smallest change that so many runs would find in four
	// cases of five on a machine this noisy, null when it is not known.
	DetectablePct *float64 `json:"detectable_pct"`
	// EnoughRuns is how many runs of each would find the change that was asked
	// for, or else the one that was seen; null when not known.
	EnoughRuns *int `json:"enough_runs"`
}

// Gate is whether the second side may pass.
type Gate struct {
	MaxIncreasePct float64 `json:"max_increase_pct"` // what was allowed
	Passed         bool    `json:"passed"`           // false only where a larger increase is certain
	Certain        bool    `json:"certain"`          // whether more runs could not change that
	Verdict        string  `json:"verdict"`          // the same in words
}

// The outcomes of a Pair.
const (
	Less           = "less"
	More           = "more"
	NoneSeen       = "none"
	OutcomeUnknown = "unknown"
)

// Change is how one measure of B differs from A's, in percent of A's.
type Change struct {
	ChangePct *float64 `json:"change_pct"` // of the typical run: the shift of Hodges and Lehmann
	LowPct    *float64 `json:"low_pct"`    // lower end of its 95 % interval, null when there is none
	HighPct   *float64 `json:"high_pct"`   // its upper end
	// MedianPct is the change of the median run.
	MedianPct *float64 `json:"median_pct"`
	P         *float64 `json:"p"`          // two-sided p-value; null when nothing could be tested
	PAdjusted *float64 `json:"p_adjusted"` // for the number of sides (Holm); null likewise
	Test      string   `json:"test"`       // mann-whitney or wilcoxon-signed-rank
	Exact     bool     `json:"exact"`      // whether p is exact, or by a normal distribution
	Effect    *float64 `json:"effect"`     // Cliff's delta, from -1 to 1
	// EffectWord says how much that is: negligible, small, medium, large or
	// unknown.
	EffectWord string `json:"effect_word"`
	Reason     string `json:"reason,omitempty"` // why the change or its interval is not known
}
