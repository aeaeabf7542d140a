package report

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Recommendation is the best configuration of each application under the
// bounds asked for.
type Recommendation struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among results
	StartedAt time.Time `json:"started_at"` // when it was made

	Tool         Tool           `json:"tool"`
	Files        []string       `json:"files"`        // that the cells are from
	Objective    string         `json:"objective"`    // energy_j, duration_s or cost: what is to be little
	DeadlineS    *float64       `json:"deadline_s"`   // the time that is allowed; null for any
	Budget       *float64       `json:"budget"`       // the cost that is allowed, of one execution; null for any
	MaxEnergyJ   *float64       `json:"max_energy_j"` // the energy that is allowed; null for any
	Method       string         `json:"method"`       // of the energies
	Quality      energy.Quality `json:"quality"`      // the worst of the energies; "" without any
	Currency     string         `json:"currency"`     // of costs, "" where nothing has a price
	Applications []AppChoice    `json:"applications"`
	Warnings     []Warning      `json:"warnings"`
}

// AppChoice is what is recommended for an application, out of its candidates.
type AppChoice struct {
	Application string `json:"application"` // that it is for
	// Chosen is the index of the candidate that is recommended, null where none
	// is within the bounds.
	Chosen *int   `json:"chosen"`
	Answer string `json:"answer"` // in a sentence
	Why    string `json:"why"`    // what speaks for it, and against the others
	// Ties are candidates whose objective differs from that of the chosen one by
	// no more than repetitions do, as indexes.
	Ties       []int        `json:"ties"`
	Fronts     []BenchFront `json:"fronts"`     // of the candidates
	Candidates []Candidate  `json:"candidates"` // every configuration
}

// Candidate is a configuration, and whether it can be chosen.
type Candidate struct {
	BenchConfig
	OK bool `json:"ok"` // whether it is within all bounds and no repetition failed
	// Met is how many of the repetitions that ended well are within all bounds.
	Met     int      `json:"met"`
	Against []string `json:"against,omitempty"` // why not: too slow by 12 %, ...
}
