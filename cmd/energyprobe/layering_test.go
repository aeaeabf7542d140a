package main

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/energyprobe/energyprobe/"

// layers lists the packages from the bottom up. A package imports only layers
// below its own: docs/architecture.md says why.
var layers = [][]string{
	{"internal/energy", "internal/stats", "internal/fit", "internal/plot", "internal/shell"},
	{"internal/topology", "internal/container", "internal/priv", "internal/procfile", "internal/attribute", "internal/price", "bench/app", "bench/app/forest", "bench/app/pca", "bench/app/boost", "bench/app/vision"},
	{"rapl", "perfevent", "perfevent/gate", "msr", "bpfprog", "internal/model", "internal/host", "internal/procusage", "bench/sandbox", "bench/app/montecarlo", "bench/app/titanic", "bench/app/ml", "bench/app/video"},
	{"internal/source", "internal/report", "calibrate/load", "bench/work"},
	{"internal/compare"},
	{"internal/session", "internal/result", "internal/history", "calibrate/instrument", "internal/flexexecutor", "internal/matrix"},
	{"bench", "calibrate", "internal/trial", "internal/doctor", "internal/processor", "internal/output"},
	{"internal/page"},
	{"cmd/energyprobe"},
}

// narrow lists packages that see less than the layers below them.
var narrow = map[string][]string{
	"internal/output": {"internal/report", "internal/energy", "internal/shell"},
	"internal/page":   {"internal/output", "internal/plot", "internal/report", "internal/energy", "internal/matrix"},
	"internal/result": {"internal/report", "internal/energy"},
	"internal/report": {"internal/energy"},
	"internal/energy": {},
	// It keeps results, however they came about.
	"internal/history": {"internal/report", "internal/energy", "internal/stats"},
	// Arithmetic: no files.
	"internal/attribute": {"internal/energy"},
	"internal/stats":     {},
	"internal/fit":       {},
	"internal/plot":      {},
	"internal/shell":     {},
	"internal/compare":   {"internal/report", "internal/stats", "internal/shell"},
	// It takes open sources, and knows nothing of loads and models.
	"calibrate/instrument": {"internal/report", "internal/energy", "internal/stats"},
	// It runs in a process of its own and knows nothing of what is measured.
	"calibrate/load": {"internal/topology"},
	// Work is the same whatever is measured.
	"bench/app":            {},
	"bench/app/montecarlo": {"bench/app"},
	"bench/app/titanic":    {"bench/app", "bench/app/forest"},
	"bench/app/ml":         {"bench/app", "bench/app/pca", "bench/app/boost"},
	"bench/app/video":      {"bench/app", "bench/app/vision"},
	"bench/app/forest":     {},
	"bench/app/pca":        {},
	"bench/app/boost":      {},
	"bench/app/vision":     {},
	"bench/sandbox":        {"internal/container", "internal/energy"},
	// It does work in processes of its own and knows nothing of what is measured.
	"bench/work":     {"bench/app", "bench/app/montecarlo", "bench/app/titanic", "bench/app/ml", "bench/app/video", "bench/sandbox", "internal/energy"},
	"internal/price": {},
	// Arithmetic on results.
	"internal/matrix": {"internal/compare", "internal/report", "internal/energy", "internal/stats", "internal/price"},
}

// generators make files of the tree and are no part of the program.
func generator(pkg string) bool {
	return strings.Contains(pkg, "/gen") || strings.Contains(pkg, "testutil") || pkg == "internal/labtest" || strings.HasPrefix(pkg, "docs/") || strings.HasPrefix(pkg, "testdata/")
}

func TestImportsGoDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	level, missing := map[string]int{}, map[string]bool{}
	for i, layer := range layers {
		for _, p := range layer {
			level[p], missing[p] = i, true
		}
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		if generator(pkg) {
			continue
		}
		own, known := level[pkg]
		if !known {
			t.Errorf("%s is in no layer: give it a place in layers and in docs/architecture.md", pkg)
			continue
		}
		seen++
		delete(missing, pkg)
		for _, full := range fields[1:] {
			imported, ours := strings.CutPrefix(full, module)
			if !ours {
				checkOutside(t, pkg, full)
				continue
			}
			if strings.HasPrefix(imported, "internal/testutil") {
				t.Errorf("%s imports %s, which is for tests only", pkg, imported)
			} else if level[imported] >= own {
				t.Errorf("%s imports %s, which is not below it", pkg, imported)
			}
			checkNarrow(t, pkg, imported)
		}
	}
	for p := range missing {
		t.Errorf("%s is in a layer and not in the tree: take it out of layers and of docs/architecture.md", p)
	}
	if seen < 10 {
		t.Errorf("only %d packages were looked at", seen)
	}
}

func checkNarrow(t *testing.T, pkg, imported string) {
	allowed, is := narrow[pkg]
	if !is {
		return
	}
	for _, a := range allowed {
		if a == imported {
			return
		}
	}
	t.Errorf("%s imports %s; it may see %v only", pkg, imported, allowed)
}

// The vocabulary needs nothing but the standard library, and one package
// alone draws tables.
func checkOutside(t *testing.T, pkg, imported string) {
	outside := strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
	if outside && pkg == "internal/energy" {
		t.Errorf("%s imports %s; it takes the standard library only", pkg, imported)
	}
	if strings.Contains(imported, "tablewriter") && pkg != "internal/output" {
		t.Errorf("%s imports %s; tables are drawn in internal/output", pkg, imported)
	}
}
