package page

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// measure is how a measure is called and printed.
type measure struct{ name, unit string }

func measureOf(key string) measure {
	switch key {
	case report.MeasureEnergy:
		return measure{"energy", "J"}
	case report.MeasureNet:
		return measure{"net energy", "J"}
	case report.MeasureTarget:
		return measure{"energy of the command", "J"}
	case report.MeasurePower:
		return measure{"power", "W"}
	case report.MeasureDuration:
		return measure{"time", "s"}
	case report.MeasureCPU:
		return measure{"CPU time", "s"}
	case report.MeasureCycles:
		return measure{"cycles", ""}
	case report.MeasureInstructions:
		return measure{"instructions", ""}
	}
	return measure{output.Plain(key), ""}
}

func measureName(key string) string { return measureOf(key).name }

// valueOf is a measure of one run, nil where it is not known.
func valueOf(t *report.Trial, key string) *float64 {
	switch key {
	case report.MeasureEnergy:
		return t.EnergyJ
	case report.MeasureNet:
		return t.NetEnergyJ
	case report.MeasureTarget:
		return t.TargetJ
	case report.MeasurePower:
		return t.PowerW
	case report.MeasureDuration:
		return &t.DurationS
	case report.MeasureCPU:
		return t.CPUS
	case report.MeasureCycles:
		return t.Cycles
	case report.MeasureInstructions:
		return t.Instructions
	}
	return nil
}

func startedAt(v any) time.Time {
	switch v := v.(type) {
	case *report.Run:
		return v.StartedAt
	case *report.Trials:
		return v.StartedAt
	case *report.Comparison:
		return v.StartedAt
	}
	return time.Time{}
}

func date(t time.Time) string {
	if t.IsZero() {
		return "at a time that is not known"
	}
	return t.UTC().Format("2 January 2006, 15:04:05 UTC")
}

func toolText(t report.Tool) string {
	s := t.Name + " " + t.Version
	if t.Commit != "" {
		s += " (" + t.Commit + ")"
	}
	return output.Plain(s)
}

// hostFacts say on what machine a result was made, and by what.
func hostFacts(d Document, prefix string, h report.Host) []Fact {
	facts := []Fact{
		{Label: "host", Value: Value{Text: output.Plain(h.Hostname), Reason: "the result does not name it", Source: d.at("%shost.hostname", prefix)}},
		{Label: "machine", Value: Value{Text: output.HostText(h), Reason: "the result does not describe it", Source: d.at("%shost", prefix)}},
	}
	if h.CPU.Governor != "" {
		facts = append(facts, Fact{Label: "governor", Value: Value{Text: output.Plain(h.CPU.Governor), Source: d.at("%shost.cpu.governor", prefix)}})
	}
	if h.TDP.Value != nil {
		facts = append(facts, Fact{Label: "TDP of a socket", Value: Value{Text: output.Quantity(*h.TDP.Value, "W", 3), Source: d.at("%shost.tdp_w.value", prefix)},
			Note: output.Plain(h.TDP.Source)})
	}
	return facts
}
