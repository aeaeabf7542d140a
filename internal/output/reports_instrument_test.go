package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/energyprobe/energyprobe/internal/report"
)

// instrumented is a host with two sockets and all three interfaces, on which
// nothing is wrong: powercap takes the units of its drivers.
func instrumented(started time.Time) *report.Instrument {
	yes := true
	i := &report.Instrument{
		StartedAt: started, DurationS: 9.62, Refused: []report.Refusal{},
		Clock: report.ClockDrift{Source: "tsc", Synchronized: &yes, ReadS: value(31e-9), SpanS: 172.8, Marks: 37, DriftPPM: value(-11.8214), UncertaintyPPM: value(0.0012), WorstPPM: value(-12.107)},
	}
	latency := func(n int, median float64) *report.Latency {
		return &report.Latency{N: n, MedianS: median, P95S: 1.3 * median, P99S: 2.1 * median, MaxS: 88e-6 + median}
	}
	for _, face := range []struct {
		name         string
		read, unit   float64
		step, counts float64
		dram         float64
	}{
		{"perf", 2.4e-6, 1.0 / (1 << 32), 1.0 / (1 << 14), 1 << 18, 1.0 / (1 << 16)},
		{"powercap", 9.1e-6, 61.035e-6, 61.035e-6, 61.035, 15.3e-6},
		{"msr", 3.3e-6, 1.0 / (1 << 14), 1.0 / (1 << 14), 1, 1.0 / (1 << 16)},
	} {
		one := report.Interface{Name: face.name, Read: latency(int(1.5/face.read), face.read)}
		for s := range 2 {
			for _, domain := range []string{"package", "dram"} {
				z := report.ZoneTiming{
					Domain: fmt.Sprintf("%s-%d", domain, s), Origin: face.name, Read: latency(int(1.5/face.read), face.read/4),
					UnitJ: face.unit, StepCounts: value(face.counts), StepJ: value(face.step), PowerW: value(41.3),
					Update: &report.UpdateInterval{
						N: 1492, Excluded: s, MeanS: 0.9998e-3, StdDevS: 0.27e-3, MedianS: 0.974e-3, MinS: 0.612e-3, P5S: 0.703e-3,
						P95S: 1.462e-3, P99S: 1.648e-3, MaxS: 2.83e-3, ResolutionS: 2 * face.read,
					},
				}
				if domain == "dram" {
					z.UnitJ, z.StepJ, z.StepCounts = face.dram, value(face.dram), value(face.counts/4)
				}
				one.Zones = append(one.Zones, z)
				if face.name != "perf" {
					i.Agreement = append(i.Agreement, held(z.Domain, face.name, z.UnitJ))
				}
			}
		}
		i.Interfaces = append(i.Interfaces, one)
	}
	return i
}

// held is how an interface compares with perf, by the unit that it takes.
func held(domain, face string, unit float64) report.Agreement {
	a := report.Agreement{Domain: domain, Interface: face, Reference: "perf", Windows: 5, SpanS: 5, SameUpdates: true, Units: true}
	ratio := map[string]float64{"package powercap": 61035 / 61035.15625, "dram powercap": 1.0027008}[strings.TrimRight(domain, "-01")+" "+face]
	if ratio == 0 {
		ratio = 1
	}
	agree := ratio == 1
	a.Agree, a.Ratio = &agree, &report.Factor{Value: ratio, StdUncertainty: unit / 300, Uncertainty: unit / 150}
	if !agree {
		a.Correction = &report.Factor{Value: 1 / ratio, StdUncertainty: unit / 300, Uncertainty: unit / 150}
	}
	return a
}

// faulty is one on which much is wrong.
func faulty(started time.Time) *report.Instrument {
	i := instrumented(started)
	i.Interfaces = i.Interfaces[1:]
	i.Refused = []report.Refusal{{Name: "perf", Kind: "absent", Reason: "there is no power PMU", Remedy: "sudo modprobe rapl"}}
	i.Agreement = i.Agreement[4:]
	for k := range i.Agreement {
		i.Agreement[k].Reference = "powercap"
	}
	no := false
	i.Agreement[0] = report.Agreement{
		Domain: "package-0", Interface: "msr", Reference: "powercap", Windows: 5, SpanS: 5, Agree: &no,
		Ratio:      &report.Factor{Value: 1.0204, StdUncertainty: 0.00002, Uncertainty: 0.00005},
		Correction: &report.Factor{Value: 1 / 1.0204, StdUncertainty: 0.00002, Uncertainty: 0.00005},
	}
	i.Agreement[1] = report.Agreement{Domain: "dram-0", Interface: "msr", Reference: "powercap", Reason: "msr: the counter could not be read: EIO"}
	for k := range i.Interfaces {
		z := i.Interfaces[k].Zones
		z[0].Update.P99S, z[0].Update.MaxS = 4.1e-3, 9.7e-3
		z[2].Update, z[2].UpdateReason = nil, "the counter changed only 0 times in a row while it was watched"
		z[2].StepJ, z[2].StepCounts, z[2].StepReason = nil, nil, "the counter changed only 0 times while it was watched"
	}
	i.Clock = report.ClockDrift{Source: "hpet", Synchronized: &no, ReadS: value(1.4e-6), SpanS: 61, Marks: 7, DriftPPM: value(412.3), UncertaintyPPM: value(0.05), WorstPPM: value(498.1)}
	return i
}

func TestCalibrationFulfilsTheSchema(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("../../docs/schema/calibration.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	without := calibrated()
	without.Instrument = nil
	for _, c := range []*report.Calibration{calibrated(), uncalibrated(), without} {
		data := render(t, JSON, c, Options{})
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); err != nil {
			t.Error(err)
		}
		var back report.Calibration
		if err := json.Unmarshal(data, &back); err != nil || (back.Instrument == nil) != (c.Instrument == nil) {
			t.Errorf("read back as %v, %v", back.Instrument, err)
		}
	}
}

// Every format shows a calibration that looked at nothing but loads as before.
func TestCalibrationWithoutInstrument(t *testing.T) {
	c := calibrated()
	c.Instrument = nil
	for _, f := range Formats() {
		out := string(render(t, f, c, Options{}))
		for _, word := range []string{"updated", "raw one", "NaN", "%!"} {
			if f != JSON && strings.Contains(out, word) {
				t.Errorf("%s has %q", f, word)
			}
		}
	}
}
