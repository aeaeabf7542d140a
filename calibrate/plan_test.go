package calibrate

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/calibrate/load"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// machine has that many sockets, cores on each and threads on each core, in the
// kernel's usual order: first threads first.
func machine(sockets, cores, threads int) *topology.Topology {
	t := &topology.Topology{}
	all := sockets * cores
	for id := range all * threads {
		place := id % all
		var siblings []int
		for k := range threads {
			siblings = append(siblings, place+k*all)
		}
		t.Online = append(t.Online, id)
		t.CPUs = append(t.CPUs, topology.CPU{ID: id, Online: true, Socket: place / cores, Core: place % cores, Siblings: siblings})
	}
	return t
}

func TestPlan(t *testing.T) {
	for _, m := range Modes() {
		for _, host := range []*topology.Topology{machine(1, 1, 1), machine(1, 2, 1), machine(1, 8, 2), machine(2, 16, 2)} {
			name := fmt.Sprintf("%s on %d CPUs", m.Name, len(host.Online))
			steps, err := Plan(m, host, host.Online, 7)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			again, _ := Plan(m, host, host.Online, 7)
			if !reflect.DeepEqual(steps, again) {
				t.Errorf("%s: the same seed gives another plan", name)
			}
			checkSteps(t, name, m, steps)
		}
	}
}

func checkSteps(t *testing.T, name string, m Mode, steps []Step) {
	t.Helper()
	if steps[0].Shape != report.ShapeIdle || steps[len(steps)-1].Shape != report.ShapeIdle {
		t.Errorf("%s: it does not begin and end with the idle machine", name)
	}
	visits, busy, kernels, holdouts := map[string]int{}, 0, map[string]bool{}, 0
	for _, s := range steps {
		if s.Dwell != m.Dwell {
			t.Errorf("%s: a dwell of %v", name, s.Dwell)
		}
		if s.Shape == report.ShapeIdle {
			if busy > m.Idle {
				t.Errorf("%s: %d loads without a look at the idle machine", name, busy)
			}
			busy = 0
			continue
		}
		busy++
		if back, err := load.Parse(s.Spec.String()); err != nil || back.String() != s.Spec.String() {
			t.Errorf("%s: the load %q does not come back: %v", name, s.Spec, err)
		}
		if !s.Spec.Bursty {
			visits[s.Spec.String()]++
		}
		if s.Holdout != s.Spec.Holdout() {
			t.Errorf("%s: %q: holdout %v", name, s.Spec, s.Holdout)
		}
		if s.Holdout {
			holdouts++
		} else {
			kernels[s.Spec.Kernel] = true
		}
		if s.Load <= 0 || s.Load > 1 {
			t.Errorf("%s: %q is a load of %v", name, s.Spec, s.Load)
		}
	}
	for spec, n := range visits {
		if n != m.Repeats {
			t.Errorf("%s: %d visits of %q, want %d", name, n, spec, m.Repeats)
		}
	}
	if len(kernels) != len(m.Kernels) || holdouts != m.Repeats*(len(m.Holdout)+m.Bursts) {
		t.Errorf("%s: %d kernels, %d holdouts", name, len(kernels), holdouts)
	}
}

// On a server the modes take about as long as they say.
func TestHowLongItTakes(t *testing.T) {
	host := machine(2, 32, 2)
	for name, want := range map[string][2]time.Duration{
		"quick": {90 * time.Second, 200 * time.Second}, "standard": {9 * time.Minute, 13 * time.Minute}, "full": {33 * time.Minute, 42 * time.Minute},
	} {
		m, err := ModeNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := Plan(m, host, host.Online, 1)
		if took := m.Takes(steps); err != nil || took < want[0] || took > want[1] {
			t.Errorf("%s: %d steps take %v, want %v to %v (%v)", name, len(steps), took, want[0], want[1], err)
		}
	}
	if _, err := ModeNamed("thorough"); err == nil {
		t.Error("there is no such mode")
	}
}
