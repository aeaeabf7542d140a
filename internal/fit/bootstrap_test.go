package fit

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestBlocks(t *testing.T) {
	same := func(a, b []int) bool { return slices.Equal(a, b) }
	if got := BlocksOf([]string{"b", "a", "b", "c", "a"}); !slices.EqualFunc(got, [][]int{{0, 2}, {1, 4}, {3}}, same) {
		t.Error(got)
	}
	for _, c := range []struct {
		n, length int
		want      [][]int
	}{
		{0, 3, nil}, {2, 3, [][]int{{0, 1}}}, {5, 2, [][]int{{0, 1, 2}, {3, 4}}}, {4, 2, [][]int{{0, 1}, {2, 3}}}, {2, 0, [][]int{{0}, {1}}},
	} {
		if got := BlocksAlong(c.n, c.length); !slices.EqualFunc(got, c.want, same) {
			t.Errorf("%d by %d: %v, want %v", c.n, c.length, got, c.want)
		}
	}
	for n := range 200 {
		blocks := BlocksAlong(n, 7)
		for i, p := range slices.Concat(blocks...) {
			if i != p {
				t.Fatalf("%d points: %v", n, blocks)
			}
		}
		for _, b := range blocks {
			if n >= 7 && len(b) < 7 || len(b) > 13 {
				t.Fatalf("%d points: %v", n, blocks)
			}
		}
	}
}

// meanOf is the statistic that is the mean of values.
func meanOf(values []float64) Statistic {
	return func(points []int) ([]float64, error) {
		sum := 0.0
		for _, i := range points {
			sum += values[i]
		}
		return []float64{sum / float64(len(points))}, nil
	}
}

func TestBootstrapDrawsWholeBlocks(t *testing.T) {
	blocks := [][]int{{0, 1}, {2}, {3, 4, 5}, {6}, {7}, {8, 9}}
	first := true
	_, err := Bootstrap(blocks, 200, 1, func(points []int) ([]float64, error) {
		if first && !slices.Equal(points, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Fatalf("the points themselves are %v", points)
		}
		first = false
		drawn := 0
		for len(points) > 0 {
			k := slices.IndexFunc(blocks, func(b []int) bool { return b[0] == points[0] })
			if k < 0 || !slices.Equal(points[:len(blocks[k])], blocks[k]) {
				t.Fatalf("no whole block at %v", points)
			}
			points, drawn = points[len(blocks[k]):], drawn+1
		}
		if drawn != len(blocks) {
			t.Fatalf("%d blocks drawn", drawn)
		}
		return []float64{0}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestBootstrapIsDeterministic(t *testing.T) {
	values := []float64{3, 1, 4, 1, 5, 9, 2, 6}
	draw := func(seed uint64) Interval {
		d, err := Bootstrap(BlocksAlong(8, 1), 500, seed, meanOf(values))
		if err != nil {
			t.Fatal(err)
		}
		if d.Value[0] != 31.0/8 || d.Failed != 0 {
			t.Errorf("%+v", d)
		}
		return d.Interval(0)
	}
	if a, b, c := draw(1), draw(1), draw(2); a != b || a == c {
		t.Errorf("%v, %v and with another seed %v", a, b, c)
	}
}

// Of a mean and of a sum of it: s²/n, by hand, and perfectly correlated.
func TestCovariance(t *testing.T) {
	values := []float64{2, 4, 4, 4, 5, 5, 7, 9} // variance 32/7
	d, err := Bootstrap(BlocksAlong(8, 1), 50000, 1, func(points []int) ([]float64, error) {
		m, _ := meanOf(values)(points)
		return []float64{m[0], 1 - 3*m[0]}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, v := d.Covariance(), 32.0/7/8
	for _, e := range [][2]float64{{c[0][0], v}, {c[0][1], -3 * v}, {c[1][0], -3 * v}, {c[1][1], 9 * v}} {
		if !within(e[0], e[1], 0.02) {
			t.Errorf("covariance %v, want %v times 1, -3, -3, 9", c, v)
		}
	}
	if !near(c[0][0]*c[1][1], c[0][1]*c[1][0]) || c[0][1] != c[1][0] {
		t.Errorf("covariance %v of what is one number", c)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	six, one := BlocksAlong(6, 1), func([]int) ([]float64, error) { return []float64{1}, nil }
	_, err := Bootstrap(six[:5], 1000, 1, one)
	wants(t, err, ErrTooFew, "5 blocks")
	_, err = Bootstrap(six, 99, 1, one)
	wants(t, err, ErrTooFew, "99 draws")
	_, err = Bootstrap(append([][]int{nil}, six...), 1000, 1, one)
	wants(t, err, ErrInput, "block 0 has no point")
	broken := errors.New("broken")
	_, err = Bootstrap(six, 1000, 1, func([]int) ([]float64, error) { return nil, broken })
	wants(t, err, broken, "")
	_, err = Bootstrap(six, 1000, 1, func([]int) ([]float64, error) { return []float64{nan}, nil })
	wants(t, err, ErrInput, "statistic[0] is NaN")
	calls := 0
	seldom := func(every int) Statistic {
		return func([]int) ([]float64, error) {
			if calls++; calls%every == 0 {
				return nil, broken
			}
			return []float64{1}, nil
		}
	}
	_, err = Bootstrap(six, 1000, 1, seldom(10))
	wants(t, err, ErrTooFew, "100 of 1000 sets")
	calls = 0
	d, err := Bootstrap(six, 1000, 1, seldom(100))
	if err != nil || d.Failed != 10 || d.Interval(0) != (Interval{1, 1}) {
		t.Errorf("%+v, %v", d, err)
	}
}

// The interval of a mean of few values is about Student's.
func TestIntervalIsStudents(t *testing.T) {
	values := []float64{-2.1, -1.3, -0.6, -0.2, 0.2, 0.6, 1.3, 2.1}
	d, err := Bootstrap(BlocksAlong(8, 1), 20000, 1, meanOf(values))
	if err != nil {
		t.Fatal(err)
	}
	var squares float64
	for _, v := range values {
		squares += v * v
	}
	half := 2.365 * math.Sqrt(squares/7/8) // t of 7 degrees of freedom
	if i := d.Interval(0); !within(i.Low, -half, 0.05) || !within(i.High, half, 0.05) {
		t.Errorf("%v, Student's is %v", i, half)
	}
}
