package history

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// decoders tell how results are read, by their schema.
func decoderFor(schema string) func() any {
	switch schema {
	case report.RunSchema:
		return func() any { return new(report.Run) }
	case report.TrialsSchema:
		return func() any { return new(report.Trials) }
	case report.ComparisonSchema:
		return func() any { return new(report.Comparison) }
	case report.CalibrationSchema:
		return func() any { return new(report.Calibration) }
	case report.DoctorSchema:
		return func() any { return new(report.Doctor) }
	case report.BenchSchema:
		return func() any { return new(report.Bench) }
	case report.BenchComparisonSchema:
		return func() any { return new(report.BenchComparison) }
	}
	return nil
}

// Kinds are the kinds of results that a history holds, as a filter takes them.
func Kinds() []string {
	return []string{"run", "trials", "comparison", "calibration", "doctor", "bench", "benchcomparison"}
}

// known reports whether this version can read results of a schema.
func known(schema string) bool { return decoderFor(schema) != nil }

// Decode reads a stored result as the type that its schema names: a
// *report.Run, *report.Trials, *report.Comparison, *report.Calibration,
// *report.Doctor, *report.Bench or *report.BenchComparison.
func Decode(schema string, result []byte) (any, error) {
	empty := decoderFor(schema)
	if empty == nil {
		return nil, fmt.Errorf("this version of energyprobe does not know %s: use a newer one, or see the result as it is stored with --format json", schema)
	}
	v := empty()
	if err := json.Unmarshal(result, v); err != nil {
		return nil, fmt.Errorf("read a result of %s: %w", schema, err)
	}
	return v, nil
}

// Describe returns what a list says of a result.
func Describe(v any) (report.HistoryEntry, error) {
	var e report.HistoryEntry
	switch v := v.(type) {
	case *report.Run:
		e = ofRun(v)
	case *report.Trials:
		e = ofTrials(v)
	case *report.Comparison:
		e = ofComparison(v)
	case *report.Calibration:
		e = report.HistoryEntry{ID: v.RunID, Schema: v.Schema, StartedAt: v.StartedAt, DurationS: &v.DurationS, Subject: "power models of this host", Hostname: v.Host.Hostname,
			Source: v.Source.Name, Quality: v.Source.Quality, Warnings: len(v.Warnings), Tool: v.Tool.Version}
		e.Reason = "a calibration has a power for every load"
	case *report.Doctor:
		e = report.HistoryEntry{Schema: v.Schema, Subject: "what can be measured", Hostname: v.Host.Hostname, Source: v.Best, Tool: v.Tool.Version}
		e.Reason = "an examination measures no joules"
	case *report.Bench:
		e = ofBench(v)
	case *report.BenchComparison:
		e = report.HistoryEntry{ID: v.RunID, Schema: v.Schema, StartedAt: v.StartedAt, Quality: v.Quality,
			Subject: clipText(v.B.Label + " against " + v.A.Label), Warnings: len(v.Warnings), Tool: v.Tool.Version}
		e.Reason = "a comparison has the energies of its sides"
	default:
		return e, fmt.Errorf("a %T has no place in the history", v)
	}
	e.Argv = clip(e.Argv)
	return e, nil
}

// Complete gives an entry what not every result has: an ID and a time.
func Complete(e report.HistoryEntry, now time.Time) report.HistoryEntry {
	if e.ID == "" {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails on Linux, by its documentation
		e.ID = hex.EncodeToString(b[:])
	}
	if e.StartedAt.IsZero() {
		e.StartedAt = now
	}
	return e
}

func ofRun(r *report.Run) report.HistoryEntry {
	e := report.HistoryEntry{
		ID: r.RunID, Schema: r.Schema, StartedAt: r.StartedAt, DurationS: &r.DurationS, Hostname: r.Host.Hostname,
		Source: r.Source.Name, Quality: r.Source.Quality, Energy: r.Total, TargetJ: r.Attribution.TargetJ,
		Samples: r.Samples.Len(), Warnings: len(r.Warnings), Tool: r.Tool.Version,
	}
	for _, d := range r.Domains {
		if d.InTotal && d.Quality == energy.Estimated {
			e.Quality = energy.Estimated
		}
	}
	switch c := r.Command; {
	case c != nil:
		e.Argv, e.ExitCode, e.Signal = c.Argv, c.ExitCode, c.Signal
	case r.Target.Kind == "pid":
		e.Subject = "process " + strconv.Itoa(r.Target.PID)
	case r.Target.Kind == "cgroup":
		e.Subject = "cgroup " + r.Target.Cgroup
	default:
		e.Subject = "the whole machine"
	}
	return e
}

// ofTrials takes the medians of one command's runs. Several commands have no
// energy in common.
func ofTrials(t *report.Trials) report.HistoryEntry {
	e := report.HistoryEntry{ID: t.RunID, Schema: t.Schema, StartedAt: t.StartedAt, Hostname: t.Host.Hostname,
		Source: t.Source.Name, Quality: t.Source.Quality, Warnings: len(t.Warnings), Tool: t.Tool.Version}
	var names []string
	for _, s := range t.Series {
		names = append(names, s.Name)
		e.Runs += len(s.Runs)
	}
	if len(t.Series) != 1 {
		e.Subject = clipText(strings.Join(names, " | "))
		e.Reason = strconv.Itoa(len(names)) + " commands, each with an energy of its own"
		return e
	}
	e.Argv = t.Series[0].Argv
	summary := t.Series[0].Summary
	j := summary[report.MeasureEnergy]
	e.Energy = report.Energy{EnergyJ: j.Median, LowJ: j.Low, HighJ: j.High, PowerW: summary[report.MeasurePower].Median}
	if j.Median == nil {
		e.Reason = j.Reason
	}
	e.DurationS = summary[report.MeasureDuration].Median
	e.TargetJ = summary[report.MeasureTarget].Median
	return e
}

// ofBench adds up what all cells took, by the method that comes first in them.
func ofBench(b *report.Bench) report.HistoryEntry {
	e := report.HistoryEntry{ID: b.RunID, Schema: b.Schema, StartedAt: b.StartedAt, DurationS: &b.DurationS, Subject: benchSubject(b),
		Runs: len(b.Cells), Warnings: len(b.Warnings), Tool: b.Tool.Version}
	if b.Host != nil {
		e.Hostname = b.Host.Hostname
	}
	if b.Source != nil {
		e.Source = b.Source.Name
	}
	sum, methods := 0.0, map[string]bool{}
	for i := range b.Cells {
		c := &b.Cells[i]
		switch {
		case c.Status != report.CellOK:
			continue
		case len(c.Energy) == 0 || c.Energy[0].EnergyJ == nil:
			e.Reason = "not every cell has joules"
			return e
		}
		first := &c.Energy[0]
		sum += *first.EnergyJ
		methods[first.Method] = true
		e.Quality = energy.Worse(e.Quality, first.Quality)
	}
	switch len(methods) {
	case 0:
		e.Reason = "no cell ended well"
	case 1:
		e.EnergyJ = &sum
	default:
		e.Quality, e.Reason = "", "its cells have joules by several methods"
	}
	return e
}

// benchSubject is "benchmark of titanic, ml".
func benchSubject(b *report.Bench) string {
	var names []string
	for i := range b.Cells {
		if name := b.Cells[i].Application; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	what := "benchmark"
	if b.Kind == report.BenchImport {
		what = "import"
	}
	if len(names) == 0 {
		return what
	}
	return clipText(what + " of " + strings.Join(names, ", "))
}

func ofComparison(c *report.Comparison) report.HistoryEntry {
	e := report.HistoryEntry{ID: c.RunID, Schema: c.Schema, StartedAt: c.StartedAt, Warnings: len(c.Warnings), Tool: c.Tool.Version}
	e.Reason = "a comparison has the energies of its sides"
	var names []string
	for _, s := range c.Sides {
		names = append(names, s.Series.Name)
		e.Runs += len(s.Series.Runs)
	}
	if len(names) > 1 { // all are set against the first
		names = append(names[1:], names[0])
		e.Subject = strings.Join(names[:len(names)-1], ", ") + " against "
	}
	e.Subject = clipText(e.Subject + strings.Join(names[max(len(names)-1, 0):], ""))
	if len(c.Sides) > 0 {
		e.Hostname, e.Source, e.Quality = c.Sides[0].Host.Hostname, c.Sides[0].Source.Name, c.Sides[0].Source.Quality
	}
	return e
}

// maxCommand is how many bytes of a command an entry keeps. The result has all
// of it; a list that holds ten thousand entries shall not.
const maxCommand = 2048

func clip(argv []string) []string {
	room := maxCommand
	for i, a := range argv {
		if room -= len(a); room < 0 {
			return append(append([]string{}, argv[:i]...), clipTo(a, room+len(a)))
		}
	}
	return argv
}

func clipText(s string) string {
	if len(s) <= maxCommand {
		return s
	}
	return clipTo(s, maxCommand)
}

func clipTo(s string, n int) string { return strings.ToValidUTF8(s[:n], "") + "…" }
