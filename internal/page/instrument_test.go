package page

import (
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

// What is known of the measuring has its field, and what is not its reason.
func TestInstrumentTables(t *testing.T) {
	yes := true
	step := 61.04e-6
	c := &report.Calibration{Instrument: &report.Instrument{
		Interfaces: []report.Interface{
			{Name: "perf", Read: &report.Latency{N: 1000, MedianS: 2e-6, P95S: 3e-6, P99S: 4e-6, MaxS: 9e-5}, Zones: []report.ZoneTiming{
				{Domain: "package-0", Update: &report.UpdateInterval{N: 900, MeanS: 1e-3, StdDevS: 1e-4, P5S: 8e-4, P95S: 12e-4, P99S: 14e-4, MaxS: 2e-3}, StepJ: &step},
				{Domain: "psys", UpdateReason: "its counter moves in whole joules", StepReason: "it did not move"},
			}},
			{Name: "msr", Reason: "it could not be read"},
		},
		Agreement: []report.Agreement{
			{Domain: "package-0", Interface: "powercap", Reference: "perf", Ratio: &report.Factor{Value: 1.02, Uncertainty: 0.001}, Correction: &report.Factor{Value: 0.98, Uncertainty: 0.001}},
			{Domain: "package-0", Interface: "msr", Reference: "perf", Ratio: &report.Factor{Value: 1, Uncertainty: 1e-6}, Agree: &yes},
			{Domain: "psys", Interface: "msr", Reference: "perf", Reason: "no update was seen"},
		},
	}}
	tables := instrumentTables(Document{}, c)
	if len(tables) != 3 {
		t.Fatalf("%d tables", len(tables))
	}
	for _, tt := range []struct {
		table, row, column int
		text, source       string
	}{
		{0, 0, 2, "1.00 ms", "instrument.interfaces[0].zones[0].update.mean_s"},
		{0, 0, 8, "61.04 µJ", "instrument.interfaces[0].zones[0].step_j"},
		{1, 0, 3, "DISAGREE", "instrument.agreement[0].agree"},
		{1, 0, 5, "× 0.98", "instrument.agreement[0].correction.value"},
		{1, 1, 5, "none", "instrument.agreement[1].correction.value"},
		{2, 0, 1, "1,000", "instrument.interfaces[0].read.n"},
		{2, 0, 5, "90.0 µs", "instrument.interfaces[0].read.max_s"},
	} {
		v := tables[tt.table].Rows[tt.row][tt.column]
		if !strings.HasPrefix(v.Text, tt.text) || !strings.HasSuffix(v.Source, tt.source) {
			t.Errorf("table %d, row %d, column %d: %q from %q, want %q from %q", tt.table, tt.row, tt.column, v.Text, v.Source, tt.text, tt.source)
		}
	}
	for _, tt := range []struct {
		table, row, column int
		reason             string
	}{{0, 1, 2, "whole joules"}, {0, 1, 8, "it did not move"}, {1, 2, 4, "no update was seen"}, {1, 2, 5, "no update was seen"}, {2, 1, 1, "could not be read"}, {2, 1, 2, "could not be read"}} {
		v := tables[tt.table].Rows[tt.row][tt.column]
		if v.Text != "" || !strings.Contains(v.Reason, tt.reason) {
			t.Errorf("table %d, row %d, column %d: %+v, want the reason %q", tt.table, tt.row, tt.column, v, tt.reason)
		}
	}
	if tables := instrumentTables(Document{}, &report.Calibration{}); tables != nil {
		t.Errorf("%d tables of nothing", len(tables))
	}
}
