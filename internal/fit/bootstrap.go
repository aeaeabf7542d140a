package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// MinBlocks is the least number of blocks that [Bootstrap] draws from. With
// fewer the blocks themselves do not tell how much they differ.
const MinBlocks = 6

// Interval holds the truth with a probability of [Level], supposing what its
// maker says.
type Interval struct {
	Low, High float64
}

// Statistic is what is to be known: some numbers, always as many, from the
// points whose indexes are given, of which some are there more than once. It
// keeps neither the list nor what it returned before.
type Statistic func(points []int) ([]float64, error)

// Draws is a statistic and what became of it in sets of points drawn from
// those measured.
type Draws struct {
	Value []float64 // of the points themselves
	// Failed is how many of the sets drawn had no value, like one in which
	// all points are the same. They are left out.
	Failed int
	drawn  [][]float64 // by number of the statistic
	blocks int
}

// BlocksOf makes a block of the indexes of all equal ids, in the order in which
// they first appear.
func BlocksOf[K comparable](ids []K) [][]int {
	var blocks [][]int
	number := map[K]int{}
	for i, id := range ids {
		k, known := number[id]
		if !known {
			k = len(blocks)
			number[id], blocks = k, append(blocks, nil)
		}
		blocks[k] = append(blocks[k], i)
	}
	return blocks
}

// BlocksAlong cuts the indexes from 0 to n into blocks of neighbours, of length
// or a little more so that all are about equal. Points of a series depend on
// their neighbours: a length of several times as far as they do makes the
// blocks nearly independent. Where n is below length there is one block.
func BlocksAlong(n, length int) [][]int {
	if n <= 0 {
		return nil
	}
	count := max(n/max(length, 1), 1)
	blocks := make([][]int, count)
	for i := range n {
		k := i * count / n
		blocks[k] = append(blocks[k], i)
	}
	return blocks
}

// Bootstrap draws as many blocks as there are, at random and with repetition,
// and takes the statistic of their points, draws times; 2,000 is enough
// (Efron, Annals of Statistics 7, 1979; by blocks: Künsch, Annals of Statistics
// 17, 1989, here without overlap, as Carlstein, Annals of Statistics 14, 1986).
//
// Points within a block may depend on one another in any way. Blocks have to
// be independent and alike: what points of several blocks have in common, like
// a workload that is in all of them, is not in the result. The same seed gives
// the same result.
//
// It fails with [ErrTooFew] for fewer than [MinBlocks] blocks or 100 draws,
// with [ErrInput] where a block has no point, with the statistic's error where
// the points themselves have none, and with [ErrTooFew] where more than a
// twentieth of the draws has none.
func Bootstrap(blocks [][]int, draws int, seed uint64, statistic Statistic) (*Draws, error) {
	if err := checkBlocks(blocks, draws); err != nil {
		return nil, err
	}
	value, err := statistic(slices.Concat(blocks...))
	if err != nil {
		return nil, err
	}
	if err := check("statistic", value); err != nil {
		return nil, err
	}
	d := &Draws{Value: slices.Clone(value), drawn: make([][]float64, len(value)), blocks: len(blocks)}
	r := rand.New(rand.NewPCG(seed, 0))
	var points []int
	for range draws {
		points = points[:0]
		for range blocks {
			points = append(points, blocks[r.IntN(len(blocks))]...)
		}
		value, err := statistic(points)
		if err != nil || len(value) != len(d.Value) || check("statistic", value) != nil {
			d.Failed++
			continue
		}
		for i, v := range value {
			d.drawn[i] = append(d.drawn[i], v)
		}
	}
	if d.Failed > draws/20 {
		return nil, fmt.Errorf("%w: %d of %d sets drawn from %d blocks have no value", ErrTooFew, d.Failed, draws, len(blocks))
	}
	return d, nil
}

func checkBlocks(blocks [][]int, draws int) error {
	if len(blocks) < MinBlocks {
		return fmt.Errorf("%w: %d blocks, drawing takes %d", ErrTooFew, len(blocks), MinBlocks)
	}
	if draws < 100 {
		return fmt.Errorf("%w: %d draws, an interval takes 100", ErrTooFew, draws)
	}
	for i, b := range blocks {
		if len(b) == 0 {
			return fmt.Errorf("%w: block %d has no point", ErrInput, i)
		}
	}
	return nil
}

// Interval is the percentile interval of the i-th number of the statistic. Its
// percentiles lie further out than 2.5 and 97.5 %, by as much as an interval by
// Student's distribution is wider than one by the normal distribution and the
// plain variance: few blocks differ less than those they stand for (Hesterberg,
// arXiv:1411.5279, 2014, the expanded percentile interval).
func (d *Draws) Interval(i int) Interval {
	n := float64(d.blocks)
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1 - Level) / 2)
	p := distuv.UnitNormal.CDF(t * math.Sqrt(n/(n-1)))
	s := slices.Clone(d.drawn[i])
	slices.Sort(s)
	// The k-th of so many draws is the k/(draws+1) quantile.
	at := p*float64(len(s)+1) - 1
	return Interval{between(s, at), between(s, float64(len(s)-1)-at)}
}

// Covariance is that of the numbers of the statistic, a symmetric matrix: how
// the coefficients of a model are known, and which of them only together. It is
// n/(n-1) times that of the draws, where n blocks were drawn: so it has no bias
// for a mean.
func (d *Draws) Covariance() [][]float64 {
	centred := make([][]float64, len(d.drawn))
	for i, v := range d.drawn {
		m := mean(v)
		for _, x := range v {
			centred[i] = append(centred[i], x-m)
		}
	}
	n := float64(d.blocks)
	c := make([][]float64, len(centred))
	for i, a := range centred {
		c[i] = make([]float64, len(centred))
		for j, b := range centred {
			sum := 0.0
			for k := range a {
				sum += a[k] * b[k]
			}
			c[i][j] = sum / float64(len(a)-1) * n / (n - 1)
		}
	}
	return c
}
