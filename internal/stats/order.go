package stats

import (
	"math"
	"math/rand/v2"
)

// Interleave returns the order of rounds: each has every command from 0 once,
// in an order drawn evenly from all (randomised complete blocks). It depends
// on the seed alone, on every machine, so a recorded seed is a recorded
// order. Nil where there are no commands or no rounds.
func Interleave(commands, rounds int, seed uint64) [][]int {
	if commands <= 0 || rounds <= 0 {
		return nil
	}
	r := rand.NewPCG(seed, 0x656e65726779) // own stream: seeds are small numbers
	all := make([][]int, rounds)
	for i := range all {
		round := make([]int, commands)
		for c := range round {
			round[c] = c
		}
		for last := commands - 1; last > 0; last-- {
			k := below(r, uint64(last)+1)
			round[last], round[k] = round[k], round[last]
		}
		all[i] = round
	}
	return all
}

// below draws a number below n. Package rand has it too, but promises the
// generator's numbers only, not what it makes of them.
func below(r *rand.PCG, n uint64) uint64 {
	most := math.MaxUint64 - math.MaxUint64%n
	for {
		if v := r.Uint64(); v < most {
			return v % n
		}
	}
}
