package output

import (
	"math"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// eachPower calls f for every sample with the joules of each domain, the watts
// they make over the time since the domain's last sample, and their split as
// in report.Series.SplitAt; NaN where a domain was not read. f keeps no
// reference.
func eachPower(s *report.Series, f func(t float64, energyJ, powerW, splitJ []float64) error) error {
	n := len(s.Domains())
	last, powerW := make([]float64, n), make([]float64, n)
	for i := range s.Len() {
		t, energyJ := s.At(i)
		for k, j := range energyJ {
			powerW[k] = math.NaN()
			if math.IsNaN(j) {
				continue
			}
			if dt := t - last[k]; dt > 0 {
				powerW[k] = j / dt
			}
			last[k] = t
		}
		if err := f(t, energyJ, powerW, s.SplitAt(i)); err != nil {
			return err
		}
	}
	return nil
}

// course is a domain's power over the window, cut into cells of equal length.
// A single sample of 1 ms says more about the counter's refresh than about
// power, so minimum and maximum are those of the cells.
type course struct {
	domain         string
	inner          bool      // the target's part of the domain before it
	full           float64   // watts of the highest bar; 0 stands for max
	cells          []float64 // mean watts, NaN where nothing was read
	min, mean, max float64   // NaN when nothing was read at all
}

// courses cuts a series into at most cells cells; fewer where there are fewer
// samples. With a split, the target's part follows each domain, drawn to the
// domain's scale. cellS is the length of a cell in seconds.
func courses(s *report.Series, cells int) (all []course, cellS float64) {
	cells = min(cells, s.Len())
	if cells == 0 {
		return nil, 0
	}
	end, _ := s.At(s.Len() - 1)
	cellS = end / float64(cells)
	n := len(s.Domains())
	whole, part := newBins(n, cells, end), newBins(n, cells, end)
	for i := range s.Len() {
		t, energyJ := s.At(i)
		split := s.SplitAt(i)
		for k, j := range energyJ {
			whole.add(k, t, j)
			if split != nil {
				part.add(k, t, split[k*report.SplitLines+report.SplitTarget])
			}
		}
	}
	for k, id := range s.Domains() {
		c := whole.course(k, id)
		all = append(all, c)
		if inner := part.course(k, id); !math.IsNaN(inner.mean) {
			inner.inner, inner.full = true, c.max
			all = append(all, inner)
		}
	}
	return all, cellS
}

// bins collect the joules of several domains in cells of time.
type bins struct {
	end          float64 // of the series, in seconds
	last         []float64
	joules, span [][]float64
}

func newBins(n, cells int, end float64) *bins {
	b := &bins{end: end, last: make([]float64, n), joules: make([][]float64, n), span: make([][]float64, n)}
	for k := range n {
		b.joules[k], b.span[k] = make([]float64, cells), make([]float64, cells)
	}
	return b
}

// add takes in a domain's joules since its last sample, NaN for none.
func (b *bins) add(k int, t, j float64) {
	if math.IsNaN(j) {
		return
	}
	cells := len(b.joules[k])
	// A sample belongs where its middle lies.
	c := min(max(int((b.last[k]+t)/2/b.end*float64(cells)), 0), cells-1)
	b.joules[k][c] += j
	b.span[k][c] += t - b.last[k]
	b.last[k] = t
}

func (b *bins) course(k int, id string) course { return newCourse(id, b.joules[k], b.span[k]) }

func newCourse(id string, joules, span []float64) course {
	c := course{domain: id, cells: make([]float64, len(joules)), min: math.NaN(), max: math.NaN()}
	var sumJ, sumS float64
	for i := range joules {
		c.cells[i] = math.NaN()
		if span[i] <= 0 {
			continue
		}
		w := joules[i] / span[i]
		c.cells[i] = w
		sumJ, sumS = sumJ+joules[i], sumS+span[i]
		if !(c.min <= w) {
			c.min = w
		}
		if !(c.max >= w) {
			c.max = w
		}
	}
	c.mean = sumJ / sumS // NaN when nothing was read
	return c
}

// sparkline draws the cells from 0 to the largest, so that heights compare
// as watts do. A cell without a reading is a blank.
func (c course) sparkline() string {
	const bars = "▁▂▃▄▅▆▇█"
	levels := []rune(bars)
	full := c.max
	if c.full > 0 {
		full = c.full
	}
	var b strings.Builder
	for _, w := range c.cells {
		switch {
		case math.IsNaN(w):
			b.WriteByte(' ')
		case !(full > 0):
			b.WriteRune(levels[0])
		default:
			i := int(w / full * float64(len(levels)))
			b.WriteRune(levels[min(max(i, 0), len(levels)-1)])
		}
	}
	return b.String()
}
