package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// design is a least squares problem by columns: the constant of the intercept
// first, if there is one, then the features. Points without weight are left
// out, and each row is multiplied by the root of its weight, so that none need
// be thought of any more.
type design struct {
	columns [][]float64
	y       []float64
	root    []float64 // of the weights, the largest of which is 1
	options Options
}

func newDesign(rows [][]float64, y []float64, o Options) design {
	d := design{options: o}
	largest := 1.0
	if o.Weights != nil {
		largest = slices.Max(o.Weights)
	}
	var kept [][]float64
	for i, row := range rows {
		if w := weight(o.Weights, i); w > 0 {
			root := math.Sqrt(w / largest)
			kept = append(kept, row)
			d.root = append(d.root, root)
			d.y = append(d.y, root*y[i])
		}
	}
	if o.Intercept {
		d.columns = append(d.columns, slices.Clone(d.root))
	}
	for j := range rows[0] {
		column := make([]float64, len(kept))
		for i, row := range kept {
			column[i] = d.root[i] * row[j]
		}
		d.columns = append(d.columns, column)
	}
	return d
}

// penalty is what a coefficient of 1 of a column adds to the residuals: the
// square of it is Ridge times the column's sum of squares about its mean. The
// intercept's is 0.
func (d design) penalty(j int) float64 {
	if d.options.Ridge == 0 || d.options.Intercept && j == 0 {
		return 0
	}
	mean := 0.0
	if d.options.Intercept {
		mean = floats.Dot(d.root, d.columns[j]) / floats.Dot(d.root, d.root)
	}
	about := slices.Clone(d.columns[j])
	floats.AddScaled(about, -mean, d.root)
	return math.Sqrt(d.options.Ridge) * floats.Norm(about, 2)
}

// normalize gives a vector length 1 and returns what it was divided by. What
// has no length is 0, over 1.
func normalize(v []float64) float64 {
	length := floats.Norm(v, 2)
	if naught(length) {
		clear(v)
		return 1
	}
	for i := range v {
		v[i] /= length // 1/length may be infinite
	}
	return length
}

// square gives the same problem in as many rows as it has columns and one
// more, y's: the triangle of a QR decomposition, as what is orthogonal changes
// no sum of squares. Columns have length 1 in it. A solution x of it stands for
// the coefficients unit*x.
func (d design) square() (columns []*mat.VecDense, y *mat.VecDense, unit []float64) {
	n, points := len(d.columns), len(d.y)
	all := mat.NewDense(points+n+1, n+1, nil)
	size := normalize(d.y)
	for i, v := range d.y {
		all.Set(i, n, v)
	}
	for j, c := range d.columns {
		length := normalize(c)
		penalty := d.penalty(j)
		longer := math.Hypot(1, penalty)
		for i, v := range c {
			all.Set(i, j, v/longer)
		}
		all.Set(points+j, j, penalty/longer)
		unit = append(unit, size/length/longer)
	}
	var qr mat.QR
	qr.Factorize(all)
	var r mat.Dense
	qr.RTo(&r)
	for j := range n {
		columns = append(columns, mat.NewVecDense(n+1, mat.Col(nil, j, &r)[:n+1]))
	}
	return columns, mat.NewVecDense(n+1, mat.Col(nil, n, &r)[:n+1]), unit
}
