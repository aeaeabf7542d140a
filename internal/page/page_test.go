package page

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var tool = report.Tool{Name: "energyprobe", Version: "0.1.0"}

func options() Options {
	return Options{Tool: tool, Price: func(string) float64 { return 0.12 }}
}

func render(t testing.TB, docs []Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, docs, options()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs; if it should, go test ./internal/page -update, and look at the difference", path)
	}
}

func TestGolden(t *testing.T) {
	docs := mixed(t)
	golden(t, "mixed.html", []byte(render(t, docs)))
	var b bytes.Buffer
	if err := CSV(&b, docs); err != nil {
		t.Fatal(err)
	}
	golden(t, "mixed.csv", b.Bytes())
	b.Reset()
	if err := Markdown(&b, docs); err != nil {
		t.Fatal(err)
	}
	golden(t, "mixed.md", b.Bytes())
	b.Reset()
	if err := Text(&b, docs); err != nil {
		t.Fatal(err)
	}
	golden(t, "mixed.txt", b.Bytes())
	for _, name := range []string{"trials", "comparison"} {
		b.Reset()
		for _, d := range docs {
			if d.File == name+".json" {
				if err := JSON(&b, []Document{d}); err != nil {
					t.Fatal(err)
				}
			}
		}
		golden(t, name+".json", b.Bytes())
	}
}

// TestNothingIsLoaded: the page is complete in itself.
func TestNothingIsLoaded(t *testing.T) {
	page := render(t, mixed(t))
	for _, bad := range []string{"http://", "https://", "src=", "@import", "url(", "<link", "<iframe", "style=\""} {
		if i := strings.Index(page, bad); i >= 0 {
			t.Errorf("the page has %s: %.120s", bad, page[i:])
		}
	}
	if !strings.Contains(page, "default-src &#39;none&#39;") {
		t.Error("no policy forbids loading")
	}
}

// TestEveryNumberHasASource: what is shown as a value names file and field.
func TestEveryNumberHasASource(t *testing.T) {
	page := render(t, mixed(t))
	values := regexp.MustCompile(`<span class="v"([^>]*)>`).FindAllStringSubmatch(page, -1)
	if len(values) < 200 {
		t.Fatalf("%d values", len(values))
	}
	for _, m := range values {
		if !strings.Contains(m[1], `data-source="`) || !strings.Contains(m[1], ".json") {
			t.Errorf("a value without a source: %s", m[0])
		}
	}
}

// TestUnknownIsNeverZero: a value that is null is said to be, with its reason.
func TestUnknownIsNeverZero(t *testing.T) {
	page := render(t, []Document{{File: "f.json", Value: stored(t, "run-failed-zone")}})
	if !strings.Contains(page, `<span class="unknown" data-source="f.json: total.energy_j"`) || !strings.Contains(page, "input/output error") {
		t.Error("the unknown total, or its reason, is not on the page")
	}
	if strings.Contains(page, ">0 J<") {
		t.Error("something unknown is shown as 0 J")
	}
}

func TestHostileText(t *testing.T) {
	r := stored(t, "run-split-cycles")
	evil := `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'`
	r.Command.Argv = []string{evil}
	r.Host.Hostname, r.Host.CPU.ModelName = evil, evil
	r.Attribution.Processes[0].Comm = evil
	r.Domains[0].ID, r.Attribution.PerDomain[0].ID = evil, evil
	r.Warnings = []report.Warning{{Code: "x", Message: evil, Advice: evil}}
	page := render(t, []Document{{File: evil, Value: r}})
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") || strings.Count(page, "<script>") != 1 {
		t.Error("text from a result became part of the page")
	}
}

func TestCSVHoldsEverything(t *testing.T) {
	var b bytes.Buffer
	if err := CSV(&b, mixed(t)); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(lines) < 20 {
		t.Fatalf("%d lines (%v)", len(lines), err)
	}
	for _, l := range lines[1:] {
		if l[4] == "" && l[10] == "" {
			t.Errorf("neither a value nor a reason: %q", l)
		}
	}
}

func TestPictures(t *testing.T) {
	docs := append(mixed(t), Document{File: "phases.json", Value: stored(t, "run-phases")})
	docs = append(docs, benches(t)...)
	for _, kind := range append(Plots(), "") {
		s, err := Picture(docs, kind, options())
		if err != nil {
			t.Errorf("%q: %v", kind, err)
			continue
		}
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil || b.Len() < 500 {
			t.Errorf("%q: %d bytes (%v)", kind, b.Len(), err)
		}
	}
	for _, c := range []struct {
		docs       []Document
		kind, want string
	}{
		{docs, "pie", "use one of energy-cost, energy-time, comparison"},
		{[]Document{{File: "guest.json", Value: refused(t)}}, "parity", "no data for the plot parity; they have for utilisation, drift"},
		{docs[4:5], "comparison", "no data for the plot comparison"},
		{[]Document{{File: "x", Value: stored(t, "run-client")}}, "", "--interval"},
	} {
		if _, err := Picture(c.docs, c.kind, options()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.kind, err, c.want)
		}
	}
}

// A plot is found wherever its result stands among the others.
func TestPictureOfALaterResult(t *testing.T) {
	docs := append(history(t, 20), Document{File: "comparison.json", Value: comparison()})
	for _, kind := range []string{"comparison", ""} {
		s, err := Picture(docs, kind, options())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil || !strings.Contains(b.String(), "Change, with 95 % intervals") {
			t.Errorf("%q: %.200s (%v)", kind, b.String(), err)
		}
	}
}

// What a model says is called that, before any number.
func TestEstimatesSaySo(t *testing.T) {
	estimated := trials()
	estimated.Source.Quality = energy.Estimated
	c := comparison()
	for i := range c.Sides {
		c.Sides[i].Source.Quality = energy.Estimated
	}
	docs := []Document{{File: "trials.json", Value: estimated}, {File: "comparison.json", Value: c}}
	page := render(t, docs)
	if n := strings.Count(page, `<p class="alert"><strong>Estimate.</strong> No energy counter was read`); n != 2 {
		t.Errorf("%d alerts", n)
	}
	for _, want := range []string{">≈ 21", "estimated, median of 20 runs", "; of estimates"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	var text, lines bytes.Buffer
	if err := errors.Join(Markdown(&text, docs), CSV(&lines, docs)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ESTIMATES: no energy counter was read.", " | energy | ≈ ", "| time | 2."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the Markdown", want)
		}
	}
	for line := range strings.Lines(lines.String()) {
		if seconds := strings.Contains(line, ",time,"); seconds == strings.Contains(line, ",estimated,") && !strings.HasPrefix(line, "source,") {
			t.Errorf("wrong quality: %s", line)
		}
	}
}

// A gate's verdict is the gate's.
func TestGateVerdict(t *testing.T) {
	c := comparison()
	c.Gate = &report.Gate{MaxIncreasePct: 3, Verdict: "Not passed: energy changed by +11.4 %; 3.0 % more is allowed."}
	docs := []Document{{File: "gate.json", Value: c}}
	var b bytes.Buffer
	if err := Text(&b, docs); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"page": render(t, docs), "table": b.String()} {
		if !strings.Contains(text, "3.0 % more is allowed.") {
			t.Errorf("the %s lacks the verdict", name)
		}
	}
}

// A command that ran once has no line among those that came again.
func TestCommandsThatRanOnce(t *testing.T) {
	docs := append(history(t, 8), Document{File: "once.json", Value: stored(t, "run-split-cycles")})
	f, ok := historyFigure(docs)
	if !ok || len(f.Table.Rows) != 2 || !strings.HasPrefix(f.Table.Note, "1 more command") {
		t.Errorf("%d rows, %q", len(f.Table.Rows), f.Table.Note)
	}
}

// A change has a colour only where it is seen after adjustment.
func TestRoleOf(t *testing.T) {
	low, high, p := 1.0, 5.0, 0.08
	if r := roleOf(report.Change{LowPct: &low, HighPct: &high, PAdjusted: &p}); r != plot.None {
		t.Errorf("role %v at p %v", r, p)
	}
	p = 0.01
	if r := roleOf(report.Change{LowPct: &low, HighPct: &high, PAdjusted: &p}); r != plot.More {
		t.Errorf("role %v at p %v", r, p)
	}
}

// What is outside of phases, and what can't be told apart, is beside them.
func TestPhases(t *testing.T) {
	page := render(t, []Document{{File: "phases.json", Value: stored(t, "run-phases")}})
	for _, want := range []string{"Joules per phase", ">train<", "outside of phases", "not told apart", "phases.json: phases.list[1].energy_j"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// history is n runs of two commands.
func history(t testing.TB, n int) []Document {
	one, two := stored(t, "run-client"), stored(t, "run-server")
	docs := make([]Document, n)
	for i := range docs {
		r := *one
		if i%3 == 0 {
			r = *two
		}
		j, d := *r.Total.EnergyJ*(1+float64(i*7919%1000)/5000), r.DurationS*(1+float64(i*104729%1000)/4000)
		r.Total.EnergyJ, r.DurationS, r.StartedAt = &j, d, start.Add(time.Duration(i)*time.Minute)
		docs[i] = Document{File: "history.jsonl", Index: i, Many: true, Value: &r}
	}
	return docs
}

// hour is a run of an hour sampled n times.
func hour(t testing.TB, n int) []Document {
	r := stored(t, "run-client")
	s := report.NewSeries([]string{"dram-0", "package-0"})
	for i := range n {
		w := 40 + float64(i*7919%1000)/100
		if i == n/3 {
			w = 180
		}
		s.Append(3600*float64(i+1)/float64(n), []float64{w / 10 * 3600 / float64(n), w * 3600 / float64(n)})
	}
	r.Samples = s
	return []Document{{File: "hour.json", Value: r}}
}

// TestLargeReports: ten thousand runs, and an hour at a kilohertz, make a page
// of a few megabytes in a moment; and the one sample that stands out is seen.
func TestLargeReports(t *testing.T) {
	for name, docs := range map[string][]Document{"history": history(t, 10_000), "hour": hour(t, 3_600_000)} {
		began := time.Now()
		page := render(t, docs)
		// The bound is generous: other tests and the race detector share the CPUs.
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		} else {
			t.Logf("%s: %v, %d bytes", name, took, len(page))
		}
		if len(page) > 3<<20 {
			t.Errorf("%s: a page of %d bytes", name, len(page))
		}
		if name == "hour" && !strings.Contains(page, "to 180 W") {
			t.Error("the highest sample is lost")
		}
	}
}
