package boost

import (
	"fmt"
	"math"
	"slices"
)

const (
	// MaxBins is how many intervals a feature's values have at most.
	MaxBins = 255
	// rowsPerBin is how many rows a bin has at least on average: finer ones tell of
	// the sample, and their histograms cost as much as those of many rows.
	rowsPerBin = 16
)

// Bins says where the intervals of every feature's values end.
type Bins struct {
	edges [][]float64 // ascending: value x is in the bin of the number of edges <= x
}

// Table is rows of features, in bins.
type Table struct {
	Rows, Cols int
	V          []uint8 // row by row
}

// Row is one of them.
func (t Table) Row(i int) []uint8 { return t.V[i*t.Cols : (i+1)*t.Cols] }

// FindBins makes bins that have about the same number of the values each. An edge
// is halfway between two values that occur.
func FindBins(x []float64, rows, cols int) (Bins, error) {
	if rows < 1 || cols < 1 || len(x) != rows*cols {
		return Bins{}, fmt.Errorf("find bins for %d rows of %d features: there are %d values", rows, cols, len(x))
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Bins{}, fmt.Errorf("find bins: feature %d of row %d is %v", i%cols, i/cols, v)
		}
	}
	n := min(MaxBins, max(2, rows/rowsPerBin))
	b := Bins{edges: make([][]float64, cols)}
	column := make([]float64, rows)
	for c := range cols {
		for r := range rows {
			column[r] = x[r*cols+c]
		}
		b.edges[c] = edges(column, n)
	}
	return b, nil
}

// edges sorts the values.
func edges(values []float64, n int) []float64 {
	slices.Sort(values)
	var out []float64
	done := 0
	for i := 1; i < n; i++ {
		at := len(values) * i / n
		if at <= done {
			continue
		}
		// Equal values are not divided: the edge is behind them.
		for at < len(values) && values[at-1] == values[at] {
			at++
		}
		if done = at; at == len(values) {
			break
		}
		// Halves are exact, and can't overflow. Between neighbours there is nothing,
		// and the edge is the greater one.
		edge := float64(values[at-1]/2) + float64(values[at]/2)
		if edge <= values[at-1] {
			edge = values[at]
		}
		if len(out) == 0 || out[len(out)-1] < edge {
			out = append(out, edge)
		}
	}
	return out
}

// Apply sorts values into bins.
func (b Bins) Apply(x []float64) Table {
	cols := len(b.edges)
	t := Table{Rows: len(x) / cols, Cols: cols, V: make([]uint8, len(x))}
	for c, e := range b.edges {
		var full [256]float64
		for i := range full {
			full[i] = math.Inf(1)
		}
		copy(full[:], e)
		for i := c; i < len(x); i += cols {
			t.V[i] = bin(&full, x[i])
		}
	}
	return t
}

// bin counts the edges that are not greater than x, without branches that a
// processor would have to guess.
func bin(edges *[256]float64, x float64) uint8 {
	at := 0
	for step := 128; step > 0; step /= 2 {
		next := at + step
		if edges[(next-1)&255] <= x {
			at = next
		}
	}
	return uint8(at)
}
