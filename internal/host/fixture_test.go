package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
		os.Exit(0)
	}
	os.Exit(testutil.LeakCheck(m))
}

// unpack writes an archive of testdata below root. Files that exist are
// overwritten in place, as the kernel changes what an open file shows.
func unpack(tb testing.TB, root, name string) {
	tb.Helper()
	unpackBut(tb, root, name, "")
}

// unpackBut is unpack without one file.
func unpackBut(tb testing.TB, root, name, but string) {
	tb.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range archive.Files {
		if "/"+f.Name != but {
			write(tb, filepath.Join(root, f.Name), string(f.Data))
		}
	}
}

func write(tb testing.TB, path, content string) {
	tb.Helper()
	if old, err := os.ReadFile(path); err == nil && string(old) == content {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	// Not os.WriteFile: ext4 flushes a file that was cut to nothing first,
	// and there are thousands.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Truncate(int64(len(content))), f.Close()); err != nil {
		tb.Fatal(err)
	}
}

// byName indexes metrics, and checks what holds for every result: each metric
// of this package once, in order, known or with a reason, never negative.
func byName(tb testing.TB, metrics []energy.Metric) map[string]energy.Metric {
	tb.Helper()
	all := map[string]energy.Metric{}
	i := 0
	for _, d := range energy.Catalogue() {
		if d.By != energy.ByHost {
			continue
		}
		if i >= len(metrics) || metrics[i].Name != d.Name {
			tb.Fatalf("metric %d is not %s", i, d.Name)
		}
		m := metrics[i]
		i++
		switch {
		case m.Value == nil && m.Reason == "":
			tb.Errorf("%s has neither value nor reason", m.Name)
		case m.Value != nil && m.Reason != "":
			tb.Errorf("%s has a value and a reason: %s", m.Name, m.Reason)
		case m.Value != nil && (m.Source == "" || m.Quality != energy.Measured):
			tb.Errorf("%s has no provenance: %+v", m.Name, m)
		case m.Value != nil && d.Unit != "Cel" && !(*m.Value >= 0 && *m.Value < 1e18):
			tb.Errorf("%s = %v", m.Name, *m.Value)
		}
		if m.Unit != d.Unit || m.Scope != d.Scope {
			tb.Errorf("%s: unit %q, scope %q", m.Name, m.Unit, m.Scope)
		}
		all[m.Name] = m
	}
	if i != len(metrics) {
		tb.Fatalf("%d metrics too many", len(metrics)-i)
	}
	return all
}

// value returns a metric's value; a metric without one fails the test.
func value(tb testing.TB, all map[string]energy.Metric, name string) float64 {
	tb.Helper()
	m, ok := all[name]
	if !ok {
		tb.Fatalf("no metric %s", name)
	}
	if m.Value == nil {
		tb.Fatalf("%s is null: %s", name, m.Reason)
	}
	return *m.Value
}
