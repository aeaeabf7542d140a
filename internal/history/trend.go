package history

import (
	"fmt"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// Measures lists what a trend can be of.
func Measures() []string {
	return []string{report.MeasureEnergy, report.MeasureTarget, report.MeasurePower, report.MeasureDuration}
}

// series is what one line of points may hold: joules of another machine, or
// estimates among measurements, would look like a change.
type series struct {
	subject, host string
	quality       energy.Quality
	ended         string // a run that failed did other work
}

func seriesOf(e *report.HistoryEntry) series {
	s := series{subject: Subject(e), host: e.Hostname, quality: e.Quality, ended: e.Signal}
	if e.ExitCode != nil && *e.ExitCode != 0 {
		s.ended = fmt.Sprint(*e.ExitCode)
	}
	return s
}

// Trend returns one measure over time, of the command that the newest of the
// entries with a value is about. Entries about something else are counted.
func Trend(entries []report.HistoryEntry, measure string) (*report.Trend, error) {
	if !slices.Contains(Measures(), measure) {
		return nil, fmt.Errorf("unknown measure %q: use one of %s", measure, strings.Join(Measures(), ", "))
	}
	t := &report.Trend{Schema: report.TrendSchema, Measure: measure, Points: []report.TrendPoint{}}
	newest := newestWith(entries, measure)
	if newest == nil {
		t.Missing = len(entries)
		return t, nil
	}
	of := seriesOf(newest)
	t.Subject, t.Argv, t.Hostname, t.Quality = newest.Subject, newest.Argv, newest.Hostname, newest.Quality
	for i := range entries {
		e := &entries[i]
		switch v := e.Value(measure); {
		case seriesOf(e) != of:
			t.Others++
		case v == nil:
			t.Missing++
		default:
			t.Points = append(t.Points, report.TrendPoint{ID: e.ID, StartedAt: e.StartedAt, Value: *v})
		}
	}
	slices.SortStableFunc(t.Points, func(a, b report.TrendPoint) int { return a.StartedAt.Compare(b.StartedAt) })
	mark(t)
	return t, nil
}

func newestWith(entries []report.HistoryEntry, measure string) *report.HistoryEntry {
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Value(measure) != nil {
			return &entries[i]
		}
	}
	return nil
}

// mark finds the fence and the points outside of it.
func mark(t *report.Trend) {
	values := make([]float64, len(t.Points))
	for i, p := range t.Points {
		values[i] = p.Value
	}
	d := stats.Describe(values)
	reach := 1.5 * (d.Q3 - d.Q1)
	// A line that was edited by hand may make them more than a number can hold.
	t.Median, t.FenceLow, t.FenceHigh = report.Known(d.Median.Value), report.Known(d.Q1-reach), report.Known(d.Q3+reach)
	for _, i := range d.Outliers {
		t.Points[i].Outlier = true
	}
}
