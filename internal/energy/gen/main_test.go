package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/energy"
)

const committed = "../../../docs/metrics.md"

func TestMetricsPage(t *testing.T) {
	got, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(got), string(render(energy.Catalogue()))); d != "" {
		t.Errorf("docs/metrics.md is out of date, run go run ./internal/energy/gen (-file +catalogue):\n%s", d)
	}
}

func TestEveryMetricOnce(t *testing.T) {
	page := render(energy.Catalogue())
	for _, d := range energy.Catalogue() {
		if n := bytes.Count(page, []byte("\n| `"+d.Name+"` |")); n != 1 {
			t.Errorf("%s stands %d times on the page", d.Name, n)
		}
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `") && strings.Count(line, "|")-strings.Count(line, `\|`) != 8 {
			t.Errorf("not seven columns: %s", line)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := run(committed, true); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "metrics.md")
	if err := run(file, true); err == nil {
		t.Error("a missing page passed")
	}
	if err := run(file, false); err != nil {
		t.Fatal(err)
	}
	if err := run(file, true); err != nil {
		t.Errorf("a page just written failed: %v", err)
	}
	if err := os.WriteFile(file, []byte("# Metrics\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(file, true); err == nil {
		t.Error("a stale page passed")
	}
}
