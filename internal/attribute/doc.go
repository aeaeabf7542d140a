// Package attribute splits a counter's joules among those who ran. It is
// arithmetic alone: no files, no clocks, nothing but package energy.
//
// It works in two steps. A [Ledger] closes intervals: while an interval lasts
// somebody notes who ran on each package, and at its end the package's joules
// are divided by weight. [Split] then takes the accounts of a window, puts
// idle power aside and gives the five lines of a zone, which add up to the
// zone's counter: target, others, kernel, idle, unattributed. [Rank] does the
// same for processes and threads.
//
// # Terms
//
//	weight        what an interval's joules are divided by: cycles where the
//	              hardware counts them, time on a CPU elsewhere. See [Weight].
//	gross         joules by weight, idle power included.
//	dynamic       gross less what the package would have drawn idle, for the
//	              same share of its time. Seconds of an energy.Account is that
//	              share, so idle power may become known after the fact.
//	idle          what the package would have drawn had nobody run.
//	nobody        the intervals in which nobody did.
//	unattributed  joules that were counted while nobody ran and that idle
//	              power does not explain, or that no interval covers.
package attribute
