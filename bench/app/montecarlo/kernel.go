package montecarlo

import "math/bits"

// gamma is the step of SplitMix64 (Steele, Lea, Flood: Fast splittable
// pseudorandom number generators, OOPSLA 2014; the constants of mix are those of
// Vigna's implementation). A number depends on its place in the sequence alone,
// so a processor works on several at once, and a jump costs one multiplication.
const gamma = 0x9e3779b97f4a7c15

// stretch is the generator's state before an iteration.
func stretch(seed uint64, iteration int) uint64 {
	return seed + uint64(iteration)*perIteration*gamma
}

// mix makes a random number of a state.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// inside counts those of n points that are within the circle. A point is two
// halves of a random number, and the circle has a radius of 2^32: who is outside
// carries.
func inside(state uint64, n int) int {
	var outside uint64
	for range n {
		state += gamma
		z := mix(state)
		x, y := z>>32, z&(1<<32-1)
		_, carry := bits.Add64(x*x, y*y, 0)
		outside += carry
	}
	return n - int(outside)
}
