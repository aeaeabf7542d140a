// Package bench benchmarks a host: known work, in joules, seconds and money.
//
//	Plan     what is to be run: applications x memory x workers x repetitions
//	Store    a directory with one file a cell, so that a plan goes on after a kill
//	Runner   makes the cells that are missing, in an order drawn from a seed
//	Machine  measures one cell: limits, processes, the session around them
//	Examine  whether the host is fit: steady clock, neighbours, counters
//	Score    a host beside another
//
// The work itself is in the packages below: bench/app has the applications,
// bench/work the processes that do them, bench/sandbox their limits.
package bench
