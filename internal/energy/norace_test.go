//go:build !race

package energy_test

const fewer = 1
