package matrix

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/compare"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// key tells configurations apart.
type key struct {
	app, arch       string
	memory, workers int // noLimit for no limit of memory
}

// noLimit stands for a worker that may have all the memory there is; it comes
// last.
const noLimit = math.MaxInt

func keyOf(c *report.BenchCell) key {
	k := key{c.Application, c.Arch, noLimit, c.Workers}
	if c.MemoryMB != nil {
		k.memory = *c.MemoryMB
	}
	return k
}

func (k key) memoryMB() *int {
	if k.memory == noLimit {
		return nil
	}
	return &k.memory
}

func compareKeys(a, b key) int {
	return cmp.Or(compareApps(a.app, b.app), place(archOrder, a.arch)-place(archOrder, b.arch), strings.Compare(a.arch, b.arch),
		cmp.Compare(a.memory, b.memory), cmp.Compare(b.workers, a.workers))
}

// group is the cells of a configuration.
type group struct {
	key
	cells []*report.BenchCell
}

func (s Set) groups() []group {
	index := map[key]int{}
	var out []group
	for i := range s.Cells {
		k := keyOf(&s.Cells[i])
		at, seen := index[k]
		if !seen {
			at = len(out)
			index[k], out = at, append(out, group{key: k})
		}
		out[at].cells = append(out[at].cells, &s.Cells[i])
	}
	slices.SortFunc(out, func(a, b group) int { return compareKeys(a.key, b.key) })
	return out
}

// config sums up a group.
func (g group) config(method string) report.BenchConfig {
	c := report.BenchConfig{Application: g.app, Arch: g.arch, MemoryMB: g.memoryMB(), Workers: g.workers, Repetitions: len(g.cells)}
	var cost, seconds, joules, low, high, watts []float64
	why := ""
	for _, cell := range g.cells {
		if cell.Status != report.CellOK {
			if c.Failures == nil {
				c.Failures = map[string]int{}
			}
			c.Failures[cell.Status]++
			why = cmp.Or(cell.Reason, why)
			continue
		}
		for _, name := range cell.CPUNames {
			if !slices.Contains(c.CPUNames, name) {
				c.CPUNames = append(c.CPUNames, name)
			}
		}
		seconds = append(seconds, report.OrNaN(cell.DurationS))
		price := math.NaN()
		if cell.Cost != nil {
			price = cell.Cost.Total
		}
		cost = append(cost, price)
		e := cell.EnergyBy(method)
		if e == nil {
			joules = append(joules, math.NaN())
			continue
		}
		joules = append(joules, report.OrNaN(e.EnergyJ))
		low, high, watts = append(low, report.OrNaN(e.LowJ)), append(high, report.OrNaN(e.HighJ)), append(watts, report.OrNaN(e.SocketW))
		if e.EnergyJ != nil {
			c.Energy.Quality = energy.Worse(c.Energy.Quality, e.Quality)
		}
	}
	slices.Sort(c.CPUNames)
	c.Cost = describe(cost, g, why, "no cell has a cost")
	c.Duration = describe(seconds, g, why, "no cell has a time")
	c.Energy.Summary = describe(joules, g, why, fmt.Sprintf("no cell has joules by %s", cmp.Or(method, "any method")))
	c.Energy.SocketW = report.Known(middle(watts))
	if c.Energy.Quality == energy.Estimated {
		c.Energy.RangeLowJ, c.Energy.RangeHighJ = report.Known(middle(low)), report.Known(middle(high))
	}
	return c
}

// describe sums up one measure of the cells that ended well; none is the reason
// where they did, and have no value.
func describe(values []float64, g group, failure, none string) report.Summary {
	if len(values) == 0 {
		none = fmt.Sprintf("none of %d cells ended well", len(g.cells))
		if failure != "" {
			none += ": " + failure
		}
	}
	return compare.Summary(stats.Describe(values), none)
}

// span is what the repetitions leave open: the median's interval, or of fewer
// repetitions than that takes from the least to the most. Of one it is the
// value itself.
func span(s *report.Summary) (low, high float64) {
	switch {
	case s.Median == nil:
		return math.NaN(), math.NaN()
	case s.Low != nil && s.High != nil:
		return *s.Low, *s.High
	}
	return *s.Min, *s.Max
}

// Span is what the repetitions of a configuration leave open in a measure, nil
// where it has no value or one repetition only.
func Span(s *report.Summary) (low, high *float64) {
	l, h := span(s)
	if s.N < 2 {
		return nil, nil
	}
	return report.Known(l), report.Known(h)
}

// middle is the median of the values that are known, NaN where there are none.
func middle(values []float64) float64 {
	kept := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(kept) == 0 {
		return math.NaN()
	}
	return stats.MedianOf(kept)
}
