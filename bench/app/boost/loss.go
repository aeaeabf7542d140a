package boost

import (
	"math"
	"math/bits"
)

// exp is e to the x, within 1e-15 of it, made of operations that every
// architecture rounds alike: package math has assembly for some. x is not
// greater than 0 here; what is smaller than 2^-1000 is 0.
func exp(x float64) float64 {
	// x = k ln 2 + r, and |r| <= ln 2 / 2; the high part of ln 2 has 32 bits, so
	// that k times it is exact (as in FreeBSD's e_exp.c).
	const (
		high  = 6.93147180369123816490e-01
		low   = 1.90821492927058770002e-10
		log2e = 1.44269504088896338700e+00
	)
	if x < -690 {
		return 0
	}
	k := math.Floor(float64(x*log2e) + .5)
	r := x - float64(k*high) - float64(k*low)
	// Taylor's series: the first term left out is below 2^-57.
	s := 1. / 6227020800
	s = float64(s*r) + 1./479001600
	s = float64(s*r) + 1./39916800
	s = float64(s*r) + 1./3628800
	s = float64(s*r) + 1./362880
	s = float64(s*r) + 1./40320
	s = float64(s*r) + 1./5040
	s = float64(s*r) + 1./720
	s = float64(s*r) + 1./120
	s = float64(s*r) + 1./24
	s = float64(s*r) + 1./6
	s = float64(s*r) + .5
	s = float64(s*r) + 1
	s = float64(s*r) + 1
	return s * math.Float64frombits(uint64(int64(k)+1023)<<52)
}

// Log is the natural logarithm of a number from 0 to 1, by Newton's method on
// exp: 2 (x - e^y) / (x + e^y) has an error of the third order. It is -690 for
// what is less than that power of e.
func Log(x float64) float64 {
	if x <= 0x1p-995 {
		return -690
	}
	m, e := math.Frexp(x)
	y := min(float64(float64(e)*math.Ln2)+(m-1), 0)
	for range 5 {
		p := exp(y)
		y = min(y+float64(2*(x-p)/(x+p)), 0)
	}
	return y
}

// Softmax makes probabilities of scores, in place.
func Softmax(scores []float64) {
	most := scores[0]
	for _, s := range scores {
		most = max(most, s)
	}
	sum := 0.0
	for i, s := range scores {
		scores[i] = exp(s - most)
		sum += scores[i]
	}
	for i := range scores {
		scores[i] /= sum
	}
}

// gradient returns the derivatives of the log loss by the score of one class,
// which has probability p and is the row's own or not.
func gradient(p float64, own bool) (g, h float64) {
	h = p * (1 - p)
	if own {
		return p - 1, h
	}
	return p, h
}

// fixed is how a row's derivatives are kept in one word: the gradient, with a
// sign, in the upper half, the Hessian, which has none, in the lower. The Hessian
// is 1/4 at most and has two more binary places.
type fixed struct{ places uint }

// newFixed leaves room for the sums of n rows.
func newFixed(n int) fixed { return fixed{uint(max(0, min(14, 30-bits.Len(uint(n)))))} }

func (f fixed) word(g, h float64) uint64 {
	// Rounding is down to the integer; the offset makes all of them positive.
	const offset = 1 << 20
	one := float64(int64(1) << f.places)
	gi := int64(float64(g*one)+(offset+.5)) - offset
	hi := int64(float64(h*(4*one)) + .5)
	return uint64(gi)<<32 + uint64(hi)
}

func gradientOf(w uint64) float64 { return float64(int32(w >> 32)) }
func hessianOf(w uint64) float64  { return float64(uint32(w)) }

// newton is the step that makes the second-order loss least: -G/H, with the
// places that the two differ by.
func (f fixed) newton(w uint64) float64 {
	if hessianOf(w) == 0 {
		return 0
	}
	return -(gradientOf(w) * 4 / hessianOf(w))
}
