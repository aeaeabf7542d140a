package load

import "math/bits"

// scale maps the numbers of 64 bits evenly to [0, n).
func scale(x, n uint64) uint64 {
	hi, _ := bits.Mul64(x, n)
	return hi
}

// fold takes a value into a checksum.
func fold(sum, v uint64) uint64 { return mix(sum ^ v) }

// alu keeps the integer units busy. The xorshift is one chain of dependent
// steps; the multiplications, rotations and comparisons beside it fill the
// units that it leaves idle.
type alu struct{ a, b, c, d, e uint64 }

const aluSteps = 4096

func newALU(r rng, _ []uint64) work {
	return &alu{a: r.next() | 1, b: r.next(), c: r.next(), d: r.next(), e: r.next()}
}

func (w *alu) unit() {
	a, b, c, d, e := w.a, w.b, w.c, w.d, w.e
	for range aluSteps {
		a ^= a << 13
		b = b*0xd1342543de82ef95 + 0x2545f4914f6cdd1d
		a ^= a >> 7
		c = bits.RotateLeft64(c, 29) + b
		a ^= a << 17
		d = max(d, a) - (d>>3 ^ c)
		e = e*0x9e3779b97f4a7c15 ^ a
	}
	w.a, w.b, w.c, w.d, w.e = a, b, c, d, e
}

func (w *alu) sum() uint64 {
	return fold(fold(fold(fold(fold(0, w.a), w.b), w.c), w.d), w.e)
}
