package calibrate

import (
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

// measured is a host with two interfaces on which nothing is wrong, but that
// memory has another unit in one of them.
func measured() *report.Instrument {
	update := func() *report.UpdateInterval {
		return &report.UpdateInterval{N: 1500, MeanS: 1e-3, P99S: 1.65e-3, MaxS: 2.8e-3}
	}
	i := &report.Instrument{Clock: report.ClockDrift{Source: "tsc", ReadS: ptr(4e-8), DriftPPM: ptr(-12), UncertaintyPPM: ptr(0.01), WorstPPM: ptr(-14)}}
	for _, name := range []string{"perf", "powercap"} {
		i.Interfaces = append(i.Interfaces, report.Interface{Name: name, Zones: []report.ZoneTiming{
			{Domain: "package-0", Update: update()}, {Domain: "dram-0", Update: update()}, {Domain: "psys", UpdateReason: "whole joules"},
		}})
	}
	no := false
	i.Agreement = []report.Agreement{{
		Domain: "dram-0", Interface: "powercap", Reference: "perf", Agree: &no, Units: true,
		Ratio: &report.Factor{Value: 1.0027}, Correction: &report.Factor{Value: 0.9973},
	}, {Domain: "psys", Interface: "powercap", Reference: "perf", Reason: "not seen"}}
	return i
}

// What is wrong with the measuring leads to its verdict, and to no other.
func TestMeasuringVerdicts(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(i *report.Instrument)
		want  string // codes
		says  string // in the first message
	}{
		{"nothing", func(*report.Instrument) {}, "", ""},
		{"late updates", func(i *report.Instrument) { i.Interfaces[0].Zones[0].Update.P99S = 2.4e-3 }, "late-updates note", "package-0 is updated every 1 ms on average, but one time in a hundred after more than 2.4 ms"},
		{"late by what is not used", func(i *report.Instrument) { i.Interfaces[1].Zones[0].Update.P99S = 2.4e-3 }, "", ""},
		{"seen through one interface only", func(i *report.Instrument) { i.Interfaces[0].Zones[0].Update = nil }, "", ""},
		{"unseen", func(i *report.Instrument) {
			for k := range i.Interfaces {
				z := &i.Interfaces[k].Zones[0]
				z.Update, z.UpdateReason = nil, "read too slowly"
			}
		}, "updates-unseen note", "package-0: when the counter is updated can't be seen: read too slowly"},
		{"disagreement", func(i *report.Instrument) {
			i.Agreement[0].Units, i.Agreement[0].Ratio = false, &report.Factor{Value: 1.02, Uncertainty: 0.0001}
		}, "interfaces-disagree note", "dram-0: powercap is off perf by +2 % ± 0.01 %"},
		{"drift", func(i *report.Instrument) { i.Clock.DriftPPM, i.Clock.WorstPPM = ptr(-130), ptr(-500) }, "clock-drift note", "slower by 130 ppm"},
		{"a drift that may be none", func(i *report.Instrument) { i.Clock.DriftPPM, i.Clock.UncertaintyPPM = ptr(130), ptr(40) }, "", ""},
		{"set right for a while", func(i *report.Instrument) { i.Clock.WorstPPM = ptr(480) }, "clock-drift note", "faster by 480 ppm for a while"},
		{"a slow clock", func(i *report.Instrument) { i.Clock.ReadS, i.Clock.Source = ptr(1.4e-6), "hpet" }, "slow-clock note", "a time stamp takes 1.4 us: the clock's source is hpet"},
		{"a clock of which nothing is known", func(i *report.Instrument) { i.Clock = report.ClockDrift{Reason: "too short"} }, "", ""},
	} {
		i := measured()
		c.spoil(i)
		got := JudgeInstrument(i)
		if codes(got) != c.want || len(got) > 0 && (!strings.Contains(got[0].Message, c.says) || got[0].Advice == "") {
			t.Errorf("%s: %+v, want %s: %s", c.name, got, c.want, c.says)
		}
	}
	if got := JudgeInstrument(nil); got == nil || len(got) != 0 {
		t.Errorf("%+v of nothing", got)
	}
}
