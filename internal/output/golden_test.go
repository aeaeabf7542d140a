package output

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/report"
)

var update = flag.Bool("update", false, "rewrite the golden files and the examples in the documents")

// golden lives at the top so that docs and other packages can show the same.
const goldenDir = "../../testdata/golden"

func runs() map[string]*report.Run {
	all := map[string]*report.Run{
		"run-server": twoSockets(), "run-client": client(), "run-estimate": estimate(),
		"run-failed-zone": failedZone(), "run-samples": overTime(), "run-cross-check": crossCheck(), "run-killed": killed(),
	}
	maps.Copy(all, splitRuns())
	maps.Copy(all, phasedRuns())
	return all
}

func doctors() map[string]*report.Doctor {
	return map[string]*report.Doctor{
		"doctor-server": doctorBest(), "doctor-forbidden": doctorForbidden(), "doctor-vm": doctorNothing(),
	}
}

func everything() map[string]any {
	all := map[string]any{}
	for name, r := range runs() {
		all[name] = r
	}
	for name, d := range doctors() {
		all[name] = d
	}
	for name, p := range processors() {
		all[name] = p
	}
	return all
}

var extensions = map[Format]string{Table: ".txt", JSON: ".json", CSV: ".csv", Markdown: ".md"}

func render(t testing.TB, f Format, v any, o Options) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, f, v, o); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestGolden(t *testing.T) {
	for name, v := range everything() {
		for _, f := range Formats() {
			compareGolden(t, name+extensions[f], render(t, f, v, Options{}))
		}
	}
	compareGolden(t, "run-server.color.txt", render(t, Table, twoSockets(), Options{Color: true}))
	compareGolden(t, "run-estimate.color.txt", render(t, Table, estimate(), Options{Color: true}))
	compareGolden(t, "run-samples.ascii.txt", render(t, Table, overTime(), Options{ASCII: true}))
	compareGolden(t, "run-split-cycles.color.txt", render(t, Table, splitCycles(), Options{Color: true}))
	compareGolden(t, "run-split-cycles.top.txt", render(t, Table, splitCycles(), Options{Top: 3, Width: 120}))
	compareGolden(t, "run-split-proc.ascii.txt", render(t, Table, splitProc(), Options{ASCII: true}))
	compareGolden(t, "run-split-time.50.txt", render(t, Table, splitTime(), Options{Width: 50}))
	compareGolden(t, "run-phases.50.txt", render(t, Table, phased(), Options{Width: 50, ASCII: true}))
	compareGolden(t, "run-client.50.txt", render(t, Table, client(), Options{Width: 50}))
	compareGolden(t, "run-server.140.txt", render(t, Table, twoSockets(), Options{Width: 140}))
	compareGolden(t, "cpu-guest.color.txt", render(t, Table, guestProcessor(), Options{Color: true}))
	compareGolden(t, "cpu-guest.ascii.txt", render(t, Table, guestProcessor(), Options{ASCII: true, Width: 50}))
	compareGolden(t, "cpu-search.140.txt", render(t, Table, foundProcessors(), Options{Width: 140}))
	compareGolden(t, "doctor-forbidden.color.txt", render(t, Table, doctorForbidden(), Options{Color: true}))
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		if err := os.MkdirAll(goldenDir, 0o755); err != nil {
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
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, go test ./internal/output -update\n%s", name, diff)
	}
}
