package load

import (
	"math"
	"unsafe"
)

// Both kernels here iterate x*x + c. It is one multiply-add, stays within -2..2
// for ever, and is chaotic for c just below -1.9: all bits of the operands keep
// changing, as in real data. Sums that approach a limit, and values of c with
// which x soon repeats, would switch few transistors and take less power than
// any program does.
//
// The conversions keep arm64 from fusing: amd64 would not.
func chaosC(r *rng) float64 { return -1.9 - float64(1e-6*r.fraction()) }
func chaosX(r *rng) float64 { return -0.9 + float64(1.8*r.fraction()) }

const floatSteps = 4096 // of a unit, an even number

// chains is how many numbers the scalar kernel iterates: two units with a
// latency of four cycles need eight.
const chains = 8

// fma keeps the scalar floating units busy.
type fma struct {
	x, c  [chains]float64
	steps func(x, c *[chains]float64, n int)
}

func newFMA(r rng, _ []uint64) work {
	w := &fma{steps: scalarSteps()}
	for i := range w.x {
		w.x[i], w.c[i] = chaosX(&r), chaosC(&r)
	}
	return w
}

func (w *fma) unit() { w.steps(&w.x, &w.c, floatSteps) }

func (w *fma) sum() uint64 { return foldFloats(w.x[:]) }

func foldFloats(x []float64) uint64 {
	var sum uint64
	for _, v := range x {
		sum = fold(sum, math.Float64bits(v))
	}
	return sum
}

// chainSteps is the work in Go. A CPU without the instruction does the same in
// software, to the last bit.
func chainSteps(x, c *[chains]float64, n int) {
	x0, x1, x2, x3, x4, x5, x6, x7 := x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
	c0, c1, c2, c3, c4, c5, c6, c7 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	for range n {
		x0 = math.FMA(x0, x0, c0)
		x1 = math.FMA(x1, x1, c1)
		x2 = math.FMA(x2, x2, c2)
		x3 = math.FMA(x3, x3, c3)
		x4 = math.FMA(x4, x4, c4)
		x5 = math.FMA(x5, x5, c5)
		x6 = math.FMA(x6, x6, c6)
		x7 = math.FMA(x7, x7, c7)
	}
	x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7] = x0, x1, x2, x3, x4, x5, x6, x7
}

// lanes is how many numbers the vector kernel iterates: twelve vectors of four,
// enough for two units with a latency of up to six cycles.
const lanes = 48

// simd keeps the vector units and the load ports busy: x*x + c, with c read
// from memory at every step.
type simd struct {
	x, c *[lanes]float64
	// steps makes so many, an even number.
	steps func(x, c *[lanes]float64, n int)
}

func newSIMD(r rng, _ []uint64) work {
	// Vectors that straddle cache lines take 1.7 times as long: where the
	// allocator puts them must not decide.
	slab := make([]float64, 2*lanes+lineWords)
	for uintptr(unsafe.Pointer(&slab[0]))%(8*lineWords) != 0 {
		slab = slab[1:]
	}
	w := &simd{x: (*[lanes]float64)(slab), c: (*[lanes]float64)(slab[lanes:])}
	for i := range w.x {
		w.x[i], w.c[i] = chaosX(&r), chaosC(&r)
	}
	_, w.steps = vectorSteps()
	return w
}

func (w *simd) unit() { w.steps(w.x, w.c, floatSteps) }

func (w *simd) sum() uint64 { return foldFloats(w.x[:]) }

// fusedSteps is what vectors with multiply-add compute.
func fusedSteps(x, c *[lanes]float64, n int) {
	for i := range x {
		v := x[i]
		for range n {
			v = math.FMA(v, v, c[i])
		}
		x[i] = v
	}
}

// roundedSteps is what vectors without multiply-add compute: the product is
// rounded too, and from then on the numbers are others.
func roundedSteps(x, c *[lanes]float64, n int) {
	for i := range x {
		v := x[i]
		for range n {
			v = float64(v*v) + c[i]
		}
		x[i] = v
	}
}
