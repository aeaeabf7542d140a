package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// MinBootstrap is the least number of values that are resampled for an
// interval: fewer can't show what else might have come.
const MinBootstrap = 6

// resamples is how often values are drawn anew: 2.5 % of it are 100 results,
// which place the ends of the interval to a few hundredths of its width.
const resamples = 4000

// Bootstrap estimates a statistic of values in groups with the interval that
// resampling gives, corrected for bias and skew (BCa: Efron, Journal of the
// American Statistical Association 82, 1987). Each group is drawn anew for
// itself, so that all samples hold as many of each. The statistic may reorder the
// values that it is given. The same values and seed give the same interval.
func Bootstrap(groups [][]float64, statistic func(values []float64) float64, seed uint64) Estimate {
	var kept [][]float64
	var all []float64
	for _, g := range groups {
		if g, _ = clean(g); len(g) > 0 {
			kept, all = append(kept, g), append(all, g...)
		}
	}
	if len(all) == 0 {
		return Estimate{math.NaN(), unknown("there are no values")}
	}
	slices.Sort(all)
	e := Estimate{Value: statistic(slices.Clone(all))}
	if len(all) < MinBootstrap {
		e.Interval = unknown("%s: too few to be resampled, which takes %d", plural(len(all), "value"), MinBootstrap)
		return e
	}
	drawn := resample(kept, statistic, seed)
	z0 := bias(drawn, e.Value)
	if math.IsInf(z0, 0) { // all results lie on one side: nothing to correct by
		z0 = 0
	}
	a := acceleration(all, statistic)
	end := func(z float64) float64 {
		at := z0 + z
		p := normalCDF(z0 + at/(1-a*at))
		return quantile(drawn, min(max(p, 0), 1))
	}
	z := math.Sqrt2 * math.Erfinv(Level)
	e.Interval = between(end(-z), end(z))
	return e
}

// Mean is the mean of values.
func Mean(values []float64) float64 {
	m, _ := moments(values)
	return m
}

// MedianOf is the middle of values, which it sorts.
func MedianOf(values []float64) float64 {
	slices.Sort(values)
	return median(values)
}

// Quartiles are the lower and the upper quartile of values.
func Quartiles(values []float64) (q1, q3 float64) {
	x := sorted(values)
	return quantile(x, 0.25), quantile(x, 0.75)
}

// resample returns the sorted results of a statistic of values drawn anew.
func resample(groups [][]float64, statistic func([]float64) float64, seed uint64) []float64 {
	r := rand.NewPCG(seed, 0x626f6f74) // own stream: seeds are small numbers
	results := make([]float64, resamples)
	var sample []float64
	for i := range results {
		sample = sample[:0]
		for _, g := range groups {
			for range g {
				sample = append(sample, g[below(r, uint64(len(g)))])
			}
		}
		results[i] = statistic(sample)
	}
	slices.Sort(results)
	return results
}

// bias is how far the middle of the results lies from the value, in standard
// deviations. Results equal to the value count half.
func bias(drawn []float64, value float64) float64 {
	from, _ := slices.BinarySearch(drawn, value)
	to := from
	for to < len(drawn) && drawn[to] == value {
		to++
	}
	part := (float64(from) + float64(to)) / 2 / float64(len(drawn))
	return math.Sqrt2 * math.Erfinv(2*part-1)
}

// acceleration is how the spread of the statistic changes with its value, by
// leaving out every value once.
func acceleration(all []float64, statistic func([]float64) float64) float64 {
	n := len(all)
	less := make([]float64, n)
	rest := make([]float64, n-1)
	for i := range all {
		copy(rest, all[:i])
		copy(rest[i:], all[i+1:])
		less[i] = statistic(rest)
	}
	m := Mean(less)
	var squares, cubes float64
	for _, v := range less {
		d := m - v
		squares += d * d
		cubes += d * d * d
	}
	if !(squares > 0) {
		return 0
	}
	a := cubes / (6 * math.Pow(squares, 1.5))
	if math.IsNaN(a) || math.IsInf(a, 0) {
		return 0
	}
	return a
}

func normalCDF(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
