package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// simulations is how often a simulation is repeated: 250 times, or as often as
// FIT_SIMULATIONS says. 2000 takes a minute, tells half a percent, also tries
// more sizes and kinds of noise, and is what intervals have to stand (go test
// -run Simulated -v prints the figures).
func simulations(t *testing.T) int {
	s := os.Getenv("FIT_SIMULATIONS")
	if s == "" {
		return few
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("FIT_SIMULATIONS=%s is no number of simulations", s)
	}
	return n
}

// few simulations find what is badly wrong.
const few = 250

// chance is what a rate near 95 % of so many simulations may be off by: 2.5
// times its standard error, in percent.
func chance(sims int) float64 {
	if sims >= 2000 {
		return 0
	}
	return 250 * math.Sqrt(0.05*0.95/float64(sims))
}

// rate is how often something happened, in percent, logged.
func rate(t *testing.T, what string, count float64, of int) float64 {
	t.Helper()
	v := 100 * count / float64(of)
	t.Logf("%-60s %6.2f %%", what, v)
	return v
}

func covers(t *testing.T, what string, count float64, of int) {
	t.Helper()
	if v := rate(t, what, count, of); v < 92-chance(of) || v > 97+chance(of) {
		t.Errorf("%s: the 95 %% interval covers %.2f %%, want 92 to 97 %%", what, v)
	}
}

// noise is a distribution of mean 0 and variance 1.
type noise struct {
	name string
	draw func(r *rand.Rand) float64
}

var (
	normal = noise{"normal", (*rand.Rand).NormFloat64}
	even   = noise{"even", func(r *rand.Rand) float64 { return math.Sqrt(12) * (r.Float64() - 0.5) }}
	skewed = noise{"exponential", func(r *rand.Rand) float64 { return r.ExpFloat64() - 1 }}
	// Laplace's: heavier tails than the normal distribution's.
	tailed = noise{"two-sided exponential", func(r *rand.Rand) float64 { return (r.ExpFloat64() - r.ExpFloat64()) / math.Sqrt2 }}
	// A twentieth is far off.
	outliers = noise{"with outliers", func(r *rand.Rand) float64 {
		if r.IntN(20) == 0 {
			return r.NormFloat64() * 4 / math.Sqrt(1.75)
		}
		return r.NormFloat64() / math.Sqrt(1.75)
	}}
)

// hits is how many of the statistic's intervals hold the truth: 0 or 1 each.
func hits(t *testing.T, blocks [][]int, seed uint64, s Statistic, truth ...float64) []float64 {
	t.Helper()
	draws := 1000
	if simulations(t) <= few {
		draws = 400
	}
	d, err := Bootstrap(blocks, draws, seed, s)
	if err != nil {
		t.Fatal(err)
	}
	hit := make([]float64, len(truth))
	for i, v := range truth {
		if in := d.Interval(i); in.Low <= v && v <= in.High {
			hit[i] = 1
		}
	}
	return hit
}

func TestSimulatedMeanCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	type cell struct {
		noise
		n int
	}
	cells := []cell{{normal, 6}, {normal, 20}, {tailed, 12}, {skewed, 50}}
	if sims > few {
		cells = append(cells, cell{normal, 8}, cell{normal, 12}, cell{normal, 50}, cell{tailed, 20}, cell{even, 8}, cell{outliers, 30})
	}
	for _, c := range cells {
		r, hit := seeded(uint64(c.n)), 0.0
		for i := range sims {
			values := make([]float64, c.n)
			for k := range values {
				values[k] = c.draw(r)
			}
			hit += hits(t, BlocksAlong(c.n, 1), uint64(i), meanOf(values), 0)[0]
		}
		covers(t, fmt.Sprintf("mean of %d, %s", c.n, c.name), hit, sims)
	}
}

// Points that have something in common within their blocks: to draw them one
// by one takes them for more than they are.
func TestSimulatedMeanCoverageOfBlocks(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	for _, blocks := range []int{8, 20} {
		const each = 5
		r, hit, naive := seeded(uint64(blocks)), 0.0, 0.0
		for i := range sims {
			var values []float64
			var ids []int
			for b := range blocks {
				common := r.NormFloat64()
				for range each {
					values, ids = append(values, common+0.5*r.NormFloat64()), append(ids, b)
				}
			}
			hit += hits(t, BlocksOf(ids), uint64(i), meanOf(values), 0)[0]
			naive += hits(t, BlocksAlong(len(values), 1), uint64(i), meanOf(values), 0)[0]
		}
		covers(t, fmt.Sprintf("mean of %d blocks of %d like points", blocks, each), hit, sims)
		if v := rate(t, "the same point by point", naive, sims); v > 75 {
			t.Errorf("drawing like points one by one covers %.2f %%: the blocks are not needed", v)
		}
	}
}

// A trace in which each point is 0.8 of the one before and news: its blocks of
// neighbours are nearly independent if they are long.
func TestSimulatedMeanCoverageOfTrace(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	const n, keeps = 1000, 0.8
	r, hit, naive := seeded(13), 0.0, 0.0
	for i := range sims {
		values, v := make([]float64, n), r.NormFloat64()/math.Sqrt(1-keeps*keeps)
		for k := range values {
			v = keeps*v + r.NormFloat64()
			values[k] = v
		}
		hit += hits(t, BlocksAlong(n, 50), uint64(i), sumOf(values, 50), 0)[0]
		if i%20 == 0 { // it takes 50 times as long
			naive += hits(t, BlocksAlong(n, 1), uint64(i), meanOf(values), 0)[0]
		}
	}
	covers(t, "mean of a trace of 20 blocks of 50", hit, sims)
	if v := rate(t, "the same point by point", naive, (sims+19)/20); v > 75 {
		t.Errorf("drawing points of a trace one by one covers %.2f %%: the blocks are not needed", v)
	}
}

// sumOf is meanOf for points that come in whole blocks of equal length, faster.
func sumOf(values []float64, length int) Statistic {
	sums := make([]float64, len(values)/length)
	for i, v := range values {
		sums[i/length] += v
	}
	return func(points []int) ([]float64, error) {
		sum := 0.0
		for i := 0; i < len(points); i += length {
			sum += sums[points[i]/length]
		}
		return []float64{sum / float64(len(points))}, nil
	}
}

// line is the least squares line of points: its height at 0 and its slope.
func line(x, y []float64) Statistic {
	return func(points []int) ([]float64, error) {
		var n, sx, sy, sxx, sxy float64
		for _, i := range points {
			n, sx, sy, sxx, sxy = n+1, sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
		}
		slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
		return []float64{(sy - slope*sx) / n, slope}, nil
	}
}

func TestSimulatedCoefficientCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	for _, c := range []struct {
		blocks, each int
		common       float64 // of the points of a block, to 1 of each
	}{{20, 1, 0}, {20, 4, 2}, {40, 2, 1}}[:min(3, 1+sims/few)] {
		r, hit, naive := seeded(uint64(c.blocks+c.each)), make([]float64, 2), 0.0
		for i := range sims {
			var x, y []float64
			var ids []int
			for b := range c.blocks {
				load, common := r.Float64(), c.common*r.NormFloat64()
				for range c.each {
					x, ids = append(x, load+0.05*r.Float64()), append(ids, b)
					y = append(y, 30+50*x[len(x)-1]+common+r.NormFloat64())
				}
			}
			for k, h := range hits(t, BlocksOf(ids), uint64(i), line(x, y), 30, 50) {
				hit[k] += h
			}
			if c.each > 1 {
				naive += hits(t, BlocksAlong(len(x), 1), uint64(i), line(x, y), 30, 50)[1]
			}
		}
		what := fmt.Sprintf("of %d blocks of %d points", c.blocks, c.each)
		covers(t, "intercept "+what, hit[0], sims)
		covers(t, "slope "+what, hit[1], sims)
		if c.each > 1 {
			if v := rate(t, "slope of the same point by point", naive, sims); v > 90 {
				t.Errorf("drawing like points one by one covers %.2f %%: the blocks are not needed", v)
			}
		}
	}
}

// The relative error of a trace's energy, of blocks of unlike power: what
// calibration reports of the trace that was not fitted.
func TestSimulatedEnergyErrorCoverage(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	const n = 24
	r, hit := seeded(14), 0.0
	for i := range sims {
		truth, predicted := make([]float64, n), make([]float64, n)
		for k := range truth {
			truth[k] = 40 + 120*r.Float64()
			predicted[k] = truth[k] * (1.02 + 0.05*r.NormFloat64())
		}
		hit += hits(t, BlocksAlong(n, 1), uint64(i), func(points []int) ([]float64, error) {
			var p, q float64
			for _, k := range points {
				p, q = p+predicted[k], q+truth[k]
			}
			return []float64{p/q - 1}, nil
		}, 0.02)[0]
	}
	covers(t, fmt.Sprintf("energy error of %d blocks", n), hit, sims)
}

// The covariance of coefficients predicts how they differ between experiments.
func TestSimulatedCoefficientCovariance(t *testing.T) {
	t.Parallel()
	sims := simulations(t)
	const blocks = 20
	r := seeded(15)
	var told, was [3]float64 // variance of each and covariance
	x := make([]float64, blocks)
	for i := range x {
		x[i] = float64(i) / (blocks - 1)
	}
	for i := range sims {
		y := make([]float64, blocks)
		for k := range y {
			y[k] = 30 + 50*x[k] + r.NormFloat64()
		}
		d, err := Bootstrap(BlocksAlong(blocks, 1), 200, uint64(i), line(x, y))
		if err != nil {
			t.Fatal(err)
		}
		c, a, b := d.Covariance(), d.Value[0]-30, d.Value[1]-50
		for k, v := range [][2]float64{{c[0][0], a * a}, {c[1][1], b * b}, {c[0][1], a * b}} {
			told[k], was[k] = told[k]+v[0]/float64(sims), was[k]+v[1]/float64(sims)
		}
	}
	t.Logf("variances and covariance %v, told %v", was, told)
	for k := range told {
		if !within(told[k], was[k], 0.25) {
			t.Errorf("variances and covariance %v, told %v", was, told)
		}
	}
}
