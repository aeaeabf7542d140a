package forest

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

// value is what a table has in a place.
func (t *Table) value(column, row int) float64 {
	f := t.fields[column]
	return f.values[uint32(t.planes[f.plane][t.cell[row]]>>f.shift)&f.mask]
}

// A table has the values that went into it, each distinct row once, in order.
func checkTable(tb testing.TB, columns [][]float64) {
	tb.Helper()
	table, err := NewTable(columns...)
	if err != nil {
		tb.Fatal(err)
	}
	for j, c := range columns {
		for i, v := range c {
			if got := table.value(j, i); got != v {
				tb.Fatalf("column %d, row %d: %v, want %v", j, i, got, v)
			}
		}
	}
	for c := 1; c < table.Distinct(); c++ {
		word := func(c int) (w []uint64) {
			for _, p := range table.planes {
				w = append(w, p[c])
			}
			return w
		}
		if slices.Compare(word(c-1), word(c)) >= 0 {
			tb.Fatalf("distinct row %d is not after the one before", c)
		}
	}
	for _, f := range table.fields {
		if !slices.IsSorted(f.values) {
			tb.Fatalf("values %v", f.values)
		}
	}
}

func TestTable(t *testing.T) {
	checkTable(t, [][]float64{{3, 1, 3, 2}, {math.Inf(1), 0, math.Inf(1), math.Copysign(0, -1)}})
	checkTable(t, [][]float64{{7, 7, 7}})
	checkTable(t, [][]float64{{}})
	wide, _ := checkers(1000, 1, false, 13)
	checkTable(t, wide)
	if table, err := NewTable(wide...); err != nil || len(table.planes) != 3 || table.Distinct() != 1000 {
		t.Errorf("13 columns of 10 bits are in %d words: %v", len(table.planes), err)
	}
	for want, columns := range map[string][][]float64{
		"no columns":                               nil,
		"column 1 has 1 values, column 0 has 2":    {{1, 2}, {1}},
		"column 0, row 1: a value is not a number": {{1, math.NaN()}},
	} {
		if _, err := NewTable(columns...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("a seed of some length, which makes few columns"), uint8(3))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		columns := make([][]float64, 1+n%20)
		for i := 0; len(b) >= 8; i, b = i+1, b[8:] {
			v := math.Float64frombits(binary.LittleEndian.Uint64(b))
			if v != v {
				v = 0
			}
			columns[i%len(columns)] = append(columns[i%len(columns)], v)
		}
		for i, c := range columns {
			columns[i] = c[:len(columns[len(columns)-1])]
		}
		checkTable(t, columns)
	})
}
