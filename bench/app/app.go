// Package app says what an application is: work that is the same on every
// machine and architecture, in stages, each done by a number of workers.
//
// Workers are processes. They see one directory, which stands for the object
// storage of a serverless platform: what a stage writes there, the next one
// reads. A stage begins when all workers of the one before it have ended.
//
// # Same everywhere
//
// The same binary does the same work on every machine, and so do binaries for
// other architectures: checksums agree to the last bit. Random numbers come from
// math/rand/v2's PCG or from SplitMix64, whose sequences are fixed. A product that is added to
// something is written float64(a*b) + c: the language lets a compiler fuse the
// two otherwise, which arm64 does and amd64 does not (The Go Programming Language
// Specification, Floating-point operators). Sums are in one order, also where a
// processor adds several at once; functions of package math that have assembly on
// some architectures only (Exp, Log) are not used where a bit of theirs decides.
package app

import (
	"context"
	"time"
)

// App is an application.
type App struct {
	Name  string // montecarlo, titanic, ml, video
	Title string // what it does, in a few words
	Unit  string // of its work: points, rows, frames
	// Variant is whether it is another one done in another way: it has no part in a
	// host's benchmark.
	Variant bool
	// Sizes are the units of work of the modes. The same size is the same units
	// for any number of workers. What is computed of them is the same too, and with
	// it the checksum, where a unit is worked on by itself (montecarlo). Where
	// workers learn from a part of the rows each, it depends on their number, and
	// on nothing else but size, seed and data.
	Sizes Sizes
	// Prepare makes the input in the directory, or takes it from Data. It is done
	// once, before anything is measured.
	Prepare func(context.Context, Setup) error
	Stages  []Stage
	// Conclude says what the workers' results in the directory come to.
	Conclude func(Setup) (Outcome, error)
}

// Sizes are amounts of work, in the application's unit.
type Sizes struct {
	Tiny     int // tests: below a second on one CPU, whatever the machine
	Quick    int // about five seconds on one CPU of a server
	Standard int // what the original works on
}

// Setup is what all stages of a run have in common.
type Setup struct {
	Dir  string // the storage that workers share
	Size int    // units of work in all
	Seed uint64
	Data string // a file or directory of the user's, "" for generated data
	// Workers is how many a stage has that can be divided.
	Workers int
}

// Stage is a step of an application.
type Stage struct {
	Name string
	// Workers is how many of the n there are take part; nil for all of them. It
	// is 1 for what can't be divided.
	Workers func(n int) int
	Run     func(context.Context, *Task) error
}

// Task is one worker's part of a stage.
type Task struct {
	Setup
	Worker int // from 0
	Of     int // workers of this stage
	times  Times
}

// Times is what a worker spent its time on: the same three parts as the
// profiles of FlexExecutor have.
type Times struct {
	Read    time.Duration // getting input from the storage, parsing it included
	Compute time.Duration
	Write   time.Duration // putting results into the storage
}

// Read, Compute and Write run f and take its time for one of the three parts.
func (t *Task) Read(f func() error) error    { return clock(&t.times.Read, f) }
func (t *Task) Compute(f func() error) error { return clock(&t.times.Compute, f) }
func (t *Task) Write(f func() error) error   { return clock(&t.times.Write, f) }

// Times is what has been spent so far.
func (t *Task) Times() Times { return t.times }

func clock(d *time.Duration, f func() error) error {
	began := time.Now()
	err := f()
	*d += time.Since(began)
	return err
}

// Share is the part of n units that worker i of k has: from is inclusive, to is
// not. Parts differ by one at most, and make up the whole.
func Share(n, i, k int) (from, to int) { return n * i / k, n * (i + 1) / k }

// Outcome is what an application came to.
type Outcome struct {
	Units    float64 // of work done
	Checksum string  // of everything that was computed, 16 hexadecimal digits
	Quality  []Figure
}

// Figure is one number by which the work can be seen to be right.
type Figure struct {
	Name  string // error of pi, accuracy, edge density
	Value float64
	Unit  string // "" for a ratio
	// Low and High bound what the value is with generated data, whatever the
	// seed.
	Low, High float64
}
