package result

import (
	"maps"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/report"
)

// samples reads a time series. It knows its domains from the samples read so
// far: one that shows up later makes it start again with a wider series, which
// a run does at most once per domain.
func (p *parser) samples() (*report.Series, error) {
	start, depth := p.pos, len(p.path)
	r := &seriesReader{p: p, columns: map[string]int{}}
	for {
		p.pos, p.path = start, p.path[:depth]
		s, err := r.read()
		if err != errStop {
			return s, err
		}
	}
}

// seriesReader reads samples into a series of the columns known.
type seriesReader struct {
	p       *parser
	columns map[string]int
	ids     []string
	split   bool

	row, lines []float64
	last       float64
	series     *report.Series
}

// widen adds a domain; reading starts again then.
func (r *seriesReader) widen(id string, split bool) error {
	r.columns[id] = 0
	r.split = r.split || split
	r.ids = slices.Sorted(maps.Keys(r.columns))
	for i, id := range r.ids {
		r.columns[id] = i
	}
	return errStop
}

func (r *seriesReader) read() (*report.Series, error) {
	r.series = report.NewSeries(r.ids)
	if r.split {
		r.series = report.NewSplitSeries(r.ids)
	}
	r.row, r.lines, r.last = make([]float64, len(r.ids)), make([]float64, report.SplitLines*len(r.ids)), 0
	err := r.p.list(func(int) error { return r.sample() })
	return r.series, err
}

func (r *seriesReader) sample() error {
	t := math.NaN()
	clearNaN(r.row)
	clearNaN(r.lines)
	err := r.p.object(func(key string) (err error) {
		switch key {
		case "t_s":
			t, err = r.p.float()
		case "energy_j":
			err = r.energies()
		case "split_j":
			err = r.splits()
		default:
			err = r.p.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case math.IsNaN(t):
		r.p.push("t_s")
		return r.p.problem("this field is missing")
	case t < r.last:
		r.p.push("t_s")
		return r.p.problem("%v comes after %v: want samples in the order of time", t, r.last)
	}
	r.last = t
	if r.split {
		r.series.AppendSplit(t, r.row, r.lines)
	} else {
		r.series.Append(t, r.row)
	}
	return nil
}

func (r *seriesReader) energies() error {
	if r.p.literal("null") {
		return nil
	}
	next := 0
	return r.p.object(func(id string) error {
		k, known := next, next < len(r.ids) && r.ids[next] == id // the usual order
		if !known {
			k, known = r.columns[id]
		}
		if !known {
			return r.widen(id, false)
		}
		next = k + 1
		v, err := r.p.float()
		r.row[k] = v
		return err
	})
}

func (r *seriesReader) splits() error {
	if r.p.literal("null") {
		return nil
	}
	return r.p.object(func(id string) error {
		k, known := r.columns[id]
		if !known || !r.split {
			return r.widen(id, true)
		}
		if r.p.literal("null") {
			return nil
		}
		lines := r.lines[k*report.SplitLines:][:report.SplitLines]
		return r.p.object(func(name string) error {
			i := slices.Index(splitNames[:], name)
			if i < 0 || r.p.literal("null") {
				if i < 0 {
					return r.p.skip()
				}
				return nil
			}
			v, err := r.p.float()
			lines[i] = v
			return err
		})
	})
}

// splitNames are the lines of a split in the order of report.SplitTarget and
// so on.
var splitNames = [report.SplitLines]string{"target", "others", "kernel", "idle", "unattributed"}

func clearNaN(v []float64) {
	for i := range v {
		v[i] = math.NaN()
	}
}
