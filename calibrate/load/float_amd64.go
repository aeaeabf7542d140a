package load

// vectorSteps chooses the widest vectors that the CPU has and the kernel saves
// at a switch. AVX-512 is left out: where it lowers the clock, one kernel would
// tell of another machine than all others do.
func vectorSteps() (variant string, steps func(x, c *[lanes]float64, n int)) {
	if hasAVX2FMA() {
		return "avx2+fma", avx2Steps
	}
	return "sse2", sse2Steps
}

// scalarSteps avoids math.FMA: between the calls of its fallback the compiler
// keeps no chain in a register, and four fifths of the time are theirs.
func scalarSteps() func(x, c *[chains]float64, n int) {
	if hasAVX2FMA() {
		return fma3Steps
	}
	return chainSteps
}

// Bits of CPUID and XCR0: Intel SDM volume 2, "CPUID", and volume 1, 14.3
// "Detection of AVX instructions".
const (
	leaf1FMA     = 1 << 12 // ECX
	leaf1OSXSAVE = 1 << 27
	leaf1AVX     = 1 << 28
	leaf7AVX2    = 1 << 5 // EBX
	xcr0SSE      = 1 << 1
	xcr0AVX      = 1 << 2
)

func hasAVX2FMA() bool {
	const need, saved = leaf1FMA | leaf1OSXSAVE | leaf1AVX, xcr0SSE | xcr0AVX
	if top, _, _, _ := cpuid(0, 0); top < 7 {
		return false
	}
	if _, _, c, _ := cpuid(1, 0); c&need != need {
		return false
	}
	// The registers are there; does the kernel save their upper halves?
	if low, _ := xgetbv(); low&saved != saved {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return b&leaf7AVX2 != 0
}

func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// xgetbv reads XCR0. It is an illegal instruction without OSXSAVE.
func xgetbv() (low, high uint32)

//go:noescape
func avx2Steps(x, c *[lanes]float64, n int)

//go:noescape
func sse2Steps(x, c *[lanes]float64, n int)

//go:noescape
func fma3Steps(x, c *[chains]float64, n int)
