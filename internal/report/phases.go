package report

import "github.com/energyprobe/energyprobe/internal/energy"

// Phases is what the parts of a command spent that it marked itself, or that a
// pattern marked on its output.
//
// The energies that are known of List, Outside and Rest add up to the result's
// total, and so do those of each domain.
type Phases struct {
	List []Phase `json:"list"` // in the order in which they first began
	// Outside is the time in which no phase was marked; null where there was
	// none.
	Outside *Phase `json:"outside"`
	// Rest is what can't be told apart: the energy of phases that are not
	// known, as its Reason says; null where all are.
	Rest  *Phase `json:"rest"`
	Marks []Mark `json:"marks,omitempty"` // instants that the command marked
	// IgnoredMarks counts what was marked beyond the limits on their number.
	IgnoredMarks int `json:"ignored_marks,omitempty"`
}

// Phase is what was spent in all stretches of one name.
type Phase struct {
	Name      string         `json:"name"`       // as it was marked; "" for what is outside of phases and for the rest
	StartS    float64        `json:"start_s"`    // when it first began, from the opening of the window
	EndS      float64        `json:"end_s"`      // when it last ended
	DurationS float64        `json:"duration_s"` // of all stretches together
	Quality   energy.Quality `json:"quality"`
	Energy                   // of the total's domains
	// TargetJ is the part that the attribution gives to the command.
	TargetJ            *float64      `json:"target_j"`             // null when the joules could not be split
	TargetUncertaintyJ *float64      `json:"target_uncertainty_j"` // half-width of a 95 % interval, as far as it is known
	Domains            []PhaseDomain `json:"domains"`              // in the order of the result's domains
	Stretches          []Stretch     `json:"stretches,omitempty"`  // in the order of time
}

// PhaseDomain is what a phase spent in one domain.
type PhaseDomain struct {
	ID string `json:"id"` // of the domain: package-0
	Energy
	TargetJ *float64 `json:"target_j"` // the command's part; null when the joules could not be split
}

// Stretch is one time that a phase lasted.
type Stretch struct {
	StartS       float64  `json:"start_s"`       // from the opening of the window
	EndS         float64  `json:"end_s"`         // when the next began, it was ended, or the window closed
	EnergyJ      *float64 `json:"energy_j"`      // of the total's domains; null when not known
	UncertaintyJ *float64 `json:"uncertainty_j"` // half-width of a 95 % interval
}

// Mark is an instant that the command marked.
type Mark struct {
	AtS  float64 `json:"at_s"` // from the opening of the window
	Text string  `json:"text"` // as it was marked
}
