package report

import "strings"

// The measures of a run: the keys of TrialSeries.Summary and Pair.Changes.
const (
	MeasureEnergy       = "energy_j"
	MeasureNet          = "net_energy_j"
	MeasureTarget       = "target_j"
	MeasurePower        = "power_w"
	MeasureDuration     = "duration_s"
	MeasureCPU          = "cpu_s"
	MeasureCycles       = "cycles"
	MeasureInstructions = "instructions"
)

// Measures lists them in the order in which they are shown.
func Measures() []string {
	return []string{MeasureEnergy, MeasureNet, MeasureTarget, MeasurePower, MeasureDuration, MeasureCPU, MeasureCycles, MeasureInstructions}
}

// MeasureName is what a sentence or a table's head calls a measure.
func MeasureName(measure string) string {
	switch measure {
	case MeasureEnergy:
		return "energy"
	case MeasureNet:
		return "energy above idle"
	case MeasureTarget:
		return "energy of the command"
	case MeasurePower:
		return "power"
	case MeasureDuration:
		return "time"
	case MeasureCPU:
		return "CPU time"
	}
	return measure
}

// MeasureUnit is the unit that a measure's name ends in: J, W or s, or "" for
// counts.
func MeasureUnit(measure string) string {
	for suffix, unit := range map[string]string{"_j": "J", "_w": "W", "_s": "s"} {
		if strings.HasSuffix(measure, suffix) {
			return unit
		}
	}
	return ""
}

// Value returns the run's value of a measure, nil when it is not known.
func (t *Trial) Value(measure string) *float64 {
	switch measure {
	case MeasureEnergy:
		return t.EnergyJ
	case MeasureNet:
		return t.NetEnergyJ
	case MeasureTarget:
		return t.TargetJ
	case MeasurePower:
		return t.PowerW
	case MeasureDuration:
		return &t.DurationS
	case MeasureCPU:
		return t.CPUS
	case MeasureCycles:
		return t.Cycles
	case MeasureInstructions:
		return t.Instructions
	}
	return nil
}

// Value returns the result's value of a measure, nil when the history does not
// have it.
func (e *HistoryEntry) Value(measure string) *float64 {
	switch measure {
	case MeasureEnergy:
		return e.EnergyJ
	case MeasureTarget:
		return e.TargetJ
	case MeasurePower:
		return e.PowerW
	case MeasureDuration:
		return e.DurationS
	}
	return nil
}
