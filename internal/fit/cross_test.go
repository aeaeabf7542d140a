package fit

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func wmape(e Errors) float64 { return e.WMAPE }

// fitMean predicts the mean of what it has seen.
func fitMean(train []Point) (Predictor, error) {
	sum := 0.0
	for _, p := range train {
		sum += p.Y
	}
	return func([]float64) float64 { return sum / float64(len(train)) }, nil
}

// Worked by hand: without "a" the mean is 50, without "b" 30, without "c" 70/3.
func TestCrossValidate(t *testing.T) {
	points := []Point{{Y: 40, Group: "b"}, {Y: 10, Group: "a"}, {Y: 20, Group: "a"}, {Y: 60, Group: "c"}}
	v, err := CrossValidate(points, fitMean, wmape)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := 70.0/30, 10.0/40, (60-70.0/3)/60
	if !slices.Equal(v.Groups, []string{"a", "b", "c"}) || !slices.Equal(v.Group, []string{"b", "a", "a", "c"}) ||
		!slices.Equal(v.Index, []int{0, 1, 2, 3}) || !slices.Equal(v.Truth, []float64{40, 10, 20, 60}) ||
		!slices.EqualFunc(v.Predicted, []float64{30, 50, 50, 70.0 / 3}, near) || !slices.EqualFunc(v.Loss, []float64{a, b, c}, near) {
		t.Errorf("%+v", v)
	}
	m := (a + b + c) / 3
	if !near(v.Mean, m) || !near(v.StdErr, math.Sqrt(((a-m)*(a-m)+(b-m)*(b-m)+(c-m)*(c-m))/6)) {
		t.Errorf("mean %v, standard error %v", v.Mean, v.StdErr)
	}
}

// No model sees the group, or a repeat, of what it predicts; all else it sees,
// what has no group too.
func TestCrossValidateKeepsApart(t *testing.T) {
	r := seeded(11)
	for range 300 {
		var points []Point
		for i := range 4 + r.IntN(20) {
			points = append(points, Point{
				X: []float64{float64(i)}, Y: 1,
				Group: []string{"", "a", "b", "c"}[r.IntN(4)], Fold: []string{"", "", "f", "g", "h", "i"}[r.IntN(6)],
			})
		}
		spy := func(train []Point) (Predictor, error) {
			seen := map[int]bool{}
			for _, p := range train {
				seen[int(p.X[0])] = true
			}
			return func(x []float64) float64 {
				of := points[int(x[0])]
				for i, p := range points {
					if seen[i] && (p.Group == of.Group || p.Fold != "" && p.Fold == of.Fold) {
						t.Fatalf("%v is predicted by %v", of, p)
					}
					alone := p.Group != of.Group && (p.Fold == "" || !slices.ContainsFunc(points, func(q Point) bool {
						return q.Group == of.Group && q.Fold == p.Fold
					}))
					if alone && !seen[i] {
						t.Fatalf("%v is predicted without %v", of, p)
					}
				}
				return 1
			}, nil
		}
		v, err := CrossValidate(points, spy, wmape)
		if err != nil && !errors.Is(err, ErrTooFew) {
			t.Fatal(err)
		}
		for _, i := range v.Index {
			if points[i].Group == "" {
				t.Fatal("a point without a group is judged")
			}
		}
	}
}

func TestCrossValidateRefuses(t *testing.T) {
	two := []Point{{Y: 1, Group: "a"}, {Y: 2, Group: "b"}}
	_, err := CrossValidate(two[:1], fitMean, wmape)
	wants(t, err, ErrTooFew, "1 groups")
	_, err = CrossValidate([]Point{{Y: 1, Group: "a", Fold: "f"}, {Y: 2, Group: "b", Fold: "f"}}, fitMean, wmape)
	wants(t, err, ErrTooFew, `fit without "a"`)
	broken := errors.New("broken")
	_, err = CrossValidate(two, func([]Point) (Predictor, error) { return nil, broken }, wmape)
	wants(t, err, broken, `fit without "a"`)
	_, err = CrossValidate(two, func([]Point) (Predictor, error) { return func([]float64) float64 { return nan }, nil }, wmape)
	wants(t, err, ErrInput, "prediction[0] is NaN")
	_, err = CrossValidate([]Point{{Y: 0, Group: "a"}, {Y: 2, Group: "b"}}, fitMean, wmape)
	wants(t, err, ErrInput, `the loss of "a" is NaN`)
}

func TestSelect(t *testing.T) {
	for _, c := range []struct {
		name       string
		candidates []Validation
		want       int
	}{
		{"none", nil, -1},
		{"none known", []Validation{{Mean: nan}}, -1},
		{"within one error of the best", []Validation{{Mean: 0.5}, {Mean: 0.06, StdErr: 9}, {Mean: 0.05, StdErr: 0.02}, {Mean: 0.05, StdErr: 0}}, 1},
		{"beyond it", []Validation{{Mean: 0.08, StdErr: 9}, {Mean: 0.05, StdErr: 0.02}}, 1},
		{"just at it", []Validation{{Mean: 0.75}, {Mean: 0.5, StdErr: 0.25}}, 0},
		{"the simplest is best", []Validation{{Mean: 0.1}, {Mean: 0.2}}, 0},
		{"one failed", []Validation{{Mean: nan}, {Mean: 0.2}}, 1},
		{"always worse by as much", []Validation{
			{Groups: []string{"a", "b"}, Loss: []float64{0.11, 0.51}, Mean: 0.31, StdErr: 0.2}, {Groups: []string{"a", "b"}, Loss: []float64{0.10, 0.50}, Mean: 0.3, StdErr: 0.2},
		}, 1},
		{"worse by chance", []Validation{
			{Groups: []string{"a", "b"}, Loss: []float64{0.15, 0.46}, Mean: 0.305, StdErr: 0.155}, {Groups: []string{"a", "b"}, Loss: []float64{0.10, 0.50}, Mean: 0.3, StdErr: 0.2},
		}, 0},
		{"other groups", []Validation{
			{Groups: []string{"a", "c"}, Loss: []float64{0.11, 0.51}, Mean: 0.31, StdErr: 0.2}, {Groups: []string{"a", "b"}, Loss: []float64{0.10, 0.50}, Mean: 0.3, StdErr: 0.2},
		}, 0},
		{"no standard error", []Validation{{Mean: 0.3}, {Mean: 0.2, StdErr: nan}}, 1},
	} {
		if got := Select(c.candidates); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// fitLinear is NNLS on some of the features.
func fitLinear(features ...int) Fitter {
	return func(train []Point) (Predictor, error) {
		pick := func(x []float64) (v []float64) {
			for _, j := range features {
				v = append(v, x[j])
			}
			return v
		}
		var rows [][]float64
		var y []float64
		for _, p := range train {
			rows, y = append(rows, pick(p.X)), append(y, p.Y)
		}
		l, err := NNLS(rows, y, Options{Intercept: true})
		return func(x []float64) float64 { return l.At(pick(x)) }, err
	}
}

// Workloads differ in how much they draw at the same utilisation, and only the
// second feature knows it. The third is noise that a model may fit. Where the
// second says nothing, the simple model is to be selected.
func TestSelectOfModels(t *testing.T) {
	for _, c := range []struct {
		name   string
		second float64
		want   string
	}{{"utilisation tells all", 0, "012"}, {"another feature does", 60, "12"}} {
		r, chosen := seeded(12), [3]int{}
		for range 60 {
			var points []Point
			for _, group := range strings.Fields("alu fp simd cache stream chase mixed") {
				rate := r.Float64()
				for load := 0.1; load <= 1; load += 0.15 {
					x := []float64{load, load * rate, r.Float64()}
					points = append(points, Point{X: x, Y: 30 + 50*load + c.second*x[1] + r.NormFloat64(), Group: group})
				}
			}
			var v []Validation
			for _, f := range []Fitter{fitLinear(0), fitLinear(0, 1), fitLinear(0, 1, 2)} {
				one, err := CrossValidate(points, f, wmape)
				if err != nil {
					t.Fatal(err)
				}
				v = append(v, one)
			}
			chosen[Select(v)]++
		}
		t.Logf("%s: chosen %v", c.name, chosen)
		if want := strings.Index("012", c.want[:1]); chosen[want] < 50 {
			t.Errorf("%s: chosen %v of the candidates, want mostly the %d.", c.name, chosen, want)
		}
	}
}
