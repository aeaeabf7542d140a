// Package stats is the inference about repeated runs: what a command
// typically costs, whether another costs more, and whether the machine was
// calm enough to say so. It is arithmetic alone: no files, no clocks, no
// packages of the project. What is drawn at random takes a seed, and the same
// seed and values give the same result.
//
// # Terms
//
//	run        one execution; it gives one value (joules, seconds, ...). The
//	           samples within a run depend on one another and are no runs.
//	sample     the values of one command's runs.
//	round      every command once, neighbours in time.
//	change     B relative to A, less 1: 0.02 is 2 % more.
//	shift      the change that best carries A's runs over into B's.
//	spread     the standard deviation of a run relative to the median.
//	drift      what the runs themselves change by, from the first to the last.
//
// # Values that are none
//
// A value that is NaN, infinite or beyond ±1e100 is a run without a result.
// It is left out, and counted as missing. What can't be known is NaN where it
// is a number and has Known false with a reason where it is an interval:
// nothing is ever 0 for want of data.
package stats
