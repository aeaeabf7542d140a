package forest

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// whole returns a grower whose node is all rows of a table once, and that node.
func whole(t *Table, classes []uint8, o Options) (*grower, part) {
	rows := make([]int, t.Rows())
	for i := range rows {
		rows[i] = i
	}
	g := newGrower(t, classes, rows, o)
	// Rows that agree stay apart here.
	n := len(rows)
	g.planes, g.weights, g.right = [][]uint64{make([]uint64, n)}, make([]weight, n), make([]uint8, n)
	g.spare, g.spareW = make([]uint64, n), make([]weight, n)
	var p part
	for row := range rows {
		w := weight(1) << (32 * classes[row])
		g.planes[0][row], g.weights[row] = t.planes[0][t.cell[row]], w
		p.total += w
	}
	p.to = len(rows)
	g.random = rand.NewPCG(1, 2)
	return g, p
}

// Gini's impurities are those that decision trees of the Titanic's passengers
// have at their root: of 891 passengers 342 survived, 109 of 577 men and 233 of
// 314 women. 0.473, 0.306 and 0.383 are published with many of them; the rest is
// by hand.
func TestGini(t *testing.T) {
	node := func(died, survived uint64) weight { return weight(survived<<32 | died) }
	for _, c := range []struct {
		w    weight
		want float64
	}{
		{node(549, 342), .473}, {node(468, 109), .306}, {node(81, 233), .383},
		{node(5, 0), 0}, {node(0, 7), 0}, {node(1, 1), .5},
	} {
		n := float64(c.w.zeros() + c.w.ones())
		if got := 2 * gini(c.w) / n; math.Abs(got-c.want) > .0005 {
			t.Errorf("%d died and %d survived: %v, want %v", c.w.zeros(), c.w.ones(), got, c.want)
		}
	}
	// (577 · 0.30644 + 314 · 0.38283) / 891
	if got := 2 * cut(node(468, 109), node(81, 233)) / 891; math.Abs(got-.33336) > .00001 {
		t.Errorf("parted by sex: %v", got)
	}
}

// Worked by hand: eight people, who bought (1) or not (0).
//
//	age     18 22 22 25 30 35 41 60
//	bought   0  0  1  0  1  1  1  0
//
// ab/(a+b) left plus right, after 18: 0+12/7, 22: 2/3+6/5, after 25: 3/4+3/4,
// 30: 6/5+2/3, 35: 9/6+1/2, 41: 12/7+0. The best is after 25, and the limit half
// way to 30.
func TestSplitByHand(t *testing.T) {
	age := []float64{41, 22, 18, 60, 25, 22, 30, 35}
	bought := []uint8{1, 1, 0, 0, 0, 0, 1, 1}
	table, err := NewTable(age)
	if err != nil {
		t.Fatal(err)
	}
	g, p := whole(table, bought, Options{Features: 1})
	s, found := g.split(p)
	if !found || s.impurity != 1.5 || table.fields[0].values[s.most] != 25 || s.left != 1<<32|3 {
		t.Errorf("split %+v of values %v", s, table.fields[0].values)
	}
	if mid := g.partition(p.from, p.to, &table.fields[0], s.most); mid != 4 {
		t.Errorf("%d go left, want 4", mid)
	}
}

// Values that a node doesn't have go to the side that is nearer.
func TestLimitIsHalfWay(t *testing.T) {
	f := &field{values: []float64{1, 2, 3, 4, 5, math.Inf(1)}}
	for _, c := range []struct{ low, high, want uint32 }{
		{0, 1, 0}, // 1.5
		{0, 2, 1}, // 2: at most the limit goes left
		{0, 3, 1}, // 2.5
		{0, 4, 2}, // 3
		{3, 5, 4}, // infinite
	} {
		if got := f.between(c.low, c.high); got != c.want {
			t.Errorf("between ranks %d and %d: %d, want %d", c.low, c.high, got, c.want)
		}
	}
}

// Every split is the best one there is, by impurities that are computed by
// definition, in fractions. Counting and sorting are both met with.
func TestSplitIsBest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	counted, sorted := 0, 0
	for range 150 {
		n := 2 + r.IntN(40)
		distinct := []int{2, 5, 30, 5000}[r.IntN(4)]
		classes := make([]uint8, 4000)
		columns := [3][]float64{}
		for i := range classes {
			classes[i] = uint8(r.IntN(2))
			for j := range columns {
				columns[j] = append(columns[j], float64(r.IntN(distinct)))
			}
		}
		table, err := NewTable(columns[:]...)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := whole(table, classes, Options{Features: 3})
		p := part{from: r.IntN(3900), parent: -1}
		p.to = p.from + n
		for _, w := range g.weights[p.from:p.to] {
			p.total += w
		}
		if 4+n < (len(table.fields[0].values)+63)/64 {
			sorted++
		} else {
			counted++
		}
		s, found := g.split(p)
		best := leastImpurity(columns[:], classes, p.from, p.to)
		if !p.total.pure() && found != (best != nil) {
			t.Fatalf("found %v, want %v", found, best)
		}
		if !found {
			continue
		}
		if want, _ := best.Float64(); math.Abs(s.impurity-want) > 1e-12*want {
			t.Fatalf("%d rows of %d values: impurity %v, best %v", n, distinct, s.impurity, want)
		}
		left := weight(0)
		for i := p.from; i < p.to; i++ {
			if columns[s.feature][i] <= table.fields[s.feature].values[s.most] {
				left += g.weights[i]
			}
		}
		if mid := g.partition(p.from, p.to, &table.fields[s.feature], s.most); left != s.left || mid <= p.from || mid >= p.to {
			t.Fatalf("split %+v: %x goes left, at %d of %d to %d", s, left, mid, p.from, p.to)
		}
	}
	if counted < 20 || sorted < 10 {
		t.Errorf("%d nodes counted, %d sorted", counted, sorted)
	}
}

// leastImpurity tries every cut of every column; nil if there is none.
func leastImpurity(columns [][]float64, classes []uint8, from, to int) *big.Rat {
	var best *big.Rat
	for _, c := range columns {
		for _, limit := range c[from:to] {
			var n [2][2]int64 // by side and class
			for i := from; i < to; i++ {
				side := 0
				if c[i] > limit {
					side = 1
				}
				n[side][classes[i]]++
			}
			if n[0][0]+n[0][1] == 0 || n[1][0]+n[1][1] == 0 {
				continue
			}
			sum := new(big.Rat)
			for _, side := range n {
				all := side[0] + side[1]
				g := big.NewRat(1, 1)
				for _, k := range side {
					g.Sub(g, new(big.Rat).Mul(big.NewRat(k, all), big.NewRat(k, all)))
				}
				sum.Add(sum, g.Mul(g, big.NewRat(all, 2)))
			}
			if best == nil || sum.Cmp(best) < 0 {
				best = sum
			}
		}
	}
	return best
}

// checkers has fields of 5x5, noise, and features without meaning. Python makes
// the same numbers in testdata/figures.py.
func checkers(n int, seed uint32, coarse bool, features int) (columns [][]float64, classes []uint8) {
	// Park and Miller's minimal standard generator.
	state := uint64(seed)
	next := func() float64 {
		state = state * 48271 % (1<<31 - 1)
		return float64(state) / (1<<31 - 1)
	}
	columns = make([][]float64, features)
	for range n {
		for j := range columns {
			v := next()
			if coarse {
				v = math.Floor(v*20) / 20
			}
			columns[j] = append(columns[j], v)
		}
		i := len(classes)
		c := (int(columns[0][i]*5) + int(columns[1][i]*5)) & 1
		if next() < .1 {
			c = 1 - c
		}
		classes = append(classes, uint8(c))
	}
	return columns, classes
}

func grow(tb testing.TB, n int, seed uint32, coarse bool, features int) (*Forest, *Table, []uint8) {
	tb.Helper()
	columns, classes := checkers(n, seed, coarse, features)
	table, err := NewTable(columns...)
	if err != nil {
		tb.Fatal(err)
	}
	f, err := Fit(table, classes, span(0, n*4/5), Options{Trees: 100, Seed: uint64(seed)})
	if err != nil {
		tb.Fatal(err)
	}
	return f, table, classes
}

func span(from, to int) []int {
	var rows []int
	for i := from; i < to; i++ {
		rows = append(rows, i)
	}
	return rows
}

// Accuracies on rows that weren't learnt from are scikit-learn's on the same
// rows, and so are the sizes of trees.
func TestAccuracy(t *testing.T) {
	for _, c := range figures {
		const n, seeds = 1000, 10
		var right, nodes float64
		for seed := uint32(1); seed <= seeds; seed++ {
			f, table, classes := grow(t, n, seed, c.coarse, c.features)
			test := span(n*4/5, n)
			for i, odds := range f.Odds(table, test) {
				if (odds > .5) == (classes[test[i]] == 1) {
					right += 1. / float64(len(test)) / seeds
				}
			}
			nodes += float64(f.Nodes()) / seeds
		}
		t.Logf("%s: accuracy %.4f, %.0f nodes", c.name, right, nodes)
		if math.Abs(right-c.accuracy) > c.error {
			t.Errorf("%s: accuracy %.4f, scikit-learn's is %.4f", c.name, right, c.accuracy)
		}
		if math.Abs(nodes/c.nodes-1) > .01 {
			t.Errorf("%s: %.0f nodes, scikit-learn has %.0f", c.name, nodes, c.nodes)
		}
	}
}

// A tree is grown until it has nothing left to learn: of every row that it was
// grown on it says what the rows with the same features say.
func TestGrownToPurity(t *testing.T) {
	for _, features := range []int{2, 12} { // in one word, and in several
		columns, classes := checkers(500, 9, true, features)
		if features == 2 {
			classes[0], classes[1] = 0, 1
			for _, c := range columns {
				c[1] = c[0] // the same features, another class
			}
		}
		table, err := NewTable(columns...)
		if err != nil {
			t.Fatal(err)
		}
		g := newGrower(table, classes, span(0, 500), Options{Features: 1})
		for seed := range uint64(30) {
			tr := g.grow(rand.NewPCG(seed, 0))
			odds := make([]float64, table.Distinct())
			tr.ask(table, span32(len(odds)), odds)
			for c, w := range g.drawn {
				if w == 0 {
					continue
				}
				if want := float64(w.ones()) / float64(w.zeros()+w.ones()); odds[c] != want {
					t.Fatalf("%d features, seed %d: a row of weight %x has odds %v, want %v", features, seed, w, odds[c], want)
				}
			}
		}
	}
}

func span32(n int) []uint32 {
	v := make([]uint32, n)
	for i := range v {
		v[i] = uint32(i)
	}
	return v
}

// A bootstrap sample is as large as what it is taken from, and has 1 - 1/e of
// it.
func TestBootstrap(t *testing.T) {
	const n = 100_000
	column := make([]float64, n)
	for i := range column {
		column[i] = float64(i)
	}
	table, err := NewTable(column)
	if err != nil {
		t.Fatal(err)
	}
	classes := make([]uint8, n)
	for i := range n / 2 {
		classes[i] = 1
	}
	g := newGrower(table, classes, span(0, n), Options{Features: 1})
	g.random = rand.NewPCG(5, 6)
	distinct, total := g.draw()
	// The standard deviations are sqrt(n(1/e - 2/e²)) = 98.6 and sqrt(n)/2.
	if math.Abs(float64(distinct)-n*(1-1/math.E)) > 5*98.6 {
		t.Errorf("%d of %d rows were drawn", distinct, n)
	}
	if total.zeros()+total.ones() != n || math.Abs(float64(total.ones())-n/2) > 5*math.Sqrt(n)/2 {
		t.Errorf("%d and %d rows of the classes", total.zeros(), total.ones())
	}
}

// Features are drawn evenly; one that tells nothing apart is passed over.
func TestFeaturesAreDrawn(t *testing.T) {
	const n = 6000
	columns := [][]float64{{0, 1}, {1, 0}, {5, 5}, {0, 1}}
	table, err := NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	g, p := whole(table, []uint8{0, 1}, Options{Features: 1})
	count := make([]float64, 4)
	for range n {
		s, found := g.split(p)
		if !found {
			t.Fatal("no split")
		}
		count[s.feature]++
	}
	for f, got := range count {
		want := n / 3.
		if f == 2 {
			want = 0
		}
		if math.Abs(got-want) > 5*math.Sqrt(n*2/9.) {
			t.Errorf("feature %d was taken %v times, want %v", f, got, want)
		}
	}
}

// Seeds decide, and nothing else does.
func TestSeed(t *testing.T) {
	columns, classes := checkers(300, 1, true, 4)
	table, err := NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	odds := func(seed uint64) []float64 {
		f, err := Fit(table, classes, span(0, 200), Options{Trees: 10, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return f.Odds(table, span(200, 300))
	}
	if one := odds(1); !slices.Equal(one, odds(1)) || slices.Equal(one, odds(2)) {
		t.Error("the same seed does something else, or another one the same")
	}
}

// The same forests on both architectures, with rows of one word and of many.
func TestSameOnBoth(t *testing.T) {
	var found []string
	for _, c := range figures {
		f, table, _ := grow(t, 300, 1, c.coarse, c.features)
		sum := app.NewChecksum()
		for _, odds := range f.Odds(table, span(0, 300)) {
			sum.Float(odds)
		}
		found = append(found, sum.String())
	}
	testutil.SameOnBoth(t, found)
}

func TestFitRefuses(t *testing.T) {
	table, err := NewTable([]float64{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]func() (*Forest, error){
		"1 classes for a table of 2 rows":      func() (*Forest, error) { return Fit(table, []uint8{1}, []int{0}, Options{Trees: 1}) },
		"0 rows to learn from":                 func() (*Forest, error) { return Fit(table, []uint8{1, 0}, nil, Options{Trees: 1}) },
		"0 trees that look at 0 of 1 features": func() (*Forest, error) { return Fit(table, []uint8{1, 0}, []int{0}, Options{}) },
		"1 trees that look at 2 of 1 features": func() (*Forest, error) { return Fit(table, []uint8{1, 0}, []int{0}, Options{Trees: 1, Features: 2}) },
		"class 2 of row 1 is neither 0 nor 1":  func() (*Forest, error) { return Fit(table, []uint8{1, 2}, []int{0, 1}, Options{Trees: 1}) },
		"row 2 to learn from: the table has 2": func() (*Forest, error) { return Fit(table, []uint8{1, 0}, []int{2}, Options{Trees: 1}) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	for _, c := range figures {
		b.Run(c.name, func(b *testing.B) {
			columns, classes := checkers(10_000, 1, c.coarse, c.features)
			for b.Loop() {
				table, err := NewTable(columns...)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Fit(table, classes, span(0, 8000), Options{Trees: 100, Seed: 42}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
