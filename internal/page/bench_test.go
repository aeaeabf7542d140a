package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/cells"
)

// benches are a matrix on each of two architectures, and a host's own benchmark.
func benches(t testing.TB) []Document {
	t.Helper()
	host := cells.Host(5)
	host.Applications = matrix.Applications(host)
	return []Document{{File: "x86/index.json", Value: cells.Matrix("x86_64")}, {File: "arm/index.json", Value: cells.Matrix("aarch64")},
		{File: "host.json", Value: host}}
}

func storedComparison(t testing.TB) *report.BenchComparison {
	t.Helper()
	side := func(arch string) matrix.Side {
		return matrix.Side{Label: arch, Set: matrix.NewSet([]matrix.Input{{File: arch + ".json", Bench: cells.Matrix(arch)}})}
	}
	c, err := matrix.Compare(side("x86_64"), side("aarch64"), matrix.Options{Method: report.MethodWholeSocket, Tool: tool, Now: start, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBenchGolden(t *testing.T) {
	golden(t, "bench.html", []byte(render(t, benches(t))))
	golden(t, "bench-comparison.html", []byte(render(t, []Document{{File: "c.json", Value: storedComparison(t)}})))
	docs := append(benches(t), Document{File: "c.json", Value: storedComparison(t)})
	for name, write := range map[string]func(io.Writer, []Document) error{"bench.csv": CSV, "bench.md": Markdown, "bench.txt": Text} {
		var b bytes.Buffer
		if err := write(&b, docs); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
	for _, kind := range []string{"energy-cost", "energy-time", "sensitivity"} {
		s, err := Picture(docs, kind, options())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, "bench-"+kind+".svg", b.Bytes())
	}
}

// TestBenchPage: what must not be missing on the page of a benchmark.
func TestBenchPage(t *testing.T) {
	page := render(t, benches(t))
	for _, want := range []string{
		"<strong>Estimate.</strong>", "ARM saves ", "titanic: energy and cost", "video: energy and time", "Every pair: change in energy", "had other powers been assumed",
		"Cost, time and energy of an execution", "†6", "Pareto front of the architecture", "numbers beside points: workers", "12 oom", "Every configuration",
		"Benchmark of node-3", "Whether this host is fit", "stop what else runs",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(page, "<section "); n != 2 {
		t.Errorf("%d sections: want one for all cells and one for the host", n)
	}
	// One architecture has nothing to be compared with.
	page = render(t, benches(t)[:1])
	if strings.Contains(page, "Every pair") || !strings.Contains(page, "titanic: energy and time") {
		t.Error("the page of one architecture compares it, or has no plots")
	}
}

// TestBenchPictureHoldsEveryConfiguration that has both values, with its bars.
func TestBenchPictureHoldsEveryConfiguration(t *testing.T) {
	docs := benches(t)[:2]
	v, err := viewOf(docs, options())
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, c := range v.table.Configs {
		if c.Energy.Median != nil {
			want++
		}
	}
	s, err := Picture(docs, "energy-time", options())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.SVG(&b); err != nil {
		t.Fatal(err)
	}
	titles := 0
	for dec := xml.NewDecoder(&b); ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, is := tok.(xml.CharData); is && strings.Contains(string(text), "median of ") {
			titles++
		}
	}
	if titles != want {
		t.Errorf("%d points, want %d", titles, want)
	}
}

func TestBenchInChromium(t *testing.T) {
	docs := append(benches(t), Document{File: "c.json", Value: storedComparison(t)})
	found, console := browse(t, docs, "")
	if console != "" {
		t.Errorf("the console says\n%s", console)
	}
	for _, name := range []string{"charts", "hover", "hidden", "focus", "keyboard", "home", "escape", "sources", "fits"} {
		if found[name] != true {
			t.Errorf("%s: %v", name, found[name])
		}
	}
}
