package forest

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Options say what is grown.
type Options struct {
	Trees    int
	Features int // looked at for each node; 0 is the root of their number
	Seed     uint64
}

// Forest is what was grown.
type Forest struct{ trees []tree }

// tree has its nodes in preorder: what goes left goes on with the next one.
type tree struct {
	nodes []node
	odds  []float64 // of leaves: the part of class 1
}

type node struct {
	mask  uint32 // of the rank in the word
	most  uint32 // the highest rank that goes left; of a leaf: the place in odds
	right uint32 // 0 for a leaf
	shift uint8
	plane uint8
}

// Fit grows a forest on some rows of a table. The classes are 0 and 1, one for
// each row of the table.
func Fit(t *Table, classes []uint8, rows []int, o Options) (*Forest, error) {
	switch {
	case len(classes) != t.Rows():
		return nil, fmt.Errorf("fit forest: %d classes for a table of %d rows", len(classes), t.Rows())
	case len(rows) == 0 || len(rows) > math.MaxUint32>>1:
		return nil, fmt.Errorf("fit forest: %d rows to learn from", len(rows))
	case o.Trees < 1 || o.Features < 0 || o.Features > len(t.fields):
		return nil, fmt.Errorf("fit forest: %d trees that look at %d of %d features", o.Trees, o.Features, len(t.fields))
	}
	for _, row := range rows {
		if row < 0 || row >= t.Rows() {
			return nil, fmt.Errorf("fit forest: row %d to learn from: the table has %d", row, t.Rows())
		}
		if classes[row] > 1 {
			return nil, fmt.Errorf("fit forest: class %d of row %d is neither 0 nor 1", classes[row], row)
		}
	}
	if o.Features == 0 {
		o.Features = int(math.Sqrt(float64(len(t.fields))))
	}
	g := newGrower(t, classes, rows, o)
	f := &Forest{}
	for i := range o.Trees {
		f.trees = append(f.trees, g.grow(rand.NewPCG(o.Seed, uint64(i)*apart)))
	}
	return f, nil
}

// apart is between the seeds of trees: an odd number without a pattern.
const apart = 0x9e3779b97f4a7c15

// Nodes is how many nodes the trees have, leaves included.
func (f *Forest) Nodes() int {
	n := 0
	for _, t := range f.trees {
		n += len(t.nodes)
	}
	return n
}

// Odds returns for some rows of a table the probability of class 1: the mean of
// what their leaves say. The table is the one that the forest was grown on.
func (f *Forest) Odds(t *Table, rows []int) []float64 {
	sums := make([]float64, t.Distinct())
	wanted := make([]bool, len(sums))
	for _, row := range rows {
		wanted[t.cell[row]] = true
	}
	var cells []uint32
	for c, w := range wanted {
		if w {
			cells = append(cells, uint32(c))
		}
	}
	for i := range f.trees {
		f.trees[i].ask(t, cells, sums)
	}
	odds := make([]float64, len(rows))
	for i, row := range rows {
		odds[i] = sums[t.cell[row]] / float64(len(f.trees))
	}
	return odds
}

// ask adds to sums what the tree says of cells.
func (tr *tree) ask(t *Table, cells []uint32, sums []float64) {
	if len(t.planes) > 1 {
		tr.askWide(t, cells, sums)
		return
	}
	words := t.planes[0]
	for _, c := range cells {
		word, at := words[c], uint32(0)
		n := &tr.nodes[0]
		for n.right != 0 {
			at++
			if uint32(word>>(n.shift&63))&n.mask > n.most {
				at = n.right
			}
			n = &tr.nodes[at]
		}
		sums[c] += tr.odds[n.most]
	}
}

// askWide is ask for rows of many words.
func (tr *tree) askWide(t *Table, cells []uint32, sums []float64) {
	for _, c := range cells {
		at := uint32(0)
		n := &tr.nodes[0]
		for n.right != 0 {
			at++
			if uint32(t.planes[n.plane][c]>>n.shift)&n.mask > n.most {
				at = n.right
			}
			n = &tr.nodes[at]
		}
		sums[c] += tr.odds[n.most]
	}
}

// weight is how many rows of the two classes there are: class 0 in the lower
// half.
type weight uint64

func (w weight) zeros() int64 { return int64(w & math.MaxUint32) }
func (w weight) ones() int64  { return int64(w >> 32) }
func (w weight) pure() bool   { return w&math.MaxUint32 == 0 || w>>32 == 0 }

// grower has what trees are grown with, so that each finds it allocated.
type grower struct {
	table    *Table
	rows     []uint32 // what can be drawn: the cell, and in bit 0 the class
	features int
	order    []int // of features, as drawn
	random   *rand.PCG

	drawn   []weight   // by cell
	planes  [][]uint64 // words of what was drawn; a node is a range
	weights []weight   // beside the words
	spare   []uint64   // of the words that go right
	spareW  []weight
	right   []uint8 // whether they do

	count []weight // by rank; zero between uses
	used  []uint64 // a bit for each rank
	pairs []pair

	tree tree // grown where the one before was, then copied
}

func newGrower(t *Table, classes []uint8, rows []int, o Options) *grower {
	g := &grower{
		table: t, features: o.Features,
		rows:  make([]uint32, len(rows)),
		drawn: make([]weight, t.Distinct()),
	}
	for i, row := range rows {
		g.rows[i] = t.cell[row]<<1 | uint32(classes[row])
	}
	ranks := 0
	for i, f := range t.fields {
		g.order = append(g.order, i)
		ranks = max(ranks, len(f.values))
	}
	g.count, g.used = make([]weight, ranks), make([]uint64, (ranks+63)/64)
	most := min(t.Distinct(), len(rows))
	for range t.planes {
		g.planes = append(g.planes, make([]uint64, most))
	}
	g.weights, g.spare, g.spareW = make([]weight, most), make([]uint64, most), make([]weight, most)
	g.right = make([]uint8, most)
	return g
}

// part is a node to be: a range of what was drawn.
type part struct {
	from, to int
	total    weight
	parent   int // of a right child: the node that doesn't know yet where it is
}

// grow makes a tree of a bootstrap sample.
func (g *grower) grow(random *rand.PCG) tree {
	g.random = random
	n, total := g.draw()
	g.tree = tree{nodes: g.tree.nodes[:0], odds: append(g.tree.odds[:0], 0, 1)}
	todo := []part{{0, n, total, -1}}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		at := len(g.tree.nodes)
		if p.parent >= 0 {
			g.tree.nodes[p.parent].right = uint32(at)
		}
		s, found := g.split(p)
		if !found {
			g.tree.nodes = append(g.tree.nodes, node{most: g.leaf(p.total)})
			continue
		}
		f := &g.table.fields[s.feature]
		g.tree.nodes = append(g.tree.nodes, node{mask: f.mask, most: s.most, shift: f.shift, plane: f.plane})
		mid := g.partition(p.from, p.to, f, s.most)
		todo = append(todo, part{mid, p.to, p.total - s.left, at}, part{p.from, mid, s.left, -1})
	}
	return tree{slices.Clone(g.tree.nodes), slices.Clone(g.tree.odds)}
}

// draw takes as many rows as there are, with replacement, and returns how many
// distinct ones and classes that came to.
func (g *grower) draw() (n int, total weight) {
	clear(g.drawn)
	for range g.rows {
		hi, _ := bits.Mul64(g.random.Uint64(), uint64(len(g.rows)))
		r := g.rows[hi]
		g.drawn[r>>1] += 1 << (r & 1 * 32)
	}
	for c, w := range g.drawn {
		if w == 0 {
			continue
		}
		for p, words := range g.table.planes {
			g.planes[p][n] = words[c]
		}
		g.weights[n] = w
		total += w
		n++
	}
	return n, total
}

// leaf returns the place in odds of what a leaf of this weight says.
func (g *grower) leaf(w weight) uint32 {
	switch {
	case w.ones() == 0:
		return 0
	case w.zeros() == 0:
		return 1
	}
	g.tree.odds = append(g.tree.odds, float64(w.ones())/float64(w.zeros()+w.ones()))
	return uint32(len(g.tree.odds) - 1)
}

// split returns the best one of a node, and none if it is to be a leaf.
// Features are drawn until there were enough and one of them tells rows apart,
// as scikit-learn's splitters do: a node is a leaf only if it is pure or no
// feature does.
func (g *grower) split(p part) (best split, found bool) {
	if p.total.pure() || p.to-p.from == 1 {
		return split{}, false
	}
	best.impurity = math.Inf(1)
	for i := range g.order {
		j := i
		if rest := len(g.order) - i; rest > 1 {
			hi, _ := bits.Mul64(g.random.Uint64(), uint64(rest))
			j += int(hi)
		}
		g.order[i], g.order[j] = g.order[j], g.order[i]
		if g.try(p, g.order[i], &best) {
			found = true
		}
		if found && i+1 >= g.features {
			break
		}
	}
	return best, found
}

// partition puts what goes left before what goes right, and returns where that
// begins.
func (g *grower) partition(from, to int, f *field, most uint32) int {
	right := g.right[:to-from]
	for i, word := range g.planes[f.plane][from:to] {
		right[i] = 0
		if uint32(word>>(f.shift&63))&f.mask > most {
			right[i] = 1
		}
	}
	for _, words := range g.planes {
		divide(words[from:to], g.spare, right)
	}
	return from + divide(g.weights[from:to], g.spareW, right)
}

// divide is partition for one slice. Everything is written to both sides, so
// that nothing depends on which one is right.
func divide[T any](v, spare []T, right []uint8) int {
	l, r := 0, 0
	spare = spare[:len(v)]
	for i, x := range v {
		v[l], spare[r] = x, x
		r += int(right[i])
		l += 1 - int(right[i])
	}
	copy(v[l:], spare[:r])
	return l
}
