//go:build race

package energy_test

// The simulations are one goroutine each: the race detector has nothing to
// find in them and makes them ten times slower.
const fewer = 8
