package forest

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
)

// split divides a node by whether a feature's rank is at most some rank.
type split struct {
	feature  int
	most     uint32
	left     weight
	impurity float64 // see cut
}

type pair struct {
	rank uint32
	w    weight
}

// try looks for a better split by a feature, and says whether the feature can
// split the node at all.
func (g *grower) try(p part, feature int, best *split) bool {
	f := &g.table.fields[feature]
	words, weights := g.planes[f.plane][p.from:p.to], g.weights[p.from:p.to]
	// Counting looks at a bit for each rank that the feature has anywhere.
	used := g.used[:(len(f.values)+63)/64]
	s := sweep{total: p.total, feature: feature, best: best}
	if len(used) > 4+len(words) {
		g.sorted(f, words, weights, &s)
	} else {
		g.counted(f, words, weights, used, &s)
	}
	if s.taken {
		best.most = f.between(s.most, s.next)
	}
	return s.several
}

// counted takes the ranks of a node from a table by rank.
func (g *grower) counted(f *field, words []uint64, weights []weight, used []uint64, s *sweep) {
	count := g.count[:len(f.values)]
	for i, word := range words {
		r := uint32(word>>(f.shift&63)) & f.mask
		count[r] += weights[i]
		used[r>>6] |= 1 << (r & 63)
	}
	for i, u := range used {
		for ; u != 0; u &= u - 1 {
			r := uint32(i<<6 | bits.TrailingZeros64(u))
			s.add(r, count[r])
			count[r] = 0
		}
		used[i] = 0
	}
}

// sorted does it for features of many values in nodes of few.
func (g *grower) sorted(f *field, words []uint64, weights []weight, s *sweep) {
	g.pairs = g.pairs[:0]
	for i, word := range words {
		g.pairs = append(g.pairs, pair{uint32(word>>(f.shift&63)) & f.mask, weights[i]})
	}
	slices.SortFunc(g.pairs, func(a, b pair) int { return cmp.Compare(a.rank, b.rank) })
	for i := 0; i < len(g.pairs); {
		at := g.pairs[i]
		for i++; i < len(g.pairs) && g.pairs[i].rank == at.rank; i++ {
			at.w += g.pairs[i].w
		}
		s.add(at.rank, at.w)
	}
}

// sweep goes through the ranks of a node, ascending, and keeps the best place
// to cut.
type sweep struct {
	total   weight
	feature int
	best    *split

	left       weight // what was before
	last       weight // the part of it that the rank before has
	rank       uint32
	several    bool // there is more than one rank
	taken      bool // best is of this sweep
	most, next uint32
}

func (s *sweep) add(rank uint32, w weight) {
	if s.left != 0 {
		s.several = true
		// Between two ranks of one and the same class is no best place (Fayyad
		// and Irani, Machine Learning 8, 1992).
		if !(s.last | w).pure() {
			if c := cut(s.left, s.total-s.left); c < s.best.impurity {
				*s.best = split{feature: s.feature, left: s.left, impurity: c}
				s.taken, s.most, s.next = true, s.rank, rank
			}
		}
	}
	s.left += w
	s.last, s.rank = w, rank
}

// cut is the impurity of two parts: half of the sum of Gini's, each times its
// number of rows. With a rows of one class and b of the other that is
//
//	(a+b)/2 (1 - a²/(a+b)² - b²/(a+b)²) = ab/(a+b)
func cut(l, r weight) float64 { return gini(l) + gini(r) }

func gini(w weight) float64 {
	a, b := w.zeros(), w.ones()
	return float64(a*b) / float64(a+b)
}

// between is where a cut between two ranks of a node is: the highest rank that
// goes left, wherever it occurs. The limit is half way between the two values,
// and the ranks in between are those of rows outside the node.
func (f *field) between(low, high uint32) uint32 {
	limit := f.values[low] + (f.values[high]-f.values[low])/2
	beyond := sort.Search(int(high-low)-1, func(i int) bool { return !(f.values[int(low)+1+i] <= limit) })
	return low + uint32(beyond)
}
