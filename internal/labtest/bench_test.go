package labtest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// TestLabBench holds what work costs to a machine whose CPUs draw the same,
// whoever works beside them: waking a package up costs nothing.
func TestLabBench(t *testing.T) {
	boot(t, "^TestGuestSameWork$|^TestGuestSizes$", []lab.Options{
		{Kernel: "6.12", Machine: "skylake-server", Cores: 4, Sim: []string{"wake_mw=0"}},
	})
}

// matrix runs a matrix in the guest.
func matrix(t *testing.T, text string) *report.Bench {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "m.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(os.Getenv(probeVar), "bench", "matrix", "-q", "--format", "json", "-f", file, "--dir", filepath.Join(dir, "r"), "--seed", "5", "-o", filepath.Join(dir, "b.json")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	doc, err := os.ReadFile(filepath.Join(dir, "b.json"))
	if err != nil {
		t.Fatal(err)
	}
	b := &report.Bench{}
	if err := json.Unmarshal(doc, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// A unit of work costs the same with one worker, two and four. The guest's clock
// counts the instructions of all its CPUs together, so what is the same work there
// is the same CPU time.
func TestGuestSameWork(t *testing.T) {
	guest(t, "skylake-server")
	b := matrix(t, fmt.Sprintf("repetitions: 2\nworkers: [1, 2, 4]\napplications: [{name: spin, size: 6000, unit: ms, command: [/usr/bin/env, %q, %q]}]\n",
		loadVar+"=cpu:6s/{workers}", os.Args[0]))
	perUnit := map[int]float64{}
	for _, c := range b.Cells {
		if c.Status != report.CellOK || c.Work == nil || len(c.Energy) == 0 {
			t.Fatalf("%s: %s: %s", c.ID, c.Status, c.Reason)
		}
		e := c.Energy[0]
		if e.Method != report.MethodTarget || e.Quality != energy.Attributed || e.EnergyJ == nil {
			t.Fatalf("%s: the first energy is %+v", c.ID, e)
		}
		v := *e.EnergyJ / c.Work.Units
		t.Logf("ACCURACY %s: %.3f s, %.3f CPU seconds, %.4f J, %.3f mJ a unit", c.ID, *c.DurationS, *c.CPUS, *e.EnergyJ, 1e3*v)
		perUnit[c.Workers] += v / 2
	}
	for n, v := range perUnit {
		off := 100 * (v/perUnit[1] - 1)
		t.Logf("ACCURACY %d workers: %.3f mJ a unit, %+.2f %%", n, 1e3*v, off)
		if math.Abs(off) > 3 {
			t.Errorf("with %d workers a unit of work costs %+.2f %%", n, off)
		}
	}
}

// Workers have the memory and the CPU share of a function, by control groups of
// version 2.
func TestGuestSizes(t *testing.T) {
	guest(t, "skylake-server")
	b := matrix(t, "workers: [2]\nmemory_mb: [32]\napplications: [{name: eat, command: [tail, -n, '1', /dev/zero], timeout: 3m}]\n")
	if c := b.Cells[0]; c.Status != report.CellOOM {
		t.Errorf("%s: %s: %s", c.ID, c.Status, c.Reason)
	}
	// The kernel hands a period's time out whole at its beginning, so a run may end
	// with a tenth of a second's more than its share: it lasts for many of them.
	b = matrix(t, "workers: [2]\nmemory_mb: [512]\napplications: [{name: montecarlo, size: 80000000}]\n")
	c := b.Cells[0]
	share := *c.CPUS / *c.DurationS / 2
	t.Logf("ACCURACY %s: %.3f CPUs a worker of %.3f in %.3f s", c.ID, share, *c.VCPU, *c.DurationS)
	if c.Status != report.CellOK || share > *c.VCPU*1.05 || share < *c.VCPU*0.6 {
		t.Errorf("%s: %s: a worker had %.3f of a CPU, %.3f is its share", c.ID, c.Status, share, *c.VCPU)
	}
}
