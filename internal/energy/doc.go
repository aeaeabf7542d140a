// Package energy is the vocabulary of energyprobe: the words every other
// package speaks, and the one place where raw counters become joules. It
// imports the standard library only.
//
// # Glossary
//
//	domain   what is metered: package, core, uncore, dram or psys (Intel SDM
//	         vol. 3, 15.10 "Platform specific power management support").
//	socket   a physical processor, numbered as the kernel numbers
//	         physical_package_id.
//	die      a piece of silicon in a socket that has counters of its own.
//	zone     one counter: a domain of one socket (of one die, of one core).
//	tick     joules per count of a zone's counter.
//	wrap     counts after which the counter starts again at 0.
//	refresh  the instants at which the hardware updates a counter, about 1 ms
//	         apart; between two of them a counter stands still.
//	edge     a refresh as seen from outside: the read that first shows a new
//	         count, bracketed by the read before it.
//	reading  the raw counts of all zones of a source, with time stamps.
//	sample   a reading at a planned instant of a time series.
//	share    the part of a zone's joules that one task is charged with.
package energy
