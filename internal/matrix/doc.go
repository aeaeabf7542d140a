// Package matrix is what can be said of a benchmark's cells: the table of
// applications, architectures and memories, who beats whom, how two sets of
// cells differ, and which configuration to take. It is arithmetic on results:
// nothing is measured or read here.
//
// # Terms
//
//	cell           one repetition of a configuration, with all its workers.
//	configuration  an application on an architecture with a memory and a number
//	               of workers; its values are medians over its cells.
//	row            the configurations of an architecture and a memory. Its value is
//	               the mean over the numbers of workers, each with equal weight.
//	pair           a configuration that both sides of a comparison have: the same
//	               application, memory and number of workers.
//	span           what the repetitions leave open: the 95 % interval of the
//	               median, or from the least to the most of fewer than six.
//	range          what an estimate's method leaves open. It is one error in all
//	               cells of an architecture, and moves them together.
//
// Cells that did not end well are in no number, and are counted everywhere.
package matrix
