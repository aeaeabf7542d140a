package stats

import (
	"fmt"
	"math"
)

// kth returns the k-th smallest (from 0) of values that are known only by how
// many are at most some v, by halving the floats themselves: 64 steps to the
// exact value, and no list of all pairs. All values lie from low to high.
func kth(k int, low, high float64, atMost func(v float64) int) float64 {
	lo, hi := ordered(low), ordered(high)
	for lo < hi {
		mid := lo + (hi-lo)/2
		if atMost(unordered(mid)) > k {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return unordered(lo)
}

// ordered maps floats to whole numbers in the same order.
func ordered(v float64) uint64 {
	bits := math.Float64bits(v + 0) // no -0
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

func unordered(o uint64) float64 {
	if o>>63 == 1 {
		return math.Float64frombits(o &^ (1 << 63))
	}
	return math.Float64frombits(^o)
}

// middle is the median of n values by their k-th.
func middle(n int, kth func(int) float64) float64 {
	if n%2 == 1 {
		return kth(n / 2)
	}
	return halfway(kth(n/2-1), kth(n/2))
}

// twoShift is the shift from A to B, both sorted: the median of all
// differences (Hodges and Lehmann, Annals of Mathematical Statistics 34,
// 1963), and between which of them the Mann-Whitney test does not reject.
func twoShift(a, b []float64) Estimate {
	m, n := len(a), len(b)
	if m == 0 || n == 0 {
		return Estimate{math.NaN(), unknown("one of the samples is empty")}
	}
	at := func(k int) float64 {
		return kth(k, b[0]-a[m-1], b[n-1]-a[0], func(v float64) int { return differences(a, b, v) })
	}
	e := Estimate{Value: middle(m*n, at)}
	c := criticalU(m, n)
	if c < 0 {
		e.Interval = unknown("%d and %d runs: too few for any result to be significant at %.2g %%", m, n, 100*(1-Level))
		return e
	}
	e.Interval = between(at(c), at(m*n-1-c))
	return e
}

// differences counts those b-a that are at most v, of sorted samples.
func differences(a, b []float64, v float64) (count int) {
	j := 0
	for _, x := range a {
		for j < len(b) && b[j]-x <= v {
			j++
		}
		count += j
	}
	return count
}

// oneShift is the same for sorted differences within rounds: the median of
// the means of all two of them and of each with itself.
func oneShift(d []float64) Estimate {
	n := len(d)
	if n == 0 {
		return Estimate{math.NaN(), unknown("no round has both values")}
	}
	at := func(k int) float64 {
		return kth(k, d[0], d[n-1], func(v float64) int { return means(d, v) })
	}
	pairs := n * (n + 1) / 2
	e := Estimate{Value: middle(pairs, at)}
	c := criticalW(n)
	if c < 0 {
		e.Interval = unknown("%s: too few for any result to be significant at %.2g %%", plural(n, "round"), 100*(1-Level))
		return e
	}
	e.Interval = between(at(c), at(pairs-1-c))
	return e
}

// means counts pairs i <= j of sorted values whose mean is at most v.
func means(d []float64, v float64) (count int) {
	j := len(d)
	for i := range d {
		for j > 0 && halfway(d[i], d[j-1]) > v {
			j--
		}
		if j <= i {
			break
		}
		count += j - i
	}
	return count
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
