package history

import (
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/cells"
)

// TestDescribeBench: what a list says of a benchmark is the sum of its cells,
// and nothing where that is none.
func TestDescribeBench(t *testing.T) {
	b := cells.Matrix("x86_64")
	e, err := Describe(b)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, c := range b.Cells {
		if c.Status == report.CellOK {
			sum += *c.EnergyBy(report.MethodVCPUShare).EnergyJ
		}
	}
	if e.EnergyJ == nil || *e.EnergyJ != sum || e.Quality != energy.Estimated || e.Subject != "benchmark of titanic, ml, video" || e.Runs != len(b.Cells) {
		t.Errorf("%+v", e)
	}
	host, err := Describe(cells.Host(1))
	if err != nil || host.Hostname != "node-3" || host.Quality != energy.Attributed || host.Source != "perf" {
		t.Errorf("%+v (%v)", host, err)
	}
	for want, change := range map[string]func(*report.BenchCell){
		"not every cell has joules": func(c *report.BenchCell) { c.Energy = nil },
		"by several methods":        func(c *report.BenchCell) { c.Energy = c.Energy[1:] },
	} {
		b := cells.Matrix("x86_64")
		change(&b.Cells[5])
		if e, err := Describe(b); err != nil || e.EnergyJ != nil || !strings.Contains(e.Reason, want) {
			t.Errorf("%+v (%v), want %s", e, err, want)
		}
	}
	for i := range b.Cells {
		b.Cells[i].Status = report.CellOOM
	}
	if e, _ := Describe(b); e.EnergyJ != nil || e.Reason != "no cell ended well" {
		t.Errorf("%+v", e)
	}
}
