package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func TestTrend(t *testing.T) {
	var all []report.HistoryEntry
	add := func(j *float64, change func(*report.Run)) {
		r := sampleRun(fmt.Sprint("id-", len(all)))
		r.StartedAt = startOfTime.Add(time.Duration(len(all)) * time.Hour)
		r.Total.EnergyJ = j
		change(r)
		e, err := Describe(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	same := func(*report.Run) {}
	for _, j := range []float64{10, 11, 12, 13, 14} {
		add(&j, same)
	}
	add(ptr(30.0), same)
	add(ptr(12.0), func(r *report.Run) { r.Host.Hostname = "other" })
	add(ptr(12.0), func(r *report.Run) { r.Command.Argv = []string{"other"} })
	add(ptr(12.0), func(r *report.Run) { r.Source.Quality = energy.Estimated })
	add(ptr(12.0), func(r *report.Run) { r.Command.ExitCode = ptr(1) })
	add(ptr(9.5), func(r *report.Run) { r.StartedAt = startOfTime.Add(-time.Hour) }) // stored late
	add(nil, same)
	trend, err := Trend(all, report.MeasureEnergy)
	if err != nil {
		t.Fatal(err)
	}
	if len(trend.Points) != 7 || trend.Others != 4 || trend.Missing != 1 || trend.Points[0].Value != 9.5 {
		t.Fatalf("%+v", trend)
	}
	// Sorted: 9.5 10 11 12 13 14 30; quartiles 10.5 and 13.5.
	if *trend.Median != 12 || *trend.FenceLow != 6 || *trend.FenceHigh != 18 {
		t.Errorf("median %g, fence %g to %g", *trend.Median, *trend.FenceLow, *trend.FenceHigh)
	}
	for _, p := range trend.Points {
		if p.Outlier != (p.Value == 30) {
			t.Errorf("%+v", p)
		}
	}
	if trend, err := Trend(nil, report.MeasurePower); err != nil || len(trend.Points) != 0 || trend.Median != nil {
		t.Errorf("of nothing: %+v, %v", trend, err)
	}
	if _, err := Trend(all, "cycles"); err == nil {
		t.Error("a trend of what entries don't hold")
	}
}

func TestDescribe(t *testing.T) {
	one := report.TrialSeries{Name: "make", Argv: []string{"make"}, Runs: make([]report.Trial, 20), Summary: map[string]report.Summary{
		report.MeasureEnergy: {Median: ptr(12.0), Low: ptr(11.0), High: ptr(13.5)}, report.MeasureDuration: {Median: ptr(2.0)}}}
	e, err := Describe(&report.Trials{Schema: report.TrialsSchema, RunID: "t", Series: []report.TrialSeries{one}})
	if err != nil || *e.EnergyJ != 12 || *e.LowJ != 11 || *e.DurationS != 2 || e.Runs != 20 || Subject(&e) != "make" {
		t.Errorf("%+v, %v", e, err)
	}
	e, err = Describe(&report.Trials{Schema: report.TrialsSchema, Series: []report.TrialSeries{one, one}})
	if err != nil || e.EnergyJ != nil || e.Reason == "" || e.Subject != "make | make" || e.Runs != 40 {
		t.Errorf("%+v, %v", e, err)
	}
	e, err = Describe(&report.Comparison{Schema: report.ComparisonSchema, Sides: []report.Side{{Series: one}, {Series: one}}})
	if err != nil || e.Subject != "make against make" || e.EnergyJ != nil || e.Reason == "" {
		t.Errorf("%+v, %v", e, err)
	}
	two := one
	two.Name = "make -j2"
	e, err = Describe(&report.Comparison{Schema: report.ComparisonSchema, Sides: []report.Side{{Series: one}, {Series: two}, {Series: two}}})
	if err != nil || e.Subject != "make -j2, make -j2 against make" {
		t.Errorf("%+v, %v", e, err)
	}
	e, err = Describe(&report.Calibration{Schema: report.CalibrationSchema, RunID: "c", DurationS: 180, Source: report.Source{Name: "perf"}})
	if err != nil || e.ID != "c" || *e.DurationS != 180 || e.Source != "perf" || e.Reason == "" || !known(e.Schema) {
		t.Errorf("%+v, %v", e, err)
	}
	e, err = Describe(&report.Doctor{Schema: report.DoctorSchema, Best: "perf"})
	if err != nil || e.Source != "perf" || e.Reason == "" {
		t.Errorf("%+v, %v", e, err)
	}
	if e = Complete(e, startOfTime); len(e.ID) != 32 || !e.StartedAt.Equal(startOfTime) {
		t.Errorf("%+v", e)
	}
	if _, err := Describe("text"); err == nil {
		t.Error("described a string")
	}
}
