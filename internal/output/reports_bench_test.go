package output

import (
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/cells"
)

// benchReports are made-up benchmarks and what becomes of them, by the name of
// their golden files.
func benchReports(t testing.TB) map[string]any {
	t.Helper()
	set := func(archs ...string) matrix.Set {
		var in []matrix.Input
		for _, a := range archs {
			in = append(in, matrix.Input{File: report.ArchName(a) + "/index.json", Bench: cells.Matrix(a)})
		}
		return matrix.NewSet(in)
	}
	o := matrix.Options{Tool: report.Tool{Name: "energyprobe", Version: "0.1.0"}, Now: time.Date(2026, 11, 4, 9, 0, 0, 0, time.UTC), Seed: 42}
	table, err := matrix.Table(set("x86_64", "aarch64"), o)
	if err != nil {
		t.Fatal(err)
	}
	table.RunID = "table"
	all := map[string]any{"bench-x86": cells.Matrix("x86_64"), "bench-arm": cells.Matrix("aarch64"), "benchtable": table}
	for name, runs := range map[string]int{"bench-host": 1, "bench-host-repeated": 3} {
		host := cells.Host(runs)
		host.Applications = matrix.Applications(host)
		all[name] = host
	}
	for name, method := range map[string]string{"benchcomparison": "", "benchcomparison-socket": report.MethodWholeSocket} {
		o.Method = method
		c, err := matrix.Compare(matrix.Side{Label: "x86/", Set: set("x86_64")}, matrix.Side{Label: "arm/", Set: set("aarch64")}, o)
		if err != nil {
			t.Fatal(err)
		}
		c.RunID = "comparison"
		all[name] = c
	}
	o.Method = ""
	for name, deadline := range map[string]float64{"recommendation": 60, "recommendation-none": 5} {
		r, err := matrix.Recommend(set("x86_64", "aarch64"), matrix.Bounds{Objective: report.MeasureEnergy, DeadlineS: &deadline}, o)
		if err != nil {
			t.Fatal(err)
		}
		r.RunID = "recommendation"
		all[name] = r
	}
	return all
}

func TestBenchGolden(t *testing.T) {
	all := benchReports(t)
	for name, v := range all {
		for _, f := range Formats() {
			compareGolden(t, name+extensions[f], render(t, f, v, Options{}))
		}
	}
	compareGolden(t, "benchtable.140.txt", render(t, Table, all["benchtable"], Options{Width: 140}))
	compareGolden(t, "benchtable.50.txt", render(t, Table, all["benchtable"], Options{Width: 50, ASCII: true}))
	compareGolden(t, "benchcomparison.140.txt", render(t, Table, all["benchcomparison"], Options{Width: 140}))
	compareGolden(t, "bench-host.color.txt", render(t, Table, all["bench-host"], Options{Color: true}))
	compareGolden(t, "recommendation.color.txt", render(t, Table, all["recommendation"], Options{Color: true}))
}
