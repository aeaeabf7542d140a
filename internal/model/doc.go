// Package model says what energyprobe can say of energy where nothing can be
// measured, and what power models say beside a measurement.
//
// It has three parts. A table of processors (cpus.csv) and Identify say which
// part a machine runs on, with a range for what is not certain. Published
// formulas turn a thermal design power and a utilisation into watts; they are
// the baselines that estimates and calibrations are held against. And Machine
// is the model energyprobe itself uses: watts of the visible machine over its
// utilisation, as three curves (low, nominal, high), from which come both the
// estimate of a whole window (Estimate) and a Source for time series (Open).
//
// # Glossary
//
//	TDP          thermal design power of one socket, in watts: what its
//	             cooling is built for. Neither the maximum nor the mean power.
//	utilisation  busy CPU seconds over (logical CPUs x seconds), 0 to 1.
//	thread       a logical CPU of the physical part. A guest's vCPU is one
//	             thread, or one whole core where the provider keeps SMT off.
//	share        the part of a socket that belongs to a guest: vCPUs/threads.
//	idle         power at utilisation 0; dynamic is what comes on top.
//	curve        watts over utilisation, linear between a few points.
//	range        low, nominal and high: what is believed possible, not a
//	             confidence interval of repeated trials.
//
// Nothing here is ever measured: every value is an estimate and must be shown
// as one, with its range.
package model
