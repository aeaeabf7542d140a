package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func entry(i int, energyJ, uncertaintyJ, durationS float64, argv ...string) report.HistoryEntry {
	return report.HistoryEntry{ID: fmt.Sprintf("%08x9d2c44e8b17a03f5c6d1e9", 0x9f3a1c00+i*0x01010107), Schema: report.RunSchema,
		StartedAt: time.Date(2026, 11, 3, 14, 21, 7, 0, time.UTC).Add(time.Duration(i) * 97 * time.Minute), DurationS: &durationS,
		Argv: argv, Hostname: "web-07", Source: "perf", Quality: energy.Measured, Energy: joules(energyJ, uncertaintyJ, durationS), ExitCode: ptr(0)}
}

// variedHistory has an entry of each sort.
func variedHistory() *report.History {
	h := &report.History{Schema: report.HistorySchema, Path: "/home/ada/.local/state/energyprobe/history.jsonl", Entries: []report.HistoryEntry{
		entry(0, 1805.4, 0.3, 12.346, "python3", "train.py", "--epochs", "3", "--data", "/srv/data/mini set"),
		entry(1, 0.412, 0.021, 0.0431, "true"),
		entry(2, 96.1, 1.2, 3.2, "make", "-j8"),
		entry(3, 41, 0, 2.5, "./simulate"),
		entry(4, 12.6, 0, 1.4, "./sort"),
		entry(5, 0, 0, 0),
		entry(6, 0, 0, 0, "./app", "--new\nline"),
		entry(7, 0, 0, 0),
	}}
	e := h.Entries
	e[2].ExitCode = ptr(2)
	e[3].Hostname, e[3].Source, e[3].Quality = "vm-3", "model", energy.Estimated
	e[3].UncertaintyJ, e[3].LowJ, e[3].HighJ = nil, ptr(11.0), ptr(78.0)
	e[4].Schema, e[4].Runs, e[4].ExitCode = report.TrialsSchema, 20, nil
	e[4].UncertaintyJ, e[4].LowJ, e[4].HighJ = nil, ptr(12.4), ptr(12.9)
	e[5].Schema, e[5].Newer, e[5].ExitCode = "energyprobe.run/v2", true, nil
	e[6].ExitCode, e[6].Signal = nil, "SIGKILL"
	e[7].Schema, e[7].Subject, e[7].ExitCode = report.DoctorSchema, "what can be measured", nil
	for i := 5; i < 8; i++ {
		e[i].Energy, e[i].DurationS = report.Energy{Reason: "package-0 is not known"}, nil
	}
	return h
}

// uniformHistory is from one host and one source.
func uniformHistory() *report.History {
	h := &report.History{Schema: report.HistorySchema, Path: "/var/lib/history.jsonl"}
	for i := range 6 {
		h.Entries = append(h.Entries, entry(i, 1800+7*math.Sin(float64(i)), 0.3, 12.3, "python3", "train.py", "--epochs", "3", "--data", "/srv/data"))
	}
	return h
}

// slowDrift is a month of runs that take more and more, with two that were
// disturbed.
func slowDrift() *report.Trend {
	t := &report.Trend{Schema: report.TrendSchema, Argv: []string{"make", "-j8"}, Hostname: "web-07", Quality: energy.Measured,
		Measure: report.MeasureEnergy, Median: ptr(98.4), FenceLow: ptr(90.7), FenceHigh: ptr(106.1), Missing: 1, Others: 12}
	for i := range 60 {
		e := entry(i*8, 96+float64(i)/12+1.3*math.Sin(float64(i*i)), 0, 1)
		v := *e.EnergyJ
		if i == 20 || i == 47 {
			v += 14
		}
		t.Points = append(t.Points, report.TrendPoint{ID: e.ID, StartedAt: e.StartedAt, Value: v, Outlier: v > 106.1})
	}
	return t
}

func TestHistoryGolden(t *testing.T) {
	empty := &report.History{Schema: report.HistorySchema, Path: "/home/ada/history.jsonl"}
	single := slowDrift()
	single.Points, single.Others, single.Missing = single.Points[:1], 0, 0
	single.Median, single.FenceLow, single.FenceHigh = ptr(96.0), ptr(96.0), ptr(96.0)
	nothing := &report.Trend{Schema: report.TrendSchema, Measure: report.MeasurePower}
	for name, v := range map[string]any{"history-varied": variedHistory(), "history-uniform": uniformHistory(), "history-empty": empty,
		"trend-drift": slowDrift(), "trend-single": single, "trend-nothing": nothing} {
		schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/" + strings.Split(name, "-")[0] + ".v1.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Formats() {
			data := render(t, f, v, Options{})
			compareGolden(t, name+extensions[f], data)
			if f != JSON {
				continue
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			if err == nil {
				err = schema.Validate(doc)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	compareGolden(t, "history-varied.140.txt", render(t, Table, variedHistory(), Options{Width: 140}))
	compareGolden(t, "history-varied.color.txt", render(t, Table, variedHistory(), Options{Color: true, Width: 120}))
	compareGolden(t, "history-varied.ascii.txt", render(t, Table, variedHistory(), Options{ASCII: true}))
	compareGolden(t, "trend-drift.ascii.txt", render(t, Table, slowDrift(), Options{ASCII: true}))
	compareGolden(t, "trend-drift.140.txt", render(t, Table, slowDrift(), Options{Width: 140}))
}

// TestHistoryLinesAlign: every line of the list is one line, no wider than the
// terminal where that can be, and columns stand below each other.
func TestHistoryLinesAlign(t *testing.T) {
	for _, width := range []int{80, 100, 140} {
		h := uniformHistory()
		lines := strings.Split(strings.TrimRight(string(render(t, Table, h, Options{Width: width})), "\n"), "\n")
		if len(lines) != len(h.Entries)+3 {
			t.Fatalf("%d lines for %d results", len(lines), len(h.Entries))
		}
		at := strings.Index(lines[0], "What")
		for i, l := range lines[:len(lines)-1] {
			if columns(l) > width {
				t.Errorf("width %d: a line takes %d columns: %s", width, columns(l), l)
			}
			if i >= 2 && !strings.HasPrefix(l[at:], "python3 ") {
				t.Errorf("width %d: not aligned: %s", width, l)
			}
		}
	}
}

// TestTrendOfExtremes draws what no reasonable run has.
func TestTrendOfExtremes(t *testing.T) {
	at := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	for _, values := range [][]float64{{0, 0}, {-1, 1}, {-math.MaxFloat64, math.MaxFloat64}, {5e-324, 0}, {1e300, 1e300}, {1, 1 + 1e-15}} {
		d := &report.Trend{Schema: report.TrendSchema, Measure: report.MeasureEnergy}
		for i, v := range values {
			d.Points = append(d.Points, report.TrendPoint{ID: "id", StartedAt: at.AddDate(i*1000, 0, 0), Value: v})
		}
		for _, f := range Formats() {
			if text := string(render(t, f, d, Options{})); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
				t.Errorf("%v: %s", values, text)
			}
		}
	}
}

func TestStoredResultHasOneForm(t *testing.T) {
	doc := json.RawMessage(`{"schema":"energyprobe.run/v2","argv":["a<b"]}`)
	if got, want := string(render(t, JSON, doc, Options{})), "{\n  \"schema\": \"energyprobe.run/v2\",\n  \"argv\": [\n    \"a<b\"\n  ]\n}\n"; got != want {
		t.Errorf("got %s", got)
	}
	if err := Write(&bytes.Buffer{}, Table, doc, Options{}); err == nil || !strings.Contains(err.Error(), "--format json") {
		t.Errorf("as a table: %v", err)
	}
}

func BenchmarkHistoryTable10000(b *testing.B) {
	h := &report.History{Schema: report.HistorySchema}
	for i := range 10_000 {
		h.Entries = append(h.Entries, entry(i, 1800, 0.3, 12.3, "python3", "train.py", "--epochs", "3"))
	}
	b.ReportAllocs()
	for b.Loop() {
		render(b, Table, h, Options{Width: 120})
	}
}
