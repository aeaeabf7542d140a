package stats

import (
	"math"
	"slices"
)

// Holm returns p-values adjusted for being several, in their order: compared
// with 0.05, they err in at most 5 % of families of comparisons, whatever
// depends on what (Holm, Scandinavian Journal of Statistics 6, 1979). A p that
// is NaN stays so and is not counted: nothing was tested.
func Holm(p []float64) []float64 {
	adjusted := slices.Clone(p)
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if p[a] < p[b] {
			return -1
		} else if p[a] > p[b] {
			return 1
		}
		return 0
	})
	most := 0.0
	for rank, i := range order {
		most = max(most, min(1, p[i]*float64(len(order)-rank)))
		adjusted[i] = most
	}
	return adjusted
}
