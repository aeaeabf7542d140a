// Package forest grows random forests of classification trees for two classes
// (Breiman: Random Forests, Machine Learning 45, 2001): trees of bootstrap
// samples, split where Gini's impurity falls most among a few features drawn for
// each node, grown until leaves are pure, with votes that are averaged. These
// are the defaults of scikit-learn's RandomForestClassifier.
//
// # Speed
//
// Splits are exact, and nothing is binned. Values are replaced by their ranks,
// though, and rows that agree in all features by one with a weight for each
// class: that loses nothing, since no split can tell them apart. The ranks of a
// row share a machine word, a node's rows lie next to one another, and the
// weights per rank come from counting, not from sorting.
//
// # Same everywhere
//
// Splits are judged by quotients of whole numbers, so processors agree on which
// is the best one.
package forest

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Table holds rows of features in the form that trees are grown and asked with.
type Table struct {
	fields []field
	planes [][]uint64 // the words of the distinct rows: planes[p][cell]
	cell   []uint32   // which distinct row a row is
}

// field is where in a distinct row the rank of a feature's value is.
type field struct {
	values []float64 // ascending: the rank is the index
	plane  uint8
	shift  uint8
	mask   uint32
}

// NewTable makes a table of columns of the same length. A value that is no
// number is refused: which side of a split it belongs to is not known.
func NewTable(columns ...[]float64) (*Table, error) {
	if len(columns) == 0 {
		return nil, fmt.Errorf("table: no columns")
	}
	t := &Table{cell: make([]uint32, len(columns[0]))}
	var words [][]uint64 // as planes, of all rows
	free := 0            // bits of the last word
	for i, c := range columns {
		if len(c) != len(t.cell) {
			return nil, fmt.Errorf("table: column %d has %d values, column 0 has %d", i, len(c), len(t.cell))
		}
		values, ranks, err := rank(c)
		if err != nil {
			return nil, fmt.Errorf("table: column %d, %w", i, err)
		}
		width := max(bits.Len(uint(max(len(values), 1)-1)), 1)
		if free < width {
			words, free = append(words, make([]uint64, len(c))), 64
		}
		f := field{values: values, plane: uint8(len(words) - 1), shift: uint8(64 - free), mask: 1<<width - 1}
		free -= width
		for row, r := range ranks {
			words[f.plane][row] |= uint64(r) << f.shift
		}
		t.fields = append(t.fields, f)
	}
	if len(words) > math.MaxUint8 {
		return nil, fmt.Errorf("table: %d columns: too many", len(columns))
	}
	t.group(words)
	return t, nil
}

// rank returns the distinct values, ascending, and for each value the index
// there.
func rank(column []float64) (values []float64, ranks []uint32, err error) {
	seen := map[float64]uint32{}
	ranks = make([]uint32, len(column))
	for i, v := range column {
		n, known := seen[v]
		if !known {
			if v != v {
				return nil, nil, fmt.Errorf("row %d: a value is not a number: leave the row out", i)
			}
			n = uint32(len(values))
			seen[v] = n
			values = append(values, v)
		}
		ranks[i] = n // by appearance so far
	}
	slices.Sort(values)
	byAppearance := make([]uint32, len(values))
	for r, v := range values {
		byAppearance[seen[v]] = uint32(r)
	}
	for i, n := range ranks {
		ranks[i] = byAppearance[n]
	}
	return values, ranks, nil
}

// group finds the distinct rows, and puts them in the order of their words so
// that neighbours take much the same way through a tree.
func (t *Table) group(words [][]uint64) {
	type step struct {
		cell uint32 // by the words so far
		word uint64
	}
	distinct := 0
	for _, w := range words {
		seen := make(map[step]uint32)
		for row, word := range w {
			s := step{t.cell[row], word}
			n, known := seen[s]
			if !known {
				n = uint32(len(seen))
				seen[s] = n
			}
			t.cell[row] = n
		}
		distinct = len(seen)
	}
	first := make([]int, distinct) // a row of each
	for row, c := range t.cell {
		first[c] = row
	}
	order := make([]uint32, distinct)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		for _, w := range words {
			if c := cmp.Compare(w[first[a]], w[first[b]]); c != 0 {
				return c
			}
		}
		return 0
	})
	place := make([]uint32, distinct)
	for _, w := range words {
		plane := make([]uint64, distinct)
		for i, c := range order {
			plane[i], place[c] = w[first[c]], uint32(i)
		}
		t.planes = append(t.planes, plane)
	}
	for row, c := range t.cell {
		t.cell[row] = place[c]
	}
}

// Rows is how many rows the table has, and Distinct how many of them differ.
func (t *Table) Rows() int     { return len(t.cell) }
func (t *Table) Distinct() int { return len(t.planes[0]) }
