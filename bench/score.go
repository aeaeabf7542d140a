package bench

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Score puts a host beside another: 100 is as good, 200 twice as good. It is the
// geometric mean over the applications that both have run alike, since a ratio of
// ratios does not depend on which host is the reference then (Fleming and Wallace,
// Communications of the ACM 29, 1986).
func Score(own, reference *report.Bench, file string) *report.BenchScore {
	s := &report.BenchScore{Reference: file, ByApp: map[string]report.AppScore{}}
	if reference.Host != nil {
		s.Host = fmt.Sprintf("%s (%s)", reference.Host.Hostname, reference.Host.CPU.ModelName)
	}
	a, b := rates(own), rates(reference)
	var times, energies []float64
	order := func(x, y alike) int { return cmp.Compare(x.app, y.app) }
	for _, key := range slices.SortedFunc(maps.Keys(a), order) {
		x, y := a[key], b[key]
		if x.perS == nil || y.perS == nil {
			continue
		}
		app := report.AppScore{Time: ratio(x.perS, y.perS)}
		times = append(times, *app.Time)
		// Estimates of two hosts follow from two tables, not from what they drew.
		if x.perJ != nil && y.perJ != nil && x.measured && y.measured {
			app.Energy = ratio(x.perJ, y.perJ)
			energies = append(energies, *app.Energy)
		}
		s.ByApp[key.app] = app
	}
	s.Time, s.Energy = geometric(times), geometric(energies)
	switch {
	case len(times) == 0:
		s.Reason = "the two have run nothing alike: the same applications, sizes and seed are compared"
	case len(energies) < len(times):
		s.Energy = nil
		s.Reason = "no score of energy: one of the two has estimated its joules"
	}
	return s
}

// alike is what has to be the same for two rates to be compared.
type alike struct {
	app   string
	units float64
}

type rate struct {
	perS, perJ *float64
	measured   bool
}

// rates are units of work per second and per joule of every application, the
// median over its repetitions, with all CPUs at work: the cells with the most
// workers.
func rates(b *report.Bench) map[alike]rate {
	most := map[string]int{}
	for _, c := range b.Cells {
		most[c.Application] = max(most[c.Application], c.Workers)
	}
	perS, perJ, measured := map[alike][]float64{}, map[alike][]float64{}, map[alike]bool{}
	for _, c := range b.Cells {
		if c.Status != report.CellOK || c.Work == nil || c.DurationS == nil || c.Workers != most[c.Application] {
			continue
		}
		// The result of some applications follows from the number of workers, that
		// of none from the machine: what has another size or seed has other units.
		key := alike{app: c.Application, units: c.Work.Units}
		perS[key] = append(perS[key], c.Work.Units / *c.DurationS)
		for _, e := range c.Energy {
			if e.Method == report.MethodMachine && e.EnergyJ != nil && *e.EnergyJ > 0 {
				perJ[key] = append(perJ[key], c.Work.Units / *e.EnergyJ)
				measured[key] = e.Quality == energy.Measured
			}
		}
	}
	out := map[alike]rate{}
	for key := range perS {
		out[key] = rate{perS: middle(perS[key]), perJ: middle(perJ[key]), measured: measured[key]}
	}
	return out
}

func middle(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	m := median(v)
	return &m
}

func ratio(a, b *float64) *float64 {
	r := 100 * *a / *b
	return &r
}

func geometric(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	sum := 0.0
	for _, x := range v {
		sum += math.Log(x)
	}
	g := math.Exp(sum / float64(len(v)))
	return &g
}
