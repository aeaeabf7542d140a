package fit

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestNNLS(t *testing.T) {
	for _, c := range []struct {
		name      string
		rows      [][]float64
		y         []float64
		o         Options
		intercept float64
		coef      []float64
	}{
		{"a line", [][]float64{{0}, {1}, {2}}, []float64{5, 7, 9}, Options{Intercept: true}, 5, []float64{2}},
		{"through 0", [][]float64{{1}, {2}}, []float64{2, 5}, Options{}, 0, []float64{12.0 / 5}},
		{"falls", [][]float64{{0}, {1}, {2}}, []float64{5, 4, 3}, Options{Intercept: true}, 4, []float64{0}},
		{"below 0 at 0", [][]float64{{1}, {2}}, []float64{1, 3}, Options{Intercept: true}, 0, []float64{7.0 / 5}},
		{"all below 0", [][]float64{{1}, {2}}, []float64{-1, -3}, Options{Intercept: true}, 0, []float64{0}},
		// With no bound it would be 2, -1: x/y plane, nearest on the first axis.
		{"one bound", [][]float64{{1, 0}, {0, 1}, {1, 1}}, []float64{2, -1, 1}, Options{}, 0, []float64{1.5, 0}},
		{"weights", [][]float64{{0}, {1}, {1}}, []float64{1, 2, 5}, Options{Intercept: true, Weights: []float64{1, 2, 1}}, 1, []float64{2}},
		{"no weight", [][]float64{{0}, {1}, {2}}, []float64{1, 2, 99}, Options{Intercept: true, Weights: []float64{3, 3, 0}}, 1, []float64{1}},
		// A lone coefficient is 1/(1+ridge) of what it would be, whatever its unit,
		// and the intercept follows: the mean stays.
		{"ridge", [][]float64{{0}, {1000}, {2000}}, []float64{0, 1, 2}, Options{Intercept: true, Ridge: 1}, 0.5, []float64{0.0005}},
		{"ridge through 0", [][]float64{{1}, {2}}, []float64{4, 8}, Options{Ridge: 3}, 0, []float64{1}},
		{"only an intercept", [][]float64{{}, {}}, []float64{4, 8}, Options{Intercept: true}, 6, []float64{}},
		{"nothing to fit", [][]float64{{}, {}}, []float64{4, 8}, Options{}, 0, []float64{}},
		{"constant feature", [][]float64{{3, 0}, {3, 1}}, []float64{6, 7}, Options{Intercept: true}, 6, []float64{0, 1}},
		{"zero feature", [][]float64{{0, 1}, {0, 2}}, []float64{6, 12}, Options{Ridge: 1e-9}, 0, []float64{0, 6 / (1 + 1e-9)}},
		// The second makes the residual no shorter that a float could tell.
		{"a little of one", [][]float64{{1, 0}, {0, 1}, {0, 0}}, []float64{1, 1e-9, 1}, Options{}, 0, []float64{1, 1e-9}},
		{"truth of 0", [][]float64{{1}, {2}}, []float64{0, 0}, Options{Intercept: true}, 0, []float64{0}},
	} {
		got, err := NNLS(c.rows, c.y, c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		close := func(a, b float64) bool { return near(a, b) || math.Abs(a-b) < 1e-13 }
		if !close(got.Intercept, c.intercept) || !slices.EqualFunc(got.Coef, c.coef, close) {
			t.Errorf("%s: %v and %v, want %v and %v", c.name, got.Intercept, got.Coef, c.intercept, c.coef)
		}
	}
}

func TestNNLSRefuses(t *testing.T) {
	rows, y := [][]float64{{1, 2}, {3, 4}}, []float64{1, 2}
	for _, c := range []struct {
		rows [][]float64
		y    []float64
		o    Options
		kind error
		text string
	}{
		{rows, y[:1], Options{}, ErrInput, "2 rows of features and 1 y"},
		{[][]float64{{1, 2}, {3}}, y, Options{}, ErrInput, "point 1 has 1 features, the first has 2"},
		{[][]float64{{1, 2}, {3, nan}}, y, Options{}, ErrInput, "feature 1 of point 1 is NaN"},
		{[][]float64{{1, 2}, {1e101, 3}}, y, Options{}, ErrInput, "feature 0 of point 1 is 1e+101"},
		{rows, []float64{1, math.Inf(1)}, Options{}, ErrInput, "y[1] is +Inf"},
		{rows, y, Options{Ridge: -1}, ErrInput, "a ridge of -1"},
		{rows, y, Options{Ridge: nan}, ErrInput, "a ridge of NaN"},
		{rows, y, Options{Weights: []float64{1}}, ErrInput, "1 weights"},
		{rows, y, Options{Weights: []float64{1, nan}}, ErrInput, "weight 1 is NaN"},
		{rows, y, Options{Weights: []float64{0, 0}}, ErrTooFew, "has weight"},
		{nil, nil, Options{}, ErrTooFew, "has weight"},
	} {
		_, err := NNLS(c.rows, c.y, c.o)
		wants(t, err, c.kind, c.text)
	}
}

func TestLinear(t *testing.T) {
	l, err := NNLS([][]float64{{0, 4}, {1, 2}, {2, 7}, {-9, 9}}, []float64{1, 3, 5, 1}, Options{Intercept: true, Weights: []float64{1, 1, 1, 0}})
	if err != nil || !near(l.At([]float64{3, 100}), 7) {
		t.Errorf("%+v, %v", l, err)
	}
	for _, c := range []struct {
		x    []float64
		want bool
	}{{[]float64{0, 2}, true}, {[]float64{2, 7}, true}, {[]float64{2.1, 7}, false}, {[]float64{-1, 7}, false}, {[]float64{1}, false}, {[]float64{1, nan}, false}} {
		if l.Covers(c.x) != c.want {
			t.Errorf("covers %v: %v", c.x, !c.want)
		}
	}
	if !math.IsNaN(l.At([]float64{1})) {
		t.Error("a prediction from half of the features")
	}
}

// What says nothing new has no coefficient, and none is large for the difference
// of two that are nearly equal.
func TestNNLSOfDependentColumns(t *testing.T) {
	r := seeded(19)
	for range 500 {
		var rows [][]float64
		var y []float64
		constant, off := 100*r.Float64(), math.Pow(10, -18+5*r.Float64())
		for range 15 {
			v := r.Float64()
			rows = append(rows, []float64{constant, v, v * (1 + off*r.NormFloat64())})
			y = append(y, 30+5*v+r.NormFloat64())
		}
		l, err := NNLS(rows, y, Options{Intercept: true})
		if err != nil || l.Coef[0] != 0 || l.Coef[1] != 0 && l.Coef[2] != 0 || l.Coef[1]+l.Coef[2] > 20 {
			t.Fatalf("%+v, %v: columns differ by %v", l, err, off)
		}
	}
}

// problem is random, and of a kind that breaks careless code: columns that are
// equal, sums of others, 0, constant, of sizes that differ by 10^18, fewer
// points than columns.
type problem struct {
	rows [][]float64
	y    []float64
	o    Options
}

func randomProblem(r *rand.Rand) problem {
	n, points := 1+r.IntN(6), 1+r.IntN(20)
	p := problem{o: Options{Intercept: r.IntN(2) == 0}}
	if r.IntN(2) == 0 {
		p.o.Ridge = math.Pow(10, -6+8*r.Float64())
	}
	columns := make([][]float64, n)
	for j := range columns {
		columns[j] = randomColumn(r, columns[:j], points)
	}
	for i := range points {
		row := make([]float64, n)
		for j := range row {
			row[j] = columns[j][i]
		}
		p.rows = append(p.rows, row)
		p.y = append(p.y, 20*r.NormFloat64()+30)
	}
	if r.IntN(2) == 0 {
		for range points {
			p.o.Weights = append(p.o.Weights, float64(r.IntN(4)))
		}
		p.o.Weights[0] = 2
	}
	return p
}

func randomColumn(r *rand.Rand, others [][]float64, points int) []float64 {
	c := make([]float64, points)
	kind, scale := r.IntN(8), math.Pow(10, -9+18*r.Float64())
	for i := range c {
		switch {
		case kind == 0:
			c[i] = 0
		case kind == 1:
			c[i] = scale
		case kind == 2 && len(others) > 0:
			c[i] = others[0][i]
		case kind == 3 && len(others) > 1:
			c[i] = others[0][i] + others[1][i]
		case kind == 4:
			c[i] = scale * r.Float64()
		default:
			c[i] = scale * r.NormFloat64()
		}
	}
	return c
}

// plain is the same problem as a matrix, without any cleverness: rows times the
// root of the weight, penalties as rows, the constant as the last column.
func (p problem) plain() (a *mat.Dense, b *mat.VecDense) {
	n, m := len(p.rows[0]), len(p.rows)
	a, b = mat.NewDense(m+n, n+1, nil), mat.NewVecDense(m+n, nil)
	for i, row := range p.rows {
		root := math.Sqrt(weight(p.o.Weights, i))
		for j, v := range row {
			a.Set(i, j, root*v)
		}
		if p.o.Intercept {
			a.Set(i, n, root)
		}
		b.SetVec(i, root*p.y[i])
	}
	for j := range n {
		var sum, weights, squares float64
		for i, row := range p.rows {
			w := weight(p.o.Weights, i)
			sum, weights = sum+w*row[j], weights+w
		}
		for i, row := range p.rows {
			about := row[j]
			if p.o.Intercept {
				about -= sum / weights
			}
			squares += weight(p.o.Weights, i) * about * about
		}
		a.Set(m+j, j, math.Sqrt(p.o.Ridge*squares))
	}
	return a, b
}

func column(a mat.Matrix, j int) *mat.VecDense {
	rows, _ := a.Dims()
	return mat.NewVecDense(rows, mat.Col(nil, j, a))
}

// distance is the length of b - a*x.
func distance(a *mat.Dense, b *mat.VecDense, x []float64) (*mat.VecDense, float64) {
	var r mat.VecDense
	r.MulVec(a, mat.NewVecDense(len(x), x))
	r.SubVec(b, &r)
	return &r, mat.Norm(&r, 2)
}

func TestNNLSIsOptimal(t *testing.T) {
	r := seeded(5)
	for range 3000 {
		randomProblem(r).isOptimal(t)
	}
}

// Columns of a common part are nearly sums of others, and half of them would be
// below 0.
func TestNNLSOfManyColumns(t *testing.T) {
	r := seeded(18)
	for range 5 {
		p := problem{o: Options{Intercept: true}}
		for range 300 {
			common, row := r.Float64(), make([]float64, 40)
			for j := range row {
				row[j] = common + 0.01*r.Float64()
			}
			p.rows, p.y = append(p.rows, row), append(p.y, 30+100*common+r.NormFloat64())
		}
		p.isOptimal(t)
	}
}

// isOptimal checks the conditions of Kuhn and Tucker: no coefficient below 0, no
// gradient that wants one of 0 to be above, none at all where it is above.
func (p problem) isOptimal(t *testing.T) {
	t.Helper()
	l, err := NNLS(p.rows, p.y, p.o)
	if err != nil {
		t.Fatal(err)
	}
	a, b := p.plain()
	x := append(slices.Clone(l.Coef), l.Intercept)
	residual, _ := distance(a, b, x)
	for j, v := range x {
		c := column(a, j)
		size := mat.Norm(c, 2) * mat.Norm(b, 2)
		if g := mat.Dot(c, residual); v < 0 || g > 1e-10*size || v > 0 && g < -1e-10*size {
			t.Fatalf("coefficient %d is %v and its gradient %v of %v: %+v", j, v, g, size, p)
		}
	}
}

// The best of all sets of columns that has no coefficient below 0, by their
// least squares, is not better.
func TestNNLSAgainstBruteForce(t *testing.T) {
	r := seeded(6)
	for range 400 {
		p := randomProblem(r)
		l, err := NNLS(p.rows, p.y, p.o)
		if err != nil {
			t.Fatal(err)
		}
		a, b := p.plain()
		_, got := distance(a, b, append(slices.Clone(l.Coef), l.Intercept))
		if best := bruteForce(a, b); got > best+1e-9*mat.Norm(b, 2) {
			t.Fatalf("residual of %v, %v is possible: %+v", got, best, p)
		}
	}
}

func bruteForce(a *mat.Dense, b *mat.VecDense) float64 {
	m, n := a.Dims()
	best := mat.Norm(b, 2)
	for set := 1; set < 1<<n; set++ {
		var cols []*mat.VecDense
		for j := range n {
			if c := column(a, j); set&(1<<j) != 0 {
				if length := mat.Norm(c, 2); length > 0 {
					c.ScaleVec(1/length, c)
				}
				cols = append(cols, c)
			}
		}
		if len(cols) > m {
			continue
		}
		s := mat.NewDense(m, len(cols), nil)
		for k, c := range cols {
			s.SetCol(k, c.RawVector().Data)
		}
		var qr mat.QR
		qr.Factorize(s)
		var x mat.VecDense
		if qr.SolveVecTo(&x, false, b) != nil || mat.Min(&x) < 0 {
			continue
		}
		_, d := distance(s, b, x.RawVector().Data)
		best = min(best, d)
	}
	return best
}

// power is what a machine of known coefficients draws: features of very unlike
// sizes, as shares and counters are.
func power(r *rand.Rand, points int, noise float64) (rows [][]float64, y []float64, coef []float64) {
	coef = []float64{12, 0, 3e-8, 0.4, 5e-10}
	for range points {
		row := []float64{r.Float64(), r.Float64(), 1e9 * r.Float64(), 64 * r.Float64(), 1e11 * r.Float64()}
		rows = append(rows, row)
		y = append(y, Linear{Intercept: 35, Coef: coef}.At(row)+noise*r.NormFloat64())
	}
	return rows, y, coef
}

func TestNNLSRecoversExactly(t *testing.T) {
	rows, y, coef := power(seeded(7), 60, 0)
	l, err := NNLS(rows, y, Options{Intercept: true})
	if err != nil || !near(l.Intercept, 35) {
		t.Fatalf("%+v, %v", l, err)
	}
	for j, want := range coef {
		if !near(l.Coef[j], want) && !(want == 0 && l.Coef[j] < 1e-9) {
			t.Errorf("coefficient %d is %v, want %v", j, l.Coef[j], want)
		}
	}
}

// With noise of 2 W a coefficient is off by 2 W / (sd of the feature * root of
// the points) typically: by no more than 5 times that in 200 fits, and by about
// that in their root mean square.
func TestNNLSRecoversWithinNoise(t *testing.T) {
	const points, fits = 120, 200
	r, squares := seeded(8), make([]float64, 5)
	for range fits {
		rows, y, coef := power(r, points, 2)
		l, err := NNLS(rows, y, Options{Intercept: true})
		if err != nil {
			t.Fatal(err)
		}
		for j, width := range []float64{1, 1, 1e9, 64, 1e11} {
			typical := 2 / (width / math.Sqrt(12) * math.Sqrt(points))
			off := (l.Coef[j] - coef[j]) / typical
			if squares[j] += off * off / fits; math.Abs(off) > 5 {
				t.Errorf("coefficient %d is %v, %v times the expected error from %v", j, l.Coef[j], off, coef[j])
			}
		}
	}
	for j, s := range squares {
		// The bound at 0 halves what the true 0 is off by.
		if s = math.Sqrt(s); j != 1 && (s < 0.8 || s > 1.25) || s > 1.25 {
			t.Errorf("coefficient %d is off by %v times the expected error", j, s)
		}
	}
}

// Counters of the same work are nearly equal. Without a ridge noise divides the
// power between them (50 each, give or take 25), with a little they share it.
func TestNNLSRidgeSharesBetweenLikeColumns(t *testing.T) {
	r := seeded(9)
	var rows [][]float64
	var y []float64
	for range 200 {
		work := r.Float64()
		rows = append(rows, []float64{work + 1e-3*r.NormFloat64(), 1e9 * (work + 1e-3*r.NormFloat64())})
		y = append(y, 20+100*work+0.5*r.NormFloat64())
	}
	l, err := NNLS(rows, y, Options{Intercept: true, Ridge: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := l.Coef[0], l.Coef[1]*1e9; math.Abs(a-b) > 5 || math.Abs(a+b-100) > 1 {
		t.Errorf("%v and %v, want 50 each", a, b)
	}
}

func FuzzNNLS(f *testing.F) {
	f.Add([]byte{2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{3, 3, 9, 252, 250, 253, 1, 254, 251, 0, 0, 7, 255, 3, 3, 3, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 3 {
			return
		}
		n := int(b[0] % 7)
		p := problem{o: Options{Intercept: b[1]&1 != 0, Ridge: math.Abs(odd(b[2]))}}
		weighted := b[1]&2 != 0
		for b = b[3:]; len(b) >= n+2; b = b[n+2:] {
			var row []float64
			for _, v := range b[:n] {
				row = append(row, odd(v))
			}
			p.rows, p.y = append(p.rows, row), append(p.y, odd(b[n]))
			if weighted {
				p.o.Weights = append(p.o.Weights, math.Abs(odd(b[n+1])))
			}
		}
		l, err := NNLS(p.rows, p.y, p.o)
		if err != nil {
			return
		}
		p.holds(t, l)
	})
}

// holds checks that a fit to what can be extreme is one, and no worse than none
// or the mean.
func (p problem) holds(t *testing.T, l Linear) {
	t.Helper()
	for _, v := range append(slices.Clone(l.Coef), l.Intercept) {
		if !(v >= 0) || math.IsInf(v, 0) {
			t.Fatalf("coefficients %v and %v of %+v", l.Intercept, l.Coef, p)
		}
	}
	var got, none, truth float64
	for i, row := range p.rows {
		root := math.Sqrt(weight(p.o.Weights, i)) / 1e60
		got = math.Hypot(got, root*(p.y[i]-l.At(row)))
		none = math.Hypot(none, root*p.y[i])
		truth = max(truth, root*math.Abs(p.y[i]))
	}
	if got > none+1e-9*truth {
		t.Fatalf("residual of %v, without a model %v: %+v of %+v", got, none, l, p)
	}
}
