package boost

// Tree is a decision tree.
type Tree struct {
	Nodes  []Node
	Leaves []float64
}

// Node sends rows whose feature is in a bin up to Bin to the left. A child that
// is not negative is a node, others are leaves: -1 is the first one.
type Node struct {
	Feature     uint16
	Bin         uint8
	Left, Right int16
}

// Leaf says which leaf a row falls into.
func (t *Tree) Leaf(row []uint8) int {
	if len(t.Nodes) == 0 {
		return 0
	}
	at := int16(0)
	for at >= 0 {
		n := &t.Nodes[at]
		next := n.Right
		if row[n.Feature] <= n.Bin {
			next = n.Left
		}
		at = next
	}
	return int(-1 - at)
}

// leaf is one of a tree that grows.
type leaf struct {
	from, to int // its part of the grower's rows
	depth    int
	sum      uint64
	hist     []group // nil if it can't be divided
	split    split   // gain 0 if there is none
	parent   int16
	right    bool // which of the parent's children it is
}

// grower has what the trees of one round have in common: the bag's rows and the
// features drawn, and memory.
type grower struct {
	p      Params
	fixed  fixed
	m      int        // rows of the bag
	packed [][]uint64 // by group, by row of the bag: bins of the group's features
	drawn  []int      // which features of the table they are
	bins   []int      // how many bins each has

	rows, spare []int32
	leaves      []leaf
	free        [][]group
}

func (g *grower) histogram() []group {
	if n := len(g.free); n > 0 {
		h := g.free[n-1]
		g.free = g.free[:n-1]
		clear(h)
		return h
	}
	return make([]group, len(g.packed))
}

// grow grows a tree of the words of the bag's rows. g.leaves says then which rows
// fell into which leaf.
func (g *grower) grow(words []uint64) Tree {
	for i := range g.rows {
		g.rows[i] = int32(i)
	}
	root := leaf{to: g.m, parent: -1}
	for _, w := range words {
		root.sum += w
	}
	g.leaves = append(g.leaves[:0], root)
	if g.divisible(&g.leaves[0]) {
		g.leaves[0].hist = g.fill(0, g.m, words)
		g.find(&g.leaves[0])
	}
	var t Tree
	for len(g.leaves) < g.p.Leaves {
		next := 0
		for i := range g.leaves {
			if g.leaves[i].split.gain > g.leaves[next].split.gain {
				next = i
			}
		}
		if g.leaves[next].split.gain <= 0 {
			break
		}
		if l := &g.leaves[next]; l.parent >= 0 {
			*t.child(l) = int16(len(t.Nodes))
		}
		t.Nodes = append(t.Nodes, g.divide(next, len(t.Nodes), words))
	}
	t.Leaves = make([]float64, len(g.leaves))
	for i := range g.leaves {
		l := &g.leaves[i]
		t.Leaves[i] = g.p.Rate * g.fixed.newton(l.sum)
		if l.parent >= 0 {
			*t.child(l) = int16(-1 - i)
		}
		g.release(l)
	}
	return t
}

// child is where a leaf's parent says what it has on that side.
func (t *Tree) child(l *leaf) *int16 {
	if l.right {
		return &t.Nodes[l.parent].Right
	}
	return &t.Nodes[l.parent].Left
}

func (g *grower) release(l *leaf) {
	if l.hist != nil {
		g.free = append(g.free, l.hist)
		l.hist = nil
	}
}

// divisible says whether a leaf may have a split at all.
func (g *grower) divisible(l *leaf) bool {
	return l.depth < g.p.Depth && l.to-l.from >= 2*g.p.MinRows && len(g.leaves) < g.p.Leaves
}

// fill makes the histograms of some of the rows.
func (g *grower) fill(from, to int, words []uint64) []group {
	h := g.histogram()
	for i := range h {
		accumulate(&h[i], g.packed[i], words, g.rows[from:to])
	}
	return h
}

// find looks for a leaf's best split.
func (g *grower) find(l *leaf) {
	l.split = split{}
	rows, hess, grad := float64(l.to-l.from), hessianOf(l.sum), gradientOf(l.sum)
	if hess == 0 {
		return
	}
	// How many rows a bin has is told by its Hessian, as LightGBM does.
	least := max(hess*float64(g.p.MinRows)/rows, g.p.minHessian(g.fixed), 1)
	whole := grad * grad / hess
	for f := range g.drawn {
		quality, bin := best(&l.hist[f/features][f%features], g.bins[f], l.sum, least)
		if gain := quality - whole; gain > l.split.gain {
			l.split = split{gain: gain, feature: f, bin: bin}
		}
	}
	if f := l.split.feature; l.split.gain > 0 {
		l.split.left = upTo(&l.hist[f/features][f%features], l.split.bin)
	}
}

// divide makes two leaves of one; the left one takes its place. The histogram of
// the smaller one is made of its rows, that of the other is what remains.
func (g *grower) divide(i, node int, words []uint64) Node {
	l := g.leaves[i]
	s := l.split
	middle := g.partition(l, s)
	left := leaf{from: l.from, to: middle, depth: l.depth + 1, sum: s.left, parent: int16(node)}
	right := leaf{from: middle, to: l.to, depth: l.depth + 1, sum: l.sum - s.left, parent: int16(node), right: true}
	g.leaves[i] = left
	g.leaves = append(g.leaves, right)
	a, b := &g.leaves[i], &g.leaves[len(g.leaves)-1]
	if a.to-a.from > b.to-b.from {
		a, b = b, a
	}
	// Both are as deep, so if the greater one can't be divided, neither can.
	if !g.divisible(b) {
		g.release(&l)
	} else {
		a.hist = g.fill(a.from, a.to, words)
		for f, bins := range g.bins {
			subtract(&l.hist[f/features][f%features], &a.hist[f/features][f%features], bins)
		}
		b.hist = l.hist
		g.find(b)
		if g.divisible(a) {
			g.find(a)
		} else {
			g.release(a)
		}
	}
	return Node{Feature: uint16(g.drawn[s.feature]), Bin: s.bin}
}

// partition puts the rows that go left in front, and keeps their order, so that
// memory is gone through forwards.
func (g *grower) partition(l leaf, s split) int {
	bins := g.packed[s.feature/features]
	shift := 8 * (s.feature % features)
	rows := g.rows[l.from:l.to]
	left, right := 0, 0
	for _, r := range rows {
		// Both are written, one of them counts: no branch to guess.
		rows[left] = r
		g.spare[right] = r
		goes := 0
		if uint8(bins[r]>>shift) <= s.bin {
			goes = 1
		}
		left += goes
		right += 1 - goes
	}
	copy(rows[left:], g.spare[:right])
	return l.from + left
}
