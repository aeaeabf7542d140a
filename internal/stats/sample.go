package stats

import (
	"math"
	"slices"
)

// Sample describes the runs of one command, in the unit of their values.
type Sample struct {
	N       int // runs that have a value
	Missing int // runs that have none; see the package comment
	Mean    float64
	StdDev  float64 // with n-1; NaN for fewer than two runs
	Min     float64
	Max     float64
	Q1, Q3  float64 // quartiles, interpolated (type 7 of Hyndman and Fan)
	Median  Estimate
	MAD     float64 // median distance from the median, unscaled
	// Spread is the standard deviation of a run relative to the median, with
	// outliers counted as if they lay at the fence: one run that something
	// disturbed does not make a machine noisy. NaN where the median is not
	// above 0 or for fewer than two runs.
	Spread float64
	// Outliers are the indexes of the runs beyond 1.5 interquartile ranges
	// from the quartiles (Tukey, Exploratory Data Analysis, 1977), in
	// ascending order. They are in all the numbers above.
	Outliers []int
}

// Describe describes one value per run, in the order of the runs. The interval
// of the median is not known below [MinRuns] runs.
func Describe(values []float64) Sample {
	kept, index := clean(values)
	s := describeSorted(sorted(kept))
	s.Missing = len(values) - len(kept)
	low, high := fences(s.Q1, s.Q3)
	for i, v := range kept {
		if v < low || v > high {
			s.Outliers = append(s.Outliers, index[i])
		}
	}
	return s
}

func describeSorted(x []float64) Sample {
	n := len(x)
	s := Sample{N: n, Min: math.NaN(), Max: math.NaN()}
	s.Median = Estimate{median(x), medianInterval(x)}
	s.Mean, s.StdDev = moments(x)
	s.Q1, s.Q3 = quantile(x, 0.25), quantile(x, 0.75)
	s.MAD, s.Spread = math.NaN(), math.NaN()
	if n == 0 {
		return s
	}
	s.Min, s.Max = x[0], x[n-1]
	away := make([]float64, n)
	for i, v := range x {
		away[i] = math.Abs(v - s.Median.Value)
	}
	slices.Sort(away)
	s.MAD = median(away)
	if n > 1 && s.Median.Value > 0 {
		s.Spread = fencedDeviation(x, s.Q1, s.Q3) / s.Median.Value
	}
	return s
}

// fences are the values beyond which a run is an outlier.
func fences(q1, q3 float64) (low, high float64) {
	return q1 - 1.5*(q3-q1), q3 + 1.5*(q3-q1)
}

// fencedDeviation is the standard deviation with outliers at the fences.
func fencedDeviation(x []float64, q1, q3 float64) float64 {
	low, high := fences(q1, q3)
	in := make([]float64, len(x))
	for i, v := range x {
		in[i] = min(max(v, low), high)
	}
	_, sd := moments(in)
	return sd
}

// moments returns mean and standard deviation, in two passes: joules of long
// runs differ in their last digits.
func moments(x []float64) (mean, sd float64) {
	if len(x) == 0 {
		return math.NaN(), math.NaN()
	}
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	if len(x) < 2 {
		return mean, math.NaN()
	}
	var squares float64
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(squares / (n - 1))
}
