package output

import (
	"math"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// eachPower calls f for every sample with the joules of each domain and the
// watts they make over the time since the domain's last sample; NaN where a
// domain was not read. f keeps no reference.
func eachPower(s *report.Series, f func(t float64, energyJ, powerW []float64) error) error {
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
		if err := f(t, energyJ, powerW); err != nil {
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
	cells          []float64 // mean watts, NaN where nothing was read
	min, mean, max float64   // NaN when nothing was read at all
}

// courses cuts a series into at most cells cells; fewer where there are fewer
// samples. cellS is the length of one in seconds.
func courses(s *report.Series, cells int) (all []course, cellS float64) {
	cells = min(cells, s.Len())
	if cells == 0 {
		return nil, 0
	}
	end, _ := s.At(s.Len() - 1)
	cellS = end / float64(cells)
	n := len(s.Domains())
	joules, span := make([][]float64, n), make([][]float64, n)
	for k := range n {
		joules[k], span[k] = make([]float64, cells), make([]float64, cells)
	}
	last := make([]float64, n)
	for i := range s.Len() {
		t, energyJ := s.At(i)
		for k, j := range energyJ {
			if math.IsNaN(j) {
				continue
			}
			// A sample belongs where its middle lies.
			c := min(max(int((last[k]+t)/2/end*float64(cells)), 0), cells-1)
			joules[k][c] += j
			span[k][c] += t - last[k]
			last[k] = t
		}
	}
	for k, id := range s.Domains() {
		all = append(all, newCourse(id, joules[k], span[k]))
	}
	return all, cellS
}

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
	var b strings.Builder
	for _, w := range c.cells {
		switch {
		case math.IsNaN(w):
			b.WriteByte(' ')
		case !(c.max > 0):
			b.WriteRune(levels[0])
		default:
			i := int(w / c.max * float64(len(levels)))
			b.WriteRune(levels[min(max(i, 0), len(levels)-1)])
		}
	}
	return b.String()
}
