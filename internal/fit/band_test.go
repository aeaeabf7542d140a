package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBand(t *testing.T) {
	// One point of each of three groups: t of 2 degrees of freedom is 4.302653,
	// the mean square 14/3.
	b, err := NewBand([]float64{11, 8, 3}, []float64{10, 10, 0}, []string{"a", "b", "c"}, false)
	if err != nil || b.Groups != 3 || b.Proven || b.Relative || !within(b.Half, 4.302653*math.Sqrt(14.0/3), 1e-6) {
		t.Errorf("%+v, %v", b, err)
	}
	if i := b.Around(100); !near(i.Low, 100-b.Half) || !near(i.High, 100+b.Half) {
		t.Error(i)
	}
	// Relative to the prediction: 0.1, -0.2, 0.3.
	b, err = NewBand([]float64{11, 8, 26}, []float64{10, 10, 20}, []string{"a", "b", "c"}, true)
	if err != nil || !b.Relative || !within(b.Half, 4.302653*math.Sqrt(0.14/3), 1e-6) {
		t.Errorf("%+v, %v", b, err)
	}
	if i := b.Around(50); !near(i.Low, 50-50*b.Half) || !near(i.High, 50+50*b.Half) {
		t.Error(i)
	}
	if b, err = NewBand(make([]float64, 4), make([]float64, 4), []string{"a", "b", "c", "c"}, false); err != nil || b.Half != 0 {
		t.Errorf("of no residuals: %+v, %v", b, err)
	}
}

// Groups without anything in common: 2 of each have 2*4 squares about their
// means, 1 each, and the means have 0, so the freedom is that of the points.
func TestBandWithinGroups(t *testing.T) {
	truth, groups := []float64{1, -1, 1, -1, 1, -1, 1, -1}, []string{"a", "a", "b", "b", "c", "c", "d", "d"}
	b, err := NewBand(truth, make([]float64, 8), groups, false)
	if err != nil || !within(b.Half, 2.776445, 1e-6) { // t of 8-4 degrees of freedom
		t.Errorf("%+v, %v", b, err)
	}
}

// Of 25 groups 2 are far off: by their mean square of 8, 95 % would be within 6.
func TestBandHoldsResiduals(t *testing.T) {
	truth, groups := make([]float64, 25), make([]string, 25)
	for i := range groups {
		groups[i] = fmt.Sprint(i)
	}
	truth[3], truth[9] = 10, -10
	if b, err := NewBand(truth, make([]float64, 25), groups, false); err != nil || b.Half != 10 {
		t.Errorf("%+v, %v", b, err)
	}
}

// Of 39 groups and one unseen 95 % are 38: the 38th of the sizes.
func TestBandOfManyGroups(t *testing.T) {
	var truth []float64
	var groups []string
	for i := range 39 {
		truth, groups = append(truth, float64(i+1)*math.Pow(-1, float64(i))), append(groups, fmt.Sprint(i))
	}
	b, err := NewBand(truth, make([]float64, 39), groups, false)
	if err != nil || !b.Proven || b.Half != 38 {
		t.Errorf("%+v, %v", b, err)
	}
	// A group counts alike however many points it has.
	for range 1000 {
		truth, groups = append(truth, 1000), append(groups, "38")
	}
	if b, err = NewBand(truth, make([]float64, len(truth)), groups, false); err != nil || b.Half != 38 {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestBandRefuses(t *testing.T) {
	one, abc := []float64{1, 1, 1}, []string{"a", "b", "c"}
	_, err := NewBand(one, one[:2], abc, false)
	wants(t, err, ErrInput, "3 truths, 2 predictions and 3 groups")
	_, err = NewBand(one, []float64{1, nan, 1}, abc, false)
	wants(t, err, ErrInput, "prediction[1] is NaN")
	_, err = NewBand(one, []float64{1, 0, 1}, abc, true)
	wants(t, err, ErrInput, "prediction 1 is 0")
	_, err = NewBand([]float64{1, 1, 1e99}, []float64{1, 1, 1e-99}, abc, true)
	wants(t, err, ErrInput, "residual 2 is")
	_, err = NewBand(one, one, []string{"a", "b", "a"}, false)
	wants(t, err, ErrTooFew, "2 groups")
}

func TestBandProperties(t *testing.T) {
	r := seeded(16)
	for range 500 {
		var truth, predicted, scaled []float64
		var groups []string
		for g := range 3 + r.IntN(45) {
			for range 1 + r.IntN(5) {
				truth, groups = append(truth, 50+r.NormFloat64()), append(groups, fmt.Sprint(g))
				predicted = append(predicted, 50)
			}
		}
		b, err := NewBand(truth, predicted, groups, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range truth {
			scaled = append(scaled, 7*v)
		}
		seven := slices.Repeat([]float64{350}, len(truth))
		if s, _ := NewBand(scaled, seven, groups, true); !near(s.Half, b.Half) {
			t.Fatalf("in another unit %v, want %v", s.Half, b.Half)
		}
		if a, _ := NewBand(truth, predicted, groups, false); !near(a.Half, 50*b.Half) {
			t.Fatalf("absolute %v, relative %v of 50", a.Half, b.Half)
		}
		for i := len(truth) - 1; i > 0; i-- {
			k := r.IntN(i + 1)
			truth[i], truth[k], groups[i], groups[k] = truth[k], truth[i], groups[k], groups[i]
		}
		if p, _ := NewBand(truth, predicted, groups, true); !near(p.Half, b.Half) {
			t.Fatalf("in another order %v, want %v", p.Half, b.Half)
		}
	}
}

// world is how residuals come about: a part of the group and one of the point,
// whose squares add up to 1.
type world struct {
	group, point noise
	common       float64 // the variance that is the group's
	unlike       bool    // groups differ in the noise of their points
	groups, each int
}

func (w world) String() string {
	s := fmt.Sprintf("%d groups of %d: %g %% common, %s", w.groups, w.each, 100*w.common, w.group.name)
	if w.point.name != w.group.name {
		s += " and " + w.point.name
	}
	if w.unlike {
		s += ", unlike"
	}
	return s
}

// draw returns the residuals of some points of one group.
func (w world) draw(r *rand.Rand, points int) []float64 {
	common, scale := math.Sqrt(w.common)*w.group.draw(r), math.Sqrt(1-w.common)
	if w.unlike {
		scale *= math.Sqrt(r.ExpFloat64())
	}
	var e []float64
	for range points {
		e = append(e, common+scale*w.point.draw(r))
	}
	return e
}

// oracle is the half-width that 95 % are within.
func (w world) oracle(r *rand.Rand) float64 {
	var sizes []float64
	for range 10000 {
		sizes = append(sizes, math.Abs(w.draw(r, 1)[0]))
	}
	slices.Sort(sizes)
	return quantile(sizes, Level)
}

func worlds(all bool) []world {
	var w []world
	for _, n := range []noise{normal, even, skewed, tailed, outliers} {
		for _, size := range [][2]int{{3, 5}, {5, 1}, {7, 20}, {12, 5}, {25, 3}, {45, 4}} {
			for _, common := range []float64{0, 0.5, 1} {
				for _, unlike := range []bool{false, true} {
					if (common < 1 || size[1] == 20 && !unlike) && (all || n.name == "normal" || common == 0.5 && !unlike) {
						w = append(w, world{n, n, common, unlike, size[0], size[1]})
					}
				}
			}
		}
	}
	return w
}

// The band of some groups holds points of another one: 90 % at least, 95 %
// (less the chance of a simulation) where that is proven, and it is not much
// wider than the one that would be right.
func TestSimulatedBandCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	for _, w := range worlds(sims > few) {
		r, held, width := seeded(17), 0.0, 0.0
		var ids []string
		for g := range w.groups {
			for range w.each {
				ids = append(ids, fmt.Sprint(g))
			}
		}
		for range sims {
			var residuals []float64
			for range w.groups {
				residuals = append(residuals, w.draw(r, w.each)...)
			}
			b, err := NewBand(residuals, make([]float64, len(residuals)), ids, false)
			if err != nil {
				t.Fatal(err)
			}
			width += b.Half / float64(sims)
			for range 5 { // new groups
				for _, e := range w.draw(r, 4) {
					if math.Abs(e) <= b.Half {
						held += 1.0 / 20
					}
				}
			}
		}
		wide := width / w.oracle(r)
		least, most := 90.0, 1.4
		switch {
		case w.groups >= enough:
			least = 94
		case w.groups < 12:
			most = 1.7
		}
		if v := rate(t, fmt.Sprintf("%v: %.2f times as wide", w, wide), held, sims); v < least || wide > most {
			t.Errorf("%v: holds %.2f %%, %.2f times as wide as needed; want %v %% and %v times", w, v, wide, least, most)
		}
	}
}

// All of it together: seven workloads that differ by 8 % of what their load
// draws are left out in turn, and the band of the residuals holds an eighth
// around the model of all seven.
func TestSimulatedBandOfModel(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	loads := []float64{0.1, 0.25, 0.5, 0.75, 1}
	for _, relative := range []bool{false, true} {
		r, held := seeded(20), 0.0
		for range sims {
			var points []Point
			for g := range 8 {
				dynamic := 100 * (1 + 0.08*r.NormFloat64())
				for _, load := range slices.Repeat(loads, 2) {
					y := (30 + dynamic*load) * (1 + 0.01*r.NormFloat64())
					points = append(points, Point{X: []float64{load}, Y: y, Group: fmt.Sprint(g)})
				}
			}
			known, unseen := points[:70], points[70:]
			v, err := CrossValidate(known, fitLinear(0), wmape)
			if err != nil {
				t.Fatal(err)
			}
			b, err := NewBand(v.Truth, v.Predicted, v.Group, relative)
			if err != nil {
				t.Fatal(err)
			}
			predict, _ := fitLinear(0)(known)
			for _, p := range unseen {
				if i := b.Around(predict(p.X)); i.Low <= p.Y && p.Y <= i.High {
					held += 0.1
				}
			}
		}
		if v := rate(t, fmt.Sprintf("band of a model of 7 workloads, relative %v", relative), held, sims); v < 90 {
			t.Errorf("the band holds %.2f %% of an eighth workload, want 90 %%", v)
		}
	}
}
