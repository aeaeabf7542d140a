package boost

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The portable function is within 1e-15 of the library's, of which it is known to
// be within an ulp.
func TestExp(t *testing.T) {
	for i := range 2_000_000 {
		x := -float64(i) / 2900
		got, want := exp(x), math.Exp(x)
		if x < -690 {
			want = 0
		}
		if math.Abs(got-want) > 1e-15*want {
			t.Fatalf("exp(%v) = %v, want %v: %g apart", x, got, want, (got-want)/want)
		}
	}
	for x, want := range map[float64]float64{0: 1, -math.Ln2: .5, math.Inf(-1): 0, -1e300: 0} {
		if got := exp(x); math.Abs(got-want) > 1e-16 {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestLog(t *testing.T) {
	for _, x := range []float64{1, .5, .25, .1, 1. / 3, .999999, .7, 1e-3, 1e-9, 1e-100, 1e-299} {
		if got, want := Log(x), math.Log(x); math.Abs(got-want) > 4e-15*max(1, math.Abs(want)) {
			t.Errorf("log(%v) = %v, want %v", x, got, want)
		}
	}
	if Log(0) != -690 {
		t.Errorf("log(0) = %v", Log(0))
	}
}

// Scores of ln 1, ln 2 and ln 5 are probabilities of 1/8, 2/8 and 5/8.
func TestSoftmaxAndGradientsByHand(t *testing.T) {
	p := []float64{0, math.Log(2), math.Log(5)}
	Softmax(p)
	for i, want := range []float64{.125, .25, .625} {
		if math.Abs(p[i]-want) > 1e-15 {
			t.Errorf("probability %d is %v, want %v", i, p[i], want)
		}
	}
	for _, c := range []struct {
		p    float64
		own  bool
		g, h float64
	}{{.125, false, .125, 7. / 64}, {.25, true, -.75, 3. / 16}, {.625, false, .625, 15. / 64}} {
		if g, h := gradient(c.p, c.own); g != c.g || h != c.h {
			t.Errorf("p %v: gradient %v and Hessian %v, want %v and %v", c.p, g, h, c.g, c.h)
		}
	}
}

// Gradients are the derivatives of the loss, as differences tell.
func TestGradientIsTheDerivative(t *testing.T) {
	loss := func(s []float64) float64 {
		p := append([]float64{}, s...)
		Softmax(p)
		return -Log(p[1])
	}
	s := []float64{.3, -.7, 1.1, .2}
	p := append([]float64{}, s...)
	Softmax(p)
	const d = 1e-4
	for c := range s {
		up, down := append([]float64{}, s...), append([]float64{}, s...)
		up[c] += d
		down[c] -= d
		g, h := gradient(p[c], c == 1)
		if got := (loss(up) - loss(down)) / (2 * d); math.Abs(got-g) > 1e-8 {
			t.Errorf("class %d: gradient %v, differences say %v", c, g, got)
		}
		if got := (loss(up) - 2*loss(s) + loss(down)) / (d * d); math.Abs(got-h) > 1e-6 {
			t.Errorf("class %d: Hessian %v, differences say %v", c, h, got)
		}
	}
}

// A word holds both, to half of the last place, and so does a sum of words.
func TestFixed(t *testing.T) {
	f := newFixed(1000)
	if f.places != 14 {
		t.Fatalf("%d places for 1000 rows", f.places)
	}
	r := rand.New(rand.NewPCG(1, 1))
	var sum uint64
	var g, h float64
	const n = 1000
	for range n {
		p := r.Float64()
		a, b := gradient(p, r.IntN(2) == 0)
		w := f.word(a, b)
		if math.Abs(gradientOf(w)/(1<<14)-a) > .5/(1<<14) || math.Abs(hessianOf(w)/(1<<16)-b) > .5/(1<<16) {
			t.Fatalf("%v and %v are kept as %v and %v", a, b, gradientOf(w)/(1<<14), hessianOf(w)/(1<<16))
		}
		sum, g, h = sum+w, g+gradientOf(w), h+hessianOf(w)
	}
	if gradientOf(sum) != g || hessianOf(sum) != h {
		t.Errorf("words add up to %v and %v, want %v and %v", gradientOf(sum), hessianOf(sum), g, h)
	}
	if got, want := f.newton(f.word(-.75, .1875)), 4.; math.Abs(got-want) > 1e-3 {
		t.Errorf("Newton's step is %v, want %v", got, want)
	}
	if f.newton(0) != 0 {
		t.Error("a leaf without rows has a value")
	}
}

// However many rows there are, neither half overflows.
func TestFixedHasRoom(t *testing.T) {
	for _, n := range []int{1, 60, 50_000, 65_535, 65_536, 131_072, 1 << 23} {
		f := newFixed(n)
		up, down := f.word(1, .25), f.word(-1, .25)
		if g := gradientOf(up) * float64(n); g >= 1<<31 || gradientOf(down)*float64(n) < -(1<<31) {
			t.Errorf("%d rows: gradients come to %v", n, g)
		}
		if h := hessianOf(up) * float64(n); h >= 1<<31 {
			t.Errorf("%d rows: Hessians come to %v", n, h)
		}
	}
}

// Three bins with gradients -6, 2 and 4 and Hessians 2, 1 and 3. After the first:
// 36/2 + 36/4 = 27; after the second: 16/3 + 16/3 = 10.7. A least Hessian of 3
// leaves the second alone, one of 4 none.
func TestBestSplitByHand(t *testing.T) {
	word := func(g, h int64) uint64 { return uint64(g)<<32 + uint64(h) }
	var h [256]uint64
	h[0], h[1], h[2] = word(-6, 2), word(2, 1), word(4, 3)
	total := upTo(&h, 2)
	for name, f := range map[string]func(*[256]uint64, int, uint64, float64) (float64, uint8){"go": bestGo, "chosen": best} {
		if q, bin := f(&h, 3, total, 1); q != 27 || bin != 0 {
			t.Errorf("%s: the best is %v after bin %d, want 27 after 0", name, q, bin)
		}
		if q, bin := f(&h, 3, total, 3); math.Abs(q-32./3) > 1e-14 || bin != 1 {
			t.Errorf("%s: the best is %v after bin %d, want 10.67 after 1", name, q, bin)
		}
		if q, _ := f(&h, 3, total, 4); !math.IsInf(q, -1) {
			t.Errorf("%s: a split of quality %v where none is allowed", name, q)
		}
	}
}

// Vector code and plain Go find the same, with empty bins, ties and few rows.
func TestKernelsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 4000 {
		bins := 1 + r.IntN(MaxBins)
		var h [256]uint64
		var total uint64
		for b := range bins {
			for range r.IntN(4) * r.IntN(2) {
				h[b] += newFixed(1000).word(float64(r.IntN(9)-4)/4, float64(1+r.IntN(3))/16)
			}
			total += h[b]
		}
		least := max(1, hessianOf(total)*float64(r.IntN(4))/10)
		q, bin := best(&h, bins, total, least)
		wantQ, wantBin := bestGo(&h, bins, total, least)
		if q != wantQ || bin != wantBin {
			t.Fatalf("histogram %d of %d bins: %v after bin %d, want %v after %d", i, bins, q, bin, wantQ, wantBin)
		}
		var child [256]uint64
		for b := range bins {
			child[b] = r.Uint64()
		}
		a, c := h, h
		subtract(&a, &child, bins)
		subtractGo(&c, &child, bins)
		if a != c {
			t.Fatalf("differences of %d bins differ", bins)
		}
	}
}

func TestBins(t *testing.T) {
	// 64 rows have four bins of sixteen.
	x := make([]float64, 64)
	for i := range x {
		x[i] = float64(i*37%64) - 30
	}
	b, err := FindBins(x, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{-14.5, 1.5, 17.5}; !slices.Equal(b.edges[0], want) {
		t.Errorf("edges %v, want %v", b.edges[0], want)
	}
	got := b.Apply([]float64{-100, -15, -14.5, -14, 1, 2, 17, 18, 1e9})
	if want := []uint8{0, 0, 1, 1, 1, 2, 2, 3, 3}; !slices.Equal(got.V, want) {
		t.Errorf("bins %v, want %v", got.V, want)
	}
	// A feature of one value has one bin; of two, an edge between them.
	b, err = FindBins(slices.Concat(make([]float64, 600), slices.Repeat([]float64{1}, 600)), 1200, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{.5}; !slices.Equal(b.edges[0], want) {
		t.Errorf("edges %v, want %v", b.edges[0], want)
	}
	if b, _ := FindBins(make([]float64, 600), 600, 1); len(b.edges[0]) != 0 {
		t.Errorf("edges %v between equal values", b.edges[0])
	}
	for _, x := range [][]float64{nil, {1, 2, 3}, {math.NaN(), 1}, {1, math.Inf(1)}} {
		if _, err := FindBins(x, 2, 1); err == nil {
			t.Errorf("%v are taken", x)
		}
	}
}

// Bins keep the order of values and are at most 255, whatever the values.
func TestBinsKeepOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		n := 1 + r.IntN(9000)
		x := make([]float64, n)
		for i := range x {
			x[i] = math.Round(r.NormFloat64()*float64(1+r.IntN(500))) / 8
		}
		b, err := FindBins(append([]float64{}, x...), n, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.edges[0]) >= MaxBins {
			t.Fatalf("%d edges", len(b.edges[0]))
		}
		for i, v := range b.Apply(x).V {
			want := 0
			for _, e := range b.edges[0] {
				if e <= x[i] {
					want++
				}
			}
			if int(v) != want {
				t.Fatalf("%v is in bin %d, want %d", x[i], v, want)
			}
		}
	}
}

// One class against another by one feature: the tree is a stump, worked by hand.
// Of 40 rows with bin 0, 30 are of class 1; of 40 with bin 1, 10 are. The classes
// are as frequent, so p is 1/2, Hessians are 1/4, and the leaves for class 1 are
// (30-10)/2 / 10 = 1 and -1, times the rate.
func TestTreeByHand(t *testing.T) {
	table := Table{Rows: 80, Cols: 2, V: make([]uint8, 160)}
	labels := make([]uint8, 80)
	for i := range 80 {
		table.V[2*i] = uint8(i / 40)
		table.V[2*i+1] = uint8(i % 2) // tells nothing
		if i < 30 || i >= 70 {
			labels[i] = 1
		}
	}
	p := Params{Classes: 2, Rounds: 1, Leaves: 50, Depth: 1, MinRows: 20, Rate: .5, Features: 1, Bagging: 1}
	m, err := Train(context.Background(), p, table, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(m.Start[0]+math.Ln2) > 1e-15 || math.Abs(m.Start[1]+math.Ln2) > 1e-15 {
		t.Errorf("start %v", m.Start)
	}
	if len(m.Trees) != 2 || !slices.Equal(m.Trees[1].Nodes, []Node{{Feature: 0, Bin: 0, Left: -1, Right: -2}}) {
		t.Fatalf("trees %+v", m.Trees)
	}
	if !slices.Equal(m.Trees[1].Leaves, []float64{.5, -.5}) || !slices.Equal(m.Trees[0].Leaves, []float64{-.5, .5}) {
		t.Errorf("leaves %v and %v", m.Trees[0].Leaves, m.Trees[1].Leaves)
	}
	scores := make([]float64, 2)
	m.Score([]uint8{0, 1}, scores)
	if math.Abs(scores[1]-scores[0]-1) > 1e-15 {
		t.Errorf("scores %v, want them 1 apart", scores)
	}
}

// rings are rows of classes that no single feature tells apart.
func rings(rows int) (Table, []uint8) {
	r := rand.New(rand.NewPCG(11, 5))
	x := make([]float64, 0, rows*11)
	labels := make([]uint8, rows)
	for i := range labels {
		a, b := r.NormFloat64(), r.NormFloat64()
		labels[i] = uint8(min(3, int(a*a+b*b)))
		x = append(x, a, b, a+b)
		for range 8 {
			x = append(x, r.NormFloat64())
		}
	}
	bins, err := FindBins(x, rows, 11)
	if err != nil {
		panic(err)
	}
	return bins.Apply(x), labels
}

func standard() Params {
	return Params{Classes: 4, Rounds: 30, Leaves: 50, Depth: 8, MinRows: 20, MinWeight: 1e-3, Rate: .05, Features: 1, Bagging: 1, Seed: 3}
}

// The loss begins at the entropy of the classes' frequencies and falls in every
// round.
func TestLossFalls(t *testing.T) {
	table, labels := rings(3000)
	var losses []float64
	m, err := Train(context.Background(), standard(), table, labels, func(l float64) { losses = append(losses, l) })
	if err != nil {
		t.Fatal(err)
	}
	var entropy float64
	for c := range 4 {
		n := 0.
		for _, l := range labels {
			if int(l) == c {
				n++
			}
		}
		entropy -= n / 3000 * math.Log(n/3000)
	}
	if len(losses) != 31 || math.Abs(losses[0]-entropy) > 1e-12 {
		t.Fatalf("%d losses, the first is %v, want %v", len(losses), losses[0], entropy)
	}
	for i := 1; i < len(losses); i++ {
		if losses[i] >= losses[i-1] {
			t.Errorf("round %d: the loss is %v after %v", i, losses[i], losses[i-1])
		}
	}
	// The scores that training kept are those the model has.
	sum := 0.0
	scores := make([]float64, 4)
	for r, l := range labels {
		m.Score(table.Row(r), scores)
		Softmax(scores)
		sum -= math.Log(scores[l])
	}
	if got, want := sum/3000, losses[30]; math.Abs(got-want) > 1e-12 {
		t.Errorf("the model's loss is %v, training says %v", got, want)
	}
}

// Trees keep to the limits, and what falls into a leaf are rows enough: the count
// told by Hessians is near the true one at first, when all are alike.
func TestTreesKeepLimits(t *testing.T) {
	table, labels := rings(5000)
	p := standard()
	m, err := Train(context.Background(), p, table, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for i := range m.Trees {
		tree := &m.Trees[i]
		if err := tree.check(table.Cols); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(tree.Leaves))
		counts := make([]int, len(tree.Leaves))
		for r := range table.Rows {
			counts[tree.Leaf(table.Row(r))]++
		}
		if least := slices.Min(counts); i < p.Classes && least < p.MinRows || least < 1 {
			t.Errorf("tree %d has a leaf of %d rows", i, least)
		}
		if d := depth(tree, 0); d > p.Depth {
			t.Errorf("tree %d is %d deep", i, d)
		}
	}
	if most != p.Leaves {
		t.Errorf("the greatest tree has %d leaves, want %d", most, p.Leaves)
	}
}

func depth(t *Tree, at int16) int {
	if at < 0 || len(t.Nodes) == 0 {
		return 0
	}
	return 1 + max(depth(t, t.Nodes[at].Left), depth(t, t.Nodes[at].Right))
}

// A round sees the fractions asked for, and not the same ones as the round before.
func TestDraw(t *testing.T) {
	table, labels := rings(1000)
	p := standard()
	p.Features, p.Bagging = .5, .7
	b := newBooster(p, table, labels, make([]float64, 4))
	seen := make([]int, 1000)
	var before []int32
	for range 200 {
		b.draw()
		if len(b.bag) != 700 || len(b.out) != 300 || len(b.g.drawn) != 6 {
			t.Fatalf("%d rows in, %d out, %d features", len(b.bag), len(b.out), len(b.g.drawn))
		}
		if slices.Equal(before, b.bag) {
			t.Fatal("two rounds have the same rows")
		}
		before = append(before[:0], b.bag...)
		for _, r := range b.bag {
			seen[r]++
		}
		if !slices.IsSorted(b.bag) || !slices.IsSorted(b.g.drawn) {
			t.Fatal("rows or features are not in order")
		}
	}
	// 140 of 200, and a standard deviation of 6.5.
	if low, high := slices.Min(seen), slices.Max(seen); low < 105 || high > 175 {
		t.Errorf("rows were drawn %d to %d times of 200, want about 140", low, high)
	}
	// Trees use drawn features only.
	for _, tree := range b.round() {
		for _, n := range tree.Nodes {
			if !slices.Contains(b.g.drawn, int(n.Feature)) {
				t.Errorf("feature %d was not drawn", n.Feature)
			}
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	table, labels := rings(100)
	for name, change := range map[string]func(*Params){
		"classes":  func(p *Params) { p.Classes = 1 },
		"labels":   func(p *Params) { p.Classes = 2 },
		"rounds":   func(p *Params) { p.Rounds = 0 },
		"leaves":   func(p *Params) { p.Leaves = 40000 },
		"features": func(p *Params) { p.Features = 0 },
		"bagging":  func(p *Params) { p.Bagging = 1.1 },
		"rate":     func(p *Params) { p.Rate = math.NaN() },
	} {
		p := standard()
		change(&p)
		if _, err := Train(context.Background(), p, table, labels, nil); err == nil {
			t.Errorf("%s: trained", name)
		}
	}
	if _, err := Train(context.Background(), standard(), table, labels[1:], nil); err == nil {
		t.Error("a row without a label is trained on")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Train(ctx, standard(), table, labels, nil); err == nil {
		t.Error("training goes on when it is to end")
	}
}

func TestEncode(t *testing.T) {
	table, labels := rings(500)
	m, err := Train(context.Background(), standard(), table, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := m.Encode()
	back, err := Decode(b, table.Cols)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Encode(), b) {
		t.Error("a model changes when it is read back")
	}
	for n := 0; n < len(b); n += 1 + n/64 {
		if _, err := Decode(b[:n], table.Cols); err == nil {
			t.Fatalf("%d bytes of %d are a model", n, len(b))
		}
	}
	if _, err := Decode(b, 3); err == nil {
		t.Error("a model of 11 features is one of 3")
	}
}

// What is read can be asked, whatever was read.
func FuzzDecode(f *testing.F) {
	m := &Model{Classes: 2, Start: []float64{0, 1}, Trees: []Tree{
		{Nodes: []Node{{Feature: 1, Bin: 3, Left: 1, Right: -1}, {Feature: 0, Bin: 9, Left: -2, Right: -3}}, Leaves: []float64{1, 2, 3}},
		{Leaves: []float64{4}},
	}}
	f.Add(m.Encode())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b, 2)
		if err != nil {
			return
		}
		scores := make([]float64, m.Classes)
		m.Score([]uint8{1, 200}, scores)
		if !slices.Equal(m.Encode(), b) {
			t.Error("a model changes when it is read")
		}
	})
}

func BenchmarkTrain(b *testing.B) {
	table, labels := rings(20000)
	p := standard()
	p.Rounds = 5
	for b.Loop() {
		if _, err := Train(context.Background(), p, table, labels, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBest(b *testing.B) {
	var h [256]uint64
	for i := range h[:255] {
		h[i] = newFixed(1000).word(float64(i%7-3)/4, .2)
	}
	total := upTo(&h, 254)
	b.Run("chosen", func(b *testing.B) {
		for b.Loop() {
			best(&h, 255, total, 1)
		}
	})
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			bestGo(&h, 255, total, 1)
		}
	})
}
