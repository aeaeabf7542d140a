package stats

import (
	"math"
	"slices"
)

// A float counts all ways to share out ranks exactly up to 2^53: that is 28 of
// 56 values in the one test, the signs of 53 in the other.
const (
	exactTwo    = 56
	exactSigned = 53
)

// ranks returns the doubled ranks of values from 1, equal ones having the
// mean of theirs (doubled, it is a whole number), and the sum of t^3-t over
// groups of t equal ones.
func ranks(values []float64) (doubled []int, ties float64) {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	doubled = make([]int, len(values))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, o := range order[i:j] {
			doubled[o] = i + 1 + j
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return doubled, ties
}

// mannWhitney is the two-sided p-value of the test that runs of A and B come
// from one distribution (Mann and Whitney, Annals of Mathematical Statistics
// 18, 1947): exact up to 56 values, given the ties there are, and by the
// normal distribution with corrections for ties and continuity beyond. NaN
// where a sample is empty.
func mannWhitney(a, b []float64) (p float64, exact bool) {
	m, n := len(a), len(b)
	if m == 0 || n == 0 {
		return math.NaN(), false
	}
	doubled, ties := ranks(slices.Concat(a, b))
	sum := 0
	for _, r := range doubled[:m] {
		sum += r
	}
	if m+n <= exactTwo {
		if ties == 0 {
			for i := range doubled {
				doubled[i] /= 2
			}
			sum /= 2
		}
		slices.Sort(doubled)
		return twoSided(subsetSums(doubled, m), sum), true
	}
	total := float64(m + n)
	variance := float64(m) * float64(n) / 12 * (total + 1 - ties/(total*(total-1)))
	return normalTails(math.Abs(float64(sum)/2-float64(m)*(total+1)/2), variance), false
}

// subsetSums counts the ways to choose m of sorted scores by their sum.
func subsetSums(scores []int, m int) []float64 {
	most := 0
	for _, s := range scores[len(scores)-m:] {
		most += s
	}
	ways := make([][]float64, m+1)
	for k := range ways {
		ways[k] = make([]float64, most+1)
	}
	ways[0][0] = 1
	// The largest and the least sum of k scores so far bound the work; so does
	// that the scores left have to make up m.
	largest, least := make([]int, m+1), make([]int, m+1)
	for k := range m {
		least[k+1] = least[k] + scores[k]
	}
	for i, s := range scores {
		for k := min(i+1, m); k > max(0, m-len(scores)+i); k-- {
			from, to := ways[k-1], ways[k]
			for sum := largest[k-1]; sum >= least[k-1]; sum-- {
				to[sum+s] += from[sum]
			}
			largest[k] = largest[k-1] + s
		}
	}
	return ways[m]
}

// twoSided is the part of all ways whose sum is at least as far from the mean
// as the one seen.
func twoSided(ways []float64, seen int) float64 {
	var all, mean float64
	for s, w := range ways {
		all += w
		mean += w * float64(s)
	}
	mean /= all
	// Means are multiples of half a rank: a thousandth is rounding.
	far := math.Abs(float64(seen)-mean) - 1e-3
	var tails float64
	for s, w := range ways {
		if math.Abs(float64(s)-mean) >= far {
			tails += w
		}
	}
	return min(1, tails/all)
}

// normalTails is the two-sided p-value of a distance from the mean in ranks,
// half a rank less for continuity.
func normalTails(away, variance float64) float64 {
	if !(variance > 0) {
		return 1
	}
	return math.Erfc(max(0, away-0.5) / math.Sqrt(2*variance))
}

// signedRank is the two-sided p-value of the test that differences are
// symmetric around 0 (Wilcoxon, Biometrics Bulletin 1, 1945), differences of
// 0 left out. Exact up to 53 of them, given the ties there are.
func signedRank(differences []float64) (p float64, exact bool) {
	var sizes []float64
	var positive []bool
	for _, d := range differences {
		if d != 0 {
			sizes, positive = append(sizes, math.Abs(d)), append(positive, d > 0)
		}
	}
	if len(differences) == 0 {
		return math.NaN(), false
	}
	doubled, ties := ranks(sizes)
	if len(sizes) <= exactSigned && ties == 0 {
		for i := range doubled {
			doubled[i] /= 2
		}
	}
	sum, all := 0, 0
	var squares float64
	for i, r := range doubled {
		if positive[i] {
			sum += r
		}
		all += r
		squares += float64(r) * float64(r)
	}
	if len(sizes) <= exactSigned {
		slices.Sort(doubled) // the light ones first: less to add up
		return twoSided(signSums(doubled, all), sum), true
	}
	// Half ranks: variance is the sum of squared ranks over 4.
	return normalTails(math.Abs(float64(sum)-float64(all)/2)/2, squares/16), false
}

// signSums counts the subsets of scores by their sum.
func signSums(scores []int, all int) []float64 {
	ways := make([]float64, all+1)
	ways[0] = 1
	most := 0 // the largest sum so far
	for _, s := range scores {
		most += s
		for sum := most; sum >= s; sum-- {
			ways[sum] += ways[sum-s]
		}
	}
	return ways
}

// normalQuantile is the z below which a part p of a normal distribution lies.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// LeastP is the smallest p-value that m runs of one command and n of another
// can have, however far they lie apart: that of two lists that don't overlap, or
// of rounds that all say the same.
func LeastP(m, n int, paired bool) float64 {
	if m < 1 || n < 1 {
		return 1
	}
	if paired {
		return math.Pow(2, 1-float64(min(m, n)))
	}
	return min(1, 2*math.Exp(-logChoose(m+n, m)))
}

// criticalU is the number of smallest differences between runs that a 95 %
// interval leaves out at each end: the interval holds exactly the shifts that
// the test at 5 % does not reject. Negative where the test can't reject.
func criticalU(m, n int) int {
	if m+n > exactTwo {
		mn := float64(m) * float64(n)
		sd := math.Sqrt(mn * float64(m+n+1) / 12)
		return int(math.Floor(mn/2 - 0.5 - normalQuantile(1-(1-Level)/2)*sd))
	}
	scores := make([]int, m+n)
	for i := range scores {
		scores[i] = i + 1
	}
	return critical(subsetSums(scores, m)[m*(m+1)/2:])
}

// criticalW is the same for the signed ranks of n differences.
func criticalW(n int) int {
	pairs := n * (n + 1) / 2
	if n > exactSigned {
		sd := math.Sqrt(float64(pairs) * float64(2*n+1) / 12)
		return int(math.Floor(float64(pairs)/2 - 0.5 - normalQuantile(1-(1-Level)/2)*sd))
	}
	scores := make([]int, n)
	for i := range scores {
		scores[i] = i + 1
	}
	return critical(signSums(scores, pairs))
}

// critical returns the largest statistic from 0 whose lower tail is at most
// half of what may go wrong, -1 if none is.
func critical(ways []float64) int {
	var all, tail float64
	for _, w := range ways {
		all += w
	}
	for u, w := range ways {
		if tail += w; tail > all*(1-Level)/2 {
			return u - 1
		}
	}
	return len(ways) - 1
}
