package load

// vectorSteps: every arm64 processor that Linux runs on has NEON. SVE is left
// out, as its vectors are of another length on every machine.
func vectorSteps() (variant string, steps func(x, c *[lanes]float64, n int)) {
	return "neon", neonSteps
}

// scalarSteps: math.FMA is one instruction here.
func scalarSteps() func(x, c *[chains]float64, n int) { return chainSteps }

//go:noescape
func neonSteps(x, c *[lanes]float64, n int)
