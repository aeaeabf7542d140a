package pca

import (
	"fmt"
	"math"
)

// Eigen returns the k greatest eigenvalues of the symmetric n x n matrix a, in
// descending order, and their eigenvectors, one a row of n, of unit length and
// with the component of the greatest magnitude positive. It overwrites a.
//
// The matrix is made tridiagonal by Householder reflections; eigenvalues are
// bisected for by Sturm's count and vectors found by inverse iteration (Golub and
// Van Loan, Matrix Computations, 4th edition, 8.3.1, 8.4.1 and 8.2.2). All of it
// is the basic operations and the square root, which IEEE 754 rounds in one way.
func Eigen(a []float64, n, k int) (values, vectors []float64, err error) {
	if n < 1 || len(a) != n*n || k < 1 || k > n {
		return nil, nil, fmt.Errorf("find %d eigenvalues of a matrix of %d rows and %d numbers: it must be square, and can't have more of them than rows", k, n, len(a))
	}
	for _, v := range a {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, fmt.Errorf("find eigenvalues: the matrix has %v in it", v)
		}
	}
	t := tridiagonal{diag: make([]float64, n), off: make([]float64, n)}
	beta := t.reduce(a, n)
	values = t.greatest(k)
	vectors = make([]float64, k*n)
	t.vectors(vectors, values)
	back(a, beta, vectors, n, k)
	for i := range k {
		upright(vectors[i*n : (i+1)*n])
	}
	return values, vectors, nil
}

// tridiagonal is a symmetric matrix with off[i] beside diag[i]; the last of off
// is 0.
type tridiagonal struct{ diag, off []float64 }

// reduce makes a tridiagonal. The reflections I - beta v vᵀ remain: the v of the
// k-th in row k of a, from column k+1.
//
// The update of a step waits for the next one's vector, so that one pass over
// the matrix does for both.
func (t tridiagonal) reduce(a []float64, n int) (beta []float64) {
	beta = make([]float64, n)
	v, w, next, p := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range n {
		row := a[k*n : (k+1)*n]
		for j := k; j < n; j++ {
			row[j] -= float64(v[k]*w[j]) + float64(w[k]*v[j])
		}
		t.diag[k] = row[k]
		if k+1 == n {
			break
		}
		if k+2 == n {
			t.off[k] = row[k+1]
			continue
		}
		x := row[k+1:]
		t.off[k], beta[k] = reflect(x)
		copy(next[k+1:], x)
		for i := k + 1; i < n; i++ {
			p[i] = beta[k] * updateDot(a[i*n+k+1:(i+1)*n], v[k+1:], w[k+1:], next[k+1:], v[i], w[i])
		}
		half := beta[k] / 2 * dot(p[k+1:], next[k+1:])
		for i := k + 1; i < n; i++ {
			w[i] = p[i] - float64(half*next[i])
		}
		v, next = next, v
	}
	return beta
}

// reflect turns x into the vector of the reflection that leaves of x its first
// number alone, and says what that becomes.
func reflect(x []float64) (first, beta float64) {
	rest := dot(x[1:], x[1:])
	if rest == 0 {
		first = x[0]
		clear(x)
		return first, 0
	}
	norm := math.Sqrt(float64(x[0]*x[0]) + rest)
	if x[0] > 0 {
		norm = -norm // x[0] - norm must not cancel
	}
	first = norm
	x[0] -= norm
	return first, 2 / (float64(x[0]*x[0]) + rest)
}

// below counts the eigenvalues that are less than x, by the signs of the pivots
// of T - x I.
func (t tridiagonal) below(x float64, squares []float64, tiny float64) int {
	n := 0
	q := t.diag[0] - x
	for i := 0; ; {
		if math.Abs(q) < tiny {
			q = -tiny
		}
		if q < 0 {
			n++
		}
		if i++; i == len(t.diag) {
			return n
		}
		q = t.diag[i] - x - squares[i-1]/q
	}
}

// bounds are Gershgorin's.
func (t tridiagonal) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	before := 0.0
	for i, d := range t.diag {
		r := before + math.Abs(t.off[i])
		low, high = min(low, d-r), max(high, d+r)
		before = math.Abs(t.off[i])
	}
	return low, high
}

const epsilon = 0x1p-52

// tiny is what a pivot is at least: less is lost beside the matrix anyway.
func (t tridiagonal) tiny() float64 {
	low, high := t.bounds()
	return max(max(math.Abs(low), math.Abs(high))*epsilon*epsilon, 0x1p-1000)
}

func (t tridiagonal) greatest(k int) []float64 {
	squares := make([]float64, len(t.off))
	for i, e := range t.off {
		squares[i] = e * e
	}
	low, high := t.bounds()
	tiny, size := t.tiny(), max(math.Abs(low), math.Abs(high))
	values := make([]float64, k)
	if size == 0 {
		return values
	}
	margin := float64(2*epsilon*size) + tiny
	low, high = low-margin, high+margin
	for i := range values {
		// The count at lo is at most n-1-i, that at hi is more.
		lo, hi := low, high
		for {
			mid := lo + float64((hi-lo)/2)
			if hi-lo <= float64(2*epsilon*max(math.Abs(lo), math.Abs(hi)))+tiny || mid <= lo || mid >= hi {
				values[i] = mid
				if i > 0 {
					values[i] = min(mid, values[i-1]) // the intervals may end differently
				}
				break
			}
			if t.below(mid, squares, tiny) <= len(t.diag)-1-i {
				lo = mid
			} else {
				hi = mid
			}
		}
		high = hi // the next one is no greater
	}
	return values
}

// upright gives a vector its sign, of which eigenvectors have none.
func upright(v []float64) {
	greatest := 0
	for i := range v {
		if math.Abs(v[i]) > math.Abs(v[greatest]) {
			greatest = i
		}
	}
	if v[greatest] < 0 {
		for i := range v {
			v[i] = -v[i]
		}
	}
}

// back turns eigenvectors of the tridiagonal matrix into those of the one it was
// made of. All vectors are reflected together, each in a lane of its own.
func back(a, beta, vectors []float64, n, k int) {
	z := make([]float64, n*k)
	for i := range k {
		for j := range n {
			z[j*k+i] = vectors[i*n+j]
		}
	}
	s := make([]float64, k)
	for r := n - 3; r >= 0; r-- {
		if beta[r] == 0 {
			continue
		}
		clear(s)
		v := a[r*n : (r+1)*n]
		for j := r + 1; j < n; j++ {
			axpy(s, z[j*k:(j+1)*k], v[j])
		}
		for j := r + 1; j < n; j++ {
			axpy(z[j*k:(j+1)*k], s, -(beta[r] * v[j]))
		}
	}
	for i := range k {
		for j := range n {
			vectors[i*n+j] = z[j*k+i]
		}
	}
}
