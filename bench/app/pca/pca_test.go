package pca

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// images are random: part of them noise, the others the sum of a few patterns,
// with columns that never vary.
func images(seed uint64, rows, cols int) Pixels {
	r := rand.New(rand.NewPCG(seed, 1))
	x := Pixels{Rows: rows, Cols: cols, V: make([]uint8, rows*cols)}
	for i := range rows {
		a, b := r.IntN(128), r.IntN(64)
		for j := range cols {
			switch j % 7 {
			case 0: // always 0
			case 1:
				x.V[i*cols+j] = 255
			case 2, 3:
				x.V[i*cols+j] = uint8(a + r.IntN(20))
			case 4:
				x.V[i*cols+j] = uint8(2*b + r.IntN(3))
			default:
				if r.IntN(3) == 0 {
					x.V[i*cols+j] = uint8(r.IntN(256))
				}
			}
		}
	}
	return x
}

// Three points on a line and one beside it, by hand: columns 0 2 4 2 and
// 0 2 4 6 have means 2 and 3, squared deviations 8 and 20, product 8.
func TestCovarianceByHand(t *testing.T) {
	mean, cov, err := Covariance(Pixels{Rows: 4, Cols: 2, V: []uint8{0, 0, 2, 2, 4, 4, 2, 6}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "means", mean, []float64{2, 3}, 0)
	equal(t, "covariance", cov, []float64{8. / 3, 8. / 3, 8. / 3, 20. / 3}, 1e-15)
}

func TestCovarianceAgreesWithGonum(t *testing.T) {
	for _, size := range []struct{ rows, cols int }{{2, 1}, {3, 5}, {40, 16}, {41, 17}, {1023, 40}, {1025, 33}, {2049, 50}} {
		x := images(3, size.rows, size.cols)
		_, cov, err := Covariance(x)
		if err != nil {
			t.Fatal(err)
		}
		v := make([]float64, len(x.V))
		for i := range v {
			v[i] = float64(x.V[i])
		}
		var want mat.SymDense
		stat.CovarianceMatrix(&want, mat.NewDense(x.Rows, x.Cols, v), nil)
		for i := range x.Cols {
			for j := range x.Cols {
				if got := cov[i*x.Cols+j]; math.Abs(got-want.At(i, j)) > 1e-9 {
					t.Fatalf("%d x %d: covariance of %d and %d is %v, want %v", x.Rows, x.Cols, i, j, got, want.At(i, j))
				}
			}
		}
	}
}

// Sums are exact in both kernels, also where all pixels are as bright as can be
// and there are more rows than 32 bits hold the squares of.
func TestScatterIsExact(t *testing.T) {
	bright := Pixels{Rows: pairRows + 1030, Cols: 3, V: make([]uint8, (pairRows+1030)*3)}
	for i := range bright.V {
		bright.V[i] = 255
	}
	for _, x := range []Pixels{bright, images(1, 7, 3), images(2, 1026, 35)} {
		for name, kernel := range map[string]func(Pixels) []int64{"pairs": scatterPairs, "chosen": scatter} {
			got := kernel(x)
			for i := range x.Cols {
				for j := i; j < x.Cols; j++ {
					var want int64
					for r := range x.Rows {
						want += int64(x.V[r*x.Cols+i]) * int64(x.V[r*x.Cols+j])
					}
					if got[i*x.Cols+j] != want {
						t.Fatalf("%s: %d x %d: product of columns %d and %d is %d, want %d", name, x.Rows, x.Cols, i, j, got[i*x.Cols+j], want)
					}
				}
			}
		}
	}
}

func TestCovarianceRefuses(t *testing.T) {
	for _, x := range []Pixels{{}, {Rows: 1, Cols: 1, V: []uint8{1}}, {Rows: 2, Cols: 2, V: []uint8{1, 2, 3}}, {Rows: maxRows + 1, Cols: 1}} {
		if _, _, err := Covariance(x); err == nil {
			t.Errorf("%d rows of %d columns with %d pixels are taken", x.Rows, x.Cols, len(x.V))
		}
	}
}

// Known pairs. The second difference matrix has 2 - 2 cos(kπ/(n+1)) (Golub and
// Van Loan, 4.8.3); the matrix of ones has n once and 0 otherwise.
func TestEigenKnown(t *testing.T) {
	equalPairs(t, "2 1 1 2", []float64{2, 1, 1, 2}, 2, []float64{3, 1}, []float64{math.Sqrt2 / 2, math.Sqrt2 / 2, math.Sqrt2 / 2, -math.Sqrt2 / 2})
	equalPairs(t, "one number", []float64{-7}, 1, []float64{-7}, []float64{1})
	equalPairs(t, "diagonal", []float64{1, 0, 0, 0, 5, 0, 0, 0, 3}, 3, []float64{5, 3, 1}, []float64{0, 1, 0, 0, 0, 1, 1, 0, 0})
	// Eigenvalues 9, 6 and 3 belong to (2 1 2)/3, (-1 -2 2)/3... : built from them.
	q := []float64{2. / 3, 1. / 3, 2. / 3, 2. / 3, -2. / 3, -1. / 3, 1. / 3, 2. / 3, -2. / 3}
	equalPairs(t, "three vectors of thirds", compose([]float64{9, 6, 3}, q, 3), 3, []float64{9, 6, 3}, []float64{2. / 3, 1. / 3, 2. / 3, 2. / 3, -2. / 3, -1. / 3, -1. / 3, -2. / 3, 2. / 3})
	const n = 50
	second := make([]float64, n*n)
	ones := make([]float64, n*n)
	want := make([]float64, n)
	for i := range n {
		second[i*n+i] = 2
		if i > 0 {
			second[i*n+i-1], second[(i-1)*n+i] = -1, -1
		}
		want[i] = 2 - 2*math.Cos(float64(n-i)*math.Pi/(n+1))
	}
	for i := range ones {
		ones[i] = 1
	}
	equalPairs(t, "second difference", second, n, want, nil)
	equalPairs(t, "ones", ones, n, append([]float64{n}, make([]float64, n-1)...), nil)
	equalPairs(t, "zeros", make([]float64, n*n), n, make([]float64, n), nil)
}

// compose makes the matrix that has the eigenvalues, and the rows of q as
// eigenvectors.
func compose(values, q []float64, n int) []float64 {
	a := make([]float64, n*n)
	for k, v := range values {
		for i := range n {
			for j := range n {
				a[i*n+j] += v * q[k*n+i] * q[k*n+j]
			}
		}
	}
	return a
}

func equalPairs(t *testing.T, name string, a []float64, n int, wantValues, wantVectors []float64) {
	t.Helper()
	values, vectors := eigen(t, name, a, n, len(wantValues))
	equal(t, name+": eigenvalues", values, wantValues, 1e-13*n64(n))
	if wantVectors != nil {
		for i := range wantValues {
			want := append([]float64{}, wantVectors[i*n:(i+1)*n]...)
			got := vectors[i*n : (i+1)*n]
			if dot(got, want) < 0 { // two numbers of the greatest magnitude
				for j := range want {
					want[j] = -want[j]
				}
			}
			equal(t, name+": eigenvector", got, want, 1e-13)
		}
	}
}

func n64(n int) float64 { return float64(n) }

// eigen checks what holds of any eigenvectors: A v = λ v, and V Vᵀ = I.
func eigen(t *testing.T, name string, a []float64, n, k int) (values, vectors []float64) {
	t.Helper()
	size := 0.0
	for _, v := range a {
		size += v * v
	}
	values, vectors, err := Eigen(append([]float64{}, a...), n, k)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	close := 1e-14 * n64(n)
	for i := range k {
		v := vectors[i*n : (i+1)*n]
		if i > 0 && values[i] > values[i-1] {
			t.Errorf("%s: eigenvalue %d is greater than the one before", name, i)
		}
		for j := range n {
			if r := dot(a[j*n:(j+1)*n], v) - values[i]*v[j]; math.Abs(r) > close*math.Sqrt(size) {
				t.Fatalf("%s: row %d of A v - λ v is %g for eigenvalue %d, %g", name, j, r, i, values[i])
			}
		}
		for j := range k {
			want := 0.0
			if i == j {
				want = 1
			}
			if got := dot(v, vectors[j*n:(j+1)*n]); math.Abs(got-want) > close {
				t.Fatalf("%s: vectors %d and %d have product %g", name, i, j, got)
			}
		}
	}
	return values, vectors
}

func TestEigenAgreesWithGonum(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 17, 40, 100} {
		r := rand.New(rand.NewPCG(uint64(n), 9))
		a := make([]float64, n*n)
		for i := range n {
			for j := i; j < n; j++ {
				a[i*n+j] = r.NormFloat64()
				a[j*n+i] = a[i*n+j]
			}
		}
		var f mat.EigenSym
		if !f.Factorize(mat.NewSymDense(n, append([]float64{}, a...)), false) {
			t.Fatal("no peer")
		}
		want := f.Values(nil)
		values, _ := eigen(t, "random", a, n, n)
		for i, v := range values {
			if w := want[n-1-i]; math.Abs(v-w) > 1e-13*n64(n) {
				t.Errorf("eigenvalue %d of %d is %v, want %v", i, n, v, w)
			}
		}
	}
}

func TestEigenRefuses(t *testing.T) {
	for _, c := range []struct {
		a    []float64
		n, k int
	}{{nil, 0, 0}, {[]float64{1}, 1, 2}, {[]float64{1}, 1, 0}, {[]float64{1, 2}, 2, 1}, {[]float64{math.NaN()}, 1, 1}, {[]float64{math.Inf(1)}, 1, 1}} {
		if _, _, err := Eigen(c.a, c.n, c.k); err == nil {
			t.Errorf("%v, %d rows, %d values are taken", c.a, c.n, c.k)
		}
	}
}

// All components together give the images back; the first ones leave the part of
// the variance that they don't explain.
func TestReconstruction(t *testing.T) {
	x := images(5, 300, 60)
	for _, k := range []int{1, 10, 33, 60} {
		b, err := Fit(x, k)
		if err != nil {
			t.Fatal(err)
		}
		z := b.Project(x)
		left := 0.0
		for r := range x.Rows {
			for j := range x.Cols {
				v := b.Mean[j]
				for c := range k {
					v += z[r*k+c] * b.Vectors[c*x.Cols+j]
				}
				e := v - float64(x.V[r*x.Cols+j])
				left += e * e
			}
		}
		left /= float64(x.Rows-1) * b.Total
		if math.Abs(1-left-b.Explained()) > 1e-11 {
			t.Errorf("%d components leave %g of the variance, and say they explain %g", k, left, b.Explained())
		}
	}
}

// A plane in three dimensions, by hand: (1, 1, 0) and (0, 0, 1) with variances
// 2 x 4 and 1, apart from the n-1.
func TestProjectByHand(t *testing.T) {
	x := Pixels{Rows: 4, Cols: 3, V: []uint8{10, 10, 5, 14, 14, 5, 12, 12, 4, 12, 12, 6}}
	b, err := Fit(x, 2)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "variances", b.Values, []float64{16. / 3, 2. / 3}, 1e-14)
	equal(t, "explained", []float64{b.Explained()}, []float64{1}, 1e-15)
	r := 2 * math.Sqrt2
	z := b.Project(x)
	if z[0] > 0 != (b.Vectors[0] < 0) {
		t.Errorf("signs of %v and %v", z, b.Vectors)
	}
	for i := range z {
		z[i] = math.Abs(z[i])
	}
	equal(t, "coordinates", z, []float64{r, 0, r, 0, 0, 1, 0, 1}, 1e-13)
}

func equal(t *testing.T, name string, got, want []float64, within float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", name, got, want)
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= within) {
			t.Fatalf("%s: number %d is %v, want %v", name, i, got[i], want[i])
		}
	}
}

// Vector code and plain Go agree to the last bit.
func TestKernelsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	vector := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		return v
	}
	same := func(what string, n int, a, b []float64) {
		t.Helper()
		for i := range a {
			if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
				t.Fatalf("%s of %d: number %d is %v and %v", what, n, i, a[i], b[i])
			}
		}
	}
	for n := range 70 {
		a, v, w, next := vector(n), vector(n), vector(n), vector(n)
		b := append([]float64{}, a...)
		x, y := r.NormFloat64(), r.NormFloat64()
		got := updateDot(a, v, w, next, x, y)
		var acc [lanes]float64
		whole := n &^ (lanes - 1)
		updateDotGo(&acc, b[:whole], v, w, next, x, y)
		for j := whole; j < n; j++ {
			b[j] -= float64(x*w[j]) + float64(y*v[j])
			acc[j-whole] += float64(b[j] * next[j])
		}
		same("updateDot", n, append(a, got), append(b, reduce(&acc)))

		a = vector(n)
		b = append([]float64{}, a...)
		axpy(a, v, x)
		axpyGo(b, v, x)
		same("axpy", n, a, b)

		weights := vector((n + 1) * width)
		pixels := make([]pixel, n)
		for i := range pixels {
			pixels[i] = pixel{at: int64(r.IntN(n+1) * width), value: float64(r.IntN(256))}
		}
		var p, q [width]float64
		p[3], q[3] = x, x
		projectBlock(&p, weights, pixels)
		projectGo(&q, weights, pixels)
		same("project", n, p[:], q[:])
	}
}

// Where a row's pixels are 0, passing over them changes no bit.
func TestProjectSparse(t *testing.T) {
	x := images(8, 20, 30)
	b, err := Fit(x, 5)
	if err != nil {
		t.Fatal(err)
	}
	z := b.Project(x)
	for r := range x.Rows {
		for c := range 5 {
			v := b.Vectors[c*30 : (c+1)*30]
			s := -dot(b.Mean, v)
			for j := range v {
				s += float64(float64(x.V[r*30+j]) * v[j])
			}
			if z[r*5+c] != s {
				t.Fatalf("row %d, component %d: %v, want %v", r, c, z[r*5+c], s)
			}
		}
	}
}

func BenchmarkScatter(b *testing.B) {
	x := images(1, 4096, 784)
	b.Run("chosen", func(b *testing.B) {
		for b.Loop() {
			scatter(x)
		}
	})
	b.Run("pairs", func(b *testing.B) {
		for b.Loop() {
			scatterPairs(x)
		}
	})
}

func BenchmarkEigen784(b *testing.B) {
	_, cov, err := Covariance(images(1, 4096, 784))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := Eigen(append([]float64{}, cov...), 784, 100); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProject(b *testing.B) {
	x := images(1, 4096, 784)
	basis, err := Fit(x, 100)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		basis.Project(x)
	}
}
