package fit

import (
	"cmp"
	"fmt"
	"slices"
)

// Curve rises through its knots and never falls: X increases from knot to
// knot, Y does not decrease. It is what a profile stores; one read back should
// be checked with [Curve.Check].
type Curve struct {
	X, Y []float64
}

// At is linear between knots and flat beyond them, NaN without any. It does
// not go on rising beyond the last knot: the slope there rests on a point or
// two, and is 0 wherever the last points were pooled. Who asks beyond the
// knots ([Curve.Covers]) should say so rather than trust either.
func (c Curve) At(x float64) float64 {
	n := len(c.X)
	if n == 0 || x != x {
		return nan
	}
	i, found := slices.BinarySearch(c.X, x)
	switch {
	case found:
		return c.Y[i]
	case i == 0:
		return c.Y[0]
	case i == n:
		return c.Y[n-1]
	}
	part := (x - c.X[i-1]) / (c.X[i] - c.X[i-1])
	// Rounding may not lift it above the next knot.
	return min(c.Y[i-1]+part*(c.Y[i]-c.Y[i-1]), c.Y[i])
}

// Covers reports whether x is within what was fitted.
func (c Curve) Covers(x float64) bool {
	return len(c.X) > 0 && c.X[0] <= x && x <= c.X[len(c.X)-1]
}

// Check says why a curve is none: [ErrInput].
func (c Curve) Check() error {
	if len(c.X) == 0 || len(c.X) != len(c.Y) {
		return fmt.Errorf("%w: a curve of %d and %d values", ErrInput, len(c.X), len(c.Y))
	}
	if err := cmp.Or(check("x", c.X), check("y", c.Y)); err != nil {
		return err
	}
	for i := 1; i < len(c.X); i++ {
		if !(c.X[i-1] < c.X[i]) || c.Y[i-1] > c.Y[i] {
			return fmt.Errorf("%w: a curve that falls at knot %d", ErrInput, i)
		}
	}
	return nil
}

// pool is points that are fitted with the same value.
type pool struct {
	first, last float64 // the x it reaches from and to
	y, weight   float64
}

// join is exact where both have the same value, and never beyond either.
func (p pool) join(q pool) pool {
	sum := p.weight + q.weight
	y := p.y + (q.y-p.y)*(q.weight/sum)
	return pool{p.first, q.last, min(max(y, min(p.y, q.y)), max(p.y, q.y)), sum}
}

// Isotonic fits the curve that does not fall and has the least sum of weighted
// squared residuals, by pooling adjacent violators (Barlow, Bartholomew,
// Bremner and Brunk, Statistical Inference under Order Restrictions, 1972; that
// one pass with steps back is enough: Best and Chakravarti, Mathematical
// Programming 47, 1990). Between the fitted x it is linear, which keeps it
// from falling and is nearer to a power curve than steps are.
//
// Points of the same x count as one, at their mean. Weights may be nil, for
// equal ones; a weight of 0 leaves the point out. The order of the points does
// not matter. It fails with [ErrInput], and with [ErrTooFew] where no point is
// left.
func Isotonic(x, y, weights []float64) (Curve, error) {
	if len(x) != len(y) {
		return Curve{}, fmt.Errorf("%w: %d x and %d y", ErrInput, len(x), len(y))
	}
	if err := cmp.Or(check("x", x), check("y", y), checkWeights(weights, len(x))); err != nil {
		return Curve{}, err
	}
	pools := byX(x, y, weights)
	if len(pools) == 0 {
		return Curve{}, fmt.Errorf("%w: a curve needs a point that has weight", ErrTooFew)
	}
	// The pools in front of the one looked at always rise.
	rising := pools[:0]
	for _, p := range pools {
		for len(rising) > 0 && rising[len(rising)-1].y >= p.y {
			p = rising[len(rising)-1].join(p)
			rising = rising[:len(rising)-1]
		}
		rising = append(rising, p)
	}
	var c Curve
	for _, p := range rising {
		c.X, c.Y = append(c.X, p.first), append(c.Y, p.y)
		if p.last > p.first {
			c.X, c.Y = append(c.X, p.last), append(c.Y, p.y)
		}
	}
	return c, nil
}

// byX returns a pool for every x, in order.
func byX(x, y, weights []float64) []pool {
	var points []pool
	for i := range x {
		if w := weight(weights, i); w > 0 {
			points = append(points, pool{x[i], x[i], y[i], w})
		}
	}
	// Points of equal x are in order too, so that rounding is the same
	// however they were given.
	slices.SortFunc(points, func(a, b pool) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.y, b.y), cmp.Compare(a.weight, b.weight))
	})
	merged := points[:0]
	for _, p := range points {
		if last := len(merged) - 1; last >= 0 && merged[last].last == p.first {
			merged[last] = merged[last].join(p)
			continue
		}
		merged = append(merged, p)
	}
	return merged
}
