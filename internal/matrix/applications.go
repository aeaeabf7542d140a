package matrix

import (
	"slices"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Applications sums up the cells of a host's benchmark, by application and number
// of workers. Joules are by the method that most cells have.
func Applications(b *report.Bench) []report.BenchApp {
	s := NewSet([]Input{{Bench: b}})
	method, err := s.method("")
	if err != nil {
		method = ""
	}
	var out []report.BenchApp
	for _, g := range s.groups() {
		c := g.config(method)
		a := report.BenchApp{Application: c.Application, Workers: c.Workers, Repetitions: c.Repetitions, Failures: c.Failures,
			Method: method, Duration: c.Duration, Energy: c.Energy}
		if a.Work, a.Quality = g.work(); a.Work != nil && a.Work.Units > 0 {
			a.SPerUnit, a.JPerUnit = per(c.Duration.Median, a.Work.Units), per(c.Energy.Median, a.Work.Units)
		}
		out = append(out, a)
	}
	return out
}

// work is what all cells that ended well have done, nil where they differ.
func (g group) work() (*report.Work, []report.WorkQuality) {
	var first *report.BenchCell
	for _, c := range g.cells {
		switch {
		case c.Status != report.CellOK:
		case c.Work == nil:
			return nil, nil
		case first == nil:
			first = c
		case *c.Work != *first.Work || !slices.Equal(c.Quality, first.Quality):
			return nil, nil
		}
	}
	if first == nil {
		return nil, nil
	}
	w := *first.Work
	return &w, slices.Clone(first.Quality)
}

func per(v *float64, units float64) *float64 {
	if v == nil {
		return nil
	}
	each := *v / units
	return &each
}
