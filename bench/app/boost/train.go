package boost

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// Params are how a model is trained. The names that LightGBM has for them are
// beside.
type Params struct {
	Classes   int     // num_class
	Rounds    int     // num_iterations
	Leaves    int     // num_leaves
	Depth     int     // max_depth
	MinRows   int     // min_data_in_leaf, told by the Hessian
	Rate      float64 // learning_rate
	Features  float64 // feature_fraction, drawn for every round
	Bagging   float64 // bagging_fraction, drawn for every round (bagging_freq 1)
	MinWeight float64 // min_sum_hessian_in_leaf
	Seed      uint64
}

func (p Params) check() error {
	switch {
	case p.Classes < 2 || p.Classes > 256:
		return fmt.Errorf("train on %d classes: there must be 2 to 256", p.Classes)
	case p.Rounds < 1 || p.Leaves < 1 || p.Leaves > 1<<15 || p.Depth < 1 || p.MinRows < 1:
		return fmt.Errorf("train %d rounds of trees of %d leaves, %d deep, with %d rows a leaf: all must be 1 at least, and leaves 32768 at most", p.Rounds, p.Leaves, p.Depth, p.MinRows)
	case !(p.Features > 0 && p.Features <= 1 && p.Bagging > 0 && p.Bagging <= 1):
		return fmt.Errorf("train on %g of the features and %g of the rows: both must be above 0 and 1 at most", p.Features, p.Bagging)
	case !(p.Rate > 0 && p.Rate <= 1 && p.MinWeight >= 0):
		return fmt.Errorf("train with a learning rate of %g and a least Hessian of %g: the rate must be above 0 and 1 at most, the other not negative", p.Rate, p.MinWeight)
	}
	return nil
}

func (p Params) minHessian(f fixed) float64 { return p.MinWeight * float64(int64(4)<<f.places) }

// Model is an ensemble of trees, one for every class and round.
type Model struct {
	Classes int
	Start   []float64 // scores before the first tree: the logarithms of the classes' frequencies
	Trees   []Tree    // round by round, class by class
}

// Score adds up what the trees say to a row, for all classes.
func (m *Model) Score(row []uint8, scores []float64) {
	copy(scores, m.Start)
	for i := range m.Trees {
		t := &m.Trees[i]
		scores[i%m.Classes] += t.Leaves[t.Leaf(row)]
	}
}

// Train trains a model. Watch, if there is one, is told the log loss of all rows
// before each round and after the last.
func Train(ctx context.Context, p Params, t Table, labels []uint8, watch func(loss float64)) (*Model, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if t.Rows < 1 || t.Cols < 1 || t.Cols > 1<<16 || len(labels) != t.Rows || len(t.V) != t.Rows*t.Cols {
		return nil, fmt.Errorf("train on %d rows of %d features: there are %d labels and %d values", t.Rows, t.Cols, len(labels), len(t.V))
	}
	start, err := prior(p, labels)
	if err != nil {
		return nil, err
	}
	m := &Model{Classes: p.Classes, Start: start}
	b := newBooster(p, t, labels, start)
	for range p.Rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if watch != nil {
			watch(b.loss())
		}
		m.Trees = append(m.Trees, b.round()...)
	}
	if watch != nil {
		watch(b.loss())
	}
	return m, nil
}

func prior(p Params, labels []uint8) ([]float64, error) {
	counts := make([]int, p.Classes)
	for i, l := range labels {
		if int(l) >= p.Classes {
			return nil, fmt.Errorf("train: row %d has label %d, and there are classes 0 to %d", i, l, p.Classes-1)
		}
		counts[l]++
	}
	start := make([]float64, p.Classes)
	for c, n := range counts {
		// A class without rows must not have a score of minus infinity.
		start[c] = Log(max(float64(n), .5) / float64(len(labels)))
	}
	return start, nil
}

// booster is a training that goes on.
type booster struct {
	p      Params
	t      Table
	labels []uint8
	random *rand.PCG
	scores []float64 // row by row
	most   []uint8   // the greatest bin of every feature
	words  [][]uint64
	bag    []int32 // which rows of the table are in the bag, ascending
	out    []int32 // and which are not
	g      grower
}

func newBooster(p Params, t Table, labels []uint8, start []float64) *booster {
	b := &booster{p: p, t: t, labels: labels, random: rand.NewPCG(p.Seed, 0x626f6f7374), scores: make([]float64, 0, t.Rows*p.Classes), most: make([]uint8, t.Cols)}
	for r := range t.Rows {
		b.scores = append(b.scores, start...)
		for f, v := range t.Row(r) {
			b.most[f] = max(b.most[f], v)
		}
	}
	m := share(p.Bagging, t.Rows)
	features := share(p.Features, t.Cols)
	b.words = make([][]uint64, p.Classes)
	for c := range b.words {
		b.words[c] = make([]uint64, m)
	}
	b.g = grower{p: p, fixed: newFixed(m), m: m, rows: make([]int32, m), spare: make([]int32, m), bins: make([]int, features), drawn: make([]int, features)}
	b.g.packed = make([][]uint64, (features+7)/8)
	for i := range b.g.packed {
		b.g.packed[i] = make([]uint64, m)
	}
	return b
}

// share is a fraction of n, 1 at least.
func share(fraction float64, n int) int {
	return max(1, min(n, int(float64(fraction*float64(n))+.5)))
}

// round grows one tree for every class, of the same bag, features and gradients.
func (b *booster) round() []Tree {
	b.draw()
	b.pack()
	b.gradients()
	trees := make([]Tree, b.p.Classes)
	for c := range trees {
		trees[c] = b.g.grow(b.words[c])
		b.add(c, &trees[c])
	}
	return trees
}

// below is a number from 0 to n-1. That it is less even by a part in 2^64 / n
// doesn't matter; that it is the same everywhere does.
func below(random *rand.PCG, n int) int {
	high, _ := bits.Mul64(random.Uint64(), uint64(n))
	return int(high)
}

// draw chooses the rows and the features of a round, by selection sampling
// (Knuth, The Art of Computer Programming, 3.4.2, algorithm S): as many as there
// are to be, in order, each set of them as likely.
func (b *booster) draw() {
	b.bag, b.out = b.bag[:0], b.out[:0]
	for r := range b.t.Rows {
		if below(b.random, b.t.Rows-r) < b.g.m-len(b.bag) {
			b.bag = append(b.bag, int32(r))
		} else {
			b.out = append(b.out, int32(r))
		}
	}
	drawn := b.g.drawn[:0]
	for f := range b.t.Cols {
		if below(b.random, b.t.Cols-f) < len(b.g.bins)-len(drawn) {
			b.g.bins[len(drawn)] = int(b.most[f]) + 1
			drawn = append(drawn, f)
		}
	}
}

// pack lays out the bag's rows by groups of eight features.
func (b *booster) pack() {
	for i, to := range b.g.packed {
		drawn := b.g.drawn[i*features : min((i+1)*features, len(b.g.drawn))]
		for k, r := range b.bag {
			row := b.t.Row(int(r))
			var w uint64
			for j, f := range drawn {
				w |= uint64(row[f]) << (8 * j)
			}
			to[k] = w
		}
	}
}

func (b *booster) gradients() {
	k := b.p.Classes
	var buf [256]float64
	p := buf[:k]
	for i, r := range b.bag {
		copy(p, b.scores[int(r)*k:])
		Softmax(p)
		own := int(b.labels[r])
		for c := range p {
			b.words[c][i] = b.g.fixed.word(gradient(p[c], c == own))
		}
	}
}

// add adds a tree's values to the scores of all rows. Those of the bag are in
// their leaves already.
func (b *booster) add(class int, t *Tree) {
	k := b.p.Classes
	for i := range b.g.leaves {
		l := &b.g.leaves[i]
		for _, r := range b.g.rows[l.from:l.to] {
			b.scores[int(b.bag[r])*k+class] += t.Leaves[i]
		}
	}
	for _, r := range b.out {
		b.scores[int(r)*k+class] += t.Leaves[t.Leaf(b.t.Row(int(r)))]
	}
}

// loss is the mean of minus the logarithm of the own class's probability.
func (b *booster) loss() float64 {
	k := b.p.Classes
	var buf [256]float64
	p := buf[:k]
	sum := 0.0
	for r, own := range b.labels {
		copy(p, b.scores[r*k:])
		Softmax(p)
		sum -= Log(p[own])
	}
	return sum / float64(len(b.labels))
}
