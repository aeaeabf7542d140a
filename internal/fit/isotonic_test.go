package fit

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestIsotonic(t *testing.T) {
	for _, c := range []struct {
		name    string
		x, y, w []float64
		want    Curve
	}{
		{"one point", []float64{3}, []float64{7}, nil, Curve{[]float64{3}, []float64{7}}},
		{"rises", []float64{0, 1, 2}, []float64{1, 1.5, 9}, nil, Curve{[]float64{0, 1, 2}, []float64{1, 1.5, 9}}},
		{"falls", []float64{0, 1, 2}, []float64{9, 3, 0}, nil, Curve{[]float64{0, 2}, []float64{4, 4}}},
		// The example of Barlow et al.: one step back pools three.
		{"steps back", []float64{1, 2, 3, 4}, []float64{1, 4, 3, 2}, nil, Curve{[]float64{1, 2, 4}, []float64{1, 3, 3}}},
		{"weights", []float64{0, 1, 2}, []float64{4, 1, 6}, []float64{1, 2, 1}, Curve{[]float64{0, 1, 2}, []float64{2, 2, 6}}},
		{"equal x", []float64{1, 0, 1}, []float64{6, 1, 2}, nil, Curve{[]float64{0, 1}, []float64{1, 4}}},
		{"no weight", []float64{0, 1, 2}, []float64{5, 100, 6}, []float64{1, 0, 1}, Curve{[]float64{0, 2}, []float64{5, 6}}},
		{"equal y", []float64{0, 1, 2, 3}, []float64{5, 5, 5, 6}, nil, Curve{[]float64{0, 2, 3}, []float64{5, 5, 6}}},
	} {
		got, err := Isotonic(c.x, c.y, c.w)
		if err != nil || !slices.EqualFunc(got.X, c.want.X, near) || !slices.EqualFunc(got.Y, c.want.Y, near) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestIsotonicRefuses(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		x, y, w []float64
		kind    error
		text    string
	}{
		{[]float64{1}, nil, nil, ErrInput, "1 x and 0 y"},
		{[]float64{1, nan}, []float64{1, 2}, nil, ErrInput, "x[1] is NaN"},
		{[]float64{1, 2}, []float64{-inf, 2}, nil, ErrInput, "y[0] is -Inf"},
		{[]float64{1, 2}, []float64{1, 2}, []float64{1}, ErrInput, "1 weights of 2"},
		{[]float64{1, 2}, []float64{1, 2}, []float64{1, -1}, ErrInput, "weight 1 is -1"},
		{[]float64{1, 2}, []float64{1, 2}, []float64{1, nan}, ErrInput, "weight 1 is NaN"},
		{nil, nil, nil, ErrTooFew, "a point that has weight"},
		{[]float64{1, 2}, []float64{1, 2}, []float64{0, 0}, ErrTooFew, "a point that has weight"},
	} {
		_, err := Isotonic(c.x, c.y, c.w)
		wants(t, err, c.kind, c.text)
	}
}

func TestCurve(t *testing.T) {
	c := Curve{[]float64{0, 1, 3}, []float64{10, 20, 20.5}}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	for _, v := range []struct {
		x, y   float64
		inside bool
	}{{-1, 10, false}, {0, 10, true}, {0.25, 12.5, true}, {1, 20, true}, {2, 20.25, true}, {3, 20.5, true}, {3.01, 20.5, false}, {nan, nan, false}, {math.Inf(1), 20.5, false}} {
		if got := c.At(v.x); !near(got, v.y) || c.Covers(v.x) != v.inside {
			t.Errorf("at %v: %v inside %v, want %v", v.x, got, c.Covers(v.x), v)
		}
	}
	var none Curve
	if !math.IsNaN(none.At(1)) || none.Covers(1) {
		t.Error("a curve without knots knows something")
	}
	for _, bad := range []Curve{none, {[]float64{1}, nil}, {[]float64{1, 1}, []float64{1, 2}}, {[]float64{1, 2}, []float64{2, 1}}, {[]float64{1, 2}, []float64{1, nan}}, {[]float64{1, math.Inf(1)}, []float64{1, 2}}} {
		wants(t, bad.Check(), ErrInput, "")
	}
}

// randomPoints has many ties in x and y, and weights of 0.
func randomPoints(r *rand.Rand, n int) (x, y, w []float64) {
	for range n {
		x = append(x, math.Round(10*r.Float64()))
		y = append(y, math.Round(20*r.NormFloat64())/4+x[len(x)-1]/2)
		w = append(w, float64(r.IntN(4)))
	}
	w[0] = 1
	return x, y, w
}

func sumSquares(x, y, w []float64, at func(float64) float64) float64 {
	sum := 0.0
	for i := range x {
		e := y[i] - at(x[i])
		sum += w[i] * e * e
	}
	return sum
}

// The conditions of Barlow et al. for the least sum of squares: from the left
// to any x, residuals add up to 0 or less, to 0 where the curve rises, and to 0
// throughout.
func TestIsotonicIsOptimal(t *testing.T) {
	r := seeded(1)
	for range 2000 {
		x, y, w := randomPoints(r, 1+r.IntN(40))
		c, err := Isotonic(x, y, w)
		if err != nil || c.Check() != nil {
			t.Fatal(c, err)
		}
		sum := 0.0
		for at := range 11 {
			here := float64(at)
			for i := range x {
				if x[i] == here {
					sum += w[i] * (y[i] - c.At(x[i]))
				}
			}
			rises := here >= c.X[0] && c.At(here+1) > c.At(here) && slices.Contains(c.X, here)
			if sum < -1e-9 || (rises || at == 10) && sum > 1e-9 {
				t.Fatalf("residuals up to %v add up to %v: %v %v %v: %v", here, sum, x, y, w, c)
			}
		}
	}
}

// Every curve that does not fall is made of runs of equal values, of which the
// best is their mean: all partitions are tried.
func TestIsotonicAgainstBruteForce(t *testing.T) {
	r := seeded(2)
	for range 500 {
		n := 1 + r.IntN(7)
		x, y, w := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			x[i], y[i], w[i] = float64(i), math.Round(8*r.Float64()), 0.5+r.Float64()
		}
		c, _ := Isotonic(x, y, w)
		got, best := sumSquares(x, y, w, c.At), math.Inf(1)
		for cuts := range 1 << (n - 1) {
			if value, rises := stepwise(y, w, cuts); rises {
				best = min(best, sumSquares(x, y, w, func(v float64) float64 { return value[int(v)] }))
			}
		}
		if math.Abs(got-best) > 1e-9 {
			t.Fatalf("%v %v: sum of squares %v, the least is %v", y, w, got, best)
		}
	}
}

// stepwise fits a value to each run of points between cuts.
func stepwise(y, w []float64, cuts int) (value []float64, rises bool) {
	value, rises = make([]float64, len(y)), true
	for i := 0; i < len(y); {
		end := i + 1
		for end < len(y) && cuts&(1<<(end-1)) == 0 {
			end++
		}
		var sum, weights float64
		for k := i; k < end; k++ {
			sum, weights = sum+w[k]*y[k], weights+w[k]
		}
		for k := i; k < end; k++ {
			value[k] = sum / weights
		}
		rises = rises && (i == 0 || value[i-1] <= value[i])
		i = end
	}
	return value, rises
}

func TestIsotonicProperties(t *testing.T) {
	r := seeded(3)
	for range 1000 {
		x, y, w := randomPoints(r, 1+r.IntN(30))
		c, _ := Isotonic(x, y, w)

		again, err := Isotonic(c.X, c.Y, nil)
		if err != nil || !slices.Equal(again.X, c.X) || !slices.Equal(again.Y, c.Y) {
			t.Fatalf("a curve's own curve is another: %v, %v", c, again)
		}

		px, py, pw := slices.Clone(x), slices.Clone(y), slices.Clone(w)
		r.Shuffle(len(x), func(i, j int) {
			px[i], px[j] = px[j], px[i]
			py[i], py[j] = py[j], py[i]
			pw[i], pw[j] = pw[j], pw[i]
		})
		if p, _ := Isotonic(px, py, pw); !slices.Equal(p.X, c.X) || !slices.Equal(p.Y, c.Y) {
			t.Fatalf("another order gives another curve: %v, %v", c, p)
		}

		scale, shift := 0.1+10*r.Float64(), 100*r.NormFloat64()
		for i := range px {
			px[i], py[i] = 3*px[i]-7, scale*py[i]+shift
		}
		moved, _ := Isotonic(px, py, pw)
		last := math.Inf(-1)
		for at := -1.0; at <= 11; at += 0.37 {
			v := c.At(at)
			if m := moved.At(3*at - 7); math.Abs(m-(scale*v+shift)) > 1e-9*(1+math.Abs(shift)) {
				t.Fatalf("scaled and shifted: %v at %v, want %v", m, at, scale*v+shift)
			}
			if v < last {
				t.Fatalf("falls to %v from %v", v, last)
			}
			last = v
		}
	}
}

// Of points of a rising curve with noise the fit is nearer to the curve than
// the points are.
func TestIsotonicRecovers(t *testing.T) {
	r := seeded(4)
	var x, y []float64
	truth := func(u float64) float64 { return 40 + 100*math.Sqrt(u) }
	for i := range 400 {
		x = append(x, float64(i)/399)
		y = append(y, truth(x[i])+3*r.NormFloat64())
	}
	c, _ := Isotonic(x, y, nil)
	e := 0.0
	for _, v := range x {
		e += math.Abs(c.At(v) - truth(v))
	}
	if e /= 400; e > 1 {
		t.Errorf("off by %v on average, the points by 2.4", e)
	}
}

func FuzzIsotonic(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 200, 3, 2, 4, 1, 2, 9, 0})
	f.Add([]byte("01\xfd1\xfc10")) // a mean that rounding put below both
	f.Add([]byte{255, 1, 250, 3, 252, 1, 253, 254, 251})
	f.Fuzz(func(t *testing.T, b []byte) {
		var x, y, w []float64
		for ; len(b) >= 3; b = b[3:] {
			x, y, w = append(x, odd(b[0])), append(y, odd(b[1])), append(w, odd(b[2]))
		}
		c, err := Isotonic(x, y, w)
		if err != nil {
			return
		}
		if err := c.Check(); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		if c.Y[0] < slices.Min(y) || c.Y[len(c.Y)-1] > slices.Max(y) {
			t.Fatalf("%v is outside of %v", c, y)
		}
		slices.Sort(x)
		for i, v := range x {
			if i > 0 && c.At(v) < c.At(x[i-1]) {
				t.Fatalf("%v falls before %v", c, v)
			}
		}
	})
}

// odd are numbers of which some break careless arithmetic.
func odd(b byte) float64 {
	special := []float64{math.NaN(), math.Inf(-1), 1e100, -1e100, 5e-324, 1e-300, 1e-13, 1e12}
	if int(b) >= 256-len(special) {
		return special[int(b)-(256-len(special))]
	}
	return float64(b%16) - float64(b/128)*7
}
