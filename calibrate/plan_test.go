package calibrate

import (
	"fmt"
	"reflect"
	"slices"
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
			steps, err := Plan(m, Site{Topology: host, Allowed: host.Online}, 7)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			again, _ := Plan(m, Site{Topology: host, Allowed: host.Online}, 7)
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
	made := map[string]bool{}
	for _, s := range steps {
		// The same CPUs are the same load, in whatever order a placement takes them.
		key := fmt.Sprint(s.Spec.Kernel, slices.Sorted(slices.Values(s.Spec.CPUs)), s.Spec.Duty, s.Spec.Aligned, s.Spec.Bursty, s.Spec.Seed, s.Repeat)
		if made[key] && s.Shape != report.ShapeIdle {
			t.Errorf("%s: %q is made twice", name, s.Spec)
		}
		made[key] = true
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
		steps, err := Plan(m, Site{Topology: host, Allowed: host.Online}, 1)
		if took := m.Takes(steps); err != nil || took < want[0] || took > want[1] {
			t.Errorf("%s: %d steps take %v, want %v to %v (%v)", name, len(steps), took, want[0], want[1], err)
		}
	}
	if _, err := ModeNamed("thorough"); err == nil {
		t.Error("there is no such mode")
	}
}

// Every mode also has loads that come together, of two workloads at least: left
// out in turn, each is tried by models that know the other's.
func TestLoadsComeTogether(t *testing.T) {
	host := twoByFour()
	for _, m := range Modes() {
		steps, err := Plan(m, Site{Topology: host, Allowed: host.Online}, 7)
		if err != nil {
			t.Fatal(err)
		}
		kernels := map[string]bool{}
		for _, s := range steps {
			if s.Spec.Aligned != (s.Shape == report.ShapeTogether) || s.Placed().Together != s.Spec.Aligned || s.Spec.Aligned && s.Holdout {
				t.Errorf("%s: %+v", m.Name, s)
			}
			if s.Spec.Aligned {
				kernels[s.Spec.Kernel] = true
			}
		}
		if len(kernels) < 2 {
			t.Errorf("%s: %v come together", m.Name, kernels)
		}
	}
}

// Loads of memory go by the caches there are, and by the memory.
func TestBuffersFollowTheCaches(t *testing.T) {
	const mib = 1 << 20
	caches := []topology.Cache{{Level: 1, Bytes: 48 << 10}, {Level: 2, Bytes: 2 * mib}, {Level: 3, Bytes: 64 * mib, Shared: []int{0, 1, 2, 3}}}
	for _, c := range []struct {
		name   string
		site   Site
		kernel string
		cpus   []int
		want   int64
	}{
		{"nothing is known", Site{}, "stream", []int{0}, 0},
		{"one CPU has the last cache", Site{Caches: caches}, "stream", []int{0}, 4*(2+64)*mib + mib},
		{"four share it", Site{Caches: caches}, "stream", []int{0, 1, 2, 3, 8, 9}, 4*(2+16)*mib + mib},
		{"no third cache", Site{Caches: caches[:2]}, "chase", []int{0, 1}, 4*2*mib + mib},
		{"little memory", Site{Caches: caches, Memory: 256 * mib}, "stream", []int{0, 1}, 32 * mib},
		{"no memory to speak of", Site{Caches: caches, Memory: mib}, "stream", []int{0, 1}, load.MinBuffer},
		{"a kernel without memory", Site{Caches: caches}, "alu", []int{0}, 0},
	} {
		if got := c.site.buffer(c.kernel, c.cpus); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Between them the modes lie loads on a server in all ways that there are, and
// each way is another than the others at least once.
func TestPlacements(t *testing.T) {
	host := machine(2, 16, 2)
	sets := map[load.Placement]map[string]bool{}
	for _, m := range Modes() {
		steps, err := Plan(m, Site{Topology: host, Allowed: host.Online}, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if s.Shape == report.ShapeCores {
				if sets[s.Placement] == nil {
					sets[s.Placement] = map[string]bool{}
				}
				sets[s.Placement][topology.FormatCPUList(slices.Sorted(slices.Values(s.Spec.CPUs)))] = true
			}
		}
	}
	for _, p := range load.Placements() {
		own := 0
		for cpus := range sets[p] {
			others := 0
			for q, theirs := range sets {
				if q != p && theirs[cpus] {
					others++
				}
			}
			if others == 0 {
				own++
			}
		}
		if own == 0 {
			t.Errorf("%s: %v are all other placements' as well", p, sets[p])
		}
	}
	if got := sets[load.Packed]; len(got) != 1 || !got["0-15,32-39"] {
		t.Errorf("packed: %v, want all first threads of the first socket and half of the others", got)
	}
}
