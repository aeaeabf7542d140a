package calibrate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/energyprobe/energyprobe/calibrate/load"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// Mode is how thoroughly a host is calibrated.
type Mode struct {
	Name    string
	Settle  time.Duration // a load runs before it is looked at
	Dwell   time.Duration // and is looked at
	Repeats int           // visits of every load
	Kernels []string      // to fit to
	Duties  []float64     // all CPUs, a part of the time
	Cores   []float64     // a part of the CPUs, all the time
	// Together are the kernels and duties that all CPUs also work at the same
	// times: bursts come together in most programs, and leave a socket more sleep.
	Together map[string][]float64
	// Placements of the part of the CPUs.
	Placements []load.Placement
	// Packed are the kernels and parts of the CPUs that fill one socket before the
	// next. At halves and quarters of a machine that is what another placement
	// does as well.
	Packed  map[string][]float64
	Holdout []float64 // loads of the kernel that no model is fitted to
	Bursts  int       // windows of the bursty one
	Idle    int       // points between two looks at the idle machine
}

// Modes from the quickest. Times are those of a server whose places don't
// coincide; a small machine has fewer.
func Modes() []Mode {
	return []Mode{
		{
			Name: "quick", Settle: 700 * time.Millisecond, Dwell: 2 * time.Second, Repeats: 1,
			Kernels: []string{"alu", "simd", "stream", "mixed"}, Duties: []float64{0.1, 0.25, 0.5, 0.75, 1}, Cores: []float64{0.25, 0.5},
			Placements: []load.Placement{load.PerCore}, Holdout: []float64{0.1, 0.25, 0.5, 0.75, 1}, Bursts: 3, Idle: 6,
			Together: map[string][]float64{"alu": {0.25, 0.5}, "mixed": {0.25, 0.5}}, Packed: map[string][]float64{"mixed": {0.375}},
		},
		{
			Name: "standard", Settle: 1500 * time.Millisecond, Dwell: 4 * time.Second, Repeats: 2,
			Kernels: []string{"alu", "fma", "simd", "cache", "stream", "chase", "mixed"}, Duties: []float64{0.1, 0.5, 1}, Cores: []float64{0.25, 0.5},
			Placements: []load.Placement{load.PerCore, load.Spread}, Holdout: []float64{0.05, 0.1, 0.25, 0.5, 0.75, 1}, Bursts: 4, Idle: 8,
			Together: map[string][]float64{"alu": {0.5}, "stream": {0.25}, "mixed": {0.5}}, Packed: map[string][]float64{"mixed": {0.375}},
		},
		{
			Name: "full", Settle: 3 * time.Second, Dwell: 10 * time.Second, Repeats: 3,
			Kernels: []string{"alu", "fma", "simd", "cache", "stream", "chase", "mixed"}, Duties: []float64{0.1, 0.5, 1}, Cores: []float64{0.5},
			Placements: []load.Placement{load.PerCore, load.Siblings, load.Spread}, Holdout: []float64{0.1, 0.25, 0.5, 0.75, 1}, Bursts: 5, Idle: 10,
			Together: map[string][]float64{"alu": {0.25, 0.5}, "stream": {0.25}, "mixed": {0.25, 0.5}}, Packed: map[string][]float64{"mixed": {0.375}},
		},
	}
}

// ModeNamed returns the mode of a name.
func ModeNamed(name string) (Mode, error) {
	var names []string
	for _, m := range Modes() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Mode{}, fmt.Errorf("unknown mode %q: use one of %v", name, names)
}

// Step is a place in the plan: a load to hold, or none.
type Step struct {
	Spec      load.Spec // of no meaning where Shape is idle
	Shape     string    // of report.CalibrationPoint
	Load      float64   // of the whole machine
	Placement load.Placement
	Repeat    int
	Holdout   bool
	Dwell     time.Duration
}

// Point is what is known of a step before it is made.
func (s Step) Point() report.CalibrationPoint {
	p := report.CalibrationPoint{Workload: "idle", Shape: s.Shape, Load: s.Load, Placement: string(s.Placement), Repeat: s.Repeat, Holdout: s.Holdout}
	if s.Shape != report.ShapeIdle {
		p.Workload, p.CPUs = s.Spec.Kernel, topology.FormatCPUList(s.Spec.CPUs)
	}
	return p
}

// Placed is how the step's load lies on the machine.
func (s Step) Placed() Placed {
	if s.Shape == report.ShapeIdle {
		return Placed{}
	}
	return Placed{CPUs: s.Spec.CPUs, Duty: s.Spec.MeanDuty(0), Together: s.Shape == report.ShapeTogether}
}

// Site is the machine that loads are laid out for.
type Site struct {
	Topology *topology.Topology
	Allowed  []int            // CPUs that loads may take
	Caches   []topology.Cache // of one of them; nil where they are not known
	Memory   int64            // bytes there are, 0 where that is not known
}

// mostMemory is the part of the memory that a load may work through.
const mostMemory = 0.25

// buffer is what a kernel works through on each of these CPUs, 0 for its own
// default.
func (s Site) buffer(kernel string, cpus []int) int64 {
	var l2, llc topology.Cache
	for _, c := range s.Caches {
		switch {
		case c.Level == 2:
			l2 = c
		case c.Level > 2 && c.Level > llc.Level:
			llc = c
		}
	}
	if l2.Bytes == 0 || load.DefaultBuffer(kernel) == 0 {
		return 0
	}
	sharers := 0
	for _, cpu := range cpus {
		if slices.Contains(llc.Shared, cpu) {
			sharers++
		}
	}
	n := load.Buffer(kernel, l2.Bytes, llc.Bytes, sharers)
	if s.Memory > 0 {
		n = min(n, int64(mostMemory*float64(s.Memory))/int64(len(cpus)))
	}
	return max(n, load.MinBuffer)
}

// Plan lays out a calibration: every load of the mode as often as it says, in an
// order drawn from the seed within each round of visits, with looks at the idle
// machine at the beginning, in between and at the end. Loads that come to the
// same on this machine are made once. The same arguments give the same plan.
func Plan(m Mode, site Site, seed int64) ([]Step, error) {
	var steps []Step
	for round := range m.Repeats {
		loads, err := m.round(site, seed, round)
		if err != nil {
			return nil, err
		}
		rng := rand.New(rand.NewPCG(uint64(seed), uint64(round)))
		rng.Shuffle(len(loads), func(i, j int) { loads[i], loads[j] = loads[j], loads[i] })
		steps = append(steps, loads...)
	}
	return m.withIdle(steps), nil
}

// round is every load once.
func (m Mode) round(site Site, seed int64, round int) ([]Step, error) {
	t, allowed := site.Topology, site.Allowed
	var out []Step
	seen := map[string]bool{}
	add := func(s Step) {
		if key := fmt.Sprint(s.Spec.Kernel, slices.Sorted(slices.Values(s.Spec.CPUs)), s.Spec.Duty, s.Spec.Aligned, s.Spec.Bursty, s.Spec.Seed); !seen[key] {
			seen[key] = true
			s.Repeat, s.Dwell = round, m.Dwell
			s.Spec.Buffer = site.buffer(s.Spec.Kernel, s.Spec.CPUs)
			out = append(out, s)
		}
	}
	all, err := load.PerCore.CPUs(t, allowed, len(allowed))
	if err != nil {
		return nil, err
	}
	parts := func(kernel string, p load.Placement, some []float64) {
		for _, part := range some {
			k := max(1, int(part*float64(len(all))+0.5))
			cpus, wrong := p.CPUs(t, allowed, k)
			if err = cmp.Or(err, wrong); err == nil && k < len(all) {
				add(Step{Spec: load.Spec{Kernel: kernel, CPUs: cpus, Duty: 1}, Shape: report.ShapeCores, Load: float64(k) / float64(len(all)), Placement: p})
			}
		}
	}
	for _, kernel := range m.Kernels {
		for _, d := range m.Duties {
			add(Step{Spec: load.Spec{Kernel: kernel, CPUs: all, Duty: d}, Shape: report.ShapeDuty, Load: d, Placement: load.PerCore})
		}
		for _, d := range m.Together[kernel] {
			add(Step{Spec: load.Spec{Kernel: kernel, CPUs: all, Duty: d, Aligned: true}, Shape: report.ShapeTogether, Load: d, Placement: load.PerCore})
		}
		for _, p := range m.Placements {
			parts(kernel, p, m.Cores)
		}
		parts(kernel, load.Packed, m.Packed[kernel])
		if err != nil {
			return nil, err
		}
	}
	for _, d := range m.Holdout {
		add(Step{Spec: load.Spec{Kernel: holdoutKernel, CPUs: all, Duty: d}, Shape: report.ShapeDuty, Load: d, Placement: load.PerCore, Holdout: true})
	}
	for i := range m.Bursts {
		duty := []float64{0.3, 0.5, 0.7}[i%3]
		s := load.Spec{Kernel: holdoutKernel, CPUs: all, Duty: duty, Bursty: true, Seed: uint64(seed) + uint64(round*m.Bursts+i) + 1}
		add(Step{Spec: s, Shape: report.ShapeTrace, Load: duty, Placement: load.PerCore, Holdout: true})
	}
	return out, nil
}

// holdoutKernel is the work that no model is fitted to.
const holdoutKernel = "hash-gzip"

// withIdle puts looks at the idle machine between loads.
func (m Mode) withIdle(loads []Step) []Step {
	n := 0
	idle := func() Step {
		n++
		return Step{Shape: report.ShapeIdle, Repeat: n - 1, Dwell: m.Dwell}
	}
	out := []Step{idle()}
	for chunk := range slices.Chunk(loads, max(m.Idle, 1)) {
		out = append(append(out, chunk...), idle())
	}
	return out
}

// Takes is how long steps take, at the least.
func (m Mode) Takes(steps []Step) time.Duration {
	var sum time.Duration
	for _, s := range steps {
		sum += m.Settle + s.Dwell
	}
	return sum
}
