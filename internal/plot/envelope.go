package plot

import "math"

// Envelope is a long series as a picture of so many columns can show it: the
// least and the most of each column and the mean over its time. No extreme is
// lost, however many samples share a column; no column shows what was not
// there.
type Envelope struct {
	start, end     float64
	min, max       []float64 // NaN where nothing was added
	weighted, span []float64 // sum of value x time, and of time
}

// NewEnvelope returns an empty envelope from start to end.
func NewEnvelope(columns int, start, end float64) *Envelope {
	columns = max(columns, 1)
	e := &Envelope{start: start, end: end, min: make([]float64, columns), max: make([]float64, columns),
		weighted: make([]float64, columns), span: make([]float64, columns)}
	for i := range columns {
		e.min[i], e.max[i] = math.NaN(), math.NaN()
	}
	return e
}

// Len returns the number of columns.
func (e *Envelope) Len() int { return len(e.min) }

// Add takes in a value that held from one time to another. One that is not a
// number is left out.
func (e *Envelope) Add(from, to, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) || !(to >= from) || !(e.end > e.start) {
		return
	}
	perColumn := (e.end - e.start) / float64(len(e.min))
	first, last := e.column(from, perColumn), e.column(to, perColumn)
	// What begins or ends within a hair of a column's edge is meant to begin or
	// end there.
	const hair = 1e-6
	if last > first && (to-e.start)/perColumn-float64(last) < hair {
		last--
	}
	if last > first && float64(first+1)-(from-e.start)/perColumn < hair {
		first++
	}
	for c := first; c <= last; c++ {
		if !(e.min[c] <= v) {
			e.min[c] = v
		}
		if !(e.max[c] >= v) {
			e.max[c] = v
		}
		left := math.Max(from, e.start+float64(c)*perColumn)
		right := math.Min(to, e.start+float64(c+1)*perColumn)
		if first == last {
			left, right = from, to
		}
		if w := right - left; w > 0 {
			e.weighted[c] += v * w
			e.span[c] += w
		}
	}
}

func (e *Envelope) column(t, perColumn float64) int {
	return min(max(int((t-e.start)/perColumn), 0), len(e.min)-1)
}

// At returns what column i shows; all are NaN where nothing was added.
func (e *Envelope) At(i int) (from, to, least, mean, most float64) {
	perColumn := (e.end - e.start) / float64(len(e.min))
	from = e.start + float64(i)*perColumn
	least, most = e.min[i], e.max[i]
	mean = (least + most) / 2
	if e.span[i] > 0 {
		// Rounding must not carry a mean out of its bounds.
		mean = math.Min(math.Max(e.weighted[i]/e.span[i], least), most)
	}
	return from, from + perColumn, least, mean, most
}

// Join returns the envelope of every k columns taken as one.
func (e *Envelope) Join(k int) *Envelope {
	n := (len(e.min) + k - 1) / k
	perColumn := (e.end - e.start) / float64(len(e.min))
	j := NewEnvelope(n, e.start, e.start+perColumn*float64(n*k))
	for c := range e.min {
		i := c / k
		if !(j.min[i] <= e.min[c]) && !math.IsNaN(e.min[c]) {
			j.min[i] = e.min[c]
		}
		if !(j.max[i] >= e.max[c]) && !math.IsNaN(e.max[c]) {
			j.max[i] = e.max[c]
		}
		j.weighted[i] += e.weighted[c]
		j.span[i] += e.span[c]
	}
	return j
}

// Most returns the largest value added, NaN when there was none.
func (e *Envelope) Most() float64 { return extreme(e.max, func(a, b float64) bool { return a >= b }) }

// Least returns the smallest value added, NaN when there was none.
func (e *Envelope) Least() float64 { return extreme(e.min, func(a, b float64) bool { return a <= b }) }

func extreme(values []float64, before func(a, b float64) bool) float64 {
	best := math.NaN()
	for _, v := range values {
		if !math.IsNaN(v) && !before(best, v) {
			best = v
		}
	}
	return best
}
